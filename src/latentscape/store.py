"""The run folder: everything one study produced, under names that other programs can rely on (docs/format.md)."""

import csv
import fcntl
import hashlib
import io
import json
import os
import platform
import re
import time
import unicodedata
import zipfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from latentscape.disk import (
    TEMP_PREFIX,
    TEMP_SUFFIX,
    Sink,
    explain_errors,
    hash_file,
    make_folder,
    remove_file,
    write_file,
)
from latentscape.errors import BusyError, UsageError
from latentscape.measures.score import Score
from latentscape.run_reader import FORMAT, FORMAT_VERSION, LOCK, MANIFEST

STAGES = "stages"
FORMULA_SIGNS = ("=", "+", "-", "@", "\t", "\r", "\n")
"""What begins a formula in spreadsheets."""
UNREADABLE = (OSError, ValueError, LookupError, TypeError, AttributeError, EOFError, zipfile.BadZipFile)
"""What reading a damaged file may raise."""

Arrays = Mapping[str, np.ndarray]


@final
class RunFolder:
    """A folder that this process alone writes, from `with` to the end of its block.

    Files appear whole or not at all; nothing is deleted but our own temporary files and an outdated manifest. Other
    files in the folder are left alone. `reused` says for each stage whether it was loaded instead of computed.

    Raises:
        UsageError: the path is a file, `/`, or holds another program's manifest or a newer format.
        BusyError: another process writes this folder.
        ResourceError: the disk is full or may not be written.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = _check_output(path)
        self.reused: dict[str, bool] = {}
        self._checksums: dict[str, str] = {}
        self._outdated = True
        self._lock: int | None = None

    def __enter__(self) -> "RunFolder":
        make_folder(self.path)
        self._lock = _lock(self.path)
        try:
            _check_manifest(self.path / MANIFEST)
            self._sweep()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._lock is not None:
            os.close(self._lock)  # the system lets go of the lock with it, also when the process is killed
        self._lock = None

    def save_bytes(self, name: str, data: bytes) -> None:
        """Write a file; `name` is relative to the folder and may hold `/`."""
        self._save(name, lambda sink: sink.write(data))

    def save_text(self, name: str, text: str) -> None:
        """Write text as UTF-8."""
        self.save_bytes(name, encode_text(text))

    def save_json(self, name: str, value: Any) -> None:
        """Write JSON with sorted keys. NaN and infinity are refused: they are not JSON."""
        self.save_text(name, write_json(value))

    def save_scores(self, scores: Mapping[str, Score]) -> None:
        """Write `scores.json`, the flat form of `flatten_scores`."""
        self.save_json("scores.json", flatten_scores(scores))

    def save_array(self, name: str, array: np.ndarray) -> None:
        """Write one array as .npy. Arrays of Python objects are refused: they would need pickle."""
        self._save(name, lambda sink: np.lib.format.write_array(sink, array, allow_pickle=False))

    def save_arrays(self, name: str, arrays: Arrays) -> None:
        """Write several arrays as one .npz, uncompressed, the same bytes for the same arrays."""
        self._save(name, lambda sink: _write_npz(sink, arrays))

    def save_table(self, name: str, columns: Mapping[str, Sequence[Any] | np.ndarray | pa.Array]) -> None:
        """Write columns of equal length as Parquet, without pandas or Arrow metadata."""
        table = pa.table({clean_text(column): _to_column(values) for column, values in columns.items()})
        buffer = pa.BufferOutputStream()
        pq.write_table(table, buffer, store_schema=False)
        self._save(name, lambda sink: sink.write(memoryview(buffer.getvalue())))

    def save_csv(self, name: str, columns: Mapping[str, Sequence[Any]]) -> None:
        """Write columns of equal length as CSV with a header line, for eyes and spreadsheets (RFC 4180).

        Text that a spreadsheet would run as a formula gets an apostrophe in front.
        """
        text = io.StringIO()
        writer = csv.writer(text)
        writer.writerow(columns)
        writer.writerows([_disarm(value) for value in row] for row in zip(*columns.values(), strict=True))
        self.save_text(name, text.getvalue())

    def load_array(self, name: str) -> np.ndarray:
        """Read one array that `save_array` wrote."""
        return _freeze(np.load(self._place(name), allow_pickle=False))

    def stage(self, name: str, inputs: Mapping[str, Any], compute: Callable[[], Arrays]) -> Arrays:
        """The arrays of a stage: loaded if it was finished before from the same inputs, else computed and kept.

        `inputs` is everything the result depends on, as plain JSON values. A stage `folder/name` is kept as
        `folder/name.npz`, a stage `name` as `name/<array>.npy`. A record in `stages/` names the inputs and the
        files' checksums; a file that is damaged or missing means the stage is computed again. Arrays are read-only.
        """
        name = "/".join(safe_name(part) for part in name.split("/"))
        digest = _hash_inputs(name, inputs)
        kept = self._load_stage(name, digest)
        self.reused[name] = kept is not None
        return self._keep_stage(name, inputs, arrays=compute(), digest=digest) if kept is None else kept

    def finish(self, manifest: Mapping[str, Any]) -> None:
        """Write the manifest, last of all: a folder without one is an unfinished run."""
        ours = {"format": FORMAT, "format_version": FORMAT_VERSION, "checksums": dict(self._checksums)}
        text = write_json({**manifest, **ours})
        write_file(self.path / MANIFEST, lambda sink: sink.write(encode_text(text)))
        self._outdated = True

    def _save(self, name: str, produce: Callable[[Sink], object]) -> None:
        path = self._place(name)
        if self._outdated:  # from the first new file on, the old manifest would be untrue
            remove_file(self.path / MANIFEST)
        self._outdated = False
        make_folder(path.parent)
        self._checksums[name] = write_file(path, produce)

    def _place(self, name: str) -> Path:
        """Where a file of this name lies: always inside the folder, even where links lead out of it."""
        if self._lock is None:
            raise RuntimeError("a run folder is used inside its `with` block only")
        parts = name.split("/")
        path = self.path.joinpath(*parts)
        inside = path.parent.resolve().is_relative_to(self.path.resolve())
        if not inside or name == MANIFEST or not all(map(_is_file_name, parts)):
            raise UsageError(
                "this name can't be used for a file of a run folder",
                got=f"{name!r}",
                expected="a relative name without `..`, `\\`, control signs or a leading dot, and no links out",
            )
        return path

    def _load_stage(self, name: str, digest: str) -> Arrays | None:
        """The arrays of a finished stage, or None if there is none from these inputs with all its files whole."""
        try:
            record_name = f"{STAGES}/{name}.json"
            record = json.loads(self._place(record_name).read_text(encoding="utf-8"))
            if (record["format_version"], record["inputs_sha256"]) != (FORMAT_VERSION, digest):
                return None
            places = {each["name"]: _array_file(name, each["name"]) for each in record["arrays"]}
            files = {file: hash_file(self._place(file)) for file in set(places.values())}
            if files != record["files"]:
                return None
            arrays = {key: _read_array(self._place(file), key) for key, file in places.items()}
            self._checksums |= {**files, record_name: hash_file(self._place(record_name))}
            return arrays
        except UNREADABLE:
            return None

    def _keep_stage(self, name: str, inputs: Mapping[str, Any], *, arrays: Arrays, digest: str) -> Arrays:
        """Write the arrays, then the record that declares the stage finished."""
        arrays = {key: _freeze(np.asarray(array)) for key, array in arrays.items()}
        if "/" in name:
            self.save_arrays(f"{name}.npz", arrays)
        else:
            for key, array in arrays.items():
                self.save_array(_array_file(name, key), array)
        places = {key: _array_file(name, key) for key in arrays}
        record = {
            "format_version": FORMAT_VERSION,
            "stage": name,
            "inputs": inputs,
            "inputs_sha256": digest,
            "arrays": [{"name": key, "file": file} for key, file in places.items()],
            "files": {file: self._checksums[file] for file in places.values()},
        }
        self.save_json(f"{STAGES}/{name}.json", record)
        return arrays

    def _sweep(self) -> None:
        """Remove temporary files that a killed run of ours left behind."""
        temporary = f"{TEMP_PREFIX}{'[0-9a-f]' * 16}{TEMP_SUFFIX}"
        for pattern in (temporary, f"*/{temporary}", f"{STAGES}/*/{temporary}"):
            for left in list(self.path.glob(pattern)):
                remove_file(left)


@final
class Unkept:
    """Stands where a run folder would, for a caller who wants values and no files; `stages` can be kept later."""

    def __init__(self) -> None:
        self.stages: dict[str, tuple[Mapping[str, Any], Arrays]] = {}

    def stage(self, name: str, inputs: Mapping[str, Any], compute: Callable[[], Arrays]) -> Arrays:
        """The arrays, computed. They are read-only, as those of a run folder."""
        arrays = {key: _freeze(np.asarray(array)) for key, array in compute().items()}
        self.stages[name] = (inputs, arrays)
        return arrays

    def keep(self, folder: RunFolder) -> None:
        """Write every stage into a run folder, where it will be reused."""
        for name, (inputs, arrays) in self.stages.items():
            folder.stage(name, inputs, lambda arrays=arrays: arrays)


def flatten_scores(scores: Mapping[str, Score]) -> dict[str, float | int | str | None]:
    """Scores under flat names that a gate can ask for: `accuracy`, `accuracy_n`, `accuracy_low`, `accuracy_high`.

    Every score has these four; the interval's ends are None where there is none. A score whose value is None has
    `<name>_reason` besides.

    >>> flatten_scores({"mrr": Score(name="mrr", value=0.5, n=8, low=0.25, high=0.75)})
    {'mrr': 0.5, 'mrr_n': 8, 'mrr_low': 0.25, 'mrr_high': 0.75}
    """
    flat: dict[str, float | int | str | None] = {}
    for name, score in scores.items():
        mine = {name: score.value, f"{name}_n": score.n, f"{name}_low": score.low, f"{name}_high": score.high}
        mine |= {f"{name}_reason": score.reason} if score.value is None else {}
        if flat.keys() & mine.keys():
            raise AssertionError(f"two scores want the name {sorted(flat.keys() & mine.keys())[0]}")
        flat |= mine
    return flat


def safe_name(text: str) -> str:
    """A file name for any text: itself where it is plain, else its plain letters and a hash that tells it apart.

    >>> safe_name("encoder.layers.3"), safe_name("../x")
    ('encoder.layers.3', 'x-d6b96a97')
    """
    plain = re.sub(r"[^A-Za-z0-9._-]+", "-", text).strip(".-")
    if plain == text and 0 < len(plain) <= 80:
        return text
    digest = hashlib.sha256(encode_text(unicodedata.normalize("NFC", text))).hexdigest()[:8]
    return f"{plain[:60].rstrip('.-')}-{digest}".lstrip("-")


def write_json(value: Any) -> str:
    """JSON the way every file of ours has it: sorted keys, two spaces, letters as they are, no NaN."""
    return json.dumps(value, sort_keys=True, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def encode_text(text: str) -> bytes:
    """UTF-8; half letters that a broken file name can hold are written as \\udc80, which JSON reads back."""
    return text.encode("utf-8", errors="backslashreplace")


def clean_text(text: str) -> str:
    """The text as `encode_text` writes it."""
    return encode_text(text).decode("utf-8")


def _disarm(value: Any) -> Any:
    """Text that can't begin a formula."""
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA_SIGNS) else value


