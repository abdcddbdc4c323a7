"""Which packages may import which, as rules over the syntax trees of the source."""

import ast
import graphlib
import subprocess
import sys
from pathlib import Path

import pytest

import source
from manymasks.catalogue import STAGES
from manymasks.kinds.families import FAMILIES
from manymasks.kinds.processes import PROCESSES

ROOT = Path(__file__).parents[2]
ANALYSES = {
    "divergence", "explorer", "myopia", "rashomon", "rollouts", "steering", "truth", "universal",
}  # fmt: skip
SCIENCE = {
    "corpora", "tokens", "native", "models", "training", "probes", "evaluation", "statistics",
    *ANALYSES,
}  # fmt: skip
FLOORS = (
    {"errors", "catalogue", "arrays", "callbacks", "kinds", "disk"},
    {"downloads"},
    {"config"},
    {"native"},
    {"store", "statistics", "corpora", "tokens", "models", "report"},
    {"training", "evaluation", "probes", "plan", "database"},
    {
        "divergence", "explorer", "myopia", "rollouts", "steering", "truth", "universal",
        "documentation",
    },
    {"rashomon"},
    {"stages", "engine"},
    {"commands"},
    {"api"},
    {"cli", ""},
    {"__main__", "documentation.__main__"},
)  # fmt: skip
"""Packages and modules, bottom to top: each imports from floors below its own alone."""
FLOOR = {name: number for number, names in enumerate(FLOORS) for name in names}


def unit(module: str) -> str:
    """The entry of `FLOORS` that a module belongs to."""
    parts = module.split(".")
    names = [".".join(parts[:length]) for length in range(len(parts), 0, -1)]
    return next((name for name in names if name in FLOOR), module)


ARROWS = {
    (unit(name), unit(target)): f"{name} imports {target}"
    for name in source.modules()
    for target in source.imports(name)
    if unit(name) != unit(target)
}
"""An import for each pair of units that has one."""


def imported_by(names: set[str]) -> set[str]:
    """Units that these units import, themselves left out."""
    return {target for name, target in ARROWS if name in names} - names


def test_each_module_has_a_floor() -> None:
    assert {unit(name) for name in source.modules()} == FLOOR.keys()


def test_imports_go_down() -> None:
    wrong = [text for (name, target), text in ARROWS.items() if FLOOR[name] <= FLOOR[target]]
    assert not wrong, wrong


def test_no_two_modules_import_each_other() -> None:
    graph = {name: source.imports(name) for name in source.modules()}
    graphlib.TopologicalSorter(graph).prepare()


def test_science_knows_neither_plan_nor_store_nor_stages() -> None:
    allowed = {"config", "errors", "arrays", "callbacks", "kinds", "disk", "downloads"}
    assert imported_by(SCIENCE) <= allowed


def test_analyses_do_not_import_each_other() -> None:
    """The exception: `rashomon` measures the pairs of a set as `divergence` does."""
    between = {(name, target) for name, target in ARROWS if {name, target} <= ANALYSES}
    assert between == {("rashomon", "divergence")}


def test_the_database_imports_only_manifests_errors_corrections_and_writing() -> None:
    modules = [name for name in source.modules() if unit(name) == "database"]
    outside = {target for name in modules for target in source.imports(name)}
    assert {name for name in outside if unit(name) != "database"} == {
        "errors",
        "disk.atomic",
        "statistics.corrections",
        "store.layout",
        "store.manifest",
    }


def test_stages_and_engine_never_meet() -> None:
    assert "stages" not in imported_by({"engine"})
    assert "engine" not in imported_by({"stages"})


def test_stages_import_no_other_stage() -> None:
    for name in source.modules():
        if unit(name) == "stages":
            inner = {target for target in source.imports(name) if unit(target) == "stages"}
            assert all(target.startswith("stages.inputs") for target in inner), name


def test_only_what_plans_and_runs_reads_the_catalogue() -> None:
    readers = {name for name, target in ARROWS if target == "catalogue"}
    assert readers <= {"config", "plan", "engine", "commands", "cli", "documentation"}
    assert not source.imports("catalogue")


HEAVY = {"torch", "numpy", "pyarrow", "duckdb", "datasets", "tokenizers", "snakemake", "scipy"}


