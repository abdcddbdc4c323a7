"""What a notebook needs: `import manymasks as mm`.

Models of a study, or of `transformers` on disk, on any text; and what equal loss hides between
models of any source, by arrays of losses and log-probabilities. No function writes anything.
"""

import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from manymasks.arrays import Bools, Floats, Ints, Rows
from manymasks.commands.export_model import input_of
from manymasks.commands.trained_members import matching_members
from manymasks.config.analyses import Statistics
from manymasks.config.rashomon import Epsilons, Rashomon, Reference
from manymasks.database import query
from manymasks.divergence.pair_metrics import measure, pair_columns
from manymasks.divergence.pairs import pair_sums
from manymasks.errors import UserError
from manymasks.models.hugging_face import Dtype, PretrainedModel, load_pretrained
from manymasks.models.language_model import LanguageModel, Text
from manymasks.models.member_model import MemberModel
from manymasks.models.pretrained_stack import PretrainedStack
from manymasks.rashomon.membership import Losses, RashomonSet, Unit, rashomon_sets
from manymasks.stages.inputs.models import context_of, load_models
from manymasks.statistics.model_classes import Member
from manymasks.store.job import Artifact
from manymasks.store.layout import Layout
from manymasks.tokens.tokenizer import Tokenizer
from manymasks.tokens.tokenizer import load as load_tokenizer

CPU = torch.device("cpu")
NEEDS_TARGETS = (
    "visible", "hidden", "hidden_ratio", "both_wrong_agreement", "flips_ab", "flips_ba",
)  # fmt: skip
"""Columns of a pair that are about the true tokens."""
SUMS_TO_ONE = 1e-3
TOKENS_BEFORE = 12
"""Tokens that `where` shows before the one at which two models part."""
Array = npt.ArrayLike | Tensor


class StudyModel(LanguageModel):
    """A member of a study, trained there or pretrained, with the tokenizer of the study. `context`:
    tokens of a window, as the study scores it."""

    def __init__(self, name: str, model: MemberModel, tokenizer: Tokenizer, context: int) -> None:
        self.name, self.model, self.tokenizer = name, model, tokenizer
        self.vocabulary, self.context = tokenizer.vocabulary, context
        self.start, self.end = tokenizer.end_of_text, frozenset([tokenizer.end_of_text])

    def encode(self, text: str) -> Ints:
        return self.tokenizer.encode_long([text])[0].astype(np.int64)

    def decode(self, ids: Sequence[int] | Ints) -> str:
        return self.tokenizer.decode(ids)

    def logits(self, tokens: Tensor, last: int | None = None) -> Tensor:
        with torch.no_grad():
            logits: Tensor = self.model(tokens[None], last)
        return logits[0]

    def logit_blocks(self, window: Tensor, rows: int) -> Iterator[Tensor]:
        if isinstance(self.model, PretrainedStack):
            read = self.model.read(0, window[None])
            for logits in self.model.models[0].blocks_of_logits(read, rows):
                yield logits[:, : self.vocabulary]
        else:
            yield from super().logit_blocks(window, rows)


class FinishedStudy:
    """The results of a study. `layout`: the paths in their folder."""

    def __init__(self, layout: Layout) -> None:
        self.layout = layout

    def __repr__(self) -> str:
        return f"the study in {self.layout.results}: ask with sql, models with members"

    def sql(self, statement: str, form: Literal["arrow", "pandas", "polars"] = "arrow") -> Any:
        """The answer of the database to a query, as a table of pyarrow, pandas or polars."""
        with query.connect(self.layout.database) as connection:
            answer = connection.sql(statement)
            forms: dict[str, Callable[[], Any]] = {
                "arrow": answer.to_arrow_table,
                "pandas": answer.df,
                "polars": answer.pl,
            }
            if form not in forms:
                raise ValueError(f"form {form!r}: expected one of {', '.join(forms)}")
            return forms[form]()

    def members(self, name: str) -> list[StudyModel]:
        """Members, trained or pretrained, by a key, a label or its first parts, such as a class
        (`pydocs/base/causal`). Raises UserError if there is none with weights."""
        models = []
        for manifest in matching_members(name, self.layout):
            member = Artifact(self.layout.folder(manifest.stage, manifest.key), manifest)
            if not member.is_trained:
                continue
            tokens = input_of(manifest, "tokens", self.layout)
            tokenizer = input_of(tokens.manifest, "tokenizer", self.layout)
            models.append(
                StudyModel(
                    manifest.label.partition("/")[2],
                    load_models([member], CPU),
                    load_tokenizer(tokenizer.file("tokenizer.json")),
                    context_of(member),
                )
            )
        if not models:
            raise UserError(
                f"{name}: no member in {self.layout.results} has this key or label, such as "
                "pydocs/base/causal. `manymasks plan --stage training` lists them, or `--stage "
                "pretrained`."
            )
        return models


