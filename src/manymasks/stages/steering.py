"""steering: whether members that choose what comes next make it easier to predict."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

from manymasks.arrays import Rows
from manymasks.config.corpora import ProcessCorpus
from manymasks.config.steering import Steering
from manymasks.corpora.processes.steer import steer_law
from manymasks.models.attention import Route
from manymasks.stages.inputs.members import members_of
from manymasks.stages.inputs.process_documents import process_documents
from manymasks.stages.inputs.weights import load_members
from manymasks.statistics.model_classes import Member, classes
from manymasks.statistics.predictions import prediction_rows
from manymasks.statistics.seed_design import Seeds
from manymasks.steering.arm_training import ArmEnd, ArmRun, arm_end, train_arm
from manymasks.steering.choice_arms import ARMS, choice_laws
from manymasks.steering.drift import Drift, member_drift
from manymasks.steering.slopes import choice_counts, steering_reading
from manymasks.steering.steering_predictions import (
    predictions_of,
    rare_quantities,
    steer_quantities,
)
from manymasks.steering.steering_tables import ArmResult, arm_row, cue_rows
from manymasks.store.job import Artifact, Job
from manymasks.store.sealed import read_sealed, write_sealed
from manymasks.training.device import choose_device

TABLES = ("steering", "steering_cue", "steering_path", "prediction")
EVERY = 2**40
"""More documents than any corpus has."""


@dataclass(frozen=True)
class TrainedClass:
    """Members of one class, which a stack holds."""

    trainings: list[Artifact]
    members: list[Member]

    @property
    def gradient(self) -> str:
        return _gradient(self.trainings[0])

    @property
    def route(self) -> Route:
        """How gradients flow in the arms too."""
        variant = self.trainings[0].manifest.settings["variant"]
        return Route(self.gradient, variant.get("gamma") or 0.0)


def make(job: Job) -> dict[str, Any]:
    """Write the tables of `TABLES`. Arms are trained on `steer` itself; where cues are rare,
    members are read as they were trained. Raises UserError if all members failed."""
    settings: Steering = job.setting("steering", Steering)
    corpus: ProcessCorpus = job.setting("process", ProcessCorpus)
    law = steer_law(corpus.process)
    counts = choice_counts(process_documents(job, "train", EVERY))
    trainings, members = members_of(job)
    runs = [] if law.has_rare_cues else list(planned_runs(settings))
    tables: dict[str, Rows] = {name: [] for name in TABLES}
    # Causal classes first: others are compared with them.
    groups = sorted(
        classes(members).values(), key=lambda group: _gradient(trainings[group[0]]) != "causal"
    )
    causal: dict[str, dict[Seeds, float]] = {}
    for number, positions in enumerate(groups):
        trained = TrainedClass(
            [trainings[index] for index in positions], [members[index] for index in positions]
        )
        report = partial(_report, job, number * len(runs), len(groups) * len(runs))
        results, drifts, paths = _class_results(job, settings, trained, runs, report)
        tables["steering_path"] += paths
        for member, drift, ends in zip(trained.members, drifts, results, strict=True):
            mine = {"model": member.model}
            for result in ends:
                tables["steering"].append({**mine, **arm_row(result, law, drift)})
                if result.run is None or result.run.number == 0:
                    rows = cue_rows(result, corpus.process, law, counts)
                    tables["steering_cue"] += [{**mine, **row} for row in rows]
        first, seeds = trained.members[0], [member.seeds for member in trained.members]
        confidence = job.statistics.confidence
        if runs:
            others = causal.get(first.size, {})
            seen, dosed = steer_quantities(results, drifts, law, seeds, others, confidence)
        else:
            laws, dosed = [ends[0].laws for ends in results], {}
            documents = counts.sum(-1).astype(float)
            seen = rare_quantities(laws, law, documents, seeds, confidence)
        predictions = predictions_of(law, has_causal=first.size in causal)
        if trained.gradient == "causal":
            causal[first.size] = dosed
        labels = {"corpus": first.corpus, "size": first.size, "variant": first.variant}
        tables["prediction"] += prediction_rows("steering", predictions, seen, labels)
    job.write_tables(tables)
    return {"members": len(members), "runs": len(runs) * len(members)}


def _report(job: Job, before: int, total: int, done: float) -> None:
    job.report(before + done, total, "runs")


def planned_runs(settings: Steering) -> Iterator[ArmRun]:
    """The runs of every member, from its weights as it was trained."""
    for arm, spec in ARMS.items():
        doses: Sequence[float | None] = (None,)
        if spec.has_beta:
            doses = settings.betas if spec.returns != "none" else settings.betas[:1]
        elif spec.has_share:
            doses = (settings.share,)
        for dose, number in product(doses, range(settings.runs if arm == "self" else 1)):
            yield ArmRun(
                arm, "adamw", settings.steps, settings.batch, settings.learning_rate, dose, number
            )
    for number in range(settings.runs):
        yield ArmRun(
            "self", "sgd", settings.run_steps, settings.batch, settings.run_rate, number=number
        )
    yield ArmRun("total", "exact", settings.exact_steps, settings.batch, settings.exact_rate)


def _class_results(
    job: Job,
    settings: Steering,
    trained: TrainedClass,
    runs: Sequence[ArmRun],
    report: Callable[[float], None],
) -> tuple[list[list[ArmResult]], list[Drift | None], Rows]:
    """Results and drift of each member of a class, trained as one stack, and paths of its runs."""
    corpus: ProcessCorpus = job.setting("process", ProcessCorpus)
    law = steer_law(corpus.process)
    model = load_members(trained.trainings, choose_device(job.hardware.device), trained.route)
    start = {name: weight.detach().clone() for name, weight in model.named_parameters()}
    begun = choice_laws(model)
    before = [steering_reading(laws, law.choices).slope for laws in begun]
    results = [[ArmResult(None, laws, laws)] for laws in begun]
    drifts = [member_drift(model, i, law) if runs else None for i in range(len(begun))]
    paths: Rows = []
    for index, run in enumerate(runs):
        first = trained.members[0]
        path = job.state / f"{first.size}-{first.variant}-{index}.json"
        end = _saved(job, path)
        if end is None:
            end = train_arm(
                model, start, law, run,
                [(settings.seed, *member.seeds, index) for member in trained.members],
                path_every=settings.path_every if run.is_walk else 0,
                report=partial(_report_steps, report, index),
            )  # fmt: skip
            write_sealed(path, end.values())
        report(index + 1)
        for i, (member, drift) in enumerate(zip(trained.members, drifts, strict=True)):
            results[i].append(ArmResult(run, end.laws[i], begun[i], float(end.later[i])))
            for step, laws in end.path.items():
                change = steering_reading(laws[i], law.choices).slope - before[i]
                spread = None if drift is None else drift.slope_sd(run.rate, step, run.batch)
                row = {"model": member.model, "run": run.number, "step": step}
                paths.append({**row, "change": change, "change_sd": spread})
    return results, drifts, paths


def _report_steps(report: Callable[[float], None], before: int, done: int, total: int) -> None:
    report(before + done / total)


def _saved(job: Job, path: Path) -> ArmEnd | None:
    """The end of a run that an interrupted job had finished."""
    if not path.exists():
        return None
    try:
        return arm_end(read_sealed(path))
    except (OSError, ValueError) as error:
        job.say(f"a run begins again, as {path.name} is damaged ({error})")
        path.unlink()
    return None


def _gradient(training: Artifact) -> str:
    return str(training.manifest.settings["variant"]["gradient"])
