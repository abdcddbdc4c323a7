"""Codes of members: bits in closed form, the law of high resolution, and the stage."""

import numpy as np
import pytest
import torch
from torch import Tensor

import kit
from manymasks.config.analyses import Statistics
from manymasks.rashomon import code_length as codes
from manymasks.rashomon.code_predictions import quantities


def matrices(seed: int = 0) -> dict[str, Tensor]:
    """Two matrices of other scales, and a gain."""
    generator = torch.Generator().manual_seed(seed)
    return {
        "W_1": torch.randn(80, 50, generator=generator),
        "W_2": 0.1 * torch.randn(40, 100, generator=generator),
        "gain": torch.ones(50),
    }


SHARP = {"W_1": 1e-4, "W_2": 0.03, "gain": 0.0}
"""Half the curvature of a quadratic loss along each weight: the sensitivity of its matrix."""


def quadratic(weights: codes.Weights) -> float:
    """A loss around the first weights, with these curvatures."""
    origin = matrices()
    return 2 + sum(
        SHARP[name] * float((weight.double() - origin[name].double()).square().sum())
        for name, weight in weights.items()
    )


def test_integers_cost_their_entropy_and_a_table() -> None:
    assert codes.integer_bits(np.array([0.0, 0, 1, 1])) == pytest.approx(4 + 16)
    # One value costs nothing beside its symbol.
    assert codes.integer_bits(np.full(1000, 7.0)) == 8


def test_rounding_moves_weights_by_half_a_step_at_most() -> None:
    weights = matrices()
    for offset in codes.OFFSETS:
        code = codes.rounded(weights, {"W_1": 0.3, "W_2": 0.01}, offset)
        assert (code.weights["W_1"] - weights["W_1"]).abs().max() <= 0.15 + 1e-6
        assert (code.weights["W_2"] - weights["W_2"]).abs().max() <= 0.005 + 1e-6
        assert torch.equal(code.weights["gain"], weights["gain"])
    # Rounding to 0 is pruning: one symbol a matrix, a step each, and the offset.
    pruned = codes.rounded(weights, {"W_1": 1e3, "W_2": 1e3}, 0.0)
    assert pruned.bits == 2 + 3 * (32 + 8)
    assert not pruned.weights["W_1"].any()


def test_sensitivities_are_those_of_a_quadratic_loss() -> None:
    weights = matrices()
    measured = codes.sensitivities(weights, quadratic, 2.0, seed=0)
    assert measured.keys() == {"W_1", "W_2"}
    for name, value in measured.items():
        assert value == pytest.approx(SHARP[name], rel=0.1)


def test_water_filling_loses_what_is_aimed_at_and_beats_one_step() -> None:
    weights = matrices()
    sensitivity = {name: SHARP[name] for name in ("W_1", "W_2")}
    steps = codes.steps_for(weights, sensitivity, 0.02)
    loss = sum(weights[name].numel() * SHARP[name] * step**2 / 12 for name, step in steps.items())
    assert loss == pytest.approx(0.02)
    filled = codes.rounded(weights, steps, 0.0)
    assert quadratic(filled.weights) - 2 == pytest.approx(0.02, rel=0.05)
    # One step for both with the same loss takes more bits.
    flat = (0.02 * 12 / (4000 * (SHARP["W_1"] + SHARP["W_2"]))) ** 0.5
    single = codes.rounded(weights, {"W_1": flat, "W_2": flat}, 0.0)
    assert quadratic(single.weights) - 2 == pytest.approx(0.02, rel=0.05)
    assert filled.bits < single.bits - 1000


def test_excess_falls_fourfold_with_a_bit_a_weight() -> None:
    weights = matrices()
    aimed = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2)
    points = codes.code_points(weights, aimed, quadratic, quadratic, 0)
    count = sum(weight.numel() for weight in weights.values())
    bits = np.array([point.bits for point in points]) / count
    excess = np.array([point.select_excess for point in points])
    law = codes.code_constant(bits, excess)
    assert law.points >= 5
    assert law.slope == pytest.approx(-2, abs=0.3)
    assert law.highest - law.lowest < 0.1
    assert law.lowest <= law.constant <= law.highest
    for point in points:
        assert point.select_excess == pytest.approx(point.aimed, rel=0.2)
        assert point.measure_excess == point.select_excess


def test_a_member_at_high_resolution_is_itself() -> None:
    weights = matrices()
    fine, coarse = codes.chosen_codes(weights, (1e-9, 0.02), quadratic, 0)
    for name, weight in weights.items():
        assert (fine.code.weights[name] - weight).abs().max() <= 1e-3
    assert quadratic(fine.code.weights) == pytest.approx(2, abs=1e-8)
    # What a code costs is at most a number and a symbol per weight.
    assert coarse.code.bits < fine.code.bits < 8000 * (np.log2(4000) + 8) + 200
    # Steps and offset give the code again.
    again = codes.rounded(weights, coarse.steps, coarse.offset)
    assert again.bits == coarse.code.bits
    assert all(torch.equal(again.weights[name], coarse.code.weights[name]) for name in weights)


def test_a_loss_that_ignores_the_weights_has_no_excess_at_any_bits() -> None:
    points = codes.code_points(matrices(), (0.01, 1.0), lambda _: 2.0, lambda _: 3.0, 0)
    assert [point.select_excess for point in points] == [0, 0]
    assert points[1].bits < points[0].bits


def test_bits_fall_with_eps_and_end_with_the_codes() -> None:
    bits, excess = np.array([300.0, 200, 100]), np.array([0.01, 0.04, 0.16])
    assert codes.bits_at(bits, excess, 0.01) == pytest.approx(300)
    assert codes.bits_at(bits, excess, 0.02) == pytest.approx(250)
    values = [codes.bits_at(bits, excess, eps) for eps in np.geomspace(0.01, 0.16, 20)]
    assert values == sorted(values, reverse=True)
    assert np.isnan(codes.bits_at(bits, excess, 0.001))
    assert np.isnan(codes.bits_at(bits, excess, 0.5))
    # A code of more bits that loses more than one of fewer changes nothing.
    more = codes.bits_at(np.append(bits, 150), np.append(excess, 0.3), 0.04)
    assert more == pytest.approx(200)


def test_a_constant_needs_two_codes() -> None:
    law = codes.code_constant(np.array([4.0, 3.0]), np.array([0.01, 0.9]))
    assert law.points == 1
    assert np.isnan(law.constant)


def test_constants_of_a_class() -> None:
    values = np.array([[1.3, -2.0], [1.4, -2.1], [1.35, -1.9]])
    seen = quantities("pydocs/small/causal", values, kit.diagonal(3), Statistics())
    assert seen["constant of pydocs/small/causal"].estimate == pytest.approx(1.35)
    assert seen["slope"].low < -2 < seen["slope"].high
    assert seen["range of the constant over seeds"].estimate == pytest.approx(0.1)


def test_a_single_member_has_no_range_over_seeds() -> None:
    """A range of 0 would meet any prediction that members are alike."""
    seen = quantities("one", np.array([[1.3, -2.0]]), kit.diagonal(1), Statistics())
    assert np.isnan(seen["range of the constant over seeds"].estimate)
    assert seen["slope"].estimate == -2
