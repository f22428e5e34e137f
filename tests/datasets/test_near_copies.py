"""Near copies: what readers would call one text, and never a minimal pair."""

import random
import unicodedata
from functools import cache
from itertools import combinations

import pytest

from latentscape.datasets.near_copies import NearTexts, find_near_copies, near_keys
from latentscape.datasets.pairs import read_pairs

near_keys = cache(near_keys)
LISTING = "Phòng trọ Quận 10, 25m², WC khép kín, có máy lạnh, giá 5.5tr"


def agree(a, b):
    return bool(set(enumerate(near_keys(a))) & set(enumerate(near_keys(b))))


@pytest.mark.parametrize(
    "copy",
    [
        LISTING.upper(),
        "phong tro quan 10, 25m2, wc khep kin, co may lanh, gia 5.5tr",
        unicodedata.normalize("NFD", LISTING),
        "Phòng trọ Quận 10, 25 m2, WC khép kín, có máy lạnh, giá 5,5tr.",
        "Phòng trọ Quận 10 25m² WC khép kín có máy lạnh giá 5.5tr",
        "giá 5.5tr, có máy lạnh, WC khép kín, 25m², Phòng trọ Quận 10",
        "  Phòng trọ – Quận 10 , 25m²; (WC khép-kín)\ncó máy lạnh, giá 5.5 tr!",
        "Phòng trọ Quận10, 25m², WC khép kín, có máy lạnh, giá 5.5tr",
    ],
)
def test_what_is_dropped(copy):
    assert agree(LISTING, copy)
    assert find_near_copies([LISTING, "khác", copy]) == ((0, 2),)


@pytest.mark.parametrize(
    ("a", "b"),
    [
        (LISTING, LISTING.replace("Quận 10", "Quận 11")),
        (LISTING, LISTING.replace("có máy lạnh", "không máy lạnh")),
        (LISTING, LISTING.replace("5.5tr", "5tr")),
        (LISTING, LISTING.replace("5.5tr", "55tr")),
        (LISTING, LISTING.replace("25m²", "2.5m²")),
        (LISTING, LISTING.replace("25m²", "25m³")),
        (LISTING, LISTING + ", ban công"),
        ("phòng q1 25m2", "phòng q12 5m2"),
        ("phòng 3tr 2 người", "phòng 3tr2 người"),
        ("giá 3-4tr", "giá 34tr"),
        ("giá 3-4tr", "giá 3.4tr"),
        ("giá < 4tr", "giá > 4tr"),
        ("giá < 4tr", "giá 4tr"),
        ("cọc 50%", "cọc 50"),
        ("10² phòng", "102 phòng"),
        ("1/2 phòng", "12 phòng"),
        ("20, 5", "5, 20"),
        ("giá, 5, cọc, 3", "giá, 3, cọc, 5"),
        ("không máy lạnh, máy giặt", "không máy giặt, máy lạnh"),
        ("✅ máy lạnh", "❌ máy lạnh"),
        ("かき", "がき"),
        ("कि", "की"),
        ("!!!", "???"),
        ("a, a", "a"),
    ],
)
def test_what_is_never_dropped(a, b):
    assert not agree(a, b)
    assert find_near_copies([a, b]) == ()


@pytest.mark.slow
def test_the_minimal_pairs_of_the_real_file_are_none(shared_data):
    pairs = read_pairs(shared_data / "rental" / "pairs.json")
    n_checked = 0
    for right, negatives in zip(pairs.relevant, pairs.hard_negatives, strict=True):
        for negative in negatives:
            n_checked += 1
            assert not any(agree(pairs.documents[each], pairs.documents[negative.document]) for each in right)
    assert n_checked > 3_700
    assert "near_copy_of_positive" not in pairs.defect_counts


def test_groups_are_those_of_comparing_every_two_texts():
    rng = random.Random(0)
    phrases = ["Quận 1", "quận 1", "25m²", "25m2", "WC riêng", "wc rieng", "5tr", "5 tr", "giá 3"]
    texts = [", ".join(rng.choices(phrases, k=rng.randint(1, 3))) for _ in range(200)]
    group = list(range(len(texts)))
    for a, b in combinations(range(len(texts)), 2):
        if agree(texts[a], texts[b]):
            group = [group[a] if each == group[b] else each for each in group]
    expected = {tuple(place for place in range(len(texts)) if group[place] == each) for each in set(group)}
    found = find_near_copies(texts)
    assert set(found) == {each for each in expected if len(each) > 1}
    assert [each[0] for each in found] == sorted(each[0] for each in found)
    assert 5 < len(found) < 100


def test_a_copy_of_a_copy_is_in_the_group():
    # the first two agree phrase by phrase in another order, the last two word by word without commas
    assert find_near_copies(["b, a", "a, b", "a b"]) == ((0, 1, 2),)
    assert not agree("b, a", "a b")


def test_texts_are_looked_up():
    texts = NearTexts(["Quận 10, có gác", "???", "co gac, quan 10"])
    assert texts.find("có gác; QUẬN 10") == 0
    assert texts.find(" ??? ") == 1
    assert texts.find("Quận 11, có gác") is None
    assert texts.find("!!!") is None


def test_nothing_and_one():
    assert find_near_copies([]) == ()
    assert find_near_copies(["a"]) == ()
