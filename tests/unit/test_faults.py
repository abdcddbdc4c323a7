"""Readers of files that a disk may damage or a person may edit: never a traceback or a wrong read.

Each reader is given one-bit flips, cuts and files of another form; the number of tries is bounded.
"""

import random
import re
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

import kit
from manymasks.config.loading import load_study
from manymasks.config.study import Study
from manymasks.config.yaml_limits import BYTES, DEPTH, VALUES
from manymasks.config.yaml_reading import read_yaml
from manymasks.disk.checksum import sha256_of
from manymasks.engine.job_file import read_description
from manymasks.errors import UserError
from manymasks.store.sealed import read_sealed, write_sealed
from manymasks.tokens.shards import TokenStream, write_shards
from manymasks.training.checkpoint import (
    TrainingProgress,
    damage,
    load_state,
    save_state,
)

TRIES = 200
FORMS = [
    b"", b"\0" * 500, b"null", b"[1]", b"3", b'"x"', b"{", b'{"a": ' * 5000, b"\xff\xfe",
    b"\x80\x04N.",
]  # fmt: skip
"""Empty, zeroed, JSON of another form, nested deeply, not UTF-8, a pickle."""


def damaged(content: bytes, tries: int = TRIES) -> Iterator[bytes]:
    """A file with one bit flipped, or cut, or of another form."""
    chosen = random.Random(0)
    for _ in range(tries):
        flipped = bytearray(content)
        flipped[chosen.randrange(len(content))] ^= 1 << chosen.randrange(8)
        yield bytes(flipped)
    for _ in range(tries // 10):
        yield content[: chosen.randrange(len(content))]
    yield from FORMS


def outcome(read: Callable[[], Any]) -> Any:
    """What a reader returns, or the class of an error that callers expect."""
    try:
        return read()
    except UserError:
        return UserError
    except ValueError:
        return ValueError


def test_sealed_files_are_read_as_written_or_refused(tmp_path: Path) -> None:
    path, values = tmp_path / "x.json", {"nats": 2.5, "seconds": 1e-9, "names": ["é", None, True]}
    write_sealed(path, values)
    assert read_sealed(path) == values
    for content in damaged(path.read_bytes()):
        path.write_bytes(content)
        assert outcome(lambda: read_sealed(path)) in (values, ValueError)


def test_descriptions_of_jobs_are_read_as_written_or_refused(tmp_path: Path) -> None:
    path = tmp_path / "node.json"
    values = {"stage": "tokens", "key": "0" * 12, "label": "tokens/x", "settings": {"context": 32}}
    write_sealed(path, values)
    assert read_description(path) == values
    for content in damaged(path.read_bytes()):
        path.write_bytes(content)
        assert outcome(lambda: read_description(path)) in (values, UserError)


def test_inputs_of_a_job_are_read_as_written_or_refused(tmp_path: Path) -> None:
    """Shards of tokens and tables: their digest is compared before a reader of Arrow begins."""
    folder = tmp_path / kit.KEY
    documents = [(f"d{i}", np.arange(i + 1, dtype=np.int64), 9) for i in range(5)]
    (shard,) = write_shards(documents, folder / "train", vocabulary=300, end_of_text=257)
    made = kit.artifact("tokens", folder)
    whole, values = shard.read_bytes(), TokenStream.open([shard]).values[0].tolist()
    table = folder / "tables/rows.parquet"
    table.parent.mkdir()
    pq.write_table(pa.table({"nats": [1.5, 2.5]}), table)
    with_table = kit.artifact("tokens", folder)
    for content in damaged(whole):
        shard.write_bytes(content)
        result = outcome(lambda: TokenStream.open(made.files("train/")).values[0].tolist())
        assert result == values if content == whole else result is UserError
    shard.write_bytes(whole)
    for content in damaged(table.read_bytes()):
        table.write_bytes(content)
        result = outcome(lambda: pq.read_table(with_table.file("tables/rows.parquet")).to_pylist())
        assert result is UserError or result == [{"nats": 1.5}, {"nats": 2.5}]


def state(path: Path) -> tuple[dict[str, torch.Tensor], dict[str, dict[str, torch.Tensor]]]:
    """Weights and moments, and a file that holds them, with weights saved on the way."""
    late = path.with_name("weights-5.safetensors")
    late.write_bytes(b"weights of step 5")
    generator = torch.Generator().manual_seed(0)
    weights = {"W_E": torch.randn(7, 4, generator=generator), "b": torch.zeros(4)}
    moments = {name: {"exp_avg": torch.ones_like(weight)} for name, weight in weights.items()}
    progress = TrainingProgress(step=7, seconds=1.5)
    progress.late[late.name] = sha256_of(late)
    save_state(weights, moments, progress, path)
    return weights, moments


def test_a_saved_state_is_whole_or_damaged(tmp_path: Path) -> None:
    path = tmp_path / "training.safetensors"
    weights, moments = state(path)
    whole = path.read_bytes()
    assert damage(path) is None
    read = {name: torch.full_like(weight, 9) for name, weight in weights.items()}
    kinds = {name: {"exp_avg": torch.zeros_like(weight)} for name, weight in weights.items()}
    progress = load_state(read, kinds, path)
    assert (progress.step, progress.seconds, list(progress.late)) == (
        7,
        1.5,
        ["weights-5.safetensors"],
    )
    assert all(torch.equal(read[name], weights[name]) for name in weights)
    assert all(torch.equal(kinds[name]["exp_avg"], moments[name]["exp_avg"]) for name in weights)
    for content in damaged(whole):
        path.write_bytes(content)
        assert content == whole or damage(path) is not None


def test_weights_saved_on_the_way_belong_to_a_state(tmp_path: Path) -> None:
    path = tmp_path / "training.safetensors"
    state(path)
    late = tmp_path / "weights-5.safetensors"
    whole = late.read_bytes()
    for content in damaged(whole, tries=20):
        late.write_bytes(content)
        assert damage(path) == "weights-5.safetensors differs from its digest"
    late.unlink()
    assert damage(path) == "weights-5.safetensors is missing"


ALIASES = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 12)
)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (ALIASES, rf"line 5: holds more than {VALUES:,} values, aliases expanded"),
        (f"a: {list(range(100_000))}", rf"line 1: holds more than {VALUES:,} values"),
        (f"a: {'[' * 3000}{']' * 3000}", rf"line 1: is nested deeper than {DEPTH} levels"),
        (f"a: {'[' * 300_000}", rf"line 1: is nested deeper than {DEPTH} levels"),
        ("- " * 300 + "x", rf"line 1: is nested deeper than {DEPTH} levels"),
        ("k: v\n" * 10_000_000, rf"is larger than {BYTES / 1e6:g} MB, no settings are"),
        ('name: "\\ud800"', r"line 1: '\\ud800' has half of a character, a lone surrogate"),
        ('"\\udfff": 3', r"line 1: '\\udfff' has half of a character"),
    ],
    ids=["aliases", "values", "nested", "open", "lists", "bytes", "surrogate", "key"],
)
def test_oversized_settings_are_refused_within_a_second(
    tmp_path: Path, text: str, message: str
) -> None:
    path = tmp_path / "x.yaml"
    path.write_text(text)
    began = time.process_time()
    (problem,) = read_yaml(path).problems
    assert time.process_time() - began < 1
    assert problem.startswith(str(path))
    assert re.search(message, problem)
    assert len(problem) < 300


