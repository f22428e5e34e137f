"""A file of features -> a table: what it is is told by its bytes, and nothing in it can run code."""

from collections.abc import Collection
from functools import partial
from pathlib import Path

import pyarrow as pa
from pyarrow import csv, parquet

from latentscape.datasets.feature_arrays import read_npy, read_npz, read_safetensors
from latentscape.datasets.feature_columns import choose_columns, describe_columns, stack_columns
from latentscape.datasets.feature_table import FeatureTable, explained
from latentscape.datasets.files import open_regular
from latentscape.datasets.pair_parquet import refuse_extension
from latentscape.datasets.text import make_printable
from latentscape.errors import DataError, SafetyError

BATCH_ROWS = 8192
HEAD = 512
LONGEST_LINE = 2**24
DELIMITERS = "\t;, "
EXPECTED = ".npy, .npz, Parquet, .safetensors, CSV or TSV"
WRONG_KINDS: dict[bytes, str] = {
    b"\x1f\x8b": "a gzip archive",
    b"7z\xbc\xaf": "a 7z archive",
    b"\xfd7zXZ": "an xz archive",
    b"\x89HDF": "an HDF5 file",
    b"ARROW1": "an Arrow (Feather) file",
    b"GGUF": "a GGUF file",
    b"RIFF": "a sound file",
    b"\x89PNG": "a picture",
    b"%PDF": "a PDF",
    b"MATLAB": "a MATLAB file",
}
WEB_PAGE = (b"<!doctype", b"<html", b"<head", b"<?xml")
PICKLE = b"\x80"


def read_features(path: Path, *, key: str | None = None, apart: Collection[str] = ()) -> FeatureTable:
    """The matrix of features in a file, and the columns beside it.

    `key` names the array, tensor or column where the file holds several; columns in `apart` have another purpose and
    are never taken for features. Raises DataError for a file that is missing, broken or something else, SafetyError
    for one that would have to run code, ResourceError for one that does not fit in memory.
    """
    kind = tell_kind(path)
    if kind == "npy":
        return read_npy(path)
    if kind in ("npz", "safetensors"):
        return read_npz(path, key) if kind == "npz" else read_safetensors(path, key)
    return _read_parquet(path, key, apart) if kind == "parquet" else _read_text(path, key, apart)


def tell_kind(path: Path) -> str:
    """`npy`, `npz`, `parquet`, `safetensors` or `text`, by the file's first bytes.

    Raises DataError for anything else, saying what it is; SafetyError for pickles and for archives of torch.save.
    """
    shown = make_printable(str(path))
    with open_regular(path) as file:
        head = file.read(HEAD)
    if not head.strip():
        hint = "write or download it again"
        raise DataError(f"{shown} is empty", expected=EXPECTED, hint=hint, fault="features-format")
    for magic, kind in ((b"\x93NUMPY", "npy"), (b"PK\x03\x04", "npz"), (b"PK\x05\x06", "npz"), (b"PAR1", "parquet")):
        if head.startswith(magic):
            return kind
    if head[8:9] == b"{" and head[6:8] == b"\0\0":
        return "safetensors"
    _refuse_wrong_kind(head, shown)
    return "text"


def read_csv(path: Path, *, header: bool | None = None) -> pa.Table:
    """A text file of columns. Without `header` its first line is a header unless it holds numbers only.

    The columns are divided by whichever of tab, semicolon, comma and blank the first line has most of.
    """
    shown = make_printable(str(path))
    with open_regular(path) as file:
        first = file.readline(LONGEST_LINE).decode("utf-8-sig", "replace").strip("\r\n")
    delimiter = max(DELIMITERS, key=first.count)
    has_names = not all(map(_is_number, first.split(delimiter))) if header is None else header
    with open_regular(path) as file, explained(shown):
        return csv.read_csv(
            file,
            read_options=csv.ReadOptions(block_size=LONGEST_LINE, autogenerate_column_names=not has_names),
            parse_options=csv.ParseOptions(delimiter=delimiter),
        )


