"""The report: figures with their queries, one page without a network."""

import itertools
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from xml.etree import ElementTree

import duckdb
import example_known
import matplotlib
import numpy as np
import pyarrow.parquet as pq
import pytest
from example_results import OF_TEXT, PRIMARY, UNTESTED, ExampleResults, replace_table, write_results
from matplotlib.figure import Figure as Sheet
from scipy import stats

from manymasks.catalogue import STAGES
from manymasks.database.load import load
from manymasks.report import drawing, page, panels, pictures
from manymasks.report.figures import processes_beliefs
from manymasks.report.section import PageTable, Section, pivot, units
from manymasks.report.sections import FIGURES, SECTIONS
from manymasks.report.study_answers import QUESTIONS, headline
from manymasks.stages import report

QUERIES = sorted(drawing.QUERIES.glob("*.sql"))
TEMPLATES = drawing.QUERIES.parent / "tables"
SECTION = {section.name: section for section in SECTIONS}
PICTURE = {picture.name: picture for picture in pictures.PICTURES}
KNOWN = {stage for stage in STAGES if STAGES[stage].needs_process}
"""Stages that need a process with a known law."""
CLASS = ("corpus", "size", "variant")
STUDY: dict[str, Any] = {"name": "a <study> & more", "statistics": {"confidence": 0.9}}


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("report")
    results = write_results(folder / "results")
    results.train("w128", "causal", 0, 0, has_failed=True)
    load(results.root, results.current, folder / "x.duckdb", primary=(*PRIMARY, UNTESTED))
    return folder / "x.duckdb"


@pytest.fixture(scope="module")
def processes(tmp_path_factory: pytest.TempPathFactory) -> ExampleResults:
    """Text of known processes alone. Tests do not change it, but a copy."""
    results = ExampleResults(tmp_path_factory.mktemp("processes") / "results")
    results.processes()
    return results


@pytest.mark.parametrize("figure", FIGURES.values(), ids=FIGURES)
def test_figures_are_the_same_every_time(figure: drawing.Figure, database: Path) -> None:
    with duckdb.connect(str(database), read_only=True) as connection:
        rows = drawing.records(connection, drawing.query(figure.query))
        svg = drawing.draw(figure, rows)
        again = drawing.records(connection, drawing.query(figure.query))
        assert drawing.draw(figure, again) == svg
    root = ElementTree.fromstring(svg)
    assert root.tag.endswith("svg")
    assert "<dc:date>" not in svg


@pytest.mark.parametrize(
    "personal",
    [
        {"text.usetex": True},
        {"axes.unicode_minus": False, "lines.linewidth": 9, "figure.dpi": 37},
        {
            "svg.fonttype": "none",
            "savefig.facecolor": "red",
            "axes.prop_cycle": "cycler('lw', [5])",
        },
    ],
)
def test_figures_do_not_depend_on_the_settings_of_a_person(
    personal: dict[str, Any], database: Path
) -> None:
    """A `matplotlibrc` of the folder is in these when a process starts."""
    figure = FIGURES["loss_curves"]
    with duckdb.connect(str(database), read_only=True) as connection:
        rows = drawing.records(connection, drawing.query(figure.query))
    plain = drawing.draw(figure, rows)
    with matplotlib.rc_context(personal):
        assert drawing.draw(figure, rows) == plain
        assert all(matplotlib.rcParams[name] is not None for name in personal)


def test_control_characters_are_shown_as_symbols(database: Path, tmp_path: Path) -> None:
    study = {"name": "a\0b\x1b[31m\x7f\x85\r", "statistics": {"confidence": 0.9}}
    page.write_page(database, study, tmp_path / "x.html")
    text = (tmp_path / "x.html").read_text(encoding="utf-8")
    assert "a\u2400b\u241b[31m\u2421\ufffd\u240d" in text
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]", text)


