"""Mask spectroscopy: the mixture of masks closest to a predictor's law of the next three letters.

After a prompt each mask of the process `masks` has an exact law of the next three letters, 27
probabilities. The law of a predictor is fitted by the closest mixture of the four; the residual is
what no mixture explains. One letter would not do: its three probabilities cannot tell four masks
apart. A predictor is a member or Bayes, where the fit returns the exact posterior of the masks.
All values are in nats.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from manymasks.arrays import Floats, Ints, Row, Rows
from manymasks.config.analyses import Statistics
from manymasks.corpora.processes.machine import divergence, entropy
from manymasks.corpora.processes.masks import (
    EMISSIONS,
    LENGTH,
    MASKS,
    MOVES,
    OPENING,
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
LONGEST_PROMPT = LENGTH - OPENING - AHEAD
"""In letters. After a longer prompt the law would reach beyond the end of the document, where
members have learned that there are no letters."""
RESOLVED = 1e-2
"""Weights and probabilities are clipped to at least this much where weights are compared with
Bayes. The closest mixture often gives a mask no weight at all. The residual limits the resolution
of a weight, so its size below that is arbitrary, but its logarithm would dominate: for members
trained for 500 steps the slope `sharpening` after 4 letters was 1.5 with a threshold of 1e-6, 1.2
with 1e-4, 1.06 with 1e-3 and 0.97 with this one; `from_bayes` of the default study after 8 letters
was 0.08 with 1e-6 and is 0.05 with this one. Even so, a member with random errors is not at slope
1 and divergence 0; `noise` tells where it is. Where posteriors are below the threshold, slopes are
biased towards 1."""
UNIFORM = 1e-12
"""Squared log-odds (nats^2) at which all masks are equally likely, up to rounding."""
LISTED_DOCUMENTS = 40
"""Documents of each kind, the first ones, for which weights are listed one by one."""


def laws_of_three(moves: Floats) -> Floats:
    """(masks, states, 27): the law of the next three letters in each state of masks with these
    transitions (masks, states, states); the third letter varies fastest."""
    steps = np.einsum("zij,ja->zaij", moves, EMISSIONS)
    laws = np.einsum("zaij,zbjk,zckl->ziabc", steps, steps, steps)
    return np.asarray(laws.reshape(len(moves), STATES, -1))


TRIPLE_LAWS: Floats = laws_of_three(MOVES)
"""Of the masks of the process."""


@dataclass(frozen=True)
class MaskPrompts:
    """Documents, prompts of several lengths in each, and the exact laws after them."""

    kind: str
    """plain, or spliced."""
    tokens: Ints
    """(documents, length)."""
    letters: tuple[int, ...]
    """Length of each prompt in letters, ascending."""
    speaker: Ints | None
    """(documents,) the mask that generates the end of the document, where it is known."""
    posterior: Floats
    """(documents, prompts, masks)."""
    masks: Floats
    """(documents, prompts, masks, 27): the law of each mask."""

    @property
    def exact(self) -> Floats:
        """(documents, prompts, 27): the law of Bayes."""
        return mixed(self.posterior, self.masks)


def mask_prompts(
    process: Process, tokens: Ints, letters: Sequence[int], kind: str, speaker: Ints | None = None
) -> MaskPrompts:
    """Documents of `masks` with the exact laws after prompts of these lengths. Raises ValueError
    for a prompt of more than `LONGEST_PROMPT` letters."""
    if max(letters) > LONGEST_PROMPT:
        raise ValueError(f"a prompt has at most {LONGEST_PROMPT} letters, found {max(letters)}")
    position = np.array(letters) + OPENING - 1
    hidden = process.posteriors(tokens[:, : position.max() + 1])["state"][:, position]
    joint = hidden.reshape(*hidden.shape[:2], len(MASKS), STATES)
    posterior = joint.sum(-1)
    laws = np.einsum("dpzi,zic->dpzc", joint / posterior[..., None], TRIPLE_LAWS)
    return MaskPrompts(kind, tokens, tuple(letters), speaker, posterior, laws)


# ------------------------------------------------------------------------------- fits


@dataclass(frozen=True)
class MaskFit:
    """The laws of a predictor after some prompts, and the closest mixtures of masks."""

    laws: Floats
    """(documents, prompts, 27)."""
    weights: Floats
    """(documents, prompts, masks)."""
    gap: float
    """The largest gap of the weights, in nats (`mixtures.closest`)."""


def fit_masks(prompts: MaskPrompts, laws: Floats) -> MaskFit:
    """The closest mixtures of masks to laws (documents, prompts, 27)."""
    documents, lengths, masks, triples = prompts.masks.shape
    weights, gap = closest(laws.reshape(-1, triples), prompts.masks.reshape(-1, masks, triples))
    return MaskFit(laws, weights.reshape(documents, lengths, masks), float(gap.max()))


def residuals(prompts: MaskPrompts, fit: MaskFit) -> Floats:
    """What no mixture of masks explains, KL(law || mixture) in nats, (documents, prompts)."""
    return divergence(fit.laws, mixed(fit.weights, prompts.masks))


def clipped(weights: Floats) -> Floats:
    """Weights (..., masks) clipped to at least `RESOLVED`, and renormalised."""
    raised = np.maximum(weights, RESOLVED)
    return np.asarray(raised / raised.sum(-1, keepdims=True))


def centred_log_ratios(weights: Floats) -> Floats:
    """Logarithms of clipped weights (..., masks) minus their mean (Aitchison 1986)."""
    logs = np.log(np.maximum(weights, RESOLVED))
    return np.asarray(logs - logs.mean(-1, keepdims=True))


def bayes_sums(prompts: MaskPrompts, weights: Floats) -> dict[str, tuple[Floats, Floats]]:
    """Weights (documents, prompts, masks) compared with the posterior, as ratios of sums.

    `sharpening` is the slope of the least-squares line through centred log-ratios, over documents
    and masks. Both are 0 on average in every document, so the line goes through 0 and the slope is
    a ratio of sums over documents; its denominator is 0 where all masks are equally likely.
    `from_bayes` is the divergence from the posterior to the weights. By name, numerators and
    denominators that are summed over documents, (documents, prompts) each.
    """
    ratios, exact = centred_log_ratios(weights), centred_log_ratios(prompts.posterior)
    squares = (exact**2).sum(-1)
    kl = divergence(clipped(prompts.posterior), clipped(weights))
    return {
        "from_bayes": (kl, np.ones(kl.shape)),
        "sharpening": ((ratios * exact).sum(-1), np.where(squares > UNIFORM, squares, 0.0)),
    }


def weight_rows(prompts: MaskPrompts, fit: MaskFit) -> Rows:
    """The weights beside the posterior, of the first `LISTED_DOCUMENTS` documents."""
    return [
        {
            "document": document,
            "kind": prompts.kind,
            "letters": letters,
            "mask": mask,
            "is_true_mask": None
            if prompts.speaker is None
            else bool(prompts.speaker[document] == z),
            "weight": finite(fit.weights[document, length, z]),
            "posterior": float(prompts.posterior[document, length, z]),
        }
        for document in range(min(LISTED_DOCUMENTS, len(prompts.tokens)))
        for length, letters in enumerate(prompts.letters)
        for z, mask in enumerate(MASKS)
    ]


def fit_rows(prompts: MaskPrompts, fit: MaskFit, statistics: Statistics) -> Rows:
    """One row for each length of prompt: means over documents, with a bootstrap over them."""
    residual = residuals(prompts, fit)
    sums = {**bayes_sums(prompts, fit.weights), "residual": (residual, np.ones(residual.shape))}
    resamples = document_weights(len(residual), statistics.resamples, statistics.seed)
    means = {
        "excess": divergence(prompts.exact, fit.laws).mean(0),
        "entropy": entropy(fit.weights).mean(0),
        "posterior_entropy": entropy(prompts.posterior).mean(0),
    }
    rows = []
    for length, letters in enumerate(prompts.letters):
        row: Row = {"kind": prompts.kind, "letters": letters}
        for name, (above, below) in sums.items():
            interval = ratio_interval(
                above[:, length], below[:, length], resamples, statistics.confidence
            )
            row |= _interval_columns(name, *interval)
        row |= {name: finite(values[length]) for name, values in means.items()}
        rows.append({**row, "documents": len(residual)})
    return rows


def _interval_columns(name: str, value: float, low: float, high: float) -> Row:
    return {name: finite(value), f"{name}_low": finite(low), f"{name}_high": finite(high)}


# ------------------------------------------------------------------------------- pairs


@dataclass(frozen=True)
class PairDivergences:
    """The divergence between every two predictors, averaged over both directions, and that between
    their fitted mixtures, the part of the masks. The machinery is the rest; it may be negative, as
    what predictors share beside the masks can make their laws closer than their mixtures."""

    kl: Floats
    """(predictors, predictors, documents, prompts); symmetric, 0 on the diagonal."""
    mask: Floats
    """The same shape."""


def pair_divergences(prompts: MaskPrompts, fits: Sequence[MaskFit]) -> PairDivergences:
    """The divergences between every two predictors."""
    laws = [fit.laws for fit in fits]
    mixtures = [mixed(fit.weights, prompts.masks) for fit in fits]
    shape = len(fits), len(fits), *prompts.posterior.shape[:2]
    pairs = PairDivergences(np.zeros(shape), np.zeros(shape))
    for a, b in itertools.combinations(range(len(fits)), 2):
        pairs.kl[a, b] = pairs.kl[b, a] = symmetric_kl(laws[a], laws[b])
        pairs.mask[a, b] = pairs.mask[b, a] = symmetric_kl(mixtures[a], mixtures[b])
    return pairs


def symmetric_kl(a: Floats, b: Floats) -> Floats:
    """KL averaged over both directions, of laws (..., 27), (...) nats."""
    return np.asarray((divergence(a, b) + divergence(b, a)) / 2)


def pair_rows(
    prompts: MaskPrompts, models: Sequence[str], pairs: PairDivergences, statistics: Statistics
) -> Rows:
    """One row for every two models of a class and each length of prompt. `models`: their keys, in
    the order of `pairs`. The key that sorts first is `model_a`."""
    documents = len(prompts.tokens)
    resamples = document_weights(documents, statistics.resamples, statistics.seed)
    rows = []
    for a, b in itertools.combinations(np.argsort(models), 2):
        kl, mask = pairs.kl[a, b], pairs.mask[a, b]
        parts = {"kl": kl, "mask": mask, "machinery": kl - mask}
        means = {
            name: ratio_resamples(values.T, np.ones(documents), resamples)
            for name, values in parts.items()
        }
        ends = {
            name: percentile_interval(values, statistics.confidence, np.ones(documents))
            for name, values in means.items()
        }
        for length, letters in enumerate(prompts.letters):
            row: Row = {"model_a": models[a], "model_b": models[b], "letters": letters}
            for name, values in parts.items():
                low, high = ends[name]
                row |= _interval_columns(name, values[:, length].mean(), low[length], high[length])
            rows.append({**row, "documents": documents})
    return rows
