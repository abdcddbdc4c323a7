"""`import manymasks as mm`: models of studies and of transformers, and arrays of any source."""

import math
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from example_outside import CAUSAL, SIZE, Results, checkpoint
from example_results import write_results

import manymasks as mm
from manymasks.api import at_tokens
from manymasks.cli import main
from manymasks.database.load import load as load_database
from manymasks.errors import UserError
from manymasks.tokens.tokenizer import Tokenizer

ROOT = Path(__file__).parents[2]
GUIDE = ROOT / "docs/guides/notebook.md"
TEXT = "Once upon a time there was a fox, and it was quick. " * 3
BYTES = Tokenizer("bytes", 257, "")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("mine.txt").write_text(TEXT)
    return tmp_path


def log_softmax(logits: np.ndarray) -> np.ndarray:
    return logits - np.log(np.exp(logits).sum(-1, keepdims=True))


# ------------------------------------------------------------------------------- the guide


def test_examples_of_the_guide_run(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("transformers", reason="needs the extra hf")
    results = Results(Path("results"), BYTES)
    for seed, name in enumerate("abcd"):
        results.member()
        architecture = ("gpt_neox", "llama")[seed % 2]
        # Small weights: losses are close to that of equally likely tokens.
        checkpoint(Path("checkpoints") / name, architecture, seed, initializer_range=0.02)
    database = write_results(folder / "made")
    load_database(database.root, database.current, Path("results/manymasks.duckdb"))
    blocks = python_blocks(GUIDE)
    assert python_blocks(ROOT / "README.md") == blocks[:1]
    assert len(blocks[0].splitlines()) <= 10
    scope: dict[str, object] = {}
    for block in blocks:
        # Members of the default study take longer to train than those of this test.
        adapted = block.replace("pydocs/base/causal", "mine/rotary-4/causal")
        exec(compile(adapted, str(GUIDE), "exec"), scope)
    printed = capsys.readouterr().out
    assert re.search(r"checkpoints/\w and checkpoints/\w on \d+ tokens: .* hidden 0\.\d+", printed)
    assert len(re.findall(r"^.* \| .* \| .* or .*$", printed, re.M)) == 3
    assert "[0 1]" in printed


def python_blocks(page: Path) -> list[str]:
    return re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), re.S)


# ------------------------------------------------------------------------------ its models


@pytest.mark.parametrize("architecture", ["gpt_neox", "llama"])
def test_laws_are_those_of_the_library(folder: Path, architecture: str) -> None:
    pytest.importorskip("transformers", reason="needs the extra hf")
    model = checkpoint(folder / "saved", architecture, 3)
    loaded = mm.load(folder / "saved")
    assert (loaded.context, loaded.vocabulary, loaded.start) == (32, 257, 0)
    ids = loaded.encode(TEXT)
    assert loaded.decode(ids) == TEXT
    log_p = loaded.log_probs(TEXT)
    assert log_p.shape == (len(ids), 257)
    read = torch.from_numpy(np.concatenate(([0], ids[:-1])))
    for begin in (0, 32, 64):
        with torch.no_grad():
            logits = model(read[None, begin : begin + 32]).logits[0]
        expected = torch.log_softmax(logits, -1).numpy()
        assert np.abs(log_p[begin : begin + 32] - expected).max() < 1e-5
    assert loaded.loss(ids) == pytest.approx(-log_p[np.arange(len(ids)), ids].mean(), abs=1e-6)
    greedy = model.generate(torch.tensor([[0, *ids[:5]]]), do_sample=False, max_new_tokens=6)
    expected = [int(token) for token in greedy[0, 6:] if token]
    assert loaded.generate(TEXT[:5], tokens=6) == loaded.decode(expected)
    drawn = [loaded.generate("a", tokens=6, temperature=1.0, seed=seed) for seed in (1, 1, 2)]
    assert drawn[0] == drawn[1] != drawn[2]


