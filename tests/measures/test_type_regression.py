import numpy as np
import pytest
from scipy.stats import spearmanr

from latentscape.measures.type_regression import TypeDraws, correlate_ranks, solve_types


def test_ranks_of_draws_with_holes():
    draws = np.array([[1.0, 2.0, 3.0], [3.0, 2.0, np.nan], [1.0, 1.0, 1.0]])
    found = correlate_ranks(draws, np.array([5.0, 6.0, 7.0]))
    assert found[0] == pytest.approx(1)
    assert np.isnan(found[1:]).all()


def test_a_draw_without_a_type_cannot_tell_it():
    carries = np.array([[True, False], [False, True]])
    found = solve_types(carries, counts=np.array([[2.0, 0.0], [2.0, 4.0]]), totals=np.array([[3.0, 0.0], [3.0, 4.0]]))
    assert found[0, 0] == 1.5
    assert np.isnan(found[0, 1])
    assert found[1].tolist() == pytest.approx([1.5, 1.0])


@pytest.mark.parametrize("seed", range(10))
def test_agrees_with_least_squares_where_columns_are_tied(seed):
    """Columns 3 and 4 are equal and 5 is empty; a draw may also miss combinations."""
    random = np.random.default_rng(seed)
    carries = random.random((9, 6)) < 0.4
    carries[:, 4], carries[:, 5] = carries[:, 3], False
    counts = random.integers(0, 5, size=(20, 9)).astype(float)
    totals = counts * random.normal(size=9)
    found = solve_types(carries, counts=counts, totals=totals)
    for draw in range(20):
        roots = np.sqrt(counts[draw])
        means = totals[draw] / np.maximum(counts[draw], 1)
        table = roots[:, None] * carries
        expected = np.linalg.lstsq(table, roots * means, rcond=1e-9)[0]
        rank = np.linalg.matrix_rank(table)
        for column in range(6):
            unit = np.eye(6)[column]
            is_known = np.linalg.matrix_rank(np.vstack([table, unit])) == rank
            assert np.isfinite(found[draw, column]) == is_known
            if is_known:
                assert found[draw, column] == pytest.approx(expected[column], abs=1e-9)


def test_sums_of_what_is_drawn():
    unit, combination, values = np.array([0, 0, 1, 2]), np.array([0, 1, 1, 0]), np.array([1.0, 2.0, 4.0, 8.0])
    counts, totals = TypeDraws.of(unit, combination, values=[values]).add_up(np.array([[1.0, 1, 1], [0, 2, 1]]))
    assert counts.tolist() == [[2, 2], [1, 2]]
    assert totals.tolist() == [[9, 6], [8, 8]]


def test_rank_correlation_with_ties():
    declared = np.array([2.5, 2.0, 1.0, 1.0, 0.5])
    draws = np.round(np.random.default_rng(0).normal(size=(30, 5)), 1)
    found = correlate_ranks(draws, declared)
    assert found == pytest.approx([spearmanr(draw, declared).statistic for draw in draws])
    assert np.isnan(correlate_ranks(draws, np.ones(5))).all()
