"""Coverage of every kind of interval of the product, simulated on the shapes of a real study.

A kind is a function that draws a study of some shape, computes an interval as the product does,
and says whether it covers the true value; and a row in `KINDS`. Run as a program, the module
measures all of them and writes the file that docs/concepts/intervals.md shows.

Shapes are those of the default study: the lengths of its held-out documents, the spread of losses
over documents and over seeds, and the share of the latter that is due to the data order. Fitted to
its 156 held-out documents, the loss of a document of n tokens is 4.18 - 0.05 ln n, with a variance
of 0.084 + 4.07 / n; a gap between two variants is 0.077 + 0.006 ln n, with 0.00106 + 0.20 / n; the
logarithm of a KL between two members is -0.9 with a standard deviation of 0.1.
"""

import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from manymasks.config.analyses import Statistics
from manymasks.divergence.line import r_squared
from manymasks.statistics.bootstrap import (
    central_range,
    document_weights,
    effective_documents,
    percentile_interval,
    ratio,
    ratio_interval,
    ratio_resamples,
    standard_error,
)
from manymasks.statistics.intervals import NO_ERROR, summed
from manymasks.statistics.jackknife import pair_mean
from manymasks.statistics.paired import mean_over_seeds, paired_mean
from manymasks.statistics.proportions import share_interval, wilson
from manymasks.statistics.seed_design import mean_error
from manymasks.statistics.spread_ratio import log_ratio_of_spreads
from manymasks.truth.splice import inertia_row

Floats = npt.NDArray[np.float64]
Generator = np.random.Generator
Ends = tuple[float | None, float | None]

RESULTS = Path(__file__).parents[2] / "docs" / "concepts" / "coverage.json"
CONFIDENCE = 0.95
RESAMPLES = 1000
MOST = 2000
"""Tokens of a document that count: `held_out_tokens`."""
LENGTHS = (
    22, 55, 55, 56, 57, 57, 57, 63, 63, 63, 63, 63, 64, 65, 65, 70, 71, 74, 77, 81, 81, 83, 84, 84,
    86, 87, 91, 121, 132, 132, 143, 147, 148, 159, 190, 199, 215, 230, 231, 251, 260, 279, 288,
    313, 315, 348, 475, 501, 504, 557, 609, 635, 673, 696, 713, 753, 763, 774, 778, 787, 858, 978,
    995, 1009, 1151, 1201, 1217, 1346, 1393, 1399, 1419, 1781, 1895, 1985, 1990, 2107, 2512, 2724,
    3041, 4031, 4358, 4514, 4927, 5106, 6850, 8245, 8291, 9588, 10726, 12769, 17061, 19019, 23774,
    17, 23, 24, 24, 41, 53, 57, 60, 64, 65, 70, 76, 103, 135, 139, 141, 145, 154, 156, 161, 166,
    181, 256, 273, 276, 303, 331, 335, 354, 403, 405, 443, 480, 482, 508, 566, 652, 658, 678, 686,
    760, 950, 955, 1000, 1015, 1070, 1085, 1216, 1229, 1230, 1995, 2078, 2152, 2352, 2391, 2600,
    3056, 3103, 4887, 4956, 10686, 13866, 15733,
)  # fmt: skip
"""Tokens of the held-out documents of pydocs."""
SMOOTHING = 0.25
"""Standard deviation of the logarithm that is added to a length drawn from `LENGTHS`."""
INIT, ORDER, REST = 0.1, 0.8, 0.1
"""Shares of the variance of losses over crossed seeds."""


# ---------------------------------------------------------------------------------- documents


@dataclass(frozen=True)
class Law:
    """Values per token of documents with n tokens: level + slope ln n, with a variance of between +
    within / n over documents; with `is_log`, these are of the logarithm."""

    level: float
    slope: float
    between: float
    within: float = 0.0
    is_log: bool = False

    def means(self, sizes: Floats) -> Floats:
        """Expected values per token."""
        middle = self.level + self.slope * np.log(sizes)
        variance = self.between + self.within / sizes
        return np.exp(middle + variance / 2) if self.is_log else middle

    def draw(self, sizes: Floats, generator: Generator) -> Floats:
        """Values per token."""
        noise = generator.normal(size=sizes.shape) * np.sqrt(self.between + self.within / sizes)
        values = self.level + self.slope * np.log(sizes) + noise
        return np.exp(values) if self.is_log else values


LOSS = Law(4.18, -0.05, 0.084, 4.07)
GAP = Law(0.077, 0.006, 0.00106, 0.20)
KL = Law(-0.9, 0.0, 0.1**2, 0.0, is_log=True)
SKEWED = Law(-0.9, 0.0, 0.5**2, 0.0, is_log=True)


