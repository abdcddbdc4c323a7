"""Datasets: pinned against a hub on loopback, and read from verified files without a network."""

import hashlib
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from example_hub import FIRST, NAME, SECOND, hub, jsonl

from manymasks.config.corpora import DatasetCorpus
from manymasks.corpora.dataset import read_dataset
from manymasks.corpora.documents import Raw, split_of, write_documents
from manymasks.corpora.pinning import pin_dataset
from manymasks.errors import UserError

SCRIPT = """
import json, sys
from pathlib import Path
from manymasks.config.corpora import DatasetCorpus
from manymasks.corpora.dataset import read_dataset
from manymasks.corpora.pinning import pin_dataset
from manymasks.errors import UserError
settings = DatasetCorpus(kind="dataset", **json.loads(sys.argv[2]))
folder = Path(sys.argv[3])
try:
    if sys.argv[1] == "pin":
        pinned = pin_dataset(settings, folder, json.loads(sys.argv[4]))
        print(json.dumps([pinned.revision, pinned.data_files, pinned.files]))
    else:
        raws = read_dataset(
            settings, downloads=folder / "downloads", base=folder, cache=folder / "cache"
        )
        texts = [[raw.id, raw.split, raw.text] for raw in raws]
        print(json.dumps([texts, sorted({"datasets", "huggingface_hub"} & set(sys.modules))]))
except UserError as error:
    sys.exit(f"UserError: {error}")
"""


def process(
    command: str, folder: Path, url: str, settings: dict[str, Any], revision: str | None = None,
    **environment: str,
) -> subprocess.CompletedProcess[str]:  # fmt: skip
    """Pin or read in a process, because the client reads its settings when it is imported."""
    return subprocess.run(
        [sys.executable, "-c", SCRIPT, command, json.dumps(settings), str(folder),
         json.dumps(revision)],
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
            "HF_ENDPOINT": url,
            "HF_HOME": str(folder / "home"),
            "no_proxy": "127.0.0.1",
            **environment,
        },
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )  # fmt: skip


def answer(done: subprocess.CompletedProcess[str]) -> Any:
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def local(folder: Path, path: str, files: list[str], **settings: object) -> list[Raw]:
    root = folder if path in ("json", "csv", "text", "parquet", "arrow", "xml") else folder / path
    pinned = {name: sha256((root / name).read_bytes()) for name in files}
    corpus = DatasetCorpus.model_validate(
        {"kind": "dataset", "path": path, "files": pinned, **settings}
    )
    return list(read_dataset(corpus, downloads=folder / "d", base=folder, cache=folder / "cache"))


def texts(raws: list[Raw]) -> list[str | None]:
    return [raw.text for raw in raws]


# --------------------------------------------------------------------------------- the hub


@pytest.mark.parametrize("states_digests", [True, False])
def test_pin_resolves_a_branch_to_a_commit_files_and_digests(
    tmp_path: Path, states_digests: bool
) -> None:
    with hub(states_digests=states_digests) as (_, server):
        revision, data_files, files = answer(process("pin", tmp_path, server.url, {"path": NAME}))
    assert revision == SECOND
    assert data_files is None
    assert files == {"data/train.jsonl": sha256(jsonl("second train", 30))}
    downloads = [path for method, path, _ in server.requests if "train.jsonl" in path]
    assert bool(downloads) == (not states_digests)


