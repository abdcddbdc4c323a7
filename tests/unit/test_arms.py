"""Arms side by side, bonus and malus, the gap by tokens seen, and the planning horizon."""

from typing import Any

import numpy as np
import pytest
from scipy import stats

import kit
from manymasks.config.analyses import Contrast, Statistics
from manymasks.myopia.arms import Arm, ScoredArms, arm_rows, baseline_of, curve_rows, part_rows
from manymasks.myopia.gap import myopia_rows
from manymasks.myopia.horizon import fitted_horizon, half_gamma, horizon_rows
from manymasks.statistics.model_classes import Member

STATISTICS = Statistics(resamples=400)
SEEDS = [(0, 0), (1, 1), (2, 2), (3, 3)]
ARMS = {
    "causal": Arm("causal"),
    "half": Arm("discount", 0.5),
    "local": Arm("local", past="causal"),
    "most": Arm("discount", 0.9),
    "myopic": Arm("myopic"),
    "none": Arm("bigram"),
}
GAPS = {"causal": 0.0, "half": 0.15, "local": -0.05, "most": 0.05, "myopic": 0.2, "none": 1.5}

Rows = list[dict[str, Any]]


def _scored(
    gaps: dict[str, float] = GAPS,
    arms: dict[str, Arm] = ARMS,
    *,
    noise: float = 0.0,
    seeds: dict[str, list[tuple[int, int]]] | None = None,
    documents: int = 12,
) -> ScoredArms:
    """Losses with effects of seeds and documents that all arms share, and a gap for each arm."""
    generator = np.random.default_rng(5)
    members = [
        Member(f"{arm}{i}{o}", f"c/s/{arm}", "c", "s", arm, i, o)
        for arm in gaps
        for i, o in (seeds or {}).get(arm, SEEDS)
    ]
    tokens = generator.integers(20, 200, size=documents).astype(float)
    of_document = generator.normal(3, 0.5, size=documents)
    of_seed = {seed: generator.normal(0, 0.1) for seed in SEEDS}
    rates = np.array(
        [
            of_document + of_seed[m.seeds] + gaps[m.variant] + generator.normal(0, noise)
            for m in members
        ]
    )
    floors = {"unigram": (of_document + 3) * tokens, "bigram": (of_document + 1) * tokens}
    return ScoredArms(members, rates * tokens, tokens, arms, floors)


def _by(rows: Rows, **values: Any) -> dict[str, Any]:
    (found,) = [row for row in rows if all(row[name] == value for name, value in values.items())]
    return found


def test_every_arm_and_floor_has_its_loss_and_its_gap_to_causal() -> None:
    scored = _scored()
    rows = arm_rows(scored, "causal", STATISTICS)
    assert [row["arm"] for row in rows] == [*ARMS, "unigram", "bigram"]
    assert all(set(row) == kit.COLUMNS["myopia_arm"] for row in rows)
    for arm, gap in GAPS.items():
        row = _by(rows, arm=arm)
        # The gap is the same for all seeds and documents, so it has no error at all.
        assert (row["gap"], row["gap_low"], row["gap_high"]) == pytest.approx((gap,) * 3)
        assert row["nats_low"] < row["nats"] < row["nats_high"]
        assert (row["models"], row["seeds"]) == (4, 0 if arm == "causal" else 4)
    assert [row["gamma"] for row in rows] == [1, 0.5, None, 0.9, 0, None, None, None]
    causal = _by(rows, arm="causal")
    for floor in ("unigram", "bigram"):
        row = _by(rows, arm=floor)
        expected = scored.ngrams[floor].sum() / scored.tokens.sum()
        assert row["nats"] == pytest.approx(expected)
        assert row["gap"] == pytest.approx(expected - causal["nats"])
        assert row["gap_low"] < row["gap"] < row["gap_high"]
        assert (row["is_ngram"], row["models"], row["seeds"]) == (True, None, 4)


def test_an_arm_pairs_by_seeds_and_one_model_has_no_interval() -> None:
    scored = _scored(noise=0.01, seeds={"myopic": [(2, 2)], "local": [(1, 1), (0, 0)]})
    rows = arm_rows(scored, "causal", STATISTICS)
    one = _by(rows, arm="myopic")
    assert (one["models"], one["seeds"]) == (1, 1)
    assert one["nats_low"] is one["nats_high"] is one["gap_low"] is None
    loss = scored.nats.sum(1) / scored.tokens.sum()
    place = {(m.variant, m.seeds): k for k, m in enumerate(scored.members)}
    pairs = [(place["causal", s], place["local", s]) for s in [(0, 0), (1, 1)]]
    assert _by(rows, arm="local")["gap"] == pytest.approx(
        np.mean([loss[b] - loss[a] for a, b in pairs])
    )


def test_without_a_causal_arm_there_is_no_gap() -> None:
    arms = {"myopic": Arm("myopic"), "none": Arm("bigram")}
    rows = arm_rows(_scored({"myopic": 0.0, "none": 1.0}, arms), None, STATISTICS)
    assert {row["gap"] for row in rows} == {None}
    assert {row["seeds"] for row in rows} == {0}


