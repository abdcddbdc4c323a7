"""A stack of small pre-norm transformers of one shape, with a leading model axis.

RMSNorm before each part and at the end, rotary or learned positions, no biases, an untied
unembedding. The names of the weights are those of the literature: W_E, W_Q, W_K, W_V, W_O, W_in,
W_out, W_U. Members share only the time they are computed in. Blocks of a size with a recurrent
mixer have a recurrence in the place of attention, and no positions.
"""

import math
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn

from manymasks.config.training import Kernels, Precision, Size
from manymasks.models import parts
from manymasks.models.attention import Route
from manymasks.models.recurrent_block import RecurrentBlock
from manymasks.native.build import resolved, target
from manymasks.native.member import NativeMember, native_route


class Transformer(nn.Module):
    """Next-token logits and losses of windows of tokens, for each member of a stack.

    Args:
        size: width, layers, heads, mlp and activation.
        vocabulary: number of tokens.
        context: the longest window.
        routes: gradient flow through the attention of each member; only routes that do not read
            their own past change logits.
        precision: of the products with weights, except the logits, which are float32 unless
            the kernels are native, and of attention itself on a GPU.
        kernels: those of passes on a CPU that need no autograd.
    """

    def __init__(
        self,
        size: Size,
        vocabulary: int,
        context: int,
        routes: Sequence[Route] = (Route(),),
        precision: Precision = "float32",
        kernels: Kernels = "torch",
    ) -> None:
        super().__init__()
        is_recurrent = size.mixer == "recurrent"
        # The native step knows attention alone.
        self.kernels = "torch" if is_recurrent else resolved(kernels, precision)
        self._native: list[NativeMember] = []
        self.size, self.routes, self.context = size, tuple(routes), context
        self.members, self.bf16 = len(self.routes), precision == "bf16"
        d = size.width
        self.W_E = _weight(self.members, vocabulary, d)
        is_learned = size.positions == "learned"
        self.W_pos = _weight(self.members, context, d) if is_learned else None
        self.blocks = nn.ModuleList(
            [
                (RecurrentBlock if is_recurrent else Block)(size, self.members, self.bf16)
                for _ in range(size.layers)
            ]
        )
        self.norm = _weight(self.members, d)
        self.W_U = _weight(self.members, vocabulary, d)
        # A recurrence reads only how long a window is.
        head = 2 if is_recurrent else d // size.heads
        table = parts.rotary_table(context, head, size.rotary_base).float()
        if is_learned:
            # Cosines and sines of angle 0.
            table = torch.stack((torch.ones_like(table[0]), torch.zeros_like(table[1])))
        self.register_buffer("rotary", table, persistent=False)

    rotary: Tensor

    @property
    def is_native(self) -> bool:
        """Whether the native library computes the passes that need no autograd."""
        weight = self.W_E
        is_here = weight.dtype == torch.float32 and weight.device.type == "cpu"
        return self.kernels == "native" and is_here

    @property
    def kernel_names(self) -> str:
        """Kernels of its passes, with the target of native ones, such as `native-avx512`."""
        row = target()
        return f"native-{row.name}" if self.is_native and row else "torch"

    def native_members(self) -> list[NativeMember]:
        """The members in the native library, which computes with the weights of this model."""
        if not self._native:
            self._native = [
                NativeMember(
                    self.size,
                    self.weights_of(member),
                    self.rotary,
                    native_route(route.keeps, route.flow.past),
                    "bf16" if self.bf16 else "float32",
                )
                for member, route in enumerate(self.routes)
            ]
        return self._native

    def _native_pass(
        self, tokens: Tensor, past: Sequence[Tensor] | None = None
    ) -> list[tuple[NativeMember, Tensor, Sequence[Tensor] | None]]:
        """Members with their tokens and pasts for a pass in the native library; empty where torch
        computes it."""
        if not self.is_native or (torch.is_grad_enabled() and self.W_E.requires_grad):
            return []
        pasts = [past and [inputs[member] for inputs in past] for member in range(self.members)]
        shared = tokens.expand(self.members, *tokens.shape[1:])
        return list(zip(self.native_members(), shared, pasts, strict=True))

    def embed(self, tokens: Tensor) -> Tensor:
        """(members, batch, positions) token ids to (members, batch, positions, width)."""
        vocabulary, d = self.W_E.shape[1:]
        first = vocabulary * torch.arange(self.members, device=tokens.device)
        rows = tokens + first.view(-1, 1, 1)
        x = nn.functional.embedding(rows, self.W_E.view(-1, d))
        return x if self.W_pos is None else x + self.W_pos[:, None, : tokens.shape[2]]

    def residual(self, x: Tensor, past: Sequence[Tensor] | None = None) -> Tensor:
        """The residual stream after the last block.

        `x`: embeddings, (members, batch, positions, width). `past`: for members that need a past,
        the `inputs` of the model that provides it. Returns (members, width, batch x positions).
        """
        for stream in self._through(x, past):
            x = stream
        return x

    def _through(self, x: Tensor, past: Sequence[Tensor] | None = None) -> Iterator[Tensor]:
        """Residual streams (members, width, batch x positions) before each block and at the end."""
        table = self.rotary[..., : x.shape[2]]
        x = x.flatten(1, 2).mT.contiguous()
        yield x
        for layer, block in enumerate(self.blocks):
            x = block(x, table, self.routes, past and past[layer])
            yield x

    def streams(self, tokens: Tensor) -> list[Tensor]:
        """The residual stream before each block and after the last, (..., positions, width) each.

        `tokens` (members, batch, positions) token ids.
        """
        native = [member.streams(part) for member, part, _ in self._native_pass(tokens)]
        if native:
            return list(torch.stack(native, 1))
        shape = *tokens.shape, -1
        return [x.mT.reshape(shape) for x in self._through(self.embed(tokens))]

    def inputs(self, tokens: Tensor) -> list[Tensor]:
        """The normalised input (members, width, tokens) of each layer's attention."""
        native = [member.inputs(part) for member, part, _ in self._native_pass(tokens)]
        if native:
            return list(torch.stack(native, 1))
        inputs = []
        # Blocks first in zip, so that the last block is not computed.
        for block, x in zip(self.blocks, self._through(self.embed(tokens)), strict=False):
            gain: Tensor = block.norm_attention  # type: ignore[assignment]
            inputs.append(parts.apart(_normalised, (x, gain)))
        return inputs

    def from_embedding(
        self, x: Tensor, last: int | None = None, past: Sequence[Tensor] | None = None
    ) -> Tensor:
        """As `forward`, from embeddings (members, batch, positions, width)."""
        members, batch, positions, d = x.shape
        stream = self.residual(x, past).view(members, d, batch, positions)
        stream = stream[..., -(last or positions) :].flatten(2)
        logits = parts.apart(parts.logits_of, (stream, self.norm, self.W_U))
        return logits.view(members, batch, last or positions, -1)

    def forward(
        self, tokens: Tensor, last: int | None = None, past: Sequence[Tensor] | None = None
    ) -> Tensor:
        """(members, batch, positions) token ids to logits (members, batch, positions, vocabulary).

        `last`: number of positions at the end with logits; all if not given.
        """
        native = [
            member.logits(part, last, earlier)
            for member, part, earlier in self._native_pass(tokens, past)
        ]
        if native:
            return torch.stack(native)
        return self.from_embedding(self.embed(tokens), last, past)

    def nats(self, windows: Tensor, past: Sequence[Tensor] | None = None) -> Tensor:
        """Mean next-token loss (members,), in nats, of (members, batch, context + 1) token ids."""
        native = [
            member.nats(part, earlier) for member, part, earlier in self._native_pass(windows, past)
        ]
        if native:
            return self.W_E.new_tensor(native)
        x = self.residual(self.embed(windows[..., :-1]), past)
        stacked = x, self.norm, self.W_U, windows[..., 1:].flatten(1)
        return parts.apart(parts.NatsPart.apply, stacked, (torch.is_grad_enabled(), self.bf16))

    def scores(
        self, windows: Tensor, past: Sequence[Tensor] | None = None
    ) -> tuple[Tensor, Tensor]:
        """Losses of (members, batch, positions + 1) token ids at all positions, in nats, and
        whether no token is more probable than the target, (members, batch, positions) each."""
        native = [
            member.scores(part, earlier)
            for member, part, earlier in self._native_pass(windows, past)
        ]
        if native:
            return torch.stack([pair[0] for pair in native]), torch.stack(
                [pair[1] for pair in native]
            )
        targets = windows[..., 1:]
        logits = self(windows[..., :-1], past=past)
        losses = nn.functional.cross_entropy(
            logits.float().flatten(0, -2), targets.flatten(), reduction="none"
        )
        # The largest logit instead of its index, which takes several times as long on a CPU.
        scored = logits.gather(-1, targets.unsqueeze(-1)).squeeze(-1)
        return losses.view(targets.shape), scored == logits.amax(-1)

    def weights_of(self, member: int) -> dict[str, Tensor]:
        """Views of one member's weights by name, without the model axis."""
        return {name: weight.detach()[member] for name, weight in self.named_parameters()}


