"""Principal components against the singular value decomposition, and where there is no second or no first one."""

import numpy as np
import pytest

from latentscape.maps import pca
from latentscape.maps.pca import find_components


def by_svd(features):
    """Scores on the first two components by the textbook, signs as ours."""
    centered = features.astype(np.float64) - features.astype(np.float64).mean(axis=0)
    left, sizes, _ = np.linalg.svd(centered, full_matrices=False)
    scores = left[:, :2] * sizes[:2]
    largest = np.abs(scores).argmax(axis=0)
    return scores * np.sign(scores[largest, [0, 1]]), sizes[:2] ** 2 / (sizes**2).sum()


def once(n):
    return np.ones(n, dtype=int)


@pytest.mark.parametrize(("n", "d"), [(40, 6), (6, 40), (9, 9), (200, 2), (4, 3)])
def test_agrees_with_svd_on_tall_and_wide_tables(n, d):
    features = (np.random.default_rng(n * d).normal(size=(n, d)) * np.arange(1, d + 1) + 7).astype(np.float32)
    scores, shares = find_components(features, once(n))
    expected, expected_shares = by_svd(features)
    np.testing.assert_allclose(scores, expected, atol=1e-8 * np.abs(expected).max())
    np.testing.assert_allclose(shares, expected_shares, rtol=1e-9)


def test_counts_are_repeated_rows():
    rng = np.random.default_rng(1)
    features, counts = rng.normal(size=(12, 4)), rng.integers(1, 9, size=12)
    repeated, _ = by_svd(np.repeat(features, counts, axis=0))
    scores, _ = find_components(features, counts)
    np.testing.assert_allclose(scores, repeated[np.cumsum(counts) - 1], atol=1e-9)


def test_a_weak_second_component_keeps_its_digits_beside_a_strong_first_one():
    rng = np.random.default_rng(2)
    features = rng.normal(size=(100, 3)) * [1e9, 1.0, 1e-3]
    scores, _ = find_components(features, once(100))
    true = features[:, 1] - features[:, 1].mean()
    assert abs(np.corrcoef(scores[:, 1], true)[0, 1]) > 0.999


def test_by_hand_on_a_cross():
    cross = np.array([[2, 0], [-2, 0], [0, 1], [0, -1]], dtype=np.float32)
    scores, shares = find_components(cross, once(4))
    np.testing.assert_allclose(np.abs(scores), [[2, 0], [2, 0], [0, 1], [0, 1]], atol=1e-12)
    np.testing.assert_allclose(shares, [0.8, 0.2])


@pytest.mark.parametrize(
    "features",
    [np.outer([1, 2, 4, 7], [3, 1, 2]), np.array([[1.0], [5], [2], [9]]), np.outer([1, 2, 4, 7], [3, 1, 2, 5, 8])],
    ids=["rank one", "one column", "rank one, wide"],
)
def test_no_second_direction_gives_zeros(features):
    scores, shares = find_components(features.astype(np.float64), once(4))
    assert scores[:, 1].tolist() == [0, 0, 0, 0]
    np.testing.assert_allclose(shares[0], 1)
    np.testing.assert_allclose(np.ptp(scores[:, 0]), np.linalg.norm(np.ptp(features, axis=0)))


@pytest.mark.parametrize("value", [0.0, 3.25, 1e30])
def test_equal_rows_give_zeros(value):
    scores, shares = find_components(np.full((5, 3), value, dtype=np.float32), once(5))
    assert not scores.any()
    assert not shares.any()


@pytest.mark.parametrize("scale", [2.0**100, 2.0**-120])
def test_scale_changes_exponents_only(scale):
    features = np.random.default_rng(3).normal(size=(30, 5)).astype(np.float32)
    plain, _ = find_components(features, once(30))
    scaled, _ = find_components(features * np.float32(scale), once(30))
    np.testing.assert_array_equal(scaled, plain * scale)


@pytest.mark.parametrize("directions", [False, True])
def test_rows_in_blocks_give_what_all_at_once_give(directions, monkeypatch):
    features = np.random.default_rng(6).normal(size=(101, 7)).astype(np.float32)
    whole, shares = find_components(features, once(101), directions=directions)
    monkeypatch.setattr(pca, "BLOCK_NUMBERS", 70)
    in_blocks, shares_in_blocks = find_components(features, once(101), directions=directions)
    np.testing.assert_allclose(in_blocks, whole, atol=1e-12)
    np.testing.assert_allclose(shares_in_blocks, shares)


def test_components_of_every_third_row_score_all_rows():
    features = np.random.default_rng(7).normal(size=(90, 5))
    scores, _ = find_components(features, once(90), step=3)
    centered = features - features[::3].mean(axis=0)
    axes = np.linalg.svd(centered[::3])[2][:2]
    np.testing.assert_allclose(np.abs(scores), np.abs(centered @ axes.T), atol=1e-9)


def test_a_large_matrix_is_solved_like_a_small_one(monkeypatch):
    features = np.random.default_rng(8).normal(size=(40, 12))
    small, _ = find_components(features, once(40))
    monkeypatch.setattr(pca, "DENSE_UP_TO", 3)
    np.testing.assert_allclose(find_components(features, once(40))[0], small, atol=1e-9)
