import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from latentscape.measures import pair_slots, populations
from latentscape.measures.separability import NAMES, compare_values
from latentscape.measures.similarity import SUFFIXES, measure_similarities

from .pair_scans import all_cosines, judge, mark_wrong, scan_by_hand


def make_case(seed, *, n_queries=40, n_documents=70, n_features=5, n_copies=0, base=0.0, noise=0.8):
    """Each query has a right document near it, some a second one; a few hard and ignored ones; copies tie exactly."""
    random = np.random.default_rng(seed)
    documents = random.normal(size=(n_documents, n_features)) + base
    queries = documents[:n_queries] + noise * random.normal(size=(n_queries, n_features))
    if n_copies:
        documents[-n_copies:] = documents[:n_copies]
        queries[1::2] = queries[::2][: len(queries[1::2])]
    relevant = [np.array([q, n_queries + q % 7][: 1 + q % 2]) for q in range(n_queries)]
    hard = [np.array([n_queries + 10 + q % 11, n_queries + 22 + q % 3][: q % 3]) for q in range(n_queries)]
    ignored = [np.array([n_queries + 8][: q % 4 // 3], dtype=int) for q in range(n_queries)]
    judgments = judge(relevant, hard, ignored, n_documents=n_documents)
    return queries.astype(np.float32), documents.astype(np.float32), judgments


def measure(case, *, n_groups=500, seed=0):
    return measure_similarities(*case, scan_by_hand(*case, n_groups=n_groups), seed=seed)


def list_populations(case):
    """Cosines of right pairs and of each population, from the full table, rounded so that equal vectors tie."""
    queries, documents, judgments = case
    cosines, wrong = all_cosines(queries, documents).round(11), mark_wrong(judgments)
    rows = range(len(queries))
    right = np.concatenate([cosines[q, judgments.relevant[q]] for q in rows])
    hard = np.concatenate([cosines[q, judgments.hard[q]] for q in rows])
    return right, {"": cosines[wrong], "_hard": hard, "_mined": np.array([cosines[q][wrong[q]].max() for q in rows])}


def by_hand(right, wrong):
    """Every number from its definition, over the sorted cosines."""
    edges = np.linspace(-1, 1, 201)
    shares = [np.histogram(each, bins=edges)[0] / each.size for each in (right, wrong)]
    wins = (right[:, None] > wrong).mean() + 0.5 * (right[:, None] == wrong).mean()
    found = {"auc": wins, "overlap": np.minimum(*shares).sum()}
    for percent in (1, 5):
        candidates = np.unique(wrong)
        held = [each for each in candidates if (wrong > each).sum() * 100 <= percent * wrong.size]
        found[f"threshold_fpr_{percent}"] = min(held)
        found[f"tpr_at_fpr_{percent}"] = (right > min(held)).mean()
    return found


def test_four_pairs_by_hand():
    """0.9 and 0.5 against 0.5 and 0.1: three wins and a tie of four; one wrong pair in two is more than 5 %."""
    found = compare_values(np.array([0.9, 0.5]), np.array([0.5, 0.1]))
    assert found["auc"] == 0.875
    assert (found["threshold_fpr_1"], found["tpr_at_fpr_1"]) == (0.5, 0.5)


def test_one_in_a_hundred_may_exceed_the_threshold():
    wrong = np.arange(100) / 1000
    found = compare_values(np.array([0.0985, 0.0945, 0.0935, 0.2]), wrong)
    assert (found["threshold_fpr_1"], found["tpr_at_fpr_1"]) == (0.098, 0.5)
    assert (found["threshold_fpr_5"], found["tpr_at_fpr_5"]) == (0.094, 0.75)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("n_copies", [0, 9])
def test_every_population_agrees_with_the_full_table(seed, n_copies):
    case = make_case(seed, n_copies=n_copies)
    scores = measure(case).scores
    right, wrong = list_populations(case)
    for suffix in SUFFIXES:
        for name, value in by_hand(right, wrong[suffix]).items():
            assert scores[name + suffix].value == pytest.approx(value, abs=1e-9), name + suffix
        labels = np.repeat([1, 0], [right.size, wrong[suffix].size])
        known = roc_auc_score(labels, np.concatenate([right, wrong[suffix]]))
        assert scores[f"auc{suffix}"].value == pytest.approx(known, abs=1e-9)


def test_negative_cosines_and_a_narrow_cone_change_nothing():
    for base in (-3.0, 40.0):
        case = make_case(5, base=base, noise=0.3)
        right, wrong = list_populations(case)
        for name, value in by_hand(right, wrong[""]).items():
            if name != "overlap":
                assert measure(case).scores[name].value == pytest.approx(value, abs=1e-9), name


def test_ties_everywhere_are_chance():
    same = np.tile(np.array([[0.6, 0.8, 0.1]], dtype=np.float32), (9, 1))
    scores = measure((same, same, judge([[i] for i in range(9)], n_documents=9))).scores
    for suffix in ("", "_mined"):
        assert scores[f"auc{suffix}"].value == pytest.approx(0.5, abs=1e-12)
        assert scores[f"tpr_at_fpr_1{suffix}"].value == 0
        assert scores[f"overlap{suffix}"].value == 1


def test_bins_are_right_to_the_chance_of_sharing_one(monkeypatch):
    """Beyond the size that is looked at twice, with two thousand wrong pairs for each bin a right one lies in."""
    case = make_case(1, n_queries=150, n_documents=400, n_features=8, noise=1.5)
    exact = measure(case, n_groups=20).scores
    monkeypatch.setattr(populations, "EXACT_PAIRS", 0)
    binned = measure(case, n_groups=20).scores
    assert exact["auc"].value != binned["auc"].value
    assert binned["auc"].value == pytest.approx(exact["auc"].value, abs=1e-5)
    for percent in (1, 5):
        threshold, found = f"threshold_fpr_{percent}", f"tpr_at_fpr_{percent}"
        assert binned[threshold].value == pytest.approx(exact[threshold].value, abs=0.0005)
        assert binned[found].value == pytest.approx(exact[found].value, abs=0.02)
    assert binned["overlap"].value == exact["overlap"].value


def test_where_all_cosines_are_nearly_equal_bins_are_not_trusted(monkeypatch):
    monkeypatch.setattr(populations, "EXACT_PAIRS", 0)
    case = make_case(2, base=300.0, noise=0.3)
    right, wrong = list_populations(case)
    assert np.ptp(wrong[""]) < 0.0005
    known, found = by_hand(right, wrong[""]), measure(case).scores
    assert 0.55 < known["auc"] < 0.999
    assert found["auc"].value == pytest.approx(known["auc"], abs=1e-9)
    assert found["tpr_at_fpr_5"].value == pytest.approx(known["tpr_at_fpr_5"], abs=1e-9)


def test_orthogonal_vectors_tie_wherever_they_are_counted(monkeypatch):
    """All right pairs and all wrong ones have a cosine of exactly 0, on an edge of the bins."""
    monkeypatch.setattr(populations, "EXACT_PAIRS", 0)
    vectors = np.eye(40, dtype=np.float32)
    case = (vectors[:20], vectors[20:], judge([[i] for i in range(20)], n_documents=20))
    assert measure(case).scores["auc"].value == pytest.approx(0.5, abs=1e-12)


def test_quantiles_stand_in_for_too_many_points_in_intervals_only(monkeypatch):
    case = make_case(3, n_queries=120, n_documents=300, n_features=8)
    exact = measure(case).scores
    monkeypatch.setattr(pair_slots, "MOST_POINTS", 25)
    coarse = measure(case).scores
    for name, score in exact.items():
        assert coarse[name].value == pytest.approx(score.value, abs=1e-12)
    for name in ("auc", "auc_hard"):
        width = exact[name].high - exact[name].low
        assert coarse[name].low != exact[name].low
        assert coarse[name].low == pytest.approx(exact[name].low, abs=0.15 * width)


def draw_by_hand(case, *, n_draws, seed):
    """Resampled queries, every number from the pooled cosines of those drawn."""
    queries, documents, judgments = case
    cosines, wrong = all_cosines(queries, documents), mark_wrong(judgments)
    random, draws = np.random.default_rng(seed), []
    for _ in range(n_draws):
        drawn = random.integers(0, len(queries), size=len(queries))
        right = np.concatenate([cosines[q, judgments.relevant[q]] for q in drawn])
        draws.append(by_hand(right, np.concatenate([cosines[q][wrong[q]] for q in drawn]).round(3)))
    return {name: np.percentile([draw[name] for draw in draws], [2.5, 97.5]) for name in NAMES}


@pytest.mark.slow
def test_intervals_are_those_of_resampling_queries_one_by_one():
    case = make_case(8, n_queries=50, n_documents=80, noise=1.2)
    found, known = measure(case).scores, draw_by_hand(case, n_draws=150, seed=1)
    for name in ("auc", "overlap", "threshold_fpr_5", "tpr_at_fpr_5"):
        low, high = known[name]
        if name == "overlap":  # shifted back onto the value
            middle = (found[name].low + found[name].high) / 2
            low, high = middle - (high - low) / 2, middle + (high - low) / 2
            assert found[name].low < found[name].value < found[name].high
        assert (found[name].low, found[name].high) == pytest.approx((low, high), abs=0.3 * (high - low)), name


def test_groups_of_queries_give_about_the_intervals_of_queries():
    case = make_case(9, n_queries=200, n_documents=260, n_features=4, noise=1.5)
    single, grouped = measure(case).scores, measure(case, n_groups=50).scores
    for name in ("auc", "tpr_at_fpr_5", "auc_hard", "overlap_mined"):
        width = single[name].high - single[name].low
        assert grouped[name].value == pytest.approx(single[name].value, abs=1e-9)
        assert grouped[name].high - grouped[name].low == pytest.approx(width, rel=0.35)
    assert "groups of 200 queries" in grouped["auc"].interval


def test_random_vectors_have_chance_within_the_interval():
    """Right documents that have nothing to do with their queries: 0.5 is inside in nearly all of 12 studies."""
    random, inside = np.random.default_rng(0), 0
    for _ in range(12):
        queries, documents = (random.normal(size=(40, 10)).astype(np.float32) for _ in range(2))
        score = measure((queries, documents, judge([[q] for q in range(40)], n_documents=40))).scores["auc"]
        inside += score.low <= 0.5 <= score.high
    assert 9 <= inside <= 12


def test_same_seed_same_scores():
    case = make_case(6)
    assert measure(case).scores == measure(case).scores
    assert measure(case).scores["auc"].low != measure(case, seed=1).scores["auc"].low


def test_places_found_by_the_table_are_those_of_a_search():
    random = np.random.default_rng(0)
    values = np.concatenate([random.uniform(-1, 1, 300), 0.3 + 1e-9 * random.uniform(-1, 1, 300), [-1.0, 1.0]])
    points = pair_slots.choose_points(values)
    asked = np.concatenate([values, values + 3e-12, values - 3e-12, values + 5e-13, random.uniform(-1, 1, 5000)])
    asked = np.clip(asked, -1, 1)
    found, place = pair_slots.find_slots(points, asked), np.searchsorted(points.values, asked)
    near = [np.abs(points.values[np.clip(place + step, 0, len(points.values) - 1)] - asked) for step in (-1, 0)]
    on = np.minimum(*near) <= pair_slots.SAME
    assert np.array_equal(found % 2 == 1, on)
    assert np.array_equal(found[~on], 2 * place[~on])