def test_escapes_of_two_halves_are_one_character(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_text('name: "\\ud83d\\ude00"')
    assert read_yaml(path).values == {"name": "\U0001f600"}


def test_damaged_configurations_are_read_or_refused() -> None:
    whole = (kit.ROOT / "config/smoke.yaml").read_bytes()
    default = kit.ROOT / "config/config.yaml"
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x.yaml"
        for content in damaged(whole, tries=60):
            path.write_bytes(content)
            result = outcome(lambda: load_study([default, path]))
            assert result is UserError or isinstance(result, Study)


def test_a_study_of_too_many_members_is_refused_at_once() -> None:
    began = time.process_time()
    with pytest.raises(
        UserError, match=r"seeds give [\d,]+ members, and a study has at most 10,000"
    ):
        load_study([kit.ROOT / "config/config.yaml"], {"seeds": {"init": list(range(9000))}})
    assert time.process_time() - began < 3


def test_messages_are_short(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_text("".join(f"k{i}: 1\n" for i in range(3000)) + f"name: {'x' * 100_000}\n")
    with pytest.raises(UserError) as caught:
        load_study([path])
    message = str(caught.value).replace(str(tmp_path), "")
    assert len(message) < 15_000
    assert message.count("Settings of this section") == 1
    assert "There are more mistakes" in message
