"""A study, typed: every setting, its default and its range.

The same declarations generate config/schema.json and config/README.md, so a setting is
documented where it is defined and nowhere else.
"""

from collections.abc import Iterator, Mapping
from itertools import product
from typing import Annotated, Literal

from pydantic import Field

from manymasks.catalogue import ANALYSES
from manymasks.config.analyses import (
    Analysis,
    Belief,
    Divergence,
    Evaluation,
    Excess,
    Myopia,
    Representation,
    Rollout,
    RuleChoice,
    Spectroscopy,
    Statistics,
    Swap,
    Truth,
)
from manymasks.config.claims import TESTED_BY, Primary
from manymasks.config.corpora import Corpus, ProcessCorpus
from manymasks.config.probes import Probe, too_large
from manymasks.config.rashomon import Derived, Funnel, Multiplicity, Rashomon, Volume
from manymasks.config.settings import Name, Settings, operational
from manymasks.config.training import (
    ReferenceSeeds,
    Seeds,
    Size,
    Tokenizer,
    Training,
    Tune,
    Variant,
)


class Hardware(Settings):
    """How the work is done; nothing here changes a result, but last bits on a GPU."""

    device: Literal["auto", "cpu", "cuda"] = operational("auto")
    """Where models run: `auto` takes a GPU where there is one."""
    members_per_gpu: int = operational(4, ge=1)
    """Jobs that may share one GPU at a time."""
    stack: Annotated[int, Field(ge=1)] | Literal["auto"] = operational("auto")
    """Members of one shape that one process trains, and scores: `auto` is 1 on a CPU, 4 where they
    are scored, and up to 32 on a GPU.
    A number is kept to on a GPU: with fewer members the rest are dummies, so that bits are the
    same whoever is missing."""
    log_seconds: float = operational(15.0, gt=0)
    """Seconds between two lines of progress in a log."""
    checkpoint_seconds: float = operational(20.0, ge=0)
    """Seconds between two resumable states of a training."""


