"""The effect of a single write on later logits: by a closed form, and measured by deleting it.

A head writes k v' into its state at a position. Deleted, the state lacks it; what is left of it n
positions later is the product of the n transitions, and its share of the logits along the direct
path is what the head reads of it, through norm, gate and W_O of the block, the final norm and the
unembedding, to first order in both norms. The closed form leaves out what the MLP of the block and
later blocks make of the change, so it fails by as much as these use the write.
"""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from manymasks.arrays import Floats, Ints, Rows
from manymasks.config.analyses import Recurrence, Statistics
from manymasks.models.parts import EPSILON
from manymasks.models.recurrent_block import READ_EPSILON, LayerState, RecurrentBlock
from manymasks.models.recurrent_text import RecurrentText
from manymasks.models.transformer import Transformer
from manymasks.statistics.bootstrap import (
    document_columns,
    document_weights,
    interval_over_documents,
    ratio,
    ratio_resamples,
)
from manymasks.statistics.intervals import finite
from manymasks.truth.state_vectors import states_after


def write_effect_rows(
    model: Transformer, tokens: Ints, settings: Recurrence, statistics: Statistics
) -> Rows:
    """Rows of `write_effect`: by layer and distance, over the heads, positions and documents
    (documents, length). A document's error is summed over its heads and positions."""
    lags, longest = settings.lags, max(settings.lags)
    positions = [p for p in settings.patched if p + longest < tokens.shape[1]]
    layers = range(len(model.blocks))
    shape = len(layers), len(lags), len(tokens)
    squares, errors, along, lengths = (np.zeros(shape) for _ in range(4))
    for position, reader in states_after(model, tokens, positions):
        ahead = torch.from_numpy(tokens[:, position + 1 : position + 1 + longest])
        steps = _continued(model, reader, ahead.to(model.W_E.device))
        for layer in layers:
            writes = reader.mixed[layer].writes
            # (heads, texts, features)
            k, v = (part[0, :, :, -1, :, -1] for part in (writes.k, writes.v))
            deleted = -k.unsqueeze(3) * v.unsqueeze(2)
            for head in range(len(deleted)):
                alone = torch.zeros_like(deleted)
                alone[head] = deleted[head]
                measured = _measured(model, reader, layer, alone, ahead, steps)
                predicted = _predicted(model, layer, alone, steps)
                for i, lag in enumerate(lags):
                    m, p = measured[lag - 1], predicted[lag - 1]
                    squares[layer, i] += (m**2).sum(1)
                    errors[layer, i] += ((m - p) ** 2).sum(1)
                    along[layer, i] += (m * p).sum(1)
                    lengths[layer, i] += (p**2).sum(1)
    weights = document_weights(len(tokens), statistics.resamples, statistics.seed)
    rows: Rows = []
    for layer in layers:
        for i, lag in enumerate(lags):
            square, error = squares[layer, i], errors[layer, i]
            resamples = 1 - ratio_resamples(error, square, weights)
            r2 = 1 - float(ratio(error, square))
            product = float(square.sum() * lengths[layer, i].sum()) ** 0.5
            rows.append(
                {
                    "layer": layer,
                    "is_last": layer == layers[-1],
                    "distance": lag,
                    **interval_over_documents("r2", r2, resamples, square, statistics.confidence),
                    "cosine": finite(float(along[layer, i].sum()) / product if product else None),
                    "rms": finite(float(square.mean()) ** 0.5),
                    **document_columns(square),
                }
            )
    return rows


class _Step:
    """An unedited member after a token that it read on."""

    def __init__(self, reader: RecurrentText, logits: Tensor) -> None:
        assert reader.state is not None
        self.state: Sequence[LayerState] = reader.state
        self.mixed, self.stream, self.logits = reader.mixed, reader.streams[-1][0], logits


def _continued(model: Transformer, reader: RecurrentText, ahead: Tensor) -> list[_Step]:
    """The steps of an unedited member over the tokens ahead."""
    undisturbed = RecurrentText(model, len(ahead))
    undisturbed.state = reader.state
    steps = []
    for token in torch.split(ahead, 1, dim=1):
        logits = undisturbed.read(token)
        steps.append(_Step(undisturbed, logits))
    return steps


def _centred(logits: Tensor) -> Floats:
    """Logits without their mean over the vocabulary, which no probability depends on."""
    return np.asarray((logits - logits.mean(-1, keepdim=True)).double().cpu().numpy())


def _measured(
    model: Transformer,
    reader: RecurrentText,
    layer: int,
    change: Tensor,
    ahead: Tensor,
    steps: Sequence[_Step],
) -> list[Floats]:
    """Logits (documents, vocabulary) after each token ahead minus those of the unedited member, for
    a change (heads, documents, keys, values) of the state of a layer."""
    assert reader.state is not None
    edited = RecurrentText(model, len(ahead))
    state = list(reader.state)
    state[layer] = state[layer]._replace(matrix=state[layer].matrix + change.flatten(0, 1))
    edited.state = state
    device = model.W_E.device
    return [
        _centred(edited.read(token.to(device)) - step.logits)
        for token, step in zip(torch.split(ahead, 1, dim=1), steps, strict=True)
    ]


@torch.no_grad()
def _predicted(
    model: Transformer, layer: int, change: Tensor, steps: Sequence[_Step]
) -> list[Floats]:
    """The same by the closed form."""
    block = model.blocks[layer]
    assert isinstance(block, RecurrentBlock)
    W_O: Tensor = block.W_O  # type: ignore[assignment]
    norm_read: Tensor | None = getattr(block, "norm_read", None)
    shifts = []
    for step in steps:
        mixed = step.mixed[layer]
        r, g, _, _, a, b = (
            None if part is None else part[0, :, :, -1, :, -1] for part in mixed.writes
        )
        assert r is not None and g is not None
        kept = g.exp().unsqueeze(3) * change
        if a is not None and b is not None:
            kept = kept + b.unsqueeze(3) * torch.einsum("hbk,hbkv->hbv", a, change).unsqueeze(2)
        change = kept
        read = torch.einsum("hbk,hbkv->hbv", r, change)
        if norm_read is not None:
            matrix = step.state[layer].matrix.view(*r.shape, -1)
            whole = torch.einsum("hbk,hbkv->hbv", r, matrix)
            read = _normalised_change(read, whole, READ_EPSILON, -1)
            read = read * norm_read[0].view(len(r), 1, -1)
        # (width, documents)
        written = read.transpose(1, 2).flatten(0, 1) * mixed.gate[0]
        moved = W_O[0] @ written
        moved = _normalised_change(moved, step.stream, EPSILON, 0) * model.norm[0].unsqueeze(1)
        shifts.append(_centred(moved.T @ model.W_U[0].T))
    return shifts


def _normalised_change(change: Tensor, x: Tensor, epsilon: float, axis: int) -> Tensor:
    """The change of x over its root mean square, to first order in the change of x."""
    scale = (x.square().mean(axis, keepdim=True) + epsilon).rsqrt()
    return scale * (change - x * scale**2 * (x * change).mean(axis, keepdim=True))
