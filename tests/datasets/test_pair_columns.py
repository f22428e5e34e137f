"""Columns beside the texts: plain values only, the first word counts, and the same from every container."""

import json
import math
from dataclasses import replace

import pyarrow as pa
import pytest
from pyarrow import parquet

from latentscape.datasets.pair_columns import merge_cells, read_cell, read_cells, stack_cells
from latentscape.datasets.pairs import read_pairs
from latentscape.errors import DataError

ROWS = [
    {"query": "q1", "pos": {"text": "a", "price": 5.5}, "district": "Quận 10", "beds": 2, "tags": ["x"]},
    {"query": "q2", "pos": {"text": "b", "price": None}, "district": None, "beds": 3},
    {"query": "q1", "pos": {"text": "b", "price": 4.0}, "district": "Quận 11", "beds": None, "vip": True},
]


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        (" Quận\n", "Quận"),
        (5, 5),
        (5.5, 5.5),
        (False, False),
        (0, 0),
        ("", None),
        ("  ", None),
        ("a\0", None),
        ("\ud800", None),
        (math.nan, None),
        (math.inf, None),
        (10**400, None),
        (None, None),
        ([1], None),
        ({"a": 1}, None),
    ],
)
def test_cells(value, cell):
    found = read_cell(value)
    assert found == cell
    assert type(found) is type(cell)


def test_what_has_another_meaning_or_no_name_is_no_column():
    assert read_cells({"query": "q", "": 1, " a ": 1, "b": None}, known=["query", "pos"]) == {"a": 1}
    assert read_cells({"query": "q"}, known=["query", "pos"]) == {}


def test_the_first_word_counts():
    assert merge_cells({"a": 1}, {"a": 2, "b": 3}) == {"a": 1, "b": 3}
    assert merge_cells({}, {"b": 3}) == {"b": 3}


def test_stacked():
    assert stack_cells([{"a": 1}, {}, {"b": "x", "a": 2}], shown="") == {"a": (1, None, 2), "b": (None, None, "x")}
    assert stack_cells([{}, {}], shown="") == {}
    with pytest.raises(DataError, match="the queries have 201 columns"):
        stack_cells([{f"c{number}": 1 for number in range(201)}], shown="the queries")


def test_columns_of_queries_and_documents(tmp_path):
    (tmp_path / "pairs.json").write_text(json.dumps(ROWS))
    pairs = read_pairs(tmp_path / "pairs.json")
    assert pairs.query_columns == {"district": ("Quận 10", None), "beds": (2, 3), "vip": (True, None)}
    assert pairs.document_columns == {"price": (5.5, 4.0)}
    taken = pairs.take([1])
    assert taken.query_columns == {"district": (None,), "beds": (3,), "vip": (None,)}
    assert taken.document_columns == {"price": (4.0,)}


def test_hard_negatives_have_columns_too(tmp_path):
    rows = [{"query": "q", "pos": "a", "hard_neg": [{"text": "b", "type": ["price"], "price": 7}, "c"]}]
    (tmp_path / "pairs.json").write_text(json.dumps(rows))
    assert read_pairs(tmp_path / "pairs.json").document_columns == {"price": (None, 7, None)}


def test_three_containers_agree(tmp_path):
    rows = [{"hard_neg": [{"text": "n", "type": ["x"], "weight": 1.0, "price": 3.0}], **row} for row in ROWS]
    (tmp_path / "a").write_text(json.dumps(rows))
    (tmp_path / "b").write_text("\n".join(map(json.dumps, rows)))
    names = list(dict.fromkeys(name for row in rows for name in row))
    parquet.write_table(pa.table({name: [row.get(name) for row in rows] for name in names}), tmp_path / "c")
    first, second, third = (read_pairs(tmp_path / name) for name in "abc")
    assert first.query_columns["vip"] == (True, None)
    assert first.document_columns["price"] == (5.5, 3.0, 4.0)
    assert second == replace_names(first, "line")
    assert third == first


def replace_names(pairs, word):
    """The pairs with their rows called lines, as JSON Lines calls them."""

    def rename(name):
        return name.replace("row", word)

    raw = replace(pairs.raw, names=tuple(map(rename, pairs.raw.names)), places=tuple(map(rename, pairs.raw.places)))
    defects = tuple(replace(each, where=rename(each.where), other=rename(each.other)) for each in pairs.defects)
    return replace(pairs, raw=raw, defects=defects)
