"""Rows of the tables of bounds, certificates and witnesses."""

import math
from collections.abc import Callable, Sequence

import numpy as np
import torch

from manymasks.arrays import Floats, Ints, Row, Rows
from manymasks.models.parts import EPSILON
from manymasks.models.transformer import Transformer
from manymasks.universal.ball import BallMaxima
from manymasks.universal.certificate import Bounds, OutputLayer, attained_values, token_blocks
from manymasks.universal.elites import Elites


def bound_rows(
    layer: OutputLayer, maxima: BallMaxima, bounds: Bounds, counts: Ints, spelled: Sequence[str]
) -> Rows:
    """Rows of `universal_bound` of one member at one step, without their names. `counts`
    (vocabulary,): of the train split. `spelled`: tokens as text."""
    attained = attained_values(layer, maxima.points)
    floors, neighbours, distances = closed_forms(layer)
    return [
        {
            "token_id": token,
            "token": spelled[token],
            "occurrences": int(counts[token]),
            "log_p_bound": float(bounds.float32[token]),
            "log_p_bound_real": float(bounds.exact[token]),
            "log_p_attained": float(attained[token]),
            "gap": max(float(bounds.exact[token] - attained[token]), 0.0),
            "log_p_floor": float(floors[token]),
            "neighbour": spelled[neighbours[token]],
            "neighbour_nats": float(distances[token]),
        }
        for token in range(len(attained))
    ]


def closed_forms(layer: OutputLayer) -> tuple[Floats, Ints, Floats]:
    """Statements without an optimiser: a lower bound of ln P for every token, the token whose odds
    against it are most confined, and the largest absolute log odds of the two, (vocabulary,)."""
    rows = layer.rows
    floors = np.empty(len(rows))
    neighbours = np.empty(len(rows), np.int64)
    distances = np.empty(len(rows))
    squares = (rows**2).sum(axis=1)
    slack = 2 * layer.logit_error + layer.margin
    for tokens in token_blocks(len(rows)):
        products = rows[tokens] @ rows.T
        # Rounding of a difference of squares must not shorten a distance.
        rounding = 1e-14 * (squares[tokens, None] + squares) * rows.shape[1]
        between = squares[tokens, None] + squares - 2 * products + rounding
        reach = layer.float_radius * np.sqrt(np.maximum(between, 0))
        line = np.arange(len(tokens))
        reach[line, tokens] = 0
        above = reach
        if layer.offsets is not None:
            rise = layer.offsets - layer.offsets[tokens, None]
            above, reach = reach + rise, reach + np.abs(rise)
        peak = above.max(axis=1)
        floors[tokens] = -(peak + np.log(np.exp(above - peak[:, None]).sum(axis=1))) - slack
        reach[line, tokens] = math.inf
        neighbours[tokens] = reach.argmin(axis=1)
        distances[tokens] = reach[line, neighbours[tokens]] + slack
    return floors, neighbours, distances


@torch.no_grad()
def measured_logit_error(model: Transformer, layer: OutputLayer, tokens: Ints) -> float:
    """Largest difference between the logits of a member (one in its stack) and those of its last
    residual stream in float64, over windows (n, positions)."""
    windows = torch.from_numpy(tokens)[None].to(model.W_E.device)
    stream = model.streams(windows)[-1][0].double().cpu()
    unit = stream * (stream.square().mean(-1, keepdim=True) + EPSILON).rsqrt()
    exact = unit @ torch.from_numpy(layer.rows).T
    return float((model(windows)[0].double().cpu() - exact).abs().max())


def certificate_row(
    layer: OutputLayer, maxima: BallMaxima, rows: Rows, tolerance: float, measured: float
) -> Row:
    """A row of `universal_certificate`, without the member. `rows`: of `universal_bound`."""
    gaps = np.array([row["gap"] for row in rows])
    vocabulary, width = layer.rows.shape
    return {
        "sha256": layer.digest,
        "tokens": vocabulary,
        "width": width,
        "radius": layer.radius,
        "gap_largest": float(gaps.max()),
        "gap_median": float(np.median(gaps)),
        "unreached": int((gaps > tolerance).sum()),
        "logit_error": layer.logit_error,
        "logit_error_measured": measured,
        "iterations": int(maxima.iterations.sum()),
        "operations": 4.0 * vocabulary * width * float(maxima.iterations.sum()),
        "bytes": 4 * vocabulary * width,
    }


def witness_rows(method: str, elites: Elites, bounds: Floats, text: Callable[[Ints], str]) -> Rows:
    """Rows of `witness` of one member and method, without the member. `text`: of a prefix. Raises
    ValueError if a witness exceeds its bound, which no correct bound allows."""
    worst = int(np.argmax(elites.log_p - bounds))
    if elites.log_p[worst] > bounds[worst]:
        raise ValueError(
            f"token {worst} has ln P {elites.log_p[worst]:.6f} after "
            f"{elites.prefixes[worst].tolist()}, above its bound {bounds[worst]:.6f}: the bound is "
            "wrong"
        )
    return [
        {
            "token_id": token,
            "method": method,
            "log_p": float(elites.log_p[token]),
            "prefix_length": int(prefix.size),
            "prefix": text(prefix),
            "prefix_tokens": " ".join(map(str, prefix.tolist())),
        }
        for token, prefix in enumerate(elites.prefixes)
        if prefix.size
    ]