def test_a_pinned_dataset_is_read_at_its_revision_and_then_without_a_network(
    tmp_path: Path,
) -> None:
    split = {"train": "train", "measure": "test"}
    with hub() as (_, server):
        settings: dict[str, Any] = {"path": NAME, "revision": FIRST, "split": split}
        revision, data_files, files = answer(process("pin", tmp_path, server.url, settings))
        assert revision == FIRST
        assert data_files == {"test": ["data/test.jsonl"], "train": ["data/train.jsonl"]}
        settings |= {"data_files": data_files, "files": files}
        raws, modules = answer(process("read", tmp_path, server.url, settings))
    assert [text for _, _, text in raws[:12]] == [f"first test {i}" for i in range(12)]
    assert [text for _, _, text in raws[12:]] == [f"first train {i}" for i in range(30)]
    assert {split for _, split, _ in raws[:12]} == {"measure"}
    for name, part, _ in raws[12:]:
        assert part == split_of(name, 0.1, 0.0)
    assert "huggingface_hub" in modules
    again = process("read", tmp_path, server.url, settings, HF_HUB_OFFLINE="1")
    # Nobody answers any more; neither client is imported for files that are there.
    assert answer(again) == [raws, []]


def test_a_revision_that_only_the_cache_of_another_answers_is_refused(tmp_path: Path) -> None:
    with hub() as (_, server):
        answer(process("pin", tmp_path, server.url, {"path": NAME, "revision": FIRST}))
    offline = {"path": NAME, "revision": SECOND}
    done = process("pin", tmp_path, server.url, offline, HF_HUB_OFFLINE="1")
    assert done.returncode == 1
    assert done.stderr.startswith("UserError: owner/name@bbbbbbbbbbbb"), done.stderr


def test_a_damaged_file_of_the_hub_is_refused_with_both_digests(tmp_path: Path) -> None:
    with hub(damaged={"data/train.jsonl"}) as (_, server):
        _, _, files = answer(process("pin", tmp_path, server.url, {"path": NAME}))
        settings = {"path": NAME, "revision": SECOND, "files": files}
        done = process("read", tmp_path, server.url, settings)
    assert done.returncode == 1
    assert f"expected sha256 {files['data/train.jsonl']}" in done.stderr


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"path": "owner/other"}, "the Hub has no dataset 'owner/other'"),
        ({"path": NAME, "revision": "c" * 40}, "has no revision cccc"),
        ({"path": NAME, "name": "nope"}, r"nope.*main"),
        ({"path": NAME, "split": "validation"}, "no split 'validation'. Splits: train, test"),
        ({"path": NAME, "data_files": "nothing/*.json"}, "does not resolve it|no file matches"),
        ({"path": "nowhere"}, "is neither a folder"),
    ],
)
def test_what_cannot_be_pinned_is_explained(
    tmp_path: Path, settings: dict[str, Any], message: str
) -> None:
    with hub() as (_, server):
        done = process("pin", tmp_path, server.url, settings)
    assert done.returncode == 1
    assert done.stderr.startswith("UserError: "), done.stderr
    assert re.search(message, done.stderr), done.stderr


def test_a_local_file_is_read_without_a_request_and_without_a_home(tmp_path: Path) -> None:
    rows = [{"text": f"row {i}"} for i in range(5)]
    (tmp_path / "a.json").write_text(json.dumps(rows))
    home = tmp_path / "home"
    home.write_text("not a folder")
    files = {"a.json": sha256((tmp_path / "a.json").read_bytes())}
    settings = {"path": "json", "data_files": "a.json", "files": files}
    with hub() as (_, server):
        proxies = {"http_proxy": server.url, "https_proxy": server.url, "no_proxy": ""}
        raws, modules = answer(process("read", tmp_path, server.url, settings, **proxies))
    assert [text for _, _, text in raws] == [row["text"] for row in rows]
    assert "datasets" in modules
    assert server.requests == []
    assert (tmp_path / "cache").is_dir()


# ------------------------------------------------------------------------------ local files


