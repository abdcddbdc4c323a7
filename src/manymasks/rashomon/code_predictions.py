"""What was predicted of code lengths before their study, and what answers it.

The slope is that of the high-resolution law; constants are those of one member of each size of the
default study, on other windows. Each is a range over the excess from 0.0075 to 0.25 nats.
"""

from collections.abc import Sequence

import numpy as np

from manymasks.arrays import Floats
from manymasks.config.analyses import Statistics
from manymasks.statistics.intervals import NO_ERROR, Interval
from manymasks.statistics.paired import paired_mean
from manymasks.statistics.predictions import Prediction
from manymasks.statistics.seed_design import Seeds

_EARLIER = "one member, before this study"

PREDICTIONS = (
    Prediction("slope", -2.3, -1.7, "4 times less excess for each bit a weight"),
    Prediction(
        "range of the constant over seeds", 0.0, 0.1, "members of a class are equally simple"
    ),
    Prediction("constant of pydocs/small/causal", 1.32, 1.35, _EARLIER),
    Prediction("constant of pydocs/base/causal", 1.07, 1.26, _EARLIER),
)


def quantities(
    label: str, constants: Floats, seeds: Sequence[Seeds], statistics: Statistics
) -> dict[str, Interval]:
    """What came of each predicted quantity, for a class of this label whose members have constants
    and slopes (members, 2). A single member has no range."""
    constant, slope = (
        paired_mean(column, seeds, NO_ERROR, statistics.confidence) for column in constants.T
    )
    spread = float(np.ptp(constants[:, 0])) if len(constants) > 1 else np.nan
    return {
        "slope": slope,
        f"constant of {label}": constant,
        "range of the constant over seeds": Interval(spread, np.nan, np.nan, None, 0.0),
    }
