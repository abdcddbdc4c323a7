"""How long a recurrent head keeps what it is told, and how many directions its state fills."""

import math
from collections.abc import Sequence

import numpy as np
import torch

from manymasks.arrays import Ints, Rows
from manymasks.models.transformer import Transformer
from manymasks.truth.state_vectors import states_after


def state_statistic_rows(model: Transformer, tokens: Ints, positions: Sequence[int]) -> Rows:
    """Rows of `state_statistic`: by layer and head, over documents and positions.

    Half-lives are ln 2 / |g| of the decays alone: the delta rule may remove a write sooner.
    """
    lives: dict[tuple[int, int], list[torch.Tensor]] = {}
    ranks: dict[tuple[int, int], list[torch.Tensor]] = {}
    squares: dict[tuple[int, int], list[torch.Tensor]] = {}
    for _, reader in states_after(model, tokens, positions):
        assert reader.state is not None
        for layer, (state, mixed) in enumerate(zip(reader.state, reader.mixed, strict=True)):
            g = mixed.writes.g[0, :, :, -1, :, -1]
            matrix = state.matrix.view(len(g), -1, *state.matrix.shape[1:])
            largest = torch.linalg.matrix_norm(matrix, 2).square()
            square = matrix.square().sum((2, 3))
            for head in range(len(g)):
                place = layer, head
                lives.setdefault(place, []).append(math.log(2) / -g[head].flatten())
                ranks.setdefault(place, []).append(square[head] / largest[head].clamp_min(1e-30))
                squares.setdefault(place, []).append(square[head] / matrix[0, 0].numel())
    rows: Rows = []
    for (layer, head), parts in lives.items():
        life = torch.cat(parts).double().cpu().numpy()
        low, median, high = np.quantile(life, (0.1, 0.5, 0.9)).tolist()
        rows.append(
            {
                "layer": layer,
                "head": head,
                "half_life": median,
                "half_life_tenth": low,
                "half_life_ninth": high,
                "stable_rank": float(torch.cat(ranks[layer, head]).double().mean()),
                "rms": float(torch.cat(squares[layer, head]).double().mean()) ** 0.5,
                "keys": model.size.head_size,
            }
        )
    return rows
