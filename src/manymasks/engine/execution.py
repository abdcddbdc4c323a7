"""Make what has been locked and cleared: call the stage, and say what came of it.

A stage with `make_many` makes a stack of artifacts at once. A stack that needs more memory than
there is goes on as halves; what each member had saved is in its own folder, so no work is lost
but that since the last saved state.
"""

import contextlib
import dataclasses
import gc
import importlib
import resource
import shutil
import time
import traceback
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType
from typing import IO, Any

from manymasks.catalogue import STAGES
from manymasks.config.study import Hardware
from manymasks.engine.progress import Progress
from manymasks.errors import UserError
from manymasks.store.environment import environment
from manymasks.store.job import Artifact, Job
from manymasks.store.layout import Layout
from manymasks.store.manifest import Manifest, PayloadFile, Reference, sha256_of
from manymasks.training.memory import is_out_of_memory

NOT_PAYLOAD = {"manifest.json", "node.json", "log.txt", "lock", "state"}


@dataclass(frozen=True)
class Named:
    """An artifact with its key; its inputs are there, and of itself nothing yet."""

    stage: str
    key: str
    digest: str
    label: str
    settings: dict[str, Any]
    operational: dict[str, Any]
    inputs: dict[str, tuple[Artifact, ...]]
    code: dict[str, str]
    hardware: Hardware


@dataclass(frozen=True)
class Task(Named):
    """An artifact whose lock is held; it is made in `work`, which is its folder or inside it."""

    layout: Layout
    folder: Path
    work: Path
    log: IO[str]
    progress: Progress

    @property
    def manifest(self) -> Path:
        return self.folder / "manifest.json"

    @property
    def kept(self) -> Path:
        """A copy of the manifest, for as long as others of the stack are being made.

        Snakemake takes away all that a failed job has declared, complete or not; by this copy
        the artifact is complete again when it is next asked for.
        """
        return self.folder / "state" / "complete.json"


def made(tasks: Sequence[Task], bar: bool) -> Iterator[tuple[Task, Manifest]]:
    """Make artifacts at once if their stage can, or one after another.

    Yields:
        Each artifact with its manifest, as soon as it is made. Those made at once share the
        time equally; the memory is the process's.

    Raises:
        UserError: for the first that fails, once its log says why.
    """
    # Time and processor seconds since the last artifact; the first has those of starting too.
    began, used = time.monotonic(), 0.0
    # What is imported stays: to go through it again and again while it comes takes a seventh of
    # its time, and afterwards 3% of a small training.
    gc.disable()
    try:
        with _told(tasks):
            # Here and not above: the lease decides which GPU torch may see, before it looks.
            module = importlib.import_module(f"manymasks.stages.{tasks[0].stage}")
    finally:
        gc.freeze()
        gc.enable()
    width = len(tasks) if hasattr(module, "make_many") else 1
    left = list(tasks)
    while left:
        # What an attempt held, or an earlier stack, is freed only once its last cycle is found.
        gc.collect()
        stack = left[:width]
        with _told(stack):
            figures = _figures(stack, module, bar)
        if figures is None:
            width = (len(stack) + 1) // 2
            for task in stack:
                clear(task.work)
            # Dummies would need the memory too.
            narrower = {"stack": width}
            left = [
                dataclasses.replace(task, hardware=task.hardware.model_copy(update=narrower))
                for task in left
            ]
            continue
        now, usage = time.monotonic(), resource.getrusage(resource.RUSAGE_SELF)
        cpu = usage.ru_utime + usage.ru_stime
        shares = (now - began) / len(stack), (cpu - used) / len(stack)
        began, used = now, cpu
        for task, each in zip(stack, figures, strict=True):
            with _told([task]):
                manifest = _manifest(task, each, *shares, usage.ru_maxrss * 1024)
            yield task, manifest
        left = left[width:]


