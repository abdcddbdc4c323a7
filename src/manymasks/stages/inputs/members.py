"""Members as the stages hand them to the science: named, and without those that failed."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from manymasks.errors import UserError
from manymasks.statistics.model_classes import Member
from manymasks.store.job import Artifact, Job


def named(key: str, name: dict[str, Any]) -> Member:
    """A member by the key of its training, and its corpus, size, variant and seeds."""
    label = "{corpus}/{size}/{variant}".format(**name)
    return Member(model=key, model_class=label, **name)


def members_of(job: Job, role: str = "training") -> list[tuple[Artifact, Member]]:
    """The members of a job that did not fail, each with its input in a role, one for each.

    What is not the training itself names it as the figure `model`.

    Raises:
        UserError: if all of them failed.
    """
    names = job.settings["members"]
    found = []
    for artifact, name in zip(job.inputs[role], names, strict=True):
        figures = artifact.figures
        if figures["status"] == "trained":
            found.append((artifact, named(figures.get("model", artifact.key), name)))
    if not found:
        raise UserError(
            f"all {len(names)} members failed in training: their losses became infinite or not a "
            "number. Lower the learning rate (training, sizes or variants: learning_rate)."
        )
    return found


def derived_of(
    candidates: Sequence[Artifact], trained: Sequence[Member]
) -> list[tuple[Artifact, int, Member]]:
    """Members derived from trained ones: the artifact of each, its place there, and its name.

    It has the class and the seeds of its parent.
    """
    parents = {member.model: member for member in trained}
    return [
        (
            artifact,
            place,
            replace(parents[each["parent"]], model=each["model"], method=each["method"]),
        )
        for artifact in candidates
        for place, each in enumerate(artifact.figures["members"])
    ]
