"""Everything a real study wrote into its run folder, and a way to write it all again without computing anything."""

import io
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np

from latentscape import shard_files, store
from latentscape.interrupts import Patience
from latentscape.lock import LOCK
from latentscape.run_reader import MANIFEST
from latentscape.store import RunFolder

MOST_BYTES = 2**15
"""Of a page or picture: how much of it is written again. Arrays, tables and records are written whole."""


@dataclass(frozen=True, kw_only=True)
class Recording:
    """The files in the order they were written, the last version of each name but for shards: all of those."""

    files: tuple[tuple[str, bytes], ...]

    @property
    def names(self) -> set[str]:
        return {name for name, _ in self.files}

    def replay(self, folder: Path) -> None:
        """Write it all again through the store: stages, shards, files, manifest. What is kept already is used again."""
        data = dict(self.files)
        records = {name: json.loads(data[name]) for name in data if name.startswith("stages/")}
        inside = {file for record in records.values() for file in record["files"]}
        begun: dict[str, shard_files.ShardFolder] = {}
        with RunFolder(folder) as run:
            for name, content in self.files:
                if name.startswith("shards/"):
                    _replay_shard(run, name, content, begun)
                elif name in records:
                    record = records[name]
                    arrays = {each["name"]: _load(data[each["file"]], each) for each in record["arrays"]}
                    run.stage(record["stage"], record["inputs"], lambda arrays=arrays: arrays)
                    _forget_shards(run, record)
                elif name == MANIFEST:
                    run.finish(json.loads(content))
                elif name not in inside:
                    run.save_bytes(name, content if name.endswith((".json", ".parquet")) else content[:MOST_BYTES])


def record(study: Callable[[Path], object], folder: Path) -> Recording:
    """Run a study that writes into `folder`, and keep every file it writes there."""
    files: list[tuple[str, bytes]] = []

    def write_file(path: Path, produce: Callable[[Any], object]) -> str:
        sha256 = whole(path, produce)
        name = str(path.relative_to(folder))
        files[:] = [each for each in files if each[0] != name]
        files.append((name, path.read_bytes()))
        return sha256

    whole = store.write_file
    with mock.patch.object(store, "write_file", write_file), mock.patch.object(shard_files, "write_file", write_file):
        study(folder)
    return Recording(files=tuple(files))


def read_tree(folder: Path) -> Mapping[str, bytes]:
    """Every file but the lock, by its name in the folder."""
    if not folder.is_dir():
        return {}
    files = [path for path in folder.rglob("*") if path.is_file() and path.name != LOCK]
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def _replay_shard(run: RunFolder, name: str, content: bytes, begun: dict[str, shard_files.ShardFolder]) -> None:  # noqa: PLR0917
    """As an extraction does it: the folder of its shards is opened once."""
    _, stage, file = name.split("/")
    if file == shard_files.PLAN:
        plan = json.loads(content)
        begun[stage] = _shards(run, stage, plan["inputs"]) if stage not in begun else begun[stage]
        begun[stage].save_plan(plan["plan"])
        return
    with np.load(io.BytesIO(content.partition(b"\n")[2])) as archive:
        arrays = dict(archive)
    start, stop = (int(number) for number in file.removesuffix(".shard").split("-"))
    begun[stage].save(range(start, stop), arrays)


def _forget_shards(run: RunFolder, record: Mapping[str, Any]) -> None:
    """What comes after an extraction: its shards have served."""
    if "/" not in record["stage"]:
        run.shards(record["stage"], record["inputs"], Patience()).clear()


def _shards(run: RunFolder, stage: str, inputs: Mapping[str, Any]) -> shard_files.ShardFolder:
    return run.shards(stage, {name: value for name, value in inputs.items() if name != "stage"}, Patience())


def _load(data: bytes, place: Mapping[str, str]) -> np.ndarray:
    loaded = np.load(io.BytesIO(data), allow_pickle=False)
    return loaded[place["name"]] if place["file"].endswith(".npz") else loaded
