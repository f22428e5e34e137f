"""Maps in one frame: what stays put stays, what moved is seen to have moved."""

import numpy as np
import pytest

from latentscape.maps import align, make_aligned_maps, neighbors_needed
from latentscape.neighbors import find_neighbors


def turn(xy, angle, *, mirror=False, scale=1.0, shift=(0.0, 0.0)):
    rotation = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return scale * (xy * [(-1.0 if mirror else 1.0), 1.0]) @ rotation + shift


@pytest.mark.parametrize("mirror", [False, True])
def test_a_turned_mirrored_scaled_and_shifted_map_comes_back(mirror):
    xy = np.random.default_rng(0).normal(size=(50, 2))
    moved = turn(xy, 2.1, mirror=mirror, scale=7.0, shift=(30.0, -4.0))
    np.testing.assert_allclose(align(moved, onto=xy), xy, atol=1e-9)


def test_the_many_that_stay_decide():
    xy = np.random.default_rng(1).normal(size=(100, 2))
    moved = turn(xy, 1.0)
    moved[:20] += 50
    after = align(moved, onto=xy)
    np.testing.assert_allclose(after[20:], xy[20:], atol=0.02)
    assert (np.linalg.norm(after[:20] - xy[:20], axis=1) > 20).all()


def test_a_map_with_nothing_in_common_keeps_its_size():
    """Least squares would shrink it to its middle, which looks as if everything had moved together."""
    random = np.random.default_rng(4)
    onto = random.normal(size=(300, 2))
    after = align(5 * random.normal(size=(300, 2)), onto=onto)
    assert 0.7 < after.std() / onto.std() < 1.4


@pytest.mark.parametrize("seed", range(20))
def test_where_most_fit_exactly_no_distance_overflows(seed):
    random = np.random.default_rng(seed)
    onto = random.normal(size=(3, 2))
    assert np.isfinite(align(random.normal(size=(3, 2)), onto=onto)).all()


@pytest.mark.parametrize("n", [1, 2, 5])
def test_a_single_place_is_only_shifted(n):
    onto = np.random.default_rng(2).normal(size=(n, 2))
    assert np.isfinite(align(np.ones((n, 2)), onto=onto)).all()
    assert np.isfinite(align(onto, onto=np.ones((n, 2)))).all()


def frames(n_frames=3):
    """Five groups; from frame to frame the last one walks over to the first, until they are one.

    Each frame has axes of its own.
    """
    random = np.random.default_rng(3)
    kind = np.arange(200) % 5
    centers, noise = 12 * np.eye(6)[:5], random.normal(size=(200, 6))
    made = []
    for t in np.linspace(0, 1, n_frames):
        now = centers.copy()
        now[4] = (1 - t) * centers[4] + t * centers[0]
        spin = np.linalg.qr(random.normal(size=(6, 6)))[0]
        made.append(((now[kind] + noise) @ spin).astype(np.float32))
    return kind, made


@pytest.mark.parametrize("method", ["tsne", "umap"])
def test_known_motion_is_seen_and_nothing_else(method):
    """One of the two that meet has moved, whichever; the three that have nothing to do with it stay."""
    kind, features = frames()
    graphs = [find_neighbors(frame, k=neighbors_needed(200), metric="euclidean") for frame in features]
    maps = make_aligned_maps(features, graphs, method=method, seed=0)
    reach = np.linalg.norm(maps[0].xy - maps[0].xy.mean(axis=0), axis=1).mean()
    centers = np.array([[each.xy[kind == k].mean(axis=0) for k in range(5)] for each in maps])
    gone = np.linalg.norm(centers[-1] - centers[0], axis=1) / reach
    assert max(gone[0], gone[4]) > 2 * gone[1:4].max()
    far = np.linalg.norm(centers[-1] - centers[-1, 4], axis=1)
    assert np.delete(far, 4).argmin() == 0
    assert far[0] < 0.5 * np.linalg.norm(centers[0, 0] - centers[0, 4])


@pytest.mark.parametrize(("method", "within"), [("tsne", 0.08), ("umap", 0.12), ("pca", 1e-9)])
def test_where_nothing_changed_next_to_nothing_moves(method, within):
    _, (features, *_) = frames(1)
    graph = find_neighbors(features, k=neighbors_needed(200), metric="euclidean")
    first, second = (each.xy for each in make_aligned_maps([features] * 2, [graph] * 2, method=method, seed=0))
    reach = np.linalg.norm(first - first.mean(axis=0), axis=1).mean()
    assert np.median(np.linalg.norm(second - first, axis=1)) < within * reach


def test_frames_of_other_samples_are_our_own_mistake():
    graph = find_neighbors(np.eye(5), k=4)
    with pytest.raises(AssertionError, match="frames of"):
        make_aligned_maps([np.eye(5), np.eye(4)], [graph, graph], method="pca", seed=0)
