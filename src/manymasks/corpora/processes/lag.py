"""`lag`: a question after the data decides which pairs are compared, and the answer counts matches.

A document is BOS, letters x_1..x_W and y_1..y_(W+K-1), uniform and independent, and then
questions. A question names a lag k of 0..K-1, uniform, and the answer is the number of pairs with
x_j = y_(j+k). The format says what stands between a question and its answer:

- `direct`: nothing, `k = a`;
- `filler`: W repetitions of the lag with a dot after each, `k . k . k . k . = a`;
- `steps`: in the place of the dots, whether each pair matches, `k yes k no k no k yes = a`;
- `mixed`: each document is written as `filler` or as `steps`, with equal chance.

The law of letters, lags and answers is the same in all formats, and `filler` and `steps` are
equally long. The repeated lags and the dots say nothing new. Since the lag comes after the data, no
position of the data can know which pair will be compared.

All that follows a lag is determined by the letters, so the optimum of an answer is 0. The pairs of
one lag share no letter, so a predictor that binds j of them pays the entropy of a binomial of the
other W - j (`ladder`). Nothing is hidden, so there are no latents.
"""

import functools
import itertools
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy.special import comb

from manymasks.arrays import Bools, Floats, Ints
from manymasks.corpora.processes import process
from manymasks.corpora.processes.machine import entropy

FORMATS = ("direct", "filler", "steps", "mixed")
ROLES = ("BOS", "x", "y", "question", "repeat", "filler or step", "=", "answer")


@dataclass(frozen=True)
class LagSizes:
    """Pairs that a question compares (W), lags (K), letters (M) and questions of a document."""

    pairs: int = 4
    lags: int = 4
    letters: int = 3
    questions: int = 2

    @property
    def seconds(self) -> int:
        """Letters y of a document."""
        return self.pairs + self.lags - 1

    @property
    def data(self) -> int:
        """Tokens before the first question."""
        return 1 + self.pairs + self.seconds

    @property
    def vocabulary(self) -> tuple[str, ...]:
        """BOS, letters x and y, lags, '=', '.', no and yes, and the answers 0..W."""
        parts = ("x", self.letters), ("y", self.letters), ("k", self.lags)
        names = (f"{prefix}{i}" for prefix, count in parts for i in range(count))
        return ("BOS", *names, "=", ".", "no", "yes", *(f"n{i}" for i in range(self.pairs + 1)))

    def first(self, name: str) -> int:
        """The first token of a kind: x, y, k, =, ., no, yes or n."""
        return self.vocabulary.index(name if name in self.vocabulary else f"{name}0")

    def question(self, answer_format: str) -> int:
        """Tokens from a lag to its answer."""
        return 3 if answer_format == "direct" else 2 * self.pairs + 2

    def length(self, answer_format: str) -> int:
        """Tokens of a document: 18, and 32 with fillers or steps."""
        return self.data + self.questions * self.question(answer_format)

    def begins(self, answer_format: str) -> Ints:
        """Positions of the lag of each question, (questions,)."""
        return self.data + self.question(answer_format) * np.arange(self.questions)

    def slots(self, answer_format: str) -> Ints:
        """Positions of fillers or steps, (questions, pairs); none in `direct`."""
        pairs = 0 if answer_format == "direct" else self.pairs
        return self.begins(answer_format)[:, None] + 1 + 2 * np.arange(pairs)

    def answers(self, answer_format: str) -> Ints:
        """Positions of the answers, (questions,)."""
        return self.begins(answer_format) + self.question(answer_format) - 1


DEFAULT = LagSizes()


class LagData(NamedTuple):
    """What documents are about, counted from 0."""

    x: Ints
    """(documents, pairs)."""
    y: Ints
    """(documents, pairs + lags - 1)."""
    lag: Ints
    """(documents, questions)."""

    @property
    def matches(self) -> Bools:
        """Whether each pair of each question matches, (documents, questions, pairs)."""
        pair = self.lag[:, :, None] + np.arange(self.x.shape[1])
        compared = np.take_along_axis(self.y[:, None, :], pair, 2)
        return np.asarray(self.x[:, None, :] == compared)


