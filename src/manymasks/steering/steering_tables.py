"""Rows about members that were trained by an arm, from the probabilities of their choices."""

from dataclasses import dataclass

import numpy as np

from manymasks.arrays import Floats, Ints, Row, Rows
from manymasks.corpora.processes.steer import COSTS, CUES, SteerLaw
from manymasks.statistics.intervals import finite
from manymasks.steering.arm_training import ArmRun
from manymasks.steering.closed_forms import mixed_law
from manymasks.steering.drift import Drift
from manymasks.steering.slopes import slope_sd, steering_reading

EASIEST = int(COSTS.argmin())
TRAINED = "trained"
"""The arm of members before any."""


@dataclass(frozen=True)
class ArmResult:
    """A member after a run of an arm."""

    run: ArmRun | None
    """None for the member as it was trained."""
    laws: Floats
    """Probabilities (cues, choices) of its choices."""
    start: Floats
    """The same where the run started."""
    later: float | None = None
    """Loss after the choice at the end of the run, nats."""

    @property
    def arm(self) -> str:
        return TRAINED if self.run is None else self.run.arm


def exact_slope(run: ArmRun | None, law: SteerLaw, start: Floats) -> float | None:
    """The slope that a run has on average, or ends at: relative to the law for arms that imitate
    it, to the start for those that do not. None where it ends in a corner."""
    if run is None or run.arm == "offline":
        return 0.0
    if run.arm == "mixed":
        ends = np.stack([mixed_law(row, COSTS, run.chosen / run.batch) for row in law.choices])
        return steering_reading(ends, law.choices).slope
    begun = steering_reading(start, law.choices).slope
    if run.arm in ("self", "pathwise"):
        return begun
    return begun + 1 / run.beta if run.arm == "return" else None


def labels_of(result: ArmResult) -> Row:
    """The columns that name the arm and its run."""
    run = result.run
    return {
        "arm": result.arm,
        "optimizer": None if run is None else run.optimizer,
        "dose": None if run is None else run.dose,
        "run": 0 if run is None else run.number,
    }


def arm_row(result: ArmResult, law: SteerLaw, drift: Drift | None) -> Row:
    """Columns of `steering`."""
    reading = steering_reading(result.laws, law.choices)
    run = result.run
    walk = (run.rate, run.steps, run.batch) if run is not None and run.is_walk else None
    is_exact = run is not None and run.optimizer == "exact"
    change = np.log(result.laws) - np.log(result.start)
    expected = float(law.cues @ result.laws @ COSTS)
    return {
        **labels_of(result),
        "steps": 0 if run is None else run.steps,
        "slope": finite(reading.slope),
        "start_slope": finite(steering_reading(result.start, law.choices).slope),
        "exact_slope": exact_slope(run, law, result.start),
        "slope_sd": None if drift is None or walk is None else drift.slope_sd(*walk),
        "residual": finite(residual(result, law)),
        "log_change": finite(np.sqrt((change**2).mean())),
        "log_sd": None if drift is None or walk is None else drift.log_sd(*walk),
        "easiest": float(result.laws[:, EASIEST].mean()),
        "cues_on_easiest": int((result.laws.argmax(-1) == EASIEST).sum()),
        "later_excess": None if is_exact or result.later is None else result.later - expected,
    }


def residual(result: ArmResult, law: SteerLaw) -> float:
    """What a slope does not explain, relative to the start for arms that are held to it."""
    is_held = result.run is not None and result.run.arm in ("return", "pathwise")
    return steering_reading(result.laws, result.start if is_held else law.choices).residual


def cue_rows(result: ArmResult, process: str, law: SteerLaw, counts: Ints) -> Rows:
    """Rows of `steering_cue`. `counts`: documents of the train split, (cues, choices)."""
    reading = steering_reading(result.laws, law.choices)
    documents = counts.sum(-1).astype(float)
    spread = slope_sd(law.choices, documents)
    counted = np.full(CUES, np.nan)
    is_full = np.asarray((counts > 0).all(-1))
    if is_full.any():
        shares = np.where(is_full[:, None], counts / np.maximum(documents, 1)[:, None], 0.25)
        counted[is_full] = steering_reading(shares, law.choices).slopes[is_full]
    return [
        {
            **labels_of(result),
            "process": process,
            "cue": cue,
            "is_rare": cue >= law.common,
            "documents": int(documents[cue]),
            "slope": finite(reading.slopes[cue]),
            "counted_slope": finite(counted[cue]),
            "slope_sd": finite(spread[cue]),
            "easiest": float(result.laws[cue, EASIEST]),
            "likeliest": int(result.laws[cue].argmax()),
        }
        for cue in range(CUES)
    ]
