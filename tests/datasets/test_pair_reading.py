"""The columns of sentence-transformers in every container: pairs, triplets, several negatives, scores."""

import json

import pyarrow as pa
import pytest
from pyarrow import parquet

from latentscape.datasets.pair_roles import Roles, find_roles, is_native
from latentscape.datasets.pairs import HardNegative, read_pairs
from latentscape.errors import DataError

TRIPLETS = [
    {"anchor": "q1", "positive": "a", "negative": "b"},
    {"anchor": "q2", "positive": "c", "negative": "d"},
]


def write(folder, rows, kind):
    """The rows in one of the containers."""
    path = folder / f"pairs.{kind}"
    if kind == "jsonl":
        path.write_text("\n".join(map(json.dumps, rows)))
    elif kind == "json":
        path.write_text(json.dumps(rows))
    elif kind == "parquet":
        parquet.write_table(pa.Table.from_pylist(rows), path)
    else:
        mark = "," if kind == "csv" else "\t"
        names = list(rows[0])
        body = [mark.join("" if row[name] is None else str(row[name]) for name in names) for row in rows]
        path.write_text("\ufeff" + "\r\n".join([mark.join(names), *body]) + "\r\n")
    return path


def hard(pairs, query):
    return [pairs.documents[each.document] for each in pairs.hard_negatives[query]]


@pytest.mark.parametrize("kind", ["json", "jsonl", "parquet", "csv", "tsv"])
def test_every_container_holds_triplets(tmp_path, kind):
    pairs = read_pairs(write(tmp_path, TRIPLETS, kind))
    assert pairs.queries == ("q1", "q2")
    assert pairs.documents == ("a", "b", "c", "d")
    assert pairs.relevant == ((0,), (2,))
    assert pairs.hard_negatives == (
        (HardNegative(document=1, types=(), weight=None),),
        (HardNegative(document=3, types=(), weight=None),),
    )
    # the format has no room for types and weights, so none is missing
    assert (pairs.defects, pairs.skipped, pairs.n_rows) == ((), (), 2)
    assert pairs.query_columns == {}


@pytest.mark.parametrize(
    ("query", "positive"),
    [
        ("anchor", "positive"),
        ("question", "answer"),
        ("query", "passage"),
        ("sentence1", "sentence2"),
        ("Query ", "Pos"),
    ],
)
def test_names_of_columns(tmp_path, query, positive):
    pairs = read_pairs(write(tmp_path, [{query: "q", positive: "p", "year": 1999}], "csv"))
    assert (pairs.queries, pairs.documents, pairs.relevant) == (("q",), ("p",), ((0,),))
    assert pairs.query_columns == {"year": (1999,)}


def test_several_negatives_in_columns_and_in_lists(tmp_path):
    columns = [{"query": "q", "positive": "p", "negative_1": "x", "negative_2": None, "negative_10": "y"}]
    lists = [{"query": "q", "pos": ["p", "r"], "neg": ["x", "y"]}]
    assert hard(read_pairs(write(tmp_path, columns, "csv")), 0) == ["x", "y"]
    for kind in ("jsonl", "parquet"):
        pairs = read_pairs(write(tmp_path, lists, kind))
        assert (hard(pairs, 0), pairs.relevant) == (["x", "y"], ((0, 1),))


def test_a_table_may_have_our_own_names(tmp_path):
    pairs = read_pairs(write(tmp_path, [{"query": "q", "pos": "p", "hard_neg": "n"}], "csv"))
    assert (pairs.documents, hard(pairs, 0)) == (("p", "n"), ["n"])


@pytest.mark.parametrize("kind", ["jsonl", "parquet", "csv"])
@pytest.mark.parametrize("name", ["score", "label"])
def test_scores_from_half_of_the_largest_on_are_right(tmp_path, kind, name):
    rows = [
        {"sentence1": "q", "sentence2": "best", name: 5.0},
        {"sentence1": "q", "sentence2": "just", name: 2.5},
        {"sentence1": "r", "sentence2": "else", name: 4.0},
        {"sentence1": "q", "sentence2": "less", name: 2.4},
        {"sentence1": "s", "sentence2": "none", name: 0.0},
    ]
    pairs = read_pairs(write(tmp_path, rows, kind))
    assert pairs.queries == ("q", "r")
    assert [[pairs.documents[number] for number in right] for right in pairs.relevant] == [["best", "just"], ["else"]]
    assert hard(pairs, 0) == ["less"]
    assert pairs.hard_negatives[0][0].types == ("judged",)
    assert len(pairs.skipped) == 1
    assert pairs.skipped[0][1] == "no document is right for its query: its best score is 0, right is 2.5 or more"
    assert pairs.n_rows == 5
    assert pairs.defect_counts == {"query_with_several_positives": 1}


