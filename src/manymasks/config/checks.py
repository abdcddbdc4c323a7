"""Checks between sections of a study: names that are unknown, settings that contradict another."""

from collections.abc import Iterable, Iterator
from itertools import product

from manymasks.catalogue import STAGES
from manymasks.config.claims import TESTED_BY, Primary
from manymasks.config.corpora import ProcessCorpus
from manymasks.config.probes import too_large
from manymasks.config.starts import missing_starts
from manymasks.config.study import Study
from manymasks.kinds.families import FAMILIES
from manymasks.kinds.processes import PROCESSES

SEED_KINDS = {"init": "init", "order": "orders"}
"""Setting of each kind of seed -> the attribute that holds its seeds."""
MEMBERS = 10_000
"""Most members of a study, which is planned and loaded as a whole."""


def cross_field_problems(study: Study) -> Iterator[tuple[str, str]]:
    """Path and description of each mistake that only the study as a whole shows."""
    members = sum(map(study.members_of, study.corpora))
    if members > MEMBERS:
        yield "seeds", f"give {members:,} members, and a study has at most {MEMBERS:,}"
        return
    yield from _unknown_variants(study)
    yield from _tuning_problems(study)
    yield from _untested_claims(study)
    yield from _reference_seed_problems(study)
    yield from _probe_problems(study)
    yield from _excess_without_truth(study)
    yield from _documents_cut_too_short(study)
    yield from _unsuited_mixers(study)
    yield from missing_starts(study)
    yield from _unsuited_pretrained(study)
    context = study.training.context
    written = study.rollout.prompt + study.rollout.length
    if "rollout" in study.analyses and written > context:
        yield (
            "rollout.length",
            f"a prompt of {study.rollout.prompt} tokens and {study.rollout.length} after it do "
            f"not fit training.context ({context})",
        )
    if study.evaluation.position_edges[-1] >= context:
        yield (
            "evaluation.position_edges",
            f"the last bucket begins at {study.evaluation.position_edges[-1]}, but positions "
            f"end before training.context ({context})",
        )
    for name, variant in study.variants.items():
        warmup, decay = (
            getattr(study.training if getattr(variant, share) is None else variant, share)
            for share in ("warmup", "decay")
        )
        if warmup + decay > 1:
            yield (
                f"variants.{name}",
                f"has warmup {warmup:g} and decay {decay:g}, shares of its steps: together they "
                "must not exceed 1",
            )
    for section in ("sizes", "variants", "corpora"):
        names: dict[str, str] = {}
        for name, settings in getattr(study, section).items():
            same = names.setdefault(settings.model_dump_json(), name)
            if same != name:
                yield f"{section}.{name}", f"is the same as {section}.{same}: remove one"


def _unsuited_mixers(study: Study) -> Iterator[tuple[str, str]]:
    """Variants and analyses that a recurrence has no form of, on corpora with a recurrent size."""
    for corpus in study.corpora:
        recurrent = [name for name, size in study.sizes_of(corpus).items() if size.is_recurrent]
        if not recurrent:
            continue
        for name, variant in study.variants_of(corpus).items():
            if "recurrent" not in variant.flow.mixers:
                yield (
                    f"variants.{name}.gradient",
                    f"{variant.gradient} needs attention, and size {recurrent[0]} on {corpus} is "
                    f"recurrent: give corpora.{corpus}.members other variants or sizes",
                )
        settings = study.corpora[corpus]
        of_process = settings.process_analyses if isinstance(settings, ProcessCorpus) else ()
        for analysis in study.analyses_of(corpus):
            stage = STAGES[analysis]
            is_run = analysis in of_process or not stage.needs_process
            if stage.needs_attention and is_run:
                yield (
                    f"corpora.{corpus}.members.analyses",
                    f"{analysis} needs attention, and size {recurrent[0]} is recurrent: leave it "
                    "out of the analyses, or give the corpus other sizes",
                )


