"""A power cut at any moment: what a disk holds then, worked out from the calls the product made of the system.

SIGKILL loses nothing that was written, for the system still has it; a power cut loses whatever nobody waited for. All
calls of two studies in one folder (the second with other inputs, so that files are replaced) are recorded. After each
call the disks that may result are built: what was fsynced is there; of everything since, any part may be.
"""

import hashlib
import json
import random
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations
from pathlib import Path, PurePosixPath

from chaos.kills import compare_files, list_files, look_inside, make_order, read_end
from chaos.nursery import Nursery
from chaos.outcome import Outcome
from chaos.tap import Call, read_trace
from latentscape.disk import TEMP_PREFIX
from latentscape.run_reader import LOCK, MANIFEST

SAMPLES = 3000
RESUMED = 40
MOST_PENDING = 5
"""Names changed and not yet synced: all subsets of up to so many, else the first ones and each alone."""
Tree = Mapping[str, bytes]
"""Path -> bytes of a file."""
FOLDER = -1


@dataclass(kw_only=True)
class File:
    """One file's bytes: those that survive, and those written since."""

    synced: bytes = b""
    written: bytes = b""


@dataclass(frozen=True, kw_only=True)
class Change:
    """A change of a folder that nobody waited for yet."""

    kind: str
    path: str
    target: str = ""
    number: int = FOLDER


@dataclass(kw_only=True)
class Disk:
    """What survives (`names`: path -> number of a file, or FOLDER) and what may not (`pending`)."""

    root: str
    """The folder the calls are about. It was there before."""
    files: list[File] = field(default_factory=list)
    names: dict[str, int] = field(default_factory=dict)
    now: dict[str, int] = field(default_factory=dict)
    """The names as running programs see them."""
    pending: list[Change] = field(default_factory=list)

    def apply(self, call: Call) -> None:
        """What a call does."""
        if call.kind == "open" and call.target:
            if call.path in self.now:  # emptied, as the lock is
                self.files[self.now[call.path]].written = b""
            else:
                self.files.append(File())
                self._change(Change(kind="link", path=call.path, number=len(self.files) - 1))
        elif call.kind == "write" and call.path in self.now:
            self.files[self.now[call.path]].written += call.data
        elif call.kind == "fsync":
            self._sync(call.path)
        elif call.kind == "mkdir" and call.path != self.root:
            self._change(Change(kind="link", path=call.path))
        elif call.kind in ("replace", "unlink"):
            number = self.now.get(call.path, FOLDER)
            self._change(Change(kind=call.kind, path=call.path, target=call.target, number=number))

    def _change(self, change: Change) -> None:
        self.pending.append(change)
        change_names(self.now, change)

    def _sync(self, path: str) -> None:
        number = self.now.get(path, FOLDER)
        if number != FOLDER:
            self.files[number].synced = self.files[number].written
            return
        for change in [each for each in self.pending if str(PurePosixPath(each.path).parent) == path]:
            change_names(self.names, change)
            self.pending.remove(change)

    def survivors(self) -> Iterator[dict[str, bytes]]:
        """Every disk that a power cut may leave now."""
        for chosen in _choose(self.pending):
            names = dict(self.names)
            for change in chosen:
                change_names(names, change)
            whole = {path: number for path, number in names.items() if self._is_reachable(path, names)}
            for torn in (0.0, 0.5, 1.0):
                yield {path: self._read(number, torn) for path, number in whole.items() if number != FOLDER}
                if not any(self._is_unsynced(number) for number in whole.values()):
                    break

    def _is_reachable(self, path: str, names: Mapping[str, int]) -> bool:
        """Whether all folders above it survived."""
        above = [str(parent) for parent in PurePosixPath(path).parents]
        return all(each == self.root or names.get(each) == FOLDER for each in above[: above.index(self.root) + 1])

    def _is_unsynced(self, number: int) -> bool:
        return number != FOLDER and self.files[number].synced != self.files[number].written

    def _read(self, number: int, share: float) -> bytes:
        """The bytes, of which those written since the last sync made it to the disk in this share."""
        file = self.files[number]
        if file.synced == file.written:
            return file.synced
        return file.written[: len(file.synced) + int(share * (len(file.written) - len(file.synced)))]


def change_names(names: dict[str, int], change: Change) -> None:
    """One change, also if what it builds on was lost: a rename may survive without the making of the old name."""
    if change.kind == "link":
        names[change.path] = change.number
        return
    names.pop(change.path, None)
    if change.kind == "replace" and change.number != FOLDER:
        names[change.target] = change.number


def _choose(pending: Sequence[Change]) -> Iterator[Sequence[Change]]:
    if len(pending) <= MOST_PENDING:
        for size in range(len(pending) + 1):
            yield from combinations(pending, size)
        return
    yield from (pending[:size] for size in range(len(pending) + 1))
    yield from ([each] for each in pending)


@dataclass(frozen=True, kw_only=True)
class Cut:
    """A disk after a power cut, and when it came."""

    after: int
    """Calls made."""
    tree: Tree


def cut_everywhere(calls: Sequence[Call], *, root: str) -> Iterator[Cut]:
    """The disks that a power cut after each call may leave."""
    disk = Disk(root=root)
    for number, call in enumerate(calls, start=1):
        disk.apply(call)
        for tree in disk.survivors():
            yield Cut(after=number, tree=tree)