def test_labels_of_yes_and_no(tmp_path):
    rows = [{"query": "q", "answer": text, "label": label} for text, label in (("a", 1), ("b", 0), ("c", 0))]
    pairs = read_pairs(write(tmp_path, rows, "jsonl"))
    assert (pairs.relevant, hard(pairs, 0)) == (((0,),), ["b", "c"])
    assert read_pairs(write(tmp_path, rows, "csv")).relevant == ((0,),)


def test_scores_that_grade_nothing(tmp_path):
    rows = [{"query": "q", "answer": "a", "score": 0}, {"query": "r", "answer": "b", "score": -1}]
    with pytest.raises(DataError, match=r"no row of .* has a right document") as caught:
        read_pairs(write(tmp_path, rows, "jsonl"))
    assert caught.value.fault == "data-empty"
    rows = [{"query": "q", "answer": "a", "label": "entailment"}]
    with pytest.raises(DataError, match="`label` is text, not a number"):
        read_pairs(write(tmp_path, rows, "csv"))
    rows = [{"query": "q", "answer": "a", "score": None}, {"query": "r", "answer": "b", "score": 1}]
    assert read_pairs(write(tmp_path, rows, "csv")).skipped == (("line 2", "`score` is empty"),)
    rows[0]["score"] = "high"
    assert read_pairs(write(tmp_path, rows, "csv")).skipped == (("line 2", "`score` is text, not a number"),)
    rows[0] = {"query": "q", "answer": None, "score": 1}
    assert read_pairs(write(tmp_path, rows, "csv")).skipped == (("line 2", "`answer` is empty"),)
    rows[0] = {"query": "q", "answer": "a", "score": None}
    assert read_pairs(write(tmp_path, rows, "jsonl")).skipped == (("line 1", "`score` is empty"),)


def test_beside_negatives_a_score_is_no_judgment(tmp_path):
    rows = [{**TRIPLETS[0], "score": 0.1}, {**TRIPLETS[1], "score": 9.0}]
    pairs = read_pairs(write(tmp_path, rows, "parquet"))
    assert pairs.relevant == ((0,), (2,))
    assert pairs.query_columns == {"score": (0.1, 9.0)}


def test_our_own_files_keep_their_columns(tmp_path):
    rows = [{"query": "q", "pos": "p", "hard_neg": [], "score": 0.5, "label": "x"}]
    assert read_pairs(write(tmp_path, rows, "json")).query_columns == {"score": (0.5,), "label": ("x",)}
    rows = [{"query": "q", "pos": "p", "label": "x"}]
    for kind in ("json", "csv"):
        assert read_pairs(write(tmp_path, rows, kind)).query_columns == {"label": ("x",)}


def test_roles():
    assert is_native(["query", "pos"])
    assert not is_native(["query", "pos", "score"])
    assert not is_native(["query"])
    assert find_roles(["text", "label"], "x") is None
    assert find_roles(["query", "question", "positive", "answer", "score"], "x") == Roles(
        query="query", positive="positive", score="score"
    )
    with pytest.raises(DataError, match="several columns that could be the right document") as caught:
        find_roles(["question", "answer", "passage"], "x")
    assert caught.value.got == "`answer`, `passage`"


def test_a_table_without_such_columns(tmp_path):
    with pytest.raises(DataError, match="has no columns of pairs") as caught:
        read_pairs(write(tmp_path, [{"left": "a", "right": "b"}], "csv"))
    assert caught.value.fault == "data-columns"
    assert "`left`, `right`" in caught.value.got
    path = tmp_path / "pairs"
    path.write_text("left,right\na,b\n")
    with pytest.raises(DataError, match="starts with 'left,right"):
        read_pairs(path)


def test_tables_by_their_content_with_semicolons_quotes_and_rows_of_another_width(tmp_path):
    path = tmp_path / "pairs.txt"
    path.write_text('query;answer;n\n"a; b";"c\nd";1\ne;f\n\ng;12;x\n')
    pairs = read_pairs(path)
    assert pairs.queries == ("a; b", "g")
    assert pairs.documents == ("c\nd", "12")
    assert pairs.query_columns == {"n": ("1", "x")}
    assert pairs.skipped == (("line 4", "2 cells under 3 columns"),)
    assert pairs.n_rows == 3


def test_texts_of_digits_are_texts(tmp_path):
    pairs = read_pairs(write(tmp_path, [{"question": "6 x 7", "answer": "42", "points": 0.5}], "csv"))
    assert pairs.documents == ("42",)
    assert pairs.query_columns == {"points": (0.5,)}
