"""Pretrained tokenizers: the tokens of the library, files that are pinned, from disk or the Hub."""

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tokenizers
import yaml
from example_hub import COMMAND, FIRST, NAME, SECOND, hub, python
from tokenizers import decoders, models, normalizers, pre_tokenizers, trainers

from manymasks.cli import main
from manymasks.config.loading import load_study
from manymasks.config.training import TokenizerSettings
from manymasks.engine.job_file import description_of
from manymasks.engine.jobs import run_job
from manymasks.errors import UserError
from manymasks.plan.graph import Node, Plan, plan_study
from manymasks.stages import tokenizer as tokenizer_stage
from manymasks.stages import tokens as tokens_stage
from manymasks.store.layout import Layout
from manymasks.store.manifest import read_manifest
from manymasks.tokens.pretrained import read_pretrained
from manymasks.tokens.shards import TokenStream
from manymasks.tokens.tokenizer import Tokenizer, load

ROOT = Path(__file__).parents[2]
END = "<|endoftext|>"
TEXTS = [
    "The quick brown fox jumps over the lazy dog, again and again.\n\n",
    "naïve café  — 東京 \t\U0001f600 x = 1\n",
    f"{END} spells the end of text",
    "",
    "   ",
]
VOCABULARY = 280
"""Tokens without the special ones."""
SETTINGS = TokenizerSettings(kind="pretrained", path="tokenizer.json")


def byte_level(
    special: tuple[str, ...] = (END,), vocabulary: int = VOCABULARY
) -> tokenizers.Tokenizer:
    """A byte-level BPE whose special tokens come last, as those of GPT-2."""
    bpe = tokenizers.Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    bpe.train_from_iterator(["the quick brown fox jumps over the lazy dog " * 20], trainer)
    bpe.add_special_tokens(list(special))
    return bpe


def words() -> tokenizers.Tokenizer:
    """A list of lower-case words, in which much is unknown."""
    known = ["[UNK]", "[SEP]", "the", "quick", "brown", "fox", "one", "two", ":"]
    library = tokenizers.Tokenizer(
        models.WordLevel({name: i for i, name in enumerate(known)}, unk_token="[UNK]")
    )
    library.normalizer = normalizers.Lowercase()
    library.pre_tokenizer = pre_tokenizers.Whitespace()
    return library


def saved(library: tokenizers.Tokenizer, folder: Path, **changes: Any) -> Path:
    path = folder / "tokenizer.json"
    path.write_text(json.dumps(json.loads(library.to_str()) | changes), encoding="utf-8")
    return path


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


# ------------------------------------------------------------------------------ its tokens


def test_tokens_are_those_of_the_library(tmp_path: Path) -> None:
    library = byte_level()
    tokenizer = read_pretrained(saved(library, tmp_path), SETTINGS)
    size = library.get_vocab_size()
    assert (tokenizer.vocabulary, tokenizer.end_of_text) == (size, size - 1)
    library.encode_special_tokens = True
    expected = [encoding.ids for encoding in library.encode_batch(TEXTS)]
    assert [ids.tolist() for ids in tokenizer.encode(TEXTS)] == expected
    assert [ids.tolist() for ids in tokenizer.encode_long(TEXTS)] == expected
    assert [tokenizer.decode(ids) for ids in expected] == TEXTS
    assert tokenizer.decode([size - 1]) == END
    assert tokenizer.unknown(np.arange(size)) == 0


def test_it_is_saved_and_loaded_as_it_is(tmp_path: Path) -> None:
    tokenizer = read_pretrained(saved(byte_level(), tmp_path), SETTINGS)
    tokenizer.save(tmp_path / "saved.json")
    loaded = load(tmp_path / "saved.json")
    assert loaded == tokenizer
    loaded.save(tmp_path / "again.json")
    assert (tmp_path / "again.json").read_bytes() == (tmp_path / "saved.json").read_bytes()


