"""SIGKILL at any moment of an extraction: nothing kept is lost, nothing is read twice but the last shard."""

import random
import shutil
import signal
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path

from chaos.diary import SHARD_SAMPLES, Life, count_redone, find_forgotten_limits, find_lost, read_diary
from chaos.nursery import Blow, Nursery
from chaos.order import BATCH, SAMPLES, Order
from chaos.outcome import Outcome
from chaos.tap import KINDS, Point
from latentscape.errors import LatentscapeError
from latentscape.paths import hash_file
from latentscape.run_reader import LOCK, open_run

KILLS = 240
MOST_KILLS_A_RUN = 6
MOST_LIVES = 40
LATE = 0.4
"""Share of the targeted kills that strike after the features are read."""
FEW_SAMPLES = 3000
MOST_REDONE = SHARD_SAMPLES + BATCH
"""Samples: a shard that waits for its last batch, and that batch."""


@dataclass(frozen=True, kw_only=True)
class Reference:
    """A run nobody disturbed."""

    files: Mapping[str, str]
    seconds: float
    counts: Mapping[str, Mapping[str, int]]
    """Early (until the features are read) and late: how many calls of each kind."""
    samples: int


@dataclass(kw_only=True)
class Tally:
    """What was tried and what went wrong."""

    runs: int = 0
    random: int = 0
    targeted: int = 0
    reads: int = 0
    redone: list[int] = field(default_factory=list)
    points: Counter[str] = field(default_factory=Counter)
    wrong: dict[str, list[str]] = field(default_factory=dict)

    @property
    def kills(self) -> int:
        return self.random + self.targeted

    def blame(self, promise: str, what: str) -> None:
        self.wrong.setdefault(promise, []).append(what)


def run(folder: Path, *, scale: float = 1.0, seed: int = 0) -> list[Outcome]:
    """At scale 1: 240 kills of extractions of 20,000 samples, two at a time."""
    samples = SAMPLES if scale >= 1 else FEW_SAMPLES
    wanted = max(2, round(KILLS * scale / 2))
    with ThreadPoolExecutor(2) as pool:
        shares = [
            pool.submit(_kill_many, folder / f"kills-{at}", wanted, samples=samples, seed=2 * seed + at)
            for at in range(2)
        ]
        tallies = [share.result() for share in shares]
    return _sum_up(tallies, samples)


def _kill_many(folder: Path, wanted: int, *, samples: int, seed: int) -> Tally:
    """Runs, each killed several times, until so many kills have struck."""
    rng, tally = random.Random(seed), Tally()
    folder.mkdir(parents=True)
    with Nursery() as nursery:
        reference = make_reference(nursery, folder / "reference", samples=samples)
        while tally.kills < wanted and tally.runs < 10 * wanted:
            place = folder / f"run-{tally.runs}"
            _kill_one(nursery, place, reference, tally=tally, rng=rng)
            shutil.rmtree(place)
            tally.runs += 1
    shutil.rmtree(folder)
    return tally


def make_reference(nursery: Nursery, folder: Path, *, samples: int) -> Reference:
    """One undisturbed run and what it left; two, in fact: the first warms the machine, and both must agree."""
    trees, seconds, lives = [], 0.0, []
    for name in ("one", "two"):
        order = make_order(folder / name, samples=samples)
        death = nursery.live(order)
        seconds, lives = death.seconds, read_diary(Path(order.diary))
        if death.code or not lives[-1].done:
            raise AssertionError(f"an undisturbed run ended with {death.code}: {read_end(order)}")
        trees.append(list_files(folder / name / "run"))
    if trees[0] != trees[1]:
        raise AssertionError(f"two undisturbed runs differ: {compare_files(*trees)}")
    return Reference(files=trees[0], seconds=seconds, counts=lives[-1].counts, samples=samples)


def make_order(place: Path, *, samples: int, point: Point | None = None, stall: Sequence[float] = ()) -> Order:
    """A life in `place`: its run folder, its diary, what it says."""
    place.mkdir(parents=True, exist_ok=True)
    return Order(
        folder=str(place / "run"),
        diary=str(place / "diary"),
        stderr=str(place / "stderr"),
        samples=samples,
        point=asdict(point) if point else None,
        stall=stall,
    )


def _kill_one(nursery: Nursery, place: Path, reference: Reference, *, tally: Tally, rng: random.Random) -> None:
    """One run: killed a few times, each time gone on with, then compared."""
    due = rng.randint(1, MOST_KILLS_A_RUN)
    story: list[str] = []
    for _ in range(MOST_LIVES):
        lives = read_diary(place / "diary")
        point, blows = _choose_death(reference, lives, tally=tally, rng=rng) if due > 0 else (None, [])
        order = make_order(place, samples=reference.samples, point=point)
        story.append(_tell(point, blows))
        death = nursery.live(order, blows, meanwhile=lambda: _look_inside(place, tally, story))
        _look_inside(place, tally, story, finished=death.code == 0)
        if death.code == 0:
            break
        if death.code != -signal.SIGKILL or death.hung or (not blows and point is None):
            tally.blame("bytes", f"{story}: ended with {death.code}{' (hung)' * death.hung}: {read_end(order)}")
            return
        due -= 1
        tally.random += bool(blows)
        tally.targeted += not blows
        if point:
            tally.points[f"{'late' if point.late else 'early'} {point.kind} {point.when}"] += 1
    _judge(place, reference, tally=tally, story=story)


