"""Ergodic parts by closed forms: spectra, weights and corners of exact predictors, and noise."""

import functools

import numpy as np
import pytest

from manymasks.arrays import Floats, Ints
from manymasks.config.decomposition import Decomposition
from manymasks.corpora.processes import masks
from manymasks.corpora.processes.machine import divergence
from manymasks.corpora.processes.registry import process
from manymasks.truth import ergodic_parts as parts
from manymasks.truth import noisy_laws, part_nulls
from manymasks.truth.continuation_laws import laws_of_predictor

KNOWN = process("masks")
ENDS = [masks.OPENING + letters for letters in (4, 24, 56)]
LETTERS = np.arange(masks.FIRST_LETTER, masks.FIRST_LETTER + 3)
SETTINGS = Decomposition(nearest=5)
_STEPS = np.einsum("zij,ja->zaij", masks.MOVES, masks.EMISSIONS)
FOUR = np.einsum("zaij,zbjk,zckl,zdlm->ziabcd", *[_STEPS] * 4).reshape(4, 3, 81)
"""(masks, states, 81): the law of the next four letters."""


@functools.cache
def tokens() -> Ints:
    return KNOWN.draw(400, np.random.default_rng(1))


@functools.cache
def hidden() -> Floats:
    """(documents, prompts, masks, states)."""
    return KNOWN.posteriors(tokens())["state"][:, np.array(ENDS) - 1].reshape(-1, 3, 4, 3)


def mixture(kept: tuple[int, ...] = (0, 1, 2, 3)) -> tuple[Floats, Floats]:
    """Exact laws of four letters where only some masks are possible, and their posterior."""
    joint = hidden()[:, :, list(kept)]
    joint = joint / joint.sum((2, 3), keepdims=True)
    return np.einsum("dpzi,zic->dpc", joint, FOUR[list(kept)]), joint.sum(-1)


def error(weights: Floats, truth: Floats) -> float:
    ours, theirs = parts.aligned(weights, truth)
    return float(np.abs(ours - theirs).max())


def test_bayes_has_the_spectrum_of_the_masks_and_their_posterior_as_weights() -> None:
    laws, posterior = mixture()
    result = parts.ergodic_parts(laws, 3, SETTINGS)
    # 1 for each mask; sticky mixes at .85, the rotating ones at .85 e^{+-2 pi i/3}, jitter at -.35.
    turn = 0.85 * np.exp(2j * np.pi / 3)
    expected = [1, 1, 1, 1, 0.85, 0.85, -0.35, -0.35, *[turn, turn.conjugate()] * 2]
    values = result.operator.eigenvalues @ [1, 1j]
    assert len(values) == len(expected)
    for value in values:
        nearest = int(np.argmin(np.abs(np.array(expected) - value)))
        # Twofold eigenvalues off the axis are resolved to the root of the rounding at worst.
        assert abs(expected.pop(nearest) - value) < 1e-8
    assert (result.count, result.clocks) == (4, 0)
    assert error(result.weights, posterior) < 1e-6
    np.testing.assert_allclose(parts.eigenvalue_errors(result.operator), 0, atol=1e-8)


@pytest.mark.parametrize(
    ("kept", "count"), [((0,), 1), ((1,), 1), ((1, 2), 2), ((0, 1, 2), 3), ((1, 2, 3), 3)]
)
def test_as_many_parts_as_masks_are_left(kept: tuple[int, ...], count: int) -> None:
    laws, posterior = mixture(kept)
    result = parts.ergodic_parts(laws, 3, SETTINGS)
    assert result.count == count
    np.testing.assert_allclose(result.weights.sum(-1), 1, atol=1e-12)
    assert error(result.weights, posterior) < 1e-4


def test_names_of_letters_do_not_matter() -> None:
    laws, _ = mixture()
    renamed = laws.reshape(-1, 3, 3, 3, 3, 3)
    order = [2, 0, 1]
    for axis in range(2, 6):
        renamed = renamed.take(order, axis)
    plain, other = (
        parts.ergodic_parts(x.reshape(laws.shape), 3, SETTINGS) for x in (laws, renamed)
    )
    assert error(other.weights, plain.weights) < 1e-8


@pytest.mark.parametrize(("kept", "count"), [(4, 1), (8, 3), (16, 4)])
def test_a_window_hides_parts_that_need_more_letters(kept: int, count: int) -> None:
    laws = laws_of_predictor(part_nulls.window_laws(kept), tokens(), ENDS, LETTERS, 4)
    result = parts.ergodic_parts(laws, 3, Decomposition())
    assert result.count == count
    assert result.operator.eigenvalues[0, 0] == pytest.approx(1, abs=1e-3)


def test_a_clock_rotates_and_is_no_part() -> None:
    # Letter t + 1 follows letter t, nearly always: eigenvalues 1 and near e^{+-2 pi i/3}.
    step = 0.005 + 0.985 * np.roll(np.eye(3), 1, 1)
    first = step[np.arange(30) % 3]
    laws = np.einsum("pa,ab,bc,cd->pabcd", first, step, step, step).reshape(30, 1, 81)
    result = parts.ergodic_parts(laws, 3, Decomposition())
    assert (result.count, result.clocks) == (1, 2)
    values = result.operator.eigenvalues @ [1, 1j]
    np.testing.assert_allclose(np.abs(values[1:]), 0.985, atol=1e-9)


