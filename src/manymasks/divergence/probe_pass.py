"""One pass of all members over a probe, for all sums of the stage `divergence`.

Every member reads every window once at each severity. Windows are processed in pieces that fit the
memory; no array with the vocabulary at a position outlives its piece.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from manymasks.arrays import Floats, Indices, Ints, Rows
from manymasks.config.analyses import Divergence
from manymasks.divergence import pairs
from manymasks.divergence.anova import AnovaSums, Crossing, anova_sums
from manymasks.divergence.blocks import (
    BLOCK_ELEMENTS,
    blocks,
    positions_at_once,
    windows_at_once,
)
from manymasks.divergence.calibration import ItemSums, item_sums
from manymasks.divergence.grouping import Collected, summed
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
        return self.positions_of(self.windows[1] - self.windows[0])

    def positions_of(self, batch: int) -> int:
        """Number of positions of at most so many of its windows."""
        (begin, end), (first, last) = self.windows, self.offsets
        return min(batch, end - begin) * (last - first)


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


class _Parts:
    """Results of the pieces other than pair sums, in order."""

    def __init__(self, units: int, floor: int, positions: int) -> None:
        """`units`: windows or parts of them; `floor`: those of the noise floor; `positions`:
        sampled ones."""
        self.floor = Collected[pairs.FloorSums](floor)
        self.sampled = Collected[AtPositions](positions)
        self.anova = Collected[AnovaSums](units)
        self.items = Collected[ItemSums](units)
        self.reference = Collected[_Nats](units)
        self.shown: Rows = []
        self.predictions: Rows = []


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
        size = len(models), scored, self.vocabulary, settings, len(windows.levels)
        at_once = min(windows_at_once(*size), count)
        self.pieces = list(pieces_of(count, scored, at_once, positions_at_once(*size)))
        # The noise floor compares two batch sizes, even if at_once equals floor_batch.
        self.floor_batch = settings.floor_batch + (settings.floor_batch == at_once)
        threads = ", threads 1 -> 2" if self.device.type == "cpu" else ""
        self.perturbation = f"batch {at_once} -> {self.floor_batch}{threads}"
        order = sampled_positions(count, scored, settings.sampled, seed)
        self.positions, self.shown = np.sort(order), np.sort(order[: settings.shown])
        # One buffer for all pieces, because separate allocations fragment the memory, and one for
        # the windows of a batch of the noise floor.
        positions = max(piece.positions for piece in self.pieces)
        again = max(piece.positions_of(self.floor_batch) for piece in self.pieces)
        self.buffer, self.floor_buffer = (
            torch.empty(rows * self.vocabulary, device=self.device)
            for rows in (len(models) * positions, again)
        )

    def severity(self, number: int, report: Callable[[int], None]) -> AtSeverity:
        """All sums at one severity; `report` is called with the number of windows done."""
        owners, documents = self.windows.owners, self.windows.names.size
        units = np.array([w for piece in self.pieces for w in range(*piece.windows)])
        floor_units = units[units < self.settings.floor_windows]
        parts = _Parts(units.size, floor_units.size, self.positions.size)
        sums = pairs.by_document(self._measured(number, parts, report), owners[units])
        anova, reference = parts.anova.parts, parts.reference.parts
        return AtSeverity(
            sums,
            pairs.by_document(parts.floor.parts, owners[floor_units]),
            sampled(parts.sampled.parts, owners[self.positions // self.windows.scored], documents),
            summed(anova, owners[units]) if anova else None,
            summed(parts.items.parts, units),
            summed(reference, owners[units]).nats if reference else None,
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
                parts.anova.add(anova_sums(logp, self.crossed))
            parts.items.add(item_sums(logp, targets, self.settings.bins))
            start = begin * scored + first
            flat = logp.flatten(1, 2)
            sample, shown = (
                positions[(positions >= start) & (positions < start + flat.shape[1])]
                for positions in (self.positions, self.shown)
            )
            for block in blocks(flat[:, : len(sample)], BLOCK_ELEMENTS):
                parts.sampled.add(at_positions(flat[:, sample[block] - start]))
            for block in blocks(flat[:, : len(shown)], BLOCK_ELEMENTS):
                at = shown[block]
                laws = flat[:, at - start]
                parts.shown += position_rows(laws, level, scored, at, self.documents, self.decode)
                parts.predictions += prediction_rows(laws, level, scored, at, self.decode)
                del laws
            if begin < self.settings.floor_windows:
                in_floor = slice(self.settings.floor_windows - begin)
                for floor in self._floor(logp[:, in_floor], windows[in_floor], count):
                    parts.floor.add(floor)
            if self.references:
                parts.reference.add(_nats(self.references, windows, count))
            yield pairs.pair_sums(logp, targets, self.pools)
            report(end)

    def _log_probabilities(self, windows: Tensor, count: int) -> Tensor:
        """(members, windows, count, vocabulary) of the last `count` tokens, in the buffer."""
        shape = len(self.models), len(windows), count, self.vocabulary
        logp = self.buffer[: math.prod(shape)].view(shape)
        for out, model in zip(logp, self.models, strict=True):
            torch.log_softmax(_logits(model, windows, count), -1, out=out)
        return logp

    def _floor(self, logp: Tensor, windows: Tensor, count: int) -> Iterator[pairs.FloorSums]:
        """Every member compared with itself in other batches and, on a CPU, with two threads.
        Sums of the windows of each batch."""
        for begin in range(0, len(windows), self.floor_batch):
            # The last batch is padded to the common size.
            rows = torch.arange(begin, begin + self.floor_batch, device=self.device) % len(windows)
            real = slice(begin, min(begin + self.floor_batch, len(windows)))
            by_member = []
            for laws, model in zip(logp, self.models, strict=True):
                torch.set_num_threads(2)
                logits = _logits(model, windows[rows], count)[: real.stop - begin]
                again = self.floor_buffer[: logits.numel()].view(logits.shape)
                torch.log_softmax(logits, -1, out=again)
                torch.set_num_threads(1)
                targets = windows[real, -count:]
                by_member.append(pairs.floor_sums(laws[None, real], again[None], targets))
                # Before the logits of the next member.
                del logits
            yield pairs.joined_members(by_member)


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
