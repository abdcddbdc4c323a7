"""Which members are made together."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from manymasks.config.loading import load_study
from manymasks.config.study import Hardware
from manymasks.engine.stacks import STACKED, stacks_of, widths_of
from manymasks.plan.graph import Node, plan_study

STUDY = """\
corpora: {pydocs: {kind: pydocs, packages: []}}
tokenizer: {kind: bytes}
sizes: {base: {width: 8, layers: 1, heads: 1}, wide: {width: 16, layers: 1, heads: 1}}
variants:
  causal: {gradient: causal}
  discount: {gradient: discount, gamma: 0.5}
  local: {gradient: local, past_from: causal}
  myopic: {gradient: myopic}
training: {learning_rate: 1e-3}
seeds: {init: [0, 1, 2, 3, 4, 5]}
"""
SEEDS = 6


def nodes_of(folder: Path, **overrides: Any) -> tuple[Node, ...]:
    (folder / "config.yaml").write_text(STUDY, encoding="utf-8")
    return plan_study(load_study([folder / "config.yaml"], overrides), folder).nodes


def both(width: int) -> dict[str, int]:
    """One width for all stages that have stacks."""
    return dict.fromkeys(STACKED, width)


def arms(stack: Iterable[Node]) -> set[str]:
    """Sizes and variants of a stack's members."""
    return {"/".join(node.label.split("/")[2:4]) for node in stack}


def test_members_of_one_shape_share_a_stack_for_any_gradient_seeds_and_rate(
    tmp_path: Path,
) -> None:
    nodes = nodes_of(
        tmp_path,
        variants={"myopic": {"gradient": "myopic", "learning_rate": 0.02}},
        sizes={"wide": {"width": 16, "layers": 1, "heads": 1, "learning_rate": 0.01}},
    )
    found = stacks_of(nodes, both(100))
    assert list(found) == ["training", "evaluation"]
    for stage, stacks in found.items():
        assert sorted((sorted(arms(stack)), len(stack)) for stack in stacks) == [
            (["base/causal", "base/discount", "base/myopic"], 3 * SEEDS),
            (["base/local"], SEEDS),
            (["wide/causal", "wide/discount", "wide/myopic"], 3 * SEEDS),
            (["wide/local"], SEEDS),
        ]
        assert {node.stage for stack in stacks for node in stack} == {stage}


@pytest.mark.parametrize("width", [1, 2, 4, 7, 18, 100])
@pytest.mark.parametrize("tuned", [(), ("causal",), ("local",), ("myopic", "local")])
def test_stacks_do_not_wait_for_themselves_or_each_other(
    tmp_path: Path, width: int, tuned: tuple[str, ...]
) -> None:
    variants: dict[str, dict[str, Any]] = {
        "causal": {"gradient": "causal"},
        "local": {"gradient": "local", "past_from": "causal"},
        "myopic": {"gradient": "myopic"},
    }
    for name in tuned:
        variants[name]["learning_rate"] = "tune"
    nodes = nodes_of(tmp_path, variants=variants)
    stacks = [stack for each in stacks_of(nodes, both(width)).values() for stack in each]
    job_of = {node: i for i, stack in enumerate(stacks) for node in stack}
    jobs = {node: job_of.get(node, f"{node.stage}/{node.key}") for node in nodes}
    # Jobs can be done one after another: whatever waits for nothing is taken away.
    waits = {job: set[Any]() for job in jobs.values()}
    for node in nodes:
        needed = {jobs[each] for each in node.input_nodes()}
        assert jobs[node] not in needed
        waits[jobs[node]] |= needed
    while waits:
        free = {job for job, needed in waits.items() if not needed & waits.keys()}
        assert free
        waits = {job: needed for job, needed in waits.items() if job not in free}
    # Whose rate is found first is not kept waiting by who needs none, nor the other way round.
    for stack in stacks:
        assert len({frozenset(node.inputs) for node in stack}) == 1
        assert 1 < len(stack) <= width


def test_stacks_are_few_and_of_equal_size(tmp_path: Path) -> None:
    training = [node for node in nodes_of(tmp_path) if node.stage == "training"]
    base = [node for node in training if arms([node]) <= {"base/causal", "base/myopic"}]
    twelve = [*base]
    for width, sizes in ((12, [12]), (11, [6, 6]), (5, [4, 4, 4]), (4, [4, 4, 4]), (2, [2] * 6)):
        stacks = stacks_of(twelve, both(width))["training"]
        assert [len(stack) for stack in stacks] == sizes
        assert [node for stack in stacks for node in stack] == twelve
    assert [len(stack) for stack in stacks_of(twelve[:11], both(4))["training"]] == [3, 4, 4]
    # One that is left over has a job of its own, and is no stack.
    assert [len(stack) for stack in stacks_of(twelve[:3], both(2))["training"]] == [2]
    assert stacks_of(twelve, both(1)) == {"training": []}
    assert stacks_of([], both(8)) == {}


@pytest.mark.parametrize(
    "change",
    [
        {"training": {"steps": 77}},
        {"training": {"batch": 3}},
        {"corpora": {"pydocs": {"kind": "pydocs", "packages": [], "max_documents": 9}}},
    ],
)
def test_members_with_other_settings_or_text_have_another_stack(
    tmp_path: Path, change: dict[str, Any]
) -> None:
    nodes = [*nodes_of(tmp_path), *nodes_of(tmp_path, **change)]
    alone = stacks_of(nodes[: len(nodes) // 2], both(100))
    together = stacks_of(nodes, both(100))
    for stage in ("training", "evaluation"):
        assert len(together[stage]) == 2 * len(alone[stage])


@pytest.mark.parametrize(
    ("hardware", "visible", "widths"),
    [
        ({}, "", (1, 4)), ({}, "0", (32, 32)), ({"device": "cpu"}, "0", (1, 4)),
        ({"device": "cuda"}, "", (32, 32)), ({"stack": 5}, "", (5, 5)),
        ({"stack": 5, "device": "cuda"}, "0,1", (5, 5)), ({"stack": 1}, "0", (1, 1)),
    ],
)  # fmt: skip
def test_widths(
    monkeypatch: pytest.MonkeyPatch,
    hardware: dict[str, Any],
    visible: str,
    widths: tuple[int, int],
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert tuple(widths_of(Hardware(**hardware)).values()) == widths
