import numpy as np
import pytest
from scipy.stats import skew

from latentscape.measures import nearest_documents
from latentscape.measures.judgments import Judgments
from latentscape.measures.nearest_documents import (
    find_nearest_documents,
    measure_document_hubness,
    measure_head_overlap,
    measure_never_found,
)

NOTHING = np.empty(0, dtype=np.int64)


def make_case(seed, *, n=40, m=90, d=6):
    random = np.random.default_rng(seed)
    return tuple(random.normal(size=(size, d)).astype(np.float32) for size in (n, m))


def judge(n, m, *, relevant=None, ignored=None):
    nothing = (NOTHING,) * n
    return Judgments(relevant=relevant or nothing, hard=nothing, ignored=ignored or nothing, n_documents=m)


def sort_by_hand(queries, documents, ignored):
    q, d = (
        each.astype(float) / np.linalg.norm(each.astype(float), axis=1, keepdims=True) for each in (queries, documents)
    )
    order = np.argsort(-(q @ d.T), axis=1, kind="stable")
    rows = [[j for j in row.tolist() if j not in gone][:10] for row, gone in zip(order, ignored, strict=True)]
    return [row + [-1] * (min(10, len(documents)) - len(row)) for row in rows]


@pytest.mark.parametrize(("m", "most"), [(90, 0), (90, 7), (12, 6), (4, 4)])
def test_nearest_without_the_ignored(m, most):
    random = np.random.default_rng(m)
    queries, documents = make_case(1, m=m)
    ignored = [np.sort(random.choice(m, size=random.integers(0, most + 1), replace=False)) for _ in queries]
    found = find_nearest_documents(queries, documents, ignored=ignored)
    assert found.tolist() == sort_by_hand(queries, documents, [set(each.tolist()) for each in ignored])


@pytest.mark.parametrize("seed", range(4))
def test_hubness_is_the_skewness_of_counts(seed):
    queries, documents = make_case(seed)
    nearest = find_nearest_documents(queries, documents, ignored=[NOTHING] * 40)
    score = measure_document_hubness(nearest, documents)
    assert score.value == pytest.approx(skew(np.bincount(nearest.ravel(), minlength=90)))
    left = [skew(np.bincount(np.delete(nearest, q, axis=0).ravel(), minlength=90)) for q in range(40)]
    error = np.sqrt(39 / 40 * np.sum((left - np.mean(left)) ** 2))
    assert (score.high - score.low) / 3.92 == pytest.approx(error, rel=1e-3)
    assert (score.n, score.better) == (90, "lower")


def test_missing_documents_are_not_counted():
    nearest = np.array([[0, 1, -1], [0, 2, -1], [0, -1, -1], [3, 4, 5]])
    documents = make_case(0, m=11)[1]
    counts = [3, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0]
    assert measure_document_hubness(nearest, documents).value == pytest.approx(skew(counts))


def test_a_planted_hub_is_found():
    """A document in the middle of all is among the nearest of every query; the others share what is left."""
    queries, documents = make_case(5, n=300, m=300, d=40)
    queries, documents = np.abs(queries), np.abs(documents)
    plain = measure_document_hubness(find_nearest_documents(queries, documents, ignored=[NOTHING] * 300), documents)
    documents[7] = queries.mean(axis=0)
    nearest = find_nearest_documents(queries, documents, ignored=[NOTHING] * 300)
    hub = measure_document_hubness(nearest, documents)
    assert np.mean(np.any(nearest == 7, axis=1)) > 0.99
    assert hub.low > plain.high
    assert hub.low > 5


def test_why_there_is_no_hubness():
    queries, documents = make_case(6, m=10)
    nearest = find_nearest_documents(queries, documents, ignored=[NOTHING] * 40)
    assert measure_document_hubness(nearest, documents).reason == "all of 10 documents are among the 10 nearest"
    same = np.ones((30, 3), np.float32)
    nearest = find_nearest_documents(same, same, ignored=[NOTHING] * 30)
    assert measure_document_hubness(nearest, same).reason == "all documents lie in one place"
    round_robin = np.arange(40)[:, None] % 20
    assert measure_document_hubness(round_robin, documents.repeat(2, axis=0)).reason == (
        "all documents are found equally often"
    )


