"""Checkpoints that are written to while we read them: old, new or an error, never half and never a crash."""

import os
import shutil
import signal
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import torch
from safetensors.torch import save_file

from chaos.outcome import Outcome
from latentscape.checkpoint import load_checkpoint
from latentscape.errors import LatentscapeError
from latentscape.paths import hash_file

LOADS = 200
_PATIENCE = 240.0
_TELLING = {"checkpoint-changed", "checkpoint-broken", "checkpoint-kind", "checkpoint-missing", "code-program"}
"""What may be said of a file in the middle of being written: it may look like anything for a moment."""

_TOO_EARLY = {"refused as checkpoint-kind", "refused as checkpoint-missing"}
"""The file was empty or gone for a moment: nothing was under way, so it does not count as a trial."""


def run(folder: Path, *, scale: float = 1.0, seed: int = 0) -> list[Outcome]:
    """One series for each container and each way to write over a file; `scale` 1 is 200 loads in all of them."""
    del seed  # the race itself is the chance
    outcomes = []
    for kind in ("safetensors", "zip"):
        for name, disturb in _WAYS.items():
            place = folder / f"{kind}-{name}"
            place.mkdir(parents=True)
            n_loads = max(3, round(scale * LOADS / 2 / len(_WAYS) + 0.5))
            outcomes.append(_race(place, f"{kind}: {name}", kind=kind, disturb=disturb, n_loads=n_loads))
            shutil.rmtree(place)
    return outcomes


def _truncate(path: Path, versions: list[bytes], turn: int) -> None:
    with path.open("r+b") as file:
        file.truncate(len(versions[0]) // (2 + turn % 5))
    path.write_bytes(versions[turn % 2])


def _rewrite(path: Path, versions: list[bytes], turn: int) -> None:
    with path.open("r+b") as file:
        file.write(versions[turn % 2])


def _replace(path: Path, versions: list[bytes], turn: int) -> None:
    beside = path.with_suffix(".new")
    beside.write_bytes(versions[turn % 2])
    beside.replace(path)


def _remove(path: Path, versions: list[bytes], turn: int) -> None:
    path.unlink()
    path.write_bytes(versions[turn % 2])


def _grow(path: Path, versions: list[bytes], turn: int) -> None:
    path.write_bytes(b"")
    with path.open("ab") as file:
        for start in range(0, len(versions[0]), 1 << 18):
            file.write(versions[turn % 2][start : start + (1 << 18)])


_WAYS: dict[str, Callable[[Path, list[bytes], int], None]] = {
    "cut and written again": _truncate,
    "written over in place": _rewrite,
    "replaced": _replace,
    "removed and written again": _remove,
    "growing": _grow,
}


def _race(
    place: Path, name: str, *, kind: str, disturb: Callable[[Path, list[bytes], int], None], n_loads: int
) -> Outcome:
    path = place / "checkpoint.pt"
    versions = [_make(path, kind, value) for value in (1.0, 2.0)]
    known = {}
    for value, version in zip((1.0, 2.0), versions, strict=True):
        path.write_bytes(version)
        known[hash_file(path)] = value
    report = place / "verdicts"
    child = os.fork()
    if child == 0:
        _load_many(path, known, report, n_loads=n_loads)
    turn, status, until = 0, None, time.monotonic() + _PATIENCE
    while status is None and time.monotonic() < until:
        disturb(path, versions, turn)
        turn += 1
        # Quiet now and then, so that some loads find the file at rest.
        time.sleep(0.05 if turn % 3 == 0 else 0.0)
        ended, code = os.waitpid(child, os.WNOHANG)
        status = code if ended else None
    if status is None:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    verdicts = report.read_text().splitlines() if report.exists() else []
    wrong = [verdict for verdict in verdicts if verdict.startswith("wrong")]
    if status is None or status != 0 or len(verdicts) < n_loads:
        wrong.append(f"the reader ended with {status} after {len(verdicts)} of {n_loads} loads")
    counts = ", ".join(f"{n} {what}" for what, n in sorted(Counter(verdicts).items()))
    return Outcome(
        name=f"torn checkpoint, {name}",
        promise="the file as it was, the file as it is, or an error that says so",
        tried=n_loads,
        wrong=wrong,
        note=f"{turn} writes meanwhile; {counts}",
    )


def _make(path: Path, kind: str, value: float) -> bytes:
    """Both versions are of one size, so that nothing but their numbers tells them apart."""
    tensors = {f"layer.{number}": torch.full((256, 256), value) for number in range(8)}
    if kind == "safetensors":
        save_file(tensors, path)
    else:
        torch.save({"model_state": tensors}, path)
    return path.read_bytes()


def _load_many(path: Path, known: dict[str, float], report: Path, *, n_loads: int) -> None:
    """In the child: never returns."""
    code = 1
    try:
        torch.set_num_threads(1)  # a forked process has none of the parent's threads
        with report.open("w") as file:
            count = 0
            while count < n_loads:
                verdict = _judge(path, known)
                if verdict in _TOO_EARLY:
                    time.sleep(0.001)
                    continue
                file.write(verdict + "\n")
                file.flush()
                count += 1
        code = 0
    finally:
        os._exit(code)


def _judge(path: Path, known: dict[str, float]) -> str:
    try:
        loaded = load_checkpoint(path)
    except LatentscapeError as error:
        return f"refused as {error.fault}" if error.fault in _TELLING else f"wrong: {error.fault}: {error.what}"
    except Exception as error:  # noqa: BLE001  whatever comes is a finding
        return f"wrong: {type(error).__name__}: {error}".splitlines()[0]
    value = known.get(loaded.sha256)
    if value is None or not all(bool((tensor == value).all()) for tensor in loaded.tensors.values()):
        return "wrong: tensors that were never in one file together"
    return "whole"
