import numpy as np
import pytest

from latentscape.errors import DataError
from latentscape.measures import cosines
from latentscape.measures.similarity import measure_similarities, separation


def aim(*angles):
    """Unit vectors in the plane; the cosine of two is that of the angle between them, in degrees."""
    radians = np.deg2rad(np.array(angles, dtype=float))
    return np.stack([np.cos(radians), np.sin(radians)], axis=1).astype(np.float32)


def sets(*numbers):
    return [np.array(each, dtype=int) for each in numbers]


def make_random(seed, *, n_queries=23, n_documents=41, n_features=6):
    """Up to three right documents and up to two hard negatives a query; some have none of one or the other."""
    random = np.random.default_rng(seed)
    queries, documents = (random.normal(size=(n, n_features)).astype(np.float32) for n in (n_queries, n_documents))
    orders = [random.permutation(n_documents) for _ in range(n_queries)]
    cuts = random.integers([0, 0], [4, 3], size=(n_queries, 2))
    relevant = [order[:right] for order, (right, _) in zip(orders, cuts, strict=True)]
    hard = [order[right : right + wrong] for order, (right, wrong) in zip(orders, cuts, strict=True)]
    return queries, documents, relevant, hard


def collect_by_hand(queries, documents, relevant, hard):
    """Every cosine, one at a time, in three lists: right, wrong, declared hard."""
    found = {"positive": [], "negative": [], "hard_negative": []}
    for q, query in enumerate(queries.astype(float)):
        for d, document in enumerate(documents.astype(float)):
            cosine = query @ document / np.sqrt((query @ query) * (document @ document))
            found["positive" if d in relevant[q] else "negative"].append(cosine)
            if d in hard[q]:
                found["hard_negative"].append(cosine)
    return {kind: np.array(values) for kind, values in found.items()}


def test_the_published_example():
    assert f"{separation(0.8234, 0.0876, 0.4521, 0.1234):.2f}" == "2.45"
    assert f"{0.8234 - 0.4521:.4f}" == "0.3713"


def test_separation_without_spread_is_refused():
    with pytest.raises(DataError, match="needs spread"):
        separation(0.9, 0.0, 0.1, 0.0)


def test_three_queries_by_hand():
    """Cosines: (1, .5, 0), (.5, 1, .5·√3), (0, .5·√3, 1) for queries and documents at 0, 60 and 90 degrees."""
    queries = documents = aim(0, 60, 90)
    found = measure_similarities(queries, documents, sets([0], [1], [2]), hard=sets([2], [], [1]), seed=0)
    near, far = np.sqrt(3) / 2, [0.5, 0, 0.5, np.sqrt(3) / 2, 0, np.sqrt(3) / 2]
    values = {name: score.value for name, score in found.scores.items()}
    assert found.positives == pytest.approx([1, 1, 1], abs=1e-7)
    assert found.hard == pytest.approx([0, near], abs=1e-7)
    assert values["positive_mean"] == pytest.approx(1, abs=1e-7)
    assert values["positive_sd"] == pytest.approx(0, abs=1e-7)
    assert values["negative_mean"] == pytest.approx(np.mean(far), abs=1e-7)
    assert values["negative_sd"] == pytest.approx(np.std(far), abs=1e-7)
    assert values["margin"] == pytest.approx(1 - np.mean(far), abs=1e-7)
    assert values["separation"] == pytest.approx((1 - np.mean(far)) / np.std(far), abs=1e-6)
    assert values["hard_negative_mean"] == pytest.approx(near / 2, abs=1e-7)
    assert values["hard_margin"] == pytest.approx(1 - near / 2, abs=1e-7)
    assert (found.in_batch.n, found.scores["negative_mean"].n, found.scores["margin"].n) == (6, 6, 3)


@pytest.mark.parametrize("seed", range(5))
def test_agrees_with_every_cosine_taken_by_itself(seed):
    queries, documents, relevant, hard = make_random(seed)
    found = measure_similarities(queries, documents, relevant, hard=hard, seed=0)
    lists = collect_by_hand(queries, documents, relevant, hard)
    for kind, values in lists.items():
        assert found.scores[f"{kind}_mean"].value == pytest.approx(values.mean(), abs=1e-12)
        assert found.scores[f"{kind}_sd"].value == pytest.approx(values.std(), abs=1e-12)
        assert found.scores[f"{kind}_mean"].n == values.size
    assert np.sort(found.positives) == pytest.approx(np.sort(lists["positive"]), abs=1e-12)
    assert np.sort(found.hard) == pytest.approx(np.sort(lists["hard_negative"]), abs=1e-12)
    assert found.scores["separation"].value == pytest.approx(
        separation(*(each(lists[kind]) for kind in ("positive", "negative") for each in (np.mean, np.std)))
    )
    assert np.array_equal(found.in_batch.counts, np.histogram(lists["negative"], bins=found.in_batch.edges)[0])


