"""t-SNE: who is whose neighbor, drawn so that neighbors stay together (van der Maaten and Hinton 2008)."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import final, no_type_check

import numpy as np

from latentscape.engine import Crew
from latentscape.maps.affinity import find_affinities
from latentscape.maps.attraction import Places, attract
from latentscape.maps.budget import Budget
from latentscape.maps.descent import Gradient, find_box, start_descent, step_down
from latentscape.maps.distinct import Distinct, Layout, Wishes, require_width
from latentscape.maps.edges import Edges
from latentscape.maps.objective import measure_divergence
from latentscape.maps.repulsion import Box, Repulsion
from latentscape.maps.start import Start, choose_start
from latentscape.maps.ties import pull_back
from latentscape.shapes import Points

START_SPREAD = 1e-4
"""Standard deviation of the start along x: small, so that the first steps are made by the attraction alone."""
SLOWEST_RATE = 50.0
TIE = 0.1
"""How strongly a sample is tied to its anchor, in units of what ties it to its neighbors."""


@dataclass(frozen=True, kw_only=True)
class Phase:
    """Iterations in which one objective is gone down."""

    iterations: int
    exaggeration: float
    """How much stronger the attraction is than the objective wants it."""
    momentum: float


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How long to go on, and how closely to look."""

    phases: tuple[Phase, ...]
    cell: float
    """Width of a cell of the repulsion's grid, in map units."""

    @property
    def length(self) -> int:
        """Iterations in all."""
        return sum(phase.iterations for phase in self.phases)


GATHER = Phase(iterations=100, exaggeration=4.0, momentum=0.8)
"""While everything is close and pulls hard, clusters form."""
PLANS = {
    "fast": Plan(phases=(GATHER, Phase(iterations=250, exaggeration=1.0, momentum=0.9)), cell=1 / 2),
    "best": Plan(phases=(GATHER, Phase(iterations=400, exaggeration=1.0, momentum=0.9)), cell=1 / 3),
}


@final
class Forces:
    """What the points of one graph do to each other, written into the same two arrays each time."""

    def __init__(self, affinities: Edges, *, repulse: Repulsion, crew: Crew) -> None:
        self.affinities, self.repulse, self.crew = affinities, repulse, crew
        self._pulls, self._pushes = np.empty((2, len(affinities), 2), np.float32)

    @no_type_check
    def find(self, places: Places, box: Box, *, exaggeration: float, anchors: Places | None) -> Gradient:
        """The gradient at these places, but for the factor 4 that the learning rate absorbs.

        An anchor is one more neighbor, with TIE times the weight of all others together.
        """
        normalizer = self.repulse(places, box, self._pushes)
        attract(self.affinities, places, self._pulls, crew=self.crew)
        if anchors is not None:
            self._pulls += pull_back(places, anchors, strength=TIE / len(places))
        return Gradient(pulls=self._pulls, pushes=self._pushes, pull_weight=exaggeration, push_weight=1 / normalizer)

    def measure(self, places: Places, box: Box) -> float:
        """The divergence of these places."""
        normalizer = self.repulse(places, box, self._pushes)
        return measure_divergence(self.affinities, places, normalizer=normalizer, crew=self.crew)


def draw_tsne(distinct: Distinct, wishes: Wishes) -> Layout:
    """Momentum descent of the divergence, from principal components.

    The learning rate is n / exaggeration (Belkina et al. 2019), at least 50. An exaggeration of 4 with that rate ends
    lower than the usual 12 on most sets from 30 to 70,000 points, and keeps large distances a little better.
    """
    n = len(distinct.features)
    perplexity, k = limit_perplexity(n, wishes.options.perplexity), count_tsne_neighbors(n, wishes.options.perplexity)
    require_width(distinct.neighbors, k)
    with Crew() as crew:
        affinities = find_affinities(distinct.neighbors, perplexity=perplexity, k=k, crew=crew)
        start = choose_start(distinct, affinities, wishes)
        xy, facts = _optimize(affinities, start, wishes=wishes, crew=crew)
    parameters = {"perplexity": perplexity, "n_neighbors": k, "start": start.name, **facts}
    return Layout(xy=xy, parameters=parameters, notice=start.notice)


def limit_perplexity(n: int, perplexity: float) -> float:
    """The perplexity used for n rows: at most a third of the other rows, for it needs three neighbors a unit."""
    return min(float(perplexity), (n - 1) / 3)


def count_tsne_neighbors(n: int, perplexity: float) -> int:
    """How many neighbors the perplexity needs, of the n - 1 there are."""
    return max(1, min(n - 1, int(3 * perplexity)))


def _optimize(affinities: Edges, start: Start, *, wishes: Wishes, crew: Crew) -> tuple[Points, dict[str, float | int]]:
    plan, budget = PLANS[wishes.options.quality], Budget(wishes.options.time_budget)
    descent = start_descent((start.xy * (START_SPREAD / start.xy[:, 0].std())).astype(np.float32))
    anchors = None if wishes.anchors is None else wishes.anchors.astype(np.float32)
    forces = Forces(affinities, repulse=Repulsion(cell=plan.cell, crew=crew), crew=crew)
    box, done = find_box(descent.places), 0

    def measure() -> float:
        return forces.measure(descent.places, box)

    steps = wishes.progress.track(
        _walk(plan, budget), label="t-SNE", total=plan.length, status=lambda: f"KL {measure():.3f}"
    )
    for phase, is_new in steps:
        if is_new:
            descent.restart()
        rate = max(len(affinities) / phase.exaggeration, SLOWEST_RATE)
        is_settling = phase.exaggeration == 1
        tied = anchors if is_settling else None  # before, the layout has another size
        gradient = forces.find(descent.places, box, exaggeration=phase.exaggeration, anchors=tied)
        box = step_down(descent, gradient, rate=rate, momentum=phase.momentum, crew=crew)
        done += 1
    return descent.places.astype(np.float64), {"iterations": done, "divergence": measure()}


def _walk(plan: Plan, budget: Budget) -> Iterator[tuple[Phase, bool]]:
    """The phase of each iteration, and whether it is the phase's first; a budget shortens all phases alike."""
    end = 0
    for phase in plan.phases:
        end += phase.iterations
        for number in range(phase.iterations):
            if budget.spent() > end / plan.length:
                break
            yield phase, number == 0