class Block(nn.Module):
    """Attention, then an MLP, each added to the residual stream."""

    def __init__(self, size: Size, members: int, bf16: bool) -> None:
        super().__init__()
        d, hidden = size.width, size.width * size.mlp
        self.heads, self.gelu, self.bf16 = size.heads, size.activation == "gelu", bf16
        self.norm_attention = _weight(members, d)
        self.W_Q = _weight(members, d, d)
        self.W_K = _weight(members, d, d)
        self.W_V = _weight(members, d, d)
        self.W_O = _weight(members, d, d)
        self.norm_mlp = _weight(members, d)
        self.W_in = _weight(members, hidden, d)
        self.W_out = _weight(members, d, hidden)

    def forward(
        self, x: Tensor, table: Tensor, routes: Sequence[Route], past: Tensor | None
    ) -> Tensor:
        """(members, width, tokens) to the same shape."""
        matrices = self.W_Q, self.W_K, self.W_V, self.W_O
        stacked = (x, self.norm_attention, *matrices, past, routes)
        x = parts.apart(parts.AttentionPart.apply, stacked, (table, self.heads, self.bf16))
        return parts.apart(
            parts.MlpPart.apply, (x, self.norm_mlp, self.W_in, self.W_out), (self.gelu, self.bf16)
        )


