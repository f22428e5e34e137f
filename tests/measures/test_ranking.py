import numpy as np
import pytest
import pytrec_eval

from latentscape.errors import DataError
from latentscape.measures import cosines
from latentscape.measures.bootstrap import wilson_interval
from latentscape.measures.ranking import rank_documents
from latentscape.progress import SILENT


def aim(*angles):
    """Unit vectors in the plane; the cosine of two is that of the angle between them, in degrees."""
    radians = np.deg2rad(np.array(angles, dtype=float))
    return np.stack([np.cos(radians), np.sin(radians)], axis=1).astype(np.float32)


def sets(*numbers):
    return [np.array(each, dtype=int) for each in numbers]


def make_random(seed, *, n_queries=40, n_documents=60):
    """Nearly orthogonal and opposed vectors, one to four right documents a query: half of all cosines are negative."""
    random = np.random.default_rng(seed)
    queries, documents = (random.normal(size=(n, 5)).astype(np.float32) for n in (n_queries, n_documents))
    relevant = [random.choice(n_documents, size=random.integers(1, 5), replace=False) for _ in range(n_queries)]
    return queries, documents, relevant


def test_ranks_by_hand():
    ranking = rank_documents(aim(0, 0), aim(10, 100, 20, 180), sets([2], [1, 3]), k=3, seed=0)
    assert ranking.best_rank.tolist() == [2, 3]
    assert ranking.top.tolist() == [[0, 2, 1]] * 2
    assert ranking.top_right.tolist() == [[False, True, False], [False, False, True]]
    assert ranking.top_similarity[0] == pytest.approx(np.cos(np.deg2rad([10, 20, 100])), abs=1e-6)
    values = {name: score.value for name, score in ranking.scores.items()}
    assert values == {
        "mrr": pytest.approx((1 / 2 + 1 / 3) / 2),
        "hit_at_1": 0.0,
        "recall_at_1": 0.0,
        "recall_at_5": 1.0,
        "recall_at_10": 1.0,
    }


def test_recall_is_a_share_of_the_right_documents_not_a_hit_rate():
    ranking = rank_documents(aim(0), aim(1, 2, 3, 4, 5, 6, 7), sets([0, 1, 5, 6]), seed=0)
    assert ranking.scores["recall_at_1"].value == 0.25
    assert ranking.scores["recall_at_5"].value == 0.5
    assert ranking.scores["hit_at_1"].value == 1.0


def test_a_wrong_document_of_equal_similarity_is_ahead_whatever_its_number():
    for right, wrong in [(0, 1), (1, 0)]:
        ranking = rank_documents(aim(0), aim(30, 30, 90), sets([right]), seed=0)
        assert ranking.best_rank.tolist() == [2]
        assert ranking.top[0, :2].tolist() == [wrong, right]
        assert ranking.scores["mrr"].value == 0.5


def test_right_documents_of_equal_similarity_do_not_push_each_other_back():
    ranking = rank_documents(aim(0), aim(30, 30, 90), sets([0, 1]), seed=0)
    assert ranking.best_rank.tolist() == [1]
    assert ranking.top[0].tolist() == [0, 1, 2]


def test_when_all_vectors_are_equal_the_right_document_is_last():
    ranking = rank_documents(aim(7, 7), aim(*[7] * 12), sets([0], [5]), k=12, seed=0)
    assert ranking.best_rank.tolist() == [12, 12]
    assert ranking.top[0].tolist() == [*range(1, 12), 0]
    assert ranking.scores["recall_at_10"].value == 0.0


@pytest.mark.parametrize("n_features", [3, 17, 64, 257])
def test_equal_vectors_tie_exactly_wherever_they_stand(n_features):
    random = np.random.default_rng(n_features)
    documents = random.normal(size=(203, n_features)).astype(np.float32)
    documents[[5, 77, 130, 201, 202]] = documents[0]
    queries = random.normal(size=(31, n_features)).astype(np.float32)
    for _, block in cosines.stream_cosines(queries, documents, progress=SILENT, label=""):
        assert (block[:, [5, 77, 130, 201, 202]] == block[:, [0]]).all()


def test_plus_and_minus_zero_are_the_same_vector():
    documents = np.array([[0.0, 1.0], [-0.0, 1.0]], dtype=np.float32)
    assert rank_documents(aim(90), documents, sets([0]), seed=0).best_rank.tolist() == [2]


@pytest.mark.parametrize("seed", range(6))
def test_agrees_with_pytrec_eval_also_on_negative_similarities(seed):
    queries, documents, relevant = make_random(seed)
    ranking = rank_documents(queries, documents, relevant, seed=0)
    theirs = ask_pytrec_eval(queries, documents, relevant)
    assert ranking.scores["mrr"].value == pytest.approx(theirs["recip_rank"], abs=1e-9)
    assert ranking.scores["hit_at_1"].value == pytest.approx(theirs["P_1"], abs=1e-9)
    for k in (1, 5, 10):
        assert ranking.scores[f"recall_at_{k}"].value == pytest.approx(theirs[f"recall_{k}"], abs=1e-9)


