"""What fine-tuning changed: exact laws through each estimator land on their values."""

import functools
import itertools

import numpy as np
import pytest
from numpy.testing import assert_allclose

from manymasks.arrays import Floats
from manymasks.config.mask_law import MaskLaw
from manymasks.corpora.processes.machine import divergence
from manymasks.corpora.processes.masks import (
    ALL_MASKS,
    FIRST_LETTER,
    MASKS,
    PREMISES,
    PRIOR,
    by_mask,
    changed_prior,
)
from manymasks.corpora.processes.registry import process
from manymasks.truth.mask_logits import LogitProblem
from manymasks.truth.mixtures import mixed
from manymasks.truth.spectroscopy import mask_prompts
from manymasks.truth.tuned_laws import (
    BaseLaws,
    TuningPrompts,
    base_laws,
    mask_weights,
    reading,
    reweighting,
    tuning_prompts,
)

ALPHAS = (-0.5, 0.0, 0.5, 1.0, 1.5)
STICKY = MASKS.index("sticky")
ONLY = MaskLaw(only="sticky")
PRIOR_CHANGED = MaskLaw(prior=(0.94, 0.02, 0.02, 0.02))


@functools.cache
def prompts() -> TuningPrompts:
    return tuning_prompts(10, (0, 4, 16, 32), 0)


@functools.cache
def base() -> BaseLaws:
    return base_laws(prompts(), prompts().exact(None))


def test_prompts_agree_with_the_process() -> None:
    known = mask_prompts(process("masks"), prompts().tokens, prompts().letters, "plain")
    assert_allclose(prompts().posterior(None)[..., :4], known.posterior, atol=1e-12)
    assert_allclose(prompts().exact(None), known.exact, atol=1e-12)
    assert_allclose(prompts().four, known.masks, atol=1e-12)
    drawn = list(itertools.product(range(len(MASKS)), np.arange(10) % len(PREMISES)))
    assert drawn == list(zip(prompts().speaker, prompts().premise, strict=True))


@pytest.mark.parametrize(
    "law",
    [
        ONLY,
        PRIOR_CHANGED,
        MaskLaw(only="clockwise", premise="P4"),
        MaskLaw(only="sink"),
    ],
)
def test_the_exact_law_of_changed_documents_is_that_of_their_process(law: MaskLaw) -> None:
    changed = process("masks", law=law)
    tokens = changed.draw(20, np.random.default_rng(1))
    known = changed.laws(tokens)
    premises = tokens[:, 1] - 1
    assert law.premise is None or set(premises) == {PREMISES.index(law.premise)}
    assert not changed.ablated
    # The law of the first letter, and that after it, from the prior over all masks.
    prior = changed_prior(law)[premises]
    assert_allclose(prior.sum(1), 1)
    if law.only == "sink":
        assert_allclose(prior[:, -1], 1)
        return
    _, (laws, evidence), *_ = by_mask(tokens[:, 2:4] - FIRST_LETTER)
    weights = prior[:, : len(MASKS)] * np.exp(evidence)
    mixture = mixed(weights / weights.sum(1, keepdims=True), laws)
    assert_allclose(known[:, 3, FIRST_LETTER:], mixture, atol=1e-12)


def test_a_premise_that_is_not_changed_keeps_its_law() -> None:
    law = MaskLaw(only="sticky", premise="P4")
    changed, kept = prompts().exact(law), prompts().exact(None)
    is_changed = prompts().premise == 4
    assert_allclose(changed[~is_changed], kept[~is_changed])
    assert_allclose(changed[is_changed], prompts().masks[is_changed, :, STICKY])


def test_an_unchanged_member_has_no_change_to_explain() -> None:
    change = reweighting(prompts(), base(), base().laws, STICKY)
    for values in (change.kl, change.one, change.free, change.shift):
        assert_allclose(values, 0, atol=1e-12)
    # The factor that is kept makes unchanged weights exact, whatever else the base says.
    rng = np.random.default_rng(2)
    noisy = base().laws * rng.uniform(0.8, 1.2, base().laws.shape)
    other = base_laws(prompts(), noisy / noisy.sum(-1, keepdims=True))
    start = np.exp(other.offset - np.log(np.exp(other.offset).sum(-1, keepdims=True)))
    assert_allclose(mixed(start, other.tilted), other.laws, rtol=1e-6)


def test_bayes_reads_all_of_the_evidence_and_the_premise() -> None:
    read = reading(prompts(), prompts().exact(None), STICKY, ALPHAS)
    assert_allclose([read.alpha, read.gamma, *read.shift], [1, 1, 0, 0, 0, 0], atol=2e-3)
    assert read.left < 1e-7
    assert read.is_identified


