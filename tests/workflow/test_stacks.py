"""Which members one job makes together: at the first run, after an edit, and in other processes."""

import json
import re
import subprocess
from collections import Counter

import pytest
import yaml
from project import NOTHING_TO_DO, OVERLAY, Project, jobs_of
from test_staleness import LEARNING_RATE, MORE_INIT, OF_ALL_MEMBERS, OF_OTHER_RATE, SMOKE, members

STACKED = ("training", "evaluation")
STACK = re.compile(r"^(training|evaluation)_(\d+)_from_([0-9a-f]{12})$")
ONE = ("--cores", "1")


def stacked(project: Project, *words: str) -> list[tuple[str, set[str]]]:
    """Stage and labels of each job of a dry run that makes several."""
    labels = {(line.label.partition("/")[0], line.key): line.label for line in project.plan()}
    found = []
    for rule, jobs in project.rules(*words).items():
        match = STACK.match(rule)
        for made in jobs:
            assert (match is not None) == (len(made) > 1)
        if match:
            (made,) = jobs
            assert len(made) == int(match[2])
            assert (match[1], match[3]) in made
            found.append((match[1], {labels[one] for one in made}))
    return found


def alone(project: Project) -> Counter[str]:
    """How many members are made by a job of their own, by stage."""
    rules = project.rules()
    return Counter({stage: len(rules[stage]) for stage in STACKED if stage in rules})


def remake(project: Project, *labels: str) -> None:
    """Delete members, and what a run asks for, so that they are missed."""
    for path in project.manifests(*labels, *OF_ALL_MEMBERS):
        path.unlink()


@pytest.mark.parametrize(
    ("width", "sizes"),
    [
        (1, []),
        pytest.param(2, [2] * 6, marks=pytest.mark.slow),
        (4, [3] * 4),
        pytest.param(6, [6] * 2, marks=pytest.mark.slow),
        (40, [6] * 2),
    ],
)
def test_a_new_study_is_made_in_balanced_stacks_of_one_shape(
    checkout: Project, width: int, sizes: list[int]
) -> None:
    checkout.set("hardware.stack", width)
    found = stacked(checkout)
    for stage in STACKED:
        stacks = [labels for each, labels in found if each == stage]
        assert [len(labels) for labels in stacks] == sizes
        assert all(len({label.split("/")[2] for label in labels}) == 1 for labels in stacks)
    if width > 1:
        # The reference seed keeps no late weights: it is of another shape.
        assert alone(checkout) == {"training": 1}
    assert len(checkout.jobs()) == len(SMOKE.nodes)
    assert checkout.planned() == {line.label for line in checkout.plan()}


