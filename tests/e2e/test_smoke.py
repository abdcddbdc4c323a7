"""The smoke study, from corpus to report, and every question that README and docs ask of it."""

import json
import re
import shutil
from pathlib import Path

import duckdb
from clones import ROOT, Clone

import kit
from manymasks.catalogue import STAGES
from manymasks.database.queries import examples

PLAN = kit.repository_plan("smoke.yaml")
MODELS = sum(node.stage == "evaluation" for node in PLAN.nodes)
CLASSES = sum(node.stage == "derived" for node in PLAN.nodes)
DRAWN = CLASSES * PLAN.study.derived.draws
LATE = CLASSES * len(PLAN.study.training.late)
DERIVED = 2 * DRAWN + LATE
"""Members of each class by weight noise, by dropout, and late checkpoints."""
OVERLAY = ("--configfile", "config/smoke.yaml")
PAGES = "".join(
    (ROOT / name).read_text(encoding="utf-8")
    for name in ("README.md", "docs/start.md", "docs/concepts/artifacts.md")
)


def ask(project: Clone, sql: str) -> list[tuple]:
    path = project.folder / "results" / "manymasks.duckdb"
    with duckdb.connect(str(path), read_only=True) as connection:
        return connection.execute(sql).fetchall()


def test_the_study_ends_with_a_database_and_a_report(smoke):
    project, output = smoke
    (artifacts, made, jobs) = re.search(
        r"The study 'smoke' is complete: (\d+) artifacts, (\d+) of them made in (\d+) jobs", output
    ).groups()
    assert int(artifacts) == int(made) == len(PLAN.nodes)
    steps = int(jobs) + 1
    assert f"{steps} of {steps} steps" in output
    assert "Traceback" not in output
    assert (
        "training pydocs/base/causal i0-o0: " in output and "nats per token on select (" in output
    )
    assert "rule training" not in output and "jobid" not in output
    page = (project.folder / "results" / "report.html").read_text(encoding="utf-8")
    assert not re.search(r"""(src|href)=["']https?://""", page), "the page must stand alone"
    for heading in ("Loss", "Rashomon", "ivergence", "yopia", "Inside the sets"):
        assert heading in page
    assert 50_000 < len(page) < 4_000_000
    explorer = (project.folder / "results" / "explorer.html").read_text(encoding="utf-8")
    assert 'id="context-0"' in explorer and len(explorer) < 4_000_000


def test_a_second_run_finds_nothing_to_do(smoke):
    project, _ = smoke
    assert "Nothing to be done" in project.snakemake(*OVERLAY)
    assert "Everything is up to date" in project.run("manymasks", "plan", *OVERLAY)


def test_artifacts_are_intact_and_record_their_cost(smoke):
    project, _ = smoke
    assert "all match their manifests" in project.run("manymasks", "verify")
    manifests = list((project.folder / "results").glob("*/*/manifest.json"))
    assert len(manifests) == len(PLAN.nodes)
    for path in manifests:
        manifest = json.loads(path.read_text())
        assert manifest["wall_seconds"] > 0 and manifest["cpu_seconds"] > 0
        assert 0 < manifest["peak_memory_bytes"] < 4e9
        assert manifest["environment"]["python"]
        tables = {table.stem for table in (path.parent / "tables").glob("*.parquet")}
        assert tables <= set(STAGES[manifest["stage"]].tables)
        assert not (path.parent / "state").exists()
        assert (path.parent / "log.txt").stat().st_size > 0


def test_the_database_holds_the_study(smoke):
    project, _ = smoke
    assert ask(project, "SELECT count(*), count(DISTINCT model_class) FROM current_model") == [
        (MODELS, CLASSES)
    ]
    assert ask(project, "SELECT count(*) FROM model WHERE status != 'trained'") == [(0,)]
    splits = dict(ask(project, "SELECT split, count(*) FROM model_loss GROUP BY ALL"))
    assert splits == {"select": MODELS + DERIVED, "measure": MODELS + DERIVED}
    # Documents of select and measure are never the same.
    assert ask(
        project,
        "SELECT count(*) FROM document_loss a JOIN document_loss b USING (document) "
        "WHERE a.split = 'select' AND b.split = 'measure'",
    ) == [(0,)]
    pairs = MODELS * (MODELS - 1) // 2
    assert set(
        ask(project, "SELECT count(*) FROM pair_divergence GROUP BY artifact, severity")
    ) == {(pairs,)}
    assert ask(project, "SELECT count(*) FROM artifact WHERE NOT is_current") == [(0,)]


