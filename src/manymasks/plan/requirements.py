"""What the members and analyses of a corpus need of its text, known before there is any."""

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from manymasks.catalogue import STAGES
from manymasks.config.corpora import ProcessCorpus
from manymasks.config.probes import Probe
from manymasks.config.study import Study
from manymasks.kinds.families import FAMILIES
from manymasks.plan.trainings import training_of
from manymasks.tokens.document_lengths import Requirement

SPLITS = ("train", "select", "measure")
LOWER_CONTEXT = "lower training.context"
DOCUMENTS = 2
"""Documents that windows come from at least: an interval needs their spread."""
BELIEF_DOCUMENTS = 4
"""As the stage `belief` has it: two in either half."""


def requirements(study: Study, name: str) -> list[dict[str, Any]]:
    """What a corpus must have, as settings of the job that makes its tokens."""
    return [asdict(requirement) for requirement in _requirements(study, name)]


def _requirements(study: Study, name: str) -> Iterator[Requirement]:
    corpus = study.corpora[name]
    context = training_of(study, corpus).context
    for split in SPLITS:
        purpose = f"training.context ({context})"
        yield Requirement(purpose, split, LOWER_CONTEXT, tokens=2 * context)
    variants = study.variants_of(name).values()
    if variants and all(variant.is_control for variant in variants):
        return
    chosen = study.analyses_of(name)
    is_process = isinstance(corpus, ProcessCorpus)
    if "divergence" in chosen:
        for probe_name, probe in study.probes.items():
            if not is_process or probe.family == "held-out":
                yield _of_probe(probe_name, probe, context)
    if "multiplicity" in chosen and "rashomon" in chosen:
        yield Requirement(
            "multiplicity", "measure", LOWER_CONTEXT, documents=DOCUMENTS, window=context
        )
    if "rollout" in chosen and not (is_process and STAGES["rollout"].skips_processes):
        yield Requirement(
            "rollout",
            "measure",
            "lower rollout.prompt or rollout.length",
            documents=DOCUMENTS,
            window=study.rollout.prompt + study.rollout.length - 1,
        )
    if "representation" in chosen and not (is_process and STAGES["representation"].skips_processes):
        yield Requirement(
            "representation",
            "measure",
            "lower representation.tokens or training.context",
            documents=DOCUMENTS,
            window=context,
            windows=study.representation.windows,
            scored=study.representation.tokens,
        )
    known = corpus.process_analyses if isinstance(corpus, ProcessCorpus) else ()
    if "belief" in chosen and "belief" in known:
        remedy = f"raise corpora.{name}.documents"
        yield Requirement("belief", "measure", remedy, documents=BELIEF_DOCUMENTS)


def _of_probe(name: str, probe: Probe, context: int) -> Requirement:
    family = FAMILIES[probe.family]
    window, remedy = context, f"{LOWER_CONTEXT}, or remove the probe"
    if family.lengthens:
        largest = family.room(context, probe.scored or context)
        severities = probe.severities or tuple(
            severity for severity in family.severities if severity <= largest
        )
        # As `probes.contexts` lengthens windows.
        window = max(context, *(max(round(factor * context), context + 1) for factor in severities))
        remedy = f"lower probes.{name}.severities, or remove the probe"
    return Requirement(
        f"the probe {name}", family.split, remedy, documents=DOCUMENTS, window=window
    )
