"""Cases -> verdicts: the command is run on each bad input, and everything it promises about bad input is checked."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from io import BytesIO, TextIOWrapper
from pathlib import Path

from chaos.gauntlet.case import Case, Place
from chaos.gauntlet.place import find_inputs, make_place, write_inputs
from chaos.outcome import Outcome
from latentscape.paths import is_file

SLOWEST_CONFIG = 2.0
"""Seconds in which a wrong config must be refused, from the start of the process."""
PATIENCE = 120
HEAVY = "torch"
Tree = Mapping[Path, tuple[int, int, int]]


@dataclass(frozen=True, kw_only=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str
    seconds: float
    heavy: bool = False
    """Whether torch was imported on the way; known of cold starts only."""


def judge(case: Case, place: Place, *, in_process: bool = True) -> str:
    """Make the input, run the command on it, and return what is wrong with the answer; empty if nothing is.

    `in_process=False` starts Python anew; a case of the group `config` must then also be quick, and without torch.
    """
    wrong, ended = judge_start(case, place, start_here if in_process else start_cold)
    slow = [] if in_process or case.group != "config" else check_speed(case, ended)
    return "\n".join(each for each in (wrong, *slow) if each)


def judge_start(case: Case, place: Place, start: Callable[[Sequence[str], Path], Ended]) -> tuple[str, Ended]:
    """As `judge`, with the way to start the command; besides the verdict how the command ended."""
    output = place.folder / case.output
    words = [str(word) for word in case.write(place)]
    words += ["--output", str(output)] if case.output else []
    before = _look(place)
    ended = start(words, place.folder)
    finished = case.code in (0, 8)
    wrong = [*_check_words(case, ended, output), *_check_files(before, _look(place), output, finished=finished)]
    wrong += _check_run(case, output) if case.output else []
    return f"{case.name}: {'; '.join(wrong)}\n{ended.err[-1500:]}" if wrong else "", ended


# -- what is promised ------------------------------------------------------------------------------------------------


def _check_words(case: Case, ended: Ended, output: Path) -> Iterator[str]:
    if ended.code != case.code:
        yield f"exit code {ended.code}, not {case.code}"
    if "Traceback" in ended.err + ended.out:
        yield "a traceback"
    if "\x1b" in ended.err + ended.out:
        yield "a control letter on the terminal"
    if case.code == 0:
        report = output / "report.md"
        told = report.read_text(encoding="utf-8") if report.is_file() else ended.out
    else:
        told = ended.err
        if f"error[{case.fault}]: " not in ended.err:
            yield f"not error[{case.fault}]"
        if "hint: " not in ended.err:
            yield "no hint"
        if ended.out and case.code != 8:
            yield "something on stdout"
    yield from (f"does not tell `{word}`" for word in case.told if word not in told)


def _check_files(before: Tree, after: Tree, output: Path, *, finished: bool) -> Iterator[str]:
    """Nothing but the run folder may differ, and of it nothing that was there before a command that refuses."""
    for path in sorted(before.keys() | after.keys()):
        if before.get(path) == after.get(path):
            continue
        word = "new" if path not in before else "gone" if path not in after else "changed"
        ours = output in (path, *path.parents) and (finished or path not in before or path == output)
        if not ours:
            yield f"{path.name} is {word}"


def _check_run(case: Case, output: Path) -> Iterator[str]:
    manifest = output / "manifest.json"
    if case.code not in (0, 8):
        known = is_file(manifest) and b'"latentscape run"' in manifest.read_bytes()
        if known and case.group not in ("runs", "output"):
            yield "a manifest, as if the study were finished"
        return
    if not manifest.is_file():
        yield "no manifest"
        return
    accounting = json.loads(manifest.read_text(encoding="utf-8"))["accounting"]
    skipped, failed = accounting["skipped"], accounting["failed"]
    n_skipped, n_failed = len(skipped), len(failed)
    if accounting["n_in"] != accounting["n_ok"] + n_skipped + n_failed:
        yield f"{accounting['n_in']} samples in, but {accounting['n_ok']} + {n_skipped} + {n_failed} out"
    if any(not each["reason"] for each in [*skipped, *failed]):
        yield "a sample is left out without a reason"
    if case.counts not in (None, (accounting["n_ok"], n_skipped, n_failed)):
        yield f"counts {(accounting['n_ok'], n_skipped, n_failed)}, not {case.counts}"
    yield from _check_places(output)


def _check_places(output: Path) -> Iterator[str]:
    import numpy as np
    import pyarrow.parquet as pq

    table = pq.read_table(output / "samples.parquet")
    for name in table.column_names:
        if name.endswith(("_x", "_y")) and not np.isfinite(table.column(name).to_numpy().astype(float)).all():
            yield f"places of {name} that are not finite"


def _look(place: Place) -> Tree:
    """Everything in the place and beside its good inputs: kind, size, time of change."""
    roots = {place.folder, place.speech_folder.parent, place.retriever.parent}
    seen: dict[Path, tuple[int, int, int]] = {}
    for root in roots:
        for folder, names, files in os.walk(root):
            for name in [*names, *files]:
                path = Path(folder, name)
                found = path.lstat()
                is_folder = path.is_dir() and not path.is_symlink()
                seen[path] = found.st_mode, 0 if is_folder else found.st_size, 0 if is_folder else found.st_mtime_ns
    return seen


# -- ways to start the command ---------------------------------------------------------------------------------------


def start_here(words: Sequence[str], folder: Path) -> Ended:
    """The command in this process."""
    from latentscape.cli import main

    out, err = (TextIOWrapper(BytesIO(), encoding="utf-8", write_through=True) for _ in range(2))
    code: object = None
    handler = signal.getsignal(signal.SIGTERM)
    since = time.perf_counter()
    try:
        with _standing_in(folder), redirect_stdout(out), redirect_stderr(err):
            main(words)
    except SystemExit as ended:
        code = ended.code
    finally:
        signal.signal(signal.SIGTERM, handler)
    seconds = time.perf_counter() - since
    texts = [stream.buffer.getvalue().decode("utf-8", errors="replace") for stream in (out, err)]  # pyright: ignore
    return Ended(code=int(str(code or 0)), out=texts[0], err=texts[1], seconds=seconds)


def start_cold(words: Sequence[str], folder: Path) -> Ended:
    """The command in a Python of its own, as a user starts it; also tells whether torch was imported."""
    note = folder.parent / f"{folder.name}.heavy"
    watch = f"open({str(note)!r}, 'w').write(str({HEAVY!r} in sys.modules))"
    program = f"import atexit, sys; atexit.register(lambda: {watch}); from latentscape.cli import main; main()"
    environment = {**os.environ, "HF_HUB_OFFLINE": "1"}
    since = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", program, *words], cwd=folder, env=environment, capture_output=True, timeout=PATIENCE,
        check=False, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    seconds = time.perf_counter() - since
    heavy = note.is_file() and note.read_text() == "True"
    note.unlink(missing_ok=True)
    out, err = (stream.decode("utf-8", errors="replace") for stream in (done.stdout, done.stderr))
    return Ended(code=done.returncode, out=out, err=err, seconds=seconds, heavy=heavy)


def start_forked(words: Sequence[str], folder: Path) -> Ended:
    """The command in a fork of this process, which has imported what takes long but computed nothing."""
    since = time.perf_counter()
    streams = [folder.parent / f"{folder.name}.{name}" for name in ("out", "err")]
    child = os.fork()
    if child == 0:
        code = 9
        try:
            for number, path in enumerate(streams, start=1):
                os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), number)
            sys.stdout, sys.stderr = (os.fdopen(number, "w", encoding="utf-8", closefd=False) for number in (1, 2))
            os.chdir(folder)
            code = _run_main(words)
        finally:
            os._exit(code)
    code = _wait(child)
    out, err = (path.read_bytes().decode("utf-8", errors="replace") for path in streams)
    for path in streams:
        path.unlink()
    return Ended(code=code, out=out, err=err, seconds=time.perf_counter() - since)


def _run_main(words: Sequence[str]) -> int:
    from latentscape.cli import main

    try:
        main(words)
    except SystemExit as ended:
        sys.stdout.flush()
        sys.stderr.flush()
        return int(str(ended.code or 0))


def _wait(child: int) -> int:
    """The exit code of a child of ours; one that takes too long is ended."""
    give_up = time.monotonic() + PATIENCE
    while (done := os.waitpid(child, os.WNOHANG)) == (0, 0):
        if time.monotonic() > give_up:
            os.kill(child, signal.SIGKILL)
            return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        time.sleep(0.01)
    return os.waitstatus_to_exitcode(done[1])


@contextmanager
def _standing_in(folder: Path) -> Iterator[None]:
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


# -- all of them -----------------------------------------------------------------------------------------------------


def list_cases() -> list[Case]:
    """Every case of every group, in a fixed order."""
    from importlib import import_module

    modules = ("config", "model", "text", "vectors", "runs", "output", "audio", "projection", "labels")
    return [case for name in modules for case in import_module(f"chaos.gauntlet.{name}").CASES]


def run(folder: Path, *, scale: float = 1.0, seed: int = 0) -> list[Outcome]:
    """Judge every case in a fork, and those of the group `config` in a cold start besides."""
    del seed  # nothing is drawn at random
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    _write_apart(folder / "inputs")
    _warm()
    cases = list_cases()[:: max(1, round(1 / scale))]
    outcomes = [_judge_group(folder, group, cases) for group in dict.fromkeys(case.group for case in cases)]
    outcomes.append(_judge_configs(folder, [case for case in cases if case.group == "config"]))
    shutil.rmtree(folder / "place", ignore_errors=True)
    return outcomes


def _judge_group(folder: Path, group: str, cases: Sequence[Case]) -> Outcome:
    mine = [case for case in cases if case.group == group]
    judged = [
        judge_start(case, make_place(folder / "place", *find_inputs(folder / "inputs")), start_forked) for case in mine
    ]
    slowest = max(ended.seconds for _, ended in judged)
    n_listed = len({case.listed for case in mine} - {""})
    return Outcome(
        name=f"bad input: {group}",
        promise="right exit code, error id, place and next step; no traceback; nothing written outside the run folder",
        tried=len(mine),
        wrong=[wrong for wrong, _ in judged if wrong],
        note=f"slowest verdict {slowest:.1f} s; {n_listed} of the 66 inputs designed against",
    )


def _judge_configs(folder: Path, cases: Sequence[Case]) -> Outcome:
    wrong, slowest = [], 0.0
    for case in cases:
        verdict, ended = judge_start(case, make_place(folder / "place", *find_inputs(folder / "inputs")), start_cold)
        slowest = max(slowest, ended.seconds)
        wrong += [each for each in (verdict, *check_speed(case, ended)) if each]
    return Outcome(
        name="bad configs, cold start",
        promise=f"the verdict stands within {SLOWEST_CONFIG:g} s of starting the process, before torch is imported",
        tried=len(cases),
        wrong=wrong,
        note=f"slowest verdict {slowest:.2f} s",
    )


def check_speed(case: Case, ended: Ended) -> Iterator[str]:
    """What is wrong with the time of a verdict on a config."""
    if ended.seconds > SLOWEST_CONFIG:
        yield f"{case.name}: {ended.seconds:.1f} s until the verdict"
    if ended.heavy:
        yield f"{case.name}: {HEAVY} was imported before the verdict"


def _write_apart(folder: Path) -> None:
    """Write the good inputs in a child: a process that has computed with torch can't be forked safely."""
    child = os.fork()
    if child == 0:
        try:
            write_inputs(folder)
        finally:
            os._exit(0)
    _wait(child)


def _warm() -> None:
    """Import what every command would, once for all forks."""
    from importlib import import_module

    for name in ("latents", "embeddings", "feature_maps", "compare", "check", "pages.terminal"):
        import_module(f"latentscape.{name}")
    import_module("transformers")
    import_module("torch").set_num_threads(1)  # its threads would not live on in a fork, which would wait for them
