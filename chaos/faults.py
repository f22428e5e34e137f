"""The N-th system call fails, for every N, while a run folder is written: no half file, and no exit 0 that lies."""

import errno
import io
import multiprocessing
import os
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from chaos.faulty_system import CALLS, Fault, faulty
from chaos.outcome import Outcome
from chaos.recording import Recording, read_tree, record
from latentscape.disk import TEMP_PREFIX, TEMP_SUFFIX
from latentscape.errors import LatentscapeError
from latentscape.run_reader import MANIFEST

ERRORS = (errno.ENOSPC, errno.EIO, errno.EDQUOT, errno.EACCES)
PROMISE = "exit 6 (or 2), or 0 with every file whole; what is there is whole; the next run gives the same bytes"
STUDIES = 12
"""Whole studies with a fault, through the command, at scale 1."""
MODEL_SHARE = 1 / 7
"""Of the faults in the writing of a model's study: each call fails with at least one of the eight (error, how long)."""
ENDS = (6, 2)
QUICK = ("--skip-umap", "--quiet")
WORDS = ("--method", "pca,tsne", "--quiet")


@dataclass(frozen=True, kw_only=True)
class Series:
    """One recorded study, and what its undisturbed writing leaves."""

    name: str
    recording: Recording
    files: Mapping[str, bytes]
    counts: Mapping[str, int]


def run(folder: Path, *, scale: float = 1.0, seed: int = 0) -> list[Outcome]:
    """At scale 1 every call of each kind x four errors x (once, for ever) over a map; every call over the studies of a
    classifier and a retriever."""
    folder.mkdir(parents=True, exist_ok=True)
    recordings = {"map": partial(_study_map, _write_rows(folder / "rows.npz", seed))}
    if scale >= 1:
        recordings |= _find_model_studies(folder / "inputs")
    outcomes = [
        _judge_series(_record(name, study, folder), folder, scale if name == "map" else scale * MODEL_SHARE)
        for name, study in recordings.items()
    ]
    return [*outcomes, _judge_studies(folder, scale, seed)]


def list_faults(counts: Mapping[str, int], *, scale: float) -> list[Fault]:
    """All of them at scale 1, else a share of them, spread evenly."""
    all_of_them = [
        Fault(call=call, at=at, code=code, forever=forever)
        for call in CALLS
        for at in range(1, counts.get(call, 0) + 1)
        for code in ERRORS
        for forever in (False, True)
    ]
    step = 1 / min(scale, 1)
    return [all_of_them[int(at * step)] for at in range(int(len(all_of_them) / step))]


def _record(name: str, study: Callable[[Path], object], folder: Path) -> Series:
    recording = record(study, folder / f"{name}-study")
    with faulty(folder / f"{name}-reference") as counts:
        recording.replay(folder / f"{name}-reference")
    return Series(name=name, recording=recording, files=read_tree(folder / f"{name}-reference"), counts=dict(counts))


def _judge_series(series: Series, folder: Path, scale: float) -> Outcome:
    faults = list_faults(series.counts, scale=scale)
    tasks = [(fault, folder / f"{series.name}-{number}") for number, fault in enumerate(faults)]
    with multiprocessing.get_context("fork").Pool(2) as pool:
        told = pool.starmap(partial(_try, series), tasks, chunksize=16)
    kinds = sorted({Path(name).suffix or name for name in series.files})
    return Outcome(
        name=f"N-th call fails, writing of a {series.name}",
        promise=PROMISE,
        tried=len(told),
        wrong=[f"{fault}: {what}" for fault, what in zip(faults, told, strict=True) if what],
        note=f"{len(series.recording.names)} files ({' '.join(kinds)} and shards), {sum(series.counts.values())} calls",
    )


def _try(series: Series, fault: Fault, place: Path) -> str:
    """One writing with a fault, and one after it; what broke the promise, or nothing."""
    code = 0
    try:
        with faulty(place, fault):
            series.recording.replay(place)
    except LatentscapeError as error:
        code = error.exit_code
        if not error.hint:
            return f"no hint: {error}"
    except Exception as error:  # noqa: BLE001  whatever it is, it is what we look for
        return f"not explained: {error!r}"
    if what := compare_after(read_tree(place), series.files, code=code):
        return what
    with faulty(place):
        series.recording.replay(place)
    after = read_tree(place)
    shutil.rmtree(place)
    return "" if after == series.files else f"the next run differs: {_name_differences(after, series.files)}"


