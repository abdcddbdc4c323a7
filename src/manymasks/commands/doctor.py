"""manymasks doctor: what this machine has, what the study needs, and what is wrong in results."""

import os
import shutil
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from manymasks.catalogue import STAGES
from manymasks.database.unchanged import change, remedy
from manymasks.engine.gpu import devices
from manymasks.engine.session import lock_state
from manymasks.native.build import availability
from manymasks.plan.graph import Plan
from manymasks.plan.node import Node
from manymasks.plan.states import missing, statuses
from manymasks.store.layout import Layout
from manymasks.store.leftovers import leftovers, size_of
from manymasks.store.manifest import DamagedManifest, all_manifests
from manymasks.store.provenance import environment

MEMORY = Path("/proc/meminfo")
JOB_MB = 1000
"""Memory of a job whose stage does not say what it takes."""


def machine() -> Iterator[str]:
    """Lines about this machine."""
    record = environment()
    yield f"python     {record['python']}, {record['processor']}, {record['cores']} cores"
    versions = (f"{name} {version}" for name, version in record["packages"].items())
    yield f"packages   {', '.join(versions)}"
    yield f"gpus       {', '.join(devices()) or 'none: models train on the CPU'}"
    yield f"kernels    {availability()}"


def study(plan: Plan, layout: Layout) -> Iterator[str]:
    """Lines about what the study needs, and what is in its results folder."""
    to_make = missing(plan, layout)
    yield _memory(to_make)
    yield from _disk(to_make, layout)
    yield f"study      '{plan.study.name}': {len(to_make)} of {len(plan.nodes)} artifacts to make"
    yield f"lock       {lock_state()}"
    yield from _faults(plan, layout)


def _memory(to_make: Sequence[Node]) -> str:
    """Free memory against that of the largest job."""
    largest = max((STAGES[node.stage].mem_mb or JOB_MB for node in to_make), default=0)
    try:
        lines = MEMORY.read_text().splitlines()
        (free,) = (int(line.split()[1]) // 1000 for line in lines if line.startswith("MemAvail"))
    except (OSError, ValueError):
        return "memory     unknown"
    text = f"memory     {free / 1000:.1f} GB free"
    if largest:
        jobs = max(1, min(os.cpu_count() or 1, free // largest))
        text += f"; jobs take at most {largest / 1000:g} GB each: `snakemake --cores {jobs}` fits"
    return text


def _disk(to_make: Sequence[Node], layout: Layout) -> Iterator[str]:
    """Free space of the disk that the results lie on, against what earlier artifacts took."""
    existing = layout.results.resolve()
    while not existing.exists():
        existing = existing.parent
    free = shutil.disk_usage(existing).free
    sizes: dict[str, list[int]] = {}
    for manifest in all_manifests(layout, on_damage=lambda error: None):
        total = sum(file.bytes for file in manifest.files)
        sizes.setdefault(manifest.stage, []).append(total)
    counts = Counter(node.stage for node in to_make)
    needed = sum(
        count * sum(sizes[stage]) / len(sizes[stage])
        for stage, count in counts.items()
        if stage in sizes
    )
    text = f"disk       {free / 1e9:.0f} GB free below {existing}"
    if needed:
        text += f"; {sum(counts.values())} artifacts take about {needed / 1e9:.2f} GB"
        text += ": too little, see `manymasks gc`" if needed > free else ""
    yield text
    used = sum(map(sum, sizes.values()))
    downloads = size_of(layout.downloads) if layout.downloads.is_dir() else 0
    yield f"results    {used / 1e9:.2f} GB in artifacts, {downloads / 1e9:.2f} GB of downloads"


def _faults(plan: Plan, layout: Layout) -> Iterator[str]:
    """A line for what is damaged or left over, with the remedy."""
    for status in statuses(plan, layout):
        if status.state in ("damaged", "evicted"):
            yield f"{status.state:<10} {status.node.label}: {status.because}"
    needed = {(node.stage, node.key) for node in plan.nodes}
    damaged: list[DamagedManifest] = []
    for _ in all_manifests(layout, on_damage=damaged.append):
        pass
    for error in damaged:
        if (error.path.parent.parent.name, error.path.parent.name) not in needed:
            yield f"damaged    {error.path}: {error.reason}; of no use here: delete its folder"
    if layout.database.exists():
        changed = change(layout.database)
        if changed is not None:
            yield f"damaged    {layout.database}: {changed}. {remedy(layout.database)}"
    left = list(leftovers(layout))
    if left:
        size = sum(map(size_of, left))
        more = f" and {len(left) - 1} more" if len(left) > 1 else ""
        yield f"unfinished {left[0]}{more}, {size / 1e6:.1f} MB: type manymasks gc --delete"
