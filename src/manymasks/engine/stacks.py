"""Which missing members one process makes together: a stack.

Members of a stack have models of one shape and inputs of the same kinds, and no member is made
from another. The width of a stack changes no result.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from manymasks.catalogue import STAGES
from manymasks.config.study import Hardware
from manymasks.engine.gpu import devices
from manymasks.plan.node import Node
from manymasks.store.canonical import digest

STACKED = tuple(name for name, stage in STAGES.items() if stage.is_stacked)
ON_A_GPU = 32
ON_A_CPU = {"training": 1, "evaluation": 4}
"""On a CPU, training is fastest with one process per member. Scoring is so short that start-up
dominates, so four members share a process."""
MEMBER_SETTINGS = ("variant", "seed_init", "seed_order")


def widths_of(hardware: Hardware) -> dict[str, int]:
    """Most members in a stack, by stage."""
    if hardware.stack != "auto":
        return dict.fromkeys(STACKED, hardware.stack)
    on_gpu = hardware.device == "cuda" or (hardware.device == "auto" and bool(devices()))
    return dict.fromkeys(STACKED, ON_A_GPU) if on_gpu else ON_A_CPU


def stacks_of(
    nodes: Iterable[Node], widths: Mapping[str, int]
) -> dict[str, list[tuple[Node, ...]]]:
    """Stacks of two or more members, by stage: as few as the width allows, and balanced.

    `nodes`: nodes to be made, in the order of the plan, which stacks keep. `widths`: most members
    in a stack, by stage.
    """
    depths: dict[Node, int] = {}
    groups: dict[tuple[str, str], dict[str, Node]] = {}
    for node in nodes:
        if node.stage in STACKED:
            # An input is less deep than what is made from it, so stacks of nodes of one depth
            # never wait for each other in a circle.
            shape = digest([_depth(node, depths), _shape(node)])
            groups.setdefault((node.stage, shape), {})[node.key] = node
    stacks: dict[str, list[tuple[Node, ...]]] = {}
    for (stage, _), members in groups.items():
        parts = _balanced(list(members.values()), widths[stage])
        stacks.setdefault(stage, []).extend(part for part in parts if len(part) > 1)
    return stacks


def _shape(node: Node) -> Mapping[str, Any]:
    """What the members of a stack have in common."""
    settings = {name: value for name, value in node.settings.items() if name not in MEMBER_SETTINGS}
    if "training" in settings:
        settings["training"] = {**settings["training"], "learning_rate": None}
    inputs: dict[str, Any] = {}
    for role, sources in node.inputs.items():
        if role == "tokens":
            inputs[role] = [source.digest for source in sources]
        elif role == "training":
            inputs[role] = [_shape(source) for source in sources]
        else:
            inputs[role] = [source.stage for source in sources]
    return {"settings": settings, "inputs": inputs}


def _depth(node: Node, depths: dict[Node, int]) -> int:
    """Length of the longest path to a node from one without inputs; `depths` is a cache."""
    if node not in depths:
        inputs = (_depth(source, depths) for source in node.input_nodes())
        depths[node] = 1 + max(inputs, default=0)
    return depths[node]


def _balanced(members: Sequence[Node], width: int) -> Iterator[tuple[Node, ...]]:
    count = -(-len(members) // width)
    for i in range(count):
        begin, end = (len(members) * j // count for j in (i, i + 1))
        yield tuple(members[begin:end])
