"""make_map: every method on every kind of table, the same bytes each time, and what it refuses."""

import hashlib
import os
import subprocess
import sys

import numpy as np
import pytest

from latentscape.errors import DataError, UsageError
from latentscape.maps import METHODS, MapOptions, make_map, neighbors_needed
from latentscape.measures.faithfulness import measure_map_trust
from latentscape.neighbors import find_neighbors
from latentscape.progress import Progress

RNG = np.random.default_rng(0)
TABLES = {
    "all rows equal": np.ones((30, 4)),
    "rank one": np.outer(RNG.normal(size=40), RNG.normal(size=6)),
    "nine of ten rows equal": np.vstack([RNG.normal(size=(12, 4)), np.ones((108, 4))]),
    "two clusters a million apart": RNG.normal(size=(60, 4)) + 1e6 * (np.arange(60)[:, None] < 30),
    "one column": RNG.normal(size=(50, 1)),
    "huge values": RNG.normal(size=(50, 5)) * 1e30,
    "one huge row": RNG.normal(size=(50, 5)) * np.where(np.arange(50)[:, None] == 3, 1e30, 1),
    "half of the rows huge": RNG.normal(size=(50, 5)) * np.where(np.arange(50)[:, None] < 25, 1e30, 1),
    "tiny values": RNG.normal(size=(50, 5)) * 1e-30,
    "a grid": np.stack(np.meshgrid(range(7), range(7)), axis=-1).reshape(-1, 2),
    "rows of zeros": np.where(np.arange(40)[:, None] % 4 == 0, 0, RNG.normal(size=(40, 5))),
}


def draw(features, method, *, metric="euclidean", seed=0, anchors=None, **options):
    features = np.asarray(features, dtype=np.float32)
    graph = find_neighbors(features, k=len(features), metric=metric)
    return make_map(features, graph, method=method, seed=seed, anchors=anchors, options=MapOptions(**options))


@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
@pytest.mark.parametrize("name", TABLES)
@pytest.mark.parametrize("method", METHODS)
def test_every_table_gives_finite_places(method, name, metric):
    features = TABLES[name].astype(np.float32)
    graph = find_neighbors(features, k=len(features), metric=metric)
    drawn = make_map(features, graph, method=method, seed=0)
    assert drawn.xy.shape == (len(features), 2)
    assert np.isfinite(drawn.xy).all()
    distinct = len(features if graph.kinds is None else graph.kinds.first)
    assert drawn.parameters["n_distinct"] == distinct
    assert bool(drawn.notice) == (distinct <= 3)
    assert (np.ptp(drawn.xy, axis=0).max() > 0) == (distinct > 1)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.slow
def test_every_small_number_of_samples(method):
    for n in range(1, 61):
        drawn = draw(np.random.default_rng(n).normal(size=(n, 3)), method)
        assert drawn.xy.shape == (n, 2)
        assert np.isfinite(drawn.xy).all()
        assert bool(drawn.notice) == (n <= 3)
        assert len(np.unique(drawn.xy, axis=0)) == n
        assert drawn.method == method


def test_two_and_three_samples_are_equally_far_from_each_other():
    for n in (2, 3):
        xy = draw(np.random.default_rng(n).normal(size=(n, 3)), "umap").xy
        gaps = [np.linalg.norm(xy[i] - xy[j]) for i in range(n) for j in range(i)]
        np.testing.assert_allclose(gaps, 1)


@pytest.mark.parametrize("method", METHODS)
def test_identical_samples_share_a_point(method):
    rows = np.random.default_rng(1).normal(size=(25, 4))
    group = np.random.default_rng(2).integers(0, 25, size=200)
    xy = draw(rows[group], method).xy
    kinds = np.unique(group)
    assert len(np.unique(xy, axis=0)) == len(kinds)
    for kind in kinds:
        assert len(np.unique(xy[group == kind], axis=0)) == 1


@pytest.mark.parametrize("method", METHODS)
def test_the_same_seed_gives_the_same_bytes(method):
    features = np.random.default_rng(3).normal(size=(120, 6))
    assert draw(features, method, seed=7).xy.tobytes() == draw(features, method, seed=7).xy.tobytes()


@pytest.mark.parametrize("method", ["tsne", "umap"])
def test_another_seed_gives_another_map(method):
    features = np.random.default_rng(3).normal(size=(120, 6))
    assert draw(features, method, seed=7).xy.tobytes() != draw(features, method, seed=8).xy.tobytes()


