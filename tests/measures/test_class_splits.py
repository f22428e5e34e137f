import numpy as np
import pytest
from sklearn.cluster import KMeans
from sklearn.metrics import silhouette_score

from latentscape.errors import DataError
from latentscape.measures.class_splits import MOST_MEMBERS, find_class_splits


def place(shape, random, *, width=12):
    """A class far from the origin, so that directions keep its shape, in single precision."""
    points = 0.05 * random.normal(size=(len(shape), width))
    points[:, 0] += 20.0
    points[:, 1 : 1 + shape.shape[1]] += shape
    return points.astype(np.float32)


def find(first, second, labels=None, *, seed=0, n_classes=1):
    labels = np.zeros(len(first), dtype=int) if labels is None else labels
    return find_class_splits(first, second, labels, n_classes=n_classes, seed=seed)


def make_groups(n, random, *, apart=6.0, share=0.5):
    """Round groups of deviation 1, `apart` between their centers; which of them a sample is in."""
    which = np.arange(n) < share * n
    return np.column_stack([random.normal(size=n) + apart * which, 0.7 * random.normal(size=(n, 3))]), which


NULLS = {
    "round": lambda random, n: random.normal(size=(n, 8)),
    "long": lambda random, n: random.normal(size=(n, 5)) * [4.0, 0.5, 0.5, 0.5, 0.5],
    "line": lambda random, n: np.column_stack([random.uniform(-4, 4, n), 0.2 * random.normal(size=(n, 3))]),
    "heavy tails": lambda random, n: random.standard_t(3, size=(n, 5)),
    "skewed": lambda random, n: random.exponential(size=(n, 3)),
    "square": lambda random, n: random.uniform(-2, 2, size=(n, 2)),
    "strays": lambda random, n: random.normal(size=(n, 4)) + 8.0 * (np.arange(n) < n // 10)[:, None],
}


@pytest.mark.parametrize("n", [24, 60])
@pytest.mark.parametrize("name", NULLS)
@pytest.mark.slow
def test_one_group_of_any_shape_is_hardly_ever_called_two(name, n):
    claimed = 0
    for seed in range(20):
        random = np.random.default_rng(seed)
        first, second = place(random.normal(size=(n, 8)), random), place(NULLS[name](random, n), random)
        claimed += len(find(first, second, seed=seed))
    assert claimed <= 1


@pytest.mark.slow
@pytest.mark.parametrize(("n", "apart", "least"), [(24, 8.0, 7), (60, 6.0, 8), (200, 6.0, 9)])
def test_two_groups_are_found(n, apart, least):
    found = 0
    for seed in range(10):
        random = np.random.default_rng(seed)
        shape, _ = make_groups(n, random, apart=apart)
        claims = find(place(random.normal(size=(n, 8)), random), place(shape, random), seed=seed)
        found += [claim.kind for claim in claims] == ["split"]
    assert found >= least


def test_halves_and_silhouettes_are_those_of_scikit_learn():
    random = np.random.default_rng(0)
    shape, which = make_groups(90, random, share=0.4, apart=8.0)
    first, second = place(random.normal(size=(90, 8)), random), place(shape, random)
    (claim,) = find(first, second)
    unit = second / np.linalg.norm(second, axis=1, keepdims=True)
    groups = KMeans(2, random_state=0).fit_predict(unit.astype(np.float64))
    larger, smaller = claim.halves
    assert len(set(groups[larger])) == len(set(groups[smaller])) == 1
    assert (len(larger), len(smaller)) == (54, 36)
    assert np.array_equal(smaller, np.flatnonzero(which))
    for score, space in ((claim.before, first), (claim.after, second)):
        expected = silhouette_score(space.astype(np.float64), which, metric="cosine")
        assert score.value == pytest.approx(expected, abs=1e-6)
    assert 0 < claim.p_value <= 0.05


def test_groups_that_were_there_before_have_not_come_apart():
    random = np.random.default_rng(1)
    shape, _ = make_groups(80, random)
    first, second = place(shape, random), place(shape + 0.1 * random.normal(size=shape.shape), random)
    assert find(first, second) == ()


def test_each_class_is_asked_in_both_directions_and_unknown_labels_never():
    random = np.random.default_rng(2)
    labels = np.repeat([0, 1, 2, -1], 50)
    apart, _ = make_groups(50, random, apart=9.0)
    one = [random.normal(size=(50, 4)) for _ in range(6)]
    first = place(np.concatenate([one[0], apart, one[1], one[2]]), random)
    second = place(np.concatenate([one[3], one[4], apart, apart]), random)
    found = find(first, second, labels, n_classes=3)
    assert [(claim.label, claim.kind) for claim in found] == [(1, "merged"), (2, "split")]
    assert all(set(labels[rows]) == {claim.label} for claim in found for rows in claim.halves)
    assert [sum(map(len, claim.halves)) for claim in found] == [50, 50]


def test_asking_of_more_classes_costs_more():
    random = np.random.default_rng(3)
    shape, _ = make_groups(40, random, apart=9.0)
    first, second = place(random.normal(size=(40, 4)), random), place(shape, random)
    (alone,) = find(first, second)
    others = [place(random.normal(size=(40, 4)), random) for _ in range(2)]
    labels = np.repeat([0, 1], 40)
    spaces = np.concatenate([first, others[0]]), np.concatenate([second, others[1]])
    (among,) = find(*spaces, labels, n_classes=2)
    assert among.p_value == pytest.approx(2 * alone.p_value)


def test_a_large_class_is_measured_on_some_and_all_are_told():
    random = np.random.default_rng(4)
    n = MOST_MEMBERS + 300
    shape, which = make_groups(n, random, apart=9.0)
    first, second = place(random.normal(size=(n, 4)), random), place(shape, random)
    (claim,) = find(first, second)
    assert claim.after.n == n
    assert {tuple(half) for half in claim.halves} == {tuple(np.flatnonzero(which)), tuple(np.flatnonzero(~which))}
    (again,) = find(first, second)
    assert (again.p_value, again.after) == (claim.p_value, claim.after)


def test_other_widths_and_turned_spaces_change_nothing():
    random = np.random.default_rng(5)
    shape, _ = make_groups(60, random)
    first, second = place(random.normal(size=(60, 4)), random), place(shape, random)
    turned = (second @ np.linalg.qr(random.normal(size=(30, 30)))[0][:12] * 7.0).astype(np.float32)
    (claim,), (same,) = find(first, second), find(first, turned)
    assert {half.tobytes() for half in claim.halves} == {half.tobytes() for half in same.halves}
    assert same.after.value == pytest.approx(claim.after.value, abs=1e-4)


def test_a_point_that_became_two_points():
    random = np.random.default_rng(6)
    first = np.ones((30, 3), dtype=np.float32)
    second = np.eye(3, dtype=np.float32)[np.arange(30) % 2]
    (claim,) = find(first, second)
    assert (claim.before.value, claim.after.value) == (0.0, 1.0)
    assert find(first, random.normal(size=(30, 4)).astype(np.float32)) == ()


@pytest.mark.parametrize("n", [1, 2, 19, 20])
def test_few_or_collapsed_samples(n):
    random = np.random.default_rng(n)
    spread, zeros = random.normal(size=(n, 4)).astype(np.float32), np.zeros((n, 2), dtype=np.float32)
    for first, second in ((spread, zeros), (zeros, spread), (zeros, zeros), (zeros, zeros + 1)):
        assert find(first, second) == ()
    assert find(spread, zeros, np.full(n, -1)) == ()


def test_features_that_are_not_finite_are_refused():
    features = np.ones((30, 2), dtype=np.float32)
    broken = features.copy()
    broken[1, 1] = np.inf
    with pytest.raises(DataError, match="not finite"):
        find(broken, features)
