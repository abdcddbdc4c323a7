"""Corpora: what becomes a document, which split it is in, and what is said of bad input."""

import hashlib
import importlib.metadata
import json
import platform
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import kit
from manymasks.config.corpora import (
    CorpusSettings,
    FilesCorpus,
    ProcessCorpus,
    PydocsCorpus,
    TextCorpusSettings,
    UrlCorpus,
)
from manymasks.corpora import documents, streams, text_pieces, versions
from manymasks.corpora.collect import collect, describe
from manymasks.corpora.documents import Raw, split_of, write_documents
from manymasks.corpora.files import read_files
from manymasks.corpora.paths import expand, names
from manymasks.corpora.pydocs import read_pydocs
from manymasks.downloads.download import file_sha256
from manymasks.errors import UserError
from manymasks.plan.sources import digests as source_digests
from manymasks.stages import corpus as stage

HALVES = CorpusSettings(select=0.3, measure=0.3)


def raws(count: int, start: int = 0) -> list[Raw]:
    return [Raw(f"d{i}", "test", f"text {i}") for i in range(start, start + count)]


# --------------------------------------------------------------------------------- documents


def test_shares_of_the_splits() -> None:
    count = 20_000
    splits: list[str] = [split_of(f"doc#{i:06d}", 0.1, 0.25) for i in range(count)]
    for split, share in (("select", 0.1), ("measure", 0.25), ("train", 0.65)):
        sd = (share * (1 - share) / count) ** 0.5
        assert abs(splits.count(split) / count - share) < 4 * sd


def test_split_is_the_hash_of_the_id_and_nothing_else() -> None:
    u = int(hashlib.sha256(b"a").hexdigest(), 16) / 2**256  # 0.79...
    assert 0.7 < u < 0.8
    assert split_of("a", u + 1e-9, 0.1) == "select"
    assert split_of("a", u - 1e-9, 0.1) == "measure"
    assert split_of("a", 0.1, 0.1) == "train"


def test_parquet_and_summary_agree(tmp_path: Path) -> None:
    path = tmp_path / "documents.parquet"
    given = [*raws(20), Raw("é", "other", "naïve 😀")]
    summary = write_documents(given, path, HALVES)
    table = pq.read_table(path)
    assert table.schema.equals(documents.SCHEMA)
    assert table.column("id").to_pylist() == [raw.id for raw in given]
    assert table.column("text").to_pylist() == [raw.text for raw in given]
    assert table.column("source").to_pylist() == [raw.source for raw in given]
    splits = table.column("split").to_pylist()
    assert splits == [split_of(raw.id, 0.3, 0.3) for raw in given]
    found = (summary.train_documents, summary.select_documents, summary.measure_documents)
    assert found == tuple(splits.count(s) for s in ("train", "select", "measure"))
    assert summary.documents == 21
    texts = [str(raw.text) for raw in given]
    assert summary.characters == sum(len(text) for text in texts)
    assert summary.bytes == sum(len(text.encode()) for text in texts)
    stream = "".join(f"{raw.id}\0{raw.text}\0" for raw in given).encode()
    assert summary.sha256 == hashlib.sha256(stream).hexdigest()
    assert summary.dropped_in_words() == ""
    assert pq.ParquetFile(path).metadata.row_group(0).column(3).compression == "ZSTD"
    assert [p.name for p in tmp_path.iterdir()] == ["documents.parquet"]


def test_invalid_documents_are_dropped_and_counted(tmp_path: Path) -> None:
    bad = [
        Raw("blank", "test", " \n\t\u00a0"),
        Raw("nothing", "test", ""),
        Raw("again", "test", "text 3"),
        Raw("bytes", "test", None),
        Raw("surrogate", "test", "a\ud800b"),
        Raw("decomposed", "test", "e\u0301"),
        Raw("composed", "test", "\u00e9"),
    ]
    path = tmp_path / "documents.parquet"
    summary = write_documents([*raws(20), *bad], path, HALVES)
    assert (summary.empty_documents, summary.duplicate_documents) == (2, 1)
    assert summary.undecodable_documents == 2
    assert summary.documents == 22  # the two spellings of é are two texts: none is changed
    assert pq.read_table(path).column("text").to_pylist()[-2:] == ["e\u0301", "\u00e9"]
    assert summary.dropped_in_words() == "2 empty, 1 the same as an earlier one, 2 not UTF-8"


