"""Pretrained members of a corpus: the nodes of their checkpoints and evaluations."""

from importlib.metadata import PackageNotFoundError, version
from typing import Any

from manymasks.config.pretrained_members import PretrainedMember
from manymasks.config.settings import identity
from manymasks.config.study import Study
from manymasks.config.training import Variant
from manymasks.errors import UserError
from manymasks.plan.node import Node, member_label
from manymasks.plan.trainings import (
    PlannedMember,
    evaluation_node,
    evaluation_settings,
    training_of,
)


def pretrained_nodes(
    study: Study, corpus: str, tokens: Node, tokenizer: Node
) -> tuple[list[PlannedMember], list[Node]]:
    """The members of a corpus, from small to large, and its reference models. Raises UserError for
    checkpoints that are not pinned."""
    settings = study.corpora[corpus].members
    _refuse_unpinned(study, corpus)
    if any(model.device_map is not None for model in settings.pretrained_members):
        _need(
            "accelerate",
            f"corpora.{corpus}.members.pretrained: device_map",
            "pip install -c envs/constraints.txt accelerate",
        )
    evaluated = {
        "evaluation": evaluation_settings(study, corpus),
        "statistics": identity(study.statistics),
    }
    context = training_of(study, study.corpora[corpus]).context
    installed = _need(
        "transformers",
        "corpora: pretrained members",
        "pip install -c envs/constraints.txt -e '.[hf]'",
    )
    inputs = {"tokens": (tokens,), "tokenizer": (tokenizer,)}
    sizes = study.sizes_by_weights(corpus)
    members: list[PlannedMember] = []
    references: list[Node] = []
    for model in sorted(settings.pretrained_members, key=lambda one: _order(one, sizes)):
        name: dict[str, Any] = {
            "corpus": corpus,
            "size": model.size,
            "variant": model.variant,
            "seed_init": model.seed_init,
            "seed_order": model.seed_order,
        }
        pinned = settings.pinned[model.location]
        values: dict[str, Any] = {
            **{key: value for key, value in name.items() if key != "corpus"},
            "files": dict(pinned.files),
            "dtype": model.dtype,
            "device_map": model.device_map,
            "remote_code": model.remote_code,
            "context": context,
            "labels": dict(model.labels),
            "transformers": installed,
        }
        located = {"path": model.path, "repository": model.repository, "revision": pinned.revision}
        node = Node("pretrained", f"pretrained/{member_label(name)}", values, inputs, located)
        if model.is_reference:
            references.append(node)
            continue
        evaluation = evaluation_node(name, node, evaluated)
        members.append(PlannedMember(name, Variant(gradient="causal"), node, evaluation))
    return members, references


def _need(package: str, what: str, command: str) -> str:
    """The version of a package that computes members. Raises UserError if it is missing."""
    try:
        return version(package)
    except PackageNotFoundError as error:
        raise UserError(
            f"{what}: needs {package}, which is not installed. Type: {command}"
        ) from error


def _order(model: PretrainedMember, sizes: list[str]) -> tuple[Any, ...]:
    return sizes.index(model.size), model.variant, model.seed_init, model.seed_order


def _refuse_unpinned(study: Study, corpus: str) -> None:
    members = study.corpora[corpus].members
    unpinned = [
        model.location
        for model in members.pretrained_members
        if model.location not in members.pinned
        or (model.repository is not None and members.pinned[model.location].revision is None)
    ]
    if unpinned:
        more = f" and {len(unpinned) - 1} more" if len(unpinned) > 1 else ""
        raise UserError(
            f"corpora.{corpus}.members: {unpinned[0]}{more}: not pinned. The digests of its files "
            f"identify a checkpoint: `manymasks pin {corpus}` writes them into the configuration."
        )