def draw_data(documents: int, rng: np.random.Generator, sizes: LagSizes = DEFAULT) -> LagData:
    """Letters and lags, which are those of every format for one generator."""
    x = rng.integers(sizes.letters, size=(documents, sizes.pairs))
    y = rng.integers(sizes.letters, size=(documents, sizes.seconds))
    return LagData(x, y, rng.integers(sizes.lags, size=(documents, sizes.questions)))


def write(
    data: LagData, answer_format: str, sizes: LagSizes = DEFAULT, has_steps: Bools | None = None
) -> Ints:
    """Documents, (documents, length). `has_steps` (documents,): which ones of `mixed` have steps
    in the place of fillers."""
    tokens = np.zeros((len(data.x), sizes.length(answer_format)), dtype=np.int64)
    tokens[:, 1 : 1 + sizes.pairs] = sizes.first("x") + data.x
    tokens[:, 1 + sizes.pairs : sizes.data] = sizes.first("y") + data.y
    answers, slots = sizes.answers(answer_format), sizes.slots(answer_format)
    tokens[:, sizes.begins(answer_format)] = sizes.first("k") + data.lag
    tokens[:, answers - 1] = sizes.first("=")
    tokens[:, answers] = sizes.first("n") + data.matches.sum(2)
    if slots.size:
        tokens[:, slots - 1] = sizes.first("k") + data.lag[:, :, None]
        if has_steps is None:
            has_steps = np.full(len(tokens), answer_format == "steps")
        steps = sizes.first("no") + data.matches
        tokens[:, slots] = np.where(has_steps[:, None, None], steps, sizes.first("."))
    return tokens


def draw(
    documents: int, rng: np.random.Generator, answer_format: str, sizes: LagSizes = DEFAULT
) -> Ints:
    """Documents, (documents, length)."""
    data = draw_data(documents, rng, sizes)
    has_steps = rng.integers(2, size=documents) == 1 if answer_format == "mixed" else None
    return write(data, answer_format, sizes, has_steps)


def roles(answer_format: str, sizes: LagSizes = DEFAULT) -> Ints:
    """The role of each position, as `ROLES`, (length,)."""
    role = np.full(sizes.length(answer_format), ROLES.index("BOS"))
    role[1 : 1 + sizes.pairs] = ROLES.index("x")
    role[1 + sizes.pairs : sizes.data] = ROLES.index("y")
    slots, answers = sizes.slots(answer_format), sizes.answers(answer_format)
    role[slots - 1] = ROLES.index("repeat")
    role[slots] = ROLES.index("filler or step")
    role[sizes.begins(answer_format)] = ROLES.index("question")
    role[answers - 1], role[answers] = ROLES.index("="), ROLES.index("answer")
    return role


# ------------------------------------------------------------------------------------- the law


def ahead(
    prefix: Ints,
    steps: int,
    answer_format: str,
    sizes: LagSizes = DEFAULT,
    bound: int | None = None,
) -> Floats:
    """The law of the token `steps` from the end of prefixes, (documents, vocabulary). All zero
    beyond the end of a document. `prefix` (documents, tokens), each possible. `bound`: number of
    pairs that the predictor binds, the first ones; all if not given."""
    documents, length = prefix.shape
    position = length + steps - 1
    law = np.zeros((documents, len(sizes.vocabulary)))
    if position >= sizes.length(answer_format):
        return law
    role = ROLES[roles(answer_format, sizes)[position]]
    question = max(position - sizes.data, 0) // sizes.question(answer_format)
    begin = sizes.begins(answer_format)[question]
    first = {name: sizes.first(name) for name in ("x", "y", "k", "=", ".", "no", "yes", "n")}
    if role == "BOS":
        law[:, 0] = 1
    elif role in ("x", "y"):
        law[:, first[role] : first[role] + sizes.letters] = 1 / sizes.letters
    elif role == "=":
        law[:, first["="]] = 1
    elif role in ("question", "repeat"):
        law[:, first["k"] : first["k"] + sizes.lags] = _lag_weights(prefix, begin, sizes)
    elif role == "answer":
        counts = _answer_law(prefix, begin, sizes, bound)
        if steps == 1 and answer_format in ("steps", "mixed"):
            written = prefix[:, sizes.slots(answer_format)[question]]
            yes = (written == first["yes"]).sum(1)
            is_written = (written[:, 0] != first["."])[:, None]
            counts = np.where(is_written, np.eye(sizes.pairs + 1)[yes], counts)
        law[:, first["n"] :] = counts
    else:
        pair = (position - begin) // 2
        weights = _lag_weights(prefix, begin, sizes)
        match = (weights * _match_chances(prefix, sizes, bound)[:, :, pair]).sum(1)
        dots = _dot_chance(prefix, answer_format, sizes)
        law[:, first["."]] = dots
        law[:, first["no"]] = (1 - dots) * (1 - match)
        law[:, first["yes"]] = (1 - dots) * match
    return law


