"""What was predicted of the decomposition of `masks` before its study, and what answers it.

The ranges are those of four members of crossed seeds, of the size and the training of the default
study, on other documents; those of exact predictors follow from the process.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from manymasks.statistics.intervals import Interval
from manymasks.statistics.predictions import Prediction
from manymasks.truth.part_tables import PartReading

_EXACT = "the process: four masks, mixing within them at 0.85 a letter"
_EARLIER = "four members of crossed seeds, before this study"

PREDICTIONS = (
    Prediction("parts of bayes", 4, 4, _EXACT),
    Prediction("parts of window 4", 1, 1, "the exact law of a window"),
    Prediction("parts of window 8", 3, 3, "the exact law of a window"),
    Prediction("parts of window 16", 4, 4, "the exact law of a window"),
    Prediction("parts of member", 4, 4, _EARLIER),
    Prediction("parts of untrained", 1, 1, "an untrained member hardly depends on its prompt"),
    Prediction("slowest eigenvalue of member", 0.977, 0.988, _EARLIER),
    Prediction("slowest eigenvalue of independent", 0.967, 0.973, "noise as large, drawn before"),
    Prediction("r2 of member by operators", 0.914, 0.952, _EARLIER),
    Prediction("r2 of member by masks", 0.943, 0.968, _EARLIER),
    Prediction("between member by operators", 0.966, 0.984, _EARLIER),
    Prediction("between member by masks", 0.973, 0.986, _EARLIER),
    Prediction("between independent by operators", 0.95, 0.95, "noise as large, drawn before"),
    Prediction("error_correlation of member by operators", 0.84, 0.87, _EARLIER),
    Prediction("error_correlation of member by masks", 0.78, 0.85, _EARLIER),
    Prediction(
        "error_correlation of independent by operators", 0.78, 0.79, "noise as large, drawn before"
    ),
    Prediction(
        "error_correlation of independent by masks", 0.10, 0.12, "noise as large, drawn before"
    ),
)


def quantities(
    readings: Sequence[PartReading],
    models: Sequence[str],
    intervals: Mapping[tuple[str, str], Mapping[str, Interval]],
) -> dict[str, Interval]:
    """What came of each predicted quantity, for a class of members with these keys. `intervals`:
    those of `class_intervals`, by predictor and way of reading. Counts and eigenvalues are means
    over the class, from the least to the most."""
    by_predictor: dict[str, list[PartReading]] = {}
    for reading in readings:
        if reading.model is None or reading.model in models:
            by_predictor.setdefault(reading.predictor, []).append(reading)
    seen = {}
    for predictor, group in by_predictor.items():
        counts = [reading.parts.count for reading in group]
        seen[f"parts of {predictor}"] = _range(counts)
        slowest = [r.parts.operator.eigenvalues[r.parts.count - 1, 0] for r in group]
        seen[f"slowest eigenvalue of {predictor}"] = _range(slowest)
    for (predictor, way), values in intervals.items():
        for name, interval in values.items():
            joint = "between" if name == "between" else f"{name} of"
            seen[f"{joint} {predictor} by {way}"] = interval
    return seen


def _range(values: Sequence[float]) -> Interval:
    return Interval(float(np.mean(values)), float(min(values)), float(max(values)), None, 0.0)