def test_a_local_folder_has_the_splits_that_its_names_show(tmp_path: Path) -> None:
    folder = tmp_path / "texts"
    (folder / "train").mkdir(parents=True)
    (folder / "train" / "a.csv").write_text("text,n\nhello,1\nworld,2\n")
    (folder / "test.csv").write_text("text,n\nhello,1\nlast,3\n")
    settings = DatasetCorpus.model_validate(
        {"kind": "dataset", "path": "texts", "split": {"train": "train", "measure": "test"},
         "data_files": {"train": "train/*.csv", "test": "test.csv"}}
    )  # fmt: skip
    pinned = pin_dataset(settings, tmp_path)
    assert pinned.revision is None
    assert pinned.data_files == {"test": ["test.csv"], "train": ["train/a.csv"]}
    assert pinned.files["train/a.csv"] == sha256((folder / "train" / "a.csv").read_bytes())
    given = {"data_files": pinned.data_files, "files": pinned.files}
    corpus = DatasetCorpus.model_validate({**settings.model_dump(), **given})
    raws = list(read_dataset(corpus, downloads=tmp_path, base=tmp_path, cache=tmp_path / "c"))
    assert [(raw.id, raw.text) for raw in raws] == [
        ("test.csv#000000", "hello"), ("test.csv#000001", "last"),
        ("train/a.csv#000000", "hello"), ("train/a.csv#000001", "world"),
    ]  # fmt: skip


def test_leaks_are_removed_from_train(tmp_path: Path) -> None:
    (tmp_path / "train.jsonl").write_bytes(jsonl("text", 60))
    (tmp_path / "test.jsonl").write_bytes(jsonl("text", 7))
    raws = local(
        tmp_path, "json", ["train.jsonl", "test.jsonl"],
        split={"train": "a", "measure": "b"}, data_files={"a": "train.jsonl", "b": "test.jsonl"},
    )  # fmt: skip
    corpus = DatasetCorpus(kind="dataset", path="json")
    summary = write_documents(raws, tmp_path / "documents", corpus)
    assert summary.measure_documents == 7
    assert summary.train_documents + summary.select_documents == 53
    assert summary.cross_split_duplicates == 7


def test_every_builder_gives_the_same_texts(tmp_path: Path) -> None:
    rows = [{"text": f"row {i}, naïve", "n": i} for i in range(2500)]
    table = pa.Table.from_pylist(rows)
    pq.write_table(table, tmp_path / "a.parquet", row_group_size=900)
    with pa.ipc.new_stream(str(tmp_path / "a.arrow"), table.schema) as writer:
        writer.write_table(table)
    (tmp_path / "a.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "a.json").write_text(json.dumps(rows, indent=1))
    lines = "".join(f'{row["n"]},"{row["text"]}"\n' for row in rows)
    (tmp_path / "a.csv").write_text(f"n,text\n{lines}")
    (tmp_path / "b.csv").write_text(f"n,text\n{lines}".replace(",", ";").replace("; n", ", n"))
    (tmp_path / "a.txt").write_text("".join(f"{row['text']}\n" for row in rows))
    expected = [row["text"] for row in rows]
    for builder, name, options in (
        ("parquet", "a.parquet", {}), ("arrow", "a.arrow", {}), ("json", "a.jsonl", {}),
        ("json", "a.json", {}), ("csv", "a.csv", {}), ("csv", "b.csv", {"sep": ";"}),
        ("csv", "b.csv", {"sep": ";", "encoding": "utf-8"}), ("text", "a.txt", {}),
    ):  # fmt: skip
        raws = local(tmp_path, builder, [name], options=options)
        assert texts(raws) == expected, (builder, name)
        assert [raw.id for raw in raws[:2]] == [f"{name}#000000", f"{name}#000001"]


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string(), pa.binary()])
def test_one_bad_value_of_parquet_removes_itself_alone(tmp_path: Path, kind: pa.DataType) -> None:
    values = [b"a", b"b\xff", b"c"]
    buffers = pa.array(values, pa.large_binary() if kind == pa.large_string() else pa.binary())
    column = pa.Array.from_buffers(kind, 3, buffers.buffers())
    pq.write_table(pa.table({"text": column}), tmp_path / "a.parquet")
    raws = local(tmp_path, "parquet", ["a.parquet"])
    assert texts(raws) == ["a", None, "c"]
    assert [raw.fault.reason for raw in raws if raw.fault] == ["not UTF-8"]


