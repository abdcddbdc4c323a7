"""Types that every analysis passes on: arrays by the kind of their values, and rows of a table."""

from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
Indices = npt.NDArray[np.intp]
Row = dict[str, Any]
"""Values of a row of a table, by column."""
Rows = list[Row]