@pytest.mark.slow
def test_the_same_bytes_in_another_process_on_another_number_of_threads():
    code = (
        "import sys, hashlib, numpy as np; from latentscape.maps import make_map; "
        "from latentscape.neighbors import find_neighbors;"
        "x = np.random.default_rng(5).normal(size=(150, 40)).astype(np.float32); g = find_neighbors(x, k=90);"
        "maps = [make_map(x, g, method=m, seed=4).xy.tobytes() for m in ('tsne', 'umap', 'pca')];"
        "sys.stdout.write(hashlib.sha256(b''.join(maps)).hexdigest())"
    )
    x = np.random.default_rng(5).normal(size=(150, 40)).astype(np.float32)
    here = b"".join(draw(x, method, metric="cosine", seed=4).xy.tobytes() for method in ("tsne", "umap", "pca"))
    for threads in ("1", "3"):
        environment = os.environ | {"OMP_NUM_THREADS": threads, "OPENBLAS_NUM_THREADS": threads}
        command = [sys.executable, "-c", code]
        there = subprocess.run(command, env=environment, capture_output=True, check=True, timeout=300).stdout
        assert there.decode() == hashlib.sha256(here).hexdigest()


@pytest.mark.parametrize("method", METHODS)
def test_features_times_a_power_of_two_give_the_same_map(method):
    features = np.random.default_rng(6).normal(size=(80, 5)).astype(np.float32)
    scale = np.float32(2.0**90)
    factor = 2.0**90 if method == "pca" else 1.0  # only PCA keeps the units
    np.testing.assert_array_equal(draw(features * scale, method).xy, draw(features, method).xy * factor)


@pytest.mark.parametrize("method", ["tsne", "umap"])
def test_clusters_stay_together_and_apart(method):
    kind = np.arange(120) % 3
    centers = np.random.default_rng(8).normal(size=(3, 10)) * 8
    features = (centers[kind] + np.random.default_rng(9).normal(size=(120, 10))).astype(np.float32)
    near = find_neighbors(draw(features, method).xy, k=10, metric="euclidean").indices
    assert (kind[near] == kind[:, None]).all()


@pytest.mark.parametrize(("method", "least"), [("tsne", 0.64), ("umap", 0.60)])
def test_neighbor_recall_on_real_images_is_the_libraries_own(method, least, shared_data):
    features = np.load(shared_data / "fashion-mnist" / "pca50.npy")[:500].astype(np.float32)
    graph = find_neighbors(features, k=neighbors_needed(500), metric="euclidean")
    trust = measure_map_trust(features, graph, make_map(features, graph, method=method, seed=0))
    assert trust.recall.value is not None
    assert trust.recall.value > least


def test_parameters_are_those_really_used():
    features = np.random.default_rng(10).normal(size=(20, 4))
    tsne, umap = draw(features, "tsne").parameters, draw(features, "umap", n_neighbors=40, min_dist=0.3).parameters
    assert (tsne["perplexity"], tsne["n_neighbors"]) == (pytest.approx(19 / 3), 19)
    assert (umap["n_neighbors"], umap["min_dist"]) == (19, 0.3)
    shares = draw(features, "pca").parameters
    assert 0 < shares["explained_y"] <= shares["explained_x"] < 1
    large = draw(np.random.default_rng(11).normal(size=(40, 4)), "tsne", perplexity=5).parameters
    assert (large["perplexity"], large["n_neighbors"]) == (5, 15)


@pytest.mark.parametrize(
    ("n", "options", "k"),
    [
        (1, {}, 0),
        (2, {}, 1),
        (50, {}, 49),
        (1000, {}, 90),
        (1000, {"perplexity": 50}, 150),
        (1000, {"perplexity": 3, "n_neighbors": 30}, 30),
    ],
)
def test_how_wide_the_graph_must_be(n, options, k):
    assert neighbors_needed(n, MapOptions(**options)) == k


class Recorder(Progress):
    def __init__(self):
        self.done = {}

    def track(self, items, *, label, total, status=str):
        for number, item in enumerate(items, start=1):
            yield item
            self.done[label] = (number, total, status().split(" ")[0])

    def say(self, message):
        raise AssertionError(message)


