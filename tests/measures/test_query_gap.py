import numpy as np
import pytest
from sklearn.metrics import balanced_accuracy_score
from sklearn.neighbors import NearestCentroid

from latentscape.measures import unit_rows
from latentscape.measures.judgments import Judgments
from latentscape.measures.query_gap import _deal, measure_query_gap


def make_case(seed, *, shift=0.0, n=60, m=150, d=8):
    random = np.random.default_rng(seed)
    queries, documents = random.normal(size=(n, d)), random.normal(size=(m, d))
    documents[:, 0] += shift
    return queries.astype(np.float32), documents.astype(np.float32)


def judge(n, m, *, relevant=None, hard=None):
    nothing = (np.empty(0, dtype=np.int64),) * n
    return Judgments(relevant=relevant or nothing, hard=hard or nothing, ignored=nothing, n_documents=m)


def measure(queries, documents, *, seed=0, **lists):
    return measure_query_gap(queries, documents, judge(len(queries), len(documents), **lists), seed=seed)


def scale(vectors):
    return vectors.astype(float) / np.linalg.norm(vectors.astype(float), axis=1, keepdims=True)


def test_by_hand():
    """Queries at 0 and 90 degrees with center (1/2, 1/2), one document at 180: the gap is (3/2, 1/2)."""
    gap, readable = measure(np.eye(2, dtype=np.float32), np.array([[-3, 0]], dtype=np.float32), seed=0)
    assert gap.value == pytest.approx(np.sqrt(9 / 4 + 1 / 4))
    assert (gap.n, gap.bounds, gap.better) == (3, (0, 2), "neither")
    assert (readable.value, readable.reason) == (None, "2 queries and 1 documents, 5 of each are needed")


@pytest.mark.parametrize("seed", range(5))
def test_agrees_with_numpy_and_scikit_learn(seed):
    queries, documents = make_case(seed, shift=0.8)
    gap, readable = measure(queries, documents, seed=seed)
    q, d = scale(queries), scale(documents)
    assert gap.value == pytest.approx(np.linalg.norm(q.mean(axis=0) - d.mean(axis=0)), abs=1e-12)
    folds = _deal(judge(60, 150), n_queries=60, seed=seed)
    points, kinds, fold = np.concatenate([q, d]), np.repeat([0, 1], [len(q), len(d)]), np.concatenate(folds)
    guesses = np.empty(len(points), dtype=int)
    for part in range(5):
        guesses[fold == part] = (
            NearestCentroid().fit(points[fold != part], kinds[fold != part]).predict(points[fold == part])
        )
    assert readable.value == pytest.approx(balanced_accuracy_score(kinds, guesses), abs=1e-12)


def test_a_planted_gap_and_none():
    gap, readable = measure(*make_case(1, shift=6.0), seed=0)
    assert gap.value > 0.8
    assert readable.low > 0.9
    gap, readable = measure(*make_case(1), seed=0)
    assert gap.value < 2 * np.sqrt(1 / 60 + 1 / 150)
    assert abs(readable.value - 0.5) < 0.1


def test_without_a_gap_the_kinds_are_seldom_told_apart():
    scores = [measure(*make_case(seed, n=40, m=40), seed=seed)[1] for seed in range(60)]
    assert abs(np.mean([score.value for score in scores]) - 0.5) < 0.05
    assert sum(score.low > 0.5 for score in scores) <= 8


def test_the_interval_of_the_gap_holds_the_truth():
    truth = measure(*make_case(99, shift=1.0, n=100_000, m=100_000), seed=0)[0].value
    scores = [measure(*make_case(seed, shift=1.0, n=200, m=300), seed=0)[0] for seed in range(200)]
    assert np.mean([score.low <= truth <= score.high for score in scores]) >= 0.9


def test_blocks_change_nothing(monkeypatch):
    case = make_case(2, shift=0.5)
    whole = measure(*case, seed=0)
    monkeypatch.setattr(unit_rows, "BLOCK_NUMBERS", 100)
    pieces = measure(*case, seed=0)
    assert pieces[0].value == pytest.approx(whole[0].value, abs=1e-12)
    assert pieces[1] == whole[1]


def test_a_collapsed_model():
    gap, readable = measure(np.ones((9, 3), np.float32), np.ones((7, 3), np.float32), seed=0)
    assert gap.value == pytest.approx(0, abs=1e-12)
    assert gap.low is None
    assert readable.value == 0.5
    assert readable.low < 0.5 < readable.high


def test_two_clouds_that_do_not_touch():
    queries, documents = make_case(3, n=30, m=30)
    queries[:, 0], documents[:, 0] = -50, 50
    gap, readable = measure(queries, documents, seed=0)
    assert gap.value > 1.9
    assert readable.value == 1
    assert readable.low < 1
    assert "Wilson" in readable.interval


@pytest.mark.parametrize("seed", range(3))
def test_pairs_that_lie_side_by_side_are_not_told_apart(seed):
    """Documents beside their queries: with a pair torn apart each would be drawn to the other's center."""
    random = np.random.default_rng(seed)
    queries = random.normal(size=(300, 64))
    documents = np.concatenate([queries, queries, queries]) + 0.1 * random.normal(size=(900, 64))
    lists = {
        "relevant": tuple(np.array([i]) for i in range(300)),
        "hard": tuple(np.array([300 + i, 600 + i]) for i in range(300)),
    }
    single = [each.astype(np.float32) for each in (queries, documents)]
    readable = measure(*single, **lists, seed=seed)[1]
    assert abs(readable.value - 0.5) < 0.08
    assert measure(*single, seed=seed)[1].value < 0.4
    documents[:, 0] += 3
    assert measure(single[0], documents.astype(np.float32), **lists, seed=seed)[1].low > 0.85


def test_parts_keep_together_what_belongs_together():
    relevant = (np.array([3]), np.array([3, 4]), np.array([], dtype=int), np.array([0]))
    hard = (np.array([5]), np.array([0]), np.array([6]), np.array([7]))
    queries, documents = _deal(judge(4, 9, relevant=relevant, hard=hard), n_queries=4, seed=1)
    assert queries[0] == queries[1] == documents[3] == documents[5]
    assert queries[3] == documents[0] == documents[7]
    assert queries[2] == documents[6]


def test_all_queries_with_one_answer():
    readable = measure(*make_case(4), relevant=(np.array([0]),) * 60)[1]
    assert (readable.value, readable.reason) == (None, "nearly all queries, or documents, belong together")