@pytest.mark.parametrize("maximum", [None, 30])
def test_processes_keep_repeats(tmp_path: Path, maximum: int | None) -> None:
    given = [Raw(f"d{i}", "test", f"text {i % 2}") for i in range(40)]
    bad = [Raw("blank", "test", " "), Raw("bytes", "test", None), Raw("lone", "test", "\ud800")]
    settings = ProcessCorpus(
        kind="process", process="masks", select=0.3, measure=0.3, max_documents=maximum
    )
    summary = write_documents([*given, *bad], tmp_path / "d", settings)
    assert summary.documents == (maximum or 40)
    assert (summary.duplicate_documents, summary.empty_documents) == (0, 1)
    assert summary.undecodable_documents == 2
    texts = pq.read_table(tmp_path / "d").column("text").to_pylist()
    assert len(texts) == (maximum or 40)
    assert set(texts) == {"text 0", "text 1"}
    with pytest.raises(UserError, match="two documents have the id 'd3'"):
        write_documents([*given, given[3]], tmp_path / "d", settings)


def test_row_groups_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(documents, "GROUP_DOCUMENTS", 8)
    monkeypatch.setattr(documents, "GROUP_CHARACTERS", 100)
    given = [*raws(20), Raw("long", "test", "x" * 150), *raws(5, start=20)]
    write_documents(given, tmp_path / "d", HALVES)
    metadata = pq.ParquetFile(tmp_path / "d").metadata
    assert [metadata.row_group(i).num_rows for i in range(metadata.num_row_groups)] == [8, 8, 5, 5]


@pytest.mark.parametrize("maximum", [20, 150, 1000])
def test_max_documents_keeps_those_of_smallest_hash_in_order(tmp_path: Path, maximum: int) -> None:
    given = raws(400)
    settings = CorpusSettings(select=0.3, measure=0.3, max_documents=maximum)
    summary = write_documents(given, tmp_path / "d", settings)
    kept = pq.read_table(tmp_path / "d").column("id").to_pylist()

    def digest(raw: Raw) -> bytes:
        return hashlib.sha256(b"max_documents\0" + raw.id.encode()).digest()

    smallest = {raw.id for raw in sorted(given, key=digest)[:maximum]}
    assert kept == [raw.id for raw in given if raw.id in smallest]
    assert summary.documents == min(maximum, 400)
    assert summary.dropped_for(documents.BEYOND_MAXIMUM) == 400 - summary.documents
    # The choice must not lean to a split, as it would with the hash of the split.
    assert min(summary.train_documents, summary.select_documents, summary.measure_documents) > 2
    assert [p.name for p in tmp_path.iterdir()] == ["d"]


def test_an_id_that_comes_twice_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="two documents have the id 'd3'"):
        write_documents([*raws(5), Raw("d3", "test", None)], tmp_path / "d", HALVES)
    assert not list(tmp_path.iterdir())


def test_no_document_left_is_an_error_with_counts(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"2 were read \(1 empty, 1 not UTF-8\)"):
        write_documents([Raw("a", "t", " "), Raw("b", "t", None)], tmp_path / "d", HALVES)


@pytest.mark.parametrize("maximum", [None, 3])
def test_a_split_without_documents_is_an_error(tmp_path: Path, maximum: int | None) -> None:
    settings = CorpusSettings(select=1e-6, measure=1e-6, max_documents=maximum)
    with pytest.raises(UserError, match=r"select or measure split: 3 of \d+ documents"):
        write_documents(raws(3 if maximum is None else 9), tmp_path / "d", settings)
    assert not list(tmp_path.iterdir())


# ------------------------------------------------------------------------------------- files


def read(data: bytes, tmp_path: Path, name: str = "a", **settings: object) -> list[str | None]:
    path = tmp_path / "file"
    path.write_bytes(data)
    found = list(read_files([path], TextCorpusSettings.model_validate(settings), [name]))
    assert [raw.id for raw in found] == [f"{name}#{i:06d}" for i in range(len(found))]
    return [raw.text for raw in found]