def test_text_is_neither_cut_nor_filled_nor_encoded_by_chance(tmp_path: Path) -> None:
    library = byte_level()
    text = "the quick brown fox " * 50
    plain = library.encode(text).ids
    library.enable_truncation(8)
    library.enable_padding(length=4000)
    model = json.loads(library.to_str())["model"] | {"dropout": 0.5}
    tokenizer = read_pretrained(saved(library, tmp_path, model=model), SETTINGS)
    (ids,) = tokenizer.encode([text])
    assert ids.tolist() == plain
    assert tokenizer.encode_long([text, text[:9]])[0].tolist() == plain


PLAIN = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False}
"""A token of a `tokenizer.json` that is taken as it is written."""
LONG = ("The quick  brown fox\njumps.\t" * 4000) + "  end \n "
CHANGES: dict[str, dict[str, Any]] = {
    "as GPT-2": {},
    "with a normalizer": {"normalizer": {"type": "Lowercase"}},
    "with a space before": {
        "pre_tokenizer": {
            "type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True
        }
    },
    "without a pattern": {
        "pre_tokenizer": {
            "type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False
        }
    },
    "with a token across words": {
        "added_tokens": [
            {"id": VOCABULARY, "content": END, "special": True, **PLAIN},
            {"id": VOCABULARY + 1, "content": "quick  brown", "special": False, **PLAIN},
        ]
    },
}  # fmt: skip


@pytest.mark.parametrize("name", CHANGES)
def test_words_are_encoded_alone_only_where_that_changes_nothing(tmp_path: Path, name: str) -> None:
    path = saved(byte_level(), tmp_path, **CHANGES[name])
    tokenizer = read_pretrained(path, SETTINGS)
    library = tokenizers.Tokenizer.from_file(str(path))
    library.encode_special_tokens = True
    short = LONG[:5000]
    assert tokenizer.encode_long([short])[0].tolist() == library.encode(short).ids
    if name == "as GPT-2":
        assert tokenizer.encode_long([LONG])[0].tolist() == library.encode(LONG).ids


def test_bytes_of_the_first_tokens(tmp_path: Path) -> None:
    text = "The naïve brown fox, one two: 東京 fox the"
    for library in (byte_level(), words()):
        tokenizer = read_pretrained(saved(library, tmp_path), SETTINGS)
        (ids,) = tokenizer.encode([text])
        assert tokenizer.bytes_of_first(text, ids, len(ids)) == len(text.encode())
        sizes = [tokenizer.bytes_of_first(text, ids, n) for n in range(1, len(ids) + 1)]
        assert sizes == sorted(sizes)
    assert sizes[:3] == [3, len("The naïve".encode()), len("The naïve brown".encode())]


def test_unknown_words_are_counted(tmp_path: Path) -> None:
    tokenizer = read_pretrained(saved(words(), tmp_path), SETTINGS)
    (ids,) = tokenizer.encode(["The quick red FOX"])
    assert ids.tolist() == [2, 3, 0, 5]
    assert tokenizer.unknown(ids) == 1
    assert tokenizer.end_of_text == 1


def test_tokens_that_have_no_number_in_between_count_for_the_vocabulary(tmp_path: Path) -> None:
    library = byte_level(special=())
    added = [{"id": library.get_vocab_size(), "content": END, "special": True, **PLAIN}]
    model = json.loads(library.to_str())["model"]
    model["vocab"]["unreachable"] = 999
    tokenizer = read_pretrained(saved(library, tmp_path, added_tokens=added, model=model), SETTINGS)
    assert tokenizer.vocabulary == 1000
    tokenizer.save(tmp_path / "saved.json")
    assert load(tmp_path / "saved.json").vocabulary == 1000
    assert tokenizer.decode([997]) == ""


