"""`masks`: a premise makes a mask likely, the mask emits letters, and letters reveal the mask.

A document is BOS, a premise P0..P4 and 62 letters. The premise is uniform. P0..P3 each favour one
of four masks, with probability 0.7 against 0.1 for the others; P4 favours none. The mask moves a
hidden state on a ring of three with its own probabilities to stay, to move up (clockwise) or to
move down, and each state emits its letter with probability 0.85. The state before the first letter
is uniform.

The state moves first and then emits, so the state after a letter is the one that emitted it. To
emit first and then move would give the same law of documents, since a uniform state stays uniform;
only the belief between two letters would be about the next state.

The masks are blocks of one hidden Markov model: the posterior of a mask is the sum of the belief
over its block. Sticky is Mess3 with x = 0.05 and a = 0.85 (Shai et al. 2024, arXiv:2405.15943).
Clockwise is sticky with letter t rotated by t steps, anticlockwise by -t steps. So these three have
the same entropy rate, 0.7935 nats a letter, and the loss alone does not tell them apart; the rate
of jitter is 1.048.
"""

import dataclasses
import functools
from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np

from manymasks.arrays import Floats, Ints
from manymasks.config.mask_law import MaskLaw
from manymasks.corpora.processes.machine import Machine, machine_from_steps
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
"""On the ring; state i mostly emits letter i."""
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
UNIFORM_PRIOR: Floats = np.full(len(MASKS), 1 / len(MASKS))
"""The law of the mask without the premise."""
STEPS: Floats = np.array(
    [[0.90, 0.05, 0.05], [0.05, 0.90, 0.05], [0.05, 0.05, 0.90], [0.10, 0.45, 0.45]]
)
"""(masks, 3): the probabilities to stay, to move up, to move down."""
MOVES: Floats = np.stack([[np.roll(steps, state) for state in range(STATES)] for steps in STEPS])
"""(masks, states, states): transitions."""
EMISSIONS: Floats = np.full((STATES, STATES), 0.075) + 0.775 * np.eye(STATES)
"""(states, letters)."""

SINK_MOVES: Floats = np.array([[0.20, 0.70, 0.10], [0.10, 0.20, 0.70], [0.05, 0.05, 0.90]])
"""Transitions of a fifth mask, which documents of a changed law may have: from a to b to c, where
it stays. No mixture of the four has its law."""
ALL_MASKS = (*MASKS, "sink")
ALL_MOVES: Floats = np.concatenate([MOVES, SINK_MOVES[None]])
"""(all masks, states, states)."""


def changed_prior(law: MaskLaw | None) -> Floats:
    """(premises, all masks): the law of the mask given the premise under a changed law. Premises
    that it does not name keep theirs."""
    prior = np.pad(PRIOR, ((0, 0), (0, len(ALL_MASKS) - len(MASKS))))
    if law is not None:
        rows = slice(None) if law.premise is None else PREMISES.index(law.premise)
        is_one = np.array([name == law.only for name in ALL_MASKS], float)
        prior[rows] = is_one if law.prior is None else [*law.prior, 0.0]
    return prior


@functools.cache
def masks() -> Machine:
    """The machine of documents. It never ends; documents are cut at `LENGTH`. Latents: `premise`
    and `mask`, -1 before the premise, and `letter_state`, the state on the ring that emitted the
    last letter; before the first letter it is uniform."""
    return mask_machine(range(len(PREMISES)), PRIOR)


def mask_machine(premises: Sequence[int], prior: Floats) -> Machine:
    """As `masks`, with documents of these premises, equally likely, and the law (premises, masks)
    of the first masks of `ALL_MASKS` given each."""
    initial_states = [
        (premise, mask, state)
        for premise in premises
        for mask in range(prior.shape[1])
        for state in range(STATES)
    ]

    def step(node: tuple[int, ...]) -> Iterator[tuple[float, str, tuple[int, ...]]]:
        if node == ():
            yield 1.0, "BOS", (BOS,)
        elif node == (BOS,):
            for premise, mask, state in initial_states:
                chance = prior[premise, mask] / len(premises) / STATES
                yield chance, PREMISES[premise], (premise, mask, state)
        else:
            premise, mask, state = node
            for target in range(STATES):
                for letter, name in enumerate(LETTERS):
                    chance = ALL_MOVES[mask, state, target] * EMISSIONS[target, letter]
                    yield chance, name, (premise, mask, target)

    def latents(node: tuple[int, ...]) -> dict[str, int]:
        names = ("premise", "mask", "letter_state")
        return dict(zip(names, node, strict=True)) if len(node) == len(names) else {}

    return machine_from_steps(VOCABULARY, {(): 1.0}, step, latents)


