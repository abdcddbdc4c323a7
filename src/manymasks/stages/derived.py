"""derived: members derived from the trained ones of a class, and their losses."""

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
from manymasks.evaluation.document_losses import Scores, loss_columns, score_documents
from manymasks.rashomon.code_length import chosen_codes
from manymasks.rashomon.derived import derived_weights, scale_reaching
from manymasks.stages.inputs.derived_members import empty_stack, loss_on, stack_of
from manymasks.statistics.intervals import finite
from manymasks.store.canonical import digest
from manymasks.store.job import Artifact, Job
from manymasks.tokens.shards import TokenStream
from manymasks.training.checkpoint import read_weights, set_weights
from manymasks.training.device import choose_device

SPLITS = ("select", "measure")
STACK = {"cpu": 1, "cuda": 8}
"""Members scored at once: on a CPU a larger stack is no faster, and holds the logits of all."""


def make(job: Job) -> dict[str, Any]:
    """Write sums.npz, with an axis of members, and the tables `model`, `model_loss` and, for codes,
    `quantised_model`. The figure `members` lists the members in the order of that axis, each with
    the recipe of its weights for `stages.inputs.derived_members`; it is empty where all parents
    failed."""
    parents = {parent.key: parent for parent in job.inputs["training"] if parent.is_trained}
    device = choose_device(job.hardware.device)
    members: Rows = []
    rows: Rows = []
    coded: Rows = []
    for parent in parents.values():
        for member, seconds in _derive(job, parent, device):
            members.append(member)
            rows.append(_model_row(parent, member, seconds))
            if member["method"] == "quantised":
                coded.append(_code_row(parent, member))
    if not members:
        job.say("all parents failed in training: there are no weights to derive from")
        return {"status": "failed", "members": members}
    job.write_table("model", rows)
    if coded:
        job.write_table("quantised_model", coded)
    _score(job, members, parents, device)
    return {"status": "trained", "members": members}


def _derive(
    job: Job, parent: Artifact, device: torch.device
) -> Iterator[tuple[dict[str, Any], float]]:
    """The recipe of each member derived from a parent, and the seconds that finding it took."""
    settings: Derived = job.setting("derived", Derived)
    draws = range(settings.seed, settings.seed + settings.draws)
    for method in settings.methods:
        if method == "checkpoint":
            steps = parent.manifest.settings["training"]["steps"]
            for step in parent.figures.get("late", ()):
                yield _recipe(job, parent, method, step / steps, None, step), 0.0
            continue
        windows = _windows(job, parent, settings.windows, device)
        began = time.monotonic()
        if method == "quantised":
            codes = list(_codes(parent, settings, windows))
            seconds = (time.monotonic() - began) / len(codes)
            for aimed, code in codes:
                yield _recipe(job, parent, method, aimed, None, None) | code, seconds
            continue
        scale = _scale(parent, method, draws, windows, settings.eps)
        seconds = (time.monotonic() - began) / len(draws)
        job.say(
            f"{method} of {scale:.3g} loses {settings.eps:g} nats, found in {seconds:.2f} s each"
        )
        for draw in draws:
            yield _recipe(job, parent, method, scale, draw, None), seconds


def _codes(
    parent: Artifact, settings: Derived, windows: Tensor
) -> Iterator[tuple[float, dict[str, Any]]]:
    """For each rise that is aimed at, what gives the weights of the code of a parent that loses
    least on windows of select, with its bits and its rise there."""
    weights = read_weights(parent.file("weights.safetensors"))
    loss = loss_on(empty_stack(parent, 1).to(windows.device), windows)
    for chosen in chosen_codes(weights, settings.rises, loss, settings.seed):
        rounding = {"steps": chosen.steps, "offset": chosen.offset}
        yield (
            chosen.aimed,
            {**rounding, "bits": chosen.code.bits, "select_excess": chosen.select_excess},
        )


def _recipe(
    job: Job, parent: Artifact, method: str, scale: float, draw: int | None, step: int | None
) -> dict[str, Any]:
    """What determines a derived member, and its key, a digest of that and of the job."""
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
    stack = empty_stack(parent, len(draws)).to(windows.device)
    single = empty_stack(parent, 1).to(windows.device)
    set_weights(single, 0, weights)
    loss = single.nats(windows.unsqueeze(0)).double().item()
    stacked_windows = windows.expand(len(draws), -1, -1)

    def excess(scale: float) -> float:
        for slot, draw in enumerate(draws):
            set_weights(stack, slot, derived_weights(weights, method, scale, draw))
        return stack.nats(stacked_windows).double().mean().item() - loss

    return scale_reaching(excess, eps, method)


def _model_row(parent: Artifact, member: dict[str, Any], seconds: float) -> dict[str, Any]:
    """A row of `model`: that of the parent, with the recipe of the member."""
    (row,) = pq.read_table(parent.file("tables/model.parquet")).to_pylist()
    recipe = {name: member[name] for name in ("model", "parent", "method", "scale", "draw")}
    if member["step"] is not None:
        training = parent.manifest.settings["training"]
        row["training_tokens"] = member["step"] * training["batch"] * training["context"]
    return {**row, **recipe, "cost_seconds": round(seconds, 3), "weights_sha256": None}


def _code_row(parent: Artifact, member: dict[str, Any]) -> dict[str, Any]:
    """A row of `quantised_model`."""
    return {
        "model": member["model"],
        "bits": member["bits"],
        "bits_per_weight": member["bits"] / parent.figures["parameters"],
        "rounding_offset": member["offset"],
        "select_excess": finite(member["select_excess"]),
    }


def _score(
    job: Job, members: Sequence[dict[str, Any]], parents: dict[str, Artifact], device: torch.device
) -> None:
    """Write the sums and losses of all members on the documents of select and measure."""
    settings: Evaluation = job.setting("evaluation", Evaluation)
    parent = parents[members[0]["parent"]]
    streams = {split: TokenStream.open(job.input("tokens").files(f"{split}/")) for split in SPLITS}
    scores: dict[str, list[Scores]] = {split: [] for split in SPLITS}
    width = STACK[device.type]
    for begin in range(0, len(members), width):
        model = stack_of(members[begin : begin + width], parents, device)
        for split, stream in streams.items():
            scores[split] += score_documents(
                model,
                [stream.document(i) for i in range(len(stream.documents))],
                context=parent.manifest.settings["training"]["context"],
                end_of_text=stream.end_of_text,
                edges=settings.position_edges,
                batch=settings.batch,
            )
        job.report(min(begin + width, len(members)), len(members), "members scored")
    sums: dict[str, Any] = {"edges": np.array(settings.position_edges)}
    rows: Rows = []
    for split, stream in streams.items():
        sums[f"{split}_nats"] = np.stack([member_scores.nats for member_scores in scores[split]])
        sums[f"{split}_tokens"] = scores[split][0].tokens
        for member, member_scores in zip(members, scores[split], strict=True):
            loss = loss_columns(member_scores, int(stream.bytes.sum()), job.statistics)
            rows.append({"model": member["model"], "split": split, **loss})
    np.savez(job.folder / "sums.npz", **sums)
    job.write_table("model_loss", rows)
