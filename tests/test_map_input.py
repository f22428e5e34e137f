"""What is drawn of what a user brings, and what became of the rest."""

import numpy as np
import pyarrow as pa
import pytest

from latentscape.errors import DataError
from latentscape.map_input import find_finite_rows, gather_input

MATRIX = np.arange(12, dtype=np.float32).reshape(6, 2)


def with_holes():
    matrix = MATRIX.copy()
    matrix[1, 1], matrix[4, 0] = np.nan, -np.inf
    return matrix


def test_whole_matrices_are_taken_without_a_copy():
    found = gather_input(MATRIX, {})
    assert found.features is MATRIX or np.shares_memory(found.features, MATRIX)
    assert found.rows.tolist() == list(range(6))
    assert (found.source, found.remarks, found.labels, found.ids) == ("array", (), None, None)
    assert found.accounting.n_in == found.accounting.n_ok == 6


def test_rows_that_are_not_finite_are_left_out_with_their_labels_and_named():
    wishes = {"labels": ["a", "b", "a", "c", "d", "c"], "shapes": None, "ids": list("uvwxyz")}
    found = gather_input(with_holes(), wishes)
    assert found.rows.tolist() == [0, 2, 3, 5]
    assert found.features.tolist() == MATRIX[[0, 2, 3, 5]].tolist()
    assert found.labels.names == ("a", "c")  # b and d are only on rows that are gone
    assert found.labels.numbers.tolist() == [0, 0, 1, 1]
    assert found.ids == ("u", "w", "x", "z")
    told = [(skip.id, skip.reason) for skip in found.accounting.failed]
    assert told == [("row 1", "feature 1 is missing or not a number"), ("row 4", "feature 0 is infinite")]


def test_very_many_failures_are_counted_not_listed():
    found = gather_input(np.where(np.arange(5000)[:, None] % 2, np.nan, MATRIX[:1]), {})
    assert len(found.accounting.failed) == 1001
    assert found.accounting.n_failed == 2500
    assert found.accounting.failed[-1].id == "1,500 more rows"


def test_some_of_many_are_drawn_from_the_rows_that_can_be():
    found = gather_input(with_holes(), {}, max_samples=3, seed=1)
    assert len(found.rows) == 3
    assert set(found.rows.tolist()) < {0, 2, 3, 5}
    assert found.rows.tolist() == sorted(found.rows.tolist())
    assert (found.accounting.n_skipped, found.accounting.n_failed) == (1, 2)
    again, other = (gather_input(MATRIX, {}, max_samples=3, seed=seed).rows.tolist() for seed in (1, 2))
    assert gather_input(MATRIX, {}, max_samples=3, seed=1).rows.tolist() == again != other
    assert len(gather_input(MATRIX, {}, max_samples=99).rows) == 6


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8", "i1", "i8", "u1"])
def test_finite_rows_of_every_kind_of_number(dtype):
    assert find_finite_rows(MATRIX.astype(dtype)).tolist() == [True] * 6


def test_the_fingerprint_is_of_the_values_only(tmp_path):
    np.save(tmp_path / "f.npy", MATRIX)
    first = gather_input(tmp_path / "f.npy", {}).fingerprint()
    assert first == gather_input(MATRIX, {"labels": list("abcabc")}).fingerprint()
    assert first != gather_input(MATRIX + 1, {}).fingerprint()
    assert first != gather_input(MATRIX.reshape(4, 3), {}).fingerprint()
    assert first != gather_input(MATRIX.astype(np.float64), {}).fingerprint()


def test_columns_of_the_table_are_asked_for_by_name():
    table = pa.table({"v": MATRIX.tolist(), "w": [0.5] * 6, "kind": list("abcabc")})
    found = gather_input(table, {"labels": "kind", "shapes": "w"})
    assert (found.labels.column, found.labels.names) == ("kind", ("a", "b", "c"))
    assert (found.shapes.column, found.shapes.names) == ("w", ("0.5",))
    assert found.remarks == ("data frame: column `v` taken as the features",)


def test_measured_values_leave_a_remark():
    found = gather_input(np.zeros((50, 2)), {"labels": np.linspace(0, 1, 50)})
    assert len(found.labels.names) == 5
    assert "measured values" in found.remarks[0]


@pytest.mark.parametrize(
    ("values", "wishes", "told"),
    [
        (np.zeros((0, 3)), {}, "no rows"),
        (np.full((2, 2), np.nan), {}, "no row of array can be drawn"),
        (MATRIX, {"labels": [1]}, "1 values in `labels`"),
        (MATRIX, {"shapes": list("abcdef"), "labels": [None] * 6}, "nothing of any sample"),
        (np.zeros((9, 2)), {"shapes": list("abcdefghi")}, "too many different values to be marker shapes"),
    ],
    ids=str,
)
def test_what_can_not_be_drawn(values, wishes, told):
    with pytest.raises(DataError, match=told):
        gather_input(values, wishes)
