import numpy as np
import pytest
from scipy.stats import kendalltau

from latentscape.datasets.attributes import Attribute
from latentscape.errors import DataError
from latentscape.measures.response import ResponseCurve, measure_response
from latentscape.measures.score import Score

STEPS = np.arange(0, 10.5, 0.5)
SHAPES = {
    "linear": lambda d: 1 - d / 12,
    "saturating": lambda d: 0.5 + 0.5 * np.maximum(0, 1 - d / 3),
    "none": np.ones_like,
    "returning": lambda d: 0.5 + 0.5 * np.cos(np.pi * d / 5),
}


def name_number(values, name="price", unit="million"):
    values = np.asarray(values, dtype=float)
    return Attribute(name=name, kind="number", unit=unit, queries=np.empty(0), documents=values)


def name_category(values, name="district"):
    values = np.asarray(values, dtype=float)
    return Attribute(name=name, kind="category", queries=np.empty(0), documents=values, values=tuple("abcdefgh"))


def plant(seed, *, shape, n_groups=60, size=8, noise=0.1):
    """Documents whose cosines within a group are a known function of how far their prices are apart, plus noise."""
    random = np.random.default_rng(seed)
    values, axes = np.linalg.eigh(SHAPES[shape](np.abs(STEPS[:, None] - STEPS)))
    assert values.min() > -1e-9
    places = axes * np.sqrt(np.maximum(values, 0))
    steps = random.integers(0, len(STEPS), size=n_groups * size)
    vectors = np.concatenate([places[steps], noise * random.normal(size=(len(steps), 40)) / np.sqrt(40)], axis=1)
    return vectors.astype(np.float32), STEPS[steps] + 2, np.repeat(np.arange(n_groups), size)


def measure(case, *, seed=0):
    vectors, prices, groups = case
    return measure_response(vectors, name_number(prices), others=[name_category(groups)], seed=seed)


def test_by_hand():
    """Prices 0 to 6 at angles of 10 degrees each: cosines of 10, 20, ... 60 degrees, 6, 5, ... 1 times."""
    radians = np.deg2rad(10.0 * np.arange(7))
    vectors = np.stack([np.cos(radians), np.sin(radians)], axis=1).astype(np.float32)
    curve = measure_response(vectors, name_number(range(7)), others=[], seed=0)
    apart = np.repeat(np.arange(1, 7), np.arange(6, 0, -1))
    cosines = np.cos(np.deg2rad(10 * apart))
    assert (curve.attribute, curve.unit, curve.n_documents) == ("price", "million", 7)
    assert curve.edges.tolist() == [1.0, 2.0, 6.0]
    near = apart <= 2
    assert curve.n.tolist() == [near.sum(), (~near).sum()]
    assert curve.difference == pytest.approx([apart[near].mean(), apart[~near].mean()])
    assert curve.similarity == pytest.approx([cosines[near].mean(), cosines[~near].mean()], abs=1e-6)
    assert (curve.monotonicity.value, curve.monotonicity.n) == (pytest.approx(-1, abs=0.1), 21)
    assert curve.monotonicity.better == "lower"


@pytest.mark.parametrize("seed", range(4))
def test_agrees_with_brute_force(seed):
    vectors, prices, groups = plant(seed, shape="linear", n_groups=20, size=6)
    curve = measure((vectors, prices, groups))
    unit = vectors.astype(float) / np.linalg.norm(vectors.astype(float), axis=1, keepdims=True)
    pairs = [(i, j) for i in range(len(groups)) for j in range(i) if groups[i] == groups[j]]
    apart = np.array([abs(prices[i] - prices[j]) for i, j in pairs])
    cosines = np.array([unit[i] @ unit[j] for i, j in pairs])
    assert curve.monotonicity.value == pytest.approx(kendalltau(apart, cosines).statistic, abs=1e-9)
    assert (curve.n.sum(), curve.edges[0], curve.edges[-1]) == (len(pairs), 0, apart.max())
    for each in range(len(curve.n)):
        inside = apart == 0 if each == 0 else (apart > curve.edges[each]) & (apart <= curve.edges[each + 1])
        assert curve.n[each] == inside.sum()
        assert curve.difference[each] == pytest.approx(apart[inside].mean())
        assert curve.similarity[each] == pytest.approx(cosines[inside].mean(), abs=1e-12)


def test_a_straight_line():
    curve = measure(plant(1, shape="linear"))
    scale = 1 / (1 + 0.1**2)
    assert curve.similarity == pytest.approx(scale * SHAPES["linear"](curve.difference), abs=0.02)
    assert np.all((curve.low <= curve.similarity) & (curve.similarity <= curve.high))
    assert (
        np.mean(
            (curve.low <= scale * SHAPES["linear"](curve.difference))
            & (curve.high >= scale * SHAPES["linear"](curve.difference))
        )
        > 0.7
    )
    assert curve.monotonicity.high < -0.8
    assert (curve.breaks, curve.flat_from) == ((), None)
    assert len(curve.n) == 11


def test_saturation_is_found_where_it_is():
    curve = measure(plant(2, shape="saturating"))
    assert curve.flat_from == pytest.approx(3, abs=0.8)
    assert curve.breaks == ()
    assert curve.monotonicity.high < -0.2


def test_a_curve_that_returns_breaks():
    curve = measure(plant(3, shape="returning"))
    assert curve.breaks
    assert curve.difference[list(curve.breaks)].min() > 5
    assert 4 <= curve.flat_from <= 5.5, "a tenth of the fall may lie behind it"


