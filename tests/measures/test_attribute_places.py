from itertools import combinations, pairwise, permutations

import numpy as np
import pytest
from scipy.stats import spearmanr
from sklearn.metrics import silhouette_score
from sklearn.neighbors import NearestNeighbors

from latentscape.datasets.attributes import Attribute
from latentscape.errors import DataError
from latentscape.measures.attribute_places import AttributePlaces, _find_complete, measure_attribute_places
from latentscape.measures.score import Score
from latentscape.neighbors import find_neighbors


def category(labels, names=None):
    labels = np.asarray(labels, dtype=float)
    names = names or tuple(f"v{number}" for number in range(int(np.nanmax(labels, initial=0)) + 1))
    return Attribute(name="district", kind="category", queries=np.empty(0), documents=labels, values=names)


def make_case(seed, *, n=150, d=8, n_values=5, apart=1.0):
    random = np.random.default_rng(seed)
    labels = random.integers(0, n_values, size=n)
    centers = np.random.default_rng(77).normal(size=(n_values, d))
    vectors = random.normal(size=(n, d)) + apart * centers[labels]
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32), labels


def measure(vectors, labels, **more):
    attribute = labels if isinstance(labels, Attribute) else category(labels)
    return measure_attribute_places(vectors, attribute, **({"maps": {}, "seed": 0} | more))


def oracle_purity(points, labels, *, k=15, metric="cosine"):
    k = min(k, len(points) - 1)
    near = NearestNeighbors(n_neighbors=k, metric=metric, algorithm="brute").fit(points.astype(float))
    return np.mean(labels[near.kneighbors(return_distance=False)] == labels[:, None], axis=1)


def test_six_documents_by_hand():
    """Two tight groups of three; k is cut to 5, so everybody sees everybody: 2 of 5 others are like oneself."""
    vectors = np.array([[1, 0], [1, 0.1], [1, -0.1], [0, 1], [0.1, 1], [-0.1, 1]], dtype=np.float32)
    places = measure(vectors, [0, 0, 0, 1, 1, 1])
    assert places.purity.value == pytest.approx(2 / 5)
    assert places.chance == pytest.approx(2 / 5)
    assert places.p_value == 1.0
    assert (places.values, places.distances) == ((), None)


@pytest.mark.parametrize("apart", [0.0, 0.6, 3.0])
def test_equals_scikit_learn(apart):
    vectors, labels = make_case(1, apart=apart)
    xy = np.random.default_rng(2).normal(size=(150, 2)) + labels[:, None]
    places = measure(vectors, labels, maps={"umap": xy})
    own = oracle_purity(vectors, labels)
    assert places.purity.value == pytest.approx(own.mean(), abs=1e-9)
    assert places.silhouette.value == pytest.approx(silhouette_score(vectors, labels, metric="cosine"), abs=1e-6)
    assert places.map_purity["umap"].value == pytest.approx(
        oracle_purity(xy, labels, metric="euclidean").mean(), abs=1e-9
    )
    for value in places.values:
        mine = labels == int(value.value[1:])
        assert (value.n, value.purity.n) == (mine.sum(), mine.sum())
        assert value.purity.value == pytest.approx(own[mine].mean(), abs=1e-9)
    assert [value.n for value in places.values] == sorted((value.n for value in places.values), reverse=True)


def test_centers_by_brute_force():
    vectors, labels = make_case(4, apart=1.0)
    places = measure(vectors, labels)
    numbers = [int(value.value[1:]) for value in places.values]
    means = np.array([vectors[labels == number].astype(float).mean(axis=0) for number in numbers])
    means /= np.linalg.norm(means, axis=1, keepdims=True)
    assert places.distances == pytest.approx(1 - means @ means.T, abs=1e-7)
    for place, value in enumerate(places.values):
        others = np.delete(np.arange(len(numbers)), place)
        assert value.nearest == f"v{numbers[others[places.distances[place, others].argmin()]]}"


def test_the_order_is_as_short_as_flips_of_the_tree_allow():
    """Values on a line: their order along it is the shortest of all, and the one that is given."""
    angles = np.array([0.9, 0.1, 0.5, 0.3, 0.7])
    labels = np.repeat(np.arange(5), 8)
    vectors = np.column_stack([np.cos(angles[labels]), np.sin(angles[labels])])
    places = measure(vectors.astype(np.float32), labels)
    lengths = {order: sum(places.distances[a, b] for a, b in pairwise(order)) for order in permutations(range(5))}
    assert lengths[tuple(places.order)] == pytest.approx(min(lengths.values()))


def test_unknown_values_take_no_part():
    vectors, labels = make_case(5)
    hidden = labels.astype(float)
    hidden[::3] = np.nan
    known = np.flatnonzero(~np.isnan(hidden))
    places = measure(vectors, category(hidden))
    assert places.purity.n == len(known)
    assert places.purity.value == pytest.approx(oracle_purity(vectors[known], labels[known]).mean(), abs=1e-9)


def test_a_graph_that_is_there_already_changes_nothing():
    vectors, labels = make_case(6)
    wide = measure(vectors, labels, neighbors=find_neighbors(vectors, k=40))
    assert wide.purity == measure(vectors, labels).purity
    for useless in (find_neighbors(vectors, k=3), find_neighbors(vectors, k=20, metric="euclidean")):
        assert measure(vectors, labels, neighbors=useless).purity == wide.purity


