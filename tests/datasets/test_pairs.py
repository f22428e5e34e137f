import json
import random
import unicodedata
from collections import Counter
from dataclasses import replace

import pyarrow as pa
import pytest
from pyarrow import parquet

from latentscape.datasets.pairs import (
    DEFECTS,
    Defect,
    HardNegative,
    combine_weights,
    find_trained,
    leave_out_trained,
    read_pairs,
    read_weights,
)
from latentscape.datasets.text import fold
from latentscape.errors import DataError


@pytest.fixture
def read(tmp_path):
    """Write rows as JSON and read them as pairs."""

    def read_written(rows, **options):
        (tmp_path / "pairs.json").write_text(json.dumps(rows))
        return read_pairs(tmp_path / "pairs.json", **options)

    return read_written


def row(query, positive, *negatives):
    return {
        "query": query,
        "pos": positive,
        "hard_neg": [{"text": text, "type": ["x"], "weight": 1} for text in negatives],
    }


def hard(samples, query):
    return [samples.documents[negative.document] for negative in samples.hard_negatives[query]]


def right(samples, query):
    return [samples.documents[document] for document in samples.relevant[query]]


def test_texts_become_numbers_in_order_of_first_appearance(read):
    samples = read([row("q1", "a", "b", "c"), row("q2", "d", "b")])
    assert samples.queries == ("q1", "q2")
    assert samples.documents == ("a", "b", "c", "d")
    assert samples.relevant == ((0,), (3,))
    assert samples.hard_negatives[1] == (HardNegative(document=1, types=("x",), weight=1.0),)
    assert (samples.n_rows, samples.skipped, samples.defects) == (2, (), ())
    assert len(samples) == 2


def test_many_queries_share_one_document(read):
    samples = read([row(f"q{number}", f"p{number % 3}", f"n{number}") for number in range(30)])
    assert len(samples.queries) == 30
    assert len({document for documents in samples.relevant for document in documents}) == 3
    assert samples.defect_counts == {"shared_positive": 27}
    assert samples.defects[0] == Defect(kind="shared_positive", where="row 4", text="p0", other="row 1")


def test_one_query_with_two_documents(read):
    samples = read([row("q", "a", "x", "b"), row("other", "o", "x"), row(" q ", "b", "y")])
    assert samples.queries == ("q", "other")
    assert right(samples, 0) == ["a", "b"]
    assert hard(samples, 0) == ["x", "y"]
    assert samples.defects == (
        Defect(kind="repeated_query", where="row 3", text="q", other="row 1"),
        Defect(kind="query_with_several_positives", where="row 1", text="q", other="2 right documents"),
        Defect(kind="negative_is_own_positive", where="row 1, hard_neg 2", text="b", other="row 1"),
    )


def test_negative_equal_to_its_own_positive_is_dropped_even_if_the_positive_comes_later(read):
    samples = read([row("q", "a", "A ", "a", " a\n", "b"), row("q", "b")])
    assert right(samples, 0) == ["a", "b"]
    # what differs from a right document in case only is neither right nor wrong
    assert hard(samples, 0) == []
    assert [samples.documents[place] for place in samples.ignored[0]] == ["A"]
    assert samples.defect_counts["negative_is_own_positive"] == 3
    assert samples.defect_counts["near_copy_of_positive"] == 1


def test_negative_that_is_right_for_another_query_is_no_hard_negative_but_a_document(read):
    samples = read([row("q1", "a", "b"), row("q2", "b", "a", "c", "a")])
    assert [hard(samples, 0), hard(samples, 1)] == [[], ["c"]]
    assert samples.documents == ("a", "b", "c")
    assert samples.ignored == ((), ())
    assert samples.defects == (
        Defect(kind="negative_is_other_positive", where="row 1, hard_neg 1", text="b", other="row 2"),
        Defect(kind="negative_is_other_positive", where="row 2, hard_neg 1", text="a", other="row 1"),
        Defect(kind="repeated_negative", where="row 2, hard_neg 3", text="a", other="row 2, hard_neg 1"),
    )


def test_near_copies_of_right_documents_are_neither_right_nor_wrong(read):
    rows = [row("q1", "Quận 10, có gác", "co gac, quan 10", "Quận 11, có gác"), row("q2", "QUẬN 10, có gác.")]
    samples = read([*rows, row("Q1", "x")])
    assert hard(samples, 0) == ["Quận 11, có gác"]
    named = [[samples.documents[place] for place in places] for places in samples.ignored]
    assert named == [["co gac, quan 10", "QUẬN 10, có gác."], ["Quận 10, có gác", "co gac, quan 10"], []]
    assert samples.defects == (
        Defect(kind="near_copy_of_query", where="row 3", text="Q1", other="row 1"),
        Defect(kind="near_copy_of_positive", where="row 1, hard_neg 1", text="co gac, quan 10", other="row 1, pos"),
        Defect(kind="near_copies", where="row 2, pos", text="QUẬN 10, có gác.", other="row 1, pos"),
    )