@pytest.mark.parametrize("figure", FIGURES.values(), ids=FIGURES)
def test_figures_have_texts(figure: drawing.Figure) -> None:
    assert figure.alt
    for text in (figure.caption, figure.note):
        if callable(text):
            text = text([])
        assert text == figure.note == "" or text.endswith(".")
        assert "%" not in text, "an interval has the confidence of the study"
        assert set(re.findall(r"{.*?}", text)) <= {"{confidence}"}
        reader = Reader()
        reader.feed(text)
        assert reader.open == []


def test_queries_and_templates_are_all_used() -> None:
    shown = [item for section in SECTIONS for item in section.items]
    tables = {item.query for item in shown if isinstance(item, PageTable)}
    assert {path.name for path in TEMPLATES.iterdir()} == {
        f"{name}.html.j2" for name in tables | {"cost"}
    }
    parts = {"headline", "corpora", "environments", "cost", "empty", "classes", "study_card"}
    used = tables | set(FIGURES) | parts | {question.query for question in QUESTIONS}
    assert used == {path.stem for path in QUERIES}
    assert len(FIGURES) == sum(isinstance(item, drawing.Figure) for item in shown)
    parts = [part.query for picture in pictures.PICTURES for part in picture.parts]
    assert set(parts) <= set(FIGURES)


@pytest.mark.parametrize("path", QUERIES, ids=lambda path: path.stem)
def test_queries_open_with_what_they_answer(path: Path, database: Path) -> None:
    sql = path.read_text()
    assert sql.startswith("-- ")
    with duckdb.connect(str(database), read_only=True) as connection:
        # Of the example no analysis lost all of its members.
        assert bool(connection.execute(sql).fetchall()) == (path.stem != "empty")


def test_png(database: Path, tmp_path: Path) -> None:
    assert pictures.save_picture(database, tmp_path / "x.png", PICTURE["headline.png"], dpi=60)
    assert (tmp_path / "x.png").read_bytes().startswith(b"\x89PNG")


def has_picture(database: Path, name: str) -> bool:
    """Whether a picture is written, when it does not have to be."""
    path = database.with_suffix(".png")
    picture = PICTURE[name]._replace(is_required=False)
    is_drawn = pictures.save_picture(database, path, picture, dpi=40)
    assert path.exists() == is_drawn
    return is_drawn


def drawn_figures(database: Path, section: str) -> set[str]:
    """The figures of a section that a database has rows for."""
    return {item["name"] for item in items(database, SECTION[section]) if "src" in item}


def items(database: Path, section: Section) -> list[dict[str, Any]]:
    with duckdb.connect(str(database), read_only=True) as connection:
        shown: list[dict[str, Any]] = section.content(connection, "90%", page.data_address)["items"]
    return shown


class Reader(HTMLParser):
    """Collects text, addresses and unclosed elements."""

    EMPTY = ("meta", "img", "br")

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.text = ""
        self.addresses: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in self.EMPTY:
            self.open.append(tag)
        self.addresses += [value or "" for name, value in attrs if name in ("src", "href")]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def read(path: Path) -> Reader:
    reader = Reader()
    reader.feed(path.read_text())
    assert reader.open == []
    return reader