def _unsuited_pretrained(study: Study) -> Iterator[tuple[str, str]]:
    """Corpora with pretrained members whose tokens are others, and analyses that train."""
    for name, corpus in study.corpora.items():
        if corpus.members.pretrained is None:
            continue
        where = f"corpora.{name}.members"
        if isinstance(corpus, ProcessCorpus):
            yield (
                f"{where}.pretrained",
                "checkpoints read text, and a process has a vocabulary of its own: remove it",
            )
        elif study.tokenizer.kind != "pretrained":
            yield (
                f"{where}.pretrained",
                f"checkpoints read the tokens of their own tokenizer, and tokenizer.kind is "
                f"{study.tokenizer.kind}: write `tokenizer: {{kind: pretrained, ...}}` with the "
                "tokenizer.json of one of them",
            )
        for analysis in corpus.members.analyses or ():
            if STAGES[analysis].needs_training:
                yield (
                    f"{where}.analyses",
                    f"{analysis} needs members that are trained here, and these are pretrained: "
                    "leave it out",
                )


def _probe_problems(study: Study) -> Iterator[tuple[str, str]]:
    """Probes that do not fit the context, or lack what they are made from."""
    context = study.training.context
    for name, probe in study.probes.items():
        where, family = f"probes.{name}", FAMILIES[probe.family]
        if probe.scored is not None and probe.scored >= context:
            yield (
                f"{where}.scored",
                f"is {probe.scored}, which leaves no context: it must be less than "
                f"training.context ({context})",
            )
            continue
        problem = too_large(probe, context)
        if problem is not None:
            yield f"{where}.severities", problem
        if probe.corpus is not None and probe.corpus not in study.corpora:
            corpora = ", ".join(study.corpora)
            yield f"{where}.corpus", f"'{probe.corpus}' is not a corpus. Corpora: {corpora}"
        if family.stage == "self_written":
            for corpus in study.texts_with_divergence():
                is_pretrained = study.corpora[corpus].members.pretrained is not None
                if is_pretrained and not study.has_references(corpus):
                    yield (
                        where,
                        f"reference models write the contexts of a {probe.family} probe, and "
                        f"{corpus} has none: write `reference: true` beside one of "
                        f"corpora.{corpus}.members.pretrained, or remove the probe",
                    )
                elif not study.has_references(corpus):
                    yield (
                        where,
                        f"reference seeds of a causal variant write the contexts of a "
                        f"{probe.family} probe, and {corpus} has none: name them, such as "
                        "`reference_seeds: {init: [900], order: [900]}`",
                    )
        if family.stage == "search":
            yield from _search_problems(study, where)
        if family.lengthens:
            for corpus in study.texts_with_divergence():
                for size_name, size in study.sizes_of(corpus).items():
                    if size.positions == "learned":
                        yield (
                            where,
                            f"a {probe.family} probe needs rotary positions; size {size_name} "
                            "learns its positions",
                        )


def _documents_cut_too_short(study: Study) -> Iterator[tuple[str, str]]:
    """Corpora whose held-out documents are cut before one window of an analysis ends."""
    context = study.training.context
    longest = context
    for probe in study.probes.values():
        family = FAMILIES[probe.family]
        if family.lengthens:
            factors = probe.severities or family.severities
            longest = max(longest, *(round(factor * context) for factor in factors))
    for name, corpus in study.corpora.items():
        if isinstance(corpus, ProcessCorpus) or corpus.held_out_tokens is None:
            continue
        if corpus.held_out_tokens <= longest:
            yield (
                f"corpora.{name}.held_out_tokens",
                f"is {corpus.held_out_tokens}, and windows have up to {longest} tokens: raise it "
                f"to {longest + 1} or more, or set it to null, which counts documents whole",
            )


def _search_problems(study: Study, where: str) -> Iterator[tuple[str, str]]:
    """A search needs members to query and held-out members: halves of the initial seeds."""
    for name in study.texts_with_divergence():
        inits = len(study.seeds_of(name).init)
        if inits < 4:
            yield (
                where,
                f"a search needs two members in each half of the initial seeds, and {name} "
                f"has {inits} initial seeds",
            )


