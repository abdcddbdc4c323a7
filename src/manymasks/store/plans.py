"""Plans that were run on a results folder: what each needs, and whether a run of it is alive."""

import contextlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import IO

from manymasks.disk.lock import holder, is_held, try_lock
from manymasks.store.canonical import digest
from manymasks.store.layout import Layout
from manymasks.store.sealed import read_sealed, write_sealed


@dataclass(frozen=True)
class RecordedPlan:
    """A plan, by the study and the artifacts that it needs, as `stage/key`."""

    study: str
    artifacts: frozenset[str]
    used: str
    """When a run of it last started, in UTC."""
    lock: Path
    expected: Mapping[str, float]
    """Seconds of the artifacts that this run was to make, by `stage/key`."""
    cores: int

    @property
    def is_live(self) -> bool:
        """Whether a run of it is alive, in this folder or in another that shares the results."""
        return is_held(self.lock)

    @property
    def holder(self) -> str:
        """The process that runs it."""
        return holder(self.lock)


def record_plan(
    layout: Layout,
    study: str,
    artifacts: Iterable[str],
    expected: Mapping[str, float] = MappingProxyType({}),
    cores: int = 1,
) -> IO[str] | None:
    """Write down that a plan is run now, with the seconds that artifacts are expected to take.
    Returns its lock, to be held until the run ends; None if another run of the plan holds it."""
    names = sorted(set(artifacts))
    path = layout.plans / f"{digest([study, names])[:12]}.json"
    used = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    seconds = {name: round(expected[name], 1) for name in sorted(expected)}
    run = {"expected": seconds, "cores": cores} if seconds else {}
    write_sealed(path, {"study": study, "artifacts": names, "used": used, **run})
    return try_lock(path.with_suffix(".lock"))


def recorded_plans(layout: Layout) -> list[RecordedPlan]:
    """Plans that were run, the last one first; damaged records are left out."""
    plans = []
    for path in layout.plans.glob("*.json"):
        with contextlib.suppress(OSError, ValueError):
            values = read_sealed(path)
            names = frozenset(values["artifacts"])
            lock = path.with_suffix(".lock")
            expected, cores = dict(values.get("expected", {})), int(values.get("cores", 1))
            plans.append(
                RecordedPlan(values["study"], names, values["used"], lock, expected, cores)
            )
    return sorted(plans, key=lambda plan: plan.used, reverse=True)


def active_folders(layout: Layout) -> Iterator[Path]:
    """Folders of artifacts that a process is making now."""
    for lock in sorted(layout.results.glob("*/*/lock")):
        if is_held(lock):
            yield lock.parent