@pytest.mark.parametrize(
    ("method", "done"),
    [("tsne", {"t-SNE": (350, 350, "KL")}), ("umap", {"UMAP": (500, 500, "cross")}), ("pca", {})],
)
def test_long_methods_report_their_progress(method, done):
    features = np.random.default_rng(12).normal(size=(20, 4)).astype(np.float32)
    recorder = Recorder()
    make_map(features, find_neighbors(features, k=19), method=method, seed=0, progress=recorder)
    assert recorder.done == done


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_values_that_are_not_finite_are_refused(method, bad):
    features = np.random.default_rng(13).normal(size=(10, 4)).astype(np.float32)
    graph = find_neighbors(features, k=9)
    features[4, 1] = bad
    with pytest.raises(DataError, match="row 4"):
        make_map(features, graph, method=method, seed=0)


def test_no_samples_are_refused():
    graph = find_neighbors(np.ones((1, 3), dtype=np.float32), k=0)
    with pytest.raises(DataError, match="0 x 3"):
        make_map(np.empty((0, 3), dtype=np.float32), graph, method="pca", seed=0)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"method": "tnse"}, "did you mean `tsne`"),
        ({"method": "tsne", "perplexity": 0.5}, "perplexity"),
        ({"method": "umap", "n_neighbors": 1}, "n_neighbors"),
        ({"method": "umap", "min_dist": -0.1}, "min_dist"),
        ({"method": "tsne", "perplexity": float("nan")}, "perplexity"),
        ({"method": "tsne", "time_budget": 0.0}, "more than 0 seconds"),
    ],
)
def test_choices_out_of_range_are_refused(options, words):
    with pytest.raises(UsageError, match=words):
        draw(np.random.default_rng(14).normal(size=(10, 4)), **options)


@pytest.mark.parametrize("method", ["tsne", "umap"])
def test_a_graph_that_is_too_narrow_is_refused(method):
    features = np.random.default_rng(16).normal(size=(50, 4)).astype(np.float32)
    with pytest.raises(UsageError, match="5 neighbors a sample"):
        make_map(features, find_neighbors(features, k=5), method=method, seed=0)


@pytest.mark.parametrize(("method", "count", "of"), [("tsne", "iterations", 350), ("umap", "epochs", 500)])
def test_a_time_budget_ends_a_layout_early(method, count, of):
    features = np.random.default_rng(17).normal(size=(300, 4)).astype(np.float32)
    draw(features, method)  # loads the kernels
    short = draw(features, method, time_budget=0.01)
    assert 0 <= short.parameters[count] < of  # on a busy machine it may be over before the first step
    assert np.isfinite(short.xy).all()
    assert draw(features, method, time_budget=1e6).parameters[count] == of


@pytest.mark.parametrize(("method", "objective"), [("tsne", "divergence"), ("umap", "cross_entropy")])
def test_best_goes_on_and_ends_lower(method, objective):
    features = np.random.default_rng(18).normal(size=(200, 8)).astype(np.float32)
    fast, best = draw(features, method).parameters, draw(features, method, quality="best").parameters
    assert best[objective] < fast[objective]


@pytest.mark.parametrize("method", ["tsne", "umap"])
def test_a_layout_takes_over_the_arrangement_of_its_anchors(method):
    kind = np.arange(160) % 4
    features = 40 * np.eye(4)[kind] + np.random.default_rng(19).normal(size=(160, 4))
    corners = np.array([[0, 0], [0, 9], [9, 9], [9, 0]])
    for order in ([0, 1, 2, 3], [0, 2, 1, 3]):
        drawn = draw(features, method, anchors=corners[order][kind] + np.zeros((160, 2)))
        centers = np.array([drawn.xy[kind == k].mean(axis=0) for k in range(4)])
        far = np.linalg.norm(centers[:, None] - centers, axis=2).argmax(axis=1)
        wanted = np.linalg.norm(corners[order][:, None] - corners[order], axis=2).argmax(axis=1)
        assert far.tolist() == wanted.tolist()
        assert drawn.parameters["start"] == "anchors"


def test_a_graph_of_other_samples_is_our_own_mistake():
    features = np.random.default_rng(15).normal(size=(10, 4)).astype(np.float32)
    with pytest.raises(AssertionError, match="10 samples with a graph of 9"):
        make_map(features, find_neighbors(features[:9], k=5), method="pca", seed=0)
