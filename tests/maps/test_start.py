"""Where layouts begin: principal components, eigenvectors of the graph, or what was asked for and can't be."""

import numpy as np
import pytest

from latentscape.engine import Crew
from latentscape.maps import MapOptions, make_map
from latentscape.maps import start as start_room
from latentscape.maps.distinct import Distinct, Wishes
from latentscape.maps.fuzzy import find_memberships
from latentscape.maps.start import choose_start, find_eigenvectors
from latentscape.neighbors import find_neighbors
from latentscape.progress import SILENT


def begin(features, metric="euclidean", seed=0, start="pca", k=3):
    features = np.asarray(features, dtype=np.float32)
    graph = find_neighbors(features, k=k, metric=metric)
    distinct = Distinct(features=features, counts=np.ones(len(features), int), neighbors=graph)
    wishes = Wishes(seed=seed, options=MapOptions(start=start), progress=SILENT)
    with Crew(1) as crew:
        return choose_start(distinct, find_memberships(graph, k=k, crew=crew), wishes)


def test_the_start_has_spread_one_and_no_two_points_in_one_place():
    features = np.zeros((50, 4))
    features[0] = 5
    first = begin(features).xy
    assert len(np.unique(first, axis=0)) == 50
    assert first[:, 0].std() == pytest.approx(1, rel=0.02)
    assert (first[:, 1] != 0).all()


def test_the_start_depends_on_the_seed_only_by_its_noise():
    features = np.random.default_rng(4).normal(size=(40, 4))
    np.testing.assert_array_equal(begin(features, seed=1).xy, begin(features, seed=1).xy)
    difference = begin(features, seed=1).xy - begin(features, seed=2).xy
    assert 0 < np.abs(difference).max() < 0.1


def test_the_start_under_cosine_ignores_lengths():
    rng = np.random.default_rng(5)
    features = rng.normal(size=(40, 4))
    lengths = 2.0 ** rng.integers(-40, 40, size=(40, 1))
    np.testing.assert_allclose(begin(features, "cosine").xy, begin(features * lengths, "cosine").xy, atol=1e-5)


@pytest.mark.parametrize("dense_up_to", [200, 20])
def test_eigenvectors_of_a_ring_go_around_it_once(dense_up_to, monkeypatch):
    monkeypatch.setattr(start_room, "DENSE_UP_TO", dense_up_to)
    turns = np.linspace(0, 1, 60, endpoint=False)
    angle = 2 * np.pi * (turns + 0.03 * np.sin(2 * np.pi * turns))  # uneven: no two eigenvalues are the same
    graph = find_neighbors(np.column_stack([np.cos(angle), np.sin(angle)]), k=4, metric="euclidean")
    with Crew(1) as crew:
        xy, reason = find_eigenvectors(find_memberships(graph, k=4, crew=crew), seed=0)
    assert not reason
    around = np.argsort(np.arctan2(xy[:, 1], xy[:, 0]))
    assert set((np.diff(around) % 60).tolist()) <= {1, 59}


def test_a_graph_in_parts_starts_from_principal_components_and_says_so():
    features = np.random.default_rng(6).normal(size=(40, 3)) + 1000 * (np.arange(40)[:, None] % 2)
    start = begin(features, start="spectral")
    assert start.name == "pca"
    assert "falls into 2 parts" in start.notice
    np.testing.assert_array_equal(start.xy, begin(features).xy)
    drawn = make_map(
        features.astype(np.float32),
        find_neighbors(features.astype(np.float32), k=15),
        method="umap",
        seed=0,
        options=MapOptions(start="spectral"),
    )
    assert drawn.parameters["start"] in ("spectral", "pca")


def test_a_spectral_start_is_the_same_each_time_and_named():
    features = np.random.default_rng(7).normal(size=(300, 3))
    first = begin(features, start="spectral", k=15)
    assert (first.name, first.notice) == ("spectral", "")
    np.testing.assert_array_equal(first.xy, begin(features, start="spectral", k=15).xy)
