"""Profiles of clusters, the container file and the constraints, as text: no cluster is asked."""

import re
import tomllib
from typing import Any

import pytest
import yaml

import kit
from manymasks.catalogue import STAGES

PROFILES = kit.ROOT / "workflow/profiles"
PROJECT = tomllib.loads((kit.ROOT / "pyproject.toml").read_text(encoding="utf-8"))
CONTAINER = (kit.ROOT / "envs/Containerfile").read_text(encoding="utf-8")


def profile(name: str, uncommented: bool = False) -> dict[str, Any]:
    """A profile; with the lines that a site removes the # of, if `uncommented`."""
    text = (PROFILES / name / "profile.yaml").read_text(encoding="utf-8")
    if uncommented:
        sites = (
            r"^( *)# ( *(?:(?:set-)?resources|set-resource-scopes|slurm_\w+"
            r"|tuning|training|pretrained):)"
        )
        text = re.sub(sites, r"\1\2", text, flags=re.MULTILINE)
    values = yaml.safe_load(text)
    assert isinstance(values, dict)
    return values


def test_slurm_needs_no_accounting_and_no_editing() -> None:
    values = profile("slurm")
    assert values["executor"] == "slurm"
    # `sacct`, the plugin's own choice, waits for ever where there is no slurmdbd.
    assert values["slurm-status-command"] == "squeue"
    assert values["slurm-init-seconds-before-status-checks"] <= 10
    assert values["default-resources"] == {"runtime": 30, "mem_mb": 4000}


@pytest.mark.parametrize("name", ["slurm", "kubernetes"])
def test_short_jobs_travel_together(name: str) -> None:
    """Every stage is in a group, except the two that a study has one job of. Groups follow the flow
    of data, so none of them waits for a job that waits for it."""
    groups = dict(row.split("=") for row in profile(name)["groups"])
    assert list(groups) == [name for name in STAGES if name not in ("database", "report")]
    order = list(dict.fromkeys(groups.values()))
    assert order == ["text", "trainings", "analyses"]
    for stage in STAGES.values():
        for name in stage.inputs:
            if stage.name in groups:
                assert order.index(groups[name]) <= order.index(groups[stage.name])


@pytest.mark.parametrize(
    ("name", "defaults", "of_gpu"),
    [
        ("slurm", {"runtime", "mem_mb", "slurm_account", "slurm_partition"}, {"slurm_partition"}),
        ("kubernetes", {"mem_mb", "disk_mb"}, {"gpu_manufacturer", "scale"}),
    ],
)
def test_what_a_site_sets_is_valid_once_its_lines_are_uncommented(
    name: str, defaults: set[str], of_gpu: set[str]
) -> None:
    values = profile(name, uncommented=True)
    assert values["default-resources"].keys() == defaults
    # Snakemake refuses a group in which jobs ask for different texts, or only some for one.
    grouped = {row.split("=")[0] for row in values["groups"] if row.endswith("=trainings")}
    assert values["set-resources"].keys() == grouped
    assert len({str(one) for one in values["set-resources"].values()}) == 1
    assert values["set-resources"]["training"].keys() == {"gpu", *of_gpu}
    assert values["set-resources"]["training"]["gpu"] == 1
    assert values["resources"] == ["gpu=1"]
    assert values["set-resource-scopes"] == ["gpu=local"]


def test_kubernetes_names_an_image_and_a_volume() -> None:
    values = profile("kubernetes")
    assert values["executor"] == "manymasks-kubernetes"
    assert values["container-image"]
    (volume,) = values["manymasks-kubernetes-persistent-volumes"]
    assert re.fullmatch(r"[a-z]+:/[a-z]+", volume)


def pinned() -> dict[str, str]:
    """Versions of envs/constraints.txt, by name in lower case."""
    lines = (kit.ROOT / "envs/constraints.txt").read_text(encoding="utf-8").splitlines()
    pairs = (line.split("==") for line in lines if line and not line.startswith("#"))
    return {name.lower().replace("_", "-"): version for name, version in pairs}


def numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version))


REQUIREMENTS = [
    *PROJECT["project"]["dependencies"],
    *(one for group in PROJECT["project"]["optional-dependencies"].values() for one in group),
]


@pytest.mark.parametrize("requirement", [one for one in REQUIREMENTS if "[" not in one])
def test_constraints_agree_with_the_project(requirement: str) -> None:
    match = re.fullmatch(r"([\w-]+)((?:[=<>]+[\d.]+,?)+)", requirement)
    assert match is not None, requirement
    versions = pinned()
    name = match[1].lower().replace("_", "-")
    if name not in versions and "==" in requirement:
        return  # Pinned in the project itself.
    version = numbers(versions[name])
    for sign, bound in re.findall(r"([=<>]+)([\d.]+)", match[2]):
        limit = numbers(bound)
        length = len(limit)
        assert {
            "==": version[:length] == limit,
            ">=": version >= limit,
            "<": version < limit,
        }[sign], (requirement, versions[name])


def test_the_container_holds_what_a_run_needs_at_the_versions_of_the_constraints() -> None:
    copied = re.findall(r"^COPY (.+) \S+$", CONTAINER, re.MULTILINE)
    names = {name for line in copied for name in line.split()}
    assert names >= {"Snakefile", "workflow", "config", "src", "envs", "pyproject.toml"}
    assert all((kit.ROOT / name).exists() for name in names)
    (installed,) = re.findall(r"^RUN (.+)$", CONTAINER, re.MULTILINE)
    options = re.escape("-c envs/constraints.txt")
    extras = re.fullmatch(rf"pip install --no-cache-dir {options} -e '\.\[([\w,]+)\]'", installed)
    # Nothing comes from elsewhere, and nothing that the project does not name.
    assert extras is not None
    assert set(extras[1].split(",")) <= PROJECT["project"]["optional-dependencies"].keys()
    assert "kubernetes" in extras[1]
    version = re.search(r"python:(\d+\.\d+)", CONTAINER)
    assert version is not None
    assert numbers(version[1]) >= numbers(PROJECT["project"]["requires-python"])
