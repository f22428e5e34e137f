"""Running contestants in processes of their own, and the file that keeps every measurement."""

import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from contestants import CORES
from feature_sets import CACHE

HERE = Path(__file__).parent
RECORDS = CACHE / "measurements.jsonl"
TIME_LIMIT = 3_600
"""Seconds after which a contestant is stopped."""
PATIENCE = 150
"""A first call that took longer is not followed by a second one."""
PACKAGES = ("numpy", "scipy", "numba", "scikit-learn", "umap-learn", "openTSNE", "scranpy", "faiss-cpu")
SESSION = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S")
"""Records of one contestant in one part count if they are of the latest session that measured it."""


def keep(kind: str, **values: Any) -> None:
    """Append one record."""
    CACHE.mkdir(exist_ok=True)
    record = {"kind": kind, "session": SESSION, "load": os.getloadavg()[0], **values}
    with RECORDS.open("a", encoding="utf-8") as file:
        file.write(json.dumps(record) + "\n")


def read_records() -> list[dict[str, Any]]:
    return [json.loads(line) for line in RECORDS.read_text(encoding="utf-8").splitlines()] if RECORDS.exists() else []


def run_contestant(name: str, source: Path, *, calls: int = 2) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """A fresh process that draws: what it took, in seconds, and what it drew.

    `cold` goes from before the process is started to its last map being in memory; `stages` has the parts of the
    first call, `warm` those of the second. Of a process that fails there is only `failed`, a line that says why.
    """
    with tempfile.TemporaryDirectory() as folder:
        words = [sys.executable, HERE / "contestants.py", name, source, folder, str(calls), str(PATIENCE)]
        used, began = read_processor_seconds(), time.monotonic()
        failed = run_process(words)
        if failed:
            return {"failed": failed}, {}
        others = share_of_others(used, time.monotonic() - began)
        report = json.loads(Path(folder, "report.json").read_text())
        drawn = {path.stem: np.load(path) for path in Path(folder).glob("*.npy")}
    first, *later = report["clocks"]
    taken = {"cold": max(first.values()) - began, "stages": split(first), "warm": [split(each) for each in later]}
    return {**taken, "peak_bytes": report["peak_bytes"], "others": others}, drawn


def run_process(words: list[Any], **variables: str) -> str:
    """Empty if it went well, else a line that says why not. It may use all cores."""
    inherited = {name: value for name, value in os.environ.items() if name != "OMP_NUM_THREADS"}
    try:
        ended = subprocess.run(
            words, env={**inherited, **variables}, capture_output=True, text=True, timeout=TIME_LIMIT, check=False
        )
    except subprocess.TimeoutExpired:
        return f"stopped after {TIME_LIMIT} s"
    said = ended.stderr.strip().splitlines() or [""]
    return f"ended with {ended.returncode}: {said[-1]}" if ended.returncode else ""


def split(clock: dict[str, float]) -> dict[str, float]:
    """Clock readings -> seconds of each stage."""
    readings = list(clock.items())
    return {name: at - before for (_, before), (name, at) in pairwise(readings)}


def read_processor_seconds() -> tuple[float, float] | None:
    """Processor seconds since the machine started, of everybody and of our ended children; None where nobody counts."""
    try:
        counts = [int(each) for each in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]
    except OSError:
        return None
    idle = counts[3] + counts[4]
    own = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (sum(counts) - idle) / os.sysconf("SC_CLK_TCK"), own.ru_utime + own.ru_stime


def share_of_others(before: tuple[float, float] | None, elapsed: float) -> float | None:
    """The share of this machine's processor time that others took meanwhile: what a busy machine did to a row."""
    after = read_processor_seconds()
    if before is None or after is None:
        return None
    everybody, own = after[0] - before[0], after[1] - before[1]
    return max(0.0, everybody - own) / (elapsed * (os.cpu_count() or 1))


def measure_first_use() -> Iterator[float]:
    """Seconds of a process that compiles all kernels into an empty folder, three times."""
    for _ in range(3):
        with tempfile.TemporaryDirectory() as folder:
            began = time.monotonic()
            code = "from latentscape.engine import prepare_kernels; prepare_kernels()"
            failed = run_process([sys.executable, "-c", code], NUMBA_CACHE_DIR=folder)
            if failed:
                raise RuntimeError(failed)
            yield time.monotonic() - began


def describe_machine() -> dict[str, Any]:
    """What the numbers depend on; no names."""
    return {
        "processor": f"{_name_processor()}, {CORES} cores for this process",
        "memory": f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.0f} GiB",
        "system": f"{platform.system()} {platform.release().partition('-')[0]}, Python {platform.python_version()}",
        "packages": ", ".join(f"{name} {_find_version(name)}" for name in PACKAGES),
    }


def _name_processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    facts = dict(reversed([(part.strip() for part in line.split(":", 1)) for line in lines if ":" in line]))
    wide = "AVX-512" if "avx512f" in facts.get("flags", "") else "AVX2" if "avx2" in facts.get("flags", "") else ""
    return f"{facts.get('model name', platform.machine())}{f' ({wide})' if wide else ''}"


def _find_version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"