def _normalised(x: Tensor, gain: Tensor) -> Tensor:
    return parts.normalise(x)[0] * gain.unsqueeze(2)


def _weight(*shape: int) -> nn.Parameter:
    return nn.Parameter(torch.empty(shape))


def initialise(model: Transformer, seeds: Sequence[int]) -> None:
    """Draw each member's weights on the CPU from its seed alone.

    Normal, with the size's standard deviation for the embeddings of tokens, 0.02 for those of
    positions, and 1/sqrt(inputs) for the matrices; those that write to the residual stream are
    divided by sqrt(2 layers), as in GPT-2. The unembedding has 0.02 too, so initial predictions are
    close to uniform. Weights of a recurrence that are not drawn have their constants.
    """
    constants = {
        f"blocks.{layer}.{name}": value
        for layer, block in enumerate(model.blocks)
        if isinstance(block, RecurrentBlock)
        for name, value in block.constants().items()
    }
    writers = 1 / math.sqrt(2 * len(model.blocks))
    named = {"W_E": model.size.embedding_sd, "W_pos": 0.02, "W_U": 0.02}
    for member, seed in enumerate(seeds):
        generator = torch.Generator().manual_seed(seed)
        with torch.no_grad():
            for name, weight in model.named_parameters():
                leaf = name.rpartition(".")[2]
                if name in constants:
                    weight[member].copy_(constants[name])
                    continue
                if leaf.startswith("norm"):
                    weight[member].fill_(1.0)
                    continue
                # A block without an MLP has empty matrices for it.
                scale = named.get(leaf) or 1 / math.sqrt(max(weight.shape[2], 1))
                if leaf in ("W_O", "W_out"):
                    scale *= writers
                values = torch.randn(weight.shape[1:], generator=generator) * scale
                weight[member].copy_(values)
