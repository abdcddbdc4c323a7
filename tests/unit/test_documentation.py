"""README and docs: complete, current, and without a typed number of a run."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from manymasks.catalogue import STAGES
from manymasks.cli import argument_parser
from manymasks.config.loading import load_study
from manymasks.database.load import load
from manymasks.database.queries import examples
from manymasks.documentation import answers, results, run_records
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


COUNTS = (
    r"two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|(?:thir|four|fif|six|seven|eigh|nine)"
    r"teen|(?:twen|thir|for|fif|six|seven|eigh|nine)ty|hundreds?|thousands?|millions?"
)
RATIOS = (
    r"half|halves|thirds?|quarters?|fifths?|tenths?|hundredths?|thousandths?|twice|thrice|doubled?|"
    r"tripled?|dozens?|\w+fold"
)
NOT_RESULTS = (
    # what a row or a comparison is of
    "two members", "two models", "two rules", "two seeds", "two trained",
    # definitions and facts that can be proved
    "half-lives", "half the variance", "less than half of", "one half", "half-difference",
    "other half", "half of the seeds",
    "odds of twenty to one", "next three letters", "intervals need three members",
    "million tokens", "is measured twice", "made twice",
    # facts of the configuration and of the documentation
    "two CPU cores", "ten minutes", "four processes", "Three findings",
    "two commands",
)  # fmt: skip
"""Phrases with a number in words that is no result of a run."""
COMPARISON = re.compile(
    r"\b(?:more|less|fewer|larger|smaller|higher|lower|better|worse|faster|slower|further|closer|"
    r"cheaper|exceeds?|outweighs?|beyond|rises?|falls?|gains?|loses?|grows?)\b"
)
DEFINITIONS = (
    # what a column or a method is
    "what the truth loses without it",
    "loses the nats that",
    "later factors have more levels to distinguish: only what exceeds it belongs to a factor",
    "matters more is a question",
    "The gap beyond that of the control is one claim",
    "repeats this with more variants",
    # what follows from how it is measured
    "what an effect could be",
    "The gain exceeds the headroom only if a mixture of small models is better than the best",
    "one-sided, for a gain above the headroom",
    "cost nothing beyond their training",
)
"""Phrases of templates that compare by definition, and not as a result."""


def number_words(text: str, words: str = f"{COUNTS}|{RATIOS}") -> list[str]:
    """Numbers in words that may state a result."""
    text = " ".join(text.split())
    for phrase in NOT_RESULTS:
        text = re.sub(rf"\b{phrase}\b", "", text, flags=re.IGNORECASE)
    return re.findall(rf"\b(?:{words})\b", text, re.IGNORECASE)


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
    assert not number_words(text)


@pytest.mark.parametrize("path", results.templates(ROOT), ids=lambda path: path.name)
def test_templates_compare_only_in_statements(path: Path) -> None:
    source = re.sub(
        r"\{% call statement.*?\{% endcall %\}", "", path.read_text("utf-8"), flags=re.DOTALL
    )
    text = " ".join(prose(re.sub(r"^#.*$", "", source, flags=re.MULTILINE)).split())
    # A question states nothing.
    text = re.sub(r"[^.|?]*\?", "", text)
    for phrase in DEFINITIONS:
        text = text.replace(phrase, "")
    compared = [
        text[max(match.start() - 40, 0) : match.end() + 20] for match in COMPARISON.finditer(text)
    ]
    assert not compared, f"put into a statement with its check: {compared}"


@pytest.mark.parametrize("path", [README, *WRITTEN], ids=lambda path: path.name)
def test_prose_has_no_typed_measurement(path: Path) -> None:
    text = results.BLOCK.sub("", path.read_text(encoding="utf-8"))
    # The table is written from a file of a simulation.
    text = re.sub("<!-- coverage -->.*<!-- end of coverage -->", "", text, flags=re.DOTALL)
    text = re.sub(r"Python \d\.\d+|Apache-2\.0|arXiv \d+\.\d+", "", prose(text))
    assert not re.findall(r"\d+\.\d+|\d+ ?%", text)
    # Guides and concepts count things that are no results; the README might count results.
    assert not number_words(text, f"{COUNTS}|{RATIOS}" if path == README else RATIOS)


def test_phrases_that_are_allowed_are_used() -> None:
    paths = [README, *WRITTEN, *results.templates(ROOT)]
    text = " ".join(" ".join(prose(path.read_text("utf-8")) for path in paths).split()).lower()
    unused = [phrase for phrase in (*NOT_RESULTS, *DEFINITIONS) if phrase.lower() not in text]
    assert not unused


def test_spelled_numbers_are_numbers() -> None:
    assert number_words("It is twice as fast, at two thirds of the cost of a dozen.") == [
        "twice", "two", "thirds", "dozen",
    ]  # fmt: skip
    assert not number_words("One of both, at first: two seeds of\na class, and twin.")


def test_every_record_is_cited_and_names_its_run() -> None:
    kept = run_records.Records(ROOT / results.FOLDER / run_records.RECORDS)
    for run in kept.runs.values():
        assert run.keys() >= set(run_records.PROVENANCE)
        assert re.fullmatch("[0-9a-f]{7}", str(run["commit"]))
    results.pages(ROOT, VALUES, kept)
    named = {
        (run, *figure)
        for run, values in kept.runs.items()
        for figure in run_records.figures(values)
    }
    assert kept.cited == named
    with pytest.raises(UserError, match=r"there is no figure myopia\.speed"):
        kept.recorded("myopia", "speed")


def test_names_of_statements_are_unique() -> None:
    page = answers.Answers({"answers": {}})
    page.statement("a", True, lambda: "A.")
    with pytest.raises(UserError, match="statement a: there are two of this name"):
        page.statement("a", True, lambda: "B.")


def test_rows_are_compared_one_by_one() -> None:
    rows = {"columns": ["low", "high"], "rows": [[1, 2], [3, 4]]}
    page = answers.Answers({"answers": {"cost-of-myopia": rows}})
    assert page.rows_rise("cost-of-myopia", "low", "high")
    assert page.rows_rise("cost-of-myopia", "high", "low") is False
    rows["rows"].append([5, None])
    assert page.rows_rise("cost-of-myopia", "low", "high") is None
    assert page.rows_rise("cost-of-myopia", "low", "high", low=1)
    assert answers.every(True, None) is None
    assert answers.every(True, None, False) is False
    assert answers.times(2, None) is None


def test_results_are_written_from_their_values() -> None:
    pages, statements = results.pages(ROOT, VALUES)
    for name, text in pages.items():
        assert (ROOT / name).read_text(encoding="utf-8") == text, (
            f"{name}: run `manymasks docs --from results`"
        )
    assert VALUES["statements"] == statements
    assert len(statements) >= 40


def test_pages_are_written_again_from_their_values(tmp_path: Path) -> None:
    for folder in ("docs/results", "docs"):
        (tmp_path / folder).mkdir(parents=True, exist_ok=True)
    for path in (*(ROOT / results.FOLDER).iterdir(), README):
        shutil.copy(path, tmp_path / path.relative_to(ROOT))
    template = tmp_path / "docs/results/arms.md.j2"
    template.write_text("# Other\n\n" + 40 * "some words " + "\n", encoding="utf-8")
    findings = {name for name in VALUES["statements"] if name != "unigram-worst"}
    assert not results.refresh(tmp_path / results.VALUES, tmp_path)
    written = (tmp_path / "docs/results/arms.md").read_text(encoding="utf-8").splitlines()
    assert written[2:4] == ["# Other", ""]
    assert max(map(len, written[3:])) <= results.WIDTH
    assert (tmp_path / "README.md").read_text("utf-8") == README.read_text("utf-8")
    kept = json.loads((tmp_path / results.VALUES).read_text(encoding="utf-8"))
    assert kept["statements"].keys() == findings
    assert VALUES["answers"].keys() - kept["answers"].keys() == {"arms-and-baselines"}
    (tmp_path / "no.json").write_text("[]", encoding="utf-8")
    with pytest.raises(UserError, match=r"no\.json: has no values of a run"):
        results.refresh(tmp_path / "no.json", tmp_path)


def test_prose_is_filled_and_code_is_kept() -> None:
    code = "```text\na  b\n\n- c\n  d\n```"
    page = f"# Title\n\nSome\nwords.\n\n- an\n  item\n- another\n\n{code}\n\n| a |\n|---|\n| b |\n"
    assert results.reflowed(page) == (
        f"# Title\n\nSome words.\n\n- an item\n- another\n\n{code}\n\n| a |\n|---|\n| b |\n"
    )


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
    assert {holds for name, holds in statements.items() if "presets" not in name} == {None}
    assert "*Not settled by this run:*" in pages["README.md"]


def test_a_statement_follows_its_numbers() -> None:
    page = answers.Answers(
        {"answers": {"cost-of-myopia": {"columns": ["gap", "size"], "rows": [[-0.1, "base"]]}}}
    )
    gap = page.one("cost-of-myopia", "gap", size="base")
    assert page.statement("costs", answers.ordered(0, gap), lambda: "It costs.") == (
        "**Contradicted by this run:** It costs.\n"
    )
    assert page.statement("gains", answers.ordered(gap, 0), lambda: "It gains.") == "It gains.\n"
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
        for name in re.findall(
            r"(?<!import )\bmanymasks ([a-z]+)\b", " ".join(re.findall(r"`[^`]+`", text))
        ):
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


@pytest.mark.parametrize("name", ["README", "docs/guides/own-text", "docs/guides/pretrained"])
def test_overlays_of_guides_are_accepted_over_the_default_study(name: str, tmp_path: Path) -> None:
    page = (ROOT / f"{name}.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```yaml\n(.*?)```", page, re.S)
    overlays = [block for block in blocks if '"*": null' in block]
    assert overlays
    for overlay in overlays:
        path = tmp_path / "mine.yaml"
        path.write_text(overlay, encoding="utf-8")
        assert list(load_study([ROOT / "config/config.yaml", path]).corpora) == ["mine"]
