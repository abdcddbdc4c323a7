"""Rule choice: which of two rules a member follows where they name different answers (`fork`).

Two rules agree on all training text, so the loss says nothing of which one was learned. It shows
where they part: at a question whose two answers differ. There a member gives a share of its
probability to each. Its preference is what the rule gets of what both get, in the mean over
questions.

For `twin` there is a null. Red and blue may be swapped, and neither the law of documents nor that
of the initial weights changes. So over draws of weights and documents the law of a preference for
red is symmetric about 1/2, whatever the network and its training. For `before` there is none.
Members of a study share their documents, which the null would draw anew for each: given the
documents the symmetry need not hold, so a small p may be the text's as well as the network's. How
much this matters shows where several corpora differ in their seed alone.

Arrays come in, rows of tables go out.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import stats
from scipy.special import expit

from manymasks.arrays import BoolArray, FloatArray, IntArray
from manymasks.config.analyses import Statistics
from manymasks.corpora.processes import fork
from manymasks.corpora.processes.machine import ENDED
from manymasks.statistics.bootstrap import percentile_interval, ratio_interval
from manymasks.statistics.components import Seeds, components, crossed
from manymasks.statistics.intervals import finite
from manymasks.statistics.jackknife import pair_mean
from manymasks.statistics.modes import dip
from manymasks.statistics.paired import mean_over_seeds
from manymasks.statistics.proportions import wilson


@dataclass(frozen=True)
class Asked:
    """Questions of one kind, the same for all members."""

    question: str
    mark: str
    """The token that asks."""
    rule: str
    """The rule whose share is given."""
    other: str
    tokens: IntArray
    """(questions, longest): prompts, EOS after them."""
    lengths: IntArray
    """(questions,) in tokens; the law after them is the answer's."""
    answers: IntArray
    """(questions, 2): the token that the rule names, and the other rule's."""
    is_first: BoolArray
    """(questions,): whether the word that the rule goes by comes first."""


def asked(questions: int, seed: int) -> tuple[Asked, Asked]:
    """`twin` and `before`, as many questions of each."""
    twin = fork.twin_conflicts(questions, np.random.default_rng([seed, 0]))
    before = fork.before_questions(questions, np.random.default_rng([seed, 1]))
    return _asked("twin", "?t", twin, 0), _asked("before", "?h", before, 1)


def _asked(question: str, mark: str, found: fork.Questions, rule: int) -> Asked:
    order = [rule, 1 - rule]
    return Asked(
        question=question,
        mark=mark,
        rule=found.rules[rule],
        other=found.rules[1 - rule],
        # A causal model does not see what comes after the place it is read at.
        tokens=np.where(found.tokens == ENDED, fork.PLACE["EOS"], found.tokens),
        lengths=found.lengths,
        answers=found.answers[:, order],
        is_first=found.first == rule,
    )


def told(tokens: IntArray, mark: str) -> tuple[IntArray, IntArray]:
    """Where documents (documents, length) answer a question: documents and places of answers."""
    is_answer = (tokens[:, 1:] >= fork.FIRST["A"]) & (tokens[:, :-1] == fork.PLACE[mark])
    rows, places = np.nonzero(is_answer)
    return rows, places + 1


def preferences(log_probs: FloatArray) -> FloatArray:
    """p(rule) / (p(rule) + p(other)) of each question, (questions,).

    Args:
        log_probs: (questions, 2), of the rule's answer and of the other's.
    """
    return np.asarray(expit(log_probs[:, 0] - log_probs[:, 1]))


def choice_row(
    of: Asked, log_probs: FloatArray, right: FloatArray, weights: FloatArray, confidence: float
) -> dict[str, Any]:
    """What one member answers.

    The interval of the preference is a bootstrap over questions, that of the share Wilson's. An
    exact tie counts for the other rule in the share.

    Args:
        log_probs: (questions, 2), of the rule's answer and of the other's.
        right: the probabilities of right answers to questions that training told; may be none.
        weights: of questions in each resample, (resamples, questions).
    """
    soft = preferences(log_probs)
    count = len(soft)
    mean, low, high = ratio_interval(soft, np.ones(count), weights, confidence)
    chosen = int((soft > 0.5).sum())
    share_low, share_high = wilson(chosen, count, confidence)
    first, second = soft[of.is_first], soft[~of.is_first]
    both = bool(len(first) and len(second))
    return {
        "question": of.question,
        "rule": of.rule,
        "other": of.other,
        "preference": mean,
        "preference_low": finite(low),
        "preference_high": finite(high),
        "share": chosen / count,
        "share_low": finite(share_low),
        "share_high": finite(share_high),
        "mass": float(np.exp(log_probs).sum(1).mean()),
        "order_effect": float(first.mean() - second.mean()) if both else None,
        "p_right": float(right.mean()) if len(right) else None,
        "questions": count,
    }


# ------------------------------------------------------------------------------- over seeds


