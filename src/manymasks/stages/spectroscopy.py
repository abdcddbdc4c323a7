"""spectroscopy: which mixture of masks each member of `masks` predicts, and how fast it changes."""

from typing import Any

import numpy as np

from manymasks.arrays import Floats, Rows
from manymasks.config.analyses import Spectroscopy
from manymasks.stages.inputs.member_models import member_models
from manymasks.stages.inputs.members import members_of
from manymasks.stages.inputs.process_documents import process_documents, process_of
from manymasks.statistics.model_classes import classes, seeds_of
from manymasks.store.job import Job
from manymasks.truth import spectroscopy
from manymasks.truth.member_laws import member_laws
from manymasks.truth.noise import class_rows
from manymasks.truth.splice import (
    inertia_row,
    letters_after_splice,
    letters_until_change,
    spliced_documents,
)


def make(job: Job) -> dict[str, Any]:
    """Write `mask_weights`, `mask_fit`, `mask_inertia`, `mask_pair` and `mask_class`."""
    settings: Spectroscopy = job.setting("spectroscopy", Spectroscopy)
    statistics = job.statistics
    _, members = members_of(job)
    _, process = process_of(job)
    tokens = process_documents(job, "measure", settings.documents)
    plain = spectroscopy.mask_prompts(process, tokens, settings.letters, "plain")
    before, after = settings.splice, letters_after_splice(settings.splice)
    cut = spliced_documents(settings.splices, before, np.random.default_rng(settings.seed))
    lengths = [before + letters for letters in after]
    spliced = spectroscopy.mask_prompts(process, cut.tokens, lengths, "spliced", cut.second)

    def inertia(model: str, weights: Floats) -> dict[str, Any]:
        letters = letters_until_change(weights, cut.first, cut.second, after)
        return {"model": model, **inertia_row(letters, before, statistics)}

    tables: dict[str, Rows] = {
        name: [] for name in ("mask_weights", "mask_fit", "mask_pair", "mask_class")
    }
    tables["mask_inertia"] = [inertia("bayes", spliced.posterior)]
    plain_fits: list[spectroscopy.MaskFit] = []
    other_tokens: list[float] = []
    gaps: list[float] = []
    for member, model in member_models(job):
        for prompts in (plain, spliced):
            laws, other = member_laws(model, prompts.tokens, prompts.letters, settings.batch)
            fit = spectroscopy.fit_masks(prompts, laws)
            gaps.append(fit.gap)
            for row in spectroscopy.weight_rows(prompts, fit):
                tables["mask_weights"].append({"model": member.model, **row})
            for row in spectroscopy.fit_rows(prompts, fit, statistics):
                tables["mask_fit"].append({"model": member.model, **row})
            if prompts is plain:
                plain_fits.append(fit)
                other_tokens.append(other.mean())
            else:
                tables["mask_inertia"].append(inertia(member.model, fit.weights))
    for positions in classes(members).values():
        keys = [members[i].model for i in positions]
        fits = [plain_fits[i] for i in positions]
        pairs = spectroscopy.pair_divergences(plain, fits)
        tables["mask_pair"] += spectroscopy.pair_rows(plain, keys, pairs, statistics)
        first = members[positions[0]]
        labels = {"corpus": first.corpus, "size": first.size, "variant": first.variant}
        seeds = seeds_of(members, positions)
        for row in class_rows(plain, fits, seeds, pairs, statistics):
            tables["mask_class"].append({**labels, **row})
    job.write_tables(tables)
    return {
        "members": len(members),
        "documents": len(tokens),
        # The probability of tokens other than letters, which is left out of the laws.
        "off_letters": float(np.mean(other_tokens)),
        "gap": float(np.max(gaps)),
    }
