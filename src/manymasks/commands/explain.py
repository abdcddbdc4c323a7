"""manymasks explain: what the key of an artifact is computed from."""

import glob
from collections.abc import Callable
from typing import Any

from manymasks.errors import UserError
from manymasks.plan.graph import Plan
from manymasks.plan.node import Node
from manymasks.store.layout import Layout
from manymasks.store.manifest import Manifest, all_manifests, read_manifest


def explanation(key: str, layout: Layout, plan: Callable[[], Plan]) -> dict[str, Any]:
    """Stage, settings, code and inputs of the artifact, or else of the node of the plan, whose
    digest starts with `key`, or of the node with this label. Raises UserError if there is none, or
    more than one."""
    matches: list[Manifest | Node] = [
        manifest
        for manifest in all_manifests(layout, key=f"{glob.escape(key[:12])}*")
        if manifest.digest.startswith(key)
    ]
    if not matches:
        nodes = plan().nodes
        matches = [node for node in nodes if node.digest.startswith(key)]
        matches = matches or [_made(node, layout) for node in nodes if node.label == key]
    if not matches:
        raise UserError(
            f"{key}: no artifact in {layout.results} has a key that starts with these digits, and "
            "the plan has neither such a key nor this label. `manymasks plan --all` lists both; "
            "for another study, add its --configfile."
        )
    if len(matches) > 1:
        raise UserError(f"{key}: {len(matches)} keys start with it; give more digits")
    (match,) = matches
    fields: dict[str, Any] = {
        "label": match.label,
        "stage": match.stage,
        "digest": match.digest,
        "settings": match.settings,
        "code": match.code,
        "inputs": {
            role: [f"{source.stage}/{source.key}" for source in sources]
            for role, sources in match.inputs.items()
        },
        "made": None,
    }
    if isinstance(match, Manifest):
        fields["made"] = match.created
        fields["environment"] = match.environment
        fields["figures"] = match.figures
    return fields


def _made(node: Node, layout: Layout) -> Manifest | Node:
    """The artifact of a node, if it is made."""
    path = layout.manifest(node.stage, node.key)
    return read_manifest(path) if path.is_file() else node
