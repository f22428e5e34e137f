"""Any file as a pair file: an error of ours or pairs in which every row is accounted for; what is planted is found."""

import json
import math
import random
from collections import Counter

import pyarrow as pa
import pytest
from hypothesis import strategies as st
from pyarrow import parquet

from latentscape.datasets.pairs import read_pairs
from latentscape.errors import DataError, LatentscapeError

from .trials import ANY_TEXT, WILD_TEXT, few_or_many, for_all

WORDS = ANY_TEXT | st.sampled_from(["a", "A", "á", "a\u0301", " a ", "a,b", "b, a", "", " ", "\u200b", "2 m²", "\0"])
KEYS = st.sampled_from(["query", "pos", "hard_neg", "text", "type", "weight", "querry", "district"]) | ANY_TEXT
NUMBERS = st.integers() | st.floats() | st.sampled_from([10**400, -0.0, 1e308, math.inf])
ANYTHING = st.recursive(
    st.none() | st.booleans() | NUMBERS | WILD_TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)
NEGATIVE = WORDS | st.fixed_dictionaries({"text": WORDS}, optional={"type": ANYTHING, "weight": NUMBERS, "x": ANYTHING})
ROW = st.fixed_dictionaries(
    {"query": WORDS, "pos": WORDS | st.lists(WORDS, max_size=3)},
    optional={"hard_neg": st.lists(NEGATIVE, max_size=3), "price": ANYTHING},
)
ROWS = st.lists(ROW | ROW | ROW | ANYTHING, max_size=8)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "pairs.json"


def read(path, content):
    """The pairs of a file, or None where it is refused by an error of ours with a next step."""
    path.write_bytes(content)
    try:
        return read_pairs(path)
    except LatentscapeError as error:
        assert error.hint
        assert error.fault != "bug"
        assert str(path) in str(error) or "columns besides their texts" in str(error)
        return None


def account(pairs, n_rows):
    """Rows in = rows that are pairs + rows that are none; a row that says nothing new was merged into another."""
    assert pairs.n_rows == n_rows == len(pairs.raw) + len(pairs.skipped)
    assert all(reason for _, reason in pairs.skipped)
    counts = pairs.defect_counts
    merged = counts.get("repeated_row", 0) + counts.get("repeated_query", 0)
    assert len(pairs.raw) == len(pairs) + merged
    assert len({name for name, _ in pairs.skipped} | set(pairs.raw.names)) == n_rows
    assert len(pairs.queries) == len(set(pairs.queries))
    assert len(pairs.documents) == len(set(pairs.documents))
    for right, hard, ignored in zip(*pairs.judgments(), strict=True):
        assert len(right)
        assert not set(right) & set(hard) and not set(right) & set(ignored) and not set(hard) & set(ignored)


@few_or_many(80, 4000)
def test_any_array_of_anything(path, n):
    def check(rows):
        pairs = read(path, json.dumps(rows).encode())
        assert pairs is None or account(pairs, len(rows)) is None

    for_all(n, check, ROWS)


@few_or_many(60, 3000)
def test_any_lines_of_anything(path, n):
    def check(lines):
        written = [json.dumps(line) if isinstance(line, list | dict) else str(line) for line in lines]
        text = "\n".join(line.replace("\n", " ") for line in written)
        pairs = read(path, text.encode("utf-8", "replace"))
        if pairs is not None and not text.lstrip().startswith("["):
            account(pairs, sum(bool(line.strip()) for line in text.split("\n")))

    for_all(n, check, st.lists(ROW | ROW | ANYTHING | ANY_TEXT, max_size=6))


@few_or_many(60, 4000)
def test_any_damage_to_a_good_file(path, n):
    good = json.dumps([{"query": f"q{n}", "pos": f"p{n}", "hard_neg": ["x"]} for n in range(4)]).encode()

    def check(at, length, inserted):
        start = min(at, len(good))
        read(path, good[:start] + inserted + good[start + length :])

    for_all(n, check, st.integers(0, len(good)), st.integers(0, 40), st.binary(max_size=12))


@few_or_many(60, 3000)
def test_any_bytes(path, n):
    for_all(n, lambda content: read(path, content) and None, st.binary(max_size=200))
    for_all(n, lambda content: read(path, b"PAR1" + content) and None, st.binary(max_size=200))


@few_or_many(15, 300)
def test_any_table_of_texts(path, n):
    def check(rows):
        table = {
            name: pa.array(
                [row.get(name) for row in rows], pa.string() if name != "hard_neg" else pa.list_(pa.string())
            )
            for name in ("query", "pos", "hard_neg")
        }
        parquet.write_table(pa.table(table), path)
        pairs = read(path, path.read_bytes())
        assert pairs is None or account(pairs, len(rows)) is None

    texts = st.none() | WORDS
    row = st.fixed_dictionaries({"query": texts, "pos": texts, "hard_neg": st.none() | st.lists(texts, max_size=3)})
    for_all(n, check, st.lists(row, min_size=1, max_size=6))


