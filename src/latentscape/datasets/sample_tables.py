"""A table of samples, whatever it comes from: Arrow columns, and what is known of them besides."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyarrow import parquet

from latentscape.datasets.feature_table import BROKEN
from latentscape.datasets.files import Skipped, open_regular
from latentscape.datasets.sample_text_tables import read_delimited, read_json
from latentscape.datasets.text import make_printable
from latentscape.errors import DataError, LatentscapeError
from latentscape.shapes import Kind

TABLE_SUFFIXES = frozenset({".csv", ".tsv", ".jsonl", ".ndjson", ".json", ".parquet"})
"""File name endings, in lower case, that count as tables."""
MOST_ROWS = 5_000_000
MOST_BYTES = 2**33
_MEDIA: Mapping[str, Kind] = {"Image": "image", "Audio": "audio"}


@dataclass(frozen=True, kw_only=True)
class SampleTable:
    """Rows of samples before anybody said what their columns are."""

    source: str
    """What messages call it."""
    values: pa.Table
    places: Sequence[str] | None = None
    """What messages call each row: `line 7`; None for `row 6`."""
    skipped: Skipped = ()
    """Rows too broken to be among the values."""
    class_names: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Of the columns whose numbers the data set names itself."""
    media: Mapping[str, Kind] = field(default_factory=dict)
    """The columns that the data set calls pictures or sound."""
    folder: Path | None = None
    """Where relative paths start; None for the current folder."""

    def __len__(self) -> int:
        return len(self.values)

    def name_row(self, row: int) -> str:
        """What a message calls a row."""
        return f"row {row}" if self.places is None else self.places[row]


@contextmanager
def reading(shown: str) -> Iterator[None]:
    """Turn whatever a damaged file makes a reader raise into a DataError that names the file."""
    try:
        yield
    except LatentscapeError:
        raise
    except (*BROKEN, MemoryError) as error:  # a damaged length asks for more memory than there is
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        hint = "copy, download or write it again"
        raise DataError(f"{shown} can't be read", got=reason, hint=hint, fault="data-format") from None


def read_table_file(path: Path, *, folder: Path | None = None) -> SampleTable:
    """The table in a CSV, TSV, JSON, JSON Lines or Parquet file, told apart by content.

    Relative paths start at `folder`, or where the file lies. Raises DataError for a file that is missing, too large,
    or none of these.
    """
    shown, folder = make_printable(str(path)), folder or path.parent
    with open_regular(path) as file:
        head = file.read(512)
    if head.startswith(b"PAR1"):
        return _read_parquet(path, shown, folder)
    _refuse_other(head, shown)
    text = head.decode("utf-8-sig", "ignore").lstrip()
    if path.suffix.lower() not in (".csv", ".tsv") and text[:1] in ("{", "["):
        rows = read_json(path)
    else:
        rows = read_delimited(path)
    return SampleTable(source=shown, values=rows.values, places=rows.places, skipped=rows.skipped, folder=folder)


def _read_features_note(features: Any) -> tuple[dict[str, tuple[str, ...]], dict[str, Kind]]:
    """Class names, and columns of media, out of what the `datasets` library writes of a data set's columns."""
    names: dict[str, tuple[str, ...]] = {}
    media: dict[str, Kind] = {}
    for column, feature in features.items() if isinstance(features, Mapping) else ():
        if not isinstance(feature, Mapping):
            continue
        listed = feature.get("names")
        if feature.get("_type") == "ClassLabel" and isinstance(listed, list) and listed:
            names[str(column)] = tuple(map(str, listed))
        if feature.get("_type") in _MEDIA:
            media[str(column)] = _MEDIA[str(feature["_type"])]
    return names, media


def _read_schema_note(schema: pa.Schema) -> Any:
    """The features that the `datasets` library notes in the schema of its files; None without them."""
    note = (schema.metadata or {}).get(b"huggingface", b"")
    try:
        return json.loads(note[: 2**24])["info"]["features"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return None


def make_table(values: pa.Table, *, source: str, features: Any = None, folder: Path | None = None) -> SampleTable:
    """A table of Arrow's; its columns' meaning as `features`, else as its own schema says."""
    names, media = _read_features_note(_read_schema_note(values.schema) if features is None else features)
    return SampleTable(source=source, values=values, class_names=names, media=media, folder=folder)


def _read_parquet(path: Path, shown: str, folder: Path) -> SampleTable:
    with open_regular(path) as file, reading(shown):
        opened = parquet.ParquetFile(file)
        notes = opened.metadata
        size = sum(notes.row_group(number).total_byte_size for number in range(notes.num_row_groups))
        if notes.num_rows > MOST_ROWS or size > MOST_BYTES:
            raise DataError(
                f"{shown} is too large to be studied at once",
                got=f"{notes.num_rows:,} rows, {size >> 20:,} MiB unpacked",
                expected=f"at most {MOST_ROWS:,} rows and {MOST_BYTES >> 30} GiB",
                hint="write a part of it",
                fault="data-format",
            )
        return make_table(opened.read(), source=shown, folder=folder)


def _refuse_other(head: bytes, shown: str) -> None:
    """Raise DataError for a file that is no table: empty, a web page, a pointer of Git LFS, binary."""
    reason, hint = "", "name a CSV, TSV, JSON, JSON Lines or Parquet file, or a folder with one folder a class"
    start = head.lstrip().lower()
    if not start:
        reason, hint = "it is empty", "write it again"
    elif start.startswith(b"version https://git-lfs"):
        reason, hint = "it is a Git LFS pointer", "run `git lfs pull`"
    elif start.startswith((b"<!doctype", b"<html", b"<head")):
        reason, hint = "it is a web page", "the download answered with a page: try again"
    elif head.startswith((b"\xff\xfe", b"\xfe\xff")):
        reason, hint = "it is UTF-16 text", "save the table again as UTF-8"
    elif b"\0" in head:
        reason = f"it starts with {head[:8]!r}"
    if reason:
        raise DataError(
            f"can't read {shown} as a table: {reason}",
            expected="CSV, TSV, JSON, JSON Lines or Parquet",
            hint=hint,
            fault="data-format",
        )
