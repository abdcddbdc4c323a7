"""evaluation: one member scored on the documents of select and measure."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from manymasks.arrays import Rows
from manymasks.config.analyses import Evaluation
from manymasks.evaluation.document_losses import Scores, score_documents
from manymasks.evaluation.loss_summary import position_losses, split_loss
from manymasks.stages.inputs.weights import load_members
from manymasks.store.job import Job
from manymasks.tokens.shards import TokenStream
from manymasks.training.device import choose_device, with_dummies

SPLITS = ("select", "measure")


def make(job: Job) -> dict[str, Any]:
    """Write sums.npz and the tables `model_loss`, `document_loss` and `position_loss`."""
    return make_many([job])[0]


def make_many(jobs: Sequence[Job]) -> Rows:
    """As `make`, for members of one shape that are scored in one stack."""
    for job in jobs:
        if job.input("training").figures["status"] != "trained":
            job.say("its training failed: there is nothing to score")
    scored = [job for job in jobs if job.input("training").figures["status"] == "trained"]
    scores: dict[str, dict[str, Scores]] = {}
    for together in _together(scored):
        scores |= _scores(together)
    return [_written(job, scores.get(job.key, {})) for job in jobs]


def _together(jobs: Sequence[Job]) -> list[Sequence[Job]]:
    """Those whose members are computed at once: a CPU gains nothing, and would hold all logits."""
    if jobs and choose_device(jobs[0].hardware.device).type == "cuda":
        return [jobs]
    return [[job] for job in jobs]


def _scores(jobs: Sequence[Job]) -> dict[str, dict[str, Scores]]:
    """Scores by key and split."""
    first = jobs[0]
    settings: Evaluation = first.setting("evaluation", Evaluation)
    device = choose_device(first.hardware.device)
    trainings = [job.input("training") for job in jobs]
    pasts = [job.input("past") for job in jobs if "past" in job.inputs]
    trainings, pasts = (with_dummies(each, first.hardware, device) for each in (trainings, pasts))
    model = load_members(trainings, device)
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
        for job, each in zip(jobs, scores[: len(jobs)], strict=True):
            found[job.key][split] = each
    return found


def _written(job: Job, scores: dict[str, Scores]) -> dict[str, Any]:
    """Write a member's sums and tables; its figures."""
    settings: Evaluation = job.setting("evaluation", Evaluation)
    statistics = job.statistics
    training, tokens = job.input("training"), job.input("tokens")
    figures: dict[str, Any] = {"status": training.figures["status"], "model": training.key}
    if not scores:
        return figures
    context = training.manifest.settings["training"]["context"]
    edges = settings.position_edges
    sums: dict[str, Any] = {}
    model_rows, document_rows, position_rows = [], [], []
    for split, found in scores.items():
        stream = TokenStream.open(tokens.files(f"{split}/"))
        documents = stream.documents
        sums[f"{split}_nats"], sums[f"{split}_tokens"] = found.nats, found.tokens
        mine = {"model": training.key, "split": split}
        text_bytes = int(stream.bytes.sum())
        loss = split_loss(found.nats, found.tokens, text_bytes, statistics)
        top1 = found.top1.sum() / loss["tokens"]
        model_rows.append({**mine, **loss, "top1": top1, "bytes": text_bytes})
        nats, counts = found.nats.sum(1), found.tokens.sum(1)
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
        by_position = position_losses(found.nats, found.tokens, edges, context)
        position_rows += [{**mine, **row} for row in by_position]
        figures[f"{split}_nats"] = float(loss["nats"])
    np.savez(job.folder / "sums.npz", edges=np.array(edges), **sums)
    figures["context"] = context
    job.write_table("model_loss", model_rows)
    job.write_table("document_loss", document_rows)
    job.write_table("position_loss", position_rows)
    return figures
