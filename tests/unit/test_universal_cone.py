"""Bounds by last token in one layer of attention: never exceeded, and attained by long prefixes."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from test_universal_bounds import member
from test_universal_witnesses import all_prefixes

from manymasks.arrays import Floats
from manymasks.config.analyses import Universal
from manymasks.config.training import Size
from manymasks.errors import UserError
from manymasks.models.parts import EPSILON
from manymasks.models.transformer import Transformer
from manymasks.universal.any_length_tables import AnyLengthBounds, any_length_bounds
from manymasks.universal.ball import ball_maxima
from manymasks.universal.certificate import OutputLayer, bounds_of_points
from manymasks.universal.cone import Cone, ConeMaximum, cone_maximum
from manymasks.universal.cone_certificate import (
    AttentionValues,
    LastTokenCertificate,
    check_last_tokens,
    cone_bound,
)
from manymasks.universal.elites import log_p_after
from manymasks.universal.lone_layer import is_lone_layer, lone_reach
from manymasks.universal.mixture_prefix import attention_weights, mixture_prefix

VOCABULARY, CONTEXT = 11, 12


class Bounded:
    """A member of one layer without an MLP, with its bounds."""

    def __init__(self, seed: int, heads: int, scale: float = 20.0) -> None:
        size = Size(width=8, layers=1, heads=heads, mlp=0, embedding_sd=1.0)
        self.heads = heads
        self.model: Transformer = member(seed, scale=scale, size=size)
        self.weights = {name: weight.numpy() for name, weight in self.model.weights_of(0).items()}
        self.layer = OutputLayer.of_weights(self.weights)
        self.attention = AttentionValues.of_weights(self.weights, heads, EPSILON)
        self.cones = [Cone(self.attention, last) for last in range(VOCABULARY)]
        self.points = ball_maxima(self.layer, tolerance=1e-4, limit=500).points.astype(float)
        self.ball = bounds_of_points(self.layer, self.points).float32

    def maximum(self, token: int) -> ConeMaximum:
        return cone_maximum(
            self.layer, self.attention, self.cones, token, self.points[token],
            tolerance=0.01, limit=100,
        )  # fmt: skip


@pytest.fixture(scope="module", params=[1, 2])
def bounded(request: pytest.FixtureRequest) -> Bounded:
    return Bounded(3, request.param)


def test_values_are_what_attention_writes(bounded: Bounded) -> None:
    """With one token in a prefix, all attention is on it."""
    tokens = torch.arange(VOCABULARY)[None, :, None]
    stream = bounded.model.streams(tokens)[-1][0, :, 0].double().numpy()
    written = bounded.attention.fixed + bounded.attention.values.sum(axis=0)
    np.testing.assert_allclose(written, stream, atol=1e-5)


def test_projections_are_those_of_the_cone(bounded: Bounded) -> None:
    generator = np.random.default_rng(0)
    for cone in bounded.cones[:4]:
        for target in generator.normal(size=(5, 8)):
            nearest, used = cone.project(target)
            residual = target - nearest
            # Moreau: the residual is in the polar cone and orthogonal to the projection.
            assert bounded.attention.supports(np.array([cone.last]), residual[None])[0] < 1e-5
            assert abs(residual @ nearest) < 1e-6
            assert all(weight > 0 and len(tokens) == bounded.heads for tokens, weight in used)


def test_no_prefix_exceeds_the_bound_by_last_token(bounded: Bounded) -> None:
    generator = np.random.default_rng(1)
    prefixes = [all_prefixes(2), generator.integers(VOCABULARY, size=(3000, CONTEXT))]
    # Long prefixes of few tokens come closest.
    few = generator.integers(VOCABULARY, size=(3000, 3))
    prefixes.append(np.take_along_axis(few, generator.integers(3, size=(3000, CONTEXT)), 1))
    best = np.full((VOCABULARY, VOCABULARY), -np.inf)
    for tokens in prefixes:
        logits = bounded.model(torch.from_numpy(tokens)[None])[0].double()
        log_p = torch.log_softmax(logits, -1).flatten(0, 1).numpy()
        for last in range(VOCABULARY):
            at = tokens.ravel() == last
            best[last] = np.maximum(best[last], log_p[at].max(axis=0))
    for token in range(VOCABULARY):
        maximum = bounded.maximum(token)
        assert maximum.bound <= bounded.ball[token] + 1e-3
        assert maximum.bound - 0.011 <= maximum.attained <= maximum.bound
        for last, proof in enumerate(maximum.proofs):
            assert best[last, token] <= proof.bound
        assert maximum.mixture.sum(axis=1) == pytest.approx(np.ones(bounded.heads))


def test_a_proof_by_any_direction_is_valid(bounded: Bounded) -> None:
    """The checker repairs or refuses what is not in the polar cone."""
    generator = np.random.default_rng(5)
    maximum = bounded.maximum(4)
    for proof, cone in zip(maximum.proofs, bounded.cones, strict=True):
        for noise in (1e-3, 1.0):
            polar = proof.polar + noise * generator.normal(size=8)
            bound = cone_bound(
                bounded.layer, bounded.attention, 4, cone.last, proof.point, polar, cone.separator
            )
            assert bound >= maximum.bound - 0.02 or cone.last != maximum.last
        none = np.zeros(8)
        ball = cone_bound(
            bounded.layer, bounded.attention, 4, cone.last, bounded.points[4], none, none
        )
        assert ball == pytest.approx(bounded.ball[4], abs=1e-9)
        wrong = cone_bound(
            bounded.layer, bounded.attention, 4, cone.last, bounded.points[4], proof.polar + 1, none
        )
        assert wrong >= bounded.ball[4] - 1e-9


def lengthened(bounded: Bounded, length: int) -> Transformer:
    """The member with another context."""
    long = Transformer(bounded.model.size, VOCABULARY, length).requires_grad_(False)
    for name, weight in long.weights_of(0).items():
        weight.copy_(bounded.model.weights_of(0)[name])
    return long


def attained_by(bounded: Bounded, token: int, length: int) -> float:
    maximum = bounded.maximum(token)
    weights = attention_weights(bounded.weights, 1, 10_000.0, EPSILON, maximum.last, length)
    prefix = mixture_prefix(maximum.mixture[0], weights, maximum.last, length)
    long = lengthened(bounded, length)
    return float(log_p_after(long, [prefix], np.array([token]), 1)[0])


@pytest.mark.parametrize("token", [0, 5, 9])
def test_long_prefixes_attain_the_bound_of_one_head(token: int) -> None:
    bounded = Bounded(6, 1)
    maximum = bounded.maximum(token)
    values: list[float] = [attained_by(bounded, token, length) for length in (8, 64, 1024)]
    assert values[-1] <= maximum.bound
    assert values[-1] >= maximum.bound - 0.05
    assert values[0] <= maximum.bound


def test_weights_of_attention_are_those_of_the_model() -> None:
    """Attention of a member on a prefix, from the stream that it writes."""
    bounded = Bounded(2, 1)
    tokens = np.array([3, 7, 7, 1, 5])
    weights = attention_weights(bounded.weights, 1, 10_000.0, EPSILON, 5, 5)
    raw: Floats = weights[np.arange(5)[::-1], tokens]
    shares = raw / raw.sum()
    stream = bounded.model.streams(torch.from_numpy(tokens)[None, None])[-1][0, 0, -1]
    expected = bounded.attention.fixed[5] + shares @ bounded.attention.values[0, tokens]
    np.testing.assert_allclose(stream.double().numpy(), expected, atol=1e-5)


def bounds_of(bounded: Bounded) -> AnyLengthBounds:
    counts = np.arange(VOCABULARY)[::-1].copy()
    settings = Universal(attention_tokens=3, attention_lengths=(4, 30))
    return any_length_bounds(
        lengthened(bounded, 30), bounded.weights, bounded.points, bounded.ball, counts,
        [f"t{token}" for token in range(VOCABULARY)], settings,
    )  # fmt: skip


def test_rows_of_sampled_tokens() -> None:
    bounded = Bounded(6, 1)
    settings = Universal(attention_tokens=3, attention_lengths=(4, 30))
    made = bounds_of(bounded)
    rows, elites = made.rows, made.witnesses
    assert len(made.last_rows) == 3 * VOCABULARY
    for row in rows:
        by_last = [
            last["log_p_bound"] for last in made.last_rows if last["token_id"] == row["token_id"]
        ]
        assert max(by_last) == row["log_p_bound"] and min(by_last) < row["log_p_bound"]
    assert [row["token_id"] for row in rows] == [0, 5, 10]
    assert list(elites) == ["mixture 4", "mixture 30"]
    for row in rows:
        assert row["log_p_attained"] <= row["log_p_bound"] <= row["log_p_ball"]
        assert row["log_p_bound"] - row["log_p_attained"] <= settings.attention_gap + 1e-6
        assert 0 < row["separated"] <= 1 and 1 <= row["mixed_tokens"] <= VOCABULARY
        for length in (4, 30):
            best = elites[f"mixture {length}"]
            assert best.prefixes[row["token_id"]].size == length
            assert best.log_p[row["token_id"]] <= row["log_p_bound"]
    assert np.isneginf(elites["mixture 4"].log_p[1])


# ------------------------------------------------------------------------------- certificates


@pytest.fixture(scope="module", params=[1, 2])
def proved(request: pytest.FixtureRequest) -> tuple[Bounded, LastTokenCertificate]:
    bounded = Bounded(6, request.param)
    return bounded, bounds_of(bounded).certificate


def test_the_checker_accepts_what_the_stage_proves(
    proved: tuple[Bounded, LastTokenCertificate],
) -> None:
    bounded, certificate = proved
    attention = lone_reach(bounded.weights, bounded.model.size, "c")
    assert abs(check_last_tokens(certificate, bounded.layer, attention, "c")) < 1e-9
    # Stored in float32, the proofs lose almost nothing.
    for index, token in enumerate(certificate.tokens.tolist()):
        maximum = bounded.maximum(token)
        assert certificate.bounds[index].max() <= maximum.bound + 0.02


@pytest.mark.parametrize("name", ["W_E", "blocks.0.W_V", "blocks.0.W_O", "blocks.0.norm_attention"])
def test_changed_weights_of_attention_are_refused(
    name: str, proved: tuple[Bounded, LastTokenCertificate]
) -> None:
    bounded, certificate = proved
    weights = {key: weight.copy() for key, weight in bounded.weights.items()}
    weights[name].flat[3] = np.nextafter(weights[name].flat[3], np.float32(9))
    attention = lone_reach(weights, bounded.model.size, "c")
    with pytest.raises(UserError, match="the weights have changed"):
        check_last_tokens(certificate, bounded.layer, attention, "c")
    # Nor do the bounds hold by themselves, whatever digest is written.
    weights[name] *= 1.5
    attention = lone_reach(weights, bounded.model.size, "c")
    forged = replace(certificate, digests=(bounded.layer.digest, attention.digest))
    if name == "blocks.0.W_O":
        with pytest.raises(UserError, match="its point proves"):
            check_last_tokens(forged, bounded.layer, attention, "c")


def test_claims_by_last_token_beyond_the_proof_are_refused(
    proved: tuple[Bounded, LastTokenCertificate],
) -> None:
    bounded, certificate = proved
    attention = bounded.attention
    bold = certificate.bounds.copy()
    bold[1, 4] -= 1e-6
    with pytest.raises(UserError, match=r"for token \d+ after 4, and its point proves"):
        check_last_tokens(replace(certificate, bounds=bold), bounded.layer, attention, "c")
    with pytest.raises(UserError, match="its point proves"):
        wrong = replace(certificate, polars=certificate.polars + 1)
        check_last_tokens(wrong, bounded.layer, attention, "c")
    with pytest.raises(UserError, match=r"polars of shape \(3, 11, 7\)"):
        wrong = replace(certificate, polars=certificate.polars[..., 1:])
        check_last_tokens(wrong, bounded.layer, attention, "c")
    with pytest.raises(UserError, match="not finite"):
        wrong = replace(certificate, bounds=certificate.bounds * np.nan)
        check_last_tokens(wrong, bounded.layer, attention, "c")


@pytest.mark.parametrize("more", ["W_pos", "blocks.1.W_Q", "blocks.0.W_in", "blocks.0.W_out"])
def test_weights_with_more_than_attention_are_refused(more: str) -> None:
    bounded = Bounded(6, 1)
    weights = {**bounded.weights, more: np.ones((2, 8), np.float32)}
    with pytest.raises(UserError, match=f"the weights hold {more}"):
        lone_reach(weights, bounded.model.size, "c")


@pytest.mark.parametrize(
    ("changed", "is_alone"),
    [({}, True), ({"layers": 2}, False), ({"mlp": 1}, False), ({"positions": "learned"}, False)],
)
def test_only_one_layer_of_rotary_attention_is_alone(
    changed: dict[str, Any], is_alone: bool
) -> None:
    size = {"width": 8, "layers": 1, "heads": 1, "mlp": 0, **changed}
    assert is_lone_layer(Size.model_validate(size)) == is_alone
