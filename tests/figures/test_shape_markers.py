import numpy as np
import pytest

from latentscape.figures.shape_markers import OTHER, UNKNOWN, assign_markers
from latentscape.figures.style import DATASET_MARKERS, Style


def test_each_value_has_the_marker_of_its_number():
    key = assign_markers(np.array([0, 2, 2, 0]), ("a", "b", "c"), n=4, style=Style(dataset_markers={"c": "X"}))
    assert [key.markers[i] for i in key.shapes] == ["o", "X", "X", "o"]
    assert key.texts == ("a", "c")
    assert key.counts == (2, 2)
    assert not key.n_sharing


def test_of_too_many_values_the_rare_ones_share_a_marker():
    n_values = len(DATASET_MARKERS) + 3
    shapes = np.repeat(np.arange(n_values), np.arange(1, n_values + 1))
    names = tuple(f"speaker {i}" for i in range(n_values))
    key = assign_markers(shapes, names, n=len(shapes), style=Style())
    drawn = np.array(key.markers)[key.shapes]
    assert (drawn[shapes < 3] == OTHER).all()
    assert set(drawn[shapes >= 3]) == set(DATASET_MARKERS)
    assert key.n_sharing == 3
    assert key.texts[-1] == "3 other values" and key.counts[-1] == 1 + 2 + 3
    assert sum(key.counts) == len(shapes)


def test_samples_without_a_value_have_a_marker_of_their_own():
    key = assign_markers(np.array([-1, 0, -1]), ("a",), n=3, style=Style())
    assert [key.markers[i] for i in key.shapes] == [UNKNOWN, "o", UNKNOWN]
    assert key.texts == ("a", "unknown") and key.counts == (1, 2)


@pytest.mark.parametrize("n", [0, 5])
def test_without_a_column_all_are_circles_and_no_legend_is_needed(n):
    key = assign_markers(None, (), n=n, style=Style())
    assert key.markers == ("o",) and not key.is_shown
    assert key.shapes.tolist() == [0] * n


def test_no_marker_means_two_things():
    assert len({*DATASET_MARKERS, OTHER, UNKNOWN}) == len(DATASET_MARKERS) + 2
