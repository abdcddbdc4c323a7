"""What was predicted before a run, beside what came.

A measurement names its predictions as data beside its science: a range for a quantity, and what the
range comes from. Its stage gives the quantities that came, and `prediction` has a row for each. A
range is kept, never moved to what came.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from manymasks.arrays import Row, Rows
from manymasks.statistics.intervals import Interval, finite


@dataclass(frozen=True)
class Prediction:
    """A quantity and the range that it was predicted in; None where a range has no end."""

    quantity: str
    """Its name in `prediction`."""
    low: float | None
    high: float | None
    source: str
    """What the range comes from: a proof, or an earlier run."""


def prediction_rows(
    measurement: str,
    predictions: Sequence[Prediction],
    seen: Mapping[str, Interval],
    labels: Row,
) -> Rows:
    """A row for each prediction, with what came of it by quantity; None where nothing did.
    `labels`: columns of the class it is about."""
    rows = []
    for prediction in predictions:
        came = seen.get(prediction.quantity)
        rows.append(
            {
                **labels,
                "measurement": measurement,
                "quantity": prediction.quantity,
                "predicted_low": prediction.low,
                "predicted_high": prediction.high,
                "source": prediction.source,
                "seen": None if came is None else finite(came.estimate),
                "seen_low": None if came is None else finite(came.low),
                "seen_high": None if came is None else finite(came.high),
            }
        )
    return rows
