"""`fork`: two rules that agree on all training text and disagree outside it.

35 tokens: fillers f0..f3, red cues R0..R5, blue cues B0..B5, marked words M0..M5, brackets, the
questions ?t and ?h, a full stop, answers A0..A5, BOS and EOS. A document is one of

- TWIN (40%): 8 slots, R_i and B_i at two of them, fillers in the others, then ?t A_i;
- PLAIN (20%): 1 to 4 fillers, M_i, 1 to 3 fillers, ?h A_i;
- AFTER (20%): f M_i f ( f M_j f ) f ?h A_i;
- BEFORE (20%): f ( f M_j f ) f M_i f and a full stop, or in a share `answered` of them ?h A_i;

between BOS and EOS, where f is at most one filler, i and j are uniform and independent (they may be
equal), and everything else is uniform too. Documents have at most 13 tokens, BOS and EOS included:
AFTER with all five fillers.

?t can be answered from the red cue or from the blue one. ?h can be answered with the first marked
word or with the one outside the brackets; where `answered` is 0 these never differ in training.
Swapping red and blue leaves the law of documents unchanged, and cues occur nowhere else. So where
R_i stands beside B_j, the preference of a trained model is distributed over seeds symmetrically
about 1/2.

A state holds the kind, the remaining slots and the answer. The kind and the layout are drawn
before the first token, and the filter infers them from the prefix.
"""

import dataclasses
import functools
import itertools
from collections.abc import Hashable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from manymasks.arrays import Floats, Ints
from manymasks.corpora.processes.machine import ENDED, Machine, machine_from_steps
from manymasks.corpora.processes.process import ALL, Process, Strata, process_from_machine
from manymasks.kinds.processes import PROCESSES

FILLERS = 4
WORDS = 6
"""Cues of each colour, marked words and answers."""
SLOTS = 8
"""Of a TWIN document."""
LENGTH = PROCESSES["fork"].length
"""Of the longest documents, BOS and EOS included."""

VOCABULARY = PROCESSES["fork"].vocabulary
"""35 tokens, in this order."""
TOKEN = {name: token for token, name in enumerate(VOCABULARY)}
FIRST = {family: TOKEN[f"{family}0"] for family in "fRBMA"}
"""The first token of each family; the others follow it."""

KINDS = {"TWIN": 0.4, "PLAIN": 0.2, "AFTER": 0.2, "BEFORE": 0.2}
"""Shares of the kinds of documents. The latent `kind` counts in this order."""

Layout = tuple[str, ...]
"""Slots of a document, each a token or a kind of token. f: any filler; R, B: the cue of the answer;
M: the marked word that names the answer; m: one that does not; A: the answer."""


def layouts(kind: str, answered: float = 0.0) -> dict[Layout, float]:
    """The layouts of a kind of document with their probabilities, which sum to 1."""
    bodies: list[Layout] = []
    if kind == "TWIN":
        for red, blue in itertools.permutations(range(SLOTS), 2):
            slots = ["f"] * SLOTS
            slots[red], slots[blue] = "R", "B"
            bodies.append((*slots, "?t", "A"))
    elif kind == "PLAIN":
        bodies = [
            (*"f" * before, "M", *"f" * after, "?h", "A")
            for before in range(1, 5)
            for after in range(1, 4)
        ]
    else:
        order = "fMf(fmf)f" if kind == "AFTER" else "f(fmf)fMf"
        choices = (("", "f") if slot == "f" else (slot,) for slot in order)
        bodies = [tuple("".join(slots)) for slots in itertools.product(*choices)]
        if kind == "AFTER":
            bodies = [(*body, "?h", "A") for body in bodies]
    endings: dict[Layout, float] = {(): 1.0}
    if kind == "BEFORE":
        endings = {(".",): 1 - answered, ("?h", "A"): answered}
    return {
        ("BOS", *body, *ending, "EOS"): share / len(bodies)
        for body in bodies
        for ending, share in endings.items()
        if share > 0
    }


class LayoutState(NamedTuple):
    """The remaining slots, and what they depend on."""

    kind: str
    rest: Layout
    answer: int = -1
    """-1 until a word names it."""


def step(state: LayoutState) -> Iterator[tuple[float, str, LayoutState]]:
    """The edges of a state."""
    if not state.rest:
        return
    slot, rest = state.rest[0], state.rest[1:]
    target = state._replace(rest=rest)
    names_answer = slot == "M" or (slot in ("R", "B") and state.answer < 0)
    if slot == "f":
        yield from ((1 / FILLERS, f"f{i}", target) for i in range(FILLERS))
    elif names_answer:
        yield from ((1 / WORDS, f"{slot}{i}", target._replace(answer=i)) for i in range(WORDS))
    elif slot == "m":
        yield from ((1 / WORDS, f"M{i}", target) for i in range(WORDS))
    elif slot in ("R", "B", "A"):
        yield 1.0, f"{slot}{state.answer}", target
    else:
        yield 1.0, slot, target


