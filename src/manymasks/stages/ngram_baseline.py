"""floor: what unigram and bigram counts of the train split reach on select and measure."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from manymasks.arrays import IntArray
from manymasks.config.analyses import Evaluation
from manymasks.evaluation.loss_summary import position_losses, split_loss
from manymasks.myopia.ngram_baselines import BASELINES, count, score
from manymasks.store.job import Job
from manymasks.tokens.shards import TokenStream

SPLITS = ("select", "measure")
RUN = 2**22
"""Tokens counted at once."""


def make(job: Job) -> dict[str, Any]:
    """Write sums.npz and the tables `ngram_loss` and `ngram_position_loss`."""
    settings: Evaluation = job.setting("evaluation", Evaluation)
    statistics = job.statistics
    context, corpus = job.settings["context"], job.settings["corpus"]
    tokens = job.input("tokens")
    train = TokenStream.open(tokens.files("train/"))
    counts = count(_runs(train, job), train.vocabulary)
    edges = settings.position_edges
    sums: dict[str, Any] = {}
    rows, position_rows = [], []
    figures: dict[str, Any] = {"pairs": int(counts.pairs.size), "context": context}
    for split in SPLITS:
        stream = TokenStream.open(tokens.files(f"{split}/"))
        documents = [stream.document(i) for i in range(len(stream.documents))]
        nats, scored = score(
            counts, documents, context=context, end_of_text=stream.end_of_text, edges=edges
        )
        sums[f"{split}_tokens"] = scored
        for floor in BASELINES:
            sums[f"{split}_{floor}"] = nats[floor]
            mine = {"corpus": corpus, "baseline": floor, "split": split}
            loss = split_loss(nats[floor], scored, int(stream.bytes.sum()), statistics)
            rows.append({**mine, **loss})
            by_position = position_losses(nats[floor], scored, edges, context)
            position_rows += [{**mine, **row} for row in by_position]
            figures[f"{split}_{floor}"] = rows[-1]["nats"]
    np.savez(job.folder / "sums.npz", edges=np.array(edges), **sums)
    job.write_table("ngram_loss", rows)
    job.write_table("ngram_position_loss", position_rows)
    return figures


def _runs(stream: TokenStream, job: Job) -> Iterator[IntArray]:
    """The whole stream in runs, each of which begins with the last token of the one before."""
    for begin in range(0, stream.tokens, RUN):
        length = min(RUN, stream.tokens - begin)
        yield stream.gather(np.array([begin]), length + 1)[0]
        job.report(begin + length, stream.tokens, "tokens counted")
