"""What is measured on a corpus: the nodes of each group of analyses."""

from collections.abc import Iterator, Mapping
from typing import Any

from manymasks.config.analyses import Analysis
from manymasks.config.corpora import ProcessCorpus, ProcessName
from manymasks.config.probes import Probe
from manymasks.config.settings import identity
from manymasks.plan.members import (
    Member,
    Text,
    evaluation_settings,
    evaluations,
    names,
    reference_seeds,
    trainings,
)
from manymasks.plan.node import Node, member_label

ANALYSES_OF: dict[ProcessName, tuple[Analysis, ...]] = {
    "masks": ("truth", "spectroscopy", "belief", "swap"),
    "tally": ("truth", "belief"),
    "tally1": ("truth", "belief"),
    "fork": ("truth", "rule_choice"),
    "mess3": ("truth", "belief"),
    "rrxor": ("truth", "belief"),
}
"""What is measured on a process, beside what is measured on any text; of all others, the truth."""


def sets(text: Text) -> Iterator[Node]:
    """Derived, sets of members that fit equally well, and how large these are."""
    members = text.of_set
    tokens, training = {"tokens": (text.tokens,)}, {"training": trainings(members)}
    candidates: dict[str, tuple[Node, ...]] = {}
    if text.asks_for("derived"):
        candidates = {"derived": tuple(_candidates(text))}
        yield from candidates["derived"]
    if text.asks_for("rashomon"):
        inputs = {"evaluation": evaluations(members), **candidates}
        settings = text.of(members, "rashomon")
        rashomon = Node("rashomon", f"rashomon/{text.name}", settings, inputs)
        yield rashomon
        if text.asks_for("multiplicity"):
            inputs = {"rashomon": (rashomon,), **training, **tokens, **candidates}
            inputs["tokenizer"] = (text.tokenizer,)
            settings = text.of(members, "multiplicity")
            yield Node("multiplicity", f"multiplicity/{text.name}", settings, inputs)
    if text.asks_for("volume"):
        settings = text.of(members, "volume")
        yield Node("volume", f"volume/{text.name}", settings, {**training, **tokens})


def _candidates(text: Text) -> Iterator[Node]:
    """Of each class, what is derived from its first members by their seeds."""
    settings = {
        "derived": identity(text.study.derived),
        "evaluation": evaluation_settings(text.study, text.name),
        "statistics": text.statistics,
    }
    of_class: dict[str, list[Node]] = {}
    for member in text.of_set:
        of_class.setdefault(member_label(member.name).rpartition("/")[0], []).append(
            member.training
        )
    for label, several in of_class.items():
        inputs = {
            "training": tuple(several[: text.study.derived.parents]),
            "tokens": (text.tokens,),
        }
        yield Node("derived", f"derived/{label}", settings, inputs)


def probes(text: Text, texts: Mapping[str, Node]) -> Iterator[Node]:
    """Probes, how members differ on each, and what is drawn from several of them.

    Of text that is drawn there is one probe, the text as it is.
    """
    if not text.asks_for("divergence"):
        return
    outside = tuple(reference_seeds(text))
    yield from outside
    contexts: list[Node] = []
    pairs: list[Node] = []
    for name, settings in sorted(text.study.probes.items()):
        if text.is_drawn and settings.family != "held-out":
            continue
        searched, tried = _halves(text.of_set) if settings.family == "search" else ((), text.of_set)
        contexts.append(_probe(text, name, settings, texts, outside, searched))
        inputs = {
            "probe": (contexts[-1],),
            "training": trainings(tried),
            "tokenizer": (text.tokenizer,),
        }
        if outside:
            inputs["reference"] = outside
        of = text.of(tried, "divergence")
        pairs.append(Node("divergence", f"divergence/{text.name}/{name}", of, inputs))
        yield from (contexts[-1], pairs[-1])
    if text.asks_for("funnel") and pairs:
        # What a search leaves out was not seen by all members.
        of_all = [node for node in pairs if node.inputs["training"] == trainings(text.of_set)]
        of = {**text.of(text.of_set, "funnel"), "contrasts": text.contrasts}
        inputs = {"evaluation": evaluations(text.of_set), "divergence": tuple(of_all)}
        yield Node("funnel", f"funnel/{text.name}", of, inputs)
    if text.asks_for("severity") and not text.is_drawn:
        inputs = {"probe": tuple(contexts), "divergence": tuple(pairs)}
        yield Node("severity", f"severity/{text.name}", {"statistics": text.statistics}, inputs)


