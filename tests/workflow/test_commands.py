"""What people type, and what they are told: mistakes, locks, reports, graphs, lint."""

import base64
import re
import resource
import socket
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from fabricate import PAGE, PIXEL
from project import NOTHING_TO_DO, OVERLAY, REPOSITORY, Project, copy_repository
from test_staleness import LEARNING_RATE, MORE_INIT, SMOKE, forget, members

from manymasks.disk.lock import try_lock

ALIASES = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 12)
)
MISTAKES = """\
nme: smaller
training: {steps: many, learning_rte: 1e-3}
sizes:
  base: {width: 30, heads: 4}
seeds: {init: [0], init: [1]}
"""


@pytest.mark.parametrize("flags", [("-n",), ("--cores", "1"), ("--summary",)])
def test_all_mistakes_in_a_study_are_reported_at_once(
    checkout: Project, flags: tuple[str, ...]
) -> None:
    (checkout.root / OVERLAY).write_text(MISTAKES)
    done = checkout.snakemake(*flags)
    assert done.returncode == 1
    told = done.stderr
    for expected in (
        "nme is not a setting. Did you mean name? (line 1)",
        "training.steps must be a whole number, found the text 'many' (line 2)",
        "training.learning_rte is not a setting. Did you mean training.learning_rate? (line 2)",
        "width 30 is not divisible by 2 x heads (4 heads)",
        "'seeds.init' is set twice (first in line 5)",
    ):
        assert expected in told
    lines = [line for line in told.splitlines() if line.strip()]
    assert len(lines) == 5
    assert all(line.startswith(OVERLAY) for line in lines)
    assert "Traceback" not in done.stdout + done.stderr
    assert not checkout.results.exists()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (ALIASES, "line 5: holds more than 20,000 values, aliases expanded"),
        (f"seeds: {{init: {list(range(100_000))}}}", "line 1: holds more than 20,000 values"),
        ("k: v\n" * 10_000_000, "is larger than 4 MB, no settings are"),
        (f"a: {'[' * 3000}{']' * 3000}", "line 1: is nested deeper than 50 levels"),
        ("a: [1", "line 1, column 6: this is not valid YAML"),
        ("", "is empty; expected settings"),
    ],
    ids=["aliases", "seeds", "bytes", "nested", "broken", "empty"],
)
@pytest.mark.parametrize("words", [("--configfile", OVERLAY), (f"--configfile={OVERLAY}", "-p")])
def test_an_oversized_overlay_is_refused_before_snakemake_reads_it(
    checkout: Project, text: str, message: str, words: tuple[str, ...]
) -> None:
    (checkout.root / OVERLAY).write_text(text)
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = checkout.snakemake("--cores", "1", *words, overlay=None)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert done.returncode == 1
    assert done.stderr.startswith(f"\n{OVERLAY} line" if "line" in message else f"\n{OVERLAY}: ")
    assert message in done.stderr and len(done.stderr) < 400
    # A second, beside that in which Snakemake starts.
    assert after.ru_utime - before.ru_utime < 4


def test_a_mistake_on_the_command_line_is_located(checkout: Project) -> None:
    done = checkout.snakemake("-n", "--config", "seed=3")
    assert done.returncode == 1
    assert "--config: seed is not a setting. Did you mean seeds?" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_context_longer_than_the_text_is_refused_before_any_job(project: Project) -> None:
    project.set("corpora.pydocs.held_out_tokens", None)
    project.fabricate()
    project.set("training.context", 15_000)
    done = project.snakemake("--cores", "1")
    assert done.returncode == 1
    assert "corpora.pydocs: its select split has 20000 tokens, too short" in done.stderr
    assert "Traceback" not in done.stderr


def test_results_on_a_disk_that_is_not_mounted_are_refused(checkout: Project) -> None:
    checkout.results.symlink_to("/mnt/nothing")
    done = checkout.snakemake("-n")
    assert done.returncode == 1
    assert "results: is a link to /mnt/nothing, which does not exist." in done.stderr
    assert "Traceback" not in done.stderr


