"""manymasks status: which runs and jobs are alive, how far they are, since when and where."""

import contextlib
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from manymasks.catalogue import STAGES
from manymasks.disk.lock import holder
from manymasks.engine.job_log import last_line
from manymasks.engine.progress import span
from manymasks.store.layout import Layout
from manymasks.store.plans import RecordedPlan, active_folders, recorded_plans


def activity(layout: Layout) -> Iterator[str]:
    """A line for each live run, and two for each artifact that is being made."""
    is_idle = True
    for plan in recorded_plans(layout):
        if plan.is_live:
            is_idle = False
            names = {name: layout.manifest(*name.split("/")) for name in plan.artifacts}
            missing = {name for name, manifest in names.items() if not manifest.exists()}
            done = len(names) - len(missing)
            yield f"{plan.study}: {done} of {len(names)} artifacts, {plan.holder}"
            yield from _to_come(plan, missing)
    for folder in active_folders(layout):
        is_idle = False
        yield f"  {_label(folder)} [{folder.name}], {holder(folder / 'lock')}"
        line = last_line(folder / "log.txt")
        if line:
            yield f"    {line}"
    if is_idle:
        yield "Nothing runs."


def _to_come(plan: RecordedPlan, missing: set[str]) -> Iterator[str]:
    """Expected time left, and what is to be made by stage, as a run shows its plan."""
    counts = Counter(name.split("/")[0] for name in missing)
    if counts:
        left = sum(plan.expected.get(name, 0.0) for name in missing) / plan.cores
        stages = ", ".join(f"{counts[stage]} {stage}" for stage in STAGES if counts[stage])
        time = f"about {span(left)} left; " if plan.expected else ""
        yield f"  {time}to make: {stages}"


def _label(folder: Path) -> str:
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        return str(json.loads((folder / "node.json").read_text(encoding="utf-8"))["label"])
    return folder.parent.name
