"""Documents of a split, back from the Parquet file they were written to."""

from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq


def documents_of(path: Path, split: str) -> Iterator[tuple[str, str]]:
    """Id and text of each document of a split, in the order of the file."""
    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches(batch_size=256, columns=["id", "split", "text"]):
            for name, where, text in zip(*(column.to_pylist() for column in batch), strict=True):
                if where == split:
                    yield name, text
