"""Pairs out of a Parquet file in small batches, refusing what would run code or fill memory."""

from collections.abc import Iterator
from io import BufferedReader
from typing import Any

import pyarrow as pa
from pyarrow import parquet

from latentscape.datasets.pair_roles import EXPECTED, find_roles, is_native
from latentscape.errors import DataError, SafetyError, nearest

_NATIVE = ("query", "pos", "hard_neg")
_BATCH_ROWS = 64
_MOST_ROWS = 5_000_000
_MOST_BYTES = 2**33
_MOST_CHARACTERS = 2**31


def iterate_rows(file: BufferedReader, shown: str) -> Iterator[dict[str, Any]]:
    """Rows with the columns that have a role (`pair_roles`), and every column of texts, numbers or true/false.

    Columns of another type are not even decoded.
    Raises DataError if the file is broken, lacks a column or decodes to over 2 GiB; SafetyError for extension types.
    """
    try:
        table = parquet.ParquetFile(file)
        columns = choose_columns(table.schema_arrow, shown)
        _check_size(table, shown)
        yield from _decode(table, columns, shown)
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise _broken(shown, str(error).partition("\n")[0]) from None


def choose_columns(schema: pa.Schema, shown: str) -> list[str]:
    """The columns with a role, then those that can say something of a query.

    Raises DataError where there is no query or no right document among them, SafetyError for extension types in them.
    """
    if is_native(schema.names):
        columns = [name for name in _NATIVE if name in schema.names]
    else:
        roles = find_roles(schema.names, shown)
        if roles is None:
            raise _no_pairs(schema, shown)
        columns = list(roles.known)
    for name in columns:
        refuse_extension(schema.field(name), shown)
    return columns + [field.name for field in schema if field.name not in columns and is_plain(field)]


def _no_pairs(schema: pa.Schema, shown: str) -> DataError:
    missing = next((name for name in _NATIVE[:2] if name not in schema.names), _NATIVE[0])
    return DataError(
        f"{shown} has no column `{missing}`",
        got=", ".join(f"`{name}`" for name in schema.names[:20]) or "no columns",
        expected=EXPECTED,
        hint=nearest(missing, schema.names) if schema.names else "is this the pair file?",
        fault="pairs-format",
    )


def is_plain(field: pa.Field) -> bool:
    """Whether a column can say something of its row's query: single texts, numbers or true/false, of Arrow's own."""
    kind = field.type.value_type if pa.types.is_dictionary(field.type) else field.type
    texts = pa.types.is_string(kind) or pa.types.is_large_string(kind)
    numbers = pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind)
    return (texts or numbers) and not _has_extension(field)


def refuse_extension(field: pa.Field, shown: str) -> None:
    """Raise SafetyError for a column whose type is not one of Arrow's own."""
    if _has_extension(field):
        raise SafetyError(
            f"the column `{field.name}` of {shown} has an extension type, which may run code when it is read",
            got=str(field.type),
            hint="write the column as plain strings and lists",
            fault="code-data",
        )
    for place in range(field.type.num_fields):
        refuse_extension(field.type.field(place), shown)


def _has_extension(field: pa.Field) -> bool:
    marked = bool(field.metadata) and b"ARROW:extension:name" in field.metadata
    return marked or isinstance(field.type, pa.BaseExtensionType)


def _check_size(table: parquet.ParquetFile, shown: str) -> None:
    metadata = table.metadata
    if metadata.num_rows > _MOST_ROWS:
        raise _broken(shown, f"{metadata.num_rows:,} rows; the most that can be shown is {_MOST_ROWS:,}")
    if sum(metadata.row_group(number).total_byte_size for number in range(metadata.num_row_groups)) > _MOST_BYTES:
        raise _broken(shown, f"it unpacks to more than {_MOST_BYTES >> 30} GiB")


def _decode(table: parquet.ParquetFile, columns: list[str], shown: str) -> Iterator[dict[str, Any]]:
    decoded = 0
    for batch in table.iter_batches(batch_size=_choose_batch_rows(table), columns=columns):
        rows = batch.to_pylist()
        decoded += _count_characters(rows)
        if decoded > _MOST_CHARACTERS:
            raise _broken(shown, f"it unpacks to more than {_MOST_CHARACTERS:,} characters")
        yield from rows


def _choose_batch_rows(table: parquet.ParquetFile) -> int:
    """Few enough that a batch fits in a gigabyte even if one long text, stored once, fills every cell of it."""
    groups = [table.metadata.row_group(number) for number in range(table.metadata.num_row_groups)]
    largest = max((group.total_byte_size for group in groups), default=0)
    return min(_BATCH_ROWS, max(1, 2**30 // max(1, largest)))


def _count_characters(value: object) -> int:
    if isinstance(value, dict):
        return sum(map(_count_characters, value.values()))
    return (
        sum(map(_count_characters, value)) if isinstance(value, list) else len(value) if isinstance(value, str) else 1
    )


def _broken(shown: str, reason: str) -> DataError:
    what = f"can't read pairs from {shown}: {reason}"
    return DataError(what, hint="write the file again, or use JSON", fault="pairs-format")