def lengths(documents: int, generator: Generator, most: float = MOST) -> Floats:
    """Tokens that count of drawn documents."""
    drawn = generator.choice(np.log(LENGTHS), documents)
    smoothed = np.exp(drawn + generator.normal(0, SMOOTHING, documents))
    return np.maximum(np.floor(np.minimum(smoothed, most)), 2.0)


@cache
def _many_lengths(most: float) -> Floats:
    return lengths(400_000, np.random.default_rng(0), most)


@cache
def truth(law: Law, most: float = MOST) -> float:
    """The value per token of the population of documents."""
    sizes = _many_lengths(most)
    return float((sizes * law.means(sizes)).sum() / sizes.sum())


@cache
def weights_of(documents: int) -> Floats:
    """Resamples: their seed is a setting, so they are the same in every study."""
    return document_weights(documents, RESAMPLES, 0)


def covers(ends: Ends, value: float) -> bool:
    """Whether an interval has ends and this value between them."""
    low, high = ends
    return low is not None and high is not None and low <= value <= high


def of_law(law: Law, most: float = MOST) -> Callable[[int, Generator], bool]:
    """A ratio of sums over documents."""

    def simulate(documents: int, generator: Generator) -> bool:
        sizes = lengths(documents, generator, most)
        sums = sizes * law.draw(sizes, generator)
        _, low, high = ratio_interval(sums, sizes, weights_of(documents), CONFIDENCE)
        return covers((low, high), truth(law, most))

    return simulate


def plain_percentiles(law: Law, most: float = MOST) -> Callable[[int, Generator], bool]:
    """The same by percentiles that are not expanded, for comparison."""

    def simulate(documents: int, generator: Generator) -> bool:
        sizes = lengths(documents, generator, most)
        sums = sizes * law.draw(sizes, generator)
        resamples = ratio_resamples(sums, sizes, weights_of(documents))
        low, high = central_range(resamples, (1 - CONFIDENCE) / 2)
        return covers((float(low), float(high)), truth(law, most))

    return simulate


def one_window_each(documents: int, generator: Generator) -> bool:
    """Documents of which one window of 128 tokens is scored, as on probes."""
    sizes = np.full(documents, 128.0)
    sums = sizes * LOSS.draw(sizes, generator)
    _, low, high = ratio_interval(sums, sizes, weights_of(documents), CONFIDENCE)
    return covers((low, high), float(LOSS.means(sizes[:1])[0]))


def hidden(documents: int, generator: Generator) -> bool:
    """Half the variance over tokens of a loss difference: a difference of ratios of sums."""
    spread = 0.5
    sizes = lengths(documents, generator)
    means = GAP.draw(sizes, generator)
    squares = means**2 + spread * generator.gamma(4.0, 1 / 4.0, documents)
    weights = weights_of(documents)
    first, second = (ratio_resamples(sizes * moment, sizes, weights) for moment in (squares, means))
    low, high = percentile_interval((first - second**2) / 2, CONFIDENCE, sizes)
    return covers((float(low), float(high)), _hidden_truth(spread))


@cache
def _hidden_truth(spread: float) -> float:
    many = _many_lengths(MOST)
    variances = spread + GAP.means(many) ** 2 + GAP.between + GAP.within / many
    whole = float((many * variances).sum() / many.sum())
    return (whole - truth(GAP) ** 2) / 2


def of_share(least: float, most: float) -> Callable[[int, Generator], bool]:
    """A share of tokens in a range, as in a bin of a calibration: few tokens of documents whose
    shares vary by a beta law with ten pseudo-tokens."""

    def simulate(documents: int, generator: Generator) -> bool:
        share = generator.uniform(least, most)
        sizes = generator.integers(1, 12, documents)
        by_document = generator.beta(share * 10, (1 - share) * 10, documents)
        hits = generator.binomial(sizes, by_document).astype(np.float64)
        tokens = sizes.astype(np.float64)
        resamples = ratio_resamples(hits, tokens, weights_of(documents))
        interval = share_interval(
            float(ratio(hits, tokens)),
            standard_error(resamples, tokens),
            float(effective_documents(tokens)),
            CONFIDENCE,
        )
        return covers((interval.low, interval.high), share)

    return simulate


def median(documents: int, generator: Generator) -> bool:
    """A median over documents of one length, some of which are infinite."""
    letters = generator.exponential(12.0, documents)
    letters[letters > 40] = np.inf
    row = inertia_row(letters, 16, Statistics(resamples=RESAMPLES))
    return covers((row["median_low"], row["median_high"]), 12 * math.log(2))


def independent_share(trials: int, generator: Generator) -> bool:
    """A share of independent trials, anywhere between 5 and 95%: at a single share the coverage
    depends on how near it is to a possible count."""
    share = generator.uniform(0.05, 0.95)
    return covers(wilson(int(generator.binomial(trials, share)), trials, CONFIDENCE), share)