def compare_after(found: Mapping[str, bytes], expected: Mapping[str, bytes], *, code: int) -> str:
    """What is wrong with a folder in which a run ended with this code; nothing if all is well."""
    found = {name: data for name, data in found.items() if not _is_temporary(name)}
    if code == 0:
        return "" if found == expected else f"exit 0, but {_name_differences(found, expected)}"
    if code not in ENDS:
        return f"exit {code}"
    half = [name for name, data in found.items() if name in expected and data != expected[name]]
    if half:
        return f"half files: {half}"
    done = MANIFEST in found and not expected.keys() <= found.keys()
    return "a manifest without its files" if done else ""


def _is_temporary(name: str) -> bool:
    last = name.rpartition("/")[2]
    return last.startswith(TEMP_PREFIX) and last.endswith(TEMP_SUFFIX)


def _name_differences(found: Mapping[str, bytes], expected: Mapping[str, bytes]) -> str:
    missing, more = sorted(expected.keys() - found.keys()), sorted(found.keys() - expected.keys())
    other = sorted(name for name in found.keys() & expected.keys() if found[name] != expected[name])
    return f"missing {missing}, more {more}, other {other}"


# ---- real studies


def _write_rows(path: Path, seed: int) -> Path:
    rng = np.random.default_rng(seed)
    labels = np.arange(60) % 3
    np.savez(path, features=rng.normal(size=(60, 8)) + 3 * labels[:, None], label=labels)
    return path


def _study_map(rows: Path, output: Path) -> None:
    from latentscape.feature_maps import map_features

    with np.load(rows) as archive:
        map_features(archive["features"], labels=archive["label"], method=("pca", "tsne"), output=output)


def _find_model_studies(folder: Path) -> dict[str, Callable[[Path], object]]:
    """A classifier and a retriever, tiny and untrained."""
    from chaos.gauntlet.place import write_inputs
    from latentscape.cli import app

    folder.mkdir()
    speech, rental = write_inputs(folder)

    def study(*words: object) -> Callable[[Path], object]:
        def run_quietly(output: Path) -> None:
            typed = [*map(str, words), "--output", str(output), *QUICK]
            with redirect_stdout(io.StringIO()):
                app(typed, exit_on_error=False, result_action="return_value")

        return run_quietly

    return {
        "classifier": study("latents", "--config", speech.config, "--checkpoint", speech.checkpoint),
        "retriever": study("embeddings", "--checkpoint", rental.checkpoint, "--data", rental.pairs),
    }


def _judge_studies(folder: Path, scale: float, seed: int) -> Outcome:
    """Whole studies through the command, each in a process of its own."""
    rows = _write_rows(folder / "rows.npz", seed)
    reference = folder / "whole"
    reference.mkdir()
    ended, counts = _run_command(rows, reference, None)
    if ended:
        raise AssertionError(f"an undisturbed study ended with {ended}")
    faults = list_faults(counts, scale=1)
    wanted = max(2, round(STUDIES * scale))
    faults = [faults[(at * len(faults)) // wanted] for at in range(wanted)]
    expected = read_tree(reference / "run")
    told = [_try_command(rows, folder / "faulty", fault, expected=expected) for fault in faults]
    wrong = [f"{fault}: {what}" for fault, what in zip(faults, told, strict=True) if what]
    return Outcome(name="N-th call fails, whole studies", promise=PROMISE, tried=wanted, wrong=wrong)


def _try_command(rows: Path, place: Path, fault: Fault, *, expected: Mapping[str, bytes]) -> str:
    place.mkdir()
    code, _ = _run_command(rows, place, fault)
    what = compare_after(read_tree(place / "run"), expected, code=code)
    if not what:
        code, _ = _run_command(rows, place, None)
        after = read_tree(place / "run")
        differs = code or after != expected
        what = f"the next run ends with {code}, {_name_differences(after, expected)}" if differs else ""
    shutil.rmtree(place)
    return what


def _run_command(rows: Path, output: Path, fault: Fault | None) -> tuple[int, dict[str, int]]:
    """`latentscape map` in a fork of this process, into `run` of a folder: its exit code, and the calls it made."""
    from latentscape.cli import main

    words: Sequence[str] = ["map", str(rows), "--key", "features", *WORDS, "--output", "run"]

    def work() -> tuple[int, dict[str, int]]:
        sys.stdout = sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115
        os.chdir(output)
        with faulty(output / "run", fault) as counts:
            try:
                main(words)
            except SystemExit as ended:
                return int(ended.code or 0), dict(counts)

    return _fork(work)


def _fork(work: Callable[[], tuple[int, dict[str, int]]]) -> tuple[int, dict[str, int]]:
    """Run it in a fork and bring its answer back."""
    context = multiprocessing.get_context("fork")
    here, there = context.Pipe(duplex=False)
    child = context.Process(target=lambda: there.send(work()))
    child.start()
    there.close()
    try:
        answer = here.recv()
    except EOFError:
        answer = (-1, {})
    child.join()
    return answer
