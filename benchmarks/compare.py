"""A comparison of three checkpoints, 1,480 samples x 4 layers x 768 features, and its one frame against a peer's.

python benchmarks/compare.py                 # three processes each, medians, to stdout as Markdown
python benchmarks/compare.py --runs 1 --only latentscape
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

N, LAYERS, WIDTH, CLASSES, SPEAKERS, CHECKPOINTS = 1_480, 4, 768, 8, 24, 3
NAMES = ("cnn", "encoder", "mlp", "logits")


def make_checkpoint(number: int) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Layers whose classes come apart from checkpoint to checkpoint, each turned in its own way; and the logits."""
    random = np.random.default_rng(0)
    labels, spread = np.arange(N) % CLASSES, np.arange(1, WIDTH + 1) ** -0.5 * 4
    noise = random.normal(size=(N, WIDTH)) * spread
    centers = random.normal(size=(CLASSES, WIDTH))
    own = np.random.default_rng(number + 1)
    layers = {}
    for place, name in enumerate(NAMES[:-1]):
        signal = 0.1 * (place + 1) * (number + 1)
        turned = np.linalg.qr(own.normal(size=(WIDTH, WIDTH)))[0]
        fresh = noise + 0.5 * own.normal(size=(N, WIDTH)) * spread
        layers[name] = ((fresh + signal * centers[labels]) @ turned).astype(np.float32)
    logits = (number + 1) * np.eye(CLASSES)[labels] + 2 * own.normal(size=(N, CLASSES))
    return {**layers, "logits": logits.astype(np.float32)}, labels


def run_latentscape(folder: Path) -> dict[str, float]:
    """The whole comparison of finished run folders: read, match, maps in one frame, measures, pictures, pages."""
    from scipy.special import softmax

    from latentscape.compare import compare_runs
    from latentscape.diagnosis import Judged
    from latentscape.findings import Accounting, ModelCard
    from latentscape.layer_maps import MapPlan, map_layers
    from latentscape.light_runs import keep_classifier_run
    from latentscape.settings import CompareSettings
    from latentscape.store import RunFolder, Unkept

    frames, runs = [], [folder / f"epoch_{number}" for number in range(CHECKPOINTS)]
    for number, path in enumerate(runs):
        layers, labels = make_checkpoint(number)
        frames.append(layers)
        with RunFolder(path) as run:
            run.stage("features", {"number": number}, lambda layers=layers: layers)
            keep_classifier_run(
                run,
                Judged(
                    ids=tuple(f"{row:04d}.wav" for row in range(N)), labels=labels,
                    probabilities=softmax(layers["logits"].astype(np.float64), axis=1), dataset_ids=np.zeros(N, int),
                    speakers=tuple(f"speaker {row // CLASSES % SPEAKERS}" for row in range(N)),
                    class_names=tuple(f"class {c}" for c in range(CLASSES)), dataset_names=("one",),
                ),
                model=ModelCard(
                    name="synthetic", checkpoint=f"epoch_{number}.pt", sha256=f"{number:064d}", n_parameters=0,
                    n_tensors_matched=0, n_tensors_total=0,
                ),
                accounting=Accounting(n_in=N, n_ok=N), settings={}, inputs={}, extraction={}, seed=0,
            )  # fmt: skip
    start = time.perf_counter()
    compare_runs(runs, CompareSettings(output=folder / "comparison"))
    taken = {"everything": time.perf_counter() - start}
    start = time.perf_counter()
    for layer in NAMES:
        each = {str(number): layers[layer] for number, layers in enumerate(frames)}
        plan = MapPlan(methods=("umap",), seed=0, aligned=True, redraw_up_to=0)
        map_layers(Unkept(), each, plan=plan, inputs={})
    return {**taken, "UMAP of four layers x three checkpoints in one frame, with trust": time.perf_counter() - start}


def run_peer(_: Path) -> dict[str, float]:
    """The same maps by umap-learn's AlignedUMAP, without their trust."""
    from umap import AlignedUMAP

    frames = [make_checkpoint(number)[0] for number in range(CHECKPOINTS)]
    same = {row: row for row in range(N)}
    AlignedUMAP(metric="cosine", random_state=0).fit(
        [layers["logits"][:300] for layers in frames], relations=[{row: row for row in range(300)}] * (CHECKPOINTS - 1)
    )  # compiled before the clock starts, as ours is
    start = time.perf_counter()
    for layer in NAMES:
        AlignedUMAP(metric="cosine", random_state=0).fit(
            [layers[layer] for layers in frames], relations=[same] * (CHECKPOINTS - 1)
        )
    return {"AlignedUMAP of four layers x three checkpoints": time.perf_counter() - start}


CONTESTANTS = {"latentscape": run_latentscape, "umap-learn": run_peer}


def main() -> None:
    """Run every contestant in processes of its own and print the medians."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--only", choices=list(CONTESTANTS))
    parser.add_argument("--child", choices=list(CONTESTANTS), help=argparse.SUPPRESS)
    words = parser.parse_args()
    if words.child:
        with tempfile.TemporaryDirectory() as folder:
            print(json.dumps(CONTESTANTS[words.child](Path(folder))))
        return
    for name in [words.only] if words.only else CONTESTANTS:
        runs = [_run_child(name) for _ in range(words.runs)]
        print(f"\n| {name} | seconds |\n| --- | ---: |")
        for part in runs[0]:
            print(f"| {part} | {statistics.median(run[part] for run in runs):.1f} |")


def _run_child(name: str) -> dict[str, float]:
    done = subprocess.run([sys.executable, __file__, "--child", name], capture_output=True, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


if __name__ == "__main__":
    main()
