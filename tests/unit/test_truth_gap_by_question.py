"""The gap to a baseline by what is asked, against sums by hand and a predictor on the ceiling."""

import math
from typing import Any

import numpy as np
import pytest

from manymasks.config.analyses import Contrast, Statistics
from manymasks.corpora.processes import tally
from manymasks.corpora.processes.process import COUNTED
from manymasks.corpora.processes.registry import process
from manymasks.statistics.bootstrap import document_weights, standard_error
from manymasks.statistics.intervals import StandardError, joined
from manymasks.statistics.model_classes import Member
from manymasks.statistics.proportions import wilson
from manymasks.truth.excess import divergences
from manymasks.truth.gap_by_question import binding_columns, demand_rows
from manymasks.truth.prices import Price, exact_prices

STATISTICS = Statistics(resamples=200)
CONTRASTS = (Contrast(baseline="causal", variant="myopic"),)


def member(variant: str, seed: int, size: str = "base") -> Member:
    return Member(f"{variant}{seed}{size}", f"t/{size}/{variant}", "t", size, variant, seed, 0)


STRATA = {
    COUNTED: np.array([[-1, 0, 0]] * 4),
    "role": np.array([[-1, 0, 1], [-1, 0, 0], [-1, 0, 1], [-1, 0, 0]]),
}
LEVELS = {COUNTED: (COUNTED,), "role": ("x", "y", "z")}
PRICES = {
    "no-binding": {("role", "y"): Price(0.7)},
    "no-reading": {("role", "x"): Price(0.9)},
}


def rows_of(
    kl: Any, members: list[Member], contrasts: tuple[Contrast, ...] = CONTRASTS
) -> dict[tuple[str, str, str], dict[str, Any]]:
    rows = demand_rows(kl, STRATA, LEVELS, members, contrasts, PRICES, STATISTICS)
    return {(row["size"], row["stratum"], row["level"]): row for row in rows}


def test_rows_by_hand() -> None:
    rng = np.random.default_rng(0)
    kl = rng.exponential(size=(7, 4, 3))
    kl[:, :, 0] = np.nan
    # One member of each arm has no partner, and a size has no baseline.
    members = [member("causal", i) for i in (0, 1, 2)] + [member("myopic", i) for i in (2, 1, 5)]
    members += [member("myopic", 0, "small")]
    found = rows_of(kl, members)
    assert list(found) == [("base", "all", "all"), ("base", "role", "x"), ("base", "role", "y")]
    weights = document_weights(4, 200, 0)
    for (_, stratum, level), row in found.items():
        of = STRATA[COUNTED] >= 0
        if stratum == "role":
            of = of & (STRATA["role"] == LEVELS["role"].index(level))
        tokens = of.sum(1)
        baseline, variant = (
            np.where(of, kl[list(chosen)], 0).sum(-1) for chosen in ((1, 2), (4, 3))
        )
        for name, sums, value in (
            ("gap", variant - baseline, row["gap"]),
            ("variant", variant, row["variant_nats"]),
            ("baseline", baseline, row["baseline_nats"]),
        ):
            each = sums.sum(1) / tokens.sum()
            assert value == pytest.approx(each.mean())
            resamples = np.array([w @ sums.mean(0) / (w @ tokens) for w in weights if w @ tokens])
            models = StandardError(each.std(ddof=1) / math.sqrt(2), 1)
            over_documents = standard_error(resamples, tokens.astype(float))
            half = joined(0.0, models, over_documents, 0.95).high
            low = each.mean() - half if name == "gap" else max(each.mean() - half, 0)
            ends = row[f"{name}_low"], row[f"{name}_high"]
            assert ends == pytest.approx((low, each.mean() + half))
        assert row["ceiling"] == (0.7 if level == "y" else None)
        assert row["models"] == 2
        assert row["documents"] == (tokens > 0).sum()
        assert (row["corpus"], row["baseline"], row["variant"]) == ("t", "causal", "myopic")


def test_one_pair_has_a_gap_and_no_interval() -> None:
    kl = np.stack([np.ones((4, 3)), 3 * np.ones((4, 3))])
    row = rows_of(kl, [member("causal", 0), member("myopic", 0)])["base", "all", "all"]
    assert (row["gap"], row["variant_nats"], row["models"]) == (2, 3, 1)
    assert row["gap_low"] is row["gap_high"] is row["variant_low"] is row["variant_high"] is None


def test_one_document_has_no_interval() -> None:
    kl = np.random.default_rng(0).exponential(size=(4, 4, 3))
    members = [member(variant, i) for variant in ("causal", "myopic") for i in (0, 1)]
    strata = {**STRATA, "role": np.array([[-1, 0, 1], [-1, 0, 0], [-1, 0, 0], [-1, 0, 0]])}
    rows = demand_rows(kl, strata, LEVELS, members, CONTRASTS, {}, STATISTICS)
    (row,) = (each for each in rows if each["level"] == "y")
    assert row["documents"] == 1
    assert row["gap"] is not None
    assert row["gap_low"] is row["variant_high"] is None


def test_without_contrasts_or_pairs_there_are_no_rows() -> None:
    kl = np.ones((2, 4, 3))
    members = [member("causal", 0), member("myopic", 1)]
    assert rows_of(kl, members, ()) == {}
    assert rows_of(kl, members) == {}
    assert rows_of(kl[:0], [], ()) == {}


def test_predictor_without_binding_is_at_the_ceiling() -> None:
    known = process("tally")
    tokens = known.draw(300, np.random.default_rng(3))
    laws, strata = known.laws(tokens), known.strata(tokens)
    ablated = {name: of(tokens) for name, of in known.ablated.items()}
    with np.errstate(divide="ignore"):
        logs = np.log(np.stack([laws, laws, ablated["no-binding"], ablated["no-binding"]]))
    kl = np.stack([divergences(laws, each) for each in logs])
    members = [member(variant, i) for variant in ("causal", "myopic") for i in (0, 1)]
    rows = demand_rows(
        kl, strata, known.levels, members, CONTRASTS, exact_prices(known, 2, 0), STATISTICS
    )
    found = {(row["stratum"], row["level"]): row for row in rows}
    for row in found.values():
        assert row["baseline_nats"] == 0
        assert row["gap"] == pytest.approx(row["variant_nats"])
        # All members of an arm are alike, so only documents vary.
        assert row["gap_low"] <= row["gap"] <= row["gap_high"]
    assert found["all", "all"]["ceiling"] == pytest.approx(0.0741, abs=5e-5)
    assert found["pairs", "3"]["ceiling"] is None
    for pairs in range(1, 7):
        row = found["answers by W", str(pairs)]
        assert row["ceiling"] == tally.ceiling(pairs)
        assert row["variant_low"] - 1e-9 <= row["ceiling"] <= row["variant_high"] + 1e-9


def test_binding_is_a_rate_over_seeds() -> None:
    tokens = np.array([2.0, 3.0])
    causal, myopic = np.array([[0.1, 0.1], [3.0, 4.0]]), np.array([[3.0, 3.0], [2.5, 3.0]])
    columns = binding_columns(causal, myopic, tokens, 1.3, 0.95)
    assert (columns["baseline_binding"], columns["variant_binding"]) == (1, 0)
    low, high = wilson(0, 2, 0.95)
    assert (columns["variant_rate_low"], columns["variant_rate_high"]) == (low, high)
    without = binding_columns(causal, myopic, tokens, None, 0.95)
    assert without["ceiling"] is without["baseline_binding"] is without["variant_rate_high"] is None
