import numpy as np
import pytest
from scipy.spatial.distance import pdist

from latentscape.errors import DataError
from latentscape.measures import retrieval_geometry
from latentscape.measures.judgments import Judgments
from latentscape.measures.mean_cosine import measure_mean_cosine
from latentscape.measures.retrieval_geometry import measure_alignment, measure_retrieval_geometry, measure_uniformity
from latentscape.measures.scan import scan_pairs

NOTHING = np.empty(0, dtype=np.int64)
NAMES = {
    "alignment",
    "uniformity_queries",
    "uniformity_documents",
    "query_document_gap",
    "gap_readable",
    "mean_cosine_queries",
    "mean_cosine_documents",
    "effective_rank_queries",
    "effective_rank_documents",
    "document_hubness",
    "never_found",
}


def make_case(seed, *, n=30, m=70, d=6):
    random = np.random.default_rng(seed)
    queries, documents = (random.normal(size=(size, d)).astype(np.float32) for size in (n, m))
    relevant = tuple(np.sort(random.choice(m, size=random.integers(0, 4), replace=False)) for _ in range(n))
    return queries, documents, Judgments(relevant=relevant, hard=(NOTHING,) * n, ignored=(NOTHING,) * n, n_documents=m)


def scale(vectors):
    return vectors.astype(float) / np.linalg.norm(vectors.astype(float), axis=1, keepdims=True)


def find_uniformity(vectors):
    return np.log(np.mean(np.exp(-2 * pdist(scale(vectors), "sqeuclidean"))))


def test_by_hand():
    """Right documents at 0 and 90 degrees from their queries: squared distances 0 and 2."""
    vectors = np.eye(2, dtype=np.float32)
    judgments = Judgments(
        relevant=(np.array([0]), np.array([0])), hard=(NOTHING,) * 2, ignored=(NOTHING,) * 2, n_documents=2
    )
    score = measure_alignment(vectors, vectors, judgments, seed=0)
    assert (score.value, score.n, score.better, score.bounds) == (1, 2, "lower", (0, 4))
    spread = measure_uniformity(vectors, side="queries", seed=0)
    assert (spread.name, spread.value, spread.better) == ("uniformity_queries", pytest.approx(-4), "lower")


@pytest.mark.parametrize("seed", range(4))
def test_agrees_with_brute_force(seed):
    queries, documents, judgments = make_case(seed)
    found = measure_retrieval_geometry(queries, documents, judgments, seed=0)
    assert found.keys() == NAMES
    q, d = scale(queries), scale(documents)
    squares = [np.sum((q[i] - d[j]) ** 2) for i, right in enumerate(judgments.relevant) for j in right]
    assert found["alignment"].value == pytest.approx(np.mean(squares), abs=1e-12)
    assert found["uniformity_queries"].value == pytest.approx(find_uniformity(queries), abs=1e-9)
    assert found["uniformity_documents"].value == pytest.approx(find_uniformity(documents), abs=1e-9)
    assert found["mean_cosine_documents"].value == measure_mean_cosine(documents, seed=0).value
    assert found["mean_cosine_queries"].n == 30
    order = np.argsort(-(q @ d.T), axis=1)[:, :10]
    right = np.unique(np.concatenate(judgments.relevant))
    assert found["never_found"].value == pytest.approx(np.mean([j not in order for j in right]))
    singular = np.linalg.svd(queries.astype(float), compute_uv=False)
    shares = singular / singular.sum()
    assert found["effective_rank_queries"].value == pytest.approx(np.exp(-np.sum(shares * np.log(shares))), rel=1e-6)


def test_blocks_change_nothing(monkeypatch):
    documents = make_case(1, m=300)[1]
    whole = measure_uniformity(documents, side="documents", seed=0)
    monkeypatch.setattr(retrieval_geometry, "BLOCK_NUMBERS", 2_000)
    assert measure_uniformity(documents, side="documents", seed=0).value == pytest.approx(whole.value, abs=1e-12)


def test_intervals_hold_the_truth():
    def make(seed, n):
        return (np.random.default_rng(seed).normal(size=(n, 5)) + 0.5).astype(np.float32)

    truth = measure_uniformity(make(10**6, 3_000), side="queries", seed=0).value
    scores = [measure_uniformity(make(seed, 100), side="queries", seed=0) for seed in range(200)]
    assert np.mean([score.low <= truth <= score.high for score in scores]) >= 0.9
    assert np.std([s.value for s in scores]) > 0.6 * np.mean([(s.high - s.low) / 3.92 for s in scores])


