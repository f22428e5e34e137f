"""The same samples in several layers or checkpoints, drawn in one frame: what moves there has moved for a reason."""

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from jaxtyping import Complex, Float

from latentscape.maps.distinct import Distinct
from latentscape.maps.latent_map import LatentMap
from latentscape.maps.make import DEFAULTS, make_map
from latentscape.maps.options import MapOptions
from latentscape.maps.pca import find_components
from latentscape.maps.start import find_scores
from latentscape.neighbors import Neighbors
from latentscape.progress import SILENT, Progress
from latentscape.shapes import Points

ROUNDS = 20
"""Times the fit of two maps is made again with smaller weights for what lies far apart."""
CANDIDATES, JUDGES = 300, 1000
"""Transforms tried, and samples that judge them."""
FARTHEST = 1e6
"""Distances beyond so many medians weigh alike, next to nothing: where most points fit, the median is next to 0."""
Plane = Complex[np.ndarray, " sample"]
"""Places as complex numbers x + iy: turning and scaling is one multiplication."""


def make_aligned_maps(
    features: Sequence[Float[np.ndarray, "sample _"]],
    graphs: Sequence[Neighbors],
    *,
    method: str,
    seed: int,
    options: MapOptions = DEFAULTS,
    progress: Progress = SILENT,
) -> tuple[LatentMap, ...]:
    """One map for each frame (layer, checkpoint) of the same samples, in the order given.

    The first layout begins with what the frames' principal components have in common. Each further one begins where
    the one before it ended and is tied to it weakly (`ties.py`), so that a sample moves only where its neighbors
    changed; then it is turned, mirrored, scaled and shifted onto the one before it (`align`), which changes no
    neighborhood.
    Frames may have different numbers of features; they must have the same samples in the same order. Raises what
    `make_map` raises.
    """
    if len({len(frame) for frame in features}) > 1 or len(features) != len(graphs):
        raise AssertionError(f"frames of {[len(frame) for frame in features]} samples with {len(graphs)} graphs")
    places = find_common_start(features, graphs)
    made: list[LatentMap] = []
    for frame, graph in zip(features, graphs, strict=True):
        new = make_map(frame, graph, method=method, seed=seed, options=options, anchors=places, progress=progress)
        made.append(replace(new, xy=align(new.xy, onto=made[-1].xy)) if made else new)
        places = made[-1].xy
    return tuple(made)


def find_common_start(features: Sequence[Float[np.ndarray, "sample _"]], graphs: Sequence[Neighbors]) -> Points:
    """The two principal components of all frames' two principal components, each frame's with spread 1."""
    ones = np.ones(len(features[0]), int)
    scores = [
        find_scores(Distinct(features=frame, counts=ones, neighbors=graph))
        for frame, graph in zip(features, graphs, strict=True)
    ]
    spread = [each / (each[:, 0].std() or 1.0) for each in scores]
    return find_components(np.hstack(spread), ones)[0]


def align(xy: Points, *, onto: Points) -> Points:
    """Turn, mirror, scale and shift `xy` so that most of its points lie as near as possible to theirs in `onto`.

    The many that stay put decide, not the few that went far: of the similarity transforms that two points fix, and the
    one of least squares (Procrustes; Schönemann 1966), the one with the least median distance is taken (Rousseeuw
    1984); then least squares with weights 1 / (1 + (r / median r)²) of the distances r that are left, again and again.
    The scale makes both maps equally wide, as the weights see them: least squares would shrink a map that has little in
    common with the other towards its middle. Where `xy` or `onto` is a single place nothing but the shift is left. The
    same input gives the same answer.
    """
    source, target = xy[:, 0] + 1j * xy[:, 1], onto[:, 0] + 1j * onto[:, 1]
    sides = _fit_most(source, target), _fit_most(source.conj(), target)
    moved = min(sides, key=lambda side: np.median(np.abs(side - target)))
    return np.column_stack([np.real(moved), np.imag(moved)])


def _fit_most(source: Plane, target: Plane) -> Plane:
    """The best of all turns, scales and shifts: z -> a z + b in the complex plane."""
    random = np.random.default_rng(0)
    pairs = random.integers(len(source), size=(2, CANDIDATES))
    judges = random.permutation(len(source))[:JUDGES]
    with np.errstate(divide="ignore", invalid="ignore"):
        a = (target[pairs[0]] - target[pairs[1]]) / (source[pairs[0]] - source[pairs[1]])
    a = np.append(a[np.isfinite(a) & (a != 0)], _fit(source, target, np.ones(len(source)))[0])
    gaps = target[judges] - a[:, None] * source[judges]
    b = np.median(np.real(gaps), axis=1) + 1j * np.median(np.imag(gaps), axis=1)
    # In units between those of the two maps: else the transform that shrinks most would leave the smallest gaps.
    best = (np.median(np.abs(gaps - b[:, None]), axis=1) / np.sqrt(np.abs(a))).argmin()
    moved = a[best] * source + b[best]
    for _ in range(ROUNDS):
        left = np.abs(moved - target)
        far = np.minimum(left / (np.median(left) or 1.0), FARTHEST)
        scale, shift = _fit(source, target, 1 / (1 + far**2))
        moved = scale * source + shift
    return moved


def _fit(source: Plane, target: Plane, weights: Float[np.ndarray, " sample"]) -> tuple[complex, complex]:
    """The turn of least squares, the scale that makes both equally wide, and the shift; a is 1 where either side is a
    single place."""
    weights = weights / weights.sum()
    centers = weights @ source, weights @ target
    source, target = source - centers[0], target - centers[1]
    wide = [float(weights @ np.abs(side) ** 2) for side in (source, target)]
    shared = complex(weights @ (source.conj() * target))
    a = shared / abs(shared) * math.sqrt(wide[1] / wide[0]) if all(wide) and shared else complex(1.0)
    return a, complex(centers[1] - a * centers[0])
