"""Fine-tuning by rewards: the gradient, the baseline, and documents that members write."""

import itertools

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from torch import Tensor

from manymasks.config.rewards import Reward, RewardTraining
from manymasks.config.training import Size
from manymasks.corpora.processes.masks import (
    BOS,
    FIRST_LETTER,
    FIRST_PREMISE,
    LETTERS,
    PREMISES,
    VOCABULARY,
)
from manymasks.models.attention import Route
from manymasks.models.transformer import Transformer
from manymasks.truth.reward_optimum import RewardOptimum
from manymasks.truth.reward_training import (
    LetterLogs,
    advantages,
    alone,
    later_gains,
    letter_gains,
    letter_logs,
    measured_steps,
    reward_loss,
    train_towards,
    write_documents,
)

SHORT, COUNT = 3, len(LETTERS)
WORDS = np.array(list(itertools.product(range(COUNT), repeat=SHORT)))
TOKENS = np.hstack([np.tile([BOS, FIRST_PREMISE + 1], (len(WORDS), 1)), FIRST_LETTER + WORDS])
LETTER, MASK = Reward(letter="b", nats=0.6), Reward(mask="jitter")
NOTHING = Reward(letter="b", nats=1e-300)
"""Its optimum is the process."""


def laws_of(reward: Reward) -> list[Tensor]:
    """ln p* of the next letter after each prefix, (prefixes, 3) by number of letters."""
    optimum = RewardOptimum(reward, SHORT)
    rows = [optimum.laws(TOKENS[:: COUNT ** (SHORT - n)], [n], 1)[:, 0] for n in range(SHORT)]
    return [torch.tensor(np.log(row)) for row in rows]


def by_document(laws: list[Tensor]) -> Tensor:
    """(1, documents, letters, 3) of all documents, from the laws after each prefix."""
    rows = [law.repeat_interleave(COUNT ** (SHORT - n), 0) for n, law in enumerate(laws)]
    return torch.log_softmax(torch.stack(rows, 1), -1)[None]


@pytest.mark.parametrize("reward", [LETTER, MASK])
@pytest.mark.parametrize("is_optimum", [False, True])
def test_the_expected_gradient_is_that_of_reward_minus_kl(reward: Reward, is_optimum: bool) -> None:
    """Over all documents, for laws of the next letter that are free after each prefix, float64; at
    the optimum it is 0."""
    generator = torch.Generator().manual_seed(0)
    laws = laws_of(reward)
    if not is_optimum:
        laws = [law + torch.randn(law.shape, generator=generator).double() for law in laws]
    laws = [law.requires_grad_() for law in laws]
    logs = LetterLogs(by_document(laws), by_document(laws_of(NOTHING)))
    rewards = torch.tensor(RewardOptimum(reward, SHORT).gains(TOKENS))[None]
    written = torch.tensor(WORDS)[None, ..., None]
    chosen = [part.gather(-1, written)[..., 0] for part in (logs.now, logs.start, rewards)]
    score, before, values = chosen
    chance = score.sum(-1).exp()
    exact = (chance * (values - score + before).sum(-1)).sum()
    gains = letter_gains(logs, rewards)
    terms = (gains + score * later_gains(gains.detach())).sum(-1)
    estimated = (chance.detach() * terms).sum()
    assert_allclose((chance * gains.sum(-1)).sum().item(), exact.item(), rtol=1e-12)
    for one, other in zip(
        torch.autograd.grad(exact, laws, retain_graph=True),
        torch.autograd.grad(estimated, laws),
        strict=True,
    ):
        assert_allclose(one, other, atol=1e-14)
        assert is_optimum == bool(one.abs().max() < 1e-14)


def test_the_baseline_is_the_mean_of_the_others_of_a_premise() -> None:
    later = torch.randn(2, 6, 4, generator=torch.Generator().manual_seed(1))
    seen = advantages(later, 2)
    for document in range(6):
        first = document // 3 * 3
        others = [other for other in range(first, first + 3) if other != document]
        known = later[:, document] - later[:, others].mean(1)
        assert_allclose(seen[:, document], known, atol=1e-6)