def draw_letters(mask: Ints, letters: int, rng: np.random.Generator) -> Ints:
    """Letters of masks (documents,) from a uniform state on, (documents, letters) tokens."""
    machine = masks()
    tokens = np.empty((len(mask), letters), dtype=np.int64)
    for value in np.unique(mask):
        # The premise does not matter once the mask is known, so take the one of the same number.
        block = (machine.latents["premise"] == value) & (machine.latents["mask"] == value)
        started = dataclasses.replace(machine, start=block / block.sum())
        rows = np.flatnonzero(mask == value)
        tokens[rows] = started.draw(len(rows), letters, rng).tokens
    return tokens


# ------------------------------------------------------------------------- ablated predictors
#
# Each takes documents (documents, length) and gives the laws of their letters (documents,
# letters, vocabulary), to compare with `masks().laws(tokens)[:, OPENING:]`. The excess loss of one
# is the mean of KL(truth || ablated). All raise ValueError for documents of another process.


def split_document(tokens: Ints) -> tuple[Ints, Ints]:
    """Premises (documents,) and letters (documents, length - 2), both counted from 0. Raises
    ValueError if the tokens are not BOS, a premise and letters."""
    premise, letters = tokens[:, 1] - FIRST_PREMISE, tokens[:, OPENING:] - FIRST_LETTER
    if (
        np.any(tokens[:, 0] != BOS)
        or np.any((premise < 0) | (premise >= len(PREMISES)))
        or np.any((letters < 0) | (letters >= len(LETTERS)))
    ):
        raise ValueError("a document is BOS, a premise and letters")
    return premise, letters


def by_mask(letters: Ints) -> Iterator[tuple[Floats, Floats]]:
    """Laws of the next letter given each mask (documents, masks, letters), before each letter and
    at the end, and the evidence ln p(letters so far | mask) in nats (documents, masks)."""
    documents = len(letters)
    belief = np.full((len(MASKS), documents, STATES), 1 / STATES)
    evidence = np.zeros((documents, len(MASKS)))
    for letter in [*letters.T, None]:
        moved = belief @ MOVES
        laws = (moved @ EMISSIONS).transpose(1, 0, 2)
        yield laws, evidence
        if letter is None:
            return
        probability = laws[np.arange(documents), :, letter]
        evidence = evidence + np.log(probability)
        belief = moved * EMISSIONS[:, letter].T / probability.T[..., None]


Weights = Callable[[Floats], Floats]
"""Evidence (documents, masks) -> weights of the masks, which sum to 1."""


def mixture_laws(letters: Ints, weights: Weights) -> Floats:
    """Laws (documents, letters, vocabulary) that mix those of the masks."""
    *mixtures, _ = (mixed(laws, weights(evidence)) for laws, evidence in by_mask(letters))
    return np.stack(mixtures, 1)


def mixed(laws: Floats, weights: Floats) -> Floats:
    """(documents, masks, letters) and (documents, masks) -> (documents, vocabulary)."""
    mixture = np.zeros((len(laws), len(VOCABULARY)))
    mixture[:, FIRST_LETTER:] = (weights[..., None] * laws).sum(1)
    return mixture


def posterior(evidence: Floats, prior: Floats) -> Floats:
    """Bayes' weights (documents, masks)."""
    joint = prior * np.exp(evidence - evidence.max(1, keepdims=True))
    return np.asarray(joint / joint.sum(1, keepdims=True))


