"""Statements that are true of a known process: which tokens never follow which.

After a prefix of a process that ends in a token, some tokens have probability 0, whatever comes
before: no digit follows '=' in `tally`. They are read off the edges of the machine. Whether members
give them little probability too is searched over all prefixes of the process up to a length, which
is exact there, and over documents of the train split.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from manymasks.arrays import Bools, Floats, Ints, Rows
from manymasks.corpora.processes.fork import fork
from manymasks.corpora.processes.machine import Machine
from manymasks.corpora.processes.masks import masks
from manymasks.corpora.processes.tally import tally, tally1
from manymasks.models.transformer import Transformer
from manymasks.statistics.intervals import finite
from manymasks.universal.elites import offer_windows
from manymasks.universal.short_prefixes import exhausted_length, offer_short_prefixes
from manymasks.universal.statement_archives import FollowerElites

MACHINES: Mapping[str, Callable[..., Machine]] = {
    # A changed law makes masks likelier; which tokens can follow which stays.
    "masks": lambda **_: masks(),
    "tally": lambda **_: tally(),
    "tally1": lambda **_: tally1(),
    # Exchanging red and blue cues leaves the law unchanged.
    "fork": lambda answered=0.0, **_: fork(answered),
}
"""Of the processes with statements: their parameters -> their machine."""


def never_follow(machine: Machine) -> Bools:
    """Whether a token never comes after another in a document, whatever precedes it,
    (vocabulary, vocabulary) by last and next token. False after tokens that end a document or do
    not occur, and for the token 0, which only begins one."""
    vocabulary = len(machine.vocabulary)
    is_used = machine.probability > 0
    is_reached = machine.start > 0
    while True:
        further = is_reached.copy()
        further[machine.target[is_used & is_reached[machine.source]]] = True
        if (further == is_reached).all():
            break
        is_reached = further
    edges = is_used & is_reached[machine.source]
    after = np.zeros((vocabulary, machine.states))
    after[machine.token[edges], machine.target[edges]] = 1
    follows = np.asarray(after @ (machine.emission > 0).astype(float).toarray() > 0)
    never = ~follows & follows.any(axis=1, keepdims=True)
    never[:, 0] = False
    return never


@dataclass(frozen=True)
class PossiblePrefixes:
    """All prefixes that a process can produce, up to a length."""

    length: int
    """Tokens of the longest ones."""
    windows: list[Ints]
    """Arrays (n, length): every such prefix is the beginning of one of them."""


def possible_prefixes(machine: Machine, most: int, context: int) -> PossiblePrefixes:
    """All possible prefixes of up to the greatest length that has at most `most`, within the
    context. Whole documents, after which nothing comes, are left out."""
    goes_on = np.asarray((machine.emission > 0).sum(axis=1)).ravel() > 0
    transitions = [(matrix > 0).astype(np.float64) for matrix in machine.token_transitions]
    reach = sparse.csr_array((machine.start > 0).astype(np.float64)[None])
    prefixes = np.empty((1, 0), np.int64)
    windows: list[Ints] = []
    while prefixes.shape[1] < context:
        parents, longer, states = [], [], []
        for token, transition in enumerate(transitions):
            reached = sparse.csr_array(reach @ transition)
            rows = np.flatnonzero(reached @ goes_on.astype(np.float64) > 0)
            if rows.size:
                parents.append(rows)
                longer.append(np.column_stack([prefixes[rows], np.full(len(rows), token)]))
                states.append(reached[rows])
        if not parents or sum(map(len, longer)) > most:
            break
        is_leaf = ~np.isin(np.arange(len(prefixes)), np.concatenate(parents))
        if prefixes.shape[1] and is_leaf.any():
            windows.append(prefixes[is_leaf])
        prefixes = np.concatenate(longer)
        reach = sparse.csr_array(sparse.vstack(states))
        reach.data[:] = 1
    if prefixes.shape[1]:
        windows.append(prefixes)
    return PossiblePrefixes(prefixes.shape[1], windows)


@dataclass(frozen=True)
class ProcessStatements:
    """The statements of a process, with the prefixes on which members are asked."""

    process: str
    vocabulary: tuple[str, ...]
    never: Bools
    """As of `never_follow`."""
    possible: PossiblePrefixes
    short: int
    """All prefixes of up to so many tokens are tried, whatever the process."""

    @classmethod
    def of_machine(
        cls, process: str, machine: Machine, *, possible: int, short: int, context: int
    ) -> "ProcessStatements":
        """`possible`, `short`: at most so many prefixes of the longest length."""
        return cls(
            process,
            machine.vocabulary,
            never_follow(machine),
            possible_prefixes(machine, possible, context),
            exhausted_length(len(machine.vocabulary), short, context),
        )

    def rows(self, model: Transformer, bounds: Floats, documents: Ints, batch: int) -> Rows:
        """Rows of `process_statement` of a member, without its name. `model`: a stack of one.
        `bounds` (vocabulary,): of ln P over all prefixes. `documents` (n, positions): of the train
        split."""
        archives = [FollowerElites.empty(len(self.vocabulary)) for _ in range(3)]
        possible, text, short = archives
        for windows in self.possible.windows:
            offer_windows(model, windows, batch, possible)
        offer_windows(model, documents, batch, text)
        offer_short_prefixes(model, self.short, short)
        return [
            {
                "process": self.process,
                "last_id": last,
                "last_token": self.vocabulary[last],
                "token_id": token,
                "token": self.vocabulary[token],
                "log_p_bound": float(bounds[token]),
                "possible_length": self.possible.length,
                "log_p_possible": finite(possible.log_p[last, token]),
                "prefix_possible": self._text(possible.prefixes[last][token]),
                "log_p_text": finite(text.log_p[last, token]),
                "prefix_text": self._text(text.prefixes[last][token]),
                "short_length": self.short,
                "log_p_short": finite(short.log_p[last, token]),
                "prefix_short": self._text(short.prefixes[last][token]),
            }
            for last, token in np.argwhere(self.never).tolist()
        ]

    def _text(self, prefix: Ints | Sequence[int]) -> str | None:
        return " ".join(self.vocabulary[token] for token in prefix) or None