# -------------------------------------------------------------------------------------- seeds


def diagonal(m: int) -> list[tuple[int, int]]:
    """Seeds of independent members."""
    return [(i, i) for i in range(m)]


def grid(side: int) -> list[tuple[int, int]]:
    """Crossed seeds."""
    return [(init, order) for init in range(side) for order in range(side)]


def seed_mean(m: int, generator: Generator) -> bool:
    """A loss averaged over independent members."""
    interval = paired_mean(generator.normal(size=m), diagonal(m), NO_ERROR, CONFIDENCE)
    return covers((interval.low, interval.high), 0.0)


def paired_difference(m: int, generator: Generator) -> bool:
    """Two classes with the same seeds, whose losses are correlated."""
    common = generator.normal(size=m)
    one, other = (common + generator.normal(0, scale, size=m) for scale in (0.5, 1.0))
    interval = paired_mean(one - other, diagonal(m), NO_ERROR, CONFIDENCE)
    return covers((interval.low, interval.high), 0.0)


def crossed_mean(side: int, generator: Generator) -> bool:
    """A loss averaged over crossed members, most of whose variance is due to the data order."""
    inits, orders = generator.normal(size=(2, side))
    table = math.sqrt(INIT) * inits[:, None] + math.sqrt(ORDER) * orders
    table = table + math.sqrt(REST) * generator.normal(size=(side, side))
    interval = paired_mean(table.ravel(), grid(side), NO_ERROR, CONFIDENCE)
    return covers((interval.low, interval.high), 0.0)


DIMENSIONS, OUTLYING = 60, 0.15


def points(m: int, generator: Generator) -> Floats:
    """Members as points, each mildly stretched; their squared distances are as a KL is to leading
    order."""
    stretch = generator.lognormal(0, OUTLYING, size=(m, 1))
    return np.asarray(generator.normal(size=(m, DIMENSIONS)) * stretch)


def squared_distances(members: Floats) -> Floats:
    """Of every two members, (m, m, dimensions)."""
    return np.asarray(np.square(members[:, None] - members[None]))


SPREAD = 2 * DIMENSIONS * math.exp(2 * OUTLYING**2)


def pair_means(m: int, generator: Generator) -> bool:
    """A mean over pairs of independent members."""
    estimate = pair_mean(squared_distances(points(m, generator)).sum(-1), diagonal(m))
    interval = estimate.interval(NO_ERROR, CONFIDENCE)
    return covers((interval.low, interval.high), SPREAD)


def spread_ratios(m: int, generator: Generator) -> bool:
    """The log ratio of the spreads of two classes with the same seeds."""
    one, other = (squared_distances(points(m, generator)).sum(-1) for _ in range(2))
    constant = np.ones((3, 9))
    interval = log_ratio_of_spreads(2 * one, other, diagonal(m), *constant, CONFIDENCE)
    return covers((interval.low, interval.high), math.log(2))


def line_fit(m: int, generator: Generator) -> bool:
    """r2 of losses on a probe against losses on text, over independent members."""
    r = 0.8
    x, noise = generator.normal(size=(2, m))
    y = r * x + math.sqrt(1 - r**2) * noise
    _, low, high = r_squared(x, y, diagonal(m), CONFIDENCE)
    return covers((low, high), r**2)


# ------------------------------------------------------------------------- seeds and documents

DOCUMENTS = 93
WINDOWS = 48


def seeds_and_documents(m: int, generator: Generator) -> bool:
    """A gap averaged over independent seeds and documents, with about equal errors of both."""
    sizes = lengths(DOCUMENTS, generator)
    by_seed = generator.normal(0, 0.005 * math.sqrt(m), size=(m, 1))
    gaps = GAP.draw(sizes, generator) + by_seed
    gaps = gaps + generator.normal(size=(m, DOCUMENTS)) * np.sqrt(1.0 / sizes)
    interval = mean_over_seeds(gaps * sizes, diagonal(m), sizes, weights_of(DOCUMENTS), CONFIDENCE)
    return covers((interval.low, interval.high), truth(GAP))


def pairs_and_documents(m: int, generator: Generator) -> bool:
    """A mean KL over pairs of members and documents of one window each; members differ in other
    ways on other documents."""
    whole = generator.gamma(9.0, 1 / 9.0, size=(WINDOWS, 1))
    weights = whole * generator.gamma(2.0, 1 / 2.0, size=(WINDOWS, DIMENSIONS))
    by_document = np.moveaxis(squared_distances(points(m, generator)) @ weights.T, -1, 0)
    sizes = np.ones(WINDOWS)
    estimate = pair_mean(by_document.mean(0), diagonal(m))
    sums = by_document.sum((1, 2)) / (m * (m - 1))
    error = standard_error(ratio_resamples(sums, sizes, weights_of(WINDOWS)), sizes)
    interval = estimate.interval(error, CONFIDENCE, at_least=0)
    return covers((interval.low, interval.high), SPREAD)


