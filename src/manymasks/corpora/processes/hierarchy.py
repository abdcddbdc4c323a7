"""The random hierarchy model: text from a random grammar of fixed depth (Cagnetta and Wyart 2024).

A root symbol is uniform on v. Then L times, each symbol is replaced by s symbols, by one of its m
rules, all equally likely. Rules are drawn at random for each level, but no two of a level have the
same children, so a document of s^L symbols has a single parse. All possible documents are equally
likely, and their entropy is ln v + ((s^L - 1) / (s - 1)) ln m nats: 22.87 for the 16 symbols of
v = 8, m = 4, s = 2, L = 4.

The tree has a fixed shape, so laws come from messages up and down it (inside and outside
probabilities, Baker 1979) and no `Machine` is needed. BOS precedes the symbols.
"""

import functools
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from manymasks.arrays import Floats, Ints
from manymasks.corpora.processes.process import COUNTED, Process, by_prefix, with_counted


@dataclass(frozen=True, eq=False)
class Grammar:
    """The rules of a grammar. `rules` (levels, symbols, rules, children): the possible children of
    a symbol of a level. Raises ValueError if two rules of a level have the same children."""

    rules: Ints

    def __post_init__(self) -> None:
        for level, rules in enumerate(self.rules):
            flat = rules.reshape(-1, rules.shape[-1])
            if len(np.unique(flat, axis=0)) < len(flat):
                raise ValueError(f"two rules of level {level} have the same children")

    @property
    def levels(self) -> int:
        """Number of replacements from the root to the document."""
        return len(self.rules)

    @property
    def symbols(self) -> int:
        """Symbols of a level."""
        return int(self.rules.shape[1])

    @property
    def children(self) -> int:
        """Number of symbols that replace a symbol."""
        return int(self.rules.shape[3])

    @property
    def leaves(self) -> int:
        """Symbols of a document."""
        return int(self.children**self.levels)

    @property
    def vocabulary(self) -> tuple[str, ...]:
        """BOS and the symbols of the last level."""
        return ("BOS", *(f"s{i}" for i in range(self.symbols)))

    @cached_property
    def produces(self) -> Floats:
        """(levels, children, symbols, rules, symbols): 1 where a rule has a symbol as child."""
        return np.asarray(np.moveaxis(np.eye(self.symbols)[self.rules], 3, 1))


def random_grammar(
    rng: np.random.Generator, symbols: int = 8, rules: int = 4, children: int = 2, levels: int = 4
) -> Grammar:
    """A random grammar. Raises ValueError if there are more rules than tuples of children."""
    tuples = symbols**children
    if symbols * rules > tuples:
        raise ValueError(f"{symbols} symbols by {rules} rules, but {tuples} tuples of children")
    chosen = np.stack([rng.permutation(tuples)[: symbols * rules] for _ in range(levels)])
    digits = np.stack(np.unravel_index(chosen, (symbols,) * children), -1)
    return Grammar(digits.reshape(levels, symbols, rules, children).astype(np.int64))


def draw(grammar: Grammar, documents: int, rng: np.random.Generator) -> tuple[Ints, list[Ints]]:
    """Documents (documents, 1 + leaves), and for each level from the root its symbols."""
    levels = [rng.integers(grammar.symbols, size=(documents, 1))]
    for rules in grammar.rules:
        parents = levels[-1]
        chosen = rules[parents, rng.integers(rules.shape[1], size=parents.shape)]
        levels.append(chosen.reshape(documents, -1))
    return np.pad(levels[-1] + 1, ((0, 0), (1, 0))), levels


def posteriors(grammar: Grammar, prefix: Ints) -> list[Floats]:
    """Posteriors of the symbols of each level given a prefix, (documents, nodes, symbols) each. The
    last level is that of the leaves: later ones have the law of a token ahead. NaN for an
    impossible prefix. `prefix` (documents, tokens), with BOS."""
    leaves = np.ones((len(prefix), grammar.leaves, grammar.symbols))
    leaves[:, : max(prefix.shape[1] - 1, 0)] = np.eye(grammar.symbols)[prefix[:, 1:] - 1]
    # Up: p(tokens of the prefix below a node | symbol of the node).
    inside = [leaves]
    grouped = []
    for produces in grammar.produces[::-1]:
        below = inside[-1].reshape(len(prefix), -1, grammar.children, grammar.symbols)
        # (children, documents, nodes, symbols, rules)
        parts = np.einsum("cark,dnck->cdnar", produces, below)
        grouped.append(parts)
        inside.append(parts.prod(0).mean(-1))
    inside.reverse()
    grouped.reverse()
    # Down: p(symbol of a node, tokens of the prefix elsewhere).
    outside = np.full((len(prefix), 1, grammar.symbols), 1 / grammar.symbols)
    by_level = []
    for level in range(grammar.levels + 1):
        joint = inside[level] * outside
        total = joint.sum(-1, keepdims=True)
        with np.errstate(invalid="ignore"):
            by_level.append(joint / total)
        if level < grammar.levels:
            outside = outside_of_children(grammar.produces[level], grouped[level], outside)
    return by_level


def root_posterior(grammar: Grammar, tokens: Ints) -> Floats:
    """Posterior of the root given the tokens up to each, (documents, length, symbols)."""
    prefixes = (tokens[:, : t + 1] for t in range(tokens.shape[1]))
    return np.stack([posteriors(grammar, prefix)[0][:, 0] for prefix in prefixes], 1)


def outside_of_children(produces: Floats, parts: Floats, outside: Floats) -> Floats:
    """Outside messages of the children of a level, (documents, children's nodes, symbols), from
    `Grammar.produces` and `outside` of the level and the inside of the child of each rule,
    (children, documents, nodes, symbols, rules)."""
    children, _, rules, symbols = produces.shape
    messages = []
    for child in range(children):
        # A product over the other children, because division would fail where this one is 0.
        others = np.delete(parts, child, axis=0).prod(0) * outside[..., None] / rules
        messages.append(np.einsum("dnar,ark->dnk", others, produces[child]))
    return np.stack(messages, 2).reshape(len(outside), -1, symbols)


def ahead(grammar: Grammar, prefix: Ints, steps: int = 1) -> Floats:
    """The law of the token `steps` from the end of prefixes, (documents, vocabulary). All zero
    beyond the end of a document; NaN for an impossible prefix."""
    position = prefix.shape[1] + steps - 1
    law = np.zeros((len(prefix), 1 + grammar.symbols))
    if position == 0:
        law[:, 0] = 1
    elif position <= grammar.leaves:
        law[:, 1:] = posteriors(grammar, prefix)[-1][:, position - 1]
    return law


def laws(grammar: Grammar, tokens: Ints) -> Floats:
    """The law of each token given those before it, (documents, length, vocabulary). NaN after an
    impossible prefix. Tokens begin with BOS."""
    return np.stack([ahead(grammar, tokens[:, :t]) for t in range(tokens.shape[1])], 1)


def hierarchy_process() -> Process:
    """The random hierarchy model with the rules of seed 0."""
    grammar = random_grammar(np.random.default_rng(0))
    return Process(
        vocabulary=grammar.vocabulary,
        length=1 + grammar.leaves,
        draw=lambda documents, rng: draw(grammar, documents, rng)[0],
        laws=functools.partial(laws, grammar),
        ahead=by_prefix(functools.partial(ahead, grammar)),
        strata=functools.partial(with_counted, {}),
        levels={COUNTED: (COUNTED,)},
        posteriors=lambda tokens: {"root": root_posterior(grammar, tokens)},
    )
