"""Passes in batches against the network itself, all at once."""

import numpy as np
import pytest
import torch

from manymasks.config.training import Size
from manymasks.evaluation.forward import log_probabilities, streams
from manymasks.models.transformer import Transformer, initialise

TOKENS = np.random.default_rng(0).integers(0, 9, (7, 12))
BATCHES = (1, 3, 7, 100)


def member() -> Transformer:
    model = Transformer(Size(width=16, layers=2, heads=2), 9, 12)
    initialise(model, [0])
    return model


@pytest.mark.parametrize("batch", BATCHES)
def test_log_probabilities_agree_with_one_pass(batch: int) -> None:
    model = member()
    with torch.no_grad():
        logits = model(torch.from_numpy(TOKENS)[None])[0].double().numpy()
    expected = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
    found = log_probabilities(model, TOKENS, batch)
    np.testing.assert_allclose(found, expected, atol=1e-6)
    np.testing.assert_allclose(np.exp(found).sum(-1), 1, rtol=1e-14)
    last = log_probabilities(model, TOKENS, batch, 3)
    assert last.shape == (7, 3, 9)
    np.testing.assert_allclose(last, expected[:, -3:], atol=1e-6)


@pytest.mark.parametrize("batch", BATCHES)
def test_streams_are_those_of_one_pass(batch: int) -> None:
    model = member()
    with torch.no_grad():
        expected = [level[0].numpy() for level in model.streams(torch.from_numpy(TOKENS)[None])]
    found = streams(model, TOKENS, batch)
    assert [(level.shape, level.dtype) for level in found] == [((7, 12, 16), np.float32)] * 3
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)


@pytest.mark.parametrize("batch", BATCHES)
def test_positions_keep_the_requested_order(batch: int) -> None:
    model = member()
    rows, columns = np.array([6, 0, 3, 3, 0]), np.array([1, 11, 4, 4, 0])
    found = streams(model, TOKENS, batch, (rows, columns))
    for some, every in zip(found, streams(model, TOKENS, batch), strict=True):
        np.testing.assert_array_equal(some, every[rows, columns])


def test_no_documents_give_empty_arrays() -> None:
    none = TOKENS[:0]
    assert log_probabilities(member(), none, 4).shape == (0, 12, 9)
    assert [level.shape for level in streams(member(), none, 4)] == [(0, 12, 16)] * 3
