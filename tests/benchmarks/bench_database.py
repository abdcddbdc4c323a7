"""python tests/benchmarks/bench_database.py: what a load of the database takes.

`--gigabytes 10`: tables of that size, of random numbers, which compress badly. `--results 200`: a
folder of that size of results, whose weights are files without blocks on the disk and whose tables
are small; it is loaded, loaded again, and once more with one artifact added. Prints times, resident
memory and how many tables were read.
"""

import argparse
import hashlib
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import duckdb

sys.path.insert(0, str(Path(__file__).parents[1]))

import kit
from manymasks.database import artifacts
from manymasks.database.load import MEMORY, load
from manymasks.store.layout import Layout
from manymasks.store.manifest import PayloadFile, sha256_of, write_manifest

ROWS = 10_000_000
"""In one large table."""
FEW_ROWS = 1000
"""In a table of a folder with many artifacts."""
WEIGHTS = 20_000_000
"""Bytes of the weights of a model there."""


class Taken(NamedTuple):
    """What a load took."""

    seconds: float
    processor: float
    gibibytes: float
    rows: int
    read: int

    def __str__(self) -> str:
        return (
            f"{self.seconds:.0f} s ({self.processor:.0f} s of processors), {self.gibibytes:.2f} "
            f"GiB resident at most, {self.read} tables read, {self.rows / 1e6:.1f} M rows"
        )


def write_tables(layout: Layout, index: int, rows: int) -> int:
    """An artifact with one table; its bytes."""
    key = f"{index:012d}"
    folder = layout.folder("evaluation", key)
    (folder / "tables").mkdir(parents=True)
    path = folder / "tables" / "document_loss.parquet"
    duckdb.execute(
        f"COPY (SELECT '{key}' AS model, 'measure' AS split, range::VARCHAR AS document, "
        "random() AS nats, (1 + 1000 * random())::BIGINT AS tokens, 1 AS bytes, 0 AS top1 "
        f"FROM range({rows})) TO '{path}'"
    )
    size = path.stat().st_size
    payload = PayloadFile("tables/document_loss.parquet", size, sha256_of(path))
    manifest = kit.manifest("evaluation", key=key, files=(payload,))
    write_manifest(folder / "manifest.json", manifest)
    return size


def write_weights(layout: Layout, index: int) -> int:
    """A model whose weights are a file without blocks; its bytes. A load never reads them."""
    key = f"f{index:011d}"
    folder = layout.folder("training", key)
    folder.mkdir(parents=True)
    with (folder / "weights.safetensors").open("wb") as file:
        file.truncate(WEIGHTS)
    digest = hashlib.sha256(key.encode()).hexdigest()
    payload = PayloadFile("weights.safetensors", WEIGHTS, digest)
    write_manifest(folder / "manifest.json", kit.manifest("training", key=key, files=(payload,)))
    return WEIGHTS


def _load(results: Path, target: Path, previous: Path | None = None) -> Taken:
    """Load in this process, which has done nothing else."""
    read: list[Path] = []
    hashed: Callable[[Path], str] = artifacts.sha256_of

    def counted(path: Path) -> str:
        read.append(path)
        return hashed(path)

    artifacts.sha256_of = counted  # type: ignore[assignment]
    began, used = time.perf_counter(), time.process_time()
    rows = load(results, {}, target, previous=previous)
    seconds, processor = time.perf_counter() - began, time.process_time() - used
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    return Taken(seconds, processor, peak, rows["document_loss"], len(read))


def taken(results: Path, target: Path, previous: Path | None = None) -> Taken:
    """What a load in a process of its own takes."""
    paths = [str(path) for path in (results, target, previous) if path is not None]
    command = [sys.executable, __file__, "--load", *paths]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE)
    return Taken(*json.loads(done.stdout))


def large_tables(folder: Path, gigabytes: float) -> None:
    """A load of few large tables."""
    size = index = 0
    while size < gigabytes * 1e9:
        size += write_tables(Layout(folder), index, ROWS)
        index += 1
    print(f"{size / 1e9:.1f} GB of tables: {taken(folder, folder / 'manymasks.duckdb')}")
    print(f"(DuckDB's limit is {MEMORY})")


def many_artifacts(folder: Path, gigabytes: float) -> None:
    """Loads of a folder that grows."""
    layout = Layout(folder)
    size = models = 0
    while size < gigabytes * 1e9:
        size += write_weights(layout, models) + write_tables(layout, models, FEW_ROWS)
        models += 1
    disk = sum(path.stat().st_blocks * 512 for path in folder.rglob("*"))
    print(f"{size / 1e9:.1f} GB in {2 * models} artifacts, {disk / 1e9:.2f} GB of them on the disk")
    first, again, grown = (folder / f"{name}.duckdb" for name in ("first", "again", "grown"))
    print(f"first load:              {taken(folder, first)}", flush=True)
    print(f"nothing changed:         {taken(folder, again, first)}", flush=True)
    write_tables(layout, models, FEW_ROWS)
    print(f"one artifact was added:  {taken(folder, grown, again)}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--gigabytes", type=float, help="of large tables, as Parquet")
    parser.add_argument("--results", type=float, help="gigabytes of a folder of many artifacts")
    parser.add_argument("--load", nargs="+", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.load:
        results, target, *previous = options.load
        print(json.dumps(_load(results, target, *previous)))
        return
    with tempfile.TemporaryDirectory() as folder:
        if options.results:
            many_artifacts(Path(folder), options.results)
        else:
            large_tables(Path(folder), options.gigabytes or 10.0)


if __name__ == "__main__":
    main()