def _lag_weights(prefix: Ints, begin: int, sizes: LagSizes) -> Floats:
    """The law of the lag of the question that begins at a position, (documents, lags)."""
    if prefix.shape[1] <= begin:
        return np.full((len(prefix), sizes.lags), 1 / sizes.lags)
    return np.asarray(prefix[:, begin, None] - sizes.first("k") == np.arange(sizes.lags), float)


def _match_chances(prefix: Ints, sizes: LagSizes, bound: int | None) -> Floats:
    """The chance of each pair to match by lag, (documents, lags, pairs): 1 / letters where one of
    its letters is still to come, or where it is not bound."""
    x = prefix[:, 1 : 1 + sizes.pairs] - sizes.first("x")
    y = prefix[:, 1 + sizes.pairs : sizes.data] - sizes.first("y")
    chances = np.full((len(prefix), sizes.lags, sizes.pairs), 1 / sizes.letters)
    pairs = sizes.pairs if bound is None else bound
    for lag, pair in itertools.product(range(sizes.lags), range(min(pairs, x.shape[1]))):
        if pair + lag < y.shape[1]:
            chances[:, lag, pair] = x[:, pair] == y[:, pair + lag]
    return chances


def _answer_law(prefix: Ints, begin: int, sizes: LagSizes, bound: int | None) -> Floats:
    """(documents, pairs + 1): pairs of one lag share no letter, so their matches are independent
    for each lag."""
    chances = _match_chances(prefix, sizes, bound)
    counts = np.zeros((*chances.shape[:2], sizes.pairs + 1))
    counts[..., 0] = 1
    for pair in range(sizes.pairs):
        match = chances[..., pair, None]
        more = np.roll(counts, 1, -1)
        # There is a count for each pair so far, so the last one is still 0 and wraps to no harm.
        counts = counts * (1 - match) + more * match
    weights = _lag_weights(prefix, begin, sizes)
    return np.asarray((weights[..., None] * counts).sum(1))


def _dot_chance(prefix: Ints, answer_format: str, sizes: LagSizes) -> Floats:
    """The chance of fillers in the place of steps, (documents,): the first one tells."""
    shown = sizes.slots(answer_format)[0, 0]
    if answer_format != "mixed":
        return np.full(len(prefix), float(answer_format == "filler"))
    if prefix.shape[1] <= shown:
        return np.full(len(prefix), 0.5)
    return np.asarray(prefix[:, shown] == sizes.first("."), float)


def laws(
    tokens: Ints, answer_format: str, sizes: LagSizes = DEFAULT, bound: int | None = None
) -> Floats:
    """The law of each token given those before it, (documents, length, vocabulary); NaN after an
    impossible prefix. `bound`: as in `ahead`. The bits of pairs that are not bound are guessed, and
    an answer after steps is read off them."""
    exact = np.full((*tokens.shape, len(sizes.vocabulary)), np.nan)
    possible = np.arange(len(tokens))
    for t in range(tokens.shape[1]):
        law = ahead(tokens[possible, :t], 1, answer_format, sizes, bound)
        exact[possible, t] = law
        possible = possible[law[np.arange(len(law)), tokens[possible, t]] > 0]
    return exact


# ------------------------------------------------------------------------- ablated predictors