def test_the_baseline_is_the_causal_arm_of_a_contrast() -> None:
    arms = {"b": Arm("causal"), "a": Arm("causal"), "m": Arm("myopic")}
    assert baseline_of(arms, []) == "a"
    assert baseline_of(arms, [Contrast(baseline="b", variant="m")]) == "b"
    assert baseline_of(arms, [Contrast(baseline="m", variant="b")]) == "a"
    assert baseline_of({"m": Arm("myopic")}, []) is None


def test_gap_is_malus_minus_bonus() -> None:
    scored = _scored(noise=0.02)
    tables = part_rows(scored, STATISTICS)
    parts = {row["part"]: row for row in tables["myopia_part"]}
    assert set(parts) == {"bonus", "malus", "gap"}
    assert parts["gap"]["nats"] == pytest.approx(parts["malus"]["nats"] - parts["bonus"]["nats"])
    loss = scored.nats.sum(1) / scored.tokens.sum()
    mean = {arm: loss[[m.variant == arm for m in scored.members]].mean() for arm in ARMS}
    assert parts["bonus"]["nats"] == pytest.approx(mean["causal"] - mean["local"])
    assert parts["malus"]["nats"] == pytest.approx(mean["myopic"] - mean["local"])
    gap = _by(arm_rows(scored, "causal", STATISTICS), arm="myopic")
    assert parts["gap"]["nats"] == pytest.approx(gap["gap"])
    assert parts["gap"]["low"] == pytest.approx(gap["gap_low"])
    assert all(row["seeds"] == 4 for row in parts.values())
    assert all(set(row) == kit.COLUMNS["myopia_part"] for row in parts.values())
    names = ("claim", "corpus", "subject", "baseline", "within", "inits")
    assert [tuple(row[name] for name in names) for row in tables["contrast"]] == [
        ("bonus", "c", "causal", "local", "s", 4),
        ("malus", "c", "myopic", "local", "s", 4),
    ]
    assert all(set(row) == kit.COLUMNS["contrast"] for row in tables["contrast"])


def test_parts_are_over_the_seeds_that_all_three_share() -> None:
    seeds = {"myopic": SEEDS[:3], "local": SEEDS[1:]}
    parts = part_rows(_scored(noise=0.02, seeds=seeds), STATISTICS)["myopia_part"]
    assert {row["seeds"] for row in parts} == {2}
    by_part = {row["part"]: row["nats"] for row in parts}
    assert by_part["gap"] == pytest.approx(by_part["malus"] - by_part["bonus"])


def test_a_past_without_a_gap_to_explain_has_a_bonus_only() -> None:
    arms = {"myopic": Arm("myopic"), "local": Arm("local", past="myopic"), "causal": Arm("causal")}
    gaps = {"myopic": 0.2, "local": 0.2, "causal": 0.0}
    (row,) = part_rows(_scored(gaps, arms), STATISTICS)["myopia_part"]
    assert (row["part"], row["myopic"]) == ("bonus", None)
    assert row["nats"] == pytest.approx(0, abs=1e-12)
    # A causal past, but no myopic arm.
    arms = {"local": Arm("local", past="causal"), "causal": Arm("causal")}
    (row,) = part_rows(_scored({"local": -0.1, "causal": 0.0}, arms), STATISTICS)["myopia_part"]
    assert (row["part"], row["nats"]) == ("bonus", pytest.approx(0.1))
    assert part_rows(_scored({"causal": 0.0}, {"causal": Arm("causal")}), STATISTICS) == {
        "myopia_part": [],
        "contrast": [],
    }


def test_totals_are_those_of_the_gap_table() -> None:
    scored = _scored(noise=0.02)
    rows = myopia_rows(
        scored.nats[:, :, None],
        scored.tokens[:, None],
        (0,),
        8,
        scored.members,
        [Contrast(baseline="causal", variant="half")],
        STATISTICS,
    )["myopia_gap"]
    total, arm = _by(rows, is_total=True), _by(arm_rows(scored, "causal", STATISTICS), arm="half")
    for one, other in (("gap", "gap"), ("low", "gap_low"), ("high", "gap_high")):
        assert total[one] == arm[other]


def test_the_gap_by_tokens_is_the_paired_t_test_at_each_step() -> None:
    generator = np.random.default_rng(2)
    scored = _scored({"causal": 0.0, "myopic": 0.0})
    steps = (10, 20, 30)
    gaps = {seeds: generator.normal(0.1, 0.05, size=3) for seeds in SEEDS}
    curves = [
        {
            step: (
                step * 64,
                4.0 + m.seed_init + (gaps[m.seeds][k] if m.variant == "myopic" else 0),
            )
            for k, step in enumerate(steps)
            # One member has no point at the last step: its loss was not finite.
            if not (m.model == "myopic33" and step == 30)
        }
        for m in scored.members
    ]
    contrast = Contrast(baseline="causal", variant="myopic")
    rows = curve_rows(curves, scored.members, [contrast], STATISTICS)
    assert [row["step"] for row in rows] == list(steps)
    assert [row["tokens"] for row in rows] == [640, 1280, 1920]
    assert [row["seeds"] for row in rows] == [4, 4, 3]
    assert all(set(row) == kit.COLUMNS["myopia_curve"] for row in rows)
    for k, row in enumerate(rows):
        reference = stats.ttest_1samp([gaps[s][k] for s in SEEDS[: row["seeds"]]], 0)
        interval = reference.confidence_interval(0.95)
        assert (row["low"], row["high"]) == pytest.approx((interval.low, interval.high))
        assert row["gap"] == pytest.approx((interval.low + interval.high) / 2)


