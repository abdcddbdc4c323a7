"""The first records of local files, read before a run starts: a field or format that fits nothing
is a mistake of settings, which no job needs to find."""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from manymasks.config.corpora import DatasetCorpus, FilesCorpus, TextCorpus, UrlCorpus
from manymasks.corpora.csv_rows import OPTIONS, read_csv
from manymasks.corpora.dataset import builder_of, is_array, local_files
from manymasks.corpora.json_lines import read_json_lines
from manymasks.corpora.parquet_rows import read_parquet
from manymasks.corpora.paths import expand
from manymasks.corpora.records import Fault, FieldPath, Piece
from manymasks.corpora.streams import explained
from manymasks.downloads.download import verify_pinned
from manymasks.errors import UserError

RECORDS, FILES = 100, 20
"""How many records of how many files are read."""


def refuse_unreadable(settings: TextCorpus, base: Path) -> None:
    """Raise UserError if a corpus has no local file that it names, or the first records of its
    local files are all without text. Nothing is downloaded. `base`: folder that paths start at."""
    paths = _local(settings, base)
    faults: list[Fault] = []
    for path in paths[:FILES]:
        with explained(path):
            for piece in islice(_records(path, settings), RECORDS):
                if isinstance(piece, str):
                    return
                faults.append(piece)
    if faults:
        raise UserError(
            f"none of the first {len(faults)} records is text: {faults[0].reason}, such as "
            f"{faults[0].example}. Check format, field and separator."
        )


def _local(settings: TextCorpus, base: Path) -> list[Path]:
    """The files of a corpus that are on this machine; raises UserError if one is missing."""
    match settings:
        case FilesCorpus():
            return expand(settings.paths, base)
        case UrlCorpus() if settings.local is not None:
            path = base / Path(settings.local).expanduser()
            if not path.is_file():
                raise UserError(
                    f"local: there is no file {path}. Correct the path, or set local to null to "
                    "download the file."
                )
            return [path]
        case DatasetCorpus():
            if not settings.files:
                raise UserError(
                    f"the files of the dataset '{settings.path}' are not pinned: `manymasks pin "
                    "NAME` writes them and their digests into the configuration."
                )
            paths = local_files(settings, base)
            for path, sha256 in zip(paths, settings.files.values(), strict=False):
                if not path.is_file():
                    verify_pinned(path, sha256)
            return paths
    return []


def _records(path: Path, settings: TextCorpus) -> Iterator[Piece]:
    """Records of a file of rows; none for text, or a format that only `datasets` reads."""
    match settings:
        case DatasetCorpus():
            field, options = FieldPath(settings.field, ""), settings.options
            builder = builder_of(settings.path, path.name)
            if builder == "parquet":
                return read_parquet(path, field)
            if builder == "json" and not options and not is_array(path):
                return read_json_lines(path, field)
            if builder == "csv" and options.keys() <= OPTIONS.keys():
                return read_csv(path, field, {OPTIONS[key]: options[key] for key in options})
        case FilesCorpus() | UrlCorpus() if settings.format != "text":
            field = FieldPath(settings.field, "")
            if settings.format == "jsonl":
                return read_json_lines(path, field)
            return (
                read_csv(path, field, {}) if settings.format == "csv" else read_parquet(path, field)
            )
    return iter(())