def open(results: str | Path = "results") -> FinishedStudy:
    """The study in a results folder. Raises UserError if there is no such folder."""
    if not Path(results).is_dir():
        raise UserError(
            f"{results}: there is no such folder. Run a study with `snakemake --cores all`, or "
            "name its results folder."
        )
    return FinishedStudy(Layout.at(Path(results)))


def load(
    folder: str | Path, device: str = "cpu", dtype: Dtype = "float32", *, remote_code: bool = False
) -> PretrainedModel:
    """A causal language model of `transformers` from a folder on disk: config.json, safetensors and
    tokenizer. `manymasks export model` writes such a folder too. Raises UserError for another."""
    if not Path(folder).is_dir():
        raise UserError(
            f"{folder}: there is no such folder. A checkpoint of the Hub is downloaded first: hf "
            "download OWNER/NAME --local-dir FOLDER"
        )
    loaded = load_pretrained(Path(folder), device, dtype, remote_code=remote_code)
    # Texts are read in windows: `transformers` would warn of those longer than one.
    loaded.tokenizer.model_max_length = sys.maxsize
    return loaded


@dataclass(frozen=True, repr=False)
class Parting:
    """Two models on one text, in nats; arrays are by token, (tokens,).

    - `loss_a`, `loss_b`: loss at each token; `kl_ab`, `kl_ba`, `js`, `tv`: divergences of the laws
    - `top_a`, `top_b`: the most probable token of each; `agree`: whether it is the same
    """

    names: tuple[str, str]
    ids: Ints
    tokens: list[str]
    loss_a: Floats
    loss_b: Floats
    kl_ab: Floats
    kl_ba: Floats
    js: Floats
    tv: Floats
    top_a: list[str]
    top_b: list[str]
    agree: Bools

    @property
    def visible(self) -> float:
        """Mean loss of b minus that of a: what a leaderboard sees."""
        return float((self.loss_b - self.loss_a).mean())

    @property
    def hidden(self) -> float:
        """Half the variance over tokens of the difference in loss: what it hides."""
        return float((self.loss_b - self.loss_a).var() / 2)

    @property
    def kl(self) -> float:
        """Mean of both KL divergences over tokens."""
        return float((self.kl_ab + self.kl_ba).mean() / 2)

    @property
    def top1_agreement(self) -> float:
        """Share of tokens at which both rank the same token first."""
        return float(self.agree.mean())

    def where(self, count: int = 5) -> Rows:
        """The tokens at which the models part most, by the mean of both KL divergences."""
        kl = (self.kl_ab + self.kl_ba) / 2
        return [
            {
                "position": int(i),
                "before": "".join(self.tokens[max(0, i - TOKENS_BEFORE) : i]),
                "token": self.tokens[i],
                "kl": float(kl[i]),
                "loss_a": float(self.loss_a[i]),
                "loss_b": float(self.loss_b[i]),
                "top_a": self.top_a[i],
                "top_b": self.top_b[i],
            }
            for i in np.argsort(-kl, kind="stable")[:count]
        ]

    def __repr__(self) -> str:
        a, b = self.names
        return (
            f"{a} and {b} on {len(self.ids):,} tokens: losses {self.loss_a.mean():.4f} and "
            f"{self.loss_b.mean():.4f}, hidden {self.hidden:.4f}, KL {self.kl:.4f} nats per token"
        )


def compare(a: LanguageModel, b: LanguageModel, text: Text) -> Parting:
    """Two models with the same tokens on a text. Raises UserError if their tokens differ."""
    ids = a.ids(text)
    if a.vocabulary != b.vocabulary or (
        isinstance(text, str) and not np.array_equal(ids, b.ids(text))
    ):
        raise UserError(
            f"{a.name} and {b.name}: have different tokens ({a.vocabulary:,} and "
            f"{b.vocabulary:,}, or another tokenizer), so their laws cannot be compared."
        )
    parts, done = [], 0
    for law_a, law_b in _together(a, b, ids):
        true = torch.from_numpy(ids[done : done + len(law_a)])[:, None]
        parts.append(at_tokens(law_a.double(), law_b.double(), true))
        done += len(law_a)
    columns = torch.cat(parts, 1).numpy()
    tops = columns[6:].astype(np.int64)
    tokens, top_a, top_b = ([a.decode([token]) for token in row] for row in (ids, *tops))
    loss_a, loss_b, kl_ab, kl_ba, js, tv = columns[:6]
    return Parting(
        names=(a.name, b.name),
        ids=ids,
        tokens=tokens,
        loss_a=loss_a,
        loss_b=loss_b,
        kl_ab=kl_ab,
        kl_ba=kl_ba,
        js=js,
        tv=tv,
        top_a=top_a,
        top_b=top_b,
        agree=tops[0] == tops[1],
    )


def _together(a: LanguageModel, b: LanguageModel, ids: Ints) -> "zip[tuple[Tensor, Tensor]]":
    """Laws of two models in windows of the shorter context, so that both read the same tokens."""
    shortest = min(a.context, b.context)
    return zip(a.laws(ids, shortest), b.laws(ids, shortest), strict=True)


