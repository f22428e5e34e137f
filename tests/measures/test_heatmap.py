"""The heatmap's sample and its diagonal."""

import numpy as np
import pytest

from latentscape.measures.heatmap import MOST_GROUPS, OTHERS, find_wrong_winners, measure_heatmap


def unit(rows):
    rows = np.asarray(rows, dtype=np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def rights(*sets):
    return [np.array(each, dtype=int) for each in sets]


def test_a_case_worked_by_hand():
    queries = unit([[1, 0], [0, 1], [1, 1]])
    documents = unit([[1, 0], [0, 1], [1, -1]])
    found = measure_heatmap(queries, documents, rights([0], [1], [2]), n_shown=3, seed=0)
    expected = np.array([[1, 0, 2**-0.5], [0, 1, -(2**-0.5)], [2**-0.5, 2**-0.5, 0]])
    np.testing.assert_allclose(found.values, expected[np.ix_(found.queries, found.queries)], atol=1e-7)
    assert found.diagonal.value == pytest.approx(2 / 3)  # the third query's own document is orthogonal to it
    assert found.diagonal.n == 3


def test_another_right_document_of_the_row_is_not_a_mistake():
    queries = unit([[1, 0.1], [0.1, 1]])
    documents = unit([[0, 1], [1, 0]])  # query 0's first right document is far, but document 1 is right for it too
    found = measure_heatmap(queries, documents, rights([0, 1], [1]), n_shown=5, seed=1)
    row, column = found.queries.tolist().index(0), found.queries.tolist().index(1)
    assert found.values[row].argmax() == column
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


def make_topics(*, n, n_topics, noise=0.3, seed=0, dimensions=16):
    """Queries around topics, each with its own document; returns queries, documents and topics."""
    rng = np.random.default_rng(seed)
    topics = rng.integers(0, n_topics, size=n)
    places = rng.normal(size=(n_topics, dimensions))[topics] + noise * rng.normal(size=(n, dimensions))
    return unit(places), unit(places + noise * rng.normal(size=places.shape)), topics


def own(n):
    return [np.array([row]) for row in range(n)]


def runs_of(names):
    return [name for i, name in enumerate(names) if i == 0 or names[i - 1] != name]


def test_the_sample_keeps_the_proportions_of_the_groups():
    queries, documents, _ = make_topics(n=400, n_topics=3)
    groups = np.repeat([0, 1, 2, -1], [200, 120, 40, 40])
    found = measure_heatmap(
        queries, documents, own(400), groups=groups, names=["Quận 1", "Quận 2", "Quận 3"], n_shown=20, seed=3
    )
    assert [found.groups.count(name) for name in ("Quận 1", "Quận 2", "Quận 3", OTHERS)] == [10, 6, 2, 2]
    labels = np.array(["Quận 1", "Quận 2", "Quận 3", OTHERS])[groups]
    assert list(found.groups) == labels[found.queries].tolist()
    assert not found.by_cluster


def test_rows_of_a_group_are_neighbors_and_the_others_come_last():
    queries, documents, topics = make_topics(n=300, n_topics=30)
    found = measure_heatmap(
        queries, documents, own(300), groups=topics, names=[f"value {i}" for i in range(30)], n_shown=40, seed=0
    )
    runs = runs_of(found.groups)
    assert len(runs) == len(set(runs)) == MOST_GROUPS + 1
    assert runs[-1] == OTHERS


def test_near_groups_and_rows_lie_side_by_side():
    angles = np.linspace(0, np.pi, 60, endpoint=False)
    circle = unit(np.stack([np.cos(angles), np.sin(angles)], axis=1))
    groups = np.arange(60) // 10
    shuffled = np.random.default_rng(1).permutation(60)
    found = measure_heatmap(
        circle[shuffled], circle[shuffled], own(60), groups=groups[shuffled], names=list("abcdef"), n_shown=60, seed=0
    )
    assert "".join(runs_of(found.groups)) in {"abcdef", "fedcba"}
    steps = np.abs(np.diff(shuffled[found.queries]))
    assert (steps == 1).mean() > 0.9


def test_clusters_are_found_where_no_groups_are_given():
    queries, documents, topics = make_topics(n=24, n_topics=4, noise=0.05)
    found = measure_heatmap(queries, documents, own(24), n_shown=100, seed=0)
    assert found.by_cluster
    assert len(found.queries) == 24
    runs = runs_of(found.groups)
    assert runs == [f"cluster {i + 1}" for i in range(len(runs))]
    for name in runs:
        rows = [row for row, group in zip(found.queries, found.groups, strict=True) if group == name]
        assert len(set(topics[rows])) == 1


@pytest.mark.parametrize("groups", [np.full(30, -1), np.arange(30), np.repeat([0, -1], [20, 10])])
def test_useless_groups_give_way_to_clusters(groups):
    queries, documents, _ = make_topics(n=30, n_topics=3)
    found = measure_heatmap(queries, documents, own(30), groups=groups, names=list("x" * 30), n_shown=30, seed=0)
    assert found.by_cluster
    assert set(found.groups) <= {f"cluster {i}" for i in range(1, 7)}


def test_an_ignored_document_counts_neither_for_nor_against_the_diagonal():
    queries = unit([[1, 0], [0, 1], [1, 1]])
    documents = unit([[1, 0.2], [0, 1], [1, 0.1]])  # document 2 is nearer to query 0 than its own
    plain = measure_heatmap(queries, documents, rights([0], [1], [2]), n_shown=3, seed=0)
    found = measure_heatmap(queries, documents, rights([0], [1], [2]), ignored=rights([2], [], []), n_shown=3, seed=0)
    assert plain.diagonal.value == pytest.approx(1 / 3)
    assert found.diagonal.value == pytest.approx(2 / 3)
    row, column = found.queries.tolist().index(0), found.queries.tolist().index(2)
    assert np.argwhere(np.isnan(found.values)).tolist() == [[row, column]]


@pytest.mark.parametrize("grouped", [False, True])
def test_rows_and_values_are_those_of_brute_force(grouped):
    queries, documents, topics = make_topics(n=120, n_topics=5, noise=1.5)
    found = measure_heatmap(
        queries, documents, own(120), groups=topics if grouped else None, names=list("abcde"), n_shown=50, seed=4
    )
    wide = [each.astype(np.float64) for each in (queries, documents)]
    wide = [each / np.linalg.norm(each, axis=1, keepdims=True) for each in wide]
    cosines = wide[0][found.queries] @ wide[1][found.queries].T
    np.testing.assert_allclose(found.values, cosines, atol=1e-12)
    assert len(set(found.queries.tolist())) == 50
    wins = [cosines[i, i] > np.delete(cosines[i], i).max() for i in range(50)]
    assert found.diagonal.value == np.mean(wins)
    assert 0 < np.mean(wins) < 1


def test_no_match_is_no_diagonal():
    queries, _, _ = make_topics(n=60, n_topics=60)
    documents = np.random.default_rng(9).permutation(queries)
    assert measure_heatmap(queries, documents, own(60), n_shown=60, seed=0).diagonal.value < 0.15


def test_a_collapsed_model_loses_every_row():
    same = unit(np.ones((40, 7)) + 0.1)
    found = measure_heatmap(same, same, own(40), groups=np.arange(40) % 3, names=list("abc"), n_shown=40, seed=0)
    assert found.diagonal.value == 0.0
    assert measure_heatmap(same, same, own(40), n_shown=40, seed=0).diagonal.value == 0.0


def test_wrong_winners_by_hand():
    values = np.array([[0.9, 0.1, np.nan], [0.5, 0.5, -0.3], [0.7, -0.2, 0.1]])
    assert find_wrong_winners(values, np.eye(3, dtype=bool)).tolist() == [-1, 0, 0]
    assert find_wrong_winners(np.zeros((0, 0)), np.zeros((0, 0), dtype=bool)).tolist() == []
    assert find_wrong_winners(np.array([[-0.5]]), np.array([[True]])).tolist() == [-1]
