"""The profile of Kubernetes as it stands, with a server in place of a cluster: the pods that it
asks for, and the study that their commands make on this machine."""

import dataclasses
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from clones import ROOT, Clone
from pods import Pod, Pods, pods
from soak import content
from tiny_study import OVERLAY, project, states, wait_for

pytestmark = pytest.mark.xdist_group("kubernetes")

PROFILE = ("--workflow-profile", "workflow/profiles/kubernetes", "--jobs", "4")
"""The command of the documentation."""
SOONER = ("--seconds-between-status-checks", "1", "--latency-wait", "5")
KUBERNETES = ROOT / "workflow/profiles/kubernetes"
EXTRA = "snakemake-executor-plugin-kubernetes"


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Folders with the extra `kubernetes`, for the path of Python: installed aside where the tests'
    environment lacks it, since Snakemake would load it at every start of every other test."""
    probe = [sys.executable, "-c", f"import {EXTRA.replace('-', '_')}"]
    if subprocess.run(probe, capture_output=True).returncode == 0:
        return ""
    folder = tmp_path_factory.mktemp("kubernetes")
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--target", str(folder)]
    command += ["--retries", "1", "--timeout", "15"]
    (version,) = re.findall(rf'"({EXTRA}==[\d.]+)"', (ROOT / "pyproject.toml").read_text())
    constraints = ["-c", str(ROOT / "envs/constraints.txt")]
    try:
        done = subprocess.run([*command, *constraints, version], timeout=300, capture_output=True)
    except subprocess.TimeoutExpired:
        pytest.skip(f"no {EXTRA}: the registry of packages did not answer")
    if done.returncode:
        pytest.skip(f"no {EXTRA}: {done.stderr.decode().strip().splitlines()[-1]}")
    return str(folder)


@pytest.fixture
def served(tmp_path: Path, packages: str) -> Iterator[tuple[Clone, Pods]]:
    """A project and the server of its cluster."""
    made = project(tmp_path / "a study")
    path = os.pathsep.join(filter(None, [str(made.folder / "src"), packages]))
    with_plugin = dataclasses.replace(made, variables={"PYTHONPATH": path})
    with pods(tmp_path / "pods", with_plugin.environment) as server:
        variables = {"PYTHONPATH": path, "KUBECONFIG": str(server.kubeconfig)}
        yield dataclasses.replace(made, variables=variables), server


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Clone:
    made = project(tmp_path_factory.mktemp("e2e") / "local")
    made.snakemake(*OVERLAY)
    return made


def uncomment_gpu(made: Clone) -> None:
    """As a person does who has GPUs."""
    path = made.folder / "workflow/profiles/kubernetes/profile.yaml"
    before, _, after = path.read_text().partition("# set-resources:")
    path.write_text(before + re.sub(r"^# ", "", f"# set-resources:{after}", flags=re.MULTILINE))


def documents() -> dict[str, dict]:
    """The objects of study.yaml, by kind."""
    texts = yaml.safe_load_all((KUBERNETES / "study.yaml").read_text())
    return {document["kind"]: document for document in texts}


def check(pod: Pod, made: Clone, trains_on_gpu: bool) -> None:
    """What a pod asks for."""
    profile = yaml.safe_load((KUBERNETES / "profile.yaml").read_text())
    container, spec = pod.container, pod.manifest["spec"]["template"]["spec"]
    assert container["image"] == profile["container-image"]
    assert container["command"] == ["/bin/sh"] and container["args"][0] == "-c"
    assert pod.command.startswith(f"cd '{made.folder}' && python -m snakemake --snakefile ")
    # Neither a download nor a copy of the sources comes before the job.
    assert "pip install" not in pod.command and "--deploy-sources" not in pod.command
    assert {"name": "manymasks", "mountPath": "/study"} in container["volumeMounts"]
    claim = {"name": "manymasks", "persistentVolumeClaim": {"claimName": "manymasks"}}
    assert claim in spec["volumes"]
    assert spec["restartPolicy"] == "Never" and pod.manifest["spec"]["backoffLimit"] == 0
    requests, limits = (container["resources"].get(name, {}) for name in ("requests", "limits"))
    assert re.fullmatch("(950|1900)m", requests["cpu"])
    assert re.fullmatch(r"\d{4}M", requests["memory"])
    is_training = "training" in pod.rules()
    assert requests.get("nvidia.com/gpu") == limits.get("nvidia.com/gpu")
    assert requests.get("nvidia.com/gpu") == ("1" if trains_on_gpu and is_training else None)


def test_a_study_in_pods_is_that_of_one_machine(served, local):
    made, cluster = served
    output = made.run("snakemake", *PROFILE, *SOONER, *OVERLAY)
    assert content(made) == content(local)
    assert "all match their manifests" in made.run("manymasks", "verify")
    # Text, three trainings, three evaluations, database, report.
    assert len(cluster.submitted) == 5, output
    assert "in 9 jobs, sent to the cluster in 5 submissions." in " ".join(output.split())
    for pod in cluster.submitted:
        check(pod, made, trains_on_gpu=False)
    memory = {
        next(iter(pod.rules())).split("_")[0]: pod.container["resources"]["requests"]["memory"]
        for pod in cluster.submitted
        if len(pod.rules()) == 1
    }
    # Two trainings at a time, at the memory of one; the default elsewhere.
    assert memory["report"] == "4000M", memory
    assert memory["training"] == "8000M", memory
    # The pod of the run may make the calls that were made.
    allowed = {
        (verb, resource)
        for rule in documents()["Role"]["rules"]
        for verb in rule["verbs"]
        for resource in rule["resources"]
    }
    assert cluster.calls <= allowed
    assert "Nothing to be done" in made.run("snakemake", *PROFILE, *OVERLAY)


def test_a_pod_that_is_lost_ends_the_run_and_the_next_goes_on(served, local):
    """The same study, whose trainings ask for a GPU, disturbed."""
    made, cluster = served
    uncomment_gpu(made)
    run = made.start("snakemake", *PROFILE, *SOONER, *OVERLAY)
    wait_for(lambda: states(made) or run.poll() is not None)
    training = next(pod for pod in cluster.submitted if "training" in pod.rules())
    os.killpg(training.process.pid, signal.SIGKILL)
    output, _ = run.communicate(timeout=300)
    assert run.returncode == 1 and "Traceback" not in output, output
    assert "/log.txt" in output
    made.run("snakemake", *PROFILE, *SOONER, *OVERLAY)
    assert content(made) == content(local)
    assert any("nvidia.com/gpu" in str(pod.manifest) for pod in cluster.submitted)
    for pod in cluster.submitted:
        check(pod, made, trains_on_gpu=True)


def test_the_pod_of_the_run_agrees_with_its_profile():
    profile = yaml.safe_load((KUBERNETES / "profile.yaml").read_text())
    objects = documents()
    spec = objects["Job"]["spec"]["template"]["spec"]
    (container,) = spec["containers"]
    assert container["image"] == profile["container-image"]
    assert "--workflow-profile workflow/profiles/kubernetes --jobs" in container["args"][0]
    (volume,) = spec["volumes"]
    (mount,) = container["volumeMounts"]
    claim = volume["persistentVolumeClaim"]["claimName"]
    assert claim == objects["PersistentVolumeClaim"]["metadata"]["name"]
    assert profile["manymasks-kubernetes-persistent-volumes"] == [f"{claim}:{mount['mountPath']}"]
    assert container["workingDir"] == mount["mountPath"]
    account = spec["serviceAccountName"]
    assert objects["RoleBinding"]["subjects"] == [{"kind": "ServiceAccount", "name": account}]
