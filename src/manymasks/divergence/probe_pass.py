"""One pass of all members over a probe, for all sums of the stage `divergence`.

Every member reads every window once at each severity. Windows are processed in pieces that fit the
memory; no array with the vocabulary at a position outlives its piece.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from manymasks.arrays import Floats, Indices, Ints, Rows
from manymasks.config.analyses import Divergence
from manymasks.divergence import pairs
from manymasks.divergence.anova import AnovaSums, Crossing, anova_sums
from manymasks.divergence.blocks import positions_at_once, windows_at_once
from manymasks.divergence.calibration import ItemSums, item_sums
from manymasks.divergence.grouping import summed
from manymasks.divergence.position_examples import Decode, position_rows, prediction_rows
from manymasks.divergence.position_sample import (
    AtPositions,
    Sampled,
    at_positions,
    sampled,
    sampled_positions,
)
from manymasks.models.member_model import MemberModel


@dataclass(frozen=True)
class ProbeWindows:
    """A probe's windows at all severities."""

    levels: Sequence[Ints]
    """(windows, length + 1) token ids of each severity."""
    names: npt.NDArray[np.str_]
    """(D,) the documents, in order."""
    owners: Indices
    """(windows,) index of each window's document."""
    scored: int
    """Number of scored tokens at the end of each window."""

    @property
    def documents(self) -> list[str]:
        """(windows,) the document of each window."""
        documents: list[str] = self.names[self.owners].tolist()
        return documents

    @property
    def longest(self) -> int:
        """Tokens read at the longest severity."""
        return max(int(level.shape[1]) for level in self.levels) - 1


@dataclass(frozen=True)
class AtSeverity:
    """Sums of one severity; those by document are in the order of the documents' names."""

    sums: pairs.Sums
    """By document."""
    floor: pairs.FloorSums
    """By document of the first windows, which the noise floor uses."""
    sampled: Sampled
    """By document."""
    anova: AnovaSums | None
    """By document; None without a crossing."""
    items: ItemSums
    """By window."""
    reference: Floats | None
    """(D,) nats of the scored tokens, averaged over the reference seeds; None without them."""
    shown: Rows
    """Rows of the table `position_divergence`, without probe and severity."""
    predictions: Rows
    """Rows of the table `position_prediction`, without these, with indices of members."""


@dataclass(frozen=True)
class _Piece:
    """Several windows or, if one exceeds the memory, some scored offsets of one. `windows` and
    `offsets` are half-open ranges."""

    windows: tuple[int, int]
    offsets: tuple[int, int]

    @property
    def positions(self) -> int:
        """Number of positions."""
        (begin, end), (first, last) = self.windows, self.offsets
        return (end - begin) * (last - first)


def pieces_of(windows: int, scored: int, at_once: int, offsets: int) -> Iterator[_Piece]:
    """Pieces of at most `at_once` windows, or of at most `offsets` scored tokens of one."""
    if offsets < scored:
        for window in range(windows):
            for first in range(0, scored, offsets):
                yield _Piece((window, window + 1), (first, min(first + offsets, scored)))
        return
    for begin in range(0, windows, at_once):
        yield _Piece((begin, min(begin + at_once, windows)), (0, scored))


@dataclass(frozen=True)
class _Nats:
    """Sums over the scored positions of each unit: `nats` (n,), averaged over reference seeds."""

    nats: Floats


@dataclass
class _Parts:
    """Results of the pieces other than pair sums, in order."""

    floor: list[pairs.FloorSums] = field(default_factory=list)
    sampled: list[AtPositions] = field(default_factory=list)
    anova: list[AnovaSums] = field(default_factory=list)
    items: list[ItemSums] = field(default_factory=list)
    reference: list[_Nats] = field(default_factory=list)
    shown: Rows = field(default_factory=list)
    predictions: Rows = field(default_factory=list)


