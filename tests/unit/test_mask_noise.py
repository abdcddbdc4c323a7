"""The null of mask spectroscopy: predictors that err without direction, and classes beside them."""

import itertools
import json

import numpy as np
import pytest
from example_prompts import STATISTICS, plain

from kit import diagonal
from manymasks.arrays import Floats, Ints
from manymasks.truth.mixtures import mixed
from manymasks.truth.noise import (
    DRAWS,
    TOLERANCE,
    class_rows,
    mask_share,
    noisy_predictors,
    with_noise,
)
from manymasks.truth.spectroscopy import (
    MaskFit,
    MaskPrompts,
    fit_masks,
    pair_divergences,
    residuals,
)


def tempered(prompts: MaskPrompts, power: float, draws: Floats | None = None) -> MaskFit:
    """A predictor that weighs the masks by a power of the posterior, with noise of 0.15."""
    weights = prompts.posterior**power
    law = mixed(weights / weights.sum(-1, keepdims=True), prompts.masks)
    raw = law if draws is None else law * np.exp(0.15 * draws)
    return fit_masks(prompts, raw / raw.sum(-1, keepdims=True))


def test_noise_reaches_the_wanted_residual() -> None:
    prompts = plain()
    wanted = np.array([1e-4, 0.003, 0.009, 0.0, 0.05, 0.4])
    found = noisy_predictors(prompts, wanted, 0)
    assert len(found.fits) == DRAWS
    np.testing.assert_allclose(found.residual, wanted, rtol=TOLERANCE, atol=1e-9)
    assert (found.scale[3] == 0, found.residual[3] < 1e-9) == (True, True)
    by_hand = [residuals(prompts, each)[:, 1].mean() for each in found.fits]
    assert found.residual[1] == pytest.approx(np.mean(by_hand))
    # Small noise diverges by half its variance under the law, of which the fit follows a part.
    whole = (1 - (prompts.exact[:, 0] ** 2).sum(-1)).mean() * found.scale[0] ** 2 / 2
    assert 0.75 * whole < wanted[0] < 0.95 * whole
    again = noisy_predictors(prompts, wanted, 0)
    np.testing.assert_array_equal(again.scale, found.scale)
    assert (noisy_predictors(prompts, wanted, 1).scale[:3] != found.scale[:3]).all()


def test_noise_has_one_scale_and_is_independent() -> None:
    prompts = plain(200, (0, 8))
    draws = np.random.default_rng(3).normal(size=prompts.exact.shape)
    laws = with_noise(prompts, np.array([0.1, 0.3]), draws)
    np.testing.assert_allclose(laws.sum(-1), 1, rtol=1e-12)
    apart_by = np.log(laws / prompts.exact)
    apart_by -= apart_by.mean(-1, keepdims=True)
    np.testing.assert_allclose(apart_by.std((0, 2)), [0.1, 0.3], rtol=0.05)
    unchanged = with_noise(prompts, np.zeros(2), draws)
    np.testing.assert_allclose(unchanged, prompts.exact, atol=1e-12)


def test_without_noise_slope_is_1_and_share_is_none() -> None:
    prompts = plain()
    fits = [tempered(prompts, 1)] * 3
    for row in class_rows(
        prompts, fits, diagonal(len(fits)), pair_divergences(prompts, fits), STATISTICS
    ):
        assert (row["noise"], row["share"], row["share_null"]) == (0, None, None)
        assert row["share_low"] is None
        for end in ("", "_low", "_high", "_null", "_null_lowest", "_null_highest"):
            assert row[f"sharpening{end}"] == pytest.approx(1, abs=2e-3)
            assert row[f"from_bayes{end}"] == pytest.approx(0, abs=1e-5)
        json.dumps(row, allow_nan=False)