def test_the_end_of_text_has_a_usual_name_or_is_named(tmp_path: Path) -> None:
    path = saved(byte_level(special=("<pad>", "<stop>")), tmp_path)
    with pytest.raises(UserError, match=r"added tokens: <pad>, <stop>\. Set tokenizer.end_of_text"):
        read_pretrained(path, SETTINGS)
    named = SETTINGS.model_copy(update={"end_of_text": "<stop>"})
    assert read_pretrained(path, named).end_of_text == VOCABULARY + 1
    unknown = SETTINGS.model_copy(update={"end_of_text": "<nothing>"})
    with pytest.raises(UserError, match="'<nothing>' is not a token of"):
        read_pretrained(path, unknown)
    both = saved(byte_level(special=("</s>", END)), tmp_path)
    assert read_pretrained(both, SETTINGS).end_of_text == VOCABULARY + 1


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"{}", "is not a tokenizer.json that tokenizers"),
        (b'{"the": 0, "a": 1}', "AutoTokenizer.from_pretrained"),
        (b"\x0a\x0e\x00\xff", "is not a tokenizer.json"),
        (b"[]", "is not a tokenizer.json"),
        (b'{"model": {"type": "WordLevel", "vocab": {"</s>": 2000000}, "unk_token": "</s>"}}',
         "has 2,000,001 tokens; a tokenizer has from 2 to 1,000,000"),
    ],
)  # fmt: skip
def test_other_files_are_refused(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "tokenizer.json"
    path.write_bytes(content)
    with pytest.raises(UserError) as error:
        read_pretrained(path, SETTINGS)
    assert message in str(error.value)
    assert str(path) in str(error.value)


# ----------------------------------------------------------------------------- its settings


def study_of(folder: Path, tokenizer: dict[str, Any]) -> Plan:
    settings = {
        "corpora": {
            "mine": {"kind": "files", "paths": ["texts.txt"], "separator": "\n\n", "select": 0.3,
                     "measure": 0.3}
        },
        "tokenizer": tokenizer,
        "sizes": {"base": {"width": 8, "layers": 1, "heads": 1}},
        "variants": {"causal": {"gradient": "causal"}},
        "training": {"context": 16},
        "evaluation": {"position_edges": [0, 4]},
        "probes": {"held-out": {"family": "held-out", "windows": 8}},
        "analyses": [],
    }  # fmt: skip
    path = folder / "study.yaml"
    path.write_text(yaml.safe_dump(settings), encoding="utf-8")
    return plan_study(load_study([path]), folder)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    pieces = [f"one two {i}: " + "the quick brown fox " * (1 + i % 5) for i in range(60)]
    (tmp_path / "texts.txt").write_text("\n\n".join(pieces), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"kind": "pretrained"}, "path is missing: kind pretrained needs a tokenizer.json"),
        ({"kind": "bytes", "path": "t.json"}, "path belongs to kind pretrained, this one is bytes"),
        ({"kind": "pretrained", "path": "t", "revision": FIRST}, "revision belongs to a repo"),
        ({"kind": "pretrained", "repository": "gpt2"}, "tokenizer.repository must match"),
        ({"kind": "pretrained", "repository": NAME, "revision": "main"}, "revision must match"),
        ({"kind": "pretrained", "path": "t.json"},
         "tokenizer.sha256: is missing: a pretrained tokenizer is identified by the digest of its "
         "file. `manymasks pin tokenizer`"),
        ({"kind": "pretrained", "repository": NAME, "sha256": "0" * 64},
         "tokenizer.revision: is missing"),
        ({"kind": "pretrained", "path": "t.json", "sha256": "0" * 64},
         "t.json: cannot be read (No such file or directory). Restore the file, or correct path: "
         "`manymasks pin tokenizer`"),
    ],
)  # fmt: skip
def test_mistakes_are_told_when_a_study_is_planned(
    folder: Path, settings: dict[str, Any], message: str
) -> None:
    with pytest.raises(UserError) as error:
        study_of(folder, settings)
    assert message in str(error.value)


def test_the_digest_identifies_it_and_its_place_does_not(folder: Path) -> None:
    path = saved(byte_level(), folder)
    (folder / "other").mkdir()
    other = saved(byte_level(), folder / "other")
    settings = {"kind": "pretrained", "sha256": sha256(path)}

    def key(**more: Any) -> str:
        plan = study_of(folder, settings | more)
        return next(node.key for node in plan.nodes if node.stage == "tokenizer")

    assert key(path=path.name) == key(path=str(other)) == key(repository=NAME, revision=FIRST)
    assert key(path=path.name, end_of_text=END) != key(path=path.name)
    path.write_text(path.read_text() + "\n")
    with pytest.raises(UserError, match="is not the file that was pinned"):
        key(path=path.name)


