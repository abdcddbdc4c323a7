"""The product-limit estimate: against scipy's, closed forms, and weights as repetitions."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import CensoredData, ecdf

from manymasks.statistics.survival import product_limit, restricted_mean

STEPS = 6
TIMES = st.lists(st.tuples(st.integers(1, STEPS), st.booleans()), min_size=1, max_size=30)


def _counts(times: list[tuple[int, bool]]) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    events, endings = np.zeros(STEPS), np.zeros(STEPS)
    for step, is_censored in times:
        endings[step - 1] += 1
        events[step - 1] += not is_censored
    return events, endings


@given(TIMES)
def test_product_limit_agrees_with_scipy(times: list[tuple[int, bool]]) -> None:
    survival = product_limit(*_counts(times))
    seen = [step for step, is_censored in times if not is_censored]
    cut = [step for step, is_censored in times if is_censored]
    known = ecdf(CensoredData(uncensored=seen, right=cut)).sf
    np.testing.assert_allclose(survival[1:], known.evaluate(np.arange(1, STEPS + 1)), atol=1e-12)
    assert survival[0] == 1


@given(TIMES)
def test_survival_falls_from_one_and_stays_in_range(times: list[tuple[int, bool]]) -> None:
    survival = product_limit(*_counts(times))
    assert (np.diff(survival) <= 0).all() and (survival >= 0).all()
    assert 0 <= restricted_mean(survival) <= STEPS


@given(TIMES, arrays(np.int64, (4, 30), elements=st.integers(0, 3)))
def test_weights_equal_repetitions(
    times: list[tuple[int, bool]], weights: np.ndarray[Any, Any]
) -> None:
    each = [_counts([time]) for time in times]
    counts = [np.array(found) for found in zip(*each, strict=True)]
    used = weights[:, : len(times)]
    found = product_limit(*(used @ part for part in counts))
    for own, row in zip(found, used, strict=True):
        repeated = [time for time, n in zip(times, row, strict=True) for _ in range(n)]
        np.testing.assert_allclose(own, product_limit(*_counts(repeated)))
        assert np.isnan(own).all() == (not repeated)


def test_without_censoring_it_is_a_share_and_the_mean_of_the_steps() -> None:
    times = [(1, False), (3, False), (3, False), (6, False)]
    survival = product_limit(*_counts(times))
    assert survival == pytest.approx([1, 0.75, 0.75, 0.25, 0.25, 0.25, 0])
    # They survived 0, 2, 2 and 5 steps.
    assert restricted_mean(survival) == pytest.approx(9 / 4)


def test_censoring_changes_only_the_number_at_risk() -> None:
    survival = product_limit(*_counts([(1, True), (2, False), (STEPS, True)]))
    assert survival == pytest.approx([1, 1, 0.5, 0.5, 0.5, 0.5, 0.5])
    assert restricted_mean(survival) == pytest.approx(3.5)


def test_a_constant_hazard_is_geometric() -> None:
    at_risk = 1000 * 0.8 ** np.arange(STEPS)
    events = 0.2 * at_risk
    endings = np.append(events[:-1], at_risk[-1])
    assert product_limit(events, endings) == pytest.approx(0.8 ** np.arange(STEPS + 1))
