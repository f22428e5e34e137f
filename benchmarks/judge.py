"""What a map is worth: the same measures for everybody's map, never inside a timing."""

from dataclasses import dataclass

import numpy as np

from latentscape.engine import Crew
from latentscape.maps import LatentMap
from latentscape.maps.affinity import find_affinities
from latentscape.maps.descent import find_box
from latentscape.maps.edges import Edges
from latentscape.maps.fuzzy import find_memberships
from latentscape.maps.objective import measure_cross_entropy, measure_divergence
from latentscape.maps.repulsion import Repulsion, repel_exactly
from latentscape.maps.sampling import fit_curve
from latentscape.measures.faithfulness import measure_map_trust
from latentscape.neighbors import Neighbors, find_neighbors

K, PERPLEXITY, SEED = 15, 30.0, 0
EXACT_UP_TO = 10_000
"""The normalizer of t-SNE's similarities is summed over all pairs up to here, beyond on a grid with cells of 1/4."""


@dataclass(frozen=True, kw_only=True)
class Judge:
    """Everything about a feature set that all its maps are held against."""

    features: np.ndarray
    labels: np.ndarray
    graph: Neighbors
    affinities: Edges
    memberships: Edges


def prepare_judge(features: np.ndarray, labels: np.ndarray) -> Judge:
    graph = find_neighbors(features, k=min(90, len(features) - 1), metric="euclidean")
    with Crew() as crew:
        affinities = find_affinities(graph, perplexity=PERPLEXITY, k=graph.indices.shape[1], crew=crew)
        memberships = find_memberships(graph, k=K, crew=crew)
    return Judge(features=features, labels=labels, graph=graph, affinities=affinities, memberships=memberships)


def judge_map(judge: Judge, xy: np.ndarray, *, method: str) -> dict[str, float]:
    """Faithfulness in [0, 1] (Spearman's rho in [-1, 1]) and the method's own objective, in nats; lower is better."""
    xy = np.ascontiguousarray(xy, dtype=np.float64)
    if not np.isfinite(xy).all():
        raise ValueError("the map is not finite")
    trust = measure_map_trust(judge.features, judge.graph, LatentMap(xy=xy, method=method), k=K, seed=SEED)
    names = {"recall": "neighbor_recall", "trust": "trustworthiness", "shepard": "shepard_spearman"}
    values = {short: trust.scores[name].value for short, name in names.items()}
    objective = measure_kl(judge, xy) if method == "tsne" else measure_umap_loss(judge, xy)
    return {**values, "labels": agree_on_labels(xy, judge.labels), "objective": objective}


def agree_on_labels(xy: np.ndarray, labels: np.ndarray) -> float:
    """Share of the labeled points whose label is the commonest among the 15 nearest labeled others on the map."""
    known = labels >= 0
    near = find_neighbors(np.ascontiguousarray(xy[known]), k=K, metric="euclidean").indices
    votes = np.zeros((known.sum(), labels.max() + 1), int)
    np.add.at(votes, (np.arange(len(votes))[:, None], labels[known][near]), 1)
    return float((votes.argmax(axis=1) == labels[known]).mean())


def measure_kl(judge: Judge, xy: np.ndarray) -> float:
    """The divergence at perplexity 30, of our affinities."""
    places = (xy - xy.mean(axis=0)).astype(np.float32)
    pushes = np.empty_like(places)
    with Crew() as crew:
        if len(places) <= EXACT_UP_TO:
            normalizer = repel_exactly(places, pushes, crew=crew)
        else:
            normalizer = Repulsion(cell=1 / 4, crew=crew)(places, find_box(places), pushes)
        return measure_divergence(judge.affinities, places, normalizer=normalizer, crew=crew)


def measure_umap_loss(judge: Judge, xy: np.ndarray) -> float:
    """The loss that UMAP's sampling goes down, of our memberships (15 neighbors, min_dist 0.1)."""
    places, curve = (xy - xy.mean(axis=0)).astype(np.float32), fit_curve(0.1)
    with Crew() as crew:
        return measure_cross_entropy(judge.memberships, places, curve=curve, seed=SEED, crew=crew)


def agree_on_graph(judge: Judge, graph: np.ndarray) -> dict[str, float]:
    """The share of neighbors that a graph has in common with ours."""
    pairs = zip(judge.graph.indices, graph, strict=True)
    return {"recall": float(np.mean([len(np.intersect1d(ours, theirs)) / graph.shape[1] for ours, theirs in pairs]))}
