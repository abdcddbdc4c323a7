"""The members of a job with their models.

Apart from `weights`, which trainings read too: nothing of theirs depends on how members are named.
"""

from collections.abc import Iterator

from manymasks.models.transformer import Transformer
from manymasks.stages.inputs.members import members_of
from manymasks.stages.inputs.weights import load_members
from manymasks.statistics.model_classes import Member
from manymasks.store.job import Job
from manymasks.training.device import choose_device


def member_models(job: Job) -> Iterator[tuple[Member, Transformer]]:
    """The members of a job that did not fail with their models, of which one is held at a time.
    Raises UserError if all of them failed."""
    device = choose_device(job.hardware.device)
    trainings, members = members_of(job)
    for index, (training, member) in enumerate(zip(trainings, members, strict=True)):
        job.report(index, len(members), "members")
        yield member, load_members([training], device)
