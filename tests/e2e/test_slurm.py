"""The profile of SLURM as it stands, on a cluster of two nodes: the study of one machine."""

import contextlib
import os
import re
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from clones import Clone
from cluster import Cluster, cluster, missing
from soak import content
from tiny_study import OVERLAY, STUDY, project, states, wait_for

REASON = missing()
pytestmark = [
    pytest.mark.slurm,
    pytest.mark.xdist_group("slurm"),
    pytest.mark.skipif(REASON is not None, reason=REASON or ""),
]

PROFILE = ("--workflow-profile", "workflow/profiles/slurm", "--jobs", "4")
"""The command of the documentation."""
SOONER = ("--seconds-between-status-checks", "2", "--latency-wait", "5")
LONGER = {"steps": 3000}
"""Of each training, so that there is time to disturb it."""


def study(folder: Path) -> Clone:
    made = project(folder)
    settings = yaml.safe_load(STUDY)
    settings["training"] |= LONGER
    settings["hardware"] |= {"checkpoint_seconds": 0.3}
    (folder / "study.yaml").write_text(yaml.safe_dump(settings))
    return made


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with contextlib.ExitStack() as stack:
        try:
            made = stack.enter_context(cluster(tmp_path_factory.mktemp("slurm")))
        except (TimeoutError, OSError) as error:
            # As in a container that lacks what the daemons need.
            pytest.skip(str(error))
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        for name, value in made.environment.items():
            patch.setenv(name, value)
        yield made


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Clone:
    made = study(tmp_path_factory.mktemp("e2e") / "local")
    made.snakemake(*OVERLAY)
    return made


def plain(output: str) -> str:
    """An output in one line."""
    return " ".join(output.split())


def submissions(output: str) -> int:
    return len(re.findall(r"submitted with SLURM jobid", output))


def test_a_study_on_a_cluster_is_that_of_one_machine(tmp_path, nodes, local):
    made = study(tmp_path / "cluster")
    output = made.run("snakemake", *PROFILE, *SOONER, *OVERLAY)
    assert content(made) == content(local)
    assert "all match their manifests" in made.run("manymasks", "verify")
    # Text, three trainings, three evaluations, database, report.
    assert submissions(output) == 5
    assert "11 will be made in 9 jobs, sent to the cluster in 5 submissions." in plain(output)
    assert "Nothing to be done" in made.run("snakemake", *PROFILE, *OVERLAY)


def test_trainings_get_the_gpu_that_they_ask_for(tmp_path, nodes):
    """The lines of the profile for a GPU, which one of the two nodes has by name."""
    made = project(tmp_path / "gpu")
    settings = yaml.safe_load(STUDY)
    settings["training"] |= {"steps": 60, "learning_rate": "tune"}
    settings["sizes"]["base"] |= {"learning_rate": "tune"}
    settings["tune"] = {"rates": [1e-3, 3e-3]}
    (made.folder / "study.yaml").write_text(yaml.safe_dump(settings))
    profile = made.folder / "workflow/profiles/slurm/profile.yaml"
    before, _, after = profile.read_text().partition("# set-resources:")
    lines = re.sub(r"^# ", "", f"# set-resources:{after}", flags=re.MULTILINE)
    # In quotes of its own: Snakemake would take this name for Python's function.
    profile.write_text(before + lines.replace("your-gpu-partition", "'all'"))
    output = made.run("snakemake", *PROFILE, *SOONER, *OVERLAY)
    jobs = [
        nodes.ask("scontrol", "-o", "show", "job", job)
        for job in re.findall(r"submitted with SLURM jobid '?(\d+)", output)
    ]
    # Text, tunings with trainings, three evaluations, database, report.
    assert len(jobs) == 5, output
    (training,) = [job for job in jobs if re.search(r" TresPer\w+=gres[/:]gpu[:=]1\b", job)]
    assert " NodeList=n1 " in training and "JobState=COMPLETED" in training, training
    assert "all match their manifests" in made.run("manymasks", "verify")


def running(nodes: Cluster) -> tuple[str, str]:
    """The job that was submitted first of those that run, and its node. That of a killed run may go
    on beside one that waits for it."""
    lines = nodes.ask("squeue", "-h", "-t", "RUNNING", "-o", "%A %N").splitlines()
    job, node = min((line.split() for line in lines), key=lambda pair: int(pair[0]))
    return job, node


def test_a_study_goes_on_after_any_fault(tmp_path, nodes, local):
    made = study(tmp_path / "disturbed")
    command = ("snakemake", *PROFILE, *SOONER, *OVERLAY)

    def saved() -> set[tuple[Path, int]]:
        return {(path, path.stat().st_mtime_ns) for path in states(made)}

    def disturbed() -> "subprocess.Popen[str]":
        """A run that trains."""
        before = saved()
        run = made.start(*command)
        wait_for(lambda: saved() - before or run.poll() is not None)
        return run

    # A job that takes more memory than it asked for is ended by the cluster.
    run = made.start(*command, "--set-resources", "training:mem_mb=20")
    output, _ = run.communicate(timeout=300)
    assert run.returncode == 1 and "Traceback" not in output, output
    assert not list(made.folder.glob("results/training/*/manifest.json"))

    # A job that a person cancels.
    run = disturbed()
    nodes.ask("scancel", running(nodes)[0])
    output, _ = run.communicate(timeout=300)
    assert run.returncode == 1 and "Traceback" not in output, output

    # The command itself is killed; its job goes on, and the next command's waits for it.
    run = disturbed()
    os.killpg(run.pid, signal.SIGKILL)
    run.communicate()
    made.run("snakemake", "--unlock", *OVERLAY)

    # The node's power is cut, and the cluster sends its jobs to the other one.
    run = disturbed()
    _, node = running(nodes)
    nodes.cut(node)
    output, _ = run.communicate(timeout=600)
    assert run.returncode == 0, output
    assert content(made) == content(local)
    nodes.start_node(node)
