import numpy as np
import pytest

from latentscape.errors import DataError
from latentscape.measures import second_look, unit_rows
from latentscape.measures.similarity import SUFFIXES, measure_similarities, separation

from .pair_scans import all_cosines, judge, mark_wrong, scan_by_hand


def aim(*angles):
    """Unit vectors in the plane; the cosine of two is that of the angle between them, in degrees."""
    radians = np.deg2rad(np.array(angles, dtype=float))
    return np.stack([np.cos(radians), np.sin(radians)], axis=1).astype(np.float32)


def sets(*numbers):
    return [np.array(each, dtype=int) for each in numbers]


def measure(queries, documents, relevant, *, hard=None, ignored=None, seed=0):
    judgments = judge(relevant, hard, ignored, n_documents=len(documents))
    scan = scan_by_hand(queries, documents, judgments)
    return measure_similarities(queries, documents, judgments, scan, seed=seed)


def make_random(seed, *, n_queries=23, n_documents=41, n_features=6):
    """Up to three right documents and up to two hard negatives a query; some have none of one or the other."""
    random = np.random.default_rng(seed)
    queries, documents = (random.normal(size=(n, n_features)).astype(np.float32) for n in (n_queries, n_documents))
    orders = [random.permutation(n_documents) for _ in range(n_queries)]
    cuts = random.integers([0, 0], [4, 3], size=(n_queries, 2))
    relevant = [order[:right] for order, (right, _) in zip(orders, cuts, strict=True)]
    hard = [order[right : right + wrong] for order, (right, wrong) in zip(orders, cuts, strict=True)]
    return queries, documents, relevant, hard


def collect_by_hand(queries, documents, relevant, hard, ignored=None):
    """Every cosine, one at a time, in lists: right, wrong, declared hard, the hardest of each query."""
    judgments = judge(relevant, hard, ignored, n_documents=len(documents))
    cosines, wrong = all_cosines(queries, documents), mark_wrong(judgments)
    hardest = [row[own].max() for row, own in zip(cosines, wrong, strict=True) if own.any()]
    found = {"negative": cosines[wrong], "negative_mined": np.array(hardest)}
    for kind, lists in {"positive": judgments.relevant, "negative_hard": judgments.hard}.items():
        found[kind] = np.concatenate([row[own] for row, own in zip(cosines, lists, strict=True)])
    return found


def test_the_published_example():
    assert f"{separation(0.8234, 0.0876, 0.4521, 0.1234):.2f}" == "2.45"
    assert f"{0.8234 - 0.4521:.4f}" == "0.3713"


def test_separation_without_spread_is_refused():
    with pytest.raises(DataError, match="needs spread"):
        separation(0.9, 0.0, 0.1, 0.0)


def test_three_queries_by_hand():
    """Cosines: (1, .5, 0), (.5, 1, .5·√3), (0, .5·√3, 1) for queries and documents at 0, 60 and 90 degrees."""
    queries = documents = aim(0, 60, 90)
    found = measure(queries, documents, sets([0], [1], [2]), hard=sets([2], [], [1]), seed=0)
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
    assert values["negative_mean_hard"] == pytest.approx(near / 2, abs=1e-7)
    assert values["margin_hard"] == pytest.approx(1 - near / 2, abs=1e-7)
    assert (found.in_batch.n, found.scores["negative_mean"].n, found.scores["margin"].n) == (6, 6, 3)