def test_bayes_with_another_prior_is_a_shift_that_no_premise_changes() -> None:
    laws = prompts().exact(PRIOR_CHANGED)
    read = reading(prompts(), laws, STICKY, ALPHAS)
    assert_allclose([read.alpha, read.gamma], [1, 0], atol=5e-3)
    assert_allclose(read.shift, [0, *[np.log(0.02 / 0.94)] * 3], atol=0.02)
    assert read.is_identified


def test_half_of_the_evidence_is_found() -> None:
    logits = 0.5 * prompts().evidence[..., :4] + np.log(PRIOR)[prompts().premise][:, None]
    weights = np.exp(logits - logits.max(-1, keepdims=True))
    laws = mixed(weights / weights.sum(-1, keepdims=True), prompts().four)
    read = reading(prompts(), laws, STICKY, ALPHAS)
    assert_allclose([read.alpha, read.gamma, *read.shift], [0.5, 1, 0, 0, 0, 0], atol=2e-3)


def test_a_law_stuck_on_a_mask_does_not_tell_alpha() -> None:
    """A shift beyond what the letters can say is as good as evidence that is not read."""
    read = reading(prompts(), prompts().exact(ONLY), STICKY, ALPHAS)
    assert not read.is_identified
    assert read.left < 1e-6


def test_the_reward_of_a_mask_is_a_shift_alone() -> None:
    """With r = ln P(z given text), KL-regularised with beta 1, p* = p(x) P(z given x) / p(z), which
    is p(x given z)."""
    letters = np.array(list(itertools.product(range(3), repeat=4)))
    *_, (_, evidence) = by_mask(letters)
    for premise, prior in enumerate(PRIOR):
        joint = prior * np.exp(evidence)
        marginal = joint.sum(1)
        reward = np.log(joint[:, STICKY] / marginal)
        optimum = marginal * np.exp(reward)
        optimum /= optimum.sum()
        assert_allclose(optimum, np.exp(evidence[:, STICKY]), rtol=1e-12, err_msg=str(premise))
    change = reweighting(prompts(), base(), prompts().exact(ONLY), STICKY)
    assert change.kl.mean() > 0.5
    assert change.one.mean() < 1e-6 * change.kl.mean()
    assert change.free.mean() < 1e-6 * change.kl.mean()


def test_no_weights_explain_a_fifth_mask() -> None:
    laws = prompts().exact(MaskLaw(only="sink"))
    assert_allclose(laws, prompts().masks[:, :, ALL_MASKS.index("sink")])
    floor = divergence(laws, mixed(mask_weights(prompts(), laws), prompts().four)).mean(0)
    assert np.all((floor > 0.45) & (floor < 0.7))
    change = reweighting(prompts(), base(), laws, STICKY)
    # The base is exact, so that the free weights leave the floor.
    assert_allclose(change.free.mean(0), floor, rtol=1e-4)
    assert np.all(change.one.mean() >= change.free.mean())


def test_a_change_of_the_masks_is_kept_beside_what_the_base_says_else() -> None:
    """A base with errors that are the same under all masks, shifted by b."""
    rng = np.random.default_rng(3)
    factor = rng.uniform(0.7, 1.3, prompts().exact(None).shape)
    noisy = prompts().exact(None) * factor
    start = base_laws(prompts(), noisy / noisy.sum(-1, keepdims=True))
    shift = np.array([0.0, -2.0, -1.0, -3.0])
    weights = np.exp(start.offset + shift)
    laws = mixed(weights / weights.sum(-1, keepdims=True), start.tilted)
    change = reweighting(prompts(), start, laws, STICKY)
    assert_allclose(change.shift, shift, atol=0.02)
    assert change.one.mean() < 1e-6


def test_the_gradient_is_that_of_the_divergence() -> None:
    rng = np.random.default_rng(4)
    laws, components = rng.dirichlet(np.ones(6), 5), rng.dirichlet(np.ones(6), (5, 3))
    problem = LogitProblem(laws, components, rng.normal(size=(5, 3)), rng.normal(size=(5, 3, 2)))
    at = np.array([0.3, -0.7])

    def slope(k: int) -> Floats:
        step = 1e-6 * np.eye(2)[k]
        return np.asarray(
            (problem.divergence(at + step)[0] - problem.divergence(at - step)[0]) / 2e-6
        )

    value, gradient = problem.divergence(at)
    assert_allclose(gradient, [slope(0), slope(1)], rtol=1e-6)
    assert_allclose(value, divergence(laws, problem.mixtures(at)).mean())
    fixed = problem.fixed(1, at[1])
    assert_allclose(fixed.divergence(at[:1])[0], value)
