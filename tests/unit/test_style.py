"""Lint, format, types and names: what is checked by hand elsewhere is a test here."""

import ast
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

import source
from manymasks.catalogue import STAGES
from manymasks.documentation.__main__ import PAGES

ROOT = Path(__file__).resolve().parents[2]
PROGRAMS = Path(sys.executable).parent


KERNELS = [
    str(path.relative_to(ROOT)) for path in (ROOT / "src/manymasks/native/kernels").iterdir()
]


@pytest.mark.parametrize(
    "command",
    [
        ("ruff", "check", "."),
        ("ruff", "format", "--check", "."),
        ("mypy",),
        ("snakefmt", "--check", "Snakefile", "workflow"),
        ("clang-format", "--dry-run", "--Werror", *KERNELS),
    ],
    ids=lambda command: " ".join(command[:2]),
)
def test_clean(command: tuple[str, ...]) -> None:
    # snakefmt looks for its shell formatter on the path.
    path = os.pathsep.join([str(PROGRAMS), os.environ.get("PATH", "")])
    done = subprocess.run(
        [str(PROGRAMS / command[0]), *command[1:]],
        cwd=ROOT,
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("name", PAGES)
def test_generated_pages_are_current(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    assert text == PAGES[name](), f"{name}: run `python -m manymasks.documentation`"


def test_source_files_have_at_most_500_lines() -> None:
    long = [
        f"{path}: {lines}"
        for path in (ROOT / "src").rglob("*.py")
        if (lines := len(path.read_text(encoding="utf-8").splitlines())) > 500
    ]
    assert not long


# --------------------------------------------------------------------------------------- names

PARTICLES = {"of", "found", "each", "own", "said", "told", "here", "asked"}
"""No names of things: a noun is found by who searches for it."""


def bound_names(tree: ast.AST) -> Iterator[tuple[str, int]]:
    """Names that a module binds (variables, parameters, fields, functions), with their lines."""
    for node in ast.walk(tree):
        match node:
            case ast.Name(id=name, ctx=ast.Store()) | ast.arg(arg=name):
                yield name, node.lineno
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
                yield name, node.lineno
            case ast.alias(name=name, asname=alias):
                yield alias or name, node.lineno
            case ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)):
                yield name, node.lineno


def test_names_are_nouns() -> None:
    wrong = [
        f"{module}:{line}: {name}"
        for module, tree in source.modules().items()
        for name, line in bound_names(tree)
        if name in PARTICLES
    ]
    assert not wrong


def test_names_of_classes_are_unique() -> None:
    names = Counter(
        node.name
        for tree in source.modules().values()
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef)
    )
    assert {name for name, count in names.items() if count > 1} == set()


def test_names_of_modules_are_unique() -> None:
    """Except stages, which the catalogue names, and settings: both may share it with a science."""
    packages = {name.rpartition(".")[0] for name in source.modules()}
    stages = {f"stages.{stage}" for stage in STAGES}
    names = Counter(
        name.rpartition(".")[2]
        for name in source.modules().keys() - packages - stages
        if not name.startswith("config.") and not name.endswith("__main__")
    )
    assert {name for name, count in names.items() if count > 1} == set()


# ---------------------------------------------------------------------------------- the tests


def private_names(tree: ast.Module) -> Iterator[str]:
    """Private names of the package's modules that a file of tests uses."""
    imported = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and str(node.module).startswith(source.PACKAGE):
            imported |= {alias.asname or alias.name for alias in node.names}
            yield from (alias.name for alias in node.names if is_private(alias.name))
    for node in ast.walk(tree):
        match node:
            case ast.Attribute(value=ast.Name(id=module), attr=name):
                if module in imported and is_private(name):
                    yield f"{module}.{name}"
            case ast.Call(args=[ast.Name(id=module), ast.Constant(value=str(name)), *_]):
                if module in imported and is_private(name):
                    yield f"{module}.{name}"


def is_private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__")


def test_tests_use_public_names_alone() -> None:
    for path in sorted((ROOT / "tests").rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        assert not list(private_names(tree)), path
