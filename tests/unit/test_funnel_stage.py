"""The stage `funnel` on small members: what it reads, what it leaves out, what it writes."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from manymasks.config.loading import load_study
from manymasks.engine.job_file import description_of
from manymasks.engine.jobs import run_job
from manymasks.plan.graph import Plan, plan_study
from manymasks.store.layout import Layout
from manymasks.store.manifest import Manifest

STUDY = """\
corpora:
  mine: {kind: files, paths: ["texts/*.txt"], separator: "\\n\\n", select: 0.3, measure: 0.3}
tokenizer: {kind: bytes}
sizes: {base: {width: 8, layers: 1, heads: 1, learning_rate: 0.01}}
variants:
  causal: {gradient: causal}
  failed: {gradient: causal, learning_rate: 1.0e+38}
  myopic: {gradient: myopic}
training: {context: 16, batch: 2, steps: 4, curve_every: 2, curve_windows: 4}
seeds: {init: [0, 1, 2], order: [0]}
evaluation: {position_edges: [0, 4]}
probes:
  also: {family: shuffle, windows: 8, scored: 4, severities: [2]}
  held-out: {family: held-out, windows: 8}
  shuffle: {family: shuffle, windows: 8, scored: 4, severities: [2, 4]}
divergence: {batch: 8, floor_batch: 4, floor_windows: 4}
statistics: {resamples: 100}
analyses: [divergence]
hardware: {device: cpu}
"""
STAGES = ("corpus", "tokenizer", "tokens", "training", "evaluation", "probe", "divergence")
Rows = list[dict[str, Any]]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Plan, Layout, Manifest]]:
    """Small members with all that the stage reads, and what it made of them."""
    folder = tmp_path_factory.mktemp("study")
    (folder / "config.yaml").write_text(STUDY, encoding="utf-8")
    (folder / "texts").mkdir()
    words = np.random.default_rng(0).choice(["one ", "two ", "three "], size=(40, 12))
    text = "\n\n".join(f"{i} " + "".join(some) for i, some in enumerate(words))
    (folder / "texts" / "words.txt").write_text(text, encoding="utf-8")
    plan = plan_study(load_study([folder / "config.yaml"], {}), folder)
    layout = Layout(folder / "results")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for stage in STAGES:
            for node in plan.nodes:
                if node.stage == stage:
                    run_job(description_of(node, plan.study.hardware), layout)
        yield plan, layout, run_job(describe(plan), layout)


def describe(plan: Plan) -> dict[str, Any]:
    """A job by hand: every member, and every divergence."""
    of = {
        stage: [node for node in plan.nodes if node.stage == stage]
        for stage in ("evaluation", "divergence")
    }
    return {
        "stage": "funnel",
        "settings": {
            "funnel": {"seed_sd": 1.0, "splits": 3, "orders": 50, "seed": 0},
            "statistics": of["divergence"][0].settings["statistics"],
            "members": of["divergence"][0].settings["members"],
            "contrasts": [{"baseline": "causal", "variant": "myopic"}],
        },
        "inputs": {
            role: [{"stage": role, "key": node.key} for node in nodes] for role, nodes in of.items()
        },
        "machine": plan.study.hardware.model_dump(mode="json"),
    }


def rows_of(layout: Layout, manifest: Manifest, table: str) -> Rows:
    path = layout.folder(manifest.stage, manifest.key) / "tables" / f"{table}.parquet"
    found: Rows = pq.read_table(path).to_pylist()
    return found


def test_constraints_are_splits_probes_and_the_variant(
    made: tuple[Plan, Layout, Manifest],
) -> None:
    _, layout, manifest = made
    assert manifest.figures == {"members": 6, "constraints": 3 + 1 + 2}
    rows = rows_of(layout, manifest, "funnel_constraint")
    of_pool: dict[str, list[tuple[str, str]]] = {}
    for row in rows:
        of_pool.setdefault(row["pool"], []).append((row["kind"], row["constraint_name"]))
    losses = [
        *(("split", f"measure part {k} of 3") for k in (1, 2, 3)),
        # Severity 0 is the measure split itself.
        ("probe", "also severity 1"),
        ("probe", "shuffle severity 1"),
        ("probe", "shuffle severity 2"),
    ]
    assert of_pool == {
        "mine/base/causal": losses,
        "mine/base/myopic": losses,
        "mine/base": [*losses, ("variant", "variant = myopic")],
    }
    assert {row["models"] for row in rows} == {3, 6}
    # The best loss of a pool is that of a member.
    thresholds = {row["nats_best"] for row in rows if row["nats_best"] is not None}
    assert thresholds <= {row["nats"] for row in rows_of(layout, manifest, "funnel_loss")}


def test_losses_are_those_of_the_evaluation_and_the_probe(
    made: tuple[Plan, Layout, Manifest],
) -> None:
    plan, layout, manifest = made
    rows = rows_of(layout, manifest, "funnel_constraint")
    best = {
        row["constraint_name"]: row["nats_best"]
        for row in rows
        if row["pool"] == "mine/base/myopic"
    }
    parts, probed = [], []
    for node in plan.nodes:
        if node.stage == "evaluation" and "/myopic/" in node.label:
            with np.load(layout.folder("evaluation", node.key) / "sums.npz") as sums:
                nats, tokens = (sums[f"measure_{name}"].sum(1)[1::3] for name in ("nats", "tokens"))
            parts.append(nats.sum() / tokens.sum())
        if node.stage == "divergence" and node.label.endswith("/shuffle"):
            table = layout.folder("divergence", node.key) / "tables" / "model_probe.parquet"
            probed = pq.read_table(table).to_pylist()
    assert best["measure part 2 of 3"] == pytest.approx(min(parts), rel=1e-12)
    myopic = {
        node.inputs["training"][0].key
        for node in plan.nodes
        if node.stage == "evaluation" and "/myopic/" in node.label
    }
    assert best["shuffle severity 2"] == min(
        row["nats"] for row in probed if row["severity"] == 2 and row["model"] in myopic
    )


def test_spread_is_that_of_held_out_text(made: tuple[Plan, Layout, Manifest]) -> None:
    plan, layout, manifest = made
    (node,) = (n for n in plan.nodes if n.stage == "divergence" and n.label.endswith("held-out"))
    table = layout.folder("divergence", node.key) / "tables" / "pool_divergence.parquet"
    within = {
        row["pool"]: row["value"]
        for row in pq.read_table(table).to_pylist()
        if row["metric"] == "kl" and row["pool"] == row["other"]
    }
    steps = rows_of(layout, manifest, "funnel_step")
    first = {row["pool"]: row["kl"] for row in steps if not row["constraints"]}
    for pool in ("mine/base/causal", "mine/base/myopic"):
        assert first[pool] == pytest.approx(within[pool], rel=1e-9)
    assert first["mine/base"] > 0
    assert {row["orders"] for row in steps} == {50}
    last = {row["pool"]: row for row in steps if row["constraints"] >= 6}
    for row in last.values():
        assert row["share_low"] is None or row["share_low"] <= row["share"] <= row["share_high"]
    assert last["mine/base"]["constraints"] == 7


def test_patterns_are_of_probes(made: tuple[Plan, Layout, Manifest]) -> None:
    _, layout, manifest = made
    rows = rows_of(layout, manifest, "pattern")
    assert {row["probes"] for row in rows} == {3}
    assert [row["members_used"] for row in rows] == [1, 2, 3, 1, 2, 3, 1, 2, 3, 4, 5, 6]
    for row in rows:
        assert 1 - 1e-12 <= row["patterns"] <= row["members_used"] + 1e-12


def test_without_a_held_out_probe_there_is_no_spread_and_no_pattern(
    made: tuple[Plan, Layout, Manifest],
) -> None:
    plan, layout, _ = made
    wanted = describe(plan)
    chosen = {n.key for n in plan.nodes if n.stage == "divergence" and n.label.endswith("/also")}
    wanted["inputs"]["divergence"] = [
        each for each in wanted["inputs"]["divergence"] if each["key"] in chosen
    ]
    manifest = run_job(wanted, layout)
    assert all(row["kl"] is None for row in rows_of(layout, manifest, "funnel_step"))
