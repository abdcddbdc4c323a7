"""Members derived from others: the same bits each time, masks that are masks, scales that fit."""

import math
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from manymasks.config.training import Size
from manymasks.models import parts
from manymasks.models.transformer import Transformer, initialise
from manymasks.rashomon.crossing import crossings
from manymasks.rashomon.derived import derived_weights, noise_like, scale_reaching
from manymasks.training.checkpoint import set_weights

SIZE = Size(width=16, layers=2, heads=2)


@pytest.fixture(scope="module")
def model() -> Transformer:
    made = Transformer(SIZE, 11, 8)
    initialise(made, [3])
    return made.requires_grad_(False)


@pytest.fixture(scope="module")
def weights(model: Transformer) -> dict[str, torch.Tensor]:
    return model.weights_of(0)


def bits(weights: dict[str, torch.Tensor]) -> dict[str, bytes]:
    return {name: weight.numpy().tobytes() for name, weight in weights.items()}


@pytest.mark.parametrize("method", ["noise", "dropout"])
def test_same_bits_independent_of_earlier_draws(
    method: str, weights: dict[str, torch.Tensor]
) -> None:
    before = bits(weights)
    torch.manual_seed(1)
    one = bits(derived_weights(weights, method, 0.3, 7))
    state = torch.get_rng_state()
    derived_weights(weights, method, 0.2, 8)
    backwards = dict(reversed(weights.items()))
    assert bits(derived_weights(backwards, method, 0.3, 7)) == one
    assert torch.equal(torch.get_rng_state(), state)
    assert bits(weights) == before
    threads = torch.get_num_threads()
    torch.set_num_threads(3)
    assert bits(derived_weights(weights, method, 0.3, 7)) == one
    torch.set_num_threads(threads)
    assert bits(derived_weights(weights, method, 0.3, 8)) != one
    assert bits(derived_weights(weights, method, 0.0, 7)) == before


def test_noise_is_as_large_as_the_weights(weights: dict[str, torch.Tensor]) -> None:
    noise = noise_like(weights, 5)
    moved = derived_weights(weights, "noise", 0.25, 5)
    for name, weight in weights.items():
        rms = math.sqrt(float(weight.double().square().mean()))
        torch.testing.assert_close(moved[name] - weight, 0.25 * noise[name], atol=1e-6, rtol=1e-4)
        if weight.numel() > 100:
            assert float(noise[name].std()) == pytest.approx(rms, rel=0.2), name
    # Tensors of one shape have noise of their own, and so have the gains.
    drawn = noise["blocks.0.W_Q"] / weights["blocks.0.W_Q"].square().mean().sqrt()
    other = noise["blocks.1.W_Q"] / weights["blocks.1.W_Q"].square().mean().sqrt()
    assert abs(float((drawn * other).mean())) < 0.3
    assert float(noise["norm"].abs().min()) > 0


def test_noise_is_invariant_to_the_scale_of_a_tensor(weights: dict[str, torch.Tensor]) -> None:
    doubled = noise_like({name: 2 * weight for name, weight in weights.items()}, 5)
    for name, noise in noise_like(weights, 5).items():
        torch.testing.assert_close(doubled[name], 2 * noise)


def test_dropout_is_a_mask_on_activations(
    model: Transformer, weights: dict[str, torch.Tensor], monkeypatch: pytest.MonkeyPatch
) -> None:
    rate = 0.4
    found = derived_weights(weights, "dropout", rate, 2)
    masks = []
    for layer in range(SIZE.layers):
        for leaf, units in (("W_O", SIZE.width), ("W_out", SIZE.width * SIZE.mlp)):
            kept = (found[f"blocks.{layer}.{leaf}"] != 0).any(0)
            assert kept.shape == (units,)
            assert 0 < kept.sum() < units
            masks.append(kept / (1 - rate))
    changed = {name for name in weights if not torch.equal(found[name], weights[name])}
    assert changed == {f"blocks.{n}.{leaf}" for n in (0, 1) for leaf in ("W_O", "W_out")}

    folded = Transformer(SIZE, 11, 8).requires_grad_(False)
    set_weights(folded, 0, found)
    tokens = torch.randint(11, (1, 5, 8), generator=torch.Generator().manual_seed(0))
    logits = folded(tokens)

    whole, left = parts.product, iter(masks)

    def masked(first: Any, second: Any, onto: Any = None, **others: Any) -> Any:
        # What is added onto the stream is what the masks act on before.
        if onto is not None:
            second = second * next(left).view(1, -1, 1)
        return whole(first, second, onto, **others)

    monkeypatch.setattr(parts, "product", masked)
    torch.testing.assert_close(logits, model(tokens), atol=1e-5, rtol=1e-4)
    assert next(left, None) is None