def never_infer(tokens: Ints) -> Floats:
    """Track the state under each mask, but keep the weights of the premise. The likelihoods of the
    masks never enter. (Averaging the transitions of the masks and filtering one state is a
    different predictor, and a worse one: 0.148 nats a letter above the optimum.)"""
    premise, letters = split_document(tokens)
    return mixture_laws(letters, lambda evidence: PRIOR[premise])


def commit(tokens: Ints) -> Floats:
    """Predict with the most likely mask, inferred anew at each letter. Ties up to rounding go to
    the first mask: after P4 and one letter all four are equally likely."""
    premise, letters = split_document(tokens)

    def likeliest(evidence: Floats) -> Floats:
        scores = evidence + np.log(PRIOR[premise])
        first = (scores > scores.max(1, keepdims=True) - 1e-9).argmax(1)
        return np.asarray(np.eye(len(MASKS))[first])

    return mixture_laws(letters, likeliest)


def ignore_premise(tokens: Ints) -> Floats:
    """Infer the mask by Bayes, but from a uniform prior."""
    _, letters = split_document(tokens)
    return mixture_laws(letters, lambda evidence: posterior(evidence, UNIFORM_PRIOR))


def forget(tokens: Ints, kept: int) -> Floats:
    """The exact law given the last `kept` tokens: the optimum for a memory of this length.

    As the window slides, the premise is lost first. The first `kept` letters have their true laws.
    Afterwards the law depends on letters alone, and its price rises with what the truth has
    learned.
    """
    premise, letters = split_document(tokens)
    mixtures = []
    for t in range(letters.shape[1]):
        prior = PRIOR[premise] if t < kept else UNIFORM_PRIOR
        *_, (laws, evidence) = by_mask(letters[:, max(0, t - kept) : t])
        mixtures.append(mixed(laws, posterior(evidence, prior)))
    return np.stack(mixtures, 1)


ABLATED: Mapping[str, Callable[[Ints], Floats]] = {
    "never-infer": never_infer,
    "forget-8": functools.partial(forget, kept=8),
    "forget-16": functools.partial(forget, kept=16),
    "commit": commit,
    "ignore-premise": ignore_premise,
}
"""By capability, a predictor that lacks only that."""

# -------------------------------------------------------------------------------- the process

HALF = (LENGTH - OPENING) // 2
"""Letters in each half: in the second, both windows of `ABLATED` hold letters alone, and the mask
is known."""


def masks_process(law: MaskLaw | None = None) -> Process:
    """`masks` with the strata role and letters (before letter 32, or from it on). Under a changed
    law it has the same strata, latents of all masks, and no ablated predictors.

    A window costs nothing until it is full, so the price of one over all letters depends on the
    length of documents: 0.0431 and 0.0134 nats a letter for 8 and 16 tokens. Over the later letters
    for windows, and over all letters for the others, the prices are 0.1246, 0.0557, 0.0205, 0.0081
    and 0.0057 in the order of `ABLATED`, each within 0.0001 (means over 250,000 documents
    stratified by premise and mask, with an optimum of 0.8786). A premise is not predictable.
    """

    def strata(tokens: Ints) -> Strata:
        position = np.arange(tokens.shape[1])
        letter = position - OPENING
        late = np.where(letter < 0, -1, letter // HALF)
        return {
            "role": by_position(np.minimum(position - 1, 1), tokens),
            "letters": by_position(late, tokens),
        }

    def ablated(letter_laws: Laws, tokens: Ints) -> Floats:
        laws = masks().laws(tokens)
        laws[:, OPENING:] = letter_laws(tokens)
        return laws

    premises = [PREMISES.index(law.premise)] if law and law.premise else range(len(PREMISES))
    process = process_from_machine(
        masks() if law is None else mask_machine(premises, changed_prior(law)),
        LENGTH,
        strata,
        {"role": ("premise", "letter"), "letters": (f"1-{HALF}", f"{HALF + 1}-{LENGTH - OPENING}")},
        {name: functools.partial(ablated, laws) for name, laws in ABLATED.items()}
        if law is None
        else {},
        {"mask": ("mask",), "letter_state": ("letter_state",), "state": ("mask", "letter_state")},
    )
    return dataclasses.replace(process, predictable="letters", premise=OPENING - 1)