# -- planted faults --------------------------------------------------------------------------------------------------


def plain(number, **changes):
    """A row that has nothing in common with any other."""
    negative = {"text": f"wrong{number}", "type": ["kind"], "weight": 0.5}
    return {"query": f"ask{number}", "pos": f"right{number}", "hard_neg": [negative]} | changes


def wrong(text, **changes):
    return {"text": text, "type": ["kind"], "weight": 0.5} | changes


PLANTS = {
    "repeated_row": lambda n: [plain(n), plain(n)],
    "repeated_query": lambda n: [plain(n), plain(n, pos=f"else{n}")],
    "query_with_several_positives": lambda n: [plain(n, pos=[f"right{n}", f"else{n}"])],
    "shared_positive": lambda n: [plain(n), plain(f"{n}b", pos=f"right{n}")],
    "query_is_document": lambda n: [plain(n, pos=f"ask{n}")],
    "negative_is_own_positive": lambda n: [plain(n, hard_neg=[wrong(f"right{n}")])],
    "negative_is_other_positive": lambda n: [plain(n), plain(f"{n}b", hard_neg=[wrong(f"right{n}")])],
    "repeated_negative": lambda n: [plain(n, hard_neg=[wrong(f"wrong{n}"), wrong(f"wrong{n}")])],
    "near_copy_of_query": lambda n: [plain(n), plain(f"{n}b", query=f"ASK{n}!")],
    "near_copies": lambda n: [plain(n), plain(f"{n}b", hard_neg=[wrong(f"WRONG{n}.")])],
    "near_copy_of_positive": lambda n: [plain(n, hard_neg=[wrong(f"RIGHT{n}!")])],
    "missing_weight": lambda n: [plain(n, hard_neg=[wrong(f"wrong{n}", weight=None)])],
    "zero_weight": lambda n: [plain(n, hard_neg=[wrong(f"wrong{n}", weight=0)])],
    "plain_negative": lambda n: [plain(n, hard_neg=[f"wrong{n}"])],
    "repeated_type": lambda n: [plain(n, hard_neg=[wrong(f"wrong{n}", type=["kind", "kind"])])],
}
BESIDES = {"repeated_query": ("query_with_several_positives", "repeated_negative")}
"""What a plant brings along, once each."""
BAD_ROWS = (
    lambda n: {"query": f"ask{n}"},
    lambda n: {"query": "", "pos": f"right{n}"},
    lambda n: {"query": f"ask{n}", "pos": f"right{n}", "hard_neg": "text"},
    lambda n: {"query": f"ask{n}\0", "pos": f"right{n}"},
    lambda n: {"query": f"ask{n}", "pos": "\ud800"},
    lambda n: n,
)


def plant(counts, seed):
    """Rows with so many faults of each kind, in an order drawn at random that keeps each fault's own rows in order."""
    groups, number = [], 0
    for kind, count in counts.items():
        for _ in range(count):
            groups.append(PLANTS[kind](f"x{number}x"))
            number += 1
    drawn = random.Random(seed)
    places = [place for place, group in enumerate(groups) for _ in group]
    drawn.shuffle(places)
    iterators = [iter(group) for group in groups]
    return [next(iterators[place]) for place in places]


@few_or_many(25, 400)
def test_as_many_faults_are_found_as_were_planted(path, n):
    def check(counts, seed, n_bad):
        rows = plant(counts, seed)
        mixed = [*rows, *(BAD_ROWS[place % len(BAD_ROWS)](place) for place in range(n_bad))]
        pairs = read(path, json.dumps([*mixed, plain("last")]).encode())
        expected = Counter({kind: count for kind, count in counts.items() if count})
        for kind, others in BESIDES.items():
            for other in others:
                expected[other] += counts.get(kind, 0)
        assert dict(pairs.defect_counts) == {kind: count for kind, count in expected.items() if count}
        assert len(pairs.skipped) == n_bad
        account(pairs, len(mixed) + 1)

    counts = st.fixed_dictionaries({kind: st.integers(0, 5) for kind in PLANTS})
    for_all(n, check, counts, st.integers(0, 2**32), st.integers(0, 9))


@pytest.mark.slow
@pytest.mark.parametrize("kind", PLANTS)
def test_a_hundred_of_one_kind_among_a_thousand_rows(path, kind):
    rows = [*plant({kind: 100}, 0), *(plain(f"clean{number}z") for number in range(1000))]
    pairs = read(path, json.dumps(rows).encode())
    assert pairs.defect_counts[kind] == 100
    assert set(pairs.defect_counts) == {kind, *BESIDES.get(kind, ())}


def test_nothing_but_faulty_rows_is_an_error_of_the_file(path):
    path.write_text(json.dumps([bad(1) for bad in BAD_ROWS]))
    with pytest.raises(DataError, match="none of its 6 rows is a pair"):
        read_pairs(path)
