"""A job written out as a small file beside its artifact: editing the configuration during a run
does not change its jobs."""

import json
from pathlib import Path
from typing import Any

from manymasks.config.study import Hardware
from manymasks.disk.atomic import replacing
from manymasks.errors import UserError
from manymasks.plan.node import Node
from manymasks.store.layout import Layout
from manymasks.store.manifest import Manifest, parse_manifest
from manymasks.store.sealed import SEAL, check_seal, read_object, sealed


def description_of(node: Node, hardware: Hardware) -> dict[str, Any]:
    """All that is needed to make the artifact of a node, as JSON values."""
    return {
        "stage": node.stage,
        "key": node.key,
        "label": node.label,
        "settings": node.settings,
        "inputs": {
            role: [{"stage": source.stage, "key": source.key} for source in sources]
            for role, sources in node.inputs.items()
        },
        "operational": node.operational,
        "hardware": hardware.model_dump(mode="json"),
    }


def write_node(layout: Layout, node: Node, hardware: Hardware) -> None:
    """Write the description of a job beside the artifact that it makes."""
    path = layout.node(node.stage, node.key)
    # On one line: ten times as fast, and a run writes one for each job.
    description = sealed(description_of(node, hardware))
    text = json.dumps(description, sort_keys=True, ensure_ascii=False) + "\n"
    if not path.exists() or path.read_bytes() != text.encode():
        with replacing(path, is_kept=False) as temporary:
            temporary.write_bytes(text.encode())


def description_from_manifest(manifest: Manifest) -> dict[str, Any]:
    """The description of an artifact with the settings of a manifest and the present code."""
    return {
        "stage": manifest.stage,
        "label": manifest.label,
        "settings": manifest.settings,
        "operational": manifest.operational,
        "inputs": {
            role: [{"stage": reference.stage, "key": reference.key} for reference in references]
            for role, references in manifest.inputs.items()
        },
    }


def read_description(path: Path) -> dict[str, Any]:
    """A description from a manifest, a node.json, or a settings file of the same form.

    Raises UserError if the file is not such a description.
    """
    is_node = path.name == "node.json"
    try:
        values = read_object(path)
        if "format" in values:
            return description_from_manifest(parse_manifest(path))
        # A settings file that a person wrote has no seal.
        if is_node or SEAL in values:
            check_seal(values)
    except (OSError, ValueError) as error:
        remedy = " Delete it: the plan of the study describes the job." if is_node else ""
        raise UserError(f"{path}: describes no job ({error}).{remedy}") from error
    if not {"stage", "settings"} <= values.keys():
        raise UserError(
            f"{path}: expected a manifest.json, a node.json, or an object with stage, settings "
            "and inputs"
        )
    return values
