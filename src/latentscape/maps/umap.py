"""UMAP: the neighbor graph made fuzzy, drawn by attraction along its edges and repulsion (McInnes et al. 2018)."""

import numpy as np

from latentscape.engine import Crew
from latentscape.maps.budget import Budget
from latentscape.maps.distinct import Distinct, Layout, Wishes, require_width
from latentscape.maps.edges import Edges
from latentscape.maps.fuzzy import find_memberships
from latentscape.maps.objective import measure_cross_entropy
from latentscape.maps.options import Quality
from latentscape.maps.sampling import Epoch, fit_curve, run_epoch
from latentscape.maps.start import Start, choose_start
from latentscape.maps.ties import pull_back
from latentscape.shapes import Points

START_REACH = 10.0
"""Largest coordinate of the start, as in UMAP's own spectral start."""
TIE = 0.3
"""How strongly a sample is tied to its anchor: about a tenth of what all its neighbors together move it by."""
EPOCHS = {"fast": 500, "best": 1000}
FEWER_FROM, FEWER = 10_000, 0.6
"""Beyond so many points that share of the epochs: the last ones move little that anyone can see."""


def draw_umap(distinct: Distinct, wishes: Wishes) -> Layout:
    """A layout by synchronous epochs whose step length goes down to zero; a variant of UMAP's own optimizer."""
    k = count_umap_neighbors(len(distinct.features), wishes.options.n_neighbors)
    require_width(distinct.neighbors, k)
    with Crew() as crew:
        memberships = find_memberships(distinct.neighbors, k=k, crew=crew)
        start = choose_start(distinct, memberships, wishes)
        xy, facts = _optimize(memberships, start, wishes=wishes, crew=crew)
    parameters = {"n_neighbors": k, "min_dist": wishes.options.min_dist, "start": start.name, **facts}
    return Layout(xy=xy, parameters=parameters, notice=start.notice)


def count_umap_neighbors(n: int, n_neighbors: int) -> int:
    """How many neighbors are used for n rows: those asked for, of the n - 1 there are."""
    return min(n - 1, n_neighbors)


def count_epochs(n: int, quality: Quality) -> int:
    """How many epochs a map of n rows takes.

    >>> count_epochs(500, "fast"), count_epochs(70_000, "fast"), count_epochs(500, "best")
    (500, 300, 1000)
    """
    return int(EPOCHS[quality] * (1 if n <= FEWER_FROM else FEWER))


def _optimize(memberships: Edges, start: Start, *, wishes: Wishes, crew: Crew) -> tuple[Points, dict[str, float | int]]:
    epochs, curve = count_epochs(len(memberships), wishes.options.quality), fit_curve(wishes.options.min_dist)
    keys = np.random.default_rng(wishes.seed).integers(2**32, size=epochs, dtype=np.uint32)
    anchors = None if wishes.anchors is None else wishes.anchors.astype(np.float32)
    scale = START_REACH / np.abs(start.xy).max() if anchors is None else float(anchors[:, 0].std())
    places = (start.xy * scale).astype(np.float32)
    moved, budget, done = np.empty_like(places), Budget(wishes.options.time_budget), 0

    def measure() -> float:
        return measure_cross_entropy(memberships, places, curve=curve, seed=wishes.seed, crew=crew)

    steps = wishes.progress.track(
        range(epochs), label="UMAP", total=epochs, status=lambda: f"cross entropy {measure():.3f}"
    )
    for number in steps:
        spent = max(number / epochs, budget.spent())
        if spent >= 1:
            break
        epoch = Epoch(rate=1 - spent, key=keys[number])
        run_epoch(memberships, places, moved, curve=curve, epoch=epoch, crew=crew)
        if anchors is not None:
            moved -= pull_back(places, anchors, strength=TIE * epoch.rate)
        places, moved, done = moved, places, number + 1
    return places.astype(np.float64), {"epochs": done, "cross_entropy": measure()}
