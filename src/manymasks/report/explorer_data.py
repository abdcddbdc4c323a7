"""What the explorer page shows, packed from the answers of report/explorer/queries.

Numbers are rounded to thousandths and written as whole numbers of them, which is as precise as the
page shows them. Members and tokens are indices into two lists.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import duckdb

from manymasks.report.drawing import Row, records

FOLDER = Path(__file__).parent / "explorer"
VIEWS: Mapping[str, tuple[str, ...]] = {
    "text": ("members", "sets", "contexts", "predictions", "token_pairs"),
    "angle": ("contexts", "predictions", "token_pairs"),
    "pair": ("pairs", "token_pairs", "continuations", "predictions"),
    "set": ("pairs", "losses", "thresholds", "sets"),
    "process": ("beliefs", "answers", "mask_weights"),
}
"""Queries by the view that shows them."""
QUERIES = tuple(dict.fromkeys(name for names in VIEWS.values() for name in names))
TOKEN_PAIRS = 200
"""Pairs whose KL at each token the page has at most: those of the tightest sets."""
FIRST = 5
"""Ranks of a law that the page has."""
EQUAL_NATS = 0.01
"""Losses that differ by at most this are equal in the sentence on top of the page."""


@dataclass(frozen=True)
class PackedStudy:
    """The page's data: `study` as one object; `contexts` as an object each, read when shown."""

    study: dict[str, Any]
    contexts: list[dict[str, Any]]


def explorer_query(name: str) -> str:
    """The text of report/explorer/queries/<name>.sql."""
    return (FOLDER / "queries" / f"{name}.sql").read_text(encoding="utf-8")


def packed_study(connection: duckdb.DuckDBPyConnection) -> PackedStudy:
    """Everything that the views show, of the study that a database holds."""
    answers = {name: records(connection, explorer_query(name)) for name in QUERIES}
    member = {row["model"]: index for index, row in enumerate(answers["members"])}
    pairs = [row for row in answers["pairs"] if {row["model_a"], row["model_b"]} <= member.keys()]
    contexts = _Contexts(member, _shown_pairs(answers, pairs))
    packed = contexts.packed(answers)
    study = {
        "members": [
            {
                "model": row["model"],
                "label": row["label"],
                "corpus": row["corpus"],
                "init": row["seed_init"],
                "order": row["seed_order"],
                "select": row["select_nats"],
                "measure": row["measure_nats"],
            }
            for row in answers["members"]
        ],
        "sets": [_set(row, member) for row in answers["sets"]],
        "pairs": _pairs(pairs, member),
        "constraints": _constraints(answers, member),
        "contexts": [_title(row, entry) for row, entry in zip(contexts.rows, packed, strict=True)],
        "tokens": list(contexts.vocabulary),
        "beliefs": _beliefs(answers["beliefs"], member),
        "answers": answers["answers"],
        "masks": _masks(answers["mask_weights"], member),
    }
    return PackedStudy(study, packed)


def thousandths(values: Sequence[float | None]) -> list[int | None]:
    """Numbers as whole thousandths."""
    return [None if value is None else round(1000 * value) for value in values]


def _shown_pairs(answers: Mapping[str, list[Row]], pairs: list[Row]) -> set[tuple[str, str]]:
    """Pairs whose KL at each token the page has: all pairs of a class, if there are not too many;
    otherwise those of the tightest sets."""
    has_tokens = {(row["model_a"], row["model_b"]) for row in answers["token_pairs"]}
    ranked = [
        (row["model_a"], row["model_b"])
        for row in pairs
        if (row["model_a"], row["model_b"]) in has_tokens
    ]
    return set(ranked[:TOKEN_PAIRS])


def _set(row: Row, member: Mapping[str, int]) -> dict[str, Any]:
    return {
        "name": row["rashomon_set"],
        "label": row["label"],
        "reference": row["reference"],
        "eps": row["eps"],
        "unit": row["eps_unit"],
        "eps_nats": row["eps_nats"],
        "effective": row["effective_models"],
        "members": [member[model] for model in row["models"] if model in member],
    }


def _pairs(pairs: list[Row], member: Mapping[str, int]) -> list[dict[str, Any]]:
    return [
        {
            "a": member[row["model_a"]],
            "b": member[row["model_b"]],
            "kl": row["kl"],
            "hidden": row["hidden"],
            "agreement": row["top1_agreement"],
            "set": row["rashomon_set"],
            "eps_nats": row["eps_nats"],
        }
        for row in pairs
    ]


