"""Shards of tokens: what is written is what is read, over any borders, and nothing wraps."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.ipc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from manymasks.errors import UserError
from manymasks.tokens.shards import TokenStream, write_shards

Document = tuple[str, npt.NDArray[np.uint32], int]
END = 7


def documents(lengths: list[int], vocabulary: int = 500, seed: int = 0) -> list[Document]:
    rng = np.random.default_rng(seed)
    return [
        (f"d{i}", rng.integers(0, vocabulary, size=n).astype(np.uint32), 3 * n)
        for i, n in enumerate(lengths)
    ]


def write(folder: Path, given: list[Document], shard_tokens: int = 20) -> TokenStream:
    paths = write_shards(given, folder, vocabulary=500, end_of_text=END, shard_tokens=shard_tokens)
    return TokenStream.open(paths)


def flat(given: list[Document]) -> npt.NDArray[np.int64]:
    """The stream by hand: an end of text, then every document and its end of text."""
    return np.concatenate([[END], *(np.append(ids, END) for _, ids, _ in given)]).astype(np.int64)


def test_documents_come_back(tmp_path: Path) -> None:
    given = documents([3, 0, 19, 40, 1, 5])
    stream = write(tmp_path, given)
    expected = flat(given)
    assert stream.tokens == expected.size - 1 == 68 + 6
    assert stream.positions == expected.size
    assert stream.documents == [f"d{i}" for i in range(6)]
    assert stream.offsets.tolist() == [0, 4, 5, 25, 66, 68, 74]
    assert stream.offsets.dtype == stream.bytes.dtype == np.int64
    assert stream.bytes.tolist() == [9, 0, 57, 120, 3, 15]
    assert (stream.end_of_text, stream.vocabulary) == (END, 500)
    for i, (_, ids, _) in enumerate(given):
        found = stream.document(i)
        assert found.dtype == np.int64
        np.testing.assert_array_equal(found, np.append(ids, END))


def test_documents_are_never_split_and_shards_not_overfilled(tmp_path: Path) -> None:
    given = documents([3, 0, 19, 40, 1, 5])
    paths = write_shards(given, tmp_path, vocabulary=500, end_of_text=END, shard_tokens=20)
    assert [path.name for path in paths] == [f"tokens-{i:05d}.arrow" for i in range(4)]
    shards = [pa.ipc.open_file(pa.memory_map(str(path))).read_all() for path in paths]
    assert [shard.column("document").to_pylist() for shard in shards] == [
        ["d0", "d1"],
        ["d2"],
        ["d3"],
        ["d4", "d5"],
    ]
    assert sorted(tmp_path.iterdir()) == paths
    again = write_shards(given, tmp_path / "x", vocabulary=500, end_of_text=END, shard_tokens=20)
    assert [path.read_bytes() for path in again] == [path.read_bytes() for path in paths]


@settings(max_examples=40)
@given(
    st.lists(st.integers(0, 30), min_size=1, max_size=12), st.integers(1, 70), st.integers(1, 40)
)
def test_windows_over_any_borders(
    tmp_path_factory: pytest.TempPathFactory, lengths: list[int], shard: int, length: int
) -> None:
    given = documents(lengths)
    stream = write(tmp_path_factory.mktemp("shards"), given, shard)
    expected = flat(given)
    length = min(length, expected.size)
    starts = np.arange(expected.size - length + 1)
    np.random.default_rng(0).shuffle(starts)
    windows = stream.gather(starts, length)
    assert windows.dtype == np.int64
    views = np.lib.stride_tricks.sliding_window_view(expected, length)
    np.testing.assert_array_equal(windows, views[starts])


def test_position_of_a_document_gives_what_scores_it(tmp_path: Path) -> None:
    given = documents([3, 4, 5])
    stream = write(tmp_path, given, 6)
    for i, (_, ids, _) in enumerate(given):
        (window,) = stream.gather(stream.offsets[i : i + 1], ids.size + 2)
        assert window.tolist() == [END, *ids.tolist(), END]


def test_windows_beyond_the_stream_are_refused(tmp_path: Path) -> None:
    stream = write(tmp_path, documents([10]))  # 11 tokens, 12 positions
    assert stream.gather(np.array([2]), 10).shape == (1, 10)
    for start in (-1, 3):
        with pytest.raises(ValueError, match="12 positions"):
            stream.gather(np.array([0, start]), 10)
    assert stream.gather(np.array([], dtype=np.int64), 10).shape == (0, 10)


def test_tokens_are_mapped_and_not_copied(tmp_path: Path) -> None:
    given = documents([100_000] * 4)
    before = pa.total_allocated_bytes()
    paths = write_shards(given, tmp_path, vocabulary=500, end_of_text=END, shard_tokens=200_002)
    held = pa.total_allocated_bytes()
    stream = TokenStream.open(paths)
    assert pa.total_allocated_bytes() - held < 10_000
    assert len(paths) == 2
    assert all(not values.flags.owndata and not values.flags.writeable for values in stream.values)
    assert held - before < 10_000


@pytest.mark.parametrize(
    ("vocabulary", "kind"), [(65_535, pa.uint16()), (65_536, pa.uint16()), (65_537, pa.uint32())]
)
def test_width_holds_the_vocabulary(tmp_path: Path, vocabulary: int, kind: pa.DataType) -> None:
    ids = np.array([0, vocabulary - 1], dtype=np.uint32)
    end = vocabulary - 2
    paths = write_shards([("a", ids, 2)], tmp_path, vocabulary=vocabulary, end_of_text=end)
    table = pa.ipc.open_file(pa.memory_map(str(paths[0]))).read_all()
    assert table.schema.field("tokens").type == pa.large_list(kind)
    assert TokenStream.open(paths).document(0).tolist() == [0, vocabulary - 1, end]


def test_rejects_tokens_outside_the_vocabulary(tmp_path: Path) -> None:
    for token in (500, 65_536 + 3, -1):
        with pytest.raises(ValueError, match="document 'b' has tokens from"):
            write_shards(
                [("a", np.array([1]), 1), ("b", np.array([token]), 1)],
                tmp_path,
                vocabulary=500,
                end_of_text=END,
            )
    with pytest.raises(ValueError, match="end of text 500"):
        write_shards(documents([1]), tmp_path, vocabulary=500, end_of_text=500)
    with pytest.raises(ValueError, match="no document"):
        write_shards([], tmp_path, vocabulary=500, end_of_text=END)
    assert not list(tmp_path.iterdir())


def test_damaged_shards_are_named(tmp_path: Path) -> None:
    paths = write_shards(
        documents([50, 50]), tmp_path, vocabulary=500, end_of_text=END, shard_tokens=60
    )
    whole = paths[1].read_bytes()
    for damaged in (whole[:-1], whole[: len(whole) // 2], b"", b"no shard at all" * 100):
        paths[1].write_bytes(damaged)
        with pytest.raises(UserError, match=r"tokens-00001\.arrow: is not a readable shard"):
            TokenStream.open(paths)
    paths[1].unlink()
    with pytest.raises(UserError, match=r"tokens-00001\.arrow: is not a readable shard"):
        TokenStream.open(paths)
    table = pa.table({"tokens": [1]})
    with pa.OSFile(str(paths[1]), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)
    with pytest.raises(UserError, match="format none"):
        TokenStream.open(paths)


def test_shards_of_different_tokenizers_do_not_mix(tmp_path: Path) -> None:
    one = write_shards(documents([5]), tmp_path / "a", vocabulary=500, end_of_text=END)
    other = write_shards(documents([5]), tmp_path / "b", vocabulary=501, end_of_text=END)
    with pytest.raises(UserError, match="different tokenizers"):
        TokenStream.open([*one, *other])


def test_spread_windows_are_even_and_share_no_target(tmp_path: Path) -> None:
    stream = write(tmp_path, documents([3, 0, 19, 40, 1, 5]))
    possible = (stream.positions - 1) // 4
    some, all_of_them = stream.spread(3, 4), stream.spread(10**6, 4)
    assert some.shape == (3, 5)
    assert all_of_them.shape == (possible, 5)
    assert (all_of_them[1:, 0] == all_of_them[:-1, -1]).all()
    assert (some == all_of_them[np.arange(3) * possible // 3]).all()