def _figures(stack: Sequence[Task], module: ModuleType, bar: bool) -> list[dict[str, Any]] | None:
    """What the stage returns for each artifact; None if several need more memory than there is."""
    first = stack[0]
    shared = first.progress
    if len(stack) > 1:
        logs = [task.log for task in stack]
        shared = Progress(_name(stack), *logs, seconds=first.hardware.log_seconds, bar=bar)
        shared.say(f"{len(stack)} in one process: {' '.join(task.key for task in stack)}")
    jobs = [
        Job(
            stage=task.stage,
            key=task.key,
            label=task.label,
            settings=task.settings,
            inputs=task.inputs,
            operational=task.operational,
            folder=task.work,
            layout=task.layout,
            hardware=task.hardware,
            report=shared,
            say=task.progress.say,
        )
        for task in stack
    ]
    try:
        if len(jobs) == 1:
            return [module.make(jobs[0])]
        figures = list(module.make_many(jobs))
    except Exception as error:
        if not is_out_of_memory(error):
            raise
        for task in stack:
            traceback.print_exc(file=task.log)
        may_have_dummies = hasattr(module, "make_many") and first.hardware.stack not in (1, "auto")
        if len(stack) == 1 and not may_have_dummies:
            raise UserError(
                f"{first.label}: ran out of memory with no other beside it in its process "
                f"({error}).\nFewer jobs at a time change no result: snakemake --cores, or "
                f"hardware.members_per_gpu (now {first.hardware.members_per_gpu}).\n"
                f"If it does not fit alone, lower {STAGES[first.stage].lower}: "
                "that changes results, so what depends on it is made anew."
            ) from error
        half = (len(stack) + 1) // 2
        shared.say(
            f"out of memory with {len(stack)} in one process; goes on with {half} "
            f"(`hardware: {{stack: {half}}}` begins with so many; on a GPU it may change last bits)"
        )
        return None
    if len(figures) != len(jobs):
        raise ValueError(f"figures of {len(figures)} artifacts for {len(jobs)}")
    return figures


@contextlib.contextmanager
def _told(stack: Sequence[Task]) -> Iterator[None]:
    """Write what goes wrong to the log of each; a fault becomes a message for people."""
    try:
        yield
    except UserError as error:
        for task in stack:
            print(error, file=task.log)
        raise
    except Exception as error:
        for task in stack:
            traceback.print_exc(file=task.log)
        first = stack[0]
        keys = " ".join(task.key for task in stack)
        raise UserError(
            f"{_name(stack)} failed: {type(error).__name__}: {error}\nThis is a fault of "
            f"manymasks or of the machine. Its traceback is in\n  {first.folder / 'log.txt'}\n"
            f"To run this stage alone:\n  manymasks run {first.stage} {keys}"
        ) from error
    except BaseException:
        for task in stack:
            traceback.print_exc(file=task.log)
        raise


def _name(stack: Sequence[Task]) -> str:
    return stack[0].label + (f" and {len(stack) - 1} more" if len(stack) > 1 else "")


def _manifest(
    task: Task, figures: dict[str, Any], wall_seconds: float, cpu_seconds: float, memory: int
) -> Manifest:
    # What a training took before it was interrupted; of a member, its own share.
    wall_seconds += figures.pop("earlier_seconds", 0.0)
    references = {
        role: tuple(
            Reference(each.manifest.stage, each.key, each.manifest.digest) for each in found
        )
        for role, found in task.inputs.items()
    }
    return Manifest(
        stage=task.stage,
        key=task.key,
        digest=task.digest,
        label=task.label,
        settings=dict(task.settings),
        inputs=references,
        code=task.code,
        files=tuple(_payload(task.work)),
        wall_seconds=round(wall_seconds, 3),
        figures=figures,
        environment=environment(),
        created=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        cpu_seconds=round(cpu_seconds, 3),
        peak_memory_bytes=memory,
        operational=dict(task.operational),
    )


def clear(folder: Path) -> None:
    """Take away what an interrupted run left, but for the state it can go on from."""
    for path in folder.iterdir():
        if path.name in NOT_PAYLOAD or path.name.startswith("."):
            continue
        shutil.rmtree(path) if path.is_dir() else path.unlink()


def _payload(folder: Path) -> Iterator[PayloadFile]:
    for path in sorted(folder.rglob("*")):
        relative = path.relative_to(folder)
        # A name with a dot is a file that someone is about to rename.
        hidden = path.name.startswith(".")
        if not hidden and relative.parts[0] not in NOT_PAYLOAD and path.is_file():
            yield PayloadFile(relative.as_posix(), path.stat().st_size, sha256_of(path))