def test_page_is_whole_and_self_contained(database: Path, tmp_path: Path) -> None:
    out = tmp_path / "out" / "report.html"
    page.write_page(database, STUDY, out)
    reader = read(out)
    assert out.stat().st_size < 4_200_000
    assert [path.name for path in out.parent.iterdir()] == ["report.html"]
    elsewhere = [one for one in reader.addresses if not one.startswith(("#", "data:image/svg+xml"))]
    assert elsewhere == ["explorer.html"]
    assert sum(address.startswith("data:") for address in reader.addresses) == 53
    assert "http://" not in out.read_text()
    assert "https://" not in out.read_text()
    assert "a <study> & more" in reader.text
    assert "90% interval" in reader.text
    for name in (path.stem for path in QUERIES):
        if name in ("headline", "environments", "corpora", "empty"):
            continue
        assert drawing.query(name).strip() in reader.text, name
    assert "torch 2.13.0" in reader.text
    null = "KL within pydocs/w64/myopic to KL within pydocs/w32/myopic, probe held-out, severity 0"
    assert null in reader.text, "a null result is shown as it is"
    assert "pydocs/w128/causal minus pydocs/w64/causal" in reader.text
    assert "there is nothing to show" not in reader.text
    assert "What each way of making members yields" in reader.text
    assert "no member" in reader.text, "of a set that is empty there is no count"
    assert not re.search(r"None|\u2013 to", reader.text), "what is not known is a dash"
    assert re.search(r"\d+ exploratory comparisons, \d+ with q below 0.05", reader.text)
    assert text_of_headline(database) in " ".join(reader.text.split())
    text = out.read_text()
    # Each figure has a text for those who do not see it.
    assert text.count("<img ") == len(re.findall(r'<img [^>]*alt="[^"]{20,}"', text)) == 53
    page.write_page(database, STUDY, out)
    assert out.read_text() == text


def text_of_headline(database: Path) -> str:
    with duckdb.connect(str(database), read_only=True) as connection:
        found = headline(connection)
    assert found.startswith("Two seeds of ") or found.startswith("Not settled: Two seeds of ")
    return found


def test_the_page_opens_with_answers(database: Path, tmp_path: Path) -> None:
    page.write_page(database, STUDY, tmp_path / "x.html")
    text = (tmp_path / "x.html").read_text()
    answers = text[text.index('<section id="answers">') : text.index('<div class="tiles">')]
    with duckdb.connect(str(database), read_only=True) as connection:
        expected = [
            question.text
            for question in QUESTIONS
            if drawing.records(connection, drawing.query(question.query))
        ]
    assert re.findall(r"<h3>(.*?)</h3>", answers) == expected
    assert answers.count("The query</summary>") == len(expected) >= 10
    assert not re.search(r"None|nan|\{\w+\}", answers.split("<pre>")[0])


def test_the_study_card(database: Path, tmp_path: Path) -> None:
    page.write_page(database, STUDY, tmp_path / "x.html")
    text = " ".join(read(tmp_path / "x.html").text.split())
    assert "Wh estimated: processor seconds at 10 W for a busy core" in text
    assert "digest of their keys" in text and "@software{manymasks," in text


def test_links_lead_somewhere(database: Path, tmp_path: Path) -> None:
    page.write_page(database, STUDY, tmp_path / "x.html")
    text = (tmp_path / "x.html").read_text()
    assert set(re.findall(r'href="#(\w+)"', text)) <= set(re.findall(r'id="(\w+)"', text))


@pytest.mark.parametrize(
    ("analyses", "absent"),
    [
        (("rashomon", "divergence"), ["myopia"]),
        (("myopia",), ["Rashomon", "divergence"]),
        ((), ["Rashomon", "divergence", "myopia"]),
    ],
)
def test_absent_analyses_are_named(
    analyses: tuple[str, ...], absent: list[str], tmp_path: Path
) -> None:
    results = write_results(tmp_path / "results", analyses=analyses)
    load(results.root, results.current, tmp_path / "x.duckdb")
    page.write_page(tmp_path / "x.duckdb", {}, tmp_path / "x.html")
    assert has_picture(tmp_path / "x.duckdb", "headline.png")
    text = read(tmp_path / "x.html").text
    assert set(re.findall(r"This study has no (\w+) analysis", text)) == set(absent)


def test_a_database_without_anything(tmp_path: Path) -> None:
    load(tmp_path / "results", {}, tmp_path / "x.duckdb")
    page.write_page(tmp_path / "x.duckdb", {"name": "empty"}, tmp_path / "x.html")
    path = tmp_path / "x.png"
    assert not has_picture(tmp_path / "x.duckdb", "headline.png")
    assert not path.exists()
    assert not pictures.save_picture(tmp_path / "x.duckdb", path, PICTURE["headline.png"], dpi=40)
    assert path.read_bytes().startswith(b"\x89PNG")
    assert "empty" in read(tmp_path / "x.html").text