def share_over_both(m: int, generator: Generator) -> bool:
    """A share of texts over seeds and documents, as survival is at a step."""
    share = 0.7
    by_document = generator.beta(share, 1 - share, WINDOWS)
    shift = generator.normal(0, 0.05, size=(m, 1))
    happened = generator.random((m, WINDOWS)) < np.clip(by_document + shift, 0, 1)
    values = happened.astype(np.float64)
    sizes = np.ones(WINDOWS)
    documents = standard_error(ratio_resamples(values.mean(0), sizes, weights_of(WINDOWS)), sizes)
    models = mean_error(values.mean(1), diagonal(m))
    interval = share_interval(
        float(values.mean()), summed([models, documents]), float(WINDOWS), CONFIDENCE
    )
    return covers((interval.low, interval.high), share)


# -------------------------------------------------------------------------------------- kinds


@dataclass(frozen=True)
class Kind:
    """A kind of interval, simulated at some numbers of its units."""

    name: str
    method: str
    units: str
    """Of which `shapes` has the numbers."""
    shapes: tuple[int, ...]
    simulate: Callable[[int, Generator], bool]
    is_used: bool = True
    """Whether the product has it; others are for comparison."""

    def coverage(self, shape: int, repetitions: int) -> float:
        """Share of simulated studies whose interval covers the true value."""
        generator = np.random.default_rng([shape, repetitions])
        return float(np.mean([self.simulate(shape, generator) for _ in range(repetitions)]))


EXPANDED, T, JOINED = "expanded percentiles", "t", "t, joined"
FEW = (93, 63, 40, 31, 20, 10)
KINDS = (
    Kind("loss", EXPANDED, "documents", FEW, of_law(LOSS)),
    Kind("loss, documents counted whole", EXPANDED, "documents", FEW[:4], of_law(LOSS, math.inf)),
    Kind("gap of two members", EXPANDED, "documents", FEW, of_law(GAP)),
    Kind("KL of two members", EXPANDED, "documents", FEW, of_law(KL)),
    Kind("loss on a probe", EXPANDED, "documents of one window", (64, 48, 20), one_window_each),
    Kind("hidden difference", EXPANDED, "documents", FEW, hidden),
    Kind("median", EXPANDED, "documents", (60, 30), median),
    Kind("share of tokens, 20 to 80%", "Wilson, effective trials", "documents", FEW,
         of_share(0.2, 0.8)),
    Kind("share of tokens, 80 to 100%", "Wilson, effective trials", "documents", FEW,
         of_share(0.8, 0.999)),
    Kind("share of members", "Wilson", "seeds", (6, 10, 20), independent_share),
    Kind("mean over members", T, "seeds", (3, 4, 6, 8), seed_mean),
    Kind("difference of two classes", T, "seeds in both", (3, 4, 6, 8), paired_difference),
    Kind("mean over crossed members", "t, two mean squares", "seeds of each kind", (4, 5, 6),
         crossed_mean),
    Kind("mean over pairs of members", "jackknife, t", "seeds", (3, 4, 5, 6, 8), pair_means),
    Kind("log ratio of two spreads", "jackknife, t", "seeds in both", (4, 5, 6, 8), spread_ratios),
    Kind("r² of losses", "jackknife of Fisher's z, t", "seeds", (8, 16), line_fit),
    Kind("mean gap", JOINED, f"seeds, {DOCUMENTS} documents", (3, 4, 6, 8), seeds_and_documents),
    Kind("mean KL over pairs", JOINED, f"seeds, {WINDOWS} documents", (4, 6, 8),
         pairs_and_documents),
    Kind("survival at a step", "Wilson, effective trials", f"seeds, {WINDOWS} documents",
         (4, 6, 8), share_over_both),
    Kind("for comparison: a log-normal quantity, sigma 0.5", EXPANDED, "documents", FEW,
         of_law(SKEWED), is_used=False),
    Kind("for comparison: loss, documents counted whole", "percentiles, not expanded", "documents",
         (93, 40, 20, 10), plain_percentiles(LOSS, math.inf), is_used=False),
)  # fmt: skip


def measured(repetitions: int) -> dict[str, object]:
    """The contents of the file of results."""
    rows = [
        {
            "kind": kind.name,
            "method": kind.method,
            "units": kind.units,
            "shapes": list(kind.shapes),
            "coverage": [round(kind.coverage(shape, repetitions), 4) for shape in kind.shapes],
        }
        for kind in KINDS
    ]
    return {"nominal": CONFIDENCE, "repetitions": repetitions, "kinds": rows}


if __name__ == "__main__":
    RESULTS.write_text(json.dumps(measured(4000), indent=1) + "\n", encoding="utf-8")