def _constraints(
    answers: Mapping[str, list[Row]], member: Mapping[str, int]
) -> list[dict[str, Any]]:
    """Losses of members on a probe at a severity or on a part of the measure split, and the
    threshold of the funnel by pool."""
    above = {
        (row["pool"], row["constraint_name"]): row["above_best"] for row in answers["thresholds"]
    }
    constraints = []
    for (corpus, name), rows in groupby(
        answers["losses"], lambda row: (row["corpus"], row["constraint_name"])
    ):
        constraints.append(
            {
                "corpus": corpus,
                "name": name,
                "nats": {member[row["model"]]: row["nats"] for row in rows},
                "above": {
                    pool: value for (pool, constraint), value in above.items() if constraint == name
                },
            }
        )
    return constraints


def _title(row: Row, packed: Mapping[str, Any]) -> dict[str, Any]:
    """What the list of contexts shows of one, with its sharpest disagreement of equal models."""
    return {
        "corpus": row["corpus"],
        "probe": row["probe"],
        "severity": row["severity"],
        "item": row["item"],
        "document": row["document"],
        "description": row["description"],
        "is_text": row["is_text"],
        "is_process": row["is_process"],
        "sharpest": packed["sharpest"],
    }


class _Contexts:
    """Contexts as the page has them, with the vocabulary that they share."""

    def __init__(self, member: Mapping[str, int], pairs: set[tuple[str, str]]) -> None:
        self.member, self.pairs = member, pairs
        self.vocabulary: dict[str, int] = {}
        self.rows: list[Row] = []

    def packed(self, answers: Mapping[str, list[Row]]) -> list[dict[str, Any]]:
        """All contexts, in the order of the query."""
        self.rows = answers["contexts"]
        equal = _equal_pairs(answers["pairs"])
        laws = _by_context(answers["predictions"])
        pairs = _by_context(answers["token_pairs"])
        written = _by_context(answers["continuations"])
        return [
            self._context(
                row,
                laws.get(_context_of(row), []),
                pairs.get(_context_of(row), []),
                written.get(_context_of(row), []),
                equal,
            )
            for row in self.rows
        ]

    def _context(
        self,
        row: Row,
        laws: list[Row],
        pairs: list[Row],
        written: list[Row],
        equal: set[tuple[str, str]],
    ) -> dict[str, Any]:
        models = list(dict.fromkeys(law["model"] for law in laws if law["model"] in self.member))
        models.sort(key=lambda model: self.member[model])
        place = {model: index for index, model in enumerate(models)}
        positions = [list(rows) for _, rows in groupby(laws, lambda law: law["position"])]
        shown = [pair for pair in pairs if (pair["model_a"], pair["model_b"]) in self.pairs]
        paths = {
            path: {
                (pair["model_a"], pair["model_b"]): pair["kl"]
                for pair in shown
                if pair["path"] == path
            }
            for path in ("text", "greedy")
        }
        return {
            "tokens": [self._token(token) for token in row["tokens"]],
            "begin": row["first_scored"],
            "information": thousandths(row["information"]),
            "within": thousandths(row["within"]),
            "nats": thousandths(row["nats"]),
            "members": [self.member[model] for model in models],
            "laws": [self._laws(rows, models) for rows in positions],
            "pairs": [[place[a], place[b]] for a, b in paths["text"]],
            "text": [thousandths(kl) for kl in paths["text"].values()],
            "greedy": [thousandths(paths["greedy"].get(pair, [])) for pair in paths["text"]],
            "written": self._written(written, models),
            "sharpest": _sharpest(positions, paths["text"], equal, place),
        }

    def _laws(self, rows: list[Row], models: list[str]) -> dict[str, Any]:
        """The laws of members at one token: the tokens that any of them ranks among the first, and
        by member index and thousandths of each, then rank and probability of the true token."""
        by_model = {row["model"]: row for row in rows}
        local: dict[str, int] = {}
        packed = []
        for model in models:
            row = by_model[model]
            numbers: list[int | None] = []
            for token, p in zip(row["tokens"][:FIRST], row["ps"][:FIRST], strict=True):
                numbers += [local.setdefault(token, len(local)), round(1000 * p)]
            packed.append([*numbers, row["true_rank"], round(1000 * row["true_p"])])
        return {"tokens": [self._token(token) for token in local], "rows": packed}

    def _written(self, rows: list[Row], models: list[str]) -> list[list[list[int | None]]]:
        """Tokens and probabilities of what each member writes; empty without continuations."""
        by_model = {row["model"]: row for row in rows}
        if not by_model:
            return []
        return [
            [
                [self._token(token) for token in by_model[model]["tokens"]],
                thousandths(by_model[model]["ps"]),
            ]
            for model in models
        ]

    def _token(self, token: str) -> int:
        return self.vocabulary.setdefault(token, len(self.vocabulary))


def _equal_pairs(pairs: list[Row]) -> set[tuple[str, str]]:
    """Pairs in one Rashomon set whose losses are nearly the same; without any, all in one set."""
    in_set = [row for row in pairs if row["rashomon_set"]]
    near = [row for row in in_set if row["select_difference"] <= EQUAL_NATS]
    return {(row["model_a"], row["model_b"]) for row in near or in_set}


