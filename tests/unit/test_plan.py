"""Keys: what changes them and what does not, and which nodes a study has."""

import hashlib
import itertools
import json
import math
import os
import shutil
import subprocess
import sys
import textwrap
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import kit
from manymasks.catalogue import ANALYSES, STAGES
from manymasks.config.loading import load_study
from manymasks.errors import UserError
from manymasks.plan import node as planning
from manymasks.plan.closure import SOURCE, code_of
from manymasks.plan.graph import Plan, plan_study
from manymasks.plan.node import Node
from manymasks.store.canonical import canonical, digest
from manymasks.store.manifest import digest_of

ROOT = Path(__file__).parents[2]
BASE = """\
corpora:
  pydocs: {kind: pydocs, packages: []}
sizes:
  small: {width: 8}
  base: {width: 16}
variants:
  causal: {gradient: causal}
  myopic: {gradient: myopic}
training: {learning_rate: 0.003, steps: 100}
seeds: {init: [0, 1, 2, 3, 4, 5]}
probes:
  held-out: {family: held-out}
  shuffle: {family: shuffle, scored: 32, severities: [2, 4]}
"""


def plan_of(tmp_path: Path, text: str = BASE, **overrides: Any) -> Plan:
    path = tmp_path / "config.yaml"
    path.write_text(text, encoding="utf-8")
    return plan_study(load_study([path], overrides), tmp_path)


def keys(plan: Plan) -> dict[str, str]:
    return {node.label: node.key for node in plan.nodes}


# -------------------------------------------------------------------------- canonical JSON


def test_canonical_json_is_written_out() -> None:
    value = {"b": [1, 2.0, True, None], "a": {"z": "x\n", "é": 0.1}, "c": (1e-3, 1e22, -0.0)}
    expected = '{"a":{"z":"x\\n","é":0.1},"b":[1,2.0,true,null],"c":[0.001,1e+22,0.0]}'
    assert canonical(value) == expected.encode()
    assert digest(value) == hashlib.sha256(expected.encode()).hexdigest()


def test_a_golden_digest() -> None:
    """Keys of artifacts that people have made: this number must never change."""
    value = {"scheme": 1, "stage": "x", "settings": {"rate": 0.003, "names": ["é", "b"]}}
    assert digest(value) == "894e7b0a549b4fd3b1f12b600f99036cc86693bf621c15feb4e1d1c00c3833ca"


def test_normal_form_and_key_order() -> None:
    assert canonical({"e\u0301": "e\u0301", "b": 1}) == canonical({"b": 1, "\u00e9": "\u00e9"})
    assert canonical({"a": 1, "b": 2}) != canonical({"a": 2, "b": 1})
    assert canonical([1, 2]) != canonical([2, 1])
    assert canonical("1") != canonical(1)


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_rejects_values_that_are_not_finite(number: float) -> None:
    with pytest.raises(ValueError, match="no canonical form"):
        canonical({"a": [number]})


@pytest.mark.parametrize("value", [{1, 2}, b"x", Path("x"), object()])
def test_values_that_are_not_json_are_refused(value: object) -> None:
    with pytest.raises(TypeError, match="is not a JSON value"):
        canonical([value])


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8")),
    lambda inner: st.lists(inner, max_size=4)
    | st.dictionaries(st.text(st.characters(codec="ascii")), inner, max_size=4),
    max_leaves=12,
)  # fmt: skip


@settings(max_examples=50)
@given(VALUES)
def test_canonical_json_is_a_fixed_point(value: Any) -> None:
    once = canonical(value)
    assert canonical(json.loads(once)) == once


# -------------------------------------------------------------------------------- closure