@pytest.mark.parametrize("k", [16, 40, 149])
def test_a_graph_serves_where_some_values_are_unknown(k):
    vectors, labels = make_case(9)
    hidden = np.where(np.random.default_rng(1).random(150) < 0.3, np.nan, labels)
    assert measure(vectors, category(hidden), neighbors=find_neighbors(vectors, k=k)).purity == (
        measure(vectors, category(hidden)).purity
    )


def test_planted_places_are_found():
    vectors, labels = make_case(7, apart=1.5)
    places = measure(vectors, labels)
    assert places.p_value == 0.001
    assert places.purity.low > places.chance + 0.2
    assert places.silhouette.low > 0


@pytest.mark.slow
def test_values_dealt_at_random_raise_few_alarms():
    """p is below 0.05 in about 3 of 60; 10 would be beyond all luck."""
    vectors, _ = make_case(8, n=60, apart=0.0)
    alarms, purities = 0, []
    for seed in range(60):
        labels = np.random.default_rng(seed).integers(0, 3, size=60)
        places = measure(vectors, labels)
        alarms += places.p_value < 0.05
        purities.append(places.purity.value - places.chance)
    assert alarms < 10
    assert abs(np.mean(purities)) < 0.01


@pytest.mark.parametrize(
    ("attribute", "reason"),
    [
        (category([0, 0, 0, 0, 0, 0]), "have the same"),
        (category([0, 1, np.nan, np.nan, np.nan, np.nan]), "2 documents have a known district"),
        (category([np.nan] * 6, ()), "0 documents"),
        (
            Attribute(name="price", kind="number", queries=np.empty(0), documents=np.arange(6.0)),
            "numbers have no places",
        ),
    ],
)
def test_where_there_are_no_places(attribute, reason):
    score = measure(np.eye(6, dtype=np.float32), attribute)
    assert isinstance(score, Score)
    assert score.value is None
    assert reason in score.reason


def test_a_collapsed_model_is_told_from_a_good_one():
    vectors = np.tile(np.array([[0.6, 0.8]], dtype=np.float32), (60, 1))
    places = measure(vectors, np.random.default_rng(0).integers(0, 3, 60))
    assert isinstance(places, AttributePlaces)
    assert places.p_value > 0.05
    assert places.distances == pytest.approx(np.zeros((3, 3)), abs=1e-12)


def test_opposite_vectors_have_no_center():
    vectors = np.array([[1, 0], [-1, 0]] * 5 + [[0, 1]] * 10, dtype=np.float32)
    places = measure(vectors, [0] * 10 + [1] * 10)
    assert places.distances == pytest.approx(np.array([[0, 1], [1, 0]]))


def test_what_is_not_finite_is_refused():
    vectors, labels = make_case(0)
    vectors[3, 2] = np.nan
    with pytest.raises(DataError):
        measure(vectors, labels)


def ring(n_values, *, per=10, seed=0):
    """Values on a half circle, and how far apart they are along it."""
    angles = np.linspace(0, 2.5, n_values)
    labels = np.repeat(np.arange(n_values), per)
    noise = 0.02 * np.random.default_rng(seed).normal(size=len(labels))
    vectors = np.column_stack([np.cos(angles[labels] + noise), np.sin(angles[labels] + noise)])
    distances = {(f"v{a}", f"V{b} "): float(abs(angles[a] - angles[b])) for a, b in combinations(range(n_values), 2)}
    return vectors.astype(np.float32), labels, distances


def test_geography_that_agrees():
    vectors, labels, distances = ring(8)
    places = measure(vectors, labels, geography=distances)
    assert places.geography.value > 0.97
    assert places.geography.n == 28
    assert places.geography_p < 0.01


def test_geography_equals_scipy():
    vectors, labels = make_case(3, n_values=6)
    random = np.random.default_rng(5)
    distances = {(f"v{b}", f"v{a}"): float(random.random()) for a, b in combinations(range(6), 2)}
    places = measure(vectors, labels, geography=distances)
    names = [value.value for value in places.values]
    pairs = list(combinations(range(6), 2))
    theirs = [distances.get((names[a], names[b]), distances.get((names[b], names[a]))) for a, b in pairs]
    expected = spearmanr([places.distances[pair] for pair in pairs], theirs)[0]
    assert places.geography.value == pytest.approx(expected)


def test_geography_of_places_it_does_not_know():
    vectors, labels, distances = ring(8)
    some = {pair: distance for pair, distance in distances.items() if pair[0] != "v0"}
    assert measure(vectors, labels, geography=some).geography.n == 21
    few = measure(vectors, labels, geography={("v0", "v1"): 1.0})
    assert few.geography.value is None
    assert "2 of the values" in few.geography.reason
    assert few.geography_p is None
    equal = measure(vectors, labels, geography=dict.fromkeys(distances, 1.0))
    assert equal.geography.value is None
    assert measure(vectors, labels).geography is None


def test_places_that_lack_most_distances_are_left_out_first():
    known = {(0, 1): 1.0, (0, 2): 1.0, (1, 2): 1.0, (0, 3): 1.0}
    assert _find_complete(known, 4) == [0, 1, 2]
    assert _find_complete({}, 4) == []
