"""The settings of a study, with types, defaults and ranges.

config/schema.json and docs/reference/settings.md are generated from them: a setting is
documented where it is defined.
"""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field

from manymasks.catalogue import ANALYSES, STAGES
from manymasks.config.analyses import Analyses, Analysis, Statistics
from manymasks.config.claims import Primary
from manymasks.config.corpora import Corpus, ProcessCorpus
from manymasks.config.settings import Name, Settings, operational
from manymasks.config.training import (
    ReferenceSeeds,
    Seeds,
    Size,
    TokenizerSettings,
    Training,
    Tune,
    Variant,
)


class Hardware(Settings):
    """How the work is done. No setting here changes a result, except for last bits on a GPU."""

    device: Literal["auto", "cpu", "cuda"] = operational("auto")
    """Where models run; `auto` uses a GPU if there is one."""
    members_per_gpu: int = operational(4, ge=1)
    """Jobs that may share a GPU."""
    stack: Annotated[int, Field(ge=1)] | Literal["auto"] = operational("auto")
    """Members of one shape that one process trains or scores together. `auto` is up to 32 on a
    GPU; on a CPU it is 1 for training and 4 for scoring. On a GPU a number fixes the width: dummies
    pad a stack with fewer members, so that its bits do not depend on which members it has."""
    log_seconds: float = operational(15.0, gt=0)
    """Seconds between two lines of progress in a log."""
    checkpoint_seconds: float = operational(20.0, ge=0)
    """Seconds between two saved states that a training can resume from."""


class Trained(Settings):
    """All that is trained."""

    name: Name = "study"
    """Title of the study in the report."""
    corpora: Annotated[dict[Name, Corpus], Field(min_length=1)]
    """Named corpora; every size and variant is trained on each, unless its `members` differ."""
    tokenizer: TokenizerSettings = TokenizerSettings()
    """The tokenizer, trained once per corpus."""
    sizes: Annotated[dict[Name, Size], Field(min_length=1)]
    """Named model sizes."""
    variants: Annotated[dict[Name, Variant], Field(min_length=1)]
    """Named variants."""
    training: Training = Training()
    """The training budget, unless a corpus overrides it."""
    tune: Tune = Tune()
    """The grid of learning rates, used where a learning rate is `tune`."""
    seeds: Seeds = Seeds()
    """Seeds of the members: a size and variant is trained once for each pair."""
    reference_seeds: ReferenceSeeds | None = None
    """Members outside all analyses, trained on each corpus of text that has divergence."""


