"""config/corpora.yaml: the named corpora, and the overlays made of them."""

from pathlib import Path

import pytest

from manymasks.cli import main
from manymasks.config.corpora import DatasetCorpus
from manymasks.config.corpus_registry import NamedCorpus, read_registry
from manymasks.config.loading import load_study
from manymasks.errors import UserError

ROOT = Path(__file__).parents[2]
NAMED = read_registry(ROOT / "config/corpora.yaml")
ASKED = {
    "tinystories-v2", "wikitext-103-raw", "fineweb-edu-sample", "openwebtext", "minipile",
    "tinyshakespeare", "enwik8", "text8",
}  # fmt: skip


def test_the_usual_corpora_are_named() -> None:
    assert NAMED.keys() >= ASKED


@pytest.mark.parametrize("item", NAMED.values(), ids=NAMED)
def test_each_has_licence_citation_and_digests_or_is_marked(item: NamedCorpus) -> None:
    assert item.licence != "not stated"
    assert item.citation
    assert bool(item.sha256) == (item.digests != "on first use")
    if isinstance(item.corpus, DatasetCorpus):
        assert item.corpus.revision is not None


@pytest.mark.parametrize("name", NAMED)
def test_its_overlay_is_a_study(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(ROOT)
    assert main(["corpora", name]) == 0
    path = tmp_path / "my.yaml"
    path.write_text(capsys.readouterr().out)
    study = load_study([Path("config/config.yaml"), path])
    assert study.corpora == {name: NAMED[name].corpus}


def test_lists_what_is_cached(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(ROOT)
    (tmp_path / "downloads").mkdir()
    (tmp_path / "downloads" / NAMED["enwik8"].sha256[0]).write_text("")
    assert main(["corpora", "--results", str(tmp_path)]) == 0
    lines = {line.split()[0]: line for line in capsys.readouterr().out.splitlines() if line}
    assert "1 of 1 cached" in lines["enwik8"]
    assert "0 of 1 cached" in lines["tinyshakespeare"]
    assert "not pinned" in lines["minipile"]
    assert main(["corpora", "nothing"]) == 1


def test_a_registry_that_is_not_valid_is_explained(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("a: {summary: x}")
    with pytest.raises(UserError, match=r"a\.yaml: is not a registry"):
        read_registry(tmp_path / "a.yaml")