def test_a_text_file_without_separator_is_one_document(tmp_path: Path) -> None:
    assert read("\ufeffé\r\n\n".encode(), tmp_path) == ["é\r\n\n"]
    assert read(b"\xff", tmp_path) == [None]


@pytest.mark.parametrize("block", [1, 2, 3, 5, 2**20])
def test_separators_are_found_across_blocks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, block: int
) -> None:
    monkeypatch.setattr(streams, "BLOCK", block)
    monkeypatch.setattr(text_pieces, "BLOCK", block)
    text = "one<<>two<><>><<><>th<>ree<>"
    pieces = ["one<", "two", "", "><", "", "th", "ree"]
    assert read(text.encode(), tmp_path, separator="<>") == pieces


def test_one_bad_document_does_not_spoil_the_others(tmp_path: Path) -> None:
    assert read(b"a\n\n\xff\xfe\n\n\xc3\xa9\n\n", tmp_path, separator="\n\n") == ["a", None, "é"]


def test_pieces_are_joined_until_long_enough(tmp_path: Path) -> None:
    data = b"aa|b|c|dddddd|e|\xff|f|g|hhhh"
    joined = read(data, tmp_path, separator="|", join_to=4)
    assert joined == ["aa|b", "c|dddddd", "e", None, "f|g|hhhh"]
    exact = read(b"ab|cd|e", tmp_path, separator="|", join_to=5)
    assert exact == ["ab|cd", "e"]


def test_an_empty_separator_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="separator"):
        read(b"abc", tmp_path, separator="")


def test_large_text_is_streamed(tmp_path: Path) -> None:
    script = (
        "import resource, sys; from pathlib import Path\n"
        "from manymasks.config.corpora import TextCorpusSettings\n"
        "from manymasks.corpora.files import read_files\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "settings = TextCorpusSettings(separator='|')\n"
        "count = sum(1 for _ in read_files([Path(sys.argv[1])], settings, ['a']))\n"
        "print(count, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)"
    )
    path = tmp_path / "large"
    piece = b"x" * 4095 + b"|"
    with path.open("wb") as file:
        for _ in range(64):
            file.write(piece * 256)
    command = [sys.executable, "-c", script, str(path)]
    environment = {"PYTHONPATH": ":".join(path for path in sys.path if path)}
    out = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    count, kilobytes = map(int, out.stdout.split())
    assert count == 64 * 256
    assert kilobytes < 16_000  # of 64 MiB


def test_jsonl(tmp_path: Path) -> None:
    data = b'\xef\xbb\xbf{"t": "a\\n"}\n\n{"t": null}\n{"t": "\xff"}\r\n{"t": "\\ud800", "u": 1}'
    assert read(data, tmp_path, format="jsonl", field="t") == ["a\n", "", None, None]
    joined = read(b'{"text": "a"}\n{"text": "b"}\n', tmp_path, format="jsonl", join_to=3)
    assert joined == ["a\nb"]


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string(), pa.binary()])
@pytest.mark.parametrize("dictionary", [False, True])
def test_parquet(tmp_path: Path, kind: pa.DataType, dictionary: bool) -> None:
    path = tmp_path / "a.parquet"
    column = pa.array(["a", None, "é", "a"], type=kind)
    column = column.dictionary_encode() if dictionary else column
    pq.write_table(pa.table({"n": [1, 2, 3, 4], "body": column}), path)
    settings = TextCorpusSettings(format="parquet", field="body")
    found = [raw.text for raw in read_files([path], settings, ["a"])]
    assert found == ["a", "", "é", "a"]


def test_parquet_with_invalid_utf8(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    bad = pa.Array.from_buffers(
        pa.string(),
        2,
        [None, pa.array([0, 1, 3], pa.int32()).buffers()[1], pa.py_buffer(b"a\xff\xfe")],
    )
    pq.write_table(pa.table({"text": bad}), path)
    settings = TextCorpusSettings(format="parquet")
    assert [raw.text for raw in read_files([path], settings, ["a"])] == ["a", None]


def test_bad_parquet_is_explained(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"n": [1], "body": ["x"]}), path)

    def fails(said: str, field: str = "body") -> None:
        with pytest.raises(UserError, match=said):
            list(read_files([path], TextCorpusSettings(format="parquet", field=field), ["a"]))

    fails(r"no column 'text'. Columns found: n, body", "text")
    fails("the column 'n' holds int64", "n")
    path.write_bytes(path.read_bytes()[:-10])
    fails("is not a readable Parquet file")
    path.unlink()
    fails("cannot be read")


