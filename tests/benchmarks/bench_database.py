"""python tests/benchmarks/bench_database.py [--gigabytes 10]: what loading large tables takes.

Made-up artifacts with the table `document_loss`, of random numbers, which compress badly. Prints
the size of the tables, the time of a load and its resident memory.
"""

import argparse
import resource
import sys
import tempfile
import time
from pathlib import Path

import duckdb

sys.path.insert(0, str(Path(__file__).parents[1]))

import kit
from manymasks.database.load import MEMORY, load
from manymasks.store.layout import Layout
from manymasks.store.manifest import PayloadFile, sha256_of, write_manifest

ROWS = 10_000_000
"""In one artifact."""


def write(layout: Layout, index: int) -> int:
    """An artifact with one table; its bytes."""
    key = f"{index:012d}"
    folder = layout.folder("evaluation", key)
    (folder / "tables").mkdir(parents=True)
    path = folder / "tables" / "document_loss.parquet"
    duckdb.execute(
        f"COPY (SELECT '{key}' AS model, 'measure' AS split, range::VARCHAR AS document, "
        "random() AS nats, (1 + 1000 * random())::BIGINT AS tokens, 1 AS bytes, 0 AS top1 "
        f"FROM range({ROWS})) TO '{path}'"
    )
    size = path.stat().st_size
    payload = PayloadFile("tables/document_loss.parquet", size, sha256_of(path))
    manifest = kit.manifest("evaluation", key=key, files=(payload,))
    write_manifest(folder / "manifest.json", manifest)
    return size


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--gigabytes", type=float, default=10.0, help="of tables, as Parquet")
    gigabytes = parser.parse_args().gigabytes
    with tempfile.TemporaryDirectory() as folder:
        layout = Layout(Path(folder))
        size = index = 0
        while size < gigabytes * 1e9:
            size += write(layout, index)
            index += 1
        began = time.perf_counter()
        rows = load(Path(folder), {}, Path(folder) / "manymasks.duckdb")
        seconds = time.perf_counter() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(
        f"{size / 1e9:.1f} GB of tables, {rows['document_loss'] / 1e6:.0f} M rows: "
        f"{seconds:.0f} s, {peak:.1f} GiB resident at most (DuckDB's limit is {MEMORY})"
    )


if __name__ == "__main__":
    main()
