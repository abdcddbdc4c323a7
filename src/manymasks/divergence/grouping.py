"""Sums over units, such as windows or parts of them, added up over what they belong to."""

from collections.abc import Iterable
from dataclasses import fields
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from manymasks.arrays import FloatArray, IndexArray

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

    Sums = TypeVar("Sums", bound=DataclassInstance)


def summed(batches: "Iterable[Sums]", owners: IndexArray) -> "Sums":
    """Sums (units, ...) of consecutive units as sums (owners, ...) of what they belong to.

    Every field of a batch is an array with an axis of units first. `owners` (units,) number the
    owner of each unit from 0. Raises ValueError where there are not as many units as owners.
    """
    parts = list(batches)
    if not parts:
        raise ValueError("there must be a unit, found none")
    totals = []
    for field in fields(parts[0]):
        values: FloatArray = np.concatenate([getattr(part, field.name) for part in parts])
        if len(values) != owners.size:
            raise ValueError(f"each unit needs an owner, found {len(values)} and {owners.size}")
        total = np.zeros((int(owners.max()) + 1, *values.shape[1:]))
        np.add.at(total, owners, values)
        totals.append(total)
    return type(parts[0])(*totals)
