"""KL of what members write: against all texts there are, the plain estimate, and other batches."""

from itertools import product
from typing import Any

import numpy as np
import pytest
import torch

from manymasks.config.training import Size
from manymasks.models.transformer import Transformer, initialise
from manymasks.rollouts.sampling import MODES, Rule, Texts, rule_of, write
from manymasks.rollouts.sequences import (
    again,
    along_continuation,
    along_texts,
    continuation_again,
)

VOCABULARY, LENGTH, END = 3, 4, 0
TEMPERATURE = 1.4


@pytest.fixture(autouse=True)
def _without_gradients() -> Any:
    with torch.no_grad():
        yield


def _models(count: int, vocabulary: int = VOCABULARY) -> list[Transformer]:
    found = []
    for seed in range(count):
        found.append(Transformer(Size(width=8, layers=1, heads=1), vocabulary, 16))
        initialise(found[-1], [seed])
        found[-1].W_U.mul_(40)
    return found


def _texts_of(tokens: np.ndarray[Any, Any], members: int) -> Texts:
    """The same texts (n, L) for all members, up to their end of text."""
    is_end = tokens == END
    lengths = np.where(is_end.any(1), is_end.argmax(1) + 1, tokens.shape[1])
    shape = members, *tokens.shape
    nothing = np.zeros(shape)
    lengths = np.broadcast_to(lengths, shape[:2]).copy()
    return Texts(np.broadcast_to(tokens, shape).copy(), lengths, nothing, nothing, nothing)


def _all_texts() -> np.ndarray[Any, Any]:
    """Every text of at most LENGTH tokens, (n, LENGTH): what follows an end is 0."""
    every = np.array(list(product(range(VOCABULARY), repeat=LENGTH)))
    after = np.cumsum(every == END, axis=1) - (every == END) > 0
    return np.unique(np.where(after, 0, every), axis=0)


def _log_laws(model: Transformer, prompts: torch.Tensor, tokens: np.ndarray[Any, Any]) -> Any:
    """log p of each next token of texts, float64, (n, L, V)."""
    windows = torch.cat((prompts, torch.from_numpy(tokens)), 1)
    logits = model(windows[None, :, :-1])[0][:, prompts.shape[1] - 1 :]
    return (logits.double() / TEMPERATURE).log_softmax(-1).numpy()


def test_the_estimate_is_unbiased_and_varies_less_than_the_plain_one() -> None:
    models, tokens = _models(3), _all_texts()
    prompts = torch.tensor([[0, 1]]).expand(len(tokens), -1)
    found = along_texts(models, prompts, _texts_of(tokens, 3), TEMPERATURE, batch=16)
    # Texts are of different lengths, and nothing else is written.
    inside = np.arange(LENGTH) < found.tokens[0][:, None]
    log_p = []
    for model in models:
        laws = _log_laws(model, prompts, tokens)
        true = np.take_along_axis(laws, tokens[..., None], -1)[..., 0]
        log_p.append((true * inside).sum(1))
    for a, b in product(range(3), repeat=2):
        p = np.exp(log_p[a])
        assert p.sum() == pytest.approx(1)
        plain = log_p[a] - log_p[b]
        exact = (p * plain).sum()
        assert (p * found.kl[a, b]).sum() == pytest.approx(exact, abs=1e-6)
        np.testing.assert_allclose(found.cross[a, b], -log_p[b], atol=1e-5)
        if a == b:
            assert not found.kl[a, b].any()
            continue
        assert exact > 0.01 and (found.kl[a, b] > -1e-6).all()
        variances = [(p * (each - exact) ** 2).sum() for each in (found.kl[a, b], plain)]
        assert variances[0] < variances[1]


