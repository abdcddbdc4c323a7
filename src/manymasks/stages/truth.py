"""truth: members held against the exact law of the process that drew their text."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from manymasks.config.analyses import Contrast, Statistics, Truth
from manymasks.corpora.processes.process import Process, Strata
from manymasks.corpora.processes.specs import PROCESSES
from manymasks.evaluation.forward import log_probabilities
from manymasks.models.transformer import Transformer
from manymasks.stages.inputs.members import members_of
from manymasks.stages.inputs.process_documents import documents, process_of
from manymasks.stages.inputs.weights import load_members
from manymasks.statistics.model_classes import classes
from manymasks.store.job import Artifact, Job
from manymasks.training.device import choose_device
from manymasks.truth.demand import demand_rows
from manymasks.truth.excess import (
    counts,
    divergences,
    document_sums,
    excess_rows,
    truth_rows,
)
from manymasks.truth.priced import kept_rows, priced_rows
from manymasks.truth.prices import cheapest, exact_prices, price_rows
from manymasks.truth.sharpening import spread_rows

FLOOR_DOCUMENTS = 64
"""Documents that members are scored on once more, in other batches."""

Floats = npt.NDArray[np.float64]
Logs = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Text:
    """The documents of a split that are tried, and what is known of them."""

    tokens: npt.NDArray[np.int64]
    laws: Floats
    strata: Strata
    counted: npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Scored:
    """Members on these documents; a logarithm of the first token, which nothing foretells, is 0."""

    select: Floats
    """(members, documents, length): excess loss on the select split, nats."""
    measure: Floats
    """The same on the measure split."""
    logs: Logs
    """(members, documents, length, vocabulary): log-probabilities on the measure split."""
    again: Logs
    """The same of the first documents, in other batches."""


def make(job: Job) -> dict[str, Any]:
    """Write what the truth is and costs, what members miss of it, and how far they are apart."""
    settings: Truth = job.setting("truth", Truth)
    statistics: Statistics = job.setting("statistics", Statistics)
    contrasts: tuple[Contrast, ...] = job.setting("contrasts", tuple[Contrast, ...])
    found = members_of(job)
    members = [member for _, member in found]
    name, known = process_of(job)
    select, measure = (
        _text(documents(job, split, settings.documents), known) for split in ("select", "measure")
    )
    ablated = {capability: laws(measure.tokens) for capability, laws in known.ablated.items()}

    where = {"corpus": members[0].corpus, "process": name}
    latent = next(iter(known.posteriors(measure.tokens).items()), None)
    told = known.entropy_given_latent and known.entropy_given_latent(measure.tokens)
    truth = truth_rows(measure.laws, measure.tokens, measure.strata, statistics, latent, told)
    job.write_table("process_truth", [{**where, **row} for row in truth])
    prices = exact_prices(known, settings.pricing, statistics.seed)
    priced = price_rows(measure.laws, ablated, measure.strata, known.levels, prices, statistics)
    job.write_table("capability_price", [{**where, **row} for row in priced])

    scored = _scored(job, [training for training, _ in found], select, measure, settings)
    excess = [
        {"model": member.model, "process": name, **row}
        for member, kl in zip(members, scored.measure, strict=True)
        for row in excess_rows(kl, measure.strata, known.levels, statistics)
    ]
    job.write_table("excess_loss", excess)
    kept = kept_rows(measure.laws, ablated, scored.logs, measure.counted, members, statistics)
    job.write_table("capability_kept", kept)
    gaps = demand_rows(
        scored.measure, measure.strata, known.levels, members, contrasts, prices, statistics
    )
    control = {"process": name, "control_of": PROCESSES[name].control_of}
    job.write_table("demand_gap", [{**row, **control} for row in gaps])

    # What started from the weights of another was as good as that, and near it, from the first.
    of_own = np.array([i for i, (each, _) in enumerate(found) if not _is_continued(each)], np.intp)
    own = [members[i] for i in of_own]
    sets = priced_rows(
        document_sums(scored.select[of_own], select.counted),
        document_sums(scored.measure[of_own], measure.counted),
        own,
        cheapest(prices),
        settings.shares,
        statistics,
    )
    for table, rows in sets.items():
        job.write_table(table, rows)
    spread = []
    for pool in classes(own).values():
        first, places = own[pool[0]], of_own[pool]
        named = {"corpus": first.corpus, "size": first.size, "variant": first.variant}
        of_class = scored.logs[places], scored.again[places]
        spread += [{**named, **row} for row in spread_rows(*of_class, measure.counted, statistics)]
    job.write_table("position_spread", spread)
    return {"members": len(found), "documents": len(measure.tokens)}


def _text(tokens: npt.NDArray[np.int64], known: Process) -> Text:
    laws, strata = known.laws(tokens), known.strata(tokens)
    return Text(tokens, laws, strata, counts(strata) & ~np.isnan(laws).any(-1))


def _scored(
    job: Job, trainings: Sequence[Artifact], select: Text, measure: Text, settings: Truth
) -> Scored:
    """Every member on both splits, one at a time."""
    device = choose_device(job.hardware.device)
    shape = len(trainings), *measure.laws.shape
    some = measure.tokens[:FLOOR_DOCUMENTS]
    logs = np.empty(shape, np.float32)
    again = np.empty((shape[0], len(some), *shape[2:]), np.float32)
    on_select, on_measure = (np.empty((shape[0], *text.tokens.shape)) for text in (select, measure))
    for place, training in enumerate(trainings):
        job.report(place, len(trainings), "members")
        model = load_members([training], device)
        selecting = _log_probabilities(model, select.tokens, settings.batch)
        logs[place] = _log_probabilities(model, measure.tokens, settings.batch)
        again[place] = _log_probabilities(model, some, settings.floor_batch)
        on_select[place] = divergences(select.laws, selecting)
        on_measure[place] = divergences(measure.laws, logs[place])
    return Scored(on_select, on_measure, logs, again)


def _is_continued(training: Artifact) -> bool:
    """Whether a member's weights started from another's."""
    return training.manifest.settings["variant"].get("starts_from") is not None


def _log_probabilities(model: Transformer, tokens: npt.NDArray[np.int64], batch: int) -> Logs:
    """(documents, length, vocabulary) of each token given those before it; of the first, 0."""
    found = log_probabilities(model, tokens[:, :-1], batch).astype(np.float32)
    return np.pad(found, ((0, 0), (1, 0), (0, 0)))