# -------------------------------------------------------------------------------- its study


def node_of(plan: Plan, stage: str) -> Node:
    return next(node for node in plan.nodes if node.stage == stage)


def run_chain(plan: Plan) -> dict[str, dict[str, Any]]:
    """Run the jobs up to the tokens; their figures by stage."""
    layout = Layout(Path("results"))
    figures = {}
    for stage in ("corpus", "tokenizer", "tokens"):
        node = node_of(plan, stage)
        run_job(description_of(node, plan.study.hardware), layout)
        figures[stage] = read_manifest(layout.manifest(stage, node.key)).figures
    return figures


def test_a_study_has_its_tokens_and_its_end_of_text(folder: Path) -> None:
    path = saved(byte_level(), folder)
    settings = {"kind": "pretrained", "path": path.name, "sha256": sha256(path)}
    plan = study_of(folder, settings)
    figures = run_chain(plan)
    assert figures["tokenizer"]["kind"] == "pretrained"
    assert figures["tokenizer"]["vocabulary"] == VOCABULARY + 1
    assert (figures["tokens"]["vocabulary"], figures["tokens"]["end_of_text"]) == (
        VOCABULARY + 1,
        VOCABULARY,
    )
    node = node_of(plan, "tokens")
    stream = TokenStream.open([*(Path("results") / "tokens" / node.key).glob("train/*.arrow")])
    assert stream.end_of_text == VOCABULARY
    ids = np.concatenate(stream.values)
    assert (ids[stream.offsets[1:] - 1] == VOCABULARY).all()
    assert np.count_nonzero(ids == VOCABULARY) == len(stream.offsets) - 1
    tokenizer = read_pretrained(path, SETTINGS)
    assert "the quick brown fox" in tokenizer.decode(ids[:200])


def test_a_large_corpus_trains_a_tokenizer_by_a_share_of_it(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tokenizer_stage, "TRAINED_ON", 2000)
    texts: list[str] = []
    real = tokenizer_stage.train

    def train(settings: TokenizerSettings, given: Iterable[str]) -> Tokenizer:
        texts.extend(given)
        return real(settings, texts)

    monkeypatch.setattr(tokenizer_stage, "train", train)
    figures = run_chain(study_of(folder, {"kind": "bpe", "vocabulary": 258}))
    assert 0 < len(texts) < figures["corpus"]["train_documents"]
    assert sum(map(len, texts)) < 4000


def test_threads_give_the_same_tokens_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tokens_stage, "CHARACTERS_AT_ONCE", 50)
    documents = [(str(i), f"text {i} of many, " * (i % 7)) for i in range(100)]
    for kind, definition in (("bytes", ""), ("words", "EOT text of")):
        if kind == "words":
            documents = [(name, "text of") for name, _ in documents]
        tokenizer = Tokenizer(kind, 257 if kind == "bytes" else 3, definition)  # type: ignore[arg-type]
        expected = [(name, text, tokenizer.encode([text])[0].tolist()) for name, text in documents]
        for threads in (1, 3):
            batches = list(tokens_stage.encoded_batches(documents, tokenizer, threads))
            assert len(batches) > 5
            rows = [(name, text, ids.tolist()) for batch in batches for name, text, ids in batch]
            assert rows == expected


def test_text_that_does_not_come_back_is_said(folder: Path) -> None:
    path = saved(words(), folder)
    settings = {"kind": "pretrained", "path": path.name, "sha256": sha256(path)}
    plan = study_of(folder, settings)
    figures = run_chain(plan)
    logs = "".join(log.read_text() for log in Path("results").rglob("log.txt"))
    assert "documents of the select split come back from their tokens as another text" in logs
    assert figures["tokens"]["unknown"] > 0
    assert f"{figures['tokens']['unknown']} tokens are unknown" in logs


# ------------------------------------------------------------------------------ the command


