"""Tested claims: rows of the table `contrast`."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Literal

from manymasks.arrays import Row
from manymasks.config.claims import Claim
from manymasks.statistics.intervals import Interval, finite, interval_columns
from manymasks.statistics.seed_design import Seeds

TestedClaim = Claim | Literal["gap_by_size", "bonus", "malus", "beyond_seeds", "rise", "fall"]


@dataclass(frozen=True)
class Comparison:
    """What a claim compares, as the names of its columns in the table `contrast`. `subject` is
    compared with `baseline`, and `within` is what both share. Two variants share a size; two sizes
    share a variant; beyond a control, size `subject` of a corpus is compared with the corpus
    `baseline` for the variants `within` and `within_baseline`. A trend over severities is that of
    the size `subject` alone."""

    claim: TestedClaim
    corpus: str
    subject: str
    baseline: str | None
    within: str
    within_baseline: str | None = None
    """The variant whose loss is subtracted from that of `within`: only a change of the gap."""
    probe: str | None = None
    severity: int | None = None


def contrast_row(
    comparison: Comparison,
    interval: Interval,
    seeds: Sequence[Seeds],
    documents: int | None = None,
) -> Row:
    """A row of the table `contrast`: a tested claim with its degrees of freedom and the units that
    it rests on. `seeds`: of the members on one side of the comparison; the other side has the same
    or none. Which claims are primary, and the correction for their number, follow from the whole
    study."""
    inits, orders = (len(set(numbers)) for numbers in zip(*seeds, strict=True))
    units = {"inits": inits, "orders": orders, "documents": documents}
    tested = {"p": finite(interval.p), "degrees": finite(interval.degrees)}
    return asdict(comparison) | interval_columns(interval, "estimate") | tested | units