class Study(Settings):
    """Everything that is trained and measured."""

    name: Name = "study"
    """Title of the study in the report."""
    corpora: Annotated[dict[Name, Corpus], Field(min_length=1)]
    """Named corpora; every size and variant is trained on each, unless its `members` say else."""
    tokenizer: Tokenizer = Tokenizer()
    """The tokenizer, trained once for each corpus."""
    sizes: Annotated[dict[Name, Size], Field(min_length=1)]
    """Named model sizes."""
    variants: Annotated[dict[Name, Variant], Field(min_length=1)]
    """Named variants."""
    training: Training = Training()
    """The training budget, the same for all corpora that name none of their own."""
    tune: Tune = Tune()
    """The grid of learning rates, used where a learning rate is `tune`."""
    seeds: Seeds = Seeds()
    """Seeds, crossed."""
    reference_seeds: ReferenceSeeds | None = None
    """Members outside all analyses, trained on each corpus of text that has divergence."""
    evaluation: Evaluation = Evaluation()
    """Scoring on whole documents."""
    rashomon: Rashomon = Rashomon()
    """Rashomon sets."""
    derived: Derived = Derived()
    """Members derived from trained ones."""
    multiplicity: Multiplicity = Multiplicity()
    """How differently the members of a set predict."""
    volume: Volume = Volume()
    """Local volume."""
    funnel: Funnel = Funnel()
    """The constraint funnel."""
    probes: Annotated[dict[Name, Probe], Field(min_length=1)] = {
        "held-out": Probe(family="held-out"),
        "shuffle": Probe(family="shuffle", scored=32, severities=(2, 4, 8, 16, 32)),
    }
    """Named probes."""
    divergence: Divergence = Divergence()
    """Behavioural divergence."""
    rollout: Rollout = Rollout()
    """What members write."""
    representation: Representation = Representation()
    """How members represent the same tokens."""
    myopia: Myopia = Myopia()
    """The myopia gap."""
    truth: Truth = Truth()
    """The exact law, where it is known."""
    excess: Excess = Excess()
    """Loss above the exact law."""
    spectroscopy: Spectroscopy = Spectroscopy()
    """Which masks speak in a member."""
    belief: Belief = Belief()
    """Beliefs in the residual stream."""
    rule_choice: RuleChoice = RuleChoice()
    """Rule choice."""
    swap: Swap = Swap()
    """Swapped masks."""
    statistics: Statistics = Statistics()
    """Intervals."""
    primary: Annotated[tuple[Primary, ...], Field(max_length=8)] = ()
    """Claims that are named before the run; all others that are tested are exploratory."""
    analyses: tuple[Analysis, ...] = ANALYSES
    """Which analyses are made. `truth` and those after it are made where a corpus is drawn from a
    known process that they apply to."""
    hardware: Hardware = Hardware()
    """How the work is done."""

    def sizes_of(self, corpus: str) -> Mapping[str, Size]:
        """The sizes that are trained on a corpus."""
        return self.corpora[corpus].members.sizes or self.sizes

    def sizes_by_weights(self, corpus: str) -> list[str]:
        """Names of the sizes on a corpus from small to large, equal ones by name."""
        sizes = self.sizes_of(corpus)
        return sorted(sizes, key=lambda name: (sizes[name].block_weights, name))

    def variants_of(self, corpus: str) -> Mapping[str, Variant]:
        """The variants that are trained on a corpus."""
        chosen = self.corpora[corpus].members.variants or self.variants
        return {name: each for name, each in self.variants.items() if name in chosen}

    def seeds_of(self, corpus: str) -> Seeds:
        """The seeds of the members on a corpus."""
        return self.corpora[corpus].members.seeds or self.seeds

    def analyses_of(self, corpus: str) -> tuple[Analysis, ...]:
        """The analyses that are made of the members on a corpus."""
        chosen = self.corpora[corpus].members.analyses
        return tuple(each for each in self.analyses if chosen is None or each in chosen)

    def learning_rate(self, corpus: str, size: str, variant: str) -> float | Literal["tune"]:
        """The peak learning rate of a size and variant on a corpus, or `tune`.

        The rate of the corpus overrides that of the variant and the size. A fine-tuned variant
        keeps its rate: such variants differ by it.
        """
        of_corpus = self.corpora[corpus].members.learning_rate
        of_variant = self.variants[variant].learning_rate
        of_size = self.sizes_of(corpus)[size].learning_rate
        if self.variants[variant].starts_from is None:
            rates = (of_corpus, of_variant, of_size)
        else:
            rates = (of_variant, of_corpus, of_size)
        return next((rate for rate in rates if rate is not None), self.training.learning_rate)

    def cross_field_problems(self) -> Iterator[tuple[str, str]]:
        """Mistakes that only the study as a whole shows, each with the setting it concerns."""
        yield from self._names_that_are_none()
        yield from self._rates_that_cannot_be_found()
        yield from self._claims_that_nothing_tests()
        yield from self._names_of_reference_seeds()
        yield from self._probes_that_cannot_be_made()
        yield from self._excess_without_truth()
        context = self.training.context
        written = self.rollout.prompt + self.rollout.length
        if "rollout" in self.analyses and written > context:
            yield (
                "rollout.length",
                f"a prompt of {self.rollout.prompt} tokens and {self.rollout.length} after it do "
                f"not fit training.context ({context})",
            )
        if self.evaluation.position_edges[-1] >= context:
            yield (
                "evaluation.position_edges",
                f"the last bucket begins at {self.evaluation.position_edges[-1]}, but positions "
                f"end before training.context ({context})",
            )
        for what in ("sizes", "variants", "corpora"):
            seen: dict[str, str] = {}
            for name, settings in getattr(self, what).items():
                same = seen.setdefault(settings.model_dump_json(), name)
                if same != name:
                    yield f"{what}.{name}", f"is the same as {what}.{same}: give each once"

    def reference_arm(self, corpus: str) -> tuple[str, str] | None:
        """Size and variant of the reference seeds of a corpus; None where it has none."""
        named = self.reference_seeds
        if named is None or corpus not in self._texts_with_divergence():
            return None
        variants = self.variants_of(corpus)
        causal = sorted(name for name, each in variants.items() if each.gradient == "causal")
        size = named.size or self.sizes_by_weights(corpus)[0]
        variant = named.variant or next(iter(causal), None)
        return (size, variant) if variant is not None else None

    def _texts_with_divergence(self) -> list[str]:
        """Corpora of text whose members are tried on probes."""
        return [
            name
            for name, corpus in self.corpora.items()
            if not isinstance(corpus, ProcessCorpus) and "divergence" in self.analyses_of(name)
        ]

    def _probes_that_cannot_be_made(self) -> Iterator[tuple[str, str]]:
        """Probes that the context has no room for, or that lack what makes them."""
        context = self.training.context
        for name, probe in self.probes.items():
            where = f"probes.{name}"
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
            if probe.corpus is not None and probe.corpus not in self.corpora:
                known = ", ".join(self.corpora)
                yield f"{where}.corpus", f"'{probe.corpus}' is not a corpus. Corpora: {known}"
            if probe.family == "self":
                for corpus in self._texts_with_divergence():
                    if self.reference_arm(corpus) is None:
                        yield (
                            where,
                            f"reference seeds of a causal variant write the contexts of a self "
                            f"probe, and {corpus} has none: name them, such as "
                            "`reference_seeds: {init: [900], order: [900]}`",
                        )
            if probe.family == "search":
                yield from self._searches_without_halves(where)
            if probe.family == "long":
                for corpus in self._texts_with_divergence():
                    for size, each in self.sizes_of(corpus).items():
                        if each.positions == "learned":
                            yield (
                                where,
                                f"a long probe needs rotary positions, and size {size} learns "
                                "one for each place",
                            )

    def _searches_without_halves(self, where: str) -> Iterator[tuple[str, str]]:
        """A search evolves contexts on one half of the seeds and tries them on the other."""
        for name in self._texts_with_divergence():
            seeds = self.seeds_of(name)
            models = len(seeds.init) // 2 * len(seeds.order)
            if models < 2:
                yield (
                    where,
                    f"a search needs two members in each half of the initial seeds, and {name} "
                    f"has {len(seeds.init)} initial seeds with {len(seeds.order)} orders each",
                )

    def _names_of_reference_seeds(self) -> Iterator[tuple[str, str]]:
        """Reference seeds that are members of the study, or of a size or variant that is none."""
        named = self.reference_seeds
        if named is None:
            return
        for corpus in self.corpora:
            if self.reference_arm(corpus) is None:
                continue
            arms = {"size": self.sizes_of(corpus), "variant": self.variants_of(corpus)}
            for role, names in arms.items():
                found = getattr(named, role)
                if found is not None and found not in names:
                    known = ", ".join(names)
                    yield f"reference_seeds.{role}", f"'{found}' is not one of {known}, of {corpus}"
            if named.variant is not None and named.variant in arms["variant"]:
                variant = self.variants[named.variant]
                if variant.is_control or variant.starts_from is not None:
                    yield (
                        "reference_seeds.variant",
                        f"'{named.variant}' is no model that stands alone: name another",
                    )
            of_corpus = self.seeds_of(corpus)
            for kind in ("init", "order"):
                shared = set(getattr(named, kind)) & set(getattr(of_corpus, kind))
                if shared:
                    yield (
                        f"reference_seeds.{kind}",
                        f"{min(shared)} is a seed of the study: reference seeds take part in no "
                        "analysis, so they need seeds of their own",
                    )

    def _excess_without_truth(self) -> Iterator[tuple[str, str]]:
        """Corpora whose members are to be compared with a law that is not computed."""
        for name, corpus in self.corpora.items():
            chosen = self.analyses_of(name)
            is_process = isinstance(corpus, ProcessCorpus)
            if is_process and "excess" in chosen and "truth" not in chosen:
                where = "analyses" if "truth" not in self.analyses else ""
                yield (
                    where or f"corpora.{name}.members.analyses",
                    f"has excess without truth, which it compares members of {name} with: add "
                    "truth",
                )

    def _names_that_are_none(self) -> Iterator[tuple[str, str]]:
        """Variants and sizes that are named and are not there, or cannot be what they are for."""
        variants = f"Variants: {', '.join(self.variants)}"
        for i, contrast in enumerate(self.myopia.contrasts if "myopia" in self.analyses else ()):
            for role in ("baseline", "variant"):
                named = getattr(contrast, role)
                if named not in self.variants:
                    yield f"myopia.contrasts.{i}.{role}", f"'{named}' is not a variant. {variants}"
        for name, variant in self.variants.items():
            for key in ("past_from", "starts_from"):
                other = getattr(variant, key)
                if other is None:
                    continue
                where = f"variants.{name}.{key}"
                if other not in self.variants:
                    yield where, f"'{other}' is not a variant. {variants}"
                elif self.variants[other].past_from is not None:
                    gradient = self.variants[other].gradient
                    yield where, f"'{other}' is itself {gradient}: name another"
                elif self.variants[other].starts_from is not None:
                    yield where, f"'{other}' itself starts from another's weights: name another"
        for name, corpus in self.corpora.items():
            where = f"corpora.{name}.members.variants"
            chosen = corpus.members.variants or ()
            for each in chosen:
                if each not in self.variants:
                    yield where, f"'{each}' is not a variant. {variants}"
            for each, variant in self.variants_of(name).items():
                for other in (variant.past_from, variant.starts_from):
                    if other in self.variants and chosen and other not in chosen:
                        yield where, f"'{each}' is trained from '{other}', which must be named too"

    def _rates_that_cannot_be_found(self) -> Iterator[tuple[str, str]]:
        """Learning rates to be tuned where a trial could not tell, or seeds of trials in use."""
        seeds = {"init": set[int](), "order": set[int]()}
        for name in self.corpora:
            arms = product(self.sizes_of(name), self.variants_of(name))
            tuned = [arm for arm in arms if self.learning_rate(name, *arm) == "tune"]
            for kind in seeds if tuned else ():
                seeds[kind] |= set(getattr(self.seeds_of(name), kind))
            for _, variant in tuned:
                if self.variants[variant].starts_from is not None:
                    yield (
                        f"variants.{variant}.learning_rate",
                        "is `tune`, but it starts from weights that were trained: name the rate",
                    )
        for kind, used in seeds.items():
            shared = set(getattr(self.tune.seeds, kind)) & used
            if shared:
                yield (
                    f"tune.seeds.{kind}",
                    f"{min(shared)} is a seed of the study: trials need seeds of their own",
                )

    def _claims_that_nothing_tests(self) -> Iterator[tuple[str, str]]:
        """Primary claims about what is not there, or that no analysis of the study tests."""
        for i, claim in enumerate(self.primary):
            where = f"primary.{i}"
            if claim in self.primary[:i]:
                yield where, "is named more than once"
            if claim.corpus not in self.corpora:
                yield (
                    f"{where}.corpus",
                    f"'{claim.corpus}' is not a corpus. Corpora: {', '.join(self.corpora)}. An "
                    "overlay with other corpora names its own claims, or none: `primary: []`",
                )
                continue
            unknown = list(self._unknown_names(claim))
            yield from ((f"{where}.{role}", text) for role, text in unknown)
            reason = None if unknown else self._untested_because(claim)
            if TESTED_BY[claim.claim] not in self.analyses_of(claim.corpus):
                reason = (
                    f"'{TESTED_BY[claim.claim]}' is not an analysis of {claim.corpus}. Name it in "
                    "analyses, or take the claim away"
                )
            if reason is not None:
                yield where, f"nothing tests it: {reason}"

    def _unknown_names(self, claim: Primary) -> Iterator[tuple[str, str]]:
        """Names in a claim on a corpus that is there, by their setting."""
        variants, sizes = self.variants_of(claim.corpus), self.sizes_of(claim.corpus)
        compared, shared = (variants, sizes) if claim.claim == "gap" else (sizes, variants)
        for role, names in {"subject": compared, "baseline": compared, "within": shared}.items():
            named = getattr(claim, role)
            if named not in names:
                yield (
                    role,
                    f"'{named}' is not one of {', '.join(names)}, as a claim of kind "
                    f"{claim.claim} on {claim.corpus} needs",
                )
        if claim.probe is not None and claim.probe not in self.probes:
            yield "probe", f"'{claim.probe}' is not a probe. Probes: {', '.join(self.probes)}"

    def _untested_because(self, claim: Primary) -> str | None:
        """Why the analysis leaves out a claim whose names are all there; None if it does not."""
        if claim.claim == "gap":
            pairs = {(contrast.variant, contrast.baseline) for contrast in self.myopia.contrasts}
            is_tested = (claim.subject, claim.baseline) in pairs
            return None if is_tested else "name these two variants in myopia.contrasts"
        sizes = self.sizes_by_weights(claim.corpus)
        steps = sizes.index(claim.subject) - sizes.index(claim.baseline)
        if steps < 0:
            return f"'{claim.subject}' is smaller than '{claim.baseline}': exchange the two"
        if claim.claim == "headroom" and steps > 1:
            return f"headroom is measured from a size to the next one, of {', '.join(sizes)}"
        if self.variants[claim.within].is_control:
            return f"'{claim.within}' is a control, in no Rashomon set and in no divergence"
        seeds = self.seeds_of(claim.corpus)
        if claim.claim == "spread" and len(seeds.init) * len(seeds.order) < 2:
            return f"a spread needs two members of a size, and {claim.corpus} has one"
        is_process = isinstance(self.corpora[claim.corpus], ProcessCorpus)
        if (
            claim.probe is not None
            and is_process
            and (self.probes[claim.probe].family != "held-out")
        ):
            return f"on the process {claim.corpus}, held-out text is the only probe"
        return None