def _reference_seed_problems(study: Study) -> Iterator[tuple[str, str]]:
    """Reference seeds that are seeds of the study, or of an unknown size or variant."""
    reference = study.reference_seeds
    if reference is None:
        return
    for corpus in study.corpora:
        if study.reference_arm(corpus) is None:
            continue
        arms = {"size": study.sizes_of(corpus), "variant": study.variants_of(corpus)}
        for role, names in arms.items():
            name = getattr(reference, role)
            if name is not None and name not in names:
                known = ", ".join(names)
                yield f"reference_seeds.{role}", f"'{name}' is not one of {known}, of {corpus}"
        variant = study.variants_of(corpus).get(reference.variant or "")
        if variant is not None and variant.is_control:
            yield (
                "reference_seeds.variant",
                f"'{reference.variant}' is a control or fine-tuned: name another variant",
            )
        for kind, field in SEED_KINDS.items():
            shared = set(getattr(reference, field)) & set(getattr(study.seeds_of(corpus), field))
            if shared:
                yield (
                    f"reference_seeds.{kind}",
                    f"{min(shared)} is a seed of the study: reference seeds are in no "
                    "analysis, so choose other seeds for them",
                )


def _excess_without_truth(study: Study) -> Iterator[tuple[str, str]]:
    """Corpora with `excess`, which compares members with the law, but without `truth`."""
    for name, corpus in study.corpora.items():
        chosen = study.analyses_of(name)
        is_process = isinstance(corpus, ProcessCorpus)
        if is_process and "excess" in chosen and "truth" not in chosen:
            in_corpus = "truth" in study.analyses
            yield (
                f"corpora.{name}.members.analyses" if in_corpus else "analyses",
                f"has excess without truth, which it compares members of {name} with: add truth",
            )


def _unknown_variants(study: Study) -> Iterator[tuple[str, str]]:
    """Names of variants that do not exist or do not qualify."""
    variants = f"Variants: {', '.join(study.variants)}"
    is_trained = any(corpus.members.pretrained is None for corpus in study.corpora.values())
    has_contrasts = is_trained and "myopia" in study.analyses
    for i, contrast in enumerate(study.myopia.contrasts if has_contrasts else ()):
        for role in ("baseline", "variant"):
            name = getattr(contrast, role)
            if name not in study.variants:
                yield f"myopia.contrasts.{i}.{role}", f"'{name}' is not a variant. {variants}"
    for name, variant in study.variants.items():
        for setting in ("past_from", "starts_from"):
            other = getattr(variant, setting)
            if other is None:
                continue
            where = f"variants.{name}.{setting}"
            if other not in study.variants:
                yield where, f"'{other}' is not a variant. {variants}"
            elif study.variants[other].past_from is not None:
                gradient = study.variants[other].gradient
                yield where, f"'{other}' is itself {gradient}: name another variant"
            elif study.variants[other].starts_from is not None and variant.starts_on is None:
                yield where, f"'{other}' is itself fine-tuned: name another variant"
    for name, corpus in study.corpora.items():
        where = f"corpora.{name}.members.variants"
        chosen = corpus.members.variants or ()
        for variant_name in chosen:
            if variant_name not in study.variants:
                yield where, f"'{variant_name}' is not a variant. {variants}"
        for variant_name, variant in study.variants_of(name).items():
            others = [variant.past_from]
            if variant.starts_on in (None, name):
                others.append(variant.starts_from)
            for other in others:
                if other in study.variants and chosen and other not in chosen:
                    yield (
                        where,
                        f"'{variant_name}' is trained from '{other}', which must be listed too",
                    )


def _tuning_problems(study: Study) -> Iterator[tuple[str, str]]:
    """Fine-tuned variants with a rate to tune, and trials that share a seed of the study."""
    seeds = {"init": set[int](), "order": set[int]()}
    for name in study.corpora:
        arms = product(study.sizes_of(name), study.variants_of(name))
        tuned = [arm for arm in arms if study.learning_rate(name, *arm) == "tune"]
        for kind in seeds if tuned else ():
            seeds[kind] |= set(getattr(study.seeds_of(name), SEED_KINDS[kind]))
        for _, variant in tuned:
            if study.variants[variant].starts_from is not None:
                yield (
                    f"variants.{variant}.learning_rate",
                    "is `tune`, but a fine-tuned variant needs a number",
                )
    for kind, used in seeds.items():
        shared = set(getattr(study.tune.seeds, SEED_KINDS[kind])) & used
        if shared:
            yield (
                f"tune.seeds.{kind}",
                f"{min(shared)} is a seed of the study: choose other seeds for trials",
            )


