"""measure_map_trust: a case worked by hand, scikit-learn as an oracle, what each level means, and the edges."""

import os
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from sklearn.manifold import trustworthiness
from sklearn.neighbors import NearestNeighbors

from latentscape.errors import DataError
from latentscape.maps.latent_map import LatentMap
from latentscape.measures import faithfulness
from latentscape.measures import trustworthiness as rows_judged
from latentscape.measures.faithfulness import MapTrust, measure_map_trust
from latentscape.measures.score import Score
from latentscape.neighbors import find_neighbors

LINE = np.array([[0], [1], [2], [3], [4.0]])
SWAPPED = [[0, 0], [4, 0], [2, 0], [3, 0], [1, 0]]
NAMES = ["neighbor_recall", "trustworthiness", "continuity", "shepard_spearman", "triplet_accuracy"]


def on_map(xy):
    return LatentMap(xy=np.asarray(xy, dtype=np.float64), method="test")


def trust_of(features, xy, *, k=15, metric="euclidean", width=None, **options):
    graph = find_neighbors(features, k=k if width is None else width, metric=metric)
    return measure_map_trust(features, graph, on_map(xy), k=k, **options)


def same_number(one, other):
    return list(one.scores.values()) == list(other.scores.values())


def test_five_points_by_hand():
    # On the line 0 1 2 3 4 the map swaps the places of samples 1 and 4, k = 2, w = 2 (10 - 6 - 1) / 2 = 3.
    # Neighbors in features | on the map (ties to the lower number); excess rank of the map's ones in the features, of
    # the features' ones on the map:
    # 0: 1 2 | 4 2; 4 is the 4th: 2; 1 is the 4th: 2     1: 0 2 | 3 2; 3 is the 3rd: 1; 0 is the 4th: 2
    # 2: 1 3 | 3 4; 4 is the 4th: 2; 1 is the 4th: 2     3: 2 4 | 1 2; 1 is the 3rd: 1; 4 is the 3rd: 1
    # 4: 3 2 | 0 2; 0 is the 4th: 2; 3 is the 3rd: 1
    trust = trust_of(LINE, SWAPPED, k=2, width=4)
    assert trust.per_point.tolist() == [0.5] * 5
    np.testing.assert_allclose(trust.per_point_trustworthiness, [1 / 3, 2 / 3, 1 / 3, 2 / 3, 1 / 3])
    np.testing.assert_allclose(trust.per_point_continuity, [1 / 3, 1 / 3, 1 / 3, 2 / 3, 2 / 3])
    assert [trust.scores[name].value for name in NAMES[:3]] == pytest.approx([1 / 2, 7 / 15, 7 / 15])
    # Distances 1 1 1 1 2 2 2 3 3 4 on both sides have mid-ranks 2.5 6 8.5 10; the products of their deviations from
    # 5.5 sum to -5.75, the squares to 75.
    assert trust.scores["shepard_spearman"].value == pytest.approx(-5.75 / 75)
    # Of 30 triplets 4 ask nothing. Right by anchor, ties on the map half: 1 of 6, 2 of 5, 2 of 4, 3.5 of 5, 2.5 of 6.
    assert trust.scores["triplet_accuracy"].value == pytest.approx(11 / 26)
    assert {score.n for score in trust.scores.values()} == {5}
    assert (trust.k, trust.level, trust.weak.any()) == (2, "low", False)
    assert list(trust.scores) == NAMES


