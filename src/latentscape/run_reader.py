"""A finished run folder on disk -> its manifest, scores, tables and arrays, each proven by its checksum."""

import hashlib
import json
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Shaped

from latentscape.datasets.files import open_regular
from latentscape.errors import DataError
from latentscape.paths import FILE, FOLDER, is_file, kind_of, real_path
from latentscape.plain_text import clean_text

if TYPE_CHECKING:
    import pyarrow  # noqa: ICN001  annotations are looked up by the whole name

FORMAT, FORMAT_VERSION = "latentscape run", 1
MANIFEST, SCORES, LOCK = "manifest.json", "scores.json", ".latentscape.lock"
RECORD = "stages/features.json"
"""Which features a run keeps."""
_FEATURES_FILE = re.compile(r"features/[A-Za-z0-9_-][A-Za-z0-9._-]*\.npy")
"""Names that a stage can have given its files."""
_BESIDE = ("_rows", "_facts")
"""What is kept beside the features; no layers."""
LARGEST_JSON = 2**28
LARGEST_PAGE = 2**30
LARGEST_TABLE = 2**33
"""Bytes, on the disk and unpacked."""
LARGEST_ARRAY = 2**37
MOST_ROWS = 5_000_000
BATCH_ROWS, LARGEST_BATCH = 8192, 2**31
AGAIN = "run the study again"


@dataclass(frozen=True, kw_only=True)
class FinishedRun:
    """A run folder whose study was finished.

    What is read must be named in the manifest with its checksum, lie inside the folder as a plain file, and have that
    checksum. Nothing that is read can run code. Every method raises DataError for a file of which that is not true.
    """

    path: Path
    manifest: Mapping[str, Any]

    @property
    def study(self) -> str:
        """`latents`, `embeddings`, `map`, `comparison`."""
        return str(self.manifest.get("study", "unknown"))

    def read_scores(self) -> dict[str, Any]:
        """The flat names and values of scores.json."""
        return self.read_json(SCORES)

    def read_bytes(self, name: str) -> bytes:
        """A page or picture as it is."""
        with self._open(name, largest=LARGEST_PAGE) as file:
            return file.read()

    def read_json(self, name: str) -> dict[str, Any]:
        """A file that holds one JSON object."""
        with self._open(name, largest=LARGEST_JSON) as file:
            return _parse(file.read(), self.path / name)

    def read_table(self, name: str, *, wanted: Callable[[str], bool] | None = None) -> "pyarrow.Table":
        """A Parquet table: all its columns, or those whose names are `wanted`; the others are not even unpacked.

        Raises DataError for one that is broken or unpacks to too much, SafetyError for extension types.
        """
        import pyarrow as pa  # noqa: PLC0415  0.2 s, and scores need none
        from pyarrow import parquet  # noqa: PLC0415

        with self._open(name, largest=LARGEST_TABLE) as file:
            try:
                return _unpack(parquet.ParquetFile(file), wanted, shown=str(self.path / name))
            except (pa.ArrowException, OSError, ValueError) as error:
                raise _unreadable(self.path / name, str(error).partition("\n")[0]) from None

    def read_array(self, name: str) -> Shaped[np.ndarray, "*axes"]:
        """A .npy array, read-only.

        Raises DataError for one that is broken or cut short, SafetyError for Python objects, ResourceError for one
        that does not fit in memory.
        """
        from latentscape.datasets.feature_arrays import map_npy  # noqa: PLC0415  it brings pyarrow
        from latentscape.datasets.feature_table import require_memory  # noqa: PLC0415

        with self._open(name, largest=LARGEST_ARRAY):
            mapped = map_npy(self.path / name)
        require_memory(mapped.nbytes, str(self.path / name))
        array = np.array(mapped)  # a file that shrinks while it is mapped would end the process
        array.flags.writeable = False
        return array

    def has(self, name: str) -> bool:
        """Whether the manifest names this file."""
        checksums = self.manifest.get("checksums")
        return isinstance(checksums, dict) and name in checksums

    def read_arrays(self, name: str, wanted: Collection[str]) -> dict[str, Shaped[np.ndarray, "..."]]:
        """The `wanted` arrays of a .npz file that are in it, read-only. Raises as `read_array`."""
        from latentscape.datasets.feature_arrays import list_members, read_member  # noqa: PLC0415  it brings pyarrow

        path = self.path / name
        with self._open(name, largest=LARGEST_ARRAY):
            found = {key: read_member(path, key) for key in list_members(path) if key in wanted}
        for array in found.values():
            array.flags.writeable = False
        return found

    def list_features(self) -> dict[str, str]:
        """The file of each layer whose features the run keeps, in the order in which they were read; empty for none."""
        if not self.has(RECORD):
            return {}
        arrays = self.read_json(RECORD).get("arrays")
        if not isinstance(arrays, list) or not all(map(_is_entry, arrays)):
            raise _unreadable(self.path / RECORD, "it does not list the features")
        layers = [each for each in arrays if each["name"] not in _BESIDE]
        files = {clean_text(each["name"]): each["file"] for each in layers}
        if len(files) < len(layers):
            raise _unreadable(self.path / RECORD, "two layers of one name")
        return files

    @contextmanager
    def _open(self, name: str, *, largest: int) -> Iterator[BufferedReader]:
        """A file of the run, proven, to be read from its first byte."""
        path = _locate(self.path, name)
        checksums = self.manifest.get("checksums")
        known = checksums.get(name) if isinstance(checksums, dict) else None
        if known is None:
            got = f"no checksum in {MANIFEST}"
            raise DataError(f"`{path}` is no file of the run", got=got, hint=AGAIN, fault="run-damaged")
        with _open_plain(path, largest=largest) as file:
            if hashlib.file_digest(file, "sha256").hexdigest() != known:
                raise DataError(
                    f"`{path}` was changed after the run was finished",
                    got="another checksum than in the manifest",
                    hint=AGAIN,
                    fault="run-damaged",
                )
            file.seek(0)
            yield file


