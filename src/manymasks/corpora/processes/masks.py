"""`masks`: a premise evokes a mask, the mask says letters, and letters tell which mask it is.

A document is BOS, a premise P0..P4 and 62 letters. The premise is uniform. It makes one mask of
four likely: P0..P3 each their own, with 0.7 against 0.1 for each other; P4 none. The mask turns a
hidden state on a ring of three, each mask with its own chances to stay, to go one place up
(clockwise) or one down, and each state says its own letter with probability 0.85. The state
before the first letter is uniform.

The state moves first and then says a letter, so the state after a letter is the one that said
it. To speak first and move then would give the same law of documents, since a uniform state
stays uniform; only the belief between two letters would be that of the state to come.

The masks are blocks of one hidden Markov model: what the prefix says of the mask is the sum of
the belief over a block. Sticky is Mess3 with x = 0.05 and a = 0.85 (Shai et al. 2024,
arXiv:2405.15943). Clockwise is sticky with letter t turned on by t places, anticlockwise by -t
places. So the entropy rates of these three are equal, 0.7935 nats a letter, and the loss alone
does not tell which of them speaks; that of jitter is 1.048.
"""

import dataclasses
import functools
from collections.abc import Callable, Iterator, Mapping

import numpy as np

from manymasks.corpora.processes.machine import Floats, Ints, Machine, machine_from_steps
from manymasks.corpora.processes.process import (
    Laws,
    Process,
    Strata,
    by_position,
    process_from_machine,
)
from manymasks.kinds.processes import PROCESSES

MASKS = ("sticky", "clockwise", "anticlockwise", "jitter")
"""The latent `mask` counts in this order."""
PREMISES = ("P0", "P1", "P2", "P3", "P4")
LETTERS = ("a", "b", "c")
STATES = len(LETTERS)
"""On the ring; state i says letter i most."""
VOCABULARY = PROCESSES["masks"].vocabulary
"""9 tokens: BOS is 0, the premises 1..5, the letters 6..8."""
BOS = VOCABULARY.index("BOS")
FIRST_PREMISE = VOCABULARY.index("P0")
FIRST_LETTER = VOCABULARY.index("a")
LENGTH = PROCESSES["masks"].length
"""Tokens of a document: BOS, the premise and 62 letters."""
OPENING = 2
"""Tokens before the letters."""

PRIOR: Floats = np.vstack([np.full((4, 4), 0.1) + 0.6 * np.eye(4), np.full(4, 0.25)])
"""(premises, masks): the law of the mask given the premise."""
ANYONE: Floats = np.full(len(MASKS), 1 / len(MASKS))
"""The law of the mask where the premise is not known."""
STEPS: Floats = np.array(
    [[0.90, 0.05, 0.05], [0.05, 0.90, 0.05], [0.05, 0.05, 0.90], [0.10, 0.45, 0.45]]
)
"""(masks, 3): the chances to stay, to go one place up, to go one place down."""
MOVES: Floats = np.stack([[np.roll(steps, state) for state in range(STATES)] for steps in STEPS])
"""(masks, states, states): from a state to the next one."""
SAYS: Floats = np.full((STATES, STATES), 0.075) + 0.775 * np.eye(STATES)
"""(states, letters)."""


@functools.cache
def masks() -> Machine:
    """The machine of the documents. It does not end: a document is what is drawn of `LENGTH`.

    Latents: `premise` and `mask`, -1 until the premise has been said, and `letter_state`, the
    state on the ring that said the last letter; it stands, uniform, before the first letter too.
    """
    voices = [
        (premise, mask, state)
        for premise in range(len(PREMISES))
        for mask in range(len(MASKS))
        for state in range(STATES)
    ]

    def step(here: tuple[int, ...]) -> Iterator[tuple[float, str, tuple[int, ...]]]:
        if here == ():
            yield 1.0, "BOS", (BOS,)
        elif here == (BOS,):
            for premise, mask, state in voices:
                chance = PRIOR[premise, mask] / len(PREMISES) / STATES
                yield chance, PREMISES[premise], (premise, mask, state)
        else:
            premise, mask, state = here
            for to in range(STATES):
                for letter, name in enumerate(LETTERS):
                    chance = MOVES[mask, state, to] * SAYS[to, letter]
                    yield chance, name, (premise, mask, to)

    def latents(here: tuple[int, ...]) -> dict[str, int]:
        names = ("premise", "mask", "letter_state")
        return dict(zip(names, here, strict=True)) if len(here) == len(names) else {}

    return machine_from_steps(VOCABULARY, {(): 1.0}, step, latents)