def test_half_of_the_gap_is_interpolated_linearly() -> None:
    gammas = np.array([0.0, 0.5, 0.9, 1.0])
    gaps = np.array(
        [
            [0.2, 0.15, 0.05, 0.0],  # half is 0.1, in the middle between 0.5 and 0.9
            [0.2, 0.1, 0.05, 0.0],  # exactly at 0.5
            [0.2, 0.05, 0.15, 0.0],  # the first crossing counts
            [0.2, 0.3, 0.3, 0.0],  # two thirds of the way from 0.9 to 1
            [0.0, 0.1, 0.1, 0.0],
            [-0.1, 0.1, 0.1, 0.0],
        ]
    )
    expected = [0.7, 0.5, 0.5 * 0.1 / 0.15, 0.9 + 0.1 * 2 / 3, np.nan, np.nan]
    np.testing.assert_allclose(half_gamma(gammas, gaps), expected, rtol=1e-12)
    assert np.isnan(half_gamma(gammas, np.full((1, 4), np.nan))[0])


@pytest.mark.parametrize("r", [-3.0, 0.0, 0.5, 0.95])
def test_the_fit_recovers_the_curve(r: float) -> None:
    gammas = np.array([0.0, 0.3, 0.6, 0.9, 1.0])
    gaps = 0.3 * (1 - gammas) / (1 - gammas * r)
    found = fitted_horizon(gammas, gaps)
    assert found == pytest.approx(1 + 1 / (1 - r), rel=0.005)
    dense = np.linspace(0, 1, 20_001)
    curve = 0.3 * (1 - dense) / (1 - dense * r)
    half = half_gamma(dense, curve[None])[0]
    assert 1 / (1 - half) == pytest.approx(1 + 1 / (1 - r), rel=1e-3)
    assert np.isnan(fitted_horizon(gammas, -gaps))
    # Gone at the first step from 0, or not before the last: no curve of this shape.
    assert np.isnan(fitted_horizon(gammas, np.array([0.3, -0.1, -0.1, -0.1, 0.0])))
    assert np.isnan(fitted_horizon(gammas, np.array([0.3, 0.3, 0.3, 0.3, 0.0])))


def test_horizon_of_a_study_with_discounts() -> None:
    (row,) = horizon_rows(_scored(), "causal", STATISTICS)
    assert set(row) == kit.COLUMNS["myopia_horizon"]
    assert (row["gammas"], row["seeds"]) == (4, 4)
    assert row["gap"] == pytest.approx(0.2)
    assert row["half_gamma"] == pytest.approx(0.7)
    assert row["horizon"] == pytest.approx(1 / 0.3)
    # The same gaps for all seeds and documents: nothing to be unsure of.
    assert (row["horizon_low"], row["horizon_high"]) == pytest.approx((1 / 0.3,) * 2)
    (noisy,) = horizon_rows(_scored(noise=0.02), "causal", STATISTICS)
    assert noisy["half_gamma_low"] < noisy["half_gamma"] < noisy["half_gamma_high"]
    assert noisy["horizon_low"] == pytest.approx(1 / (1 - noisy["half_gamma_low"]))
    (single,) = horizon_rows(_scored(seeds={arm: [(0, 0)] for arm in GAPS}), "causal", STATISTICS)
    assert single["half_gamma"] == pytest.approx(0.7)
    assert single["half_gamma_low"] is single["horizon_high"] is None


def test_horizon_is_null_without_the_needed_arms() -> None:
    without = {name: arm for name, arm in ARMS.items() if arm.gradient != "discount"}
    gaps = {name: GAPS[name] for name in without}
    assert horizon_rows(_scored(gaps, without), "causal", STATISTICS) == []
    without = {name: arm for name, arm in ARMS.items() if name != "myopic"}
    gaps = {name: GAPS[name] for name in without}
    (row,) = horizon_rows(_scored(gaps, without), "causal", STATISTICS)
    assert row["gammas"] is row["gap"] is row["half_gamma"] is row["horizon"] is None
    # A discount of 0 is the myopic arm under another name.
    arms = {**without, "zero": Arm("discount", 0.0)}
    (row,) = horizon_rows(_scored({**gaps, "zero": 0.2}, arms), "causal", STATISTICS)
    assert row["horizon"] == pytest.approx(1 / 0.3)
    (row,) = horizon_rows(_scored({**GAPS, "myopic": -0.1}), "causal", STATISTICS)
    assert (row["gap"], row["horizon"]) == (pytest.approx(-0.1), None)
