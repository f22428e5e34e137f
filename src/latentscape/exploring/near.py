"""The neighbors of each sample in a layer's own space, as a run keeps them."""

import numpy as np
from jaxtyping import Shaped

from latentscape.exploration import NeighborLists
from latentscape.exploring.source import Source
from latentscape.plain_text import clean_text, safe_name

MOST_NEIGHBORS = 10
"""Of each sample; the page has room for no more."""
USUAL_METRIC = "cosine"


def read_near(source: Source, layer: str, *, stage: str = "", checkpoint: int = 0) -> NeighborLists | None:
    """The neighbor graph of a layer; None where the run does not keep it. `stage` is its name where that is another."""
    name = safe_name(stage or layer)
    found = source.read_arrays(f"neighbors/{name}.npz", ("indices", "distances"))
    if not found:
        return None
    inputs = source.read_json(f"stages/neighbors/{name}.json").get("inputs")
    metric = inputs.get("metric") if isinstance(inputs, dict) else None
    return check_near(
        source,
        layer,
        rows=found.get("indices"),
        distances=found.get("distances"),
        metric=clean_text(metric) if isinstance(metric, str) else USUAL_METRIC,
        checkpoint=checkpoint,
    )


def check_near(
    source: Source,
    layer: str,
    *,
    rows: Shaped[np.ndarray, "..."] | None,
    distances: Shaped[np.ndarray, "..."] | None,
    metric: str,
    checkpoint: int = 0,
) -> NeighborLists:
    """The first neighbors of each sample. Raises DataError for rows that are no samples, or lists that do not fit."""
    if rows is None or distances is None or rows.shape != distances.shape or rows.shape[:1] != (source.n,):
        raise source.damaged(f"the neighbors of `{layer}` are not one list a sample")
    if rows.ndim != 2 or rows.dtype.kind not in "iu" or distances.dtype.kind != "f":
        raise source.damaged(f"the neighbors of `{layer}` are no rows with distances", f"{rows.dtype}")
    near = np.ascontiguousarray(rows[:, :MOST_NEIGHBORS], dtype=np.int64)
    if near.size and not 0 <= near.min() <= near.max() < source.n:
        raise source.damaged(f"a neighbor in `{layer}` is no sample")
    nearest = distances[:, :MOST_NEIGHBORS]
    fits = nearest.max(initial=0) < np.finfo(np.float32).max
    return NeighborLists(
        layer=layer,
        metric=metric,
        rows=near,
        distances=np.ascontiguousarray(nearest, dtype=np.float32 if fits else np.float64),
        checkpoint=checkpoint,
    )
