import tracemalloc

import numpy as np
import pytest

from latentscape.errors import DataError
from latentscape.measures import scan_tiles
from latentscape.measures.judgments import Judgments
from latentscape.measures.scan import N_FINE, N_GROUPS, scan_pairs
from latentscape.measures.scan_field import bound_errors, lay_field, lay_sides

EXACT = ("top", "top_similarity", "pair_query", "pair_document", "pair_similarity")
EXACT = (*EXACT, "ahead", "ahead_without_hard", "mined", "mined_similarity")


def aim(*angles):
    """Unit vectors in the plane; the cosine of two is that of the angle between them, in degrees."""
    radians = np.deg2rad(np.array(angles, dtype=float))
    return np.stack([np.cos(radians), np.sin(radians)], axis=1).astype(np.float32)


def sets(*numbers):
    return tuple(np.array(each, dtype=np.int64) for each in numbers)


def judge(relevant, *, n_documents, hard=None, ignored=None):
    none = sets(*([] for _ in relevant))
    return Judgments(relevant=relevant, hard=hard or none, ignored=ignored or none, n_documents=n_documents)


def judge_at_random(random, n_queries, n_documents, *, most=4):
    """For each query up to `most` right, hard and ignored documents; half of all documents are never right."""
    lists = [], [], []
    for _ in range(n_queries):
        some = random.permutation(n_documents)
        right, rest = some[some < -(-n_documents // 2)], some[some >= -(-n_documents // 2)]
        cuts = random.integers(0, most + 1, size=3)
        right, ignored = right[: cuts[0]], np.concatenate([right[cuts[0] : cuts[0] + 1], rest[: cuts[1]]])
        for each, chosen in zip(lists, (right, rest[cuts[1] :][: cuts[2]], ignored), strict=True):
            each.append(np.sort(chosen))
    relevant, hard, ignored = (tuple(each) for each in lists)
    return Judgments(relevant=relevant, hard=hard, ignored=ignored, n_documents=n_documents)


def compare_all(queries, documents):
    """All cosines in double precision, each row of products summed in the same order."""
    queries, documents = queries.astype(float), documents.astype(float)
    lengths = [np.sqrt((each**2).sum(axis=1)) for each in (queries, documents)]
    products = np.stack([(query * documents).sum(axis=1) for query in queries])
    return np.clip(products / np.multiply.outer(*lengths), -1, 1)


def assert_as_brute_force(found, queries, documents, judgments, *, k):
    cosines = compare_all(queries, documents)
    is_right_for_some = np.isin(np.arange(len(documents)), np.concatenate(judgments.relevant))
    pairs = iter(range(found.pair_query.size))
    for query, row in enumerate(cosines):
        right, ignored = judgments.relevant[query], judgments.ignored[query]
        is_right = np.isin(np.arange(row.size), right)
        is_wrong = ~is_right & ~np.isin(np.arange(row.size), ignored)
        order = np.lexsort((np.arange(row.size), is_right, -row))
        order = order[~np.isin(order, ignored)][:k]
        assert found.top[query].tolist() == [*order, *[-1] * (min(k, row.size) - order.size)]
        assert found.top_similarity[query, : order.size] == pytest.approx(row[order], abs=1e-14)
        assert np.isnan(found.top_similarity[query, order.size :]).all()
        for document in right[np.lexsort((right, -row[right]))]:
            pair = next(pairs)
            assert (found.pair_query[pair], found.pair_document[pair]) == (query, document)
            assert found.pair_similarity[pair] == pytest.approx(row[document], abs=1e-14)
            is_ahead = is_wrong & (row >= row[document])
            assert found.ahead[pair] == is_ahead.sum()
            assert found.ahead_without_hard[pair] == (is_ahead & is_right_for_some).sum()
        wrong = np.flatnonzero(is_wrong)
        hardest = wrong[np.argmax(row[wrong])] if wrong.size else -1
        assert found.mined[query] == hardest
        assert np.isnan(found.mined_similarity[query]) == (hardest < 0)
        assert hardest < 0 or found.mined_similarity[query] == pytest.approx(row[hardest], abs=1e-14)
    assert next(pairs, None) is None
    assert_counts_as_brute_force(found, cosines, judgments)


def assert_counts_as_brute_force(found, cosines, judgments):
    """No cosine is counted farther than the rounding of single precision from its own bin."""
    counted = np.ones(cosines.shape, bool)
    for query, lists in enumerate(zip(judgments.relevant, judgments.ignored, strict=True)):
        counted[query, np.concatenate(lists)] = False
    edges = np.linspace(-1, 1, found.counts.shape[1] + 1)[1:-1]
    for group, counts in enumerate(found.counts):
        rows = found.group == group
        values = np.sort(cosines[rows][counted[rows]])
        assert counts.sum() == values.size
        below = np.cumsum(counts)[:-1]
        assert (np.searchsorted(values, edges - 2e-6) <= below).all()
        assert (below <= np.searchsorted(values, edges + 2e-6)).all()


def assert_same(one, other, *, fields=EXACT):
    for name in fields:
        assert np.array_equal(getattr(one, name), getattr(other, name), equal_nan=name.endswith("similarity")), name


def test_scan_by_hand():
    judgments = judge(sets([2], [1, 3]), n_documents=5, hard=sets([0], []), ignored=sets([1], []))
    found = scan_pairs(aim(0, 0), aim(10, 100, 20, 180, 30), judgments, k=3, seed=0)
    assert found.top.tolist() == [[0, 2, 4], [0, 2, 4]]
    assert found.top_similarity[0] == pytest.approx(np.cos(np.deg2rad([10, 20, 30])), abs=1e-7)
    assert (found.pair_query.tolist(), found.pair_document.tolist()) == ([0, 1, 1], [2, 1, 3])
    assert found.pair_similarity == pytest.approx(np.cos(np.deg2rad([20, 100, 180])), abs=1e-7)
    assert found.ahead.tolist() == [1, 3, 3]
    assert found.ahead_without_hard.tolist() == [0, 1, 1]
    assert found.mined.tolist() == [0, 0]
    assert found.counts.sum(axis=1).tolist() == [3, 3]
    bins = ((np.cos(np.deg2rad([10, 30, 180])) + 1) * N_FINE / 2).astype(int)
    assert np.flatnonzero(found.counts[found.group[0]]).tolist() == sorted(bins)


def make_vectors(kind, random, n_queries, n_documents, n_features):
    queries, documents = (random.normal(size=(n, n_features)) for n in (n_queries, n_documents))
    if kind == "grid":  # few distinct cosines, so that most documents tie with others
        queries, documents = np.rint(queries) + 0.0, np.rint(documents) + 0.0
        queries[:, 0], documents[:, 0] = 1, np.where(random.random(n_documents) < 0.5, 1, -1)
    if kind == "copies":
        documents = documents[random.integers(0, -(-n_documents // 7), size=n_documents)]
    if kind == "near":
        documents, queries = documents[0] + 1e-4 * documents, documents[0] + 1e-4 * queries
    if kind == "lengths":
        documents *= 10.0 ** random.integers(-15, 16, size=(n_documents, 1))
    return queries, documents


@pytest.mark.parametrize("kind", ["plain", "grid", "copies", "near", "lengths"])
@pytest.mark.parametrize(
    ("shape", "k"), [((40, 60, 5), 10), ((70, 700, 16), 3), ((150, 1100, 9), 1), ((7, 5, 3), 99), ((1, 1, 1), 4)]
)
def test_agrees_with_brute_force(kind, shape, k):
    random = np.random.default_rng(shape[1])
    queries, documents = make_vectors(kind, random, *shape)
    judgments = judge_at_random(random, *shape[:2])
    for dtype in (np.float32, np.float64):
        sides = queries.astype(dtype), documents.astype(dtype)
        assert_as_brute_force(scan_pairs(*sides, judgments, k=k, seed=0), *sides, judgments, k=k)


def test_many_right_documents_for_a_query():
    random = np.random.default_rng(1)
    queries, documents = make_vectors("copies", random, 30, 90, 4)
    judgments = judge_at_random(random, 30, 90, most=60)
    found = scan_pairs(queries, documents, judgments, k=20, seed=0)
    assert_as_brute_force(found, queries, documents, judgments, k=20)


def test_every_document_right_or_ignored_leaves_nothing_wrong():
    judgments = judge(sets([0, 1], []), n_documents=2, ignored=sets([], [0, 1]))
    found = scan_pairs(aim(0, 0), aim(5, 10), judgments, k=2, seed=0)
    assert found.top.tolist() == [[0, 1], [-1, -1]]
    assert found.mined.tolist() == [-1, -1]
    assert np.isnan(found.mined_similarity).all()
    assert (found.ahead.tolist(), found.counts.sum()) == ([0, 0], 0)


@pytest.mark.parametrize("spread", [0.0, 1e-7, 1e-6, 1e-4, 1e-2])
def test_a_collapsed_model_is_still_judged_exactly(spread):
    random = np.random.default_rng(3)
    center = random.normal(size=24)
    queries, documents = ((center + spread * random.normal(size=(n, 24))).astype(np.float32) for n in (90, 800))
    judgments = judge(tuple(np.array([query]) for query in range(90)), n_documents=800)
    found = scan_pairs(queries, documents, judgments, k=5, seed=0)
    if spread == 0:
        assert (found.ahead == 799).all()
        assert (found.ahead_without_hard == 89).all()
        assert found.top[0].tolist() == [1, 2, 3, 4, 5]
    elif spread > 1e-6:  # below, what is nearer is a matter of the last bits, which depend on the order of additions
        assert_as_brute_force(found, queries, documents, judgments, k=5)
    else:
        cosines = compare_all(queries, documents)
        own = cosines[np.arange(90), np.arange(90)][:, None]
        assert (found.ahead >= (cosines > own + 1e-14).sum(axis=1)).all()
        assert (found.ahead <= (cosines >= own - 1e-14).sum(axis=1) - 1).all()


@pytest.mark.parametrize("n_features", [3, 17, 64, 257])
def test_equal_vectors_tie_exactly_wherever_they_stand(n_features):
    random = np.random.default_rng(n_features)
    documents = random.normal(size=(1203, n_features)).astype(np.float32)
    copies = [0, 5, 77, 130, 601, 1202]
    documents[copies] = documents[0]
    documents[0] *= 4  # a power of two changes no digit
    queries = random.normal(size=(31, n_features)).astype(np.float32)
    judgments = judge(tuple(np.array(copies) for _ in queries), n_documents=1203)
    found = scan_pairs(queries, documents, judgments, k=6, seed=0)
    assert (np.ptp(found.pair_similarity.reshape(31, 6), axis=1) == 0).all()
    assert np.array_equal(found.pair_document.reshape(31, 6), [copies] * 31)
    one = judge(tuple(np.array([130]) for _ in queries), n_documents=1203)
    assert np.array_equal(scan_pairs(queries, documents, one, k=6, seed=0).ahead, found.ahead[5::6] + 5)


def test_plus_and_minus_zero_are_the_same_vector():
    documents = np.array([[0.0, 1.0], [-0.0, 1.0]], dtype=np.float32)
    assert scan_pairs(aim(90), documents, judge(sets([0]), n_documents=2), k=2, seed=0).ahead.tolist() == [1]


def test_documents_outside_the_candidates_are_searched_again(monkeypatch):
    settled = []
    settle = scan_tiles.settle_tile
    monkeypatch.setattr(
        scan_tiles, "settle_tile", lambda job, tile: (settled.append(len(tile.lines)), settle(job, tile))
    )
    random = np.random.default_rng(0)
    queries, documents = make_vectors("grid", random, 80, 4000, 3)
    judgments = judge_at_random(random, 80, 4000)
    found = scan_pairs(queries, documents, judgments, k=4, seed=0)
    assert sum(settled) > 40
    assert_as_brute_force(found, queries, documents, judgments, k=4)


@pytest.mark.parametrize("kind", ["plain", "grid", "near"])
def test_tiles_and_threads_change_nothing(kind, monkeypatch):
    random = np.random.default_rng(5)
    vectors = [each.astype(np.float32) for each in make_vectors(kind, random, 300, 900, 12)]
    judgments = judge_at_random(random, 300, 900)
    whole = scan_pairs(*vectors, judgments, k=10, seed=0)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    assert_same(whole, scan_pairs(*vectors, judgments, k=10, seed=0), fields=(*EXACT, "group", "counts"))
    monkeypatch.setattr(scan_tiles, "LEAST_TILE_ROWS", 7)
    monkeypatch.setattr(scan_tiles, "TILE_ROWS", 33)
    monkeypatch.setattr(scan_tiles, "TILE_COLUMNS", 64)
    pieces = scan_pairs(*vectors, judgments, k=10, seed=0)
    assert_same(whole, pieces)
    assert np.array_equal(whole.counts.sum(axis=1), pieces.counts.sum(axis=1))


def test_the_seed_deals_the_groups_and_nothing_else():
    random = np.random.default_rng(2)
    queries, documents = make_vectors("plain", random, 1207, 40, 6)
    judgments = judge_at_random(random, 1207, 40)
    first, again, other = (scan_pairs(queries, documents, judgments, k=5, seed=seed) for seed in (0, 0, 1))
    assert_same(first, again, fields=(*EXACT, "group", "counts"))
    assert_same(first, other)
    assert not np.array_equal(first.group, other.group)
    sizes = np.bincount(first.group)
    assert sizes.size == N_GROUPS == len(first.counts)
    assert set(sizes) == {2, 3}
    few = scan_pairs(queries[:9], documents, judge(judgments.relevant[:9], n_documents=40), k=5, seed=0)
    assert sorted(few.group) == list(range(9))


@pytest.mark.parametrize("spread", [1.0, 1e-3, 1e-7])
@pytest.mark.parametrize("n_features", [2, 50, 300])
def test_no_key_is_wrong_by_more_than_its_bound(spread, n_features):
    random = np.random.default_rng(n_features)
    center = random.normal(size=n_features)
    vectors = [(center + spread * random.normal(size=(n, n_features))).astype(np.float32) for n in (50, 300)]
    queries, documents = lay_sides(*vectors)
    field = lay_field(queries, documents, np.arange(300) % 3 == 0)
    points = queries.direct(np.arange(50))
    bound = bound_errors(field, np.sqrt((points**2).sum(axis=1)))
    keys = field.shifts - points.astype(np.float32) @ field.points.T
    bases = (points + queries.center) @ documents.center
    errors = np.abs(bases[:, None] - keys - compare_all(*vectors)[:, field.order])
    assert (errors <= bound[:, None]).all()
    assert bound.max() < 2e-4 * spread * max(spread, 0.01) + 1e-11  # a bound of no use would prove nothing


def test_memory_does_not_grow_with_the_product():
    random = np.random.default_rng(0)
    queries, documents = (random.normal(size=(4000, 8)).astype(np.float32) for _ in range(2))
    judgments = judge(tuple(np.array([query]) for query in range(4000)), n_documents=4000)
    tracemalloc.start()
    scan_pairs(queries, documents, judgments, k=10, seed=0)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 48e6  # a table of all cosines has 64 MB in single precision; the histograms alone have 16


@pytest.mark.parametrize("scale", [1e-200, 1e200])
def test_lengths_beyond_the_square_root_of_double_precision(scale):
    judgments = judge(sets([1]), n_documents=3)
    found = scan_pairs(aim(0).astype(float) * scale, aim(10, 20, 30).astype(float) / scale, judgments, k=3, seed=0)
    assert found.top.tolist() == [[0, 1, 2]]
    assert found.top_similarity[0] == pytest.approx(np.cos(np.deg2rad([10, 20, 30])), abs=1e-7)


def test_read_only_vectors_and_no_queries():
    documents = aim(0, 90)
    documents.flags.writeable = False
    assert scan_pairs(documents, documents, judge(sets([0], [1]), n_documents=2), k=1, seed=0).ahead.tolist() == [0, 0]
    found = scan_pairs(np.empty((0, 2), np.float32), documents, judge((), n_documents=2), k=1, seed=0)
    assert (found.top.shape, found.counts.shape) == ((0, 1), (0, N_FINE))


@pytest.mark.parametrize("bad", [np.nan, np.inf, 0.0])
def test_vectors_without_a_direction_are_refused(bad):
    documents = aim(0, 10, 20)
    documents[1] = bad
    with pytest.raises(DataError, match="1 document vectors are not finite or all zero"):
        scan_pairs(aim(0), documents, judge(sets([0]), n_documents=3), k=1, seed=0)


@pytest.mark.parametrize("relevant", [sets([2]), sets([-1]), sets([0], [1])])
def test_document_numbers_must_fit(relevant):
    with pytest.raises(DataError, match="do not fit"):
        scan_pairs(aim(0), aim(0, 90), judge(relevant, n_documents=2), k=1, seed=0)


def test_contradictions_and_misfits_are_refused():
    with pytest.raises(DataError, match="only one of right"):
        scan_pairs(aim(0), aim(0, 90), judge(sets([1]), n_documents=2, hard=sets([1])), k=1, seed=0)
    with pytest.raises(DataError, match="no documents"):
        scan_pairs(aim(0), np.empty((0, 2), np.float32), judge(sets([]), n_documents=0), k=1, seed=0)
    with pytest.raises(DataError, match="can't be compared"):
        scan_pairs(aim(0), np.ones((1, 3), np.float32), judge(sets([0]), n_documents=1), k=1, seed=0)
    with pytest.raises(DataError, match="do not fit"):
        scan_pairs(aim(0), aim(0, 90), judge(sets([0]), n_documents=3), k=1, seed=0)
