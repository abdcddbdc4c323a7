"""Answers of members of `lag` by the format of the text before them, against exact prices.

Formats share letters, lags and answers, so members of all formats answer the same questions. The
answer to the first question is the one that the ladder of prices is for: in a second question with
the same lag, an answer can be copied. Steps are given (forced), or written by the member (free):
its law of the answer is then the mean over all steps, by its probability of writing them. A
predictor that guesses steps has the prior's loss when free, and none when forced. Losses are in
nats.
"""

import itertools
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from scipy.special import logsumexp

from manymasks.arrays import Bools, Floats, Ints, Row, Rows
from manymasks.corpora.processes.lag import (
    DEFAULT,
    LagData,
    LagSizes,
    draw_data,
    ladder,
    pairing_cost,
    repeat_costs,
    step_cost,
    write,
)
from manymasks.statistics.intervals import finite

Predict = Callable[[Ints, int], Floats]
"""Tokens (documents, positions), number -> log-probabilities after the last so many tokens,
(documents, number, vocabulary)."""

WRITTEN = {"direct": ("direct",), "filler": ("filler",), "steps": ("steps",)}
MIXED = ("filler", "steps")
"""Formats of the documents of `mixed`."""


def formats_of(answer_format: str) -> tuple[str, ...]:
    """The formats in which members of a corpus of a format are asked."""
    return WRITTEN.get(answer_format, MIXED)


@dataclass(frozen=True)
class LagQuestions:
    """Documents of one format, (documents, length), and what they are about."""

    data: LagData
    answer_format: str
    sizes: LagSizes = DEFAULT

    def first(self, count: int) -> "LagQuestions":
        """The first documents."""
        x, y, lag = self.data
        return replace(self, data=LagData(x[:count], y[:count], lag[:count]))

    @property
    def tokens(self) -> Ints:
        return write(self.data, self.answer_format, self.sizes)

    @property
    def answers(self) -> Ints:
        """Tokens of the answers, (documents, questions)."""
        return np.asarray(self.data.matches.sum(2) + self.sizes.first("n"))

    @property
    def is_repeated(self) -> Bools:
        """Whether a question has the lag of an earlier one, (documents, questions)."""
        lag = self.data.lag
        same = lag[:, :, None] == lag[:, None, :]
        return np.asarray(np.tril(same, -1).any(2))


def drawn_questions(documents: int, seed: int) -> LagData:
    """Letters and lags that are in no corpus; the same for every format."""
    # The spawn key separates this stream from corpora, which are drawn by seed and shard.
    return draw_data(documents, np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(2,))))


@dataclass(frozen=True)
class AnswerScores:
    """What a predictor says of the answers, and of the steps where the format has them."""

    nats: Floats
    """(documents, questions): loss of each answer after the text as it is."""
    is_right: Bools
    """Whether the answer is its likeliest token."""
    free_nats: Floats
    """(documents,): loss of the first answer after steps that it writes, over all of them; with
    steps, of the first documents alone."""
    free_is_right: Bools
    step_nats: Floats
    """(documents, pairs): loss of the steps of the first question; no pairs without steps."""
    step_is_right: Bools
    """Whether the likelier of no and yes is right."""


def answer_scores(questions: LagQuestions, predict: Predict, free: int) -> AnswerScores:
    """What a predictor says in one pass over the documents, and in one pass over all steps that it
    could write in the first `free` of them."""
    sizes, form = questions.sizes, questions.answer_format
    tokens, answers = questions.tokens, questions.answers
    logs = predict(tokens[:, :-1], tokens.shape[1] - 1)
    law = logs[:, sizes.answers(form) - 1]
    nats = -np.take_along_axis(law, answers[:, :, None], 2)[:, :, 0]
    is_right = law.argmax(2) == answers
    if form != "steps":
        none = np.empty((len(tokens), 0))
        return AnswerScores(nats, is_right, nats[:, 0], is_right[:, 0], none, none.astype(bool))
    slots = sizes.slots(form)[0]
    step_law = logs[:, slots - 1]
    steps = tokens[:, slots]
    step_nats = -np.take_along_axis(step_law, steps[:, :, None], 2)[:, :, 0]
    free_logs = free_law(questions.first(free), predict)
    first_answers = answers[:free, 0]
    return AnswerScores(
        nats,
        is_right,
        -np.take_along_axis(free_logs, first_answers[:, None], 1)[:, 0],
        free_logs.argmax(1) == first_answers,
        step_nats,
        _is_yes(step_law, sizes) == (steps == sizes.first("yes")),
    )


