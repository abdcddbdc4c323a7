"""Checks of variants that start from members of another corpus."""

from collections.abc import Iterator

from manymasks.config.corpora import ProcessCorpus
from manymasks.config.study import Study
from manymasks.config.training import Size
from manymasks.kinds.processes import PROCESSES

SHARED_TOKENIZERS = ("bytes", "pretrained")
"""Kinds of tokenizers whose vocabulary is the same on every corpus of text."""


def missing_starts(study: Study) -> Iterator[tuple[str, str]]:
    """Variants that start from members of another corpus that it does not have, or that have
    another shape or vocabulary."""
    for name in study.corpora:
        for variant_name, variant in study.variants_of(name).items():
            other, start = variant.starts_on, variant.starts_from
            if start is None or other is None or start not in study.variants:
                continue
            if other == name:
                if study.variants[start].starts_from is not None:
                    yield (
                        f"variants.{variant_name}.starts_on",
                        f"'{start}' is itself fine-tuned on {name}: go on from it on a further "
                        "corpus",
                    )
                continue
            if other not in study.corpora:
                corpora = ", ".join(study.corpora)
                where = f"variants.{variant_name}.starts_on"
                yield where, f"'{other}' is not a corpus. Corpora: {corpora}"
                continue
            yield from _unfit(study, name, variant_name)
    cycle = _cycle(study)
    if cycle:
        yield (
            f"corpora.{cycle[0]}.members.variants",
            f"members of {', '.join(cycle)} start from one another: name a further corpus of the "
            "same process for the last ones",
        )


def _unfit(study: Study, corpus: str, name: str) -> Iterator[tuple[str, str]]:
    """Why members of a corpus cannot start from those of another one, which a variant names."""
    variant, where = study.variants[name], f"corpora.{corpus}.members.variants"
    start, other = variant.starts_from, variant.starts_on or corpus
    if start not in study.variants_of(other):
        yield (
            where,
            f"'{name}' starts from '{start}' on {other}, which is not trained there: add it to "
            f"corpora.{other}.members.variants",
        )
    sizes, others = study.sizes_of(corpus), study.sizes_of(other)
    for size in sizes:
        if size not in others or _shape(sizes[size]) != _shape(others[size]):
            yield (
                where,
                f"'{name}' starts from members of {other}, which has no size {size} of this "
                "shape: give both corpora the same sizes",
            )
    missing = set(study.seeds_of(corpus).pairs) - set(study.seeds_of(other).pairs)
    if missing:
        seeds = "{} and {}".format(*min(missing))
        yield (
            where,
            f"'{name}' starts from members of {other}, none of which has the seeds {seeds}: give "
            "both corpora the same seeds",
        )
    if not _shares_vocabulary(study, corpus, other):
        yield (
            where,
            f"'{name}' starts from members of {other}, and {corpus} has another vocabulary: list "
            "other variants for it",
        )


def _shape(size: Size) -> Size:
    return size.model_copy(update={"learning_rate": None})


def _shares_vocabulary(study: Study, corpus: str, other: str) -> bool:
    """Whether a token stands for the same on both corpora, and windows are equally long."""
    settings = [study.corpora[name] for name in (corpus, other)]
    processes = [item for item in settings if isinstance(item, ProcessCorpus)]
    if not processes:
        return study.tokenizer.kind in SHARED_TOKENIZERS
    kinds = {(PROCESSES[item.process].vocabulary, item.document_length) for item in processes}
    return len(processes) == len(settings) and len(kinds) == 1


def _cycle(study: Study) -> list[str]:
    """Corpora that wait for one another, by name; none where there is an order."""
    waiting = sorted(study.corpora)
    while ready := [name for name in waiting if study.starts_on(name).isdisjoint(waiting)]:
        waiting = [name for name in waiting if name not in ready]
    return waiting