def test_a_setting_without_effect_is_a_warning_of_a_run(checkout: Project) -> None:
    done = checkout.snakemake("-n", "--config", 'training={"learning_rate": 1}')
    assert done.returncode == 0
    assert "warning: --config: training.learning_rate has no effect: overridden by" in done.stderr


def test_a_missing_package_names_the_command_that_installs_it(
    checkout: Project, tmp_path: Path
) -> None:
    package = tmp_path / "elsewhere" / "manymasks"
    package.mkdir(parents=True)
    missing = 'raise ModuleNotFoundError("No module named \'manymasks\'", name="manymasks")'
    (package / "__init__.py").write_text(missing)
    done = checkout.snakemake("-n", package=package.parent)
    assert done.returncode == 1
    assert "manymasks is not installed in this Python" in done.stderr
    assert "pip install -e ." in done.stderr
    assert "Traceback" not in done.stderr


def test_a_stale_lock_names_the_command_that_removes_it(project: Project) -> None:
    MORE_INIT(project)
    locks = project.root / ".snakemake/locks"
    locks.mkdir(parents=True, exist_ok=True)
    for name in ("0.input.lock", "0.output.lock"):
        (locks / name).write_text("results/database/000000000000/manifest.json\n")
    done = project.snakemake("--cores", "1")
    assert done.returncode == 1
    assert "no run is alive" in done.stderr
    assert "snakemake --unlock" in done.stderr
    assert "Traceback" not in done.stderr
    # Looking at the study is not locked out.
    assert project.planned() >= members(seeds=[(3, 3)])

    done = project.snakemake("--unlock")
    assert done.returncode == 0, done.stderr
    project.set("seeds.init", [0, 1, 2])
    done = project.snakemake("--cores", "1")
    assert done.returncode == 0, done.stderr
    assert NOTHING_TO_DO in done.stdout + done.stderr