def project(folder: Path, tokenizer: str) -> Path:
    (folder / "config").symlink_to(ROOT / "config")
    path = folder / "mine.yaml"
    path.write_text(f"name: mine\n# The tokens.\ntokenizer:\n{tokenizer}# the end\n")
    return path


def test_a_local_file_is_pinned(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = saved(byte_level(), folder)
    path = project(folder, "  kind: pretrained # here\n  path: tokenizer.json\n")
    assert main(["plan", "--configfile", str(path), "--stage", "tokenizer"]) == 1
    assert "manymasks pin tokenizer" in capsys.readouterr().err
    assert main(["pin", "tokenizer", "--configfile", str(path), "--dry-run"]) == 0
    printed = capsys.readouterr().out.replace('"', "")
    assert printed == f"tokenizer: 1 file\n  sha256: {sha256(file)}\n"
    assert main(["pin", "tokenizer", "--configfile", str(path)]) == 0
    assert "tokenizer is pinned to 1 file" in capsys.readouterr().out
    assert "  kind: pretrained # here\n" in path.read_text()
    assert main(["plan", "--configfile", str(path), "--stage", "tokenizer"]) == 0


def test_what_needs_no_pin_is_named(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = project(folder, "  kind: bytes\n")
    assert main(["pin", "tokenizer", "--configfile", str(path)]) == 1
    assert "tokenizer: is of kind bytes, and only `pretrained`" in capsys.readouterr().err
    path.write_text("name: mine\ntokenizer: {kind: pretrained, path: none.json}\n")
    assert main(["pin", "tokenizer", "--configfile", str(path)]) == 1
    assert "tokenizer.path: none.json cannot be read" in capsys.readouterr().err


# ---------------------------------------------------------------------------------- the hub

FETCH = """
import json, sys
from pathlib import Path
from manymasks.downloads.hub import HubRevision, fetch_hub
from manymasks.errors import UserError
try:
    source = HubRevision("owner/name", sys.argv[1], "model")
    print(fetch_hub(source, {"tokenizer.json": sys.argv[2]}, Path("downloads"))[0])
except UserError as error:
    sys.exit(f"UserError: {error}")
"""


@pytest.mark.parametrize("states_digests", [True, False])
def test_a_tokenizer_of_the_hub_is_pinned_and_fetched(folder: Path, states_digests: bool) -> None:
    content = saved(byte_level(), folder).read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    commits = {FIRST: {"tokenizer.json": b"{}"}, SECOND: {"tokenizer.json": content}}
    path = project(folder, f"  kind: pretrained\n  repository: {NAME}\n")
    with hub(holds="model", commits=commits, states_digests=states_digests) as (one, server):
        done = python(COMMAND, server.url, "pin", "tokenizer", "--configfile", str(path))
        assert done.returncode == 0, done.stderr
        assert yaml.safe_load(path.read_text())["tokenizer"] == {
            "kind": "pretrained", "repository": NAME, "revision": SECOND, "sha256": digest,
        }  # fmt: skip
        done = python(FETCH, server.url, SECOND, digest)
        assert done.stdout.strip() == f"downloads/{digest}", done.stderr
        one.damaged.add("tokenizer.json")
        done = python(FETCH, server.url, SECOND, "1" * 64)
        assert "has another digest than the study expects, twice" in done.stderr
        done = python(FETCH, server.url, "c" * 40, "1" * 64)
        assert f"the model has no revision {'c' * 40}" in done.stderr
    # The file is there: no network is needed.
    assert python(FETCH, server.url, SECOND, digest).returncode == 0


def test_a_job_takes_the_verified_file_of_the_hub(folder: Path) -> None:
    content = saved(byte_level(), folder).read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    downloads = Layout(Path("results")).downloads
    downloads.mkdir(parents=True)
    (downloads / digest).write_bytes(content)
    settings = {
        "kind": "pretrained", "repository": NAME, "revision": FIRST, "sha256": digest,
    }  # fmt: skip
    assert run_chain(study_of(folder, settings))["tokens"]["vocabulary"] == VOCABULARY + 1


def test_other_kinds_end_a_text_with_token_0() -> None:
    assert Tokenizer("bytes", 257, "").end_of_text == 0
