"""fine_tuning: what fine-tuning changed in members of `masks`, step by step."""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from itertools import chain, product
from typing import Any

from manymasks.arrays import Floats, Row, Rows
from manymasks.config.analyses import FineTuning
from manymasks.config.corpora import ProcessCorpus
from manymasks.config.training import Variant
from manymasks.models.transformer import Transformer
from manymasks.stages.inputs.members import members_of
from manymasks.stages.inputs.weights import load_members, route_of
from manymasks.statistics.model_classes import Member, classes
from manymasks.statistics.predictions import prediction_rows
from manymasks.store.job import Artifact, Job
from manymasks.training.checkpoint import load_weights
from manymasks.training.device import choose_device
from manymasks.truth.member_laws import member_laws
from manymasks.truth.reward_optimum import RewardOptimum
from manymasks.truth.reward_training import alone, train_towards
from manymasks.truth.tuned_laws import BaseLaws, TuningPrompts, base_laws, tuning_prompts
from manymasks.truth.tuned_predictions import PREDICTIONS, quantities
from manymasks.truth.tuned_tables import (
    arm_of,
    arm_of_reward,
    goal_of_law,
    goal_of_reward,
    state_rows,
)

TABLES = (
    "tuned_law", "tuned_reading", "tuned_shift", "tuned_profile", "tuned_wake", "tuned_premise",
    "prediction",
)  # fmt: skip


def make(job: Job) -> dict[str, Any]:
    """Write the tables of `TABLES`: a state is a member after a number of steps, and `bayes` is the
    exact law that the fine-tuning leads to, which started from that of the process. With rewards,
    members are fine-tuned here, by each of them, from the weights with which they were trained."""
    settings: FineTuning = job.setting("fine_tuning", FineTuning)
    prompts = tuning_prompts(settings.documents, settings.letters, settings.seed)
    trainings, members = members_of(job)
    tables: dict[str, Rows] = {name: [] for name in TABLES}
    if settings.reward.rewards:
        states = _rewarded(job, settings, prompts, trainings, members, tables)
    else:
        states = _fine_tuned(job, settings, prompts, trainings, tables)
    _predict(trainings, members, tables)
    job.write_tables(tables)
    return {
        "members": len(trainings),
        "states": states,
        "prompts": len(prompts.tokens) * len(prompts.letters),
    }


def _fine_tuned(
    job: Job,
    settings: FineTuning,
    prompts: TuningPrompts,
    trainings: Sequence[Artifact],
    tables: dict[str, Rows],
) -> int:
    """Add rows about members that were trained on changed documents; the number of states."""
    corpus: ProcessCorpus = job.setting("process", ProcessCorpus)
    starts = {artifact.key: artifact for artifact in job.inputs["start"]}
    goal = goal_of_law(prompts, corpus.law)
    bases: dict[str, BaseLaws] = {}

    def add(model: str, step: int | None, base: BaseLaws | None, laws: Floats) -> None:
        arm = arm_of(corpus.law, has_start=bool(base))
        _add(tables, {"model": model, "step": step, "arm": arm},
            state_rows(prompts, goal, base, laws, settings.alphas))  # fmt: skip

    if corpus.law is not None:
        add("bayes", None, base_laws(prompts, prompts.exact(None)), goal.exact)
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
    return states


def _rewarded(
    job: Job,
    settings: FineTuning,
    prompts: TuningPrompts,
    trainings: Sequence[Artifact],
    members: Sequence[Member],
    tables: dict[str, Rows],
) -> int:
    """Fine-tune members by rewards, and on documents of their optima, and add rows about them; the
    number of states."""
    arms = list(product(settings.reward.rewards, (False, True)))
    groups = [positions[: settings.reward.members] for positions in classes(members).values()]
    total, done, states = len(arms) * len(groups), 0, 0
    exact = base_laws(prompts, prompts.exact(None))
    for reward, imitates in arms:
        optimum, arm = RewardOptimum(reward), arm_of_reward(reward, imitates=imitates)
        goal = goal_of_reward(prompts, optimum)
        _add(tables, {"model": "bayes", "step": None, "arm": arm},
            state_rows(prompts, goal, exact, goal.exact, settings.alphas))  # fmt: skip
        for positions in groups:
            mine = [trainings[index] for index in positions]
            variant = Variant.model_validate(mine[0].manifest.settings["variant"])
            model = load_members(mine, choose_device(job.hardware.device), route_of(variant))
            bases = [base_laws(prompts, laws) for laws in _of_stack(model, prompts, settings)]
            steps = train_towards(
                model, optimum, settings.reward,
                [(settings.reward.seed, *members[index].seeds) for index in positions],
                imitates=imitates, report=partial(_report, job, done, total),
            )  # fmt: skip
            for step in chain((0,), steps):
                for place, laws in enumerate(_of_stack(model, prompts, settings)):
                    labels = {"model": mine[place].key, "step": step, "arm": arm}
                    _add(tables, labels,
                        state_rows(prompts, goal, bases[place], laws, settings.alphas))  # fmt: skip
                    states += 1
            done += 1
    return states


def _report(job: Job, before: int, total: int, steps: int, all_steps: int) -> None:
    job.report(before + steps / all_steps, total, "runs")


def _add(tables: dict[str, Rows], labels: Row, rows: Mapping[str, Rows]) -> None:
    for table, some in rows.items():
        tables[table] += [{**labels, **row} for row in some]


def _predict(
    trainings: Sequence[Artifact], members: Sequence[Member], tables: dict[str, Rows]
) -> None:
    """Add what was predicted of each class and arm, and what came."""
    arms = sorted({(row["model"], row["arm"]) for row in tables["tuned_reading"]})
    gradients = {one.key: one.manifest.settings["variant"]["gradient"] for one in trainings}
    for positions in classes(members).values():
        keys = [members[index].model for index in positions]
        one = members[positions[0]]
        labels = {"corpus": one.corpus, "size": one.size, "variant": one.variant}
        for arm in sorted({arm for model, arm in arms if model in keys}):
            fresh = [
                model
                for model, other in arms
                if (arm, other) == ("revived", "fresh")
                and gradients.get(model) == gradients[keys[0]]
            ]
            seen = quantities(tables, arm, [key for key in keys if (key, arm) in arms], fresh)
            rows = prediction_rows("fine_tuning", PREDICTIONS[arm], seen, labels)
            tables["prediction"] += rows


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


def _of_stack(model: Transformer, prompts: TuningPrompts, settings: FineTuning) -> Iterator[Floats]:
    """Laws (documents, prompts, 27) of each member of a stack."""
    for place in range(model.members):
        yield _of_model(alone(model, place), prompts, settings.batch)


def _of_model(model: Transformer, prompts: TuningPrompts, batch: int) -> Floats:
    return member_laws(model, prompts.tokens, prompts.letters, batch)[0]
