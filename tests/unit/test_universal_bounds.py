"""Bounds over every prefix: against known maxima, against members, and the checker."""

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from scipy.optimize import minimize
from scipy.special import log_softmax

from manymasks.arrays import Floats
from manymasks.config.training import Size
from manymasks.errors import UserError
from manymasks.models.transformer import Transformer, initialise
from manymasks.universal import certificate as certificates
from manymasks.universal.ball import ball_maxima
from manymasks.universal.certificate import (
    Certificate,
    OutputLayer,
    attained_values,
    bounds_of_points,
    check,
    dual_bounds,
    softmax_with_entropy,
)
from manymasks.universal.universal_tables import closed_forms, measured_logit_error

TIGHT = {"tolerance": 1e-8, "limit": 5000}


def drawn_layer(vocabulary: int, width: int, seed: int, scale: float = 1.0) -> OutputLayer:
    generator = np.random.default_rng(seed)
    return OutputLayer(scale * generator.normal(size=(vocabulary, width)))


def member(seed: int, *, scale: float = 20.0, size: Size | None = None) -> Transformer:
    """A member whose weights are drawn, with predictions far from uniform."""
    model = Transformer(size or Size(width=8, layers=2, heads=1, embedding_sd=1.0), 11, 12)
    initialise(model, [seed])
    model.W_U.data *= scale
    model.norm.data *= torch.linspace(0.5, 2, model.norm.shape[1])
    return model.requires_grad_(False)


def layer_of(model: Transformer) -> OutputLayer:
    weights = {name: weight.numpy() for name, weight in model.weights_of(0).items()}
    return OutputLayer.of_weights(weights)


def certificate_of(layer: OutputLayer) -> Certificate:
    points = ball_maxima(layer, tolerance=1e-3, limit=500).points
    return Certificate(layer.digest, points, bounds_of_points(layer, points).float32)


def test_the_bound_of_two_tokens_is_a_sigmoid() -> None:
    layer = drawn_layer(2, 5, 0)
    points = ball_maxima(layer, **TIGHT).points
    odds = math.sqrt(5) * float(np.linalg.norm(layer.rows[0] - layer.rows[1]))
    expected = -math.log1p(math.exp(-odds))
    assert bounds_of_points(layer, points).exact == pytest.approx([expected] * 2, abs=1e-6)


def test_orthogonal_rows_of_one_length_have_a_closed_form() -> None:
    """By symmetry the best point is along a row minus the mean of all rows."""
    n, length = 16, 1.3
    layer = OutputLayer(length * np.eye(n))
    point = np.eye(n)[0] - 1 / n
    logits = length * math.sqrt(n) * point / np.linalg.norm(point)
    maxima = bounds_of_points(layer, ball_maxima(layer, **TIGHT).points)
    assert maxima.exact == pytest.approx([log_softmax(logits)[0]] * n, abs=1e-6)


@pytest.mark.parametrize("seed", range(4))
def test_the_maximum_over_a_disc_is_exact(seed: int) -> None:
    """In two dimensions: the unconstrained maximum where it lies inside, else that of the circle,
    by a scan."""
    layer = drawn_layer(6, 2, seed, 1.5)
    exact = bounds_of_points(layer, ball_maxima(layer, **TIGHT).points).exact
    circle = np.linspace(0, 2 * math.pi, 20_001)
    z = layer.radius * np.stack([np.cos(circle), np.sin(circle)], axis=1)
    on_circle = log_softmax(z @ layer.rows.T, axis=1)
    is_inside = []
    for token in range(6):
        free = minimize(lambda z, token=token: -log_softmax(layer.rows @ z)[token], np.zeros(2))
        is_inside.append(bool(np.linalg.norm(free.x) < layer.radius))
        expected = -free.fun if is_inside[-1] else on_circle[:, token].max()
        assert exact[token] == pytest.approx(expected, abs=1e-6)
    assert not all(is_inside)


