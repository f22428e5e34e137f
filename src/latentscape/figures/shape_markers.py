"""Markers for the values of a column, of which there may be more than markers."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from latentscape.figures.style import DATASET_MARKERS, Style
from latentscape.shapes import Labels

OTHER, UNKNOWN = "<", "d"
"""Markers of the values that share one, and of samples without a value."""


@dataclass(frozen=True, kw_only=True)
class ShapeKey:
    """Which marker each sample has, and what each marker means."""

    markers: tuple[str, ...]
    texts: tuple[str, ...]
    counts: tuple[int, ...]
    """Samples of each marker, never 0."""
    shapes: Labels
    """For each sample the number of its marker."""
    n_sharing: int
    """How many values share one marker, because there are more values than markers."""
    is_shown: bool = True
    """Whether markers mean anything."""


def assign_markers(shapes: Labels | None, names: Sequence[str], *, n: int, style: Style) -> ShapeKey:
    """A marker for each value that occurs: the most frequent keep one of their own, the rest share one.

    Without a column all `n` samples are circles.
    """
    if shapes is None:
        same = np.zeros(n, dtype=int)
        return ShapeKey(markers=("o",), texts=("",), counts=(n,), shapes=same, n_sharing=0, is_shown=False)
    sizes = np.bincount(shapes[shapes >= 0], minlength=len(names))
    present = np.flatnonzero(sizes)
    own = np.sort(present[np.argsort(-sizes[present], kind="stable")][: len(DATASET_MARKERS)])
    n_sharing = len(present) - len(own)
    # Values that have no marker of their own share number len(own); samples without a value find the last one.
    key = np.full(len(names) + 1, len(own))
    key[own], key[-1] = np.arange(len(own)), len(own) + 1
    numbers = own if len(names) <= len(DATASET_MARKERS) else range(len(own))
    chosen = [style.dataset_marker(names[int(value)], int(i)) for value, i in zip(own, numbers, strict=True)]
    markers = [*chosen, OTHER, UNKNOWN]
    texts = [*(names[int(value)] for value in own), f"{n_sharing:,} other values", "unknown"]
    return _drop_empty(key[shapes], markers=markers, texts=texts, n_sharing=n_sharing)


def _drop_empty(shapes: Labels, *, markers: Sequence[str], texts: Sequence[str], n_sharing: int) -> ShapeKey:
    counts = np.bincount(shapes, minlength=len(markers))
    kept = np.flatnonzero(counts)
    return ShapeKey(
        markers=tuple(markers[int(i)] for i in kept),
        texts=tuple(texts[int(i)] for i in kept),
        counts=tuple(int(counts[i]) for i in kept),
        shapes=np.searchsorted(kept, shapes),
        n_sharing=n_sharing,
    )
