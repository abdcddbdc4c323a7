"""The explorer in a real browser: Debian's chromium, or that of playwright, through playwright.

Where there is no browser the tests are skipped: `apt-get install chromium`, or `playwright install
chromium`, brings one. MANYMASKS_BROWSER names another program, or is `none` to skip them.
"""

import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import example_explorer
import pytest
from example_results import PRIMARY, write_results
from test_explorer_page import large_context

from manymasks.database.load import load
from manymasks.database.queries import examples
from manymasks.report.explorer_data import VIEWS, PackedStudy
from manymasks.report.explorer_page import Question, explorer_html, write_explorer

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

NAMES = ("chromium", "chromium-browser", "google-chrome")
WIDTHS = (1440, 390)
TABS = ("text", "angle", "pair", "set", "process", "sql")
CONTROLS = "main button, main select, main input, main summary, main [tabindex='0']"


def program() -> str | None:
    """A browser of the machine."""
    named = os.environ.get("MANYMASKS_BROWSER")
    if named is not None:
        return named if named != "none" else None
    return next((found for name in NAMES if (found := shutil.which(name))), None)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    if os.environ.get("MANYMASKS_BROWSER") == "none":
        pytest.skip("MANYMASKS_BROWSER is none")
    with playwright.sync_playwright() as tools:
        try:
            started = tools.chromium.launch(
                executable_path=program(), args=["--no-sandbox", "--disable-gpu"]
            )
        except playwright.Error:
            pytest.skip("no chromium: apt-get install chromium, or playwright install chromium")
        yield started
        started.close()


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the explorer of the example and its database."""
    folder = tmp_path_factory.mktemp("explorer")
    results = write_results(folder / "results")
    load(results.root, results.current, folder / "x.duckdb", primary=PRIMARY)
    questions = [Question(entry.name, entry.question, entry.sql) for entry in examples()]
    study = {"name": "an <example>"}
    write_explorer(folder / "x.duckdb", study, questions, folder / "explorer.html")
    return folder


class Tab:
    """The page in a browser, with what it wrote to the console."""

    def __init__(self, browser: Any, file: Path, width: int = 1440, scheme: str = "light") -> None:
        size = {"width": width, "height": 900}
        self.page = browser.new_page(viewport=size, color_scheme=scheme)
        self.errors: list[str] = []
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on(
            "console",
            lambda message: (
                message.type in ("error", "warning") and self.errors.append(message.text)
            ),
        )
        self.page.on("request", lambda request: self.errors.append(request.url)
                     if not request.url.startswith("file://") else None)  # fmt: skip
        self.page.goto(file.as_uri())

    def __enter__(self) -> "Tab":
        return self

    def __exit__(self, *_: object) -> None:
        self.page.close()

    def text(self, selector: str) -> str:
        return str(self.page.inner_text(selector))

    def focused(self) -> str:
        """Where the focus is: number of the control in the view, or the text of another element."""
        return str(
            self.page.evaluate(
                "controls => { const all = [...document.querySelectorAll(controls)];"
                "const at = all.indexOf(document.activeElement);"
                "return at < 0 ? document.activeElement.textContent : String(at); }",
                CONTROLS,
            )
        )


@pytest.fixture
def tab(browser: Any, made: Path) -> Iterator[Tab]:
    with Tab(browser, made / "explorer.html") as opened:
        yield opened
        assert opened.errors == []


def said(tab: Tab) -> list[tuple[str, str, str]]:
    """Of the marked members in the table: name, first-ranked token and its share."""
    rows = tab.page.query_selector_all(".laws tr.marked")
    return [
        (
            row.query_selector("th").inner_text(),
            row.query_selector(".said b").inner_text(),
            row.query_selector(".said small").inner_text().strip(),
        )
        for row in rows
    ]


def test_cold_to_a_token_on_which_two_models_of_equal_loss_disagree_and_what_each_says(
    tab: Tab, made: Path
) -> None:
    """The path of someone who opens the page for the first time, by keyboard."""
    lead = tab.text("#lead")
    assert lead.startswith("Two models of equal loss")
    stated = re.findall(r"\((\S+ \S+): (\d\.\d{3}), (\S+ \S+): (\d\.\d{3}) nats", lead)[0]
    one, other = re.findall(r"One says (\S+) \(([\d.]+%)\), the other (\S+) \(([\d.]+%)\)", lead)[
        0
    ][::2]
    assert one != other
    # The table is already at this token, and the two members are marked in it.
    marked = said(tab)
    assert {name for name, _, _ in marked} == {stated[0], stated[2]}
    assert {token for _, token, _ in marked} == {one, other}
    # From elsewhere, the first control of the page leads back to it.
    tab.page.keyboard.press("Tab")
    tab.page.keyboard.press("Tab")
    assert tab.focused() == "Show it"
    tab.page.click("#tab-sql")
    tab.page.focus("#lead button")
    tab.page.keyboard.press("Enter")
    assert said(tab) == marked
    # And side by side, with what each writes until they part.
    tab.page.keyboard.press("Tab")
    tab.page.keyboard.press("Enter")
    heads = [law.inner_text() for law in tab.page.query_selector_all(".law")]
    assert len(heads) == 2
    assert all(any(token in head for head in heads) for token in (one, other))
    assert "then they part" in tab.text("main")
    # The losses are those of the database, and the two are in one set.
    with duckdb.connect(str(made / "x.duckdb"), read_only=True) as connection:
        losses = {
            f"{row[0]:.3f}"
            for row in connection.execute("SELECT select_nats FROM current_model").fetchall()
        }
    assert {stated[1], stated[3]} <= losses


def test_what_members_say_is_what_the_database_has(tab: Tab, made: Path) -> None:
    tab.page.focus(".tokens")
    tab.page.keyboard.press("Home")
    tab.page.wait_for_function("location.hash.includes('context')")
    with duckdb.connect(str(made / "x.duckdb"), read_only=True) as connection:
        for at in range(example_explorer.SCORED):
            title = tab.page.evaluate(
                "() => JSON.parse(document.getElementById('study').textContent)"
                ".contexts[Number(new URLSearchParams(location.hash.slice(1)).get('context'))]"
            )
            rows = connection.execute(
                "SELECT m.label, m.seed_init, m.seed_order, list(p.p ORDER BY p.rank)[:5], "
                "max(p.p) FILTER (p.is_true), max(p.rank) FILTER (p.is_true) "
                "FROM explored_prediction AS p JOIN current_model AS m USING (model) "
                "WHERE p.probe = ? AND p.severity = ? AND p.item = ? AND p.position = ? "
                "GROUP BY ALL ORDER BY 1, 2, 3",
                [title["probe"], title["severity"], title["item"], example_explorer.BEGIN + at],
            ).fetchall()
            lines = tab.page.eval_on_selector_all(
                ".laws tbody tr:not(.class)",
                "rows => rows.map(row => [...row.children].map(cell => cell.textContent))",
            )
            assert len(lines) == len(rows) == 16
            for line, (label, init, order, shares, p_true, rank) in zip(lines, rows, strict=True):
                seeds = init if init == order else f"{init}·{order}"
                assert line[0] == f"{label.partition('/')[2]} {seeds}"
                assert [cell.split()[-1] for cell in line[1:6]] == [
                    f"{round(1000 * p) / 10:.1f}%" for p in shares
                ]
                assert line[6] == f"{round(1000 * p_true) / 10:.1f}% (rank {rank})"
            tab.page.keyboard.press("ArrowRight")


def test_thresholds_choose_the_members_that_the_database_has_within_them(
    tab: Tab, made: Path
) -> None:
    tab.page.click("#tab-set")
    tab.page.focus("main input[type=range]")
    with duckdb.connect(str(made / "x.duckdb"), read_only=True) as connection:
        for key in ("Home", "ArrowRight", "End", "ArrowLeft"):
            tab.page.keyboard.press(key)
            stated = tab.text("main .ranged output")
            eps = float("inf") if stated == "any" else float(stated.split()[0])
            rows = connection.execute(
                "SELECT select_nats - min(select_nats) OVER (PARTITION BY label) AS excess, model "
                "FROM current_model WHERE corpus = 'pydocs' AND status = 'trained'"
            ).fetchall()
            inside = [model for excess, model in rows if excess <= eps + 5e-4]
            shown = int(tab.text(".tiles b").split()[0])
            strictly = sum(excess <= eps - 5e-4 for excess, _ in rows)
            assert strictly <= shown <= len(inside)
            if key == "End":
                mean = connection.execute(
                    "SELECT avg(kl) FROM current_pair WHERE is_text AND severity = 0 "
                    "AND corpus = 'pydocs'"
                ).fetchone()[0]
                assert tab.page.query_selector_all(".tiles b")[1].inner_text() == f"{mean:.3f}"


def test_a_threshold_on_a_part_of_the_measure_split_chooses_members(tab: Tab, made: Path) -> None:
    tab.page.click("#tab-set")
    tab.page.click("main summary")
    tab.page.get_by_role("button", name="None", exact=True).click()
    label = tab.page.locator(".control", has_text="measure, part 2")
    label.locator("input").focus()
    tab.page.keyboard.press("Home")
    with duckdb.connect(str(made / "x.duckdb"), read_only=True) as connection:
        best = connection.execute(
            "SELECT count(*) FROM (SELECT f.nats, min(f.nats) OVER (PARTITION BY m.label) AS least "
            "FROM funnel_loss AS f JOIN current_model AS m USING (model) "
            "WHERE m.corpus = 'pydocs' AND f.constraint_name = 'measure, part 2' "
            "AND m.status = 'trained') WHERE nats = least"
        ).fetchone()
    assert best is not None and tab.text(".tiles b").split()[0] == str(best[0])


def test_a_belief_is_followed_through_a_document(tab: Tab, made: Path) -> None:
    tab.page.click("#tab-process")
    tab.page.focus("#letters")
    tab.page.keyboard.press("Home")
    for _ in range(4):
        tab.page.keyboard.press("ArrowRight")
    with duckdb.connect(str(made / "x.duckdb"), read_only=True) as connection:
        (letters,) = connection.execute(
            "SELECT string_agg(token, '' ORDER BY letters) FROM belief_path "
            "WHERE letters <= 5 AND document = 0 GROUP BY model"
        ).fetchall()[0]
    assert tab.text(".path b") == letters
    circles = tab.page.query_selector_all(".simplex")[0].query_selector_all("circle")
    assert len(circles) == 5
    assert [one.get_attribute("r") for one in circles] == ["3"] * 4 + ["8"]


@pytest.mark.parametrize("view", TABS)
def test_every_control_is_reached_and_used_by_keyboard(tab: Tab, view: str) -> None:
    tab.page.focus("#tab-text")
    for _ in range(TABS.index(view)):
        tab.page.keyboard.press("ArrowRight")
    assert tab.page.get_attribute(f"#tab-{view}", "aria-selected") == "true"
    # Everything that folds is opened first.
    for summary in tab.page.query_selector_all("main details:not([open]) > summary")[:4]:
        summary.focus()
        tab.page.keyboard.press("Enter")
    count = tab.page.evaluate(
        "controls => [...document.querySelectorAll(controls)]"
        ".filter(one => one.checkVisibility()).length",
        CONTROLS,
    )
    tab.page.focus(f"#tab-{view}")
    reached = set()
    for _ in range(count + 5):
        tab.page.keyboard.press("Tab")
        reached.add(tab.focused())
    assert len([at for at in reached if at.isdigit()]) == count
    for range_ in tab.page.query_selector_all("main input[type=range]")[:3]:
        before = tab.text("main")
        range_.focus()
        tab.page.keyboard.press("Home")
        tab.page.keyboard.press("ArrowRight")
        tab.page.keyboard.press("End")
        assert tab.page.evaluate("document.activeElement.type") == "range"
        assert tab.text("main") and before
    for select in tab.page.query_selector_all("main select")[:1]:
        before = tab.page.url
        select.focus()
        tab.page.keyboard.press("End")
        assert tab.page.evaluate("document.activeElement.localName") == "select"


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_view_fits_and_writes_no_error(
    browser: Any, made: Path, width: int, scheme: str
) -> None:
    with Tab(browser, made / "explorer.html", width, scheme) as tab:
        for view in TABS:
            tab.page.click(f"#tab-{view}")
            assert tab.text("main"), view
            widths = tab.page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
            assert widths[0] <= widths[1], f"{view}: {widths}"
            assert not tab.page.query_selector("main .absent"), view
        assert tab.errors == []


def test_tokens_are_text_and_control_characters_are_shown(tab: Tab) -> None:
    tokens = tab.text(".tokens")
    assert "</script><b>" in tokens and "&amp;" in tokens
    assert "\u241b[31m" in tokens and "⟨202e⟩" in tokens and "⏎" in tokens
    assert not tab.page.query_selector(".tokens b, main script")


def test_every_view_shows_its_queries(tab: Tab) -> None:
    for view, names in VIEWS.items():
        tab.page.click(f"#tab-{view}")
        shown = [head.text_content() for head in tab.page.query_selector_all(".queries h3")]
        assert tuple(shown) == names


def test_examples_have_their_answers(tab: Tab, made: Path) -> None:
    tab.page.click("#tab-sql")
    tab.page.fill("main input[type=search]", "noise floor")
    visible = [one for one in tab.page.query_selector_all(".example") if one.is_visible()]
    assert len(visible) == 1
    visible[0].query_selector("summary").click()
    assert "manymasks sql --example noise-floor" in visible[0].inner_text()
    assert visible[0].query_selector_all("tbody tr")


def test_a_link_shows_the_same_again(browser: Any, made: Path, tab: Tab) -> None:
    tab.page.click("#tab-pair")
    tab.page.focus(".tokens")
    tab.page.keyboard.press("End")
    tab.page.wait_for_function(f"location.hash.includes('at={example_explorer.SCORED - 1}')")
    address, shown = tab.page.url, tab.text("main")
    again = browser.new_page()
    again.goto(address)
    assert again.inner_text("main") == shown
    again.close()


def large_study() -> PackedStudy:
    """40 members of four classes in 100 contexts."""
    members = [
        {
            "model": f"{number:012d}", "label": f"c/size{number // 20}/v{number // 10 % 2}",
            "corpus": "c", "init": number % 10, "order": number % 10,
            "select": 3.0 + number / 1000, "measure": 3.1,
        }
        for number in range(40)
    ]  # fmt: skip
    pairs = [
        {"a": a, "b": b, "kl": 0.4, "hidden": 0.3, "agreement": 0.5, "set": "s", "eps_nats": 0.01}
        for a in range(40)
        for b in range(a)
    ]
    titles = [
        {
            "corpus": "c", "probe": "held-out", "severity": 0, "item": item, "document": f"d{item}",
            "description": "text as it is", "is_text": True, "is_process": False,
            "sharpest": [3, 10, 20, 900, 400],
        }
        for item in range(100)
    ]  # fmt: skip
    study = {
        "name": "large", "members": members, "sets": [], "pairs": pairs, "constraints": [],
        "contexts": titles, "tokens": [f" t{number}" for number in range(600)], "beliefs": [],
        "answers": [], "masks": {"names": [], "members": [], "documents": []}, "examples": [],
        "queries": {view: [] for view in VIEWS},
    }  # fmt: skip
    return PackedStudy(study, [large_context(40, 24, 200)] * 100)


def test_forty_members_in_a_hundred_contexts_are_fast(browser: Any, tmp_path: Path) -> None:
    html = explorer_html(large_study())
    assert 5_000_000 < len(html) < 10_000_000
    (tmp_path / "x.html").write_text(html, encoding="utf-8")
    paints, hovers = [], []
    # The best of three: other programs of the machine are not the page's.
    for _ in range(3):
        with Tab(browser, tmp_path / "x.html") as tab:
            tab.page.wait_for_selector(".laws")
            paints.append(
                tab.page.evaluate(
                    "performance.getEntriesByName('first-contentful-paint')[0].startTime"
                )
            )
            hovers.append(
                tab.page.evaluate(
                    """() => [...document.querySelectorAll('.token[role=option]')].map(token => {
                        const begin = performance.now();
                        token.dispatchEvent(new PointerEvent('pointerover', {bubbles: true}));
                        document.querySelector('.laws').getBoundingClientRect();
                        return performance.now() - begin;
                    }).sort((a, b) => a - b)[12]"""
                )
            )
            assert tab.errors == []
    assert min(paints) < 1000
    assert min(hovers) < 16