def test_figures_of_arms_need_arms(tmp_path: Path) -> None:
    results = write_results(tmp_path / "results", analyses=OF_TEXT)
    folder = next(
        results.root / "myopia" / key
        for key in results.current
        if (results.root / "myopia" / key).exists()
    )
    path = folder / "tables" / "myopia_arm.parquet"
    rows = pq.read_table(path).to_pylist()
    replace_table(path, [row for row in rows if row["gradient"] != "discount"])
    gaps = folder / "tables" / "myopia_gap.parquet"
    replace_table(gaps, [row for row in pq.read_table(gaps).to_pylist() if row["size"] == "w32"])
    load(results.root, results.current, tmp_path / "x.duckdb")
    # No discount, and one size: nothing to draw against them.
    assert drawn_figures(tmp_path / "x.duckdb", "myopia") == {"gap", "positions", "gradient"}
    page.write_page(tmp_path / "x.duckdb", STUDY, tmp_path / "x.html")
    assert "Loss above causal training against the discount" not in read(tmp_path / "x.html").text


def test_failed_members_are_counted_apart(tmp_path: Path) -> None:
    results = write_results(tmp_path / "results", analyses=OF_TEXT)
    key = results.models[0]["model"]
    path = results.root / "training" / key / "tables" / "model.parquet"
    row = pq.read_table(path).to_pylist()[0]
    replace_table(path, [{**row, "status": "failed", "failed_step": 9}])
    load(results.root, results.current, tmp_path / "x.duckdb")
    page.write_page(tmp_path / "x.duckdb", STUDY, tmp_path / "x.html")
    text = " ".join(read(tmp_path / "x.html").text.split())
    assert "trained 15 times" in text
    assert "1 more training failed and is in no set" in text


def copied(results: ExampleResults, folder: Path) -> Path:
    shutil.copytree(results.root, folder / "results")
    return folder / "results"


def test_a_study_without_a_process_has_no_section_on_processes(tmp_path: Path) -> None:
    results = write_results(tmp_path / "results", analyses=())
    load(results.root, results.current, tmp_path / "x.duckdb")
    page.write_page(tmp_path / "x.duckdb", STUDY, tmp_path / "x.html")
    text = (tmp_path / "x.html").read_text()
    assert SECTION["processes"].title not in text
    assert '"#processes"' not in text
    assert not has_picture(tmp_path / "x.duckdb", "processes.png")


@pytest.mark.parametrize(
    ("stages", "drawn"),
    [
        ({"truth", "excess"}, {"answers_by_w", "erosion", "price_ladder", "sharpening"}),
        ({"belief"}, {"belief_simplices", "belief_layers"}),
        ({"spectroscopy"}, {"splice"}),
        ({"swap"}, {"swap"}),
        ({"rule_choice"}, {"rule_strip"}),
    ],
)
def test_each_analysis_brings_its_own_figures(
    stages: set[str], drawn: set[str], processes: ExampleResults, tmp_path: Path
) -> None:
    root = copied(processes, tmp_path)
    for other in KNOWN - stages:
        shutil.rmtree(root / other)
    load(root, processes.current, tmp_path / "x.duckdb")
    page.write_page(tmp_path / "x.duckdb", STUDY, tmp_path / "x.html")
    text = (tmp_path / "x.html").read_text()
    assert text.count('<section id="processes">') == text.count('href="#processes"') == 1
    assert drawn_figures(tmp_path / "x.duckdb", "processes") == drawn
    parts = {part.query for part in PICTURE["processes.png"].parts}
    assert has_picture(tmp_path / "x.duckdb", "processes.png") == bool(parts & drawn)