def test_logits_that_are_capped_are_not_taken_from_the_unembedding(folder: Path) -> None:
    pytest.importorskip("transformers", reason="needs the extra hf")
    model = checkpoint(folder / "saved", "granite", 3, logits_scaling=7.0)
    loaded = mm.load(folder / "saved")
    assert not loaded.has_plain_head
    with torch.no_grad():
        expected = torch.log_softmax(model(torch.tensor([[0, 5]])).logits[0], -1).numpy()
    assert np.abs(loaded.log_probs([5, 6]) - expected).max() < 1e-5


def test_an_exported_member_has_the_losses_and_divergences_of_the_member(folder: Path) -> None:
    pytest.importorskip("transformers", reason="needs the extra hf")
    results = Results(Path("results"), BYTES)
    for _ in range(2):
        results.member(SIZE, CAUSAL)
    members = mm.open().members("mine")
    outside = []
    for i, member in enumerate(members):
        assert main(["export", "model", member.name, f"out{i}"]) == 0
        outside.append(mm.load(f"out{i}"))
        assert outside[i].loss(TEXT) == pytest.approx(member.loss(TEXT), abs=1e-5)
        assert outside[i].generate("a", tokens=8) == member.generate("a", tokens=8)
    ours, theirs = mm.compare(*members, TEXT), mm.compare(*outside, TEXT)
    assert theirs.kl == pytest.approx(ours.kl, abs=1e-4)
    assert np.abs(theirs.js - ours.js).max() < 1e-4
    assert theirs.hidden == pytest.approx(ours.hidden, abs=1e-4)
    assert [row["position"] for row in ours.where(3)] == [
        row["position"] for row in theirs.where(3)
    ]


def test_a_comparison_agrees_with_its_formulas() -> None:
    generator = np.random.default_rng(0)
    p, q = (log_softmax(generator.normal(size=(5, 9))) for _ in range(2))
    true = generator.integers(0, 9, (5, 1))
    columns = at_tokens(*(torch.from_numpy(x) for x in (p, q, true))).numpy()
    kl = (np.exp(p) * (p - q)).sum(1)
    middle = np.log((np.exp(p) + np.exp(q)) / 2)
    js = ((np.exp(p) * (p - middle)).sum(1) + (np.exp(q) * (q - middle)).sum(1)) / 2
    expected = (
        -np.take_along_axis(p, true, 1)[:, 0],
        kl,
        js,
        np.abs(np.exp(p) - np.exp(q)).sum(1) / 2,
    )
    for row, values in zip((0, 2, 4, 5), expected, strict=True):
        assert np.allclose(columns[row], values)
    assert (columns[6] == p.argmax(1)).all()


def test_what_is_not_a_checkpoint_is_explained(folder: Path) -> None:
    pytest.importorskip("transformers", reason="needs the extra hf")
    with pytest.raises(UserError, match=r"nothing: there is no such folder\. .* hf download"):
        mm.load("nothing")
    Path("pickled").mkdir()
    with pytest.raises(UserError, match=r"config\.json: cannot be read"):
        mm.load("pickled")
    Path("pickled/config.json").write_text('{"model_type": "llama"}')
    with pytest.raises(UserError, match="it has no weights"):
        mm.load("pickled")
    Path("pickled/pytorch_model.bin").write_bytes(b"")
    with pytest.raises(UserError, match=r"pickles \(pytorch_model\.bin\).*save_pretrained"):
        mm.load("pickled")
    Path("pickled/model.safetensors").write_bytes(b"")
    Path("pickled/config.json").write_text('{"model_type": "x", "auto_map": {}}')
    with pytest.raises(UserError, match="names code to run"):
        mm.load("pickled")
    Path("pickled/config.json").write_text("[]")
    with pytest.raises(UserError, match="expected an object"):
        mm.load("pickled")
    Path("pickled/config.json").write_text('{"model_type": "unheard-of"}')
    with pytest.raises(UserError, match="cannot load it as a causal language model"):
        mm.load("pickled")
    with pytest.raises(UserError, match="there is no such folder"):
        mm.open("nowhere")
    Path("results").mkdir()
    with pytest.raises(UserError, match="no member in results"):
        mm.open().members("mine")
    checkpoint(Path("small"), "llama", 0)
    checkpoint(Path("large"), "llama", 0, vocabulary=300)
    with pytest.raises(UserError, match="have different tokens"):
        mm.compare(mm.load("small"), mm.load("large"), "abc")
    with pytest.raises(ValueError, match="has 0 to 256"):
        mm.load("small").log_probs([1, 257])