@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
@pytest.mark.parametrize("n", [4, 5, 7, 20, 101, 500])
def test_agrees_with_scikit_learn(n, metric):
    rng = np.random.default_rng(n)
    for k in (1, 2, 3, 9, 15, 49):
        if 2 * k < n:
            features = rng.normal(size=(n, int(rng.integers(2, 60))))
            xy = features[:, :2] + rng.normal(size=(n, 2))
            trust = trust_of(features, xy, k=k, metric=metric)
            unit = features / np.linalg.norm(features, axis=1, keepdims=True) if metric == "cosine" else features
            assert trust.scores["trustworthiness"].value == pytest.approx(
                trustworthiness(features, xy, n_neighbors=k, metric=metric), abs=1e-9
            )
            assert trust.scores["continuity"].value == pytest.approx(trustworthiness(xy, unit, n_neighbors=k), abs=1e-9)
            near = NearestNeighbors(n_neighbors=k).fit(unit).kneighbors(return_distance=False)
            shown = NearestNeighbors(n_neighbors=k).fit(xy).kneighbors(return_distance=False)
            kept = [len(set(a) & set(b)) / k for a, b in zip(near, shown, strict=True)]
            np.testing.assert_allclose(trust.per_point, kept)
            assert trust.recall.value == pytest.approx(np.mean(kept))


def test_single_precision_features_give_what_double_precision_gives():
    features = np.random.default_rng(0).normal(size=(200, 30)).astype(np.float32) + 100
    xy = np.random.default_rng(1).normal(size=(200, 2))
    assert same_number(trust_of(features, xy), trust_of(features.astype(np.float64), xy))


def test_a_map_that_is_the_features_keeps_everything():
    features = np.random.default_rng(1).normal(size=(50, 2))
    trust = trust_of(features, features * 3 + 8, width=49)
    assert [score.value for score in trust.scores.values()] == pytest.approx([1] * 5)
    assert all(score.low <= score.value <= score.high for score in trust.scores.values())
    assert trust.recall.low < 1  # fifty of fifty do not prove that the next one keeps them too
    assert (trust.k, trust.level) == (15, "high")


def test_a_map_without_any_relation_is_what_chance_gives():
    rng = np.random.default_rng(2)
    trust = trust_of(rng.normal(size=(600, 8)), rng.normal(size=(600, 2)))
    assert trust.recall.value == pytest.approx(15 / 599, abs=0.01)
    expected = {"trustworthiness": 0.5, "continuity": 0.5, "shepard_spearman": 0, "triplet_accuracy": 0.5}
    for name, value in expected.items():
        assert trust.scores[name].value == pytest.approx(value, abs=0.03)
        assert trust.scores[name].low < value < trust.scores[name].high
    assert trust.level == "low"
    assert trust.weak.mean() > 0.9


@pytest.mark.parametrize(("k", "chance"), [(2, 0.5), (8, 0.5), (10, 1 - 10 / 19), (15, 1 - 15 / 19), (18, 1 - 18 / 19)])
@pytest.mark.slow
def test_chance_is_a_half_until_k_is_half_of_the_samples(k, chance):
    rng = np.random.default_rng(k)
    means = [
        trust_of(rng.normal(size=(20, 3)), rng.normal(size=(20, 2)), k=k).scores["trustworthiness"].value
        for _ in range(20)
    ]
    assert np.mean(means) == pytest.approx(chance, abs=0.07)


def test_the_worst_map_possible_has_no_trustworthiness():
    # every sample's nearest on the map is its farthest in the features: 0 1 | 10 11 paired crosswise
    features = np.array([[0], [1], [10], [11.0]])
    crossed = [[0, 0], [5, 0], [5.1, 0], [0.1, 0]]
    trust = trust_of(features, crossed, k=1)
    assert trust.per_point_trustworthiness.tolist() == [0, 0.5, 0.5, 0]
    assert trust.recall.value == 0


def test_intervals_cover_the_values_as_an_ordinary_bootstrap_does():
    rng = np.random.default_rng(2)
    features, noise = rng.normal(size=(200, 2)), rng.normal(size=(200, 2))
    trust = trust_of(features, features + noise, seed=3)
    every = {
        "neighbor_recall": trust.per_point,
        "trustworthiness": trust.per_point_trustworthiness,
        "continuity": trust.per_point_continuity,
    }
    for name, values in every.items():
        score, means = trust.scores[name], rng.choice(values, size=(4000, 200)).mean(axis=1)
        assert score.value == pytest.approx(values.mean())
        assert (score.n, score.interval) == (200, "95 % bootstrap of 200 samples")
        np.testing.assert_allclose([score.low, score.high], np.percentile(means, [2.5, 97.5]), atol=0.006)