def test_numbers_of_different_stages_agree(smoke):
    """What two stages computed in two ways is the same."""
    project, _ = smoke
    # Sums over documents and over positions are the split's loss.
    worst = ask(
        project,
        """
        WITH by_document AS (
            SELECT model, split, sum(nats) / sum(tokens) AS nats FROM document_loss GROUP BY ALL
        ), by_position AS (
            SELECT model, split, sum(nats * tokens) / sum(tokens) AS nats
            FROM position_loss GROUP BY ALL
        )
        SELECT max(abs(l.nats - d.nats)), max(abs(l.nats - p.nats))
        FROM model_loss AS l
        JOIN by_document AS d USING (model, split)
        JOIN by_position AS p USING (model, split)
        """,
    )[0]
    assert max(worst) < 1e-9
    # The visible difference of a pair is the difference of its members' losses.
    assert (
        ask(
            project,
            """
            SELECT max(abs(p.visible - (b.nats - a.nats)))
            FROM pair_divergence AS p
            JOIN model_probe AS a ON (a.artifact, a.severity, a.model)
                = (p.artifact, p.severity, p.model_a)
            JOIN model_probe AS b ON (b.artifact, b.severity, b.model)
                = (p.artifact, p.severity, p.model_b)
            """,
        )[0][0]
        < 1e-6
    )
    assert ask(
        project,
        "SELECT count(*) FROM pair_divergence WHERE kl_ab < 0 OR kl_ba < 0 OR kl <= kl_floor "
        "OR hellinger NOT BETWEEN 0 AND 1 OR top1_agreement NOT BETWEEN 0 AND 1 OR hidden < 0",
    ) == [(0,)]
    # The gap is the mean difference of its arms.
    assert (
        ask(project, "SELECT max(abs(gap - (variant_nats - baseline_nats))) FROM myopia_gap")[0][0]
        < 1e-9
    )
    # Training made the models better than guessing, on text they have not seen.
    assert ask(project, "SELECT max(nats) < ln(512) FROM model_loss") == [(True,)]
    assert ask(
        project, "SELECT count(*) FROM pool_divergence WHERE low > value OR high < value"
    ) == [(0,)]


def test_rashomon_sets_are_consistent(smoke):
    project, _ = smoke
    derived = dict(ask(project, "SELECT method, count(*) FROM model GROUP BY ALL"))
    # And one of reference seeds, which is in no set.
    assert derived == {"trained": MODELS + 1, "noise": DRAWN, "dropout": DRAWN, "checkpoint": LATE}
    assert ask(
        project,
        "SELECT count(*) FROM model AS d JOIN model AS p ON p.model = d.parent "
        "WHERE d.method <> 'trained' AND (d.model_class, d.seed_init) = "
        "(p.model_class, p.seed_init)",
    ) == [(DERIVED,)]
    # Four references, of which one is fixed, with five thresholds, of four classes and methods;
    # a standard deviation over seeds is that of trained members, so that all have it.
    assert ask(project, "SELECT count(*), count(DISTINCT reference) FROM rashomon_set") == [
        (4 * 5 * 4 * 4, 4)
    ]
    # Capacities are certified, and the worst of all is at least the worst on average.
    assert ask(
        project,
        """
        WITH wide AS (
            PIVOT (
                SELECT rashomon_set, weighting, metric, value FROM set_metric WHERE is_whole
            )
            ON metric IN ('information', 'capacity', 'capacity_gap', 'ambiguity', 'discrepancy',
                'pair_range', 'pair_diameter', 'effective_models')
            USING first(value)
        )
        SELECT count(*) FROM wide
        WHERE information > capacity + capacity_gap + 1e-9 OR capacity_gap > 1e-3
            OR discrepancy > ambiguity + 1e-9 OR pair_diameter > pair_range + 1e-6
            OR effective_models < 1 - 1e-9
        """,
    ) == [(0,)]
    # Averaging gains, and never more than the members differ.
    assert ask(project, "SELECT count(*) FROM headroom WHERE ensemble_gain <= 0") == [(0,)]
    assert ask(
        project,
        "SELECT count(*) FROM funnel_step WHERE survivors > models OR share > 1 OR share < 0",
    ) == [(0,)]
    assert ask(project, "SELECT count(*) FROM local_volume WHERE log_radius > 0") == [(0,)]


