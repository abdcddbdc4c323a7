"""Documents of a dataset: its pinned files, each verified and then read by itself.

`datasets` reads them as a stream of Arrow batches: its prepared cache goes by the time of a file
and not by its content. What it does worse is read here: text (it changes line ends and knows no
separator), and rows of JSON Lines and CSV (one bad row fails a whole file).
"""

import fnmatch
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from manymasks.callbacks import OnMessage, ignore_message
from manymasks.config.corpora import DatasetCorpus, GivenSplits
from manymasks.corpora.csv_rows import OPTIONS, read_csv
from manymasks.corpora.documents import Raw, Split, split_of
from manymasks.corpora.files import joined, numbered
from manymasks.corpora.json_lines import read_json_lines
from manymasks.corpora.parquet_file import parquet_file
from manymasks.corpora.parquet_rows import BATCH_ROWS, column_of, rows_at_once, texts
from manymasks.corpora.records import FieldPath, Piece
from manymasks.corpora.streams import explained, streams
from manymasks.corpora.text_pieces import Separator, read_text, read_text_lines
from manymasks.downloads.download import verify_pinned
from manymasks.downloads.hub import HubRevision, fetch_hub
from manymasks.errors import UserError

BUILDERS = ("arrow", "csv", "json", "parquet", "text", "webdataset", "xml")
BY_SUFFIX = {
    ".parquet": "parquet", ".json": "json", ".jsonl": "json", ".ndjson": "json", ".csv": "csv",
    ".tsv": "csv", ".txt": "text", ".md": "text", ".arrow": "arrow", ".tar": "webdataset",
    ".xml": "xml",
}  # fmt: skip
COMPRESSION = (".gz", ".zst", ".bz2", ".xz", ".zip")
FIRST_TO_LAST: tuple[Split, ...] = ("measure", "select", "train")
"""Order in which splits are read, so that a repeated text is removed from train."""


def read_dataset(
    settings: DatasetCorpus,
    *,
    downloads: Path,
    base: Path,
    cache: Path,
    say: OnMessage = ignore_message,
) -> Iterator[Raw]:
    """Documents of a dataset; ids are `PATH#000012`: the path of a file and the index in it.

    `downloads`: folder that keeps files of the Hub by digest. `base`: folder that local paths start
    at. `cache`: folder for what `datasets` writes. `say`: is told of another process that
    downloads the same. Raises UserError if the files are not pinned,
    are missing or differ from their digests, or cannot be read as the settings say.
    """
    if not settings.files:
        raise UserError(
            f"the files of the dataset '{settings.path}' are not pinned: `manymasks pin NAME` "
            "writes them and their digests into the configuration."
        )
    paths = _fetched(settings, downloads, base, say)
    has_text = any(builder_of(settings.path, name) == "text" for name in settings.files)
    separator = None
    if has_text and settings.separator is not None:
        separator = Separator(settings.separator)
    between = "\n" if settings.separator is None else settings.separator
    field = FieldPath(settings.field, between)
    for split, names in _names_by_split(settings).items():
        for name in names:
            builder = builder_of(settings.path, name)
            pieces = _pieces(builder, paths[name], settings, field, separator, cache)
            with explained(paths[name]):
                for raw in numbered(joined(pieces, between, settings.join_to), name):
                    yield Raw(raw.id, name, raw.text, raw.fault, _split(raw, split, settings))
    if separator is not None:
        separator.refuse_if_absent()


def builder_of(path: str, file: str) -> str:
    """The builder of `datasets` for a file, by the settings or by its ending."""
    if path in BUILDERS:
        return path
    suffixes = [suffix for suffix in Path(file).suffixes if suffix not in COMPRESSION]
    builder = BY_SUFFIX.get(suffixes[-1].lower()) if suffixes else None
    if builder is None:
        raise UserError(
            f"{file}: nothing reads files with this ending. Give data_files without it, or a "
            f"builder as path ({', '.join(BUILDERS)}) and the files as data_files."
        )
    return builder


def splits_of(settings: DatasetCorpus) -> dict[Split | None, str]:
    """Splits of the dataset by that of the corpus, in the order of reading; None where the hash of
    the id decides."""
    if not isinstance(settings.split, GivenSplits):
        return {None: settings.split}
    given = {split: getattr(settings.split, split) for split in FIRST_TO_LAST}
    return {split: name for split, name in given.items() if name is not None}


def matches(path: str, patterns: str | tuple[str, ...]) -> bool:
    """Whether a path is one of some files or matches one of some patterns."""
    patterns = (patterns,) if isinstance(patterns, str) else patterns
    return any(path == pattern or fnmatch.fnmatchcase(path, pattern) for pattern in patterns)


