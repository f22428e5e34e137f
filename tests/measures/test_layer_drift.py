import numpy as np
import pytest

from latentscape.errors import DataError
from latentscape.measures.cka import measure_cka
from latentscape.measures.effective_rank import measure_effective_rank
from latentscape.measures.layer_drift import measure_layer_drift
from latentscape.measures.readout import measure_readouts
from latentscape.measures.silhouette import measure_silhouette
from latentscape.neighbors import find_neighbors


def make_checkpoints(seed, *, n=120, n_classes=4, signals=(0.2, 0.6, 1.2), widths=(10, 10, 14)):
    random = np.random.default_rng(seed)
    labels = random.permutation(np.arange(n) % n_classes)
    features = []
    for signal, width in zip(signals, widths, strict=True):
        centers = random.normal(size=(n_classes, width))
        features.append((signal * centers[labels] + random.normal(size=(n, width))).astype(np.float32))
    return features, labels


def measure(features, labels, *, clusters=None, k=15, seed=0, **others):
    graphs = [find_neighbors(each, k=k) for each in features]
    clusters = np.arange(len(features[0])) if clusters is None else clusters
    return measure_layer_drift(features, graphs=graphs, labels=labels, clusters=clusters, seed=seed, **others)


def test_scores_are_those_of_the_measures_named():
    features, labels = make_checkpoints(0)
    found = measure(features, labels)
    assert set(found.similarity) == set(found.overlap) == {(0, 1), (0, 2), (1, 2)}
    for (i, j), score in found.similarity.items():
        assert score.value == pytest.approx(measure_cka(features[i], features[j], seed=0).value, abs=1e-9)
    for each, scores in zip(features, found.geometry, strict=True):
        rank, silhouette = measure_effective_rank(each, seed=0), measure_silhouette(each, labels, seed=0)
        assert set(scores) == {"effective_rank", "silhouette"}
        assert scores["effective_rank"].value == pytest.approx(rank.value, abs=1e-9)
        assert scores["silhouette"].value == pytest.approx(silhouette.value, abs=1e-9)


@pytest.mark.parametrize("grouped", [False, True])
def test_probes_read_as_the_readouts_of_each_checkpoint(grouped):
    features, labels = make_checkpoints(1)
    labels[[3, 50, 70]] = -1
    clusters = np.arange(120) // 8 if grouped else np.arange(120)
    clusters[5] = -1
    dataset_ids = np.arange(120) // 60
    found = measure(features, labels, clusters=clusters, seed=4, dataset_ids=dataset_ids)
    for each, tally in zip(features, found.probes, strict=True):
        readout = measure_readouts(each, labels=labels, dataset_ids=dataset_ids, speaker_ids=clusters, seed=4)
        expected = readout["class", "linear"]
        assert np.array_equal(tally.above[:, 0], expected.hits)
        assert np.array_equal(tally.below[:, 0], expected.used)
        assert np.array_equal(tally.below[:, 0] == 1, labels >= 0)
        assert tally.name == expected.score.name == "linear_class"
        assert tally.above.sum() / tally.below.sum() == pytest.approx(expected.score.value)


def test_what_is_learned_is_read_better_and_nothing_is_read_in_noise():
    features, labels = make_checkpoints(2, n=400, signals=(0.0, 0.7, 3.0))
    shares = [float(tally.above.sum() / tally.below.sum()) for tally in measure(features, labels).probes]
    assert shares[0] == pytest.approx(0.25, abs=0.09)
    assert shares[0] + 0.15 < shares[1] < shares[2]
    assert shares[2] > 0.98


def test_whole_clusters_are_held_out():
    """What is known of a speaker's other samples must not help: here it would tell everything."""
    random = np.random.default_rng(3)
    clusters = np.arange(200) // 10
    labels = random.permutation(np.arange(20) % 2)[clusters]
    features = (np.eye(20)[clusters] * 5 + 0.1 * random.normal(size=(200, 20))).astype(np.float32)
    known, unknown = (measure([features] * 2, labels, clusters=each).probes[0] for each in (np.arange(200), clusters))
    assert known.above.sum() / known.below.sum() > 0.95
    assert unknown.above.sum() / unknown.below.sum() < 0.8


def test_the_same_checkpoint_twice():
    features, labels = make_checkpoints(4)
    turned = (features[0] @ np.linalg.qr(np.random.default_rng(0).normal(size=(10, 10)))[0] * 3).astype(np.float32)
    found = measure([features[0], features[0], turned], labels)
    for score in found.similarity.values():
        assert score.value == pytest.approx(1.0, abs=1e-5)
    for score in found.overlap.values():
        assert score.value == pytest.approx(1.0, abs=1e-3)
    first, second, _ = found.probes
    assert np.array_equal(first.above, second.above)
    assert found.geometry[0] == found.geometry[1]


def test_the_same_seed_gives_the_same_bytes():
    features, labels = make_checkpoints(5)
    first, second = measure(features, labels), measure(features, labels)
    assert first.similarity == second.similarity
    assert first.geometry == second.geometry
    assert [tally.above.tobytes() for tally in first.probes] == [tally.above.tobytes() for tally in second.probes]


@pytest.mark.parametrize("labels", [None, np.zeros(120, dtype=int), np.full(120, -1), np.repeat([0, -1], 60)])
def test_without_two_classes_there_is_no_probe(labels):
    features, _ = make_checkpoints(6)
    found = measure(features, labels)
    assert found.probes == ()
    assert [set(scores) for scores in found.geometry] == [{"effective_rank"}] * 3


@pytest.mark.parametrize("n", [1, 2, 3, 5])
def test_few_samples(n):
    features, _ = make_checkpoints(7, n=n)
    for clusters in (np.arange(n), np.zeros(n, dtype=int), np.full(n, -1)):
        found = measure(features, np.arange(n) % 2, clusters=clusters)
        scores = [*found.similarity.values(), *found.overlap.values(), *(s for g in found.geometry for s in g.values())]
        assert all(score.value is None or np.isfinite(score.value) for score in scores)
        assert all(score.reason for score in scores if score.value is None)
        assert len(found.probes) == (3 if n > 2 else 0)  # of two, each is the only one of its class


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_collapsed_features(value):
    features, labels = make_checkpoints(8)
    found = measure([np.full((120, 5), value, dtype=np.float32), *features[1:]], labels)
    assert found.similarity[0, 1].value is None
    assert found.similarity[0, 1].reason
    assert found.probes[0].above.sum() <= 60
    assert np.isfinite(found.geometry[0]["silhouette"].value or 0.0)


def test_what_does_not_fit_is_refused():
    features, labels = make_checkpoints(9)
    graphs = [find_neighbors(each, k=5) for each in features]
    clusters = np.arange(120)
    short = [*graphs[:2], find_neighbors(features[2][:50], k=5)]
    with pytest.raises(DataError, match="same samples"):
        measure_layer_drift(features, graphs=short, labels=labels, clusters=clusters, seed=0)
    broken = [features[0].copy(), *features[1:]]
    broken[0][3, 3] = np.nan
    with pytest.raises(DataError, match="not finite"):
        measure_layer_drift(broken, graphs=graphs, labels=labels, clusters=clusters, seed=0)