def test_primary_claims_come_first(smoke):
    project, _ = smoke
    found = ask(project, "SELECT kind, rank, p IS NOT NULL, q >= p FROM tested_claims")
    assert found[:5] == [("primary", rank, True, True) for rank in range(1, 6)]
    assert {kind for kind, *_ in found[5:]} == {"exploratory"}


def test_sql_answers(smoke, tmp_path: Path):
    project, _ = smoke
    assert len(examples()) >= 10
    for example in examples():
        assert "──" in project.run("manymasks", "sql", "--example", example.name)
    question = "SELECT label, measure_nats FROM current_model ORDER BY measure_nats"
    as_json = json.loads(project.run("manymasks", "sql", question, "--format", "json"))
    assert len(as_json) == MODELS
    assert project.run("manymasks", "sql", question, "--format", "csv").count("\n") == MODELS + 1
    out = tmp_path / "models.parquet"
    project.run("manymasks", "sql", question, "--format", "parquet", "--output", str(out))
    assert duckdb.sql(f"SELECT count(*) FROM '{out}'").fetchall() == [(MODELS,)]
    assert "pair_divergence" in project.run("manymasks", "sql", "--tables")
    assert "nats per token" in project.run("manymasks", "sql", "--describe", "model_loss")
    assert "read-only" in project.run("manymasks", "sql", "DELETE FROM model", expect=1)
    assert "leaderboard" in project.run("manymasks", "sql", "SELECT * FROM leaderbord", expect=1)


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", PAGES, re.MULTILINE | re.DOTALL)


def test_the_commands_of_readme_and_start_run(smoke):
    """Each `manymasks` line runs as it stands on a complete study."""
    project, _ = smoke
    lines = [line.split("#")[0].strip() for block in blocks("bash") for line in block.splitlines()]
    commands = [line for line in lines if line.startswith("manymasks ")]
    assert len(commands) >= 5
    for line in commands:
        # A complete study is the smoke study here.
        is_export = line.startswith("manymasks export ")
        project.run("bash", "-c", f"{line} {' '.join(OVERLAY)}" if is_export else line)
    for overlay in re.findall(r"config/\w+\.yaml", PAGES):
        assert (project.folder / overlay).exists(), overlay


def test_snakemakes_own_report(smoke):
    project, _ = smoke
    project.snakemake(*OVERLAY, "--report", "snakemake-report.html")
    made = (project.folder / "snakemake-report.html").read_text(encoding="utf-8")
    assert "report.html" in made and "headline.png" in made


def test_a_lost_database_is_made_again_alone(smoke):
    project, _ = smoke
    target = (project.folder / "results" / "manymasks.duckdb").resolve()
    before = ask(project, "FROM leaderboard")
    shutil.rmtree(target.parent)
    output = project.snakemake(*OVERLAY)
    assert "loading the database (" in output and "2 of 2 steps done" in output
    assert ask(project, "FROM leaderboard") == before


def test_damage_is_found_and_named(smoke, tmp_path: Path):
    project, _ = smoke
    path = next((project.folder / "results" / "training").glob("*/weights.safetensors"))
    whole = path.read_bytes()
    try:
        path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
        output = project.run("manymasks", "verify", expect=1)
        assert str(path.relative_to(project.folder)) in output and "SHA-256" in output
    finally:
        path.write_bytes(whole)
