"""The explorer: its data against the database, and one page without a network."""

import json
import re
from pathlib import Path
from typing import Any

import duckdb
import example_explorer
import pytest
from example_results import PRIMARY, write_results

from manymasks.database.load import load
from manymasks.database.queries import examples
from manymasks.report.explorer_data import (
    FOLDER,
    QUERIES,
    PackedStudy,
    explorer_query,
    packed_study,
    within_limit,
)
from manymasks.report.explorer_page import (
    EXPORT,
    IMPORT,
    LIMIT,
    Question,
    bundled,
    explorer_html,
    script_json,
    write_explorer,
)

SCRIPTS = sorted((FOLDER / "scripts").glob("*.js"))
TOP = re.compile(r"^(?:export )?(?:async )?(?:function|const|let|class) (\w+|\{[^}]*\})", re.M)


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("explorer")
    results = write_results(folder / "results")
    load(results.root, results.current, folder / "x.duckdb", primary=PRIMARY)
    return folder / "x.duckdb"


@pytest.fixture(scope="module")
def packed(database: Path) -> PackedStudy:
    with duckdb.connect(str(database), read_only=True) as connection:
        return packed_study(connection)


@pytest.mark.parametrize("name", QUERIES)
def test_queries_open_with_what_they_answer_and_have_rows(name: str, database: Path) -> None:
    sql = explorer_query(name)
    assert sql.startswith("-- ")
    with duckdb.connect(str(database), read_only=True) as connection:
        assert connection.execute(sql).fetchall()


def test_every_query_is_of_a_view() -> None:
    assert {path.stem for path in (FOLDER / "queries").glob("*.sql")} == set(QUERIES)


def test_contexts_are_those_of_the_tables(packed: PackedStudy, database: Path) -> None:
    titles = packed.study["contexts"]
    # Windows of text as it is, and of six severities of another probe.
    assert len(titles) == len(packed.contexts) == example_explorer.WINDOWS * (1 + 6)
    assert titles[0]["is_text"] and not titles[0]["is_process"]
    members = packed.study["members"]
    tokens = packed.study["tokens"]
    with duckdb.connect(str(database), read_only=True) as connection:
        for title, context in zip(titles, packed.contexts, strict=True):
            text = [tokens[token] for token in context["tokens"]]
            assert tuple(text) == example_explorer.TOKENS
            assert context["begin"] == example_explorer.BEGIN
            for row, member in enumerate(context["members"]):
                for at, laws in enumerate(context["laws"]):
                    ranked = connection.execute(
                        "SELECT token, p, rank, is_true FROM explored_prediction "
                        "WHERE model = ? AND probe = ? AND severity = ? AND item = ? "
                        "AND position = ? ORDER BY rank",
                        [
                            members[member]["model"], title["probe"], title["severity"],
                            title["item"], context["begin"] + at,
                        ],
                    ).fetchall()  # fmt: skip
                    numbers = laws["rows"][row]
                    said = [
                        (tokens[laws["tokens"][numbers[i]]], numbers[i + 1])
                        for i in range(0, 10, 2)
                    ]
                    assert said == [(token, round(1000 * p)) for token, p, *_ in ranked[:5]]
                    (truth,) = [(rank, round(1000 * p)) for _, p, rank, true in ranked if true]
                    assert tuple(numbers[10:]) == truth


def test_the_sharpest_disagreement_is_of_two_equally_good_members(packed: PackedStudy) -> None:
    equal = {(pair["a"], pair["b"]) for pair in packed.study["pairs"] if pair["set"]}
    found = [
        (title, context, title["sharpest"])
        for title, context in zip(packed.study["contexts"], packed.contexts, strict=True)
        if title["sharpest"]
    ]
    assert found
    for title, context, (at, a, b, kl, sure) in found:
        one, other = context["members"][a], context["members"][b]
        assert (one, other) in equal or (other, one) in equal
        laws = context["laws"][at]
        first = [laws["tokens"][laws["rows"][row][0]] for row in (a, b)]
        assert first[0] != first[1]
        assert sure == min(laws["rows"][row][1] for row in (a, b))
        assert kl == context["text"][context["pairs"].index([a, b])][at]
        if not title["severity"]:
            assert at == 2, "the one token on which members differ in text as it is"


def test_page_is_self_contained_and_no_text_is_markup(database: Path, tmp_path: Path) -> None:
    questions = [Question(entry.name, entry.question, entry.sql) for entry in examples()]
    out = tmp_path / "out" / "explorer.html"
    write_explorer(database, {"name": "a <study> & more"}, questions, out)
    assert [path.name for path in out.parent.iterdir()] == ["explorer.html"]
    html = out.read_text(encoding="utf-8")
    assert "<title>a &lt;study&gt; &amp; more" in html
    assert html.count("</script>") == len(re.findall("<script ", html))
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e]", html)
    addresses = re.findall(r'(?:src|href)="([^"]*)"', html)
    assert set(addresses) == {"report.html"}
    assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)", html)
    study = json.loads(re.findall(r'id="study">(.*?)</script>', html)[0])
    assert [entry["name"] for entry in study["examples"]] == [entry.name for entry in examples()]
    assert set(study["tokens"]) >= set(example_explorer.TOKENS)
    for name in QUERIES:
        assert any(
            entry == {"name": name, "sql": explorer_query(name)}
            for entries in study["queries"].values()
            for entry in entries
        )


