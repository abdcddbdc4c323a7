"""Bad records, line ends, encodings and compressed files: what is lost, and what is said of it."""

import bz2
import gzip
import io
import json
import lzma
import os
import zipfile
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

from manymasks.config.corpora import CorpusSettings, TextCorpusSettings
from manymasks.corpora import records, streams, text_pieces
from manymasks.corpora.digests import DigestTable
from manymasks.corpora.documents import Raw, write_documents
from manymasks.corpora.files import read_files
from manymasks.corpora.paths import expand, names
from manymasks.errors import UserError

GOOD = [f"good text {i}, naïve" for i in range(40)]


def read(path: Path, **settings: object) -> list[Raw]:
    return list(read_files([path], TextCorpusSettings.model_validate(settings), ["a"]))


def read_bytes(data: bytes, folder: Path, **settings: object) -> list[Raw]:
    (folder / "file").write_bytes(data)
    return read(folder / "file", **settings)


def texts(raws: list[Raw]) -> list[str]:
    return [raw.text for raw in raws if raw.text is not None]


def reasons(raws: list[Raw]) -> list[str]:
    return [raw.fault.reason for raw in raws if raw.fault is not None]


# ------------------------------------------------------------- one bad record among good ones

BAD_JSON = {
    "open": (b'{"text": "unfinished', "not JSON"),
    "list": (b'["text"]', "not a JSON object"),
    "nothing": (b"null", "not a JSON object"),
    "absent": (b'{"body": "", "a": 1}', "without the field 'text'"),
    "number": (b'{"text": 3}', "not text"),
    "record": (b'{"text": {"a": "b"}}', "not text"),
    "bytes": (b'{"text": "\xff"}', "not UTF-8"),
    "surrogate": (b'{"text": "a\\ud800b"}', "not UTF-8"),
    "deep": (b"[" * 100_000, "not JSON"),
    "literal": (b"{text: 'a'}", "not JSON"),
}
BAD_CSV = {
    "open": (b'9,"unfinished', "not CSV"),
    "after": (b'9,"closed"early', "not CSV"),
    "short": (b"9", "without the field 'text'"),
    "bytes": (b"9,\xff", "not UTF-8"),
}
ENDS = {"lf": b"\n", "crlf": b"\r\n", "cr": b"\r"}


@pytest.mark.parametrize("join_to", [None, 50])
@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS)
@pytest.mark.parametrize("at", [0, 1, 20, 40])
@pytest.mark.parametrize("bad", BAD_JSON.values(), ids=BAD_JSON)
def test_a_bad_row_of_jsonl_removes_itself_alone(
    tmp_path: Path, bad: tuple[bytes, str], at: int, end: bytes, join_to: int | None
) -> None:
    rows = [json.dumps({"n": 1, "text": text}).encode() for text in GOOD]
    rows.insert(at, bad[0])
    raws = read_bytes(end.join(rows), tmp_path, format="jsonl", join_to=join_to)
    assert "\n".join(texts(raws)) == "\n".join(GOOD)
    assert reasons(raws) == [bad[1]]
    (fault,) = (raw.fault for raw in raws if raw.fault)
    assert f"file:{at + 1}" in fault.example


@pytest.mark.parametrize("join_to", [None, 50])
@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS)
@pytest.mark.parametrize("at", [0, 1, 20, 40])
@pytest.mark.parametrize("bad", BAD_CSV.values(), ids=BAD_CSV)
def test_a_bad_row_of_csv_removes_itself_alone(
    tmp_path: Path, bad: tuple[bytes, str], at: int, end: bytes, join_to: int | None
) -> None:
    rows = [f'{i},"{text}"'.encode() for i, text in enumerate(GOOD)]
    rows.insert(at, bad[0])
    raws = read_bytes(end.join([b"n,text", *rows]), tmp_path, format="csv", join_to=join_to)
    assert "\n".join(texts(raws)) == "\n".join(GOOD)
    assert reasons(raws) == [bad[1]]
    (fault,) = (raw.fault for raw in raws if raw.fault)
    assert f"file:{at + 2}" in fault.example


