"""Small graphs and layouts that several tests need."""

import numpy as np

from latentscape.engine import Crew
from latentscape.maps.edges import Edges, join_directions

CREW = Crew(1)


def make_edges(n=40, k=5, *, seed=0, union=False) -> Edges:
    """A random graph with random weights."""
    random = np.random.default_rng(seed)
    indices = np.array([random.permutation(np.delete(np.arange(n), i))[:k] for i in range(n)], np.int32)
    return join_directions(indices, random.uniform(0.1, 1, size=(n, k)).astype(np.float32), union=union, crew=CREW)


def make_places(n=40, *, reach=5.0, seed=1):
    return np.random.default_rng(seed).uniform(-reach, reach, size=(n, 2)).astype(np.float32)


def to_dense(edges: Edges):
    """The weights as a full matrix in double precision."""
    dense = np.zeros((len(edges), len(edges)))
    rows = np.repeat(np.arange(len(edges)), np.diff(edges.starts))
    dense[rows, edges.others] = edges.weights
    return dense


def all_gaps(places):
    """[i, j] = y_i - y_j in double precision, and the squared distances."""
    places = places.astype(np.float64)
    gaps = places[:, None] - places
    return gaps, (gaps**2).sum(axis=2)
