"""Tables of the explorer: tokens, laws of members at them, their continuations and their pairs."""

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from itertools import combinations
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from manymasks.arrays import Floats, Indices, Ints, Rows
from manymasks.explorer.context_laws import Context, Continuations, Laws
from manymasks.statistics.model_classes import Members, classes

Decode = Callable[[npt.NDArray[Any]], str]
TEXT, GREEDY = "text", "greedy"
"""Paths along which pairs are compared: the text, and what both write as long as they agree."""


class ExplorerRows:
    """Rows of all tables without the probe; `decode` is called once for each token."""

    def __init__(self, members: Members, ranks: int, end_of_text: int, decode: Decode) -> None:
        self.members, self.ranks, self.end_of_text = members, ranks, end_of_text
        self.groups = classes(members)
        self.text = cache(lambda token: decode(np.array([token])))

    def of_text(self, contexts: Sequence[Context], laws: Laws) -> dict[str, Rows]:
        """Rows of contexts of one length and their laws (m, n, scored, V)."""
        return {
            "explored_token": self._tokens(contexts, laws),
            "explored_prediction": self._predictions(contexts, laws),
            "explored_pair": self._text_pairs(contexts, laws),
        }

    def of_continuations(
        self, contexts: Sequence[Context], written: Continuations
    ) -> dict[str, Rows]:
        """Rows of what members write after contexts of one length."""
        lengths = _lengths(written.tokens, self.end_of_text)
        length = written.tokens.shape[-1]
        rows = [
            {
                **_key(context),
                "model": member.model,
                "position": len(context.tokens) - length + step,
                "token": self.text(int(written.tokens[m, n, step])),
                "p": float(np.exp(written.laws[m, n, step, written.tokens[m, n, step]])),
            }
            for m, member in enumerate(self.members)
            for n, context in enumerate(contexts)
            for step in range(lengths[m, n])
        ]
        return {
            "explored_continuation": rows,
            "explored_pair": self._greedy_pairs(contexts, written, lengths),
        }

    def _tokens(self, contexts: Sequence[Context], laws: Laws) -> Rows:
        everyone = np.arange(len(self.members))
        groups = [everyone, *self.groups.values()]
        whole, *by_class = information(torch.from_numpy(laws).double(), groups)
        within = np.mean(by_class, axis=0)
        first = laws.argmax(-1)
        scored, rows = laws.shape[2], []
        for n, context in enumerate(contexts):
            begin = len(context.tokens) - scored
            for position, token in enumerate(context.tokens.tolist()):
                at = position - begin
                row = {
                    **_key(context),
                    "document": context.document,
                    "position": position,
                    "token": self.text(token),
                    "information": None,
                    "within_information": None,
                    "nats": None,
                    "distinct_top1": None,
                    "models": len(self.members),
                }
                if at >= 0:
                    row |= {
                        "information": float(whole[n, at]),
                        "within_information": float(within[n, at]),
                        "nats": -float(laws[:, n, at, token].mean(dtype=np.float64)),
                        "distinct_top1": len(np.unique(first[:, n, at])),
                    }
                rows.append(row)
        return rows

    def _predictions(self, contexts: Sequence[Context], laws: Laws) -> Rows:
        """The first ranks of each law, and the rank of the true token where it is a later one."""
        scored = laws.shape[2]
        targets = np.stack([context.tokens[-scored:] for context in contexts])
        ranked, order = torch.from_numpy(laws).topk(min(self.ranks, laws.shape[3]), -1)
        p, tokens = ranked.double().exp().tolist(), order.tolist()
        true = np.take_along_axis(laws, targets[None, ..., None], -1)
        true_rank = ((laws > true).sum(-1) + 1).tolist()
        true_p = np.exp(true[..., 0].astype(np.float64)).tolist()
        rows: Rows = []
        for m, member in enumerate(self.members):
            for n, context in enumerate(contexts):
                begin = len(context.tokens) - scored
                for at, target in enumerate(targets[n].tolist()):
                    key = {**_key(context), "position": begin + at, "model": member.model}
                    law = list(zip(tokens[m][n][at], p[m][n][at], strict=True))
                    ranks = [(rank, *entry) for rank, entry in enumerate(law, 1)]
                    if target not in tokens[m][n][at]:
                        rank = max(true_rank[m][n][at], len(law) + 1)
                        ranks.append((rank, target, true_p[m][n][at]))
                    rows += [
                        {
                            **key,
                            "rank": rank,
                            "token": self.text(token),
                            "p": value,
                            "is_true": token == target,
                        }
                        for rank, token, value in ranks
                    ]
        return rows

    def _text_pairs(self, contexts: Sequence[Context], laws: Laws) -> Rows:
        rows: Rows = []
        for a, b, kl in self._pair_divergences(laws):
            rows += [
                self._pair(context, TEXT, len(context.tokens) - len(values) + step, a, b, value)
                for context, values in zip(contexts, kl.tolist(), strict=True)
                for step, value in enumerate(values)
            ]
        return rows

    def _greedy_pairs(
        self, contexts: Sequence[Context], written: Continuations, lengths: Ints
    ) -> Rows:
        rows: Rows = []
        length = written.tokens.shape[-1]
        for a, b, kl in self._pair_divergences(written.laws):
            for n, context in enumerate(contexts):
                last = min(lengths[a, n], lengths[b, n])
                differ = np.flatnonzero(written.tokens[a, n, :last] != written.tokens[b, n, :last])
                # Up to the token at which they part: both have read the same until there.
                steps = int(differ[0]) + 1 if differ.size else int(last)
                begin = len(context.tokens) - length
                rows += [
                    self._pair(context, GREEDY, begin + step, a, b, float(kl[n, step]))
                    for step in range(steps)
                ]
        return rows

    def _pair_divergences(self, laws: Laws) -> list[tuple[int, int, Floats]]:
        """Both members of each pair of a class, that with the smaller key first, and their KL
        (n, steps), the mean of both directions."""
        pairs = []
        for group in self.groups.values():
            keys = sorted(group.tolist(), key=lambda m: self.members[m].model)
            kl = symmetric_kl(torch.from_numpy(laws[keys]).double())
            pairs += [(keys[i], keys[j], kl[i, j]) for i, j in combinations(range(len(keys)), 2)]
        return pairs

    def _pair(
        self, context: Context, path: str, position: int, a: int, b: int, kl: float
    ) -> dict[str, Any]:
        return {
            **_key(context),
            "path": path,
            "position": position,
            "model_a": self.members[a].model,
            "model_b": self.members[b].model,
            "kl": kl,
        }