def test_a_row_that_says_nothing_new_is_merged_whole(read):
    first = row("q", "a", "b", "c") | {"id": 1}
    again = row(" q", "a", "c", "b ") | {"id": 2}
    other = row("q", "a", "c")
    samples = read([first, again, other])
    assert samples.defects == (
        Defect(kind="repeated_row", where="row 2", text="q", other="row 1"),
        Defect(kind="repeated_query", where="row 3", text="q", other="row 1"),
        Defect(kind="repeated_negative", where="row 3, hard_neg 1", text="c", other="row 1, hard_neg 2"),
    )
    assert samples.query_columns == {"id": (1,)}
    assert len(samples.raw) == 3


def plant(n=100):
    """Rows with `n` faults of each kind, none of which makes another one."""
    rows = [row(f"q{number}", f"p{number}", f"n{number}") for number in range(20 * n)]
    for number in range(n):
        block = {kind: rows[place * n + number] for place, kind in enumerate(PLANTED)}
        later = {kind: place * n + number for place, kind in enumerate(PLANTED)}
        block["negative_is_own_positive"]["hard_neg"].append(
            {"text": block["negative_is_own_positive"]["pos"], "weight": 1}
        )
        block["negative_is_other_positive"]["hard_neg"].append({"text": f"p{19 * n + number}", "weight": 1})
        block["repeated_negative"]["hard_neg"] *= 2
        block["shared_positive"]["pos"] = f"p{18 * n + number}"
        block["query_is_document"]["pos"] = block["query_is_document"]["query"]
        block["query_with_several_positives"]["pos"] = [f"one{number}", f"two{number}"]
        block["near_copy_of_positive"]["hard_neg"].append({"text": f"P{later['near_copy_of_positive']}.", "weight": 1})
        block["near_copies"]["pos"] = f"P{17 * n + number}!"
        block["near_copy_of_query"]["query"] = f"Q {16 * n + number}"
        block["undeclared_type"]["hard_neg"][0]["type"] = ["requirement"]
        block["zero_weight"]["hard_neg"][0]["weight"] = 0
        del block["missing_weight"]["hard_neg"][0]["weight"]
        block["plain_negative"]["hard_neg"].append(f"plain{number}")
        block["repeated_type"]["hard_neg"][0]["type"] = ["x", "x"]
        rows.append(json.loads(json.dumps(block["repeated_row"])))
        rows.append({"query": block["repeated_query"]["query"], "pos": block["repeated_query"]["pos"]})
    return rows


OF_A_CORPUS = {
    "unreadable_line", "repeated_id", "empty_document", "unknown_document", "repeated_document",
    "contradicting_judgment", "judged_right_elsewhere",
}  # fmt: skip
PLANTED = sorted(set(DEFECTS) - {"trained_query", "trained_document"} - OF_A_CORPUS)


@pytest.mark.parametrize("seed", [None, 1])
def test_exactly_the_planted_faults_are_counted(read, seed):
    rows = plant()
    if seed is not None:
        random.Random(seed).shuffle(rows)
    samples = read(rows, weights={"x": 1.0})
    assert samples.defect_counts == dict.fromkeys([kind for kind in DEFECTS if kind in PLANTED], 100)
    assert list(samples.defect_counts) == [kind for kind in DEFECTS if kind in PLANTED]
    assert len({(defect.kind, defect.where, defect.other) for defect in samples.defects}) == 100 * len(PLANTED)


def test_clean_rows_have_no_defects(read):
    assert read([row(f"q{number}", f"p{number}", f"n{number}") for number in range(50)]).defects == ()


def test_spellings_of_one_text(read):
    text = "Phòng trọ Quận 10"
    variants = [text, unicodedata.normalize("NFD", text), "Phòng  trọ\nQuận\u00a010", f" {text} "]
    samples = read([row(f"q{number}", variant) for number, variant in enumerate(variants)])
    assert samples.documents == (text,)
    assert read([row(text, "a"), row(text.lower(), "b")]).queries == (text, text.lower())


def test_a_negative_listed_again_keeps_all_types_and_the_first_weight(read):
    negatives = [
        {"text": "n", "type": ["a"]},
        {"text": "n", "type": ["b", "a"], "weight": 2},
        {"text": "n", "weight": 3},
    ]
    samples = read([{"query": "q", "pos": "p", "hard_neg": negatives}])
    assert samples.hard_negatives == ((HardNegative(document=1, types=("a", "b"), weight=2.0),),)
    assert samples.defect_counts == {"repeated_negative": 2, "missing_weight": 1}


