from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import spearmanr
from sklearn.linear_model import LinearRegression

from latentscape.errors import DataError
from latentscape.measures import minimal_pairs
from latentscape.measures.minimal_pairs import measure_type_importance

WEIGHTS = {"location": 2.5, "price": 2.0, "area": 1.5, "amenity": 1.0}


def aim(*angles):
    radians = np.deg2rad(np.array(angles, dtype=float))
    return np.stack([np.cos(radians), np.sin(radians)], axis=1).astype(np.float32)


def sets(*numbers):
    return [np.array(each, dtype=int) for each in numbers]


def measure(case, *, weights=WEIGHTS, seed=0):
    queries, documents, relevant, hard, types = case
    return measure_type_importance(queries, documents, relevant, hard=hard, types=types, weights=weights, seed=seed)


def find(found, name):
    return next(effect for effect in found.effects if effect.type == name)


def plant(seed, *, axes, n_queries=120, combinations=None, noise=0.02):
    """A retriever whose attributes are axes of its space: a wrong one turns the document by the axis's length.

    The right document lies at random near the query, and so does a negative whose mistakes the model ignores.
    """
    random = np.random.default_rng(seed)
    names = list(axes)
    combinations = combinations or [(name,) for name in names] + [tuple(names[:2])]
    base = random.normal(size=(n_queries, 24))
    base /= np.linalg.norm(base, axis=1, keepdims=True)
    right = base + noise * random.normal(size=base.shape) / np.sqrt(24)
    documents, hard, types = [*right], [], []
    for query in range(n_queries):
        mine = []
        for combination in combinations:
            moved = base[query] + noise * random.normal(size=24) / np.sqrt(24)
            away = random.normal(size=24)
            away -= (away @ base[query]) * base[query]
            away /= np.linalg.norm(away)
            mine.append(len(documents))
            documents.append(moved + away * np.sqrt(sum(axes[name] ** 2 for name in combination)))
        hard.append(np.array(mine))
        types.append(list(combinations))
    relevant = [np.array([query]) for query in range(n_queries)]
    return base.astype(np.float32), np.array(documents, dtype=np.float32), relevant, hard, types


def test_three_negatives_by_hand():
    """The right document lies at 0 degrees, the negatives at 60 (price), 90 (area) and 90 (price and area).

    Alone price costs 1/2 and area 1; by least squares of 1/2 = p, 1 = a, 1 = p + a: p = 1/3, a = 5/6.
    """
    case = (aim(0), aim(0, 60, 90, 90), sets([0]), sets([1, 2, 3]), [[("price",), ("area",), ("area", "price")]])
    found = measure(case, weights={"price": 2.0, "area": 1.5})
    area, price = found.effects
    assert (area.type, price.type) == ("area", "price")
    assert (price.difference.value, area.difference.value) == pytest.approx((0.5, 1), abs=1e-7)
    assert (price.effect.value, area.effect.value) == pytest.approx((1 / 3, 5 / 6), abs=1e-7)
    assert (price.acts_like.value, area.acts_like.value) == pytest.approx((1, 2.5), abs=1e-6)
    assert (price.n, price.n_alone, price.declared, price.violations.value) == (2, 1, 2.0, 0)
    assert found.pair_difference == pytest.approx([0.5, 1, 1], abs=1e-7)
    assert (found.pair_query.tolist(), found.pair_document.tolist()) == ([0, 0, 0], [1, 2, 3])
    assert (found.agreement.value, found.agreement.n) == (None, 2)
    assert price.difference.low is None, "a single query knows no spread"


def test_a_tie_is_a_violation_and_a_better_negative_too():
    case = (aim(0), aim(30, 30, 0, 60), sets([0]), sets([1, 2, 3]), [[("price",)] * 3])
    found = measure(case)
    assert found.pair_difference[0] == 0
    assert find(found, "price").violations.value == pytest.approx(2 / 3)
    assert find(found, "price").violations.better == "lower"


def test_the_right_document_of_a_pair_is_the_one_most_like_the_negative():
    case = (aim(0), aim(10, -80, 90, -85), sets([0, 1]), sets([2, 3]), [[("price",), ("area",)]])
    found = measure(case)
    cos = np.cos(np.deg2rad([10, 90, 80, 85]))
    assert found.pair_difference == pytest.approx([cos[0] - cos[1], cos[2] - cos[3]], abs=1e-6)


def make_random(seed):
    """Queries with zero to three right documents, negatives of random types, some without any; negative cosines."""
    random = np.random.default_rng(seed)
    queries, documents = random.normal(size=(40, 5)), random.normal(size=(90, 5))
    documents[10:15] = documents[5:10]
    relevant, hard, types = [], [], []
    for _ in range(40):
        order = random.permutation(90)
        n_right, n_hard = random.integers([0, 0], [4, 6])
        relevant.append(np.sort(order[:n_right]))
        hard.append(order[n_right : n_right + n_hard])
        names = [random.choice(list(WEIGHTS), size=random.integers(0, 4)) for _ in range(n_hard)]
        types.append([tuple(str(name) for name in each) for each in names])
    return queries.astype(np.float32), documents.astype(np.float32), relevant, hard, types


