import numpy as np
import pytest
import pytrec_eval

from latentscape.measures.bootstrap import wilson_interval
from latentscape.measures.judgments import Judgments
from latentscape.measures.ranking import CUTS, NAMES, rank_documents
from latentscape.measures.scan import scan_pairs


def aim(*angles):
    """Unit vectors in the plane; the cosine of two is that of the angle between them, in degrees."""
    radians = np.deg2rad(np.array(angles, dtype=float))
    return np.stack([np.cos(radians), np.sin(radians)], axis=1).astype(np.float32)


def sets(*numbers):
    return tuple(np.array(each, dtype=np.int64) for each in numbers)


def rank(queries, documents, relevant, *, hard=None, ignored=None, k=10, seed=0):
    none = sets(*([] for _ in relevant))
    judgments = Judgments(relevant=relevant, hard=hard or none, ignored=ignored or none, n_documents=len(documents))
    return rank_documents(scan_pairs(queries, documents, judgments, k=k, seed=7), judgments, seed=seed)


def make_random(seed, *, n_queries=40, n_documents=120, tied=False):
    """Half of all cosines are negative; one to four right documents a query, some documents right for none."""
    random = np.random.default_rng(seed)
    queries, documents = (random.normal(size=(n, 5)).astype(np.float32) for n in (n_queries, n_documents))
    if tied:
        documents = documents[random.integers(0, 30, size=n_documents)]
    lists = [random.permutation(n_documents) for _ in range(n_queries)]
    cuts = random.integers(1, 5, size=n_queries)
    relevant = tuple(np.sort(each[:cut]) for each, cut in zip(lists, cuts, strict=True))
    ignored = tuple(np.sort(each[4:cut]) for each, cut in zip(lists, 4 + cuts, strict=True))
    return queries, documents, relevant, ignored


def values_of(ranking):
    return {name: score.value for name, score in ranking.scores.items()}


def test_ranks_by_hand():
    ranking = rank(aim(0, 0), aim(10, 100, 20, 180), sets([2], [1, 3]), hard=sets([0], []), k=3)
    assert ranking.best_rank.tolist() == [2, 3]
    assert ranking.best_rank_without_hard.tolist() == [1, 2]
    assert ranking.top.tolist() == [[0, 2, 1]] * 2
    assert ranking.top_right.tolist() == [[False, True, False], [False, False, True]]
    assert ranking.top_similarity[0] == pytest.approx(np.cos(np.deg2rad([10, 20, 100])), abs=1e-6)
    assert ranking.average_precision == pytest.approx([1 / 2, (1 / 3 + 2 / 4) / 2])
    gains = 1 / np.log2([2, 3, 4, 5])
    assert ranking.ndcg == pytest.approx([gains[1] / gains[0], (gains[2] + gains[3]) / (gains[0] + gains[1])])
    expected = {
        "mrr": (1 / 2 + 1 / 3) / 2,
        "hit_at_1": 0.0,
        "recall_at_1": 0.0,
        "recall_at_5": 1.0,
        "recall_at_10": 1.0,
        "recall_at_50": 1.0,
        "ndcg_at_10": ranking.ndcg.mean(),
        "map": ranking.average_precision.mean(),
    }
    found = values_of(ranking)
    assert {name: found[name] for name in expected} == pytest.approx(expected)
    assert found["mrr_without_hard"] == pytest.approx((1 + 1 / 2) / 2)
    assert found["hit_at_1_without_hard"] == 0.5
    assert found["map_without_hard"] == pytest.approx((1 + (1 / 2 + 2 / 3) / 2) / 2)
    assert list(found) == [*NAMES, *(f"{name}_without_hard" for name in NAMES)]


def test_recall_is_a_share_of_the_right_documents_not_a_hit_rate():
    ranking = rank(aim(0), aim(1, 2, 3, 4, 5, 6, 7), sets([0, 1, 5, 6]))
    assert ranking.scores["recall_at_1"].value == 0.25
    assert ranking.scores["recall_at_5"].value == 0.5
    assert ranking.scores["hit_at_1"].value == 1.0


