"""manymasks pin: what it writes into a configuration, and what it leaves as it was."""

import hashlib
from pathlib import Path
from typing import Any

import pytest
import yaml

from manymasks.cli import main
from manymasks.config.yaml_editing import NotEditable, block, with_settings

ROOT = Path(__file__).parents[2]
BLOCK = """\
# A study.
name: mine   # its name
corpora:
  "*": null
  chat:
    # where it is from
    kind: dataset
    path: texts  # a folder
    files:       # old
      a.txt: 00
      # inside
      b.txt: 11
    # after the files
    split: train

  other: {kind: pydocs}
# the end
"""
VALUES: dict[str, Any] = {
    "revision": "1" * 40,
    "data_files": {"train": ["a b.txt", "x: y"], "test": ["1e5"]},
    "files": {"a b.txt": "0" * 64, "yes": "e1" * 32, "é": "2" * 64},
}


def test_settings_are_written_and_all_other_lines_stay() -> None:
    text = with_settings(BLOCK, ("corpora", "chat"), VALUES)
    loaded = yaml.safe_load(text)
    assert {name: loaded["corpora"]["chat"][name] for name in VALUES} == VALUES
    for line in BLOCK.splitlines():
        if line.strip().split(":")[0] not in ("files", "a.txt", "# inside", "b.txt"):
            assert line in text.splitlines(), line
    assert with_settings(text, ("corpora", "chat"), VALUES) == text
    without = with_settings(text, ("corpora", "chat"), dict.fromkeys(VALUES))
    assert yaml.safe_load(without)["corpora"]["chat"] == {
        "kind": "dataset", "path": "texts", "split": "train",
    }  # fmt: skip


@pytest.mark.parametrize(
    "text",
    [
        "corpora: {chat: {kind: dataset, files: {a: b}, path: p}} # c\n",
        "corpora:\n  chat: {files: {a: b}, kind: dataset}",
        "corpora:\n  chat: {kind: dataset,\n    files: {a: b}}\n",
        "corpora:\n  chat:\n    kind: dataset",
        "corpora:\n  chat:\n    files: {}\n    path: |\n      p\n",
        "corpora:\n    chat:\n        path: p\n        files:\n            a: b\n",
        "corpora:\n  chat:\n    data_files:\n    - a\n    - b\n    path: p\n",
    ],
)
def test_every_form_of_a_mapping_is_edited(text: str) -> None:
    before = yaml.safe_load(text)["corpora"]["chat"]
    after = yaml.safe_load(with_settings(text, ("corpora", "chat"), VALUES))["corpora"]["chat"]
    assert after == {**before, **VALUES}


@pytest.mark.parametrize(
    "text",
    [
        "corpora: {}",
        "corpora:\n  chat: null\n",
        "a: &x {k: v}\ncorpora:\n  chat: *x\nb: *x\n",
        "[]",
    ],
)
def test_what_cannot_be_edited_is_refused(text: str) -> None:
    with pytest.raises(NotEditable):
        with_settings(text, ("corpora", "chat"), VALUES)


def test_a_block_reads_as_its_settings() -> None:
    assert yaml.safe_load(block(VALUES)) == VALUES


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "config").symlink_to(ROOT / "config")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts" / "a.txt").write_text("one\ntwo\n")
    return tmp_path


def overlay(folder: Path, corpus: str) -> Path:
    path = folder / "mine.yaml"
    path.write_text(
        f"name: mine\nprimary: []\ncorpora:\n  '*': null\n  chat: # mine\n{corpus}"
        "    kind: dataset\n"
    )
    return path


def test_a_folder_is_pinned_in_the_overlay_that_names_it(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = overlay(project, "    path: texts # a folder\n")
    before = path.read_text()
    assert main(["pin", "chat", "--configfile", str(path), "--dry-run"]) == 0
    assert path.read_text() == before
    assert main(["pin", "chat", "--configfile", str(path)]) == 0
    digest = hashlib.sha256(b"one\ntwo\n").hexdigest()
    assert f"a.txt: {digest}" in path.read_text().replace('"', "")
    assert "path: texts # a folder" in path.read_text()
    assert "corpora.chat is pinned to 1 file" in capsys.readouterr().out
    assert main(["plan", "--configfile", str(path), "--stage", "corpus"]) == 0
    assert "corpus/chat" in capsys.readouterr().out


def test_what_cannot_be_pinned_is_named(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = overlay(project, "    path: nowhere\n")
    for corpus, message in (
        ("nothing", "'nothing' is not a corpus. Corpora: chat"),
        ("chat", "path: 'nowhere' is neither a folder"),
    ):
        assert main(["pin", corpus, "--configfile", str(path)]) == 1
        assert message in capsys.readouterr().err
