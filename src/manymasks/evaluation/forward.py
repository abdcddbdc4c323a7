"""Forward passes of a single member over sequences of one length, batch by batch."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from manymasks.arrays import FloatArray, IntArray
from manymasks.models.transformer import Transformer


@torch.no_grad()
def log_probabilities(
    model: Transformer, tokens: IntArray, batch: int, last: int | None = None
) -> FloatArray:
    """What a member says comes after each token, in nats, (documents, positions, vocabulary).

    The logits are the member's own float32. They are normalised in float64, so that laws add up to
    1 to its precision; keep them as float32 where many members are held at once.

    Args:
        model: a stack of one member, on its device.
        tokens: (documents, positions); there may be no documents.
        batch: documents in one pass.
        last: after this many tokens at the end alone; after all where it is not given.
    """
    positions = tokens.shape[1] if last is None else last
    found = np.empty((len(tokens), positions, model.W_U.shape[1]))
    for of, part in _parts(model, tokens, batch):
        logits = model(part, last)[0]
        found[of] = torch.log_softmax(logits.double(), -1).cpu().numpy()
    return found


@torch.no_grad()
def streams(
    model: Transformer, tokens: IntArray, batch: int, at: tuple[IntArray, IntArray] | None = None
) -> list[npt.NDArray[np.float32]]:
    """The residual stream of a member by level: before each block and after the last.

    Args:
        model, tokens, batch: as in `log_probabilities`.
        at: documents and positions (places,) that are kept, in any order; all without it.

    Returns:
        (documents, positions, width) at each level, or (places, width) where places are given.
    """
    shape = tokens.shape if at is None else at[0].shape
    levels = range(len(model.blocks) + 1)
    found = [np.empty((*shape, model.W_E.shape[2]), np.float32) for _ in levels]
    for of, part in _parts(model, tokens, batch):
        several = [level[0].float().cpu().numpy() for level in model.streams(part)]
        for whole, level in zip(found, several, strict=True):
            if at is None:
                whole[of] = level
            else:
                inside = (at[0] >= of.start) & (at[0] < of.stop)
                whole[inside] = level[at[0][inside] - of.start, at[1][inside]]
    return found


def _parts(model: Transformer, tokens: IntArray, batch: int) -> Iterator[tuple[slice, Tensor]]:
    """The documents of each pass, and their tokens (1, documents, positions) on the device."""
    for begin in range(0, len(tokens), batch):
        of = slice(begin, begin + batch)
        yield of, torch.from_numpy(tokens[of]).unsqueeze(0).to(model.W_E.device)