def spoken(mask: Ints, letters: int, rng: np.random.Generator) -> Ints:
    """What masks (documents,) say from a uniform state on, (documents, letters) tokens."""
    whole = masks()
    found = np.empty((len(mask), letters), dtype=np.int64)
    for each in np.unique(mask):
        # A mask speaks alike after every premise: its own is as good as another.
        of = (whole.latents["premise"] == each) & (whole.latents["mask"] == each)
        speaker = dataclasses.replace(whole, start=of / of.sum())
        rows = np.flatnonzero(mask == each)
        found[rows] = speaker.draw(len(rows), letters, rng).tokens
    return found


def balanced(times: int, rng: np.random.Generator, length: int = LENGTH) -> tuple[Ints, Ints]:
    """Documents in which each premise and mask occur as often as they are expected to.

    Means over them have the expectation of means over documents drawn freely, and vary less:
    most of what the entropy of a document varies by is its mask.

    Returns:
        tokens: (100 * times, length).
        mask: (100 * times,).
    """
    tokens, said = [], []
    for premise, prior in enumerate(PRIOR):
        for mask, share in enumerate(prior):
            speakers = np.full(round(20 * share) * times, mask)
            opening = np.tile([BOS, FIRST_PREMISE + premise], (len(speakers), 1))
            tokens.append(np.hstack([opening, spoken(speakers, length - OPENING, rng)]))
            said.append(speakers)
    return np.concatenate(tokens), np.concatenate(said)


# ------------------------------------------------------------------------- ablated predictors
#
# Each takes documents (documents, length) and gives the laws of their letters (documents,
# letters, vocabulary): the place of the first one is `OPENING`, so that they lie beside
# `masks().laws(tokens)[:, OPENING:]`. What one of them costs above the optimum is the mean of
# KL(truth || ablated). All of them raise ValueError where a document is not one of `masks`.


def opened(tokens: Ints) -> tuple[Ints, Ints]:
    """Premises (documents,) and letters (documents, length - 2), each counted from 0.

    Raises:
        ValueError: where the tokens are not BOS, a premise and letters.
    """
    premise, letters = tokens[:, 1] - FIRST_PREMISE, tokens[:, OPENING:] - FIRST_LETTER
    if (
        np.any(tokens[:, 0] != BOS)
        or np.any((premise < 0) | (premise >= len(PREMISES)))
        or np.any((letters < 0) | (letters >= len(LETTERS)))
    ):
        raise ValueError("a document is BOS, a premise and letters")
    return premise, letters


def by_mask(letters: Ints) -> Iterator[tuple[Floats, Floats]]:
    """What each mask would say, and how well it has foretold; before each letter and at the end.

    Yields:
        laws: (documents, masks, letters), of the next letter if the mask is known.
        evidence: (documents, masks), ln p(letters so far | mask) in nats.
    """
    documents = len(letters)
    belief = np.full((len(MASKS), documents, STATES), 1 / STATES)
    evidence = np.zeros((documents, len(MASKS)))
    for letter in [*letters.T, None]:
        moved = belief @ MOVES
        laws = (moved @ SAYS).transpose(1, 0, 2)
        yield laws, evidence
        if letter is None:
            return
        said = laws[np.arange(documents), :, letter]
        evidence = evidence + np.log(said)
        belief = moved * SAYS[:, letter].T / said.T[..., None]


Weights = Callable[[Floats], Floats]
"""Evidence (documents, masks) -> how much each mask counts, adding up to 1."""


def weighed(letters: Ints, weights: Weights) -> Floats:
    """Laws (documents, letters, vocabulary) that mix those of the masks."""
    *each, _ = (mixed(laws, weights(evidence)) for laws, evidence in by_mask(letters))
    return np.stack(each, 1)


def mixed(laws: Floats, weights: Floats) -> Floats:
    """(documents, masks, letters) and (documents, masks) -> (documents, vocabulary)."""
    found = np.zeros((len(laws), len(VOCABULARY)))
    found[:, FIRST_LETTER:] = (weights[..., None] * laws).sum(1)
    return found


def posterior(evidence: Floats, prior: Floats) -> Floats:
    """Bayes' weights (documents, masks)."""
    joint = prior * np.exp(evidence - evidence.max(1, keepdims=True))
    return np.asarray(joint / joint.sum(1, keepdims=True))


def mask_known(tokens: Ints, mask: Ints) -> Floats:
    """The oracle: it is told who speaks, (documents,), and filters the state alone.

    It is below the optimum, not above: over a document the sum of what it gains is I(mask;
    letters | premise), 1.021 nats.
    """
    _, letters = opened(tokens)
    return weighed(letters, lambda evidence: np.eye(len(MASKS))[mask])


