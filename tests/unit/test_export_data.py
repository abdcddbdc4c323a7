"""manymasks export data: what `datasets` loads from the folder, without a network."""

import socket
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from example_results import write_results

from manymasks.cli import main
from manymasks.corpora.dataset import quiet_datasets
from manymasks.database import query
from manymasks.database.load import load
from manymasks.tokens.tokenizer import load as load_tokenizer

STUDY = """\
name: tiny
corpora:
  mine: {kind: files, paths: [mine.txt], separator: "\\n", select: 0.3, measure: 0.3}
  other: {kind: files, paths: [other.txt], separator: "\\n", select: 0.3, measure: 0.3}
tokenizer: {kind: bytes}
sizes: {base: {width: 8}}
variants: {causal: {gradient: causal}}
training: {learning_rate: 1e-3}
probes: {held-out: {family: held-out}}
analyses: [rashomon]
"""


@pytest.fixture
def study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A study whose text is tokenized, beside a database of another one."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "home"))
    (tmp_path / "config").mkdir()
    (tmp_path / "config/config.yaml").write_text(STUDY)
    for name in ("mine", "other"):
        (tmp_path / f"{name}.txt").write_text("\n".join(f"{name} {i}, é" for i in range(300)))
    from manymasks.config.loading import load_study
    from manymasks.engine.job_file import description_of
    from manymasks.engine.jobs import run_jobs
    from manymasks.plan.graph import plan_study
    from manymasks.store.layout import Layout

    plan = plan_study(load_study([Path("config/config.yaml")]), Path())
    for node in plan.nodes:
        if node.stage in ("corpus", "tokenizer", "tokens"):
            run_jobs([description_of(node, plan.study.hardware)], Layout(Path("results")),
                     force=False, bar=False)  # fmt: skip
    results = write_results(tmp_path / "made")
    load(results.root, results.current, tmp_path / "results/manymasks.duckdb")
    return tmp_path


def test_everything_is_loaded_by_name(study: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert main(["export", "data", "out"]) == 0

    def refuse(*_: object) -> None:
        raise OSError("no network in this test")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    datasets = quiet_datasets()
    loaded = datasets.load_dataset("out", "documents", cache_dir="cache")
    assert set(loaded) == {"train", "select", "measure"}
    rows = [(row["corpus"], row["id"], row["text"]) for part in loaded.values() for row in part]
    expected = []
    for path in sorted(Path("results/corpus").glob("*/documents.parquet")):
        table = pq.read_table(path)
        expected += zip(table["id"].to_pylist(), table["text"].to_pylist(), strict=True)
    assert sorted(row[1:] for row in rows) == sorted(expected)
    assert {row[0] for row in rows} == {"mine", "other"}
    tokens = datasets.load_dataset("out", "tokens", cache_dir="cache")["train"]
    (path, *_) = sorted(Path("results/tokenizer").glob("*/tokenizer.json"))
    tokenizer = load_tokenizer(path)
    texts = dict(row[1:] for row in rows)
    for row in tokens:
        text = tokenizer.decode(np.array(row["tokens"][:-1]))
        assert text == texts[row["document"]]
        assert row["bytes"] == len(text.encode())
    names = datasets.get_dataset_config_names("out")
    tables = [table for table in query.tables(Path("results/manymasks.duckdb"))
              if table.kind != "macro"]  # fmt: skip
    assert {table.name for table in tables} <= set(names)
    for name in ("leaderboard", "model", "pair_divergence"):
        table = datasets.load_dataset("out", name, cache_dir="cache", split="train")
        assert table.num_rows == next(item.rows for item in tables if item.name == name)
    # An export replaces an earlier one.
    assert main(["export", "data", "out"]) == 0


def test_what_cannot_be_exported_is_explained(
    study: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (study / "full").mkdir()
    (study / "full" / "a.txt").write_text("mine")
    assert main(["export", "data", "full"]) == 1
    assert "is not an earlier export" in capsys.readouterr().err
    earlier = study / "results/database/0123456789ab/manymasks.duckdb"
    earlier.parent.mkdir(parents=True)
    (study / "results/manymasks.duckdb").rename(earlier)
    (study / "results/manymasks.duckdb").symlink_to(earlier)
    assert main(["export", "data", "out"]) == 1
    assert "manymasks.duckdb: is not of 'tiny' as it is configured" in capsys.readouterr().err
    (study / "results/manymasks.duckdb").unlink()
    (study / "other.txt").write_text("another text\nof two lines")
    assert main(["export", "data", "out"]) == 1
    assert "corpus/other: is not made yet" in capsys.readouterr().err
