"""self_written: contexts that reference seeds write, by temperature."""

from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from manymasks.config.probes import Probe
from manymasks.models.member_model import MemberModel
from manymasks.models.text_reader import text_reader
from manymasks.probes.distance import train_counts
from manymasks.probes.self_written import Reading, Writer, self_written_contexts
from manymasks.probes.windows import Tokens
from manymasks.stages.inputs.models import load_models
from manymasks.stages.inputs.probe_output import write_probe
from manymasks.store.job import Job, NothingToCompare
from manymasks.tokens.shards import StreamDocuments, TokenStream
from manymasks.training.device import choose_device

BATCH = 64
"""Texts in one forward pass."""


def make(job: Job) -> dict[str, Any]:
    """Write contexts.npz and the tables `probe` and `probe_distance`. Raises NothingToCompare if
    all reference members failed in training."""
    settings: Probe = job.setting("probe", Probe)
    trained = [training for training in job.inputs["training"] if training.is_trained]
    if not trained:
        raise NothingToCompare(
            "all reference seeds failed in training: their losses became infinite or not a "
            "number. Lower the learning rate of their size or variant, or name other "
            "reference_seeds."
        )
    tokens = job.input("tokens")
    train = TokenStream.open(tokens.files("train/"))
    device = choose_device(job.hardware.device)
    with torch.no_grad():
        contexts = self_written_contexts(
            settings,
            StreamDocuments(TokenStream.open(tokens.files("measure/"))),
            [cached_writer(load_models([training], device), device) for training in trained],
            context=job.settings["context"],
            end_of_text=train.end_of_text,
            report=job.progress("tokens of each context"),
        )
    unigrams = train_counts(train.pieces(), train.vocabulary)
    figures = write_probe(job, settings, contexts, train, unigrams)
    return {**figures, "writers": len(trained)}


def cached_writer(model: MemberModel, device: torch.device) -> Writer:
    """A model as a writer of texts, with the keys and values of each cached."""

    def begin(texts: int, longest: int) -> Reading:
        sizes = [min(BATCH, texts - first) for first in range(0, texts, BATCH)]
        readers = [text_reader(model, size, longest) for size in sizes]

        def logits(new: Tokens) -> npt.NDArray[np.float32]:
            parts = torch.split(torch.from_numpy(new).to(device), sizes)
            outputs = [reader.read(part) for reader, part in zip(readers, parts, strict=True)]
            return np.asarray(torch.cat(outputs).float().cpu().numpy())

        return logits

    return begin
