"""The models that analyses compare, grouped by class and paired by seeds."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from manymasks.arrays import Indices
from manymasks.statistics.seed_design import Seeds


@dataclass(frozen=True)
class Member:
    """A model whose training succeeded. `model` is its key, `model_class` the label of its class
    (corpus/size/variant), `method` its origin: trained, or a way to derive a member from a trained
    one, with the seeds of its parent. `shape`: width and layers, where a corpus has several
    mixers."""

    model: str
    model_class: str
    corpus: str
    size: str
    variant: str
    seed_init: int
    seed_order: int
    method: str = "trained"
    mixer: str = "attention"
    shape: str = ""

    @property
    def seeds(self) -> Seeds:
        """Both seeds: members of two classes with equal seeds form a pair."""
        return self.seed_init, self.seed_order


Members = Sequence[Member]


def one_corpus(members: Members) -> str:
    """The corpus of all members. Raises ValueError for zero or several corpora: documents and
    vocabularies belong to a corpus, so arrays over members cannot mix corpora."""
    corpora = list(dict.fromkeys(member.corpus for member in members))
    if len(corpora) != 1:
        raise ValueError(f"members must be of one corpus, found {corpora or 'no members'}")
    return corpora[0]


def classes(members: Members) -> dict[str, Indices]:
    """Label of each class -> positions of its members, in order of appearance."""
    positions: dict[str, list[int]] = {}
    for position, member in enumerate(members):
        positions.setdefault(member.model_class, []).append(position)
    return {label: np.array(group, dtype=np.intp) for label, group in positions.items()}


def seeds_of(members: Members, positions: Sequence[int] | Indices) -> list[Seeds]:
    """Both seeds of the members at these positions."""
    return [members[position].seeds for position in positions]


def arm_positions(members: Members, size: str, variant: str) -> list[int]:
    """Positions of the members of a size and variant."""
    return [
        i for i, member in enumerate(members) if (member.size, member.variant) == (size, variant)
    ]


def paired_arms(members: Members, size: str, *variants: str) -> tuple[Indices, ...]:
    """Positions of the members of a size and each variant whose seeds occur in all variants."""
    return paired_by_seeds(members, *(arm_positions(members, size, name) for name in variants))


def paired_by_seeds(members: Members, *groups: Sequence[int] | Indices) -> tuple[Indices, ...]:
    """Positions in each group of the members whose two seeds occur in all groups. Entry k of every
    returned array has the same seeds. Arrays are empty if no seeds are shared."""
    by_seeds = [{members[position].seeds: int(position) for position in group} for group in groups]
    shared = sorted(set.intersection(*(set(group) for group in by_seeds)))
    return tuple(np.array([group[seeds] for seeds in shared], dtype=np.intp) for group in by_seeds)