@pytest.mark.slow
def test_the_same_seed_gives_the_same_numbers_on_any_number_of_threads(monkeypatch):
    code = (
        "import numpy as np, sys\n"
        "from latentscape.maps.latent_map import LatentMap\n"
        "from latentscape.measures.faithfulness import measure_map_trust\n"
        "from latentscape.neighbors import find_neighbors\n"
        "x = np.random.default_rng(0).normal(size=(900, 12)).astype(np.float32)\n"
        "m = LatentMap(xy=x[:, :2].astype(np.float64), method='test')\n"
        "t = measure_map_trust(x, find_neighbors(x, k=15), m, seed=5)\n"
        "sys.stdout.write(repr([list(t.scores.values()), t.per_point_trustworthiness.sum()]))"
    )
    environment = os.environ | {"OMP_NUM_THREADS": "3", "OPENBLAS_NUM_THREADS": "3"}
    said = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, check=True).stdout
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    features = np.random.default_rng(0).normal(size=(900, 12)).astype(np.float32)
    here = trust_of(features, features[:, :2], metric="cosine", seed=5)
    assert repr([list(here.scores.values()), here.per_point_trustworthiness.sum()]).encode() == said


def test_of_many_samples_a_choice_is_judged_each_among_all(monkeypatch):
    rng = np.random.default_rng(4)
    features, xy = rng.normal(size=(700, 5)), rng.normal(size=(700, 2))
    whole = trust_of(features, xy, seed=1)
    monkeypatch.setattr(rows_judged, "ALL_ROWS", 300)
    monkeypatch.setattr(faithfulness, "COMPARED", 100)
    some = trust_of(features, xy, seed=1)
    judged = np.isfinite(some.per_point_trustworthiness)
    assert judged.sum() == np.isfinite(some.per_point_continuity).sum() == 300
    np.testing.assert_array_equal(some.per_point_trustworthiness[judged], whole.per_point_trustworthiness[judged])
    np.testing.assert_array_equal(some.per_point_continuity[judged], whole.per_point_continuity[judged])
    assert [some.scores[name].n for name in NAMES] == [700, 300, 300, 100, 100]
    assert (np.isfinite(trust_of(features, xy, seed=2).per_point_continuity) != judged).any()


def test_rows_judged_grow_fewer_with_the_work_each_takes():
    assert len(rows_judged.choose_rows(3_000, 4_096, seed=0)) == 3_000
    assert len(rows_judged.choose_rows(70_000, 50, seed=0)) == 3_000
    assert len(rows_judged.choose_rows(70_000, 200, seed=0)) == 1_428
    assert len(rows_judged.choose_rows(1_000_000, 64, seed=0)) == 1_000
    assert len(set(rows_judged.choose_rows(5_000, 9, seed=0))) == 3_000


def test_two_maps_of_two_seeds_have_neighbors_in_common():
    rng = np.random.default_rng(6)
    features = rng.normal(size=(60, 3))
    turned = features[:, 1::-1] * [1, -1]
    trust = trust_of(features, features[:, :2], k=5, redrawn=on_map(turned))
    assert trust.scores["stability"].value == 1
    trust = trust_of(LINE, SWAPPED, k=2, redrawn=on_map(np.column_stack([LINE, LINE])))
    assert (trust.scores["stability"].value, trust.scores["stability"].name) == (0.5, "stability")
    assert list(trust.scores) == [*NAMES, "stability"]
    assert "stability" not in trust_of(LINE, SWAPPED, k=2).scores


def level_of(trusted, continued, recall, *, k=15, n=1000):
    values = {"trustworthiness": trusted, "continuity": continued, "neighbor_recall": recall}
    scores = {
        name: Score(name=name, value=value, n=n, reason="" if value is not None else "why")
        for name, value in values.items()
    }
    every = np.zeros(n)
    return MapTrust(
        k=k, scores=scores, per_point=every, per_point_trustworthiness=every, per_point_continuity=every,
        weak=every > 0,
    ).level  # fmt: skip


