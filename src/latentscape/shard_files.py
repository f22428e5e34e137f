"""What an extraction has read so far, on the disk: a plan and one self-checking file a shard, gone when it is done."""

import hashlib
import io
import json
import re
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol, final, runtime_checkable

import numpy as np

from latentscape.arrays_on_disk import UNREADABLE, Arrays, write_npz
from latentscape.disk import make_folder, read_file, remove_file, remove_folder, require_space, write_file
from latentscape.interrupts import Patience
from latentscape.plain_text import digest_json, encode_text, write_json

PLAN, PLAN_FORMAT, SHARD_FORMAT, SHARD_VERSION = "plan.json", "latentscape plan", "latentscape shard", 1
LARGEST_PLAN, LARGEST_SHARD, LONGEST_HEADER = 2**30, 2**40, 2**12
_SHARD = re.compile(r"(\d{6,})-(\d{6,})\.shard")


@dataclass(frozen=True, kw_only=True)
class Begun:
    """An extraction that was begun: from what, how, and the word that all its shards carry."""

    inputs: Mapping[str, Any]
    plan: Mapping[str, Any]
    series: str


@runtime_checkable
class Home(Protocol):
    """Where shards lie: bytes under names."""

    def list_names(self) -> list[str]:
        """The names of all files, in any order."""
        ...

    def read(self, name: str, *, largest: int = LARGEST_SHARD) -> bytes:
        """A whole file. Raises OSError where there is none of at most `largest` bytes."""
        ...

    def write(self, name: str, *pieces: bytes | memoryview) -> None:
        """Replace a file, all of it or nothing, so that it outlives this process."""
        ...

    def remove(self, name: str) -> None:
        """Remove a file, if it is there."""
        ...

    def leave(self) -> None:
        """Remove the folder, if nothing is in it."""
        ...

    def require_space(self, n_bytes: int) -> None:
        """Raise ResourceError where there is no room for so much more."""
        ...


@final
@dataclass(frozen=True)
class LocalHome:
    """A folder of this machine."""

    folder: Path

    def list_names(self) -> list[str]:
        """The names of all that lies in the folder."""
        return [path.name for path in self.folder.iterdir()] if self.folder.is_dir() else []

    def read(self, name: str, *, largest: int = LARGEST_SHARD) -> bytes:
        """A plain file that is no link."""
        return read_file(self.folder / name, largest=largest)

    def write(self, name: str, *pieces: bytes | memoryview) -> None:
        """On the disk when this returns."""
        make_folder(self.folder)
        write_file(self.folder / name, lambda sink: [sink.write(piece) for piece in pieces])

    def remove(self, name: str) -> None:
        """Gone from the disk when this returns."""
        if self.folder.is_dir():
            remove_file(self.folder / name)

    def leave(self) -> None:
        """The folder and the one above it, if they are empty."""
        remove_folder(self.folder)
        remove_folder(self.folder.parent)

    def require_space(self, n_bytes: int) -> None:
        """Raise ResourceError where the disk has no room for so much more."""
        require_space(self.folder, n_bytes)


def read_begun(home: Home) -> Begun | None:
    """What lies among shards; None where there is nothing, or nothing whole."""
    try:
        found = json.loads(home.read(PLAN, largest=LARGEST_PLAN))
        if (found["format"], found["format_version"]) != (PLAN_FORMAT, SHARD_VERSION):
            return None
        if found.pop("sha256") != digest_json(found):
            return None
        inputs, plan, series = found["inputs"], found["plan"], found["series"]
        whole = isinstance(inputs, dict) and isinstance(plan, dict) and isinstance(series, str)
        return Begun(inputs=inputs, plan=plan, series=series) if whole else None
    except UNREADABLE:
        return None


