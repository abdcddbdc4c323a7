"""probe: contexts of one family at all its severities, and their distance from training text."""

from itertools import islice
from typing import Any

import numpy as np
import numpy.typing as npt

from manymasks.config.probes import Probe
from manymasks.corpora.documents import read_split
from manymasks.kinds.families import FAMILIES
from manymasks.probes.contexts import contexts
from manymasks.probes.distance import train_counts
from manymasks.stages.inputs.probe_output import write_probe
from manymasks.store.job import Job
from manymasks.tokens.shards import StreamDocuments, TokenStream
from manymasks.tokens.tokenizer import Tokenizer, load

ENCODED_AT_ONCE = 256
"""Documents of another corpus that are encoded at once."""


def make(job: Job) -> dict[str, Any]:
    """Write contexts.npz and the tables `probe` and `probe_distance`."""
    # The name of another corpus is in no key: the corpus is an input.
    other = {"corpus": "other"} if "other" in job.inputs else {}
    settings = Probe.model_validate({**job.settings["probe"], **other})
    tokens = job.input("tokens")
    streams = {split: TokenStream.open(tokens.files(f"{split}/")) for split in ("train", "measure")}
    train = streams["train"]
    unigrams = train_counts(train.pieces(), train.vocabulary)
    tokenizer = load(job.input("tokenizer").file("tokenizer.json"))
    made = contexts(
        settings,
        StreamDocuments(streams[FAMILIES[settings.family].split]),
        context=job.settings["context"],
        end_of_text=train.end_of_text,
        counts=unigrams,
        tokenizer=tokenizer,
        other=_other_tokens(job, tokenizer) if other else None,
    )
    return write_probe(job, settings, made, train, unigrams)


def _other_tokens(job: Job, tokenizer: Tokenizer) -> npt.NDArray[np.uint32]:
    """The measure split of the other corpus in this one's tokens, each document with an end. Any
    split would do: nothing was trained on it."""
    texts = read_split(job.input("other").file("documents.parquet"), "measure")
    end = np.array([tokenizer.end_of_text], dtype=np.uint32)
    parts = [end[:0]]
    while batch := [text for _, text in islice(texts, ENCODED_AT_ONCE)]:
        for ids in tokenizer.encode(batch):
            parts += [ids, end]
    tokens = np.concatenate(parts)
    unknown = tokenizer.unknown(tokens)
    if unknown:
        job.say(f"{unknown} of {len(tokens)} tokens of the other corpus are unknown")
    return tokens