def test_one_member_and_no_interval_can_be_drawn(processes: ExampleResults, tmp_path: Path) -> None:
    root = copied(processes, tmp_path)
    for path in root.glob("*/*/tables/*.parquet"):
        if path.parts[-4] not in KNOWN:
            continue
        rows = pq.read_table(path).to_pylist()
        for row in rows:
            row |= {name: None for name in row if name.endswith(("_low", "_high"))}
            row |= {name: None for name in ("sd", "floor", "sign_p", "ceiling") if name in row}
        replace_table(path, rows)
    current = dict(processes.current)
    for model in processes.known["masks"] + processes.known["fork"]:
        if (model["seed_init"], model["seed_order"]) != (0, 0):
            del current[model["model"]]
    load(root, current, tmp_path / "x.duckdb")
    page.write_page(tmp_path / "x.duckdb", STUDY, tmp_path / "x.html")
    assert sum(address.startswith("data:") for address in read(tmp_path / "x.html").addresses) == 21
    with duckdb.connect(str(tmp_path / "x.duckdb"), read_only=True) as connection:
        rows = drawing.records(connection, drawing.query("rule_strip"))
    assert {(row["models"], row["half_band"]) for row in rows} == {(1, None)}


def test_sizes_corpora_and_shares_beside_each_other(tmp_path: Path) -> None:
    results = ExampleResults(tmp_path / "results")
    results.processes()
    for name, stages in (("masks", ("belief", "swap", "spectroscopy")), ("fork", ("rule_choice",))):
        for size, variant, init in itertools.product(("w32", "w64"), ("causal", "myopic"), (0, 1)):
            results.train(size, variant, init, 0, corpus=f"{name}-2")
        models = results.known[f"{name}-2"]
        for stage in stages:
            of_corpus = (f"{name}-2",) if stage == "rule_choice" else (name,) * (stage == "belief")
            tables = getattr(example_known, stage)(*of_corpus, models, results.random)
            for row in itertools.chain(*tables.values()) if stage == "rule_choice" else ():
                row["answered"] = 0.02
            results.add(stage, f"{name}-2", tables)
    load(results.root, results.current, tmp_path / "x.duckdb")
    with duckdb.connect(str(tmp_path / "x.duckdb"), read_only=True) as connection:
        for figure in SECTION["processes"].items:
            if isinstance(figure, drawing.Figure):
                rows = drawing.records(connection, drawing.query(figure.query))
                ElementTree.fromstring(drawing.draw(figure, rows))
        rows = drawing.records(connection, drawing.query("belief_simplices"))
    assert {(row["corpus"], row["size"]) for row in rows} == {("masks", "w32"), ("masks-2", "w64")}


def test_the_band_of_symmetry_by_hand(database: Path) -> None:
    with duckdb.connect(str(database), read_only=True) as connection:
        rows = drawing.records(connection, drawing.query("rule_strip"))
    assert {row["half_band"] for row in rows if row["question"] == "before"} == {None}
    twins = [row for row in rows if (row["question"], row["variant"]) == ("twin", "causal")]
    assert len(twins) == 4
    # Members with the same initial weights are one seed.
    seeds = [
        np.mean([row["preference"] for row in twins if row["seed_init"] == init]) for init in (0, 1)
    ]
    error = np.std(seeds, ddof=1) / np.sqrt(2)
    assert twins[0]["mean"] == pytest.approx(np.mean(seeds))
    assert twins[0]["half_band"] == pytest.approx(stats.t.ppf(0.975, 1) * error, rel=1e-4)


