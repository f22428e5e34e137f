"""The heatmap's sample and its diagonal."""

import numpy as np
import pytest

from latentscape.measures.heatmap import measure_heatmap


def unit(rows):
    rows = np.asarray(rows, dtype=np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def rights(*sets):
    return [np.array(each, dtype=int) for each in sets]


def test_a_case_worked_by_hand():
    queries = unit([[1, 0], [0, 1], [1, 1]])
    documents = unit([[1, 0], [0, 1], [1, -1]])
    found = measure_heatmap(queries, documents, rights([0], [1], [2]), n_shown=3, seed=0)
    np.testing.assert_allclose(found.values, [[1, 0, 2**-0.5], [0, 1, -(2**-0.5)], [2**-0.5, 2**-0.5, 0]], atol=1e-7)
    assert found.diagonal.value == pytest.approx(2 / 3)  # the third query's own document is orthogonal to it
    assert found.diagonal.n == 3


def test_another_right_document_of_the_row_is_not_a_mistake():
    queries = unit([[1, 0.1], [0.1, 1]])
    documents = unit([[0, 1], [1, 0]])  # query 0's first right document is far, but document 1 is right for it too
    found = measure_heatmap(queries, documents, rights([0, 1], [1]), n_shown=5, seed=1)
    assert found.values[0].argmax() == 1
    assert found.diagonal.value == 0.5  # row 0 is right; row 1's own document lies behind document 0


def test_shared_documents_appear_once():
    queries = unit(np.eye(4))
    found = measure_heatmap(queries, unit(np.eye(4)), rights([0], [0], [1], []), n_shown=10, seed=3)
    assert len(found.queries) == 2
    assert 3 not in found.queries


def test_a_tie_counts_against_the_diagonal():
    queries = unit([[1, 0], [1, 0]])
    documents = unit([[1, 0], [1, 0]])
    assert measure_heatmap(queries, documents, rights([0], [1]), n_shown=2, seed=0).diagonal.value == 0


def test_the_sample_is_random_not_the_first_rows_and_repeats():
    queries = unit(np.random.default_rng(0).normal(size=(200, 8)))
    sets = rights(*[[row] for row in range(200)])
    first = measure_heatmap(queries, queries, sets, n_shown=10, seed=5)
    again = measure_heatmap(queries, queries, sets, n_shown=10, seed=5)
    np.testing.assert_array_equal(first.queries, again.queries)
    assert not np.array_equal(first.queries, np.arange(10))
    assert first.values.shape == (10, 10)


@pytest.mark.parametrize("n", [0, 1])
def test_too_few_queries_say_so(n):
    found = measure_heatmap(
        unit(np.eye(2)[:n] + 0.1), unit(np.eye(2)), rights(*[[row] for row in range(n)]), n_shown=5, seed=0
    )
    assert found.diagonal.value is None
    assert "two queries" in found.diagonal.reason
