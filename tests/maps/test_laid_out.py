"""Maps of more samples than are laid out."""

from dataclasses import replace

import numpy as np
import pytest

from latentscape.executor import IN_PROCESS
from latentscape.maps import LatentMap, laid_out, make_map, neighbors_needed
from latentscape.maps.laid_out import choose_laid_out, place_others
from latentscape.neighbors import find_neighbors, find_neighbors_among
from tests.scattered import Scattered

RANDOM = np.random.default_rng(0)
KINDS = np.arange(400) % 4
FEATURES = (8 * np.eye(8)[KINDS] + RANDOM.normal(size=(400, 8))).astype(np.float32)
FEATURES[300:330], KINDS[300:330] = FEATURES[7], KINDS[7]
GRAPH = find_neighbors(FEATURES, k=30, metric="euclidean")
ROWS = np.arange(0, 400, 3)
DRAWN = find_neighbors(FEATURES[ROWS], k=30, metric="euclidean")
PLACES = LatentMap(
    xy=10 * np.column_stack([KINDS[ROWS] % 2, KINDS[ROWS] // 2]) + FEATURES[ROWS, 4:6],
    method="tsne",
    parameters={"seed": 0},
)


def place(executor=IN_PROCESS, **changes):
    sides = {"features": FEATURES, "graph": GRAPH, "drawn": DRAWN, **changes}
    return place_others(PLACES, ROWS, executor=executor, **sides)


# -- what is laid out -----------------------------------------------------------------------------------------------


def test_all_are_laid_out_where_they_are_few_enough():
    distinct = len(GRAPH.kinds.first)
    assert choose_laid_out([GRAPH], most=distinct, seed=0) is None
    assert choose_laid_out([GRAPH], most=distinct - 1, seed=0) is not None


def test_equal_rows_count_once_and_are_drawn_together():
    drawn = [choose_laid_out([GRAPH], most=100, seed=seed) for seed in range(20)]
    assert {len(np.unique(FEATURES[rows], axis=0)) for rows in drawn} == {100}
    repeated = np.array([7, *range(300, 330)])
    assert {int(np.isin(repeated, rows).sum()) for rows in drawn} == {0, 31}
    assert all((np.diff(rows) > 0).all() for rows in drawn)


def test_the_seed_chooses():
    first, again, other = (choose_laid_out([GRAPH], most=100, seed=seed) for seed in (1, 1, 2))
    assert first.tolist() == again.tolist() != other.tolist()


def test_frames_share_their_samples_and_none_has_too_many():
    other = FEATURES[RANDOM.permutation(400)]
    graphs = [GRAPH, find_neighbors(other, k=30, metric="euclidean")]
    rows = choose_laid_out(graphs, most=50, seed=0)
    assert len(rows) >= 50
    assert all(len(np.unique(frame[rows], axis=0)) <= 50 for frame in (FEATURES, other))
    plain = find_neighbors(RANDOM.normal(size=(400, 8)), k=5, metric="euclidean")
    assert len(choose_laid_out([plain], most=50, seed=0)) == 50
    assert len(choose_laid_out([GRAPH, plain], most=50, seed=0)) == 50


# -- where the others go --------------------------------------------------------------------------------------------


def test_laid_out_samples_stay_and_the_others_join_their_own():
    made = place()
    np.testing.assert_array_equal(made.xy[ROWS], PLACES.xy)
    assert not made.placed[ROWS].any()
    nearest = find_neighbors_among(made.xy[made.placed], PLACES.xy, k=3, metric="euclidean").indices
    assert (KINDS[ROWS][nearest] == KINDS[made.placed, None]).mean() > 0.97


def test_equal_rows_have_equal_places():
    made = place()
    assert len(np.unique(made.xy[[7, *range(300, 330)]], axis=0)) == 1
    assert not made.placed[301]  # it equals a row that is laid out
    without = np.setdiff1d(ROWS, [7, *range(300, 330)])
    drawn = find_neighbors(FEATURES[without], k=30, metric="euclidean")
    kept = replace(PLACES, xy=PLACES.xy[~np.isin(ROWS, range(300, 330))])
    made = place_others(kept, without, features=FEATURES, graph=GRAPH, drawn=drawn, executor=IN_PROCESS)
    assert len(np.unique(made.xy[[7, *range(300, 330)]], axis=0)) == 1
    assert made.placed[301]


def test_it_says_how_many_were_placed():
    made = place()
    n = int(made.placed.sum())
    assert made.notice == f"{n} of 400 samples were placed beside the {400 - n} that were laid out."
    assert made.parameters == {"seed": 0, "n_laid_out": 400 - n}
    assert place_others(
        replace(PLACES, notice="two parts"), ROWS, features=FEATURES, graph=GRAPH, drawn=DRAWN, executor=IN_PROCESS
    ).notice.startswith("two parts. 2")


@pytest.mark.parametrize("width", [3, 12, 30])
def test_the_same_places_from_any_workers_in_any_blocks(monkeypatch, width):
    narrow = find_neighbors(FEATURES, k=width, metric="euclidean")
    whole = place(graph=narrow).xy.tobytes()
    monkeypatch.setattr(laid_out, "BLOCK_ROWS", 7)
    assert place(Scattered(), graph=narrow).xy.tobytes() == whole
    assert place(Scattered(kills=lambda task: len(task[0]) > 3), graph=narrow).xy.tobytes() == whole


def test_the_graph_tells_what_a_search_would_tell(monkeypatch):
    wide = find_neighbors(FEATURES, k=200, metric="euclidean")
    told = place(graph=wide)
    monkeypatch.setattr(laid_out, "ENOUGH", 16)
    monkeypatch.setattr(laid_out, "NEIGHBORS", 15)
    np.testing.assert_allclose(place(graph=wide).xy, told.xy, atol=1e-9)


def test_where_every_row_equals_one_laid_out_nothing_is_placed():
    features = np.repeat(FEATURES[:100], 2, axis=0)
    graph = find_neighbors(features, k=10, metric="euclidean")
    rows = np.arange(0, 200, 2)
    drawn = find_neighbors(features[rows], k=10, metric="euclidean")
    some = LatentMap(xy=RANDOM.normal(size=(100, 2)), method="umap")
    made = place_others(some, rows, features=features, graph=graph, drawn=drawn, executor=IN_PROCESS)
    np.testing.assert_array_equal(made.xy, np.repeat(some.xy, 2, axis=0))
    assert made.placed is None
    assert not made.notice


@pytest.mark.parametrize("most", [1, 2, 4, 20])
def test_a_handful_laid_out_is_enough(most):
    rows = choose_laid_out([GRAPH], most=most, seed=0)
    drawn = find_neighbors(FEATURES[rows], k=neighbors_needed(len(rows)), metric="euclidean")
    some = make_map(FEATURES[rows], drawn, method="umap", seed=0)
    made = place_others(some, rows, features=FEATURES, graph=GRAPH, drawn=drawn, executor=IN_PROCESS)
    assert np.isfinite(made.xy).all()
    assert made.placed.sum() == 400 - len(rows)