def spread_row(
    of: Asked, seeds: Sequence[Seeds], soft: FloatArray, weights: FloatArray, statistics: Statistics
) -> dict[str, Any]:
    """The law of the preference over the members of a class.

    Members that share their initial weights are alike. So the mean, its interval and the sign
    test have the seeds of initial weights as their units, each with its mean over data orders: t
    over them joined with the bootstrap over questions, cut at 0 and 1. Data orders are taken as
    they are. The dip test asks whether members come in more than one heap, which a mean would
    hide.

    Args:
        seeds: of each member.
        soft: (members, questions), the `preferences` of each.
        weights: of questions in each resample, (resamples, questions).
    """
    each = soft.mean(1)
    members, questions = soft.shape
    inits = np.array([init for init, _ in seeds])
    of_init = np.stack([soft[inits == init].mean(0) for init in np.unique(inits)])
    mean = mean_over_seeds(of_init, np.ones(questions), weights, statistics.confidence)
    heaps = dip(each)
    picks = (soft > 0.5).astype(np.float64)
    share = picks.mean(1)
    return {
        "question": of.question,
        "rule": of.rule,
        "mean": mean.estimate,
        "mean_low": finite(max(mean.low, 0.0)),
        "mean_high": finite(min(mean.high, 1.0)),
        "sd": float(each.std(ddof=1)) if members > 1 else None,
        "lowest": float(each.min()),
        "highest": float(each.max()),
        "above_half": int((each > 0.5).sum()),
        "sign_p": sign_p(of_init.mean(1)),
        "dip_p": heaps and heaps.p,
        **share_columns(crossed(seeds, each), statistics),
        "agreement": finite(pair_mean(together(picks)).estimate),
        "agreement_expected": finite(pair_mean(together(share[:, None])).estimate),
        "members": members,
        "inits": len(of_init),
        "questions": questions,
    }


def share_columns(table: FloatArray | None, statistics: Statistics) -> dict[str, float | None]:
    """What initial weights, data order and the rest have of the variance, with their intervals.

    Args:
        table: (inits, orders) preferences; shares are None where `components` gives none.
    """
    names = "from_init", "from_order", "from_both"
    parts = components(table)
    if table is None or parts is None:
        return dict.fromkeys(f"{name}{end}" for name in names for end in ("", "_low", "_high"))
    low, high = share_intervals(table, statistics)
    found: dict[str, float | None] = {}
    for name, share, least, most in zip(names, parts, low, high, strict=True):
        # An estimate that was put at 0 can lie outside: then it is the end.
        found |= {name: share, f"{name}_low": min(least, share), f"{name}_high": max(most, share)}
    return found


def share_intervals(table: FloatArray, statistics: Statistics) -> tuple[list[float], list[float]]:
    """Ends of generalised intervals of the shares of the variance: rows, columns and the rest.

    Both seeds are units, also where there are two of one, of which a jackknife can say nothing.
    If effects are normal, each mean square times its degrees of freedom, over what it is expected
    to be, has a chi-squared law. So mean squares are divided by draws of it, the components of
    each draw follow as the estimates do, negative ones put at 0, and the ends are percentiles of
    their shares (Weerahandi 1993). In a simulation with 3 x 3, 5 x 2, 10 x 2 and 6 x 6 seeds a
    nominal 95% covered 91 to 99%. With two orders their one degree of freedom says little, so
    intervals are wide.

    Args:
        table: (rows, columns), two of each or more.
    """
    rows, columns = table.shape
    by_row, by_column = table.mean(1) - table.mean(), table.mean(0) - table.mean()
    rest = table - table.mean() - by_row[:, None] - by_column
    squares = [columns * (by_row**2).sum(), rows * (by_column**2).sum(), (rest**2).sum()]
    degrees = [rows - 1, columns - 1, (rows - 1) * (columns - 1)]
    rng = np.random.default_rng(statistics.seed)
    expected = np.array(squares) / rng.chisquare(degrees, (statistics.resamples, 3))
    of_row, of_column, both = expected.T
    parts = np.stack([(of_row - both) / columns, (of_column - both) / rows, both])
    parts = np.maximum(parts, 0.0)
    with np.errstate(invalid="ignore"):
        low, high = percentile_interval(parts / parts.sum(0), statistics.confidence)
    return low.tolist(), high.tolist()


def together(shares: FloatArray) -> FloatArray:
    """How often two members give the same of two answers, (members, members).

    Args:
        shares: (members, questions), of the first answer. Where they are 0 or 1 this is the share
            of questions with equal answers. Where a member has but one share for all questions it
            is what can be expected if its answers are independent given that share.
    """
    same = shares @ shares.T + (1 - shares) @ (1 - shares).T
    return np.asarray(same / shares.shape[1])


def sign_p(values: FloatArray) -> float | None:
    """Two-sided exact sign test of values (n,) against 1/2; None where none differs from it."""
    above, below = int((values > 0.5).sum()), int((values < 0.5).sum())
    if not above + below:
        return None
    return float(stats.binomtest(above, above + below).pvalue)
