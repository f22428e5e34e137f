"""Several start the same command on one folder at once: one of them works, the others say so at once."""

import json
import os
import random
import select
import shutil
import signal
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

import numpy as np

from chaos.outcome import Outcome
from latentscape.lock import LOCK, SECONDS_TO_WAIT
from latentscape.run_reader import open_run

RACES, KILLED = 50, 10
MOST_STARTERS = 8
PATIENCE = 1.0
"""Seconds from asking for the folder to the end of a starter that does not get it."""
BUSY = 7
LONGEST = 300.0


@dataclass(frozen=True, kw_only=True)
class Ended:
    """One starter."""

    pid: int
    code: int
    asked: float | None
    """When it asked for the folder, and when it ended, on the clock all share."""
    ended: float
    said: str

    @property
    def waited(self) -> float:
        return float("inf") if self.asked is None else self.ended - self.asked


def run(folder: Path, *, scale: float = 1.0, seed: int = 0) -> list[Outcome]:
    """At scale 1: 50 races of 2 to 8 starters of `latentscape map`, and 10 in which the winner is killed."""
    rng = random.Random(seed)
    folder.mkdir(parents=True, exist_ok=True)
    rows = folder / "rows.npy"
    np.save(rows, np.random.default_rng(seed).normal(size=(40, 6)))
    _warm(rows, folder)
    wrong, waited, n_starters = [], [0.0], 0
    n_races = max(2, round(RACES * scale))
    for number in range(n_races):
        starters = 2 + number % (MOST_STARTERS - 1)
        n_starters += starters
        found, times = _race(rows, folder / f"race-{number}", starters)
        wrong += [f"race {number} of {starters}: {what}" for what in found]
        waited += times
    n_killed = max(1, round(KILLED * scale))
    killed = [what for number in range(n_killed) if (what := _kill_winner(rows, folder / f"kill-{number}", rng))]
    return [
        Outcome(
            name="races for one run folder",
            promise=f"one exit 0, all others exit {BUSY} within {PATIENCE:g} s of asking, told who holds the folder",
            tried=n_races,
            wrong=wrong,
            note=f"{n_starters} starters, slowest refusal {max(waited):.2f} s",
        ),
        Outcome(
            name="the holder of the lock is killed",
            promise="nobody has to clean up: the next start, also after another host's lock, ends with a whole folder",
            tried=n_killed,
            wrong=killed,
        ),
    ]


def _race(rows: Path, output: Path, n_starters: int) -> tuple[list[str], list[float]]:
    """What was wrong, and how long the losers took."""
    ready, go = os.pipe(), os.pipe()
    pids = [_start(rows, output, ready=ready[1], go=go, n_starters=n_starters) for _ in range(n_starters)]
    for _ in pids:
        os.read(ready[0], 1)
    for end in (go[1], go[0], *ready):
        os.close(end)  # all of them see the end of the pipe at once
    ended = [_wait(pid, output) for pid in pids]
    winners, losers = [each for each in ended if each.code == 0], [each for each in ended if each.code == BUSY]
    wrong = [] if len(winners) == 1 else [f"exit codes {[each.code for each in ended]}"]
    if winners:
        wrong += [f"not told who: {each.said!r}" for each in losers if f"process {winners[0].pid} on" not in each.said]
        wrong += _judge_folder(output)
    wrong += [f"refused after {each.waited:.2f} s" for each in losers if each.waited > PATIENCE]
    shutil.rmtree(output)
    return wrong, [each.waited for each in losers]


def _kill_winner(rows: Path, output: Path, rng: random.Random) -> str:
    """SIGKILL while it holds the lock, then another start; sometimes the lock says another host wrote it."""
    ready, go = os.pipe(), os.pipe()
    pid = _start(rows, output, ready=ready[1], go=go)
    os.read(ready[0], 1)
    for end in (go[1], go[0], *ready):
        os.close(end)
    give_up = time.monotonic() + LONGEST
    while not (output / LOCK).exists() and time.monotonic() < give_up:
        time.sleep(0.001)
    time.sleep(rng.random() / 4)
    os.kill(pid, signal.SIGKILL)
    first = _wait(pid, output)
    if rng.random() < 0.5 and (output / LOCK).stat().st_size:
        note = json.loads((output / LOCK).read_text(encoding="utf-8"))
        (output / LOCK).write_text(json.dumps({**note, "host": "elsewhere"}), encoding="utf-8")
    again = _wait(_start(rows, output), output)
    wrong = [*_judge_folder(output)] if again.code == 0 else [f"exit {again.code}: {again.said}"]
    shutil.rmtree(output)
    return "; ".join(wrong + ([] if first.code in (0, -signal.SIGKILL) else [f"the first ended with {first.code}"]))


def _judge_folder(output: Path) -> Sequence[str]:
    """Whether a reader can read all of it."""
    run = open_run(output)
    run.read_scores()
    left = [path.name for path in output.rglob(".latentscape-*.tmp")]
    return [f"left behind: {left}"] if left else []


def _start(rows: Path, output: Path, *, ready: int = -1, go: tuple[int, int] = (-1, -1), n_starters: int = 1) -> int:
    """A fork that waits for the start, then runs the command."""
    pid = os.fork()
    if pid:
        return pid
    try:
        os.setsid()
        words = output.parent / f"{output.name}.{os.getpid()}"
        sys.stdout = sys.stderr = words.open("w", encoding="utf-8", buffering=1)
        if ready >= 0:
            os.close(go[1])
            os.write(ready, b".")
            select.select([go[0]], [], [])
        os._exit(_run_command(rows, output, words, n_starters=n_starters))
    finally:
        os._exit(70)


def _run_command(rows: Path, output: Path, words: Path, *, n_starters: int) -> int:
    from latentscape import store
    from latentscape.cli import main

    def take_lock(folder: Path) -> store.Lock:
        words.with_name(f"{words.name}.asked").write_text(repr(time.monotonic()))
        return whole(folder)

    def write_note(lock: store.Lock, theirs: Sequence[str]) -> None:
        """The study is short: who comes late must meet the winner at work, not a folder that is free again."""
        written(lock, theirs)
        give_up = time.monotonic() + LONGEST
        while len(list(output.parent.glob(f"{output.name}.*.asked"))) < n_starters and time.monotonic() < give_up:
            time.sleep(0.01)
        time.sleep(2 * SECONDS_TO_WAIT if n_starters > 1 else 0)

    whole, written = store.take_lock, store.Lock.write_note
    with mock.patch.object(store, "take_lock", take_lock), mock.patch.object(store.Lock, "write_note", write_note):
        try:
            main(["map", str(rows), "--method", "pca", "--output", str(output), "--quiet"])
        except SystemExit as ended:
            words.with_name(f"{words.name}.ended").write_text(repr(time.monotonic()))
            return int(ended.code or 0)


def _wait(pid: int, output: Path) -> Ended:
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    words = output.parent / f"{output.name}.{pid}"
    times = [words.with_name(f"{words.name}.{name}") for name in ("asked", "ended")]
    asked, ended = (float(path.read_text()) if path.exists() else None for path in times)
    said = words.read_text(encoding="utf-8") if words.exists() else ""
    for path in (words, *times):
        path.unlink(missing_ok=True)
    return Ended(pid=pid, code=code, asked=asked, ended=ended or time.monotonic(), said=said)


def _warm(rows: Path, folder: Path) -> None:
    """One study in this process, so that forks have everything imported."""
    from latentscape.feature_maps import map_features

    map_features(np.load(rows), method="pca", output=folder / "warm")
    shutil.rmtree(folder / "warm")
