"""Make artifacts: lock, check, run the stage, and write each manifest last.

The workflow calls this as `manymasks run STAGE KEY [KEY ...]`; so can a person. Several
artifacts of one stage form a stack: a stage with `make_many` makes them at once, any other stage
one after another. The first failure ends the run; completed artifacts are kept.
"""

import contextlib
import dataclasses
import shutil
from collections.abc import Mapping, Sequence
from typing import Any

from manymasks.catalogue import STAGES
from manymasks.config.study import Hardware
from manymasks.disk.lock import locked
from manymasks.engine.execution import (
    NOT_PAYLOAD,
    Request,
    Task,
    clear,
    clear_half_files,
    make_artifacts,
)
from manymasks.engine.gpu import gpu_lease
from manymasks.engine.job_file import description_from_manifest
from manymasks.engine.progress import Progress
from manymasks.errors import UserError
from manymasks.plan.closure import code_of
from manymasks.store.job import Artifact
from manymasks.store.layout import Layout
from manymasks.store.manifest import (
    DamagedManifest,
    Manifest,
    absent_files,
    damaged_files,
    digest_of,
    parse_manifest,
    read_manifest,
    write_manifest,
)


def run_job(
    description: Mapping[str, Any], layout: Layout, *, force: bool = False, bar: bool = False
) -> Manifest:
    """Make one artifact, unless it is complete; see `run_jobs`."""
    (manifest,) = run_jobs([description], layout, force=force, bar=bar)
    return manifest


def run_jobs(
    descriptions: Sequence[Mapping[str, Any]],
    layout: Layout,
    *,
    force: bool = False,
    bar: bool = False,
) -> list[Manifest]:
    """Make artifacts of one stage in this process, except those that are complete.

    Raises UserError if an input is missing or damaged, the code differs from that of the plan,
    memory is short, or the stage reports a mistake.

    Args:
        descriptions: stage, settings and inputs of each artifact, and optionally label, key,
            operational and hardware settings, as `job_file.description_of` gives them.
        layout: the results folder.
        force: make complete artifacts again; each is replaced when its successor is complete.
        bar: draw progress on the terminal instead of writing sparse lines.

    Returns:
        The manifests, in the order of the descriptions.
    """
    for description in descriptions:
        _restore_inputs(description, layout, bar)
    ordered = [_request(description, layout) for description in descriptions]
    if len({request.stage for request in ordered}) != 1:
        raise UserError("artifacts of one stage can be made together; make each stage alone")
    requests = {request.key: request for request in ordered}
    manifests: dict[str, Manifest] = {}
    with contextlib.ExitStack() as held:
        # In order of their keys, so that two processes never wait for each other.
        tasks = {key: _lock(requests[key], layout, held, bar) for key in sorted(requests)}
        for key, task in tasks.items():
            complete = None if force else _complete(task)
            if complete is not None:
                task.progress.note(f"[{key}] is complete, nothing to do")
                manifests[key] = complete
        remaining = [_clear_work(tasks[key]) for key in requests if key not in manifests]
        if remaining:
            for key, complete in manifests.items():
                write_manifest(tasks[key].manifest_copy, complete)
            first = remaining[0]
            with gpu_lease(first.request.stage, first.request.hardware, first.progress.say):
                for task, manifest in make_artifacts(remaining, bar):
                    _publish(task, manifest)
                    task.progress.note(f"[{manifest.key}] done in {manifest.wall_seconds:.1f} s")
                    manifests[manifest.key] = manifest
        for task in tasks.values():
            shutil.rmtree(task.folder / "state", ignore_errors=True)
    return [manifests[request.key] for request in ordered]


def _restore_inputs(description: Mapping[str, Any], layout: Layout, bar: bool) -> None:
    """Make inputs again whose files are gone, before any lock or GPU is held."""
    needed = STAGES[str(description["stage"])].reads
    for artifacts in _inputs(description, layout).values():
        for artifact in artifacts:
            if absent_files(artifact.folder, artifact.manifest, needed):
                evicted = description_from_manifest(artifact.manifest)
                hardware = description.get("hardware", {})
                run_job({**evicted, "key": artifact.key, "hardware": hardware}, layout, bar=bar)