def explain_by_hand(case):
    """(query, document, difference, types) one pair at a time in double precision."""
    queries, documents, relevant, hard, types = (each for each in case)
    q, d = (
        each / np.linalg.norm(each, axis=1, keepdims=True) for each in (queries.astype(float), documents.astype(float))
    )
    pairs = []
    for query, right in enumerate(relevant):
        for document, names in zip(hard[query], types[query], strict=True):
            if len(right) and names:
                nearest = max(right, key=lambda r, document=document: d[r] @ d[document])
                pairs.append((query, document, q[query] @ d[nearest] - q[query] @ d[document], set(names)))
    return pairs


@pytest.mark.parametrize("seed", range(6))
def test_agrees_with_scikit_learn_and_scipy(seed):
    case = make_random(seed)
    found, pairs = measure(case), explain_by_hand(case)
    assert found.pair_difference == pytest.approx([pair[2] for pair in pairs], abs=1e-12)
    names = sorted(WEIGHTS)
    table = np.array([[name in pair[3] for name in names] for pair in pairs], dtype=float)
    fit = LinearRegression(fit_intercept=False).fit(table, found.pair_difference)
    assert [find(found, name).effect.value for name in names] == pytest.approx(fit.coef_.tolist(), abs=1e-9)
    for i, name in enumerate(names):
        alone = (table[:, i] == 1) & (table.sum(axis=1) == 1)
        effect = find(found, name)
        assert (effect.n, effect.n_alone) == (table[:, i].sum(), alone.sum())
        assert effect.difference.value == pytest.approx(found.pair_difference[alone].mean(), abs=1e-12)
        assert effect.violations.value == pytest.approx((found.pair_difference[alone] <= 0).mean(), abs=1e-12)
    assert found.agreement.value == pytest.approx(spearmanr(fit.coef_, [WEIGHTS[name] for name in names])[0])
    if fit.coef_.sum() > 0:
        scale = sum(WEIGHTS.values()) / fit.coef_.sum()
        assert [find(found, name).acts_like.value for name in names] == pytest.approx((fit.coef_ * scale).tolist())


def test_intervals_are_those_of_resampling_queries_one_by_one():
    case = plant(1, axes={"location": 0.6, "price": 0.4, "area": 0.3}, n_queries=40, noise=0.5)
    found, pairs = measure(case), explain_by_hand(case)
    names, random = ["location", "price", "area"], np.random.default_rng(7)
    by_query = [[pair for pair in pairs if pair[0] == query] for query in range(40)]
    draws = []
    for _ in range(1500):
        drawn = [pair for query in random.integers(0, 40, size=40) for pair in by_query[query]]
        table = np.array([[name in pair[3] for name in names] for pair in drawn], dtype=float)
        draws.append(np.linalg.lstsq(table, np.array([pair[2] for pair in drawn]), rcond=None)[0])
    low, high = np.percentile(draws, [2.5, 97.5], axis=0)
    for i, name in enumerate(names):
        score, width = find(found, name).effect, high[i] - low[i]
        assert (score.low, score.high) == pytest.approx((low[i], high[i]), abs=0.15 * width)
        assert score.interval == "95 % bootstrap of 40 queries"


def test_a_retriever_that_ignores_the_price_is_caught():
    case = plant(3, axes={"location": 0.9, "price": 0.0, "area": 0.7, "amenity": 0.5}, noise=0.3)
    found = measure(case)
    price, location = find(found, "price"), find(found, "location")
    assert price.effect.low < 0 < price.effect.high
    assert price.effect.high < 0.5 * find(found, "amenity").effect.low
    assert price.violations.low > 0.2
    assert location.violations.high < 0.05
    assert price.acts_like.high < price.declared < 2.01
    assert [effect.type for effect in found.effects] == ["location", "area", "amenity", "price"]
    assert found.agreement.value == pytest.approx(spearmanr([4, 3, 2, 1], [2.5, 1.5, 1.0, 2.0])[0])


def test_effects_are_not_counted_twice():
    """All price mistakes but one in ten come with a wrong location: together they must not be blamed on the price."""
    many = [("location", "price")] * 9 + [("location",), ("price",)]
    case = plant(4, axes={"location": 0.8, "price": 0.2}, combinations=many, noise=0.1)
    found = measure(case)
    assert find(found, "price").effect.value < 0.3 * find(found, "location").effect.value


