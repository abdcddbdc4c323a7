"""Call a stage for artifacts whose locks are held, and record what it made.

A stage with `make_many` makes a stack of artifacts at once. A stack that runs out of memory
continues as two halves; members resume from their last saved state.
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
from manymasks.database.schema import written_columns
from manymasks.disk.atomic import intended_name
from manymasks.engine.endings import machine_fault
from manymasks.engine.interrupts import interrupts_raised
from manymasks.engine.progress import Progress
from manymasks.errors import UserError
from manymasks.store.job import Artifact, Job, NothingToCompare
from manymasks.store.layout import Layout
from manymasks.store.leftovers import SPILL
from manymasks.store.manifest import InputReference, Manifest, PayloadFile, sha256_of
from manymasks.store.provenance import environment
from manymasks.training.memory import is_out_of_memory

NOT_PAYLOAD = {"manifest.json", "node.json", "log.txt", "lock", "state"}


@dataclass(frozen=True)
class Request:
    """An artifact to make: its key and all that it is made from, with complete inputs."""

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
class Task:
    """A request whose lock is held, made in `work`: its folder, or a folder inside that."""

    request: Request
    layout: Layout
    folder: Path
    work: Path
    log: IO[str]
    progress: Progress

    @property
    def manifest(self) -> Path:
        return self.folder / "manifest.json"

    @property
    def manifest_copy(self) -> Path:
        """A copy of the manifest, kept until the whole stack is made.

        When a job fails, Snakemake deletes all its declared outputs, complete or not. From this
        copy the artifact is complete again at the next run.
        """
        return self.folder / "state" / "complete.json"


def make_artifacts(tasks: Sequence[Task], bar: bool) -> Iterator[tuple[Task, Manifest]]:
    """Make the artifacts of one stage: in stacks if the stage can, or one after another.

    Raises UserError for the first failure, once it is in the log.

    Yields:
        Each task with the manifest of its artifact, as soon as that is made. The artifacts of a
        stack share its time equally; each has the peak memory of the process.
    """
    # Time and processor seconds at the last artifact; the first one includes the start-up.
    began, used = time.monotonic(), 0.0
    # Imported modules stay until the end. Collecting garbage among them takes a seventh of the
    # import time, and later 3% of a small training.
    gc.disable()
    try:
        with _errors_logged(tasks):
            # Imported here: other stages need other packages, and the log shows what is missing.
            module = importlib.import_module(f"manymasks.stages.{tasks[0].request.stage}")
    finally:
        gc.freeze()
        gc.enable()
    width = len(tasks) if hasattr(module, "make_many") else 1
    remaining = list(tasks)
    while remaining:
        # Reference cycles keep the memory of an earlier stack, or of a failed attempt.
        gc.collect()
        stack = remaining[:width]
        with _errors_logged(stack), interrupts_raised():
            figures = _run_stage(stack, module, bar)
        if figures is None:
            width = (len(stack) + 1) // 2
            for task in stack:
                clear(task.work)
            # Padding a narrower stack with dummies would need as much memory.
            remaining = [_with_stack_width(task, width) for task in remaining]
            continue
        now, usage = time.monotonic(), resource.getrusage(resource.RUSAGE_SELF)
        cpu = usage.ru_utime + usage.ru_stime
        shares = (now - began) / len(stack), (cpu - used) / len(stack)
        began, used = now, cpu
        for task, task_figures in zip(stack, figures, strict=True):
            with _errors_logged([task]):
                manifest = _manifest(task, task_figures, *shares, usage.ru_maxrss * 1024)
            yield task, manifest
        remaining = remaining[width:]


def _with_stack_width(task: Task, width: int) -> Task:
    hardware = task.request.hardware.model_copy(update={"stack": width})
    return dataclasses.replace(task, request=dataclasses.replace(task.request, hardware=hardware))


def _run_stage(stack: Sequence[Task], module: ModuleType, bar: bool) -> list[dict[str, Any]] | None:
    """Figures that the stage returns, by artifact; None if the stack ran out of memory."""
    first = stack[0].request
    progress = stack[0].progress
    if len(stack) > 1:
        logs = [task.log for task in stack]
        progress = Progress(_title(stack), *logs, seconds=first.hardware.log_seconds, bar=bar)
        keys = " ".join(task.request.key for task in stack)
        progress.note(f"{len(stack)} in one process: {keys}")
    columns = written_columns()
    jobs = [
        Job(
            stage=task.request.stage,
            key=task.request.key,
            label=task.request.label,
            settings=task.request.settings,
            inputs=task.request.inputs,
            operational=task.request.operational,
            folder=task.work,
            layout=task.layout,
            hardware=task.request.hardware,
            columns=columns,
            report=progress,
            say=task.progress.say,
        )
        for task in stack
    ]
    try:
        if len(jobs) == 1:
            return [module.make(jobs[0])]
        figures = list(module.make_many(jobs))
    except NothingToCompare as error:
        if len(jobs) > 1:
            raise
        jobs[0].say(f"is empty: {error}")
        clear(stack[0].work)
        return [{"empty": str(error)}]
    except Exception as error:
        if not is_out_of_memory(error):
            raise
        for task in stack:
            traceback.print_exc(file=task.log)
        may_have_dummies = hasattr(module, "make_many") and first.hardware.stack not in (1, "auto")
        if len(stack) == 1 and not may_have_dummies:
            raise UserError(
                f"{first.label}: ran out of memory, alone in its process ({error}).\n"
                "Running fewer jobs at a time changes no result: lower snakemake --cores, or "
                f"hardware.members_per_gpu (now {first.hardware.members_per_gpu}).\n"
                f"If one job alone does not fit, lower {STAGES[first.stage].if_out_of_memory}. "
                "That changes results, so everything that depends on it is made again."
            ) from error
        half = (len(stack) + 1) // 2
        progress.say(
            f"out of memory with {len(stack)} in one process, continuing with {half} "
            f"(`hardware: {{stack: {half}}}` starts there; on a GPU it may change last bits)"
        )
        return None
    if len(figures) != len(jobs):
        raise ValueError(f"figures of {len(figures)} artifacts for {len(jobs)}")
    return figures


@contextlib.contextmanager
def _errors_logged(stack: Sequence[Task]) -> Iterator[None]:
    """Write an error to the log of each task; turn an unexpected one into a UserError."""
    try:
        yield
    except UserError as error:
        for task in stack:
            print(error, file=task.log)
        raise
    except Exception as error:
        # On a full disk the log cannot be written either.
        with contextlib.suppress(OSError):
            for task in stack:
                traceback.print_exc(file=task.log)
        keys = " ".join(task.request.key for task in stack)
        fault = machine_fault(error)
        if fault is not None:
            raise UserError(
                f"{_title(stack)}: {fault}. Mend that and rerun the command: completed artifacts "
                f"are kept. ({type(error).__name__}: {error})"
            ) from error
        raise UserError(
            f"{_title(stack)} failed: {type(error).__name__}: {error}\n"
            "This is a bug in manymasks or a problem of this machine. The traceback is in\n"
            f"  {stack[0].folder / 'log.txt'}\n"
            f"To run this job alone:\n  manymasks run {stack[0].request.stage} {keys}"
        ) from error
    except KeyboardInterrupt:
        for task in stack:
            print("interrupted", file=task.log)
        raise
    except BaseException:
        for task in stack:
            traceback.print_exc(file=task.log)
        raise


def _title(stack: Sequence[Task]) -> str:
    return stack[0].request.label + (f" and {len(stack) - 1} more" if len(stack) > 1 else "")


def _manifest(
    task: Task, figures: dict[str, Any], wall_seconds: float, cpu_seconds: float, memory: int
) -> Manifest:
    request = task.request
    # A resumed training adds the time before its interruption.
    wall_seconds += figures.pop("earlier_seconds", 0.0)
    inputs = {
        role: tuple(
            InputReference(artifact.manifest.stage, artifact.key, artifact.manifest.digest)
            for artifact in artifacts
        )
        for role, artifacts in request.inputs.items()
    }
    return Manifest(
        stage=request.stage,
        key=request.key,
        digest=request.digest,
        label=request.label,
        settings=dict(request.settings),
        inputs=inputs,
        code=request.code,
        files=tuple(_payload(task.work)),
        wall_seconds=round(wall_seconds, 3),
        figures=figures,
        environment=environment(),
        created=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        cpu_seconds=round(cpu_seconds, 3),
        peak_memory_bytes=memory,
        operational=dict(request.operational),
    )


def clear(folder: Path) -> None:
    """Delete the files of an interrupted run; keep the state from which it can resume. The lock of
    the folder is held."""
    clear_half_files(folder)
    for path in folder.iterdir():
        # Hidden files may belong to the file system.
        if path.name not in NOT_PAYLOAD and not path.name.startswith("."):
            _delete(path)


def clear_half_files(folder: Path) -> None:
    """Delete the temporary files of killed processes, whatever they were to become. The lock of the
    folder is held."""
    for path in folder.iterdir():
        if intended_name(path.name.removesuffix(SPILL)) is not None:
            _delete(path)


def _delete(path: Path) -> None:
    shutil.rmtree(path) if path.is_dir() else path.unlink()


def _payload(folder: Path) -> Iterator[PayloadFile]:
    for path in sorted(folder.rglob("*")):
        relative = path.relative_to(folder)
        # A hidden file is about to be renamed: see `disk.atomic`.
        hidden = path.name.startswith(".")
        if not hidden and relative.parts[0] not in NOT_PAYLOAD and path.is_file():
            yield PayloadFile(relative.as_posix(), path.stat().st_size, sha256_of(path))
