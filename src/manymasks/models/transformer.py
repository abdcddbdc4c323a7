"""A small pre-norm transformer.

RMSNorm before each part and at the end, rotary positions, no biases, an unembedding of its
own. The names of the parts are those of the literature: W_E, W_Q, W_K, W_V, W_O, W_in,
W_out, W_U.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from manymasks.config.study import Gradient, Size
from manymasks.models.attention import (
    causal_attention,
    own_attention,
    parted_attention,
    read_and_own,
)

ROTARY_BASE = 10_000.0


class Transformer(nn.Module):
    """Next-token logits of a window of tokens.

    Args:
        size: width, layers, heads, mlp and activation.
        vocabulary: number of tokens.
        context: the longest window.
        gradient: how gradients flow through attention; it changes no output.
        gamma: of `discount`, the share of a gradient that goes one position back.
    """

    def __init__(
        self, size: Size, vocabulary: int, context: int, gradient: Gradient, gamma: float = 0.0
    ) -> None:
        super().__init__()
        d = size.width
        self.W_E = nn.Parameter(torch.empty(vocabulary, d))
        self.blocks = nn.ModuleList([Block(size, gradient, gamma) for _ in range(size.layers)])
        self.norm = nn.Parameter(torch.ones(d))
        self.W_U = nn.Parameter(torch.empty(vocabulary, d))
        cos, sin = rotary_table(context, d // size.heads)
        self.register_buffer("cos", cos, persistent=False)
        self.register_buffer("sin", sin, persistent=False)

    cos: Tensor
    sin: Tensor

    def embed(self, tokens: Tensor) -> Tensor:
        """(batch, positions) token ids to (batch, positions, width)."""
        return F.embedding(tokens, self.W_E)

    def from_embedding(self, x: Tensor, last: int | None = None) -> Tensor:
        """(batch, positions, width) to logits (batch, positions, vocabulary).

        With `last`, only the logits of that many positions at the end.
        """
        positions = x.shape[1]
        cos, sin = self.cos[:positions], self.sin[:positions]
        for block in self.blocks:
            x = block(x, cos, sin)
        if last is not None:
            x = x[:, -last:]
        return F.linear(rms_norm(x, self.norm), self.W_U)

    def forward(self, tokens: Tensor, last: int | None = None) -> Tensor:
        """(batch, positions) token ids to logits (batch, positions or last, vocabulary)."""
        return self.from_embedding(self.embed(tokens), last)


class Block(nn.Module):
    """Attention, then an MLP, each added to the residual stream."""

    def __init__(self, size: Size, gradient: Gradient, gamma: float) -> None:
        super().__init__()
        d, hidden = size.width, size.width * size.mlp
        self.heads, self.activation = size.heads, size.activation
        self.gradient, self.gamma = gradient, gamma
        self.norm_attention = nn.Parameter(torch.ones(d))
        self.W_Q = nn.Parameter(torch.empty(d, d))
        self.W_K = nn.Parameter(torch.empty(d, d))
        self.W_V = nn.Parameter(torch.empty(d, d))
        self.W_O = nn.Parameter(torch.empty(d, d))
        self.norm_mlp = nn.Parameter(torch.ones(d))
        self.W_in = nn.Parameter(torch.empty(hidden, d))
        self.W_out = nn.Parameter(torch.empty(d, hidden))

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        """(batch, positions, width) to the same shape."""
        h = rms_norm(x, self.norm_attention)
        q = rotate(self._split(F.linear(h, self.W_Q)), cos, sin)
        if self.gradient in ("myopic", "discount") and torch.is_grad_enabled():
            k, k_own = read_and_own(h, self.W_K)
            v, v_own = read_and_own(h, self.W_V)
            out = parted_attention(
                q,
                rotate(self._split(k), cos, sin),
                self._split(v),
                rotate(self._split(k_own), cos, sin),
                self._split(v_own),
                self.gamma,
            )
        else:
            attention = own_attention if self.gradient == "myopic-kv" else causal_attention
            k = rotate(self._split(F.linear(h, self.W_K)), cos, sin)
            out = attention(q, k, self._split(F.linear(h, self.W_V)))
        x = x + F.linear(out.transpose(1, 2).flatten(2), self.W_O)
        h = F.linear(rms_norm(x, self.norm_mlp), self.W_in)
        h = F.gelu(h, approximate="tanh") if self.activation == "gelu" else F.relu(h).square()
        return x + F.linear(h, self.W_out)

    def _split(self, x: Tensor) -> Tensor:
        batch, positions, width = x.shape
        return x.view(batch, positions, self.heads, width // self.heads).transpose(1, 2)


def rms_norm(x: Tensor, gain: Tensor) -> Tensor:
    """x over its root mean square in the last dimension, times a gain (Zhang & Sennrich 2019)."""
    return F.rms_norm(x, (x.shape[-1],), gain, 1e-6)


def rotary_table(context: int, head: int) -> tuple[Tensor, Tensor]:
    """Cosines and sines, each (context, head / 2), of rotary positions (Su et al. 2021)."""
    frequencies = ROTARY_BASE ** (-torch.arange(0, head, 2, dtype=torch.float64) / head)
    angles = torch.arange(context, dtype=torch.float64)[:, None] * frequencies
    return angles.cos().float(), angles.sin().float()


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Turn each pair (x_n, x_{n + head/2}) of (batch, heads, positions, head) by its angle."""
    first, second = x.chunk(2, dim=-1)
    return torch.cat((first * cos - second * sin, first * sin + second * cos), dim=-1)


def initialise(model: Transformer, seed_init: int) -> None:
    """Draw the weights on the CPU from `seed_init` alone.

    Normal with standard deviation 0.02 for the embedding and 1/sqrt(inputs) for the matrices;
    those that write to the residual stream are smaller by sqrt(2 layers), as in GPT-2. The
    unembedding starts at 0.02 too, so the first predictions are close to uniform.
    """
    generator = torch.Generator().manual_seed(seed_init)
    writers = 1 / math.sqrt(2 * len(model.blocks))
    with torch.no_grad():
        for name, weight in model.named_parameters():
            leaf = name.rpartition(".")[2]
            if weight.ndim == 1:
                weight.fill_(1.0)
                continue
            scale = 0.02 if leaf in ("W_E", "W_U") else 1 / math.sqrt(weight.shape[1])
            if leaf in ("W_O", "W_out"):
                scale *= writers
            drawn = torch.randn(weight.shape, generator=generator) * scale
            weight.copy_(drawn.to(weight.dtype))
