"""Local volumes against quadratic losses, whose volumes are known."""

import math

import numpy as np
import numpy.typing as npt
import pytest
import torch
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from scipy import stats
from scipy.special import gammaln
from torch import Tensor

from kit import diagonal
from manymasks.arrays import Floats
from manymasks.rashomon.volume import (
    direction,
    local_volume,
    pairs_of_sizes,
    radii,
    size_contrasts,
    stacked_excess,
)
from manymasks.statistics.model_classes import Member

EPS = 0.02


def found_radii(
    weights: dict[str, Tensor], curvature: dict[str, Tensor], directions: int, seed: int = 0
) -> npt.NDArray[np.float64]:
    """Radii around a minimum of 1/2 sum h w^2 that lies at these weights."""
    along = [direction(weights, seed + k) for k in range(directions)]
    slots: dict[int, dict[str, Tensor]] = {}

    def losses() -> Floats:
        return np.array(
            [
                1.7
                + 0.5
                * sum(
                    float((curvature[name] * (slots[k][name] - w).double() ** 2).sum())
                    for name, w in weights.items()
                )
                for k in range(directions)
            ]
        )

    excess = stacked_excess(
        lambda slot, moved: slots.__setitem__(slot, dict(moved)), losses, weights, along, 1.7
    )
    return radii(excess, EPS, directions)


def tensors(*shapes: tuple[int, ...], scale: float = 1.0) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(9)
    return {
        f"w{i}": scale * (i + 1) * torch.randn(shape, generator=generator, dtype=torch.float64)
        for i, shape in enumerate(shapes)
    }


def test_directions_are_on_the_sphere_of_the_weights_sizes() -> None:
    weights = tensors((5, 3), (2,), (4, 4, 2))
    one = direction(weights, 4)
    squares = sum(float((one[name] ** 2).sum() / (w**2).mean()) for name, w in weights.items())
    assert squares == pytest.approx(5 * 3 + 2 + 32, rel=1e-6)
    assert not torch.equal(one["w0"], direction(weights, 5)["w0"])
    # A tensor of zeros has no size, and no direction.
    still = direction({**weights, "none": torch.zeros(3)}, 4)
    assert not still["none"].any()
    torch.testing.assert_close(still["w0"], one["w0"])


@pytest.mark.parametrize("scale", [0.01, 1.0, 50.0])
def test_an_isotropic_quadratic_is_exact(scale: float) -> None:
    """h_i = h / rms^2 in each tensor: every direction has the radius sqrt(2 eps / (h d))."""
    weights = tensors((6, 5), (7,), scale=scale)
    d, h = 37, 3.0
    curvature = {name: torch.full_like(w, h) / (w**2).mean() for name, w in weights.items()}
    found = found_radii(weights, curvature, 6)
    np.testing.assert_allclose(found, math.sqrt(2 * EPS / (h * d)), rtol=1e-3)
    volume = local_volume(found, d, 0.95)
    # The bound, the mean of powers and the truth are one.
    truth = 0.5 * math.log(2 * EPS / (h * d))
    assert volume.log_radius.estimate == pytest.approx(truth, abs=1e-3)
    assert volume.log_sampled == pytest.approx(d * truth, abs=0.03)


def log_ellipsoid(curvature: npt.NDArray[np.float64], eps: float) -> float:
    """Log-volume of 1/2 sum h_i z_i^2 < eps over that of the ball of radius sqrt(d)."""
    d = curvature.size
    ball = 0.5 * d * math.log(math.pi) - float(gammaln(d / 2 + 1))
    own = ball + 0.5 * float(np.log(2 * eps / curvature).sum())
    return own - (ball + 0.5 * d * math.log(d))


