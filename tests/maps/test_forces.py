"""Attraction and repulsion against hand-worked and full sums; together against finite differences of the objective."""

import numpy as np
import pytest

from latentscape.engine import Crew
from latentscape.maps import repulsion
from latentscape.maps.attraction import attract
from latentscape.maps.descent import find_box
from latentscape.maps.objective import measure_divergence
from latentscape.maps.repulsion import PAIRS_PER_CELL, Repulsion, repel_exactly
from tests.maps.toys import CREW, all_gaps, make_edges, make_places, to_dense


def pull(edges, places):
    forces = np.empty_like(places)
    attract(edges, places, forces, crew=CREW)
    return forces


def push(places, *, cell=None, crew=CREW):
    pushes = np.empty_like(places)
    if cell is None:
        return pushes, repel_exactly(places, pushes, crew=crew)
    return pushes, Repulsion(cell=cell, crew=crew)(places, find_box(places), pushes)


def test_two_points_by_hand():
    """At distance 2 along x: w = 1 / 5, so a pull of p w (y_i - y_j) = 0.3 * 0.2 * 2 and a push of w² * 2."""
    from latentscape.maps.edges import join_directions

    places = np.array([[0, 0], [2, 0]], np.float32)
    edges = join_directions(np.array([[1], [0]], np.int32), np.full((2, 1), 0.3, np.float32), union=False, crew=CREW)
    np.testing.assert_allclose(pull(edges, places), [[-0.12, 0], [0.12, 0]], rtol=1e-6)
    pushes, normalizer = push(places)
    np.testing.assert_allclose(pushes, [[-0.08, 0], [0.08, 0]], rtol=1e-6)
    assert normalizer == pytest.approx(0.4)


@pytest.mark.parametrize("reach", [0.01, 1.0, 30.0, 1000.0])
def test_attraction_is_the_full_sum(reach):
    edges, places = make_edges(), make_places(reach=reach)
    gaps, squares = all_gaps(places)
    expected = (to_dense(edges) / (1 + squares))[..., None] * gaps
    np.testing.assert_allclose(pull(edges, places), expected.sum(axis=1), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("reach", [0.01, 1.0, 30.0, 1000.0])
@pytest.mark.parametrize("n", [2, 7, 63, 300])
def test_exact_repulsion_is_the_full_sum(n, reach):
    places = make_places(n, reach=reach)
    gaps, squares = all_gaps(places)
    nearness = 1 / (1 + squares)
    pushes, normalizer = push(places)
    np.testing.assert_allclose(pushes, (nearness[..., None] ** 2 * gaps).sum(axis=1), rtol=1e-4, atol=2e-6 * n)
    assert normalizer == pytest.approx(nearness.sum() - n, rel=1e-4, abs=1e-7 * n)


@pytest.mark.parametrize(("cell", "within"), [(1 / 2, 0.08), (1 / 3, 0.03), (1 / 4, 0.012)])
@pytest.mark.parametrize("reach", [3.0, 40.0])
def test_the_grid_is_right_within_its_resolution(cell, within, reach, monkeypatch):
    monkeypatch.setattr(repulsion, "PAIRS_PER_CELL", 0)
    places = make_places(4000, reach=reach)
    exact, normalizer = push(places)
    on_grid, normalizer_on_grid = push(places, cell=cell)
    assert np.abs(on_grid - exact).max() < within * np.abs(exact).max()
    assert normalizer_on_grid == pytest.approx(normalizer, rel=0.01)


@pytest.mark.parametrize("reach", [1e-4, 1e-2, 0.4])
def test_the_grid_keeps_the_digits_of_a_tiny_layout(reach, monkeypatch):
    monkeypatch.setattr(repulsion, "PAIRS_PER_CELL", 0)
    places = make_places(2000, reach=reach)
    exact, normalizer = push(places)
    on_grid, normalizer_on_grid = push(places, cell=1 / 2)
    assert np.abs(on_grid - exact).max() < 1e-2 * np.abs(exact).max()
    assert normalizer_on_grid == pytest.approx(normalizer, rel=1e-3)


def test_few_points_in_a_wide_layout_are_summed_exactly():
    places = make_places(1500, reach=60.0)
    assert push(places)[0].tobytes() == push(places, cell=1 / 2)[0].tobytes()
    assert PAIRS_PER_CELL > 0


def test_a_line_of_points_has_a_grid_too(monkeypatch):
    monkeypatch.setattr(repulsion, "PAIRS_PER_CELL", 0)
    places = make_places(500, reach=20.0)
    places[:, 1] = 0.25
    exact, _ = push(places)
    on_grid, _ = push(places, cell=1 / 4)
    assert np.abs(on_grid - exact).max() < 0.02 * np.abs(exact).max()


@pytest.mark.parametrize("pairs_per_cell", [0, 10**9])
def test_any_number_of_threads_gives_the_same_bytes(pairs_per_cell, monkeypatch):
    monkeypatch.setattr(repulsion, "PAIRS_PER_CELL", pairs_per_cell)
    places = make_places(3000, reach=20.0)
    (one, z_one), (three, z_three) = (push(places, cell=1 / 2, crew=Crew(threads)) for threads in (1, 3))
    assert one.tobytes() == three.tobytes()
    assert z_one == z_three


def test_together_they_are_the_slope_of_the_divergence():
    """d KL / d y_i = 4 (sum_j p_ij w_ij (y_i - y_j) - push_i / Z), against central differences in double precision."""
    edges, places = make_edges(30, 6), make_places(30, reach=2.0)
    p = to_dense(edges) / to_dense(edges).sum()
    edges = type(edges)(starts=edges.starts, others=edges.others, weights=edges.weights / edges.weights.sum())

    def divergence(y):
        w = 1 / (1 + all_gaps_double(y))
        np.fill_diagonal(w, 0)
        q = w / w.sum()
        known = p > 0
        return (p[known] * np.log(p[known] / q[known])).sum()

    pushes, normalizer = push(places)
    ours = 4 * (pull(edges, places) - pushes / normalizer)
    y, step = places.astype(np.float64), 1e-6
    for row in (0, 7, 29):
        for axis in (0, 1):
            ahead, behind = y.copy(), y.copy()
            ahead[row, axis] += step
            behind[row, axis] -= step
            slope = (divergence(ahead) - divergence(behind)) / (2 * step)
            assert ours[row, axis] == pytest.approx(slope, rel=1e-3, abs=1e-6)
    assert measure_divergence(edges, places, normalizer=normalizer, crew=CREW) == pytest.approx(divergence(y), rel=1e-5)


def all_gaps_double(y):
    return ((y[:, None] - y) ** 2).sum(axis=2)