MODULES = {
    "__init__.py": '"""A package."""\n__version__ = "1"\n',
    "errors.py": "class UserError(Exception): ...\n",
    "config/__init__.py": "",
    "config/study.py": "X = 1\n",
    "plan/__init__.py": "",
    "plan/canonical.py": "Y = 1\n",
    "store/__init__.py": "",
    "store/job.py": "Z = 1\n",
    "stages/__init__.py": '"""Stages."""\n',
    "stages/thing.py": """\
        \"\"\"A stage.\"\"\"

        import math
        from manymasks import science
        from manymasks.config.study import X
        from manymasks.errors import UserError
        from manymasks.store.canonical import Y
        from manymasks.science import near
        from manymasks.science.deep import answer as found
        from manymasks.store.job import Z
        from ..other.relative import value
        from . import beside


        def make(job):
            \"\"\"Make it.\"\"\"
            rate = 1e-3  # a comment
            return [rate, "text", None, f"{rate:.3f}"]
        """,
    "stages/beside.py": "import manymasks.later.module\n",
    "stages/stranger.py": "W = 1\n",
    "science/__init__.py": "",
    "science/near.py": "from .helper import half\n",
    "science/helper.py": "def half(x):\n    return x / 2\n",
    "science/deep.py": "def answer():\n    from manymasks.lazy import thing\n    return 42\n",
    "science/notes.txt": "not data of the code\n",
    "lazy.py": "thing = 1\nFOLDER = 'folder:*'\n",
    "folder/__init__.py": "",
    "folder/one.py": "one = 1\n",
    "folder/two.py": "two = 1\n",
    "other/__init__.py": "",
    "other/relative.py": "value = 1\n",
    "later/__init__.py": "",
    "later/module.py": "",
    "later/ask.sql": "-- What it asks.\nSELECT 1\n  -- and why\nFROM t\n",
    "later/sql/more.sql": "SELECT 2\n",
    "later/page.html.j2": "<p>{{ x }}</p>\n",
    "stranger/__init__.py": "",
    "stranger/far.py": "V = 1\n",
    "stranger/far.sql": "SELECT 3\n",
}


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A small package with every way of importing."""
    source = tmp_path / "manymasks"
    for name, text in MODULES.items():
        path = source / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text), encoding="utf-8")
    return source


def rewrite(package: Path, name: str, old: str, new: str) -> None:
    path = package / name
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def test_the_closure_follows_every_import(package: Path) -> None:
    assert [name.removeprefix("manymasks").lstrip("./") for name in code_of("thing", package)] == [
        "folder",
        "folder.one",
        "folder.two",
        "later",
        "later.module",
        "lazy",
        "other",
        "other.relative",
        "science",
        "science.deep",
        "science.helper",
        "science.near",
        "stages",
        "stages.beside",
        "stages.thing",
        "later/ask.sql",
        "later/page.html.j2",
        "later/sql/more.sql",
    ]


SAME = [
    ("stages/thing.py", "# a comment", "# another one"),
    ("stages/thing.py", "  # a comment", ""),
    ("stages/thing.py", '"""A stage."""', '"""The very same stage, in other words."""'),
    ("stages/thing.py", '"""A stage."""\n', ""),
    ("stages/thing.py", '    """Make it."""\n', ""),
    ("stages/thing.py", "\n\ndef make(job):", "\n\n\n\n\ndef make(job):"),
    ("stages/thing.py", "rate = 1e-3", "rate = (0.001)"),
    ("stages/thing.py", '"text"', "'text'"),
    ("stages/thing.py", "[rate, ", "[\n        rate,\n        "),
    ("science/helper.py", "def half(x):\n", 'def half(x):\n    """Half of x."""\n'),
    ("science/helper.py", "x / 2", "(x / 2)"),
    ("science/notes.txt", "not", "no"),
    ("config/study.py", "1", "2"),
    ("plan/canonical.py", "1", "2"),
    ("store/job.py", "1", "2"),
    ("errors.py", "...", "pass"),
    ("__init__.py", "1", "2"),
    ("stages/stranger.py", "1", "2"),
    ("stranger/far.py", "1", "2"),
    ("stranger/far.sql", "3", "4"),
    ("later/ask.sql", "-- What it asks.", "-- What it asks, said better.\n-- Twice."),
    ("later/ask.sql", "-- What it asks.\n", ""),
    ("later/ask.sql", "SELECT 1\n", "SELECT 1\n\n\n"),
]
OTHER = [
    ("stages/thing.py", "1e-3", "2e-3", "manymasks.stages.thing"),
    ("stages/thing.py", '"text"', '"texts"', "manymasks.stages.thing"),
    ("stages/thing.py", "None", "True", "manymasks.stages.thing"),
    ("stages/thing.py", ".3f", ".4f", "manymasks.stages.thing"),
    ("stages/thing.py", "return [", "return [0, ", "manymasks.stages.thing"),
    ("science/helper.py", "/", "//", "manymasks.science.helper"),
    ("science/deep.py", "42", "43", "manymasks.science.deep"),
    ("lazy.py", "1", "1.0", "manymasks.lazy"),
    ("folder/two.py", "1", "2", "manymasks.folder.two"),
    ("other/relative.py", "1", "2", "manymasks.other.relative"),
    ("later/ask.sql", "SELECT 1", "SELECT 2", "manymasks/later/ask.sql"),
    ("later/sql/more.sql", "2", "3", "manymasks/later/sql/more.sql"),
    ("later/page.html.j2", "<p>", "<p >", "manymasks/later/page.html.j2"),
    ("stages/__init__.py", '"""Stages."""', "import math", "manymasks.stages"),
]


@pytest.mark.parametrize(("name", "old", "new"), SAME)
def test_edits_without_meaning_change_no_digest(
    package: Path, name: str, old: str, new: str
) -> None:
    before = code_of("thing", package)
    rewrite(package, name, old, new)
    assert code_of("thing", package) == before


@pytest.mark.parametrize(("name", "old", "new", "module"), OTHER)
def test_an_edit_changes_the_digest_of_its_module_alone(
    package: Path, name: str, old: str, new: str, module: str
) -> None:
    before = code_of("thing", package)
    rewrite(package, name, old, new)
    after = code_of("thing", package)
    assert {each for each in after if after[each] != before.get(each)} == {module}


def test_touching_and_moving_change_nothing(package: Path, tmp_path: Path) -> None:
    before = code_of("thing", package)
    for path in package.rglob("*.py"):
        os.utime(path, (1, 1))
    assert code_of("thing", package) == before
    moved = tmp_path / "elsewhere" / "manymasks"
    shutil.copytree(package, moved)
    assert code_of("thing", moved) == before


def test_a_new_import_joins_the_closure(package: Path) -> None:
    rewrite(package, "science/near.py", "from .helper import half", "from ..stranger import far")
    after = code_of("thing", package)
    assert "manymasks.science.helper" not in after
    assert {"manymasks.stranger.far", "manymasks/stranger/far.sql"} <= after.keys()


# ------------------------------------------------- the closures of the stages as they are


def test_sql_and_templates_are_code() -> None:
    files = {name for stage in ("database", "report") for name in code_of(stage) if "/" in name}
    present = {
        path.relative_to(SOURCE.parent).as_posix()
        for folder in ("database", "report")
        for path in (SOURCE / folder).rglob("*")
        if path.suffix in (".sql", ".j2", ".css", ".js")
    }
    assert files == present
    # The explorer answers the example queries: no other artifact depends on one.
    examples = {name for name in present if name.startswith("manymasks/database/queries/")}
    assert examples and not examples & code_of("database").keys()
    assert "manymasks/database/views/10-study.sql" in files
    assert "manymasks/report/page.html.j2" in files
    assert "manymasks/report/explorer/scripts/explorer.js" in files


USE_MODELS = {stage for stage in STAGES if STAGES[stage].uses_models}
KNOWN = {stage for stage in STAGES if STAGES[stage].needs_process}
"""Stages that need a process with a known law."""
EDITS = [
    ("training/optimizer.py", "EPSILON = 1e-8", "EPSILON = 1e-8  # as everywhere", set()),
    ("training/optimizer.py", "EPSILON = 1e-8", "EPSILON = 1e-7",
     {"training", "tuning", "steering", "fine_tuning"}),
    ("training/tuning.py", "CONFIDENCE = 0.95", "CONFIDENCE = 0.9", {"tuning"}),
    ("models/attention.py", "import math\n", "import math\nNEW = 1\n", USE_MODELS),
    ("corpora/processes/masks.py", "OPENING = 2", "OPENING = 2 + 0",
     {"process", "universal", *KNOWN - {"thinking"}}),
    ("kinds/families.py", "return context // 2", "return context // 3",
     {"probe", "self_written", "search", "universal"}),
    ("config/training.py", "class Seeds", "NEW = 1\n\n\nclass Seeds", set()),
    ("disk/lock.py", "time.sleep(0.2)", "time.sleep(0.3)", set()),
    ("engine/jobs.py", "import contextlib\n", "import contextlib\nimport ast\n", set()),
    # The sentence of a claim; the package of the example queries, which the report answers, has it.
    ("database/views/10-study.sql", "myopia gap: {}", "gap of myopia: {}", {"database", "report"}),
]  # fmt: skip


@pytest.mark.parametrize(("name", "old", "new", "expected"), EDITS)
def test_edits_of_the_source_reach_these_stages(
    tmp_path: Path, name: str, old: str, new: str, expected: set[str]
) -> None:
    copy = tmp_path / "manymasks"
    shutil.copytree(SOURCE, copy, ignore=shutil.ignore_patterns("__pycache__"))
    before = {stage: code_of(stage, copy) for stage in STAGES}
    rewrite(copy, name, old, new)
    assert {stage for stage in STAGES if code_of(stage, copy) != before[stage]} == expected


# ---------------------------------------------------------------------------------- plans

# Of a study whose text no process draws.
NOT_HERE = {"tuning", "pretrained", "process", "control", "self_written", "search"}
EVERYTHING = set(STAGES) - NOT_HERE - KNOWN
"""Where all learning rates are named, all members are trained, no model makes contexts, and no
process has a control."""


@pytest.mark.parametrize("overlays", kit.OVERLAYS, ids=lambda names: "".join(names) or "default")
def test_nodes_of_the_studies_of_the_repository(overlays: tuple[str, ...]) -> None:
    plan = kit.repository_plan(*overlays)
    assert [node.stage for node in plan.targets] == ["database", "report"]
    assert len({node.digest for node in plan.nodes}) == len(plan.nodes)
    assert len({node.label for node in plan.nodes}) == len(plan.nodes)
    assert {node.stage for node in plan.nodes} <= STAGES.keys()
    seen: set[str] = set()
    for node in plan.nodes:
        assert {source.digest for source in node.input_nodes()} <= seen
        assert node.key == node.digest[:12]
        seen.add(node.digest)


def test_the_default_study_has_every_stage_but_those_of_presets() -> None:
    stages = {node.stage for node in kit.repository_plan().nodes}
    # Rates are found once; the others are of presets.
    presets = {
        "pretrained", "recurrence", "decomposition", "fine_tuning", "code_length", "steering",
        "text_spectrum", "thinking",
    }  # fmt: skip
    assert STAGES.keys() - stages <= {"tuning", *presets}


def test_nodes_of_a_study(tmp_path: Path) -> None:
    """Sizes, variants and seeds: 2 x 2 x (3 x 2) members; on text, and on a process beside it."""
    counts = Counter(node.stage for node in plan_of(tmp_path).nodes)
    assert counts == {
        **dict.fromkeys(EVERYTHING, 1),
        "training": 24, "evaluation": 24, "derived": 4, "probe": 2, "divergence": 2, "explorer": 2,
    }  # fmt: skip
    known = {"kind": "process", "process": "masks"}
    both = Counter(node.stage for node in plan_of(tmp_path, corpora={"known": known}).nodes)
    # A process has only the probes of text as it is, and no texts to compare.
    assert both - counts == {
        **dict.fromkeys(EVERYTHING - {*SKIPPING, "corpus", "severity", *ENDS}, 1),
        "process": 1, "training": 24, "evaluation": 24, "derived": 4,
        **dict.fromkeys(
            ("truth", "excess", "spectroscopy", "decomposition", "belief", "swap", "recurrence"), 1
        ),
    }  # fmt: skip


def test_a_process_is_compared_with_its_control(tmp_path: Path) -> None:
    drawn = {name: {"kind": "process", "process": name} for name in ("tally", "tally1", "masks")}
    nodes = plan_of(tmp_path, corpora=drawn).nodes
    (control,) = (node for node in nodes if node.stage == "control")
    assert control.label == "control/tally/tally1"
    assert {member["corpus"] for member in control.settings["members"]} == {"tally", "tally1"}
    assert len(control.inputs["evaluation"]) == len(control.settings["members"]) == 48


def test_a_second_corpus_doubles_every_stage_except_database_and_report(tmp_path: Path) -> None:
    corpora = {"more": {"kind": "pydocs", "packages": [], "select": 0.2}}
    stages = Counter(node.stage for node in plan_of(tmp_path, corpora=corpora).nodes)
    assert stages["training"] == 48
    assert (stages["corpus"], stages["divergence"], stages["database"]) == (2, 4, 1)


def test_a_digest_is_made_of_stage_settings_code_and_inputs() -> None:
    base = Node("tokens", "tokens/x", {"a": 1})
    above = Node("training", "training/x", {"b": 1}, {"tokens": (base,)})
    code = code_of("training")
    assert above.digest == digest(
        {
            "scheme": 1,
            "stage": "training",
            "settings": {"b": 1},
            "code": code,
            "inputs": {"tokens": [base.digest]},
        }
    )
    inputs = {"tokens": [base.digest]}
    same = digest_of("training", {"b": 1}, code, inputs)
    assert same == above.digest
    assert Node("training", "other label", {"b": 1}, {"tokens": (base,)}).digest == same
    for other in (
        digest_of("tokens", {"b": 1}, code, inputs),
        digest_of("training", {"b": 2}, code, inputs),
        digest_of("training", {"b": 1}, {**code, "manymasks.x": "0"}, inputs),
        digest_of("training", {"b": 1}, code, {"tokens": ["0" * 64]}),
        digest_of("training", {"b": 1}, code, {"other": [base.digest]}),
    ):
        assert other != same


@pytest.mark.parametrize(
    "text",
    [
        BASE.replace("0.003", "3e-3").replace("steps: 100", "steps: 1e2"),
        BASE.replace("{learning_rate: 0.003, steps: 100}", "{steps: 100, learning_rate: .0030}"),
        "# a comment\n" + BASE.partition("probes:")[1] + BASE.partition("probes:")[2]
        + BASE.partition("probes:")[0],
        BASE + "hardware: {device: cpu, log_seconds: 1, checkpoint_seconds: 0}\n",
        BASE + f"analyses: [{', '.join(ANALYSES)}]\n",
        BASE + "divergence: {}\nstatistics: {confidence: 95e-2}\n",
    ],
)  # fmt: skip
def test_spelling_order_and_operation_change_no_key(tmp_path: Path, text: str) -> None:
    assert keys(plan_of(tmp_path, text)) == keys(plan_of(tmp_path, BASE))


ENDS = {"database", "report"}
SETS = {"derived", "rashomon", "multiplicity", "volume", "code_length", "universal", "funnel"}
SKIPPING = {"rollout", "representation", "text_spectrum"}
"""Stages that leave out text drawn from a process."""
BEHAVIOUR = {"divergence", "explorer", "severity", "rollout", "representation", "text_spectrum"}
CHANGES: list[tuple[dict[str, Any], set[str]]] = [
    ({"name": "other"}, {"report"}),
    ({"hardware": {"device": "cpu"}}, set()),
    ({"corpora": {"pydocs": {"select": 0.2}}}, EVERYTHING),
    ({"corpora": {"pydocs": {"max_documents": 100}}}, EVERYTHING),
    ({"tokenizer": {"vocabulary": 512}}, EVERYTHING - {"corpus"}),
    (
        {"training": {"learning_rate": 0.004}},
        {"training", "evaluation", *SETS, *BEHAVIOUR, "gradient", "myopia", *ENDS},
    ),
    (
        {"training": {"curve_every": 50}},
        {"training", "evaluation", *SETS, *BEHAVIOUR, "gradient", "myopia", *ENDS},
    ),
    ({"training": {"context": 256}}, EVERYTHING - {"corpus", "tokenizer", "tokens"}),
    (
        {"evaluation": {"batch": 32}},
        {"evaluation", *SETS - {"volume", "code_length"}, "ngram_baseline", "myopia", *ENDS},
    ),
    (
        {"statistics": {"confidence": 0.9}},
        {"evaluation", *SETS, "probe", *BEHAVIOUR, "ngram_baseline", "myopia", *ENDS},
    ),
    ({"rashomon": {"eps": {"nats": [0.03]}}}, {"rashomon", "multiplicity", "universal", *ENDS}),
    ({"derived": {"draws": 5}}, {"derived", "rashomon", "multiplicity", "universal", *ENDS}),
    ({"multiplicity": {"top_k": 3}}, {"multiplicity", *ENDS}),
    ({"volume": {"directions": 5}}, {"volume", *ENDS}),
    ({"funnel": {"orders": 50}}, {"funnel", *ENDS}),
    (
        {
            "primary": [
                {
                    "claim": "gap",
                    "corpus": "pydocs",
                    "subject": "myopic",
                    "baseline": "causal",
                    "within": "base",
                }
            ]
        },
        ENDS,
    ),
    (
        {"training": {"late": [0.9]}},
        {"training", "evaluation", *SETS, *BEHAVIOUR, "gradient", "myopia", *ENDS},
    ),
    (
        {"probes": {"held-out": {"seed": 1}}},
        {"probe", "divergence", "explorer", "severity", "funnel", *ENDS},
    ),
    ({"explorer": {"scored": 8}}, {"explorer", *ENDS}),
    ({"divergence": {"batch": 4}}, {"divergence", "severity", "funnel", *ENDS}),
    ({"rollout": {"length": 30}}, {"rollout", *ENDS}),
    ({"representation": {"tokens": 100}}, {"representation", *ENDS}),
    (
        {"myopia": {"contrasts": [{"baseline": "myopic", "variant": "causal"}]}},
        {"myopia", "funnel", *ENDS},
    ),
    ({"myopia": {"gradient_windows": 32}}, {"gradient", *ENDS}),
    ({"tune": {"rates": [0.1, 0.2]}}, {"report"}),
    ({"analyses": ["derived", "rashomon", "myopia"]}, ENDS),
]


@pytest.mark.parametrize(("overrides", "expected"), CHANGES)
def test_a_changed_setting_changes_exactly_these_stages(
    tmp_path: Path, overrides: dict[str, Any], expected: set[str]
) -> None:
    before, plan = keys(plan_of(tmp_path)), plan_of(tmp_path, **overrides)
    after = {node.label: node for node in plan.nodes}
    assert after.keys() <= before.keys()
    changed = {node.stage for label, node in after.items() if node.key != before[label]}
    assert changed == expected
    if overrides.get("probes"):
        same = {label for label, node in after.items() if node.key == before[label]}
        assert {"probe/pydocs/shuffle", "divergence/pydocs/shuffle"} <= same


def test_reference_seeds_take_part_in_no_analysis(tmp_path: Path) -> None:
    before = keys(plan_of(tmp_path))
    plan = plan_of(tmp_path, reference_seeds={"init": [7, 8], "order": [9]})
    after = keys(plan)
    fresh = {f"training/pydocs/small/causal/i{init}-o9" for init in (7, 8)}
    assert after.keys() - before.keys() == fresh
    changed = {label.partition("/")[0] for label in before if after[label] != before[label]}
    assert changed == {"divergence", "severity", "funnel", *ENDS}
    for node in plan.nodes:
        users = {each.label for each in node.input_nodes()} & fresh
        assert users <= fresh if node.stage in ("divergence", "database") else not users
        assert not {7, 8} & {each["seed_init"] for each in node.settings.get("members", ())}


def test_contexts_of_models_are_tried_on_other_seeds(tmp_path: Path) -> None:
    probes = {name: {"family": name, "scored": 32} for name in ("self-written", "search")}
    plan = plan_of(tmp_path, probes=probes, reference_seeds={})
    nodes = {node.label: node for node in plan.nodes}
    (writer,) = nodes["self_written/pydocs/self-written"].inputs["training"]
    assert writer.label == "training/pydocs/small/causal/i900-o900"
    searched = {each["seed_init"] for each in nodes["search/pydocs/search"].settings["members"]}
    tried = nodes["divergence/pydocs/search"]
    assert searched == {0, 1, 2}
    assert {member["seed_init"] for member in tried.settings["members"]} == {3, 4, 5}
    assert tried.inputs["probe"] == (nodes["search/pydocs/search"],)
    of_members = [node.label for node in tried.inputs["training"]]
    assert len(of_members) == len(tried.settings["members"]) == 12
    assert not any("/i0-" in label for label in of_members)
    # The funnel and what it intersects are of all members.
    assert tried not in nodes["funnel/pydocs"].inputs["divergence"]
    assert tried in nodes["severity/pydocs"].inputs["divergence"]


def test_stages_that_read_the_tokenizer_have_it_as_input(tmp_path: Path) -> None:
    probes = {name: {"family": name, "scored": 32} for name in ("self-written", "search")}
    plan = plan_of(tmp_path, probes=probes, reference_seeds={})
    given = {node.stage for node in plan.nodes if "tokenizer" in node.inputs} - ENDS
    reads = {
        stage
        for stage in STAGES
        if '.input("tokenizer")' in (SOURCE / "stages" / f"{stage}.py").read_text(encoding="utf-8")
    }
    # Pretrained members are of another study.
    assert given == reads - {"pretrained"}
    assert not given & {"self_written", "search", "representation"}


def test_the_other_corpus_is_an_input_of_its_probe_only(tmp_path: Path) -> None:
    other = {"process": "masks", "kind": "process", "members": {"analyses": []}}
    probe = {"family": "other-corpus", "scored": 32, "corpus": "spoken"}
    plan = plan_of(tmp_path, corpora={"spoken": other}, probes={"elsewhere": probe})
    nodes = {node.label: node for node in plan.nodes}
    assert nodes["probe/pydocs/elsewhere"].inputs["other"] == (nodes["process/spoken"],)
    assert "other" not in nodes["probe/pydocs/shuffle"].inputs
    places = [node.label for node in plan.nodes]
    assert places.index("process/spoken") < places.index("probe/pydocs/elsewhere")


def test_the_rate_of_a_variant_changes_its_members_only(tmp_path: Path) -> None:
    before = keys(plan_of(tmp_path))
    after = keys(plan_of(tmp_path, variants={"myopic": {"learning_rate": 0.01}}))
    trained = {label for label in after if label.startswith(("training/", "evaluation/"))}
    changed = {label for label in trained if after[label] != before[label]}
    assert changed == {label for label in trained if "/myopic/" in label}
    rates = {
        (node.settings["size"]["width"], node.settings["variant"]["gradient"]): (
            node.settings["training"]["learning_rate"]
        )
        for node in plan_of(
            tmp_path,
            sizes={"base": {"learning_rate": 0.5}},
            variants={"myopic": {"learning_rate": 0.01}},
        ).nodes
        if node.stage == "training"
    }
    assert rates == {
        (8, "causal"): 0.003,
        (8, "myopic"): 0.01,
        (16, "causal"): 0.5,
        (16, "myopic"): 0.01,
    }


def test_a_variant_replaces_settings_of_training(tmp_path: Path) -> None:
    before = keys(plan_of(tmp_path))
    replaced = {"optimizer": "adamw", "weight_decay": 0.5, "steps": 7}
    plan = plan_of(tmp_path, variants={"myopic": replaced})
    trained = {label for label in before if label.startswith(("training/", "evaluation/"))}
    changed = {label for label in trained if keys(plan)[label] != before[label]}
    assert changed == {label for label in trained if "/myopic/" in label}
    for node in nodes_of(plan, "training").values():
        is_replaced = node.settings["variant"]["gradient"] == "myopic"
        assert (node.settings["training"].items() >= replaced.items()) == is_replaced
        assert not node.settings["variant"].keys() & replaced.keys()
    # The same settings elsewhere give the same training.
    everywhere = plan_of(tmp_path, training=replaced)
    same = {label for label in changed if label.startswith("training/")}
    assert {keys(everywhere)[label] for label in same} == {keys(plan)[label] for label in same}


def test_statements_of_a_process_name_it(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, corpora=drawn("tally")["corpora"])
    settings = {node.label: node.settings for node in plan.nodes if node.stage == "universal"}
    process = {label: body.get("process", {}).get("process") for label, body in settings.items()}
    assert set(process.values()) == {"tally"}


def test_the_same_rate_set_elsewhere_gives_the_same_training(tmp_path: Path) -> None:
    before = keys(plan_of(tmp_path))
    variants = {name: {"learning_rate": 0.003} for name in ("causal", "myopic")}
    after = keys(plan_of(tmp_path, variants=variants))
    assert {label for label in after if after[label] != before[label]} == {"report"}


@pytest.mark.parametrize(
    "seeds", [{"init": [0, 1, 2, 3, 4, 5, 9]}, {"init": [0, 8, 1, 2, 3, 4, 5]}]
)
def test_one_more_seed_trains_exactly_the_new_members(
    tmp_path: Path, seeds: dict[str, list[int]]
) -> None:
    before, after = plan_of(tmp_path), plan_of(tmp_path, seeds=seeds)
    old = {node.digest for node in before.nodes}
    new = Counter(node.stage for node in after.nodes if node.digest not in old)
    count = 4 * len(after.study.seeds.pairs) - 24
    assert new == {
        "training": count,
        "evaluation": count,
        "rashomon": 1,
        "multiplicity": 1,
        "volume": 1,
        "code_length": 1,
        "universal": 1,
        "funnel": 1,
        "divergence": 2,
        "explorer": 2,
        "severity": 1,
        "rollout": 1,
        "representation": 1,
        "text_spectrum": 1,
        "gradient": 1,
        "myopia": 1,
        "database": 1,
        "report": 1,
    }
    # Taking the seed away again finds everything as it was.
    assert keys(plan_of(tmp_path)) == keys(before)


def test_names_of_sizes_are_in_no_key_of_training(tmp_path: Path) -> None:
    before, after = plan_of(tmp_path), plan_of(tmp_path, BASE.replace("base:", "large:"))

    def of(plan: Plan, *stages: str) -> set[str]:
        return {node.digest for node in plan.nodes if node.stage in stages}

    cheap = (*SETS - {"derived"}, *BEHAVIOUR, "gradient", "myopia", *ENDS)
    dear = tuple(stage for stage in STAGES if stage not in cheap)
    assert of(before, *dear) == of(after, *dear)
    assert not of(before, *cheap) & of(after, *cheap)


# --------------------------------------------------------- learning rates to be found

TUNE: dict[str, Any] = {"rates": [0.001, 0.01], "seeds": {"init": [10, 11], "order": [12]}}


def nodes_of(plan: Plan, stage: str) -> dict[str, Node]:
    """By label without the stage."""
    return {node.label.partition("/")[2]: node for node in plan.nodes if node.stage == stage}


@pytest.mark.parametrize(
    ("asks", "tuned"),
    [
        ({}, set()),
        ({"training": {"learning_rate": "tune"}},
         {"small/causal", "small/myopic", "base/causal", "base/myopic"}),
        ({"sizes": {"base": {"learning_rate": "tune"}}}, {"base/causal", "base/myopic"}),
        ({"variants": {"myopic": {"learning_rate": "tune"}}}, {"small/myopic", "base/myopic"}),
        ({"training": {"learning_rate": "tune"}, "sizes": {"small": {"learning_rate": 0.1}},
          "variants": {"myopic": {"learning_rate": 0.2}}}, {"base/causal"}),
    ],
)  # fmt: skip
def test_only_arms_with_rate_tune_are_tuned(
    tmp_path: Path, asks: dict[str, Any], tuned: set[str]
) -> None:
    plan = plan_of(tmp_path, tune=TUNE, **asks)
    tunings = nodes_of(plan, "tuning")
    assert set(tunings) == {f"pydocs/{arm}" for arm in tuned}
    for label, node in nodes_of(plan, "training").items():
        arm = label.rpartition("/")[0]
        rate = node.settings["training"]["learning_rate"]
        assert (rate == "tune") == (arm in tunings)
        assert node.inputs.get("tuning", ()) == ((tunings[arm],) if arm in tunings else ())
    for node in tunings.values():
        assert "learning_rate" not in {**node.settings["training"], **node.settings["variant"]}
        assert node.settings["tune"] == {**TUNE, "seeds": {"design": "paired", **TUNE["seeds"]}}
        assert [each.stage for each in node.input_nodes()] == ["tokens"]
    database = nodes_of(plan, "database")[""]
    assert database.inputs.get("tuning", ()) == tuple(tunings.values())


def changed(before: Plan, after: Plan) -> Counter[str]:
    """Nodes by stage that are new or other."""
    old = {node.digest for node in before.nodes}
    return Counter(node.stage for node in after.nodes if node.digest not in old)


TUNED: dict[str, Any] = {"variants": {"myopic": {"learning_rate": "tune"}}, "tune": TUNE}


@pytest.mark.parametrize(
    "tune",
    [
        {"rates": [0.001, 0.01, 0.1]},
        {"seeds": {"init": [10], "order": [12]}},
        {"steps": 50},
    ],
)
def test_another_grid_changes_only_tuned_arms(tmp_path: Path, tune: dict[str, Any]) -> None:
    before = plan_of(tmp_path, **TUNED)
    after = plan_of(tmp_path, **{**TUNED, "tune": {**TUNE, **tune}})
    assert changed(before, after) == {
        "tuning": 2, "training": 12, "evaluation": 12, "derived": 2, "rashomon": 1,
        "multiplicity": 1, "volume": 1, "code_length": 1, "universal": 1, "funnel": 1,
        "divergence": 2, "explorer": 2, "severity": 1, "rollout": 1, "representation": 1,
        "text_spectrum": 1, "myopia": 1, "database": 1, "report": 1,
    }  # fmt: skip
    new = {node.digest for node in before.nodes}
    for node in after.nodes:
        if node.stage in ("training", "evaluation"):
            assert (node.digest not in new) == ("/myopic/" in node.label)


def test_settings_that_affect_no_trial_change_no_tuning(tmp_path: Path) -> None:
    before = plan_of(tmp_path, **TUNED)
    for other in (
        {"seeds": {"init": [0, 1, 2, 3]}},
        {"sizes": {"base": {"learning_rate": 0.5}}},
        {"training": {"learning_rate": 0.5}},
        {"evaluation": {"batch": 32}},
        {"hardware": {"stack": 3}},
    ):
        assert not changed(before, plan_of(tmp_path, **TUNED, **other))["tuning"], other
    # A trial is as long as a training unless it is said.
    same = plan_of(tmp_path, **{**TUNED, "tune": {**TUNE, "steps": 100}})
    assert changed(before, same) == {"report": 1}
    longer = plan_of(tmp_path, **TUNED, training={"steps": 200})
    assert changed(before, longer)["tuning"] == 2
    shorter = {**TUNED, "tune": {**TUNE, "steps": 50}}
    longer = plan_of(tmp_path, **shorter, training={"steps": 200})
    assert not changed(plan_of(tmp_path, **shorter), longer)["tuning"]


LOCAL: dict[str, Any] = {"variants": {"alone": {"gradient": "local", "past_from": "causal"}}}
"""A variant whose name comes before that of its past."""


def test_names_of_variants_are_in_no_key_of_training(tmp_path: Path) -> None:
    tuned = {**LOCAL["variants"]["alone"], "learning_rate": "tune"}
    before = plan_of(tmp_path, tune=TUNE, variants={"alone": tuned})
    text = BASE.replace("causal: {", "whole: {")
    text += "myopia: {contrasts: [{baseline: whole, variant: myopic}]}\n"
    after = plan_of(tmp_path, text, tune=TUNE, variants={"bonus": {**tuned, "past_from": "whole"}})
    dear = changed(before, after) & Counter(dict.fromkeys(("tuning", "training", "evaluation"), 99))
    assert not dear


def test_a_local_variant_has_the_members_of_its_past(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, **LOCAL)
    trainings, evaluations = nodes_of(plan, "training"), nodes_of(plan, "evaluation")
    assert len(trainings) == 36
    for label, node in trainings.items():
        past = trainings[label.replace("/alone/", "/causal/")]
        is_local = "/alone/" in label
        assert node.inputs.get("past", ()) == ((past,) if is_local else ())
        assert evaluations[label].inputs.get("past", ()) == ((past,) if is_local else ())
        assert plan.nodes.index(past) <= plan.nodes.index(node)
    # It is held against the others and is none of them.
    for stage in ("rashomon", "divergence"):
        for node in nodes_of(plan, stage).values():
            assert {each["variant"] for each in node.settings["members"]} == {"causal", "myopic"}
    assert changed(plan_of(tmp_path), plan) == {
        "training": 12, "evaluation": 12, "myopia": 1, "database": 1, "report": 1,
    }  # fmt: skip


def test_trials_of_a_local_variant_have_one_past(tmp_path: Path) -> None:
    plan = plan_of(
        tmp_path,
        tune=TUNE,
        variants={"alone": {**LOCAL["variants"]["alone"], "learning_rate": "tune"}},
    )
    trainings = nodes_of(plan, "training")
    for size in ("small", "base"):
        (past,) = nodes_of(plan, "tuning")[f"pydocs/{size}/alone"].inputs["past"]
        assert past is trainings[f"pydocs/{size}/causal/i0-o0"]
    changes = changed(plan, plan_of(tmp_path, tune=TUNE, variants={
        "alone": {**LOCAL["variants"]["alone"], "learning_rate": "tune", "past_from": "myopic"},
    }))  # fmt: skip
    assert (changes["tuning"], changes["training"]) == (2, 12)


def test_two_names_of_equal_artifacts_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("text", encoding="utf-8")
    corpora = {
        name: {"kind": "files", "paths": [path]} for name, path in (("x", "a.txt"), ("y", "*.txt"))
    }
    with pytest.raises(UserError, match="corpus/y and corpus/x are the same artifact"):
        plan_of(tmp_path, corpora=corpora)


# --------------------------------------------------------------- corpora of local files

FILES = BASE.replace("{kind: pydocs, packages: []}", '{kind: files, paths: ["texts/*.txt"]}')


def test_local_files_are_keyed_by_content(tmp_path: Path) -> None:
    (tmp_path / "texts").mkdir()
    one, two = tmp_path / "texts/one.txt", tmp_path / "texts/two.txt"
    one.write_text("first", encoding="utf-8")
    two.write_text("second", encoding="utf-8")
    plan = plan_of(tmp_path, FILES)
    corpus = plan.nodes[0]
    assert corpus.settings["sha256"] == {
        "texts/one.txt": hashlib.sha256(b"first").hexdigest(),
        "texts/two.txt": hashlib.sha256(b"second").hexdigest(),
    }
    assert "paths" not in corpus.settings["corpus"]
    assert corpus.operational == {"paths": ["texts/*.txt"]}
    os.utime(one, (1, 1))
    assert keys(plan_of(tmp_path, FILES)) == keys(plan)
    other = FILES.replace('["texts/*.txt"]', "[texts/one.txt, texts/t*.txt]")
    after = keys(plan_of(tmp_path, other))
    assert {label for label in after if after[label] != keys(plan)[label]} == set()
    two.write_text("changed", encoding="utf-8")
    after = keys(plan_of(tmp_path, FILES))
    assert all(after[label] != key for label, key in keys(plan).items())


def test_patterns_that_match_no_local_file_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"^corpora\.pydocs: paths: 'texts/\*.txt' matches no file"):
        plan_of(tmp_path, FILES)


def test_a_package_that_is_not_installed_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="packages: 'no_such_package' is not an installed package"):
        plan_of(tmp_path, BASE.replace("packages: []", "packages: [no_such_package]"))


# -------------------------------------------------------------------------------- light


def test_the_default_plan_needs_no_heavy_package() -> None:
    program = """
