"""One function behind which all map methods stand."""

from collections.abc import Callable, Mapping

import numpy as np
from jaxtyping import Float, Int

from latentscape.engine import prepare_kernels
from latentscape.errors import UsageError, nearest
from latentscape.maps.distinct import Distinct, Layout, Wishes
from latentscape.maps.latent_map import LatentMap
from latentscape.maps.options import MapOptions
from latentscape.maps.pca import draw_pca
from latentscape.maps.tsne import count_tsne_neighbors, draw_tsne
from latentscape.maps.umap import count_umap_neighbors, draw_umap
from latentscape.neighbors import Neighbors, require_finite
from latentscape.progress import SILENT, Progress
from latentscape.shapes import Points

DEFAULTS = MapOptions()
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
    options: MapOptions = DEFAULTS,
    anchors: Points | None = None,
    progress: Progress = SILENT,
) -> LatentMap:
    """A place on a plane for each sample, in row order; the same input and seed give the same bytes on one machine.

    `method` is one of METHODS. Where there are too few samples for what `options` ask, less is used, and `parameters`
    holds what was. Samples that the graph's metric can't tell apart share a point and are drawn as one (`n_distinct`
    in `parameters`); up to three distinct ones get fixed places and a notice. `neighbors` is the graph of the same
    features, `neighbors_needed` wide. `anchors` gives each sample a place, e.g. that on another map by the same method,
    where its layout begins, in the stead of `options.start`, and to which a weak tie holds it. With a `time_budget` the
    bytes depend on the machine's speed.
    Raises DataError for no samples or values that are not finite, UsageError for an unknown method or a graph that is
    too narrow.
    """
    if method not in METHODS:
        raise UsageError(f"unknown map method `{method}`", expected=", ".join(METHODS), hint=nearest(method, METHODS))
    require_finite(features, purpose="a map")
    if len(features) != len(neighbors.indices):
        raise AssertionError(f"{len(features)} samples with a graph of {len(neighbors.indices)}")
    distinct, group = _merge_duplicates(features, neighbors)
    if len(distinct.counts) in FIXED_PLACES:
        return _place_few(distinct, group, method=method)
    prepare_kernels(progress)
    if anchors is not None:
        anchors = anchors - anchors.mean(axis=0)
        anchors = anchors if neighbors.kinds is None else anchors[neighbors.kinds.first]  # pyright: ignore[reportOptionalSubscript]
    wishes = Wishes(seed=seed, options=options, progress=progress, anchors=anchors)
    layout = METHODS[method](distinct, wishes)
    if not np.isfinite(layout.xy).all():
        raise AssertionError(f"{method} gave places that are not finite")
    parameters = {"seed": seed, "metric": neighbors.metric, "n_distinct": len(distinct.counts), **layout.parameters}
    xy = layout.xy if group is None else layout.xy[group]
    return LatentMap(xy=xy, method=method, parameters=parameters, notice=layout.notice)


def neighbors_needed(n_samples: int, options: MapOptions = DEFAULTS) -> int:
    """How wide the graph must be for every method, at most n_samples - 1.

    >>> neighbors_needed(1000), neighbors_needed(20)
    (90, 19)
    """
    wanted = max(
        count_tsne_neighbors(n_samples, options.perplexity), count_umap_neighbors(n_samples, options.n_neighbors)
    )
    return max(0, min(n_samples - 1, wanted))


def _merge_duplicates(
    features: Float[np.ndarray, "sample feature"], neighbors: Neighbors
) -> tuple[Distinct, Int[np.ndarray, " sample"] | None]:
    """The rows to draw with their graph, and for each sample the number of its row; None where each is its own."""
    kinds = neighbors.kinds
    if kinds is None:
        return Distinct(features=features, counts=np.ones(len(features), int), neighbors=neighbors), None
    counts = np.bincount(kinds.group, minlength=len(kinds.first))
    return Distinct(features=features[kinds.first], counts=counts, neighbors=kinds.neighbors), kinds.group


def _place_few(distinct: Distinct, group: Int[np.ndarray, " sample"] | None, *, method: str) -> LatentMap:
    n = len(distinct.counts)
    group = np.arange(n) if group is None else group
    samples = "sample" if len(group) == 1 else "samples"
    notice = f"{len(group)} {samples} with {n} distinct rows of features: too few for a layout, drawn at fixed places."
    parameters = {"metric": distinct.neighbors.metric, "n_distinct": n}
    return LatentMap(xy=np.array(FIXED_PLACES[n])[group], method=method, parameters=parameters, notice=notice)
