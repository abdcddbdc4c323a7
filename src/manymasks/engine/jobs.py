"""Make artifacts: lock, check, call the stage, and write each manifest last.

Started by the workflow as `manymasks run STAGE KEY [KEY ...]`, or by a person. Several
artifacts of a stage are a stack: a stage with `make_many` makes them at once, any other one
after another. The first that fails ends the run; what is complete by then stays.
"""

import contextlib
import dataclasses
import shutil
from collections.abc import Mapping, Sequence
from typing import Any

from manymasks.config.study import Hardware
from manymasks.engine.execution import NOT_PAYLOAD, Named, Task, clear, made
from manymasks.engine.gpu import leased
from manymasks.engine.progress import Progress
from manymasks.errors import UserError
from manymasks.plan.closure import code_of
from manymasks.plan.node import digest_of
from manymasks.store.job import Artifact
from manymasks.store.layout import Layout
from manymasks.store.lock import locked
from manymasks.store.manifest import Manifest, damaged_files, read_manifest, write_manifest


def run_job(
    description: Mapping[str, Any], layout: Layout, *, force: bool = False, bar: bool = False
) -> Manifest:
    """Make the artifact that a description names, unless it is there; see `run_jobs`."""
    (manifest,) = run_jobs([description], layout, force=force, bar=bar)
    return manifest


def run_jobs(
    descriptions: Sequence[Mapping[str, Any]],
    layout: Layout,
    *,
    force: bool = False,
    bar: bool = False,
) -> list[Manifest]:
    """Make the artifacts that descriptions name, in one process, but for those that are there.

    Args:
        descriptions: of one stage; stage, settings, inputs, and where given label, key,
            operational settings and machine settings, as `description_of` gives them.
        layout: the results folder.
        force: make them again even if they are complete; each stays until the new one is.
        bar: draw progress on the terminal instead of writing sparse lines.

    Returns:
        The manifests, one for each description.

    Raises:
        UserError: if an input is missing or damaged, the code is not that of the plan, memory
            is short, or the stage found something that a person must mend.
    """
    named = [_named(description, layout) for description in descriptions]
    if len({each.stage for each in named}) != 1:
        raise UserError("artifacts of one stage can be made together; make each stage alone")
    several = {each.key: each for each in named}
    found: dict[str, Manifest] = {}
    with contextlib.ExitStack() as held:
        # Whoever makes several takes the locks in this order, so no two wait for each other.
        tasks = {key: _started(several[key], layout, held, bar) for key in sorted(several)}
        for key, task in tasks.items():
            complete = None if force else _complete(task)
            if complete is not None:
                task.progress.say(f"[{key}] is complete, nothing to do")
                found[key] = complete
        left = [_cleared(tasks[key]) for key in several if key not in found]
        if left:
            for key, complete in found.items():
                write_manifest(tasks[key].kept, complete)
            first = left[0]
            with leased(first.stage, first.hardware, first.progress.say):
                for task, manifest in made(left, bar):
                    _publish(task, manifest)
                    task.progress.say(f"[{task.key}] done in {manifest.wall_seconds:.1f} s")
                    found[task.key] = manifest
        for task in tasks.values():
            shutil.rmtree(task.folder / "state", ignore_errors=True)
    return [found[each.key] for each in named]


def _named(description: Mapping[str, Any], layout: Layout) -> Named:
    stage = str(description["stage"])
    inputs = _inputs(description, layout)
    settings = dict(description["settings"])
    code = code_of(stage)
    digest = digest_of(
        stage,
        settings,
        code,
        {role: [each.manifest.digest for each in found] for role, found in inputs.items()},
    )
    key = digest[:12]
    label = str(description.get("label") or f"{stage}/{key}")
    if description.get("key", key) != key:
        raise UserError(
            f"{label}: planned as {description['key']}, but with the code as it is now it would be "
            f"{key}: the code of {stage} changed after the run was planned. Start the run again."
        )
    return Named(
        stage=stage,
        key=key,
        digest=digest,
        label=label,
        settings=settings,
        operational=dict(description.get("operational", {})),
        inputs=inputs,
        code=code,
        hardware=Hardware.model_validate(description.get("hardware", {})),
    )


def _started(named: Named, layout: Layout, held: contextlib.ExitStack, bar: bool) -> Task:
    """Open the log and take the lock, waiting for it if need be."""
    folder = layout.folder(named.stage, named.key)
    folder.mkdir(parents=True, exist_ok=True)
    log = held.enter_context((folder / "log.txt").open("a", encoding="utf-8"))
    progress = Progress(named.label, log, seconds=named.hardware.log_seconds, bar=bar)
    waiting = f"[{named.key}] is being made by {{}}; waiting (Ctrl-C stops waiting)"
    held.enter_context(locked(folder / "lock", lambda who: progress.say(waiting.format(who))))
    fields = {each.name: getattr(named, each.name) for each in dataclasses.fields(named)}
    return Task(**fields, layout=layout, folder=folder, work=folder, log=log, progress=progress)


def _complete(task: Task) -> Manifest | None:
    """The manifest, which may have been kept when others of a stack failed."""
    if task.manifest.exists():
        return read_manifest(task.manifest)
    if task.kept.exists():
        with contextlib.suppress(UserError):
            kept = read_manifest(task.kept)
            if kept.digest == task.digest and not damaged_files(task.folder, kept):
                write_manifest(task.manifest, kept)
                return kept
    return None


def _cleared(task: Task) -> Task:
    """Ready to be made: beside the one that is there, if there is one."""
    if task.manifest.exists():
        task = dataclasses.replace(task, work=task.folder / "state" / "again")
        shutil.rmtree(task.work, ignore_errors=True)
        task.work.mkdir(parents=True)
    clear(task.work)
    return task


def _publish(task: Task, manifest: Manifest) -> None:
    """Put the artifact in its place and write the manifest, from which on it is complete."""
    if task.work != task.folder:
        task.manifest.unlink()
        clear(task.folder)
        for path in task.work.iterdir():
            if path.name not in NOT_PAYLOAD:
                path.rename(task.folder / path.name)
    write_manifest(task.kept, manifest)
    write_manifest(task.manifest, manifest)


def _inputs(description: Mapping[str, Any], layout: Layout) -> dict[str, tuple[Artifact, ...]]:
    found: dict[str, tuple[Artifact, ...]] = {}
    absent = []
    for role, references in description.get("inputs", {}).items():
        artifacts = []
        for reference in references:
            path = layout.manifest(reference["stage"], reference["key"])
            if path.exists():
                artifacts.append(Artifact(path.parent, read_manifest(path)))
            else:
                absent.append(str(path))
        found[role] = tuple(artifacts)
    if absent:
        raise UserError(
            "these inputs have not been made yet:\n  "
            + "\n  ".join(absent)
            + "\nRun `snakemake --cores all`, which makes them first."
        )
    return found