def test_a_wrong_document_of_equal_similarity_is_ahead_whatever_its_number():
    for right, wrong in [(0, 1), (1, 0)]:
        ranking = rank(aim(0), aim(30, 30, 90), sets([right]))
        assert ranking.best_rank.tolist() == [2]
        assert ranking.top[0, :2].tolist() == [wrong, right]
        assert ranking.scores["mrr"].value == 0.5


def test_right_documents_of_equal_similarity_do_not_push_each_other_back():
    ranking = rank(aim(0), aim(30, 30, 90), sets([0, 1]))
    assert ranking.best_rank.tolist() == [1]
    assert ranking.top[0].tolist() == [0, 1, 2]
    assert ranking.average_precision.tolist() == [1.0]


def test_when_all_vectors_are_equal_the_right_document_is_last():
    ranking = rank(aim(7, 7), aim(*[7] * 12), sets([0], [5]), k=12)
    assert ranking.best_rank.tolist() == [12, 12]
    assert ranking.best_rank_without_hard.tolist() == [2, 2]
    assert ranking.top[0].tolist() == [*range(1, 12), 0]
    assert (ranking.scores["recall_at_10"].value, ranking.scores["ndcg_at_10"].value) == (0.0, 0.0)


def test_an_ignored_document_is_in_nobodys_way():
    ranking = rank(aim(0, 0), aim(10, 20, 30), sets([1], [2]), ignored=sets([0], []), k=3)
    assert ranking.best_rank.tolist() == [1, 3]
    assert ranking.top.tolist() == [[1, 2, -1], [0, 1, 2]]
    assert ranking.top_right.tolist() == [[True, False, False], [False, False, True]]


ORACLE = {"mrr": "recip_rank", "hit_at_1": "P_1", "ndcg_at_10": "ndcg_cut_10", "map": "map"}
ORACLE |= {f"recall_at_{cut}": f"recall_{cut}" for cut in CUTS}


@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize("seed", range(4))
def test_agrees_with_pytrec_eval(seed, tied):
    queries, documents, relevant, ignored = make_random(seed, tied=tied)
    ranking = rank(queries, documents, relevant, ignored=ignored)
    for suffix, corpus in [("", np.arange(120)), ("_without_hard", np.unique(np.concatenate(relevant)))]:
        theirs = ask_pytrec_eval(queries, documents, relevant, ignored=ignored, corpus=corpus)
        for ours, name in ORACLE.items():
            found = ranking.scores[f"{ours}{suffix}"].value
            assert found == pytest.approx(np.mean([answer[name] for answer in theirs]), abs=1e-9), (ours, suffix)
        if not suffix:
            assert ranking.average_precision == pytest.approx([answer["map"] for answer in theirs], abs=1e-9)
            assert ranking.ndcg == pytest.approx([answer["ndcg_cut_10"] for answer in theirs], abs=1e-9)
    assert ranking.scores["map_without_hard"].value > ranking.scores["map"].value


def ask_pytrec_eval(queries, documents, relevant, *, ignored, corpus):
    """It breaks ties by name, so it is told the places in an order that breaks them as we do."""
    unit = [vectors / np.linalg.norm(vectors, axis=1, keepdims=True) for vectors in (queries, documents)]
    similarity = np.round(unit[0].astype(float) @ unit[1].astype(float).T, 12)
    assert (similarity < 0).mean() > 0.3
    judged = {str(q): {str(d): 1 for d in right} for q, right in enumerate(relevant)}
    run = {}
    for q, row in enumerate(similarity):
        order = np.lexsort((np.arange(row.size), np.isin(np.arange(row.size), relevant[q]), -row))
        places = [d for d in order if d in corpus and d not in ignored[q]]
        run[str(q)] = {str(d): float(row.size - place) for place, d in enumerate(places)}
    wanted = {"recip_rank", "P.1", "map", "ndcg_cut.10", "recall." + ",".join(map(str, CUTS))}
    answers = pytrec_eval.RelevanceEvaluator(judged, wanted).evaluate(run)
    return [answers[str(q)] for q in range(len(similarity))]


