"""The catalogue of stages beside the modules, the plans and the tables that there are."""

import importlib
import inspect
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from typing import Any

import pytest

import kit
import source
from manymasks.catalogue import ANALYSES, STAGES
from manymasks.config.study import Study
from manymasks.database.schema import written_columns
from manymasks.plan.closure import MACHINERY, SOURCE, code_of
from manymasks.plan.graph import Plan
from manymasks.store.job import Job


@pytest.fixture(scope="module", params=kit.OVERLAYS, ids=lambda names: "".join(names) or "default")
def plan(request: pytest.FixtureRequest) -> Plan:
    return kit.repository_plan(*request.param)


def modules_of(stage: str) -> set[str]:
    """Modules in the import closure of a stage, without the name of the package."""
    return {name.partition(".")[2] for name in code_of(stage) if "/" not in name}


def reached(package: str) -> set[str]:
    """Stages whose closure has a module of a package."""
    inside = f"{package}."
    return {
        stage
        for stage in STAGES
        if any(f"{module}.".startswith(inside) for module in modules_of(stage))
    }


# ----------------------------------------------------------------------------------- modules


def test_each_stage_is_a_module() -> None:
    files = {path.stem for path in (SOURCE / "stages").glob("*.py")}
    assert files - {"__init__"} == STAGES.keys()


@pytest.mark.parametrize("stage", STAGES)
def test_stages_have_one_shape(stage: str) -> None:
    module = importlib.import_module(f"manymasks.stages.{stage}")
    (parameter,) = inspect.signature(module.make).parameters.values()
    assert parameter.annotation is Job
    assert inspect.signature(module.make).return_annotation == dict[str, Any]
    assert hasattr(module, "make_many") == STAGES[stage].is_stacked
    if STAGES[stage].is_stacked:
        (parameter,) = inspect.signature(module.make_many).parameters.values()
        assert parameter.annotation == Sequence[Job]
        assert inspect.signature(module.make_many).return_annotation == list[dict[str, Any]]


def test_stages_that_compute_with_models() -> None:
    declared = {stage for stage in STAGES if STAGES[stage].uses_models}
    assert reached("models.transformer") == reached("training") == declared


def test_stages_that_know_the_process_of_their_text() -> None:
    declared = {stage for stage in STAGES if STAGES[stage].needs_process}
    # What is true of a process is a part of `universal`, which needs none.
    assert reached("corpora.processes") == {"process", "universal", *declared}


def test_a_stage_has_the_code_of_no_other() -> None:
    for stage in STAGES:
        parts = {name.partition(".")[2] for name in modules_of(stage) if name.startswith("stages.")}
        assert not {part for part in parts if part in STAGES} - {stage}


def test_readers_of_text_the_database_and_the_report_are_code_of_one_stage() -> None:
    for package, stage in (
        ("corpora.pydocs", "corpus"),
        ("corpora.dataset", "corpus"),
        ("corpora.collect", "corpus"),
        ("training.tuning", "tuning"),
        ("report", "report"),
    ):
        assert reached(package) == {stage}, package
    # The explorer answers the example queries.
    assert reached("database") == {"database", "report"}


def test_a_stage_reaches_one_analysis() -> None:
    """`multiplicity` is of the pairs in a set: it reaches the sets and the divergences."""
    analyses = {"divergence", "explorer", "myopia", "rashomon", "rollouts", "truth", "universal"}
    for stage in STAGES:
        packages = {name.partition(".")[0] for name in modules_of(stage)} & analyses
        assert len(packages) <= 1 or (stage, packages) == (
            "multiplicity",
            {"divergence", "rashomon"},
        )


@pytest.mark.skipif(not hasattr(os, "fork"), reason="a process for each stage would take a minute")
def test_what_a_stage_imports_is_in_its_closure() -> None:
    """Modules that Python loads with a stage and not with the machinery, beside the closure."""
    machinery = [name.split(".")[1] for name in MACHINERY]
    names = [name for name in source.modules() if name.partition(".")[0] in machinery]
    program = f"""
import importlib, json, os, sys
import duckdb, numpy, pyarrow.parquet, scipy.stats, torch
for name in {names}:
    importlib.import_module(f"manymasks.{{name}}")
before = set(sys.modules)
for stage in {list(STAGES)}:
    if not (child := os.fork()):
        importlib.import_module(f"manymasks.stages.{{stage}}")
        names = [name for name in sys.modules if name.startswith("manymasks.")]
        print(json.dumps([stage, sorted(set(names) - before)]), flush=True)
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0, stage
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    loaded = dict(json.loads(line) for line in done.stdout.splitlines())
    assert loaded.keys() == STAGES.keys()
    for stage, modules in loaded.items():
        assert f"manymasks.stages.{stage}" in modules
        assert set(modules) <= code_of(stage).keys(), stage


# ------------------------------------------------------------------------------------- plans


def test_inputs_come_from_stages_that_are_declared(plan: Plan) -> None:
    for node in plan.nodes:
        stages = {source.stage for sources in node.inputs.values() for source in sources}
        allowed = STAGES.keys() if node.stage == "database" else STAGES[node.stage].inputs
        assert stages <= set(allowed), node.label


def test_inputs_come_before_what_is_made_from_them() -> None:
    order = list(STAGES)
    later = {
        (stage, name)
        for stage in STAGES
        for name in STAGES[stage].inputs
        if order.index(name) > order.index(stage)
    }
    # A local variant is tuned, and trained, with the trained model of its past.
    assert later == {("tuning", "training")}


def test_laws_are_compared_on_processes_alone(plan: Plan) -> None:
    drawn: set[str] = set()
    for node in plan.nodes:
        if node.stage == "process" or any(parent.digest in drawn for parent in node.input_nodes()):
            drawn.add(node.digest)
        assert node.digest in drawn or not STAGES[node.stage].needs_process, node.label


def test_what_a_study_may_choose_has_settings() -> None:
    assert set(ANALYSES) - Study.model_fields.keys() <= {"severity"}


def test_messages_name_what_is_made() -> None:
    for stage in STAGES.values():
        assert ("{label}" in stage.message) == (stage.unit != "study")
        assert stage.summary.endswith(".") and not stage.message.endswith(".")


# ------------------------------------------------------------------------------------ tables


def test_stages_write_the_tables_of_the_schema() -> None:
    assert {table for stage in STAGES.values() for table in stage.tables} == set(written_columns())