def test_the_interval_of_the_alignment_takes_queries_whole():
    """Every query has five right documents in one place: five times the pairs say no more."""
    random = np.random.default_rng(3)
    queries, single = (random.normal(size=(40, 6)).astype(np.float32) for _ in range(2))
    places = [np.arange(40)[:, None], np.arange(200).reshape(40, 5)]
    ones, fives = (
        measure_alignment(
            queries,
            np.repeat(single, len(place[0]), axis=0),
            Judgments(relevant=tuple(place), hard=(NOTHING,) * 40, ignored=(NOTHING,) * 40, n_documents=place.size),
            seed=0,
        )
        for place in places
    )
    assert (ones.n, fives.n) == (40, 200)
    assert (fives.low, fives.high) == pytest.approx((ones.low, ones.high))


def test_trained_and_untrained_are_told_apart():
    """Documents that lie on their queries are aligned; a space with one common direction is not uniform."""
    queries, _, judgments = make_case(5, n=70, m=70, d=20)
    judgments = Judgments(
        relevant=tuple(np.array([i]) for i in range(70)), hard=judgments.hard, ignored=judgments.ignored, n_documents=70
    )
    near = queries + 0.2 * make_case(6, n=70, d=20)[0]
    good = measure_retrieval_geometry(queries, near, judgments, seed=0)
    bad = measure_retrieval_geometry(queries + 3, make_case(7, d=20)[1] + 3, judgments, seed=0)
    assert good["alignment"].high < 0.1
    assert good["uniformity_documents"].high < bad["uniformity_documents"].low - 2
    assert good["mean_cosine_documents"].high < bad["mean_cosine_documents"].low
    assert good["never_found"].value == 0


def test_many_items_are_sampled():
    vectors = np.random.default_rng(8).normal(size=(4_000, 4)).astype(np.float32)
    first, again, other = (measure_uniformity(vectors, side="queries", seed=seed) for seed in (0, 0, 1))
    assert first.n == 3_000
    assert first == again != other
    assert first.value == pytest.approx(find_uniformity(vectors), abs=0.02)


def test_a_scan_spares_the_search():
    queries, documents, judgments = make_case(9)
    plain = measure_retrieval_geometry(queries, documents, judgments, seed=0)
    scan = scan_pairs(queries, documents, judgments, k=10, seed=0)
    assert measure_retrieval_geometry(queries, documents, judgments, scan=scan, seed=0) == plain


@pytest.mark.parametrize(("n", "m"), [(1, 1), (1, 30), (30, 1), (12, 12)])
def test_a_collapsed_model_and_few_items(n, m):
    judgments = Judgments(relevant=(np.array([0]),) * n, hard=(NOTHING,) * n, ignored=(NOTHING,) * n, n_documents=m)
    vectors = [np.ones((size, 4), np.float32) for size in (n, m)]
    found = measure_retrieval_geometry(*vectors, judgments, before_head=np.ones((n + m, 8), np.float32), seed=0)
    assert found.keys() == NAMES | {"head_overlap"}
    for score in found.values():
        assert (score.value is None) == bool(score.reason)
        assert score.value is None or np.isfinite(score.value)
        assert score.value is None or score.bounds[0] <= score.value <= score.bounds[1]
    assert found["alignment"].value == pytest.approx(0, abs=1e-12)
    assert found["alignment"].low is None
    if n > 1:
        assert found["uniformity_queries"].value == pytest.approx(0, abs=1e-12)
    assert found["document_hubness"].value is None


def test_no_right_document():
    queries, documents, _ = make_case(10)
    judgments = Judgments(relevant=(NOTHING,) * 30, hard=(NOTHING,) * 30, ignored=(NOTHING,) * 30, n_documents=70)
    found = measure_retrieval_geometry(queries, documents, judgments, seed=0)
    assert found["alignment"].reason == found["never_found"].reason == "no query has a right document"


def test_inputs_must_fit():
    queries, documents, judgments = make_case(11)
    with pytest.raises(DataError, match="do not fit"):
        measure_retrieval_geometry(queries[:-1], documents, judgments, seed=0)
    with pytest.raises(DataError, match="before the head"):
        measure_retrieval_geometry(queries, documents, judgments, before_head=documents, seed=0)
    with pytest.raises(DataError, match="needs queries and documents"):
        measure_retrieval_geometry(queries[:0], documents, judgments, seed=0)
    documents[4, 1] = np.inf
    with pytest.raises(DataError, match="not finite"):
        measure_retrieval_geometry(queries, documents, judgments, seed=0)
