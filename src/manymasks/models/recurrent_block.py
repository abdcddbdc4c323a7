"""A block with a recurrence in the place of attention, in the style of RWKV-7 (Peng et al. 2025).

Receptance, key and value are maps of the normalised input, each mixed with that of the position
before (token shift). Decays, rates of the delta rule and the gate of the output are low-rank maps.
The read-out is normalised by head, and a bonus adds the value at the position itself. MLP, norms,
embedding and unembedding are those of the transformer. `decay: scalar` without `delta` is similar
to Mamba-2, `decay: channel` without it to gated linear attention, `decay: scalar` with it to gated
DeltaNet.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from manymasks.config.training import Size
from manymasks.kinds.mixers import low_rank, matched_hidden, mixer_weights
from manymasks.models import parts
from manymasks.models.attention import Route, runs_of
from manymasks.models.wkv import FASTEST, Writes, recurrence

SHIFTED = ("receptance", "key", "value", "decay", "gate", "rate")
READ_EPSILON = 1e-5
UNIT_EPSILON = 1e-12
SLOWEST, QUICKEST = -5.5, 1.5
"""Biases of the decays at step 0, evenly between: half-lives from 280 positions to 1.4."""


class LayerState(NamedTuple):
    """All that a layer knows of earlier positions, for a batch of texts of one member."""

    matrix: Tensor
    """(heads x batch, keys, values)."""
    last: Tensor
    """(width, batch): the normalised input of the last position."""

    def repeated(self, texts: int, count: int) -> "LayerState":
        """Of as many texts with each repeated `count` times in sequence."""
        by_text = self.matrix.view(-1, texts, *self.matrix.shape[1:]).repeat_interleave(count, 1)
        return LayerState(by_text.flatten(0, 1), self.last.repeat_interleave(count, 1))


class RecurrentBlock(nn.Module):
    """A recurrence, then an MLP, each added to the residual stream."""

    def __init__(self, size: Size, members: int, bf16: bool) -> None:
        super().__init__()
        d, rank = size.width, low_rank(size.width)
        self.size, self.heads, self.bf16 = size, d // size.head_size, bf16
        self.gelu = size.activation == "gelu"
        rates = self.heads if size.decay == "scalar" else d
        shapes: dict[str, tuple[int, ...]] = {
            "norm_mixer": (d,),
            **{f"W_{letter}": (d, d) for letter in "RKVO"},
            "W_decay_in": (rank, d),
            "W_decay_out": (rates, rank),
            "W_gate_in": (rank, d),
            "W_gate_out": (d, rank),
            "decay_bias": (rates,),
            "bonus": (d,),
        }
        if size.delta:
            shapes |= {"W_rate_in": (rank, d), "W_rate_out": (d, rank), "rate_bias": (d,)}
            shapes |= {"key_scale": (d,), "lookup_scale": (d,)}
        if size.read_norm:
            shapes["norm_read"] = (d,)
        if size.token_shift:
            kinds = SHIFTED if size.delta else SHIFTED[:-1]
            shapes |= {f"shift_{kind}": (d,) for kind in kinds}
        self._mixer = tuple(shapes)
        hidden = size.hidden
        if hidden is None:
            count = mixer_weights(
                d,
                size.head_size,
                size.decay,
                delta=size.delta,
                token_shift=size.token_shift,
                read_norm=size.read_norm,
            )
            hidden = matched_hidden(d, size.mlp, count)
        shapes |= {"norm_mlp": (d,), "W_in": (hidden, d), "W_out": (d, hidden)}
        for name, shape in shapes.items():
            setattr(self, name, nn.Parameter(torch.empty(members, *shape)))

    def constants(self) -> dict[str, Tensor]:
        """Weights that are not drawn: their values at step 0 by name, without the model axis."""
        d, rank = self.size.width, low_rank(self.size.width)
        rates = self.heads if self.size.decay == "scalar" else d
        # Slow and fast channels in every head; over the heads where a head has one decay.
        spread = torch.linspace(SLOWEST, QUICKEST, rates if rates < d else self.size.head_size)
        values = {
            "W_decay_out": torch.zeros(rates, rank),
            "W_gate_out": torch.zeros(d, rank),
            "W_rate_out": torch.zeros(d, rank),
            "decay_bias": spread if rates < d else spread.repeat(self.heads),
            "bonus": torch.zeros(d),
            "rate_bias": torch.zeros(d),
            "key_scale": torch.ones(d),
            "lookup_scale": torch.ones(d),
            **{f"shift_{kind}": torch.full((d,), 0.5) for kind in SHIFTED},
        }
        return {name: value for name, value in values.items() if name in self._mixer}

    def forward(
        self, x: Tensor, table: Tensor, routes: Sequence[Route], past: Tensor | None
    ) -> Tensor:
        """(members, width, tokens) to the same shape. `table`: as long as a window."""
        assert past is None, "a recurrent member reads its own past"
        stacked = (x, *(getattr(self, name) for name in self._mixer), routes)
        x = parts.apart(self._by_route, stacked, (table.shape[-1],))
        return self._mlp(x)

    def advance(
        self, x: Tensor, positions: int, state: LayerState | None
    ) -> tuple[Tensor, LayerState, "Mixed"]:
        """The residual stream (1, width, batch x positions) of one member after the block, given
        the state before its first position; the state after the last one; and what was mixed."""
        weights = {name: getattr(self, name) for name in self._mixer}
        mixed = self._inputs(x, weights, Route(), positions, state)
        x, end = self._read(x, mixed, weights, Route(), state)
        return self._mlp(x), LayerState(end, mixed.last), mixed

    def _mlp(self, x: Tensor) -> Tensor:
        weights: list[Tensor] = [getattr(self, name) for name in ("norm_mlp", "W_in", "W_out")]
        return parts.apart(parts.MlpPart.apply, (x, *weights), (self.gelu, self.bf16))

    def _by_route(self, x: Tensor, *rest: Any) -> Tensor:
        """The stream after the recurrence. `rest`: the weights of the recurrence in order, the
        routes, and the positions of a window."""
        *tensors, routes, positions = rest
        streams = []
        for route, run in runs_of(routes):
            weights = {name: w[run] for name, w in zip(self._mixer, tensors, strict=True)}
            # Without a past, every token is a window of its own.
            mixed = self._inputs(x[run], weights, route, positions if route.reads_past else 1, None)
            streams.append(self._read(x[run], mixed, weights, route, None)[0])
        return streams[0] if len(streams) == 1 else torch.cat(streams)

    def _inputs(
        self,
        x: Tensor,
        weights: Mapping[str, Tensor],
        route: Route,
        positions: int,
        state: LayerState | None,
    ) -> "Mixed":
        """What the recurrence reads and writes at every position of a stream (members, width,
        batch x positions)."""
        size = self.size
        unit, _ = parts.normalise(x)
        unit = unit * weights["norm_mixer"].unsqueeze(2)
        names = ["W_R", "W_K", "W_V", "W_decay_in", "W_gate_in"]
        names += ["W_rate_in"] if size.delta else []
        matrices = [weights[name] for name in names]
        windows = unit.view(*unit.shape[:2], -1, positions)
        if size.token_shift:
            shares = [weights[f"shift_{kind}"].unsqueeze(1) for kind in SHIFTED[: len(names)]]
            moved = torch.cat([w * m for w, m in zip(matrices, shares, strict=True)], 1)
            first = (
                torch.zeros_like(windows[..., :1]) if state is None else state.last[None, ..., None]
            )
            before = torch.cat((first, _routed(windows[..., :-1], route)), 3).flatten(2)
            rows = parts.product(torch.cat(matrices, 1) - moved, unit, bf16=self.bf16)
            rows = parts.product(moved, before, rows, bf16=self.bf16)
        else:
            rows = parts.product(torch.cat(matrices, 1), unit, bf16=self.bf16)
        r, k, v, decay, gate, *rate = torch.split(rows, [w.shape[1] for w in matrices], 1)
        decay = parts.product(weights["W_decay_out"], decay.tanh(), bf16=self.bf16)
        g = -FASTEST * torch.sigmoid(decay + weights["decay_bias"].unsqueeze(2))
        gate = 2 * torch.sigmoid(parts.product(weights["W_gate_out"], gate, bf16=self.bf16))
        r, k, v, g = (self._by_head(part, positions) for part in (r, k, v, g))
        r = r * size.head_size**-0.5
        a = b = None
        if size.delta:
            speed = parts.product(weights["W_rate_out"], rate[0], bf16=self.bf16)
            speed = torch.sigmoid(speed + weights["rate_bias"].unsqueeze(2))
            speed = self._by_head(speed, positions)
            lookup = k * self._channels(weights["lookup_scale"])
            lookup = lookup * (lookup.square().sum(-2, keepdim=True) + UNIT_EPSILON).rsqrt()
            a, b = -lookup, lookup * speed
            k = k * (1 + (speed - 1) * self._channels(weights["key_scale"]))
        return Mixed(Writes(r, g, k, v, a, b), gate, windows[0, ..., -1])

    def _read(
        self,
        x: Tensor,
        mixed: "Mixed",
        weights: Mapping[str, Tensor],
        route: Route,
        state: LayerState | None,
    ) -> tuple[Tensor, Tensor]:
        """The stream after the recurrence, and the state after the last position."""
        r, _, k, v, _, _ = mixed.writes
        shape, d = r.shape, self.size.width
        flat = Writes(*(part if part is None else part.flatten(0, 2) for part in mixed.writes))  # type: ignore[arg-type]
        heads = r.new_zeros(len(flat.r), shape[4], shape[4])
        out, end = recurrence(flat, heads if state is None else state.matrix, route)
        out = out.view(shape)
        if self.size.read_norm:
            scale = (out.square().mean(-2, keepdim=True) + READ_EPSILON).rsqrt()
            out = out * scale * self._channels(weights["norm_read"])
        if route.flow.freezes_writes:
            k, v = k.detach(), v.detach()
        out = out + (r * k * self._channels(weights["bonus"])).sum(-2, keepdim=True) * v
        members, _, batch, chunks, _, c = shape
        out = out.permute(0, 1, 4, 2, 3, 5).reshape(members, d, batch, chunks * c)
        positions = mixed.gate.shape[2] // batch
        out = out[..., :positions].reshape(members, d, -1) * mixed.gate
        return parts.product(weights["W_O"], out, x, bf16=self.bf16), end

    def _by_head(self, x: Tensor, positions: int) -> Tensor:
        """(members, features, batch x positions) to (members, heads, batch, chunks, features of a
        head, positions of a chunk). Padding at the end changes no state: zeros write nothing."""
        chunk = min(self.size.chunk, positions)
        members, features, tokens = x.shape
        batch = tokens // positions
        x = x.reshape(members, self.heads, features // self.heads, batch, positions)
        x = F.pad(x, (0, -positions % chunk))
        x = x.view(*x.shape[:4], -1, chunk)
        return x.permute(0, 1, 3, 4, 2, 5).contiguous()

    def _channels(self, weight: Tensor) -> Tensor:
        """(members, width) as factors of `_by_head`."""
        return weight.view(len(weight), self.heads, 1, 1, -1, 1)


class Mixed(NamedTuple):
    """The inputs of a recurrence."""

    writes: Writes
    """(members, heads, batch, chunks, features of a head, positions of a chunk) each."""
    gate: Tensor
    """(members, width, batch x positions)."""
    last: Tensor
    """(width, batch): the normalised input of the last position, of the first member."""


def _routed(before: Tensor, route: Route) -> Tensor:
    """The inputs of earlier positions, with the share of their gradient that a route keeps."""
    if not route.keeps:
        return before.detach()
    if route.keeps < 1 and before.requires_grad:
        through = before.view_as(before)
        through.register_hook(lambda grad: route.keeps * grad)  # type: ignore[no-untyped-call]
        return through
    return before