def test_the_loss_is_minus_the_gain_of_a_letter() -> None:
    """One document of each premise has no baseline but itself, so take two that are the same: their
    advantages are 0, and the gradient is that of the gains."""
    laws = by_document(laws_of(LETTER))[:, [4, 4]].requires_grad_()
    logs = LetterLogs(laws, by_document(laws_of(NOTHING))[:, [4, 4]])
    rewards = torch.full((1, 2, SHORT, COUNT), 0.3).double()
    loss = reward_loss(logs, torch.tensor(TOKENS)[None, [4, 4]], rewards, 1)
    gains = letter_gains(logs, rewards)
    assert_allclose(loss.item(), -gains.mean().item())
    (one,) = torch.autograd.grad(loss.sum(), laws, retain_graph=True)
    (other,) = torch.autograd.grad(-gains.mean(), laws)
    assert_allclose(one, other, atol=1e-15)


def stack(*gradients: str) -> Transformer:
    torch.manual_seed(3)
    size = Size(width=8, layers=1, heads=2)
    model = Transformer(size, len(VOCABULARY), 64, [Route(gradient) for gradient in gradients])
    with torch.no_grad():
        for weight in model.parameters():
            weight.normal_(0, 0.3)
    return model.eval()


def test_members_write_documents_by_their_laws() -> None:
    model = alone(stack("causal"), 0)
    premise = torch.full((4000,), 2)
    written = write_documents(model, premise, 2, torch.Generator().manual_seed(0))
    assert written.shape == (4000, 4)
    assert (written[:, :2] == torch.tensor([BOS, FIRST_PREMISE + 2])).all()
    with torch.no_grad():
        logs = letter_logs(model, written[None])[0]
    words = written[:, 2:] - FIRST_LETTER
    for first in range(COUNT):
        rows = words[:, 0] == first
        chance = logs[0, 0, first].exp().item()
        assert abs(rows.double().mean().item() - chance) < 4 * np.sqrt(chance / 4000)
        seen = torch.bincount(words[rows, 1], minlength=COUNT) / rows.sum()
        assert_allclose(seen, logs[rows][0, 1].exp(), atol=0.06)


@pytest.mark.parametrize("imitates", [False, True])
def test_members_come_closer_to_the_optimum(imitates: bool) -> None:
    """And a member ends the same beside others, and when it begins again."""
    settings = RewardTraining(steps=12, batch=20, learning_rate=1e-2, late=(0.5,))
    optimum = RewardOptimum(Reward(letter="b", nats=1.0), 12)
    premise = np.repeat(np.arange(len(PREMISES)), 20)
    tokens = torch.from_numpy(optimum.draw(premise, np.random.default_rng(1)))

    def loss(model: Transformer) -> float:
        with torch.no_grad():
            logs = letter_logs(model, tokens[None])
        written = tokens[None, :, 2:, None] - FIRST_LETTER
        return -logs.gather(-1, written).mean().item()

    both = stack("causal", "myopic")
    begun = [loss(alone(both, place)) for place in (0, 1)]
    kept = [alone(both, place) for place in (0, 1)]
    seeds = [(0, 4, 4), (0, 5, 5)]
    assert list(train_towards(both, optimum, settings, seeds, imitates=imitates)) == [6, 12]
    for place, start in enumerate(begun):
        assert loss(alone(both, place)) < start - 0.05
        one = kept[place]
        list(train_towards(one, optimum, settings, [seeds[place]], imitates=imitates))
        for name, weight in one.named_parameters():
            assert_allclose(weight[0].detach(), both.get_parameter(name)[place].detach(), atol=2e-4)


def test_members_are_measured_on_the_way_and_at_the_end() -> None:
    assert measured_steps(RewardTraining(steps=50, late=(0.001, 0.1))) == {1, 5, 50}
