"""What an extraction has read so far, on the disk: a plan and one self-checking file a shard, gone when it is done."""

import hashlib
import io
import json
import re
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, final

import numpy as np

from latentscape.arrays_on_disk import UNREADABLE, Arrays, write_npz
from latentscape.disk import make_folder, read_file, remove_file, remove_folder, require_space, write_file
from latentscape.interrupts import Patience
from latentscape.plain_text import digest_json, encode_text, write_json

PLAN, PLAN_FORMAT, SHARD_FORMAT, SHARD_VERSION = "plan.json", "latentscape plan", "latentscape shard", 1
LARGEST_PLAN, LONGEST_HEADER = 2**30, 2**12
_SHARD = re.compile(r"(\d{6,})-(\d{6,})\.shard")


@dataclass(frozen=True, kw_only=True)
class Begun:
    """An extraction that was begun: from what, how, and the word that all its shards carry."""

    inputs: Mapping[str, Any]
    plan: Mapping[str, Any]
    series: str


def read_begun(folder: Path) -> Begun | None:
    """What lies in a folder of shards; None where there is nothing, or nothing whole."""
    try:
        found = json.loads(read_file(folder / PLAN, largest=LARGEST_PLAN))
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
    """The shards of one stage (`features.shards.Shards`), below `shards/` of a run folder.

    Shards of other inputs than these, or of another plan, are never read; the next plan saved removes them. Only files
    with names of our own are ever removed.
    """

    def __init__(self, folder: Path, inputs: Mapping[str, Any], *, patience: Patience) -> None:
        self.folder, self.inputs, self._patience = folder, inputs, patience
        begun = read_begun(folder)
        same = begun is not None and digest_json(begun.inputs) == digest_json(inputs)
        self._begun = begun if same else None

    def load_plan(self) -> Mapping[str, Any] | None:
        """The plan of these inputs that was saved last."""
        return self._begun.plan if self._begun else None

    def save_plan(self, plan: Mapping[str, Any]) -> None:
        """Keep the plan; the first one after none removes what other plans left."""
        if self._begun is None:
            self.clear()
        make_folder(self.folder)
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
        write_file(self.folder / PLAN, lambda sink: sink.write(encode_text(text)))
        self._begun = replace(begun, plan=json.loads(text)["plan"])

    def load(self) -> Iterator[tuple[range, Arrays]]:
        """Every whole shard of this plan from batch 0 up to the first gap."""
        if self._begun is None:
            return
        at, places = 0, self._list()
        while found := next(self._read_from(at, places), None):
            yield found
            at = found[0].stop

    def save(self, batches: range, arrays: Arrays) -> None:
        """Keep one shard; all that overlaps it or comes later is of no use any more."""
        if self._begun is None:
            raise AssertionError("a shard without a plan")
        for theirs, path in self._list().items():
            if theirs.stop > batches.start:
                remove_file(path)
        packed = io.BytesIO()
        write_npz(packed, arrays)
        data = packed.getbuffer()
        header = {**self._describe(batches), "n_bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
        line = json.dumps(header, sort_keys=True).encode("ascii") + b"\n"
        path = self.folder / f"{batches.start:06}-{batches.stop:06}.shard"
        write_file(path, lambda sink: (sink.write(line), sink.write(data)))

    def clear(self) -> None:
        """Remove the plan, then the shards, then the folder if nothing else is in it."""
        self._begun = None
        if not self.folder.is_dir():
            return
        remove_file(self.folder / PLAN)
        for path in self._list().values():
            remove_file(path)
        remove_folder(self.folder)
        remove_folder(self.folder.parent)

    def require_space(self, n_bytes: int) -> None:
        """Raise ResourceError where the disk has no room for so much more."""
        require_space(self.folder, n_bytes)

    @property
    def stopping(self) -> bool:
        """Whether a signal waits."""
        return self._patience.asked

    def stop(self) -> None:
        """Let the signal act."""
        self._patience.obey()

    def _list(self) -> dict[range, Path]:
        """The files that are shards by their names, in order."""
        if not self.folder.is_dir():
            return {}
        named = [(match, path) for path in self.folder.iterdir() if (match := _SHARD.fullmatch(path.name))]
        return dict(sorted(((range(int(m[1]), int(m[2])), path) for m, path in named), key=lambda one: one[1].name))

    def _describe(self, batches: range) -> dict[str, Any]:
        series = self._begun.series if self._begun else ""
        return {
            "format": SHARD_FORMAT,
            "format_version": SHARD_VERSION,
            "series": series,
            "batches": [batches.start, batches.stop],
        }

    def _read_from(self, start: int, places: Mapping[range, Path]) -> Iterator[tuple[range, Arrays]]:
        """The shards that begin at this batch and are whole."""
        for batches, path in places.items():
            if batches.start == start < batches.stop and (arrays := self._read(batches, path)) is not None:
                yield batches, arrays

    def _read(self, batches: range, path: Path) -> Arrays | None:
        """The arrays of a shard; None where it is not whole or not of this plan."""
        try:
            line, _, data = read_file(path).partition(b"\n")
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