@pytest.mark.parametrize("at", [0, 1, 20, 40])
@pytest.mark.parametrize("join_to", [None, 50])
def test_a_bad_value_of_parquet_and_of_text_removes_itself_alone(
    tmp_path: Path, at: int, join_to: int | None
) -> None:
    values = [text.encode() for text in GOOD]
    values.insert(at, b"a\xff")
    column = pa.array(values, pa.binary())
    pq.write_table(pa.table({"text": column}), tmp_path / "b.parquet", row_group_size=7)
    offsets = pa.array(values, pa.binary()).buffers()
    as_text = pa.Array.from_buffers(pa.string(), len(values), offsets)
    pq.write_table(pa.table({"text": as_text}), tmp_path / "t.parquet", row_group_size=7)
    (tmp_path / "a.txt").write_bytes(b"|".join(values))
    for path, settings in (
        (tmp_path / "b.parquet", {"format": "parquet"}),
        (tmp_path / "t.parquet", {"format": "parquet"}),
        (tmp_path / "a.txt", {"separator": "|"}),
    ):
        raws = read(path, join_to=join_to, **settings)
        between = "|" if "separator" in settings else "\n"
        assert between.join(texts(raws)) == between.join(GOOD)
        assert reasons(raws) == ["not UTF-8"]


def test_csv_keeps_what_is_inside_its_quotes(tmp_path: Path) -> None:
    data = 'n,text\r\n1,"a ""b"",\r\nc\n\n\rd"\r\n2,NA\r\n3,001\r\n4,\r\n\r\n5,"\u2028x\x0by"\r\n'
    raws = read_bytes(data.encode(), tmp_path, format="csv")
    assert texts(raws) == ['a "b",\r\nc\n\n\rd', "NA", "001", "", "\u2028x\x0by"]
    (tmp_path / "b.tsv").write_bytes(b"\xef\xbb\xbftext\tn\nx, y\t1\n")
    assert texts(read(tmp_path / "b.tsv", format="csv")) == ["x, y"]
    with pytest.raises(UserError, match=r"no column 'text'. Columns found: a;b"):
        read_bytes(b"a;b\n1;2\n", tmp_path, format="csv")
    with pytest.raises(UserError, match="two columns 'text'"):
        read_bytes(b"text,text\n1,2\n", tmp_path, format="csv")


def test_all_rows_bad_is_an_error_that_names_file_line_and_setting(tmp_path: Path) -> None:
    raws = read_bytes(b'{"body": "a"}\n' * 5, tmp_path, format="jsonl")
    with pytest.raises(UserError) as caught:
        write_documents(raws, tmp_path / "d", CorpusSettings())
    message = str(caught.value)
    assert "5 were read (5 without the field 'text')" in message
    assert "file:1: fields found: body" in message
    assert "field" in message


def test_a_long_integer_beside_the_text_is_read(tmp_path: Path) -> None:
    row = b'{"n": ' + b"7" * 4301 + b', "text": "a"}'
    assert texts(read_bytes(row, tmp_path, format="jsonl")) == ["a"]


@pytest.mark.parametrize(
    ("field", "row", "text"),
    [
        ("a.b", {"a": {"b": "x"}}, "x"),
        ("messages[].content", {"messages": [{"content": "x"}, {"content": None}]}, "x|"),
        ("a[][].b", {"a": [[{"b": "x"}], [{"b": "y"}]]}, "x|y"),
        ("a[]", {"a": ["x", "y"]}, "x|y"),
        ("a.b", {"a.b": "whole", "a": {"b": "x"}}, "whole"),
    ],
)
def test_fields_inside_others(
    tmp_path: Path, field: str, row: dict[str, object], text: str
) -> None:
    line = json.dumps(row).encode()
    settings = {"field": field, "separator": "|"}
    assert texts(read_bytes(line, tmp_path, format="jsonl", **settings)) == [text]
    pq.write_table(pa.Table.from_pylist([row]), tmp_path / "a.parquet")
    assert texts(read(tmp_path / "a.parquet", format="parquet", **settings)) == [text]


