"""Where text comes from: the settings of each kind of corpus."""

from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, model_validator

from manymasks.config.analyses import Analysis
from manymasks.config.mask_law import MaskLaw
from manymasks.config.pretrained_members import (
    PretrainedFiles,
    PretrainedMember,
    PretrainedSeries,
    pretrained_members,
)
from manymasks.config.settings import (
    Commit,
    Name,
    Repository,
    Settings,
    Sha256,
    Share,
    operational,
)
from manymasks.config.training import Rate, Seeds, Size
from manymasks.kinds.processes import PROCESSES


class Members(Settings):
    """Members of a corpus and their training, where they differ from the study. The text does not
    depend on it, so it is in keys only through the settings that it replaces."""

    sizes: Annotated[dict[Name, Size], Field(min_length=1)] | None = None
    """Named sizes, each with the settings of `sizes.<name>`; null takes those of the study."""
    variants: Annotated[tuple[Name, ...], Field(min_length=1)] | None = None
    """Variants that are trained; null takes all."""
    seeds: Seeds | None = None
    """Seeds of its members, with the settings of `seeds`; null takes those of the study."""
    batch: Annotated[int, Field(ge=1)] | None = None
    """Windows in one step; null takes training.batch."""
    steps: Annotated[int, Field(ge=1)] | None = None
    """Optimiser steps; null takes training.steps."""
    learning_rate: Rate | None = None
    """Peak learning rate; null takes that of the variant, the size or the study."""
    analyses: tuple[Analysis, ...] | None = None
    """Analyses of its members, among those of the study; null takes all."""
    pretrained: Annotated[tuple[PretrainedSeries, ...], Field(min_length=1)] | None = None
    """Checkpoints of `transformers` in the place of members that are trained. Sizes are taken as
    they are listed, from small to large. Analyses that need training are left out."""
    pinned: dict[str, PretrainedFiles] = {}
    """Files of each checkpoint by its folder or repository; `manymasks pin` writes them."""

    @property
    def pretrained_members(self) -> tuple[PretrainedMember, ...]:
        """Its checkpoints; none where members are trained."""
        return tuple(pretrained_members(self.pretrained or ()))

    @model_validator(mode="after")
    def _is_either_trained_or_pretrained(self) -> Self:
        if self.pretrained is None:
            if self.pinned:
                raise ValueError("pinned belongs to pretrained, which is not set: remove it")
            return self
        for name in ("sizes", "variants", "seeds", "batch", "steps", "learning_rate"):
            if getattr(self, name) is not None:
                raise ValueError(f"{name} is of training, and these members are pretrained")
        places: set[str] = set()
        kinds: set[tuple[str, str, int, int]] = set()
        for model in self.pretrained_members:
            kind = model.size, model.variant, model.seed_init, model.seed_order
            if model.location in places:
                raise ValueError(f"pretrained: {model.location} is listed more than once")
            if kind in kinds:
                raise ValueError(
                    f"pretrained: {model.location} has the size, variant and seeds of another one: "
                    "members of a class have different seeds"
                )
            places.add(model.location)
            kinds.add(kind)
        if all(model.is_reference for model in self.pretrained_members):
            raise ValueError("pretrained: all are reference models, so there is no member")
        return self


class CorpusSettings(Settings):
    """Settings of every kind of corpus."""

    select: Share = 0.1
    """Share of the documents that decides membership of a Rashomon set."""
    measure: Share = 0.1
    """Share of the documents on which everything else is measured."""
    max_documents: Annotated[int, Field(ge=3)] | None = None
    """Keep this many documents, chosen by the hash of their id; null keeps all."""
    members: Members = Members()
    """Members that are trained on it."""

    keeps_repeats: ClassVar[bool] = False

    @model_validator(mode="after")
    def _train_split_is_not_empty(self) -> Self:
        if self.select + self.measure >= 1:
            raise ValueError(
                f"select and measure are {self.select:g} and {self.measure:g} of the documents: "
                "their sum must be less than 1, the rest is the train split"
            )
        return self


class WrittenCorpusSettings(CorpusSettings):
    """Settings of corpora of written text, whose documents may differ much in length."""

    held_out_tokens: Annotated[int, Field(ge=2)] | None = 2000
    """Tokens of a document of select and measure that count, from its beginning on, so that a few
    long documents do not decide every mean (`docs/concepts/intervals.md`); null counts all. Train
    is not cut."""


