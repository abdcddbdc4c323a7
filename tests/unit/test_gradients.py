"""Present and future in a gradient: against plain sums over explicit gradients."""

import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

import kit
from manymasks.config.training import Size
from manymasks.models.attention import Route
from manymasks.models.transformer import Transformer, initialise
from manymasks.myopia.gradients import gradient_rows, products

GAMMAS = (0.0, 0.4, 0.8, 1.0)
GROUPS = ("W_E", "W_Q", "W_K", "W_V", "W_O", "W_in", "W_out", "W_U", "norms", "all")
VOCABULARY, CONTEXT = 11, 9


def _stack(routes: list[Route], layers: int = 2) -> Transformer:
    model = Transformer(Size(width=8, layers=layers, heads=2), VOCABULARY, CONTEXT, routes)
    initialise(model, [3] * len(routes))
    return model.double()


def _discounts(layers: int = 2) -> Transformer:
    return _stack([Route("discount", gamma) for gamma in GAMMAS], layers)


def _windows(n: int, context: int = CONTEXT) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randint(VOCABULARY, (n, context + 1), generator=generator)


def _of_route(route: Route, windows: Tensor) -> dict[str, Tensor]:
    """Gradient of the mean loss by weight, one model at a time."""
    model = _stack([route])
    model.nats(windows.unsqueeze(0)).sum().backward()
    return {name: w.grad[0] for name, w in model.named_parameters() if w.grad is not None}


def _row(rows: list[dict[str, Any]], weights: str, gamma: float) -> dict[str, Any]:
    (found,) = [row for row in rows if (row["weights"], row["gamma"]) == (weights, gamma)]
    return found


def _members_of(group: str, name: str) -> bool:
    leaf = name.rpartition(".")[2]
    return group == "all" or leaf == group or (group == "norms" and leaf.startswith("norm"))


def test_inner_products_agree_with_explicit_gradients() -> None:
    windows = _windows(5)
    mean, _ = products(_discounts(), windows)
    rows = gradient_rows(mean, GAMMAS)
    assert len(rows) == len(GROUPS) * len(GAMMAS)
    # Causal is not the route that was used: gamma = 1 must be the same thing.
    whole = _of_route(Route(), windows)
    for gamma in GAMMAS:
        near = _of_route(Route("discount", gamma), windows)
        for group in GROUPS:
            chosen = [name for name in whole if _members_of(group, name)]
            g = torch.cat([near[name].flatten() for name in chosen])
            w = torch.cat([whole[name].flatten() for name in chosen])
            row = _row(rows, group, gamma)
            assert row["norm"] == pytest.approx(float(g.norm()), rel=1e-9)
            assert row["whole_norm"] == pytest.approx(float(w.norm()), rel=1e-9)
            assert row["projection"] == pytest.approx(float(g @ w / (w @ w)), rel=1e-9)
            assert row["cosine"] == pytest.approx(float(g @ w / (g.norm() * w.norm())), rel=1e-9)
            rest = w - g
            if gamma == 1 or group == "W_U":
                assert (row["rest_norm"], row["rest_cosine"]) == (0, None)
                continue
            assert row["rest_norm"] == pytest.approx(float(rest.norm()), rel=1e-6)
            cosine = float(g @ rest / (g.norm() * rest.norm()))
            assert row["rest_cosine"] == pytest.approx(cosine, abs=1e-6)


def test_one_window_at_a_time_is_averaged_over_windows() -> None:
    windows = _windows(3)
    _, single = products(_discounts(), windows)
    each = [products(_discounts(), window[None])[0] for window in windows]
    for group in GROUPS:
        expected = np.mean([found[group] for found in each], axis=0)
        np.testing.assert_allclose(single[group], expected, rtol=1e-9)
    mean, single = products(_discounts(), windows[:1].repeat(4, 1))
    np.testing.assert_allclose(mean["all"], single["all"], rtol=1e-9)


def test_without_an_earlier_position_or_a_layer_to_read_it_all_is_present() -> None:
    mean, _ = products(_discounts(), _windows(4, context=1))
    for gamma in GAMMAS:
        assert _row(gradient_rows(mean, GAMMAS), "all", gamma)["rest_norm"] == 0
    mean, _ = products(_discounts(layers=1), _windows(4))
    rows = gradient_rows(mean, GAMMAS)
    # In one layer what is after the attention serves its own position alone; reading the past
    # is the present's business, and only what was written there, the embedding, is not.
    for group in ("W_Q", "W_K", "W_V", "W_O", "W_in", "W_out", "W_U"):
        assert _row(rows, group, 0.0)["projection"] == pytest.approx(1, rel=1e-9)
        assert _row(rows, group, 0.0)["rest_norm"] == 0
    assert _row(rows, "W_E", 0.0)["rest_norm"] > 0
    assert _row(rows, "all", 1.0)["projection"] == pytest.approx(1)


def test_rows_from_vectors_worked_out_by_hand() -> None:
    # Present (3, 0), future (0, 4): whole (3, 4), of norm 5.
    gram = np.array([[9.0, 9.0], [9.0, 25.0]])
    present, whole = gradient_rows({"all": gram}, (0.0, 1.0))
    assert (present["norm"], present["rest_norm"], present["whole_norm"]) == (3, 4, 5)
    assert (present["projection"], present["rest_cosine"]) == (9 / 25, 0)
    assert present["cosine"] == pytest.approx(3 / 5)
    assert (whole["projection"], whole["cosine"], whole["rest_norm"]) == (1, 1, 0)
    nothing = gradient_rows({"all": np.zeros((2, 2))}, (0.0, 1.0))[0]
    assert (nothing["norm"], nothing["projection"], nothing["cosine"]) == (0, None, None)
    with pytest.raises(ValueError, match="rise from 0 to 1"):
        gradient_rows({"all": gram}, (0.0, 0.5))


def test_float32_is_close_to_float64() -> None:
    windows = _windows(6)
    exact = gradient_rows(products(_discounts(), windows)[0], GAMMAS)
    rough = gradient_rows(products(_discounts().float(), windows)[0], GAMMAS)
    for one, other in zip(exact, rough, strict=True):
        for name in ("norm", "projection", "cosine"):
            assert math.isclose(one[name], other[name], rel_tol=1e-4), (one, name)


def test_rows_have_the_columns_of_the_schema() -> None:
    columns = kit.COLUMNS["myopia_gradient"] - {"model", "level", "windows"}
    assert set(gradient_rows({"all": np.eye(2)}, (0.0, 1.0))[0]) == columns
