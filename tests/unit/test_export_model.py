"""manymasks export model: what `transformers` loads computes and writes what the member does."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import duckdb
import numpy as np
import pytest
import torch
from example_outside import CAUSAL, CONTEXT, SIZE, Results, key_of
from safetensors.torch import load_file

import kit
from manymasks.cli import main
from manymasks.config.training import Size, TokenizerSettings, Variant
from manymasks.models.arcee import ACTIVATIONS
from manymasks.store.manifest import write_manifest
from manymasks.tokens.standard import END_OF_TEXT, end_of_text_name, standard_json
from manymasks.tokens.tokenizer import Tokenizer, train, word_tokenizer

TEXT = "The quick brown fox jumps over the lazy dog; naïve café, 東京.\n"
BYTES = Tokenizer("bytes", 257, "")


@pytest.fixture
def results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Results]:
    monkeypatch.chdir(tmp_path)
    yield Results(tmp_path / "results", BYTES)


def export(key: str, capsys: pytest.CaptureFixture[str], folder: str = "out") -> str:
    """What the command prints, or its message."""
    main(["export", "model", key, folder])
    printed = capsys.readouterr()
    return printed.out + printed.err


# -------------------------------------------------------------------------------- the model


@pytest.mark.parametrize(
    ("size", "variant"),
    [
        (SIZE, CAUSAL),
        (SIZE.model_copy(update={"activation": "relu2", "rotary_base": 500.0}), CAUSAL),
        (Size(width=24, layers=1, heads=3, mlp=2, embedding_sd=1.0), Variant(gradient="myopic")),
    ],
    ids=["gelu", "relu2 and low base", "narrow and myopic"],
)
def test_logits_are_those_of_the_member(
    results: Results, capsys: pytest.CaptureFixture[str], size: Size, variant: Variant
) -> None:
    transformers = pytest.importorskip("transformers", reason="needs the extra hf")
    model = results.member(size, variant)
    printed = export(key_of(16)[:11], capsys)
    assert "ArceeForCausalLM" in printed
    loaded = transformers.AutoModelForCausalLM.from_pretrained("out")
    tokens = torch.from_numpy(np.random.default_rng(0).integers(0, 257, (3, CONTEXT)))
    with torch.no_grad():
        expected = model(tokens[None])[0]
        logits = loaded(tokens).logits
    assert expected.abs().max() > 5
    assert (logits - expected).abs().max() < 5e-5
    begin = tokens[:1, :5]
    greedy = loaded.generate(begin, do_sample=False, max_new_tokens=12, eos_token_id=-1)
    written = begin
    with torch.no_grad():
        for _ in range(12):
            written = torch.cat((written, model(written[None])[0, :, -1].argmax(-1)[None]), 1)
    assert greedy.tolist() == written.tolist()


def test_the_folder_is_whole_and_made_without_transformers(
    results: Results, capsys: pytest.CaptureFixture[str]
) -> None:
    model = results.member()
    export("mine/rotary-4/causal/i0-o0", capsys)
    weights = load_file("out/model.safetensors")
    assert sum(weight.numel() for weight in weights.values()) == sum(
        weight.numel() for weight in model.weights_of(0).values()
    )
    config = json.loads(Path("out/config.json").read_text())
    assert config["hidden_act"] == ACTIVATIONS["gelu"]
    assert (config["vocab_size"], config["max_position_embeddings"]) == (257, CONTEXT)
    generation = json.loads(Path("out/generation_config.json").read_text())
    assert generation["eos_token_id"] == 0
    card = Path("out/README.md").read_text()
    for text in (key_of(16), "a fox", "none needed", "Not evaluated", "no database", '"width": 16'):
        assert text in card
    # An export replaces an earlier one.
    assert "ArceeForCausalLM" in export(key_of(16), capsys)


def test_the_card_names_the_study_of_the_member(
    results: Results, capsys: pytest.CaptureFixture[str]
) -> None:
    results.member()
    folder = results.root / "report" / key_of(40)
    folder.mkdir(parents=True)
    (folder / "report.html").write_text("page")
    made = kit.manifest("report", key=key_of(40), settings={"study": {"name": "of foxes"}})
    write_manifest(folder / "manifest.json", made)
    (results.root / "report.html").symlink_to(folder / "report.html")
    with duckdb.connect(str(results.root / "manymasks.duckdb")) as connection:
        connection.execute(
            "CREATE TABLE artifact (artifact VARCHAR, stage VARCHAR, is_current BOOLEAN);"
            "CREATE TABLE rashomon_member (artifact VARCHAR, rashomon_set VARCHAR, model VARCHAR, "
            "is_member BOOLEAN, excess_nats DOUBLE);"
            "CREATE TABLE rashomon_set (artifact VARCHAR, rashomon_set VARCHAR, members INTEGER, "
            "candidates INTEGER, eps_nats DOUBLE);"
        )
        connection.execute("INSERT INTO artifact VALUES (?, 'training', TRUE)", [key_of(16)])
    export(key_of(16), capsys)
    card = Path("out/README.md").read_text()
    assert "- Study: of foxes." in card
    assert "In none of the current study." in card


def test_what_cannot_be_exported_is_explained(
    results: Results, capsys: pytest.CaptureFixture[str]
) -> None:
    results.member()
    results.member(SIZE.model_copy(update={"positions": "learned"}))
    results.member(SIZE.model_copy(update={"mlp": 0}))
    results.member(variant=Variant(gradient="bigram"))
    results.member(status="failed")
    possible = "can be exported: mine/rotary-4/causal."
    assert "its positions are learned" in export(key_of(17), capsys)
    assert possible in export(key_of(17), capsys)
    assert "its blocks have no MLP" in export(key_of(18), capsys)
    assert "a bigram member does not read its own past" in export(key_of(19), capsys)
    assert "its training failed" in export(key_of(20), capsys)
    assert "no training in results has this label" in export("ffff", capsys)
    assert "5 trainings match" in export("0000", capsys)
    assert main(["export", "model", key_of(16)]) == 1
    assert "manymasks export model KEY FOLDER" in capsys.readouterr().err
    Path("full").mkdir()
    Path("full/a.txt").write_text("mine")
    assert "is not an exported model" in export(key_of(16), capsys, "full")
    assert not Path("out").exists()
    shutil.rmtree("results/tokenizer")
    assert "is gone, and tokens/example was made from it" in export(key_of(16), capsys)


# ----------------------------------------------------------------------------- the tokenizer


@pytest.mark.parametrize("kind", ["bytes", "characters", "bpe", "words"])
def test_tokens_have_the_same_numbers(kind: str) -> None:
    library = pytest.importorskip("tokenizers")
    if kind == "words":
        tokenizer, texts = word_tokenizer(["END", "a", "b"]), ["a b b a", ""]
    else:
        settings = TokenizerSettings(kind=kind, vocabulary=265)  # type: ignore[arg-type]
        tokenizer, texts = train(settings, [TEXT * 9]), [TEXT, "", " fox\n\n the  "]
    plain = library.Tokenizer.from_str(standard_json(tokenizer))
    assert plain.get_vocab_size() == tokenizer.vocabulary
    for text, expected in zip(texts, tokenizer.encode(texts), strict=True):
        encoded = plain.encode(text).ids
        assert encoded == expected.tolist()
        assert plain.decode(encoded) == text
    assert plain.token_to_id(end_of_text_name(tokenizer)) == tokenizer.end_of_text == 0
    assert plain.encode(END_OF_TEXT).ids == [0]


def test_an_unknown_character_is_one_token() -> None:
    library = pytest.importorskip("tokenizers")
    tokenizer = train(TokenizerSettings(kind="characters"), ["abc"])
    plain = library.Tokenizer.from_str(standard_json(tokenizer))
    assert plain.encode("aéc").ids == tokenizer.encode(["aéc"])[0].tolist() == [2, 1, 4]
