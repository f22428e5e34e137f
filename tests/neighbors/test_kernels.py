"""The loops one by one, on numbers worked by hand."""

import numpy as np

from latentscape.neighbors.kernels import (
    LANES,
    arrange,
    collect_nearest,
    gather_members,
    hash_rows,
    keep_nearest,
    measure_double,
    measure_single,
)


def test_collected_are_the_nearest_whatever_the_room():
    keys = np.random.default_rng(0).normal(size=(20, 4 * LANES)).astype(np.float32)
    for room in (9, 12, 200):
        held, rows = np.empty((20, room), np.float32), np.empty((20, room), np.int32)
        counts, limits = np.zeros(20, np.int64), np.full(20, np.inf, np.float32)
        columns = np.arange(4 * LANES, dtype=np.int32) + 7
        collect_nearest(0, 20, keys, np.zeros(4 * LANES, np.float32), columns, 8, held, rows, counts, limits)
        keep_nearest(0, 20, 8, held, rows, counts, limits)
        for line in range(20):
            assert sorted(rows[line, :8]) == sorted(np.argsort(keys[line])[:8] + 7)
            assert limits[line] == np.sort(keys[line])[7]


def test_squared_distances_leave_out_the_row_itself():
    for measure, kind in ((measure_single, np.float32), (measure_double, np.float64)):
        points = np.array([[0, 0], [3, 4], [1, 0]], kind)
        rows, counts, squares = np.array([[0, 1, 2]], np.int32), np.array([3]), np.empty((1, 3))
        line, ones = np.array([2]), np.ones(3)
        measure(0, 1, points, ones, points, ones, line, line, rows, counts, squares)
        assert (rows[0, :2].tolist(), squares[0, :2].tolist(), counts[0]) == ([0, 1], [1, 20], 2)


def test_a_row_of_zeros_is_at_a_right_angle():
    points, weights = np.array([[0.0, 0], [2, 0], [0, 0]]), np.array([0, 0.5, 0])
    rows, squares = np.array([[0, 1, 2]], np.int32), np.empty((1, 3))
    measure_double(0, 1, points, weights, points, weights, np.array([0]), np.array([-1]), rows, np.array([3]), squares)
    assert squares.tolist() == [[0, 2, 0]]


def test_what_differs_beyond_36_bits_is_equal_and_goes_by_row():
    squares = np.array([[1 + 2.0**-40, 3.0, 1.0, 1 + 2.0**-30, 1e-20]])
    rows = np.array([[9, 1, 4, 2, 8]], np.int32)
    arrange(0, 1, rows, squares, np.array([5]), 1e-15)
    assert rows.tolist() == [[8, 4, 9, 2, 1]]
    assert squares.tolist() == [[0, 1, 1, 1 + 2.0**-30, 3]]


def test_many_are_sorted():
    generator = np.random.default_rng(1)
    squares, rows = generator.integers(0, 50, size=(3, 400)).astype(float), np.empty((3, 400), np.int32)
    rows[:] = generator.permutation(400)
    expected = [sorted(zip(s, r, strict=True)) for s, r in zip(squares.tolist(), rows.tolist(), strict=True)]
    arrange(0, 3, rows, squares, np.full(3, 400), 0.0)
    assert [list(zip(s, r, strict=True)) for s, r in zip(squares.tolist(), rows.tolist(), strict=True)] == expected


def test_equal_rows_have_equal_hashes_and_others_have_not():
    words = np.random.default_rng(2).integers(0, 4, size=(500, 3)).astype(np.uint32)
    hashes = np.empty(500, np.uint64)
    hash_rows(0, 500, words, hashes)
    assert len(set(zip(map(tuple, words.tolist()), hashes.tolist(), strict=True))) == len(set(hashes.tolist()))
    assert len(set(hashes.tolist())) == len(set(map(tuple, words.tolist())))


def test_members_of_equally_far_kinds_mix():
    group = np.array([0, 1, 2, 1, 0, 2, 2])
    members, offsets = np.argsort(group, kind="stable").astype(np.int32), np.array([0, 2, 4, 7])
    kinds, ranks = np.array([[0, 1, 2]], np.int32), np.array([[0, 1, 1]], np.int32)
    rows, sources = np.empty((1, 5), np.int32), np.empty((1, 5), np.int32)
    gather_members(0, 1, kinds, ranks, offsets, members, rows, sources)
    assert rows.tolist() == [[0, 4, 1, 2, 3]]
    assert sources.tolist() == [[0, 0, 1, 2, 1]]
