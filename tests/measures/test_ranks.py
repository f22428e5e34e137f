"""Ranks against sorting, on tables made to be hard: ties, duplicates, far clusters, huge values, many blocks."""

import numpy as np
import pytest

from latentscape.engine import Crew
from latentscape.measures import ranks
from latentscape.measures.ranks import count_ranks
from latentscape.measures.spaces import open_space
from latentscape.neighbors import METRICS

RNG = np.random.default_rng(0)
FAR = "a grid far away"  # seen from the origin its angles differ by rounding errors only
TABLES = {
    "normal": RNG.normal(size=(150, 7)),
    "one column": RNG.normal(size=(150, 1)),
    "wide": RNG.normal(size=(60, 300)),
    "a grid": np.stack(np.meshgrid(range(12), range(12)), axis=-1).reshape(-1, 2) * 1.0,
    FAR: np.stack(np.meshgrid(range(12), range(12)), axis=-1).reshape(-1, 2) + 2.0**20,
    "few kinds": RNG.integers(0, 3, size=(150, 2)) * 1.0,
    "all equal": np.ones((40, 3)),
    "rows of zeros": np.where(np.arange(90)[:, None] % 3 == 0, 0, RNG.normal(size=(90, 4))),
    "two clusters a million apart": RNG.normal(size=(90, 4)) + 1e6 * (np.arange(90)[:, None] < 40),
    "one huge row": RNG.normal(size=(90, 4)) * np.where(np.arange(90)[:, None] == 3, 1e30, 1),
    "huge": RNG.normal(size=(90, 4)) * 1e300,
    "tiny": RNG.normal(size=(90, 4)) * 1e-300,
}


def sort_all(features, metric):
    """The rank of every sample from every sample, by sorting; itself has rank 0."""
    points = np.ldexp(features, -np.frexp(np.abs(features).max())[1])
    if metric == "cosine":
        lengths = np.linalg.norm(points, axis=1, keepdims=True)
        points = np.hstack([points / np.where(lengths > 0, lengths, 1), lengths == 0])
    squares = ((points[:, None] - points[None]) ** 2).sum(axis=2)
    if metric == "cosine":
        squares[squares < 2.0**-49] = 0
    fractions, exponents = np.frexp(squares)
    squares = np.ldexp(np.rint(np.ldexp(fractions, 36)), exponents - 36)
    np.fill_diagonal(squares, -1)
    expected = np.empty(squares.shape, dtype=int)
    np.put_along_axis(expected, np.argsort(squares, axis=1, kind="stable"), np.arange(len(features))[None], axis=1)
    return expected


def rank(features, rows, others, *, metric="euclidean", threads=2):
    with Crew(threads) as crew:
        return count_ranks(open_space(features, metric=metric), rows, others, crew=crew)


def choose_others(n, rows, k):
    return np.array([RNG.permutation(np.delete(np.arange(n), row))[:k] for row in rows])


@pytest.mark.parametrize(
    ("name", "metric"), [(name, m) for name in TABLES for m in METRICS if (name, m) != (FAR, "cosine")]
)
def test_ranks_are_those_of_sorting(name, metric):
    features = TABLES[name]
    rows = np.sort(RNG.choice(len(features), size=25, replace=False))
    others = choose_others(len(features), rows, 9)
    found = rank(features, rows, others, metric=metric)
    np.testing.assert_array_equal(found, np.take_along_axis(sort_all(features, metric)[rows], others, axis=1))


@pytest.mark.parametrize("numbers", [1, 100, 1_000])
def test_blocks_do_not_matter(monkeypatch, numbers):
    features = TABLES["a grid"]
    rows, others = np.arange(len(features)), choose_others(len(features), range(len(features)), 5)
    whole = rank(features, rows, others)
    monkeypatch.setattr(ranks, "BLOCK_NUMBERS", numbers)
    np.testing.assert_array_equal(rank(features, rows, others), whole)


def test_threads_do_not_matter(monkeypatch):
    features = RNG.normal(size=(400, 20)).astype(np.float32)
    rows, others = np.arange(400), choose_others(400, range(400), 15)
    monkeypatch.setattr(ranks, "LEAST_ROWS", 1)
    expected = rank(features, rows, others, threads=1)
    np.testing.assert_array_equal(rank(features, rows, others, threads=5), expected)


def test_all_ranks_of_a_row_are_all_numbers():
    features = TABLES["few kinds"]
    others = np.array([np.delete(np.arange(150), row) for row in range(150)])
    found = rank(features, np.arange(150), others)
    np.testing.assert_array_equal(np.sort(found, axis=1), np.arange(1, 150)[None].repeat(150, axis=0))