def test_one_query():
    queries, documents = make_case(7, n=1)
    nearest = find_nearest_documents(queries, documents, ignored=[NOTHING])
    score = measure_document_hubness(nearest, documents)
    assert score.value == pytest.approx(skew([1] * 10 + [0] * 80))
    assert score.low is None


def test_never_found_by_hand():
    nearest = np.array([[0, 1, 2], [1, 2, 3]])
    right = tuple(np.array(each) for each in ([0, 5], [1, 5, 6]))
    score = measure_never_found(nearest, judge(2, 20, relevant=right))
    assert (score.value, score.n, score.better) == (0.5, 4, "lower")
    assert score.low < 0.5 < score.high
    assert measure_never_found(nearest, judge(2, 20)).reason == "no query has a right document"
    assert measure_never_found(nearest, judge(2, 10, relevant=right)).reason.startswith("all of 10 documents")


def test_a_planted_part_is_never_found():
    """Twenty right documents are turned away from all queries."""
    queries, documents = make_case(8, n=100, m=100, d=30)
    documents = (queries + 0.1 * documents).astype(np.float32)
    queries[:, 0], documents[:, 0] = 5, 5
    documents[:20, 0] = -5
    nearest = find_nearest_documents(queries, documents, ignored=[NOTHING] * 100)
    right = tuple(np.array([i]) for i in range(100))
    assert measure_never_found(nearest, judge(100, 100, relevant=right)).value == pytest.approx(0.2, abs=0.02)


def test_the_head_that_does_nothing_and_the_one_that_forgets():
    queries, documents = make_case(9, n=200, m=400, d=30)
    before, judgments = np.concatenate([queries, documents]), judge(200, 400)

    def measure(head, seed=0):
        return measure_head_overlap(
            (queries @ head).astype(np.float32),
            (documents @ head).astype(np.float32),
            judgments,
            before_head=before,
            seed=seed,
        )

    turn = np.linalg.qr(np.random.default_rng(0).normal(size=(30, 30)))[0]
    same, half = measure(turn), measure(turn[:, :15])
    assert same.value > 0.999
    assert same.low < 1
    assert 0.1 < half.low < half.value < half.high < 0.9
    assert "queries" in half.interval
    assert half.better == "neither"
    noise = measure_head_overlap(*make_case(10, n=200, m=400, d=30), judgments, before_head=before, seed=0)
    assert noise.low <= 10 / 400 + 0.005
    assert noise.high < 0.05


def test_head_overlap_by_brute_force_with_ignored():
    random = np.random.default_rng(11)
    queries, documents = make_case(11)
    wide = make_case(12, d=20)
    ignored = tuple(np.sort(random.choice(90, size=random.integers(0, 4), replace=False)) for _ in queries)
    gone = [set(each.tolist()) for each in ignored]
    score = measure_head_overlap(
        queries, documents, judge(40, 90, ignored=ignored), before_head=np.concatenate(wide), seed=0
    )
    pairs = zip(sort_by_hand(queries, documents, gone), sort_by_hand(*wide, gone), strict=True)
    assert score.value == pytest.approx(np.mean([len(set(a) & set(b)) / 10 for a, b in pairs]))
    assert score.n == 40


def test_head_overlap_of_a_few_documents():
    queries, documents = make_case(13, m=11)
    before = np.concatenate(make_case(14, m=11))
    assert measure_head_overlap(queries, documents, judge(40, 11), before_head=before, seed=0).value > 0.8
    ignored = (np.array([3]), *[NOTHING] * 39)
    score = measure_head_overlap(queries, documents, judge(40, 11, ignored=ignored), before_head=before, seed=0)
    assert (score.value, score.reason) == (None, "all of 11 documents are among the nearest")


def test_many_queries_are_sampled(monkeypatch):
    monkeypatch.setattr(nearest_documents, "MOST_QUERIES", 25)
    queries, documents = make_case(15)
    before = np.concatenate(make_case(16))
    scores = [measure_head_overlap(queries, documents, judge(40, 90), before_head=before, seed=s) for s in (0, 0, 1)]
    assert scores[0].n == 25
    assert scores[0] == scores[1] != scores[2]