def test_the_splice_by_hand(database: Path, processes: ExampleResults) -> None:
    with duckdb.connect(str(database), read_only=True) as connection:
        row = drawing.records(connection, drawing.query("splice"))[-1]
        sql = (
            "SELECT document, avg(weight), avg(posterior) FROM mask_weights AS w "
            "JOIN current_model AS m ON m.model = w.model WHERE kind = 'spliced' AND is_true_mask "
            "AND letters = 62 AND variant = 'myopic' GROUP BY document"
        )
        documents = np.array(connection.execute(sql).fetchall())
    assert (row["variant"], row["letters"]) == ("myopic", 62 - example_known.BEFORE)
    assert (row["models"], row["documents"]) == (4, len(documents)) == (4, 8)
    assert (row["weight"], row["posterior"]) == pytest.approx(documents[:, 1:].mean(0))
    error = documents[:, 1].std(ddof=1) / np.sqrt(8)
    assert (row["high"] - row["weight"]) / error == pytest.approx(stats.t.ppf(0.975, 7), rel=1e-3)


def test_the_section_on_processes(database: Path) -> None:
    shown = {
        ("figure " if "src" in item else "table ") + item["name"]: item
        for item in items(database, SECTION["processes"])
    }
    corpora = [row["corpus"] for row in shown["table process_corpora"]["rows"]]
    assert corpora == sorted(example_known.CORPORA)
    assert shown["figure splice"]["units"] == "4 models per class, 8 documents"
    assert shown["figure belief_simplices"]["units"] == ""
    assert "90% intervals over documents" in shown["figure splice"]["caption"]
    assert shown["figure belief_layers"]["sql"] and not shown["table belief_layers"]["sql"]
    prices = pivot(shown["table capabilities"]["rows"], (*CLASS, "capability"), "share")
    assert prices["across"] == list(example_known.SHARES)
    masks = [line for line in prices["lines"] if line["corpus"] == "masks"]
    # The cheapest capability comes first, and a threshold of its whole price lets it go.
    assert masks[0]["capability"] == "ignore-premise"
    assert [masks[0]["cells"][share]["may_lack"] for share in prices["across"]] == [0, 1, 1]
    layers = pivot(shown["table belief_layers"]["rows"], (*CLASS, "latent", "control"), "layer")
    assert layers["across"] == [0, 1, 2]
    assert {line["control"] for line in layers["lines"]} >= {"none", "last-letters"}
    machinery = pivot(shown["table machinery"]["rows"], CLASS, "letters")
    assert [line["models"] for line in machinery["lines"]] == [4, 4]
    assert len(shown["table rule_seeds"]["rows"]) == 4


def test_each_posterior_has_a_panel(database: Path) -> None:
    with duckdb.connect(str(database), read_only=True) as connection:
        rows = drawing.records(connection, drawing.query("belief_layers"))
    drawn = processes_beliefs.posterior_panels(rows)
    assert {corpus for corpus, _, _ in drawn} == {row["corpus"] for row in rows}
    assert all(lines for _, _, lines in drawn)
    whole = [{"corpus": "chain", "latent": "state"}, {"corpus": "own", "latent": "of one's own"}]
    drawn = processes_beliefs.posterior_panels(whole)
    assert [latent for _, latent, _ in drawn] == ["state", "of one's own"]


def test_a_section_without_rows_has_no_items(database: Path) -> None:
    section = Section("erosion", "Erosion", "Erosion", (FIGURES["erosion"],))
    assert len(items(database, section)) == 1
    with duckdb.connect(str(database), read_only=True) as connection:
        connection.execute("CREATE TEMP VIEW erosion AS SELECT * FROM x.erosion WHERE FALSE")
        assert section.content(connection, "90%", page.data_address)["items"] == []


def test_lines_and_cells() -> None:
    rows = [{"name": name, "at": at, "value": at} for name in "ba" for at in (2, 1)]
    table = pivot(rows[:3], ("name",), "at")
    assert table["across"] == [1, 2]
    assert [(line["name"], set(line["cells"])) for line in table["lines"]] == [
        ("b", {1, 2}),
        ("a", {2}),
    ]
    assert pivot([], ("name",), "at") == {"across": [], "lines": []}