def _to_column(values: Sequence[Any] | np.ndarray | pa.Array) -> pa.Array:
    if isinstance(values, pa.Array):
        return values
    if isinstance(values, np.ndarray) and values.dtype.kind not in "OU":
        return pa.array(values)
    return pa.array([clean_text(value) if isinstance(value, str) else value for value in values])


def _write_npz(sink: Sink, arrays: Arrays) -> None:
    with zipfile.ZipFile(sink, "w") as archive:  # pyright: ignore[reportCallIssue, reportArgumentType]  it needs `write` only
        for key, array in arrays.items():
            with archive.open(zipfile.ZipInfo(f"{key}.npy"), "w", force_zip64=True) as member:  # dated 1980: same bytes
                np.lib.format.write_array(member, array, allow_pickle=False)


def _read_array(path: Path, key: str) -> np.ndarray:
    if path.suffix == ".npy":
        return _freeze(np.load(path, allow_pickle=False))
    with np.load(path, allow_pickle=False) as archive:
        return _freeze(archive[key])


def _freeze(array: np.ndarray) -> np.ndarray:
    view = array.view()
    view.flags.writeable = False
    return view


def _array_file(stage: str, key: str) -> str:
    return f"{stage}.npz" if "/" in stage else f"{stage}/{safe_name(key)}.npy"