def test_plain_zero_missing_repeated_and_undeclared(read):
    negatives = [
        {"text": "a", "type": ["price", "price"], "weight": 0},
        {"text": "b", "type": ["requirement", "view"]},
        {"text": "c", "type": ["requirement"], "weight": 1},
    ]
    rows = [{"query": "q", "pos": "p", "hard_neg": negatives}, {"query": "r", "pos": "s", "hard_neg": ["t"]}]
    rows.append({"query": "u", "pos": "v"})
    samples = read(rows, weights={"price": 2.0})
    assert samples.defects == (
        Defect(kind="undeclared_type", where="row 1, hard_neg 2", text="b", other="requirement"),
        Defect(kind="undeclared_type", where="row 1, hard_neg 2", text="b", other="view"),
        Defect(kind="undeclared_type", where="row 1, hard_neg 3", text="c", other="requirement"),
        Defect(kind="missing_weight", where="row 1, hard_neg 2", text="b"),
        Defect(kind="zero_weight", where="row 1, hard_neg 1", text="a", other="0"),
        Defect(kind="plain_negative", where="row 2, hard_neg 1", text="t"),
        Defect(kind="repeated_type", where="row 1, hard_neg 1", text="a", other="price"),
    )
    assert all(type(count) is int for count in samples.defect_counts.values())
    assert "undeclared_type" not in read(rows).defect_counts


def test_bad_rows_are_skipped_with_their_number_and_nothing_is_lost(read):
    rows = [
        row("q", "p"),
        row("", "p"),
        "text",
        row("r", ""),
        row("s", "t"),
        {"query": "u", "pos": "v", "hard_neg": "w"},
    ]
    samples = read(rows)
    assert samples.queries == ("q", "s")
    assert samples.skipped == (
        ("row 2", "`query` is empty"),
        ("row 3", "is text, not an object"),
        ("row 4", "`pos` is empty"),
        ("row 6", "`hard_neg` is text, not a list"),
    )
    assert samples.n_rows == 6 == len(samples) + len(samples.skipped)


def test_skipped_lines_stand_in_the_order_of_the_file(tmp_path):
    lines = ['{"query": ""}', '{"query": "q", "pos": "p"}', "{broken", '{"query": "a"}', '{"query": "q", "po']
    (tmp_path / "a.jsonl").write_text("\n".join(lines))
    samples = read_pairs(tmp_path / "a.jsonl")
    assert [name for name, _ in samples.skipped] == ["line 1", "line 3", "line 4", "line 5"]
    assert samples.n_rows == 5


def test_one_row_is_enough_and_none_is_not(read):
    assert len(read([row("q", "p")])) == 1
    with pytest.raises(DataError, match="it holds no rows"):
        read([])


def test_all_skipped_is_an_error_that_quotes_the_first_reasons(read, tmp_path):
    with pytest.raises(DataError, match=r"none of its 2 rows is a pair \(row 1 has no `query`; row 2 is a number"):
        read([{"question": "q"}, 7])
    (tmp_path / "w.json").write_text('{"location": 2.5, "price": 2.0}')
    with pytest.raises(DataError, match="has no `query`"):
        read_pairs(tmp_path / "w.json")


def test_parquet_with_other_types_in_its_columns(tmp_path):
    parquet.write_table(pa.table({"query": [1, 2], "pos": ["a", "b"]}), tmp_path / "a")
    with pytest.raises(DataError, match="row 1 `query` is a number, not text"):
        read_pairs(tmp_path / "a")
    parquet.write_table(
        pa.table({"query": pa.array([], pa.string()), "pos": pa.array([], pa.string())}), tmp_path / "b"
    )
    with pytest.raises(DataError, match="it holds no rows"):
        read_pairs(tmp_path / "b")


def test_take_renumbers_and_keeps_only_what_is_referred_to(read):
    samples = read([row("q0", "a", "b"), row("q1", "c", "a"), row("q2", "d", "e", "b")])
    taken = samples.take([2, 1])
    assert taken.queries == ("q2", "q1")
    assert taken.documents == ("a", "b", "c", "d", "e")
    assert [right(taken, 0), hard(taken, 0)] == [["d"], ["b", "e"]]
    # right for the first query, so never a hard negative, though the first query was not taken
    assert [right(taken, 1), hard(taken, 1)] == [["c"], []]
    assert samples.take([0]).documents == ("a", "b")
    assert samples.take([0, 1, 2]) == samples
    assert len(samples.take([])) == 0


@pytest.mark.slow
def test_three_containers_of_the_real_pairs_agree(shared_data, tmp_path):
    source = shared_data / "rental" / "pairs.json"
    rows = json.loads(source.read_text())[:250]
    (tmp_path / "array").write_text(json.dumps(rows, indent=1))
    (tmp_path / "lines").write_text("\n".join(map(json.dumps, rows)))
    parquet.write_table(pa.Table.from_pylist(rows), tmp_path / "table")
    expected, lines = read_pairs(tmp_path / "array"), read_pairs(tmp_path / "lines")
    assert read_pairs(tmp_path / "table") == expected
    assert lines.rows == tuple(name.replace("row", "line") for name in expected.rows)
    assert replace(lines, raw=expected.raw, defects=()) == replace(expected, defects=())
    assert lines.defect_counts == expected.defect_counts