def test_an_ellipse_has_the_mean_log_radius_of_its_closed_form() -> None:
    """The mean over angles of ln(a cos^2 + b sin^2) is 2 ln((sqrt a + sqrt b) / 2)."""
    a, b, count = 40.0, 0.4, 3000
    # Each weight is a tensor, so that its size is its own.
    weights = {"one": torch.tensor([2.0]), "two": torch.tensor([0.5])}
    curvature = {"one": torch.tensor([a / 4]), "two": torch.tensor([b / 0.25])}
    found = found_radii(weights, curvature, count)
    expected = 0.5 * math.log(2 * EPS / 2) - math.log((math.sqrt(a) + math.sqrt(b)) / 2)
    volume = local_volume(found, 2, 0.999)
    assert volume.log_radius.low < expected < volume.log_radius.high
    assert volume.log_radius.high - volume.log_radius.low < 0.15
    # Its true volume is the mean of r^2, which is above the bound.
    truth = log_ellipsoid(np.array([a, b]), EPS)
    assert truth == pytest.approx(math.log(EPS / math.sqrt(a * b)), abs=1e-9)
    assert volume.log_sampled == pytest.approx(truth, abs=0.25)
    assert 2 * expected < truth - 1


@hypothesis_settings(max_examples=25, deadline=None)
@given(st.lists(st.floats(-3, 3), min_size=12, max_size=12), st.integers(0, 1000))
def test_the_bound_is_below_the_ellipsoid(logs: list[float], seed: int) -> None:
    curvature = np.exp(np.array(logs))
    weights = {f"w{i}": torch.ones(1) for i in range(12)}
    h = {f"w{i}": torch.tensor([value]) for i, value in enumerate(curvature)}
    found = found_radii(weights, h, 40, seed)
    volume = local_volume(found, 12, 0.999)
    assert 12 * volume.log_radius.low <= log_ellipsoid(curvature, EPS) + 0.05
    # And the mean of powers lies above the bound (Jensen), in any sample.
    assert volume.log_sampled >= 12 * volume.log_radius.estimate - 1e-9


def test_the_interval_is_student_t() -> None:
    found = np.exp(np.array([-3.0, -2.5, -3.5, -2.9]))
    volume = local_volume(found, 100, 0.9)
    logs = np.log(found)
    low, high = stats.t.interval(0.9, 3, logs.mean(), stats.sem(logs))
    assert (volume.log_radius.low, volume.log_radius.high) == pytest.approx((low, high))
    assert volume.log_sampled == pytest.approx(-250 - math.log(4), abs=1e-6)
    alone = local_volume(found[:1], 100, 0.9)
    assert math.isnan(alone.log_radius.low)
    assert math.isnan(alone.log_radius.high)
    assert alone.log_radius.estimate == pytest.approx(-3)


def test_sizes_are_compared_by_members_with_the_same_seeds() -> None:
    members = [*_sized("base", 4), *_sized("small", 5)]
    logs = np.array([-2.9, -2.8, -3.1, -3.0, -3.4, -3.2, -3.3, -3.6, -9.0])
    (row,) = size_contrasts(members, [9] * 4 + [4] * 5, logs, 0.95)
    differences = logs[:4] - logs[4:8]
    low, high = stats.t.interval(0.95, 3, differences.mean(), stats.sem(differences))
    assert row["estimate"] == pytest.approx(differences.mean())
    assert (row["low"], row["high"]) == pytest.approx((low, high))
    assert row["p"] == pytest.approx(stats.ttest_1samp(differences, 0).pvalue)
    assert (row["degrees"], row["inits"], row["orders"]) == (3, 4, 4)
    (alone,) = size_contrasts(
        members[:1] + members[4:], [9] + [4] * 5, logs[[0, *range(4, 9)]], 0.95
    )
    assert alone["estimate"] == pytest.approx(0.5)
    assert alone["p"] is alone["low"] is None


def _sized(size: str, count: int) -> list[Member]:
    return [
        Member(f"{size}{seed}", f"c/{size}/causal", "c", size, "causal", *pair)
        for seed, pair in enumerate(diagonal(count))
    ]


def test_pairs_of_sizes_name_the_larger_first() -> None:
    sized = [(90, "small"), (230, "base"), (90, "small"), (900, "large")]
    assert pairs_of_sizes(sized) == [("base", "small"), ("large", "small"), ("large", "base")]
    assert pairs_of_sizes(sized[:1]) == []
