"""Make one artifact: lock, check, call the stage, and write the manifest last.

Started by the workflow as `manymasks run STAGE KEY`, or by a person. The job is described by
value in a small file beside the artifact, so that editing the configuration while a run is
under way changes nothing in it.
"""

import importlib
import json
import os
import resource
import shutil
import sys
import time
import traceback
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from manymasks.config.study import Machine
from manymasks.errors import UserError
from manymasks.plan.closure import code_of
from manymasks.plan.nodes import Node, digest_of
from manymasks.stages.gpu import leased
from manymasks.stages.progress import Progress
from manymasks.store.atomic import write_json
from manymasks.store.environment import environment
from manymasks.store.job import Artifact, Job
from manymasks.store.layout import Layout
from manymasks.store.lock import locked
from manymasks.store.manifest import (
    Manifest,
    PayloadFile,
    Reference,
    read_manifest,
    sha256_of,
    write_manifest,
)

NOT_PAYLOAD = {"manifest.json", "node.json", "log.txt", "lock", "state"}

# Where fresh pages are dear, small models train several times faster if the allocator keeps
# them. The settings act only if they are there when the process starts.
ALLOCATOR = {
    "MALLOC_TRIM_THRESHOLD_": "4294967296",
    "MALLOC_MMAP_THRESHOLD_": "4294967296",
    "MALLOC_TOP_PAD_": "268435456",
}
# Sums depend on how many threads share them, so a process computes with one.
ONE_THREAD = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


def description_of(node: Node, machine: Machine) -> dict[str, Any]:
    """A job by value: all that is needed to make the artifact."""
    return {
        "stage": node.stage,
        "key": node.key,
        "label": node.label,
        "settings": node.settings,
        "inputs": {
            role: [{"stage": each.stage, "key": each.key} for each in nodes]
            for role, nodes in node.inputs.items()
        },
        "operational": node.operational,
        "machine": machine.model_dump(mode="json"),
    }


def write_node(layout: Layout, node: Node, machine: Machine) -> None:
    """Describe a job beside the artifact it is to make."""
    write_json(layout.node(node.stage, node.key), description_of(node, machine))


def start_process_well() -> None:
    """Start this program again with the environment that numerical work needs, once."""
    wanted = {**ALLOCATOR, **ONE_THREAD}
    if all(os.environ.get(name) == value for name, value in wanted.items()):
        return
    os.environ.update(wanted)
    os.execv(sys.executable, [sys.executable, "-m", "manymasks", *sys.argv[1:]])


def run_job(
    description: Mapping[str, Any], layout: Layout, *, force: bool = False, bar: bool = False
) -> Manifest:
    """Make the artifact that a description names, unless it is there.

    Args:
        description: stage, settings, inputs, and where given label, key, operational settings
            and machine settings, as `description_of` gives them.
        layout: the results folder.
        force: make it again even if it is complete; it stays until the new one is.
        bar: draw progress on the terminal instead of writing sparse lines.

    Raises:
        UserError: if an input is missing or damaged, the code is not that of the plan, or the
            stage found something that a person must mend.
    """
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
    folder = layout.folder(stage, key)
    folder.mkdir(parents=True, exist_ok=True)
    machine = Machine.model_validate(description.get("machine", {}))
    with (folder / "log.txt").open("a", encoding="utf-8") as log:
        progress = Progress(label, log, seconds=machine.log_seconds, bar=bar)
        waiting = f"[{key}] is being made by {{}}; waiting (Ctrl-C stops waiting)"
        with locked(folder / "lock", lambda who: progress.say(waiting.format(who))):
            manifest_path = layout.manifest(stage, key)
            if manifest_path.exists() and not force:
                progress.say(f"[{key}] is complete, nothing to do")
                return read_manifest(manifest_path)
            again = manifest_path.exists()
            work = folder / "state" / "again" if again else folder
            if again:
                shutil.rmtree(work, ignore_errors=True)
                work.mkdir(parents=True)
            _clear(work)
            job = Job(
                stage=stage,
                key=key,
                label=label,
                settings=settings,
                inputs=inputs,
                operational=dict(description.get("operational", {})),
                folder=work,
                layout=layout,
                machine=machine,
                report=progress,
                say=progress.say,
            )
            try:
                manifest = _make(job, digest, code)
            except UserError as error:
                print(error, file=log)
                raise
            except Exception as error:
                traceback.print_exc(file=log)
                raise UserError(
                    f"{label} failed: {type(error).__name__}: {error}\nThis is a fault of "
                    f"manymasks or of the machine. Its traceback is in\n  {folder / 'log.txt'}\n"
                    f"To run this stage alone:\n  manymasks run {stage} {key}"
                ) from error
            except BaseException:
                traceback.print_exc(file=log)
                raise
            if again:
                manifest_path.unlink()
                _clear(folder)
                for path in work.iterdir():
                    if path.name not in NOT_PAYLOAD:
                        path.rename(folder / path.name)
            write_manifest(manifest_path, manifest)
            shutil.rmtree(folder / "state", ignore_errors=True)
            progress.say(f"[{key}] done in {manifest.wall_seconds:.1f} s")
            return manifest


def _make(job: Job, digest: str, code: dict[str, str]) -> Manifest:
    with leased(job.stage, job.machine, job.say):
        began = time.monotonic()
        # Here and not above: the lease decides which GPU torch may see, before it looks.
        module = importlib.import_module(f"manymasks.stages.{job.stage}")
        figures: dict[str, Any] = module.make(job)
    used = resource.getrusage(resource.RUSAGE_SELF)
    references = {
        role: tuple(
            Reference(each.manifest.stage, each.key, each.manifest.digest) for each in found
        )
        for role, found in job.inputs.items()
    }
    return Manifest(
        stage=job.stage,
        key=job.key,
        digest=digest,
        label=job.label,
        settings=dict(job.settings),
        inputs=references,
        code=code,
        files=tuple(_payload(job.folder)),
        figures=figures,
        environment=environment(),
        created=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        wall_seconds=round(time.monotonic() - began + figures.pop("earlier_seconds", 0.0), 3),
        cpu_seconds=round(used.ru_utime + used.ru_stime, 3),
        peak_memory_bytes=used.ru_maxrss * 1024,
        operational=dict(job.operational),
    )


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


def _clear(folder: Path) -> None:
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


def rebased(manifest: Manifest) -> dict[str, Any]:
    """The description of the artifact that a manifest's settings make with the code of today."""
    return {
        "stage": manifest.stage,
        "label": manifest.label,
        "settings": manifest.settings,
        "operational": manifest.operational,
        "inputs": {
            role: [{"stage": each.stage, "key": each.key} for each in references]
            for role, references in manifest.inputs.items()
        },
    }


def read_description(path: Path) -> dict[str, Any]:
    """A description from a manifest, a node.json, or a settings file of the same form.

    Raises:
        UserError: if the file is none of these.
    """
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: cannot be read as JSON ({error})") from error
    if isinstance(values, dict) and "format" in values:
        return rebased(read_manifest(path))
    if not isinstance(values, dict) or not {"stage", "settings"} <= values.keys():
        raise UserError(
            f"{path}: expected a manifest.json, a node.json, or an object with stage, settings "
            "and inputs"
        )
    return values