import sys
from pathlib import Path
from manymasks.config.loading import load_study
from manymasks.plan.graph import plan_study
from manymasks.plan.states import statuses
from manymasks.plan.lengths import check_lengths
from manymasks.store.layout import Layout
plan = plan_study(load_study([Path("config/config.yaml")]), Path())
layout = Layout(Path("no-such-folder"))
check_lengths(plan, layout, Path())
assert len(statuses(plan, layout)) == len(plan.nodes) > 50
heavy = {"torch", "pyarrow", "duckdb", "numpy", "datasets", "tokenizers", "snakemake"}
print(sorted(heavy & set(sys.modules)))
"""
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == "[]\n"


def test_a_plan_reads_the_code_of_a_stage_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []

    def code(stage: str) -> dict[str, str]:
        read.append(stage)
        return {"reading": str(read.count(stage))}

    monkeypatch.setattr(planning, "code_of", code)
    first, second = plan_of(tmp_path, BASE), plan_of(tmp_path, BASE)
    assert {each.code["reading"] for each in first.nodes} == {"1"}
    assert {each.code["reading"] for each in second.nodes} == {"2"}
    assert len(read) == 2 * len({each.stage for each in first.nodes}) < 2 * len(first.nodes)
    assert {each.key for each in first.nodes}.isdisjoint(each.key for each in second.nodes)
    planning.planned_code.cache_clear()


# ------------------------------------------------------------------------------ known processes


def drawn(process: str = "masks", **more: Any) -> dict[str, Any]:
    """What makes the text of BASE one that a process draws."""
    return {"corpora": {"pydocs": None, "known": {"kind": "process", "process": process, **more}}}


def test_a_process_sets_tokenizer_context_and_analyses(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, **drawn())
    stages = Counter(node.stage for node in plan.nodes)
    assert "corpus" not in stages
    assert stages["process"] == stages["truth"] == 1
    by_stage = {node.stage: node for node in plan.nodes}
    assert by_stage["tokenizer"].settings["words"][:2] == ["BOS", "P0"]
    training = by_stage["training"].settings["training"]
    assert (training["context"], training["shift"]) == (64, False)
    assert by_stage["ngram_baseline"].settings["context"] == 64
    edges = by_stage["evaluation"].settings["evaluation"]["position_edges"]
    assert edges == [0, 1, 2, 4, 8, 16, 32]
    probes = [node for node in plan.nodes if node.stage == "probe"]
    assert [node.settings["probe"]["family"] for node in probes] == ["held-out"]


def test_excess_compares_models_without_another_past(tmp_path: Path) -> None:
    local = {"variants": {"beside": {"gradient": "local", "past_from": "causal"}}}
    plan = plan_of(tmp_path, **drawn(), **local)
    (excess,) = [node for node in plan.nodes if node.stage == "excess"]
    assert {member["variant"] for member in excess.settings["members"]} == {"causal", "myopic"}
    assert len(excess.inputs["training"]) == len(excess.settings["members"])
    (truth,) = excess.inputs["truth"]
    assert (truth.stage, truth.inputs.keys()) == ("truth", {"tokens"})


def test_analyses_depend_on_the_process(tmp_path: Path) -> None:
    for process, expected in (
        (
            "masks",
            {"truth", "excess", "spectroscopy", "decomposition", "belief", "swap", "recurrence"},
        ),
        ("fork", {"truth", "excess", "rule_choice"}),
        ("tally", {"truth", "excess", "belief", "recurrence"}),
        ("hierarchy", {"truth", "excess"}),
        ("lag", {"truth", "excess", "thinking"}),
    ):
        plan = plan_of(tmp_path, **drawn(process))
        assert {node.stage for node in plan.nodes} & KNOWN == expected
    plan = plan_of(tmp_path, **drawn(), analyses=["truth", "swap"])
    assert {node.stage for node in plan.nodes} & KNOWN == {"truth", "swap"}


def test_a_corpus_chooses_its_members(tmp_path: Path) -> None:
    """Who is trained on a corpus is in no key of its text, and in none of another corpus."""
    before = plan_of(tmp_path, corpora={"known": {"kind": "process", "process": "masks"}})
    own = {
        "sizes": {"base": {"width": 64}},
        "variants": ["causal"],
        "seeds": {"init": [3], "order": [0, 1]},
        "steps": 7,
    }
    known = {"kind": "process", "process": "masks", "members": own}
    after = plan_of(tmp_path, corpora={"known": known})
    changes = changed(before, after)
    assert not changes & Counter(dict.fromkeys(("process", "tokens", "corpus", "tokenizer"), 9))
    assert changes["training"] == 2
    trainings = nodes_of(after, "training")
    mine = {label for label in trainings if label.startswith("known/")}
    assert mine == {"known/base/causal/i3-o0", "known/base/causal/i3-o1"}
    assert len(trainings) == 26
    assert trainings["known/base/causal/i3-o0"].settings["training"]["steps"] == 7
    # No contrast has both of its variants there.
    assert not {label for label in nodes_of(after, "myopia") if label.startswith("known")}
    (excess,) = nodes_of(after, "excess").values()
    assert excess.settings["contrasts"] == []


CHANGED = """\
corpora:
  again: {kind: process, process: masks, seed: 2, members: {variants: [revived, causal]}}
  masks: {kind: process, process: masks, members: {variants: [causal, myopic]}}
  other: {kind: process, process: masks, seed: 1, members: {variants: [tuned, tuned-myopic]}}