@final
class ShardFolder:
    """The shards of one stage (`features.shards.Shards`), below `shards/` of a run folder, or in another home.

    Shards of other inputs than these, or of another plan, are never read; the next plan saved removes them. Only files
    with names of our own are ever removed.
    """

    def __init__(self, home: Home | Path, inputs: Mapping[str, Any], *, patience: Patience) -> None:
        self.home = LocalHome(home) if isinstance(home, Path) else home
        self.inputs, self._patience = inputs, patience
        begun = read_begun(self.home)
        same = begun is not None and digest_json(begun.inputs) == digest_json(inputs)
        self._begun = begun if same else None
        self._saved: dict[str, range] | None = None
        """Shards by their names, once one was saved: a listing for each costs time that grows with their square."""

    def load_plan(self) -> Mapping[str, Any] | None:
        """The plan of these inputs that was saved last."""
        return self._begun.plan if self._begun else None

    def save_plan(self, plan: Mapping[str, Any]) -> None:
        """Keep the plan; the first one after none removes what other plans left."""
        if self._begun is None:
            self.clear()
        begun = Begun(
            inputs=self.inputs, plan=plan, series=self._begun.series if self._begun else secrets.token_hex(16)
        )
        values = {
            "format": PLAN_FORMAT,
            "format_version": SHARD_VERSION,
            "inputs": begun.inputs,
            "plan": begun.plan,
            "series": begun.series,
        }
        text = write_json({**values, "sha256": digest_json(values)})
        self.home.write(PLAN, encode_text(text))
        self._begun = replace(begun, plan=json.loads(text)["plan"])

    def load(self) -> Iterator[tuple[range, Arrays]]:
        """Every whole shard of this plan, in order; of two that overlap the first."""
        if self._begun is None:
            return
        end = 0
        for batches, name in self._list():
            if end <= batches.start < batches.stop and (arrays := self._read(batches, name)) is not None:
                yield batches, arrays
                end = batches.stop

    def save(self, batches: range, arrays: Arrays) -> None:
        """Keep one shard in the place of all that overlap it."""
        if self._begun is None:
            raise AssertionError("a shard without a plan")
        if self._saved is None:
            self._saved = {name: theirs for theirs, name in self._list()}
        for name, theirs in list(self._saved.items()):
            if theirs.start < batches.stop and batches.start < theirs.stop:
                self.home.remove(name)
                del self._saved[name]
        packed = io.BytesIO()
        write_npz(packed, arrays)
        data = packed.getbuffer()
        header = {**self._describe(batches), "n_bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
        line = json.dumps(header, sort_keys=True).encode("ascii") + b"\n"
        name = f"{batches.start:06}-{batches.stop:06}.shard"
        self.home.write(name, line, data)
        self._saved[name] = batches

    def forget(self, start: int) -> None:
        """Remove every shard with batches from `start` on."""
        self._saved = None
        for theirs, name in self._list():
            if theirs.stop > start:
                self.home.remove(name)

    def clear(self) -> None:
        """Remove the plan, then the shards, then the folder if nothing else is in it."""
        self._begun = self._saved = None
        self.home.remove(PLAN)
        for _, name in self._list():
            self.home.remove(name)
        self.home.leave()

    def require_space(self, n_bytes: int) -> None:
        """Raise ResourceError where there is no room for so much more."""
        self.home.require_space(n_bytes)

    @property
    def stopping(self) -> bool:
        """Whether a signal waits."""
        return self._patience.asked

    def stop(self) -> None:
        """Let the signal act."""
        self._patience.obey()

    def _list(self) -> list[tuple[range, str]]:
        """The files that are shards by their names, in the order of the plan."""
        named = [match for name in self.home.list_names() if (match := _SHARD.fullmatch(name))]
        found = [(range(int(match[1]), int(match[2])), match[0]) for match in named]
        return sorted(found, key=lambda one: (one[0].start, one[0].stop, one[1]))

    def _describe(self, batches: range) -> dict[str, Any]:
        series = self._begun.series if self._begun else ""
        return {
            "format": SHARD_FORMAT,
            "format_version": SHARD_VERSION,
            "series": series,
            "batches": [batches.start, batches.stop],
        }

    def _read(self, batches: range, name: str) -> Arrays | None:
        """The arrays of a shard; None where it is not whole or not of this plan."""
        try:
            line, _, data = self.home.read(name).partition(b"\n")
            header = json.loads(line[:LONGEST_HEADER])
            n_bytes, sha256 = header.pop("n_bytes"), header.pop("sha256")
            if header != self._describe(batches) or n_bytes != len(data):
                return None
            if hashlib.sha256(data).hexdigest() != sha256:
                return None
            with np.load(io.BytesIO(data), allow_pickle=False) as archive:
                return {key: archive[key] for key in archive.files}
        except UNREADABLE:
            return None