def drop(numbers, left_out):
    return [np.setdiff1d(each, out) for each, out in zip(numbers, left_out, strict=True)]


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("ignoring", [False, True])
def test_agrees_with_every_cosine_taken_by_itself(seed, ignoring):
    queries, documents, relevant, hard = make_random(seed)
    ignored = [np.arange(seed, 41, 5) if ignoring else np.empty(0, int)] * 23
    ignored = drop(drop(ignored, relevant), hard)
    found = measure(queries, documents, relevant, hard=hard, ignored=ignored)
    lists = collect_by_hand(queries, documents, relevant, hard, ignored)
    values = {name: score.value for name, score in found.scores.items()}
    plus, s_plus = lists["positive"].mean(), lists["positive"].std()
    assert (values["positive_mean"], values["positive_sd"]) == pytest.approx((plus, s_plus), abs=1e-12)
    for suffix in SUFFIXES:
        negatives = lists[f"negative{suffix}"]
        mean, sd = negatives.mean(), negatives.std()
        assert values[f"negative_mean{suffix}"] == pytest.approx(mean, abs=1e-12)
        assert values[f"negative_sd{suffix}"] == pytest.approx(sd, abs=1e-12)
        assert found.scores[f"negative_mean{suffix}"].n == negatives.size
        assert values[f"margin{suffix}"] == pytest.approx(plus - mean, abs=1e-12)
        assert values[f"separation{suffix}"] == pytest.approx(separation(plus, s_plus, mean, sd), abs=1e-9)
        assert values[f"d_prime{suffix}"] == pytest.approx((plus - mean) / np.sqrt((s_plus**2 + sd**2) / 2), abs=1e-9)
        assert values[f"margin_over_sds{suffix}"] == pytest.approx((plus - mean) / (s_plus + sd), abs=1e-9)
    assert np.sort(found.positives) == pytest.approx(np.sort(lists["positive"]), abs=1e-12)
    assert np.sort(found.hard) == pytest.approx(np.sort(lists["negative_hard"]), abs=1e-12)
    assert found.mined == pytest.approx(lists["negative_mined"], abs=1e-12)
    assert np.array_equal(found.in_batch.counts, np.histogram(lists["negative"], bins=found.in_batch.edges)[0])


def test_the_populations_have_the_same_scores():
    """A name without ending, and the same for declared and mined negatives: nothing of one is filed under another."""
    queries, documents, relevant, hard = make_random(3)
    names = list(measure(queries, documents, relevant, hard=hard).scores)
    plain = [name for name in names if not name.endswith(("_hard", "_mined")) and not name.startswith("positive")]
    assert len(names) == 2 + 3 * len(plain)
    assert all(name + suffix in names for name in plain for suffix in SUFFIXES)
    assert {"auc", "overlap", "threshold_fpr_1", "tpr_at_fpr_5", "margin", "negative_sd"} <= set(plain)


def test_percentiles_of_the_negatives_are_right_to_half_a_thousandth():
    queries, documents, relevant, hard = make_random(2, n_queries=300, n_documents=400)
    found = measure(queries, documents, relevant, hard=hard, seed=0)
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
    found = measure(aim(0), aim(0, 180, 90, 0), sets([0]), hard=sets([]), seed=0)
    counts = found.in_batch.counts
    assert (counts[0], counts[-1], counts.sum()) == (1, 1, 3)
    assert (found.in_batch.edges[0], found.in_batch.edges[-1], len(found.in_batch.edges)) == (-1.0, 1.0, 201)


def test_small_spreads_do_not_drown_in_rounding():
    """All vectors within a ten-thousandth of one direction: squares of cosines near 1 would lose every digit."""
    random = np.random.default_rng(0)
    base = np.ones(64)
    queries, documents = ((base + 1e-3 * random.normal(size=(n, 64))).astype(np.float32) for n in (50, 80))
    relevant = sets(*([i] for i in range(50)))
    found = measure(queries, documents, relevant, hard=sets(*[[]] * 50), seed=0)
    by_hand = collect_by_hand(queries, documents, relevant, sets(*[[]] * 50))["negative"].std()
    assert by_hand < 1e-6
    assert found.scores["negative_sd"].value == pytest.approx(by_hand, rel=1e-6)


def test_blocks_change_nothing(monkeypatch):
    queries, documents, relevant, hard = make_random(7)
    whole = measure(queries, documents, relevant, hard=hard)
    monkeypatch.setattr(unit_rows, "BLOCK_NUMBERS", 5 * queries.shape[1])
    monkeypatch.setattr(second_look, "QUERIES_AT_ONCE", 4)
    monkeypatch.setattr(second_look, "DOCUMENTS_AT_ONCE", 7)
    pieces = measure(queries, documents, relevant, hard=hard)
    for name, score in whole.scores.items():
        assert pieces.scores[name].value == pytest.approx(score.value, abs=1e-12)
    assert np.array_equal(whole.positives, pieces.positives)


def test_intervals_are_those_of_resampling_queries_one_by_one():
    queries, documents, relevant, hard = make_random(11, n_queries=60)
    found = measure(queries, documents, relevant, hard=hard, seed=0).scores
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
    first, again, other = (measure(*case[:3], hard=case[3], seed=seed).scores for seed in (0, 0, 1))
    assert first == again
    assert first["margin"].low != other["margin"].low
    assert first["margin"].value == other["margin"].value