sizes: {small: {width: 8}, base: {width: 16}}
variants:
  causal: {gradient: causal}
  myopic: {gradient: myopic}
  tuned: {gradient: causal, starts_from: causal, starts_on: masks, late: [0.25], warmup: 0}
  tuned-myopic: {gradient: myopic, starts_from: myopic, starts_on: masks}
  revived: {gradient: causal, starts_from: tuned, starts_on: other, steps: 7}
training: {learning_rate: 0.003, steps: 100}
seeds: {init: [0, 1]}
analyses: [truth, excess]
"""


def test_a_variant_starts_from_members_of_another_corpus(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, CHANGED)
    trainings = nodes_of(plan, "training")
    for fine_tuned, start in (
        ("other/{}/tuned/{}", "masks/{}/causal/{}"),
        ("other/{}/tuned-myopic/{}", "masks/{}/myopic/{}"),
        ("again/{}/revived/{}", "other/{}/tuned/{}"),
    ):
        for size, seeds in itertools.product(("small", "base"), ("i0-o0", "i1-o1")):
            node = trainings[fine_tuned.format(size, seeds)]
            assert node.inputs["start"] == (trainings[start.format(size, seeds)],)
            assert plan.nodes.index(*node.inputs["start"]) < plan.nodes.index(node)
            assert not {"starts_on", "late", "warmup", "decay"} & node.settings["variant"].keys()
    tuned = trainings["other/base/tuned/i0-o0"].settings["training"]
    assert (tuned["late"], tuned["warmup"], tuned["steps"]) == ([0.25], 0, 100)
    assert trainings["again/base/revived/i0-o0"].settings["training"]["steps"] == 7
    assert trainings["again/base/causal/i0-o0"].settings["training"]["late"] == []


def test_rewards_fine_tune_where_no_member_is_fine_tuned(tmp_path: Path) -> None:
    """And without rewards nothing is measured there."""
    both = {"analyses": ["fine_tuning"]}
    plain = nodes_of(plan_of(tmp_path, CHANGED, **both), "fine_tuning")
    assert plain.keys() == {"other", "again"}
    reward = {"rewards": [{"mask": "jitter"}], "steps": 3}
    rewarded = plan_of(tmp_path, CHANGED, **both, fine_tuning={"reward": reward})
    nodes = nodes_of(rewarded, "fine_tuning")
    assert nodes.keys() == {"masks", "other", "again"}
    assert nodes["masks"].inputs["start"] == ()
    assert nodes["masks"].settings["fine_tuning"]["reward"]["steps"] == 3
    for name, node in plain.items():
        assert node.digest == nodes[name].digest
    changed = {"masks": {"law": {"only": "sticky"}}}
    other = plan_of(tmp_path, CHANGED, **both, fine_tuning={"reward": reward}, corpora=changed)
    assert nodes_of(other, "fine_tuning").keys() == {"other", "again"}


def test_a_fine_tuned_member_changes_with_all_that_it_goes_back_to(tmp_path: Path) -> None:
    before = keys(plan_of(tmp_path, CHANGED))
    for change, changed in (
        ({"corpora": {"masks": {"documents": 30_000}}}, {"masks", "other", "again"}),
        ({"variants": {"myopic": {"steps": 9}}}, {"masks", "other"}),
        ({"variants": {"tuned": {"decay": 0.2}}}, {"other", "again"}),
        ({"corpora": {"again": {"seed": 3}}}, {"again"}),
    ):
        after = keys(plan_of(tmp_path, CHANGED, **change))
        moved = {label for label in before if before[label] != after[label]}
        fine_tuned = {label for label in moved if label.startswith("training/")}
        assert {label.split("/")[1] for label in fine_tuned} == changed


def test_fine_tuned_members_of_other_starts_are_of_other_classes(tmp_path: Path) -> None:
    """The settings of a training and of its start do not tell what that start started from."""
    trainings = nodes_of(plan_of(tmp_path, CHANGED), "training")
    seeds = plan_of(tmp_path, CHANGED, corpora={"masks": {"seed": 9}})
    changed = nodes_of(seeds, "training")
    for label in ("other/base/tuned/i0-o0", "again/base/revived/i0-o0"):
        one, other = (found[label].settings["start_class"] for found in (trainings, changed))
        assert one != other
        same = label.replace("i0-o0", "i1-o1")
        assert trainings[same].settings["start_class"] == one
    assert "start_class" not in trainings["masks/base/causal/i0-o0"].settings


def test_a_fine_tuned_variant_starts_from_another_members_weights(tmp_path: Path) -> None:
    worn = {"gradient": "myopic", "starts_from": "causal", "learning_rate": 1e-3}
    plan = plan_of(tmp_path, variants={"again": worn}, corpora=drawn()["corpora"])
    trainings = nodes_of(plan, "training")
    for label, node in trainings.items():
        start = trainings[label.replace("/again/", "/causal/")]
        assert node.inputs.get("start", ()) == ((start,) if "/again/" in label else ())
        assert plan.nodes.index(start) <= plan.nodes.index(node)
    # Its excess loss is measured, and it is in no set, no divergence and no myopia gap.
    (excess,) = nodes_of(plan, "excess").values()
    variants = {member["variant"] for member in excess.settings["members"]}
    assert variants == {"again", "causal", "myopic"}
    for stage in ("rashomon", "divergence", "myopia"):
        for node in nodes_of(plan, stage).values():
            assert {each["variant"] for each in node.settings["members"]} == {"causal", "myopic"}
