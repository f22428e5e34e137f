import json

import pytest

from latentscape.datasets.weights import combine_weights, is_declared, read_weights
from latentscape.errors import DataError

RENTAL = {"location": 2.5, "price": 2.0, "area": 1.5, "amenity": 1.0, "furniture": 0.8, "floor": 0.5, "other": 0.5}


def write(path, content):
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


@pytest.mark.parametrize(
    ("types", "expected"),
    [
        (["location"], 2.5),
        (["location", "price"], 2.5 + 0.3 * 2.0),
        (["price", "location"], 2.5 + 0.3 * 2.0),
        (["price", "price"], 2.0),
        (["furniture", "floor", "other"], 0.8 + 0.3 * 1.0),
        (["floor", "other"], 0.5 + 0.3 * 0.5),
        (["location", "price", "area", "amenity"], 2.5 + 0.3 * 4.5),
        (["location", "price", "area", "amenity", "furniture"], 4.0),
        (["requirement"], 0.5),
        ([], 1.0),
    ],
)
def test_largest_plus_a_share_of_the_rest_up_to_the_cap(types, expected):
    assert combine_weights(types, RENTAL) == pytest.approx(expected)


def test_undeclared_without_other_weighs_one():
    assert combine_weights(["new"], {"price": 2.0}) == 1.0


def test_metadata_of_the_file_is_used(tmp_path):
    path = write(tmp_path / "w.json", {"a": 1, "b": 2.5, "_metadata": {"increment_ratio": 1, "cap": 3, "version": "1"}})
    weights = read_weights(path)
    assert combine_weights(["a", "b"], weights) == 3.0
    assert combine_weights(["a"], weights) == 1.0
    assert is_declared("a", weights)
    assert not is_declared("c", weights)
    assert not is_declared("_metadata", weights)


def test_real_weight_file(shared_data):
    weights = read_weights(shared_data / "rental" / "weight-config.json")
    assert {name: value for name, value in weights.items() if name != "_metadata"} == RENTAL
    assert dict(weights["_metadata"]) == {"increment_ratio": 0.3, "cap": 4.0}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "not JSON"),
        ("{", "not JSON"),
        ("[" * 100_000, "not JSON"),
        ("[1]", "holds a list"),
        ("{}", "declares no type"),
        ('{"_metadata": {}}', "declares no type"),
        ('{"a": "2"}', "`a` is '2'"),
        ('{"a": true}', "`a` is True"),
        ('{"a": -1}', "`a` is -1"),
        ('{"a": NaN}', "`a` is nan"),
        ('{"a": Infinity}', "`a` is inf"),
        ('{"a": 1' + "0" * 400 + "}", "`a` is 1000"),
        ('{"a": 1, "_metadata": []}', "`_metadata` is a list"),
        ('{"a": 1, "_metadata": {"cap": "x"}}', "`cap` is 'x'"),
        ('{"a": 1, "_metadata": {"method": "capped_linear"}}', "method 'capped_linear' is unknown"),
        (json.dumps([{"query": "q", "pos": "p"}]), "holds a list"),
        (" " * (2**20 + 1), "larger than 1 MiB"),
    ],
)
def test_files_that_declare_no_weights(tmp_path, content, message):
    with pytest.raises(DataError, match=message) as caught:
        read_weights(write(tmp_path / "w.json", content))
    assert "w.json" in str(caught.value)


def test_no_file_or_no_text(tmp_path):
    with pytest.raises(DataError, match="No such file"):
        read_weights(tmp_path / "w.json")
    (tmp_path / "w.json").write_bytes(b'{"a\xff": 1}')
    with pytest.raises(DataError, match="not JSON"):
        read_weights(tmp_path / "w.json")
