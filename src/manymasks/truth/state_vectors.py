"""States of recurrent members as vectors: of all layers, matrices and last inputs, in one order."""

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from manymasks.arrays import Ints
from manymasks.models.recurrent_block import LayerState
from manymasks.models.recurrent_text import RecurrentText
from manymasks.models.transformer import Transformer

Vectors = npt.NDArray[np.floating]
"""(documents, values)."""


def vectors_of(state: Sequence[LayerState]) -> Tensor:
    """(texts, values)."""
    parts = []
    for matrix, last in state:
        texts = last.shape[1]
        by_text = matrix.view(-1, texts, *matrix.shape[1:]).transpose(0, 1)
        parts.append(by_text.reshape(texts, -1))
        parts.append(last.T)
    return torch.cat(parts, 1)


def state_of(vectors: Tensor, like: Sequence[LayerState]) -> list[LayerState]:
    """The inverse of `vectors_of`, with the shapes of another state."""
    state = []
    begin = 0
    for matrix, last in like:
        texts = len(vectors)
        values = matrix.numel() // last.shape[1]
        flat, begin = vectors[:, begin : begin + values], begin + values
        heads = flat.reshape(texts, -1, *matrix.shape[1:]).transpose(0, 1).flatten(0, 1)
        inputs, begin = vectors[:, begin : begin + len(last)], begin + len(last)
        state.append(LayerState(heads.contiguous(), inputs.T.contiguous()))
    return state


def head_slices(like: Sequence[LayerState]) -> dict[tuple[int, int | None], list[slice]]:
    """Where each layer (layer, None) and each head (layer, head) lies in the vectors."""
    places: dict[tuple[int, int | None], list[slice]] = {}
    begin = 0
    for layer, (matrix, last) in enumerate(like):
        heads, values = matrix.shape[0] // last.shape[1], matrix[0].numel()
        for head in range(heads):
            places[layer, head] = [slice(begin + head * values, begin + (head + 1) * values)]
        end = begin + heads * values + len(last)
        places[layer, None] = [slice(begin, end)]
        begin = end
    return places


def states_after(
    model: Transformer, tokens: Ints, positions: Sequence[int]
) -> Iterator[tuple[int, RecurrentText]]:
    """A member that has read documents (documents, length) up to each position, inclusive; the
    positions rise. The token at the position is the one that it read last."""
    reader = RecurrentText(model, len(tokens))
    device = model.W_E.device
    begin = 0
    for position in positions:
        if position > begin:
            reader.read(torch.from_numpy(tokens[:, begin:position]).to(device))
        reader.read(torch.from_numpy(tokens[:, position : position + 1]).to(device))
        begin = position + 1
        yield position, reader


def read_outs(reader: RecurrentText) -> list[Tensor]:
    """(texts, width) of each layer: what its heads read from the state at the last token, before
    norm and gate."""
    assert reader.state is not None
    outs = []
    for state, mixed in zip(reader.state, reader.mixed, strict=True):
        # (heads, texts, features)
        r = mixed.writes.r[0, :, :, -1, :, -1]
        matrix = state.matrix.view(*r.shape[:2], *state.matrix.shape[1:])
        outs.append(torch.einsum("hbk,hbkv->bhv", r, matrix).flatten(1))
    return outs
