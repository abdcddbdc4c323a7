"""ngram_baseline: the loss of unigram and bigram counts of the train split."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from manymasks.arrays import Ints, Rows
from manymasks.config.analyses import Evaluation
from manymasks.evaluation.loss_summary import position_losses, split_loss
from manymasks.myopia.ngram_baselines import BASELINES, count, score
from manymasks.store.job import Job
from manymasks.tokens.shards import TokenStream

SPLITS = ("select", "measure")
RUN_TOKENS = 2**22
"""Tokens counted at once."""


def make(job: Job) -> dict[str, Any]:
    """Write sums.npz and the tables `ngram_loss` and `ngram_position_loss`."""
    settings: Evaluation = job.setting("evaluation", Evaluation)
    context, edges = job.settings["context"], settings.position_edges
    train = TokenStream.open(job.input("tokens").files("train/"))
    counts = count(_runs(train, job), train.vocabulary)
    sums: dict[str, Any] = {"edges": np.array(edges)}
    tables: dict[str, Rows] = {"ngram_loss": [], "ngram_position_loss": []}
    figures: dict[str, Any] = {"pairs": int(counts.pairs.size), "context": context}
    for split in SPLITS:
        stream = TokenStream.open(job.input("tokens").files(f"{split}/"))
        documents = [stream.document(i) for i in range(len(stream.documents))]
        nats, tokens = score(
            counts, documents, context=context, end_of_text=stream.end_of_text, edges=edges
        )
        sums[f"{split}_tokens"] = tokens
        for name in BASELINES:
            sums[f"{split}_{name}"] = nats[name]
            labels = {"corpus": job.settings["corpus"], "baseline": name, "split": split}
            loss = split_loss(nats[name], tokens, int(stream.bytes.sum()), job.statistics)
            tables["ngram_loss"].append({**labels, **loss})
            by_position = position_losses(nats[name], tokens, edges, context)
            tables["ngram_position_loss"] += [{**labels, **row} for row in by_position]
            figures[f"{split}_{name}"] = loss["nats"]
    np.savez(job.folder / "sums.npz", **sums)
    job.write_tables(tables)
    return figures


def _runs(stream: TokenStream, job: Job) -> Iterator[Ints]:
    """The whole stream in runs that overlap by one token."""
    for begin in range(0, stream.tokens, RUN_TOKENS):
        length = min(RUN_TOKENS, stream.tokens - begin)
        yield stream.gather(np.array([begin]), length + 1)[0]
        job.report(begin + length, stream.tokens, "tokens counted")
