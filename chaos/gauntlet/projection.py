"""Features that layouts stumble over: few rows, equal rows, rows far apart, one column, huge and missing numbers."""

from collections.abc import Callable, Sequence

import numpy as np

from chaos.gauntlet.case import Case, Place

RANDOM = np.random.default_rng(0)
ROWS = RANDOM.normal(size=(20, 4))
ALL = ("--method", "tsne", "--method", "umap", "--method", "pca", "--metric", "euclidean")
QUICK = ("--method", "pca")
FEW = "too few for a layout, drawn at fixed places"


def _save(features: np.ndarray, *words: str) -> Callable[[Place], Sequence[object]]:
    def write(place: Place) -> Sequence[object]:
        np.save(place.folder / "f.npy", features, allow_pickle=False)
        return ["map", "f.npy", *words]

    return write


def _drawn(
    name: str, features: np.ndarray, *told: str, words: Sequence[str] = ALL, n_failed: int = 0, listed: str = ""
) -> Case:
    """The maps are drawn with finite places, and what is left out is counted."""
    counts = (len(features) - n_failed, 0, n_failed)
    return Case(name=name, group="map", write=_save(features, *words), code=0, told=told, counts=counts, listed=listed)


def _refused(name: str, features: np.ndarray, fault: str, *told: str) -> Case:
    write = _save(features, *QUICK)
    return Case(name=name, group="map", write=write, code=3, fault=fault, told=("f.npy", *told))


def _put(value: float, *, row: int = 5) -> np.ndarray:
    """The rows with one number replaced."""
    changed = ROWS.copy()
    changed[row, 2] = value
    return changed


_BLOBS = ROWS + 1e6 * (np.arange(20) >= 10)[:, None]
CASES: list[Case] = [
    *(_drawn(f"{n}-rows", ROWS[:n], FEW, words=(*ALL, "--perplexity", "30"), listed="projection 1") for n in (1, 2, 3)),
    _drawn("20-rows-with-perplexity-30", ROWS, words=(*ALL, "--perplexity", "30"), listed="projection 2"),
    _drawn("all-rows-equal", np.ones((12, 4)), "all samples lie on one point", listed="projection 3"),
    _drawn("one-row-not-a-number", _put(np.nan), "row 5: feature 2 is missing", n_failed=1, listed="projection 4"),
    _drawn("two-groups-a-million-apart", _BLOBS, listed="projection 5"),
    _drawn("one-column", ROWS[:, :1], listed="projection 6"),
    _drawn("numbers-of-1e30", ROWS * 1e30, listed="projection 7"),
    _drawn("numbers-of-1e300", ROWS * 1e300, words=QUICK),
    _drawn("numbers-of-1e-300", ROWS * 1e-300, words=QUICK),
    _drawn("one-row-infinite", _put(np.inf), "row 5: feature 2 is infinite", n_failed=1, words=QUICK),
    _drawn("nine-rows-in-ten-equal", np.vstack([np.ones((18, 4)), ROWS[:2]]), "3 different rows", words=ALL),
    _drawn("rank-one", np.outer(np.arange(20.0), [1, 2, 3]), words=ALL),
    _drawn("constant-columns", np.hstack([ROWS[:, :1], np.ones((20, 3))]), words=ALL),
    _drawn("more-columns-than-rows", RANDOM.normal(size=(5, 400)), words=ALL),
    _drawn("rows-of-zeros-by-angle", np.vstack([np.zeros((3, 4)), ROWS]), words=(*QUICK, "--metric", "cosine")),
    _drawn("whole-numbers", np.arange(60).reshape(20, 3), words=QUICK),
    _drawn("half-precision", ROWS.astype(np.float16), words=QUICK),
    _drawn("five-rows-fifteen-neighbors", ROWS[:5], words=(*ALL, "--n-neighbors", "15")),
    _refused("no-rows", ROWS[:0], "data-empty", "no rows"),
    _refused("no-columns", ROWS[:, :0], "features-format", "20 x 0"),
    _refused("no-number-anywhere", np.full((4, 2), np.nan), "features-values", "NaN or infinity"),
    _refused("a-vector", ROWS[:, 0], "features-format", "no matrix"),
    _refused("a-cube", RANDOM.normal(size=(2, 3, 4)), "features-format", "2 x 3 x 4"),
    _refused("complex-numbers", ROWS.astype(np.complex64), "features-format", "complex64"),
    _refused("words", np.array([["a", "b"]]), "features-format", "numbers"),
]
