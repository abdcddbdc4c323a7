"""manymasks plan: the artifacts of a study by stage, or one by one, and how long the rest takes."""

import os
from collections import Counter
from collections.abc import Iterator, Sequence

from manymasks.catalogue import STAGES
from manymasks.engine.progress import span
from manymasks.engine.run_text import time_text
from manymasks.plan import states
from manymasks.plan.forecast import Forecast, forecast
from manymasks.plan.graph import Plan
from manymasks.plan.states import Status
from manymasks.store.layout import Layout


def plan_lines(plan: Plan, layout: Layout, stage: str | None, every: bool) -> Iterator[str]:
    """A line for each stage, or for each artifact: of one `stage`, or of all with `every`. Then
    totals, and the time that a run on all cores is expected to take."""
    rows = states.statuses(plan, layout)
    made = [row.node for row in rows if row.state == "will run"]
    expected = forecast(made, layout)
    if every or stage:
        yield from artifact_lines([row for row in rows if stage in (None, row.node.stage)])
    else:
        yield from stage_lines(rows, expected)
    counts = Counter(row.state for row in rows)
    yield ""
    yield f"{len(rows)} artifacts: " + ", ".join(
        f"{count} {state}" for state, count in sorted(counts.items())
    )
    if made:
        yield f"{time_text(made, expected, os.cpu_count() or 1)}."
    elif not counts["damaged"]:
        yield "Everything is up to date."


def artifact_lines(rows: Sequence[Status]) -> Iterator[str]:
    """A line for each artifact: stage, label, key, state and reason."""
    stage_width = max((len(row.node.stage) for row in rows), default=0)
    label_width = max((len(row.node.label) for row in rows), default=0)
    for row in rows:
        node = row.node
        state = f"{row.state}, because {row.because}" if row.because else row.state
        yield f"{node.stage:<{stage_width}}  {node.label:<{label_width}}  {node.key}  {state}"


def stage_lines(rows: Sequence[Status], expected: Forecast) -> Iterator[str]:
    """A line for each stage: its artifacts by state, and of those to make the expected seconds of
    one core and the most frequent reason."""
    present = [stage for stage in STAGES if any(row.node.stage == stage for row in rows)]
    width = max(map(len, present), default=0)
    for stage in present:
        listed = [row for row in rows if row.node.stage == stage]
        counts = Counter(row.state for row in listed)
        parts = [f"{count} {state}" for state, count in counts.items()]
        if counts["will run"]:
            seconds = sum(expected.seconds.get(row.node.digest, 0.0) for row in listed)
            parts[-1] += f" in about {span(seconds)} on one core"
        reasons = Counter(row.because for row in listed if row.because)
        if reasons:
            ((reason, times),) = reasons.most_common(1)
            more = f" ({times} of them)" if times < sum(reasons.values()) else ""
            parts.append(f"because {reason}{more}")
        yield f"{stage:<{width}}  {', '.join(parts)}"
