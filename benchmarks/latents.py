"""The latents study beyond the forward pass: 1,480 samples x 5 layers x 768 features, with its profile and a peer.

python benchmarks/latents.py                 # three processes each, medians, to stdout as Markdown
python benchmarks/latents.py --runs 1 --only latentscape
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

N, LAYERS, WIDTH, CLASSES, SPEAKERS = 1_480, 5, 768, 8, 24
SIGNALS = np.linspace(0.02, 0.16, LAYERS)
"""How far apart the classes lie in each layer, in units of a feature's noise."""


def make_layers(seed: int = 0) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Layers of correlated features in which the classes come apart and two data sets stay readable."""
    random = np.random.default_rng(seed)
    labels, speakers = np.arange(N) % CLASSES, np.arange(N) // CLASSES % SPEAKERS
    datasets = speakers % 2
    features = {}
    for place, signal in enumerate(SIGNALS):
        spread = np.arange(1, WIDTH + 1) ** -0.5 * 4
        classes = random.normal(size=(CLASSES, WIDTH)) * signal * 4
        corpora = random.normal(size=(2, WIDTH)) * 0.2
        features[f"layer{place}"] = (
            random.normal(size=(N, WIDTH)) * spread + classes[labels] + corpora[datasets]
        ).astype(np.float32)
    logits = features[f"layer{LAYERS - 1}"] @ classes.T / 40 + random.normal(size=(N, CLASSES)) * 0.5
    who = {"labels": labels, "speakers": speakers, "datasets": datasets, "logits": logits}
    return features, who


def run_latentscape(folder: Path) -> dict[str, float]:
    """Everything after the features: graphs, maps, measures, pictures, pages, tables."""
    from scipy.special import softmax

    from latentscape.datasets.labeled import LabeledSamples
    from latentscape.diagnosis import Judged, WholeSet, diagnose, score_everything
    from latentscape.figures.style import Style
    from latentscape.findings import Accounting, ModelCard
    from latentscape.latents_study import plan_maps, write_study
    from latentscape.layer_maps import map_layers
    from latentscape.settings import LatentsSettings
    from latentscape.store import RunFolder

    features, who = make_layers()
    names = [f"set{data}/{speaker:02d}" for data, speaker in zip(who["datasets"], who["speakers"], strict=True)]
    ids = tuple(f"{name}/{row:04d}.wav" for row, name in enumerate(names))
    judged = Judged(
        ids=ids, labels=who["labels"], probabilities=softmax(who["logits"], axis=1), dataset_ids=who["datasets"],
        speakers=tuple(names), class_names=tuple(f"class {c}" for c in range(CLASSES)), dataset_names=("one", "two"),
    )  # fmt: skip
    card = ModelCard(
        name="synthetic", checkpoint="-", sha256="0" * 64, n_parameters=0, n_tensors_matched=0, n_tensors_total=0
    )
    taken, start = {}, time.perf_counter()
    with RunFolder(folder) as run:
        maps = map_layers(run, features, plan=plan_maps(LatentsSettings(config=folder)), inputs={})
        taken["graphs, maps and their trust"] = time.perf_counter() - start
        start = time.perf_counter()
        findings = diagnose(
            judged, features, maps, whole=WholeSet(ids=ids, labels=judged.labels, splits=("validation",) * N),
            model=card, accounting=Accounting(n_in=N, n_ok=N), seed=0,
        )  # fmt: skip
        taken["measures"] = time.perf_counter() - start
        start = time.perf_counter()
        samples = LabeledSamples(
            kind=None, contents=(b"",) * N, ids=ids, labels=judged.labels, class_names=judged.class_names,
            dataset_ids=judged.dataset_ids, dataset_names=judged.dataset_names, speakers=judged.speakers, skipped=(),
        )  # fmt: skip
        scores = {**findings.scores, **score_everything(findings)}
        write_study(run, findings, scores, samples=samples, style=Style())
        taken["pictures and tables"] = time.perf_counter() - start
    return taken


def run_peer(_: Path) -> dict[str, float]:
    """What a script of scikit-learn and umap-learn does of it: maps, readers without a null, silhouette."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.manifold import TSNE
    from sklearn.metrics import silhouette_score
    from sklearn.model_selection import GroupKFold, StratifiedKFold, cross_val_score
    from sklearn.neighbors import KNeighborsClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from umap import UMAP

    features, who = make_layers()
    taken, start = {}, time.perf_counter()
    for values in features.values():
        TSNE(metric="cosine", init="pca", random_state=0).fit_transform(values)
        UMAP(metric="cosine", random_state=0, n_jobs=1).fit_transform(values)
    taken["maps, without their trust"] = time.perf_counter() - start
    start = time.perf_counter()
    for values in features.values():
        for target, folds in (("labels", GroupKFold(5)), ("datasets", GroupKFold(5)), ("speakers", StratifiedKFold(5))):
            groups = who["speakers"] if target != "speakers" else None
            for reader in (LogisticRegression(max_iter=300), KNeighborsClassifier(15, metric="cosine")):
                cross_val_score(make_pipeline(StandardScaler(), reader), values, who[target], groups=groups, cv=folds)
        silhouette_score(values, who["labels"], metric="cosine")
    taken["readers without a null, silhouette"] = time.perf_counter() - start
    return taken


RUNNERS = {"latentscape": run_latentscape, "scikit-learn + umap-learn": run_peer}


def run_once(name: str) -> dict[str, float]:
    """One process, imports included."""
    start = time.perf_counter()
    answer = subprocess.run(
        [sys.executable, __file__, "--child", name], check=True, capture_output=True, text=True, timeout=1800
    )
    return {**json.loads(answer.stdout.splitlines()[-1]), "whole process": time.perf_counter() - start}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=3, help="processes a contestant")
    parser.add_argument("--only", choices=list(RUNNERS), help="one contestant")
    parser.add_argument("--child", choices=list(RUNNERS), help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.child:
        with tempfile.TemporaryDirectory() as folder:
            print(json.dumps(RUNNERS[asked.child](Path(folder) / "run")))
        return
    names = [asked.only] if asked.only else list(RUNNERS)
    rounds = [{name: run_once(name) for name in names} for _ in range(asked.runs)]
    print(f"{N:,} samples x {LAYERS} layers x {WIDTH} features, median of {asked.runs} processes, seconds\n")
    for name in names:
        print(f"| {name} | seconds |\n| --- | ---: |")
        for part in rounds[0][name]:
            print(f"| {part} | {statistics.median(each[name][part] for each in rounds):.1f} |")
        print()


if __name__ == "__main__":
    main()