@pytest.mark.parametrize(
    ("values", "level"),
    [
        ((0.997, 0.989, 0.38), "high"),
        ((0.98, 0.99, 0.16), "fair"),
        ((0.97, 0.94, 0.5), "fair"),
        ((0.92, 0.98, 0.08), "low"),
        ((0.84, 0.98, 0.5), "low"),
        ((0.5, 0.5, 0.015), "low"),
        ((None, None, None), "unknown"),
    ],
)
def test_levels_in_words(values, level):
    assert level_of(*values) == level


def test_levels_count_what_is_above_chance():
    assert level_of(0.96, 0.96, 0.4, k=15, n=40) == "low"  # chance alone keeps 15 of 39
    assert level_of(0.96, 0.96, 0.6, k=15, n=40) == "high"
    assert level_of(0.96, 0.96, 0.9, k=15, n=31) == "high"
    assert level_of(0.96, 0.96, 0.9, k=15, n=30) == "unknown"


@pytest.mark.parametrize(("n", "k"), [(2, 1), (3, 2), (16, 15), (17, 15)])
def test_k_is_cut_to_the_samples_that_exist(n, k):
    features = np.random.default_rng(n).normal(size=(n, 3)).astype(np.float32)
    assert trust_of(features, features[:, :2], width=30).k == k


def test_k_is_cut_to_the_width_of_the_graph():
    features = np.random.default_rng(0).normal(size=(30, 3)).astype(np.float32)
    assert trust_of(features, features[:, :2], width=4).k == 4


@pytest.mark.parametrize("n", [2, 3, 16])
def test_where_all_samples_are_neighbors_any_map_would_keep_them(n):
    features = np.random.default_rng(n).normal(size=(n, 3)).astype(np.float32)
    trust = trust_of(features, features[::-1, :2], width=30)
    for name in NAMES[:3]:
        assert trust.scores[name].value is None
        assert "any map" in trust.scores[name].reason
    assert np.isnan([trust.per_point, trust.per_point_trustworthiness, trust.per_point_continuity]).all()
    assert (trust.level, trust.weak.any()) == ("unknown", False)
    assert (trust.scores["shepard_spearman"].value is None) == (n < 3)
    one_more = np.random.default_rng(n).normal(size=(17, 3)).astype(np.float32)
    assert trust_of(one_more, one_more[::-1, :2], width=30).recall.value < 1.0


def test_one_sample_has_no_score_and_says_why():
    trust = trust_of(np.ones((1, 3)), [[0, 0]], width=5, redrawn=on_map([[1, 1]]))
    assert {score.value for score in trust.scores.values()} == {None}
    assert {score.reason for score in trust.scores.values()} == {"a single sample has no neighbors"}
    assert np.isnan(trust.per_point).all()
    assert (trust.k, trust.level, len(trust.scores)) == (0, "unknown", 6)


def test_samples_that_all_share_one_place_have_no_score():
    features = np.random.default_rng(0).normal(size=(20, 2))
    trust = trust_of(features, np.ones((20, 2)), k=5)
    assert {score.reason for score in trust.scores.values()} == {"all samples lie on one point"}
    assert trust.scores["shepard_spearman"].bounds == (-1.0, 1.0)


def test_features_that_are_all_equal_say_nothing_of_distances():
    trust = trust_of(np.ones((20, 2)), np.random.default_rng(0).normal(size=(20, 2)), k=5)
    for name in NAMES[3:]:
        assert trust.scores[name].reason == "all samples are equally far apart in feature space"


def test_a_graph_without_neighbors_says_so():
    trust = trust_of(LINE, SWAPPED, width=0)
    assert {score.reason for score in trust.scores.values()} == {"the graph holds no neighbors"}


def test_equal_points_break_ties_the_same_way_on_both_sides():
    twins = np.repeat(np.eye(2), 10, axis=0)
    trust = trust_of(twins, twins, k=5)
    assert [trust.scores[name].value for name in NAMES[:3]] == [1, 1, 1]


