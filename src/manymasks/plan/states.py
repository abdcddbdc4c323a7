"""Which artifacts are done, which will be made, and which setting or code is the reason."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from manymasks.plan.graph import Plan
from manymasks.plan.node import Node
from manymasks.store.layout import Layout
from manymasks.store.manifest import (
    DamagedManifest,
    Manifest,
    absent_files,
    all_manifests,
    read_manifest,
)

State = Literal["done", "will run", "not needed", "evicted", "damaged"]
SHOWN = 4
"""Differences from an earlier artifact that are listed; the rest are counted."""


@dataclass(frozen=True)
class Status:
    """A node and its state."""

    node: Node
    state: State
    because: str = ""


def missing(plan: Plan, layout: Layout) -> list[Node]:
    """Nodes that a run makes: targets without a manifest, and the missing inputs of these. The
    search stops at an artifact with a manifest, so a deleted intermediate artifact is made again
    only if something that needs it is missing too."""
    needed: dict[str, Node] = {}
    waiting = list(plan.targets)
    while waiting:
        node = waiting.pop()
        if node.digest in needed or layout.manifest(node.stage, node.key).exists():
            continue
        needed[node.digest] = node
        waiting.extend(node.input_nodes())
    return [node for node in plan.nodes if node.digest in needed]


def statuses(plan: Plan, layout: Layout) -> list[Status]:
    """Every node with its state; for those that will run, with the reason."""
    needed = {node.digest for node in missing(plan, layout)}
    earlier: dict[str, list[Manifest]] = {}
    result = []
    for node in plan.nodes:
        path = layout.manifest(node.stage, node.key)
        if path.exists():
            result.append(_complete(node, path))
        elif node.digest not in needed:
            result.append(Status(node, "not needed", "deleted, and no missing artifact uses it"))
        else:
            if node.stage not in earlier:
                manifests = all_manifests(layout, node.stage, on_damage=lambda error: None)
                earlier[node.stage] = list(manifests)
            result.append(Status(node, "will run", _because(node, earlier[node.stage])))
    return result


def _complete(node: Node, path: Path) -> Status:
    """The state of a node with a manifest."""
    try:
        manifest = read_manifest(path)
    except DamagedManifest as error:
        return Status(node, "damaged", f"{error.reason}; type {error.command}")
    if manifest.digest != node.digest:
        return Status(node, "damaged", f"it is that of {manifest.digest}: delete {path.parent}")
    absent = absent_files(path.parent, manifest)
    if absent:
        more = f" and {len(absent) - 1} more" if len(absent) > 1 else ""
        gone = f"{absent[0].name}{more} is gone; made again when it is needed"
        return Status(node, "evicted", gone)
    return Status(node, "done")


def _because(node: Node, earlier: list[Manifest]) -> str:
    """The differences from the most similar earlier artifact of the stage with this label."""
    if not earlier:
        return "no artifact of this stage exists yet"
    same_label = [manifest for manifest in earlier if manifest.label == node.label]
    if not same_label:
        return "new"
    newest_first = sorted(same_label, key=lambda manifest: manifest.created, reverse=True)
    nearest = min((list(_differences(node, manifest)) for manifest in newest_first), key=len)
    more = [f"and {len(nearest) - SHOWN} more"] if len(nearest) > SHOWN else []
    return "; ".join(nearest[:SHOWN] + more) or "its manifest was deleted"


def _differences(node: Node, manifest: Manifest) -> Iterator[str]:
    before, now = (
        # The database has a label per key: a difference there shows in its inputs too.
        dict(_leaves({name: value for name, value in settings.items() if name != "labels"}))
        for settings in (manifest.settings, node.settings)
    )
    for path in sorted(before.keys() | now.keys()):
        if before.get(path, ...) != now.get(path, ...):
            yield f"{path} {_shown(before, path)} -> {_shown(now, path)}"
    for module in sorted(manifest.code.keys() | node.code.keys()):
        if manifest.code.get(module) != node.code.get(module):
            yield f"code of {module} changed"
    same_inputs = True
    for role in sorted(manifest.inputs.keys() | node.inputs.keys()):
        used = {reference.digest for reference in manifest.inputs.get(role, ())}
        needed = {source.digest: source for source in node.inputs.get(role, ())}
        new = [needed[digest] for digest in needed if digest not in used]
        removed = len(used - needed.keys())
        same_inputs = same_inputs and not new and not removed
        if new:
            more = f" and {len(new) - 1} more" if len(new) > 1 else ""
            yield f"input {new[0].label}{more} changed"
        elif removed:
            yield f"{removed} fewer {role}"
    if same_inputs and manifest.settings.get("labels") != node.settings.get("labels"):
        yield "names changed"


def _leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Settings by dotted path; a list is one value, so a longer list is one difference."""
    if isinstance(value, dict) and value:
        for key, item in value.items():
            yield from _leaves(item, f"{path}.{key}" if path else key)
    else:
        yield path, value


def _shown(values: dict[str, Any], path: str) -> str:
    if path not in values:
        return "(none)"
    value = values[path]
    text = json.dumps(value)
    if len(text) <= 48:
        return text
    return f"[{len(value)} items]" if isinstance(value, list) else text[:45] + "..."
