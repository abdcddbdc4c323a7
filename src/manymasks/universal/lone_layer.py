"""Members of one layer without an MLP, of which all that they can write is known."""

from collections.abc import Mapping
from typing import Any

import numpy.typing as npt

from manymasks.config.training import Size
from manymasks.errors import UserError
from manymasks.models.parts import EPSILON
from manymasks.universal.cone_certificate import AttentionValues, Reach
from manymasks.universal.recurrence_reach import RecurrenceReach


def is_lone_layer(size: Size) -> bool:
    """Whether members have one layer without an MLP, and either attention whose values carry no
    position, or a recurrence whose reachable states have a closed form."""
    if size.mixer == "recurrent":
        is_closed = size.decay == "scalar" and not (
            size.delta or size.token_shift or size.read_norm
        )
    else:
        is_closed = size.positions == "rotary"
    return size.layers == 1 and size.mlp == 0 and not size.hidden and is_closed


def lone_reach(weights: Mapping[str, npt.NDArray[Any]], size: Size, name: str) -> Reach:
    """What the layer of a member can write, from its weights by name. Raises UserError if the
    weights hold more than that, which may be an MLP, another layer, or learned positions, or if the
    size has no such layer. `name`: of the member or certificate, for messages."""
    other = [
        key
        for key, weight in weights.items()
        if weight.size
        and (key == "W_pos" or (key.startswith("blocks.") and not key.startswith("blocks.0.")))
    ]
    other += [
        key for key in ("blocks.0.W_in", "blocks.0.W_out") if key in weights and weights[key].size
    ]
    needed = (
        f"{name}: bounds by last token need one layer without an MLP, of attention with rotary "
        "positions or of a recurrence with decay: scalar, delta: false, token_shift: false and "
        "read_norm: false, and the"
    )
    if other:
        raise UserError(f"{needed} weights hold {other[0]}")
    if not is_lone_layer(size):
        raise UserError(f"{needed} size of this member is another")
    if size.mixer == "recurrent":
        return RecurrenceReach.of_weights(weights, size, EPSILON)
    return AttentionValues.of_weights(weights, size.heads, EPSILON)
