"""Entropies of `fork` and of other machines whose documents end."""

import numpy as np

from manymasks.corpora.processes.fork import fork
from manymasks.corpora.processes.machine import Machine, entropy


def path_entropy(machine: Machine) -> float:
    """The entropy in nats of the paths of a machine whose paths all end.

    By the chain rule it is the entropy of the start plus the sum over states of expected visits
    times the entropy of their edges. It equals the entropy of documents if no document has two
    paths.
    """
    terms = -machine.probability * np.log(machine.probability)
    edge_entropy = np.bincount(machine.source, terms, minlength=machine.states)
    total = float(entropy(machine.start))
    state = machine.start
    while state.sum() > 0:
        total += float(state @ edge_entropy)
        state = state @ machine.transition
    return total


def document_entropy(answered: float = 0.0) -> float:
    """The entropy of a document of `fork` in nats: its least possible loss, summed over its tokens.

    It equals the entropy of paths: the tokens of a document determine its slots, and no two layouts
    have the same slots.
    """
    return path_entropy(fork(answered))
