"""The random hierarchy model: text from a random grammar of fixed depth (Cagnetta and Wyart 2024).

A root symbol is uniform on v. L times, each symbol is replaced by s symbols, by one of its m
rules, all equally likely. Rules are drawn at random, anew for each level, but no two of a level
have the same children: so a document of s^L symbols can be read in one way only. All documents
that can be said are equally likely, and the entropy of each is
ln v + ((s^L - 1) / (s - 1)) ln m nats: 22.87 for the 16 symbols of v = 8, m = 4, s = 2, L = 4.

The tree has a fixed shape, so laws come from messages up and down it (inside and outside
probabilities, Baker 1979), and there is no need for a `Machine`. BOS stands before the symbols.
"""

import functools
import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from manymasks.corpora.processes.machine import Floats, Ints
from manymasks.corpora.processes.process import COUNTED, Process, by_prefix, with_counted


@dataclass(frozen=True, eq=False)
class Grammar:
    """The rules of a grammar.

    Args:
        rules: (levels, symbols, rules, children): what a symbol of a level may be replaced by.

    Raises:
        ValueError: where two rules of a level have the same children.
    """

    rules: Ints

    def __post_init__(self) -> None:
        for level, rules in enumerate(self.rules):
            flat = rules.reshape(-1, rules.shape[-1])
            if len(np.unique(flat, axis=0)) < len(flat):
                raise ValueError(f"two rules of level {level} have the same children")

    @property
    def levels(self) -> int:
        """How often symbols are replaced."""
        return len(self.rules)

    @property
    def symbols(self) -> int:
        """Symbols of a level."""
        return int(self.rules.shape[1])

    @property
    def children(self) -> int:
        """Symbols that a symbol is replaced by."""
        return int(self.rules.shape[3])

    @property
    def leaves(self) -> int:
        """Symbols of a document."""
        return int(self.children**self.levels)

    @property
    def vocabulary(self) -> tuple[str, ...]:
        """BOS and the symbols of the last level."""
        return ("BOS", *(f"s{i}" for i in range(self.symbols)))

    @property
    def entropy(self) -> float:
        """That of a document, in nats."""
        inner = sum(int(self.children**level) for level in range(self.levels))
        return math.log(self.symbols) + inner * math.log(self.rules.shape[2])

    @cached_property
    def produces(self) -> Floats:
        """(levels, children, symbols, rules, symbols): 1 where a rule puts a symbol there."""
        return np.asarray(np.moveaxis(np.eye(self.symbols)[self.rules], 3, 1))


def grammar(
    rng: np.random.Generator, symbols: int = 8, rules: int = 4, children: int = 2, levels: int = 4
) -> Grammar:
    """A random grammar.

    Raises:
        ValueError: where there are more rules than tuples of children.
    """
    tuples = symbols**children
    if symbols * rules > tuples:
        raise ValueError(f"{symbols} symbols by {rules} rules, but {tuples} tuples of children")
    chosen = np.stack([rng.permutation(tuples)[: symbols * rules] for _ in range(levels)])
    digits = np.stack(np.unravel_index(chosen, (symbols,) * children), -1)
    return Grammar(digits.reshape(levels, symbols, rules, children).astype(np.int64))


def draw(of: Grammar, documents: int, rng: np.random.Generator) -> tuple[Ints, list[Ints]]:
    """Documents, and the symbols of all levels.

    Returns:
        Tokens (documents, 1 + leaves), and for each level from the root (documents, its symbols).
    """
    levels = [rng.integers(of.symbols, size=(documents, 1))]
    for rules in of.rules:
        parents = levels[-1]
        chosen = rules[parents, rng.integers(rules.shape[1], size=parents.shape)]
        levels.append(chosen.reshape(documents, -1))
    return np.pad(levels[-1] + 1, ((0, 0), (1, 0))), levels


