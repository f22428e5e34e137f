import numpy as np
import pytest

from latentscape.measures.classification import name_scores
from latentscape.measures.minimal_pairs import measure_type_importance
from latentscape.measures.ranking import rank_documents
from latentscape.measures.retriever_tallies import tally_retriever
from latentscape.measures.scan import scan_pairs
from latentscape.measures.similarity import measure_similarities
from latentscape.measures.tallies import measure_changes, score_tallies, value_of

from .pair_scans import judge

RANKS = ["hit_at_1", "mrr", "recall_at_5", "recall_at_10", "ndcg_at_10", "map"]
COSINES = ["positive_mean", "negative_mean", "margin", "negative_mean_hard", "margin_hard", "margin_mined"]
ALONE = ["positive_mean", "negative_mean", "negative_mean_hard"]
"""Cosines that say nothing of a retriever while the others are not known."""
TYPES = ("price", "Price", "district", "size of room")


def aim(*angles):
    """Unit vectors in the plane; the cosine of two is that of the angle between them, in degrees."""
    radians = np.deg2rad(np.array(angles, dtype=float))
    return np.stack([np.cos(radians), np.sin(radians)], axis=1).astype(np.float32)


def measure(queries, documents, judgments, types=None):
    scan = scan_pairs(queries, documents, judgments, k=10, seed=0)
    ranking = rank_documents(scan, judgments, seed=0)
    types = types or [[()] * len(each) for each in judgments.hard]
    found = tally_retriever(queries, documents, judgments, scan=scan, ranking=ranking, hard_types=types)
    return found, scan, ranking


def make_random(seed, *, n_queries=60, n_documents=150, n_features=8):
    """Several right documents, hard negatives of several types, ignored ones; some queries have none of them."""
    random = np.random.default_rng(seed)
    queries, documents = (random.normal(size=(n, n_features)).astype(np.float32) for n in (n_queries, n_documents))
    documents[5] = documents[6]
    right, hard, ignored, types = [], [], [], []
    for query in range(n_queries):
        order = random.permutation(n_documents)
        counts = np.cumsum(random.integers([0, 0, 0], [4, 5, 3]))
        for lists, each in zip((right, hard, ignored), np.split(order[: counts[2]], counts[:2]), strict=True):
            lists.append(np.sort(each))
        if len(right[query]):
            queries[query] += documents[right[query]].sum(axis=0)
        drawn = [random.random(len(TYPES)) < 0.4 for _ in hard[query]]
        types.append([tuple(np.array(TYPES)[each].tolist()) for each in drawn])
    return queries, documents, judge(right, hard, ignored, n_documents=n_documents), types


def test_two_queries_by_hand():
    """Queries at 0 and 90 degrees, documents at 0, 60 and 90: right ones are 0 and 60."""
    judgments = judge([[0], [1]], [[2], [2]], n_documents=3)
    found, *_ = measure(aim(0, 90), aim(0, 60, 90), judgments, [[("price",)], [("price",)]])
    values = {name: value_of(tally) for name, tally in found.items()}
    near = np.sqrt(3) / 2
    expected = {
        "hit_at_1": 0.5, "mrr": 0.75, "recall_at_5": 1.0, "recall_at_10": 1.0,
        "ndcg_at_10": (1 + 1 / np.log2(3)) / 2, "map": 0.75,
        "positive_mean": (1 + near) / 2, "negative_mean": (0.5 + 0 + 0 + 1) / 4, "negative_mean_hard": 0.5,
        "margin": (1 + near) / 2 - 1.5 / 4, "margin_hard": (1 + near) / 2 - 0.5,
        "margin_mined": (1 + near) / 2 - (0.5 + 1) / 2, "violation_rate_price": 0.5,
    }  # fmt: skip
    assert values == pytest.approx(expected, abs=1e-7)


