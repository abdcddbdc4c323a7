"""tokenizer: trained on the train split of a corpus, or the words of a process."""

from typing import Any

from manymasks.config.training import TokenizerSettings
from manymasks.corpora.documents import read_split
from manymasks.store.job import Job
from manymasks.store.manifest import sha256_of
from manymasks.tokens.tokenizer import train, word_tokenizer


def make(job: Job) -> dict[str, Any]:
    """Write tokenizer.json and the table `tokenizer`; the figures are its one row."""
    documents = job.input("corpus").file("documents.parquet")
    if "words" in job.settings:
        # A process brings its vocabulary.
        tokenizer = word_tokenizer(job.settings["words"])
    else:
        settings: TokenizerSettings = job.setting("tokenizer", TokenizerSettings)
        tokenizer = train(settings, (text for _, text in read_split(documents, "train")))
    path = job.folder / "tokenizer.json"
    tokenizer.save(path)
    tokens = text_bytes = 0
    for _, text in read_split(documents, "select"):
        tokens += sum(ids.size for ids in tokenizer.encode_long([text]))
        text_bytes += len(text.encode())
    figures = {
        "corpus": job.label.partition("/")[2],
        "kind": tokenizer.kind,
        "vocabulary": tokenizer.vocabulary,
        "bytes_per_token": text_bytes / tokens,
        "sha256": sha256_of(path),
    }
    job.write_table("tokenizer", [figures])
    return figures
