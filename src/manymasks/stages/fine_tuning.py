"""fine_tuning: what fine-tuning changed in members of `masks`, step by step."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from manymasks.arrays import Floats, Rows
from manymasks.config.analyses import FineTuning
from manymasks.config.corpora import ProcessCorpus
from manymasks.models.transformer import Transformer
from manymasks.stages.inputs.members import members_of
from manymasks.stages.inputs.weights import load_members
from manymasks.statistics.model_classes import classes
from manymasks.statistics.predictions import prediction_rows
from manymasks.store.job import Artifact, Job
from manymasks.training.checkpoint import load_weights
from manymasks.training.device import choose_device
from manymasks.truth.member_laws import member_laws
from manymasks.truth.tuned_laws import BaseLaws, TuningPrompts, base_laws, tuning_prompts
from manymasks.truth.tuned_predictions import PREDICTIONS, quantities
from manymasks.truth.tuned_tables import arm_of, state_rows

TABLES = (
    "tuned_law", "tuned_reading", "tuned_shift", "tuned_profile", "tuned_wake", "tuned_premise",
    "prediction",
)  # fmt: skip


def make(job: Job) -> dict[str, Any]:
    """Write the tables of `TABLES`: a state is a member after a number of steps, and `bayes` is the
    exact law of the changed documents, which started from that of the process."""
    settings: FineTuning = job.setting("fine_tuning", FineTuning)
    corpus: ProcessCorpus = job.setting("process", ProcessCorpus)
    prompts = tuning_prompts(settings.documents, settings.letters, settings.seed)
    starts = {artifact.key: artifact for artifact in job.inputs["start"]}
    trainings, members = members_of(job)
    tables: dict[str, Rows] = {name: [] for name in TABLES}
    bases: dict[str, BaseLaws] = {}

    def add(model: str, step: int | None, base: BaseLaws | None, laws: Floats) -> None:
        labels = {"model": model, "step": step, "arm": arm_of(corpus.law, has_start=bool(base))}
        for table, rows in state_rows(prompts, corpus.law, base, laws, settings.alphas).items():
            tables[table] += [{**labels, **row} for row in rows]

    if corpus.law is not None:
        exact = base_laws(prompts, prompts.exact(None))
        add("bayes", None, exact, prompts.exact(corpus.law))
    states = 0
    for index, training in enumerate(trainings):
        first = _first(training, starts)
        if first is not None and first.key not in bases:
            (laws,) = (laws for _, laws in _laws(job, first, prompts, is_last=True))
            bases[first.key] = base_laws(prompts, laws)
        base = None if first is None else bases[first.key]
        start = _start(training, starts)
        if start is not None:
            (laws,) = (laws for _, laws in _laws(job, start, prompts, is_last=True))
            add(training.key, 0, base, laws)
            states += 1
        for step, laws in _laws(job, training, prompts):
            add(training.key, step, base, laws)
            states += 1
        job.report(index + 1, len(trainings), "members")
    arms = {row["model"]: row["arm"] for row in tables["tuned_reading"]}
    gradients = {one.key: one.manifest.settings["variant"]["gradient"] for one in trainings}
    for positions in classes(members).values():
        keys = [members[index].model for index in positions]
        one, arm = members[positions[0]], arms[keys[0]]
        fresh = [
            key
            for key, gradient in gradients.items()
            if arm == "revived" and arms[key] == "fresh" and gradient == gradients[keys[0]]
        ]
        seen = quantities(tables, arm, keys, fresh)
        labels = {"corpus": one.corpus, "size": one.size, "variant": one.variant}
        tables["prediction"] += prediction_rows("fine_tuning", PREDICTIONS[arm], seen, labels)
    job.write_tables(tables)
    return {
        "members": len(trainings),
        "states": states,
        "prompts": len(prompts.tokens) * len(prompts.letters),
    }


def _start(training: Artifact, starts: Mapping[str, Artifact]) -> Artifact | None:
    """The member that another one started from; None for drawn weights."""
    references = training.manifest.inputs.get("start", ())
    return starts[references[0].key] if references else None


def _first(training: Artifact, starts: Mapping[str, Artifact]) -> Artifact | None:
    """The first of the members that a fine-tuned one goes back to, which was not fine-tuned."""
    first, before = None, _start(training, starts)
    while before is not None:
        first, before = before, _start(before, starts)
    return first


def _laws(
    job: Job, training: Artifact, prompts: TuningPrompts, *, is_last: bool = False
) -> Iterator[tuple[int, Floats]]:
    """Laws (documents, prompts, 27) after each step at which weights were saved, or the last."""
    settings: FineTuning = job.setting("fine_tuning", FineTuning)
    batch = settings.batch
    model = load_members([training], choose_device(job.hardware.device))
    for step in () if is_last else training.figures["late"]:
        load_weights(model, 0, training.file(f"weights-{step}.safetensors"))
        yield step, _of_model(model, prompts, batch)
    if not is_last and training.figures["late"]:
        load_weights(model, 0, training.file("weights.safetensors"))
    yield training.manifest.settings["training"]["steps"], _of_model(model, prompts, batch)


def _of_model(model: Transformer, prompts: TuningPrompts, batch: int) -> Floats:
    logs, _ = member_laws(model, prompts.tokens, prompts.letters, batch)
    return np.exp(logs)
