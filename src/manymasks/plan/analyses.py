"""The nodes of each group of analyses of a corpus."""

from collections.abc import Iterator, Mapping
from itertools import product
from typing import Any

from manymasks.catalogue import STAGES
from manymasks.config.probes import Probe
from manymasks.config.settings import identity
from manymasks.config.training import Seeds
from manymasks.kinds.families import FAMILIES, FAMILY_SETTINGS
from manymasks.plan.node import Node, member_label
from manymasks.plan.trainings import (
    PlannedCorpus,
    PlannedMember,
    evaluation_settings,
    evaluations,
    names,
    trainings,
)


def set_nodes(corpus: PlannedCorpus) -> Iterator[Node]:
    """Derived members, Rashomon sets, their multiplicity, and what is proved of their members."""
    members = corpus.set_members
    derived: dict[str, tuple[Node, ...]] = {}
    if corpus.has_analysis("derived"):
        derived = {"derived": tuple(_derived_nodes(corpus))}
        yield from derived["derived"]
    if corpus.has_analysis("rashomon"):
        inputs = {"evaluation": evaluations(members), **derived}
        settings = corpus.analysis_settings("rashomon", members)
        rashomon = Node("rashomon", f"rashomon/{corpus.name}", settings, inputs)
        yield rashomon
        if corpus.has_analysis("multiplicity"):
            inputs = {"rashomon": (rashomon,), **corpus.inputs(members), **derived}
            settings = corpus.analysis_settings("multiplicity", members)
            yield Node("multiplicity", f"multiplicity/{corpus.name}", settings, inputs)
    if corpus.has_analysis("universal") and members:
        # Without sets there is nothing to share proofs in, and bounds hold all the same.
        sets = {"rashomon": (rashomon,)} if corpus.has_analysis("rashomon") else {}
        settings = corpus.analysis_settings("universal", members)
        if corpus.is_process:
            settings["process"] = corpus.process
        inputs = {**sets, **corpus.inputs(members)}
        yield Node("universal", f"universal/{corpus.name}", settings, inputs)


def _derived_nodes(corpus: PlannedCorpus) -> Iterator[Node]:
    """One node per class: its parents are the first members in the order of their seeds."""
    settings = {
        "derived": identity(corpus.study.derived),
        "evaluation": evaluation_settings(corpus.study, corpus.name),
        "statistics": corpus.statistics,
    }
    trainings_of_class: dict[str, list[Node]] = {}
    for member in corpus.set_members:
        model_class = member_label(member.name).rpartition("/")[0]
        trainings_of_class.setdefault(model_class, []).append(member.training)
    for model_class, nodes in trainings_of_class.items():
        parents = tuple(nodes[: corpus.study.derived.parents])
        inputs = {"training": parents, "tokens": (corpus.tokens,)}
        yield Node("derived", f"derived/{model_class}", settings, inputs)


def probe_nodes(corpus: PlannedCorpus, documents: Mapping[str, Node]) -> Iterator[Node]:
    """Probes, divergence on each, contexts of the explorer, and the analyses that combine several
    probes. A corpus that is drawn from a process has only the probe of unchanged text. `corpus`:
    the corpus whose members are compared. `documents`: the documents of every corpus of the study,
    by name."""
    if not corpus.has_analysis("divergence"):
        return
    references = corpus.references
    yield from references
    members = corpus.set_members
    contexts: list[Node] = []
    divergences: list[Node] = []
    explored: list[Node] = []
    for name, probe in sorted(corpus.study.probes.items()):
        if corpus.is_process and probe.family != "held-out":
            continue
        is_search = FAMILIES[probe.family].stage == "search"
        searched: tuple[PlannedMember, ...] = ()
        compared = members
        if is_search:
            searched, compared = _halves(members, corpus.study.seeds_of(corpus.name))
        contexts.append(_probe_node(corpus, name, probe, documents, references, searched))
        inputs = {
            "probe": (contexts[-1],),
            "training": trainings(compared),
            "tokenizer": (corpus.tokenizer,),
        }
        if corpus.has_analysis("explorer"):
            settings = {"members": names(compared), "explorer": identity(corpus.study.explorer)}
            explored.append(Node("explorer", f"explorer/{corpus.name}/{name}", settings, inputs))
        if references:
            inputs = {**inputs, "reference": references}
        settings = corpus.analysis_settings("divergence", compared)
        divergences.append(Node("divergence", f"divergence/{corpus.name}/{name}", settings, inputs))
        yield from (contexts[-1], divergences[-1])
    yield from explored
    if corpus.has_analysis("funnel") and divergences:
        # The contexts of a search were tried on half of the members only.
        complete = [node for node in divergences if node.inputs["training"] == trainings(members)]
        settings = corpus.analysis_settings("funnel", members)
        settings["contrasts"] = corpus.contrasts
        inputs = {"evaluation": evaluations(members), "divergence": tuple(complete)}
        yield Node("funnel", f"funnel/{corpus.name}", settings, inputs)
    if corpus.has_analysis("severity") and not corpus.is_process:
        inputs = {"probe": tuple(contexts), "divergence": tuple(divergences)}
        settings = {"statistics": corpus.statistics}
        yield Node("severity", f"severity/{corpus.name}", settings, inputs)


