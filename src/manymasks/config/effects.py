"""Settings that a person wrote and that change nothing, because others replace them."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Any, get_args

from manymasks.catalogue import STAGES
from manymasks.config.analyses import Analysis
from manymasks.config.corpora import ProcessCorpus
from manymasks.config.loading import documents_of, holds, located
from manymasks.config.study import Study
from manymasks.config.training import Training

READ_BY = {"myopia": ("funnel", "excess")}
"""Analyses that read the section of another: contrasts of variants."""
SHOWN = 3
"""Settings that a warning lists."""


def warnings(
    study: Study, files: Sequence[Path], overrides: Mapping[str, Any] | None = None
) -> list[str]:
    """A line for each setting of an overlay or the command line without an effect on the study.
    `files`: as `load_study` takes them; the first is the study that the others change."""
    overlays = documents_of(files, overrides)[1:]
    return [
        located(where, f"has no effect: {reason}", overlays)
        for where, reason in without_effect(study)
        if any(holds(document.values, where) for document in overlays)
    ]


def without_effect(study: Study) -> Iterator[tuple[tuple[str, ...], str]]:
    """Path of each setting without an effect, whatever its value, and the reason."""
    yield from _learning_rates(study)
    for name in ("batch", "steps"):
        places = [f"corpora.{corpus}.members" for corpus in study.corpora]
        if all(getattr(settings.members, name) for settings in study.corpora.values()):
            yield ("training", name), _overridden(f"{path}.{name}" for path in places)
    for name in ("sizes", "seeds"):
        places = [f"corpora.{corpus}.members.{name}" for corpus in study.corpora]
        if all(getattr(settings.members, name) for settings in study.corpora.values()):
            yield (name,), _overridden(places)
    if all(isinstance(settings, ProcessCorpus) for settings in study.corpora.values()):
        reason = "all corpora are processes, which bring their own"
        yield ("training", "context"), reason
        yield ("tokenizer",), reason
    elif study.tokenizer.kind != "bpe":
        yield ("tokenizer", "vocabulary"), f"a tokenizer of kind {study.tokenizer.kind} has its own"
    if all(settings.members.pretrained is not None for settings in study.corpora.values()):
        yield from _of_training()
    for name in get_args(Analysis):
        readers = {name, *READ_BY.get(name, ())}
        if name in Study.model_fields and not readers & set(study.analyses):
            yield (name,), f"{name} is not in analyses"


def _of_training() -> Iterator[tuple[tuple[str, ...], str]]:
    """Settings of training, and of analyses that need it, where all members are pretrained."""
    reason = "all members are pretrained"
    for name in ("sizes", "variants", "seeds", "reference_seeds", "tune"):
        yield (name,), reason
    for name in Training.model_fields:
        if name != "context":
            yield ("training", name), reason
    for name in get_args(Analysis):
        if STAGES[name].needs_training:
            yield (name,), f"{name} needs members that are trained here, and {reason}"


def _learning_rates(study: Study) -> Iterator[tuple[tuple[str, ...], str]]:
    """Rates that others replace for all members."""
    replaced: dict[str, list[str]] = {}
    used: set[str] = set()
    for corpus in study.corpora:
        for arm in product(study.sizes_of(corpus), study.variants_of(corpus)):
            rates = study.learning_rates(corpus, *arm)
            set_here = [name for name, rate in rates.items() if rate is not None]
            first, *others = [*set_here, "training.learning_rate"]
            used.add(first)
            for other in others:
                replaced.setdefault(other, []).append(first)
    for name, winners in replaced.items():
        if name not in used:
            yield tuple(name.split(".")), _overridden(dict.fromkeys(winners))


def _overridden(names: Iterable[str]) -> str:
    """The reason, with the first of the settings that win and how many more there are."""
    listed = list(names)
    more = f" and {len(listed) - SHOWN} more" if len(listed) > SHOWN else ""
    return f"overridden by {', '.join(listed[:SHOWN])}{more}"
