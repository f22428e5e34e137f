"""Queries, documents and judgments of every make, and the same links out of all of them."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import torch
from scipy import sparse

from latentscape.datasets.pair_values import link_values, link_vectors, read_columns
from latentscape.errors import DataError

QUERIES = ["soup", "drink"]
DOCUMENTS = ["pho", "banh mi", "coffee"]
RIGHT = ((0,), (2,))
ASKED = dict(zip(("q1", "q2"), QUERIES, strict=True))
HELD = dict(zip(("a", "b", "c"), DOCUMENTS, strict=True))


@pytest.mark.parametrize(
    "relevant",
    [
        [0, 2],
        np.array([0, 2]),
        torch.tensor([0, 2]),
        [[0], {2}],
        [np.array([0]), (np.int64(2),)],
        {0: 0, 1: [2]},
        {0: {0: 2.0}, 1: {2: np.float32(1)}},
        np.array([[1, 2], [0, 0]]),
        np.array([[True, False, False], [False, False, True]]),
        sparse.csr_matrix([[1, 0, 0], [0, 0, 2]]),
        pd.Series([0, 2], index=[7, 9]),
        pd.DataFrame({"query-id": [1, 0], "corpus-id": [2, 0]}),
    ],
)
def test_numbers_are_rows(relevant):
    pairs = link_values(QUERIES, DOCUMENTS, relevant)
    assert (pairs.queries, pairs.documents, pairs.relevant) == (tuple(QUERIES), tuple(DOCUMENTS), RIGHT)
    assert pairs.hard_negatives == ((), ())
    assert (pairs.defects, pairs.skipped, pairs.n_rows) == ((), (), 2)
    assert pairs.rows == ("query 1", "query 2")


@pytest.mark.parametrize("queries", [ASKED, pd.Series(ASKED), pd.DataFrame({"_id": [*ASKED], "text": QUERIES})])
@pytest.mark.parametrize("documents", [HELD, pa.table({"id": [*HELD], "text": DOCUMENTS})])
@pytest.mark.parametrize(
    "relevant",
    [
        {"q1": "a", "q2": ["c"]},
        {"q1": {"a": 3}, "q2": {"c": 1}},
        ["a", ("c",)],
        [0, 2],
        np.array([["q1", "a"], ["q2", "c"]]),
        {"query-id": ["q1", "q2"], "corpus-id": ["a", "c"], "score": [1, 1]},
    ],
)
def test_words_are_ids(queries, documents, relevant):
    table = pd.DataFrame(relevant) if "query-id" in relevant else relevant
    pairs = link_values(queries, documents, table)
    assert (pairs.queries, pairs.documents, pairs.relevant) == (tuple(QUERIES), tuple(DOCUMENTS), RIGHT)
    assert pairs.rows == ("query q1", "query q2")


def test_without_relevant_the_ith_is_right_for_the_ith():
    assert link_values(QUERIES, DOCUMENTS[:2]).relevant == ((0,), (1,))
    with pytest.raises(DataError, match="nothing says which documents are right") as caught:
        link_values(QUERIES, DOCUMENTS)
    assert "2 queries and 3 documents" in caught.value.got


def test_ids_that_are_numbers_are_ids():
    pairs = link_values({10: "soup", 0: "drink"}, {1: "pho", 0: "coffee"}, {10: 1, 0: [0]})
    assert pairs.relevant == ((0,), (1,))


def test_grades_of_0_and_hard_negatives():
    pairs = link_values(QUERIES, DOCUMENTS, {0: {0: 1, 1: 0}, 1: {2: 1}}, hard={1: [1, 2]})
    first, second = ([(each.document, each.types) for each in wrong] for wrong in pairs.hard_negatives)
    assert (first, second) == ([(1, ("judged",))], [(1, ())])
    assert [(each.kind, each.where, each.text) for each in pairs.defects] == [
        ("negative_is_own_positive", "query 2, document 3", "coffee")
    ]


def test_a_query_without_right_documents_is_skipped():
    pairs = link_values([*QUERIES, "bread", ""], DOCUMENTS, [0, 2, None, 1])
    assert pairs.queries == tuple(QUERIES)
    assert pairs.skipped == (("query 4", "its text is empty"), ("query 3", "no judgment names it"))
    assert pairs.n_rows == 4
    assert link_values(QUERIES, DOCUMENTS, np.array([-1, 2])).queries == ("drink",)
    assert link_values(QUERIES, DOCUMENTS, [[], [2]]).queries == ("drink",)


def test_ids_that_are_not_there_are_noted():
    pairs = link_values(ASKED, HELD, {"q1": ["a", "z"], "q9": "a"})
    assert pairs.relevant == ((0,),)
    assert pairs.defect_counts == {"unknown_document": 1}
    assert pairs.skipped == (
        ("query q9", "it is judged, but not among the queries"),
        ("query q2", "no judgment names it"),
    )


def test_missing_texts_titles_and_columns():
    documents = pd.DataFrame(
        {"title": ["Phở", None, "Bún"], "text": ["soup", "bread", np.nan], "price": [5.5, np.nan, 4.0]}
    )
    pairs = link_values(["q", "r", "s"], documents, [0, 1, 2])
    assert pairs.documents == ("Phở\n\nsoup", "bread", "Bún")
    assert pairs.document_columns == {"price": (5.5, None, 4.0)}
    assert link_values(["q"], {"a": {"title": "T", "text": "x"}, "b": {"text": None}}, ["a"]).documents == ("T\n\nx",)
    assert link_values(["q"], [{"_id": "k", "text": "x"}], ["k"]).documents == ("x",)


def test_all_documents_stay_when_fewer_queries_are_taken():
    assert len(link_values(QUERIES, DOCUMENTS, RIGHT).take([0]).documents) == 3


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (("soup", DOCUMENTS, [0]), "the queries are no list"),
        ((QUERIES, 7, [0, 1]), "the documents are no list"),
        ((QUERIES, DOCUMENTS, [0]), "`relevant` does not fit the queries"),
        ((QUERIES, DOCUMENTS, 3), "`relevant` does not fit the queries"),
        ((QUERIES, DOCUMENTS, [0, 3]), "there is no document 3"),
        ((QUERIES, DOCUMENTS, {5: 0}), "there is no query 5"),
        ((QUERIES, DOCUMENTS, ["a", "b"]), "no document is called 'a'"),
        ((QUERIES, DOCUMENTS, {0: {0: "good"}}), "a grade is no number"),
        ((QUERIES, DOCUMENTS, np.zeros((2, 3))), "`relevant` has the wrong shape"),
        ((QUERIES, DOCUMENTS, pd.DataFrame({"a": [1]})), "has no columns query-id and corpus-id"),
        ((QUERIES, DOCUMENTS, {0: {0: 0}}), "no query of the values can be used"),
        ((QUERIES, ["", " "], [0, 1]), "no query of the values can be used"),
        (({1.5: "x"}, DOCUMENTS, [0]), "a query has no id"),
    ],
)
def test_what_can_not_be_linked(values, message):
    with pytest.raises(DataError, match=message):
        link_values(*values)


def test_vectors_with_and_without_texts():
    queries, documents = np.eye(4)[:2], torch.eye(4)[1:]
    found = link_vectors(queries, documents, [0, 1], hard=[[2], []])
    assert found.pairs.queries == ("query 1", "query 2")
    assert found.pairs.relevant == ((0,), (1,))
    assert [each.document for each in found.pairs.hard_negatives[0]] == [2]
    np.testing.assert_array_equal(found.document_vectors, np.eye(4, dtype=np.float32)[1:])
    assert len(found.take([0]).document_vectors) == 3
    named = link_vectors(
        queries, documents, {"q1": {"a": 1, "b": 0}, "q2": "c"}, query_texts=ASKED, document_texts=HELD
    )
    assert named.pairs.queries == tuple(QUERIES)
    assert named.pairs.relevant == RIGHT
    assert [each.types for each in named.pairs.hard_negatives[0]] == [("judged",)]
    with pytest.raises(DataError, match="the texts of the documents do not fit their vectors"):
        link_vectors(queries, documents, [0, 1], document_texts=["x"])


def test_vectors_that_are_lost_take_their_queries_along():
    documents = np.array([[0.0, 0.0], [1.0, 0.0]])
    found = link_vectors(np.eye(2), documents)
    assert found.pairs.queries == ("query 2",)
    assert found.lost_documents == (("document 1", found.lost_documents[0][1]),)


def test_columns_of_a_mapping_are_none():
    assert read_columns({"a": [1]}) is None
    assert read_columns([1]) is None
    assert read_columns(pa.table({"a": [1]})) == {"a": [1]}


def test_vectors_that_are_no_matrix_are_called_so():
    with pytest.raises(DataError, match="vectors of the queries are no matrix"):
        link_vectors(np.ones(4), np.ones((3, 4)), [0, 2])


def test_where_nothing_is_judged_the_hint_is_of_this_door():
    with pytest.raises(DataError, match="there are no judgments") as error:
        link_values(QUERIES, DOCUMENTS, [[], []])
    assert "`relevant`" in str(error.value) and "--" not in str(error.value)