def _request(description: Mapping[str, Any], layout: Layout) -> Request:
    stage = str(description["stage"])
    inputs = _inputs(description, layout)
    settings = dict(description["settings"])
    code = code_of(stage)
    input_digests = {
        role: [artifact.manifest.digest for artifact in artifacts]
        for role, artifacts in inputs.items()
    }
    digest = digest_of(stage, settings, code, input_digests)
    key = digest[:12]
    label = str(description.get("label") or f"{stage}/{key}")
    if description.get("key", key) != key:
        raise UserError(
            f"{label}: planned as {description['key']}, but with the present code its key is "
            f"{key}: the code of {stage} changed after the run was planned. Start the run again."
        )
    return Request(
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


def _lock(request: Request, layout: Layout, held: contextlib.ExitStack, bar: bool) -> Task:
    """Open the log and take the lock, waiting for it if necessary."""
    folder = layout.folder(request.stage, request.key)
    folder.mkdir(parents=True, exist_ok=True)
    log = held.enter_context((folder / "log.txt").open("a", encoding="utf-8"))
    progress = Progress(request.label, log, seconds=request.hardware.log_seconds, bar=bar)

    def say_waiting(holder: str) -> None:
        progress.say(f"[{request.key}] is being made by {holder}; waiting (Ctrl-C stops waiting)")

    held.enter_context(locked(folder / "lock", say_waiting))
    clear_half_files(folder)
    return Task(request, layout, folder=folder, work=folder, log=log, progress=progress)


def _complete(task: Task) -> Manifest | None:
    """The manifest, restored from its copy if Snakemake deleted it with a failed stack; None if
    the artifact is to be made, or its files are gone."""
    if task.manifest.exists():
        manifest = read_manifest(task.manifest)
        if manifest.digest != task.request.digest:
            raise DamagedManifest(task.manifest, f"it is that of {manifest.digest}")
        absent = absent_files(task.folder, manifest)
        if absent:
            task.progress.say(f"{absent[0]} is gone: it is made again")
        return None if absent else manifest
    if task.manifest_copy.exists():
        with contextlib.suppress(OSError, ValueError):
            manifest = parse_manifest(task.manifest_copy)
            is_current = manifest.digest == task.request.digest
            if is_current and not damaged_files(task.folder, manifest):
                write_manifest(task.manifest, manifest)
                return manifest
    return None


def _clear_work(task: Task) -> Task:
    """Empty the folder to work in: inside `state/` while the old artifact is to be kept."""
    if task.manifest.exists():
        task = dataclasses.replace(task, work=task.folder / "state" / "again")
        shutil.rmtree(task.work, ignore_errors=True)
        task.work.mkdir(parents=True)
    clear(task.work)
    return task


def _publish(task: Task, manifest: Manifest) -> None:
    """Move the payload to its folder and write the manifest: now the artifact is complete."""
    if task.work != task.folder:
        task.manifest.unlink()
        clear(task.folder)
        for path in task.work.iterdir():
            if path.name not in NOT_PAYLOAD:
                path.rename(task.folder / path.name)
    write_manifest(task.manifest_copy, manifest)
    write_manifest(task.manifest, manifest)


def _inputs(description: Mapping[str, Any], layout: Layout) -> dict[str, tuple[Artifact, ...]]:
    inputs: dict[str, tuple[Artifact, ...]] = {}
    absent = []
    for role, references in description.get("inputs", {}).items():
        artifacts = []
        for reference in references:
            path = layout.manifest(reference["stage"], reference["key"])
            if path.exists():
                artifacts.append(Artifact(path.parent, read_manifest(path)))
            else:
                absent.append(str(path))
        inputs[role] = tuple(artifacts)
    if absent:
        raise UserError(
            "these inputs have not been made yet:\n  "
            + "\n  ".join(absent)
            + "\nRun `snakemake --cores all`, which makes them first."
        )
    return inputs
