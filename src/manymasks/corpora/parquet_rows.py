"""Rows of Parquet files: values are decoded one by one, because Arrow would fail a whole batch for
one that is not UTF-8."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa

from manymasks.corpora.parquet_file import parquet_file
from manymasks.corpora.records import LONGEST, TOO_LONG, Fault, FieldPath, Piece, decoded
from manymasks.errors import UserError

BATCH_ROWS = 1024
BATCH_BYTES = 32 * 2**20


def read_parquet(path: Path, field: FieldPath) -> Iterator[Piece]:
    """Text of each row. Raises UserError if the file is not Parquet, or has no such column, two of
    them, or one that holds no text."""
    try:
        with parquet_file(path) as file:
            schema = file.schema_arrow
            name = column_of(schema, field, str(path))
            step = rows_at_once(file.metadata, name)
            number = 0
            for group in range(file.num_row_groups):
                for batch in file.iter_batches(step, row_groups=[group], columns=[name]):
                    yield from texts(batch.column(0), field, name, f"{path}, row", number)
                    number += batch.num_rows
    except pa.ArrowInvalid as error:
        raise UserError(
            f"{path}: is not a readable Parquet file ({error}). Is format right, "
            "and the file complete?"
        ) from error


def rows_at_once(metadata: Any, name: str) -> int:
    """Rows of a batch of bounded size, from the sizes of the column in the row groups."""
    largest = 1.0
    for i in range(metadata.num_row_groups):
        group = metadata.row_group(i)
        columns = (group.column(j) for j in range(group.num_columns))
        size = sum(
            column.total_uncompressed_size
            for column in columns
            if column.path_in_schema.split(".")[0] == name
        )
        largest = max(largest, size / max(1, group.num_rows))
    return int(max(1, min(BATCH_ROWS, BATCH_BYTES // largest)))


def column_of(schema: pa.Schema, field: FieldPath, where: str) -> str:
    """Name of the column that a path starts at; raises UserError if it is not one with text."""
    for name in (field.path, field.root):
        count = schema.names.count(name)
        if count > 1:
            raise UserError(
                f"{where}: has {count} columns called '{name}'. Rename all of them but one."
            )
        if count == 1:
            kind = schema.field(name).type
            if pa.types.is_dictionary(kind):
                kind = kind.value_type
            is_nested = name == field.root and len(field.steps) > 1
            if not is_nested and not _is_text(kind):
                raise UserError(f"{where}: the column '{name}' holds {kind}, expected text.")
            return name
    raise UserError(
        f"{where}: has no column '{field.root}'. Columns found: {', '.join(schema.names)}. Set "
        "field to the one that holds the text."
    )


def texts(column: pa.Array, field: FieldPath, name: str, where: str, first: int) -> Iterator[Piece]:
    """Text of each value of a column, whose rows are numbered from `first`."""
    kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
    if _is_text(kind):
        # A view has no cast to large_binary; one of equal kind has.
        if pa.types.is_string_view(kind):
            column = column.cast(pa.binary_view())
        else:
            column = column.cast(kind).cast(pa.large_binary())
        for number, value in enumerate(column.to_pylist(), start=first):
            yield "" if value is None else _bounded(value, f"{where} {number}")
        return
    for number in range(len(column)):
        place = f"{where} {first + number}"
        try:
            value = column[number].as_py()
        except UnicodeDecodeError as error:
            yield Fault("not UTF-8", f"{place}: {error}")
            continue
        yield field.text_of_root(value, place)


def _bounded(value: bytes, where: str) -> Piece:
    if len(value) > LONGEST:
        return Fault(TOO_LONG, f"{where}: {len(value)} bytes")
    return decoded(value, where)


def _is_text(kind: pa.DataType) -> bool:
    return kind in (
        pa.string(), pa.large_string(), pa.string_view(),
        pa.binary(), pa.large_binary(), pa.binary_view(),
    )  # fmt: skip