def open_run(folder: Path) -> FinishedRun:
    """A finished run folder of ours, in a version that we know.

    Raises:
        DataError: it is no folder, no run folder, unfinished, damaged, or of a newer version.
    """
    kind = kind_of(folder)
    if kind != FOLDER:
        raise _missing(folder, kind)
    if not is_file(folder / MANIFEST):
        if is_file(folder / SCORES) or is_file(folder / LOCK):
            hint = f"{AGAIN}: it goes on where it stopped, and writes the manifest last"
            raise DataError(f"`{folder}` is an unfinished run", got=f"no {MANIFEST}", hint=hint, fault="run-unfinished")
        raise _missing(folder, f"no {MANIFEST}")
    path = _locate(folder, MANIFEST)
    with _open_plain(path, largest=LARGEST_JSON) as file:
        manifest = _parse(file.read(), path)
    if manifest.get("format") != FORMAT:
        expected, hint = f'"format": "{FORMAT}"', "is this the right folder?"
        raise DataError(f"`{path}` is not of ours", expected=expected, hint=hint, fault="run-missing")
    version = manifest.get("format_version")
    if not isinstance(version, int) or version > FORMAT_VERSION:
        raise DataError(
            f"`{folder}` was written by a newer version", got=f"format {version}", expected=f"format {FORMAT_VERSION}",
            hint="update latentscape", fault="run-newer",
        )  # fmt: skip
    return FinishedRun(path=folder, manifest=manifest)


def _locate(folder: Path, name: str) -> Path:
    """Where a file of the run lies: always inside its folder, even where links lead out of it."""
    parts = name.split("/")
    path = folder.joinpath(*parts)
    is_plain = name.isprintable() and "\\" not in name and not {"", ".", ".."} & set(parts)
    if not is_plain or not real_path(path).is_relative_to(real_path(folder)):
        raise DataError(
            f"`{folder}` names a file that does not lie inside it", got=repr(name)[:200],
            expected="a relative name without `..`, and no links that lead out", hint=AGAIN, fault="run-damaged",
        )  # fmt: skip
    return path


@contextmanager
def _open_plain(path: Path, *, largest: int) -> Iterator[BufferedReader]:
    kind = kind_of(path)
    if kind != FILE:
        raise _unreadable(path, kind)
    try:
        size = path.stat().st_size
        if size > largest:
            raise _unreadable(path, f"{size:,} bytes; the most that is read is {largest:,}")
        with open_regular(path) as file:
            yield file
    except OSError as error:
        raise _unreadable(path, error.strerror or str(error)) from None


def _parse(data: bytes, path: Path) -> dict[str, Any]:
    """The JSON object in a file."""
    try:
        value = json.loads(data.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise _unreadable(path, str(error) or type(error).__name__) from None
    if not isinstance(value, dict):
        raise _unreadable(path, "no JSON object")
    return value


def _unpack(file: Any, wanted: Callable[[str], bool] | None, *, shown: str) -> "pyarrow.Table":
    """The columns asked for, a batch at a time, so that what unpacks to too much is noticed before it is there."""
    import pyarrow as pa  # noqa: PLC0415  as above

    from latentscape.datasets.pair_parquet import refuse_extension  # noqa: PLC0415

    schema, metadata = file.schema_arrow, file.metadata
    names = [name for name in schema.names if wanted is None or wanted(name)]
    if len(set(names)) < len(names):
        raise ValueError("two columns of one name")
    for name in names:
        refuse_extension(schema.field(name), f"`{shown}`")
    if metadata.num_rows > MOST_ROWS:
        raise ValueError(f"{metadata.num_rows:,} rows; the most that are read are {MOST_ROWS:,}")
    batch_rows = min(BATCH_ROWS, max(1, LARGEST_BATCH // max(1, _find_longest_text(metadata))))
    batches, n_bytes = [], 0
    for batch in file.iter_batches(batch_size=batch_rows, columns=names):
        batches.append(batch)
        n_bytes += batch.nbytes
        if n_bytes > LARGEST_TABLE:
            raise ValueError(f"it unpacks to more than {LARGEST_TABLE >> 30} GiB")
    table = pa.Table.from_batches(batches, schema=pa.schema([schema.field(name) for name in names]))
    table.validate(full=True)  # text that is no UTF-8 would fail only where it is used
    return table


def _is_entry(entry: object) -> bool:
    """Whether it names an array and a file that could be its own."""
    if not isinstance(entry, dict) or not isinstance(entry.get("name"), str):
        return False
    file = entry.get("file")
    return isinstance(file, str) and _FEATURES_FILE.fullmatch(file) is not None


def _find_longest_text(metadata: Any) -> int:
    """No text in the table is of more bytes: one that is stored once can fill every cell of a batch."""
    groups = [metadata.row_group(number) for number in range(metadata.num_row_groups)]
    columns = [group.column(number) for group in groups for number in range(group.num_columns)]
    return max((each.total_uncompressed_size for each in columns if each.physical_type == "BYTE_ARRAY"), default=0)


def _unreadable(path: Path, reason: str) -> DataError:
    return DataError(f"`{path}` can't be read", got=" ".join(reason.split())[:200], hint=AGAIN, fault="run-damaged")


def _missing(folder: Path, got: str) -> DataError:
    hint = "give the folder that `--output` named"
    return DataError(f"`{folder}` is not a run folder", got=got, hint=hint, fault="run-missing")
