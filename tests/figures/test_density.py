import numpy as np
import pytest

from latentscape.figures.density import FAINTEST, paint_density
from latentscape.figures.palette import from_linear, to_linear

RED, BLUE = [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]
COLORS = np.array([RED, BLUE])


def paint(places, kinds=None, *, size=(8, 6), colors=COLORS):
    places = np.asarray(places, dtype=float)
    kinds = np.zeros(len(places), dtype=int) if kinds is None else np.asarray(kinds)
    return paint_density(places, kinds, colors=colors, size=size)


def test_one_point_is_one_firm_pixel_with_a_soft_edge():
    picture = paint([[0.5, 0.5]])
    assert picture.shape == (6, 8, 4)
    assert picture[3, 4].tolist() == [255, 0, 0, round(255 * FAINTEST)]
    beside, across = picture[3, 5], picture[2, 3]
    assert beside[:3].tolist() == across[:3].tolist() == [255, 0, 0]
    assert 0 < across[3] < beside[3] <= picture[3, 4, 3]
    assert (picture[..., 3] > 0).sum() == 9


def test_row_0_is_the_lowest_and_the_edges_belong_to_the_picture():
    picture = paint([[0.0, 0.0], [1.0, 1.0]])
    assert picture[0, 0, 3] > 100 and picture[5, 7, 3] > 100


def test_colors_are_mixed_as_light_in_proportion_to_the_points():
    picture = paint([[0.5, 0.5]] * 4, [0, 1, 1, 1])
    expected = from_linear((to_linear(np.array([RED])) + 3 * to_linear(np.array([BLUE]))) / 4)[0]
    assert picture[3, 4, :3] == pytest.approx(255 * expected, abs=0.51)


def test_more_points_are_firmer_and_none_is_lost():
    rng = np.random.default_rng(0)
    crowd = np.concatenate([0.02 * rng.normal(size=(5000, 2)) + 0.3, [[0.9, 0.9]]])
    picture = paint(crowd, size=(100, 100))
    assert picture[90, 90, 3] == round(255 * FAINTEST)
    assert picture[30, 30, 3] == 255
    column, row = (crowd * 100).astype(int).T
    assert (picture[row, column, 3] >= round(255 * FAINTEST)).all()


def test_the_order_of_points_does_not_matter():
    rng = np.random.default_rng(1)
    places, kinds = rng.random((3000, 2)), rng.integers(0, 2, 3000)
    turned = rng.permutation(3000)
    assert np.array_equal(paint(places, kinds), paint(places[turned], kinds[turned]))


@pytest.mark.parametrize("n", [1, 30_000, 100_000, 400_000])
def test_any_number_of_points(n):
    places = np.random.default_rng(2).random((n, 2))
    picture = paint(places, size=(40, 30))
    assert picture[..., 3].max() >= round(255 * FAINTEST)
    assert (picture[..., :3][picture[..., 3] > 0] == [255, 0, 0]).all()