def _probe(
    text: Text,
    name: str,
    probe: Probe,
    texts: Mapping[str, Node],
    outside: tuple[Node, ...],
    searched: tuple[Member, ...],
) -> Node:
    """The contexts of a probe: made from text, drawn from members outside, or searched for."""
    own = identity(probe)
    # What another corpus is called is in no key, nor what only a search needs.
    del own["corpus"]
    if probe.family != "search":
        del own["candidates"], own["plausible"]
    settings: dict[str, Any] = {
        "name": name,
        "corpus": text.name,
        "probe": own,
        "context": text.context,
        "statistics": text.statistics,
    }
    inputs: dict[str, tuple[Node, ...]] = {"tokens": (text.tokens,)}
    stage = {"self": "self_written", "search": "search"}.get(probe.family, "probe")
    if stage == "self_written":
        inputs["training"] = outside
    elif stage == "search":
        inputs["training"] = trainings(searched)
        settings["members"] = names(searched)
    else:
        inputs["tokenizer"] = (text.tokenizer,)
        if probe.corpus is not None:
            inputs["other"] = (texts[probe.corpus],)
    return Node(stage, f"{stage}/{text.name}/{name}", settings, inputs)


def _halves(members: tuple[Member, ...]) -> tuple[tuple[Member, ...], tuple[Member, ...]]:
    """The members a search looks at and those it is tried on: halves of the initial seeds."""
    inits = sorted({each.name["seed_init"] for each in members})
    first = inits[: len(inits) // 2]
    searched = tuple(each for each in members if each.name["seed_init"] in first)
    return searched, tuple(each for each in members if each.name["seed_init"] not in first)


def behaviour(text: Text) -> Iterator[Node]:
    """What members write and how they represent text: not of text that is drawn."""
    if text.is_drawn:
        return
    inputs = {"training": trainings(text.of_set), "tokens": (text.tokens,)}
    if text.asks_for("rollout"):
        settings = text.of(text.of_set, "rollout")
        of_rollout = {**inputs, "tokenizer": (text.tokenizer,)}
        yield Node("rollout", f"rollout/{text.name}", settings, of_rollout)
    if text.asks_for("representation"):
        settings = {**text.of(text.of_set, "representation"), "context": text.context}
        yield Node("representation", f"representation/{text.name}", settings, inputs)


def myopia(text: Text) -> Iterator[Node]:
    """What variants that differ in their gradients only cost, its floors, and the gradients."""
    if not text.asks_for("myopia") or not text.contrasts:
        return
    tokens = {"tokens": (text.tokens,)}
    settings: dict[str, Any] = {
        "evaluation": evaluation_settings(text.study, text.name),
        "statistics": text.statistics,
        "corpus": text.name,
        "context": text.context,
    }
    floor = Node("ngram_baseline", f"ngram_baseline/{text.name}", settings, tokens)
    yield floor
    # Present and future are parts of a causal gradient.
    whole = [each for each in text.members if each.variant.gradient == "causal"]
    if whole:
        settings = {**identity(text.study.myopia), "members": names(whole)}
        del settings["contrasts"]
        inputs = {"training": trainings(whole), **tokens}
        yield Node("gradient", f"gradient/{text.name}", settings, inputs)
    # What starts from another's weights is not what its gradient alone would find.
    alone = [each for each in text.members if each.variant.starts_from is None]
    settings = {"members": names(alone), "statistics": text.statistics}
    settings["contrasts"] = text.contrasts
    inputs = {
        "evaluation": evaluations(alone),
        "training": trainings(alone),
        "ngram_baseline": (floor,),
    }
    yield Node("myopia", f"myopia/{text.name}", settings, inputs)


def known(text: Text) -> Iterator[Node]:
    """What is measured on a process.

    Those that start from another's weights are among the members, but not those that see another
    past or none: the law is that of text as it is.
    """
    members = [each for each in text.members if each.variant.flow.past == "own"]
    if not isinstance(text.settings, ProcessCorpus) or not members:
        return
    process = identity(text.settings)
    del process["members"]
    inputs = {"training": trainings(members), "tokens": (text.tokens,)}
    for analysis in ANALYSES_OF.get(text.settings.process, ("truth",)):
        if text.asks_for(analysis):
            settings = {**text.of(members, analysis), "process": process}
            if analysis == "truth":
                settings["contrasts"] = text.contrasts
            yield Node(analysis, f"{analysis}/{text.name}", settings, inputs)
