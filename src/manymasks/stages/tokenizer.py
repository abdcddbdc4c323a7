"""tokenizer: trained on the train split of a corpus, pretrained, or the words of a process."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from manymasks.config.training import TOKENIZER_FILE, TokenizerSettings
from manymasks.corpora.documents import read_split, split_of
from manymasks.downloads.download import verify_pinned
from manymasks.downloads.hub import HubRevision, fetch_hub
from manymasks.store.job import Job
from manymasks.store.manifest import sha256_of
from manymasks.tokens.pretrained import read_pretrained
from manymasks.tokens.tokenizer import train, word_tokenizer

TRAINED_ON = 500 * 10**6
"""Bytes of text that BPE is trained on, about, at most."""


def make(job: Job) -> dict[str, Any]:
    """Write tokenizer.json and the table `tokenizer`; the figures are its one row."""
    documents = job.input("corpus").file("documents.parquet")
    if "words" in job.settings:
        # A process brings its vocabulary.
        tokenizer = word_tokenizer(job.settings["words"])
    else:
        values = {**job.settings["tokenizer"], **job.operational}
        settings = TokenizerSettings.model_validate(values)
        if settings.kind == "pretrained":
            tokenizer = read_pretrained(_file(settings, job), settings)
        else:
            tokenizer = train(settings, _texts(documents, settings, job))
    path = job.folder / "tokenizer.json"
    tokenizer.save(path)
    tokens = text_bytes = texts = altered = 0
    for _, text in read_split(documents, "select"):
        (ids,) = tokenizer.encode_long([text])
        tokens += ids.size
        text_bytes += len(text.encode())
        if tokenizer.kind == "pretrained":
            texts += 1
            altered += tokenizer.decode(ids) != text
    if altered:
        job.say(
            f"{altered} of {texts} documents of the select split come back from their tokens as "
            "another text: this tokenizer changes text or does not know parts of it, so losses are "
            "those of what it leaves"
        )
    figures = {
        "corpus": job.label.partition("/")[2],
        "kind": tokenizer.kind,
        "vocabulary": tokenizer.vocabulary,
        "bytes_per_token": text_bytes / max(tokens, 1),
        "sha256": sha256_of(path),
    }
    job.write_table("tokenizer", [figures])
    return figures


def _texts(documents: Path, settings: TokenizerSettings, job: Job) -> Iterator[str]:
    """Texts of the train split; for BPE, of about TRAINED_ON bytes of it, chosen by the hash of the
    id: the memory of its training grows with the number of distinct words."""
    size = job.input("corpus").figures["bytes"]
    share = TRAINED_ON / size if settings.kind == "bpe" and size > TRAINED_ON else 1.0
    if share < 1:
        job.say(f"trained on {share:.1%} of the documents of the train split")
    for name, text in read_split(documents, "train"):
        # `select` stands for a share of all ids, whatever their split.
        if share >= 1 or split_of(f"tokenizer {name}", share, 0.0) == "select":
            yield text


def _file(settings: TokenizerSettings, job: Job) -> Path:
    """The verified file of a pretrained tokenizer."""
    assert settings.sha256 is not None
    if settings.repository is None or settings.revision is None:
        return verify_pinned(Path(str(settings.path)).expanduser(), settings.sha256, "tokenizer")
    source = HubRevision(settings.repository, settings.revision, "model")
    files = {settings.path or TOKENIZER_FILE: settings.sha256}
    return fetch_hub(source, files, job.layout.downloads, job.say)[0]
