"""multiplicity: how differently the members of every Rashomon set predict the next token."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

from manymasks.arrays import Indices, Ints, Rows
from manymasks.config.analyses import Statistics
from manymasks.config.rashomon import Multiplicity
from manymasks.models.member_model import MemberModel
from manymasks.probes.windows import Windows, choose_windows
from manymasks.rashomon.headroom import headroom_between_sizes
from manymasks.rashomon.measurement import MeasuredSets, Subset, measure_pool, position_blocks
from manymasks.rashomon.set_tables import component_rows, metric_rows, position_rows, weight_rows
from manymasks.stages.inputs.derived_members import load_derived
from manymasks.stages.inputs.members import derived_members, members_of
from manymasks.stages.inputs.models import context_of, load_models
from manymasks.statistics.model_classes import Member
from manymasks.store.job import Job
from manymasks.tokens.shards import TokenStream
from manymasks.tokens.tokenizer import load
from manymasks.training.device import choose_device


@dataclass(frozen=True)
class _Positions:
    """The scored positions: their documents, and those that are kept one by one."""

    windows: Windows
    scored: Ints
    """(windows, s) scored positions of each window, rising."""
    documents: int
    owners: Indices
    """(positions,) index of the document."""
    kept: Indices
    document_names: list[str]
    """(kept,)"""
    tokens: list[str]
    """(kept,) the true tokens."""


@dataclass(frozen=True)
class _Pool:
    """Members of one class and method with their models, and the sets among them."""

    model_class: str
    method: str
    members: list[Member]
    models: list[MemberModel]
    sets: Rows = field(default_factory=list)

    def subset(self, models: Sequence[str]) -> Subset:
        """Indices of models in the pool."""
        index = {member.model: i for i, member in enumerate(self.members)}
        return tuple(index[model] for model in models)

    def resampled(self, entry: dict[str, Any], most: int) -> list[tuple[Subset, float]]:
        """The set in document resamples, without empty ones, each with its share."""
        subsets = [
            (self.subset(resample["members"]), resample["share"])
            for resample in entry["resampled"]
            if resample["members"]
        ]
        return subsets[:most]


def make(job: Job) -> dict[str, Any]:
    """Write rashomon_metric, position_multiplicity, set_weight, variance_component, headroom and
    contrast."""
    settings: Multiplicity = job.setting("multiplicity", Multiplicity)
    content = json.loads(job.input("rashomon").file("sets.json").read_text(encoding="utf-8"))
    positions = _positions(job, settings)
    tables: dict[str, Rows] = {}
    trained: list[tuple[list[Member], MeasuredSets]] = []
    pools = _pools(job, content["sets"])
    for number, pool in enumerate(pools):
        note = f"pools, {pool.model_class} {pool.method}, {len(pool.members)} members"
        job.report(number, len(pools), note)
        measured = _measure(pool, positions, settings)
        parts = _set_tables(pool, measured, positions, settings, job.statistics)
        if pool.method == "trained":
            rows = component_rows(measured, pool.members, job.statistics)
            parts["variance_component"] = rows
            trained.append((pool.members, measured))
        for name, rows in parts.items():
            tables.setdefault(name, []).extend(rows)
    tables |= headroom_between_sizes(
        [(members, measured.log_p) for members, measured in trained],
        content["select_nats"],
        positions.owners,
        positions.documents,
        job.statistics,
    )
    job.write_tables(tables)
    return {
        "pools": len(pools),
        "positions": int(positions.owners.size),
        "documents": positions.documents,
    }


def _positions(job: Job, settings: Multiplicity) -> _Positions:
    """Positions of windows of unchanged text of the measure split."""
    stream = TokenStream.open(job.input("tokens").files("measure/"))
    windows = choose_windows(
        [(name, stream.document(i)) for i, name in enumerate(stream.documents)],
        settings.windows,
        context=context_of(job.inputs["training"][0]),
        end_of_text=stream.end_of_text,
        seed=settings.seed,
        purpose="multiplicity",
        windows_setting="multiplicity.windows",
    )
    names, documents = np.unique(np.array(windows.documents), return_inverse=True)
    generator = np.random.default_rng(settings.seed)
    shape = len(windows.tokens), windows.tokens.shape[1] - 1
    in_window = np.sort(generator.random(shape).argsort(axis=1)[:, : settings.scored], axis=1)
    owners = np.repeat(documents, in_window.shape[1])
    kept = np.sort(generator.permutation(owners.size)[: settings.kept])
    tokenizer = load(job.input("tokenizer").file("tokenizer.json"))
    targets = np.take_along_axis(windows.tokens[:, 1:], in_window, axis=1).ravel()[kept]
    return _Positions(
        windows,
        in_window,
        len(names),
        owners,
        kept,
        names[owners[kept]].tolist(),
        [tokenizer.decode([token]) for token in targets],
    )


def _pools(job: Job, sets: Rows) -> list[_Pool]:
    """The pools in the order of their sets, models loaded."""
    device = choose_device(job.hardware.device)
    trainings, members = members_of(job)
    models = {
        member.model: load_models([training], device)
        for training, member in zip(trainings, members, strict=True)
    }
    for artifact, index, member in derived_members(job.inputs.get("derived", ()), members):
        models[member.model] = load_derived(artifact, job.inputs["training"], device, [index])
        members.append(member)
    pools: dict[tuple[str, str], _Pool] = {}
    for entry in sets:
        kind = entry["model_class"], entry["method"]
        if kind not in pools:
            chosen = [member for member in members if (member.model_class, member.method) == kind]
            pools[kind] = _Pool(*kind, chosen, [models[member.model] for member in chosen])
        pools[kind].sets.append(entry)
    return list(pools.values())


def _measure(pool: _Pool, positions: _Positions, settings: Multiplicity) -> MeasuredSets:
    hard = [pool.subset(entry["members"]) for entry in pool.sets]
    resampled = [
        subset for entry in pool.sets for subset, _ in pool.resampled(entry, settings.subsets)
    ]
    return measure_pool(
        partial(
            position_blocks,
            pool.models,
            positions.windows.tokens,
            positions.scored,
            positions.owners,
            settings.batch,
        ),
        [subset for subset in hard if subset],
        resampled,
        positions.documents,
        positions.kept,
        settings,
    )


def _set_tables(
    pool: _Pool,
    measured: MeasuredSets,
    positions: _Positions,
    settings: Multiplicity,
    statistics: Statistics,
) -> dict[str, Rows]:
    """Rows of the sets of one pool."""
    tables: dict[str, Rows] = {"rashomon_metric": [], "set_weight": []}
    seeds = [member.seeds for member in pool.members]
    for entry in pool.sets:
        name, subset = entry["rashomon_set"], pool.subset(entry["members"])
        resampled = pool.resampled(entry, settings.subsets)
        rows = metric_rows(measured, name, subset, seeds, resampled, statistics)
        tables["rashomon_metric"] += rows
        tables["set_weight"] += weight_rows(measured, name, subset, entry["members"])
    # Single positions only of the largest set, which contains the others.
    largest = max(pool.sets, key=lambda entry: len(entry["members"]))
    if largest["members"] and positions.kept.size:
        tables["position_multiplicity"] = position_rows(
            measured,
            largest["rashomon_set"],
            pool.subset(largest["members"]),
            positions.kept,
            positions.document_names,
            positions.tokens,
        )
    return tables
