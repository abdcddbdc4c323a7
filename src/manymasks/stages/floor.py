"""floor: what unigram and bigram counts of the train split reach on select and measure."""

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from manymasks.config.study import Evaluation, Statistics
from manymasks.myopia.floors import FLOORS, count, score
from manymasks.statistics.documents import document_weights, percentile_interval, ratio_resamples
from manymasks.statistics.intervals import finite
from manymasks.store.job import Job
from manymasks.tokens.shards import TokenStream

SPLITS = ("select", "measure")
RUN = 2**22
"""Tokens counted at once."""


def make(job: Job) -> dict[str, Any]:
    """Write sums.npz and the tables `floor_loss` and `floor_position_loss`."""
    settings: Evaluation = job.setting("evaluation", Evaluation)
    statistics: Statistics = job.setting("statistics", Statistics)
    context, corpus = job.settings["context"], job.settings["corpus"]
    tokens = job.input("tokens")
    train = TokenStream.open(tokens.files("train/"))
    counts = count(_runs(train, job), train.vocabulary)
    edges = settings.position_edges
    last = [edge - 1 for edge in edges[1:]] + [context - 1]
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
        weights = document_weights(len(documents), statistics.resamples, statistics.seed)
        by_document, total = scored.sum(1).astype(float), scored.sum(0)
        for floor in FLOORS:
            sums[f"{split}_{floor}"] = nats[floor]
            mine = {"corpus": corpus, "floor": floor, "split": split}
            own = nats[floor].sum(1)
            low, high = percentile_interval(
                ratio_resamples(own, by_document, weights), statistics.confidence
            )
            rows.append(
                {
                    **mine,
                    "nats": own.sum() / by_document.sum(),
                    "nats_low": finite(float(low)),
                    "nats_high": finite(float(high)),
                    "bits_per_byte": own.sum() / math.log(2) / int(stream.bytes.sum()),
                    "documents": len(documents),
                    "tokens": int(total.sum()),
                }
            )
            position_rows += [
                {
                    **mine,
                    "position_low": begin,
                    "position_high": end,
                    "nats": nats[floor][:, k].sum() / total[k] if total[k] else None,
                    "tokens": int(total[k]),
                }
                for k, (begin, end) in enumerate(zip(edges, last, strict=True))
            ]
            figures[f"{split}_{floor}"] = rows[-1]["nats"]
    np.savez(job.folder / "sums.npz", edges=np.array(edges), **sums)
    job.write_table("floor_loss", rows)
    job.write_table("floor_position_loss", position_rows)
    return figures


def _runs(stream: TokenStream, job: Job) -> Iterator[npt.NDArray[np.int64]]:
    """The whole stream in runs, each of which begins with the last token of the one before."""
    for begin in range(0, stream.tokens, RUN):
        length = min(RUN, stream.tokens - begin)
        yield stream.gather(np.array([begin]), length + 1)[0]
        job.report(begin + length, stream.tokens, "tokens counted")
