"""A job by value: what an artifact is to be made of, as a small file beside it.

Editing the configuration while a run is under way changes nothing in its jobs.
"""

import json
from pathlib import Path
from typing import Any

from manymasks.config.study import Hardware
from manymasks.errors import UserError
from manymasks.plan.node import Node
from manymasks.store.atomic import write_json
from manymasks.store.layout import Layout
from manymasks.store.manifest import Manifest, read_manifest


def description_of(node: Node, hardware: Hardware) -> dict[str, Any]:
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
        "hardware": hardware.model_dump(mode="json"),
    }


def write_node(layout: Layout, node: Node, hardware: Hardware) -> None:
    """Describe a job beside the artifact it is to make."""
    write_json(layout.node(node.stage, node.key), description_of(node, hardware))


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
