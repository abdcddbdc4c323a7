"""pretrained: a checkpoint of `transformers` as a member: verified, and read once."""

import json
import math
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch

from manymasks.downloads.download import verify_pinned
from manymasks.downloads.hub import HubRevision, fetch_hub
from manymasks.errors import UserError
from manymasks.models.hugging_face import CausalModel, check_folder, load_causal
from manymasks.models.pretrained_stack import PretrainedStack
from manymasks.stages.inputs.models import FOLDER
from manymasks.store.canonical import digest
from manymasks.store.job import Job
from manymasks.tokens.shards import TokenStream
from manymasks.tokens.tokenizer import Tokenizer, load
from manymasks.training.device import choose_device

TOKENIZER = "tokenizer.json"


def make(job: Job) -> dict[str, Any]:
    """Write the folder `model`, and the tables `model` and `pretrained_model`. A checkpoint with a
    loss that is not finite is complete too: its status `failed` keeps it out of every set."""
    folder = job.folder / FOLDER
    folder.mkdir()
    for name, path in _files(job):
        _link(path, folder / name)
    settings = job.settings
    config = check_folder(folder, remote_code=settings["remote_code"])
    tokenizer = load(job.input("tokenizer").file("tokenizer.json"))
    _check_tokens(job, folder, tokenizer)
    device = choose_device(job.hardware.device)
    model = load_causal(
        folder,
        device,
        settings["dtype"],
        settings["device_map"],
        remote_code=settings["remote_code"],
    )
    _check_shape(job, model, tokenizer)
    nats = _nats(job, PretrainedStack([model], tokenizer.vocabulary, tokenizer.end_of_text))
    status = "trained" if math.isfinite(nats) else "failed"
    if status == "failed":
        job.say("failed: its loss on a window of the select split is not finite")
    parameters = sum(weight.numel() for weight in model.model.parameters())
    _write(job, config, model, status, parameters)
    return {
        "status": status,
        "vocabulary": tokenizer.vocabulary,
        "end_of_text": tokenizer.end_of_text,
        "longest": model.context,
        "parameters": parameters,
        "nats": nats if status == "trained" else None,
    }


def _files(job: Job) -> Iterator[tuple[str, Path]]:
    """Names of the files of a checkpoint and where they lie, once their digests are verified."""
    pinned: dict[str, str] = job.settings["files"]
    repository, revision = job.operational["repository"], job.operational["revision"]
    if repository is None:
        folder = Path(job.operational["path"]).expanduser()
        for name, sha256 in pinned.items():
            yield name, verify_pinned(folder / name, sha256, job.arm["corpus"])
        return
    source = HubRevision(repository, revision, "model")
    paths = fetch_hub(source, pinned, job.layout.downloads, job.say)
    yield from zip(pinned, paths, strict=True)


def _link(source: Path, target: Path) -> None:
    """A second name of a file, or a copy on another disk."""
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(source.resolve(), target)
    except OSError:
        shutil.copyfile(source, target)


def _check_tokens(job: Job, folder: Path, tokenizer: Tokenizer) -> None:
    """Raises UserError if the checkpoint has a tokenizer with other tokens than the corpus."""
    path = folder / TOKENIZER
    if not path.is_file():
        job.say(f"has no {TOKENIZER}: that its tokens are those of the study is taken on trust")
        return
    theirs, ours = _tokens_of(path.read_text(encoding="utf-8")), _tokens_of(tokenizer.definition)
    if theirs != ours:
        different = [name for name in sorted(theirs.keys() | ours.keys())
                     if theirs.get(name) != ours.get(name)]  # fmt: skip
        raise UserError(
            f"{job.label}: its {TOKENIZER} has other tokens than the tokenizer of the study "
            f"({len(different):,} differ, such as '{different[0]}'). Members of one corpus read "
            "the same tokens: give each tokenizer a study of its own."
        )


def _tokens_of(definition: str) -> dict[str, int]:
    """Numbers of tokens, by what the tokenizer calls them."""
    content = json.loads(definition)
    vocabulary = content["model"].get("vocab", {})
    if isinstance(vocabulary, list):
        # A unigram model lists its pieces with their scores.
        vocabulary = {str(piece[0]): number for number, piece in enumerate(vocabulary)}
    added = {token["content"]: token["id"] for token in content.get("added_tokens") or []}
    return {**vocabulary, **added}


def _check_shape(job: Job, model: CausalModel, tokenizer: Tokenizer) -> None:
    context = job.settings["context"]
    if model.vocabulary < tokenizer.vocabulary:
        raise UserError(
            f"{job.label}: predicts {model.vocabulary:,} tokens, and the tokenizer of the study "
            f"has {tokenizer.vocabulary:,}. Set tokenizer to that of the checkpoint."
        )
    if model.context < context:
        raise UserError(
            f"{job.label}: reads at most {model.context} tokens (max_position_embeddings), and "
            f"training.context is {context}: lower it to {model.context} or less."
        )


@torch.no_grad()
def _nats(job: Job, stack: PretrainedStack) -> float:
    """Mean loss of one window of the select split."""
    stream = TokenStream.open(job.input("tokens").files("select/"))
    window = np.concatenate(([stream.end_of_text], stream.document(0)[: job.settings["context"]]))
    tokens = torch.from_numpy(window.astype(np.int64))[None, None].to(stack.W_U.device)
    losses, _ = stack.scores(tokens)
    return float(losses.double().mean())


def _write(
    job: Job, config: dict[str, Any], model: CausalModel, status: str, parameters: int
) -> None:
    settings = job.settings
    shared = {name: settings[name] for name in ("size", "variant", "dtype", "context", "labels")}
    row = {
        "model": job.key,
        "model_class": digest([shared, job.input("tokens").manifest.digest])[:12],
        **job.arm,
        "mixer": None,
        "gradient": "causal",
        "gamma": None,
        "seed_init": settings["seed_init"],
        "seed_order": settings["seed_order"],
        "method": "pretrained",
        "parent": None,
        "scale": None,
        "draw": None,
        "status": status,
        "failed_step": None,
        "parameters": parameters,
        "training_tokens": None,
        "learning_rate": None,
        "cost_seconds": None,
        "weights_sha256": _weights_sha256(settings["files"]),
    }
    repository = job.operational["repository"]
    origin = {
        "model": job.key,
        "source": repository or job.operational["path"],
        "revision": job.operational["revision"],
        "architecture": next(iter(config.get("architectures") or ()), config.get("model_type")),
        "dtype": settings["dtype"],
        "context": settings["context"],
        "longest": model.context,
        "logits": model.vocabulary,
        "step": settings["labels"].get("step"),
        "labels": json.dumps(settings["labels"]),
        "files": json.dumps(settings["files"]),
    }
    job.write_tables({"model": [row], "pretrained_model": [origin]})


def _weights_sha256(files: dict[str, str]) -> str:
    """The digest of the weights; of several files, that of their digests."""
    weights = [sha256 for name, sha256 in sorted(files.items()) if name.endswith(".safetensors")]
    return weights[0] if len(weights) == 1 else digest(weights)
