"""Sums over units, such as windows or parts of them, added up by the unit's owner."""

from collections.abc import Iterable
from dataclasses import fields
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from manymasks.arrays import Floats, Indices

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

    Sums = TypeVar("Sums", bound=DataclassInstance)


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