@hypothesis_settings(max_examples=30, deadline=None)
@given(st.floats(0, 0.9), st.floats(0, 0.9), st.integers(0, 5))
def test_masks_are_nested_in_their_rate(one: float, two: float, seed: int) -> None:
    ones = {"W_O": torch.ones(4, 16), "W_out": torch.ones(16, 64)}
    low, high = (derived_weights(ones, "dropout", rate, seed) for rate in sorted((one, two)))
    for name in ones:
        assert not ((high[name] != 0) & (low[name] == 0)).any()
        assert (low[name] == low[name][0]).all()


def test_the_rate_is_the_share_that_is_dropped() -> None:
    ones = {"W_O": torch.ones(1, 2048), "W_out": torch.ones(1, 8192)}
    found = derived_weights(ones, "dropout", 0.3, 0)
    assert float((found["W_out"] == 0).float().mean()) == pytest.approx(0.3, abs=0.02)
    assert float(found["W_out"].mean()) == pytest.approx(1.0, abs=0.03)
    assert not torch.equal(found["W_O"][0], found["W_out"][0, :2048])


@pytest.mark.parametrize(
    ("method", "scale"), [("noise", -0.1), ("dropout", 1.0), ("dropout", 1.5), ("quantised", 0.1)]
)
def test_rejects_unknown_methods_and_scales(
    method: str, scale: float, weights: dict[str, torch.Tensor]
) -> None:
    with pytest.raises(ValueError, match=f"there is no {method}"):
        derived_weights(weights, method, scale, 0)


# ------------------------------------------------------------------------- finding a scale


@pytest.mark.parametrize("power", [0.7, 1.0, 2.0, 3.5])
@pytest.mark.parametrize("scale", [1e-4, 0.05, 3.0])
def test_power_laws_are_solved_exactly(power: float, scale: float) -> None:
    calls = []

    def excess(at: float) -> float:
        calls.append(at)
        return 0.02 * (at / scale) ** power

    found = scale_reaching(excess, 0.02, "noise", tolerance=1e-6, evaluations=20)
    assert found == pytest.approx(scale, rel=1e-5)
    # One step of a guessed power and one of the secant, but for steps that are cut short.
    assert len(calls) <= 6


@hypothesis_settings(max_examples=60, deadline=None)
@given(
    st.floats(-4, 2), st.floats(0.5, 4), st.floats(0, 0.05), st.floats(1e-3, 10), st.integers(1, 4)
)
def test_crossing_of_a_loss_that_falls_first(
    log_scale: float, power: float, dip: float, first: float, count: int
) -> None:
    """A rise with a dip before it, as along a direction from weights that are no minimum."""
    scale = np.exp(log_scale) * np.arange(1, count + 1)

    def excess(at: np.ndarray) -> np.ndarray:
        return np.asarray((at / scale) ** power - dip * at / scale)

    found = crossings(excess, 0.02, np.full(count, first), tolerance=1e-3, evaluations=60)
    np.testing.assert_allclose(excess(found), 0.02, rtol=2e-3)


def test_a_discontinuous_loss_ends_closest_to_the_level() -> None:
    def excess(at: float) -> float:
        return 0.011 * math.floor(at * 100)

    found = scale_reaching(excess, 0.02, "dropout")
    assert excess(found) == pytest.approx(0.022)
    # Below the first jump there is nothing to take the logarithm of.
    assert excess(scale_reaching(excess, 0.004, "dropout")) == pytest.approx(0.011)


def test_scales_end_at_the_largest() -> None:
    assert scale_reaching(lambda at: 0.001 * at, 0.02, "dropout") == 0.9


@pytest.mark.parametrize("wrong", [math.nan, math.inf])
def test_scales_with_infinite_loss_are_too_large(wrong: float) -> None:
    found = scale_reaching(lambda at: at**2 if at < 0.03 else wrong, 1e-4, "noise")
    assert found == pytest.approx(0.01, rel=0.05)


def test_a_level_must_be_above_0() -> None:
    with pytest.raises(ValueError, match="must be positive"):
        crossings(lambda at: at, 0.0, np.ones(1))
