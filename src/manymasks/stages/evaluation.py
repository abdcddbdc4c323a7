"""evaluation: one member scored on the documents of select and measure."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from manymasks.arrays import Rows
from manymasks.config.analyses import Evaluation
from manymasks.evaluation.document_losses import (
    Scores,
    document_rows,
    loss_columns,
    score_documents,
)
from manymasks.evaluation.loss_summary import position_losses
from manymasks.stages.inputs.models import context_of, is_pretrained, load_models
from manymasks.stages.inputs.weights import load_members
from manymasks.store.job import Job
from manymasks.tokens.shards import TokenStream
from manymasks.training.device import choose_device, with_dummies

SPLITS = ("select", "measure")


def make(job: Job) -> dict[str, Any]:
    """Write sums.npz and the tables `model_loss`, `document_loss` and `position_loss`."""
    return make_many([job])[0]


def make_many(jobs: Sequence[Job]) -> list[dict[str, Any]]:
    """As `make`, for members of one shape that are scored in one stack."""
    trained = [job for job in jobs if job.input("training").is_trained]
    for job in jobs:
        if job not in trained:
            job.say("its training failed: there is nothing to score")
    scores: dict[str, dict[str, Scores]] = {}
    on_gpu = bool(trained) and choose_device(trained[0].hardware.device).type == "cuda"
    is_stack = on_gpu and not is_pretrained(trained[0].input("training"))
    # On a CPU one member at a time: stacks are no faster there, and hold more. Pretrained members
    # may be large.
    for stack in [trained] if is_stack else [[job] for job in trained]:
        scores |= _score(stack)
    return [_write(job, scores.get(job.key, {})) for job in jobs]


def _score(jobs: Sequence[Job]) -> dict[str, dict[str, Scores]]:
    """Scores by key and split."""
    first = jobs[0]
    settings: Evaluation = first.setting("evaluation", Evaluation)
    device = choose_device(first.hardware.device)
    trainings = [job.input("training") for job in jobs]
    pasts = [job.input("past") for job in jobs if "past" in job.inputs]
    model = load_models(with_dummies(trainings, first.hardware, device), device)
    past = load_members(with_dummies(pasts, first.hardware, device), device) if pasts else None
    scores: dict[str, dict[str, Scores]] = {job.key: {} for job in jobs}
    for split in SPLITS:
        stream = TokenStream.open(first.input("tokens").files(f"{split}/"))
        of_stack = score_documents(
            model,
            [stream.document(i) for i in range(len(stream.documents))],
            context=context_of(trainings[0]),
            end_of_text=stream.end_of_text,
            edges=settings.position_edges,
            batch=settings.batch,
            past=past,
            report=first.progress(f"windows of {split}"),
        )
        # Scores of dummies follow those of the jobs.
        for job, member_scores in zip(jobs, of_stack[: len(jobs)], strict=True):
            scores[job.key][split] = member_scores
    return scores


def _write(job: Job, scores: dict[str, Scores]) -> dict[str, Any]:
    """Write a member's sums and tables; its figures."""
    settings: Evaluation = job.setting("evaluation", Evaluation)
    training = job.input("training")
    figures: dict[str, Any] = {"status": training.figures["status"], "model": training.key}
    if not scores:
        return figures
    figures["context"] = context = context_of(training)
    edges = settings.position_edges
    sums: dict[str, Any] = {"edges": np.array(edges)}
    tables: dict[str, Rows] = {"model_loss": [], "document_loss": [], "position_loss": []}
    for split, split_scores in scores.items():
        stream = TokenStream.open(job.input("tokens").files(f"{split}/"))
        nats, tokens = split_scores.nats, split_scores.tokens
        sums |= {f"{split}_nats": nats, f"{split}_tokens": tokens}
        loss = loss_columns(split_scores, int(stream.bytes.sum()), job.statistics)
        figures[f"{split}_nats"] = float(loss["nats"])
        rows = {
            "model_loss": [loss],
            "document_loss": document_rows(split_scores, stream.documents, stream.bytes),
            "position_loss": position_losses(nats, tokens, edges, context),
        }
        for name, table in tables.items():
            table += [{"model": training.key, "split": split, **row} for row in rows[name]]
    np.savez(job.folder / "sums.npz", **sums)
    job.write_tables(tables)
    return figures
