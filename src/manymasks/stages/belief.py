"""belief: linear fits of beliefs and later tokens from the residual streams of members."""

from functools import partial
from typing import Any

from manymasks.arrays import Rows
from manymasks.config.analyses import Belief
from manymasks.errors import UserError
from manymasks.evaluation.forward import streams
from manymasks.models.transformer import initialise
from manymasks.stages.inputs.member_models import member_models
from manymasks.stages.inputs.members import members_of
from manymasks.stages.inputs.process_documents import process_documents, process_of
from manymasks.store.job import Job
from manymasks.truth import belief
from manymasks.truth.future_tokens import auc_rows, future_tokens, labelled_pairs, speculation_rows

LEAST_DOCUMENTS = 4
"""With fewer, a half has a single document, and a fit no interval."""


def make(job: Job) -> dict[str, Any]:
    """Write `belief_fit`, `belief_point`, `belief_path`, `speculation` and `speculation_auc`.

    Raises UserError if all members failed, or the measure split has too few documents."""
    settings: Belief = job.setting("belief", Belief)
    _, members = members_of(job)
    _, process = process_of(job)
    tokens = process_documents(job, "measure", settings.documents)
    if len(tokens) < LEAST_DOCUMENTS:
        raise UserError(
            f"the measure split has {len(tokens)} documents: a fit uses one half of them and is "
            f"tested on the other, which takes {LEAST_DOCUMENTS}. Give the corpus more documents."
        )
    posteriors = process.posteriors(tokens)
    permuted = belief.shuffled(posteriors, settings.seed)
    shown = tokens[belief.first_half(len(tokens)) :][: settings.paths]
    spelled = [[process.vocabulary[token] for token in document] for document in shown]
    targets = future_tokens(process, tokens, settings.ahead, settings.seed)
    pairs = labelled_pairs(process, tokens, settings.seed)
    fixed: dict[str, Any] = {"ridge": settings.ridge, "statistics": job.statistics}
    fits = {
        "belief_fit": partial(belief.fit_rows, posteriors=posteriors, **fixed),
        "speculation": partial(speculation_rows, targets=targets, **fixed),
        "speculation_auc": partial(auc_rows, pairs=pairs, **fixed),
    }
    groups = {"last-letters": belief.last_tokens(tokens, settings.last_letters)}
    if process.premise is not None:
        premise = tokens[:, process.premise]
        groups["premise+last-letters"] = belief.with_premise(premise, groups["last-letters"])
    # Controls without a model are the same for all members.
    without_model = [
        row
        for control, numbers in groups.items()
        for row in belief.group_fit_rows(numbers, posteriors, control, **fixed)
    ]
    tables: dict[str, Rows] = {name: [] for name in (*fits, "belief_point", "belief_path")}
    # Members with the same initial weights share one untrained model.
    untrained: dict[tuple[str, int], dict[str, Rows]] = {}
    drawn = belief.first_of_each_class(members)
    for member, model in member_models(job):
        levels = streams(model, tokens, settings.batch)
        rows = {name: fit(levels, control="none") for name, fit in fits.items()}
        rows["belief_fit"] += without_model
        rows["belief_fit"] += belief.fit_rows(levels, permuted, "shuffled", **fixed)
        rows["belief_point"], rows["belief_path"] = [], []
        # The embedding depends on the last token alone.
        for level, stream in enumerate(levels[1:], 1) if member.model in drawn else ():
            rows["belief_point"] += belief.point_rows(
                stream, level, posteriors, settings.points, settings.ridge, settings.seed
            )
            rows["belief_path"] += belief.path_rows(
                stream, level, posteriors, spelled, settings.ridge
            )
        arm = member.size, member.seed_init
        if arm not in untrained:
            initialise(model, [member.seed_init])
            levels = streams(model, tokens, settings.batch)
            untrained[arm] = {name: fit(levels, control="untrained") for name, fit in fits.items()}
        for name, table in tables.items():
            for row in (*rows[name], *untrained[arm].get(name, ())):
                table.append({"model": member.model, **row})
    job.write_tables(tables)
    return {"members": len(members), "documents": len(tokens)}
