"""Tested claims: rows of the table `contrast`."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Literal

from manymasks.arrays import Floats, Row
from manymasks.config.claims import Claim
from manymasks.statistics.bootstrap import document_columns
from manymasks.statistics.intervals import Interval, finite_columns, interval_columns
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
    sizes: Floats | None = None,
) -> Row:
    """A row of the table `contrast`: a tested claim with its power and the units that it rests on.
    `seeds`: of the members on one side of the comparison; the other side has the same or none.
    `sizes` (D,): tokens of the documents; None for a claim about losses as they are. Which claims
    are primary, and the correction for their number, follow from the whole study."""
    inits, orders = (len(set(numbers)) for numbers in zip(*seeds, strict=True))
    units: Row = {"inits": inits, "orders": orders}
    units |= {"documents": None, "effective_documents": None}
    if sizes is not None:
        units |= document_columns(sizes)
    tested = finite_columns(
        p=interval.p, degrees=interval.degrees, detectable=interval.detectable()
    )
    return asdict(comparison) | interval_columns(interval, "estimate") | tested | units
