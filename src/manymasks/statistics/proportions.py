"""Intervals of shares."""

from scipy import stats


def wilson(successes: int, trials: int, confidence: float) -> tuple[float, float]:
    """Lower and upper end of Wilson's score interval (1927); NaN without trials."""
    if not trials:
        return float("nan"), float("nan")
    interval = stats.binomtest(successes, trials).proportion_ci(confidence, method="wilson")
    return float(interval.low), float(interval.high)
