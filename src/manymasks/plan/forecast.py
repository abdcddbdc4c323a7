"""How long artifacts take to make, from manifests of earlier ones."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from manymasks.catalogue import STAGES
from manymasks.plan.node import Node
from manymasks.plan.work import work
from manymasks.store.layout import Layout
from manymasks.store.manifest import DamagedManifest, Manifest, read_manifest

SAMPLED = 200
"""Manifests of a stage that are read; of more, these many at equal distances."""


@dataclass(frozen=True)
class Forecast:
    """Expected seconds of artifacts, each alone on a core beside others."""

    seconds: dict[str, float]
    """By digest of the node."""
    measured: int
    """Artifacts whose stage was made before in this results folder."""

    @property
    def total(self) -> float:
        """Seconds of all artifacts, one after another."""
        return sum(self.seconds.values())

    def wall(self, nodes: Sequence[Node], cores: int) -> float:
        """Seconds on these cores: all of them busy, or the longest chain of artifacts."""
        longest: dict[str, float] = {}
        for node in nodes:
            before = max((longest.get(one.digest, 0.0) for one in node.input_nodes()), default=0.0)
            longest[node.digest] = before + self.seconds.get(node.digest, 0.0)
        return max(self.total / max(cores, 1), max(longest.values(), default=0.0))


def forecast(nodes: Sequence[Node], layout: Layout) -> Forecast:
    """Seconds by the work of artifacts, at the rate of earlier ones of the same label, else of the
    same stage, else as the catalogue has it for the default study. `nodes`: inputs before what is
    made from them."""
    seconds: dict[str, float] = {}
    measured = 0
    for stage in dict.fromkeys(node.stage for node in nodes):
        earlier = sorted(_earlier(layout, stage), key=_created)
        # The newest of a label last, which counts.
        rates = {one.label: one.wall_seconds / work(stage, one.settings) for one in earlier}
        usual = statistics.median(rates.values()) if rates else float(STAGES[stage].seconds)
        for node in nodes:
            if node.stage == stage:
                measured += bool(rates)
                rate = rates.get(node.label, usual)
                seconds[node.digest] = rate * work(stage, node.settings)
    return Forecast(seconds, measured)


def _earlier(layout: Layout, stage: str) -> list[Manifest]:
    """Manifests of a stage, damaged ones left out."""
    paths = sorted(layout.results.glob(f"{stage}/*/manifest.json"))
    read = []
    for path in paths[:: -(-len(paths) // SAMPLED) or 1]:
        try:
            read.append(read_manifest(path))
        except DamagedManifest:
            continue
    return read


def _created(manifest: Manifest) -> str:
    return manifest.created