@pytest.mark.parametrize("field", ["a..b", "", "[]x", "a.", "a[]b"])
def test_rejects_a_field_that_is_no_path(tmp_path: Path, field: str) -> None:
    with pytest.raises(UserError, match=r"field: .* is not a path"):
        read_bytes(b"{}", tmp_path, format="jsonl", field=field)


@pytest.mark.parametrize("kind", [pa.string_view(), pa.binary_view(), pa.large_string()])
def test_parquet_of_every_kind_of_text(tmp_path: Path, kind: pa.DataType) -> None:
    column = pa.array(["a", None, "é"], pa.string()).cast(kind)
    pq.write_table(pa.table({"text": column}), tmp_path / "a.parquet")
    assert texts(read(tmp_path / "a.parquet", format="parquet")) == ["a", "", "é"]


def test_parquet_with_two_columns_of_the_name_is_refused(tmp_path: Path) -> None:
    table = pa.Table.from_arrays([pa.array(["a"]), pa.array(["b"])], names=["text", "text"])
    pq.write_table(table, tmp_path / "a.parquet")
    with pytest.raises(UserError, match="2 columns called 'text'"):
        read(tmp_path / "a.parquet", format="parquet")


# ---------------------------------------------------------------------- separators and line ends


@pytest.mark.parametrize("block", [1, 2, 3, 7, 2**20])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("separator", ["\n\n", "\r\n\r\n", "\n---\n"])
def test_line_ends_of_any_kind_separate_documents(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, separator: str, end: str, block: int
) -> None:
    monkeypatch.setattr(streams, "BLOCK", block)
    monkeypatch.setattr(streams, "HEAD", block)
    monkeypatch.setattr(text_pieces, "BLOCK", block)
    pieces = ["one", f"two{end}lines", "three", "", "four"]
    between = separator.replace("\r\n", "\n").replace("\n", end)
    raws = read_bytes(between.join(pieces).encode(), tmp_path, separator=separator)
    assert texts(raws) == pieces


def test_carriage_return_and_line_feed_are_one_line_end(tmp_path: Path) -> None:
    assert texts(read_bytes(b"a\r\nb\r\n\nc", tmp_path, separator="\n\n")) == ["a\r\nb", "c"]


@pytest.mark.parametrize("separator", ["\\n\\n", "<|end|>", "\n\n\n"])
def test_a_separator_that_occurs_nowhere_is_explained(tmp_path: Path, separator: str) -> None:
    with pytest.raises(UserError) as caught:
        read_bytes(b"one\r\n\r\ntwo\n", tmp_path, separator=separator)
    message = str(caught.value)
    assert f"separator: {separator!r} occurs in no file" in message
    assert str(tmp_path / "file") in message
    assert r"1 of '\n', 2 of '\r\n'" in message
    assert ("double quotes" in message) == ("\\" in separator)


# -------------------------------------------------------------- encodings and compressed files


@pytest.mark.parametrize("format", ["text", "jsonl", "csv"])
@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_another_encoding_is_named_and_removes_its_file_alone(
    tmp_path: Path, encoding: str, format: str
) -> None:
    rows = {"text": "some text", "jsonl": '{"text": "some text"}', "csv": "text\nsome text"}
    (tmp_path / "bad").write_bytes(rows[format].encode(encoding))
    (tmp_path / "good").write_bytes(rows[format].encode())
    settings = TextCorpusSettings.model_validate({"format": format})
    raws = list(read_files([tmp_path / "bad", tmp_path / "good"], settings, ["b", "g"]))
    assert texts(raws) == ["some text"]
    assert reasons(raws)[0].startswith(encoding.upper()[:6])


