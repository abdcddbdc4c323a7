"""One pass of all members over a probe, from which everything that `divergence` asks is summed.

Every member reads every window once at each severity. Pieces of windows are held at once, as many
as memory allows, and nothing that has the size of the vocabulary for a position outlives its piece.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from manymasks.arrays import FloatArray, IndexArray, IntArray, Rows
from manymasks.config.analyses import Divergence
from manymasks.divergence.anova import AnovaSums, Crossing, anova_sums
from manymasks.divergence.blocks import positions_at_once, windows_at_once
from manymasks.divergence.calibration import ItemSums, item_sums
from manymasks.divergence.grouping import summed
from manymasks.divergence.pairs import (
    FloorSums,
    Sums,
    by_document,
    floor_sums,
    joined_members,
    pair_sums,
)
from manymasks.divergence.position_examples import Decode, position_rows
from manymasks.divergence.position_sample import (
    AtPositions,
    Sampled,
    at_positions,
    sampled,
    sampled_positions,
)
from manymasks.models.transformer import Transformer


@dataclass(frozen=True)
class ProbeWindows:
    """A probe's windows at all severities."""

    levels: Sequence[IntArray]
    """(windows, length + 1) token ids of each severity."""
    names: npt.NDArray[np.str_]
    """(D,) the documents, rising."""
    owners: IndexArray
    """(windows,) place of each window's document among them."""
    scored: int
    """Tokens at the end of each window that are scored."""

    @property
    def documents(self) -> list[str]:
        """(windows,) the document of each."""
        found: list[str] = self.names[self.owners].tolist()
        return found

    @property
    def longest(self) -> int:
        """Tokens that are read at the severity which has most."""
        return max(int(level.shape[1]) for level in self.levels) - 1


@dataclass(frozen=True)
class AtSeverity:
    """What is kept of one severity; by document is in the order of the documents' names."""

    sums: Sums
    """By document."""
    floor: FloorSums
    """By document of the first windows."""
    sampled: Sampled
    """By document."""
    anova: AnovaSums | None
    """By document; None without a crossing."""
    items: ItemSums
    """By window."""
    reference: FloatArray | None
    """(D,) nats of the scored tokens, mean over the reference seeds; None without them."""
    shown: Rows
    """Of the table `position_divergence`, without probe and severity."""


@dataclass(frozen=True)
class _Piece:
    """Windows that are held at once or, where one is too much, scored places of one.

    `windows` and `places` are the first and the one after the last.
    """

    windows: tuple[int, int]
    places: tuple[int, int]

    @property
    def positions(self) -> int:
        """How many positions it has."""
        (begin, end), (first, last) = self.windows, self.places
        return (end - begin) * (last - first)


def pieces_of(windows: int, scored: int, at_once: int, places: int) -> Iterator[_Piece]:
    if places < scored:
        for window in range(windows):
            for first in range(0, scored, places):
                yield _Piece((window, window + 1), (first, min(first + places, scored)))
        return
    for begin in range(0, windows, at_once):
        yield _Piece((begin, min(begin + at_once, windows)), (0, scored))


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


class Pass:
    """All members and measures, a severity at a time: one forward pass a member and piece."""

    def __init__(
        self,
        windows: ProbeWindows,
        models: Sequence[Transformer],
        references: Sequence[Transformer],
        pools: Sequence[IndexArray],
        crossed: Crossing | None,
        settings: Divergence,
        seed: int,
        decode: Decode,
    ) -> None:
        """Decide what is held at once, and which positions are sampled.

        Args:
            windows: of the probe.
            models: each a stack of one, on one device, for windows as long as the longest.
            references: seeds, likewise, whose loss tells how hard the scored tokens are.
            pools: places of the members of each class.
            crossed: members that make up a crossing, where some do.
            settings: sizes, bounds and numbers.
            seed: of the sampled positions.
            decode: tokens to text.
        """
        self.windows, self.models, self.references = windows, models, references
        self.pools, self.crossed = pools, crossed
        self.settings, self.decode = settings, decode
        self.documents = windows.documents
        self.device, self.vocabulary = models[0].W_U.device, models[0].W_U.shape[1]
        count, scored = windows.owners.size, windows.scored
        size = len(models), scored, self.vocabulary
        at_once = min(windows_at_once(*size, settings), count)
        self.pieces = list(pieces_of(count, scored, at_once, positions_at_once(*size, settings)))
        # The floor compares two sizes of a batch, also where memory allows floor_batch only.
        self.floor_batch = settings.floor_batch + (settings.floor_batch == at_once)
        threads = ", threads 1 -> 2" if self.device.type == "cpu" else ""
        self.perturbation = f"batch {at_once} -> {self.floor_batch}{threads}"
        drawn = sampled_positions(count, scored, settings.sampled, seed)
        self.positions, self.shown = np.sort(drawn), np.sort(drawn[: settings.shown])
        # One for all pieces: what is made anew for each leaves holes between what is kept.
        positions = max(piece.positions for piece in self.pieces)
        self.buffer = torch.empty(len(models) * positions * self.vocabulary, device=self.device)

    def severity(self, number: int, report: Callable[[int], None]) -> AtSeverity:
        """Everything at one severity; `report` is told how many windows are done."""
        parts = _Parts()
        owners = self.windows.owners
        units = np.array([w for piece in self.pieces for w in range(*piece.windows)])
        sums = by_document(self._measured(number, parts, report), owners[units])
        of_floor = np.array([w for w in units if w < self.settings.floor_windows])
        documents = self.windows.names.size
        return AtSeverity(
            sums,
            by_document(parts.floor, owners[of_floor]),
            sampled(parts.sampled, owners[self.positions // self.windows.scored], documents),
            summed(parts.anova, owners[units]) if parts.anova else None,
            summed(parts.items, units),
            summed(parts.reference, owners[units]).nats if parts.reference else None,
            parts.shown,
        )

    def _measured(
        self, number: int, parts: _Parts, report: Callable[[int], None]
    ) -> Iterator[Sums]:
        """Pair sums of each piece; whatever else it shows is added to `parts`."""
        level, scored = self.windows.levels[number], self.windows.scored
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
                flat[:, shown - start], level, scored, shown, self.documents, self.decode
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
        shape = len(self.models), len(windows), count, self.vocabulary
        logp = self.buffer[: math.prod(shape)].view(shape)
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
