"""Write a complete study without running anything: a manifest for each artifact of the plan.

Run in a project's folder with its package first on the path; arguments are overlays. Artifacts
that are there stay as they are.
"""

import base64
import sys
from pathlib import Path

import kit
from manymasks.config.loading import load_study
from manymasks.plan.graph import Node, plan_study
from manymasks.store.layout import Layout
from manymasks.store.manifest import write_manifest

PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNgAAAAAgABSK+kcQAAAABJRU5ErkJggg=="
)
PAGE = b"<!doctype html><title>page</title><p>words of the fabricated page</p>"
PAYLOAD = {
    "database": {"manymasks.duckdb": b""},
    "report": {"report.html": PAGE, "headline.png": PIXEL},
}
FIGURES = {"tokens": {"tokens": {"train": 100_000, "select": 20_000, "measure": 20_000}}}


def fabricate(node: Node, layout: Layout) -> None:
    """Write the manifest that making the node would have written."""
    path = layout.manifest(node.stage, node.key)
    if path.exists():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    for name, content in PAYLOAD.get(node.stage, {}).items():
        (path.parent / name).write_bytes(content)
    write_manifest(path, kit.planned(node, figures=FIGURES.get(node.stage, {})))


if __name__ == "__main__":
    files = [Path("config/config.yaml"), *map(Path, sys.argv[1:])]
    for each in plan_study(load_study(files), Path()).nodes:
        fabricate(each, Layout(Path("results")))
