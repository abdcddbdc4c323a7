"""Which missing members one process makes together: a stack.

Members of a stack have models of one shape and need the same kinds of things, and none of them
is made from what another makes. How wide a stack is changes no result.
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
"""There a process for each member trains faster, but to score one takes hardly longer than to
start a process."""
OF_A_MEMBER = ("variant", "seed_init", "seed_order")


def widths_of(hardware: Hardware) -> dict[str, int]:
    """Members in a stack at the most, by stage."""
    if hardware.stack != "auto":
        return dict.fromkeys(STACKED, hardware.stack)
    on_gpu = hardware.device == "cuda" or (hardware.device == "auto" and bool(devices()))
    return dict.fromkeys(STACKED, ON_A_GPU) if on_gpu else ON_A_CPU


def stacks_of(
    nodes: Iterable[Node], widths: Mapping[str, int]
) -> dict[str, list[tuple[Node, ...]]]:
    """Stacks of two and more, by stage: as few as the width allows, and as equal as can be.

    Args:
        nodes: those that are to be made, in the plan's order, which stacks keep.
        widths: members in a stack at the most, by stage.
    """
    depths: dict[Node, int] = {}
    alike: dict[tuple[str, str], dict[str, Node]] = {}
    for node in nodes:
        if node.stage in STACKED:
            # An input is always less deep than what is made from it: with one depth in a
            # stack, stacks never wait for each other in a circle.
            shape = digest([_depth(node, depths), _shape(node)])
            alike.setdefault((node.stage, shape), {})[node.key] = node
    found: dict[str, list[tuple[Node, ...]]] = {}
    for (stage, _), members in alike.items():
        parts = _balanced(list(members.values()), widths[stage])
        found.setdefault(stage, []).extend(part for part in parts if len(part) > 1)
    return found


def _shape(node: Node) -> Mapping[str, Any]:
    """What the members of a stack have in common."""
    settings = {name: item for name, item in node.settings.items() if name not in OF_A_MEMBER}
    if "training" in settings:
        settings["training"] = {**settings["training"], "learning_rate": None}
    inputs: dict[str, Any] = {}
    for role, needed in node.inputs.items():
        if role == "tokens":
            inputs[role] = [each.digest for each in needed]
        elif role == "training":
            inputs[role] = [_shape(each) for each in needed]
        else:
            inputs[role] = [each.stage for each in needed]
    return {"settings": settings, "inputs": inputs}


def _depth(node: Node, known: dict[Node, int]) -> int:
    """Length of the longest way to a node from one that needs nothing."""
    if node not in known:
        known[node] = 1 + max((_depth(each, known) for each in node.ancestors()), default=0)
    return known[node]


def _balanced(members: Sequence[Node], width: int) -> Iterator[tuple[Node, ...]]:
    count = -(-len(members) // width)
    for i in range(count):
        begin, end = (len(members) * j // count for j in (i, i + 1))
        yield tuple(members[begin:end])