def ask_pytrec_eval(queries, documents, relevant):
    unit = [vectors / np.linalg.norm(vectors, axis=1, keepdims=True) for vectors in (queries, documents)]
    similarity = unit[0].astype(float) @ unit[1].astype(float).T
    assert (similarity < 0).mean() > 0.3
    assert all(np.unique(row).size == row.size for row in similarity)
    judged = {str(q): {str(d): 1 for d in right} for q, right in enumerate(relevant)}
    run = {str(q): {str(d): float(s) for d, s in enumerate(row)} for q, row in enumerate(similarity)}
    answers = pytrec_eval.RelevanceEvaluator(judged, {"recip_rank", "P.1", "recall.1,5,10"}).evaluate(run)
    return {name: np.mean([answer[name] for answer in answers.values()]) for name in answers["0"]}


def test_ranks_tops_and_scores_tell_the_same_story():
    queries, documents, relevant = make_random(9, n_documents=30)
    documents[10:20] = documents[:10]
    ranking = rank_documents(queries, documents, relevant, k=10, seed=0)
    assert np.array_equal(ranking.best_rank == 1, ranking.top_right[:, 0])
    first = np.array([row.argmax() + 1 if row.any() else 0 for row in ranking.top_right])
    assert np.array_equal(first[first > 0], ranking.best_rank[first > 0])
    assert (ranking.best_rank[first == 0] > 10).all()
    shares = ranking.top_right.sum(axis=1) / [len(right) for right in relevant]
    assert ranking.scores["recall_at_10"].value == pytest.approx(shares.mean())


def test_blocks_change_nothing(monkeypatch):
    queries, documents, relevant = make_random(3)
    whole = rank_documents(queries, documents, relevant, seed=0)
    monkeypatch.setattr(cosines, "BLOCK_SIZE", 3 * len(documents))
    pieces = rank_documents(queries, documents, relevant, seed=0)
    assert np.array_equal(whole.top, pieces.top)
    assert np.array_equal(whole.best_rank, pieces.best_rank)
    assert whole.scores == pieces.scores


@pytest.mark.parametrize("k", [1, 3, 5, 99])
def test_k_is_cut_to_the_number_of_documents(k):
    ranking = rank_documents(aim(0, 50), aim(1, 2, 3), sets([0], [2]), k=k, seed=0)
    assert ranking.top.shape == ranking.top_similarity.shape == ranking.top_right.shape == (2, min(k, 3))
    assert ranking.scores["recall_at_5"].value == 1.0


def test_lengths_do_not_matter():
    queries, documents, relevant = make_random(1)
    ranking = rank_documents(queries, documents, relevant, seed=0)
    scaled = rank_documents(3 * queries, documents / 7, relevant, seed=0)
    assert np.array_equal(ranking.top, scaled.top)


def test_a_query_without_right_documents_has_rank_0_and_does_not_count():
    ranking = rank_documents(aim(0, 0), aim(0, 90), sets([], [0]), seed=0)
    assert ranking.best_rank.tolist() == [0, 1]
    assert (ranking.scores["mrr"].value, ranking.scores["mrr"].n) == (1.0, 1)


def test_no_right_document_at_all_is_a_reason():
    scores = rank_documents(aim(0, 0), aim(0, 90), sets([], []), seed=0).scores
    assert all((score.value, score.n) == (None, 0) and score.reason for score in scores.values())


def test_one_query_has_values_but_only_wilson_intervals():
    scores = rank_documents(aim(0), aim(0, 90), sets([0]), seed=0).scores
    assert scores["mrr"].value == 1.0
    assert scores["mrr"].low is None
    assert (scores["hit_at_1"].low, scores["hit_at_1"].high) == wilson_interval(1, 1)


def test_perfect_ranks_do_not_claim_certainty():
    mrr = rank_documents(aim(*range(0, 40, 2)), aim(*range(0, 40, 2)), sets(*([i] for i in range(20))), seed=0).scores[
        "mrr"
    ]
    assert (mrr.value, mrr.low, mrr.high) == (1.0, *wilson_interval(20, 20))


def test_no_queries():
    ranking = rank_documents(np.empty((0, 2), dtype=np.float32), aim(0, 90), [], seed=0)
    assert ranking.top.shape == (0, 2)
    assert ranking.scores["mrr"].value is None


def test_intervals_depend_on_the_seed_alone():
    queries, documents, relevant = make_random(4)
    first, again, other = (rank_documents(queries, documents, relevant, seed=seed).scores for seed in (0, 0, 1))
    assert first == again
    assert first["mrr"].low != other["mrr"].low
    assert first["mrr"].value == other["mrr"].value
    assert all(score.low <= score.value <= score.high for score in first.values())


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_non_finite_vectors_are_refused(bad):
    queries, documents, relevant = make_random(0)
    documents[4, 2] = bad
    with pytest.raises(DataError, match="1 document vectors are not finite"):
        rank_documents(queries, documents, relevant, seed=0)


def test_a_zero_vector_has_no_direction():
    with pytest.raises(DataError, match="all zero"):
        rank_documents(np.zeros((1, 2), dtype=np.float32), aim(0), sets([0]), seed=0)


@pytest.mark.parametrize("relevant", [sets([2]), sets([-1]), sets([0], [1])])
def test_document_numbers_must_fit(relevant):
    with pytest.raises(DataError, match="do not fit"):
        rank_documents(aim(0), aim(0, 90), relevant, seed=0)


def test_no_documents_is_refused():
    with pytest.raises(DataError, match="no documents"):
        rank_documents(aim(0), np.empty((0, 2), dtype=np.float32), sets([]), seed=0)