def test_stacks_are_wide_on_a_gpu_by_default(
    checkout: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    assert sorted(len(labels) for _, labels in stacked(checkout)) == [6] * 4
    on_a_cpu = [("evaluation", 3)] * 4
    checkout.set("hardware.device", "cpu")
    assert [(stage, len(labels)) for stage, labels in stacked(checkout)] == on_a_cpu
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    checkout.set("hardware.device", "auto")
    assert [(stage, len(labels)) for stage, labels in stacked(checkout)] == on_a_cpu
    checkout.set("hardware.device", "cuda")
    assert len(stacked(checkout)) == 4


@pytest.mark.parametrize("width", [1, 4, pytest.param(32, marks=pytest.mark.slow)])
def test_only_new_and_deleted_members_are_made(project: Project, width: int) -> None:
    project.set("hardware.stack", width)
    assert project.planned() == set()
    one = "training/pydocs/base/myopic/i1-o1"
    remake(project, one, one.replace("training", "evaluation"))
    assert alone(project) == {"training": 1, "evaluation": 1}
    assert project.planned() == {one, one.replace("training", "evaluation"), *OF_ALL_MEMBERS}

    project.fabricate()
    assert project.planned() == set()
    MORE_INIT(project)
    assert project.planned() == members(seeds=[(3, 3)]) | OF_ALL_MEMBERS
    # Two variants of a size are of one shape: each size has a member more of each.
    assert alone(project) == ({"training": 4, "evaluation": 4} if width == 1 else {})
    if width > 1:
        assert sorted(map(sorted, (labels for _, labels in stacked(project)))) == sorted(
            sorted(members([stage], size=[size], seeds=[(3, 3)]))
            for stage in STACKED
            for size in ("small", "base")
        )


def test_stale_members_do_not_depend_on_the_stack_width(
    project: Project,
) -> None:
    project.set("hardware.stack", 4)
    LEARNING_RATE(project)
    assert project.planned() == OF_OTHER_RATE
    assert [len(labels) for _, labels in stacked(project)] == [3, 3, 3, 3]


def remote(project: Project, rule: str) -> subprocess.CompletedProcess[str]:
    """A dry run as an executor's process on another machine reads the study again."""
    return project.snakemake(
        *("--target-jobs", f"{rule}:", "--allowed-rules", rule, *ONE, "--force", "--nolock"),
        *("--no-hooks", "--ignore-incomplete", "--mode", "remote", "-np"),
    )


def test_processes_of_a_run_share_its_stacks(project: Project) -> None:
    project.set("hardware.stack", 4)
    labels = sorted(members())
    remake(project, *labels)
    rules = project.rules()
    stacks = {rule: jobs[0] for rule, jobs in rules.items() if STACK.match(rule)}
    assert len(stacks) == 8

    # A real run writes what it grouped, before its first job; here that job fails.
    project.prepend("src/manymasks/engine/jobs.py", "raise SystemExit(1)\n")
    done = project.snakemake(*ONE)
    assert done.returncode == 1
    kept = json.loads((project.root / ".snakemake/manymasks.stacks.json").read_text())
    in_file = {(stage, key) for stage in STACKED for keys in kept[stage] for key in keys}
    assert in_file == {one for made in stacks.values() for one in made}

    # Some of it is complete by now, so that a new run would group otherwise.
    for path in project.manifests(*labels):
        assert not path.exists()
    project.fabricate()
    remake(project, *labels[:7])
    assert set(stacks) - set(project.rules())
    for rule, made in stacks.items():
        done = remote(project, rule)
        assert done.returncode == 0, done.stdout + done.stderr
        assert jobs_of(done.stdout) == [(rule, made)]


def test_a_missing_or_foreign_file_of_stacks_is_ignored(
    checkout: Project,
) -> None:
    checkout.set("hardware.stack", 4)
    rule = next(rule for rule in checkout.rules() if STACK.match(rule))
    assert remote(checkout, rule).returncode == 0
    kept = checkout.root / ".snakemake/manymasks.stacks.json"
    for text in ('{"training": [["000000000000", "111111111111"]]}', "{"):
        kept.parent.mkdir(exist_ok=True)
        kept.write_text(text)
        assert remote(checkout, rule).returncode == 0


def test_resources_of_a_stage_in_a_profile_hold_for_its_stacks(checkout: Project) -> None:
    checkout.set("hardware.stack", 4)
    said = ("training:mem_mb=9000", "training:gpu=1")
    # A job with a message is printed without its resources, unless the printer is asked for them.
    done = checkout.python(
        "-c",
        "import sys; from snakemake import cli, logging; "
        "logging.DefaultFormatter.format_job_info = "
        "lambda self, job: '\\n'.join(self._format_job_info(job)); cli.main(sys.argv[1:])",
        *("-n", "--cores", "2", "--configfile", OVERLAY),
        *("--set-resources", *said, "--set-threads", "training=2"),
    )
    resources = re.findall(
        r"^rule (\w+)_3_from_(?:.|\n)*?(?:threads: (\d)\n)?    resources: (.+)$",
        done.stdout,
        re.MULTILINE,
    )
    trainings = [each for each in resources if each[0] == "training"]
    assert len(trainings) == 4
    for _, threads, values in trainings:
        assert threads == "2"
        assert "mem_mb=9000" in values
        assert "gpu=1" in values
    assert all("gpu" not in values for stage, _, values in resources if stage == "evaluation")


def test_until_a_stacked_stage_names_its_stacks(checkout: Project) -> None:
    checkout.set("hardware.stack", 4)
    done = checkout.snakemake("-n", *ONE, "--until", "training")
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    (line,) = re.findall(r"^  (--until .*)$", done.stderr, re.MULTILINE)
    names = line.split()
    assert len(names) == 6
    rules = checkout.rules(*names)
    # By the stage's own rule the reference seed, which is of another shape.
    assert set(rules) == {"corpus", "tokenizer", "tokens", "training", *names[2:]}
    given = ("--config", 'hardware={"stack": 1}')
    assert Counter(stage for stage, _ in checkout.jobs("--until", "training", *given)) == {
        "corpus": 1, "tokenizer": 1, "tokens": 1, "training": 13,
    }  # fmt: skip


def test_other_commands_work_with_stacks(project: Project) -> None:
    project.set("hardware.stack", 4)
    done = project.snakemake(*ONE)
    assert done.returncode == 0, done.stderr
    assert NOTHING_TO_DO in done.stdout + done.stderr
    assert len(project.jobs("--forceall")) == len(SMOKE.nodes)
    for words in (
        ("--lint",), ("--dag",), ("--rulegraph",), ("--summary",), ("--unlock",),
        ("--report", "x.html"), ("-n", "--forceall", *ONE), (*ONE, "--touch", "--forceall"),
    ):  # fmt: skip
        done = project.snakemake(*words)
        assert done.returncode == 0, done.stdout + done.stderr
    assert project.planned() == set()


COUNTED = """\
import sys
from snakemake import cli, workflow
from manymasks.engine.snakemake import submissions

class Counting(workflow.JobScheduler):
    def __init__(self, made, *arguments, **named):
        jobs = [job for job in made.dag.needrun_jobs() if job.output]
        print("counted", len(jobs), submissions(made))
        super().__init__(made, *arguments, **named)

workflow.JobScheduler = Counting
cli.main(sys.argv[1:])
"""
"""A call of Snakemake that prints its jobs, and how many submissions they are."""


@pytest.mark.parametrize("name", ["slurm", "kubernetes"])
@pytest.mark.parametrize(("stack", "submissions"), [("auto", 10), (4, 13)])
def test_a_cluster_gets_few_submissions(
    checkout: Project, name: str, stack: str | int, submissions: int
) -> None:
    """The text, the trainings by eights, the analyses that are connected, database and report.
    Scoring joins the analyses in stacks too; stacks of trainings travel alone."""
    checkout.set("hardware.stack", stack)
    # The groups of the profile are all that matters here: its executor may not be installed.
    groups = yaml.safe_load((checkout.root / f"workflow/profiles/{name}/profile.yaml").read_text())
    words = ("--groups", *groups["groups"], "--group-components", *groups["group-components"])
    done = checkout.python(
        "-c", COUNTED, "-n", "--quiet", "--cores", "2", "--configfile", OVERLAY, *words
    )
    (counted,) = re.findall(r"^counted (\d+) (\d+)$", done.stdout, re.MULTILINE)
    jobs, sent = map(int, counted)
    assert sent == submissions, done.stdout
    assert jobs >= 3 * sent - 1
