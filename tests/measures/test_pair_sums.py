import numpy as np
import pytest

from latentscape.errors import DataError
from latentscape.measures.pair_sums import sum_similarities

from .pair_scans import all_cosines, judge, mark_wrong, scan_by_hand


def make_random(seed, *, n_queries=17, n_documents=29):
    random = np.random.default_rng(seed)
    queries, documents = (random.normal(size=(n, 5)).astype(np.float32) for n in (n_queries, n_documents))
    orders = [random.permutation(n_documents) for _ in range(n_queries)]
    lists = [[order[3 * i : 3 * i + random.integers(0, 4)] for order in orders] for i in range(3)]
    return queries, documents, judge(*lists, n_documents=n_documents)


@pytest.mark.parametrize("seed", range(5))
def test_sums_are_those_of_every_cosine_taken_by_itself(seed):
    queries, documents, judgments = make_random(seed)
    cosines, wrong = all_cosines(queries, documents), mark_wrong(judgments)
    found = sum_similarities(queries, documents, judgments, scan=scan_by_hand(queries, documents, judgments))
    assert list(found) == ["positive", "", "_hard", "_mined"]
    for query, row in enumerate(cosines):
        chosen = {
            "positive": row[judgments.relevant[query]],
            "": row[wrong[query]],
            "_hard": row[judgments.hard[query]],
            "_mined": row[wrong[query]].max(keepdims=True),
        }
        for kind, values in chosen.items():
            assert found[kind].counts[query] == len(values)
            assert found[kind].sums[query] == pytest.approx(values.sum(), abs=1e-9)


def test_a_query_with_nothing_of_a_kind_has_sums_of_zero():
    one = np.eye(2, dtype=np.float32)[:1]
    judgments = judge([[0]], n_documents=1)
    found = sum_similarities(one, one, judgments, scan=scan_by_hand(one, one, judgments))
    assert [(each.counts.tolist(), each.sums.tolist()) for each in found.values()] == [
        ([1.0], [1.0]), ([0.0], [0.0]), ([0.0], [0.0]), ([0.0], [0.0])
    ]  # fmt: skip


def test_a_document_in_two_lists_is_refused():
    vectors = np.eye(2, dtype=np.float32)
    good, bad = judge([[0], [1]], n_documents=2), judge([[0], [1]], [[0], []], n_documents=2)
    with pytest.raises(DataError, match="can't be right and a hard negative"):
        sum_similarities(vectors, vectors, bad, scan=scan_by_hand(vectors, vectors, good))
