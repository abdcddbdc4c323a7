"""Half widths of the t intervals that views put around means."""

import duckdb
import numpy as np
import pyarrow as pa
from scipy.special import stdtrit

LARGEST = 1001
"""Values in the largest mean with an interval: members, seeds or documents."""


def fill_mean_intervals(connection: duckdb.DuckDBPyConnection) -> None:
    """Fill `mean_interval` at the confidence of the current artifacts, if any states one."""
    ((confidence,),) = connection.execute(
        "SELECT max((settings->>'$.statistics.confidence')::DOUBLE) FROM artifact WHERE is_current"
    ).fetchall()
    if confidence is None:
        return
    n = np.arange(2, LARGEST + 1)
    half_width = stdtrit(n - 1, (1 + confidence) / 2) / np.sqrt(n)
    rows = {"n": n, "confidence": np.full(len(n), confidence), "half_width": half_width}
    connection.register("half_widths", pa.table(rows))
    connection.execute("INSERT INTO mean_interval BY NAME SELECT * FROM half_widths")
    connection.unregister("half_widths")
