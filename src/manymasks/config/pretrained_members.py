"""Settings of members that are not trained here: checkpoints of the library `transformers`."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from manymasks.config.settings import Commit, Name, Settings, Sha256, operational

Factor = Annotated[int, Field(ge=0, lt=2**63)] | Annotated[str, Field(min_length=1)]
Factors = Factor | Annotated[tuple[Factor, ...], Field(min_length=1)]
NUMBERS = ("seed", "seed_init", "seed_order", "step")
"""Factors whose values are whole numbers."""
NAMED = re.compile(r"\{([^{}]*)\}")
VARIANT = "pretrained"
"""Variant of members whose factors name none."""


Device = Annotated[int, Field(ge=0)] | Literal["cpu"]
Devices = Annotated[dict[str, Device], Field(min_length=1)]


class PretrainedFiles(Settings):
    """The files of a checkpoint."""

    revision: Commit | None = operational(None)
    """Hub only: commit of the repository, 40 hex digits."""
    files: Annotated[dict[str, Sha256], Field(min_length=1)]
    """SHA-256 of each file by its path in the repository or folder."""


class PretrainedSeries(Settings):
    """A checkpoint, or a series of checkpoints whose names follow a pattern: `{size}` in `path`,
    `repository` or `revision` stands for each value of the factor `size`."""

    path: Annotated[str, Field(min_length=1)] | None = operational(None)
    """Folder with config.json, safetensors and tokenizer.json, relative to the folder of the run.
    """
    repository: Annotated[str, Field(pattern=r"^[^/\s]+/[^/\s]+$")] | None = operational(None)
    """Model repository of the Hugging Face Hub, `owner/name`."""
    revision: Annotated[str, Field(min_length=1)] | None = operational(None)
    """Hub only: branch, tag or commit, such as `step{step}`; `manymasks pin` resolves it. Null
    takes the main branch."""
    factors: dict[Name, Factors]
    """What distinguishes the checkpoints, by name: a value, or a list of values. `size` and `seed`
    are needed, or `seed_init` and `seed_order` in place of `seed`; `variant` is `pretrained` if it
    is not named. Others, such as `step`, become parts of the variant's name."""
    dtype: Literal["float32", "bfloat16", "float16"] = "float32"
    """Precision of weights and products; log-probabilities are float32."""
    device_map: Literal["auto", "balanced", "sequential"] | Devices | None = None
    """Where the parts of a model are that is too large for one GPU: a strategy of the library
    `accelerate`, which must be installed, or devices by module, such as `{"": 0}`. Null has all of
    them on one device. Without a GPU all are on the CPU."""
    remote_code: bool = False
    """Whether Python files of the repository or folder may run, which `manymasks pin` then pins
    too. Read them first: they can do anything."""
    reference: bool = False
    """Whether they are reference models, as `reference_seeds` are: in no analysis, they measure how
    difficult a probe is and write the contexts of self-written probes."""

    @model_validator(mode="after")
    def _has_one_source_and_all_factors(self) -> Self:
        if (self.path is None) == (self.repository is None):
            raise ValueError("takes either path, a folder, or repository, one of the Hub")
        if self.revision is not None and self.repository is None:
            raise ValueError("revision belongs to a repository, which is not set")
        if "size" not in self.factors:
            raise ValueError("factors.size is missing: a name for their shape, such as 14m")
        seeds = {"seed", "seed_init", "seed_order"} & self.factors.keys()
        if not seeds or ("seed" in seeds and len(seeds) > 1):
            raise ValueError(
                "factors takes either seed, or seed_init and seed_order: members of a class are "
                "told apart by their seeds"
            )
        for name in NUMBERS:
            for value in _values(self.factors.get(name, ())):
                if not isinstance(value, int):
                    raise ValueError(f"factors.{name} must be whole numbers, found '{value}'")
        pattern = " ".join(text for text in (self.path, self.repository, self.revision) if text)
        used = set(NAMED.findall(pattern))
        for name in sorted(used - self.factors.keys()):
            raise ValueError(
                f"'{{{name}}}' in the pattern is not a factor. Factors: {', '.join(self.factors)}"
            )
        for name, values in self.factors.items():
            if len(_values(values)) > 1 and name not in used:
                raise ValueError(
                    f"factors.{name} has several values, and neither path, repository nor revision "
                    f"has '{{{name}}}'"
                )
        return self


@dataclass(frozen=True)
class PretrainedMember:
    """A checkpoint as a member: where it lies, and the factors that describe it."""

    path: str | None
    repository: str | None
    revision: str | None
    size: str
    variant: str
    seed_init: int
    seed_order: int
    dtype: str
    device_map: str | Mapping[str, int | str] | None
    remote_code: bool
    is_reference: bool
    labels: Mapping[str, Factor] = field(default_factory=dict)
    """Factors besides size, variant and seeds."""

    @property
    def location(self) -> str:
        """Its folder, or its repository and the revision that the study names."""
        if self.path is not None:
            return self.path
        return f"{self.repository}@{self.revision}" if self.revision else str(self.repository)


def pretrained_members(settings: Sequence[PretrainedSeries]) -> list[PretrainedMember]:
    """All checkpoints that the settings stand for, in order."""
    return [model for series in settings for model in _expanded(series)]


def _expanded(series: PretrainedSeries) -> Iterator[PretrainedMember]:
    factors = series.factors
    for values in product(*(_values(value) for value in factors.values())):
        chosen = dict(zip(factors, values, strict=True))
        seeds = [chosen[name] for name in ("seed_init", "seed_order", "seed") if name in chosen]
        labels = {
            name: value
            for name, value in chosen.items()
            if name not in ("size", "variant", "seed", "seed_init", "seed_order")
        }
        variant = [
            _label(chosen.get("variant", VARIANT)),
            *(_label(f"{name}{value}") for name, value in labels.items()),
        ]
        yield PretrainedMember(
            path=_filled(series.path, chosen),
            repository=_filled(series.repository, chosen),
            revision=_filled(series.revision, chosen),
            size=_label(chosen["size"]),
            variant="-".join(variant if "variant" in chosen or not labels else variant[1:]),
            seed_init=int(seeds[0]),
            seed_order=int(seeds[-1]),
            dtype=series.dtype,
            device_map=series.device_map,
            remote_code=series.remote_code,
            is_reference=series.reference,
            labels=labels,
        )


def _values(value: Factors) -> tuple[Factor, ...]:
    return value if isinstance(value, tuple) else (value,)


def _label(value: Factor) -> str:
    """A value as a name of the study: 1.4B is 1-4b."""
    return re.sub(r"[^a-z0-9_-]", "-", str(value).lower())


def _filled(text: str | None, factors: Mapping[str, Factor]) -> str | None:
    if text is None:
        return None
    return NAMED.sub(lambda match: str(factors[match[1]]), text)
