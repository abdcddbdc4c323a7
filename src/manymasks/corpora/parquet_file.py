"""Parquet files, read in memory that does not grow with the file."""

from pathlib import Path

import pyarrow.parquet as pq

BUFFER = 2**20


def parquet_file(path: Path) -> pq.ParquetFile:
    """A Parquet file for reading by batches. By default pyarrow keeps what it has read until the
    file is closed, and reads a whole column of a row group at once; this reads `BUFFER` bytes of a
    column at a time. Raises pa.ArrowInvalid if it is not Parquet."""
    return pq.ParquetFile(path, pre_buffer=False, buffer_size=BUFFER)