def test_random_errors_are_at_the_null() -> None:
    """Exact members with random noise: their share and slope are those of the null."""
    prompts = plain(60, (0, 4, 8, 56))
    rng = np.random.default_rng(21)
    fits = [tempered(prompts, 1, rng.normal(size=prompts.exact.shape)) for _ in range(6)]
    rows = class_rows(
        prompts, fits, diagonal(len(fits)), pair_divergences(prompts, fits), STATISTICS
    )
    assert [each["letters"] for each in rows] == [0, 4, 8, 56]
    for found in rows:
        assert found["noise"] == pytest.approx(0.15, rel=0.03)
        assert found["residual"] == pytest.approx(found["residual_null"], rel=TOLERANCE)
        assert found["share"] == pytest.approx(found["share_null"], rel=0.15)
        assert found["share_null_lowest"] < found["share_null"] < found["share_null_highest"]
        assert found["share_low"] < found["share_null"] < found["share_high"]
        assert found["share_null"] < 0.25
        slope = found["sharpening"]
        assert found["sharpening_null_lowest"] < slope < found["sharpening_null_highest"]
        assert found["from_bayes"] == pytest.approx(found["from_bayes_null"], rel=0.3)
    # The bias that the null is there for: far fewer than four masks are left by then.
    assert rows[-1]["sharpening_null"] < 0.985


def test_different_weights_of_masks_exceed_the_null() -> None:
    prompts = plain(60, (0, 4, 8))
    rng = np.random.default_rng(22)
    shared = rng.normal(size=prompts.exact.shape)
    # The same errors, and so nothing but the masks to tell them apart.
    fits = [tempered(prompts, power, shared) for power in (0.4, 1.0, 1.6)]
    rows = class_rows(
        prompts, fits, diagonal(len(fits)), pair_divergences(prompts, fits), STATISTICS
    )
    for found in rows:
        assert found["share"] > 0.85
        assert found["share_null"] < 0.25
        assert found["share_low"] > found["share_null_highest"]
    sharp = [tempered(prompts, 1.6, rng.normal(size=prompts.exact.shape)) for _ in range(4)]
    first = class_rows(
        prompts, sharp, diagonal(len(sharp)), pair_divergences(prompts, sharp), STATISTICS
    )[0]
    assert first["sharpening_low"] > first["sharpening_null_highest"]


def test_the_share_of_a_class_by_hand() -> None:
    rng = np.random.default_rng(23)
    kl = rng.gamma(4, 0.01, (5, 5, 40))
    kl += kl.swapaxes(0, 1)
    mask = kl * rng.uniform(0.2, 0.4, (5, 5, 1))
    mask = (mask + mask.swapaxes(0, 1)) / 2
    for each in (kl, mask):
        each[range(5), range(5)] = 0
    resamples = rng.multinomial(40, np.full(40, 1 / 40), size=500).astype(np.float64)
    found = mask_share(kl, mask, diagonal(5), resamples, 0.95)
    pairs = list(itertools.combinations(range(5), 2))

    def share(fits: list[tuple[int, int]], document: slice | Ints = slice(None)) -> float:
        above = sum(mask[a, b, document].sum() for a, b in fits)
        return float(above / sum(kl[a, b, document].sum() for a, b in fits))

    assert found.estimate == pytest.approx(share(pairs))
    without = np.array([share([pair for pair in pairs if i not in pair]) for i in range(5)])
    of_members = np.sqrt(4 / 5 * ((without - without.mean()) ** 2).sum())
    drawn = [share(pairs, np.repeat(np.arange(40), each.astype(int))) for each in resamples]
    error = np.hypot(of_members, np.std(drawn, ddof=1))
    by_t = (of_members / error) ** 2 * 2.776 + (1 - (of_members / error) ** 2) * 1.96
    assert found.high - found.estimate == pytest.approx(by_t * error, rel=1e-3)
    two = mask_share(kl[:2, :2], mask[:2, :2], diagonal(2), resamples, 0.95)
    assert np.isfinite(two.estimate)
    assert np.isnan(two.low)