def free_law(questions: LagQuestions, predict: Predict) -> Floats:
    """Log-probabilities of the first answer after steps that the predictor writes, (documents,
    vocabulary): over all steps, by their probability under its law of no and yes. Formats with
    steps."""
    sizes, tokens = questions.sizes, questions.tokens
    slots = sizes.slots(questions.answer_format)[0]
    answer = int(sizes.answers(questions.answer_format)[0])
    written = np.array(list(itertools.product((0, 1), repeat=sizes.pairs))) + sizes.first("no")
    texts = np.repeat(tokens[None, :, :answer], len(written), 0)
    texts[:, :, slots] = written[:, None, :]
    begin = int(slots[0]) - 1
    logs = predict(texts.reshape(-1, answer), answer - begin)
    logs = logs.reshape(len(written), len(tokens), answer - begin, -1)
    two = logs[:, :, slots - 1 - begin][..., [sizes.first("no"), sizes.first("yes")]]
    two = two - logsumexp(two, -1, keepdims=True)
    is_yes = (written == sizes.first("yes"))[:, None, :, None].astype(int)
    weights = np.take_along_axis(two, np.broadcast_to(is_yes, (*two.shape[:3], 1)), 3)
    return np.asarray(logsumexp(weights[..., 0].sum(2)[:, :, None] + logs[:, :, -1], 0))


def _is_yes(law: Floats, sizes: LagSizes) -> Bools:
    """Whether yes is likelier than no; equal chances give no."""
    return np.asarray(law[..., sizes.first("yes")] > law[..., sizes.first("no")])


def pairs_bound(nats: float, sizes: LagSizes = DEFAULT) -> float:
    """Pairs that an answer of this loss has bound, read off the ladder between its rungs: 0 where
    it costs as much as the entropy of the answer or more. A mixture of none and all bound reads as
    some."""
    rungs = ladder(sizes)
    return float(np.interp(nats, rungs[::-1], np.arange(sizes.pairs, -1, -1)))


def answer_row(questions: LagQuestions, scores: AnswerScores) -> Row:
    """Columns of `thinking_answer` of a predictor on documents of a format."""
    free = float(scores.free_nats.mean())
    later, repeated = scores.nats[:, 1:], questions.is_repeated[:, 1:]
    has_steps = scores.step_nats.size > 0
    return {
        "answer_format": questions.answer_format,
        "nats": float(scores.nats[:, 0].mean()),
        "nats_free": free,
        "accuracy": float(scores.is_right[:, 0].mean()),
        "accuracy_free": float(scores.free_is_right.mean()),
        "pairs_bound": pairs_bound(free, questions.sizes),
        "nats_repeated": finite(later[repeated].mean()) if repeated.any() else None,
        "nats_later": finite(later[~repeated].mean()) if not repeated.all() else None,
        "step_nats": finite(scores.step_nats.mean()) if has_steps else None,
        "documents": len(scores.nats),
    }


def step_rows(questions: LagQuestions, scores: AnswerScores) -> Rows:
    """Rows of `thinking_step` of a predictor, one for each pair; none without steps."""
    return [
        {
            "answer_format": questions.answer_format,
            "pair": pair + 1,
            "nats": float(scores.step_nats[:, pair].mean()),
            "accuracy": float(scores.step_is_right[:, pair].mean()),
            "guess": step_cost(questions.sizes),
        }
        for pair in range(scores.step_nats.shape[1])
    ]


def price_rows(sizes: LagSizes = DEFAULT) -> Rows:
    """Rows of `thinking_price`: what answers and steps cost without a capability."""
    rungs = [(f"binds-{j}", "answer", nats) for j, nats in enumerate(ladder(sizes).tolist())]
    others = [
        ("no-pairing", "answer", pairing_cost(sizes)),
        ("repeats-only", "second answer", float(repeat_costs(sizes)[1])),
        ("guess", "step", step_cost(sizes)),
    ]
    return [
        {"capability": name, "priced": priced, "nats": nats}
        for name, priced, nats in rungs + others
    ]