def test_percentiles_of_the_negatives_are_right_to_half_a_thousandth():
    queries, documents, relevant, hard = make_random(2, n_queries=300, n_documents=400)
    found = measure_similarities(queries, documents, relevant, hard=hard, seed=0)
    negatives = collect_fast(queries, documents, relevant)
    box = found.boxes["in_batch"]
    ours = [box.low, box.q1, box.median, box.q3, box.high]
    assert ours == pytest.approx(np.percentile(negatives, [5, 25, 50, 75, 95]), abs=0.0006)
    positives = found.boxes["positive"]
    assert positives.median == pytest.approx(np.median(found.positives))


def collect_fast(queries, documents, relevant):
    similarity = queries.astype(float) @ documents.astype(float).T
    similarity /= np.linalg.norm(queries, axis=1)[:, None] * np.linalg.norm(documents, axis=1)
    wrong = np.ones(similarity.shape, dtype=bool)
    for query, right in enumerate(relevant):
        wrong[query, right] = False
    return similarity[wrong]


def test_the_histogram_covers_both_ends():
    found = measure_similarities(aim(0), aim(0, 180, 90, 0), sets([0]), hard=sets([]), seed=0)
    counts = found.in_batch.counts
    assert (counts[0], counts[-1], counts.sum()) == (1, 1, 3)
    assert (found.in_batch.edges[0], found.in_batch.edges[-1], len(found.in_batch.edges)) == (-1.0, 1.0, 201)


def test_small_spreads_do_not_drown_in_rounding():
    """All vectors within a ten-thousandth of one direction: squares of cosines near 1 would lose every digit."""
    random = np.random.default_rng(0)
    base = np.ones(64)
    queries, documents = ((base + 1e-3 * random.normal(size=(n, 64))).astype(np.float32) for n in (50, 80))
    relevant = sets(*([i] for i in range(50)))
    found = measure_similarities(queries, documents, relevant, hard=sets(*[[]] * 50), seed=0)
    by_hand = collect_by_hand(queries, documents, relevant, sets(*[[]] * 50))["negative"].std()
    assert by_hand < 1e-6
    assert found.scores["negative_sd"].value == pytest.approx(by_hand, rel=1e-6)


def test_blocks_change_nothing(monkeypatch):
    queries, documents, relevant, hard = make_random(7)
    whole = measure_similarities(queries, documents, relevant, hard=hard, seed=0)
    monkeypatch.setattr(cosines, "BLOCK_SIZE", 5 * len(documents))
    pieces = measure_similarities(queries, documents, relevant, hard=hard, seed=0)
    assert np.array_equal(whole.in_batch.counts, pieces.in_batch.counts)
    assert whole.scores == pieces.scores


def test_intervals_are_those_of_resampling_queries_one_by_one():
    queries, documents, relevant, hard = make_random(11, n_queries=60)
    found = measure_similarities(queries, documents, relevant, hard=hard, seed=0).scores
    random, margins = np.random.default_rng(1), []
    lists = [collect_by_hand(queries[[q]], documents, [relevant[q]], [hard[q]]) for q in range(60)]
    for _ in range(1500):
        drawn = [lists[q] for q in random.integers(0, 60, size=60)]
        means = [np.concatenate([each[kind] for each in drawn]).mean() for kind in ("positive", "negative")]
        margins.append(means[0] - means[1])
    low, high = np.percentile(margins, [2.5, 97.5])
    width = high - low
    assert (found["margin"].low, found["margin"].high) == pytest.approx((low, high), abs=0.1 * width)


def test_intervals_depend_on_the_seed_alone():
    case = make_random(4)
    first, again, other = (measure_similarities(*case[:3], hard=case[3], seed=seed).scores for seed in (0, 0, 1))
    assert first == again
    assert first["margin"].low != other["margin"].low
    assert first["margin"].value == other["margin"].value


