"""Rule choice: which of two rules a member follows where their answers differ (`fork`).

Two rules agree on all training text, so the loss does not tell which one was learned. The answer
to a question on which they disagree does: a member gives each of the two answers a probability.
The preference for a rule is its share of the two probabilities, averaged over questions.

For `twin` there is a null. Swapping red and blue changes neither the law of documents nor that of
the initial weights, so over draws of weights and documents the distribution of a preference for
red is symmetric about 1/2, for any network and training. For `before` there is no null. Members of
a study share their documents, and given the documents the symmetry need not hold: a small p may
come from the text as well as from the network. A copy of the corpus with the colours exchanged
settles this: training on it is training on the original with other initial weights of the same law,
so the mean over both copies has the null 1/2 given the documents, and half of their difference is
what the documents decide (view `rule_symmetry`).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats
from scipy.special import expit

from manymasks.arrays import Bools, Floats, Ints, Row
from manymasks.config.analyses import Statistics
from manymasks.corpora.processes import fork
from manymasks.corpora.processes.machine import ENDED
from manymasks.statistics.bootstrap import central_range, ratio_interval
from manymasks.statistics.components import components, crossed
from manymasks.statistics.intervals import finite, finite_columns
from manymasks.statistics.jackknife import pair_mean
from manymasks.statistics.modes import dip
from manymasks.statistics.paired import mean_over_seeds
from manymasks.statistics.proportions import wilson
from manymasks.statistics.seed_design import Seeds


@dataclass(frozen=True)
class ConflictQuestions:
    """Questions of one kind on which two rules disagree; the same for all members."""

    question: str
    mark: str
    """The question token."""
    rule: str
    """The rule that the share refers to."""
    other: str
    tokens: Ints
    """(questions, longest): prompts, padded with EOS."""
    lengths: Ints
    """(questions,) in tokens; the answer follows."""
    answers: Ints
    """(questions, 2): the answer of the rule, and that of the other rule."""
    is_first: Bools
    """(questions,): whether the word that the rule depends on comes first."""


def conflict_questions(questions: int, seed: int) -> tuple[ConflictQuestions, ConflictQuestions]:
    """`twin` and `before`, this many questions of each."""
    twin = fork.twin_conflicts(questions, np.random.default_rng([seed, 0]))
    before = fork.before_questions(questions, np.random.default_rng([seed, 1]))
    return _conflict("twin", "?t", twin, 0), _conflict("before", "?h", before, 1)


def _conflict(question: str, mark: str, prompts: fork.Questions, rule: int) -> ConflictQuestions:
    return ConflictQuestions(
        question=question,
        mark=mark,
        rule=prompts.rules[rule],
        other=prompts.rules[1 - rule],
        # A causal model does not see the padding.
        tokens=np.where(prompts.tokens == ENDED, fork.TOKEN["EOS"], prompts.tokens),
        lengths=prompts.lengths,
        answers=prompts.answers[:, [rule, 1 - rule]],
        is_first=prompts.first == rule,
    )


def answered_positions(tokens: Ints, mark: str) -> tuple[Ints, Ints]:
    """Answers to a question in documents (documents, length): their documents and positions."""
    is_answer = (tokens[:, 1:] >= fork.FIRST["A"]) & (tokens[:, :-1] == fork.TOKEN[mark])
    documents, positions = np.nonzero(is_answer)
    return documents, positions + 1


def preferences(log_probs: Floats) -> Floats:
    """p(rule) / (p(rule) + p(other)) of each question, (questions,). `log_probs` (questions, 2), of
    the rule's answer and of the other's."""
    return np.asarray(expit(log_probs[:, 0] - log_probs[:, 1]))


def choice_row(
    questions: ConflictQuestions,
    log_probs: Floats,
    right: Floats,
    weights: Floats,
    confidence: float,
) -> Row:
    """The answers of one member, from log-probabilities (questions, 2) of the rule's answer and the
    other's, and the probabilities `right` of right answers in held-out documents, if any.

    The interval of the preference is a bootstrap over questions, that of the share is Wilson's. In
    the share, an exact tie counts for the other rule.
    """
    soft = preferences(log_probs)
    count = len(soft)
    mean, low, high = ratio_interval(soft, np.ones(count), weights, confidence)
    chosen = int((soft > 0.5).sum())
    share_low, share_high = wilson(chosen, count, confidence)
    first, second = soft[questions.is_first], soft[~questions.is_first]
    has_both = bool(len(first) and len(second))
    row = {"question": questions.question, "rule": questions.rule, "other": questions.other}
    preference = {"preference": mean}
    preference |= finite_columns(preference_low=low, preference_high=high)
    share = {"share": chosen / count, **finite_columns(share_low=share_low, share_high=share_high)}
    return {
        **row,
        **preference,
        **share,
        "mass": float(np.exp(log_probs).sum(1).mean()),
        "order_effect": float(first.mean() - second.mean()) if has_both else None,
        "p_right": float(right.mean()) if len(right) else None,
        "questions": count,
    }


# ------------------------------------------------------------------------------- over seeds


def spread_row(
    questions: ConflictQuestions,
    seeds: Sequence[Seeds],
    soft: Floats,
    weights: Floats,
    statistics: Statistics,
) -> Row:
    """The distribution of the preference (members, questions) over the members of a class.

    The interval of the mean joins the error over seeds with the bootstrap over questions and is cut
    at 0 and 1. The units of the sign test are the seeds of initial weights, each averaged over its
    data orders. The dip test asks whether the preferences of members have more than one mode.
    """
    means = soft.mean(1)
    members, count = soft.shape
    inits = np.array([init for init, _ in seeds])
    by_init = np.stack([soft[inits == init].mean(0) for init in np.unique(inits)])
    mean = mean_over_seeds(soft, seeds, np.ones(count), weights, statistics.confidence)
    modes = dip(means)
    picks = (soft > 0.5).astype(np.float64)
    share = picks.mean(1)
    return {
        "question": questions.question,
        "rule": questions.rule,
        "mean": mean.estimate,
        "mean_low": finite(max(mean.low, 0.0)),
        "mean_high": finite(min(mean.high, 1.0)),
        "sd": float(means.std(ddof=1)) if members > 1 else None,
        "lowest": float(means.min()),
        "highest": float(means.max()),
        "above_half": int((means > 0.5).sum()),
        "sign_p": sign_p(by_init.mean(1)),
        "dip_p": modes and modes.p,
        **share_columns(crossed(seeds, means), statistics),
        "agreement": finite(pair_mean(agreement(picks), seeds).estimate),
        "agreement_expected": finite(pair_mean(agreement(share[:, None]), seeds).estimate),
        "members": members,
        "inits": len(by_init),
        "questions": count,
    }


def share_columns(table: Floats | None, statistics: Statistics) -> dict[str, float | None]:
    """Shares of the variance due to initial weights, data order and both, with their intervals.
    `table` (inits, orders) preferences; shares are None where `components` gives none."""
    names = "from_init", "from_order", "from_both"
    shares = components(table)
    if table is None or shares is None:
        return dict.fromkeys(f"{name}{end}" for name in names for end in ("", "_low", "_high"))
    lows, highs = share_intervals(table, statistics)
    columns: dict[str, float | None] = {}
    for name, share, low, high in zip(names, shares, lows, highs, strict=True):
        # An estimate that was set to 0 can lie outside; it is then the end.
        columns |= {name: share, f"{name}_low": min(low, share), f"{name}_high": max(high, share)}
    return columns


def share_intervals(table: Floats, statistics: Statistics) -> tuple[list[float], list[float]]:
    """Ends of generalised intervals of the shares of the variance: rows, columns and the rest.

    Both seeds are units, even where there are two of one, for which a jackknife is undefined. If
    effects are normal, each sum of squares over its expected mean square is chi-squared. So sums of
    squares are divided by chi-squared draws, the components of each draw follow as the estimates
    do, negative ones set to 0, and the ends are percentiles of their shares (Weerahandi 1993). In a
    simulation with 3 x 3, 5 x 2, 10 x 2 and 6 x 6 seeds a nominal 95% covered 91 to 99%. Two data
    orders leave one degree of freedom, so intervals are wide.
    """
    rows, columns = table.shape
    by_row, by_column = table.mean(1) - table.mean(), table.mean(0) - table.mean()
    rest = table - table.mean() - by_row[:, None] - by_column
    squares = [columns * (by_row**2).sum(), rows * (by_column**2).sum(), (rest**2).sum()]
    degrees = [rows - 1, columns - 1, (rows - 1) * (columns - 1)]
    rng = np.random.default_rng(statistics.seed)
    expected = np.array(squares) / rng.chisquare(degrees, (statistics.resamples, 3))
    row_square, column_square, rest_square = expected.T
    parts = np.stack(
        [(row_square - rest_square) / columns, (column_square - rest_square) / rows, rest_square]
    )
    parts = np.maximum(parts, 0.0)
    with np.errstate(invalid="ignore"):
        low, high = central_range(parts / parts.sum(0), (1 - statistics.confidence) / 2)
    return low.tolist(), high.tolist()


def agreement(shares: Floats) -> Floats:
    """The probability that two members give the same of two answers, (members, members), from the
    shares (members, questions) of the first answer: of 0 or 1, or a single share per member for the
    agreement of independent answers."""
    same = shares @ shares.T + (1 - shares) @ (1 - shares).T
    return np.asarray(same / shares.shape[1])


def sign_p(values: Floats) -> float | None:
    """Two-sided exact sign test of values (n,) against 1/2; None where all values equal 1/2."""
    above, below = int((values > 0.5).sum()), int((values < 0.5).sum())
    if not above + below:
        return None
    return float(stats.binomtest(above, above + below).pvalue)