@functools.cache
def fork(answered: float = 0.0) -> Machine:
    """The machine of documents; `answered` is the share of BEFORE documents with a question.
    Latents: `kind` of the document, in the order of `KINDS`; `answer`, the number of the word that
    answers, once a cue or a marked word has named it; in BEFORE documents the word at depth 0."""
    if not 0 <= answered <= 1:
        raise ValueError(f"answered must lie in [0, 1], found {answered}")
    start: dict[Hashable, float] = {
        LayoutState(kind, layout): share * chance
        for kind, share in KINDS.items()
        for layout, chance in layouts(kind, answered).items()
    }
    kinds = list(KINDS)
    return machine_from_steps(
        VOCABULARY,
        start,
        step,
        lambda state: {"kind": kinds.index(state.kind), "answer": state.answer},
    )


# ------------------------------------------------------------------------- ablated predictors


def guessed(laws: Floats, families: str) -> Floats:
    """Laws (..., vocabulary) of a predictor that knows when a word of some families comes, but not
    which one. Guessing answers (`A`) costs ln 6 an answer, and a document has 0.8 + 0.2 `answered`
    of them. Guessing cues (`RB`) means forgetting the first cue when the second one comes; it costs
    ln 6 a TWIN document, where the second one may come."""
    ablated = laws.copy()
    for family in families:
        words = slice(FIRST[family], FIRST[family] + WORDS)
        ablated[..., words] = laws[..., words].mean(-1, keepdims=True)
    return ablated


def either_word(tokens: Ints, laws: Floats) -> Floats:
    """Laws (documents, length, vocabulary) of a predictor that gives both rules probability 1/2.
    Where `answered` > 0 and the words differ (5 in 6), that at depth 0 is right: this costs 5 / 6
    ln 2 a BEFORE document with a question, and 0.2 `answered` of all documents have one."""
    ablated = laws.copy()
    is_after_bracket = np.cumsum(tokens == TOKEN["("], 1) > 0
    is_word = (tokens >= FIRST["M"]) & (tokens < FIRST["M"] + WORDS)
    rows = np.arange(len(tokens))
    first = is_word.argmax(1)
    is_before = is_word[rows, first] & is_after_bracket[rows, first]
    is_answer = np.zeros_like(is_word)
    is_answer[:, 1:] = tokens[:, :-1] == TOKEN["?h"]
    document, position = np.nonzero(is_answer & is_before[:, None])
    answer = tokens[document, first[document]] - FIRST["M"] + FIRST["A"]
    ablated[document, position] /= 2
    ablated[document, position, answer] += 0.5
    return ablated


def prices(answered: float = 0.0) -> dict[str, float]:
    """What each capability is worth, nats per token after BOS: its price per document (`guessed`,
    `either_word`) divided by the mean number of tokens."""
    tokens = sum(
        share * chance * (len(layout) - 1)
        for kind, share in KINDS.items()
        for layout, chance in layouts(kind, answered).items()
    )
    asked_before = KINDS["BEFORE"] * answered
    with_answer = KINDS["TWIN"] + KINDS["PLAIN"] + KINDS["AFTER"] + asked_before
    document = {
        "no-answer": with_answer * np.log(WORDS),
        "forget-cue": KINDS["TWIN"] * np.log(WORDS),
    }
    if answered:
        document["either-word"] = asked_before * (WORDS - 1) / WORDS * np.log(2)
    return {capability: float(nats / tokens) for capability, nats in document.items()}


# ---------------------------------------------------------------- questions outside the training


@dataclass(frozen=True)
class Questions:
    """Prompts for which two rules name different answers."""

    tokens: Ints
    """(questions, longest), from BOS to ?t or ?h; `ENDED` after that."""
    lengths: Ints
    """(questions,) in tokens; the next token is the answer."""
    rules: tuple[str, str]
    answers: Ints
    """(questions, 2): the answer token that each rule names."""
    first: Ints
    """(questions,): index of the rule whose word comes first."""


def twin_conflicts(questions: int, rng: np.random.Generator) -> Questions:
    """TWIN documents up to ?t whose cues disagree: R_i with B_j, i not j. The rules are to follow
    the red cue and to follow the blue one. Slots, words and fillers are uniform; red comes first in
    every other question."""
    words = two_words(questions, rng)
    slots = np.sort(shuffled(questions, SLOTS, rng)[:, :2], 1)
    first = np.arange(questions) % 2
    slots[first == 1] = slots[first == 1, ::-1]
    body = FIRST["f"] + rng.integers(FILLERS, size=(questions, SLOTS))
    rows = np.arange(questions)
    body[rows, slots[:, 0]] = FIRST["R"] + words[:, 0]
    body[rows, slots[:, 1]] = FIRST["B"] + words[:, 1]
    tokens = np.pad(body, ((0, 0), (1, 1)))
    tokens[:, 0], tokens[:, -1] = TOKEN["BOS"], TOKEN["?t"]
    lengths = np.full(questions, tokens.shape[1])
    return Questions(tokens, lengths, ("red", "blue"), FIRST["A"] + words, first)