def test_sampled_texts_give_the_same_kl() -> None:
    models, tokens = _models(2), _all_texts()
    one = torch.tensor([[0, 1]])
    found = along_texts(
        models, one.expand(len(tokens), -1), _texts_of(tokens, 2), TEMPERATURE, batch=99
    )
    exact = float((np.exp(-found.cross[0, 0]) * found.kl[0, 1]).sum())
    prompts = one.expand(4000, -1)
    rule = Rule(TEMPERATURE, 4)
    texts = write(models, prompts, LENGTH, rule, batch=1000, end_of_text=END)
    sampled = along_texts(models, prompts, texts, TEMPERATURE, batch=1000).kl[0, 1]
    assert abs(sampled.mean() - exact) < 4 * sampled.std() / np.sqrt(4000)


def test_results_do_not_depend_on_batches_and_progress_is_reported() -> None:
    models, prompts = _models(3, 7), torch.randint(1, 7, (5, 3))
    texts = write(models, prompts, 6, Rule(1.0, 0), batch=5, end_of_text=END)
    said: list[tuple[int, int]] = []
    report = lambda done, total: said.append((done, total))  # noqa: E731
    found = [
        along_texts(models, prompts, texts, 1.0, batch=batch, report=report) for batch in (2, 5)
    ]
    np.testing.assert_allclose(found[0].kl, found[1].kl, atol=1e-5)
    np.testing.assert_allclose(found[0].cross, found[1].cross, atol=1e-5)
    assert said == [(1, 3), (2, 3), (3, 3)] * 2
    # A member's loss on what it wrote is what it was when it wrote it.
    own = np.einsum("aan->an", found[1].cross)
    np.testing.assert_allclose(own, -texts.log_p.sum(2), atol=1e-5)


@pytest.mark.parametrize("batch", [1, 4, 100])
def test_kl_along_real_text_agrees_with_a_loop(batch: int) -> None:
    models, prompts = _models(3, 7), torch.randint(0, 7, (5, 3))
    follows = torch.randint(0, 7, (5, 6))
    found = along_continuation(models, prompts, follows, TEMPERATURE, batch=batch)
    laws = [_log_laws(model, prompts, follows.numpy()) for model in models]
    for a, b in product(range(3), repeat=2):
        kl = (np.exp(laws[a]) * (laws[a] - laws[b])).sum((1, 2))
        np.testing.assert_allclose(found[a, b], kl, atol=1e-5)
        assert a != b or not found[a, b].any()


@pytest.mark.parametrize("mode", MODES)
def test_rewriting_gives_the_same_text(mode: Any) -> None:
    models, prompts = _models(3, 7), torch.randint(1, 7, (9, 3))
    rule = rule_of(mode, TEMPERATURE, 2)
    texts = write(models, prompts, 6, rule, batch=4, end_of_text=END)
    floor = again(models, prompts, texts, rule, batch=4, other=3)
    assert floor.is_censored.all()
    np.testing.assert_array_equal(floor.steps, texts.lengths)
    assert np.abs(floor.kl).max() < 1e-10
    np.testing.assert_allclose(floor.cross, -texts.log_p.sum(2), atol=1e-5)


@pytest.mark.parametrize("mode", MODES)
def test_changed_texts_differ_from_what_a_member_would_write(mode: Any) -> None:
    models, prompts = _models(2, 7), torch.randint(1, 7, (9, 3))
    rule = rule_of(mode, TEMPERATURE, 2)
    texts = write(models, prompts, 6, rule, batch=9, end_of_text=99)
    texts.tokens[0, 3, 4] = (texts.tokens[0, 3, 4] + 1) % 7
    floor = again(models, prompts, texts, rule, batch=9, other=2)
    assert floor.steps[0, 3] == 5 and not floor.is_censored[0, 3]
    assert (~floor.is_censored).sum() == 1
    # After the end of a text nothing counts.
    texts.lengths[0, 3] = 4
    assert again(models, prompts, texts, rule, batch=9, other=2).is_censored.all()


def test_the_floor_of_real_text_is_near_zero_and_not_negative() -> None:
    models, prompts = _models(2, 7), torch.randint(0, 7, (5, 3))
    follows = torch.randint(0, 7, (5, 6))
    floor = continuation_again(models, prompts, follows, 1.0, batch=5, other=2)
    assert floor.shape == (2, 5) and np.abs(floor).max() < 1e-10
