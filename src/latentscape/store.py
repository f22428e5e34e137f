"""The run folder: everything one study produced, under names that other programs can rely on (docs/format.md)."""

import csv
import io
import json
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from latentscape.arrays_on_disk import UNREADABLE, Arrays, freeze, read_array, write_npy, write_npz
from latentscape.disk import (
    TEMP_PREFIX,
    TEMP_SUFFIX,
    Sink,
    make_folder,
    remove_file,
    require_space,
    write_file,
)
from latentscape.errors import UsageError
from latentscape.interrupts import Patience
from latentscape.lock import Lock, peek_note, take_lock
from latentscape.measures.score import Score
from latentscape.output_folder import SHARDS, STAGES, check_manifest, check_output, find_theirs, refuse_theirs
from latentscape.pages.escape import guard_cell
from latentscape.paths import hash_file
from latentscape.plain_text import clean_text, digest_json, encode_text, is_file_name, safe_name, write_json
from latentscape.run_reader import FORMAT, FORMAT_VERSION, LOCK, MANIFEST, FinishedRun  # noqa: F401  writers ask here
from latentscape.shard_files import PLAN, LocalHome, ShardFolder, read_begun
from latentscape.shard_objects import open_home


@final
class RunFolder:
    """A folder that this process alone writes, from `with` to the end of its block.

    Files appear whole or not at all; nothing is deleted but our own temporary files, shards and an outdated manifest.
    Other files in the folder are left alone, also those with the name of one of ours that were there before any run.
    What is finished is used again where its inputs are the same. With `resume=True` they must be, with `resume=False`
    nothing is used again. `reused` says for each stage whether it was loaded instead of computed. With `shards`, a URI,
    batches are kept below it and not in the folder while a stage is computed.

    Raises:
        UsageError: the path is a file, `/`, or holds what is not ours; or `resume=True` and nothing fits.
        BusyError: another process writes this folder.
        ResourceError: the disk is full or may not be written.
    """

    def __init__(self, path: str | os.PathLike[str], *, resume: bool | None = None, shards: str | None = None) -> None:
        self.path, self._shards = check_output(path), shards
        self.resume = resume
        self.reused: dict[str, bool] = {}
        self._checksums: dict[str, str] = {}
        self._outdated = True
        self._theirs: frozenset[str] = frozenset()
        self._lock: Lock | None = None

    def __enter__(self) -> "RunFolder":
        self._check(peek_note(self.path))  # before anything is made or changed
        make_folder(self.path)
        self._lock = take_lock(self.path)
        try:
            self._theirs = self._check(self._lock.read_note())
            self._lock.write_note(sorted(self._theirs))
            self._sweep()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._lock is not None:
            self._lock.release()
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
        self._save(name, lambda sink: write_npy(sink, array))

    def save_arrays(self, name: str, arrays: Arrays) -> None:
        """Write several arrays as one .npz, uncompressed, the same bytes for the same arrays."""
        self._save(name, lambda sink: write_npz(sink, arrays))

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
        writer.writerows(map(guard_cell, row) for row in zip(*columns.values(), strict=True))
        self.save_text(name, text.getvalue())

    def stage(self, name: str, inputs: Mapping[str, Any], compute: Callable[[], Arrays]) -> Arrays:
        """The arrays of a stage: loaded if it was finished before from the same inputs, else computed and kept.

        `inputs` is everything the result depends on, as plain JSON values. A stage `folder/name` is kept as
        `folder/name.npz`, a stage `name` as `name/<array>.npy`. A record in `stages/` names the inputs and the
        files' checksums; a file that is damaged or missing means the stage is computed again. Arrays are read-only.
        """
        name = _name_stage(name)
        digest = _hash_inputs(name, inputs)
        kept = None if self.resume is False else self._load_stage(name, digest)
        self.reused[name] = kept is not None
        if kept is not None:
            return kept
        self._require_resumable(name, inputs)
        return self._keep_stage(name, inputs, arrays=compute(), digest=digest)

    def shards(self, name: str, inputs: Mapping[str, Any], patience: Patience) -> ShardFolder:
        """Where the batches of a stage are kept while it is computed; what other inputs left is removed."""
        name = _name_stage(name)
        inputs = {"stage": name, **inputs}
        kept = ShardFolder(self._place(f"{SHARDS}/{name}/{PLAN}").parent, inputs, patience=patience)
        if self._shards:
            kept.clear()
            kept = ShardFolder(open_home(self._shards, digest_json(inputs)), inputs, patience=patience)
        if self.resume is False or kept.load_plan() is None:
            kept.clear()
        return kept

    def find_differences(self, name: str, inputs: Mapping[str, Any]) -> tuple[str, ...]:
        """The inputs that differ from those of what was finished or begun of a stage; none where nothing was."""
        name = _name_stage(name)
        begun = read_begun(LocalHome(self._place(f"{SHARDS}/{name}/{PLAN}").parent))
        found = [] if begun is None else [name_differences(begun.inputs, {"stage": name, **inputs})]
        try:
            record = json.loads(self._place(f"{STAGES}/{name}.json").read_text(encoding="utf-8"))
            found.append(name_differences(record["inputs"], inputs))
        except UNREADABLE:
            pass
        return min(found, key=len, default=())

    def refuse_theirs(self, name: str, keys: Iterable[str]) -> None:
        """Raise UsageError where the arrays of a stage would be written over files of the user's."""
        refuse_theirs(self.path, self._theirs, [_array_file(_name_stage(name), key) for key in keys])

    def as_run(self, manifest: Mapping[str, Any]) -> FinishedRun:
        """What is saved so far, as a reader will find it once `finish` has written this manifest."""
        ours = {"format": FORMAT, "format_version": FORMAT_VERSION, "checksums": dict(self._checksums)}
        return FinishedRun(path=self.path, manifest=json.loads(write_json({**manifest, **ours})))

    def finish(self, manifest: Mapping[str, Any]) -> None:
        """Write the manifest, last of all: a folder without one is an unfinished run."""
        text = write_json(self.as_run(manifest).manifest)
        write_file(self.path / MANIFEST, lambda sink: sink.write(encode_text(text)))
        self._outdated = True

    def _save(self, name: str, produce: Callable[[Sink], object]) -> None:
        path = self._place(name)
        refuse_theirs(self.path, self._theirs, [name])
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
        if not inside or name == MANIFEST or not all(map(is_file_name, parts)):
            raise UsageError(
                "this name can't be used for a file of a run folder",
                got=f"{name!r}",
                expected="a relative name without `..`, `\\`, control signs or a leading dot, and no links out",
                hint="choose another `--output`, or remove the links in this one",
                fault="output-unusable",
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
            arrays = {key: read_array(self._place(file), key) for key, file in places.items()}
            self._checksums |= {**files, record_name: hash_file(self._place(record_name))}
            return arrays
        except UNREADABLE:
            return None

    def _keep_stage(self, name: str, inputs: Mapping[str, Any], *, arrays: Arrays, digest: str) -> Arrays:
        """Write the arrays, then the record that declares the stage finished."""
        arrays = {key: freeze(np.asarray(array)) for key, array in arrays.items()}
        require_space(self.path, sum(array.nbytes for array in arrays.values()))
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

    def _check(self, note: Mapping[str, Any] | None) -> frozenset[str]:
        """The user's own files; raises where this folder can't be used, or not be gone on with."""
        check_manifest(self.path / MANIFEST)
        theirs = find_theirs(self.path, note)
        refuse_theirs(self.path, theirs)
        begun = [path for folder in (STAGES, SHARDS) for path in (self.path / folder).rglob("*.json")]
        if self.resume and not begun and not self._shards:
            what = f"there is nothing in `{self.path}` to go on with"
            hint = "leave `--resume` out, or name the folder of the unfinished run with `--output`"
            raise UsageError(what, hint=hint, fault="run-differs")
        return theirs

    def _require_resumable(self, name: str, inputs: Mapping[str, Any]) -> None:
        if self.resume and (different := self.find_differences(name, inputs)):
            raise UsageError(
                f"`{self.path}` was begun with other inputs",
                got=f"different: {', '.join(different)}",
                hint="leave `--resume` out to begin anew, or choose another `--output`",
                fault="run-differs",
            )

    def _sweep(self) -> None:
        """Remove temporary files that a killed run of ours left behind."""
        temporary = f"{TEMP_PREFIX}{'[0-9a-f]' * 16}{TEMP_SUFFIX}"
        for pattern in (temporary, f"*/{temporary}", f"{STAGES}/*/{temporary}", f"{SHARDS}/*/{temporary}"):
            for left in list(self.path.glob(pattern)):
                remove_file(left)


@final
class Unkept:
    """Stands where a run folder would, for a caller who wants values and no files; `stages` can be kept later."""

    def __init__(self) -> None:
        self.stages: dict[str, tuple[Mapping[str, Any], Arrays]] = {}

    def stage(self, name: str, inputs: Mapping[str, Any], compute: Callable[[], Arrays]) -> Arrays:
        """The arrays, computed. They are read-only, as those of a run folder."""
        arrays = {key: freeze(np.asarray(array)) for key, array in compute().items()}
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


def _to_column(values: Sequence[Any] | np.ndarray | pa.Array) -> pa.Array:
    if isinstance(values, pa.Array):
        return values
    if isinstance(values, np.ndarray) and values.dtype.kind not in "OU":
        return pa.array(values)
    return pa.array([clean_text(value) if isinstance(value, str) else value for value in values])


def _array_file(stage: str, key: str) -> str:
    return f"{stage}.npz" if "/" in stage else f"{stage}/{safe_name(key)}.npy"


def _hash_inputs(stage: str, inputs: Mapping[str, Any]) -> str:
    return digest_json({"format_version": FORMAT_VERSION, "stage": stage, "inputs": inputs})


def _name_stage(name: str) -> str:
    return "/".join(safe_name(part) for part in name.split("/"))


def name_differences(old: Any, new: Any) -> tuple[str, ...]:
    """Which top-level inputs differ, those of a mapping one by one: `batch_size`, `versions.torch`."""
    if not isinstance(old, Mapping) or not isinstance(new, Mapping):
        return ("all",) if old != new else ()
    found: list[str] = []
    for name in sorted(old.keys() | new.keys()):
        mine, theirs = new.get(name), old.get(name)
        if digest_json(mine) == digest_json(theirs) and (name in new) == (name in old):
            continue
        deeper = name_differences(theirs, mine) if isinstance(mine, dict) and isinstance(theirs, dict) else ()
        found += [f"{name}.{each}" for each in deeper] or [name]
    return tuple(found)