@pytest.mark.parametrize("package", ["catalogue", "config", "plan", "store", "disk", "downloads"])
def test_planning_loads_no_heavy_package(package: str) -> None:
    names = [f"manymasks.{name}" for name in source.modules() if unit(name) == package]
    program = (
        "import importlib, sys\n"
        f"for name in {names}:\n    importlib.import_module(name)\n"
        f"print(*sorted({HEAVY} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == "\n"


def test_functions_for_notebooks_are_imported_when_they_are_used() -> None:
    program = (
        "import sys, manymasks as mm\n"
        f"print(*sorted({HEAVY | {'manymasks.api', 'transformers'}} & set(sys.modules)))\n"
        "assert set(mm.IN_A_NOTEBOOK) <= set(dir(mm))\n"
        "mm.load\n"
        "print('manymasks.api' in sys.modules, 'transformers' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout == "\nTrue False\n"


def test_a_job_asks_for_its_server_before_it_imports_anything() -> None:
    program = (
        "import sys\n"
        "before = set(sys.modules)\n"
        "import manymasks.__main__\n"
        "added = set(sys.modules) - before\n"
        "print(*sorted(n for n in added if n.split('.')[0] not in sys.stdlib_module_names))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    modules = ("", ".__main__", ".engine", ".engine.client", ".engine.environment")
    assert done.stdout.split() == [f"manymasks{name}" for name in modules]


def config_definitions() -> dict[str, ast.stmt]:
    """Definitions at the top of the modules of `config`, by module and name."""
    definitions: dict[str, ast.stmt] = {}
    for module, tree in source.modules().items():
        if unit(module) != "config":
            continue
        branches = [part for node in tree.body if isinstance(node, ast.If) for part in node.orelse]
        for node in [*tree.body, *branches]:
            targets = node.targets if isinstance(node, ast.Assign) else []
            targets = [node.target] if isinstance(node, ast.AnnAssign) else targets
            names = [target.id for target in targets if isinstance(target, ast.Name)]
            if isinstance(node, ast.ClassDef | ast.FunctionDef):
                names = [node.name]
            definitions |= {f"{module}.{name}": node for name in names}
    return definitions


def imports_of_config(module: str) -> set[str]:
    """What a module imports from `config`, by module and name."""
    return {
        f"{node.module.removeprefix('manymasks.')}.{alias.name}"
        for node in ast.walk(source.modules()[module])
        if isinstance(node, ast.ImportFrom) and node.module is not None
        if node.module.startswith("manymasks.config")
        for alias in node.names
    }


CONFIG = config_definitions()
SHAPES_RESULTS = [
    name for name in source.modules() if unit(name) in SCIENCE | {"stages", "database", "report"}
]


def is_settings(name: str) -> bool:
    """Whether a class of `config` is `Settings` or derives from it."""
    node = next(node for key, node in CONFIG.items() if key.endswith(f".{name}"))
    assert isinstance(node, ast.ClassDef), name
    bases = [base.id for base in node.bases if isinstance(base, ast.Name)]
    return name == "Settings" or any(base != "BaseModel" and is_settings(base) for base in bases)


def is_plain(value: ast.expr) -> bool:
    """Whether a value is written down: it calls no function but what constrains a type."""
    calls = [node.func for node in ast.walk(value) if isinstance(node, ast.Call)]
    names = {call.id if isinstance(call, ast.Name) else "" for call in calls}
    return names <= {"Field", "tuple"} and not any(
        isinstance(node, ast.Lambda | ast.comprehension) for node in ast.walk(value)
    )


@pytest.mark.parametrize("module", SHAPES_RESULTS)
def test_results_depend_on_values_of_the_settings_alone(module: str) -> None:
    """The code of `config` is in no key, so only settings, types and constants come from it."""
    members = set()
    for name in imports_of_config(module):
        node = CONFIG.get(name)
        assert node is not None, f"{name}: name what is taken from the module"
        if isinstance(node, ast.ClassDef):
            assert is_settings(node.name), name
            members |= {
                part.name
                for part in node.body
                if isinstance(part, ast.FunctionDef) and not part.name.startswith("_")
            }
        else:
            assert isinstance(node, ast.Assign | ast.AnnAssign), f"{name} is a function"
            assert node.value is not None and is_plain(node.value), name
    read = {
        node.attr for node in ast.walk(source.modules()[module]) if isinstance(node, ast.Attribute)
    }
    assert not members & read, f"logic of settings: {members & read}"


def compared_strings(module: str) -> set[str]:
    """Strings that a module compares with something or matches on."""
    return {
        constant.value
        for node in ast.walk(source.modules()[module])
        if isinstance(node, ast.Compare | ast.MatchValue)
        for constant in ast.walk(node)
        if isinstance(constant, ast.Constant) and isinstance(constant.value, str)
    }


@pytest.mark.parametrize("module", [name for name in source.modules() if name != "__main__"])
def test_no_module_asks_which_process_or_family_it_has(module: str) -> None:
    """Their rows say what is special about them. Only unchanged text has a special place."""
    names = (PROCESSES.keys() | FAMILIES.keys()) - {"held-out"} - STAGES.keys()
    assert not compared_strings(module) & names