def information(log: torch.Tensor, groups: Sequence[Indices]) -> list[Floats]:
    """I(Y; member) of each group under equal weights, (n, steps), of log laws (m, n, steps, V): the
    entropy of the mean law minus the mean entropy. Zero for one member."""
    p = log.exp()
    negentropy = torch.linalg.vecdot(p, log)
    values = []
    for group in map(torch.from_numpy, groups):
        mean = p[group].mean(0)
        value = negentropy[group].mean(0) - torch.xlogy(mean, mean).sum(-1)
        values.append(value.clamp_min(0).numpy())
    return values


def symmetric_kl(log: torch.Tensor) -> Floats:
    """(KL_ij + KL_ji) / 2 of log laws (g, n, steps, V), (g, g, n, steps)."""
    g, n, steps = log.shape[:3]
    by_position = log.flatten(1, 2).transpose(0, 1)
    p = by_position.exp()
    cross = torch.bmm(p, by_position.mT)
    negentropy = cross.diagonal(dim1=1, dim2=2)
    kl = negentropy[:, :, None] - cross
    both = ((kl + kl.mT) / 2).clamp_min(0)
    return both.permute(1, 2, 0).reshape(g, g, n, steps).numpy()


def joined(parts: Sequence[Mapping[str, Rows]], probe: str) -> dict[str, Rows]:
    """The rows of all parts by table, with the name of the probe."""
    tables: dict[str, Rows] = {}
    for part in parts:
        for name, rows in part.items():
            for row in rows:
                row["probe"] = probe
            tables.setdefault(name, []).extend(rows)
    return tables


def _key(context: Context) -> dict[str, Any]:
    return {"severity": context.severity, "item": context.item}


def _lengths(tokens: Ints, end_of_text: int) -> Ints:
    """Tokens of each continuation (m, n), its end of text included."""
    is_end = tokens == end_of_text
    lengths: Ints = np.where(is_end.any(-1), is_end.argmax(-1) + 1, tokens.shape[-1])
    return lengths
