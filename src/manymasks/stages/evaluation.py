"""evaluation: one member scored on the documents of select and measure."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from manymasks.config.study import Evaluation, Statistics
from manymasks.evaluation.documents import Scores, score_documents
from manymasks.stages.weights import load_members
from manymasks.statistics.documents import document_weights, percentile_interval, ratio_resamples
from manymasks.statistics.intervals import finite
from manymasks.store.job import Job
from manymasks.tokens.shards import TokenStream
from manymasks.training.device import choose_device

SPLITS = ("select", "measure")


def make(job: Job) -> dict[str, Any]:
    """Write sums.npz and the tables `model_loss`, `document_loss` and `position_loss`."""
    return make_many([job])[0]


def make_many(jobs: Sequence[Job]) -> list[dict[str, Any]]:
    """As `make`, for members of one shape that are scored in one stack."""
    for job in jobs:
        if job.input("training").figures["status"] != "trained":
            job.say("its training failed: there is nothing to score")
    scored = [job for job in jobs if job.input("training").figures["status"] == "trained"]
    scores = _scores(scored) if scored else {}
    return [_written(job, scores.get(job.key, {})) for job in jobs]


def _scores(jobs: Sequence[Job]) -> dict[str, dict[str, Scores]]:
    """Scores by key and split."""
    first = jobs[0]
    settings: Evaluation = first.setting("evaluation", Evaluation)
    device = choose_device(first.machine.device)
    model = load_members([job.input("training") for job in jobs], device)
    pasts = [job.input("past") for job in jobs if "past" in job.inputs]
    past = load_members(pasts, device) if pasts else None
    context = first.input("training").manifest.settings["training"]["context"]
    found: dict[str, dict[str, Scores]] = {job.key: {} for job in jobs}
    for split in SPLITS:
        stream = TokenStream.open(first.input("tokens").files(f"{split}/"))
        scores = score_documents(
            model,
            [stream.document(i) for i in range(len(stream.documents))],
            context=context,
            end_of_text=stream.end_of_text,
            edges=settings.position_edges,
            batch=settings.batch,
            past=past,
            report=lambda done, total, split=split: first.report(  # type: ignore[misc]
                done, total, f"windows of {split}"
            ),
        )
        for job, each in zip(jobs, scores, strict=True):
            found[job.key][split] = each
    return found


def _written(job: Job, scores: dict[str, Scores]) -> dict[str, Any]:
    """Write a member's sums and tables; its figures."""
    settings: Evaluation = job.setting("evaluation", Evaluation)
    statistics: Statistics = job.setting("statistics", Statistics)
    training, tokens = job.input("training"), job.input("tokens")
    figures: dict[str, Any] = {"status": training.figures["status"], "model": training.key}
    if not scores:
        return figures
    context = training.manifest.settings["training"]["context"]
    last = [edge - 1 for edge in settings.position_edges[1:]] + [context - 1]
    sums: dict[str, Any] = {}
    model_rows, document_rows, position_rows = [], [], []
    for split, found in scores.items():
        stream = TokenStream.open(tokens.files(f"{split}/"))
        documents = stream.documents
        sums[f"{split}_nats"], sums[f"{split}_tokens"] = found.nats, found.tokens
        nats, counts = found.nats.sum(1), found.tokens.sum(1)
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
                "top1": found.top1.sum() / counts.sum(),
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
                "top1": int(found.top1[i]),
            }
            for i, name in enumerate(documents)
        ]
        total = found.tokens.sum(0)
        position_rows += [
            {
                **mine,
                "position_low": begin,
                "position_high": end,
                "nats": found.nats[:, k].sum() / total[k] if total[k] else None,
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
