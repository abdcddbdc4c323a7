"""Exact quantities of processes that only tests ask for."""

import math

import numpy as np

from manymasks.arrays import Floats, Ints
from manymasks.corpora.processes import fork
from manymasks.corpora.processes.hierarchy import Grammar
from manymasks.corpora.processes.machine import ENDED, Machine
from manymasks.corpora.processes.recall import Sizes


def joint_law(machine: Machine, belief: Floats, steps: int) -> Floats:
    """The law of the next `steps` tokens together, (documents, vocabulary, ..., vocabulary)."""
    if steps == 1:
        return machine.ahead(belief)
    parts = [
        joint_law(machine, np.asarray(belief @ matrix), steps - 1)
        for matrix in machine.token_transitions
    ]
    return np.stack(parts, 1)


def latent_law(machine: Machine, belief: Floats, latent: str) -> Floats:
    """The law of a latent, (documents, values); its last column means undecided."""
    labels = machine.latents[latent]
    values = int(labels.max()) + 1
    sums = np.eye(values + 1)[np.where(labels < 0, values, labels)]
    return np.asarray(belief @ sums)


def swapped(tokens: Ints) -> Ints:
    """Documents of `fork` with red and blue swapped, which have the same probability."""
    other = np.arange(len(fork.VOCABULARY))
    red, blue = (fork.FIRST[colour] + np.arange(fork.WORDS) for colour in "RB")
    other[red], other[blue] = blue, red
    return np.where(tokens == ENDED, ENDED, other[tokens])


def grammar_entropy(grammar: Grammar) -> float:
    """Entropy of a document of a random grammar, in nats."""
    inner = sum(int(grammar.children**level) for level in range(grammar.levels))
    return math.log(grammar.symbols) + inner * math.log(grammar.rules.shape[2])


def recall_entropy(sizes: Sizes) -> float:
    """Entropy of a document of `recall`, in nats."""
    choices = math.perm(sizes.keys, sizes.pairs) * math.perm(sizes.values, sizes.pairs)
    return math.log(choices * math.factorial(sizes.pairs))