class TextCorpusSettings(WrittenCorpusSettings):
    """Settings of corpora that are read from text, JSONL, CSV or Parquet files. Files may be
    compressed by gzip, Zstandard, bzip2, xz or zip."""

    format: Literal["text", "jsonl", "csv", "parquet"] = "text"
    """Format of the files: plain text, one JSON object per line, CSV with a header, or Parquet
    rows."""
    field: str = "text"
    """The field (JSONL) or column (CSV, Parquet) that holds the text of a document: `text`, `a.b`
    inside another, `messages[].content` of each item of a list."""
    separator: str | None = None
    """Text files only: the text between documents, in which a line end stands for any kind of line
    end; null makes each file one document."""
    join_to: Annotated[int, Field(ge=1)] | None = None
    """Join consecutive pieces until a document has this many characters; null joins none."""


class PydocsCorpus(WrittenCorpusSettings):
    """Reference prose that every Python has: language topics and docstrings of modules."""

    kind: Literal["pydocs"]
    """Embedded: read from installed packages, without a download."""
    packages: tuple[str, ...] = ("numpy",)
    """Installed packages whose docstrings are read in addition to the standard library."""
    min_characters: Annotated[int, Field(ge=1)] = 40
    """Shorter docstrings are left out."""


class FilesCorpus(TextCorpusSettings):
    """Your own text, from files on this machine."""

    kind: Literal["files"]
    """Local files."""
    paths: tuple[str, ...] = operational(..., min_length=1)
    """Files or patterns (`texts/**/*.txt`), relative to the folder of the run. Their contents and
    their names below it are in the key."""


class UrlCorpus(TextCorpusSettings):
    """One file from a web address, pinned by its digest."""

    kind: Literal["url"]
    """A download."""
    sha256: Sha256
    """SHA-256 of the file, which identifies it; the URL does not."""
    url: str = operational(...)
    """URL of the download."""
    local: str | None = operational(None)
    """A local copy to use instead of a download; its digest is checked too."""
    licence: str | None = None
    """Licence of the text, recorded with it."""


class HubFile(Settings):
    """One file of a Hugging Face dataset repository."""

    path: str
    """Path inside the repository."""
    sha256: Sha256
    """SHA-256 of the file."""


class HubCorpus(TextCorpusSettings):
    """Files of a dataset on the Hugging Face Hub, pinned by revision and digests."""

    kind: Literal["hub"]
    """A download from the Hub."""
    repository: Repository
    """Dataset repository, `owner/name`."""
    revision: Commit
    """Commit of the repository, 40 hex digits; branches move, commits do not."""
    files: Annotated[tuple[HubFile, ...], Field(min_length=1)]
    """The files to read, each with its digest."""
    licence: str | None = None
    """Licence of the text, recorded with it."""


class GivenSplits(Settings):
    """The splits of a dataset that become those of the corpus."""

    train: str
    """Split of the dataset to train on."""
    select: str | None = None
    """Split of the dataset that decides membership; null cuts it from train by the hash of the
    id."""
    measure: str | None = None
    """Split of the dataset to measure on; null cuts it from train by the hash of the id."""

    @model_validator(mode="after")
    def _splits_are_distinct(self) -> Self:
        names = [name for name in (self.train, self.select, self.measure) if name is not None]
        if len(set(names)) < len(names):
            raise ValueError(f"names one split of the dataset twice ({', '.join(names)})")
        return self


