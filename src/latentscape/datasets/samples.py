"""The one door for labeled sound, pictures and texts: a folder, a table, a saved data set, a name, or values."""

from collections.abc import Mapping
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from latentscape.datasets.hub_data import (
    HubTable,
    choose_part,
    is_hub_name,
    is_saved,
    read_by_name,
    read_saved,
    take_dataset,
)
from latentscape.datasets.labeled import LabeledSamples
from latentscape.datasets.sample_folders import read_folder
from latentscape.datasets.sample_roles import Columns
from latentscape.datasets.sample_rows import take_rows
from latentscape.datasets.sample_tables import read_table_file
from latentscape.datasets.sample_values import make_value_table
from latentscape.datasets.text import make_printable
from latentscape.errors import DataError
from latentscape.paths import FILE, FOLDER, SPECIAL, expand_home, kind_of, real_path
from latentscape.shapes import Kind

__all__ = ["Columns", "read_samples", "take_samples"]

_FOUND = Columns()


def read_samples(
    source: str | Path,
    *,
    kind: Kind | None = None,
    split: str | None = None,
    columns: Columns = _FOUND,
    named: str | None = None,
) -> LabeledSamples:
    """Labeled samples from wherever they lie.

    `source` is a folder with a folder for each class (splits above them, or a table beside the files, as
    `sample_folders.read_folder` says), a CSV, TSV, JSON, JSON Lines or Parquet file with a column of paths, texts or
    bytes, a data set that Hugging Face `datasets` saved, or the name of one. `kind` and `columns` are found where they
    are not given; `split` is the held-out one; `named` is what the samples' ids begin with, else the source's own
    name. No sound and no picture is decoded.

    Raises DataError for data that are missing, broken or hold no usable sample, UsageError for a split that is not
    there, SafetyError for files that would need code.
    """
    path = expand_home(source)
    found = kind_of(path)
    if found not in (FILE, FOLDER, SPECIAL):
        return _read_name(str(source), found, kind=kind, split=split, columns=columns, named=named)
    own = make_printable(real_path(path).stem if found == FILE else real_path(path).name)
    named = named or own or "data"
    if found == FOLDER and not is_saved(path):
        return read_folder(path, kind=kind, columns=columns, named=named, split=split)
    if found == FOLDER:
        return _take_part(read_saved(path, split=split), kind=kind, columns=columns, named=named)
    return take_rows(read_table_file(path), kind=kind, columns=columns, named=named, split=split)


def take_samples(
    values: Any,
    *,
    kind: Kind | None = None,
    split: str | None = None,
    columns: Columns = _FOUND,
    named: str | None = None,
) -> LabeledSamples:
    """Labeled samples from values in memory.

    A data frame of pandas or polars, an Arrow table, a list of mappings, a mapping of columns, a `datasets.Dataset`
    or a `DatasetDict`. Cells are texts, paths, bytes, pictures of Pillow or, as `datasets` has sound, mappings with
    `array` and `sampling_rate`. A path or a name is read by `read_samples`. Raises as that does.
    """
    if isinstance(values, str | Path):
        return read_samples(values, kind=kind, split=split, columns=columns, named=named)
    named = named or "data"
    if _is_dataset(values):
        return take_rows(take_dataset(values), kind=kind, columns=columns, named=named, split=split)
    if isinstance(values, Mapping) and values and all(map(_is_dataset, values.values())):
        parts = {str(name): partial(take_dataset, part) for name, part in values.items()}
        part = choose_part(parts, split, shown="the data set")
        return _take_part(part, kind=kind, columns=columns, named=named)
    return take_rows(make_value_table(values), kind=kind, columns=columns, named=named, split=split)


def _is_dataset(values: Any) -> bool:
    """Whether this is a `datasets.Dataset`. Raises DataError for its streaming form, which has no rows."""
    if not (hasattr(values, "features") and hasattr(values, "with_format")):
        return False
    if not hasattr(values, "num_rows"):
        raise DataError(
            "a streamed data set has no fixed samples",
            got=type(values).__name__,
            expected="a `datasets.Dataset`",
            hint="take some of it: `Dataset.from_list(list(stream.take(1000)))`",
            fault="data-format",
        )
    return True


def _read_name(
    source: str, reason: str, *, kind: Kind | None, split: str | None, columns: Columns, named: str | None
) -> LabeledSamples:
    is_typed = "/" not in source and find_spec("datasets") is None  # rather a folder that is not there than a name
    if is_typed or not is_hub_name(source):
        raise DataError(
            f"there is no file or folder `{make_printable(source)}`",
            got=reason,
            expected="a folder, a table, or the name of a data set",
            hint="check the path; relative paths start at the current folder",
            fault="data-missing",
        )
    named = named or source.partition(":")[0].rpartition("/")[2]
    return _take_part(read_by_name(source, split=split), kind=kind, columns=columns, named=named)


def _take_part(part: HubTable, *, kind: Kind | None, columns: Columns, named: str) -> LabeledSamples:
    return take_rows(
        part.table, kind=kind, columns=columns, named=named, split=part.split or None, is_split=bool(part.split)
    )
