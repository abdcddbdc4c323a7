"""Sums over units, such as windows or parts of them, added up by the unit's owner."""

from collections.abc import Iterable
from dataclasses import fields
from typing import TYPE_CHECKING, Generic, TypeVar

import numpy as np

from manymasks.arrays import Floats, Indices

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

    Sums = TypeVar("Sums", bound=DataclassInstance)
else:
    Sums = TypeVar("Sums")


class Collected(Generic[Sums]):
    """Sums of consecutive units, of which every field is an array whose first axis is units.

    They are copied to arrays for all `units`: small results that are kept one by one lie between
    the large arrays of a computation, and the memory of these is not used again.
    """

    def __init__(self, units: int) -> None:
        self._units, self._done = units, 0
        self._whole: Sums | None = None

    def add(self, part: Sums) -> None:
        """Sums of the next units."""
        values = [getattr(part, field.name) for field in fields(part)]
        if self._whole is None:
            shapes = [(self._units, *value.shape[1:]) for value in values]
            self._whole = type(part)(*(np.empty(shape, np.float64) for shape in shapes))
        end = self._done + len(values[0])
        for field, value in zip(fields(part), values, strict=True):
            getattr(self._whole, field.name)[self._done : end] = value
        self._done = end

    @property
    def parts(self) -> list[Sums]:
        """Sums of all units, as one part; empty if there was none. Raises ValueError if units are
        missing."""
        if self._whole is None:
            return []
        if self._done != self._units:
            raise ValueError(f"expected {self._units} units, found {self._done}")
        return [self._whole]


def summed(batches: "Iterable[Sums]", owners: Indices) -> "Sums":
    """Sums (units, ...) of consecutive units, added up to (owners, ...). Every field of a batch is
    an array whose first axis is units. `owners` (units,): index of the owner of each unit, from 0.
    Raises ValueError if the numbers of units and owners differ."""
    parts = list(batches)
    if not parts:
        raise ValueError("there must be a unit, found none")
    totals = []
    for field in fields(parts[0]):
        values: Floats = np.concatenate([getattr(part, field.name) for part in parts])
        if len(values) != owners.size:
            raise ValueError(f"each unit needs an owner, found {len(values)} and {owners.size}")
        total = np.zeros((int(owners.max()) + 1, *values.shape[1:]))
        np.add.at(total, owners, values)
        totals.append(total)
    return type(parts[0])(*totals)