def find_versions(calls: Sequence[Call], *, root: str) -> dict[str, set[bytes]]:
    """Every whole content that a name ever had: what a reader may find there."""
    disk, versions = Disk(root=root), dict[str, set[bytes]]()
    for call in calls:
        disk.apply(call)
        if call.kind == "replace":
            versions.setdefault(call.target, set()).add(disk.files[disk.now[call.target]].written)
    return versions


def judge_cut(cut: Cut, versions: Mapping[str, set[bytes]]) -> list[str]:
    """What is wrong with a disk: half files, or a manifest whose files are not the ones it names."""
    wrong = []
    for path, data in cut.tree.items():
        name = PurePosixPath(path).name
        if not name.startswith(TEMP_PREFIX) and name != LOCK and data not in versions.get(path, ()):
            wrong.append(f"after call {cut.after}: `{path}` is half of a file")
        if name == MANIFEST and data:
            wrong += [f"after call {cut.after}: {each}" for each in _judge_manifest(path, data, cut.tree)]
    return wrong


def _judge_manifest(path: str, data: bytes, tree: Tree) -> list[str]:
    try:
        checksums = json.loads(data)["checksums"]
    except (ValueError, LookupError):
        return ["the manifest is half of a file"]
    places = {name: str(PurePosixPath(path).parent / name) for name in checksums}
    found = {name: hashlib.sha256(tree[place]).hexdigest() for name, place in places.items() if place in tree}
    return [
        f"the manifest names `{name}` with another checksum" for name in checksums if found.get(name) != checksums[name]
    ]


def run(folder: Path, *, scale: float = 1.0, seed: int = 0) -> list[Outcome]:
    """A cut after each call of two studies; at scale 1, 40 of the disks are mounted and the study goes on there."""
    folder = (folder / "power").resolve()
    folder.mkdir(parents=True)
    try:
        with Nursery() as nursery:
            return _cut_power(nursery, folder, n_resumed=max(2, round(RESUMED * scale)), seed=seed)
    finally:
        shutil.rmtree(folder)


def _cut_power(nursery: Nursery, folder: Path, *, n_resumed: int, seed: int) -> list[Outcome]:
    place = folder / "traced"
    orders = [replace(make_order(place, samples=SAMPLES), seed=which, trace=str(place / "trace")) for which in (0, 1)]
    for order in orders:
        death = nursery.live(order)
        if death.code:
            raise AssertionError(f"a traced run ended with {death.code}: {read_end(order)}")
    calls, final = read_trace(place / "trace"), list_files(place / "run")
    root = str(place / "run")
    seen = _replay(calls, root=root)
    missed = compare_files(final, {name: hashlib.sha256(data).hexdigest() for name, data in seen.items()})
    versions, wrong, n_cuts = find_versions(calls, root=root), [], 0
    rng, kept = random.Random(seed), list[Cut]()
    for n_cuts, cut in enumerate(cut_everywhere(calls, root=root), start=1):
        wrong += judge_cut(cut, versions)
        if len(kept) < n_resumed:
            kept.append(cut)
        elif (at := rng.randrange(n_cuts)) < n_resumed:
            kept[at] = cut
    resumed = [
        f"after call {cut.after}: {problem}"
        for number, cut in enumerate(kept)
        for problem in _mount(nursery, folder / f"mounted-{number}", cut, traced=place, wanted=final)
    ]
    about = (
        f"{len(calls)} calls: {sum(call.kind == 'fsync' for call in calls)} fsync, "
        f"{sum(call.kind == 'replace' for call in calls)} renames"
    )
    return [
        Outcome(name="Calls of the system that were recorded", promise="replayed, they give the folder as it is: "
                "nothing was written past the record", tried=len(calls), wrong=[missed] if missed else [], note=about),
        Outcome(name="Power cut after each call", promise="every name holds an old or a new file whole, and a manifest "
                "names only files that are there", tried=n_cuts, wrong=wrong[:20]),
        Outcome(name="Power cut, then the same again", promise="a reader sees a whole run or an unfinished one; the "
                "resume ends with the bytes of an undisturbed run", tried=len(kept), wrong=resumed),
    ]  # fmt: skip


def _replay(calls: Sequence[Call], *, root: str) -> dict[str, bytes]:
    """The folder after all calls, as running programs see it."""
    disk = Disk(root=root)
    for call in calls:
        disk.apply(call)
    files = {path: disk.files[number].written for path, number in disk.now.items() if number != FOLDER}
    return {path.removeprefix(f"{root}/"): data for path, data in files.items() if PurePosixPath(path).name != LOCK}


def _mount(nursery: Nursery, place: Path, cut: Cut, *, traced: Path, wanted: Mapping[str, str]) -> list[str]:
    """Put the disk into a folder, read it, and go on."""
    order = replace(make_order(place, samples=SAMPLES), seed=1)
    for path, data in cut.tree.items():
        file = place / Path(path).relative_to(traced)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)
    problem = look_inside(place / "run")
    death = nursery.live(order)
    if death.code:
        return [*filter(None, [problem]), f"the resume ended with {death.code}: {read_end(order)}"]
    differences = compare_files(wanted, list_files(place / "run"))
    shutil.rmtree(place)
    return [each for each in (problem, differences) if each]