def at_tokens(a: Tensor, b: Tensor, true: Tensor) -> Tensor:
    """(8, tokens): loss_a, loss_b, kl_ab, kl_ba, js, tv, and the tokens ranked first, of
    log-probabilities (tokens, vocabulary)."""
    p, q = a.exp(), b.exp()
    middle = torch.logaddexp(a, b) - np.log(2)
    js = ((p * (a - middle)).sum(1) + (q * (b - middle)).sum(1)) / 2
    return torch.stack(
        (
            -a.gather(1, true)[:, 0],
            -b.gather(1, true)[:, 0],
            (p * (a - b)).sum(1),
            (q * (b - a)).sum(1),
            js.clamp_min_(0),
            (p - q).abs().sum(1) / 2,
            a.argmax(1).double(),
            b.argmax(1).double(),
        )
    )


def rashomon_set(
    losses: Array,
    eps: float = 0.01,
    unit: Unit = "nats",
    reference: float | None = None,
    tokens: Array | None = None,
) -> RashomonSet:
    """The models with a loss within eps of the best, or of a reference loss in nats.

    `losses`: (models,) mean nats per token, or (models, documents) sums of nats over the tokens of
    documents, with `tokens` (documents,): `resampled_inside` then has the membership in resamples
    of documents. `members` are positions of models, the best first.
    """
    nats = _floats(losses)
    counts = np.ones(1) if nats.ndim == 1 else _floats(tokens) if tokens is not None else None
    nats = nats[:, None] if nats.ndim == 1 else nats
    if nats.ndim != 2 or not nats.size or counts is None or counts.shape != nats.shape[1:]:
        raise ValueError(
            f"losses {nats.shape}: expected (models,), or (models, documents) with tokens "
            "(documents,)"
        )
    if not np.isfinite(nats).all():
        raise ValueError("losses must be finite: leave out models that failed")
    if unit not in get_args(Unit):
        raise ValueError(f"unit {unit!r}: expected one of {', '.join(get_args(Unit))}")
    if not 0 <= eps < np.inf:
        raise ValueError(f"eps {eps}: expected a finite number that is not negative")
    if reference is not None and not 0 < reference < np.inf:
        raise ValueError(f"reference {reference}: expected a loss in nats above 0")
    kinds = {"kind": "best_of_class"} if reference is None else {"kind": "absolute"}
    settings = Rashomon(
        references={"reference": Reference.model_validate({**kinds, "nats": reference})},
        eps=Epsilons.model_validate({"nats": (), "percent": (), "seed_sd": (), unit: (eps,)}),
    )
    members = [Member(str(i), "models", "", "", "", i, i) for i in range(len(nats))]
    sets = list(rashomon_sets(Losses(nats, counts), members, settings, Statistics()))
    if not sets:
        raise ValueError("a threshold in standard deviations over seeds takes at least two models")
    return sets[0]


def divergences(
    log_probs: Sequence[Array] | npt.NDArray[Any] | Tensor, targets: Array | None = None
) -> dict[str, Any]:
    """How far the laws of models differ, over all positions and the full vocabulary, in nats.

    `log_probs`: of each model (positions, vocabulary), or as one array (models, positions,
    vocabulary). `targets`: the true tokens (positions,). Entries [a, b] of the arrays (models,
    models) are named as the columns of the table `pair_divergence`. `entropy` (models,) is the mean
    entropy, and `information` the mutual information of model and next token, in nats per token.
    """
    stacked = torch.stack([torch.as_tensor(_floats(law), dtype=torch.float32) for law in log_probs])
    if stacked.ndim != 3 or not stacked.numel():
        raise ValueError(
            f"log-probabilities {tuple(stacked.shape)}: expected (models, positions, vocabulary)"
        )
    if (stacked.logsumexp(-1).abs() > SUMS_TO_ONE).any():
        raise ValueError("log-probabilities must sum to 1: apply log_softmax to logits first")
    true = np.zeros(stacked.shape[1], np.int64) if targets is None else _floats(targets)
    ids = torch.as_tensor(np.asarray(true, np.int64))
    sums = pair_sums(stacked[:, None], ids[None], [np.arange(len(stacked))])
    columns: dict[str, Any] = pair_columns(measure(sums, Statistics()))
    positions = stacked.shape[1]
    columns["entropy"] = sums.entropy[0] / positions
    columns["information"] = float(sums.information[0, 0]) / positions
    unknown = NEEDS_TARGETS if targets is None else ()
    return {name: values for name, values in columns.items() if name not in unknown}


def _floats(values: Any) -> Floats:
    """Values of an array of numpy, torch or another library, on the CPU."""
    if isinstance(values, Tensor):
        values = values.detach().cpu()
        values = values.float() if values.dtype == torch.bfloat16 else values
    return np.asarray(values, dtype=np.float64)
