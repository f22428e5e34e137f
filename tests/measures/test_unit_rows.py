import numpy as np
import pytest

from latentscape.errors import DataError
from latentscape.measures import unit_rows
from latentscape.measures.unit_rows import measure_pair_cosines, require_directions, stream_unit_rows


def make_case(seed=0, d=7):
    random = np.random.default_rng(seed)
    first, second = (random.normal(size=(n, d)).astype(np.float32) for n in (30, 50))
    return first, second, (random.integers(0, 30, 400), random.integers(0, 50, 400))


@pytest.mark.parametrize("d", [1, 2, 7, 300])
def test_cosines_of_pairs(d):
    first, second, pairs = make_case(d=d)
    found = measure_pair_cosines(first, second, pairs=pairs)
    for i, (a, b) in enumerate(zip(*pairs, strict=True)):
        x, y = first[a].astype(float), second[b].astype(float)
        assert found[i] == pytest.approx(x @ y / np.sqrt((x @ x) * (y @ y)), abs=1e-14)


def test_equal_vectors_tie_to_the_last_bit():
    first, second, _ = make_case(d=257)
    second[17:] = second[3]
    pairs = np.repeat(np.arange(30), 33), np.tile(np.arange(17, 50), 30)
    table = measure_pair_cosines(first, second, pairs=pairs).reshape(30, 33)
    assert np.all(table == table[:, :1])
    assert np.all(table[:, 0] == measure_pair_cosines(first, second, pairs=(np.arange(30), np.full(30, 3))))


def test_blocks_change_nothing(monkeypatch):
    first, second, pairs = make_case()
    whole, units = measure_pair_cosines(first, second, pairs=pairs), list(stream_unit_rows(second))
    assert len(units) == 1
    monkeypatch.setattr(unit_rows, "BLOCK_NUMBERS", 50)
    assert np.array_equal(whole, measure_pair_cosines(first, second, pairs=pairs))
    parts = list(stream_unit_rows(second))
    assert len(parts) == 8
    assert np.array_equal(np.concatenate([part for _, part in parts]), units[0][1])


@pytest.mark.parametrize("value", [0.0, np.nan, np.inf])
def test_rows_without_a_direction_are_named(monkeypatch, value):
    monkeypatch.setattr(unit_rows, "BLOCK_NUMBERS", 50)
    vectors = make_case()[1]
    vectors[41] = value
    with pytest.raises(DataError, match="document vectors") as caught:
        require_directions(vectors, what="document")
    assert "row 41" in caught.value.got


def test_cosines_stay_within_one():
    vectors = np.full((5, 3), 1e-20, dtype=np.float32)
    assert measure_pair_cosines(vectors, -vectors, pairs=(np.arange(5), np.arange(5))).min() >= -1