def _sharpest(
    positions: list[list[Row]],
    kl: Mapping[tuple[str, str], list[float]],
    equal: set[tuple[str, str]],
    place: Mapping[str, int],
) -> list[int] | None:
    """The scored token at which two equally good members rank different tokens first and are both
    surest of them (by the less sure of the two), these two, their KL there and the probability of
    the less sure, both in thousandths; None if there is none."""
    best: tuple[float, list[int]] | None = None
    for at, rows in enumerate(positions):
        first = {row["model"]: (row["tokens"][0], row["ps"][0]) for row in rows}
        for (a, b), values in kl.items():
            if (a, b) not in equal or first[a][0] == first[b][0]:
                continue
            sure = min(first[a][1], first[b][1])
            if best is None or sure > best[0]:
                numbers = round(1000 * values[at]), round(1000 * sure)
                best = sure, [at, place[a], place[b], *numbers]
    return best[1] if best else None


def _context_of(row: Row) -> tuple[str, int, int]:
    return row["probe_artifact"], row["severity"], row["item"]


def _by_context(rows: list[Row]) -> dict[tuple[str, int, int], list[Row]]:
    grouped: dict[tuple[str, int, int], list[Row]] = {}
    for row in rows:
        grouped.setdefault(_context_of(row), []).append(row)
    return grouped


def _beliefs(rows: list[Row], member: Mapping[str, int]) -> list[dict[str, Any]]:
    """By member and document: its letters, and after each the likeliest mask and both beliefs."""
    corners = ("truth_a", "truth_b", "truth_c", "read_a", "read_b", "read_c")
    packed = []
    for (model, layer), points in groupby(rows, lambda row: (row["model"], row["layer"])):
        listed = list(points)
        masks = sorted({row["mask"] for row in listed})
        documents = []
        for _, letters in groupby(listed, lambda row: row["document"]):
            path = list(letters)
            documents.append(
                {
                    "tokens": [row["token"] for row in path],
                    "points": [
                        [
                            masks.index(row["mask"]),
                            *thousandths([row[corner] for corner in corners]),
                        ]
                        for row in path
                    ],
                }
            )
        packed.append(
            {"member": member[model], "layer": layer, "masks": masks, "documents": documents}
        )
    return packed


def _masks(rows: list[Row], member: Mapping[str, int]) -> dict[str, Any]:
    """By document: at each number of letters the exact weights and those of each member."""
    names = sorted({row["mask"] for row in rows})
    models = list(dict.fromkeys(row["model"] for row in rows))
    documents = []
    for (kind, document), listed in groupby(rows, lambda row: (row["kind"], row["document"])):
        steps = []
        for letters, at in groupby(listed, lambda row: row["letters"]):
            by_model: dict[str, dict[str, Row]] = {}
            for row in at:
                by_model.setdefault(row["model"], {})[row["mask"]] = row
            exact = next(iter(by_model.values()))
            steps.append(
                {
                    "letters": letters,
                    "exact": thousandths([exact[name]["posterior"] for name in names]),
                    "weights": [
                        thousandths([by_model[model][name]["weight"] for name in names])
                        if model in by_model
                        else None
                        for model in models
                    ],
                }
            )
        documents.append({"kind": kind, "document": document, "steps": steps})
    return {
        "names": names,
        "members": [member[model] for model in models],
        "documents": documents,
    }


Sizes = Callable[[dict[str, Any]], int]


def within_limit(packed: PackedStudy, limit: int, size: Sizes) -> PackedStudy:
    """As many contexts as are at most `limit` bytes by `size`, with what the study says of them: of
    a probe whole windows are left out, last ones first."""
    sizes = [size(context) for context in packed.contexts]
    titles = packed.study["contexts"]
    windows = [(title["corpus"], title["probe"], title["item"]) for title in titles]
    rank = {
        window: number
        for number, window in enumerate(
            sorted(set(windows), key=lambda window: (_number_in_probe(window, windows), window))
        )
    }
    order = sorted(range(len(titles)), key=lambda index: rank[windows[index]])
    kept, total = set(), 0
    for index in order:
        total += sizes[index]
        if total > limit:
            break
        kept.add(index)
    if len(kept) == len(titles):
        return packed
    study = packed.study | {
        "contexts": [title for index, title in enumerate(titles) if index in kept],
        "left_out": len(titles) - len(kept),
    }
    return PackedStudy(study, [c for index, c in enumerate(packed.contexts) if index in kept])


def _number_in_probe(window: tuple[Any, ...], windows: list[tuple[Any, ...]]) -> int:
    """How many windows of the same probe come before one."""
    same = dict.fromkeys(other for other in windows if other[:2] == window[:2])
    return list(same).index(window)