def _untested_claims(study: Study) -> Iterator[tuple[str, str]]:
    """Primary claims that name something unknown, or that no analysis of the study tests."""
    for i, claim in enumerate(study.primary):
        where = f"primary.{i}"
        if claim in study.primary[:i]:
            yield where, "is named more than once"
        if claim.corpus not in study.corpora:
            yield (
                f"{where}.corpus",
                f"'{claim.corpus}' is not a corpus. Corpora: {', '.join(study.corpora)}. An "
                "overlay with other corpora names claims about these, or none: `primary: []`",
            )
            continue
        unknown = list(_unknown_names(study, claim))
        yield from ((f"{where}.{role}", text) for role, text in unknown)
        reason = None if unknown else _untested_because(study, claim)
        if TESTED_BY[claim.claim] not in study.analyses_of(claim.corpus):
            reason = (
                f"'{TESTED_BY[claim.claim]}' is not an analysis of {claim.corpus}. Add it to "
                "analyses, or remove the claim"
            )
        if reason is not None:
            yield where, f"is not tested: {reason}"


def _unknown_names(study: Study, claim: Primary) -> Iterator[tuple[str, str]]:
    """Unknown names in a claim on a known corpus, by setting."""
    variants, sizes = study.variant_names(claim.corpus), study.sizes_by_weights(claim.corpus)
    known: dict[str, Iterable[str]] = {"subject": sizes, "baseline": sizes, "within": variants}
    if claim.claim == "gap":
        known = {"subject": variants, "baseline": variants, "within": sizes}
    elif claim.claim == "gap_beyond_control":
        known["baseline"] = _controls(study, claim.corpus)
    for role, names in known.items():
        name = getattr(claim, role)
        if name not in names:
            yield (
                role,
                f"'{name}' is not one of {', '.join(names) or 'none'}, as a claim of kind "
                f"{claim.claim} on {claim.corpus} needs",
            )
    if claim.probe is not None and claim.probe not in study.probes:
        yield "probe", f"'{claim.probe}' is not a probe. Probes: {', '.join(study.probes)}"


def _controls(study: Study, name: str) -> list[str]:
    """The corpora drawn from the control of the process of a corpus."""
    corpora = {
        other: PROCESSES[corpus.process]
        for other, corpus in study.corpora.items()
        if isinstance(corpus, ProcessCorpus)
    }
    process = getattr(study.corpora[name], "process", None)
    return [other for other, spec in corpora.items() if spec.control_of == process]


def _untested_because(study: Study, claim: Primary) -> str | None:
    """Why the analysis does not test a claim whose names are known; None if it does."""
    if claim.claim == "gap":
        pairs = {(contrast.variant, contrast.baseline) for contrast in study.myopia.contrasts}
        is_tested = (claim.subject, claim.baseline) in pairs
        return None if is_tested else "add these two variants to myopia.contrasts"
    if claim.claim == "gap_beyond_control":
        if claim.subject not in study.sizes_of(claim.baseline):
            return f"'{claim.subject}' is not trained on {claim.baseline}"
        if "myopia" not in study.analyses_of(claim.baseline):
            return f"'myopia' is not an analysis of {claim.baseline}. Add it to analyses"
        shown = {contrast.variant for contrast in study.myopia.contrasts}
        both = claim.within in study.variants_of(claim.baseline) and claim.within in shown
        return None if both else f"'{claim.within}' has no contrast on {claim.baseline}"
    sizes = study.sizes_by_weights(claim.corpus)
    steps = sizes.index(claim.subject) - sizes.index(claim.baseline)
    if steps < 0:
        return f"'{claim.subject}' is smaller than '{claim.baseline}': exchange the two"
    if claim.claim == "headroom" and steps > 1:
        return f"headroom is measured from a size to the next one, of {', '.join(sizes)}"
    within = study.variants_of(claim.corpus).get(claim.within)
    if within is not None and within.is_control:
        return f"'{claim.within}' is a control, in no Rashomon set and in no divergence"
    if claim.claim == "spread" and study.seeds_of(claim.corpus).count < 2:
        return f"a spread needs two members of a size, and {claim.corpus} has one"
    is_process = isinstance(study.corpora[claim.corpus], ProcessCorpus)
    if claim.probe is not None and is_process and (study.probes[claim.probe].family != "held-out"):
        return f"on the process {claim.corpus}, held-out text is the only probe"
    return None
