"""divergence: all members of a corpus on one probe, everything from one pass."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from manymasks.config.analyses import Divergence, Statistics
from manymasks.divergence.anova import AnovaSums, Crossing, anova_sums, component_rows, crossing
from manymasks.divergence.blocks import positions_at_once, windows_at_once
from manymasks.divergence.items import ItemSums, calibration_rows, item_rows, item_sums
from manymasks.divergence.pairs import (
    FloorSums,
    Sums,
    by_document,
    floor_sums,
    joined_members,
    pair_sums,
)
from manymasks.divergence.positions import Decode, position_rows
from manymasks.divergence.sampled import (
    AtPositions,
    Sampled,
    at_positions,
    sampled,
    sampled_positions,
)
from manymasks.divergence.tables import divergence_rows, floor_means
from manymasks.divergence.units import summed
from manymasks.models.transformer import Transformer
from manymasks.stages.members import members_of
from manymasks.stages.weights import load_members
from manymasks.statistics.documents import (
    FloatArray,
    document_weights,
    percentile_interval,
    ratio,
    ratio_resamples,
)
from manymasks.statistics.intervals import finite
from manymasks.statistics.members import IndexArray, Member, classes
from manymasks.store.job import Artifact, Job
from manymasks.tokens.tokenizer import load
from manymasks.training.device import choose_device

Rows = list[dict[str, Any]]


def make(job: Job) -> dict[str, Any]:
    """Write sums.npz and the tables of how members behave at each severity.

    They are model_probe, pair_divergence, pool_divergence, noise_floor, behaviour_component,
    probe_item, calibration_bin, position_divergence, contrast and, where there are reference seeds,
    rows of probe_distance. sums.npz is for what compares severities.
    """
    settings: Divergence = job.setting("divergence", Divergence)
    statistics: Statistics = job.setting("statistics", Statistics)
    artifacts = job.inputs["training"]
    trained = members_of(artifacts, [each.key for each in artifacts], job.settings["members"])
    members = [member for _, member in trained]
    crossed = crossing(members)
    probe = job.input("probe")
    contexts = _contexts(probe)
    at_all = _Pass(
        contexts,
        [artifact for artifact, _ in trained],
        [each for each in job.inputs.get("reference", ()) if each.figures["status"] == "trained"],
        list(classes(members).values()),
        crossed,
        settings,
        statistics.seed,
        choose_device(job.machine.device),
        load(job.input("tokenizer").file("tokenizer.json")).decode,
    )
    windows, severities = contexts.owners.size, len(contexts.levels)

    def report(severity: int, done: int) -> None:
        what = f"windows, severity {severity}, {len(members)} members"
        job.report(severity * windows + done, severities * windows, what)

    with torch.no_grad():
        found = [at_all.severity(each, partial(report, each)) for each in range(severities)]

    name = probe.manifest.settings["name"]
    tables: dict[str, Rows] = divergence_rows(
        {severity: each.sums for severity, each in enumerate(found)},
        {severity: each.floor for severity, each in enumerate(found)},
        members,
        name,
        at_all.perturbation,
        statistics,
        {severity: each.sampled for severity, each in enumerate(found)},
    )
    for severity, each in enumerate(found):
        where = {"probe": name, "severity": severity}
        for table, rows in _own_rows(each, members, crossed, contexts, statistics).items():
            tables.setdefault(table, []).extend(where | row for row in rows)
    for table, rows in tables.items():
        job.write_table(table, rows)
    np.savez(
        job.folder / "sums.npz",
        documents=contexts.names,
        models=np.array([member.model for member in members]),
        **{  # type: ignore[arg-type]
            column: np.stack([getattr(each.sums, column) for each in found])
            for column in ("tokens", "kl", "entropy", "log_p")
        },
    )
    return {"members": len(members), "pairs": len(members) * (len(members) - 1) // 2}


# ------------------------------------------------------------------------------------ contexts


@dataclass(frozen=True)
class _Contexts:
    """A probe's windows at all severities.

    `levels`: (windows, length + 1) token ids of each severity. `names` (D,): the documents, rising.
    `owners` (windows,): place of each window's document among them. `scored`: tokens at the end of
    each window that are.
    """

    levels: list[npt.NDArray[np.int64]]
    names: npt.NDArray[np.str_]
    owners: IndexArray
    scored: int


def _contexts(probe: Artifact) -> _Contexts:
    """What the probe saved; where its severities have lengths, each sees the end of its windows."""
    with np.load(probe.file("contexts.npz")) as saved:
        tokens = saved["tokens"]
        lengths = saved["lengths"] if "lengths" in saved else [tokens.shape[2] - 1] * len(tokens)
        names, owners = np.unique(saved["documents"], return_inverse=True)
    levels = [level[:, -(length + 1) :] for level, length in zip(tokens, lengths, strict=True)]
    return _Contexts(levels, names, owners, probe.figures["scored"])


@dataclass(frozen=True)
class _Piece:
    """Windows that are held at once or, where one is too much, scored places of one.

    `windows` and `places` are the first and the one after the last.
    """

    windows: tuple[int, int]
    places: tuple[int, int]


def _pieces(windows: int, scored: int, at_once: int, places: int) -> Iterator[_Piece]:
    if places < scored:
        for window in range(windows):
            for first in range(0, scored, places):
                yield _Piece((window, window + 1), (first, min(first + places, scored)))
        return
    for begin in range(0, windows, at_once):
        yield _Piece((begin, min(begin + at_once, windows)), (0, scored))


# ----------------------------------------------------------------------------------- measuring


@dataclass(frozen=True)
class _Severity:
    """What is kept of one severity: nothing that has the size of the vocabulary for a position.

    By document, in the order of the names, are `sums`, `sampled`, `anova` (None without a crossing)
    and `reference` (D,), nats of the scored tokens, mean over the reference seeds (None without
    them); `floor` by document of the first windows; `items` by window; `shown` are rows.
    """

    sums: Sums
    floor: FloorSums
    sampled: Sampled
    anova: AnovaSums | None
    items: ItemSums
    reference: FloatArray | None
    shown: Rows


@dataclass(frozen=True)
class _Nats:
    """Sums over the scored positions of each unit: `nats` (n,), mean over the reference seeds."""

    nats: FloatArray


@dataclass
class _Parts:
    """What pieces show beside their pair sums, in their order."""

    floor: list[FloorSums] = field(default_factory=list)
    sampled: list[AtPositions] = field(default_factory=list)
    anova: list[AnovaSums] = field(default_factory=list)
    items: list[ItemSums] = field(default_factory=list)
    reference: list[_Nats] = field(default_factory=list)
    shown: Rows = field(default_factory=list)


class _Pass:
    """All members and measures, a severity at a time: one forward pass a member and piece."""

    def __init__(
        self,
        contexts: _Contexts,
        trained: Sequence[Artifact],
        reference: Sequence[Artifact],
        pools: Sequence[IndexArray],
        crossed: Crossing | None,
        settings: Divergence,
        seed: int,
        device: torch.device,
        decode: Decode,
    ) -> None:
        self.contexts, self.pools, self.crossed = contexts, pools, crossed
        self.settings, self.device, self.decode = settings, device, decode
        self.documents: list[str] = contexts.names[contexts.owners].tolist()
        longest = max(level.shape[1] for level in contexts.levels) - 1
        self.models, self.references = (
            [load_members([artifact], device, context=longest) for artifact in artifacts]
            for artifacts in (trained, reference)
        )
        windows, scored = contexts.owners.size, contexts.scored
        size = len(trained), scored, trained[0].figures["vocabulary"]
        at_once = min(windows_at_once(*size, settings), windows)
        places = positions_at_once(*size, settings)
        self.pieces = list(_pieces(windows, scored, at_once, places))
        # The floor compares two sizes of a batch, also where memory allows floor_batch only.
        self.floor_batch = settings.floor_batch + (settings.floor_batch == at_once)
        threads = ", threads 1 -> 2" if device.type == "cpu" else ""
        self.perturbation = f"batch {at_once} -> {self.floor_batch}{threads}"
        drawn = sampled_positions(windows, scored, settings.sampled, seed)
        self.positions, self.shown = np.sort(drawn), np.sort(drawn[: settings.shown])
        # One for all pieces: what is made anew for each leaves holes between what is kept.
        positions = max(
            (p.windows[1] - p.windows[0]) * (p.places[1] - p.places[0]) for p in self.pieces
        )
        self.buffer = torch.empty(len(trained) * positions * size[2], device=device)

    def severity(self, number: int, report: Callable[[int], None]) -> _Severity:
        """Everything at one severity; `report` is told how many windows are done."""
        parts = _Parts()
        owners = self.contexts.owners
        units = np.array([w for piece in self.pieces for w in range(*piece.windows)])
        sums = by_document(self._measured(number, parts, report), owners[units])
        of_floor = np.array([w for w in units if w < self.settings.floor_windows])
        documents = self.contexts.names.size
        return _Severity(
            sums,
            by_document(parts.floor, owners[of_floor]),
            sampled(parts.sampled, owners[self.positions // self.contexts.scored], documents),
            summed(parts.anova, owners[units]) if parts.anova else None,
            summed(parts.items, units),
            summed(parts.reference, owners[units]).nats if parts.reference else None,
            parts.shown,
        )

    def _measured(
        self, number: int, parts: _Parts, report: Callable[[int], None]
    ) -> Iterator[Sums]:
        """Pair sums of each piece; whatever else it shows is added to `parts`."""
        level, scored = self.contexts.levels[number], self.contexts.scored
        tokens = torch.from_numpy(level).to(self.device)
        for piece in self.pieces:
            (begin, end), (first, last) = piece.windows, piece.places
            count = last - first
            # The law at a place depends on nothing after it.
            windows = tokens[begin:end, : tokens.shape[1] - scored + last]
            targets = windows[:, -count:]
            logp = self._log_probabilities(windows, count)
            if self.crossed is not None:
                parts.anova.append(anova_sums(logp, self.crossed))
            parts.items.append(item_sums(logp, targets, self.settings.bins))
            start = begin * scored + first
            flat = logp.flatten(1, 2)
            drawn, shown = (
                each[(each >= start) & (each < start + flat.shape[1])]
                for each in (self.positions, self.shown)
            )
            parts.sampled.append(at_positions(flat[:, drawn - start]))
            parts.shown += position_rows(
                flat[:, shown - start],
                level,
                scored,
                shown,
                self.documents,
                self.decode,
            )
            if begin < self.settings.floor_windows:
                some = slice(self.settings.floor_windows - begin)
                parts.floor.append(self._floor(logp[:, some], windows[some], count))
            if self.references:
                parts.reference.append(_nats(self.references, windows, count))
            yield pair_sums(logp, targets, self.pools)
            report(end)

    def _log_probabilities(self, windows: Tensor, count: int) -> Tensor:
        """(members, windows, count, vocabulary) of the last `count` tokens, in the buffer."""
        shape = len(self.models), len(windows), count, -1
        vocabulary = self.models[0].W_U.shape[1]
        logp = self.buffer[: shape[0] * shape[1] * count * vocabulary].view(shape)
        for out, model in zip(logp, self.models, strict=True):
            torch.log_softmax(_logits(model, windows, count), -1, out=out)
        return logp

    def _floor(self, logp: Tensor, windows: Tensor, count: int) -> FloorSums:
        """Every member against itself, in other batches and, on a CPU, by two threads."""
        # The last batch is filled up, so that all are of one size.
        rows = torch.arange(-(-len(windows) // self.floor_batch) * self.floor_batch) % len(windows)
        by_member = []
        for once, model in zip(logp, self.models, strict=True):
            torch.set_num_threads(2)
            again = torch.cat(
                [
                    torch.log_softmax(_logits(model, windows[some], count), -1)
                    for some in torch.split(rows.to(self.device), self.floor_batch)
                ]
            )
            torch.set_num_threads(1)
            by_member.append(
                floor_sums(once[None], again[None, : len(windows)], windows[:, -count:])
            )
        return joined_members(by_member)


def _logits(model: Transformer, windows: Tensor, count: int) -> Tensor:
    """(windows, count, vocabulary), float32, of the last `count` tokens of windows."""
    logits: Tensor = model(windows[:, :-1].unsqueeze(0), count)
    return logits[0].float()


def _nats(models: Sequence[Transformer], windows: Tensor, count: int) -> _Nats:
    """Nats of the last `count` tokens of each window, (windows,), mean over models."""
    total = torch.zeros(len(windows), dtype=torch.float64, device=windows.device)
    for model in models:
        logits, targets = _logits(model, windows, count), windows[:, -count:]
        nats = torch.nn.functional.cross_entropy(logits.mT, targets, reduction="none")
        total += nats.sum(1, dtype=torch.float64) / len(models)
    return _Nats(total.cpu().numpy())


# ---------------------------------------------------------------------------------------- rows


def _own_rows(
    found: _Severity,
    members: Sequence[Member],
    crossed: Crossing | None,
    contexts: _Contexts,
    statistics: Statistics,
) -> dict[str, Rows]:
    """Rows, without probe and severity, of what does not come from sums over pairs."""
    names = contexts.names[contexts.owners].tolist()
    tables = {
        "probe_item": item_rows(found.items, members, names),
        "calibration_bin": calibration_rows(found.items, members, contexts.owners, statistics),
        "position_divergence": found.shown,
    }
    if crossed is not None and found.anova is not None:
        kl_floor = float(floor_means(found.floor)["kl"][crossed.members.ravel()].mean())
        tables["behaviour_component"] = component_rows(found.anova, crossed, kl_floor, statistics)
    if found.reference is not None:
        tables["probe_distance"] = [_reference_row(found.reference, found.sums.tokens, statistics)]
    return tables


def _reference_row(nats: FloatArray, tokens: FloatArray, statistics: Statistics) -> dict[str, Any]:
    """Loss of the reference seeds, which are given: its interval is over documents (D,)."""
    weights = document_weights(tokens.size, statistics.resamples, statistics.seed)
    drawn = ratio_resamples(nats, tokens, weights)
    low, high = percentile_interval(drawn, statistics.confidence)
    return {
        "measure": "reference_nats",
        "value": finite(float(ratio(nats, tokens))),
        "low": finite(float(low)),
        "high": finite(float(high)),
        "documents": int(tokens.size),
    }