def _probe_node(
    corpus: PlannedCorpus,
    name: str,
    probe: Probe,
    documents: Mapping[str, Node],
    references: tuple[Node, ...],
    searched: tuple[PlannedMember, ...],
) -> Node:
    """The contexts of a probe: made from text, written by reference seeds, or searched for."""
    family, section = FAMILIES[probe.family], identity(probe)
    # The other corpus is an input, so its name is in no key; nor are settings of another family.
    for setting in FAMILY_SETTINGS:
        if setting == "corpus" or setting not in family.settings:
            del section[setting]
    settings: dict[str, Any] = {
        "name": name,
        "corpus": corpus.name,
        "probe": section,
        "context": corpus.context,
        "statistics": corpus.statistics,
    }
    inputs: dict[str, tuple[Node, ...]] = {"tokens": (corpus.tokens,)}
    if family.stage == "self_written":
        inputs["training"] = references
    elif family.stage == "search":
        inputs["training"] = trainings(searched)
        settings["members"] = names(searched)
    else:
        inputs["tokenizer"] = (corpus.tokenizer,)
        if probe.corpus is not None:
            inputs["other"] = (documents[probe.corpus],)
    return Node(family.stage, f"{family.stage}/{corpus.name}/{name}", settings, inputs)


def _halves(
    members: tuple[PlannedMember, ...], seeds: Seeds
) -> tuple[tuple[PlannedMember, ...], tuple[PlannedMember, ...]]:
    """Members that a search may query, and held-out ones, which share no seed with them. Crossed
    members with one seed of either half are in neither."""
    inits = seeds.init[: len(seeds.init) // 2]
    orders = seeds.orders[: len(seeds.orders) // 2]
    searched, held_out = [], []
    for member in members:
        is_first = member.name["seed_init"] in inits, member.name["seed_order"] in orders
        if all(is_first):
            searched.append(member)
        elif not any(is_first):
            held_out.append(member)
    return tuple(searched), tuple(held_out)


def member_nodes(corpus: PlannedCorpus) -> Iterator[Node]:
    """Analyses that read only members and their text: nodes that follow from the catalogue."""
    for name, stage in STAGES.items():
        skipped = corpus.is_process and stage.skips_processes
        if stage.compares is None or skipped or not corpus.has_analysis(name):
            continue
        process: dict[str, Any] = {}
        if stage.needs_process:
            if name not in corpus.process_analyses:
                continue
            process = {"process": corpus.process}
        is_set = stage.compares == "non-controls"
        members = corpus.set_members if is_set else corpus.own_past_members
        if members:
            settings = {**corpus.analysis_settings(name, members), **process}
            given = corpus.inputs(members)
            # Pretrained members have the role of trainings.
            inputs = {role: given[role] for role in stage.inputs if role in given}
            yield Node(name, f"{name}/{corpus.name}", settings, inputs)


def myopia_nodes(corpus: PlannedCorpus) -> Iterator[Node]:
    """N-gram baselines, the parts of the causal gradient, and the myopia gap."""
    if not corpus.has_analysis("myopia") or not corpus.contrasts:
        return
    tokens = {"tokens": (corpus.tokens,)}
    settings: dict[str, Any] = {
        "evaluation": evaluation_settings(corpus.study, corpus.name),
        "statistics": corpus.statistics,
        "corpus": corpus.name,
        "context": corpus.context,
    }
    baseline = Node("ngram_baseline", f"ngram_baseline/{corpus.name}", settings, tokens)
    yield baseline
    # Only a causal gradient splits into present and future.
    causal = [member for member in corpus.members if member.variant.gradient == "causal"]
    if causal:
        settings = {**identity(corpus.study.myopia), "members": names(causal)}
        del settings["contrasts"]
        inputs = {"training": trainings(causal), **tokens}
        yield Node("gradient", f"gradient/{corpus.name}", settings, inputs)
    # A fine-tuned member does not show what its gradient finds from a random start.
    members = [member for member in corpus.members if member.variant.starts_from is None]
    settings = {"members": names(members), "statistics": corpus.statistics}
    settings["contrasts"] = corpus.contrasts
    inputs = {
        "evaluation": evaluations(members),
        "training": trainings(members),
        "ngram_baseline": (baseline,),
    }
    yield Node("myopia", f"myopia/{corpus.name}", settings, inputs)


def control_nodes(corpora: Mapping[str, PlannedCorpus]) -> Iterator[Node]:
    """The gap of each process beyond that of its control, where the study has both."""
    measured = [corpus for corpus in corpora.values() if corpus.has_analysis("myopia")]
    for corpus, control in product(measured, measured):
        contrasts = [contrast for contrast in corpus.contrasts if contrast in control.contrasts]
        if contrasts and control.is_control_of(corpus):
            members = [
                member
                for member in (*corpus.members, *control.members)
                if member.variant.starts_from is None
            ]
            settings = {"members": names(members), "statistics": corpus.statistics}
            settings["contrasts"] = contrasts
            label = f"control/{corpus.name}/{control.name}"
            yield Node("control", label, settings, {"evaluation": evaluations(members)})


def fine_tuning_nodes(corpus: PlannedCorpus) -> Iterator[Node]:
    """What fine-tuning changed, on corpora with fine-tuned members, beside those that were trained
    there from drawn weights; on others without a changed law, what rewards change."""
    members = corpus.own_past_members
    is_known = "fine_tuning" in corpus.process_analyses and corpus.has_analysis("fine_tuning")
    starts: list[Node] = []
    # The list grows by the starts of starts.
    for training in (waiting := list(trainings(members))):
        for start in training.inputs.get("start", ()):
            if start not in starts:
                starts.append(start)
                waiting.append(start)
    is_rewarded = (
        bool(corpus.study.fine_tuning.reward.rewards) and corpus.process.get("law") is None
    )
    if is_known and (starts or is_rewarded):
        settings = {**corpus.analysis_settings("fine_tuning", members), "process": corpus.process}
        if starts:
            del settings["fine_tuning"]["reward"]
        inputs = {"training": trainings(members), "start": tuple(starts)}
        yield Node("fine_tuning", f"fine_tuning/{corpus.name}", settings, inputs)


def thinking_nodes(corpora: Mapping[str, PlannedCorpus]) -> Iterator[Node]:
    """Answers of members of all corpora of `lag` in one artifact, which compares its formats."""
    measured = [
        corpora[name]
        for name in sorted(corpora)
        if "thinking" in corpora[name].process_analyses and corpora[name].has_analysis("thinking")
    ]
    members = [member for corpus in measured for member in corpus.own_past_members]
    if members:
        settings: dict[str, Any] = measured[0].analysis_settings("thinking", members)
        settings["formats"] = {
            corpus.name: corpus.process["answer_format"] or "direct" for corpus in measured
        }
        label = "/".join(["thinking", *settings["formats"]])
        yield Node("thinking", label, settings, {"training": trainings(members)})


def process_nodes(corpus: PlannedCorpus) -> Iterator[Node]:
    """The exact next-token law of a process, and the excess loss of members over it."""
    if not corpus.is_process or not corpus.has_analysis("truth"):
        return
    process, tokens = {"process": corpus.process}, {"tokens": (corpus.tokens,)}
    settings: dict[str, Any] = {
        "truth": identity(corpus.study.truth),
        "statistics": corpus.statistics,
        "corpus": corpus.name,
        **process,
    }
    truth = Node("truth", f"truth/{corpus.name}", settings, tokens)
    yield truth
    members = corpus.own_past_members
    if members and corpus.has_analysis("excess"):
        settings = {**corpus.analysis_settings("excess", members), **process}
        settings["contrasts"] = corpus.contrasts
        inputs = {"truth": (truth,), "training": trainings(members), **tokens}
        yield Node("excess", f"excess/{corpus.name}", settings, inputs)
