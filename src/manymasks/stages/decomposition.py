"""decomposition: the ergodic parts of members, from their laws of the next letters alone."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from manymasks.arrays import Floats, Ints, Rows
from manymasks.config.decomposition import Decomposition
from manymasks.models.transformer import initialise
from manymasks.stages.inputs.member_models import member_models
from manymasks.stages.inputs.members import members_of
from manymasks.stages.inputs.process_documents import process_documents, process_of
from manymasks.statistics.intervals import Interval
from manymasks.statistics.model_classes import Members, classes, seeds_of
from manymasks.statistics.predictions import prediction_rows
from manymasks.store.job import Job
from manymasks.truth import noisy_laws, part_nulls, part_tables, spectroscopy
from manymasks.truth.continuation_laws import laws_of_member, laws_of_predictor
from manymasks.truth.part_predictions import PREDICTIONS, quantities
from manymasks.truth.part_tables import PartReading

AHEAD = 4
"""Letters that are read: laws of three, before and after one letter."""
NOISE = ("independent", "exchanged")


def make(job: Job) -> dict[str, Any]:
    """Write `operator_spectrum`, `decomposition`, `part_weight`, `decomposition_pair`,
    `decomposition_class` and `prediction`. Raises UserError if all members failed."""
    settings: Decomposition = job.setting("decomposition", Decomposition)
    _, members = members_of(job)
    _, process = process_of(job)
    tokens = process_documents(job, "measure", settings.documents)
    opening = 1 if process.premise is None else process.premise + 1
    ends = [opening + letters for letters in settings.letters]
    letters = np.flatnonzero((process.laws(tokens)[:, ends] > 0).any((0, 1)))
    exact = laws_of_predictor(
        lambda texts: process.laws(np.hstack([texts, texts[:, :1]]))[:, -1],
        tokens, ends, letters, AHEAD,
    )  # fmt: skip
    prompts = truth = None
    if "mask" in process.posteriors(tokens[:1]):
        prompts = spectroscopy.mask_prompts(process, tokens, settings.letters, "plain")
        truth = prompts.posterior

    def read(predictor: str, model: str | None, laws: Floats) -> PartReading:
        by_masks = None
        if prompts is not None:
            triples = laws.reshape(*laws.shape[:2], -1, len(letters)).sum(-1)
            by_masks = spectroscopy.fit_masks(prompts, triples).weights
        kl = float(noisy_laws.mean_divergence(exact, laws).mean())
        return part_tables.part_reading(
            predictor, model, laws, kl, len(letters), by_masks, settings
        )

    readings = [read("bayes", None, exact)]
    if prompts is not None:
        for kept in settings.windows:
            laws = laws_of_predictor(part_nulls.window_laws(kept), tokens, ends, letters, AHEAD)
            readings.append(read(f"window {kept}", None, laws))
    last = part_nulls.last_tokens_of_prompts(tokens, ends)
    other_tokens = 0.0
    untrained: set[str] = set()
    for number, (member, model) in enumerate(member_models(job)):
        laws, other = laws_of_member(model, tokens, ends, letters, AHEAD, settings.batch)
        other_tokens = max(other_tokens, float(other.mean()))
        readings.append(read("member", member.model, laws))
        rng = np.random.default_rng([settings.seed, number])
        for kind, errors in _errors(laws, exact, last, rng):
            target = noisy_laws.mean_divergence(exact, laws)
            noisy = noisy_laws.with_errors(exact, errors, target)
            readings.append(read(kind, member.model, noisy))
        if member.model_class not in untrained:
            untrained.add(member.model_class)
            initialise(model, [member.seed_init])
            laws, _ = laws_of_member(model, tokens, ends, letters, AHEAD, settings.batch)
            readings.append(read("untrained", member.model, laws))
    tables: dict[str, Rows] = {
        "operator_spectrum": [
            row for reading in readings for row in part_tables.spectrum_rows(reading)
        ],
        "decomposition": [part_tables.part_count_row(reading) for reading in readings],
        "part_weight": [],
    }
    if truth is not None:
        for reading in readings:
            tables["part_weight"] += part_tables.weight_rows(reading, truth, settings.letters)
    tables |= _class_tables(job, members, readings, truth)
    job.write_tables(tables)
    counts = [reading.parts.count for reading in readings if reading.predictor == "member"]
    return {
        "members": len(members),
        "documents": len(tokens),
        "parts": f"{min(counts)} to {max(counts)}" if len(set(counts)) > 1 else str(counts[0]),
        # The probability of tokens other than letters, which is left out of the laws.
        "off_letters": other_tokens,
    }


def _errors(
    laws: Floats, exact: Floats, last: Ints, rng: np.random.Generator
) -> Iterator[tuple[str, Floats]]:
    """Errors of each kind of noise."""
    yield NOISE[0], noisy_laws.independent_errors(laws.shape, rng)
    yield NOISE[1], part_nulls.exchanged_errors(laws, exact, last, rng)


def _class_tables(
    job: Job, members: Members, readings: list[PartReading], truth: Floats | None
) -> dict[str, Rows]:
    """Pairs and classes of members, and of noise as large as their errors; what was predicted."""
    tables: dict[str, Rows] = {
        name: [] for name in ("decomposition_pair", "decomposition_class", "prediction")
    }
    for positions in classes(members).values():
        first, seeds = members[positions[0]], seeds_of(members, positions)
        labels = {"corpus": first.corpus, "size": first.size, "variant": first.variant}
        models = [members[i].model for i in positions]
        intervals: dict[tuple[str, str], dict[str, Interval]] = {}
        for predictor in ("member", *NOISE):
            group = {
                reading.model: reading for reading in readings if reading.predictor == predictor
            }
            for way in group[models[0]].weights:
                weights = [group[model].weights[way] for model in models]
                sums = part_tables.pair_sums(weights, truth)
                tables["decomposition_pair"] += part_tables.pair_rows(
                    predictor, way, models, sums, truth is not None
                )
                intervals[predictor, way] = part_tables.class_intervals(
                    weights, sums, truth, seeds, job.statistics
                )
                row = part_tables.class_row(
                    predictor, way, intervals[predictor, way], len(models), len(weights[0])
                )
                tables["decomposition_class"].append({**labels, **row})
        if truth is not None:
            seen = quantities(readings, models, intervals)
            tables["prediction"] += prediction_rows("decomposition", PREDICTIONS, seen, labels)
    return tables