def never_infer(tokens: Ints) -> Floats:
    """It tracks the state under each mask, but its weights stay those of the premise.

    The masks' own likelihoods never enter. (To average the masks' moves first and to filter one
    state is another predictor, and a worse one: 0.148 nats a letter above the optimum.)
    """
    premise, letters = opened(tokens)
    return weighed(letters, lambda evidence: PRIOR[premise])


def commit(tokens: Ints) -> Floats:
    """It speaks as the likeliest mask does, and infers anew at each letter which that is.

    Of masks that are equally likely, up to rounding, it takes the first: after P4 and one letter
    all four are.
    """
    premise, letters = opened(tokens)

    def likeliest(evidence: Floats) -> Floats:
        found = evidence + np.log(PRIOR[premise])
        first = (found > found.max(1, keepdims=True) - 1e-9).argmax(1)
        return np.asarray(np.eye(len(MASKS))[first])

    return weighed(letters, likeliest)


def ignore_premise(tokens: Ints) -> Floats:
    """It infers as it should, but from masks that are equally likely at first."""
    _, letters = opened(tokens)
    return weighed(letters, lambda evidence: posterior(evidence, ANYONE))


def forget(tokens: Ints, kept: int) -> Floats:
    """The law given the last `kept` tokens: as a window slides on, the premise is lost first.

    It is the best that a memory of this length can do. The first `kept` letters are as the truth
    has them. From then on only letters are left in the window, its law does not depend on the
    place, and the price of it rises with what the truth has learned since.
    """
    premise, letters = opened(tokens)
    found = []
    for place in range(letters.shape[1]):
        prior = PRIOR[premise] if place < kept else ANYONE
        *_, (laws, evidence) = by_mask(letters[:, max(0, place - kept) : place])
        found.append(mixed(laws, posterior(evidence, prior)))
    return np.stack(found, 1)


ABLATED: Mapping[str, Callable[[Ints], Floats]] = {
    "never-infer": never_infer,
    "forget-8": functools.partial(forget, kept=8),
    "forget-16": functools.partial(forget, kept=16),
    "commit": commit,
    "ignore-premise": ignore_premise,
}
"""What a predictor may lack, and one that lacks just that."""

EVERY_LETTER = slice(None)
SECOND_HALF = slice((LENGTH - OPENING) // 2, None)
"""Letters 32 to 62: by then both windows hold nothing but letters, and the masks are known."""

PRICED_OVER: Mapping[str, slice] = {
    "never-infer": EVERY_LETTER,
    "forget-8": SECOND_HALF,
    "forget-16": SECOND_HALF,
    "commit": EVERY_LETTER,
    "ignore-premise": EVERY_LETTER,
}
"""The letters over which a price is the mean.

A window costs nothing until it is full, so over all letters its price is a matter of how long
documents are: 0.0431 and 0.0134 nats a letter for 8 and 16 tokens. Over these letters the prices
are, in the order of `ABLATED`, 0.1246, 0.0557, 0.0205, 0.0081 and 0.0057, each within 0.0001:
means over 250,000 balanced documents, whose optimum is 0.8786.
"""


# -------------------------------------------------------------------------------- the process


def masks_process() -> Process:
    """`masks` with the strata role and letters (before letter 32, or from it on).

    The price of a window is over the later letters, the other prices are over all letters
    (`PRICED_OVER`). A premise is not predictable.
    """
    half = SECOND_HALF.start
    letters = LENGTH - OPENING

    def strata(tokens: Ints) -> Strata:
        position = np.arange(tokens.shape[1])
        letter = position - OPENING
        late = np.where(letter < 0, -1, letter // half)
        return {
            "role": by_position(np.minimum(position - 1, 1), tokens),
            "letters": by_position(late, tokens),
        }

    def ablated(letter_laws: Laws, tokens: Ints) -> Floats:
        laws = masks().laws(tokens)
        laws[:, OPENING:] = letter_laws(tokens)
        return laws

    process = process_from_machine(
        masks(),
        LENGTH,
        strata,
        {"role": ("premise", "letter"), "letters": (f"1-{half}", f"{half + 1}-{letters}")},
        {name: functools.partial(ablated, laws) for name, laws in ABLATED.items()},
        {
            "mask": ("mask",),
            "letter_state": ("letter_state",),
            "state": ("mask", "letter_state"),
        },
    )
    return dataclasses.replace(process, predictable="letters", premise=OPENING - 1)
