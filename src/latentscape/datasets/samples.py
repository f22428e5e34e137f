"""The one door for labeled sound, pictures and texts: a folder, a table, a saved data set, or a name."""

from importlib.util import find_spec
from pathlib import Path

from latentscape.datasets.hub_data import HubTable, is_hub_name, is_saved, read_by_name, read_saved
from latentscape.datasets.labeled import LabeledSamples
from latentscape.datasets.sample_folders import read_folder
from latentscape.datasets.sample_roles import Columns
from latentscape.datasets.sample_rows import take_rows
from latentscape.datasets.sample_tables import read_table_file
from latentscape.datasets.text import make_printable
from latentscape.errors import DataError
from latentscape.executor import IN_PROCESS, Executor
from latentscape.paths import FILE, FOLDER, SPECIAL, expand_home, kind_of, real_path
from latentscape.shapes import Kind

__all__ = ["Columns", "read_samples"]

_FOUND = Columns()


def read_samples(
    source: str | Path,
    *,
    kind: Kind | None = None,
    split: str | None = None,
    columns: Columns = _FOUND,
    named: str | None = None,
    executor: Executor = IN_PROCESS,
) -> LabeledSamples:
    """Labeled samples from wherever they lie; the files of a table in many by the workers of `executor`.

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
        return read_folder(path, kind=kind, columns=columns, named=named, split=split, executor=executor)
    if found == FOLDER:
        return _take_part(read_saved(path, split=split), kind=kind, columns=columns, named=named)
    return take_rows(read_table_file(path), kind=kind, columns=columns, named=named, split=split)


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
    return take_rows(part.table, kind=kind, columns=columns, named=named, part=part.split)
