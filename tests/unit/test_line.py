"""The line of loss on a probe against loss on text: scipy, closed forms, simulated noise."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import f_oneway, linregress, pearsonr

import kit
from kit import diagonal
from manymasks.arrays import Floats
from manymasks.config.analyses import Statistics
from manymasks.divergence.line import (
    OnProbe,
    class_share,
    fit,
    line_rows,
    r_squared,
    residual_sd,
    residual_sd_noise,
)
from manymasks.statistics.model_classes import Member

STATISTICS = Statistics(resamples=200)

samples = st.tuples(st.integers(3, 12), st.integers(0, 2**32 - 1)).map(
    lambda v: np.random.default_rng(v[1]).normal(size=(2, v[0]))
)


def members_of(*counts: int) -> list[Member]:
    return [
        Member(f"{variant}{i}", f"c/s/{variant}", "c", "s", variant, i, 0)
        for variant, count in zip("abc", counts, strict=False)
        for i in range(count)
    ]


def scored_of(members: list[Member], nats: Floats, prefix: str = "d") -> OnProbe:
    """Documents of 10 tokens each with mean losses nats (D, m)."""
    names = np.array([f"{prefix}{i}" for i in range(len(nats))])
    return OnProbe(members, names, np.full(len(nats), 10.0), 10 * nats)


@given(samples)
def test_a_line_agrees_with_scipy(sample: Floats) -> None:
    x, y = sample
    expected = linregress(x, y)
    found = fit(x, y)
    assert float(found.slope) == pytest.approx(expected.slope, rel=1e-8, abs=1e-10)
    assert float(found.intercept) == pytest.approx(expected.intercept, rel=1e-8, abs=1e-8)
    residuals = y - expected.intercept - expected.slope * x
    assert found.residuals == pytest.approx(residuals, abs=1e-8)
    assert r_squared(x, y, diagonal(x.size), 0.95)[0] == pytest.approx(
        expected.rvalue**2, abs=1e-10
    )
    # The error of a slope is what is off the line over the root of the sum of squares of x.
    spread = math.sqrt(float(np.sum((x - x.mean()) ** 2)))
    assert residual_sd(found.residuals) == pytest.approx(expected.stderr * spread, abs=1e-6)


def test_many_lines_are_fitted_at_once() -> None:
    x, y = np.random.default_rng(0).normal(size=(2, 5, 7))
    found = fit(x, y)
    for k in range(5):
        one = fit(x[k], y[k])
        assert found.slope[k] == pytest.approx(float(one.slope))
        assert found.residuals[k] == pytest.approx(one.residuals)


def test_the_interval_of_r2_agrees_with_a_naive_jackknife() -> None:
    x, noise = np.random.default_rng(3).normal(size=(2, 9))
    y = 2 * x + noise
    r2, low, high = r_squared(x, y, diagonal(x.size), 0.9)
    z = [math.atanh(pearsonr(np.delete(x, i), np.delete(y, i)).statistic) for i in range(9)]
    error = math.sqrt(8 / 9 * sum((each - sum(z) / 9) ** 2 for each in z))
    middle = math.atanh(math.sqrt(r2))
    half = 1.859548038 * error  # t(8) at 95%
    assert low == pytest.approx(math.tanh(middle - half) ** 2, rel=1e-6)
    assert high == pytest.approx(math.tanh(middle + half) ** 2, rel=1e-6)
    assert r_squared(x, -y, diagonal(x.size), 0.9) == pytest.approx((r2, low, high))


@given(samples)
def test_the_interval_contains_r2(sample: Floats) -> None:
    r2, low, high = r_squared(sample[0], sample[1], diagonal(sample[0].size), 0.95)
    if math.isfinite(low):
        assert 0 <= low <= r2 <= high <= 1


def test_an_exact_line_has_no_interval() -> None:
    x = np.arange(6.0)
    r2, low, high = r_squared(x, 3 - 2 * x, diagonal(x.size), 0.95)
    assert r2 == pytest.approx(1)
    assert math.isnan(low)
    assert math.isnan(high)
    assert residual_sd(fit(x, 3 - 2 * x).residuals) == pytest.approx(0, abs=1e-12)
    assert math.isnan(float(fit(np.ones(4), np.arange(4.0)).slope))


def test_the_interval_of_r2_covers() -> None:
    generator = np.random.default_rng(0)
    times, rho = 500, 0.8
    covered = 0
    for _ in range(times):
        x, noise = generator.normal(size=(2, 12))
        _, low, high = r_squared(x, rho * x + math.sqrt(1 - rho**2) * noise, diagonal(x.size), 0.95)
        covered += low <= rho**2 <= high
    assert 0.91 <= covered / times <= 0.99


@given(st.integers(2, 5), st.integers(2, 6), st.integers(0, 2**32 - 1), st.floats(0, 3))
def test_the_share_of_balanced_classes_follows_from_f(
    groups: int, each: int, seed: int, effect: float
) -> None:
    generator = np.random.default_rng(seed)
    values = generator.normal(size=(groups, each)) + effect * generator.normal(size=(groups, 1))
    labels = [f"g{k}" for k in range(groups) for _ in range(each)]
    f = f_oneway(*values).statistic
    # Component between / within = (F - 1) / n.
    ratio = max(f - 1, 0) / each
    found = class_share(values.ravel(), labels)
    assert found == pytest.approx(ratio / (ratio + 1), abs=1e-9)
    assert 0 <= found <= 1


def test_the_share_of_unequal_classes_by_hand() -> None:
    # Means 1 and 4, squares within 2 + 0 + 2 and 2 over 3 degrees; between 3 * 1.2^2 + 2 * 1.8^2.
    values, labels = np.array([0.0, 1.0, 2.0, 3.0, 5.0]), ["a"] * 3 + ["b"] * 2
    within, between, typical = 4 / 3, 10.8, 5 - 13 / 5
    of_classes = (between - within) / typical
    assert class_share(values, labels) == pytest.approx(of_classes / (of_classes + within))
    assert math.isnan(class_share(values, ["a"] * 5))
    assert math.isnan(class_share(values, list("abcde")))
    assert math.isnan(class_share(np.zeros(5), labels))


def test_document_effects_common_to_all_members_are_not_noise() -> None:
    generator = np.random.default_rng(1)
    members = members_of(4)
    hardness = generator.normal(size=(30, 1))
    text = scored_of(members, 3 + 0.1 * np.arange(4) + hardness)
    far = scored_of(members, 4 + 0.2 * np.arange(4) + 5 * generator.normal(size=(20, 1)), "e")
    (row,) = line_rows("p", 1, far, text, STATISTICS)["line_fit"]
    assert row["slope"] == pytest.approx(2)
    assert row["residual_sd"] == pytest.approx(0, abs=1e-12)
    assert row["residual_sd_noise"] == pytest.approx(0, abs=1e-12)


def test_documents_that_both_share_are_resampled_together() -> None:
    members = members_of(5)
    nats = np.random.default_rng(2).normal(3, 1, size=(25, 5))
    text = scored_of(members, nats)
    # The same windows in another order.
    order = np.random.default_rng(3).permutation(25)
    again = OnProbe(members, text.documents[order], text.tokens[order], 2 * text.nats[order])
    tables = line_rows("p", 1, again, text, STATISTICS)
    (row,) = tables["line_fit"]
    assert (row["slope"], row["r2"]) == pytest.approx((2, 1))
    assert row["residual_sd_noise"] == pytest.approx(0, abs=1e-10)
    for each in tables["line_residual"]:
        assert (each["low"], each["high"]) == pytest.approx((0, 0), abs=1e-10)


def test_members_on_a_line_deviate_by_document_noise() -> None:
    """Noise in both losses, slope 2: residual_sd equals its noise, which has a closed form."""
    generator = np.random.default_rng(4)
    members = members_of(4, 4)
    skill = np.linspace(3, 4, 8)
    squares, noises, inside = [], [], []
    for _ in range(150):
        text = scored_of(members, skill + 0.2 * generator.normal(size=(80, 8)))
        far = scored_of(members, 1 + 2 * skill + 0.3 * generator.normal(size=(40, 8)), "e")
        tables = line_rows("p", 1, far, text, Statistics(resamples=100))
        (row,) = tables["line_fit"]
        squares.append(row["residual_sd"] ** 2)
        noises.append(row["residual_sd_noise"] ** 2)
        inside += [each["low"] <= 0 <= each["high"] for each in tables["line_residual"]]
    expected = 0.3**2 / 40 + 4 * 0.2**2 / 80
    assert np.mean(squares) == pytest.approx(expected, rel=0.12)
    assert np.mean(noises) == pytest.approx(expected, rel=0.08)
    assert 0.9 <= np.mean(inside) <= 0.98


def test_members_off_the_line_exceed_noise() -> None:
    generator = np.random.default_rng(5)
    members = members_of(4, 4)
    skill = np.tile(np.linspace(3, 4, 4), 2)
    off = 0.5 * np.repeat([-1.0, 1.0], 4)
    text = scored_of(members, skill + 0.05 * generator.normal(size=(50, 8)))
    far = scored_of(members, skill + off + 0.05 * generator.normal(size=(50, 8)))
    tables = line_rows("p", 2, far, text, STATISTICS)
    (row,) = tables["line_fit"]
    assert row["residual_sd"] == pytest.approx(0.5 * math.sqrt(8 / 6), rel=0.05)
    assert row["residual_sd_noise"] < 0.02
    assert row["class_share"] > 0.95
    for each, side in zip(tables["line_residual"], off, strict=True):
        assert each["low"] <= each["residual"] <= each["high"]
        assert each["low"] > 0 if side > 0 else each["high"] < 0


def test_members_are_matched_by_key_and_rows_have_their_columns() -> None:
    generator = np.random.default_rng(6)
    everyone = members_of(3, 3)
    half = [everyone[4], everyone[0], everyone[5], everyone[1]]
    nats = generator.normal(3, 1, size=(10, 6))
    tables = line_rows(
        "p", 3, scored_of(half, nats[:, [4, 0, 5, 1]]), scored_of(everyone, nats), STATISTICS
    )
    (row,) = tables["line_fit"]
    assert (row["probe"], row["severity"], row["models"], row["documents"]) == ("p", 3, 4, 10)
    assert row["slope"] == pytest.approx(1)
    assert [each["model"] for each in tables["line_residual"]] == ["b1", "a0", "b2", "a1"]
    for each in tables["line_residual"]:
        assert each["text_nats"] == pytest.approx(each["nats"])
    for table, rows in tables.items():
        assert all(set(row) == kit.COLUMNS[table] for row in rows)


def test_fewer_than_three_members_have_no_line() -> None:
    members = members_of(3)
    nats = np.random.default_rng(7).normal(3, 1, size=(5, 3))
    nothing: dict[str, list[Any]] = {"line_fit": [], "line_residual": []}
    text = scored_of(members, nats)
    assert line_rows("p", 1, scored_of(members[:2], nats[:, :2]), text, STATISTICS) == nothing
    same = scored_of(members, np.ones((5, 3)))
    assert line_rows("p", 1, text, same, STATISTICS) == nothing
    tables = line_rows("p", 1, scored_of(members, nats[:1]), text, STATISTICS)
    assert tables["line_fit"][0]["residual_sd"] is not None
    assert tables["line_fit"][0]["residual_sd_noise"] is None
    assert tables["line_residual"][0]["low"] is None
    assert math.isnan(residual_sd(np.zeros(2)))
    assert residual_sd_noise(np.zeros((3, 10)), np.ones(5)) == 0
