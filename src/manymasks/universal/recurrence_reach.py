"""What a recurrence of one layer can write, where a token decides alone how it decays and writes.

With one decay a head, no delta rule, no token shift and no normalised read-out, a token y turns the
state H of a head into a_y H + k_y v_y'. Repeated for ever it leads to k_y v_y' / (1 - a_y), and all
states of all prefixes lie in the convex hull of these points and of the empty state: the largest
value of <u, H> over the hull, h, is at least 0 and at least <u, k_y v_y'> / (1 - a_y), so that
a_y h + <u, k_y v_y'> <= h. Each corner is attained by one token repeated. The read-out after the
last token s is linear in the state before it, and so is what it adds to the stream.

Shares of a state: the token at a position holds (1 - a) of what later positions have left, as in
stick breaking, and the rest belongs to the empty state.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from manymasks.arrays import Floats, Ints
from manymasks.config.training import Size
from manymasks.models.wkv import FASTEST
from manymasks.universal.cone_certificate import ROUNDING


@dataclass(frozen=True)
class RecurrenceReach:
    """What a recurrence of one layer can write, by last token. Its choices for a head are the
    tokens, each repeated, and at the end the empty state."""

    fixed: Floats
    """(vocabulary, width) the stream after a last token whose past is empty."""
    values: Floats
    """(heads, vocabulary, values of a head)"""
    reading: Floats
    """(heads, last token, repeated token) what the read-out of a last token makes of a value."""
    gates: Floats
    """(heads, vocabulary, values of a head) of a last token."""
    writers: Floats
    """(heads, width, values of a head) from read-outs to the stream."""
    forgotten: Floats
    """(heads, vocabulary) share of the state that a token removes, 1 - a."""

    @classmethod
    def of_weights(
        cls, weights: Mapping[str, npt.NDArray[Any]], size: Size, epsilon: float
    ) -> "RecurrenceReach":
        """From weights by name of a member of one layer. `epsilon`: of its norms."""
        exact = {
            name.removeprefix("blocks.0."): np.asarray(weight, np.float64)
            for name, weight in weights.items()
        }
        embeddings = exact["W_E"]
        vocabulary, width = embeddings.shape
        heads = width // size.head_size
        scale = np.sqrt((embeddings**2).mean(axis=1, keepdims=True) + epsilon)
        unit = embeddings / scale * exact["norm_mixer"]

        def by_head(rows: Floats) -> Floats:
            return rows.reshape(vocabulary, heads, -1).transpose(1, 0, 2)

        r = by_head(unit @ exact["W_R"].T) / np.sqrt(size.head_size)
        k, v = by_head(unit @ exact["W_K"].T), by_head(unit @ exact["W_V"].T)
        slow = np.tanh(unit @ exact["W_decay_in"].T) @ exact["W_decay_out"].T + exact["decay_bias"]
        g = -FASTEST * _sigmoid(slow).T
        gates = by_head(2 * _sigmoid(unit @ exact["W_gate_in"].T @ exact["W_gate_out"].T))
        forgotten = -np.expm1(g)
        reading = np.exp(g)[:, :, None] * (r @ k.transpose(0, 2, 1)) / forgotten[:, None, :]
        bonus = exact["bonus"].reshape(heads, 1, -1)
        writers = exact["W_O"].reshape(width, heads, -1).transpose(1, 0, 2)
        at_itself = (r * k * (1 + bonus)).sum(axis=2, keepdims=True) * v * gates
        fixed = embeddings + np.einsum("hvk,hdk->vd", at_itself, writers)
        return cls(fixed, v, reading, gates, writers, forgotten)

    @property
    def choices(self) -> tuple[int, int]:
        """(heads, choices of a head): the tokens, and the empty state."""
        heads, vocabulary, _ = self.values.shape
        return heads, vocabulary + 1

    @cached_property
    def digest(self) -> str:
        """SHA-256 of all arrays, by which a certificate names its weights."""
        arrays = (self.fixed, self.values, self.reading, self.gates, self.writers)
        shape = np.array(self.reading.shape, "<i8").tobytes()
        return hashlib.sha256(
            shape + b"".join(np.ascontiguousarray(array, "<f8").tobytes() for array in arrays)
        ).hexdigest()

    @cached_property
    def longest(self) -> Floats:
        """(vocabulary,) by last token: a bound of the sums that its support is rounded in."""
        columns = np.abs(self.writers).sum(axis=1)
        sizes = (self.gates * columns[:, None]) @ np.abs(self.values).transpose(0, 2, 1)
        most = (np.abs(self.reading) * sizes).max(axis=2).sum(axis=0)
        return np.asarray(np.abs(self.fixed).sum(axis=1) + most)

    def along(self, last: int, direction: Floats) -> tuple[npt.NDArray[np.intp], Floats]:
        """The choice by head (heads,) that leads furthest along a direction (width,) after prefixes
        that end in `last`, and the stream there (width,)."""
        turned = self.gates[:, last] * np.einsum("hdk,d->hk", self.writers, direction)
        inner = self.reading[:, last] * np.einsum("hvk,hk->hv", self.values, turned)
        inner = np.pad(inner, ((0, 0), (0, 1)))
        chosen = inner.argmax(axis=1)
        return chosen, self.stream(last, chosen)

    def stream(self, last: int, chosen: Ints) -> Floats:
        """The stream (width,) after `last`, where each head has one of the corners (heads,)."""
        heads = np.arange(len(chosen))
        is_token = chosen < self.values.shape[1]
        tokens = np.where(is_token, chosen, 0)
        read = np.where(is_token, self.reading[heads, last, tokens], 0)[:, None]
        read = read * self.values[heads, tokens] * self.gates[:, last]
        return np.asarray(self.fixed[last] + np.einsum("hk,hdk->d", read, self.writers))

    def supports(self, lasts: Ints, directions: Floats) -> Floats:
        """Largest inner product of directions (n, width) with a point of C_s, for each its s of
        `lasts` (n,), rounded up."""
        along = (self.fixed[lasts] * directions).sum(axis=1)
        for head, writer in enumerate(self.writers):
            turned = self.gates[head, lasts] * (directions @ writer)
            inner = self.reading[head, lasts] * (turned @ self.values[head].T)
            along += np.maximum(inner.max(axis=1), 0)
        length = np.linalg.norm(directions, axis=1)
        return np.asarray(along + ROUNDING * length * self.longest[lasts])


def _sigmoid(x: Floats) -> Floats:
    return np.asarray(1 / (1 + np.exp(-x)))


def decaying_prefix(mixture: Floats, forgotten: Floats, last: int, length: int) -> Ints:
    """A prefix of at most `length` tokens that ends in `last`, whose shares of the state before it
    are near a mixture: from the last position backwards, each the token that brings the shares
    closest.

    `mixture` (vocabulary + 1,): shares of the tokens, and of the empty state. `forgotten`
    (vocabulary,): share of the state that a token removes.
    """
    *shares, empty = mixture
    wanted = np.array(shares)
    used = np.flatnonzero(wanted > 0)
    backwards: list[int] = []
    left = 1.0
    while len(used) and len(backwards) < length - 1:
        mass = left * forgotten[used]
        gain = mass * (2 * wanted[used] - mass)
        best = int(gain.argmax())
        if gain[best] <= 0 and left <= empty:
            break
        chosen = used[best]
        wanted[chosen] -= mass[best]
        left -= mass[best]
        backwards.append(int(chosen))
    return np.array([*reversed(backwards), last])
