"""The command line: what it prints, and one message without a traceback for every mistake."""

import csv
import io
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from example_results import write_results

import kit
from manymasks import __version__
from manymasks.catalogue import STAGES
from manymasks.cli import main
from manymasks.config.loading import load_study
from manymasks.database.load import load
from manymasks.database.queries import examples
from manymasks.database.query import MACROS
from manymasks.database.questions import QUESTIONS, START
from manymasks.plan.graph import Plan, plan_study
from manymasks.stages import corpus
from manymasks.store.layout import Layout
from manymasks.store.manifest import write_manifest

STUDY = """\
name: tiny
corpora: {pydocs: {kind: pydocs, packages: []}}
sizes: {base: {width: 8}}
variants: {causal: {gradient: causal}}
training: {learning_rate: 1e-3}
seeds: {init: [0], order: [0, 1]}
probes: {held-out: {family: held-out}}
analyses: [rashomon]
"""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a small study, where the test runs."""
    (tmp_path / "config").mkdir()
    (tmp_path / "config/config.yaml").write_text(STUDY, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def planned() -> Plan:
    return plan_study(load_study([Path("config/config.yaml")]), Path())


def make(plan: Plan, *stages: str, **payload: bytes) -> list[Path]:
    """Manifests, with the same payload in each, as if these stages had been made."""
    layout = Layout(Path("results"))
    folders = []
    for node in plan.nodes:
        if node.stage not in stages:
            continue
        folder = layout.folder(node.stage, node.key)
        for name, content in payload.items():
            path = folder / "tables" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        figures = {"tokens": {"train": 9999}} if node.stage == "tokens" else {"n": 1}
        manifest = kit.planned(node, files=kit.payload(folder), figures=figures)
        write_manifest(layout.manifest(node.stage, node.key), manifest)
        folders.append(folder)
    return folders


def printed(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """What a command that succeeds prints."""
    assert main(arguments) == 0
    shown = capsys.readouterr()
    assert shown.err == ""
    return shown.out


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """The message of a command that does not."""
    assert main(arguments) == 1
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "Traceback" not in shown.err
    assert shown.err.startswith("\n")
    assert shown.err.endswith("\n\n")
    return shown.err.strip()


# ------------------------------------------------------------------------------- in general


def test_help_and_version(capsys: pytest.CaptureFixture[str]) -> None:
    for words, expected in (
        (["--version"], f"manymasks {__version__}\n"),
        (["--help"], "usage: manymasks"),
        (["sql", "--help"], "--describe TABLE"),
    ):
        with pytest.raises(SystemExit) as caught:
            main(words)
        assert caught.value.code == 0
        assert expected in capsys.readouterr().out


@pytest.mark.parametrize(
    "words", [[], ["fly"], ["sql", "--format", "xml", "SELECT 1"], ["sql", "--example"]]
)
def test_an_unknown_command_shows_the_usage(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        main(words)
    assert caught.value.code == 2
    shown = capsys.readouterr().err
    assert shown.startswith("usage: manymasks")
    assert "Traceback" not in shown


@pytest.mark.parametrize(
    "command", [["plan"], ["doctor"], ["explain", "abc"], ["run", "training", "x"]]
)
def test_a_broken_study_is_one_message(
    command: list[str], here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (here / "config/config.yaml").write_text(STUDY + "trainin: 1\nname: x\n", encoding="utf-8")
    assert main(command) == 1
    shown = capsys.readouterr().err.strip().splitlines()
    assert shown == [
        "config/config.yaml line 10: 'name' is set twice (first in line 1): keep one of them",
        "config/config.yaml: trainin is not a setting. Did you mean training? (line 9)",
    ]


@pytest.mark.parametrize("command", ["plan", "doctor"])
def test_a_missing_config_file(
    command: str, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([command, "--configfile", "other.yaml", "more.yaml"]) == 1
    shown = capsys.readouterr().err.strip().splitlines()
    assert shown == [f"{name}.yaml: there is no such file" for name in ("other", "more")]


@pytest.mark.parametrize("command", ["plan", "doctor", "verify"])
@pytest.mark.parametrize("kind", ["link", "file", "below a file"])
def test_results_that_are_no_folder(
    command: str, kind: str, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    results = here / "elsewhere"
    if kind == "link":
        results.symlink_to("/mnt/nothing")
        message = f"{results}: is a link to /mnt/nothing, which does not exist. Mount that disk"
    else:
        results.write_text("x")
        message = f"{results}: is a file, and results go into a folder of that name."
    path = results / "deep" if kind == "below a file" else results
    assert main([command, "--results", str(path)]) == 1
    assert capsys.readouterr().err.strip().startswith(message)


def test_a_setting_without_effect_is_a_warning_of_the_plan(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (here / "more.yaml").write_text("analyses: [rashomon]\nrollout: {prompts: 4}\n")
    assert main(["plan", "--configfile", "more.yaml"]) == 0
    shown = capsys.readouterr()
    assert shown.err == (
        "warning: more.yaml: rollout has no effect: rollout is not in analyses (line 2)\n"
    )


def test_ctrl_c_is_no_traceback(
    here: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("manymasks.plan.states.statuses", interrupted)
    assert main(["plan"]) == 130
    assert capsys.readouterr().err == "\nInterrupted. Completed artifacts are kept.\n"
    # A job leaves it to its run.
    monkeypatch.setenv("MANYMASKS_FOLLOWED", "1")
    assert main(["plan"]) == 130
    assert not capsys.readouterr().err


def test_output_to_a_closed_pipe(here: Path) -> None:
    program = f"{sys.executable} -m manymasks plan | head -n 1; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(
        ["bash", "-c", program], capture_output=True, text=True, check=True, cwd=here
    )
    assert done.stdout.splitlines()[1:] == ["0"]
    assert done.stderr == ""


# ------------------------------------------------------------------------------------- plan


def test_plan_of_a_new_study(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = printed(capsys, "plan", "--all").splitlines()
    nodes = planned().nodes
    assert [row.split()[:3] for row in rows[: len(nodes)]] == [
        [node.stage, node.label, node.key] for node in nodes
    ]
    ending = "will run, because no artifact of this stage exists yet"
    assert all(row.endswith(ending) for row in rows[: len(nodes)])
    assert rows[len(nodes) : -1] == ["", "10 artifacts: 10 will run"]
    assert rows[-1].startswith("About ") and "judged by the cost of the default study" in rows[-1]
    assert not (here / "results").exists()


def test_plan_names_what_changed(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make(planned(), *STAGES)
    shown = printed(capsys, "plan")
    assert shown.endswith("\n10 artifacts: 10 done\nEverything is up to date.\n")
    (here / "overlay.yaml").write_text("training: {learning_rate: 2e-3}\n", encoding="utf-8")
    rows = printed(capsys, "plan", "--all", "--configfile", "overlay.yaml").splitlines()
    assert rows[-2] == "10 artifacts: 3 done, 7 will run"
    reason = "will run, because training.learning_rate 0.001 -> 0.002"
    assert sum(row.startswith("training ") and row.endswith(reason) for row in rows) == 2
    rows = printed(
        capsys, "plan", "--configfile", "overlay.yaml", "--stage", "training"
    ).splitlines()
    assert [row.split()[0] for row in rows[:-3]] == ["training", "training"]
    assert rows[-2] == "10 artifacts: 3 done, 7 will run"


def test_plan_has_a_line_for_each_stage(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make(planned(), *STAGES)
    (here / "overlay.yaml").write_text("training: {learning_rate: 2e-3}\n", encoding="utf-8")
    rows = printed(capsys, "plan", "--configfile", "overlay.yaml").splitlines()
    lines = {row.split()[0]: " ".join(row.split()[1:]) for row in rows[:-3]}
    assert list(lines) == list(dict.fromkeys(node.stage for node in planned().nodes))
    assert lines["corpus"] == "1 done"
    assert lines["training"] == (
        "2 will run in about 2 s on one core, because training.learning_rate 0.001 -> 0.002"
    )
    # Every manifest of `make` says one second.
    assert "judged by earlier artifacts." in rows[-1]


def test_plan_marks_deleted_artifacts_that_are_not_needed(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plan = planned()
    make(plan, *STAGES)
    shutil.rmtree(Layout(Path("results")).folder("tokens", plan.nodes[2].key))
    shown = printed(capsys, "plan")
    assert "not needed, because deleted, and no missing artifact uses it" in shown
    assert shown.endswith("10 artifacts: 9 done, 1 not needed\nEverything is up to date.\n")


def test_plan_refuses(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert refused(capsys, "plan", "--stage", "trainings").startswith(
        "--stage trainings: stages are corpus, process, tokenizer, tokens, tuning, training, "
    )
    (folder,) = make(planned(), "tokens")
    (folder / "manifest.json").write_text("{", encoding="utf-8")
    assert f"{folder}/manifest.json: is not the manifest that was" in refused(capsys, "plan")


# ---------------------------------------------------------------------------------- explain


def test_explain_a_planned_key(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    node = next(node for node in planned().nodes if node.stage == "training")
    about = json.loads(printed(capsys, "explain", node.key[:8]))
    assert about == {
        "label": "training/pydocs/base/causal/i0-o0",
        "stage": "training",
        "digest": node.digest,
        "settings": node.settings,
        "code": node.code,
        "inputs": {"tokens": [f"tokens/{node.inputs['tokens'][0].key}"]},
        "made": None,
    }


def test_explain_an_artifact(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder,) = make(planned(), "tokens")
    about = json.loads(printed(capsys, "explain", folder.name))
    assert about["made"] == "2026-01-02T03:04:05Z"
    assert about["environment"] == {"python": "3.11.7"}
    assert about["figures"] == {"tokens": {"train": 9999}}
    assert about["inputs"].keys() == {"corpus", "tokenizer"}
    assert json.loads(printed(capsys, "explain", "tokens/pydocs")) == about
    training = json.loads(printed(capsys, "explain", "training/pydocs/base/causal/i0-o0"))
    assert training["made"] is None


def test_explain_refuses(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert refused(capsys, "explain", "xyz") == (
        "xyz: no artifact in results has a key that starts with these digits, and the plan has "
        "neither such a key nor this label. `manymasks plan --all` lists both; for another study, "
        "add its --configfile."
    )
    assert refused(capsys, "explain", "") == ": 10 keys start with it; give more digits"


# ----------------------------------------------------------------------------------- verify


def test_verify_counts_intact_artifacts(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "no artifacts to verify" in refused(capsys, "verify")
    make(planned(), "training", "tokens", a=b"x" * 1_000_000, b=b"y")
    shown = printed(capsys, "verify")
    assert shown == "3 artifacts, 6 files, 3.0 MB: all match their manifests\n"


def test_verify_names_every_damaged_file_and_how_to_make_it_again(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tokens, first, second = make(planned(), "tokens", "training", a=b"one", b=b"two")
    (tokens / "tables/a").write_bytes(b"onE")
    (second / "tables/a").unlink()
    (second / "tables/b").write_bytes(b"two and more")
    message = refused(capsys, "verify").splitlines()
    assert sorted(line.partition(": ")[0] for line in message[:3]) == sorted(
        [f"{tokens}/tables/a", f"{second}/tables/a", f"{second}/tables/b"]
    )
    assert message[3] == "3 of 6 files differ from their manifests. Make them again:"
    assert sorted(line.strip() for line in message[4:6]) == sorted(
        f"manymasks run {folder.parent.name} {folder.name} --force" for folder in (tokens, second)
    )
    for folder in (tokens, second):
        shutil.rmtree(folder)
    assert printed(capsys, "verify").startswith("1 artifacts, 2 files")
    assert first.exists()


def test_verify_lists_damaged_manifests_and_files_at_once(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tokens, first, second = make(planned(), "tokens", "training", a=b"one", b=b"two")
    (first / "tables/a").write_bytes(b"onE")
    for folder, old, new in ((tokens, "9999", "9998"), (second, '"format"', '"formau"')):
        path = folder / "manifest.json"
        path.write_text(path.read_text().replace(old, new))
    message = refused(capsys, "verify")
    assert message.startswith(f"{first}/tables/a: has SHA-256 ")
    assert f"{tokens}/manifest.json: its content differs from content_sha256" in message
    assert f"{second}/manifest.json: its format is None" in message
    assert "1 of 2 files differ from their manifests, and 2 manifests are damaged" in message
    for folder in (tokens, first, second):
        assert f"\n  manymasks run {folder.parent.name} {folder.name} --force" in message


def test_verify_another_folder(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make(planned(), "tokens", a=b"one")
    Path("results").rename("elsewhere")
    assert printed(capsys, "verify", "--results", "elsewhere").startswith("1 artifacts, 1 files")


# -------------------------------------------------------------------------------------- sql


@pytest.fixture(scope="module")
def example_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("database")
    results = write_results(folder / "made")
    load(results.root, results.current, folder / "manymasks.duckdb")
    return folder / "manymasks.duckdb"


@pytest.fixture
def database(example_database: Path, here: Path) -> Path:
    (here / "results").mkdir()
    Path("results/manymasks.duckdb").symlink_to(example_database)
    return example_database


def test_sql_answers(
    database: Path,
    capsysbinary: pytest.CaptureFixture[bytes],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    query = "SELECT 1 AS one, 'é' AS two"

    def out(*arguments: str) -> str:
        assert main(["sql", *arguments]) == 0
        return capsysbinary.readouterr().out.decode()

    assert out(query).splitlines()[0].split() == ["one", "two"]
    assert list(csv.reader(io.StringIO(out(query, "--format", "csv")))) == [
        ["one", "two"],
        ["1", "é"],
    ]
    assert json.loads(out(query, "--format", "json")) == [{"one": 1, "two": "é"}]
    monkeypatch.setattr(sys, "stdin", io.StringIO(query))
    assert json.loads(out("-", "--format", "json")) == [{"one": 1, "two": "é"}]
    Path("q.sql").write_text(f"-- a question\n{query};\n", encoding="utf-8")
    assert json.loads(out("--file", "q.sql", "--format", "json")) == [{"one": 1, "two": "é"}]
    assert out(query, "--format", "parquet", "--output", "x.parquet") == ""
    assert pq.read_table("x.parquet").to_pylist() == [{"one": 1, "two": "é"}]


def test_sql_describes(database: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tables = json.loads(printed(capsys, "sql", "--tables", "--format", "json"))
    assert {"model", "model_loss", "leaderboard"} <= {row["name"] for row in tables}
    columns = json.loads(printed(capsys, "sql", "--describe", "model", "--format", "json"))
    assert {"column": "seed_init", "type": "BIGINT"}.items() <= next(
        row.items() for row in columns if row["column"] == "seed_init"
    )
    assert printed(capsys, "sql", "--tables", "--format", "csv", "--output", "t.csv") == ""
    assert Path("t.csv").read_text(encoding="utf-8").startswith("question,name,kind,rows,comment\n")


def test_the_map_of_the_database_is_grouped_by_question(
    database: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "90")
    lines = printed(capsys, "sql", "--tables").splitlines()
    assert [line for line in lines[2:] if line and not line.startswith(" ")] == [
        *QUESTIONS, MACROS,
    ]  # fmt: skip
    assert lines[3] == START
    assert lines[4].split(maxsplit=2)[0] == "leaderboard"
    assert "Grain" not in "".join(lines)
    assert max(map(len, lines[3:])) <= 90
    described = printed(capsys, "sql", "--describe", "stage_cost")
    assert described.startswith("A stage with its seconds")


def test_sql_examples(database: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = printed(capsys, "sql", "--examples").splitlines()
    listed = [line.split(maxsplit=1) for line in lines if line.startswith("  ")]
    assert listed == [[entry.name, entry.question] for entry in examples()]
    for entry in examples():
        shown = printed(capsys, "sql", "--example", entry.name)
        assert shown.startswith(entry.sql.strip())
        assert "─" in shown


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ([], "Give one of: a query, --file FILE, --tables"),
        (["SELECT 1", "--tables"], "Give one of: a query"),
        (
            ["--example", "cost-of-miopia"],
            "--example cost-of-miopia: there is no example of this name. Did you mean "
            "cost-of-myopia? List all with: manymasks sql --examples",
        ),
        (["--example", "3"], "--example 3: there is no example of this name. List all with: "),
        (["--describe", "modl"], "results/manymasks.duckdb: there is no table or view 'modl'. Did"),
        (["--describe", ""], "results/manymasks.duckdb: there is no table or view ''"),
        (["--file", "absent.sql"], "absent.sql: cannot be read as text ("),
        (["--file", "config"], "config: cannot be read as text ("),
        (["--file", "latin.sql"], "latin.sql: cannot be read as text ("),
        (["SELEC 1"], "the query failed. DuckDB says: Parser Error"),
        (["SELECT * FROM modl"], "the query failed. DuckDB says: Catalog Error: Table with name"),
        (["DELETE FROM model"], "the database is opened read-only"),
        ([" ; "], "the query is empty"),
        (["SELECT 1", "--output", "absent/x.csv"], "absent/x.csv: cannot be written (No such"),
        (["SELECT 1", "--output", "config"], "config: cannot be written (Is a directory)"),
        (["--tables", "--output", "absent/x"], "absent/x: cannot be written (No such"),
        (["--tables", "--format", "parquet"], "'parquet' cannot be written as text"),
    ],
)
def test_sql_refuses(
    arguments: list[str], expected: str, database: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("latin.sql").write_bytes("SELECT 'é'".encode("latin-1"))
    assert refused(capsys, "sql", *arguments).startswith(expected)


def test_sql_without_a_database(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in (["SELECT 1"], ["--tables"], ["--describe", "model"]):
        assert refused(capsys, "sql", *arguments) == (
            "results/manymasks.duckdb: there is no database yet. Make it with: "
            "snakemake --cores all"
        )
    Path("results").mkdir()
    Path("results/manymasks.duckdb").write_text("no database", encoding="utf-8")
    assert "cannot be opened as a DuckDB database" in refused(capsys, "sql", "SELECT 1")


def test_parquet_is_not_for_a_terminal(
    database: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    message = refused(capsys, "sql", "SELECT 1", "--format", "parquet")
    assert message == "Parquet cannot be shown on a terminal: add --output FILE"


# ------------------------------------------------------------------------------ run, doctor


def test_run_makes_one_artifact(
    here: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(corpus, "make", lambda job: {"documents": 3})
    node = planned().nodes[0]
    assert main(["run", "corpus", node.key, "--lines"]) == 0
    assert f"corpus/pydocs: [{node.key}] done in" in capsys.readouterr().err
    manifest = f"results/corpus/{node.key}/manifest.json"
    for target in (node.key, "corpus/pydocs", "pydocs", manifest):
        assert main(["run", "corpus", target]) == 0
        assert "is complete" in capsys.readouterr().err
    assert main(["run", "corpus", "pydocs", "--force"]) == 0
    assert "done in" in capsys.readouterr().err


def test_run_refuses(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert refused(capsys, "run", "train", "x").startswith("'train' is not a stage. Stages: corpus")
    assert refused(capsys, "run", "training", "small") == (
        "'small' is not a key, label or file of stage training. In the plan:\n"
        "  training/pydocs/base/causal/i0-o0\n  training/pydocs/base/causal/i0-o1"
    )
    (folder,) = make(planned(), "corpus")
    assert refused(capsys, "run", "tokens", f"{folder}/manifest.json") == (
        f"{folder}/manifest.json describes corpus, not tokens"
    )
    Path("x.json").write_text("{}", encoding="utf-8")
    assert refused(capsys, "run", "tokens", "x.json").startswith("x.json: expected a manifest.json")
    assert refused(capsys, "run", "tokens", "pydocs").startswith(
        "these inputs have not been made yet:\n  results/tokenizer/"
    )


def test_a_failed_job_names_its_log_and_the_next_step(
    here: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def fails(job: object) -> None:
        raise ZeroDivisionError("by nothing")

    monkeypatch.setattr(corpus, "make", fails)
    node = planned().nodes[0]
    log = f"results/corpus/{node.key}/log.txt"
    assert refused(capsys, "run", "corpus", "pydocs") == (
        "corpus/pydocs failed: ZeroDivisionError: by nothing\n"
        f"This is a bug in manymasks or a problem of this machine. The traceback is in\n  {log}\n"
        f"To run this job alone:\n  manymasks run corpus {node.key}"
    )
    assert "ZeroDivisionError: by nothing" in Path(log).read_text(encoding="utf-8")


def test_doctor_describes_the_machine(
    here: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3")
    make(planned(), "corpus", "tokenizer")
    rows = dict(line.split(maxsplit=1) for line in printed(capsys, "doctor").splitlines())
    assert rows["python"].startswith(sys.version.split()[0])
    assert "torch 2." in rows["packages"]
    assert rows["gpus"] == "3"
    assert rows["study"] == "'tiny': 8 of 10 artifacts to make"
    assert rows["lock"] == "free"
    locks = here / ".snakemake" / "locks"
    locks.mkdir(parents=True)
    (locks / "0.input.lock").touch()
    assert "  snakemake --unlock\n" in printed(capsys, "doctor")


FORMATS = ["table", "csv", "json", "parquet"]


def completed(script: str, *words: str) -> list[str]:
    """What bash proposes for the last word."""
    program = (
        f'{script}\nCOMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _manymasks\n'
        'printf "%s\\n" "${COMPREPLY[@]}"'
    )
    done = subprocess.run(
        ["bash", "-c", program, "bash", *words], capture_output=True, text=True, check=True
    )
    return done.stdout.split()


def test_completes_commands_options_and_examples(capsys: pytest.CaptureFixture[str]) -> None:
    script = printed(capsys, "completion")
    assert completed(script, "manymasks", "ve") == ["verify"]
    assert completed(script, "manymasks", "sql", "--example", "cost-") == [
        "cost-of-myopia",
        "cost-of-silent-thinking",
        "cost-by-stage",
    ]
    assert completed(script, "manymasks", "sql", "--format", "") == [
        "table",
        "csv",
        "json",
        "parquet",
    ]
    assert completed(script, "manymasks", "run", "corp") == ["corpus"]
    assert "--configfile" in completed(script, "manymasks", "plan", "--con")


@pytest.mark.skipif(shutil.which("zsh") is None, reason="zsh is not installed")
def test_completes_in_zsh(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "completion").write_text(printed(capsys, "completion"), encoding="utf-8")
    program = """
        zmodload zsh/zpty
        zpty shell zsh -f -i
        zpty -w shell 'source completion; manymasks() { echo typed $* }; echo re""ady'
        zpty -r shell output '*ready*'
        zpty -n -w shell $'manymasks sql --example cost-of\\t\\n'
        zpty -r shell output '*typed*myopia*'
        print -r -- $output
    """
    done = subprocess.run(
        ["zsh", "-f", "-c", program], cwd=tmp_path, env={**os.environ, "HOME": str(tmp_path)},
        capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    assert "typed sql --example cost-of-myopia" in done.stdout


def test_sql_takes_the_format_from_the_ending(
    here: Path, database: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    for suffix in ("json", "csv", "parquet"):
        assert main(["sql", "SELECT 1 AS a", "--output", f"x.{suffix}"]) == 0
    assert json.loads((here / "x.json").read_text()) == [{"a": 1}]
    assert (here / "x.csv").read_text() == "a\n1\n"
    assert pq.read_table(here / "x.parquet").to_pylist() == [{"a": 1}]
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"SELECT '\xff'"), "utf-8"))
    assert main(["sql", "-"]) == 1
    assert "standard input: is not UTF-8 text" in capfd.readouterr().err
