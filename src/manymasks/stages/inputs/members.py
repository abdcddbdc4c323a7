"""The members of a job: named, and without those that failed."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from manymasks.statistics.model_classes import Member, Members
from manymasks.store.job import Artifact, Job, NothingToCompare


def named(key: str, name: dict[str, Any]) -> Member:
    """A member by the key of its training, and its corpus, size, variant and seeds."""
    label = "{corpus}/{size}/{variant}".format(**name)
    return Member(model=key, model_class=label, **name)


def members_of(job: Job, role: str = "training") -> tuple[list[Artifact], list[Member]]:
    """The members of a job that did not fail, preceded by their inputs in a role, in one order. An
    input other than a training has the figure `model`, the key of the training. Raises
    NothingToCompare if all of them failed."""
    names = job.settings["members"]
    artifacts: list[Artifact] = []
    members: list[Member] = []
    for artifact, name in zip(job.inputs[role], names, strict=True):
        if artifact.is_trained:
            artifacts.append(artifact)
            members.append(named(artifact.figures.get("model", artifact.key), name))
    if not members:
        raise NothingToCompare(
            f"all {len(names)} members failed in training: their losses became infinite or not a "
            "number. Lower the learning rate (training, sizes or variants: learning_rate)."
        )
    return artifacts, members


def derived_members(
    derived: Sequence[Artifact], trained: Members
) -> list[tuple[Artifact, int, Member]]:
    """Members derived from trained ones: the artifact, the member's index in it, and the member. A
    derived member has the class and the seeds of its parent."""
    parents = {member.model: member for member in trained}
    return [
        (
            artifact,
            index,
            replace(parents[entry["parent"]], model=entry["model"], method=entry["method"]),
        )
        for artifact in derived
        for index, entry in enumerate(artifact.figures["members"])
    ]