def test_a_lock_of_a_live_run_names_its_process(project: Project) -> None:
    script = (
        "import sys; from pathlib import Path; from manymasks.disk.lock import try_lock\n"
        "held = try_lock(Path('.snakemake/manymasks.lock')); print(bool(held), flush=True)\n"
        "sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script],
        cwd=project.root,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "True\n"
        done = project.snakemake("--cores", "1")
        assert done.returncode == 1
        assert f"process {other.pid} on {socket.gethostname()}" in done.stderr
        assert "--unlock" not in done.stderr
        assert project.planned() == set()
        assert project.snakemake("-np").returncode == 0
        other.communicate()
    assert project.snakemake("--cores", "1").returncode == 0


def test_a_run_holds_the_lock_that_others_look_for(project: Project) -> None:
    """The name of the lock file in the test above is that of a real run."""
    lock = project.root / ".snakemake/manymasks.lock"
    lock.unlink(missing_ok=True)
    assert project.snakemake("--cores", "1").returncode == 0
    assert lock.exists()
    file = try_lock(lock)
    assert file is not None
    file.close()


@pytest.mark.parametrize("after_run", [(), ("--report-after-run", "--cores", "1")])
def test_snakemakes_own_report_shows_the_page(project: Project, after_run: tuple[str, ...]) -> None:
    done = project.snakemake("--report", "x.html", *after_run)
    assert done.returncode == 0, done.stderr
    html = (project.root / "x.html").read_text(encoding="utf-8")
    embedded = {
        base64.b64decode(found)
        for found in re.findall(r"data:(?:text/html|image/png)[^,\"']*;base64,([\w+/=]+)", html)
    }
    assert {PAGE, PIXEL} <= embedded


@pytest.mark.parametrize("kind", ["--dag", "--rulegraph"])
def test_graphs_show_every_rule_of_a_complete_study(project: Project, kind: str) -> None:
    done = project.snakemake(kind)
    assert done.returncode == 0, done.stderr
    # Stacks are rules too, named after their stage.
    names = re.findall(r'\[label = "(\w+)', done.stdout)
    nodes = [re.sub(r"_\d+_from_\w+", "", name) for name in names]
    expected = Counter(node.stage for node in SMOKE.nodes)
    assert set(nodes) == {*expected, "all"}
    if kind == "--dag":
        # Members are scored three to a process, those of a size and variant together.
        expected["evaluation"] = 4
        assert Counter(nodes) - Counter(["all"]) == expected


def test_plan_says_which_setting_makes_a_job_run(project: Project) -> None:
    # Another number of steps makes this study the nearest, whatever the default rate is.
    project.set("training.steps", 61)
    project.set("sizes.base.learning_rate", 0.003)
    project.fabricate()
    LEARNING_RATE(project)
    lines = {line.label: line for line in project.plan()}
    training = lines["training/pydocs/base/causal/i0-o0"]
    assert training.state == "will run"
    assert training.because == "training.learning_rate 0.003 -> 0.002"
    assert "input training/pydocs/base/causal/i0-o0 changed" in (
        lines["evaluation/pydocs/base/causal/i0-o0"].because
    )
    assert lines["training/pydocs/small/causal/i0-o0"].state == "done"


def test_plan_says_which_code_makes_a_job_run(project: Project) -> None:
    project.prepend("src/manymasks/training/loop.py", "NEW = 1\n")
    because = {line.label: line.because for line in project.plan()}
    assert because["training/pydocs/base/causal/i0-o0"] == (
        "code of manymasks.training.loop changed"
    )


def test_an_up_to_date_run_needs_no_records(project: Project) -> None:
    forget(project)
    done = project.snakemake("--cores", "2")
    assert done.returncode == 0, done.stderr
    assert NOTHING_TO_DO in done.stdout + done.stderr


def test_jobs_say_what_they_do(checkout: Project) -> None:
    done = checkout.snakemake("-n", "--cores", "1")
    for message in (
        "reading documents of pydocs\n",
        "training pydocs/base/causal i1-o1\n",
        "scoring pydocs/base/causal i0-o0 and 2 more\n",
        "making the contexts of pydocs/shuffle\n",
        "loading the database\n",
    ):
        assert f": {message}" in done.stdout, message


def test_jobs_start_by_the_interpreter_that_planned_them(checkout: Project) -> None:
    """Neither an environment that is not on the path matters, nor another one that is."""
    other = checkout.root / "other"
    other.mkdir()
    (other / "manymasks").write_text("#!/bin/sh\necho another manymasks >&2\nexit 1\n")
    (other / "manymasks").chmod(0o755)
    for path in ("/usr/bin:/bin", f"{other}:/usr/bin:/bin"):
        key = next(line.key for line in checkout.plan() if line.label == "corpus/pydocs")
        target = f"results/corpus/{key}/manifest.json"
        done = checkout.snakemake("--cores", "1", target, path=path)
        assert done.returncode == 0, done.stderr
        # In plain words, and not in those of Snakemake.
        assert "reading documents of pydocs: " in done.stderr and " documents (" in done.stderr
        assert "1 of 1 steps done" in done.stderr and "jobid" not in done.stderr
        assert (checkout.root / target).exists()
        (checkout.root / target).unlink()


def test_snakemakes_own_messages_are_an_option_away(checkout: Project) -> None:
    key = next(line.key for line in checkout.plan() if line.label == "corpus/pydocs")
    done = checkout.snakemake("--cores", "1", "-p", f"results/corpus/{key}/manifest.json")
    assert done.returncode == 0, done.stderr
    assert "Finished jobid" in done.stderr and "About " not in done.stderr


def test_braces_in_the_path_are_refused_in_one_message(tmp_path: Path) -> None:
    checkout = copy_repository(tmp_path / "a {b} c")
    done = checkout.snakemake("-n")
    assert done.returncode == 1
    assert "Snakemake reads braces in a path as names. Rename the folder." in done.stderr
    assert "Traceback" not in done.stderr
    assert "NameError" not in done.stderr


def test_lint_is_clean(checkout: Project) -> None:
    done = checkout.snakemake("--lint", overlay=None)
    assert done.returncode == 0, done.stdout + done.stderr


def test_rules_are_formatted() -> None:
    pytest.importorskip("snakefmt")
    command = [sys.executable, "-m", "snakefmt", "--check", "Snakefile", "workflow"]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
