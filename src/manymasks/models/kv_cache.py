"""A transformer with a KV cache, for generation.

The same computation as `Transformer.forward`, token by token: writing 48 tokens after 32 takes a
fifth of the time of whole windows. Rounding differs, because matrices have other shapes.
"""

import copy

import torch
from torch import Tensor, nn

from manymasks.models import parts
from manymasks.models.transformer import Transformer


class CachedTransformer:
    """One member with the keys and values of a batch of texts of one length.

    `model`: a stack of one member. `texts`: number of texts. `longest`: capacity in tokens. Raises
    ValueError for a stack of several members, for a route that does not read its own past, and for
    more tokens than the model's context.
    """

    def __init__(self, model: Transformer, texts: int, longest: int) -> None:
        if model.members != 1 or not model.routes[0].reads_own_past:
            raise ValueError(f"expected one member that reads its own past, found {model.routes}")
        if longest > model.context:
            raise ValueError(f"{longest} tokens are more than the context of {model.context}")
        self._model, self._read, self._texts = model, 0, texts
        d, heads = model.size.width, model.size.heads
        shape = len(model.blocks), 2, heads * texts, d // heads, longest
        self._past = model.W_E.new_empty(shape)
        self._vkq = []
        for block in model.blocks:
            gain, *matrices = _weights(block, "norm_attention", "W_V", "W_K", "W_Q")
            self._vkq.append(torch.cat(matrices, 1) * gain.unsqueeze(1))

    def repeated(self, count: int) -> "CachedTransformer":
        """A copy in which every text is repeated `count` times in sequence: branches of one past,
        which is computed once."""
        branches = copy.copy(self)
        branches._texts = self._texts * count
        layers, two, both, head, longest = self._past.shape
        past = self._past.view(layers, two, both // self._texts, self._texts, head, longest)
        branches._past = past.repeat_interleave(count, 3).flatten(2, 3)
        return branches

    def read(self, tokens: Tensor) -> Tensor:
        """Append tokens (texts, n) and return the logits (texts, vocabulary) after them."""
        model, n = self._model, tokens.shape[1]
        x = nn.functional.embedding(tokens, model.W_E[0])
        if model.W_pos is not None:
            x = x + model.W_pos[0, self._read : self._read + n]
        x = x.flatten(0, 1).mT.contiguous().unsqueeze(0)
        for layer, block in enumerate(model.blocks):
            x = self._attend(layer, block, x, n)
            norm, W_in, W_out = _weights(block, "norm_mlp", "W_in", "W_out")
            x = parts.apart(parts.MlpPart.apply, (x, norm, W_in, W_out), (block.gelu, block.bf16))
        self._read += n
        last = x[..., n - 1 :: n]
        return parts.logits_of(last, model.norm, model.W_U)[0]

    def _attend(self, layer: int, block: nn.Module, x: Tensor, n: int) -> Tensor:
        """The residual stream (1, width, texts x n) after the attention of a block."""
        model, end = self._model, self._read + n
        table, heads = model.rotary[..., self._read : end], model.size.heads
        unit, _ = parts.normalise(x)
        vkq = parts.by_head(
            parts.product(self._vkq[layer], unit, bf16=model.bf16), "vkq", table, heads
        )[0]
        past = self._past[layer, ..., :end]
        past[..., self._read :] = vkq[:2]
        values, keys = past
        scores = vkq[2].mT @ keys
        if n > 1:
            after = torch.ones(n, end, dtype=torch.bool, device=x.device).triu(1 + self._read)
            scores.masked_fill_(after, -torch.inf)
        attended = values @ scores.softmax(-1).mT
        (W_O,) = _weights(block, "W_O")
        out = parts.by_feature(attended[None, None], "v", table, heads)
        return parts.product(W_O, out, x, bf16=model.bf16)


def _weights(block: nn.Module, *names: str) -> list[Tensor]:
    return [getattr(block, name) for name in names]