def test_one_query_has_values_but_no_intervals():
    scores = measure_similarities(aim(0), aim(0, 60, 90), sets([0]), hard=sets([2]), seed=0).scores
    assert all(score.value is not None and score.low is None for score in scores.values())


def test_no_hard_negatives_is_a_reason_and_spares_the_rest():
    found = measure_similarities(aim(0, 90), aim(0, 90), sets([0], [1]), hard=sets([], []), seed=0)
    for name in ("hard_negative_mean", "hard_negative_sd", "hard_margin"):
        assert (found.scores[name].value, found.scores[name].reason) == (None, "no hard negatives are declared")
    assert found.scores["margin"].value == pytest.approx(1.0)
    assert "hard" not in found.boxes


def test_when_all_documents_are_right_for_every_query_there_are_no_negatives():
    found = measure_similarities(aim(0, 10), aim(0, 20), sets([0, 1], [0, 1]), hard=sets([], []), seed=0)
    for name in ("negative_mean", "negative_sd", "margin", "separation"):
        assert (found.scores[name].value, found.scores[name].reason) == (
            None,
            "every document is right for every query",
        )
    assert (found.in_batch.n, found.in_batch.mean, found.in_batch.sd) == (0, None, None)
    assert found.in_batch.counts.sum() == 0
    assert list(found.boxes) == ["positive"]


def test_a_query_for_which_all_documents_are_right_adds_no_negatives():
    case = aim(0, 50), aim(0, 20, 70)
    both = measure_similarities(*case, sets([0, 1, 2], [1]), hard=sets([], []), seed=0)
    alone = measure_similarities(case[0][1:], case[1], sets([1]), hard=sets([]), seed=0)
    for name in ("negative_mean", "negative_sd"):
        assert both.scores[name].value == pytest.approx(alone.scores[name].value, abs=1e-12)
    assert both.in_batch.n == 2


def test_no_right_documents_is_a_reason():
    scores = measure_similarities(aim(0), aim(0, 20), sets([]), hard=sets([1]), seed=0).scores
    for name in ("positive_mean", "positive_sd", "margin", "separation", "hard_margin"):
        assert (scores[name].value, scores[name].reason) == (None, "no query has a right document")
    assert scores["negative_mean"].value is not None


def test_a_collapsed_model_has_no_separation():
    same = np.tile(np.array([[0.6, 0.8, 0.1]], dtype=np.float32), (9, 1))
    scores = measure_similarities(same, same, sets(*([i] for i in range(9))), hard=sets(*[[]] * 9), seed=0).scores
    assert scores["margin"].value == pytest.approx(0.0, abs=1e-12)
    assert scores["separation"].value is None
    assert "no spread" in scores["separation"].reason


def test_repeated_document_numbers_count_once():
    case = aim(0, 30), aim(0, 20, 70)
    once = measure_similarities(*case, sets([0], [1]), hard=sets([2], []), seed=0)
    twice = measure_similarities(*case, sets([0, 0], [1, 1]), hard=sets([2, 2], []), seed=0)
    assert once.scores == twice.scores


def test_no_queries_are_reasons():
    found = measure_similarities(np.empty((0, 2), dtype=np.float32), aim(0, 90), [], hard=[], seed=0)
    assert all(score.value is None and score.reason for score in found.scores.values())


@pytest.mark.parametrize("bad", [np.nan, -np.inf, 0.0])
def test_vectors_without_direction_are_refused(bad):
    queries = np.array([[1, 0], [bad, bad if bad else 0]], dtype=np.float32)
    with pytest.raises(DataError, match="1 query vectors are not finite or all zero"):
        measure_similarities(queries, aim(0), sets([0], [0]), hard=sets([], []), seed=0)


def test_a_document_both_right_and_wrong_is_refused():
    with pytest.raises(DataError, match="right and a hard negative"):
        measure_similarities(aim(0), aim(0, 90), sets([0, 1]), hard=sets([1]), seed=0)


def test_values_stay_within_the_bounds_they_state():
    for seed in range(4):
        queries, documents, relevant, hard = make_random(seed, n_features=2)
        for score in measure_similarities(queries, documents, relevant, hard=hard, seed=0).scores.values():
            assert score.bounds[0] <= score.value <= score.bounds[1]
