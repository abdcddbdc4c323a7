"""Forward passes of a single member over sequences of one length, batch by batch."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from manymasks.arrays import Floats, Ints
from manymasks.models.member_model import MemberModel


@torch.no_grad()
def log_probabilities(
    model: MemberModel, tokens: Ints, batch: int, last: int | None = None
) -> Floats:
    """Log-probabilities after each token, in nats, (documents, positions, vocabulary).

    The float32 logits are normalised in float64, so laws sum to 1 to its precision; store them as
    float32 to hold many members at once.

    `model`: a stack of one member, on its device. `tokens` (documents, positions); possibly no
    documents. `batch`: documents in one pass. `last`: number of positions at the end; all if not
    given.
    """
    positions = tokens.shape[1] if last is None else last
    log_p = np.empty((len(tokens), positions, model.W_U.shape[1]))
    for rows, part in _parts(model, tokens, batch):
        logits = model(part, last)[0]
        log_p[rows] = torch.log_softmax(logits.double(), -1).cpu().numpy()
    return log_p


@torch.no_grad()
def streams(
    model: MemberModel, tokens: Ints, batch: int, at: tuple[Ints, Ints] | None = None
) -> list[npt.NDArray[np.float32]]:
    """Residual streams of a member by level: before each block and after the last.

    `model`, `tokens`, `batch`: as in `log_probabilities`. `at`: documents and positions (n,) to
    keep, in any order; all if not given. Returns (documents, positions, width) at each level, or
    (n, width) with `at`.
    """
    shape = tokens.shape if at is None else at[0].shape
    levels = range(len(model.blocks) + 1)
    result = [np.empty((*shape, model.W_E.shape[2]), np.float32) for _ in levels]
    for rows, part in _parts(model, tokens, batch):
        by_level = [level[0].float().cpu().numpy() for level in model.streams(part)]
        for whole, level in zip(result, by_level, strict=True):
            if at is None:
                whole[rows] = level
            else:
                inside = (at[0] >= rows.start) & (at[0] < rows.stop)
                whole[inside] = level[at[0][inside] - rows.start, at[1][inside]]
    return result


def _parts(model: MemberModel, tokens: Ints, batch: int) -> Iterator[tuple[slice, Tensor]]:
    """Rows of documents, and their tokens (1, documents, positions) on the device, a pass each."""
    for begin in range(0, len(tokens), batch):
        rows = slice(begin, begin + batch)
        yield rows, torch.from_numpy(tokens[rows]).unsqueeze(0).to(model.W_E.device)