class DatasetCorpus(WrittenCorpusSettings):
    """A dataset as `datasets.load_dataset` takes it: a repository of the Hugging Face Hub, a local
    folder, or files for a builder. `manymasks pin NAME` writes `revision` and `files`."""

    kind: Literal["dataset"]
    """Any text that `datasets` loads."""
    path: Annotated[str, Field(min_length=1)]
    """`owner/name` on the Hub, a local folder, or a builder such as json, csv, parquet, arrow, text
    or webdataset."""
    name: str | None = None
    """Configuration of the dataset; null takes its default."""
    revision: Commit | None = None
    """Hub only: commit of the repository, 40 hex digits; branches move, commits do not."""
    data_files: str | tuple[str, ...] | dict[str, str | tuple[str, ...]] | None = None
    """Files or patterns in the repository or folder, or the same by split; null takes those that
    `datasets` recognises."""
    data_dir: str | None = None
    """Folder of the repository or local folder that holds the data."""
    split: str | GivenSplits = "train"
    """The split that is read and divided by the hash of the id, or the splits of the dataset by
    those of the corpus: `{train: train, measure: test}`. Texts of select and measure are removed
    from train."""
    field: str = "text"
    """Column that holds the text: `text`, `a.b` inside another, `messages[].content` of each item
    of a list, which `separator` joins."""
    separator: str | None = None
    """Text between documents of a text file and between joined pieces; null stands for a line
    end, and makes each line of a text file a document."""
    join_to: Annotated[int, Field(ge=1)] | None = None
    """Join consecutive rows until a document has this many characters; null joins none."""
    options: dict[str, Any] = {}
    """Options of the builder, such as `sep` and `encoding` of csv."""
    files: dict[str, Sha256] = {}
    """SHA-256 of each file by its path in the repository or folder; `manymasks pin` writes it."""
    licence: str | None = None
    """Licence of the text, recorded with it."""

    @model_validator(mode="after")
    def _splits_have_files(self) -> Self:
        if isinstance(self.split, str):
            if "[" in self.split or "+" in self.split:
                raise ValueError(
                    f"split '{self.split}' is a slice, which a stream cannot take: name one split "
                    "and limit it with max_documents"
                )
        elif self.files and not isinstance(self.data_files, dict):
            raise ValueError(
                "split maps several splits, so data_files must give the files of each: "
                "`manymasks pin` writes them"
            )
        patterns = self.data_files.values() if isinstance(self.data_files, dict) else ()
        for value in (*patterns, self.data_files):
            for pattern in (value,) if isinstance(value, str) else value or ():
                if "://" in pattern:
                    raise ValueError(
                        f"data_files: '{pattern}' is an address. For a file from the web use a "
                        "corpus of kind url, for the Hub give `path: owner/name`"
                    )
        return self


if TYPE_CHECKING:
    ProcessName = str
else:
    ProcessName = Literal[tuple(PROCESSES)]


OF_CHANGES: tuple[str, ...] = ("fine_tuning",)
"""Analyses of a process that know its changed laws."""


class ProcessCorpus(CorpusSettings):
    """Documents drawn from a known process: the law of every next token is known exactly. The
    process fixes the vocabulary and the context, which holds one document. The only probes are
    those of unchanged text, because the law of changed text depends on the process."""

    kind: Literal["process"]
    """Embedded: drawn, without a download."""
    process: ProcessName
    """Name of the process, described in `corpora/processes/`."""
    documents: Annotated[int, Field(ge=3)] = 20_000
    """Number of documents, all splits together."""
    seed: Annotated[int, Field(ge=0)] = 0
    """Seed of the documents. Corpora of one seed use the same random numbers, so `tally` and its
    control, or `fork` with two values of `answered`, differ in little but their rules."""
    answered: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """`fork` only: the share of BEFORE documents that end with a question."""
    exchanged: bool = False
    """`fork` only: the same documents with red and blue cues exchanged. A preference for red over
    both copies has the exact null 1/2, whatever the text; the difference between them is what the
    text decides."""

    law: MaskLaw | None = None
    """`masks` only: a changed law of its documents, for members that are fine-tuned on them; null
    keeps the law of the process."""

    answer_format: Literal["direct", "filler", "steps", "mixed"] | None = None
    """`lag` only: what stands between a question and its answer: nothing (`direct`), as many
    fillers as there are steps (`filler`), the steps (`steps`), or one of the last two in each
    document (`mixed`); null takes `direct`."""

    keeps_repeats: ClassVar[bool] = True

    @property
    def document_length(self) -> int:
        """Tokens of every document, BOS included."""
        return PROCESSES[self.process].length_in(self.answer_format)

    @property
    def process_analyses(self) -> tuple[Analysis, ...]:
        """Analyses of this process, beside those of any: under a changed law, those of changes."""
        names = PROCESSES[self.process].analyses
        return tuple(name for name in names if self.law is None or name in OF_CHANGES)

    @model_validator(mode="after")
    def _process_takes_its_parameters(self) -> Self:
        for name in {name for spec in PROCESSES.values() for name in spec.parameters}:
            takers = [other for other, spec in PROCESSES.items() if name in spec.parameters]
            if self.process not in takers and getattr(self, name):
                raise ValueError(
                    f"{name} belongs to the process {' or '.join(takers)}, this one is "
                    f"{self.process}"
                )
        return self


TextCorpus = PydocsCorpus | FilesCorpus | UrlCorpus | HubCorpus | DatasetCorpus
Corpus = Annotated[TextCorpus | ProcessCorpus, Field(discriminator="kind")]
