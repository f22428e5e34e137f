"""Queries chosen to be shown, and the words for what is wrong with their documents."""

import numpy as np
import pytest

from latentscape.datasets.attributes import Attribute
from latentscape.measures.examples import choose_examples, explain_wrong
from latentscape.measures.ranking import Ranking

NAN = float("nan")


def make_ranking(best_rank, *, top=None, similarity=None, right=None, k=3):
    n = len(best_rank)
    return Ranking(
        **{
            **blank_fields(n),
            "best_rank": np.asarray(best_rank, dtype=np.int64),
            "top": np.tile(np.arange(k), (n, 1)) if top is None else np.asarray(top, dtype=np.int64),
            "top_similarity": np.full((n, k), 0.5) if similarity is None else np.asarray(similarity, dtype=float),
            "top_right": np.zeros((n, k), dtype=bool) if right is None else np.asarray(right, dtype=bool),
            "scores": {},
        }
    )


def blank_fields(n):
    """Fields that no example depends on."""
    fields = Ranking.__dataclass_fields__.keys() - {"best_rank", "top", "top_similarity", "top_right", "scores"}
    integers = {"best_rank_without_hard"}
    return {name: np.zeros(n, dtype=np.int64 if name in integers else float) for name in fields}


def lists(*rows):
    return tuple(np.array(row, dtype=np.int64) for row in rows)


def chosen(found):
    return {kind: queries.tolist() for kind, queries in found.items()}


def test_a_choice_worked_by_hand():
    found = choose_examples(make_ranking([1, 9, 2, 2, 2, 7, 1, 1, 3]), n_each=2, seed=0)
    assert chosen(found)["worst"] == [1, 5]
    assert chosen(found)["typical"] == [2, 3]  # the median rank is 2, ties by number
    assert set(chosen(found)["random"]) < {0, 4, 6, 7, 8}


def test_among_equal_ranks_the_widest_lead_of_a_wrong_document_is_worst():
    similarity = [[0.9, 0.8, 0.1], [0.9, 0.3, 0.1], [0.9, 0.8, 0.1], [0.9, 0.85, 0.1]]
    right = [[False, True, False]] * 3 + [[True, False, False]]
    found = choose_examples(make_ranking([2, 2, 2, 1], similarity=similarity, right=right), n_each=1, seed=0)
    assert chosen(found)["worst"] == [1]
    narrow = make_ranking([1, 1, 1, 1], similarity=similarity, right=[[True, False, False]] * 4)
    assert chosen(choose_examples(narrow, n_each=1, seed=0))["worst"] == [3]  # its wrong document trails by least


def test_the_typical_query_has_the_usual_similarity():
    similarity = np.full((9, 3), 0.2)
    similarity[:, 0] = [0.1, 0.2, 0.9, 0.5, 0.52, 0.9, 0.8, 0.3, 0.95]
    found = choose_examples(make_ranking([1] * 9, similarity=similarity), n_each=1, seed=0)
    assert chosen(found)["typical"] == [4]  # the median of the first column is 0.52


@pytest.mark.parametrize(
    ("n", "sizes"), [(0, (0, 0, 0)), (1, (1, 0, 0)), (2, (1, 1, 0)), (3, (1, 1, 1)), (50, (4, 4, 4))]
)
def test_no_query_twice_and_none_without_answer(n, sizes):
    ranks = np.concatenate([np.zeros(5, dtype=int), np.random.default_rng(n).integers(1, 6, size=n)])
    found = choose_examples(make_ranking(ranks), n_each=4, seed=1)
    assert tuple(len(found[kind]) for kind in ("worst", "typical", "random")) == sizes
    queries = np.concatenate(list(found.values()))
    assert len(set(queries.tolist())) == len(queries)
    assert (ranks[queries.astype(int)] > 0).all()
    if n:
        assert ranks[found["worst"]].min() >= np.sort(ranks)[-sizes[0]]


def test_the_random_ones_follow_the_seed():
    ranking = make_ranking(np.ones(200, dtype=int))
    first, again, other = (choose_examples(ranking, n_each=5, seed=seed)["random"] for seed in (0, 0, 1))
    assert first.tolist() == again.tolist() != other.tolist()


def test_rows_with_gaps_choose_as_well():
    similarity = [[0.4, NAN, NAN], [NAN, NAN, NAN], [0.2, 0.1, NAN]]
    top = [[0, -1, -1], [-1, -1, -1], [2, 1, -1]]
    found = choose_examples(make_ranking([1, 1, 2], top=top, similarity=similarity), n_each=1, seed=0)
    assert sorted(np.concatenate(list(found.values())).tolist()) == [0, 1, 2]


def number(name, queries, documents, unit=""):
    return Attribute(name=name, kind="number", unit=unit, queries=np.array(queries), documents=np.array(documents))


def category(name, values, queries, documents):
    return Attribute(
        name=name, kind="category", values=values, queries=np.array(queries), documents=np.array(documents)
    )


def test_reasons_worked_by_hand():
    ranking = make_ranking([2, 1], top=[[1, 0, 2, 3, 4], [2, 3, 0, 1, -1]], k=5,
                           right=[[False, True, False, False, False], [True, False, False, False, False]])  # fmt: skip
    price = number("price", [5.5, NAN], [5.5, 7.0, 5.5, NAN, 5.5], "million")
    street = category("district", ("Quận 10", "Quận 3"), [0.0, 1.0], [0.0, 1.0, 0.0, NAN, NAN])
    found = explain_wrong([0, 1], ranking, relevant=lists([0], [2]), hard=lists([1, 4], [3]),
                          types=((("location", "price"), ("floor",)), ((),)), attributes=[price, street])  # fmt: skip
    assert found == (
        (
            "declared: location, price; price: asked 5.5, has 7 million; district: asked Quận 10, has Quận 3",
            "",
            "right for another query; as asked in price, district",
            "",
            "declared: floor",
        ),
        ("", "a declared hard negative", "district: asked Quận 3, has Quận 10",
         "as asked in district", ""),
    )  # fmt: skip


def test_large_numbers_are_written_out_and_equal_ones_agree():
    ranking = make_ranking([0], top=[[0, 1]], k=2, right=[[False, False]])
    price = number("price", [5_500_000.0], [7_250_000.0, 5_500_000.0000001], "VND")
    found = explain_wrong([0], ranking, relevant=lists([]), hard=lists([]), types=(), attributes=[price])
    assert found == (("price: asked 5,500,000, has 7,250,000 VND", "as asked in price"),)


def test_nothing_known_says_nothing():
    ranking = make_ranking([0], top=[[0, 1]], k=2, right=[[False, False]])
    assert explain_wrong([0], ranking, relevant=lists([]), hard=lists([]), types=(), attributes=()) == (("", ""),)
    assert explain_wrong([], ranking, relevant=lists([]), hard=lists([]), types=(), attributes=()) == ()