def _hash_inputs(stage: str, inputs: Mapping[str, Any]) -> str:
    whole = {"format_version": FORMAT_VERSION, "stage": stage, "inputs": inputs}
    text = json.dumps(whole, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def _is_file_name(part: str) -> bool:
    """Whether one step of a name is plain: it can't climb, hide, break a terminal line or be too long."""
    printable = part.isprintable() and "\\" not in part
    return printable and 0 < len(encode_text(part)) <= 200 and not part.startswith(".")


def _check_output(path: str | os.PathLike[str]) -> Path:
    """The path, unless it can't be a folder of ours."""
    text = os.fspath(path)
    if not text or "\0" in text:
        raise UsageError("`--output` is not a path", got=repr(text), expected="the name of a folder")
    folder = Path(text)
    with explain_errors(folder):
        if os.path.realpath(folder) == os.path.realpath(folder.anchor or os.sep):
            raise UsageError(
                "the root of the disk can't be a run folder", got=f"`{text}`", hint="choose another `--output`"
            )
        if folder.exists() and not folder.is_dir():
            raise UsageError(f"`{text}` is a file", expected="a folder, new or not", hint="choose another `--output`")
    return folder


def _lock(folder: Path) -> int:
    """Lock the folder for this process and say in the lock file who holds it; the descriptor holds the lock."""
    with explain_errors(folder / LOCK):
        descriptor = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o644)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.ftruncate(descriptor, 0)
            os.write(descriptor, encode_text(write_json(_describe_holder())))
        except BlockingIOError:
            holder = os.pread(descriptor, 1000, 0).decode("utf-8", errors="replace")
            os.close(descriptor)
            raise BusyError(
                f"another process is writing `{folder}`",
                got=" ".join(holder.split()),
                hint="wait until it is done, or choose another `--output`",
            ) from None
        except BaseException:
            os.close(descriptor)
            raise
        return descriptor


def _describe_holder() -> dict[str, str | int]:
    return {"pid": os.getpid(), "host": platform.node(), "since": time.strftime("%Y-%m-%dT%H:%M:%S%z")}


def _check_manifest(path: Path) -> None:
    """Refuse a folder whose manifest is not ours to replace."""
    if not path.exists():
        return
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
        ours, newer = manifest["format"] == FORMAT, manifest["format_version"] > FORMAT_VERSION
    except UNREADABLE:
        ours, newer = False, False
    if not ours or newer:
        raise UsageError(
            f"`{path}` is {'of a newer version' if newer else 'not the manifest of a run folder'}",
            expected=f'"format": "{FORMAT}", "format_version": {FORMAT_VERSION}',
            hint="choose another `--output`",
        )
