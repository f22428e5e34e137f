"""Maps of so few samples, or such odd ones, that the usual layouts give NaN or stop: finite places, or a refusal."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from chaos.outcome import Outcome
from latentscape.errors import DataError
from latentscape.feature_maps import map_features

METHODS = ("tsne", "umap", "pca")
KINDS = ("spread", "equal in threes", "one column", "1e30 wide", "all equal")
MOST = 60


def run(folder: Path, *, scale: float = 1.0, seed: int = 0) -> list[Outcome]:
    """0 to 60 samples of every kind of `_make` by every method; `scale` thins out the numbers of samples."""
    del folder  # nothing is written
    step = max(1, round(1 / scale))
    sizes = [n for n in range(MOST + 1) if n < 4 or n % step == 0]
    return [
        _try(kind, sizes, seed=seed) for kind in ("spread", "equal in threes", "one column", "1e30 wide", "all equal")
    ]


def _try(kind: str, sizes: list[int], *, seed: int) -> Outcome:
    trials = [(n, method) for n in sizes for method in METHODS]
    wrong = [each for n, method in trials for each in _judge(_make(kind, n, seed=seed), method)]
    return Outcome(
        name=f"0 to {MOST} samples: {kind}",
        promise="a finite place for each sample, one for all only where all are equal; no samples are refused",
        tried=len(trials),
        wrong=wrong,
    )


def _make(kind: str, n: int, *, seed: int) -> np.ndarray:
    rows = np.random.default_rng([seed, n]).normal(size=(n, 5))
    if kind == "equal in threes":
        return rows[np.arange(n) // 3]
    if kind == "one column":
        return rows[:, :1]
    return rows * 1e30 if kind == "1e30 wide" else np.ones((n, 5)) if kind == "all equal" else rows


def _judge(features: np.ndarray, method: str) -> Iterator[str]:
    trial = f"{len(features)} samples by {method}"
    try:
        made = map_features(features, method=method, metric="euclidean")
    except DataError as error:
        if len(features) or error.fault != "data-empty":
            yield f"{trial}: {error.what}"
        return
    places = made.maps[method].latent_map.xy
    n_kinds = len(np.unique(features, axis=0))
    if places.shape != (len(features), 2) or not np.isfinite(places).all():
        yield f"{trial}: places of shape {places.shape}, {np.isfinite(places).sum()} finite numbers"
    elif n_kinds > 1 and len(np.unique(places, axis=0)) < min(n_kinds, 2):
        yield f"{trial}: {n_kinds} different samples drawn on one point"
