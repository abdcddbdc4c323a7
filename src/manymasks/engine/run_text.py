"""What a run says about its plan, and what came out."""

import textwrap
from collections import Counter
from collections.abc import Sequence

from manymasks.catalogue import STAGES
from manymasks.engine.progress import span
from manymasks.plan.forecast import Forecast
from manymasks.plan.graph import Plan
from manymasks.plan.node import Node
from manymasks.store.layout import Layout
from manymasks.store.manifest import DamagedManifest, read_manifest

WIDTH = 96


def plan_text(
    plan: Plan,
    nodes: Sequence[Node],
    jobs: int,
    expected: Forecast,
    cores: int,
    submissions: int | None = None,
) -> str:
    """The study, what is cached, and what a run makes: `nodes`, in so many jobs, which a cluster
    gets in so many `submissions`."""
    count = len({node.digest for node in plan.nodes})
    counts = Counter(node.stage for node in nodes)
    stages = ", ".join(f"{counts[stage]} {stage}" for stage in STAGES if counts[stage])
    sent = "1 submission" if submissions == 1 else f"{submissions} submissions"
    head = (
        f"The study '{plan.study.name}' has {count} artifacts: {count - len(nodes)} are complete, "
        f"{len(nodes)} will be made in {jobs} jobs"
        + (f", sent to the cluster in {sent}." if submissions else ".")
    )
    lines = [_filled(head), _filled(f"{time_text(nodes, expected, cores)}.")]
    return "\n".join([*lines, _filled(f"To make: {stages}.")])


def time_text(nodes: Sequence[Node], expected: Forecast, cores: int) -> str:
    """How long a run is expected to take, and by what."""
    source = "earlier artifacts" if expected.measured == len(nodes) else (
        f"earlier artifacts, for {len(nodes) - expected.measured} of them by the default study"
        if expected.measured
        else "the cost of the default study"
    )  # fmt: skip
    cores_text = "1 core" if cores == 1 else f"{cores} cores"
    return f"About {span(expected.wall(nodes, cores))} on {cores_text}, judged by {source}"


def headline(plan: Plan, layout: Layout) -> str:
    """The main answer of a study, which the manifest of its report has; or empty."""
    (_, report) = plan.targets
    try:
        figures = read_manifest(layout.manifest(report.stage, report.key)).figures
    except DamagedManifest:
        return ""
    return f"{_filled(str(figures['headline']))}\n" if figures.get("headline") else ""


def _filled(text: str) -> str:
    return textwrap.fill(text, WIDTH, subsequent_indent="  ", break_on_hyphens=False)
