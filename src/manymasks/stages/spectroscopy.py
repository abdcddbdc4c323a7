"""spectroscopy: which masks speak in members of `masks`."""

from typing import Any

import numpy as np

from manymasks.arrays import FloatArray
from manymasks.config.analyses import Spectroscopy
from manymasks.evaluation.forward import log_probabilities
from manymasks.models.transformer import Transformer
from manymasks.stages.inputs.member_models import member_models
from manymasks.stages.inputs.members import members_of
from manymasks.stages.inputs.process_documents import documents, process_of
from manymasks.statistics.model_classes import classes
from manymasks.store.job import Job
from manymasks.truth.noise import class_rows
from manymasks.truth.spectroscopy import (
    AHEAD,
    Prompts,
    apart,
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
    """Write `mask_weights`, `mask_fit`, `mask_inertia`, `mask_pair` and `mask_class`."""
    settings: Spectroscopy = job.setting("spectroscopy", Spectroscopy)
    statistics = job.statistics
    _, members = members_of(job)
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
    for member, model in member_models(job):
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
    pairs, wholes = [], []
    for places in classes(members).values():
        keys, said = [members[i].model for i in places], [on_plain[i] for i in places]
        differ = apart(plain, said)
        pairs += pair_rows(plain, keys, differ, statistics)
        one = members[places[0]]
        named = {"corpus": one.corpus, "size": one.size, "variant": one.variant}
        wholes += [{**named, **row} for row in class_rows(plain, said, differ, statistics)]
    job.write_table("mask_weights", weights)
    job.write_table("mask_fit", fits)
    job.write_table("mask_inertia", inertia)
    job.write_table("mask_pair", pairs)
    job.write_table("mask_class", wholes)
    return {
        "members": len(members),
        "documents": len(tokens),
        # What members say that is no letter, within three letters: left out of their laws.
        "off_letters": float(np.mean(off_letters)),
        "gap": float(np.max(gaps)),
    }


def _laws(model: Transformer, prompts: Prompts, batch: int) -> tuple[FloatArray, FloatArray]:
    """ln of a member's laws (documents, prompts, 27), and what is no letter (documents, prompts).

    One pass for each length of prompt, over all documents and continuations.
    """
    found = [
        three_letters(log_probabilities(model, continued(prompts.tokens, letters), batch, AHEAD))
        for letters in prompts.letters
    ]
    laws, off = zip(*found, strict=True)
    return np.stack(laws, 1), np.stack(off, 1)