def test_a_study_without_the_analyses_has_a_page_all_the_same(tmp_path: Path) -> None:
    results = write_results(tmp_path / "results", analyses=("myopia",))
    load(results.root, results.current, tmp_path / "x.duckdb", primary=PRIMARY)
    write_explorer(tmp_path / "x.duckdb", {}, [], tmp_path / "explorer.html")
    html = (tmp_path / "explorer.html").read_text(encoding="utf-8")
    assert 'id="context-0"' not in html


def test_json_ends_no_script_and_has_no_number_that_is_none() -> None:
    text = script_json({"a": ["</script>", "<!--", "\x1b\u202e", float("nan")], "b": (1.5, True)})
    assert not set("<>&") & set(text)
    assert text.isascii() and " " not in text
    assert json.loads(text) == {"a": ["</script>", "<!--", "\x1b\u202e", None], "b": [1.5, True]}


def large_context(members: int, scored: int, pairs: int) -> dict[str, Any]:
    """A context with laws as long as they come."""
    row = [*(number for rank in range(5) for number in (10 + rank, 100 + rank)), 400, 123]
    return {
        "tokens": [500] * 128,
        "begin": 128 - scored,
        "information": [123] * scored,
        "within": [123] * scored,
        "nats": [4321] * scored,
        "members": list(range(members)),
        "laws": [{"tokens": list(range(500, 520)), "rows": [row] * members} for _ in range(scored)],
        "pairs": [[10, 20]] * pairs,
        "text": [[1234] * scored] * pairs,
        "greedy": [[1234] * 4] * pairs,
        "written": [[[500] * scored, [500] * scored]] * members,
        "sharpest": None,
    }


def test_forty_members_in_a_hundred_contexts_fit_the_page() -> None:
    context = large_context(40, 24, 200)
    assert 100 * len(script_json(context)) < LIMIT - 1_000_000


def test_contexts_that_are_too_much_are_left_out_by_whole_windows_and_the_page_says_so() -> None:
    titles = [
        {"corpus": "c", "probe": probe, "item": item, "severity": severity}
        for probe in ("a", "b")
        for item in range(3)
        for severity in range(2)
    ]
    packed = PackedStudy({"contexts": titles}, [{"number": n} for n in range(len(titles))])
    assert within_limit(packed, 12, lambda context: 1) is packed
    less = within_limit(packed, 9, lambda context: 1)
    assert less.study["left_out"] == 3
    assert [(t["probe"], t["item"]) for t in less.study["contexts"]] == [
        ("a", 0), ("a", 0), ("a", 1), ("a", 1), ("a", 2), ("b", 0), ("b", 0), ("b", 1), ("b", 1),
    ]  # fmt: skip
    assert [context["number"] for context in less.contexts] == [0, 1, 2, 3, 4, 6, 7, 8, 9]


def test_scripts_are_one_module_each_name_once() -> None:
    script = bundled(FOLDER / "scripts")
    assert not re.search(r"^\s*(import|export)\b", script, re.M)
    names = TOP.findall(script)
    assert len(set(names)) == len(names)
    for path in SCRIPTS:
        text = path.read_text(encoding="utf-8")
        assert text.startswith("// "), path.name
        assert all(len(line) <= 100 for line in text.splitlines()), path.name
        assert "innerHTML" not in text and "http" not in text.replace("http://www.w3.org", "")
        # A module stands after those that it imports.
        for other in IMPORT.findall(text):
            first = EXPORT.sub("", IMPORT.sub("", (path.parent / f"{other}.js").read_text("utf-8")))
            assert script.index(first) < script.index(EXPORT.sub("", IMPORT.sub("", text)))


def test_every_name_that_a_script_imports_is_used_and_exported() -> None:
    for path in SCRIPTS:
        text = path.read_text(encoding="utf-8")
        for names, module in re.findall(r'^import \{([^}]*)\} from "\./(\w+)\.js";', text, re.M):
            exported = (path.parent / f"{module}.js").read_text("utf-8")
            for name in (name.strip() for name in names.split(",") if name.strip()):
                assert re.search(rf"^export (function|const) {name}\b", exported, re.M), name
                assert len(re.findall(rf"\b{name}\b", text)) > 1, f"{path.name}: {name}"


def test_page_of_a_packed_study_is_below_its_limit() -> None:
    study = {"name": "x", "contexts": [], "tokens": []}
    titles = [
        {"corpus": "c", "probe": "p", "item": n, "severity": 0, "sharpest": None}
        for n in range(150)
    ]
    packed = PackedStudy({**study, "contexts": titles}, [large_context(40, 24, 200)] * 150)
    assert len(explorer_html(packed).encode()) <= LIMIT
