"""One function behind which all map methods stand."""

from collections.abc import Callable, Mapping

import numpy as np
from jaxtyping import Float, Int

from latentscape.errors import UsageError, nearest
from latentscape.maps.distinct import Distinct, Layout, Wishes
from latentscape.maps.latent_map import LatentMap
from latentscape.maps.pca import draw_pca
from latentscape.maps.tsne import count_tsne_neighbors, draw_tsne
from latentscape.maps.umap import count_umap_neighbors, draw_umap
from latentscape.neighbors import Neighbors, find_distinct, find_neighbors, require_finite
from latentscape.progress import SILENT, Progress

METHODS: Mapping[str, Callable[[Distinct, Wishes], Layout]] = {"tsne": draw_tsne, "umap": draw_umap, "pca": draw_pca}
"""A method takes distinct rows and wishes and returns a layout; adding one is one file and one entry here."""

FIXED_PLACES = {1: [[0.0, 0.0]], 2: [[-0.5, 0.0], [0.5, 0.0]], 3: [[-0.5, 0.0], [0.5, 0.0], [0.0, 0.75**0.5]]}
"""So few points have no structure to find: all are equally far from each other."""


def make_map(
    features: Float[np.ndarray, "sample feature"],
    neighbors: Neighbors,
    *,
    method: str,
    seed: int,
    perplexity: float = 30.0,
    n_neighbors: int = 15,
    min_dist: float = 0.1,
    progress: Progress = SILENT,
) -> LatentMap:
    """A place on a plane for each sample, in row order; the same input and seed give the same bytes on one machine.

    `method` is one of METHODS. `perplexity` concerns t-SNE, `n_neighbors` and `min_dist` UMAP; where there are too few
    samples for them less is used, and `parameters` holds what was. Samples with identical features share a point and
    are drawn as one (`n_distinct` in `parameters`); up to three distinct ones get fixed places and a notice.
    `neighbors` is the graph of the same features, `neighbors_needed` wide.
    Raises DataError for no samples or values that are not finite, UsageError for an unknown method, a parameter out of
    its range or a graph that is too narrow.
    """
    _refuse_bad_choices(method, perplexity=perplexity, n_neighbors=n_neighbors, min_dist=min_dist)
    require_finite(features, purpose="a map")
    if len(features) != len(neighbors.indices):
        raise AssertionError(f"{len(features)} samples with a graph of {len(neighbors.indices)}")
    distinct, group = _merge_duplicates(features, neighbors)
    if len(distinct.counts) in FIXED_PLACES:
        return _place_few(distinct, group, method=method)
    wishes = Wishes(seed=seed, perplexity=perplexity, n_neighbors=n_neighbors, min_dist=min_dist, progress=progress)
    layout = METHODS[method](distinct, wishes)
    if not np.isfinite(layout.xy).all():
        raise AssertionError(f"{method} gave places that are not finite")
    parameters = {"seed": seed, "metric": neighbors.metric, "n_distinct": len(distinct.counts), **layout.parameters}
    return LatentMap(xy=layout.xy[group], method=method, parameters=parameters)


def neighbors_needed(n_samples: int, *, perplexity: float = 30.0, n_neighbors: int = 15) -> int:
    """How wide the graph must be for every method, at most n_samples - 1.

    >>> neighbors_needed(1000), neighbors_needed(20)
    (90, 19)
    """
    wanted = max(count_tsne_neighbors(n_samples, perplexity), count_umap_neighbors(n_samples, n_neighbors))
    return max(0, min(n_samples - 1, wanted))


def _refuse_bad_choices(method: str, *, perplexity: float, n_neighbors: int, min_dist: float) -> None:
    if method not in METHODS:
        raise UsageError(f"unknown map method `{method}`", expected=", ".join(METHODS), hint=nearest(method, METHODS))
    ranges = {
        "perplexity": (perplexity, perplexity >= 1, "1 or more"),
        "n_neighbors": (n_neighbors, n_neighbors >= 2, "2 or more"),
        "min_dist": (min_dist, 0 <= min_dist <= 1, "between 0 and 1"),
    }
    for name, (value, fits, expected) in ranges.items():
        if not fits:
            raise UsageError(f"`{name}` is out of range", got=f"{value}", expected=expected)


def _merge_duplicates(
    features: Float[np.ndarray, "sample feature"], neighbors: Neighbors
) -> tuple[Distinct, Int[np.ndarray, " sample"]]:
    """Distinct rows with a graph of their own, and for each sample the number of its row."""
    first, group = find_distinct(features)
    if len(first) < len(features):
        features = features[first]
        neighbors = find_neighbors(features, k=neighbors.indices.shape[1], metric=neighbors.metric)
    return Distinct(features=features, counts=np.bincount(group), neighbors=neighbors), group


def _place_few(distinct: Distinct, group: Int[np.ndarray, " sample"], *, method: str) -> LatentMap:
    n = len(distinct.counts)
    samples = "sample" if len(group) == 1 else "samples"
    notice = f"{len(group)} {samples} with {n} distinct rows of features: too few for a layout, drawn at fixed places."
    parameters = {"metric": distinct.neighbors.metric, "n_distinct": n}
    return LatentMap(xy=np.array(FIXED_PLACES[n])[group], method=method, parameters=parameters, notice=notice)
