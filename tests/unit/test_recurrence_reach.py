"""Bounds by last token in one layer of recurrence: states in the hull, corners by repetition."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from test_universal_bounds import member
from test_universal_witnesses import all_prefixes

from manymasks.arrays import Floats, Ints
from manymasks.config.analyses import Universal
from manymasks.config.training import Size
from manymasks.errors import UserError
from manymasks.models.transformer import Transformer
from manymasks.universal.any_length_tables import AnyLengthBounds, any_length_bounds
from manymasks.universal.ball import ball_maxima
from manymasks.universal.certificate import OutputLayer, bounds_of_points
from manymasks.universal.cone_certificate import check_last_tokens
from manymasks.universal.lone_layer import is_lone_layer, lone_reach
from manymasks.universal.recurrence_reach import RecurrenceReach, decaying_prefix

VOCABULARY, WIDTH = 11, 8
SIZE = Size(
    mixer="recurrent", width=WIDTH, layers=1, head_size=8, mlp=0, embedding_sd=1.0, chunk=16,
    decay="scalar", delta=False, token_shift=False, read_norm=False,
)  # fmt: skip


class Bounded:
    """A member of one layer of recurrence, and what it can write."""

    def __init__(self, head_size: int, seed: int = 3) -> None:
        size = SIZE.model_copy(update={"head_size": head_size})
        self.model = member(seed, scale=12.0, size=size)
        # Untrained, gates are open, bonuses 0, and decays the same for all tokens.
        generator = torch.Generator().manual_seed(seed)
        for name, weight in self.model.weights_of(0).items():
            if name.rpartition(".")[2] in ("bonus", "W_decay_out", "W_gate_out"):
                weight.copy_(torch.randn(weight.shape, generator=generator))
        self.weights = {name: weight.numpy() for name, weight in self.model.weights_of(0).items()}
        self.layer = OutputLayer.of_weights(self.weights)
        reach = lone_reach(self.weights, size, "c")
        assert isinstance(reach, RecurrenceReach)
        self.reach = reach

    def longer(self, length: int) -> Transformer:
        """The member with another context."""
        long = Transformer(self.model.size, VOCABULARY, length).requires_grad_(False)
        for name, weight in long.weights_of(0).items():
            weight.copy_(self.model.weights_of(0)[name])
        return long

    def streams(self, prefixes: Ints) -> Floats:
        """(n, positions, width) after prefixes (n, positions), of the model in float32."""
        model = self.longer(prefixes.shape[1])
        stream = model.streams(torch.from_numpy(prefixes)[None])[-1][0]
        return np.asarray(stream.double().numpy())


@pytest.fixture(scope="module", params=[8, 4])
def bounded(request: pytest.FixtureRequest) -> Bounded:
    return Bounded(request.param)


def test_an_empty_past_leaves_the_fixed_part(bounded: Bounded) -> None:
    streams = bounded.streams(np.arange(VOCABULARY)[:, None])[:, 0]
    np.testing.assert_allclose(bounded.reach.fixed, streams, atol=1e-4)
    heads, choices = bounded.reach.choices
    for last in range(VOCABULARY):
        empty = bounded.reach.stream(last, np.full(heads, choices - 1))
        np.testing.assert_array_equal(empty, bounded.reach.fixed[last])


def test_one_token_repeated_approaches_a_corner(bounded: Bounded) -> None:
    """To what its decay leaves of the empty state, which falls geometrically."""
    pairs = np.array([(token, last) for token in range(VOCABULARY) for last in (0, 4, 9)])
    prefixes = np.repeat(pairs[:, :1], 500, axis=1)
    prefixes[:, -1] = pairs[:, 1]
    ends = bounded.streams(prefixes)[:, -1]
    heads, choices = bounded.reach.choices
    for (token, last), end in zip(pairs.tolist(), ends, strict=True):
        expected = bounded.reach.fixed[last].copy()
        for head in range(heads):
            share = 1 - (1 - bounded.reach.forgotten[head, token]) ** 499
            chosen = np.full(heads, choices - 1)
            chosen[head] = token
            corner = bounded.reach.stream(last, chosen)
            expected += share * (corner - bounded.reach.fixed[last])
        np.testing.assert_allclose(end, expected, rtol=3e-4, atol=3e-3)


def test_a_stream_is_the_mixture_of_corners_by_stick_breaking() -> None:
    """Every state is in the hull: here its shares, token by token, in float64."""
    bounded = Bounded(8)
    reach = bounded.reach
    prefix = np.random.default_rng(0).integers(VOCABULARY, size=40)
    last = int(prefix[-1])
    shares, left = np.zeros(VOCABULARY + 1), 1.0
    for token in prefix[-2::-1]:
        shares[token] += left * reach.forgotten[0, token]
        left *= 1 - reach.forgotten[0, token]
    shares[-1] = left
    assert shares.sum() == pytest.approx(1)
    corners = np.stack([reach.stream(last, np.array([c])) for c in range(VOCABULARY + 1)])
    stream = bounded.streams(prefix[None])[0, -1]
    np.testing.assert_allclose(stream, shares @ corners, rtol=1e-4, atol=1e-3)


def test_no_state_exceeds_a_support_and_a_corner_attains_it(bounded: Bounded) -> None:
    generator = np.random.default_rng(1)
    few = generator.integers(VOCABULARY, size=(400, 2))
    prefixes = np.take_along_axis(few, generator.integers(2, size=(400, 60)), 1)
    ends, lasts = bounded.streams(prefixes).reshape(-1, WIDTH), prefixes.ravel()
    for direction in generator.normal(size=(20, WIDTH)):
        support = bounded.reach.supports(
            np.arange(VOCABULARY), np.repeat(direction[None], VOCABULARY, axis=0)
        )
        assert (ends @ direction - support[lasts]).max() <= 1e-3
        for last in range(VOCABULARY):
            chosen, point = bounded.reach.along(last, direction)
            np.testing.assert_allclose(point, bounded.reach.stream(last, chosen))
            assert point @ direction == pytest.approx(support[last], abs=1e-6)


def bounds_of(bounded: Bounded, lengths: tuple[int, ...] = (4, 200)) -> AnyLengthBounds:
    points = ball_maxima(bounded.layer, tolerance=1e-4, limit=500).points.astype(float)
    ball = bounds_of_points(bounded.layer, points).float32
    settings = Universal(attention_tokens=4, attention_lengths=lengths)
    counts = np.arange(VOCABULARY)[::-1].copy()
    spelled = [f"t{token}" for token in range(VOCABULARY)]
    return any_length_bounds(
        bounded.longer(max(lengths)), bounded.weights, points, ball, counts, spelled, settings
    )


def test_no_prefix_exceeds_a_bound_by_last_token(bounded: Bounded) -> None:
    made = bounds_of(bounded)
    generator = np.random.default_rng(2)
    few = generator.integers(VOCABULARY, size=(500, 2))
    long = np.take_along_axis(few, generator.integers(2, size=(500, 60)), 1)
    best = np.full((VOCABULARY, VOCABULARY), -np.inf)
    for tokens in (all_prefixes(2), long):
        logits = bounded.longer(tokens.shape[1])(torch.from_numpy(tokens)[None])[0].double()
        log_p = torch.log_softmax(logits, -1).flatten(0, 1).numpy()
        for last in range(VOCABULARY):
            best[last] = np.maximum(best[last], log_p[tokens.ravel() == last].max(axis=0))
    for row in made.last_rows:
        assert best[row["last_id"], row["token_id"]] <= row["log_p_bound"] + 1e-5
    for row in made.rows:
        assert row["log_p_attained"] <= row["log_p_bound"] <= row["log_p_ball"]
        for length in (4, 200):
            nearest = made.witnesses[f"mixture {length}"].prefixes[row["token_id"]]
            assert 1 <= nearest.size <= length
            witness = made.witnesses[f"mixture {length}"].log_p[row["token_id"]]
            assert witness <= row["log_p_bound"] + 1e-5


def test_the_checker_accepts_its_proofs_and_refuses_other_weights(bounded: Bounded) -> None:
    certificate = bounds_of(bounded, (4,)).certificate
    size = bounded.model.size
    assert abs(check_last_tokens(certificate, bounded.layer, bounded.reach, "c")) < 1e-9
    for name in ("W_K", "W_gate_out", "W_decay_in", "decay_bias", "bonus", "norm_mixer"):
        weights = {key: weight.copy() for key, weight in bounded.weights.items()}
        weight = weights[f"blocks.0.{name}"]
        weight.flat[0] = weight.flat[0] * 1.01 + 0.01
        with pytest.raises(UserError, match="the weights have changed"):
            check_last_tokens(certificate, bounded.layer, lone_reach(weights, size, "c"), "c")
    bold = replace(certificate, bounds=certificate.bounds - 1e-6)
    with pytest.raises(UserError, match="and its point proves"):
        check_last_tokens(bold, bounded.layer, bounded.reach, "c")


def test_shares_of_a_prefix_approach_a_mixture() -> None:
    forgotten = np.array([0.02, 0.05, 0.03])
    mixture = np.array([0.5, 0.3, 0.0, 0.2])
    prefix = decaying_prefix(mixture, forgotten, 2, 400)
    assert prefix[-1] == 2 and 2 not in prefix[:-1] and prefix.size < 400
    shares, left = np.zeros(3), 1.0
    for token in prefix[-2::-1]:
        shares[token] += left * forgotten[token]
        left *= 1 - forgotten[token]
    np.testing.assert_allclose(shares, mixture[:3], atol=0.02)
    # The empty state alone: nothing before the last token.
    assert decaying_prefix(np.array([0.0, 0.0, 0.0, 1.0]), forgotten, 1, 10).tolist() == [1]


@pytest.mark.parametrize(
    "changed",
    [{"layers": 2}, {"mlp": 1}, {"hidden": 8}, {"decay": "channel"}, {"delta": True},
     {"token_shift": True}, {"read_norm": True}],
)  # fmt: skip
def test_other_recurrences_have_no_closed_form(changed: dict[str, object]) -> None:
    assert is_lone_layer(SIZE)
    other = Size.model_validate({**SIZE.model_dump(exclude_unset=True), **changed})
    assert not is_lone_layer(other)
    with pytest.raises(UserError, match="bounds by last token need one layer"):
        lone_reach(Bounded(8).weights, other, "c")
