"""Members as the stages hand them to the science: named, and without those that failed."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from manymasks.errors import UserError
from manymasks.statistics.members import Member
from manymasks.store.job import Artifact


def named(key: str, name: dict[str, Any]) -> Member:
    """A member by the key of its training, and its corpus, size, variant and seeds."""
    label = "{corpus}/{size}/{variant}".format(**name)
    return Member(model=key, model_class=label, **name)


def members_of(
    artifacts: Sequence[Artifact], keys: Sequence[str], names: Sequence[dict[str, Any]]
) -> list[tuple[Artifact, Member]]:
    """The members that did not fail, each with its artifact.

    Args:
        artifacts: one for each member, with a figure `status`.
        keys: key of each member's training.
        names: corpus, size, variant and seeds of each, as the study calls them.

    Raises:
        UserError: if all of them failed.
    """
    found = []
    for artifact, key, name in zip(artifacts, keys, names, strict=True):
        if artifact.figures["status"] == "trained":
            found.append((artifact, named(key, name)))
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
