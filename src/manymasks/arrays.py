"""Types that every analysis passes on: arrays by the kind of their values, and rows of a table."""

from typing import Any

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]
IndexArray = npt.NDArray[np.intp]
Row = dict[str, Any]
"""Values of a row of a table, by column."""
Rows = list[Row]
