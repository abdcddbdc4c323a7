"""Corpora that are too small, or that cannot be read: all of it in one message, before training."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from manymasks.config.loading import load_study
from manymasks.engine.job_file import description_of
from manymasks.engine.jobs import run_job
from manymasks.errors import UserError
from manymasks.plan.graph import Node, Plan, plan_study
from manymasks.plan.lengths import check_lengths
from manymasks.plan.requirements import BELIEF_DOCUMENTS
from manymasks.probes.contexts import contexts
from manymasks.stages.belief import LEAST_DOCUMENTS
from manymasks.store.layout import Layout
from manymasks.tokens.document_lengths import (
    Requirement,
    read_lengths,
    shortfalls,
    write_lengths,
)

LAYOUT = Layout(Path("results"))
PROBES: dict[str, Any] = {
    "same": {"family": "held-out", "windows": 8},
    "again": {"family": "train-replay", "windows": 8},
    "longer": {"family": "long", "scored": 4, "windows": 8, "severities": [2, 25]},
}


def study_of(folder: Path, **settings: Any) -> Plan:
    values: dict[str, Any] = {
        "corpora": {"mine": {"kind": "files", "paths": ["texts/*.txt"]}},
        "tokenizer": {"kind": "bytes"},
        "sizes": {"base": {"width": 8, "layers": 1, "heads": 1}},
        "variants": {"causal": {"gradient": "causal"}},
        "training": {"context": 64},
        "evaluation": {"position_edges": [0, 4]},
        "probes": PROBES,
        "rollout": {"prompt": 24, "length": 40},
        "analyses": ["rashomon", "multiplicity", "divergence", "rollout", "representation"],
        **settings,
    }
    path = folder / "study.yaml"
    path.write_text(yaml.safe_dump(values), encoding="utf-8")
    return plan_study(load_study([path]), folder)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "texts").mkdir()
    return tmp_path


def write_texts(folder: Path, lengths: dict[str, int]) -> None:
    for name, length in lengths.items():
        text = f"{name} {'the quick brown fox ' * (length // 20 + 1)}"[:length]
        (folder / "texts" / f"{name}.txt").write_text(text, encoding="utf-8")


def node_of(plan: Plan, stage: str) -> Node:
    return next(node for node in plan.nodes if node.stage == stage)


def run(plan: Plan, *stages: str) -> None:
    for stage in stages:
        run_job(description_of(node_of(plan, stage), plan.study.hardware), LAYOUT)


def message(plan: Plan, *stages: str) -> list[str]:
    """The lines of the error that the last of some stages ends with, or else the plan."""
    with pytest.raises(UserError) as error:
        run(plan, *stages)
        check_lengths(plan, LAYOUT, Path())
    return str(error.value).splitlines()


# --------------------------------------------------------------------------------- lengths


def test_all_that_a_corpus_is_too_small_for_is_one_message(folder: Path) -> None:
    # By the hashes of their ids, measure has only the text 1.
    write_texts(folder, {str(i): 300 for i in range(10)})
    plan = study_of(folder)
    run(plan, "corpus")
    lines = message(plan, "tokenizer", "tokens")
    assert [line.split(", too short for ")[1].split(", which")[0] for line in lines] == [
        "the probe longer",
        "the probe same",
        "multiplicity",
        "rollout",
        "representation",
    ], lines
    assert all(line.startswith("corpora.mine: its measure split has ") for line in lines)
    assert lines[3].endswith(
        "which needs 2: lower rollout.prompt or rollout.length, or give measure more text"
    )
    # No part of it counts as made, and nothing is trained.
    assert not LAYOUT.manifest("tokens", node_of(plan, "tokens").key).exists()
    # What is asked of the tokens is in no key: they are made once the study fits.
    small = study_of(folder, analyses=[])
    assert node_of(small, "tokens").key == node_of(plan, "tokens").key
    run(small, "tokens")
    assert len(message(plan)) == 5
    check_lengths(small, LAYOUT, Path())


def test_a_requirement_is_met_by_what_its_stage_takes() -> None:
    """The same lengths, as the stage has them and as the requirement counts them."""
    probe = study_of_probe()
    for lengths in ([64, 64], [63, 64], [640], [64, 1], [100, 100, 3], []):
        counts = {"measure": {length: lengths.count(length) for length in lengths}}
        needed = Requirement("it", "measure", "do", documents=2, window=64)
        documents = [(str(i), np.ones(length, int)) for i, length in enumerate(lengths)]
        fits = not list(shortfalls("mine", [needed], counts))
        assert fits == (sum(length >= 64 for length in lengths) >= 2)
        if fits:
            contexts(probe, documents, context=64, end_of_text=0)
        else:
            with pytest.raises(UserError, match="at least 2 are needed"):
                contexts(probe, documents, context=64, end_of_text=0)


def study_of_probe() -> Any:
    from manymasks.config.probes import Probe

    return Probe(family="held-out", windows=2)


@pytest.mark.parametrize(
    ("requirement", "expected"),
    [
        (Requirement("x", "select", "y", tokens=30), None),
        (Requirement("x", "select", "y", tokens=31), "30 tokens"),
        (Requirement("x", "select", "y", documents=3), None),
        (Requirement("x", "select", "y", documents=4), "3 documents"),
        (Requirement("x", "select", "y", documents=1, window=15), "0 documents of 15 tokens"),
        (Requirement("x", "select", "y", documents=2, window=14), "1 document of 14 tokens"),
        (Requirement("x", "select", "y", window=8, windows=3, scored=24), None),
        (Requirement("x", "select", "y", window=8, windows=2, scored=17), "16 tokens in windows"),
        (Requirement("x", "select", "y", window=8, windows=9, scored=25), "24 tokens in windows"),
    ],
)
def test_shortfalls(requirement: Requirement, expected: str | None) -> None:
    lengths = {"select": {8: 2, 14: 1}, "train": {1: 1}}
    texts = list(shortfalls("mine", [requirement], lengths))
    assert len(texts) == (expected is not None)
    if expected is not None:
        assert texts[0].startswith(f"corpora.mine: its select split has {expected}")
        assert texts[0].endswith(": y, or give select more text")


def test_lengths_are_written_and_read(tmp_path: Path) -> None:
    lengths = {"train": {5: 2, 3: 1}, "select": {}, "measure": {7: 1}}
    write_lengths(lengths, tmp_path)
    assert read_lengths(tmp_path) == lengths
    (tmp_path / "lengths.json").write_text("[")
    assert read_lengths(tmp_path) is None


def test_the_stage_and_the_plan_agree_on_belief() -> None:
    assert BELIEF_DOCUMENTS == LEAST_DOCUMENTS


# ---------------------------------------------------------------------------------- sources


def rows(folder: Path) -> Iterator[dict[str, Any]]:
    """Corpora whose settings fit none of their records."""
    (folder / "rows.jsonl").write_text('{"body": "a"}\n' * 5, encoding="utf-8")
    (folder / "rows.csv").write_text("body,n\na,1\n", encoding="utf-8")
    pq.write_table(pa.table({"body": ["a"], "n": [1]}), folder / "rows.parquet")
    for name in ("jsonl", "csv", "parquet"):
        yield {"kind": "files", "format": name, "paths": [f"rows.{name}"]}
    yield {"kind": "dataset", "path": "json", "files": {"rows.jsonl": "0" * 64}}
    yield {"kind": "dataset", "path": "csv", "files": {"rows.csv": "0" * 64}}
    yield {"kind": "dataset", "path": "parquet", "files": {"rows.parquet": "0" * 64}}


@pytest.mark.parametrize("number", range(6))
def test_a_field_that_no_record_has_is_a_mistake_of_the_plan(folder: Path, number: int) -> None:
    corpus = list(rows(folder))[number]
    (line,) = message(study_of(folder, corpora={"mine": corpus}))
    assert line.startswith("corpora.mine: ")
    assert "'text'" in line
    assert "body" in line, "the fields that there are"
    named = study_of(folder, corpora={"mine": {**corpus, "field": "body"}})
    check_lengths(named, LAYOUT, Path())


def test_one_record_without_the_field_is_no_mistake(folder: Path) -> None:
    (folder / "rows.jsonl").write_text('{"n": 1}\n[]\n{"text": "a"}\n', encoding="utf-8")
    corpus = {"kind": "files", "format": "jsonl", "paths": ["rows.jsonl"]}
    check_lengths(study_of(folder, corpora={"mine": corpus}), LAYOUT, Path())


@pytest.mark.parametrize(
    ("corpus", "expected"),
    [
        ({"kind": "url", "url": "http://127.0.0.1/x", "sha256": "0" * 64, "local": "none.txt"},
         "corpora.mine: local: there is no file none.txt"),
        ({"kind": "dataset", "path": "texts"},
         "corpora.mine: the files of the dataset 'texts' are not pinned: `manymasks pin"),
        ({"kind": "dataset", "path": "text", "files": {"gone.txt": "0" * 64}},
         "corpora.mine: gone.txt: cannot be read (No such file or directory)"),
        ({"kind": "dataset", "path": "owner/name"},
         "corpora.mine: the files of the dataset 'owner/name' are not pinned"),
    ],
)  # fmt: skip
def test_a_file_that_is_not_there_is_a_mistake_of_the_plan(
    folder: Path, corpus: dict[str, Any], expected: str
) -> None:
    lines = message(study_of(folder, corpora={"mine": corpus}))
    assert lines[0].startswith(expected)


def test_patterns_that_match_nothing_name_the_whole_folder(folder: Path) -> None:
    corpus = {"kind": "files", "paths": ["none/*.txt"]}
    with pytest.raises(UserError) as error:
        study_of(folder, corpora={"mine": corpus})
    assert f"'none/*.txt' matches no file below {folder.resolve()}." in str(error.value)
    with pytest.raises(UserError, match=r"matches no file\. Check the path"):
        study_of(folder, corpora={"mine": {"kind": "files", "paths": ["/none/*.txt"]}})


def test_what_is_wrong_with_several_corpora_is_one_message(folder: Path) -> None:
    corpora = {f"c{i}": corpus for i, corpus in enumerate(rows(folder))}
    lines = message(study_of(folder, corpora=corpora))
    assert [line.split(":")[0] for line in lines] == [f"corpora.c{i}" for i in range(6)]
