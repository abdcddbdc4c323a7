"""Lint, format and types: what is checked by hand elsewhere is a test here."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PROGRAMS = Path(sys.executable).parent


@pytest.mark.parametrize(
    "command",
    [
        ("ruff", "check", "."),
        ("ruff", "format", "--check", "."),
        ("mypy",),
        ("snakefmt", "--check", "Snakefile", "workflow"),
    ],
    ids=lambda command: " ".join(command),
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


def test_generated_files_are_current() -> None:
    from manymasks.documentation.settings import readme, schema

    for name, text in (("schema.json", schema()), ("README.md", readme())):
        found = (ROOT / "config" / name).read_text(encoding="utf-8")
        assert found == text, f"config/{name}: run `python -m manymasks.documentation.settings`"


def test_no_source_file_is_two_rooms() -> None:
    long = [
        f"{path}: {lines}"
        for path in (ROOT / "src").rglob("*.py")
        if (lines := len(path.read_text(encoding="utf-8").splitlines())) > 500
    ]
    assert not long