@pytest.mark.parametrize("pattern", ["**/*.txt", "results/**", "*/training/*/*.txt", "./**/*.json"])
def test_patterns_that_match_what_runs_write_are_refused(pattern: str, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("text")
    settings = FilesCorpus(kind="files", paths=(pattern,), select=0.2, measure=0.2)
    with pytest.raises(UserError, match="which runs write"):
        source_digests(settings, tmp_path)


def test_patterns_are_expanded_sorted_and_once(tmp_path: Path) -> None:
    base = tmp_path / "odd [folder]"
    for name in ("b.txt", "a.txt", "sub/c.txt", "sub/d.md"):
        (base / name).parent.mkdir(parents=True, exist_ok=True)
        (base / name).write_text(name)
    found = expand(["**/*.txt", "a.txt", str(tmp_path / "odd*" / "sub" / "*.md")], base)
    assert names(found, base) == ["a.txt", "b.txt", "sub/c.txt", "sub/d.md"]
    with pytest.raises(UserError, match=r"'\*\.csv' matches no file below"):
        expand(["a.txt", "*.csv"], base)
    with pytest.raises(UserError, match=r"is a folder: write 'sub/\*\*/\*\.txt'"):
        expand(["sub/"], base)


def test_names_outside_the_base_start_at_their_common_folder(tmp_path: Path) -> None:
    inside, other = tmp_path / "x" / "a.txt", tmp_path / "y" / "a.txt"
    assert names([inside, other], tmp_path / "elsewhere") == ["x/a.txt", "y/a.txt"]
    assert names([inside], tmp_path / "elsewhere") == ["a.txt"]


# ---------------------------------------------------------------------------- kinds together


def test_local_files_and_a_pinned_copy(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"one|two")
    folders = {"downloads": tmp_path / "downloads", "base": tmp_path, "cache": tmp_path / "cache"}
    local = FilesCorpus(kind="files", paths=("*.txt",), separator="|")
    raws = list(collect(local, **folders))
    assert raws == [Raw("a.txt#000000", "a.txt", "one"), Raw("a.txt#000001", "a.txt", "two")]
    digest = hashlib.sha256(b"one|two").hexdigest()
    pinned = UrlCorpus(
        kind="url", url="http://nowhere.invalid/a", sha256=digest, local="a.txt", separator="|"
    )
    copied = list(collect(pinned, **folders))
    assert [raw.text for raw in copied] == ["one", "two"]
    assert copied[0].id == f"{digest[:12]}#000000"
    with pytest.raises(UserError, match=r"local: .*a\.txt is not the file"):
        collect(pinned.model_copy(update={"sha256": "0" * 64}), **folders)
    assert describe(local) == "files: *.txt"
    assert digest in describe(pinned)


# ------------------------------------------------------------------------------------ pydocs


@pytest.fixture
def library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A small standard library and a package beside it."""
    sources = {
        "lib/pydoc_data/topics.py": "# built\n"
        "topics = {'while': 'While.\\n', 'assert': 'As' 'sert.'}\n",
        "lib/b.py": '"""Module b, long enough."""\n',
        "lib/a/__init__.py": (
            '"""Package a, long enough."""\n'
            "class C:\n    '''Class C, long enough.'''\n"
            "    def m(self):\n        '''Method m, long enough.\n\n"
            "          In.\n        Out.\n        '''\n"
            "if True:\n    async def f():\n        '''Function f, long enough.'''\n"
            "def short():\n    '''Short.'''\n"
            "raise SystemExit('this was imported')\n"
        ),
        "lib/a/z.py": "'''Module b, long enough.'''\nx = '''No docstring, long enough.'''\n",
        "lib/broken.py": "def (:\n",
        "lib/test/test_a.py": '"""A test, long enough."""\n',
        "lib/a/tests/x.py": '"""A test, long enough."""\n',
        "lib/site-packages/y.py": '"""Installed, long enough."""\n',
        "site/tinypkg/__init__.py": '"""Module b, long enough."""\n',
        "site/tinypkg/core.py": '"""The core, long enough."""\n',
        "site/tinypkg/test_core.py": '"""A test, long enough."""\n',
        "site/tinypkg-1.2.dist-info/METADATA": "Name: tinypkg\nVersion: 1.2\n",
    }
    for name, text in sources.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    monkeypatch.setattr("sysconfig.get_path", lambda name: str(tmp_path / "lib"))
    monkeypatch.syspath_prepend(tmp_path / "site")
    yield tmp_path


def test_documents_of_a_small_library(library: Path) -> None:
    settings = PydocsCorpus(kind="pydocs", packages=("tinypkg",), min_characters=15)
    assert list(read_pydocs(settings)) == [
        Raw("topics/assert", "python topics", "Assert."),
        Raw("topics/while", "python topics", "While.\n"),
        Raw(
            "stdlib/a",
            "python standard library",
            "Package a, long enough.\n\nClass C, long enough.\n\n"
            "Method m, long enough.\n\n  In.\nOut.\n\nFunction f, long enough.\n",
        ),
        Raw("stdlib/a.z", "python standard library", "Module b, long enough.\n"),
        Raw("tinypkg/tinypkg.core", "tinypkg", "The core, long enough.\n"),
    ]
    assert "tinypkg" not in sys.modules


def test_versions_name_what_is_read(library: Path) -> None:
    settings = PydocsCorpus(kind="pydocs", packages=("tinypkg",))
    assert versions.versions(settings) == {"python": platform.python_version(), "tinypkg": "1.2"}
    assert describe(settings).endswith("; tinypkg 1.2")


@pytest.mark.parametrize("package", ["no_such_package", "scikit-learn", "os.path", "sys"])
def test_rejects_a_missing_package(package: str) -> None:
    settings = PydocsCorpus(kind="pydocs", packages=(package,))
    with pytest.raises(UserError, match=rf"packages: '{package}' is not an installed"):
        versions.versions(settings)


def test_a_python_without_topics_is_explained(library: Path) -> None:
    (library / "lib/pydoc_data/topics.py").unlink()
    with pytest.raises(UserError, match="without its documentation topics"):
        list(read_pydocs(PydocsCorpus(kind="pydocs", packages=())))


def test_this_python_has_text_enough(tmp_path: Path) -> None:
    settings = PydocsCorpus(kind="pydocs", packages=())
    found = list(read_pydocs(settings))
    assert sum(raw.id.startswith("topics/") for raw in found) > 50
    assert "stdlib/json.decoder" in {raw.id for raw in found}
    assert not any(".test" in raw.id for raw in found)
    summary = write_documents(found, tmp_path / "d", settings)
    assert summary.characters > 1_500_000
    assert summary.undecodable_documents == 0


def test_versions_are_cheap_and_import_nothing_heavy() -> None:
    code = (
        "import sys, json; from manymasks.corpora.versions import versions\n"
        "from manymasks.config.corpora import PydocsCorpus\n"
        "print(json.dumps([versions(PydocsCorpus(kind='pydocs')), sorted(sys.modules)]))"
    )
    environment = {"PYTHONPATH": ":".join(path for path in sys.path if path)}
    out = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    found, modules = json.loads(out.stdout)
    assert found["numpy"] == importlib.metadata.version("numpy")
    assert not {"numpy", "pyarrow", "manymasks.corpora.documents"} & set(modules)


def test_a_corpus_reports_what_it_has_read(tmp_path: Path) -> None:
    texts = [f"text {number} " * 10 for number in range(40)]
    paths = [tmp_path / f"{number:02}.txt" for number in range(40)]
    for path, text in zip(paths, texts, strict=True):
        path.write_text(text, encoding="utf-8")
    digests = dict(zip(names(paths, Path()), map(file_sha256, paths), strict=True))
    reports: list[tuple[float, float | None, str]] = []
    made = stage.make(
        kit.job(
            "corpus",
            {"corpus": {"kind": "files", "select": 0.3, "measure": 0.3}, "sha256": digests},
            {},
            tmp_path / "made",
            operational={"paths": [str(tmp_path / "*.txt")]},
            report=lambda *how_far: reports.append(how_far),
        )
    )
    last = (sum(map(len, texts)), None, "characters, in 40 documents")
    assert made["documents"] == len(reports) == 40 and reports[-1] == last