def zipped(data: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("folder/one", data)
        archive.writestr("two", data)
    return file.getvalue()


COMPRESSED: dict[str, Callable[[bytes], bytes]] = {
    "gz": gzip.compress,
    "zst": zstandard.ZstdCompressor().compress,
    "bz2": bz2.compress,
    "xz": lzma.compress,
    "zip": zipped,
}


@pytest.mark.parametrize("format", ["text", "jsonl", "csv"])
@pytest.mark.parametrize("name", COMPRESSED)
def test_compressed_files_are_read_whatever_they_are_called(
    tmp_path: Path, name: str, format: str
) -> None:
    lines = [f"text {i}" for i in range(2000)]
    if format == "jsonl":
        data = "\n".join(json.dumps({"text": line}) for line in lines)
    else:
        data = "\n".join(["text", *lines] if format == "csv" else lines)
    separator = "\n" if format == "text" else None
    packed = COMPRESSED[name](("\ufeff" + data).encode())
    raws = read_bytes(packed, tmp_path, format=format, separator=separator)
    assert texts(raws) == lines * (2 if name == "zip" else 1)
    with pytest.raises(UserError, match="file: cannot be read"):
        read_bytes(packed[: len(packed) // 2], tmp_path, format=format, separator=separator)


# ------------------------------------------------------------------------------- long documents


def test_long_text_is_cut_at_white_space_and_long_records_are_dropped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (records, text_pieces):
        monkeypatch.setattr(module, "LONGEST", 100)
    data = ("word " * 50 + "é" * 80).encode()
    pieces = texts(read_bytes(data, tmp_path))
    assert "".join(pieces) == data.decode()
    assert all(len(text.encode()) <= 100 for text in pieces)
    assert pieces[0].endswith(" ")
    rows = [b'{"text": "a"}', b'{"text": "' + b"b" * 300 + b'"}', b'{"text": "c"}']
    found_rows = read_bytes(b"\n".join(rows), tmp_path, format="jsonl")
    assert texts(found_rows) == ["a", "c"]
    assert reasons(found_rows) == [records.TOO_LONG]


@pytest.mark.parametrize("longest", [1, 5, 40])
@pytest.mark.parametrize("block", [1, 3, 64])
def test_lines_are_bounded(monkeypatch: pytest.MonkeyPatch, longest: int, block: int) -> None:
    monkeypatch.setattr(streams, "BLOCK", block)
    monkeypatch.setattr(streams, "HEAD", block)
    data = b"ab\ncdefgh\r\n\r\ri" + b"j" * 50 + b"\nk"
    source = streams.Source("a", io.BytesIO(data))
    expected = [line if len(line) <= longest else None for line in data.splitlines(keepends=True)]
    assert list(source.lines(longest)) == expected


# ---------------------------------------------------------------------------------- file names


@pytest.mark.parametrize("name", ["set [1]/a.txt", "news [2024].txt", "a*?.txt", "x/[!b]/c d.txt"])
def test_what_exists_by_a_name_wins_over_the_pattern(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("a")
    assert expand([name], tmp_path) == [path]
    assert expand([str(path.parent / "*.txt")], tmp_path) == [path]
    assert expand([str(Path(name).parent / "*.txt")], tmp_path) == [path]


def test_a_name_that_is_not_utf8_is_spelled_out(tmp_path: Path) -> None:
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff.txt"))
    path.write_text("a")
    assert names(expand(["*.txt"], tmp_path), tmp_path) == ["\\xff.txt"]


# ------------------------------------------------------------------------------------ digests


def test_digests_keep_the_number_of_the_first() -> None:
    table = DigestTable()
    for i in range(5000):
        assert table.put(b"%d" % i, i % 3) is None
    assert [table.put(b"%d" % i, 0) for i in range(5000)] == [i % 3 for i in range(5000)]
    assert table.used == 5000


def test_duplicates_across_splits_are_counted(tmp_path: Path) -> None:
    given = [Raw(f"m{i}", "m", f"text {i}", split="measure") for i in range(3)]
    given += [Raw(f"s{i}", "s", f"text {i + 3}", split="select") for i in range(3)]
    given += [Raw(f"t{i}", "t", f"text {i}", split="train") for i in range(9)]
    summary = write_documents(
        [*given, Raw("t9", "t", "text 8", split="train")], tmp_path / "d", CorpusSettings()
    )
    assert summary.train_documents == 3
    assert (summary.duplicate_documents, summary.cross_split_duplicates) == (7, 6)
    assert "6 repeat a text of another split" in summary.dropped_in_words()
