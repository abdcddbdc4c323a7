"""excess: members compared with the exact next-token law of the process behind their text."""

import json
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from manymasks.arrays import Bools, Floats, Indices, Ints, Rows
from manymasks.config.analyses import Contrast, Excess, Statistics
from manymasks.corpora.processes.process import Process, Strata
from manymasks.evaluation.forward import log_probabilities
from manymasks.kinds.processes import PROCESSES
from manymasks.models.transformer import Transformer
from manymasks.stages.inputs.member_models import member_models
from manymasks.stages.inputs.members import members_of
from manymasks.stages.inputs.process_documents import process_documents, process_of
from manymasks.statistics.model_classes import Member, Members, classes, seeds_of
from manymasks.store.job import Job
from manymasks.truth.excess import counted_tokens, divergences, document_sums, excess_rows
from manymasks.truth.gap_by_question import demand_rows
from manymasks.truth.price_sets import kept_rows, priced_rows
from manymasks.truth.prices import cheapest, prices_from
from manymasks.truth.sharpening import spread_rows

FLOOR_DOCUMENTS = 64
"""Documents on which the noise floor is measured, the first ones."""

Logs = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Exact:
    """Documents of a split with their exact laws."""

    tokens: Ints
    laws: Floats
    strata: Strata
    counted: Bools


@dataclass(frozen=True)
class Scored:
    """Members on these documents; the log-probability of the first token is put at 0."""

    select: Floats
    """(members, documents, length): excess loss on the select split, nats."""
    measure: Floats
    """The same on the measure split."""
    logs: Logs
    """(members, documents, length, vocabulary): log-probabilities on the measure split."""
    again: Logs
    """The same of the first documents at the other batch size."""

    def of_members(self, rows: Indices) -> "Scored":
        return Scored(self.select[rows], self.measure[rows], self.logs[rows], self.again[rows])


def make(job: Job) -> dict[str, Any]:
    """Write excess_loss, capability_kept, demand_gap, priced_set, priced_member and
    position_spread."""
    settings: Excess = job.setting("excess", Excess)
    contrasts: tuple[Contrast, ...] = job.setting("contrasts", tuple[Contrast, ...])
    statistics = job.statistics
    _, members = members_of(job)
    name, process = process_of(job)
    truth = job.input("truth")
    prices = prices_from(json.loads(truth.file("prices.json").read_text(encoding="utf-8")))
    count = truth.manifest.settings["truth"]["documents"]
    select, measure = (
        _exact(process_documents(job, split, count), process) for split in ("select", "measure")
    )
    scored = _score(job, len(members), select, measure, settings)
    strata, levels = measure.strata, process.levels
    excess = [
        {"model": member.model, "process": name, **row}
        for member, kl in zip(members, scored.measure, strict=True)
        for row in excess_rows(kl, strata, levels, statistics)
    ]
    ablated = {capability: ablate(measure.tokens) for capability, ablate in process.ablated.items()}
    kept = kept_rows(measure.laws, ablated, scored.logs, measure.counted, members, statistics)
    labels = {"process": name, "control_of": PROCESSES[name].control_of}
    gaps = demand_rows(scored.measure, strata, levels, members, contrasts, prices, statistics)
    pool, pool_scores = _trained(job, members, scored)
    job.write_tables(
        {
            "excess_loss": excess,
            "capability_kept": kept,
            "demand_gap": [{**row, **labels} for row in gaps],
            **priced_rows(
                document_sums(pool_scores.select, select.counted),
                document_sums(pool_scores.measure, measure.counted),
                pool,
                cheapest(prices),
                settings.shares,
                statistics,
            ),
            "position_spread": _spread(pool, pool_scores, measure, statistics),
        }
    )
    return {"members": len(members), "documents": len(measure.tokens)}


def _exact(tokens: Ints, process: Process) -> Exact:
    laws, strata = process.laws(tokens), process.strata(tokens)
    return Exact(tokens, laws, strata, counted_tokens(strata) & ~np.isnan(laws).any(-1))


def _score(job: Job, members: int, select: Exact, measure: Exact, settings: Excess) -> Scored:
    """Every member on both splits."""
    shape = members, *measure.laws.shape
    first = measure.tokens[:FLOOR_DOCUMENTS]
    logs = np.empty(shape, np.float32)
    again = np.empty((members, len(first), *shape[2:]), np.float32)
    on_select, on_measure = (np.empty((members, *text.tokens.shape)) for text in (select, measure))
    for index, (_, model) in enumerate(member_models(job)):
        selecting = _log_probabilities(model, select.tokens, settings.batch)
        logs[index] = _log_probabilities(model, measure.tokens, settings.batch)
        again[index] = _log_probabilities(model, first, settings.floor_batch)
        on_select[index] = divergences(select.laws, selecting)
        on_measure[index] = divergences(measure.laws, logs[index])
    return Scored(on_select, on_measure, logs, again)


def _trained(job: Job, members: Members, scored: Scored) -> tuple[list[Member], Scored]:
    """The members that were trained from drawn weights. A fine-tuned member inherits the loss of
    its parent, so it says nothing about equal training."""
    trainings, _ = members_of(job)
    variants = [training.manifest.settings["variant"] for training in trainings]
    rows = [i for i, variant in enumerate(variants) if variant.get("starts_from") is None]
    return [members[i] for i in rows], scored.of_members(np.array(rows, np.intp))


def _spread(members: Members, scored: Scored, measure: Exact, statistics: Statistics) -> Rows:
    """Rows of position_spread of each class."""
    rows: Rows = []
    for positions in classes(members).values():
        first, pool = members[positions[0]], scored.of_members(positions)
        labels = {"corpus": first.corpus, "size": first.size, "variant": first.variant}
        seeds = seeds_of(members, positions)
        for row in spread_rows(pool.logs, seeds, pool.again, measure.counted, statistics):
            rows.append({**labels, **row})
    return rows


def _log_probabilities(model: Transformer, tokens: Ints, batch: int) -> Logs:
    """(documents, length, vocabulary) of each token given those before it; 0 for the first."""
    logs = log_probabilities(model, tokens[:, :-1], batch).astype(np.float32)
    return np.pad(logs, ((0, 0), (1, 0), (0, 0)))