@pytest.mark.parametrize(("vocabulary", "width", "scale"), [(40, 8, 1), (300, 16, 0.2), (30, 4, 6)])
def test_the_gap_is_certified_below_the_tolerance(
    vocabulary: int, width: int, scale: float
) -> None:
    layer = drawn_layer(vocabulary, width, 3, scale)
    maxima = ball_maxima(layer, tolerance=1e-3, limit=2000)
    bounds = bounds_of_points(layer, maxima.points)
    gap = bounds.exact - attained_values(layer, maxima.points)
    assert (gap > -1e-12).all() and gap.max() <= 1e-3
    assert (bounds.float32 >= bounds.exact).all()
    assert (maxima.iterations < 2000).all()


def test_at_the_limit_the_bound_holds_with_a_larger_gap() -> None:
    layer = drawn_layer(60, 8, 5, 4)
    few = ball_maxima(layer, tolerance=1e-3, limit=1)
    many = ball_maxima(layer, tolerance=1e-3, limit=2000)
    early, late = (bounds_of_points(layer, maxima.points).exact for maxima in (few, many))
    assert (few.iterations <= 2).all()
    assert (early >= attained_values(layer, many.points)).all()
    assert (early - late).max() > 1e-2


@hypothesis_settings(max_examples=15, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from([0.1, 1.0, 5.0]))
def test_any_vector_proves_a_valid_and_weaker_bound(seed: int, scale: float) -> None:
    generator = np.random.default_rng(seed)
    layer = drawn_layer(7, 3, seed, scale)
    best = bounds_of_points(layer, ball_maxima(layer, **TIGHT).points).exact
    q = generator.dirichlet(np.full(7, 0.3), size=7)
    entropy = np.where(q > 0, q * np.log(np.maximum(q, 1e-300)), 0).sum(axis=1)
    any_bound = dual_bounds(layer, np.arange(7), q, entropy).exact
    assert (any_bound >= best - 1e-9).all()
    points = generator.normal(size=(500, 3))
    points *= layer.radius * generator.random((500, 1)) / np.linalg.norm(points, axis=1)[:, None]
    values = log_softmax(points @ layer.rows.T, axis=1).max(axis=0)
    assert (values <= best + 1e-9).all()


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("scale", [3.0, 60.0])
def test_no_prefix_of_a_member_exceeds_its_bound(seed: int, scale: float) -> None:
    model = member(seed, scale=scale)
    layer = layer_of(model)
    bounds = bounds_of_points(layer, ball_maxima(layer, tolerance=1e-3, limit=500).points).float32
    floors = closed_forms(layer)[0]
    generator = torch.Generator().manual_seed(seed)
    tokens = torch.randint(11, (1, 400, 12), generator=generator)
    tokens[0, :11] = torch.arange(11)[:, None]
    log_p = torch.log_softmax(model(tokens)[0].double(), -1).flatten(0, 1)
    assert (log_p.amax(0).numpy() <= bounds).all()
    assert (log_p.amin(0).numpy() >= floors).all()
    # They are no closer than the ball is to what the blocks compute, and not absurdly far.
    assert (log_p.amax(0).numpy() >= bounds - 8).all()


def test_the_odds_of_neighbours_are_confined() -> None:
    model = member(1)
    layer = layer_of(model)
    _, neighbours, nats = closed_forms(layer)
    tokens = torch.randint(11, (1, 300, 12), generator=torch.Generator().manual_seed(4))
    logits = model(tokens)[0].flatten(0, 1).numpy().astype(np.float64)
    odds = np.abs(logits - logits[:, neighbours]).max(axis=0)
    assert (odds <= nats).all() and (nats > 0).all()
    assert (neighbours != np.arange(11)).all()


def test_float32_logits_are_within_the_error_that_is_allowed() -> None:
    model = member(2, size=Size(width=32, layers=2, heads=2, embedding_sd=1.0))
    layer = layer_of(model)
    tokens = np.random.default_rng(0).integers(11, size=(20, 12))
    measured = measured_logit_error(model, layer, tokens)
    assert measured > 0
    assert measured <= layer.logit_error + layer.longest_row * (layer.float_radius - layer.radius)


