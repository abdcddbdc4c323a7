"""spectroscopy: which masks speak in members of `masks`."""

from typing import Any

import numpy as np
import torch

from manymasks.config.analyses import Spectroscopy, Statistics
from manymasks.corpora.processes.machine import Floats, Ints
from manymasks.models.transformer import Transformer
from manymasks.stages.drawn import documents, process_of
from manymasks.stages.members import members_of
from manymasks.stages.weights import load_members
from manymasks.statistics.members import classes
from manymasks.store.job import Job
from manymasks.training.device import choose_device
from manymasks.truth.spectroscopy import (
    AHEAD,
    Prompts,
    continued,
    explained,
    fit_rows,
    pair_rows,
    prompts_of,
    three_letters,
    weight_rows,
)
from manymasks.truth.splice import after_splice, changes, inertia_row, spliced


def make(job: Job) -> dict[str, Any]:
    """Write `mask_weights`, `mask_fit`, `mask_inertia` and `mask_pair`."""
    settings: Spectroscopy = job.setting("spectroscopy", Spectroscopy)
    statistics: Statistics = job.setting("statistics", Statistics)
    artifacts = job.inputs["training"]
    found = members_of(artifacts, [each.key for each in artifacts], job.settings["members"])
    device = choose_device(job.machine.device)
    _, known = process_of(job)
    tokens = documents(job, "measure", settings.documents)
    plain = prompts_of(known, tokens, settings.letters, "plain")
    before, after = settings.splice, after_splice(settings.splice)
    cut = spliced(settings.splices, before, np.random.default_rng(settings.seed))
    in_all = [before + each for each in after]
    two = prompts_of(known, cut.tokens, in_all, "spliced", cut.second)
    bayes = changes(two.posterior, cut.first, cut.second, after)
    inertia = [{"model": "bayes", **inertia_row(bayes, before, statistics)}]
    weights, fits, on_plain, off_letters, gaps = [], [], [], [], []
    for place, (training, member) in enumerate(found):
        job.report(place, len(found), "members")
        model = load_members([training], device)
        mine = {"model": member.model}
        for prompts in (plain, two):
            laws, off = _laws(model, prompts, settings.batch)
            of = explained(prompts, laws)
            gaps.append(of.gap)
            weights += [{**mine, **row} for row in weight_rows(prompts, of)]
            fits += [{**mine, **row} for row in fit_rows(prompts, of, statistics)]
            if prompts is plain:
                on_plain.append(of)
                off_letters.append(off.mean())
            else:
                letters = changes(of.weights, cut.first, cut.second, after)
                inertia.append({**mine, **inertia_row(letters, before, statistics)})
    members = [member for _, member in found]
    of_class = {label: places.tolist() for label, places in classes(members).items()}
    pairs = pair_rows(plain, of_class, [member.model for member in members], on_plain)
    job.write_table("mask_weights", weights)
    job.write_table("mask_fit", fits)
    job.write_table("mask_inertia", inertia)
    job.write_table("mask_pair", pairs)
    return {
        "members": len(found),
        "documents": len(tokens),
        # What members say that is no letter, within three letters: left out of their laws.
        "off_letters": float(np.mean(off_letters)),
        "gap": float(np.max(gaps)),
    }


def _laws(model: Transformer, prompts: Prompts, batch: int) -> tuple[Floats, Floats]:
    """ln of a member's laws (documents, prompts, 27), and what is no letter (documents, prompts).

    One pass for each length of prompt, over all documents and continuations.
    """
    found = [
        three_letters(_log_probabilities(model, continued(prompts.tokens, letters), batch))
        for letters in prompts.letters
    ]
    laws, off = zip(*found, strict=True)
    return np.stack(laws, 1), np.stack(off, 1)


def _log_probabilities(model: Transformer, tokens: Ints, batch: int) -> Floats:
    """(sequences, 3, vocabulary) after the last three tokens of each."""
    device = model.W_E.device
    parts = []
    with torch.no_grad():
        for part in torch.split(torch.from_numpy(tokens), batch):
            logits = model(part.unsqueeze(0).to(device), AHEAD)[0]
            parts.append(torch.log_softmax(logits.double(), -1).cpu())
    return torch.cat(parts).numpy()
