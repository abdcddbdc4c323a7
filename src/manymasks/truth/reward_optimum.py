"""The exact optimum of a reward with a KL penalty, on documents of `masks`.

Over laws q of the letters after a premise, E_q r - KL(q || p) is largest at p* ~ p exp(r) (Korbak
et al. 2022, arXiv:2205.11275; rewards are in units of the weight of the penalty). Both rewards make
p* a hidden Markov law with messages back from the end of the document:

- a letter is worth some nats: p exp(r) multiplies the letter operators by exp(nats), and the last
  message is 1;
- ln P(z given the whole document): p(x) P(z given x) = p(x, z), so the operators stay, and the
  last message is 1 in the states of z. The optimum is p(x given z).

After t letters, message h_t(z, i) is the sum over all later letters of their weighted probability
from state i of mask z on; p* weighs each (z, i) of the posterior under p by it. Everything is
float64 and exact at every letter.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from manymasks.arrays import Floats, Ints
from manymasks.config.rewards import Reward
from manymasks.corpora.processes.masks import (
    BOS,
    EMISSIONS,
    FIRST_LETTER,
    FIRST_PREMISE,
    LENGTH,
    LETTERS,
    MASKS,
    MOVES,
    OPENING,
    PRIOR,
    STATES,
    by_mask,
    split_document,
)

OPERATORS: Floats = np.einsum("zij,ja->zaij", MOVES, EMISSIONS)
"""(masks, letters, states, states): p(letter, next state | state)."""
DOCUMENT_LETTERS = LENGTH - OPENING


@dataclass(frozen=True)
class RewardOptimum:
    """The law p* of a reward."""

    reward: Reward
    letters: int = DOCUMENT_LETTERS
    """Of a document."""

    @cached_property
    def worth(self) -> Floats:
        """(letters,): of each letter, in nats."""
        is_worth = np.array([letter == self.reward.letter for letter in LETTERS], float)
        return is_worth * (self.reward.nats or 0.0)

    @cached_property
    def operators(self) -> Floats:
        """(masks, letters, states, states), times exp(worth)."""
        return np.asarray(OPERATORS * np.exp(self.worth)[:, None, None])

    @cached_property
    def messages(self) -> Floats:
        """(letters + 1, masks, states): after so many letters, up to a factor of each row."""
        last = np.ones((len(MASKS), STATES))
        if self.reward.mask is not None:
            last[np.arange(len(MASKS)) != MASKS.index(self.reward.mask)] = 0
        rows = [last]
        for _ in range(self.letters):
            before = np.einsum("zaij,zj->zi", self.operators, rows[-1])
            rows.append(before / before.max())
        return np.stack(rows[::-1])

    def states(self, tokens: Ints, count: int) -> Floats:
        """Posterior (documents, masks, states) under p* after `count` letters of documents
        (documents, length)."""
        premise, letters = split_document(tokens)
        joint = _posterior(premise, letters[:, :count]) * self.messages[count]
        return np.asarray(joint / joint.sum((1, 2), keepdims=True))

    def weights(self, tokens: Ints, counts: Sequence[int]) -> Floats:
        """Posterior of the masks (documents, prompts, masks) after so many letters."""
        return np.stack([self.states(tokens, count).sum(-1) for count in counts], 1)

    def laws(self, tokens: Ints, counts: Sequence[int], ahead: int) -> Floats:
        """Laws (documents, prompts, 3^ahead) of the next letters after so many letters; the last
        letter varies fastest."""
        premise, letters = split_document(tokens)
        rows = []
        for count in counts:
            weighted = _posterior(premise, letters[:, :count])[:, None]
            for _ in range(ahead):
                # (documents, letters so far, masks, states) -> one more letter.
                moved = np.einsum("dczi,zaij->dcazj", weighted, self.operators)
                weighted = moved.reshape(len(tokens), -1, *moved.shape[3:])
            law = np.einsum("dczi,zi->dc", weighted, self.messages[count + ahead])
            rows.append(law / law.sum(1, keepdims=True))
        return np.stack(rows, 1)

    def draw(self, premise: Ints, rng: np.random.Generator) -> Ints:
        """Documents (documents, 2 + letters) of these premises, counted from 0."""
        chances = (PRIOR[premise, :, None] * self.messages[0]).reshape(len(premise), -1)
        state = _drawn(chances, rng)
        tokens = np.empty((len(premise), OPENING + self.letters), np.int64)
        tokens[:, 0], tokens[:, 1] = BOS, FIRST_PREMISE + premise
        mask, inner = np.divmod(state, STATES)
        for count in range(self.letters):
            weighted = self.operators[mask, :, inner] * self.messages[count + 1][mask][:, None]
            letter, inner = np.divmod(_drawn(weighted.reshape(len(mask), -1), rng), STATES)
            tokens[:, OPENING + count] = FIRST_LETTER + letter
        return tokens

    def gains(self, tokens: Ints) -> Floats:
        """(documents, letters, 3): the reward that each letter would add at its position, given the
        letters before it. Those of the letters of a document sum to its reward, up to what the
        premise says of the mask."""
        premise, letters = split_document(tokens)
        if self.reward.mask is None:
            return np.broadcast_to(self.worth, (*letters.shape, len(LETTERS)))
        z, rows = MASKS.index(self.reward.mask), []
        for laws, evidence in by_mask(letters):
            logs = np.log(PRIOR[premise]) + evidence
            after = logs[..., None] + np.log(laws)
            rows.append(_log_share(after, z) - _log_share(logs[..., None], z))
        return np.stack(rows[:-1], 1)


def _posterior(premise: Ints, letters: Ints) -> Floats:
    """p(mask, state | premise, letters), (documents, masks, states), of the process."""
    joint = np.repeat(PRIOR[premise, :, None] / STATES, STATES, 2)
    for letter in letters.T:
        joint = np.einsum("dzi,dzij->dzj", joint, OPERATORS[:, letter].transpose(1, 0, 2, 3))
        joint /= joint.sum((1, 2), keepdims=True)
    return joint


def _log_share(logs: Floats, mask: int) -> Floats:
    """ln of the share of a mask, (documents, n), from ln of joint ones (documents, masks, n)."""
    return np.asarray(logs[:, mask] - np.logaddexp.reduce(logs, axis=1))


def _drawn(chances: Floats, rng: np.random.Generator) -> Ints:
    """An index by row of chances (rows, values), which need not be normalised."""
    ends = np.cumsum(chances, 1)
    return np.asarray((ends < rng.random(len(ends))[:, None] * ends[:, -1:]).sum(1))