class ProbePass:
    """All measures of all members, one severity at a time: one forward pass a member and piece."""

    def __init__(
        self,
        windows: ProbeWindows,
        models: Sequence[MemberModel],
        references: Sequence[MemberModel],
        pools: Sequence[Indices],
        crossed: Crossing | None,
        settings: Divergence,
        seed: int,
        decode: Decode,
    ) -> None:
        """Plan the pieces, and draw the positions to sample.

        `models`: stacks of one member, on one device, with room for the longest window.
        `references`: likewise; their loss measures the difficulty of the tokens. `pools`: positions
        of the members of each class. `crossed`: a full crossing of members, if there is one.
        `seed`: of the positions.
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
        # The noise floor compares two batch sizes, even if at_once equals floor_batch.
        self.floor_batch = settings.floor_batch + (settings.floor_batch == at_once)
        threads = ", threads 1 -> 2" if self.device.type == "cpu" else ""
        self.perturbation = f"batch {at_once} -> {self.floor_batch}{threads}"
        order = sampled_positions(count, scored, settings.sampled, seed)
        self.positions, self.shown = np.sort(order), np.sort(order[: settings.shown])
        # One buffer for all pieces, because separate allocations fragment the memory.
        positions = max(piece.positions for piece in self.pieces)
        self.buffer = torch.empty(len(models) * positions * self.vocabulary, device=self.device)

    def severity(self, number: int, report: Callable[[int], None]) -> AtSeverity:
        """All sums at one severity; `report` is called with the number of windows done."""
        parts = _Parts()
        owners = self.windows.owners
        units = np.array([w for piece in self.pieces for w in range(*piece.windows)])
        sums = pairs.by_document(self._measured(number, parts, report), owners[units])
        floor_units = np.array([w for w in units if w < self.settings.floor_windows])
        documents = self.windows.names.size
        return AtSeverity(
            sums,
            pairs.by_document(parts.floor, owners[floor_units]),
            sampled(parts.sampled, owners[self.positions // self.windows.scored], documents),
            summed(parts.anova, owners[units]) if parts.anova else None,
            summed(parts.items, units),
            summed(parts.reference, owners[units]).nats if parts.reference else None,
            parts.shown,
            parts.predictions,
        )

    def _measured(
        self, number: int, parts: _Parts, report: Callable[[int], None]
    ) -> Iterator[pairs.Sums]:
        """Pair sums of each piece; its other results are added to `parts`."""
        level, scored = self.windows.levels[number], self.windows.scored
        tokens = torch.from_numpy(level).to(self.device)
        for piece in self.pieces:
            (begin, end), (first, last) = piece.windows, piece.offsets
            count = last - first
            # Causal: tokens after the last scored offset are not needed.
            windows = tokens[begin:end, : tokens.shape[1] - scored + last]
            targets = windows[:, -count:]
            logp = self._log_probabilities(windows, count)
            if self.crossed is not None:
                parts.anova.append(anova_sums(logp, self.crossed))
            parts.items.append(item_sums(logp, targets, self.settings.bins))
            start = begin * scored + first
            flat = logp.flatten(1, 2)
            sample, shown = (
                positions[(positions >= start) & (positions < start + flat.shape[1])]
                for positions in (self.positions, self.shown)
            )
            parts.sampled.append(at_positions(flat[:, sample - start]))
            laws = flat[:, shown - start]
            parts.shown += position_rows(laws, level, scored, shown, self.documents, self.decode)
            parts.predictions += prediction_rows(laws, level, scored, shown, self.decode)
            if begin < self.settings.floor_windows:
                in_floor = slice(self.settings.floor_windows - begin)
                parts.floor.append(self._floor(logp[:, in_floor], windows[in_floor], count))
            if self.references:
                parts.reference.append(_nats(self.references, windows, count))
            yield pairs.pair_sums(logp, targets, self.pools)
            report(end)

    def _log_probabilities(self, windows: Tensor, count: int) -> Tensor:
        """(members, windows, count, vocabulary) of the last `count` tokens, in the buffer."""
        shape = len(self.models), len(windows), count, self.vocabulary
        logp = self.buffer[: math.prod(shape)].view(shape)
        for out, model in zip(logp, self.models, strict=True):
            torch.log_softmax(_logits(model, windows, count), -1, out=out)
        return logp

    def _floor(self, logp: Tensor, windows: Tensor, count: int) -> pairs.FloorSums:
        """Every member compared with itself in other batches and, on a CPU, with two threads."""
        # The last batch is padded to the common size.
        rows = torch.arange(-(-len(windows) // self.floor_batch) * self.floor_batch) % len(windows)
        by_member = []
        for member_logp, model in zip(logp, self.models, strict=True):
            torch.set_num_threads(2)
            again = torch.cat(
                [
                    torch.log_softmax(_logits(model, windows[batch], count), -1)
                    for batch in torch.split(rows.to(self.device), self.floor_batch)
                ]
            )
            torch.set_num_threads(1)
            by_member.append(
                pairs.floor_sums(
                    member_logp[None], again[None, : len(windows)], windows[:, -count:]
                )
            )
        return pairs.joined_members(by_member)


def _logits(model: MemberModel, windows: Tensor, count: int) -> Tensor:
    """(windows, count, vocabulary), float32, of the last `count` tokens of windows."""
    logits: Tensor = model(windows[:, :-1].unsqueeze(0), count)
    return logits[0].float()


def _nats(models: Sequence[MemberModel], windows: Tensor, count: int) -> _Nats:
    """Nats of the last `count` tokens of each window, (windows,), mean over models."""
    total = torch.zeros(len(windows), dtype=torch.float64, device=windows.device)
    for model in models:
        logits, targets = _logits(model, windows, count), windows[:, -count:]
        nats = torch.nn.functional.cross_entropy(logits.mT, targets, reduction="none")
        total += nats.sum(1, dtype=torch.float64) / len(models)
    return _Nats(total.cpu().numpy())
