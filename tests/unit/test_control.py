"""The gap of a process beyond that of its control: naive computation, and missing seeds."""

import numpy as np
import pytest
from scipy import stats

from manymasks.config.analyses import Contrast, Statistics
from manymasks.myopia.control import ScoredCorpus, control_rows
from manymasks.statistics.model_classes import Member

CONTRAST = Contrast(baseline="causal", variant="myopic")
STATISTICS = Statistics(resamples=200)


def scored(corpus: str, seeds: list[int], gap: float, documents: int = 50) -> ScoredCorpus:
    generator = np.random.default_rng(len(corpus) + len(seeds))
    members = [
        Member(
            f"{corpus}{variant}{seed}", f"{corpus}/s/{variant}", corpus, "s", variant, seed, seed
        )
        for variant in ("causal", "myopic")
        for seed in seeds
    ]
    tokens = generator.integers(5, 20, documents).astype(float)
    level = np.array([gap * (member.variant == "myopic") for member in members])
    level = level + generator.normal(0, 0.05, len(members)) + 2
    return ScoredCorpus(members, level[:, None] * tokens, tokens)


def test_difference_of_gaps_is_paired_by_seeds() -> None:
    process, control = scored("tally", [0, 1, 2, 3], 0.5), scored("control", [1, 2, 3, 4], 0.1)
    (row,) = control_rows(process, control, [CONTRAST], STATISTICS)
    gaps = []
    for corpus in (process, control):
        loss = corpus.nats.sum(1) / corpus.tokens.sum()
        half = len(loss) // 2
        seeds = [member.seed_init for member in corpus.members[:half]]
        gaps.append(dict(zip(seeds, loss[half:] - loss[:half], strict=True)))
    differences = np.array([gaps[0][seed] - gaps[1][seed] for seed in (1, 2, 3)])
    # All documents are alike, so their error is 0.
    low, high = stats.t.interval(0.95, 2, differences.mean(), stats.sem(differences))
    assert row["estimate"] == pytest.approx(differences.mean())
    assert (row["low"], row["high"]) == pytest.approx((low, high))
    assert (row["inits"], row["orders"], row["degrees"]) == (3, 3, pytest.approx(2))
    names = ("claim", "corpus", "subject", "baseline", "within", "within_baseline")
    expected = ("gap_beyond_control", "tally", "s", "control", "myopic", "causal")
    assert tuple(row[name] for name in names) == expected


def test_no_shared_seed_has_no_row() -> None:
    process, control = scored("tally", [0, 1], 0.5), scored("control", [2, 3], 0.1)
    assert control_rows(process, control, [CONTRAST], STATISTICS) == []
