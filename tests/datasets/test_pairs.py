import json
import random
import unicodedata

import pyarrow as pa
import pytest
from pyarrow import parquet

from latentscape.datasets.pairs import NOTES, HardNegative, combine_weights, read_pairs, read_weights
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
    assert (samples.n_rows, samples.skipped, samples.notes) == (2, (), {})
    assert len(samples) == 2


def test_many_queries_share_one_document(read):
    samples = read([row(f"q{number}", f"p{number % 3}", f"n{number}") for number in range(30)])
    assert len(samples.queries) == 30
    assert len({document for documents in samples.relevant for document in documents}) == 3
    assert samples.notes == {"shared_documents": 3}


def test_one_query_with_two_documents(read):
    samples = read([row("q", "a", "x", "b"), row("other", "o", "x"), row(" q ", "b", "y")])
    assert samples.queries == ("q", "other")
    assert right(samples, 0) == ["a", "b"]
    assert hard(samples, 0) == ["x", "y"]
    assert samples.notes == {
        "repeated_queries": 1,
        "queries_with_several_documents": 1,
        "negatives_equal_to_own_positive": 1,
    }


def test_negative_equal_to_its_own_positive_is_dropped_even_if_the_positive_comes_later(read):
    samples = read([row("q", "a", "A ", "a", " a\n", "b"), row("q", "b")])
    assert right(samples, 0) == ["a", "b"]
    assert hard(samples, 0) == ["A"]
    assert samples.notes["negatives_equal_to_own_positive"] == 3


def test_negative_that_is_right_for_another_query_stays_and_is_counted(read):
    samples = read([row("q1", "a", "b"), row("q2", "b", "a", "c")])
    assert [hard(samples, 0), hard(samples, 1)] == [["b"], ["a", "c"]]
    assert samples.notes == {"negatives_right_for_another_query": 2}


def test_exactly_the_planted_faults_are_counted(read):
    rows = [row(f"q{number}", f"p{number}", f"n{number}") for number in range(1000)]
    for number in range(100):
        rows[number]["hard_neg"].append({"text": f"p{number}"})
        rows[100 + number]["hard_neg"].append({"text": f"p{number}"})
        rows[200 + number]["hard_neg"].append({"text": f"n{200 + number}"})
        rows[300 + number]["pos"] = f"shared{number // 2}"
        rows[400 + number]["pos"] = f"q{400 + number}"
    random.Random(1).shuffle(rows)
    notes = read(rows).notes
    assert notes["negatives_equal_to_own_positive"] == 100
    assert notes["negatives_right_for_another_query"] == 100
    assert notes["repeated_negatives"] == 100
    assert notes["shared_documents"] == 50
    assert notes["queries_equal_to_their_document"] == 100


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
    assert samples.notes == {"repeated_negatives": 2, "missing_weights": 1}


def test_plain_zero_missing_repeated_and_undeclared(read):
    negatives = [
        {"text": "a", "type": ["price", "price"], "weight": 0},
        {"text": "b", "type": ["requirement", "view"]},
        {"text": "c", "type": ["requirement"], "weight": 1},
    ]
    rows = [{"query": "q", "pos": "p", "hard_neg": negatives}, {"query": "r", "pos": "s", "hard_neg": ["t"]}]
    rows.append({"query": "u", "pos": "v"})
    samples = read(rows, weights={"price": 2.0})
    assert samples.notes == {
        "queries_without_hard_negatives": 1,
        "plain_negatives": 1,
        "repeated_types": 1,
        "missing_weights": 1,
        "zero_weights": 1,
        "undeclared_types": 2,
    }
    assert samples.undeclared == {"requirement": 2, "view": 1}
    assert set(samples.notes) <= set(NOTES)
    assert all(type(count) is int for count in samples.notes.values())
    assert "undeclared_types" not in read(rows).notes


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
    assert [right(taken, 0), hard(taken, 0)] == [["d"], ["e", "b"]]
    assert [right(taken, 1), hard(taken, 1)] == [["c"], ["a"]]
    assert samples.take([0]).documents == ("a", "b")
    assert samples.take([0, 1, 2]) == samples
    assert len(samples.take([])) == 0


def test_three_containers_of_the_real_pairs_agree(shared_data, tmp_path):
    source = shared_data / "rental" / "pairs.json"
    rows = json.loads(source.read_text())
    (tmp_path / "lines").write_text("\n".join(map(json.dumps, rows)))
    parquet.write_table(pa.Table.from_pylist(rows), tmp_path / "table")
    expected = read_pairs(source)
    assert read_pairs(tmp_path / "lines") == expected
    assert read_pairs(tmp_path / "table") == expected


def test_the_real_pairs(shared_data):
    folder = shared_data / "rental"
    weights = read_weights(folder / "weight-config.json")
    samples = read_pairs(folder / "pairs.json", weights=weights)
    assert (samples.n_rows, len(samples.queries), len(samples.documents)) == (962, 936, 4632)
    assert len({document for right in samples.relevant for document in right}) == 951
    assert samples.skipped == ()
    assert samples.notes == {
        "repeated_queries": 26,
        "queries_with_several_documents": 19,
        "shared_documents": 5,
        "negatives_right_for_another_query": 2,
        "repeated_negatives": 19,
        "missing_weights": 3,
        "zero_weights": 3750,
        "undeclared_types": 383,
    }
    assert samples.undeclared == {"requirement": 383}
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
