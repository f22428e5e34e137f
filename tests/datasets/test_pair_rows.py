import unicodedata

import pytest

from latentscape.datasets.pair_files import KeysTwice
from latentscape.datasets.pair_rows import BadRowError, Negative, PairRow, Positive, parse_row


def row(**changes):
    return {"query": "q", "pos": "p", "hard_neg": [{"text": "n", "type": ["price"], "weight": 1}]} | changes


def test_a_full_row():
    assert parse_row(row()) == PairRow(
        query="q", positives=(Positive(text="p"),), negatives=(Negative(text="n", types=("price",), weight=1.0),)
    )


@pytest.mark.parametrize("absent", [{}, {"hard_neg": None}, {"hard_neg": []}])
def test_negatives_may_be_absent(absent):
    assert parse_row({"query": "q", "pos": "p"} | absent).negatives == ()


def test_old_format_of_plain_strings():
    assert parse_row(row(hard_neg=["a", "b"])).negatives == (
        Negative(text="a", is_plain=True),
        Negative(text="b", is_plain=True),
    )


def test_types_listed_twice_or_alone_or_absent():
    negatives = parse_row(
        row(hard_neg=[{"text": "a", "type": ["x", "y", "x"]}, {"text": "b", "type": "x"}, {"text": "c", "type": None}])
    ).negatives
    assert [negative.types for negative in negatives] == [("x", "y", "x"), ("x",), ()]


def test_weights_zero_missing_and_null_are_different_from_each_other_only_when_zero():
    negatives = parse_row(
        row(hard_neg=[{"text": "a", "weight": 0}, {"text": "b"}, {"text": "c", "weight": None}])
    ).negatives
    assert [negative.weight for negative in negatives] == [0.0, None, None]


def test_several_positives_in_a_list():
    assert parse_row(row(pos=["a", "b"])).positives == (Positive(text="a"), Positive(text="b"))
    mixed = parse_row(row(pos=[{"text": " a ", "price": 5.5}, "b"])).positives
    assert mixed == (Positive(text="a", cells={"price": 5.5}), Positive(text="b"))


def test_other_keys_are_columns_of_what_they_stand_beside():
    negative = {"text": "n", "type": ["x"], "weight": 1, "district": "Quận 11", "tags": ["a"]}
    found = parse_row(row(pos={"text": "p", "district": "Quận 10"}, hard_neg=[negative], id=7, note=None, vip=True))
    assert found.cells == {"id": 7, "vip": True}
    assert found.positives[0].cells == {"district": "Quận 10"}
    assert found.negatives[0].cells == {"district": "Quận 11"}


def test_texts_are_composed_and_trimmed():
    text = unicodedata.normalize("NFD", " Phòng trọ\n")
    assert parse_row(row(query=text, id=7)).query == "Phòng trọ"


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("text", "is text, not an object"),
        (None, "is null, not an object"),
        (float("nan"), "is a number, not an object"),
        ({}, "has no `query`"),
        ({"query": "q", "poss": "p"}, "has no `pos`; did you mean `poss`?"),
        ({"query": "q", "document": "p"}, "has no `pos`"),
        (row(query=""), "`query` is empty"),
        (row(pos=""), "`pos` is empty"),
        (row(pos="  "), "`pos` is empty"),
        (row(pos=None), "`pos` is null, not text"),
        (row(pos=[]), "`pos` is a list, not text"),
        (row(pos=["a", 3]), "`pos` is a number, not text"),
        (row(query=float("inf")), "`query` is a number, not text"),
        (row(query="a\ud800"), "`query` contains half a character (a lone surrogate) at position 1"),
        (row(pos="a\0"), "`pos` contains a NUL character"),
        (row(pos="x" * 10_485_760), "`pos` has 10,485,760 characters; the longest allowed is 1,000,000"),
        (row(pos={"test": "p"}), "`pos`: has no `text`; did you mean `test`?"),
        (row(pos={"text": ""}), "`pos`: `text` is empty"),
        (row(pos=[["a"]]), "`pos` is a list, not text"),
        (row(pos=KeysTwice({"text": "p"})), "`pos` gives a key twice"),
        (row(hard_neg="n"), "`hard_neg` is text, not a list"),
        (row(hard_neg={"text": "n"}), "`hard_neg` is a mapping, not a list"),
        (row(hard_neg=["n", ""]), "hard_neg 2 is empty"),
        (row(hard_neg=[3]), "hard_neg 1 is a number, neither text nor an object"),
        (row(hard_neg=[{"type": ["x"]}]), "hard_neg 1: has no `text`"),
        (row(hard_neg=[{"tex": "n"}]), "hard_neg 1: has no `text`; did you mean `tex`?"),
        (row(hard_neg=[{"text": ""}]), "hard_neg 1: `text` is empty"),
        (row(hard_neg=[{"text": "n", "type": {"a": 1}}]), "hard_neg 1: `type` is a mapping, not a list of names"),
        (row(hard_neg=[{"text": "n", "type": [1]}]), "hard_neg 1: `type` is a number, not text"),
        (row(hard_neg=[{"text": "n", "weight": "1"}]), "hard_neg 1: `weight` is text, not a number"),
        (row(hard_neg=[{"text": "n", "weight": True}]), "hard_neg 1: `weight` is true/false, not a number"),
        (row(hard_neg=[{"text": "n", "weight": float("nan")}]), "hard_neg 1: `weight` is nan, not a number from 0"),
        (row(hard_neg=[{"text": "n", "weight": float("inf")}]), "hard_neg 1: `weight` is inf, not a number from 0"),
        (row(hard_neg=[{"text": "n", "weight": -1}]), "hard_neg 1: `weight` is -1, not a number from 0"),
        (row(hard_neg=[{"text": "n", "weight": 10**400}]), "hard_neg 1: `weight` is 1000000"),
        (KeysTwice(row()), "the row gives a key twice"),
        (row(hard_neg=[KeysTwice({"text": "n"})]), "hard_neg 1 gives a key twice"),
    ],
)
def test_rows_that_are_no_pairs_say_why(value, reason):
    with pytest.raises(BadRowError) as caught:
        parse_row(value)
    assert str(caught.value).startswith(reason)
