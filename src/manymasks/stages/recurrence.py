"""recurrence: what can be read from members at matched dimension, and edits of recurrent states."""

from typing import Any

import numpy as np
import torch

from manymasks.arrays import Floats, Ints, Rows
from manymasks.config.analyses import Recurrence
from manymasks.errors import UserError
from manymasks.evaluation.forward import streams
from manymasks.models.transformer import Transformer, initialise
from manymasks.stages.inputs.member_models import member_models
from manymasks.stages.inputs.members import members_of
from manymasks.stages.inputs.process_documents import process_documents, process_of
from manymasks.store.job import Job
from manymasks.truth import belief
from manymasks.truth.state_patching import patch_rows
from manymasks.truth.state_reading import (
    PrincipalComponents,
    ReadingFit,
    Site,
    concatenated,
    even_positions,
    fit_on_components,
    reading_rows,
)
from manymasks.truth.state_statistics import state_statistic_rows
from manymasks.truth.state_vectors import read_outs, states_after, vectors_of
from manymasks.truth.write_effect import write_effect_rows

LEAST_DOCUMENTS = 4
"""With fewer, a half has a single document, and a fit no interval."""


def make(job: Job) -> dict[str, Any]:
    """Write `state_reading`, `state_patch`, `write_effect` and `state_statistic`. Raises UserError
    if all members failed, or the measure split has too few documents."""
    settings: Recurrence = job.setting("recurrence", Recurrence)
    _, members = members_of(job)
    _, process = process_of(job)
    tokens = process_documents(job, "measure", settings.documents)
    if len(tokens) < LEAST_DOCUMENTS:
        raise UserError(
            f"the measure split has {len(tokens)} documents: a fit uses one half of them and is "
            f"tested on the other, which takes {LEAST_DOCUMENTS}. Give the corpus more documents."
        )
    positions = even_positions(1, tokens.shape[1], settings.positions)
    posteriors = process.posteriors(tokens)
    permuted = belief.shuffled(posteriors, settings.seed)
    at_positions, shuffled = (
        {latent: values[:, positions] for latent, values in kind.items()}
        for kind in (posteriors, permuted)
    )
    last: dict[str, Any] = {
        "ridge": settings.ridge,
        "statistics": job.statistics,
        "posteriors": at_positions,
        "control": "last-letters",
    }
    groups = belief.last_tokens(tokens, settings.last_letters)[:, positions]
    without_model = [
        {
            "site": "tokens",
            "dimension": None,
            "components": None,
            "is_whole": True,
            "probe": "ridge",
            **{name: value for name, value in row.items() if name != "layer"},
        }
        for row in belief.group_fit_rows(groups, **last)
    ]
    tables: dict[str, Rows] = {
        name: [] for name in ("state_reading", "state_patch", "write_effect", "state_statistic")
    }
    untrained: dict[tuple[str, int], Rows] = {}
    width = 0
    half = belief.first_half(len(tokens))
    for member, model in member_models(job):
        width = model.size.width
        given: dict[str, Any] = {
            "settings": settings, "statistics": job.statistics, "width": width
        }  # fmt: skip
        sites = sites_of(model, tokens, positions, settings.batch)
        rows = reading_rows(sites, at_positions, "none", **given) + without_model
        rows += reading_rows(sites, shuffled, "shuffled", **given)
        of_member = {"state_reading": rows}
        if model.size.mixer == "recurrent":
            fits = _whole_fits(sites["state"], at_positions, settings)
            held_out = tokens[half:]
            of_member["state_patch"] = patch_rows(
                model, held_out, process.laws, fits, settings, job.statistics
            )
            few = held_out[: settings.writes]
            of_member["write_effect"] = write_effect_rows(model, few, settings, job.statistics)
            of_member["state_statistic"] = state_statistic_rows(model, held_out, positions)
        arm = member.size, member.seed_init
        if arm not in untrained:
            initialise(model, [member.seed_init])
            sites = sites_of(model, tokens, positions, settings.batch)
            untrained[arm] = reading_rows(sites, at_positions, "untrained", **given)
        of_member["state_reading"] = rows + untrained[arm]
        for name, part in of_member.items():
            tables[name] += [{"model": member.model, **row} for row in part]
    job.write_tables(tables)
    return {"members": len(members), "documents": len(tokens), "positions": len(positions)}


def sites_of(model: Transformer, tokens: Ints, positions: list[int], batch: int) -> dict[str, Site]:
    """What a member holds at positions of documents, (documents, positions, values) each."""
    levels = [level[:, positions] for level in streams(model, tokens, batch)]
    sites = {"residual": levels[-1], "streams": concatenated(levels)}
    if model.size.mixer == "recurrent":
        read, states = [], []
        for _, reader in states_after(model, tokens, positions):
            assert reader.state is not None
            read.append(torch.cat(read_outs(reader), 1).cpu().numpy())
            states.append(vectors_of(reader.state).cpu().numpy())
        sites |= {"read-out": np.stack(read, 1), "state": np.stack(states, 1)}
    return sites


def _whole_fits(
    states: Site, posteriors: dict[str, Floats], settings: Recurrence
) -> dict[str, ReadingFit]:
    """Ridge fits of posteriors to whole states, on the documents of the fit."""
    half = belief.first_half(len(states))
    fits = {}
    for latent, posterior in posteriors.items():
        decided = np.asarray(~np.isnan(posterior[:half]).any(-1))
        x, y = states[:half][decided].astype(np.float64), posterior[:half][decided]
        if len(x):
            components = PrincipalComponents.of_rows(x, len(x))
            count = len(components.squares)
            fits[latent] = fit_on_components(components, x, y, count, settings.ridge)
    return fits
