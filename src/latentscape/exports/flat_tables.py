"""samples.parquet without lists in it: Parquet for programs, CSV for spreadsheets."""

import csv
import io
import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from latentscape.disk import Sink, make_folder, write_file
from latentscape.exports.contents import Contents
from latentscape.pages.escape import guard_cell
from latentscape.plain_text import encode_text

if TYPE_CHECKING:
    import pyarrow  # noqa: ICN001  annotations are looked up by the whole name

ROWS_AT_ONCE = 8192
Written = tuple[tuple[Path, ...], str]


def write_parquet(contents: Contents, output: Path) -> Written:
    """One row a sample, each cell one value."""
    save_table(flatten(contents.table), output)
    return (output,), ""


def write_csv(contents: Contents, output: Path) -> Written:
    """The same as text (RFC 4180, UTF-8): what is not known is empty, and no cell is a formula."""
    table = flatten(contents.table)
    make_folder(output.parent)

    def produce(sink: Sink) -> None:
        for lines in _list_lines(table):
            sink.write(encode_text(lines))

    write_file(output, produce)
    return (output,), ""


def save_table(table: "pyarrow.Table", output: Path) -> None:
    """Write a table as Parquet, without pandas or Arrow metadata."""
    import pyarrow as pa  # noqa: PLC0415  0.2 s that a refusal should not pay
    from pyarrow import parquet  # noqa: PLC0415

    buffer = pa.BufferOutputStream()
    parquet.write_table(table, buffer, store_schema=False)
    make_folder(output.parent)
    write_file(output, lambda sink: sink.write(memoryview(buffer.getvalue())))


def flatten(table: "pyarrow.Table") -> "pyarrow.Table":
    """The table with lists and structures as JSON text."""
    import pyarrow as pa  # noqa: PLC0415  as above

    columns: dict[str, Any] = {}
    for name in table.column_names:
        column = table.column(name)
        if pa.types.is_dictionary(column.type):
            column = column.cast(column.type.value_type)
        columns[name] = pa.array(map(_to_json, column.to_pylist()), pa.string()) if is_nested(column) else column
    return pa.table(columns)


def is_nested(column: Any) -> bool:
    """Whether its cells hold several values each."""
    import pyarrow as pa  # noqa: PLC0415  as above

    return pa.types.is_nested(column.type)


def _to_json(value: Any) -> str | None:
    return None if value is None else json.dumps(_without_nan(value), ensure_ascii=False, allow_nan=False)


def _without_nan(value: Any) -> Any:
    """The value with null for NaN and infinity, which JSON lacks."""
    if isinstance(value, dict):
        return {key: _without_nan(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_without_nan(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _list_lines(table: "pyarrow.Table") -> Iterator[str]:
    """The header, then so many rows at once."""
    yield _join_rows([[guard_cell(name) for name in table.column_names]])
    for batch in table.to_batches(max_chunksize=ROWS_AT_ONCE):
        columns = [[_to_cell(value) for value in column.to_pylist()] for column in batch.columns]
        yield _join_rows([list(row) for row in zip(*columns, strict=True)])


def _join_rows(rows: list[list[Any]]) -> str:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue()


def _to_cell(value: Any) -> Any:
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None or (isinstance(value, float) and math.isnan(value)) else guard_cell(value)
