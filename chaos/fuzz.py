"""Thousands of broken files through our readers: each is read, or refused with an id, soon; no process ever falls.

The readers run in processes forked from one that has imported everything, with a limit on memory and an alarm.
"""

import json
import mmap
import os
import random
import resource
import signal
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from chaos.mutate import seed_of
from chaos.outcome import Outcome

ROOT = Path(__file__).parents[1]
TRIALS = 2500
"""Of each kind, at full scale."""
_BATCH = 250
_SLOWEST = 1.0
"""Seconds of processor time that one verdict may take."""
_ALARM = 20
"""Seconds on the clock after which a process that hangs is ended."""
_MEMORY = 3 << 30
"""Bytes that a batch may ask for beyond what its process has already."""


@dataclass(frozen=True, kw_only=True)
class Target:
    """A kind of file: a good one, how it is broken, and what reads it."""

    suffix: str
    content: bytes
    change: Callable[[bytes, random.Random], bytes]
    read: Callable[[Path], object]


def run(folder: Path, *, scale: float = 1.0, seed: int = 0) -> list[Outcome]:
    """Break and read every kind of file; one row a kind."""
    folder.mkdir(parents=True, exist_ok=True)
    trials = max(1, round(TRIALS * scale))
    words = [sys.executable, "-P", "-m", "chaos.fuzz", str(folder), str(trials), str(seed)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    ended = subprocess.run(words, env=environment, capture_output=True, text=True, check=False)
    if ended.returncode:
        raise RuntimeError(f"the process of broken files ended with {ended.returncode}: {ended.stderr[-2000:]}")
    rows = [json.loads(line) for line in ended.stdout.splitlines() if line.startswith("{")]
    return [
        Outcome(
            name=f"broken {row['name']}",
            promise=f"read or refused with an id, within {_SLOWEST:.0f} s of processor time; no crash",
            tried=row["tried"],
            wrong=row["wrong"],
            note=f"{row['refused']} refused; slowest {row['slowest']:.2f} s",
        )
        for row in rows
    ]


# -- in the process of its own -------------------------------------------------------------------------------------


def _main(folder: Path, trials: int, seed: int) -> None:
    from chaos.fuzz_targets import make_targets

    targets: Mapping[str, Target] = make_targets(folder)
    for name, target in targets.items():
        total = {"name": name, "tried": 0, "refused": 0, "slowest": 0.0, "wrong": []}
        at = 0
        while at < trials:
            end = min(at + _BATCH, trials)
            found = _fork(target, folder, range(at, end), seed=seed_of(name, seed))
            at = found.pop("next")
            total["tried"] += found["tried"]
            total["refused"] += found["refused"]
            total["slowest"] = max(total["slowest"], found["slowest"])
            total["wrong"] += [f"{name} {said}" for said in found["wrong"]]
        os.write(1, (json.dumps(total) + "\n").encode())


def _fork(target: Target, folder: Path, numbers: range, *, seed: int) -> dict:
    """Read a batch in a child. A child that falls costs the file it fell over; the next one goes on behind it."""
    progress = mmap.mmap(-1, 64)
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        _limit()
        found = _read_batch(target, folder, numbers, seed=seed, progress=progress)
        os.write(writing, json.dumps(found).encode())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        said = pipe.read()
    _, status = os.waitpid(child, 0)
    if status == 0 and said:
        return {**json.loads(said), "next": numbers.stop}
    at, refused = struct.unpack_from("qq", progress)
    code = os.waitstatus_to_exitcode(status)
    how = f"by signal {signal.Signals(-code).name}" if code < 0 else f"with {code}"
    wrong = [f"{at} (seed {seed}): the process ended {how}"]
    return {"tried": at + 1 - numbers.start, "refused": refused, "slowest": 0.0, "wrong": wrong, "next": at + 1}


def _limit() -> None:
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    most = pages * resource.getpagesize() + _MEMORY
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 2)  # what libraries say of a file as they fall over it


def _read_batch(target: Target, folder: Path, numbers: range, *, seed: int, progress: mmap.mmap) -> dict:
    from latentscape.errors import LatentscapeError

    path = folder / f"broken{target.suffix}"
    refused, slowest, wrong = 0, 0.0, []
    for number in numbers:
        struct.pack_into("qq", progress, 0, number, refused)
        path.unlink(missing_ok=True)
        path.write_bytes(target.change(target.content, random.Random(seed_of(seed, number))))
        signal.alarm(_ALARM)
        begun = time.process_time()
        try:
            target.read(path)
        except LatentscapeError as error:
            refused += 1
            if error.fault == "bug" or not error.hint:
                wrong.append(f"{number} (seed {seed}): no id or no hint: {error}"[:300])
        except BaseException as error:  # noqa: BLE001  whatever else comes is what we look for
            wrong.append(f"{number} (seed {seed}): {type(error).__name__}: {error}"[:300])
        took = time.process_time() - begun
        signal.alarm(0)
        slowest = max(slowest, took)
        if took > _SLOWEST:
            wrong.append(f"{number} (seed {seed}): {took:.1f} s")
    return {"tried": len(numbers), "refused": refused, "slowest": slowest, "wrong": wrong}


if __name__ == "__main__":
    _main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