def _choose_death(
    reference: Reference, lives: Sequence[Life], *, tally: Tally, rng: random.Random
) -> tuple[Point | None, list[Blow]]:
    """A random moment or a targeted call of what is left to do, in turns."""
    left = 1 - min(1.0, sum(n for life in lives for _, n in life.passes) / reference.samples)
    if tally.random <= tally.targeted:
        return None, [Blow(after=rng.uniform(0, reference.seconds * max(left, 0.1)), signum=signal.SIGKILL)]
    late = rng.random() < LATE or left < 0.05
    counts = reference.counts["late" if late else "early"]
    kind = rng.choice([kind for kind in KINDS if counts.get(kind)])
    most = counts[kind] if late else max(1, int(counts[kind] * left))
    whens = ["before", "after", *["middle"] * (kind == "write")]
    return Point(kind=kind, nth=rng.randint(1, most), when=rng.choice(whens), late=late), []


def _tell(point: Point | None, blows: Sequence[Blow]) -> str:
    if point:
        return f"{point.when} {point.kind} {point.nth}{' after the features' * point.late}"
    return f"after {blows[0].after:.3f} s" if blows else "to the end"


def _look_inside(place: Path, tally: Tally, story: Sequence[str], *, finished: bool = False) -> None:
    """A reader while or after the study writes: whole or `unfinished`, nothing else."""
    tally.reads += 1
    began, problem = time.monotonic(), look_inside(place / "run", must_be_finished=finished)
    if problem:
        tally.blame("readers", f"{list(story)}: {problem}")
    if time.monotonic() - began > 1:
        tally.blame("readers", f"{list(story)}: a verdict took more than a second")


def look_inside(folder: Path, *, must_be_finished: bool = False) -> str:
    """What is wrong with what a reader sees; empty where nothing is."""
    try:
        opened = open_run(folder)
        opened.read_scores()
        opened.read_table("samples.parquet")
        for name in opened.manifest["checksums"]:
            if name.endswith(".npy"):
                opened.read_array(name)
    except LatentscapeError as error:
        if must_be_finished or error.fault not in ("run-unfinished", "run-missing"):
            return f"a reader saw [{error.fault}] {error.what} ({error.got})"
    except Exception as error:  # noqa: BLE001  any other one is what we look for
        return f"a reader saw {type(error).__name__}: {error}"
    return ""


def _judge(place: Path, reference: Reference, *, tally: Tally, story: Sequence[str]) -> None:
    """Compare what came out, and what it took."""
    lives = read_diary(place / "diary")
    differences = compare_files(reference.files, list_files(place / "run"))
    if differences:
        tally.blame("bytes", f"{list(story)}: {differences}")
    for lost in [*find_lost(lives), *find_forgotten_limits(lives)]:
        tally.blame("shards", f"{list(story)}: {lost}")
    redone = count_redone(lives)
    tally.redone += redone
    if max(redone, default=0) > MOST_REDONE:
        tally.blame("redone", f"{list(story)}: {max(redone)} samples")


def list_files(folder: Path) -> dict[str, str]:
    """Every file of a run folder but its lock, with its SHA-256."""
    files = [path for path in sorted(folder.rglob("*")) if not path.is_dir() and path.name != LOCK]
    return {str(path.relative_to(folder)): hash_file(path) for path in files}


def compare_files(wanted: Mapping[str, str], found: Mapping[str, str]) -> str:
    """Which files are missing, too many or other ones; empty where none is."""
    kinds = {
        "missing": wanted.keys() - found.keys(),
        "too many": found.keys() - wanted.keys(),
        "differ": {name for name in wanted.keys() & found.keys() if wanted[name] != found[name]},
    }
    return "; ".join(f"{kind}: {', '.join(sorted(names))}" for kind, names in kinds.items() if names)


def read_end(order: Order) -> str:
    """The end of what a life said."""
    path = Path(order.stderr)
    return path.read_text(errors="replace")[-1500:] if path.exists() else ""


def _sum_up(tallies: Sequence[Tally], samples: int) -> list[Outcome]:
    n_kills = sum(tally.kills for tally in tallies)
    redone = [n for tally in tallies for n in tally.redone]
    points = sum((tally.points for tally in tallies), Counter[str]())

    def wrong(promise: str) -> list[str]:
        return [each for tally in tallies for each in tally.wrong.get(promise, ())]

    worst, mean = max(redone, default=0), sum(redone) / max(1, len(redone))
    n_random, n_runs = sum(tally.random for tally in tallies), sum(tally.runs for tally in tallies)
    about = (
        f"{n_runs} runs of {samples:,} samples; {n_random} kills at random moments, {n_kills - n_random} at "
        f"{len(points)} kinds of system calls"
    )
    return [
        Outcome(name="SIGKILL, then the same again: bytes", promise="after the resume every file has the bytes of an "
                "undisturbed run, and no other file is there", tried=n_kills, wrong=wrong("bytes"), note=about),
        Outcome(name="SIGKILL: what was kept", promise="every shard that was written is found again, and a batch that "
                "did not fit is not tried again", tried=n_kills, wrong=wrong("shards")),
        Outcome(name="SIGKILL: what is read twice", promise=f"at most one shard a kill ({MOST_REDONE} samples with the "
                "batch under way)", tried=len(redone), wrong=wrong("redone"),
                note=f"{mean:.0f} samples a kill, {worst} at most: {worst / samples:.1%}"),
        Outcome(name="Reading a run folder while it is written and after each kill", promise="whole or `unfinished`, "
                "in less than a second", tried=sum(tally.reads for tally in tallies), wrong=wrong("readers")),
    ]  # fmt: skip
