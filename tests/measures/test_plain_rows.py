import numpy as np
import pytest

from latentscape.errors import DataError
from latentscape.measures.plain_rows import choose_some, direct_rows, scale_rows, take_rows


def test_few_rows_are_all_taken():
    assert choose_some(5, most=5, seed=3).tolist() == [0, 1, 2, 3, 4]


def test_a_choice_is_ascending_without_repeats_and_seeded():
    rows = choose_some(1000, most=100, seed=3)
    assert len(rows) == 100
    assert (np.diff(rows) > 0).all()
    assert np.array_equal(rows, choose_some(1000, most=100, seed=3))
    assert not np.array_equal(rows, choose_some(1000, most=100, seed=4))


def test_only_the_rows_asked_for_must_be_finite():
    features = np.array([[1, 2], [np.nan, 0], [3, 4]], dtype=np.float32)
    points, rows = take_rows(features, np.array([0, 2]), purpose="this", seed=0)
    assert points.tolist() == [[1, 2], [3, 4]]
    assert rows.tolist() == [0, 2]
    with pytest.raises(DataError, match="not finite"):
        take_rows(features, np.arange(3), purpose="this", seed=0)


def test_directions_leave_out_zeros():
    points, rows = direct_rows(np.array([[3.0, 4.0], [0.0, 0.0], [0.0, -1e-40]]), np.array([5, 6, 7]))
    assert points.tolist() == [[0.6, 0.8], [0.0, -1.0]]
    assert rows.tolist() == [5, 7]


@pytest.mark.parametrize("size", [0.0, 1e-38, 1.0, 3e38])
def test_scaling_keeps_the_digits(size):
    rows = np.array([[1.0, -3.0], [0.5, 0.0]]) * size
    scaled = scale_rows(rows)
    assert np.abs(scaled).max() < 1
    assert np.array_equal(scaled[0] * rows[1, 0], scaled[1, 0] * rows[0])
    assert not size or np.abs(scaled).max() >= 0.5