def test_units_of_a_figure() -> None:
    rows = [{"models": 1, "documents": 1200}, {"models": 1, "documents": None}]
    assert units(rows) == "1 model per class, 1,200 documents"
    assert units([{"models": 2}, {"models": 4}]) == "2 to 4 models per class"
    assert units([{"point": 1}]) == ""


def test_what_goes_beyond_the_edge_is_cut_and_said_so() -> None:
    axis = Sheet().subplots()
    x, low, high = np.array([1.0, 2, 3]), np.array([0.2, -5, 0.1]), np.array([0.4, 0.5, 9])
    panels.clipped_bars(axis, x, low, high, "black", (0, 1))
    (bars,) = axis.collections
    ends = [segment[:, 1].tolist() for segment in bars.get_segments()]
    assert ends == [[0.2, 0.4], [0, 0.5], [0.1, 1]]
    assert [(line.get_marker(), *line.get_xydata()[0]) for line in axis.lines] == [
        ("^", 3, 1),
        ("v", 2, 0),
    ]


def test_exact_prices_have_no_interval(database: Path) -> None:
    with duckdb.connect(str(database), read_only=True) as connection:
        rows = drawing.records(connection, drawing.query("price_ladder"))
        exact = connection.execute(
            "SELECT corpus, capability, exact FROM capability_price WHERE stratum = 'all'"
        ).fetchall()
    prices = {(row["corpus"], row["capability"]): row for row in rows if row["capability"]}
    for corpus, capability, nats in exact:
        row = prices[corpus, capability]
        assert (row["low"] is None) == (row["high"] is None) == (nats is not None)
        assert nats is None or row["nats"] == nats


def test_erosion_by_hand(database: Path) -> None:
    with duckdb.connect(str(database), read_only=True) as connection:
        rows = drawing.records(connection, drawing.query("erosion"))
        sql = (
            "SELECT nats FROM erosion WHERE stratum = 'answers by W' AND level = '6' "
            "AND corpus = ? AND learning_rate = ? ORDER BY nats"
        )
        for row in rows:
            nats = connection.execute(sql, [row["corpus"], row["learning_rate"]]).fetchall()
            assert (row["pairs"], row["models"]) == (6, len(nats))
            assert row["nats"] == pytest.approx(np.mean(nats))
            if row["low"] is not None:
                half = stats.t.ppf(0.975, len(nats) - 1) * stats.sem(np.ravel(nats))
                assert row["high"] - row["nats"] == pytest.approx(half, rel=1e-3)
    assert rows


def test_the_stage_writes_the_page_and_its_pictures(database: Path, tmp_path: Path) -> None:
    (tmp_path / "database").mkdir()
    shutil.copy(database, tmp_path / "database" / "manymasks.duckdb")
    job: Any = SimpleNamespace(
        folder=tmp_path,
        settings={"study": STUDY},
        input=lambda role: SimpleNamespace(file=lambda name: tmp_path / role / name),
    )
    assert report.make(job)["bytes"] == (tmp_path / "report.html").stat().st_size
    for name in PICTURE:
        assert (tmp_path / name).read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("value", "digits", "shown"),
    [
        (0.12345, 3, "0.123"),
        (-0.5, 2, "\u22120.50"),
        (120_000, 0, "120,000"),
        (0.0, 3, "0.000"),
        (3e-12, 3, "3e\u221212"),
        (None, 3, "\u2013"),
        (float("nan"), 3, "\u2013"),
    ],
)
def test_numbers(value: float | None, digits: int, shown: str) -> None:
    assert page.number(value, digits) == shown


def test_units() -> None:
    assert page.size_in_bytes(400_000_000) == "400.0 MB"
    assert page.size_in_bytes(12) == "12 B"
    assert page.duration(12.34) == "12.3 s"
    assert page.duration(245) == "4 min 05 s"
    assert page.duration(12_000) == "3 h 20 min"