def _names_by_split(settings: DatasetCorpus) -> dict[Split | None, list[str]]:
    splits = splits_of(settings)
    if not isinstance(settings.data_files, dict):
        return {split: list(settings.files) for split in splits}
    names: dict[Split | None, list[str]] = {}
    for split, given in splits.items():
        patterns = settings.data_files.get(given, ())
        names[split] = [path for path in settings.files if matches(path, patterns)]
        if not names[split]:
            raise UserError(
                f"split: '{given}' of data_files has no pinned file "
                f"({', '.join(settings.data_files)}). Correct split, or run `manymasks pin` again."
            )
    return names


def _split(raw: Raw, split: Split | None, settings: DatasetCorpus) -> Split | None:
    """The split of a document; splits that the dataset lacks are cut from train."""
    if split != "train" or not isinstance(settings.split, GivenSplits):
        return split
    given = settings.split
    select = settings.select if given.select is None else 0.0
    measure = settings.measure if given.measure is None else 0.0
    return split_of(raw.id, select, measure)


def _fetched(
    settings: DatasetCorpus, downloads: Path, base: Path, say: OnMessage
) -> dict[str, Path]:
    """Verified local files by their pinned paths."""
    if settings.revision is not None:
        source = HubRevision(settings.path, settings.revision)
        paths = fetch_hub(source, settings.files, downloads, say)
        return dict(zip(settings.files, paths, strict=True))
    paths = local_files(settings, base)
    return {
        name: verify_pinned(path, sha256)
        for path, (name, sha256) in zip(paths, settings.files.items(), strict=True)
    }


def local_files(settings: DatasetCorpus, base: Path) -> list[Path]:
    """Paths of the pinned files, in order, if they are on this machine; none for the Hub's."""
    if settings.revision is not None:
        return []
    folder = base / Path(settings.path).expanduser() if settings.path not in BUILDERS else base
    return [folder / Path(name).expanduser() for name in settings.files]


def _pieces(
    builder: str,
    path: Path,
    settings: DatasetCorpus,
    field: FieldPath,
    separator: Separator | None,
    cache: Path,
) -> Iterator[Piece]:
    options = dict(settings.options)
    if builder == "text":
        unit = options.pop("sample_by", "line" if separator is None else "separator")
        units = {"line", "paragraph", "document", "separator"}
        if options or unit not in units:
            raise UserError(
                "options: text takes sample_by (line, paragraph or document) alone, and separator "
                "cuts it anywhere else"
            )
        if unit == "line":
            return read_text_lines(path)
        return read_text(
            path, {"document": None, "paragraph": Separator("\n\n")}.get(unit, separator)
        )
    if builder == "json" and not options and not is_array(path):
        return read_json_lines(path, field)
    if builder == "csv" and options.keys() <= OPTIONS.keys():
        return read_csv(path, field, {OPTIONS[name]: value for name, value in options.items()})
    return _streamed(builder, path, options, field, cache)


def is_array(path: Path) -> bool:
    """Whether a JSON file is one list of rows, over any number of lines."""
    for _, stream in streams(path):
        return stream.read(4096).removeprefix(b"\xef\xbb\xbf").lstrip()[:1] == b"["
    return False


def _streamed(
    builder: str, path: Path, options: dict[str, Any], field: FieldPath, cache: Path
) -> Iterator[Piece]:
    """Texts of the rows that `datasets` reads from one verified file."""
    datasets = quiet_datasets()
    rows = BATCH_ROWS
    if builder == "parquet":
        with parquet_file(path) as file:
            name = column_of(file.schema_arrow, field, str(path))
            rows = rows_at_once(file.metadata, name)
        options = {"columns": [name], "batch_size": rows, **options}
    if builder == "json":
        # Rows with the fields of an agent's trace would need another package.
        options = {"parse_agent_traces": False, **options}
    number = 0
    try:
        stream = datasets.load_dataset(
            builder,
            data_files=[str(path)],
            split="train",
            streaming=True,
            cache_dir=str(cache),
            **options,
        )
        for table in stream.with_format("arrow").iter(batch_size=rows):
            name = column_of(table.schema, field, str(path))
            for chunk in table.column(name).chunks:
                yield from texts(chunk, field, name, f"{path}, row", number)
                number += len(chunk)
    except (UserError, OSError, GeneratorExit):
        raise
    except Exception as error:
        # datasets raises many kinds, some of which say why only in their cause.
        cause = str(error.__cause__ or error).strip().split("\n")[0]
        raise UserError(
            f"{path}: `datasets` cannot read it with the builder {builder}, after {number} rows "
            f"({type(error).__name__}: {cause}). Check path and options, or convert the file to "
            "JSON Lines or Parquet."
        ) from error


def quiet_datasets() -> Any:
    """The package, without progress bars, without caches and without requests of its own."""
    # Imported late: it takes more than a second, and only this kind of corpus needs it.
    import datasets
    import datasets.config

    datasets.disable_progress_bars()
    datasets.disable_caching()
    datasets.logging.set_verbosity_error()
    # Otherwise each file that is loaded, local ones too, is reported over the network.
    datasets.config.HF_UPDATE_DOWNLOAD_COUNTS = False
    return datasets