@pytest.mark.slow
def test_the_real_pairs(shared_data):
    folder = shared_data / "rental"
    weights = read_weights(folder / "weight-config.json")
    samples = read_pairs(folder / "pairs.json", weights=weights)
    assert (samples.n_rows, len(samples.queries), len(samples.documents)) == (962, 936, 4632)
    assert len({document for right in samples.relevant for document in right}) == 951
    assert samples.skipped == ()
    assert samples.defect_counts == {
        "repeated_query": 26,
        "near_copy_of_query": 8,
        "query_with_several_positives": 19,
        "shared_positive": 11,
        "negative_is_other_positive": 2,
        "repeated_negative": 19,
        "near_copies": 24,
        "undeclared_type": 383,
        "missing_weight": 3,
        "zero_weight": 3750,
    }
    undeclared = Counter(defect.other for defect in samples.defects if defect.kind == "undeclared_type")
    assert undeclared == {"requirement": 383}
    assert sum(map(len, samples.ignored)) == 30
    assert len({fold(text) for text in samples.documents}) == 4632
    assert all(
        negative.document not in right
        for right, negatives in zip(samples.relevant, samples.hard_negatives, strict=True)
        for negative in negatives
    )


def test_the_real_example_states_the_weights_we_compute(shared_data):
    folder = shared_data / "rental"
    weights = read_weights(folder / "weight-config.json")
    (negatives,) = read_pairs(folder / "example.json", weights=weights).hard_negatives
    assert [negative.weight for negative in negatives] == [1.0, 2.0, 2.5]
    assert [combine_weights(negative.types, weights) for negative in negatives] == [1.0, 2.0, 2.5]


# -- two files --------------------------------------------------------------------------------------------------------


def test_queries_that_were_trained_on_leave(read):
    train = read([row("Phòng trọ, Quận 10", "a"), row("q2", "shared", "n1")])
    pairs = read(
        [row("q1", "b", "n1"), row("quan 10 phong tro", "c"), row("q2 ", "d"), row("q3", "SHARED"), row("q2", "e")]
    )
    assert find_trained(pairs, train) == {2: 1}
    pairs = read(
        [row("q1", "b", "n1"), row("quan 10; phong tro", "c"), row("q2 ", "d"), row("q3", "SHARED"), row("q2", "e")]
    )
    kept = leave_out_trained(pairs, train)
    assert find_trained(pairs, train) == {1: 0, 2: 1}
    assert kept.queries == ("q1", "q3")
    assert kept.documents == ("b", "n1", "SHARED")
    assert kept.skipped == (
        ("row 2", "its query stands in the training file too (row 1)"),
        ("row 3", "its query stands in the training file too (row 2)"),
    )
    assert kept.n_rows == 5 == len(kept) + len(kept.skipped) + 1  # one row repeats a query
    assert kept.defects[:4] == (
        Defect(kind="trained_query", where="row 2", text="quan 10; phong tro", other="training row 1"),
        Defect(kind="trained_query", where="row 3", text="q2", other="training row 2"),
        Defect(kind="trained_document", where="row 1, hard_neg 1", text="n1", other="training row 2, hard_neg 1"),
        Defect(kind="trained_document", where="row 4, pos", text="SHARED", other="training row 2, pos"),
    )
    assert kept.defects[4:] == pairs.defects


def test_a_hundred_trained_queries_and_documents(read):
    train = read([row(f"q{number}", f"p{number}") for number in range(300)])
    rows = [row(f"t{number}", f"u{number}", f"v{number}") for number in range(400)]
    for number in range(100):
        rows[number]["query"] = f"Q{number}."
        rows[100 + number]["pos"] = f"P{number}"
    random.Random(3).shuffle(rows)
    kept = leave_out_trained(read(rows), train)
    assert kept.defect_counts == {"trained_query": 100, "trained_document": 100}
    assert (len(kept), len(kept.skipped), kept.n_rows) == (300, 100, 400)


def test_two_files_without_a_common_word_stay_as_they_are(read):
    train, pairs = read([row("a", "b")]), read([row("c", "d", "e"), row("f", "d")])
    assert leave_out_trained(pairs, train) == pairs


def test_nothing_is_left_to_judge_by(read):
    pairs = read([row("a", "b"), row("c", "d")])
    with pytest.raises(DataError, match=r"every query stands in the training file(.|\n)*hint: "):
        leave_out_trained(pairs, pairs)
