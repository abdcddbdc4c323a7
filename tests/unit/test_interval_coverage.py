"""Every kind of interval covers 93 to 97% of simulated studies, and the page says how much."""

import json
import math

import interval_kinds
import pytest
from interval_kinds import GAP, KINDS, LOSS, RESULTS, Kind, of_law, plain_percentiles

LEAST, MOST = 0.93, 0.97
SHORT, LONG = 150, 4000
STORED = json.loads(RESULTS.read_text(encoding="utf-8"))
USED = [kind for kind in KINDS if kind.is_used]
SHAPES = [(kind, shape) for kind in USED for shape in kind.shapes]
USED_ROWS = [row for row, kind in zip(STORED["kinds"], KINDS, strict=True) if kind.is_used]


def name_of(value: object) -> str:
    return value.name if isinstance(value, Kind) else str(value)


def error(coverage: float, repetitions: int) -> float:
    return math.sqrt(coverage * (1 - coverage) / repetitions)


@pytest.mark.parametrize("kind", USED, ids=name_of)
def test_a_short_simulation_covers_roughly(kind: Kind) -> None:
    shape = kind.shapes[len(kind.shapes) // 2]
    slack = 4 * error(LEAST, SHORT)
    assert kind.coverage(shape, SHORT) >= LEAST - slack


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "shape"), SHAPES, ids=name_of)
def test_a_long_simulation_covers(kind: Kind, shape: int) -> None:
    coverage = kind.coverage(shape, LONG)
    slack = 2 * error(coverage, LONG)
    assert LEAST - slack <= coverage <= MOST + slack


def test_the_page_has_the_kinds_that_are_simulated() -> None:
    stored = [(row["kind"], row["units"], tuple(row["shapes"])) for row in STORED["kinds"]]
    assert stored == [(kind.name, kind.units, kind.shapes) for kind in KINDS]
    assert STORED["repetitions"] == LONG


@pytest.mark.parametrize("row", USED_ROWS, ids=lambda row: row["kind"])
def test_the_page_states_93_to_97_per_cent(row: dict[str, list[float]]) -> None:
    for coverage in row["coverage"]:
        slack = 2 * error(coverage, LONG)
        assert LEAST - slack <= coverage <= MOST + slack


@pytest.mark.parametrize(("law", "documents"), [(LOSS, 40), (LOSS, 10), (GAP, 20), (GAP, 10)])
def test_percentiles_that_are_not_expanded_do_not_cover(
    law: interval_kinds.Law, documents: int
) -> None:
    """Documents counted whole, as before: five of them have half of the tokens."""
    expanded, plain = (
        Kind("", "", "", (), simulate(law, math.inf)).coverage(documents, 600)
        for simulate in (of_law, plain_percentiles)
    )
    assert plain <= 0.90
    assert expanded >= plain + 0.03
