"""Mask spectroscopy: which masks speak in the law that a predictor gives the next three letters.

After a prompt each mask of the process `masks` has its own exact law of the next three letters,
27 probabilities. The law of a predictor is explained by the mixture of the four that is closest
to it, and what is left over no mask explains. One letter would not do: its three probabilities
cannot tell four masks apart. A predictor may be a member or Bayes, whose mixture is the exact
posterior of the masks. Arrays come in, rows of tables go out; all is in nats.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from manymasks.arrays import FloatArray, IntArray, Rows
from manymasks.config.analyses import Statistics
from manymasks.corpora.processes.machine import divergence, entropy
from manymasks.corpora.processes.masks import (
    FIRST_LETTER,
    LENGTH,
    LETTERS,
    MASKS,
    MOVES,
    OPENING,
    SAYS,
    STATES,
)
from manymasks.corpora.processes.process import Process
from manymasks.statistics.bootstrap import (
    document_weights,
    percentile_interval,
    ratio_interval,
    ratio_resamples,
)
from manymasks.statistics.intervals import finite
from manymasks.truth.mixtures import closest, mixed

AHEAD = 3
"""Letters of a law."""
LAST = LENGTH - OPENING - AHEAD
"""The longest prompt in letters. After a later one, letters would go past the document's end,
where members have learned that none come."""
RESOLVED = 1e-2
"""Weights and probabilities below it count as this much where weights are held beside Bayes. The
closest mixture often leaves a mask out altogether. A weight is known no better than the masks
explain the member, so how far below it lies says nothing, but its logarithm would decide: of
members trained for 500 steps the slope `sharpening` after 4 letters was 1.5 with 1e-6 in its
place, 1.2 with 1e-4, 1.06 with 1e-3 and 0.97 with this; `from_bayes` of the default study's after
8 letters was 0.08 with 1e-6 and is 0.05 with this. Even so a member that errs without direction is
not at 1 and 0; where it is, `noise` says. Where posteriors are below it, slopes other than 1 come
out nearer to 1."""
EVEN = 1e-12
"""Squared log-odds (nats^2) at which all masks are equally likely, up to rounding."""
WRITTEN = 40
"""Documents of each kind, the first ones, whose weights are written one by one."""

_STEPS = np.einsum("zij,ja->zaij", MOVES, SAYS)
WORDS: FloatArray = np.einsum("zaij,zbjk,zckl->ziabc", _STEPS, _STEPS, _STEPS).reshape(
    len(MASKS), STATES, -1
)
"""(masks, states, 27): the law of the next three letters of each mask in each state, the third
letter fastest."""


@dataclass(frozen=True)
class Prompts:
    """Documents, the prompts that are looked at in each, and the exact laws after them."""

    kind: str
    """plain, or spliced."""
    tokens: IntArray
    """(documents, length)."""
    letters: tuple[int, ...]
    """Letters of each prompt, rising."""
    speaks: IntArray | None
    """(documents,) masks that speak at the end, where they are known."""
    posterior: FloatArray
    """(documents, prompts, masks)."""
    masks: FloatArray
    """(documents, prompts, masks, 27): the law of each mask."""

    @property
    def exact(self) -> FloatArray:
        """(documents, prompts, 27): the law of Bayes."""
        return mixed(self.posterior, self.masks)


def prompts_of(
    known: Process,
    tokens: IntArray,
    letters: Sequence[int],
    kind: str,
    speaks: IntArray | None = None,
) -> Prompts:
    """Documents of `masks` with the exact laws after some of their letters.

    Raises:
        ValueError: for a prompt of more than `LAST` letters.
    """
    if max(letters) > LAST:
        raise ValueError(f"a prompt has at most {LAST} letters, found {max(letters)}")
    place = np.array(letters) + OPENING - 1
    hidden = known.posteriors(tokens[:, : place.max() + 1])["state"][:, place]
    joint = hidden.reshape(*hidden.shape[:2], len(MASKS), STATES)
    posterior = joint.sum(-1)
    laws = np.einsum("dpzi,zic->dpzc", joint / posterior[..., None], WORDS)
    return Prompts(kind, tokens, tuple(letters), speaks, posterior, laws)


# ------------------------------------------------------------------------------- members' laws


def continued(tokens: IntArray, letters: int) -> IntArray:
    """What a member reads to give its laws after prompts of `letters` letters.

    A law of three letters is 1 + 3 + 9 laws of the next one. A causal member gives them all in
    nine sequences, each prompt followed by each pair of letters: the last three places of them
    are the prompt's own and those of its continuations.

    Returns:
        (documents x 9, OPENING + letters + 2).
    """
    pairs = np.array(list(itertools.product(range(len(LETTERS)), repeat=AHEAD - 1)))
    prompts = np.repeat(tokens[:, : OPENING + letters], len(pairs), 0)
    return np.hstack([prompts, FIRST_LETTER + np.tile(pairs, (len(tokens), 1))])


def three_letters(log_probs: npt.NDArray[np.floating[Any]]) -> tuple[FloatArray, FloatArray]:
    """The laws of three letters of a member that has read `continued`.

    Args:
        log_probs: (documents x 9, 3, vocabulary) after the last three places.

    Returns:
        ln of the laws, (documents, 27), of which each next-letter law is renormalised over the
        letters; and how likely one of three tokens was no letter, (documents,).
    """
    count = len(LETTERS)
    shape = -1, count, count, AHEAD, count
    raw = log_probs[..., FIRST_LETTER:].astype(np.float64).reshape(shape)
    own = raw - np.logaddexp.reduce(raw, -1, keepdims=True)
    whole = np.exp(_chain(raw)).sum(1)
    return _chain(own), np.maximum(1 - whole, 0)


def _chain(each: FloatArray) -> FloatArray:
    """(documents, first, second, place, letter) next-letter logarithms to (documents, 27)."""
    first = each[:, 0, 0, 0][:, :, None, None]
    second = each[:, :, 0, 1][..., None]
    return np.asarray((first + second + each[:, :, :, 2]).reshape(len(each), -1))


# ------------------------------------------------------------------------------- explanations


@dataclass(frozen=True)
class Explained:
    """What a predictor says after some prompts, and the masks that best explain it."""

    log_laws: FloatArray
    """(documents, prompts, 27)."""
    weights: FloatArray
    """(documents, prompts, masks)."""
    gap: float
    """The largest gap of the weights, in nats (`mixtures.closest`)."""


def explained(prompts: Prompts, log_laws: FloatArray) -> Explained:
    """The weights of the masks in laws whose logarithms are (documents, prompts, 27)."""
    count, each, masks, words = prompts.masks.shape
    weights, gap = closest(
        np.exp(log_laws).reshape(-1, words), prompts.masks.reshape(-1, masks, words)
    )
    return Explained(log_laws, weights.reshape(count, each, masks), float(gap.max()))


def residuals(prompts: Prompts, of: Explained) -> FloatArray:
    """What no mask explains, KL(law || mixture) in nats, (documents, prompts)."""
    return divergence(np.exp(of.log_laws), mixed(of.weights, prompts.masks))


def floored(weights: FloatArray) -> FloatArray:
    """Weights (..., masks) of at least about `RESOLVED`, adding up to 1."""
    found = np.maximum(weights, RESOLVED)
    return np.asarray(found / found.sum(-1, keepdims=True))


def centred(weights: FloatArray) -> FloatArray:
    """ln of weights (..., masks), at least `RESOLVED`, above their mean (Aitchison 1986)."""
    logs = np.log(np.maximum(weights, RESOLVED))
    return np.asarray(logs - logs.mean(-1, keepdims=True))


def beside_bayes(prompts: Prompts, weights: FloatArray) -> dict[str, tuple[FloatArray, FloatArray]]:
    """How weights (documents, prompts, masks) lie beside the posterior.

    The slope `sharpening` is that of the least-squares line through centred logarithms, over
    documents and masks. Both are 0 on average in every document, so the line goes through 0 and
    the slope is a ratio of sums over documents. `from_bayes` is the divergence of the weights
    from the posterior.

    Returns:
        By name what is summed over documents above and below the line, (documents, prompts) each.
        Nothing is below the slope's where all masks are equally likely.
    """
    mine, exact = centred(weights), centred(prompts.posterior)
    squares = (exact**2).sum(-1)
    apart = divergence(floored(prompts.posterior), floored(weights))
    return {
        "from_bayes": (apart, np.ones(apart.shape)),
        "sharpening": ((mine * exact).sum(-1), np.where(squares > EVEN, squares, 0.0)),
    }


def weight_rows(prompts: Prompts, of: Explained) -> Rows:
    """The weights beside the posterior, of the first `WRITTEN` documents."""
    return [
        {
            "document": document,
            "kind": prompts.kind,
            "letters": letters,
            "mask": mask,
            "is_true_mask": None if prompts.speaks is None else bool(prompts.speaks[document] == z),
            "weight": finite(of.weights[document, place, z]),
            "posterior": float(prompts.posterior[document, place, z]),
        }
        for document in range(min(WRITTEN, len(prompts.tokens)))
        for place, letters in enumerate(prompts.letters)
        for z, mask in enumerate(MASKS)
    ]


def fit_rows(prompts: Prompts, of: Explained, statistics: Statistics) -> Rows:
    """One row for each length of prompt: means over documents, with a bootstrap over them."""
    left = residuals(prompts, of)
    sums = {**beside_bayes(prompts, of.weights), "residual": (left, np.ones(left.shape))}
    resamples = document_weights(len(left), statistics.resamples, statistics.seed)
    plain = {
        "excess": divergence(prompts.exact, np.exp(of.log_laws)).mean(0),
        "entropy": entropy(of.weights).mean(0),
        "posterior_entropy": entropy(prompts.posterior).mean(0),
    }
    rows = []
    for place, letters in enumerate(prompts.letters):
        row: dict[str, Any] = {"kind": prompts.kind, "letters": letters}
        for name, (above, below) in sums.items():
            found = ratio_interval(
                above[:, place], below[:, place], resamples, statistics.confidence
            )
            row |= _ends(name, *found)
        row |= {name: finite(each[place]) for name, each in plain.items()}
        rows.append({**row, "documents": len(left)})
    return rows


def _ends(name: str, value: float, low: float, high: float) -> dict[str, Any]:
    return {name: finite(value), f"{name}_low": finite(low), f"{name}_high": finite(high)}


# ------------------------------------------------------------------------------- two predictors


@dataclass(frozen=True)
class Apart:
    """The divergence of each two of some predictors, and the part that their masks explain.

    KL of both directions is averaged. The mask's part is that between the mixtures that explain
    them; the machinery is the rest, which has no sign: what predictors share beside the masks can
    bring their laws nearer to each other than their mixtures are.
    """

    kl: FloatArray
    """(predictors, predictors, documents, prompts); symmetric, 0 on the diagonal."""
    mask: FloatArray
    """The same shape."""


def apart(prompts: Prompts, of: Sequence[Explained]) -> Apart:
    """How each two predictors differ."""
    laws = [np.exp(each.log_laws) for each in of]
    mixtures = [mixed(each.weights, prompts.masks) for each in of]
    shape = len(of), len(of), *prompts.posterior.shape[:2]
    found = Apart(np.zeros(shape), np.zeros(shape))
    for a, b in itertools.combinations(range(len(of)), 2):
        for into, each in ((found.kl, laws), (found.mask, mixtures)):
            into[a, b] = into[b, a] = both_ways(each[a], each[b])
    return found


def both_ways(a: FloatArray, b: FloatArray) -> FloatArray:
    """KL of both directions averaged, of laws (..., 27), (...) nats."""
    return np.asarray((divergence(a, b) + divergence(b, a)) / 2)


def pair_rows(prompts: Prompts, models: Sequence[str], of: Apart, statistics: Statistics) -> Rows:
    """One row for each two models of a class and each length of prompt.

    Args:
        models: their keys, in the order of `of`. The one whose key sorts first is `model_a`.
    """
    documents = len(prompts.tokens)
    resamples = document_weights(documents, statistics.resamples, statistics.seed)
    rows = []
    for a, b in itertools.combinations(np.argsort(models), 2):
        kl, mask = of.kl[a, b], of.mask[a, b]
        named = {"kl": kl, "mask": mask, "machinery": kl - mask}
        means = {
            name: ratio_resamples(each.T, np.ones(documents), resamples)
            for name, each in named.items()
        }
        ends = {
            name: percentile_interval(each, statistics.confidence) for name, each in means.items()
        }
        for place, letters in enumerate(prompts.letters):
            row: dict[str, Any] = {"model_a": models[a], "model_b": models[b], "letters": letters}
            for name, each in named.items():
                low, high = ends[name]
                row |= _ends(name, each[:, place].mean(), low[place], high[place])
            rows.append({**row, "documents": documents})
    return rows