def ladder(sizes: LagSizes = DEFAULT) -> Floats:
    """What an answer costs with j pairs bound, nats, (pairs + 1,): from the entropy of the answer
    at j = 0 to 0 at j = pairs."""
    bound = np.arange(sizes.pairs + 1)
    return np.array([entropy(binomial(sizes.pairs - j, sizes)).item() for j in bound.tolist()])


def binomial(pairs: int, sizes: LagSizes = DEFAULT) -> Floats:
    """The law of the number of matches among so many pairs, (pairs + 1,)."""
    count, chance = np.arange(pairs + 1), 1 / sizes.letters
    return np.asarray(comb(pairs, count) * chance**count * (1 - chance) ** (pairs - count))


def step_cost(sizes: LagSizes = DEFAULT) -> float:
    """The entropy of whether a pair matches, nats."""
    return entropy(binomial(1, sizes)).item()


def pairing_law(x: Ints, y: Ints, sizes: LagSizes = DEFAULT) -> Floats:
    """The law of the number of matches where it is unknown which x belongs to which y, (documents,
    pairs + 1): all pairings of the letters (documents, pairs) are equally likely."""
    law = np.zeros((len(x), sizes.pairs + 1))
    for order in itertools.permutations(range(sizes.pairs)):
        law[np.arange(len(x)), (x == y[:, order]).sum(1)] += 1
    return law / math.factorial(sizes.pairs)


@functools.cache
def pairing_cost(sizes: LagSizes = DEFAULT) -> float:
    """The mean entropy of `pairing_law` over all letters, nats: what an answer costs if both
    multisets are known and no x is bound to its y."""
    letters = np.array(list(itertools.product(range(sizes.letters), repeat=sizes.pairs)))
    firsts, seconds = np.repeat(letters, len(letters), 0), np.tile(letters, (len(letters), 1))
    return float(entropy(pairing_law(firsts, seconds, sizes)).mean())


def repeat_costs(sizes: LagSizes = DEFAULT) -> Floats:
    """What each answer costs a predictor that binds no pair but copies the answer of an earlier
    question with the same lag, nats, (questions,)."""
    new = (1 - 1 / sizes.lags) ** np.arange(sizes.questions)
    return np.asarray(new * ladder(sizes)[0])


def no_pairing(tokens: Ints, answer_format: str, sizes: LagSizes = DEFAULT) -> Floats:
    """The laws of a predictor that knows which letters a question compares, but not which x belongs
    to which y. Formats without steps."""
    x = tokens[:, 1 : 1 + sizes.pairs] - sizes.first("x")
    y = tokens[:, 1 + sizes.pairs : sizes.data] - sizes.first("y")

    def answer(question: int, lag: Ints) -> Floats:
        compared = np.clip(lag, 0, sizes.lags - 1)[:, None] + np.arange(sizes.pairs)
        return pairing_law(x, np.take_along_axis(y, compared, 1), sizes)

    return _with_answers(tokens, answer_format, sizes, answer)


def repeats_only(tokens: Ints, answer_format: str, sizes: LagSizes = DEFAULT) -> Floats:
    """The laws of a predictor that binds no pair, but copies the answer of an earlier question with
    the same lag. Formats without steps."""
    answers = tokens[:, sizes.answers(answer_format)] - sizes.first("n")
    lags = tokens[:, sizes.begins(answer_format)] - sizes.first("k")

    def answer(question: int, lag: Ints) -> Floats:
        law = np.repeat(binomial(sizes.pairs, sizes)[None], len(tokens), 0)
        for earlier in range(question):
            is_same = lags[:, earlier] == lag
            law[is_same] = np.eye(sizes.pairs + 1)[answers[is_same, earlier]]
        return law

    return _with_answers(tokens, answer_format, sizes, answer)