def test_nothing_planted_is_seldom_found():
    """The types are shuffled: differences between their effects must be claimed in about 5 % of the studies."""
    apart = 0
    for seed in range(60):
        random = np.random.default_rng(seed)
        case = plant(
            seed,
            axes={"location": 0.6, "price": 0.6},
            n_queries=40,
            noise=0.3,
            combinations=[("location",), ("price",)],
        )
        types = [[tuple(each) for each in random.permutation(names)] for names in case[4]]
        found = measure((*case[:4], types))
        one, other = find(found, "location").effect, find(found, "price").effect
        apart += one.low > other.high or other.low > one.high
    assert apart <= 5


def test_types_that_never_come_apart_have_no_effect():
    types = [[("price", "area"), ("location",)], [("area", "price"), ("location",)]]
    case = (aim(0, 90), aim(0, 90, 40, 60, 30, 20), sets([0], [1]), sets([2, 3], [4, 5]), types)
    found = measure(case)
    for name in ("price", "area"):
        effect = find(found, name)
        assert effect.effect.value is None
        assert effect.effect.reason == f"`{name}` never comes without other types that it could be told apart from"
        assert effect.difference.reason == f"no hard negative is wrong in `{name}` alone"
        assert effect.violations.value is None
        assert effect.acts_like is None
    assert found.effects[0].type == "location"
    assert find(found, "location").effect.value is not None


def test_rare_types_beyond_the_limit_stay_out(monkeypatch):
    monkeypatch.setattr(minimal_pairs, "MOST_TYPES", 2)
    types = [[("price",), ("price",), ("area",), ("area",), ("floor",), ("price", "floor")]]
    case = (aim(0), aim(0, 60, 60, 90, 90, 10, 170), sets([0]), sets([1, 2, 3, 4, 5, 6]), types)
    found = measure(case)
    assert find(found, "floor").effect.value is None
    assert "most frequent" in find(found, "floor").effect.reason
    assert find(found, "floor").difference.value is not None
    assert find(found, "price").effect.value == pytest.approx(0.5, abs=1e-6)
    assert find(found, "price").effect.n == 2


def test_repeated_and_undeclared_types():
    case = plant(5, axes={"location": 0.9, "price": 0.6, "area": 0.4, "requirement": 0.5})
    twice = [[(*names, names[0]) for names in each] for each in case[4]]
    once, again = measure(case), measure((*case[:4], twice))
    assert once.effects == again.effects
    assert find(once, "requirement").declared is None
    assert find(once, "requirement").acts_like.value > 0
    assert (once.agreement.n, once.agreement.value) == (3, 1)


def test_without_weights():
    found = measure(plant(6, axes={"location": 0.9, "price": 0.6}), weights={})
    assert all(effect.acts_like is None and effect.declared is None for effect in found.effects)
    assert found.agreement.reason == "none of the types has a declared weight and an effect, 3 are needed"


@pytest.mark.parametrize("weights", [{}, WEIGHTS, dict.fromkeys(WEIGHTS, 0.0)])
def test_a_collapsed_model(weights):
    queries, documents, relevant, hard, types = make_random(1)
    found = measure((np.ones_like(queries), np.ones_like(documents), relevant, hard, types), weights=weights)
    assert not found.pair_difference.any()
    for effect in found.effects:
        assert (effect.difference.value, effect.effect.value, effect.violations.value) == (0, 0, 1)
        assert effect.difference.low is None
        assert effect.violations.low < 1
        if weights:
            assert effect.acts_like.reason == "the declared types together cost no similarity"
    assert found.agreement.value is None


def test_nothing_to_measure():
    case = (aim(0, 1), aim(0, 1), sets([0], []), sets([1], [0]), [[()], [("price",)]])
    assert measure(case) is None
    assert measure((aim(0), aim(0), sets([0]), sets([]), [[]])) is None


def test_a_query_without_a_right_document_takes_no_part():
    case = (aim(0, 1), aim(0, 60, 90), sets([0], []), sets([1], [2]), [[("price",)], [("price",)]])
    assert measure(case).pair_query.tolist() == [0]


def test_lists_must_fit():
    with pytest.raises(DataError, match="do not fit"):
        measure((aim(0), aim(0, 1), sets([0]), sets([1]), [[("price",), ("area",)]]))
    with pytest.raises(DataError, match="do not fit"):
        measure((aim(0), aim(0, 1), sets([0]), sets([2]), [[("price",)]]))
    broken = aim(0, 1)
    broken[1, 0] = np.nan
    with pytest.raises(DataError, match="not finite"):
        measure((aim(0), broken, sets([0]), sets([1]), [[("price",)]]))


def test_the_same_seed_the_same_numbers():
    case = plant(8, axes={"location": 0.9, "price": 0.6}, noise=0.4)
    first, second, other = measure(case), measure(case), measure(case, seed=1)
    assert first.effects == second.effects
    assert first.effects != other.effects
    assert [replace(e.effect, low=None, high=None) for e in first.effects] == [
        replace(e.effect, low=None, high=None) for e in other.effects
    ]
