"""evaluation: one member scored on the documents of select and measure."""

import math
from typing import Any

import numpy as np

from manymasks.config.study import Evaluation, Statistics
from manymasks.evaluation.documents import score_documents
from manymasks.stages.weights import load_member
from manymasks.statistics.documents import document_weights, percentile_interval, ratio_resamples
from manymasks.statistics.intervals import finite
from manymasks.store.job import Job
from manymasks.tokens.shards import TokenStream
from manymasks.training.device import choose_device

SPLITS = ("select", "measure")


def make(job: Job) -> dict[str, Any]:
    """Write sums.npz and the tables `model_loss`, `document_loss` and `position_loss`."""
    settings: Evaluation = job.setting("evaluation", Evaluation)
    statistics: Statistics = job.setting("statistics", Statistics)
    training, tokens = job.input("training"), job.input("tokens")
    figures: dict[str, Any] = {"status": training.figures["status"], "model": training.key}
    if figures["status"] != "trained":
        job.say("its training failed: there is nothing to score")
        return figures
    model = load_member(training, choose_device(job.machine.device))
    context = training.manifest.settings["training"]["context"]
    last = [edge - 1 for edge in settings.position_edges[1:]] + [context - 1]
    sums: dict[str, Any] = {}
    model_rows, document_rows, position_rows = [], [], []
    for split in SPLITS:
        stream = TokenStream.open(tokens.files(f"{split}/"))
        documents = [stream.document(i) for i in range(len(stream.documents))]
        scores = score_documents(
            model,
            documents,
            context=context,
            end_of_text=stream.end_of_text,
            edges=settings.position_edges,
            batch=settings.batch,
            report=lambda done, total, split=split: job.report(done, total, f"windows of {split}"),  # type: ignore[misc]
        )
        sums[f"{split}_nats"], sums[f"{split}_tokens"] = scores.nats, scores.tokens
        nats, counts = scores.nats.sum(1), scores.tokens.sum(1)
        weights = document_weights(len(documents), statistics.resamples, statistics.seed)
        low, high = percentile_interval(
            ratio_resamples(nats, counts, weights), statistics.confidence
        )
        text_bytes = int(stream.bytes.sum())
        mine = {"model": training.key, "split": split}
        model_rows.append(
            {
                **mine,
                "nats": nats.sum() / counts.sum(),
                "nats_low": finite(float(low)),
                "nats_high": finite(float(high)),
                "bits_per_byte": nats.sum() / math.log(2) / text_bytes,
                "top1": scores.top1.sum() / counts.sum(),
                "documents": len(documents),
                "tokens": int(counts.sum()),
                "bytes": text_bytes,
            }
        )
        document_rows += [
            {
                **mine,
                "document": name,
                "nats": nats[i],
                "tokens": int(counts[i]),
                "bytes": int(stream.bytes[i]),
                "top1": int(scores.top1[i]),
            }
            for i, name in enumerate(stream.documents)
        ]
        total = scores.tokens.sum(0)
        position_rows += [
            {
                **mine,
                "position_low": begin,
                "position_high": end,
                "nats": scores.nats[:, k].sum() / total[k] if total[k] else None,
                "tokens": int(total[k]),
            }
            for k, (begin, end) in enumerate(zip(settings.position_edges, last, strict=True))
        ]
        figures[f"{split}_nats"] = float(nats.sum() / counts.sum())
    np.savez(job.folder / "sums.npz", edges=np.array(settings.position_edges), **sums)
    figures["context"] = context
    job.write_table("model_loss", model_rows)
    job.write_table("document_loss", document_rows)
    job.write_table("position_loss", position_rows)
    return figures
