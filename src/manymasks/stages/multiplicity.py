"""multiplicity: how differently the members of every set of a corpus predict the next token."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import torch

from manymasks.arrays import Rows
from manymasks.config.analyses import Statistics
from manymasks.config.rashomon import Multiplicity
from manymasks.models.transformer import Transformer
from manymasks.probes.windows import Windows, choose_windows
from manymasks.rashomon.headroom import headroom_rows, loss_sums
from manymasks.rashomon.measurement import MeasuredSets, PositionBlock, Subset, measure_pool
from manymasks.rashomon.set_tables import (
    component_rows,
    metric_rows,
    position_rows,
    weight_rows,
)
from manymasks.stages.inputs.derived_members import load_candidates
from manymasks.stages.inputs.members import derived_of, members_of
from manymasks.stages.inputs.weights import load_members
from manymasks.statistics.model_classes import Member
from manymasks.store.job import Artifact, Job
from manymasks.tokens.shards import TokenStream
from manymasks.tokens.tokenizer import load
from manymasks.training.device import choose_device

Set = dict[str, Any]


@dataclass(frozen=True)
class _Pool:
    """Members of one class that came about in one way, each with its model, and their sets."""

    members: list[Member]
    models: list[Transformer]
    sets: list[Set]

    def subset(self, models: Sequence[str]) -> Subset:
        place = {member.model: i for i, member in enumerate(self.members)}
        return tuple(place[model] for model in models)


def make(job: Job) -> dict[str, Any]:
    """Write rashomon_metric, position_multiplicity, set_weight, variance_component, headroom and
    contrast."""
    settings: Multiplicity = job.setting("multiplicity", Multiplicity)
    statistics = job.statistics
    content = json.loads(job.input("rashomon").file("sets.json").read_text(encoding="utf-8"))
    text = _text(job, settings)
    names, owners = np.unique(np.array(text.documents), return_inverse=True)
    owner = np.repeat(owners, text.tokens.shape[1] - 1)
    generator = np.random.default_rng(settings.seed)
    positions = np.sort(generator.permutation(owner.size)[: settings.kept])
    tokenizer = load(job.input("tokenizer").file("tokenizer.json"))
    true = text.tokens[:, 1:].ravel()[positions]
    said = names[owner[positions]].tolist(), [tokenizer.decode([token]) for token in true]

    tables: dict[str, Rows] = {}
    trained: dict[str, tuple[list[Member], MeasuredSets]] = {}
    pools = _pools(job, content["sets"])
    for number, (label, method, pool) in enumerate(pools):
        job.report(number, len(pools), f"pools, {label} {method}, {len(pool.members)} members")
        hard = {each["rashomon_set"]: pool.subset(each["members"]) for each in pool.sets}
        often = {
            each["rashomon_set"]: [
                (pool.subset(one["members"]), one["share"])
                for one in each["resampled"]
                if one["members"]
            ][: settings.subsets]
            for each in pool.sets
        }
        measured = measure_pool(
            lambda models=pool.models: _blocks(models, text, owner, settings.batch),  # type: ignore[misc]
            [subset for subset in hard.values() if subset],
            [subset for several in often.values() for subset, _ in several],
            len(names),
            positions,
            settings,
        )
        found: dict[str, Rows] = {"rashomon_metric": [], "set_weight": []}
        for each in pool.sets:
            name = each["rashomon_set"]
            found["rashomon_metric"] += metric_rows(
                measured, name, hard[name], often[name], statistics
            )
            found["set_weight"] += weight_rows(measured, name, hard[name], each["members"])
        # Of the largest set alone: the others are parts of it.
        largest = max(hard, key=lambda name: len(hard[name]))
        if hard[largest] and positions.size:
            found["position_multiplicity"] = position_rows(
                measured, largest, hard[largest], positions, *said
            )
        if method == "trained":
            found["variance_component"] = component_rows(measured, pool.members, statistics)
            trained[label] = pool.members, measured
        for table, rows in found.items():
            tables.setdefault(table, []).extend(rows)
    for table, rows in _headroom(trained, content["select_nats"], len(names), statistics).items():
        tables.setdefault(table, []).extend(rows)
    job.write_tables(tables)
    return {"pools": len(pools), "positions": int(owner.size), "documents": len(names)}


def _text(job: Job, settings: Multiplicity) -> Windows:
    """Windows of the measure split as it is, all of whose tokens are scored."""
    stream = TokenStream.open(job.input("tokens").files("measure/"))
    return choose_windows(
        [(name, stream.document(i)) for i, name in enumerate(stream.documents)],
        settings.windows,
        context=job.inputs["training"][0].manifest.settings["training"]["context"],
        end_of_text=stream.end_of_text,
        seed=settings.seed,
        purpose="multiplicity",
        windows_setting="multiplicity.windows",
    )


def _pools(job: Job, sets: Sequence[Set]) -> list[tuple[str, str, _Pool]]:
    """The pools with their class and method, in the order of the sets, models loaded."""
    device = choose_device(job.hardware.device)
    trained, members = members_of(job)
    models: dict[str, Transformer] = {
        member.model: load_members([artifact], device)
        for artifact, member in zip(trained, members, strict=True)
    }
    derived: list[tuple[Artifact, int, Member]] = derived_of(job.inputs.get("derived", ()), members)
    for artifact, place, member in derived:
        models[member.model] = load_candidates(artifact, job.inputs["training"], device, [place])
        members.append(member)
    pools: dict[tuple[str, str], _Pool] = {}
    for each in sets:
        of = each["model_class"], each["method"]
        if of not in pools:
            own = [one for one in members if (one.model_class, one.method) == of]
            pools[of] = _Pool(own, [models[one.model] for one in own], [])
        pools[of].sets.append(each)
    return [(*of, pool) for of, pool in pools.items()]


def _blocks(
    models: Sequence[Transformer], text: Windows, owner: Any, batch: int
) -> Iterator[PositionBlock]:
    """The laws of all members at all scored positions, some windows at a time."""
    device = models[0].W_E.device
    windows = torch.from_numpy(text.tokens).to(device)
    begin = 0
    for some in torch.split(windows, batch):
        seen = some[:, :-1].unsqueeze(0)
        with torch.no_grad():
            logits = torch.stack([model(seen, seen.shape[-1])[0] for model in models])
        logp = torch.log_softmax(logits.float(), -1).flatten(1, 2)
        end = begin + logp.shape[1]
        yield PositionBlock(logp, some[:, 1:].flatten(), owner[begin:end], begin)
        begin = end


def _headroom(
    trained: dict[str, tuple[list[Member], MeasuredSets]],
    select: dict[str, float],
    documents: int,
    statistics: Statistics,
) -> dict[str, Rows]:
    """Each class against that of the next size and the same variant; members come from small to
    large."""
    tables: dict[str, Rows] = {"headroom": [], "contrast": []}
    by_variant: dict[str, list[str]] = {}
    for label, (members, _) in trained.items():
        by_variant.setdefault(members[0].variant, []).append(label)
    for variant, labels in by_variant.items():
        for label, following in pairwise(labels):
            members, measured = trained[label]
            others, next_one = trained[following]
            best = min(range(len(others)), key=lambda i: select[others[i].model])
            sums = loss_sums(measured.log_p, next_one.log_p[best], measured.documents, documents)
            rows = headroom_rows(
                sums, members[0].corpus, variant, members[0].size, others[0].size, statistics
            )
            for table, found in rows.items():
                tables[table] += found
    return tables
