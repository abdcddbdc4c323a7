"""Parquet files are read in memory that does not grow with them."""

import ast
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from manymasks.corpora.documents import SCHEMA, read_split
from manymasks.corpora.parquet_file import parquet_file
from source import modules


@pytest.mark.parametrize("rows_of_group", [256, 20_000])
def test_memory_does_not_grow_with_the_file(tmp_path: Path, rows_of_group: int) -> None:
    """40 MB of text that does not compress: in small row groups, and in one."""
    path = tmp_path / "documents.parquet"
    texts = np.random.default_rng(0).bytes(20_000 * 1000).hex()
    with pq.ParquetWriter(path, SCHEMA, compression="zstd", use_dictionary=False) as writer:
        rows = [texts[i * 2000 : (i + 1) * 2000] for i in range(20_000)]
        names = [str(i) for i in range(20_000)]
        columns = [names, ["test"] * 20_000, ["train"] * 20_000, rows]
        writer.write_table(pa.table(columns, schema=SCHEMA), row_group_size=rows_of_group)
    assert path.stat().st_size > 15e6
    before, most = pa.total_allocated_bytes(), 0
    for number, (name, text) in enumerate(read_split(path, "train")):
        assert (name, text) == (str(number), rows[number])
        most = max(most, pa.total_allocated_bytes() - before)
    assert number == 19_999 and most < 8e6
    with parquet_file(path) as file:
        assert file.num_row_groups == -(-20_000 // rows_of_group)


def test_no_other_reader_of_batches_is_used() -> None:
    """The defaults of pyarrow hold all that was read until the file is closed."""
    users = {name for name, tree in modules().items() if "ParquetFile(" in ast.unparse(tree)}
    assert users == {"corpora.parquet_file"}