def posteriors(of: Grammar, prefix: Ints) -> list[Floats]:
    """What a prefix says of the symbols of all levels, for each (documents, its symbols, symbols).

    The last level is that of the leaves: those not said yet have the law of a token ahead. NaN
    where the prefix cannot be said.

    Args:
        prefix: (documents, tokens said), with BOS.
    """
    leaves = np.ones((len(prefix), of.leaves, of.symbols))
    leaves[:, : max(prefix.shape[1] - 1, 0)] = np.eye(of.symbols)[prefix[:, 1:] - 1]
    # Up: of each symbol, how likely it is that what has been said below it is said.
    inside = [leaves]
    grouped = []
    for produces in of.produces[::-1]:
        below = inside[-1].reshape(len(prefix), -1, of.children, of.symbols)
        # (children, documents, nodes, symbols, rules)
        parts = np.einsum("cark,dnck->cdnar", produces, below)
        grouped.append(parts)
        inside.append(parts.prod(0).mean(-1))
    inside.reverse()
    grouped.reverse()
    # Down: of each symbol, how likely it is together with what is said elsewhere.
    outside = np.full((len(prefix), 1, of.symbols), 1 / of.symbols)
    found = []
    for level in range(of.levels + 1):
        joint = inside[level] * outside
        total = joint.sum(-1, keepdims=True)
        with np.errstate(invalid="ignore"):
            found.append(joint / total)
        if level < of.levels:
            outside = handed_down(of.produces[level], grouped[level], outside)
    return found


def roots(of: Grammar, tokens: Ints) -> Floats:
    """What the tokens up to and with each say of the root, (documents, length, symbols)."""
    several = (posteriors(of, tokens[:, : t + 1])[0][:, 0] for t in range(tokens.shape[1]))
    return np.stack(list(several), 1)


def handed_down(produces: Floats, parts: Floats, outside: Floats) -> Floats:
    """Messages to the children of the symbols of a level, (documents, children's places, symbols).

    Args:
        produces: (children, symbols, rules, symbols), as `Grammar.produces` at this level.
        parts: (children, documents, nodes, symbols, rules): inside of the child of each rule.
        outside: (documents, nodes, symbols) of the symbols themselves.
    """
    children, _, rules, symbols = produces.shape
    messages = []
    for child in range(children):
        # A product over the other children: a division would fail where this one is 0.
        others = np.delete(parts, child, axis=0).prod(0) * outside[..., None] / rules
        messages.append(np.einsum("dnar,ark->dnk", others, produces[child]))
    return np.stack(messages, 2).reshape(len(outside), -1, symbols)


def ahead(of: Grammar, prefix: Ints, steps: int = 1) -> Floats:
    """The law of the token `steps` from the end of prefixes, (documents, vocabulary).

    All zero beyond the end of a document; NaN where the prefix cannot be said.
    """
    place = prefix.shape[1] + steps - 1
    law = np.zeros((len(prefix), 1 + of.symbols))
    if place == 0:
        law[:, 0] = 1
    elif place <= of.leaves:
        law[:, 1:] = posteriors(of, prefix)[-1][:, place - 1]
    return law


def laws(of: Grammar, tokens: Ints) -> Floats:
    """The law of each token given those before it, (documents, length, vocabulary).

    NaN from where the prefix cannot be said. Tokens begin with BOS.
    """
    return np.stack([ahead(of, tokens[:, :t]) for t in range(tokens.shape[1])], 1)


def hierarchy_process() -> Process:
    """The random hierarchy model with the rules of seed 0."""
    rules = grammar(np.random.default_rng(0))
    return Process(
        vocabulary=rules.vocabulary,
        length=1 + rules.leaves,
        draw=lambda documents, rng: draw(rules, documents, rng)[0],
        laws=functools.partial(laws, rules),
        ahead=by_prefix(functools.partial(ahead, rules)),
        strata=functools.partial(with_counted, {}),
        levels={COUNTED: (COUNTED,)},
        posteriors=lambda tokens: {"root": roots(rules, tokens)},
    )
