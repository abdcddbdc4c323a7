"""manymasks gc: files of artifacts that no recent plan needs."""

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from manymasks.disk.lock import try_lock
from manymasks.errors import UserError
from manymasks.plan.graph import Plan
from manymasks.store.layout import Layout
from manymasks.store.leftovers import leftovers, size_of
from manymasks.store.manifest import DamagedManifest, Manifest, all_manifests
from manymasks.store.plans import RecordedPlan, active_folders, recorded_plans

KEPT = {"manifest.json", "lock", "log.txt"}
"""Files of an artifact that remain when its payload is evicted."""


@dataclass(frozen=True)
class Unneeded:
    """An artifact that no plan that is kept needs."""

    stage: str
    study: str
    folder: Path
    bytes: int


def collect_garbage(
    layout: Layout,
    plan: Plan | None,
    *,
    plans: int,
    studies: Sequence[str],
    folders: bool,
    delete: bool,
) -> Iterator[str]:
    """Evict what is not needed, or say what would be: one line for each stage and study.

    Needed is what the last plans, plans of named studies, those of live runs and the configured
    one contain, and what is being made. `plan`: the configured one. `plans`: how many of the last
    plans are kept. `folders`: whether manifests go too, and the database forgets the artifacts.
    `delete`: whether to delete anything. Raises UserError if no plan is known, or a study is not.
    """
    recorded = recorded_plans(layout)
    _check_studies(recorded, studies)
    kept = [entry for entry in recorded if entry.study in studies or entry.is_live]
    needed = frozenset[str]().union(*(entry.artifacts for entry in (*kept, *recorded[:plans])))
    if plan is not None:
        needed |= {f"{node.stage}/{node.key}" for node in plan.nodes}
    if not needed:
        raise UserError(
            f"{layout.plans}: no plan is known, so all artifacts would go. Type this in the folder "
            "of the study, or run the study first: snakemake --cores all"
        )
    unneeded = list(_unneeded(layout, needed, recorded, folders))
    unfinished = list(leftovers(layout))
    groups: dict[tuple[str, str], list[Unneeded]] = {}
    for artifact in unneeded:
        groups.setdefault((artifact.stage, artifact.study), []).append(artifact)
    for (stage, study), artifacts in sorted(groups.items()):
        size = sum(artifact.bytes for artifact in artifacts)
        yield f"{stage:<16} {study:<20} {len(artifacts):>6} artifacts {size / 1e6:>12,.1f} MB"
    total = sum(artifact.bytes for artifact in unneeded) + sum(map(size_of, unfinished))
    what = (
        f"{len(unneeded)} artifacts and {len(unfinished)} unfinished files, {total / 1e6:,.1f} MB"
    )
    if not delete:
        yield f"{what}, would be deleted. Nothing was: add --delete"
        return
    busy = [artifact for artifact in unneeded if not _evict(artifact.folder, folders)]
    for path in unfinished:
        _remove(path)
    yield f"{what}: deleted" + (f", except {len(busy)} that are being made" if busy else "")


def _check_studies(recorded: Sequence[RecordedPlan], studies: Sequence[str]) -> None:
    known = sorted({entry.study for entry in recorded})
    for study in studies:
        if study not in known:
            raise UserError(
                f"--keep {study}: no study of this name was run on these results. Studies: "
                f"{', '.join(known) or 'none'}"
            )


def _unneeded(
    layout: Layout, needed: frozenset[str], recorded: Sequence[RecordedPlan], folders: bool
) -> Iterator[Unneeded]:
    active = set(active_folders(layout))
    damaged: list[DamagedManifest] = []
    for manifest in all_manifests(layout, on_damage=damaged.append):
        folder = layout.folder(manifest.stage, manifest.key)
        name = f"{manifest.stage}/{manifest.key}"
        if name in needed or folder in active:
            continue
        size = size_of(folder) if folders else _payload_bytes(folder, manifest)
        if size:
            study = next((entry.study for entry in recorded if name in entry.artifacts), "(none)")
            yield Unneeded(manifest.stage, study, folder, size)


def _payload_bytes(folder: Path, manifest: Manifest) -> int:
    paths = (folder / file.path for file in manifest.files)
    return sum(path.stat().st_size for path in paths if path.is_file())


def _evict(folder: Path, whole: bool) -> bool:
    """Delete the payload of an artifact, or its folder; False if it is being made again."""
    lock = try_lock(folder / "lock")
    if lock is None:
        return False
    with lock:
        for path in folder.iterdir():
            # The manifest goes first: without it nothing takes the rest for complete.
            if path.name not in KEPT or (whole and path.name == "manifest.json"):
                _remove(path)
        if whole:
            shutil.rmtree(folder)
    return True


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
