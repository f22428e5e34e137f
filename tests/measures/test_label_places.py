"""Where a class's name belongs, on shapes whose answer is plain to see."""

import numpy as np
import pytest

from latentscape.measures.label_places import MOST, find_label_places

TURN = np.linspace(0, 2 * np.pi, 200, endpoint=False)
RING = np.stack([np.cos(TURN), np.sin(TURN)], axis=1)


def blob(n, center=(0.0, 0.0), seed=0):
    return np.random.default_rng(seed).normal(size=(n, 2)) + center


def one_class(xy):
    places = find_label_places(np.asarray(xy, dtype=float), np.zeros(len(xy), dtype=int))
    return places.centroids[0], places.spots[0], bool(places.moved[0])


def test_five_points_by_hand():
    # m = 5, the first nearest counts. r of the samples: 1, 1, 1, 1 and 6; median 1. The centroid (2.4, 0) lies 0.4
    # from (2, 0), which is within 1.5 x 1: it stays.
    near = [[0, 0], [1, 0], [2, 0], [3, 0], [6, 0]]
    assert one_class(near)[1].tolist() == [2.4, 0.0]
    # Moved to 30, the last one draws the centroid to (7.2, 0): 4.2 from the nearest sample. All four others have
    # r = 1; the lowest row is chosen.
    far = [[0, 0], [1, 0], [2, 0], [3, 0], [30, 0]]
    assert one_class(far)[1].tolist() == [0.0, 0.0]


@pytest.mark.parametrize("n", [4, 10, 100, 3000])
@pytest.mark.parametrize("scale", [1e-9, 1.0, 1e9])
def test_a_blob_is_named_at_its_centroid(n, scale):
    xy = scale * blob(n, center=(50.0, -20.0))
    centroid, spot, moved = one_class(xy)
    assert not moved
    assert centroid == pytest.approx(xy.mean(axis=0))
    assert spot.tolist() == centroid.tolist()


@pytest.mark.parametrize("n", [12, 400, 5000])
def test_two_blobs_are_named_in_the_larger_one_not_between(n):
    large, small = blob(2 * n // 3), blob(n // 3, center=(30.0, 0.0), seed=1)
    _, spot, moved = one_class(np.concatenate([small, large]))
    assert moved
    assert np.linalg.norm(spot) < 2.0


def test_a_ring_is_named_on_the_ring():
    centroid, spot, moved = one_class(RING)
    assert np.abs(centroid).max() < 1e-9 and moved
    assert np.linalg.norm(spot) == pytest.approx(1.0)


def test_a_crescent_is_named_on_the_crescent():
    _, spot, moved = one_class(RING[:110])
    assert moved and np.linalg.norm(spot) == pytest.approx(1.0)


def test_scattered_samples_are_named_in_their_middle():
    xy = np.random.default_rng(3).uniform(-1, 1, size=(40, 2))
    assert not one_class(xy)[2]


def test_two_and_three_samples_are_named_at_one_of_them():
    assert one_class([[0, 0], [9, 0]])[1].tolist() == [0.0, 0.0]
    assert one_class([[0, 0], [9, 0], [2, 0]])[1].tolist() == [2.0, 0.0]
    assert one_class([[4, 4], [4, 4]])[1].tolist() == [4.0, 4.0]


def test_one_sample_and_equal_samples_stay_where_they_are():
    for xy in ([[3, 4]], [[3, 4]] * 50):
        centroid, spot, moved = one_class(xy)
        assert centroid.tolist() == spot.tolist() == [3.0, 4.0]
        assert not moved


def test_classes_come_in_order_with_their_sizes_and_without_the_unknown_ones():
    labels = np.array([5, -1, 2, 5, 2, 2, -1])
    xy = np.arange(14.0).reshape(7, 2)
    places = find_label_places(xy, labels)
    assert places.classes.tolist() == [2, 5]
    assert places.sizes.tolist() == [3, 2]
    np.testing.assert_allclose(places.centroids, [xy[labels == 2].mean(axis=0), xy[labels == 5].mean(axis=0)])
    assert places.spots[0].tolist() in xy[labels == 2].tolist()


@pytest.mark.parametrize("labels", [np.zeros(0, dtype=int), np.full(3, -1)])
def test_without_known_classes_there_are_no_places(labels):
    places = find_label_places(np.zeros((len(labels), 2)), labels)
    assert places.spots.shape == places.centroids.shape == (0, 2)
    assert not len(places.classes)


def test_a_moved_name_always_stands_at_a_sample_of_its_class():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 30, size=2 * MOST)
    xy = rng.standard_t(1.5, size=(len(labels), 2))
    places = find_label_places(xy, labels)
    for label in np.flatnonzero(places.moved):
        assert places.spots[label].tolist() in xy[labels == places.classes[label]].tolist()


def test_the_same_places_from_float32():
    xy = np.concatenate([blob(300), blob(300, center=(40.0, 0.0), seed=1)])
    labels = np.zeros(600, dtype=int)
    single = find_label_places(xy.astype(np.float32), labels)
    np.testing.assert_allclose(single.spots, find_label_places(xy, labels).spots, rtol=1e-5)
