"""README and docs: complete, current, and without a typed number of a run."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from manymasks.catalogue import STAGES
from manymasks.cli import argument_parser
from manymasks.database.load import load
from manymasks.database.queries import examples
from manymasks.documentation import answers, results
from manymasks.documentation.completion import subcommands
from manymasks.errors import UserError

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
README = ROOT / "README.md"
GENERATED = ("reference", "results")
WRITTEN = [
    path
    for path in sorted(DOCS.rglob("*.md"))
    if path.relative_to(DOCS).parts[0] not in (*GENERATED, "_build")
]
VALUES = json.loads((ROOT / results.VALUES).read_text(encoding="utf-8"))


def prose(text: str) -> str:
    """Text without code, expressions of templates, links and comments."""
    for pattern in (r"```.*?```", r"\{[{%].*?[%}]\}", r"<!--.*?-->", r"`[^`]*`", r"\]\([^)]*\)"):
        text = re.sub(pattern, " ", text, flags=re.DOTALL)
    return text


def test_the_readme_is_two_screens() -> None:
    assert len(README.read_text(encoding="utf-8").splitlines()) <= 150


@pytest.mark.parametrize("path", results.templates(ROOT), ids=lambda path: path.name)
def test_templates_cite_every_number(path: Path) -> None:
    text = prose(path.read_text(encoding="utf-8"))
    allowed = {"severity 0", "near 1", "digit is 0", "r2", "depth 0"}
    for phrase in allowed:
        text = text.replace(phrase, "")
    assert not re.findall(r"\d[\d.]*", text)


@pytest.mark.parametrize("path", [README, *WRITTEN], ids=lambda path: path.name)
def test_prose_has_no_typed_measurement(path: Path) -> None:
    text = results.BLOCK.sub("", path.read_text(encoding="utf-8"))
    text = re.sub(r"Python \d\.\d+|Apache-2\.0", "", prose(text))
    assert not re.findall(r"\d+\.\d+|\d+ ?%", text)


def test_results_are_written_from_their_values() -> None:
    pages, statements = results.pages(ROOT, VALUES)
    for name, text in pages.items():
        assert (ROOT / name).read_text(encoding="utf-8") == text, (
            f"{name}: run `manymasks docs --from results`"
        )
    assert VALUES["statements"] == statements
    assert len(statements) >= 15


def test_no_statement_is_contradicted() -> None:
    contradicted = [name for name, holds in VALUES["statements"].items() if holds is False]
    assert not contradicted


def test_values_hold_what_is_cited_and_no_more() -> None:
    assert sorted(VALUES["answers"]) == results.cited(ROOT)
    assert results.dumped(VALUES) == (ROOT / results.VALUES).read_text(encoding="utf-8")


def test_a_run_without_rows_settles_nothing(tmp_path: Path) -> None:
    load(tmp_path / "results", {}, tmp_path / "x.duckdb")
    values = answers.collect(tmp_path / "x.duckdb", results.cited(ROOT))
    pages, statements = results.pages(ROOT, values)
    assert set(statements.values()) == {None}
    assert "*Not settled by this run:*" in pages["README.md"]


def test_a_statement_follows_its_numbers() -> None:
    page = answers.Answers(
        {"answers": {"cost-of-myopia": {"columns": ["gap", "size"], "rows": [[-0.1, "base"]]}}}
    )
    gap = page.one("cost-of-myopia", "gap", size="base")
    assert page.statement("costs", answers.ordered(0, gap), lambda: "It costs.") == (
        "**Contradicted by this run:** It costs."
    )
    assert page.statement("gains", answers.ordered(gap, 0), lambda: "It gains.") == "It gains."
    assert page.statements == {"costs": False, "gains": True}
    assert page.one("cost-of-myopia", "gap", size="small") is None
    assert page.value("cost-of-myopia", "gap", size="small") == answers.MISSING
    with pytest.raises(UserError, match="cost-of-myopia has no column gaps"):
        page.one("cost-of-myopia", "gaps")


def test_every_page_is_within_reach() -> None:
    index = (DOCS / "index.md").read_text(encoding="utf-8")
    for path in DOCS.rglob("*.md"):
        name = path.relative_to(DOCS).with_suffix("").as_posix()
        if not name.startswith("_build"):
            assert name == "index" or f"\n{name}\n" in index, name


@pytest.mark.parametrize("path", [README, *sorted(DOCS.rglob("*.md"))], ids=lambda path: path.name)
def test_links_lead_somewhere(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", text):
        assert "://" in target or (path.parent / target).exists(), target


def test_every_stage_command_and_query_is_documented() -> None:
    reference = "".join(
        path.read_text(encoding="utf-8") for path in sorted((DOCS / "reference").glob("*.md"))
    )
    names = [f"`{stage}`" for stage in STAGES]
    names += [f"## manymasks {command}" for command in subcommands(argument_parser())]
    names += [f"### {entry.name}" for entry in examples()]
    for name in names:
        assert name in reference, name


def test_named_queries_and_commands_exist() -> None:
    commands = subcommands(argument_parser())
    names = {entry.name for entry in examples()}
    for path in [README, *DOCS.rglob("*.md"), *DOCS.rglob("*.j2")]:
        text = path.read_text(encoding="utf-8")
        for name in re.findall(r"--example ([\w-]+)", text):
            assert name in names | {"NAME"}, (path, name)
        for name in re.findall(r"\bmanymasks ([a-z]+)\b", " ".join(re.findall(r"`[^`]+`", text))):
            assert name in commands, (path, name)


def test_at_most_one_small_picture_is_tracked() -> None:
    listed = subprocess.run(
        ["git", "ls-files", "*.png", "*.jpg", "*.gif", "*.svg"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    ).stdout.split()  # fmt: skip
    assert len(listed) <= 1
    assert results.PICTURE.name in (ROOT / results.PICTURE).name
    assert (ROOT / results.PICTURE).stat().st_size < 200_000


def test_the_site_builds_without_warnings(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", DOCS, tmp_path],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "results" / "text.html").exists()
    stages = (tmp_path / "reference" / "stages.html").read_text(encoding="utf-8")
    assert "<svg" in stages
    assert "flowchart LR" not in stages
