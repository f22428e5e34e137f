"""The classes a column stands for."""

import datetime as dt
import unicodedata

import numpy as np
import pyarrow as pa
import pytest

from latentscape.datasets.sample_classes import name_samples, sort_into_classes
from latentscape.datasets.sample_columns import SampleColumn, to_arrow
from latentscape.errors import DataError


def classes(values):
    found = sort_into_classes(SampleColumn(name="c", values=to_arrow(values, shown="c")))
    return list(found.names), found.numbers.tolist()


@pytest.mark.parametrize(
    ("values", "names", "numbers"),
    [
        (["b", "a", "b"], ["a", "b"], [1, 0, 1]),
        (["b", None, "", "  "], ["b"], [0, -1, -1, -1]),
        (["class 10", "class 2"], ["class 2", "class 10"], [1, 0]),
        (["10", "9", "x"], ["9", "10", "x"], [1, 0, 2]),
        ([" Vui  vẻ", "Vui vẻ\n"], ["Vui vẻ"], [0, 0]),
        ([True, False, None], ["false", "true"], [1, 0, -1]),
        ([3, -1, 3], ["3"], [0, -1, 0]),
        ([3, -1, -2], ["-2", "-1", "3"], [2, 1, 0]),
        ([10, 9, None], ["9", "10"], [1, 0, -1]),
        ([1.0, np.nan, 10.0], ["1", "10"], [0, -1, 1]),
        ([1.0, -1.0, 2.0], ["1", "2"], [0, -1, 1]),
        ([0.5, np.inf, 0.25], ["0.25", "0.5"], [1, -1, 0]),
        (np.float32([0.1, 0.2]), ["0.1", "0.2"], [0, 1]),
        ([1.00000001, 1.00000002], ["1.00000001", "1.00000002"], [0, 1]),
        ([dt.date(2026, 2, 1), dt.date(2025, 1, 1)], ["2025-01-01", "2026-02-01"], [1, 0]),
        (np.array([2**63, 0], np.uint64), ["0", str(2**63)], [1, 0]),
    ],
    ids=str,
)
def test_values_are_classes(values, names, numbers):
    assert classes(values) == (names, numbers)


def test_one_spelling_of_a_letter_is_one_class():
    twice = [unicodedata.normalize(form, "phòng trọ") for form in ("NFC", "NFD")]
    assert classes(twice) == ([unicodedata.normalize("NFC", "phòng trọ")], [0, 0])


@pytest.mark.parametrize("values", [np.linspace(0, 1, 101), np.arange(2000), 1e9 + np.linspace(0, 1, 50)])
def test_measured_values_become_five_classes_of_equal_size(values):
    rng = np.random.default_rng(0)
    order = rng.permutation(len(values))
    found = sort_into_classes(SampleColumn(name="price", values=pa.array(values[order])))
    assert len(found.names) == 5
    assert len(set(found.names)) == 5
    sizes = np.bincount(found.numbers)
    assert sizes.max() - sizes.min() <= 2
    assert np.array_equal(found.numbers[np.argsort(order)], np.sort(found.numbers))
    assert "`price` holds measured values" in found.remark
    assert found.names[0].startswith("0–") or values[0] > 1


def test_most_values_equal_make_fewer_classes_and_missing_ones_none():
    values = np.concatenate([np.zeros(900), np.linspace(0.01, 1, 100), [np.nan]])
    found = sort_into_classes(SampleColumn(name="c", values=pa.array(values)))
    assert found.names == ("0–1",) or len(found.names) < 5
    assert found.numbers[-1] == -1
    assert found.numbers[:-1].min() == 0


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ([None, ""], "nothing of any sample"),
        ([np.nan, np.nan], "nothing of any sample"),
        ([-1, -1], "nothing of any sample"),
        ([f"id {n}" for n in range(1001)], "--ids"),
        (pa.array([[1], [2]]), "list"),
        (pa.array([{"a": 1}]), "struct"),
    ],
    ids=lambda value: str(value)[:20],
)
def test_columns_without_classes(values, told):
    with pytest.raises(DataError, match=told):
        classes(values)


def test_samples_are_named_by_whatever_names_them():
    for values, expected in (
        (["a", None, " x\n y"], ("a", "row 1", "x y")),
        ([7, 8, 9], ("7", "8", "9")),
        ([0.5, 1.0, None], ("0.5", "1", "row 2")),
    ):
        column = SampleColumn(name="id", values=to_arrow(values, shown="id"))
        assert name_samples(column) == expected