# ------------------------------------------------------------------------------------ arrays


def test_a_rashomon_set_of_losses() -> None:
    assert mm.rashomon_set(torch.tensor([2.0, 2.3, 2.01]), eps=0.02).members.tolist() == [0, 2]
    relative = mm.rashomon_set([2.0, 2.3, 2.01], eps=1, unit="percent")
    assert relative.eps_nats == pytest.approx(0.02)
    assert mm.rashomon_set([2.0, 2.3], eps=0.1, reference=2.25).members.tolist() == [0, 1]
    generator = np.random.default_rng(0)
    tokens = generator.integers(50, 90, 40).astype(float)
    nats = tokens * (2 + generator.normal(0, 0.1, (3, 40)))
    resampled = mm.rashomon_set(nats, eps=0.01, tokens=tokens)
    assert resampled.resampled_inside.shape[0] == 3
    assert 0 < resampled.resampled_inside.mean() < 1
    for losses, options in (
        ([1.0, math.nan], {}), (nats, {}), ([], {}), ([2.0], {"unit": "seed_sd"}),
        ([2.0], {"unit": "per cent"}), ([2.0], {"eps": -1}), ([2.0], {"reference": -1}),
    ):  # fmt: skip
        with pytest.raises(ValueError, match=r"^(?!.*pydantic)[^\n]*(finite|expected|two models)"):
            mm.rashomon_set(losses, **options)


def test_divergences_of_arrays() -> None:
    generator = np.random.default_rng(1)
    laws = [log_softmax(generator.normal(size=(7, 11))) for _ in range(3)]
    columns = mm.divergences([laws[0], torch.from_numpy(laws[1]), laws[2].astype(np.float32)])
    p = np.exp(laws)
    expected = np.array(
        [[(p[a] * (laws[a] - laws[b])).sum(1).mean() for b in range(3)] for a in range(3)]
    )
    assert np.allclose(columns["kl_ab"], expected, atol=1e-6)
    assert np.allclose(columns["kl"], (expected + expected.T) / 2, atol=1e-6)
    assert np.allclose(columns["entropy"], -(p * laws).sum(2).mean(1), atol=1e-6)
    mean = p.mean(0)
    information = -(mean * np.log(mean)).sum(1).mean() + (p * laws).sum(2).mean()
    assert columns["information"] == pytest.approx(information, abs=1e-6)
    assert "hidden" not in columns
    targets = generator.integers(0, 11, 7)
    difference = laws[0][np.arange(7), targets] - laws[1][np.arange(7), targets]
    full = mm.divergences(np.array(laws), targets)
    assert full["visible"][0, 1] == pytest.approx(difference.mean(), abs=1e-6)
    assert full["hidden"][0, 1] == pytest.approx(difference.var() / 2, abs=1e-6)
    with pytest.raises(ValueError, match="apply log_softmax"):
        mm.divergences(generator.normal(size=(2, 3, 4)))
    with pytest.raises(ValueError, match="expected \\(models, positions, vocabulary\\)"):
        mm.divergences([np.zeros(3)])


def test_answers_have_the_form_that_is_wanted(folder: Path) -> None:
    results = write_results(folder / "made")
    load_database(results.root, results.current, folder / "results/manymasks.duckdb")
    study = mm.open()
    table = study.sql("SELECT count(*) AS models FROM model")
    assert table.column_names == ["models"]
    frame = study.sql("SELECT size FROM model LIMIT 2", form="pandas")
    assert frame.shape == (2, 1)
    with pytest.raises(UserError, match=r"(?s)leaderbord.*manymasks sql --tables"):
        study.sql("SELECT * FROM leaderbord")
    with pytest.raises(UserError, match=r"(?s)sizes.*manymasks sql --describe NAME"):
        study.sql("SELECT sizes FROM model")
    with pytest.raises(ValueError, match="form 'panda': expected one of arrow, pandas, polars"):
        study.sql("SELECT 1", form="panda")
    assert repr(study).startswith("the study in results: ")