class Study(Analyses, Trained):
    """All that is trained and measured."""

    # Settings come in the order of `Trained`, then of `Analyses`, then of this class.
    statistics: Statistics = Statistics()
    """Intervals."""
    primary: Annotated[tuple[Primary, ...], Field(max_length=8)] = ()
    """Claims named before the run; all other tested claims are exploratory."""
    analyses: tuple[Analysis, ...] = ANALYSES
    """Analyses to run. `truth` and those after it need a corpus drawn from a process."""
    hardware: Hardware = Hardware()
    """How the work is done."""

    def sizes_of(self, corpus: str) -> Mapping[str, Size]:
        """The sizes that are trained on a corpus; none where members are pretrained."""
        if self.corpora[corpus].members.pretrained is not None:
            return {}
        return self.corpora[corpus].members.sizes or self.sizes

    def sizes_by_weights(self, corpus: str) -> list[str]:
        """Names of the sizes on a corpus from small to large, equal ones by name; those of
        pretrained members as they are listed."""
        pretrained = self.corpora[corpus].members.pretrained_members
        if pretrained:
            return list(dict.fromkeys(model.size for model in pretrained))
        sizes = self.sizes_of(corpus)
        return sorted(sizes, key=lambda name: (sizes[name].block_weights, name))

    def variants_of(self, corpus: str) -> Mapping[str, Variant]:
        """The variants that are trained on a corpus; none where members are pretrained."""
        if self.corpora[corpus].members.pretrained is not None:
            return {}
        chosen = self.corpora[corpus].members.variants or self.variants
        return {name: variant for name, variant in self.variants.items() if name in chosen}

    def starts_on(self, corpus: str) -> set[str]:
        """Other corpora whose members those of a corpus start from."""
        names = {variant.starts_on for variant in self.variants_of(corpus).values()}
        return {name for name in names if name is not None and name != corpus}

    def variant_names(self, corpus: str) -> list[str]:
        """Names of the variants of the members on a corpus."""
        pretrained = self.corpora[corpus].members.pretrained_members
        names = [model.variant for model in pretrained] or self.variants_of(corpus)
        return list(dict.fromkeys(names))

    def seeds_of(self, corpus: str) -> Seeds:
        """The seeds of the members on a corpus."""
        pretrained = self.corpora[corpus].members.pretrained_members
        if pretrained:
            pairs = [(m.seed_init, m.seed_order) for m in pretrained if not m.is_reference]
            inits, orders = (tuple(dict.fromkeys(seeds)) for seeds in zip(*pairs, strict=True))
            # Checkpoints need not be a diagonal or a crossing.
            return Seeds.model_construct(init=inits, order=orders)
        return self.corpora[corpus].members.seeds or self.seeds

    def members_of(self, corpus: str) -> int:
        """The number of members on a corpus."""
        pretrained = self.corpora[corpus].members.pretrained_members
        if pretrained:
            return len(pretrained)
        arms = len(self.sizes_of(corpus)) * len(self.variants_of(corpus))
        return arms * self.seeds_of(corpus).count

    def analyses_of(self, corpus: str) -> tuple[Analysis, ...]:
        """The analyses of the members on a corpus; those of pretrained ones need no training."""
        members = self.corpora[corpus].members
        return tuple(
            name
            for name in self.analyses
            if members.analyses is None or name in members.analyses
            if members.pretrained is None or not STAGES[name].needs_training
        )

    def has_references(self, corpus: str) -> bool:
        """Whether a corpus has reference seeds or reference models."""
        pretrained = self.corpora[corpus].members.pretrained_members
        if pretrained:
            return any(model.is_reference for model in pretrained)
        return self.reference_arm(corpus) is not None

    def learning_rate(self, corpus: str, size: str, variant: str) -> float | Literal["tune"]:
        """The peak learning rate of a size and variant on a corpus, or `tune`. The rate of the
        corpus overrides that of the variant and the size. A fine-tuned variant keeps its rate: such
        variants differ by it."""
        rates = self.learning_rates(corpus, size, variant).values()
        return next((rate for rate in rates if rate is not None), self.training.learning_rate)

    def learning_rates(
        self, corpus: str, size: str, variant: str
    ) -> dict[str, float | Literal["tune"] | None]:
        """The settings that may hold the rate of a size and variant on a corpus, before
        `training.learning_rate`; the first that is not null counts."""
        of_corpus = f"corpora.{corpus}.members"
        of_size = f"{of_corpus}.sizes" if self.corpora[corpus].members.sizes else "sizes"
        rates = {
            f"{of_corpus}.learning_rate": self.corpora[corpus].members.learning_rate,
            f"variants.{variant}.learning_rate": self.variants[variant].learning_rate,
            f"{of_size}.{size}.learning_rate": self.sizes_of(corpus)[size].learning_rate,
        }
        if self.variants[variant].starts_from is not None:
            rates = {f"variants.{variant}.learning_rate": None, **rates}
            rates[f"variants.{variant}.learning_rate"] = self.variants[variant].learning_rate
        return rates

    def reference_arm(self, corpus: str) -> tuple[str, str] | None:
        """Size and variant of the reference seeds of a corpus; None if it has none."""
        reference = self.reference_seeds
        is_trained = self.corpora[corpus].members.pretrained is None
        if reference is None or not is_trained or corpus not in self.texts_with_divergence():
            return None
        variants = self.variants_of(corpus)
        causal = sorted(name for name, arm in variants.items() if arm.gradient == "causal")
        size = reference.size or self.sizes_by_weights(corpus)[0]
        variant = reference.variant or next(iter(causal), None)
        return (size, variant) if variant is not None else None

    def texts_with_divergence(self) -> list[str]:
        """Corpora of text with divergence, which have all probes."""
        return [
            name
            for name, corpus in self.corpora.items()
            if not isinstance(corpus, ProcessCorpus) and "divergence" in self.analyses_of(name)
        ]