@pytest.mark.parametrize("seed", range(4))
def test_values_are_those_of_the_study_of_one_retriever(seed):
    queries, documents, judgments, types = make_random(seed)
    found, scan, ranking = measure(queries, documents, judgments, types)
    scores = {**measure_similarities(queries, documents, judgments, scan, seed=0).scores, **ranking.scores}
    violations = [name for name in found if name.startswith("violation_rate")]
    assert sorted(found) == sorted([*RANKS, *COSINES, *violations])
    own = score_tallies(found, clusters=np.arange(60), cluster_name="queries", seed=0)
    for name in (*RANKS, *COSINES):
        score, one = own[name], scores[name]
        assert score.value == pytest.approx(one.value, abs=1e-12)
        better = "neither" if name in ALONE else one.better
        assert (score.name, score.better, score.bounds) == (name, better, one.bounds)
        assert (score.low, score.high) == pytest.approx((one.low, one.high), abs=0.15 * (one.high - one.low))
    importance = measure_type_importance(
        queries, documents, judgments.relevant, hard=judgments.hard, types=types, weights={}, seed=0
    )
    rates = {each.type: each.violations for each in importance.effects if each.n_alone}
    frequent = sorted(TYPES, key=lambda name: -sum(name in each for row in _asked(judgments, types) for each in row))
    named = dict(zip(frequent, name_scores("violation_rate", frequent), strict=True))
    assert {named[name] for name in rates} == set(violations)
    for name, score_name in ((name, named[name]) for name in rates):
        assert own[score_name].value == pytest.approx(rates[name].value, abs=1e-12)
        assert own[score_name].better == "lower"


def _asked(judgments, types):
    """The types of queries that have a right document."""
    return [row for row, right in zip(types, judgments.relevant, strict=True) if len(right)]


def test_types_whose_names_become_equal_keep_their_names_from_checkpoint_to_checkpoint():
    queries, documents, judgments, types = make_random(0)
    turned = documents[::-1].copy()
    names = [
        [name for name in measure(queries, each, judgments, types)[0] if name.startswith("violation")]
        for each in (documents, turned)
    ]
    assert names[0] == names[1]
    assert {"violation_rate_price", "violation_rate_price_2"} <= set(names[0])


def test_what_has_no_pairs_is_absent():
    found, *_ = measure(aim(0, 90), aim(0, 60), judge([[0], []], n_documents=2))
    assert sorted(found) == sorted([*RANKS, "positive_mean", "negative_mean", "margin", "margin_mined"])
    assert found["mrr"].below[:, 0].tolist() == [1.0, 0.0]
    nothing, *_ = measure(aim(0, 90), aim(0, 60), judge([[], []], n_documents=2))
    assert list(nothing) == ["negative_mean"]
    only_right, *_ = measure(aim(0), aim(0), judge([[0]], n_documents=1))
    assert sorted(only_right) == sorted([*RANKS, "positive_mean"])


def test_the_same_retriever_twice_does_not_differ():
    queries, documents, judgments, types = make_random(1)
    first, *_ = measure(queries, documents, judgments, types)
    second, *_ = measure(queries * np.float32(3), documents * np.float32(0.7), judgments, types)
    changes = measure_changes(
        {name: (first[name], second[name]) for name in first}, clusters=np.arange(60), cluster_name="queries", seed=0
    )
    assert {change.p_value for change in changes.values()} == {1.0}
    assert all(abs(change.score.value) < 1e-6 for change in changes.values())
    assert all(change.score.low < -1e-3 < 1e-3 < change.score.high for change in changes.values())
    assert changes["hit_at_1"].test == "McNemar, exact"
    assert changes["mrr"].test == "models exchanged within queries"


def test_a_blurred_retriever_is_found_to_be_worse():
    queries, documents, judgments, types = make_random(2)
    noise = np.random.default_rng(9).normal(size=documents.shape).astype(np.float32)
    first, *_ = measure(queries, documents, judgments, types)
    second, *_ = measure(queries, documents + 2 * noise, judgments, types)
    changes = measure_changes(
        {name: (first[name], second[name]) for name in first}, clusters=np.arange(60), cluster_name="queries", seed=0
    )
    for name in ("mrr", "margin", "positive_mean"):
        assert changes[name].score.value < 0
        assert changes[name].p_value < 0.01
