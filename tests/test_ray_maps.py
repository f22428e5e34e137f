"""Graphs and maps from a real cluster are those of one process, byte for byte."""

import numpy as np
import pytest

from latentscape.executor import IN_PROCESS
from latentscape.layer_maps import MapPlan, map_layer
from latentscape.neighbors import approximate, find, find_neighbors, spread
from latentscape.progress import SILENT
from latentscape.store import Unkept
from tests.ray_clusters import open_cluster
from tests.scattered import same

RANDOM = np.random.default_rng(0)
CENTERS = RANDOM.normal(size=(30, 12)) * 4
FEATURES = (CENTERS[RANDOM.integers(30, size=6000)] + RANDOM.normal(size=(6000, 12))).astype(np.float32)
FEATURES[100:140] = FEATURES[3]
PLAN = MapPlan(methods=("umap",), seed=0, metric="euclidean", layout_samples=800)


@pytest.mark.slow
def test_a_cluster_makes_the_same_graph_and_the_same_map(monkeypatch):
    monkeypatch.setattr(spread, "QUIET_WORK", 0)
    monkeypatch.setattr(spread, "TASK_STEPS", 1e8)
    monkeypatch.setattr(approximate, "TASK_ROWS", 1000)
    with open_cluster(SILENT) as cluster:
        exact = find_neighbors(FEATURES, k=15, executor=cluster)
        monkeypatch.setattr(find, "EXACT_WORK", 1)
        made = map_layer(Unkept(), FEATURES, layer="x", plan=PLAN, inputs={}, executor=cluster)
    here = map_layer(Unkept(), FEATURES, layer="x", plan=PLAN, inputs={}, executor=IN_PROCESS)
    assert made.neighbors.distances.dtype == np.float32  # only approximate search makes it so
    assert same(made.neighbors, here.neighbors)
    drawn, known = made.maps["umap"], here.maps["umap"]
    assert drawn.latent_map.xy.tobytes() == known.latent_map.xy.tobytes()
    assert drawn.latent_map.placed.tobytes() == known.latent_map.placed.tobytes()
    assert drawn.trust.scores == known.trust.scores
    monkeypatch.setattr(find, "EXACT_WORK", 1e18)
    assert same(exact, find_neighbors(FEATURES, k=15))