def _with_answers(
    tokens: Ints, answer_format: str, sizes: LagSizes, answer: Callable[[int, Ints], Floats]
) -> Floats:
    """The exact laws with other laws (documents, pairs + 1) of the answer to each question, from
    its number and lags (documents,)."""
    ablated = laws(tokens, answer_format, sizes)
    for question, position in enumerate(sizes.answers(answer_format)):
        possible = ~np.isnan(ablated[:, position, 0])
        lag = tokens[:, sizes.begins(answer_format)[question]] - sizes.first("k")
        law = answer(question, lag)[possible]
        ablated[possible, position] = 0
        ablated[possible, position, sizes.first("n") :] = law
    return ablated


# ------------------------------------------------------------------------------- the process


def capabilities(answer_format: str, sizes: LagSizes = DEFAULT) -> Mapping[str, process.Laws]:
    """By capability, the laws of a predictor that lacks it: `binds-j` binds the first j pairs."""
    ablated: dict[str, process.Laws] = {
        f"binds-{bound}": functools.partial(
            laws, answer_format=answer_format, sizes=sizes, bound=bound
        )
        for bound in range(sizes.pairs)
    }
    if answer_format in ("direct", "filler"):
        others = {"no-pairing": no_pairing, "repeats-only": repeats_only}
        for name, without in others.items():
            ablated[name] = functools.partial(without, answer_format=answer_format, sizes=sizes)
    return ablated


def closed_prices(
    answer_format: str, sizes: LagSizes = DEFAULT
) -> dict[str, dict[tuple[str, str], float]]:
    """What each capability of a format is worth, nats per token of each level."""
    with_steps = {"steps": 1.0, "mixed": 0.5}.get(answer_format, 0.0)
    per_step = step_cost(sizes)

    def prices(answers: Floats, steps: float) -> dict[tuple[str, str], float]:
        """From costs of each answer (questions,) and the mean cost of a step."""
        turns = {("answers by turn", str(q + 1)): float(nats) for q, nats in enumerate(answers)}
        levels = {("role", "answer"): float(answers.mean()), **turns}
        slots = sizes.slots(answer_format).size
        if slots:
            levels["role", "filler or step"] = steps
        total = float(answers.sum()) + slots * steps
        return {process.ALL: total / (sizes.length(answer_format) - 1), **levels}

    closed = {}
    for bound, nats in enumerate(ladder(sizes)[:-1]):
        answers = np.full(sizes.questions, (1 - with_steps) * nats)
        closed[f"binds-{bound}"] = prices(
            answers, with_steps * per_step * (sizes.pairs - bound) / sizes.pairs
        )
    if not with_steps:
        closed["no-pairing"] = prices(np.full(sizes.questions, pairing_cost(sizes)), 0.0)
        closed["repeats-only"] = prices(repeat_costs(sizes), 0.0)
    return closed


def lag_process(answer_format: str | None = None, sizes: LagSizes = DEFAULT) -> process.Process:
    """`lag` in a format, `direct` if not given, with the strata role and answers by their turn."""
    answer_format = answer_format or "direct"
    if answer_format not in FORMATS:
        raise ValueError(f"the format '{answer_format}' is not one of {', '.join(FORMATS)}")
    role = roles(answer_format, sizes)
    names = tuple(name for i, name in enumerate(ROLES) if i and i in role)
    numbered = np.array([names.index(ROLES[i]) if i else -1 for i in role])
    turn = np.full(len(role), -1)
    turn[sizes.answers(answer_format)] = np.arange(sizes.questions)

    def strata(tokens: Ints) -> process.Strata:
        by_name = {
            "role": process.by_position(numbered, tokens),
            "answers by turn": process.by_position(turn, tokens),
        }
        return process.with_counted(by_name, tokens)

    return process.Process(
        vocabulary=sizes.vocabulary,
        length=sizes.length(answer_format),
        draw=functools.partial(draw, answer_format=answer_format, sizes=sizes),
        laws=functools.partial(laws, answer_format=answer_format, sizes=sizes),
        ahead=process.by_prefix(functools.partial(ahead, answer_format=answer_format, sizes=sizes)),
        strata=strata,
        levels={
            process.COUNTED: (process.COUNTED,),
            "role": names,
            "answers by turn": tuple(str(q + 1) for q in range(sizes.questions)),
        },
        ablated=capabilities(answer_format, sizes),
        prices=closed_prices(answer_format, sizes),
    )