def test_a_law_that_ignores_its_prompt_has_one_part() -> None:
    laws = np.full((4, 2, 81), 1 / 81)
    result = parts.ergodic_parts(laws, 3, Decomposition())
    assert (result.count, len(result.operator.matrix)) == (1, 1)
    np.testing.assert_allclose(result.weights, 1)


def test_corners_and_weights_of_points_in_a_simplex() -> None:
    rng = np.random.default_rng(0)
    simplex = rng.normal(size=(4, 4))
    truth = np.vstack([np.eye(4), rng.dirichlet(np.ones(4), 200)])
    points = truth @ simplex
    weights = parts.barycentric(points, parts.corners(points, 1))
    assert error(weights, truth) < 1e-12
    # Beyond the simplex weights are clipped.
    assert parts.barycentric(np.array([[2.0, -1.0]]), np.eye(2)).tolist() == [[1.0, 0.0]]


def test_parts_are_matched_where_counts_differ() -> None:
    rng = np.random.default_rng(0)
    truth = rng.dirichlet(np.ones(4), 50)
    ours, theirs = parts.aligned(truth[:, [2, 0, 3, 1]], truth)
    np.testing.assert_array_equal(ours, theirs)
    ours, theirs = parts.aligned(truth[:, [3, 1]], truth)
    np.testing.assert_array_equal(ours[:, [1, 3]], truth[:, [1, 3]])
    np.testing.assert_array_equal(ours[:, [0, 2]], 0)
    ours, theirs = parts.aligned(truth, truth[:, :2])
    np.testing.assert_array_equal(theirs[:, 2:], 0)
    np.testing.assert_array_equal(ours[:, :2], truth[:, :2])


def test_memory_in_letters() -> None:
    assert parts.memory_letters(np.exp(-1 / 16)) == pytest.approx(16)
    assert parts.memory_letters(1.0) == np.inf
    assert parts.memory_letters(-0.4) == 0


# ------------------------------------------------------------------------------------ nulls


def test_a_window_of_the_whole_text_is_exact_and_a_short_one_forgets() -> None:
    texts = tokens()[:8, : masks.OPENING + 12]
    longer = np.hstack([texts, texts[:, -1:]])
    exact = KNOWN.laws(longer)[:, -1]
    np.testing.assert_allclose(part_nulls.window_laws(12)(texts), exact, atol=1e-14)
    forgets = masks.forget(longer, 8)[:, -1]
    np.testing.assert_allclose(part_nulls.window_laws(8)(texts), forgets, atol=1e-14)


def test_noise_has_the_divergence_that_is_asked_for() -> None:
    exact, _ = mixture()
    rng = np.random.default_rng(0)
    errors = noisy_laws.independent_errors(exact.shape, rng)
    target = np.array([0.03, 0.02, 0.0])
    noisy = noisy_laws.with_errors(exact, errors, target)
    np.testing.assert_allclose(noisy.sum(-1), 1, atol=1e-12)
    np.testing.assert_allclose(noisy_laws.mean_divergence(exact, noisy)[:2], target[:2], rtol=1e-4)
    assert divergence(exact, noisy)[:, 2].max() < 1e-9


def test_exchanged_errors_are_those_of_other_prompts_with_the_same_last_letter() -> None:
    exact, _ = mixture()
    rng = np.random.default_rng(0)
    errors = 0.2 * rng.normal(size=exact.shape)
    laws = exact * np.exp(errors)
    last = part_nulls.last_tokens_of_prompts(tokens(), ENDS)
    exchanged = part_nulls.exchanged_errors(laws, exact, last, rng)
    for prompt in range(len(ENDS)):
        for token in LETTERS:
            rows = last[:, prompt] == token
            before, after = errors[rows, prompt, 0], exchanged[rows, prompt, 0]
            np.testing.assert_allclose(np.sort(before), np.sort(after), atol=1e-12)
            assert np.abs(before - after).min() > 1e-9


def test_noise_alone_agrees_by_the_estimator() -> None:
    """Why agreement of two members is no evidence: independent errors of their size agree too, and
    their errors correlate, by what the estimator makes of them; by the true masks they do not."""
    exact, posterior = mixture()
    rng = np.random.default_rng(0)
    weights = []
    for _ in range(2):
        errors = noisy_laws.independent_errors(exact.shape, rng)
        noisy = noisy_laws.with_errors(exact, errors, np.full(3, 0.025))
        weights.append(parts.ergodic_parts(noisy, 3, Decomposition()))
    assert [result.count for result in weights] == [4, 4]
    a, b = (np.subtract(*parts.aligned(result.weights, posterior)).ravel() for result in weights)
    assert a @ b / np.sqrt(a @ a * (b @ b)) > 0.5
    # Errors in variables draw eigenvalues to 0.
    assert all(0.9 < result.operator.eigenvalues[3, 0] < 0.99 for result in weights)