def has_columns(path: Path) -> bool:
    """Whether the first line of a text file is divided into several columns."""
    with open_regular(path) as file:
        first = file.readline(LONGEST_LINE)
    return any(sign in first for sign in DELIMITERS[:3].encode())


def read_parquet_column(path: Path, name: str) -> pa.ChunkedArray:
    """One column of a Parquet file. Raises SafetyError for an extension type."""
    shown = make_printable(str(path))
    with open_regular(path) as file, explained(shown):
        table = parquet.ParquetFile(file)
        refuse_extension(table.schema_arrow.field(name), shown)
        return table.read(columns=[name]).column(name)


def list_parquet_columns(path: Path) -> list[str]:
    """Names of a Parquet file's columns."""
    with open_regular(path) as file, explained(make_printable(str(path))):
        return parquet.ParquetFile(file).schema_arrow.names


def _read_parquet(path: Path, key: str | None, apart: Collection[str]) -> FeatureTable:
    shown = make_printable(str(path))
    with open_regular(path) as file, explained(shown):
        table = parquet.ParquetFile(file)
        fields = choose_columns(table.schema_arrow, key=key, apart=apart, shown=shown)
        names = [field.name for field in fields]
        batches = table.iter_batches(batch_size=BATCH_ROWS, columns=names)
        return FeatureTable(
            features=stack_columns(batches, fields, n_rows=table.metadata.num_rows, shown=shown),
            source=path.name,
            chosen=describe_columns(fields, table.schema_arrow),
            columns={name: partial(read_parquet_column, path, name) for name in table.schema_arrow.names},
        )


def _read_text(path: Path, key: str | None, apart: Collection[str]) -> FeatureTable:
    with open_regular(path) as file:
        if file.read(HEAD).lstrip().startswith((b"{", b"[")):
            shown = make_printable(str(path))
            hint = "write the features with `numpy.save`"
            raise DataError(f"{shown} is JSON", expected=EXPECTED, hint=hint, fault="features-format")
    return take_columns(read_csv(path), source=path.name, key=key, apart=apart)


def take_columns(table: pa.Table, *, source: str, key: str | None, apart: Collection[str]) -> FeatureTable:
    """The features among the columns of a table in memory; every column can be asked for."""
    fields = choose_columns(table.schema, key=key, apart=apart, shown=source)
    batches = table.to_batches(max_chunksize=BATCH_ROWS)
    return FeatureTable(
        features=stack_columns(batches, fields, n_rows=len(table), shown=source),
        source=source,
        chosen=describe_columns(fields, table.schema),
        columns={name: partial(table.column, name) for name in table.schema.names},
    )


def _is_text(head: bytes) -> bool:
    """Whether the first bytes of a file are UTF-8 without NUL; its 512th byte may be within a letter."""
    try:
        letters = head[:-3].decode("utf-8") if len(head) == HEAD else head.decode("utf-8")
    except UnicodeDecodeError as error:
        return error.start > HEAD - 8
    return "\0" not in letters


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return not cell.strip()
    return True


def _refuse_wrong_kind(head: bytes, shown: str) -> None:
    text = head.lstrip().lower()
    wrong = next((name for magic, name in WRONG_KINDS.items() if head.startswith(magic)), "")
    if text.startswith(b"version https://git-lfs"):
        what = f"{shown} is a Git LFS pointer, not the file itself"
        raise DataError(what, hint="run `git lfs pull`", fault="features-format")
    if text.startswith(WEB_PAGE):
        hint = "the download answered with a page; try again"
        raise DataError(f"{shown} is a web page, not data", hint=hint, fault="features-format")
    if head.startswith(PICKLE):
        raise SafetyError(
            f"{shown} is a pickle, which can't be read without running code from the file",
            expected=EXPECTED,
            hint="load it where you trust it and save the features with `numpy.save`",
            fault="code-data",
        )
    if wrong or not _is_text(head):
        got = wrong or f"a file that starts with {head[:8]!r}"
        hint = "write it as one of these, text as UTF-8"
        what = f"{shown} is of a kind that can't be read"
        raise DataError(what, got=got, expected=EXPECTED, hint=hint, fault="features-format")
