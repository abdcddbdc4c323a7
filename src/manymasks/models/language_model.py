"""A language model with its tokenizer, by what a reader of text asks of it: laws, losses, text."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from manymasks.arrays import Ints

Text = str | Sequence[int] | npt.NDArray[np.integer] | Tensor
"""Text, or its token ids."""
LOGITS_AT_ONCE = 1 << 24
"""Logits of one pass: 64 MiB in float32."""


class LanguageModel(ABC):
    """Next-token laws of text, and text drawn from them.

    Text begins after the token `start`, and windows of `context` tokens are read one after the
    other, each beginning after the token before it.
    """

    name: str
    vocabulary: int
    context: int
    start: int
    end: frozenset[int]
    """Tokens that end a text."""

    @abstractmethod
    def encode(self, text: str) -> Ints:
        """Token ids of a text, without special tokens."""

    @abstractmethod
    def decode(self, ids: Sequence[int] | Ints) -> str:
        """Text of token ids."""

    @abstractmethod
    def logits(self, tokens: Tensor, last: int | None = None) -> Tensor:
        """(batch, positions) token ids to logits (batch, positions or last, vocabulary), float32
        on the CPU."""

    def ids(self, text: Text) -> Ints:
        """Token ids of what was given. Raises ValueError for a text without tokens, or a token
        outside the vocabulary."""
        if isinstance(text, str):
            ids = self.encode(text)
        else:
            ids = np.asarray(text.cpu() if isinstance(text, Tensor) else text, dtype=np.int64)
        if ids.ndim != 1 or not ids.size:
            raise ValueError(f"expected the tokens of one text, found shape {ids.shape}")
        if not 0 <= ids.min() <= ids.max() < self.vocabulary:
            raise ValueError(
                f"tokens from {ids.min()} to {ids.max()}: {self.name} has 0 to "
                f"{self.vocabulary - 1}"
            )
        return ids

    @torch.no_grad()
    def laws(self, text: Text, context: int | None = None) -> Iterator[Tensor]:
        """Log-probabilities in nats, float32, (n, vocabulary) for a few tokens at once, in order.
        The row of a token is its law given the tokens before it. `context`: tokens of a window,
        where they are to be fewer."""
        ids = torch.from_numpy(self.ids(text))
        read = torch.cat((torch.tensor([self.start]), ids[:-1]))
        rows = max(1, LOGITS_AT_ONCE // self.vocabulary)
        length = context or self.context
        for begin in range(0, len(read), length):
            for logits in self.logit_blocks(read[begin : begin + length], rows):
                yield torch.log_softmax(logits, -1)

    def logit_blocks(self, window: Tensor, rows: int) -> Iterator[Tensor]:
        """Logits after each token of a window (positions,), (at most `rows`, vocabulary) each."""
        yield from torch.split(self.logits(window[None])[0], rows)

    def log_probs(self, text: Text) -> npt.NDArray[np.float32]:
        """Log-probabilities in nats of every token of the vocabulary at every token of the text,
        (tokens, vocabulary); `laws` yields them in parts."""
        return torch.cat(list(self.laws(text))).numpy()

    def nats(self, text: Text) -> npt.NDArray[np.float64]:
        """Loss at each token, in nats, (tokens,)."""
        ids = torch.from_numpy(self.ids(text))
        parts, done = [], 0
        for law in self.laws(text):
            true = ids[done : done + len(law), None]
            parts.append(-law.gather(1, true)[:, 0].double())
            done += len(law)
        return torch.cat(parts).numpy()

    def loss(self, text: Text) -> float:
        """Mean loss in nats per token."""
        return float(self.nats(text).mean())

    @torch.no_grad()
    def generate(
        self, prompt: Text = "", tokens: int = 50, temperature: float = 0.0, seed: int = 0
    ) -> str:
        """What the model writes after a prompt: at most so many tokens, up to one that ends a text.
        Temperature 0 takes the most probable token; `seed` is that of the draws."""
        begin = self.ids(prompt).tolist() if len(prompt) else []
        generator = torch.Generator().manual_seed(seed)
        read = [self.start, *begin]
        written: list[int] = []
        while len(written) < tokens:
            window = torch.tensor([read[-self.context :]])
            logits = self.logits(window, 1)[0, -1]
            if temperature:
                law = torch.softmax(logits.double() / temperature, -1)
                token = int(torch.multinomial(law, 1, generator=generator))
            else:
                token = int(logits.argmax())
            if token in self.end:
                break
            written.append(token)
            read.append(token)
        return self.decode(written)

    def __repr__(self) -> str:
        return f"{self.name} ({self.vocabulary:,} tokens, context {self.context:,})"