def test_a_layer_wider_than_what_is_covered_is_refused() -> None:
    width = certificates.WIDEST + 1
    with pytest.raises(ValueError, match="largest that is covered"):
        OutputLayer.of_weights({"norm": np.ones(width), "W_U": np.ones((2, width))})
    assert (certificates.WIDEST + 16) * certificates.ROUNDOFF < certificates.NORM_SLACK


# ----------------------------------------------------------------------------------- checker


@pytest.fixture(scope="module")
def proved() -> tuple[OutputLayer, Certificate]:
    layer = layer_of(member(3))
    return layer, certificate_of(layer)


def test_a_certificate_of_its_weights_is_accepted(proved: tuple[OutputLayer, Certificate]) -> None:
    layer, certificate = proved
    assert abs(check(certificate, layer, "c")) < 1e-12


def test_a_certificate_of_a_changed_weight_is_refused(
    proved: tuple[OutputLayer, Certificate],
) -> None:
    layer, certificate = proved
    rows = layer.rows.copy()
    rows[4, 2] = np.nextafter(rows[4, 2], 9)
    with pytest.raises(UserError, match="the weights have changed"):
        check(certificate, OutputLayer(rows), "c")
    # Nor do the bounds hold by the points alone, whatever digest is written.
    rows[4] *= 1.01
    changed = OutputLayer(rows)
    with pytest.raises(UserError, match="claims are not proved"):
        check(replace(certificate, digest=changed.digest), changed, "c")


def test_claims_beyond_the_proof_are_refused(proved: tuple[OutputLayer, Certificate]) -> None:
    layer, certificate = proved
    bold = certificate.bounds.copy()
    bold[3] -= 1e-6
    with pytest.raises(UserError, match=r"for token 3.*1 of 11 claims are not proved"):
        check(replace(certificate, bounds=bold), layer, "c")
    modest = certificate.bounds + 0.1
    assert check(replace(certificate, bounds=modest), layer, "c") == pytest.approx(-0.1)
    moved = certificate.points.copy()
    moved[5] *= -1
    with pytest.raises(UserError, match="for token 5"):
        check(replace(certificate, points=moved), layer, "c")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"points": np.zeros((11, 7), np.float32)}, "another member"),
        ({"bounds": np.zeros(10)}, "10 bounds"),
        ({"bounds": np.full(11, np.nan)}, "not finite"),
        ({"points": np.full((11, 8), np.inf, np.float32)}, "not finite"),
    ],
)
def test_certificates_that_are_not_whole_are_refused(
    change: dict[str, Floats], message: str, proved: tuple[OutputLayer, Certificate]
) -> None:
    layer, certificate = proved
    with pytest.raises(UserError, match=message):
        check(replace(certificate, **change), layer, "c")


def test_the_checker_imports_no_optimiser() -> None:
    text = Path(str(certificates.__file__)).read_text(encoding="utf-8")
    assert "torch" not in text and "scipy" not in text


def test_blocks_of_tokens_change_no_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    layer = drawn_layer(50, 6, 8)
    points = ball_maxima(layer, tolerance=1e-3, limit=500).points
    whole: Sequence[Floats] = [bounds_of_points(layer, points).exact, *closed_forms(layer)]
    monkeypatch.setattr(certificates, "BLOCK", 350)
    parts = [bounds_of_points(layer, points).exact, *closed_forms(layer)]
    for one, other in zip(whole, parts, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-12)
    q, entropy = softmax_with_entropy(np.array([[0.0, 0.0], [800.0, -800.0]]))
    np.testing.assert_allclose(q, [[0.5, 0.5], [1, 0]], atol=1e-300)
    np.testing.assert_allclose(entropy, [-math.log(2), 0])
