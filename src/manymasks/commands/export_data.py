"""manymasks export data: documents, tokens and tables as Parquet, which `datasets` loads."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from manymasks.corpora.parquet_file import parquet_file
from manymasks.database import query
from manymasks.errors import UserError
from manymasks.plan.graph import Plan
from manymasks.store.job import Artifact
from manymasks.store.layout import Layout
from manymasks.store.manifest import read_manifest

SPLITS = ("train", "select", "measure")
CARD = "README.md"
ROWS = 256
"""Rows of a batch of documents."""


def export_data(plan: Plan, layout: Layout, folder: Path) -> list[tuple[str, int]]:
    """Write the text, the tokens and every table of a finished study; names of the data sets with
    their rows. Raises UserError if the folder exists and is no earlier export, if something is
    not made yet, or if the database is that of another study."""
    if folder.exists() and any(folder.iterdir()) and not (folder / CARD).is_file():
        raise UserError(
            f"{folder}: exists and is not an earlier export. Name another folder, or empty it."
        )
    _check_database(plan, layout)
    corpora = _made(plan, layout, "corpus", "process")
    tokens = _made(plan, layout, "tokens")
    tables = query.tables(layout.database)
    for name in ("documents", "tokens", "tables"):
        shutil.rmtree(folder / name, ignore_errors=True)
    sets: dict[str, dict[str, int]] = {
        "documents": _write(folder / "documents", corpora, _documents),
        "tokens": _write(folder / "tokens", tokens, _tokens),
    }
    (folder / "tables").mkdir(parents=True, exist_ok=True)
    with query.connect(layout.database, allow_files=True) as connection:
        for table in tables:
            if table.kind != "macro" and table.name not in sets:
                _write_table(connection, table.name, folder / "tables" / f"{table.name}.parquet")
                sets[table.name] = {"train": table.rows or 0}
    (folder / CARD).write_text(_card(plan, sets, corpora), encoding="utf-8")
    return [(name, sum(rows.values())) for name, rows in sets.items()]


def _check_database(plan: Plan, layout: Layout) -> None:
    """Refuse tables of one study beside the text of another."""
    database, _ = plan.targets
    if layout.database.is_symlink() and layout.database.resolve().parent.name != database.key:
        raise UserError(
            f"{layout.database}: is not of '{plan.study.name}' as it is configured now, so its "
            "tables and this text would be of two studies. Name the --configfile of the last run, "
            "or run this study again with snakemake."
        )


def _made(plan: Plan, layout: Layout, *stages: str) -> dict[str, Artifact]:
    """Artifacts of some stages by the name of the corpus."""
    artifacts = {}
    for node in plan.nodes:
        if node.stage not in stages:
            continue
        manifest = layout.manifest(node.stage, node.key)
        if not manifest.is_file():
            raise UserError(
                f"{node.label}: is not made yet. Run the study first: snakemake --cores all"
            )
        name = node.label.partition("/")[2]
        artifacts[name] = Artifact(manifest.parent, read_manifest(manifest))
    return artifacts


def _write(folder: Path, artifacts: dict[str, Artifact], batches: Any) -> dict[str, int]:
    """Write batches of each split to one file; rows by split."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = {}
    for split in SPLITS:
        writer: pq.ParquetWriter | None = None
        rows[split] = 0
        path = folder / f"{split}-00000-of-00001.parquet"
        for corpus, artifact in artifacts.items():
            for batch in batches(artifact, split):
                names = pa.array([corpus] * batch.num_rows, pa.string())
                table = pa.Table.from_batches([batch]).add_column(0, "corpus", names)
                writer = writer or pq.ParquetWriter(path, table.schema, compression="zstd")
                writer.write_table(table.cast(writer.schema))
                rows[split] += table.num_rows
        if writer is not None:
            writer.close()
    return rows


def _documents(artifact: Artifact, split: str) -> Iterator[pa.RecordBatch]:
    path = artifact.file("documents.parquet")
    with parquet_file(path) as file:
        for batch in file.iter_batches(ROWS):
            chosen = batch.filter(pc.equal(batch.column("split"), split))
            if chosen.num_rows:
                yield chosen.select(["id", "source", "text"])


def _tokens(artifact: Artifact, split: str) -> Iterator[pa.RecordBatch]:
    for path in artifact.files(f"{split}/"):
        with pa.memory_map(str(path)) as source, pa.ipc.open_file(source) as reader:
            batch = reader.get_batch(0)
            for start in range(0, batch.num_rows, ROWS):
                part = batch.slice(start, ROWS)
                # 32 bits for all: corpora of a study may differ in their width.
                kind = pa.large_list(pa.uint32())
                columns = [part.column(0), part.column(1), part.column(2).cast(kind)]
                yield pa.RecordBatch.from_arrays(columns, names=["document", "bytes", "tokens"])


def _write_table(connection: duckdb.DuckDBPyConnection, name: str, path: Path) -> None:
    target = str(path).replace("'", "''")
    connection.execute(f"COPY (SELECT * FROM \"{name}\") TO '{target}' (FORMAT parquet)")


def _card(plan: Plan, sets: dict[str, dict[str, int]], corpora: dict[str, Artifact]) -> str:
    """The dataset card, whose header says which files belong to which name."""
    lines = ["---", "license: other", "configs:"]
    for name, rows in sets.items():
        lines += [f"- config_name: {name}", "  data_files:"]
        is_text = name in ("documents", "tokens")
        for split in rows:
            path = f"{name}/{split}-*.parquet" if is_text else f"tables/{name}.parquet"
            lines += [f"  - split: {split}", f"    path: {path}"]
        if name == "documents":
            lines.insert(len(lines) - 2 * len(rows) - 1, "  default: true")
    lines += ["---", f"# Study {plan.study.name}", "", "```python", "import datasets"]
    lines += [
        'datasets.load_dataset("FOLDER", "documents")',
        'datasets.load_dataset("FOLDER", "leaderboard")',
        "```",
        "",
        "## Text",
        "",
    ]
    for name, artifact in corpora.items():
        figures = artifact.figures
        lines.append(
            f"- {name}: {figures['documents']} documents, {figures['bytes']} bytes. "
            f"{figures['source']}. Licence: {figures['licence'] or 'not stated'}."
        )
    lines += ["", "## Data sets", "", "| name | rows |", "|---|---|"]
    lines += [f"| {name} | {sum(rows.values())} |" for name, rows in sets.items()]
    lines += ["", "## Settings", "", "```json"]
    lines += [json.dumps(plan.study.model_dump(mode="json"), indent=1), "```", ""]
    return "\n".join(lines)
