"""candidates: members of a class derived from trained ones, scored like these."""

import time
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import torch
from torch import Tensor

from manymasks.arrays import Rows
from manymasks.config.analyses import Evaluation
from manymasks.config.rashomon import Derived
from manymasks.config.training import Size
from manymasks.evaluation.document_losses import Scores, score_documents
from manymasks.evaluation.loss_summary import split_loss
from manymasks.rashomon.derived import derived_weights, scale_reaching
from manymasks.stages.inputs.derived_members import empty_stack, stack_of
from manymasks.store.canonical import digest
from manymasks.store.job import Artifact, Job
from manymasks.tokens.shards import TokenStream
from manymasks.training.checkpoint import read_weights, set_weights
from manymasks.training.device import choose_device

SPLITS = ("select", "measure")
STACK = {"cpu": 1, "cuda": 8}
"""Members scored at once: a CPU gains nothing by more, and would hold the logits of all."""


def make(job: Job) -> dict[str, Any]:
    """Write sums.npz, with an axis of members, and the tables `model` and `model_loss`.

    The figure `members` lists them in the order of that axis, each with what it is made again
    from: `stages.derived`. There are none where all parents failed.
    """
    parents = {
        parent.key: parent
        for parent in job.inputs["training"]
        if parent.figures["status"] == "trained"
    }
    members: Rows = []
    seconds: list[float] = []
    device = choose_device(job.hardware.device)
    for parent in parents.values():
        for found, cost in _derived(job, parent, device):
            members.append(found)
            seconds.append(cost)
    figures = {"status": "trained" if members else "failed", "members": members}
    if not members:
        job.say("none of its parents ended with weights to derive from")
        return figures
    rows = [
        _row(parents[member["parent"]], member, cost)
        for member, cost in zip(members, seconds, strict=True)
    ]
    job.write_table("model", rows)
    _score(job, members, parents, device)
    return figures


def _derived(
    job: Job, parent: Artifact, device: torch.device
) -> Iterator[tuple[dict[str, Any], float]]:
    """Each member derived from a parent, and the seconds that finding it took."""
    settings: Derived = job.setting("derived", Derived)
    windows = None
    for method in settings.methods:
        if method == "checkpoint":
            steps = parent.manifest.settings["training"]["steps"]
            for step in parent.figures.get("late", ()):
                yield _named(job, parent, method, step / steps, None, step), 0.0
            continue
        if windows is None:
            windows = _windows(job, parent, settings.windows, device)
        began = time.monotonic()
        draws = range(settings.seed, settings.seed + settings.draws)
        scale = _scale(parent, method, draws, windows, settings.eps)
        each = (time.monotonic() - began) / len(draws)
        job.say(f"{method} of {scale:.3g} loses {settings.eps:g} nats, found in {each:.2f} s each")
        for draw in draws:
            yield _named(job, parent, method, scale, draw, None), each


def _named(
    job: Job, parent: Artifact, method: str, scale: float, draw: int | None, step: int | None
) -> dict[str, Any]:
    """What a derived member is made again from, and its name, a digest of that and of the job."""
    key = digest([job.key, parent.key, method, scale, draw])[:12]
    how = {"method": method, "scale": scale, "draw": draw, "step": step}
    return {"model": key, "parent": parent.key, **how}


def _windows(job: Job, parent: Artifact, count: int, device: torch.device) -> Tensor:
    """(windows, context + 1) token ids of the select split."""
    stream = TokenStream.open(job.input("tokens").files("select/"))
    context = parent.manifest.settings["training"]["context"]
    return torch.from_numpy(stream.spread(count, context)).to(device)


def _scale(
    parent: Artifact, method: str, draws: Sequence[int], windows: Tensor, eps: float
) -> float:
    """The scale at which these draws lose eps on average; each evaluation is one stack."""
    weights = read_weights(parent.file("weights.safetensors"))
    size = Size.model_validate(parent.manifest.settings["size"])
    stack = empty_stack(parent, len(draws)).to(windows.device)
    single = empty_stack(parent, 1).to(windows.device)
    set_weights(single, 0, weights)
    own = single.nats(windows.unsqueeze(0)).double().item()
    several = windows.expand(len(draws), -1, -1)

    def excess(scale: float) -> float:
        for slot, draw in enumerate(draws):
            set_weights(stack, slot, derived_weights(weights, size, method, scale, draw))
        return stack.nats(several).double().mean().item() - own

    return scale_reaching(excess, eps, method)


def _row(parent: Artifact, member: dict[str, Any], seconds: float) -> dict[str, Any]:
    """A row of `model`: the parent's, with what is another's in its place."""
    (row,) = pq.read_table(parent.file("tables/model.parquet")).to_pylist()
    own = {name: member[name] for name in ("model", "parent", "method", "scale", "draw")}
    if member["step"] is not None:
        training = parent.manifest.settings["training"]
        row["training_tokens"] = member["step"] * training["batch"] * training["context"]
    return {**row, **own, "cost_seconds": round(seconds, 3), "weights_sha256": None}


def _score(
    job: Job,
    members: Sequence[dict[str, Any]],
    parents: dict[str, Artifact],
    device: torch.device,
) -> None:
    """Write the sums and losses of all on the documents of select and measure."""
    settings: Evaluation = job.setting("evaluation", Evaluation)
    statistics = job.statistics
    first = parents[members[0]["parent"]]
    context = first.manifest.settings["training"]["context"]
    streams = {split: TokenStream.open(job.input("tokens").files(f"{split}/")) for split in SPLITS}
    scores: dict[str, list[Scores]] = {split: [] for split in SPLITS}
    width = STACK[device.type]
    for begin in range(0, len(members), width):
        model = stack_of(members[begin : begin + width], parents, device)
        for split, stream in streams.items():
            scores[split] += score_documents(
                model,
                [stream.document(i) for i in range(len(stream.documents))],
                context=context,
                end_of_text=stream.end_of_text,
                edges=settings.position_edges,
                batch=settings.batch,
            )
        job.report(min(begin + width, len(members)), len(members), "members scored")
    sums: dict[str, Any] = {"edges": np.array(settings.position_edges)}
    rows = []
    for split, found in scores.items():
        text_bytes = int(streams[split].bytes.sum())
        sums[f"{split}_nats"] = np.stack([each.nats for each in found])
        sums[f"{split}_tokens"] = found[0].tokens
        for member, each in zip(members, found, strict=True):
            loss = split_loss(each.nats, each.tokens, text_bytes, statistics)
            top1 = each.top1.sum() / loss["tokens"]
            rows.append(
                {"model": member["model"], "split": split, **loss, "top1": top1}
                | {"bytes": text_bytes}
            )
    np.savez(job.folder / "sums.npz", **sums)
    job.write_table("model_loss", rows)