def test_one_query_has_values_but_no_intervals():
    scores = measure(aim(0), aim(0, 60, 90), sets([0]), hard=sets([2])).scores
    spreadless = {f"{name}{suffix}" for name in ("separation", "d_prime", "margin_over_sds") for suffix in SUFFIXES[1:]}
    for name, score in scores.items():
        assert (score.value is None) == (name in spreadless)
        assert score.low is None
    assert (scores["auc"].value, scores["overlap"].value, scores["tpr_at_fpr_1_hard"].value) == (1.0, 0.0, 1.0)


def test_no_hard_negatives_is_a_reason_and_spares_the_rest():
    found = measure(aim(0, 90), aim(0, 90), sets([0], [1]), hard=sets([], []), seed=0)
    for name in ("negative_mean_hard", "negative_sd_hard", "margin_hard", "auc_hard", "tpr_at_fpr_1_hard"):
        assert (found.scores[name].value, found.scores[name].reason) == (None, "no hard negatives are declared")
    assert found.scores["margin"].value == pytest.approx(1.0)
    assert "hard" not in found.boxes


def test_when_all_documents_are_right_for_every_query_there_are_no_negatives():
    found = measure(aim(0, 10), aim(0, 20), sets([0, 1], [0, 1]), hard=sets([], []), seed=0)
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
    both = measure(*case, sets([0, 1, 2], [1]), hard=sets([], []), seed=0)
    alone = measure(case[0][1:], case[1], sets([1]), hard=sets([]), seed=0)
    for name in ("negative_mean", "negative_sd"):
        assert both.scores[name].value == pytest.approx(alone.scores[name].value, abs=1e-12)
    assert both.in_batch.n == 2


def test_no_right_documents_is_a_reason():
    scores = measure(aim(0), aim(0, 20), sets([]), hard=sets([1]), seed=0).scores
    for name in ("positive_mean", "positive_sd", "margin", "separation", "margin_hard"):
        assert (scores[name].value, scores[name].reason) == (None, "no query has a right document")
    assert scores["negative_mean"].value is not None


def test_a_collapsed_model_has_no_separation():
    same = np.tile(np.array([[0.6, 0.8, 0.1]], dtype=np.float32), (9, 1))
    scores = measure(same, same, sets(*([i] for i in range(9))), hard=sets(*[[]] * 9), seed=0).scores
    assert scores["margin"].value == pytest.approx(0.0, abs=1e-12)
    assert scores["separation"].value is None
    assert "no spread" in scores["separation"].reason


def test_repeated_document_numbers_count_once():
    case = aim(0, 30), aim(0, 20, 70)
    once = measure(*case, sets([0], [1]), hard=sets([2], []), seed=0)
    twice = measure(*case, sets([0, 0], [1, 1]), hard=sets([2, 2], []), seed=0)
    assert once.scores == twice.scores


def test_no_queries_are_reasons():
    found = measure(np.empty((0, 2), dtype=np.float32), aim(0, 90), [], hard=[], seed=0)
    assert all(score.value is None and score.reason for score in found.scores.values())


@pytest.mark.parametrize("bad", [np.nan, -np.inf, 0.0])
def test_vectors_without_direction_are_refused(bad):
    queries = np.array([[1, 0], [bad, bad if bad else 0]], dtype=np.float32)
    judgments = judge(sets([0], [0]), n_documents=1)
    scan = scan_by_hand(aim(0, 0), aim(0), judgments)
    with pytest.raises(DataError, match="1 query vectors are not finite or all zero"):
        measure_similarities(queries, aim(0), judgments, scan, seed=0)


def test_a_document_in_two_lists_of_a_query_is_refused():
    for lists, words in (
        ({"hard": sets([1])}, "right and a hard negative"),
        ({"ignored": sets([1])}, "right and ignored"),
    ):
        with pytest.raises(DataError, match=words):
            measure(aim(0), aim(0, 90), sets([0, 1]), **lists)
    with pytest.raises(DataError, match="a hard negative and ignored"):
        measure(aim(0), aim(0, 90), sets([0]), hard=sets([1]), ignored=sets([1]))


def test_values_stay_within_the_bounds_they_state():
    for seed in range(4):
        queries, documents, relevant, hard = make_random(seed, n_features=2)
        for score in measure(queries, documents, relevant, hard=hard, seed=0).scores.values():
            assert score.bounds[0] <= score.value <= score.bounds[1]
            assert score.low is None or score.bounds[0] <= score.low <= score.high <= score.bounds[1]