TABLES = {
    "normal": lambda rng, n: rng.normal(size=(n, 4)),
    "all equal": lambda _, n: np.ones((n, 4)),
    "duplicates": lambda rng, n: rng.integers(0, 2, size=(n, 2)).astype(float),
    "rows of zeros": lambda rng, n: rng.normal(size=(n, 3)) * (rng.random((n, 1)) < 0.5),
    "huge": lambda rng, n: rng.normal(size=(n, 3)) * 1e30,
    "one huge row": lambda rng, n: rng.normal(size=(n, 3)) * np.where(np.arange(n)[:, None] == 0, 1e30, 1),
    "far blobs": lambda rng, n: rng.normal(size=(n, 3)) + 1e6 * (np.arange(n)[:, None] % 2),
    "tiny": lambda rng, n: rng.normal(size=(n, 3)) * 1e-30,
}


@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
@pytest.mark.parametrize("table", TABLES)
@pytest.mark.slow
def test_every_small_table_has_scores_or_reasons(table, metric):
    for n in (1, 2, 3, 4, 5, 7, 16, 17, 20, 24):
        rng = np.random.default_rng(n)
        features = TABLES[table](rng, n).astype(np.float32)
        for xy in (rng.normal(size=(n, 2)), rng.integers(0, 2, size=(n, 2)), np.full((n, 2), 3.0)):
            trust = trust_of(features, xy, metric=metric, redrawn=on_map(rng.normal(size=(n, 2))))
            for score in trust.scores.values():
                assert (score.value is None) == bool(score.reason)
                ends = [end for end in (score.low, score.value, score.high) if end is not None]
                assert all(score.bounds[0] <= end <= score.bounds[1] for end in ends)
                assert (score.low is None) == (score.high is None)
            assert trust.k == min(15, n - 1)
            assert trust.level in ("high", "fair", "low", "unknown")


def test_values_of_different_samples_are_refused():
    features = np.random.default_rng(0).normal(size=(20, 3))
    graph = find_neighbors(features, k=5)
    with pytest.raises(DataError, match="a map of 19"):
        measure_map_trust(features, graph, on_map(features[1:, :2]))
    with pytest.raises(DataError, match="19 samples, a graph of 20"):
        measure_map_trust(features[1:], graph, on_map(features[1:, :2]))
    with pytest.raises(DataError, match="a map of 3"):
        measure_map_trust(features, graph, on_map(features[:, :2]), redrawn=on_map(features[:3, :2]))


def test_values_that_are_not_finite_are_refused():
    features = np.random.default_rng(0).normal(size=(20, 3))
    graph, latent_map = find_neighbors(features, k=5), on_map(features[:, :2])
    xy = latent_map.xy.copy()
    xy[3] = np.nan
    with pytest.raises(DataError, match="row 3"):
        measure_map_trust(features, graph, replace(latent_map, xy=xy))
    features[7, 1] = np.inf
    with pytest.raises(DataError, match="row 7"):
        measure_map_trust(features, graph, latent_map)


def test_arrays_that_may_only_be_read_are_read(tmp_path):
    features = np.random.default_rng(0).normal(size=(40, 6)).astype(np.float32)
    np.save(tmp_path / "features.npy", features)
    mapped = np.load(tmp_path / "features.npy", mmap_mode="r")
    xy = features[:, :2].astype(np.float64)
    xy.flags.writeable = False
    graph = find_neighbors(features, k=15)
    graph.indices.flags.writeable = False
    read = measure_map_trust(mapped, graph, LatentMap(xy=xy, method="test"))
    assert same_number(read, trust_of(features, features[:, :2], metric="cosine"))


def test_every_score_and_threshold_is_in_the_document(root):
    text = (root / "docs" / "measures.md").read_text(encoding="utf-8")
    assert all(f"`{name}`" in text for name in [*NAMES, "stability"])
    for word, (rank, recall) in {"high": faithfulness.HIGH, "fair": faithfulness.FAIR}.items():
        assert f"| {word} | {rank} or more, both | {recall} or more |" in text
    assert f"recall is below {faithfulness.WEAK_BELOW}" in text
