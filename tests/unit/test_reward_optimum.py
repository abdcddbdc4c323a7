"""The exact optimum of rewards with a KL penalty, against all documents of a few letters."""

import functools
import itertools

import numpy as np
import pytest
from numpy.testing import assert_allclose
from pydantic import ValidationError

from manymasks.arrays import Floats, Ints
from manymasks.config.rewards import Reward, RewardTraining
from manymasks.corpora.processes.masks import (
    BOS,
    FIRST_LETTER,
    FIRST_PREMISE,
    LETTERS,
    MASKS,
    PREMISES,
    PRIOR,
    by_mask,
)
from manymasks.truth.reward_optimum import RewardOptimum
from manymasks.truth.tuned_laws import base_laws, reweighting, tuning_prompts
from manymasks.truth.tuned_tables import goal_of_reward

SHORT = 5
WORDS: Ints = np.array(list(itertools.product(range(len(LETTERS)), repeat=SHORT)))
"""All documents of `SHORT` letters."""
LETTER, MASK = Reward(letter="a", nats=0.7), Reward(mask="clockwise")


def documents(premise: int, words: Ints) -> Ints:
    opening = np.tile([BOS, FIRST_PREMISE + premise], (len(words), 1))
    return np.hstack([opening, FIRST_LETTER + words])


@functools.cache
def optimum(reward: Reward, premise: int) -> tuple[Floats, Floats]:
    """p* of every document after a premise, and the share of each mask in it, by summation."""
    *_, (_, evidence) = by_mask(WORDS)
    joint = PRIOR[premise] * np.exp(evidence)
    p = joint.sum(1)
    if reward.letter is not None:
        values = (reward.nats or 0) * (LETTERS.index(reward.letter) == WORDS).sum(1)
    else:
        values = np.log(joint[:, MASKS.index(reward.mask or "")] / p)
    best = p * np.exp(values)
    best /= best.sum()
    # The reward of a mask is known from the state, whose share then is all that mask's.
    shares = np.eye(len(MASKS))[[MASKS.index(reward.mask)] * len(p)] if reward.mask else None
    return best, joint / p[:, None] if shares is None else shares


@pytest.mark.parametrize("reward", [LETTER, MASK])
def test_laws_at_every_letter_are_those_of_the_enumerated_optimum(reward: Reward) -> None:
    law = RewardOptimum(reward, SHORT)
    for premise, count, ahead in itertools.product(range(len(PREMISES)), range(3), (1, 2)):
        best, shares = optimum(reward, premise)
        prompts = WORDS[:: len(LETTERS) ** (SHORT - count)]
        tokens = documents(premise, prompts)
        for row, prompt in enumerate(prompts):
            goes_on = (WORDS[:, :count] == prompt[:count]).all(1)
            chances = best * goes_on
            known = chances.reshape(*[len(LETTERS)] * SHORT)
            known = known.sum(tuple(range(count + ahead, SHORT)) + tuple(range(count)))
            seen = law.laws(tokens[row : row + 1], [count], ahead)[0, 0]
            assert_allclose(seen, known.ravel() / chances.sum(), rtol=1e-12)
            weights = law.weights(tokens[row : row + 1], [count])[0, 0]
            assert_allclose(weights, chances @ shares / chances.sum(), rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("reward", [LETTER, MASK])
def test_documents_are_drawn_from_the_optimum(reward: Reward) -> None:
    count = 40_000
    premise = np.full(count, 1)
    drawn = RewardOptimum(reward, SHORT).draw(premise, np.random.default_rng(0))
    assert np.all(drawn[:, :2] == [BOS, FIRST_PREMISE + 1])
    codes = (drawn[:, 2:] - FIRST_LETTER) @ len(LETTERS) ** np.arange(SHORT)[::-1]
    expected = count * optimum(reward, 1)[0]
    seen = np.bincount(codes, minlength=len(WORDS))
    chi_square = ((seen - expected) ** 2 / expected).sum()
    # Mean 242, sd 22.
    assert 150 < chi_square < 350


@pytest.mark.parametrize("reward", [LETTER, MASK])
def test_gains_of_letters_sum_to_the_reward(reward: Reward) -> None:
    for premise in range(len(PREMISES)):
        gains = RewardOptimum(reward, SHORT).gains(documents(premise, WORDS))
        total = np.take_along_axis(gains, WORDS[..., None], 2).sum((1, 2))
        *_, (_, evidence) = by_mask(WORDS)
        p = (PRIOR[premise] * np.exp(evidence)).sum(1)
        best, _ = optimum(reward, premise)
        # p* ~ p exp(r), so what is left is the same for all documents.
        assert_allclose(np.ptp(np.log(best / p) - total), 0, atol=1e-12)


@pytest.mark.parametrize(
    ("nats", "kl", "one", "free", "sticky"),
    [
        (0.05, 0.0023, 0.05, 0.15, 0.27),
        (0.1, 0.0123, 0.19, 0.27, 0.33),
        (0.2, 0.101, 0.47, 0.51, 0.61),
        (0.4, 0.622, 0.57, 0.59, 0.99),
        (0.8, 1.45, 0.50, 0.51, 1.00),
    ],
)
def test_a_reward_of_letters_is_in_part_a_shift(
    nats: float, kl: float, one: float, free: float, sticky: float
) -> None:
    """Values of other prompts of the same law, in an earlier computation."""
    prompts = tuning_prompts(60, (0, 4, 8, 16, 32, 56), 0)
    goal = goal_of_reward(prompts, RewardOptimum(Reward(letter="a", nats=nats)))
    change = reweighting(prompts, base_laws(prompts, prompts.exact(None)), goal.exact, 0)
    assert goal.reference == 0
    assert_allclose(change.kl.mean(), kl, rtol=0.1)
    assert_allclose(1 - change.one.mean() / change.kl.mean(), one, atol=0.03)
    assert_allclose(1 - change.free.mean() / change.kl.mean(), free, atol=0.03)
    assert_allclose(goal.posterior[:, 0, 0].mean(), sticky, atol=0.015)


def test_a_reward_of_a_mask_is_a_shift_alone() -> None:
    prompts = tuning_prompts(5, (0, 8, 32), 0)
    goal = goal_of_reward(prompts, RewardOptimum(MASK))
    mask = MASKS.index("clockwise")
    assert_allclose(goal.exact, prompts.four[:, :, mask], rtol=1e-10)
    assert_allclose(goal.posterior, np.broadcast_to(np.eye(4)[mask], goal.posterior.shape))
    assert (goal.reference, goal.changed) == (mask, (True,) * len(PREMISES))
    change = reweighting(prompts, base_laws(prompts, prompts.exact(None)), goal.exact, mask)
    assert change.one.mean() < 1e-6 * change.kl.mean()


def test_a_reward_is_of_one_thing() -> None:
    for wrong in ({}, {"letter": "a"}, {"mask": "jitter", "nats": 1.0},
        {"letter": "a", "nats": 0.1, "mask": "jitter"}, {"letter": "a", "nats": 0.0}):  # fmt: skip
        with pytest.raises(ValidationError):
            Reward.model_validate(wrong)
    with pytest.raises(ValidationError, match="found 0 and 2"):
        RewardTraining(rewards=(MASK, Reward(mask="jitter")))