def before_questions(questions: int, rng: np.random.Generator) -> Questions:
    """BEFORE documents with two different marked words, followed by ?h. The rules are to take the
    first marked word, which is the one in brackets, and to take the one at depth 0. Where
    `answered` > 0, training documents hold such questions with the second answer."""
    words = two_words(questions, rng)
    longest = 11
    # Write all five fillers, then remove those that are absent.
    slots = np.full((questions, longest), FIRST["f"])
    fillers = [1, 3, 5, 7, 9]
    slots[:, fillers] += rng.integers(FILLERS, size=(questions, len(fillers)))
    slots[:, 0], slots[:, -1] = TOKEN["BOS"], TOKEN["?h"]
    slots[:, 2], slots[:, 6] = TOKEN["("], TOKEN[")"]
    slots[:, 4], slots[:, 8] = (FIRST["M"] + words).T
    is_present = np.ones_like(slots, dtype=bool)
    is_present[:, fillers] = rng.random((questions, len(fillers))) < 0.5
    lengths = is_present.sum(1)
    order = np.argsort(~is_present, 1, kind="stable")
    tokens = np.take_along_axis(slots, order, 1)
    tokens[np.arange(longest) >= lengths[:, None]] = ENDED
    first = np.zeros(questions, dtype=np.int64)
    return Questions(tokens, lengths, ("first", "depth 0"), FIRST["A"] + words, first)


def two_words(rows: int, rng: np.random.Generator) -> Ints:
    """Two different words in each row, (rows, 2), uniform."""
    return shuffled(rows, WORDS, rng)[:, :2]


def shuffled(rows: int, size: int, rng: np.random.Generator) -> Ints:
    """A uniform random order of 0..size-1 in each row, (rows, size)."""
    return rng.permuted(np.tile(np.arange(size), (rows, 1)), axis=1)


# -------------------------------------------------------------------------------- the process

TOKEN_ROLES = {
    "cue": "RB",
    "filler": "f",
    "marked": "M",
    "bracket": "()",
    "question": "?",
    "answer": "A",
    "end": ".E",
}
"""Role of a token by the first character of its name. A full stop and the EOS after it, or after
an answer, are both `end`."""


def fork_process(answered: float = 0.0, exchanged: float = False) -> Process:
    """`fork` with the strata role and kind of the document. `exchanged`: every document is drawn as
    without it, then red and blue cues change places."""
    machine = fork(answered)
    latents = {"kind": ("kind",), "answer": ("answer",)}
    levels = {"role": tuple(TOKEN_ROLES), "kind": tuple(KINDS)}
    process = process_from_machine(machine, LENGTH, token_strata, levels, latents=latents)
    ablated = {
        "no-answer": lambda tokens: guessed(process.laws(tokens), "A"),
        "forget-cue": lambda tokens: guessed(process.laws(tokens), "RB"),
    }
    if answered:
        # Otherwise no document holds a question on which the rules disagree.
        ablated["either-word"] = lambda tokens: either_word(tokens, process.laws(tokens))
    by_capability = {name: {ALL: nats} for name, nats in prices(answered).items()}

    def draw(documents: int, rng: np.random.Generator) -> Ints:
        tokens = process.draw(documents, rng)
        return colours_exchanged(tokens) if exchanged else tokens

    return dataclasses.replace(process, draw=draw, ablated=ablated, prices=by_capability)


def colours_exchanged(tokens: Ints) -> Ints:
    """Red cues in the place of blue ones of the same number, and vice versa."""
    names = np.arange(len(VOCABULARY))
    red, blue = (FIRST[family] + np.arange(WORDS) for family in "RB")
    names[red], names[blue] = blue, red
    return np.asarray(names[tokens])


def token_strata(tokens: Ints) -> Strata:
    """Strata of whole documents; their tokens tell the kind."""
    by_sign = {sign: i for i, signs in enumerate(TOKEN_ROLES.values()) for sign in signs}
    roles = np.array([-1 if name == "BOS" else by_sign[name[0]] for name in VOCABULARY])
    role = roles[tokens]
    is_twin = (tokens == TOKEN["?t"]).any(1)
    is_open = tokens == TOKEN["("]
    marked = role == list(TOKEN_ROLES).index("marked")
    # TWIN has its question, PLAIN no brackets; of the other two, AFTER begins with the marked word
    # at depth 0.
    is_after = marked.argmax(1) < is_open.argmax(1)
    names = list(KINDS)
    kind = np.where(is_after, names.index("AFTER"), names.index("BEFORE"))
    kind[~is_open.any(1)] = names.index("PLAIN")
    kind[is_twin] = names.index("TWIN")
    return {"role": role, "kind": np.where(role < 0, -1, kind[:, None])}
