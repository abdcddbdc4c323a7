"""A node of the plan: one artifact, keyed by its settings, code and inputs."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from manymasks.plan.closure import code_of
from manymasks.store.manifest import digest_of


@dataclass(frozen=True, eq=False)
class Node:
    """One artifact that a study needs."""

    stage: str
    label: str
    settings: dict[str, Any]
    inputs: Mapping[str, tuple["Node", ...]] = field(default_factory=dict)
    operational: dict[str, Any] = field(default_factory=dict)
    code: dict[str, str] = field(init=False)
    """Digest of each module of the stage's code, as it was when the plan was made."""
    digest: str = field(init=False)
    """SHA-256 of stage, settings, code and the digests of the inputs."""

    def __post_init__(self) -> None:
        # Computed now, so that an edit during a run belongs to the next plan.
        inputs = {role: [node.digest for node in nodes] for role, nodes in self.inputs.items()}
        code = planned_code(self.stage)
        object.__setattr__(self, "code", code)
        object.__setattr__(self, "digest", digest_of(self.stage, self.settings, code, inputs))

    @property
    def key(self) -> str:
        """The first 12 hex digits of the digest: the name of the artifact's folder."""
        return self.digest[:12]

    def input_nodes(self) -> Iterator["Node"]:
        """Direct inputs of all roles, in order."""
        for nodes in self.inputs.values():
            yield from nodes


@cache
def planned_code(stage: str) -> dict[str, str]:
    """Code of a stage, read once for all its nodes; `plan_study` clears this cache."""
    return code_of(stage)


def member_label(member: dict[str, Any]) -> str:
    """`corpus/size/variant/i0-o1`."""
    return "{corpus}/{size}/{variant}/i{seed_init}-o{seed_order}".format(**member)


def in_words(node: Node) -> str:
    """A label without its stage, such as `pydocs/base/causal i0-o1`."""
    name = node.label.partition("/")[2]
    return re.sub(r"/(i\d+-o\d+)$", r" \1", name)