def test_no_answer():
    curve = measure(plant(4, shape="none"))
    assert abs(curve.monotonicity.value) < 0.08
    assert curve.breaks == ()
    assert curve.flat_from == curve.difference[0]


def test_claims_of_nothing_are_rare():
    """Prices shuffled: tau's interval leaves 0 out in about 5 % of studies, and breaks are as rare."""
    told, broken, falling = 0, 0, 0
    for seed in range(80):
        vectors, prices, groups = plant(seed, shape="saturating", n_groups=30, size=6, noise=0.5)
        shuffled = np.random.default_rng(seed).permutation(prices)
        curve = measure((vectors, shuffled, groups))
        told += not curve.monotonicity.low <= 0 <= curve.monotonicity.high
        broken += bool(curve.breaks)
        falling += curve.flat_from != curve.difference[0]
    assert told <= 12
    assert broken <= 8
    assert falling <= 8


def test_straight_lines_seldom_break_or_flatten():
    curves = [measure(plant(seed, shape="linear", n_groups=25, size=6, noise=0.6)) for seed in range(60)]
    assert sum(bool(curve.breaks) for curve in curves) <= 4
    assert sum(curve.flat_from is not None for curve in curves) <= 4


def test_a_known_tau_is_in_most_intervals():
    truth = measure(plant(999, shape="linear", n_groups=2_000, size=6, noise=0.8)).monotonicity.value
    scores = [measure(plant(seed, shape="linear", n_groups=40, size=6, noise=0.8)).monotonicity for seed in range(80)]
    assert np.mean([score.low <= truth <= score.high for score in scores]) >= 0.87
    spread = np.std([score.value for score in scores])
    assert spread == pytest.approx(np.mean([(score.high - score.low) / 3.92 for score in scores]), rel=0.3)


def test_one_large_group_is_resampled_by_documents():
    curve = measure(plant(5, shape="linear", n_groups=1, size=120))
    assert "documents, n = 120" in curve.monotonicity.interval
    assert "groups" not in curve.monotonicity.interval
    assert curve.monotonicity.high < -0.8
    assert "groups of documents, n = 60" in measure(plant(5, shape="linear")).monotonicity.interval


@pytest.mark.parametrize(("n_groups", "size"), [(60, 4), (1, 60)])
def test_bands_hold_what_many_studies_give(n_groups, size):
    """Whether groups or documents are resampled: the curve of very many documents is in nine of ten bands or more."""
    truth = SHAPES["linear"]
    held, width, found = [], [], []
    for seed in range(60):
        curve = measure(plant(seed, shape="linear", n_groups=n_groups, size=size, noise=0.6))
        cosines = (truth(curve.difference[1:])) / (1 + 0.6**2)
        held.append((curve.low[1:] <= cosines) & (cosines <= curve.high[1:]))
        width.append((curve.high - curve.low)[1:9] / 3.92)
        found.append(curve.similarity[1:9] - cosines[:8])
    assert np.mean(np.concatenate(held)) >= 0.88
    assert 0.8 < np.mean(width) / np.std(found) < 1.7


def test_many_documents_are_sampled():
    vectors, prices, _ = plant(6, shape="linear", n_groups=1, size=2_000)
    curve = measure_response(vectors, name_number(prices), others=[], seed=0)
    assert curve.n.sum() == curve.monotonicity.n == 200_000
    assert curve.n_documents == 2_000


def test_equal_unknowns_are_equal_and_other_attributes_hold():
    vectors, prices, groups = plant(7, shape="linear", n_groups=10, size=6)
    known = groups.astype(float)
    known[groups == 3] = np.nan
    whole, holed = measure((vectors, prices, groups)), measure((vectors, prices, known))
    assert np.array_equal(whole.n, holed.n)
    itself = measure_response(vectors, name_number(prices), others=[name_number(prices), name_category(groups)], seed=0)
    assert np.array_equal(whole.n, itself.n), "an attribute is not held equal to itself"


def test_the_same_seed_the_same_curve():
    case = plant(8, shape="linear", n_groups=30)
    first, second, other = measure(case), measure(case), measure(case, seed=1)
    assert np.array_equal(first.low, second.low)
    assert not np.array_equal(first.low, other.low)


def test_a_collapsed_model_does_not_answer():
    vectors, prices, groups = plant(9, shape="linear")
    curve = measure((np.ones_like(vectors), prices, groups))
    assert isinstance(curve, ResponseCurve)
    assert (curve.monotonicity.value, curve.monotonicity.reason) == (None, "all pairs are equally similar")
    assert (curve.breaks, curve.flat_from) == ((), 0)


def test_why_there_is_no_curve():
    vectors, prices, groups = plant(10, shape="linear", n_groups=4, size=4)
    few = measure((vectors[:4], prices[:4], groups[:4]))
    assert isinstance(few, Score)
    assert few.value is None
    assert few.reason.startswith("6 pairs of 4 documents differ in price at most")
    assert measure((vectors, np.full(16, np.nan), groups)).reason.startswith("0 pairs of 0 documents")
    assert measure((vectors, np.ones(16), groups)).reason.endswith("equally far apart in price")
    assert measure((vectors[:0], prices[:0], groups[:0])).reason == "there are no documents"
    district = measure_response(vectors, name_category(groups), others=[], seed=0)
    assert district.reason == "district is no number"


def test_vectors_must_be_finite():
    vectors, prices, groups = plant(11, shape="linear", n_groups=4)
    vectors[3, 2] = np.nan
    with pytest.raises(DataError, match="row 3"):
        measure((vectors, prices, groups))
