"""A recurrent member that reads texts token by token: its state is all that it keeps of them."""

import copy

import torch
from torch import Tensor, nn

from manymasks.models import parts
from manymasks.models.recurrent_block import LayerState, Mixed, RecurrentBlock
from manymasks.models.transformer import Transformer


class RecurrentText:
    """One recurrent member with its state after a batch of texts of one length.

    The same computation as `Transformer.forward`; rounding differs. Memory does not grow with the
    texts. `state` may be replaced, by the state of other texts or an edited one: what is read next
    follows from it alone.

    `model`: a stack of one recurrent member. `texts`: number of texts. Raises ValueError for a
    stack of several members, and for a route that does not read its own past.
    """

    def __init__(self, model: Transformer, texts: int) -> None:
        if model.members != 1 or not model.routes[0].reads_own_past:
            raise ValueError(f"expected one member that reads its own past, found {model.routes}")
        self._model, self._texts = model, texts
        self.state: list[LayerState] | None = None
        """Of each layer; None before the first token."""
        self.mixed: list[Mixed] = []
        """Inputs of the recurrence of each layer at the tokens that were read last."""
        self.streams: list[Tensor] = []
        """The residual stream (1, width, texts x tokens) before each block and at the end, for
        these tokens."""

    def repeated(self, count: int) -> "RecurrentText":
        """A copy in which every text is repeated `count` times in sequence."""
        branches = copy.copy(self)
        branches._texts = self._texts * count
        if self.state is not None:
            branches.state = [state.repeated(self._texts, count) for state in self.state]
        return branches

    def read(self, tokens: Tensor) -> Tensor:
        """Append tokens (texts, n) and return the logits (texts, vocabulary) after them."""
        n = tokens.shape[1]
        return self._logits(self._through(tokens)[..., n - 1 :: n])

    def read_all(self, tokens: Tensor) -> Tensor:
        """Append tokens (texts, n) and return the logits (texts, n, vocabulary) after each."""
        return self._logits(self._through(tokens)).view(*tokens.shape, -1)

    @torch.no_grad()
    def _logits(self, x: Tensor) -> Tensor:
        return parts.logits_of(x, self._model.norm, self._model.W_U)[0]

    @torch.no_grad()
    def _through(self, tokens: Tensor) -> Tensor:
        """The residual stream (1, width, texts x n) after the last block."""
        x = nn.functional.embedding(tokens, self._model.W_E[0])
        x = x.flatten(0, 1).mT.contiguous().unsqueeze(0)
        states, self.mixed, self.streams = [], [], [x]
        for layer, block in enumerate(self._model.blocks):
            assert isinstance(block, RecurrentBlock)
            before = None if self.state is None else self.state[layer]
            x, state, mixed = block.advance(x, tokens.shape[1], before)
            states.append(state)
            self.mixed.append(mixed)
            self.streams.append(x)
        self.state = states
        return x