def test_ranks_tops_and_scores_tell_the_same_story():
    queries, documents, relevant, _ = make_random(9, n_documents=30)
    documents[10:20] = documents[:10]
    ranking = rank(queries, documents, relevant, k=10)
    assert np.array_equal(ranking.best_rank == 1, ranking.top_right[:, 0])
    first = np.array([row.argmax() + 1 if row.any() else 0 for row in ranking.top_right])
    assert np.array_equal(first[first > 0], ranking.best_rank[first > 0])
    assert (ranking.best_rank[first == 0] > 10).all()
    shares = ranking.top_right.sum(axis=1) / [len(right) for right in relevant]
    assert ranking.scores["recall_at_10"].value == pytest.approx(shares.mean())


@pytest.mark.parametrize("k", [1, 3, 5, 99])
def test_k_is_cut_to_the_number_of_documents(k):
    ranking = rank(aim(0, 50), aim(1, 2, 3), sets([0], [2]), k=k)
    assert ranking.top.shape == ranking.top_similarity.shape == ranking.top_right.shape == (2, min(k, 3))
    assert ranking.scores["recall_at_5"].value == 1.0


def test_shuffled_right_documents_rank_as_chance_does():
    random = np.random.default_rng(0)
    queries, documents = (random.normal(size=(2000, 6)).astype(np.float32) for _ in range(2))
    scores = rank(queries, documents, tuple(random.permutation(2000).reshape(-1, 1))).scores
    for cut in CUTS:  # a binomial share of 2,000 strays by less than 4 of its deviations
        chance = cut / 2000
        assert scores[f"recall_at_{cut}"].value == pytest.approx(chance, abs=4 * (chance / 2000) ** 0.5)


def test_a_query_without_right_documents_has_rank_0_and_does_not_count():
    ranking = rank(aim(0, 0), aim(0, 90), sets([], [0]))
    assert ranking.best_rank.tolist() == ranking.best_rank_without_hard.tolist() == [0, 1]
    assert np.isnan(ranking.average_precision).tolist() == np.isnan(ranking.ndcg).tolist() == [True, False]
    assert (ranking.scores["mrr"].value, ranking.scores["mrr"].n) == (1.0, 1)


@pytest.mark.parametrize("relevant", [(), sets([]), sets([], [])])
def test_no_right_document_at_all_is_a_reason(relevant):
    ranking = rank(np.ones((len(relevant), 2), np.float32), aim(0, 90), relevant)
    assert len(ranking.scores) == 2 * len(NAMES)
    assert all((score.value, score.n) == (None, 0) and score.reason for score in ranking.scores.values())


def test_one_query_has_values_but_only_wilson_intervals():
    scores = rank(aim(0), aim(0, 90), sets([0])).scores
    assert scores["mrr"].value == 1.0
    assert scores["mrr"].low is None
    for name in ("hit_at_1", "hit_at_1_without_hard"):
        assert (scores[name].low, scores[name].high) == wilson_interval(1, 1)


def test_perfect_ranks_do_not_claim_certainty():
    mrr = rank(aim(*range(0, 40, 2)), aim(*range(0, 40, 2)), sets(*([i] for i in range(20)))).scores["mrr"]
    assert (mrr.value, mrr.low, mrr.high) == (1.0, *wilson_interval(20, 20))


def test_intervals_depend_on_the_seed_alone():
    queries, documents, relevant, ignored = make_random(4)
    first, again, other = (rank(queries, documents, relevant, ignored=ignored, seed=seed).scores for seed in (0, 0, 1))
    assert first == again
    assert first["mrr"].low != other["mrr"].low
    assert first["mrr"].value == other["mrr"].value
    assert all(score.low <= score.value <= score.high for score in first.values())