def test_nested_fields_of_streamed_rows(tmp_path: Path) -> None:
    rows = [{"messages": [{"content": "a"}, {"content": "b"}]}, {"messages": []}]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "a.parquet")
    (tmp_path / "a.json").write_text(json.dumps(rows))
    for builder, name in (("parquet", "a.parquet"), ("json", "a.json")):
        raws = local(tmp_path, builder, [name], field="messages[].content", separator="|")
        assert texts(raws) == ["a|b", ""]
        raws = local(tmp_path, builder, [name], field="messages[].content", separator="")
        assert texts(raws) == ["ab", ""]


def test_text_is_read_by_line_paragraph_document_or_separator(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"one\r\ntwo\r\n\r\nthree")
    for settings, expected in (
        ({}, ["one", "two", "", "three"]),
        ({"options": {"sample_by": "paragraph"}}, ["one\r\ntwo", "three"]),
        ({"options": {"sample_by": "document"}}, ["one\r\ntwo\r\n\r\nthree"]),
        ({"separator": "two"}, ["one\r\n", "\r\n\r\nthree"]),
        ({"join_to": 6}, ["one\ntwo", "\nthree"]),
    ):
        assert texts(local(tmp_path, "text", ["a.txt"], **settings)) == expected
    with pytest.raises(UserError, match="options: text takes sample_by"):
        local(tmp_path, "text", ["a.txt"], options={"encoding": "latin-1"})


def test_a_column_that_is_not_text_is_refused(tmp_path: Path) -> None:
    # `datasets` makes times of dates, and other spellings of them when it is asked for text.
    rows = [{"text": "2020-01-01T00:00:00"}, {"text": "2021-01-01T00:00:00"}]
    (tmp_path / "a.json").write_text(json.dumps(rows))
    with pytest.raises(UserError, match=r"a\.json: the column 'text' holds timestamp"):
        local(tmp_path, "json", ["a.json"])
    (tmp_path / "a.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert texts(local(tmp_path, "json", ["a.jsonl"])) == [row["text"] for row in rows]


def test_what_datasets_cannot_read_names_file_and_cause(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('[{"text": "a"}, {"text": ')
    with pytest.raises(UserError, match=r"a\.json: `datasets` cannot read it with the builder"):
        local(tmp_path, "json", ["a.json"])
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts" / "a.md5").write_text("a")
    with pytest.raises(UserError, match=r"a\.md5: nothing reads files with this ending"):
        local(tmp_path, "texts", ["a.md5"])


def test_files_that_are_not_pinned_missing_or_changed_are_explained(tmp_path: Path) -> None:
    def fails(message: str, **settings: object) -> None:
        corpus = DatasetCorpus.model_validate({"kind": "dataset", "path": "json", **settings})
        with pytest.raises(UserError, match=message):
            list(read_dataset(corpus, downloads=tmp_path, base=tmp_path, cache=tmp_path))

    fails("not pinned: `manymasks pin")
    fails(r"a\.jsonl: cannot be read", files={"a.jsonl": "0" * 64})
    (tmp_path / "a.jsonl").write_bytes(jsonl("a", 3))
    fails(r"a\.jsonl: is not the file that was pinned", files={"a.jsonl": "0" * 64})
    files = {"a.jsonl": sha256(jsonl("a", 3))}
    given = {"data_files": {"x": "a.jsonl"}, "split": {"train": "y"}}
    fails("'y' of data_files has no pinned file", files=files, **given)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"split": "train[:10%]"}, "is a slice"),
        ({"split": {"train": "a", "measure": "a"}}, "twice"),
        ({"data_files": "https://x.org/a.csv"}, "kind url"),
        ({"files": {"a": "0" * 64}, "split": {"train": "a"}}, "data_files must give"),
        ({"revision": "main"}, "pattern"),
    ],
)
def test_rejects_settings_that_cannot_be_pinned(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        DatasetCorpus.model_validate({"kind": "dataset", "path": "owner/name", **settings})
