"""Links, judgments and the raw reading say the same of any file, and go on saying it for any part of it."""

import json
import random

import numpy as np
import pytest

from latentscape.datasets.near_copies import near_keys
from latentscape.datasets.pairs import read_pairs
from latentscape.datasets.text import fold


def make_rows(seed):
    """Rows from few texts, so that everything repeats, with near copies among them."""
    rng = random.Random(seed)
    texts = [f"phòng {number}, có gác" for number in range(rng.randint(2, 12))]
    texts += [f"CO GAC; phong {number}" for number in range(4)] + ["a", " a ", "A", "?"]
    rows = []
    for _ in range(rng.randint(1, 25)):
        negatives = [
            {
                "text": rng.choice(texts),
                "type": rng.choices("xyz", k=rng.randint(0, 2)),
                "weight": rng.choice([None, 0, 1]),
            }
            for _ in range(rng.randint(0, 4))
        ]
        several = rng.choices(texts, k=rng.randint(1, 2))
        row = {"query": rng.choice(["q1", "Q1", "q2", "q3 ", "q3", "q4"]), "pos": several, "hard_neg": negatives}
        rows.append(row | {"place": rng.choice([None, "x", 3])})
    return rows


def read(tmp_path, rows):
    (tmp_path / "pairs.json").write_text(json.dumps(rows))
    return read_pairs(tmp_path / "pairs.json")


def near(a, b):
    return bool(set(enumerate(near_keys(a))) & set(enumerate(near_keys(b))))


def describe(rows):
    """Query -> (right, hard, ignored) texts, folded, straight from the definition."""
    right, wrong = {}, {}
    for row in rows:
        right.setdefault(fold(row["query"]), set()).update(map(fold, row["pos"]))
        wrong.setdefault(fold(row["query"]), set()).update(fold(each["text"]) for each in row["hard_neg"])
    documents = set().union(*right.values(), *wrong.values())
    taken = set().union(*right.values())
    ignored = {
        query: {each for each in documents - texts if any(near(each, text) for text in texts)}
        for query, texts in right.items()
    }
    return {query: (right[query], wrong[query] - taken - ignored[query], ignored[query]) for query in right}


def name(samples, numbers):
    return {fold(samples.documents[number]) for number in numbers}


def read_back(samples):
    lists = zip(samples.queries, *samples.judgments(), strict=True)
    return {fold(query): tuple(name(samples, numbers) for numbers in judged) for query, *judged in lists}


def read_raw(samples):
    """What each row says, by text."""
    raw = samples.raw
    return [
        (
            name_of_row,
            fold(samples.queries[query]),
            [fold(samples.documents[raw.document[mention]]) for mention in right],
            [fold(samples.documents[raw.document[mention]]) for mention in wrong],
        )
        for name_of_row, query, right, wrong in zip(raw.names, raw.query, raw.relevant, raw.hard, strict=True)
    ]


def check(samples):
    """What must hold of any samples."""
    n_documents = len(samples.documents)
    for lists in zip(*samples.judgments(), strict=True):
        joined = np.concatenate(lists)
        assert len(np.unique(joined)) == len(joined)
        assert all((np.diff(numbers) > 0).all() for numbers in lists)
        assert not len(joined) or 0 <= joined.min() <= joined.max() < n_documents
        assert len(lists[0])
    assert [[each.document for each in negatives] for negatives in samples.hard_negatives] == [
        each.tolist() for each in samples.judgments()[1]
    ]
    mentioned = [mention for row in (*samples.raw.relevant, *samples.raw.hard) for mention in row]
    assert sorted(mentioned) == list(range(len(samples.raw.document))) == list(range(len(samples.raw.places)))
    assert set(samples.raw.document.tolist()) == set(range(n_documents))
    assert set(samples.raw.query.tolist()) == set(range(len(samples)))
    for columns, length in ((samples.query_columns, len(samples)), (samples.document_columns, n_documents)):
        assert all(len(cells) == length for cells in columns.values())


@pytest.mark.parametrize("seed", range(25))
def test_links_are_those_of_the_definition_for_the_file_and_any_part_of_it(tmp_path, seed):
    rows = make_rows(seed)
    samples = read(tmp_path, rows)
    check(samples)
    expected = describe(rows)
    assert read_back(samples) == expected
    assert read_raw(samples) == [
        (
            f"row {number}",
            fold(row["query"]),
            [*map(fold, row["pos"])],
            [fold(each["text"]) for each in row["hard_neg"]],
        )
        for number, row in enumerate(rows, 1)
    ]
    assert samples.take(range(len(samples))) == samples
    rng = np.random.default_rng(seed)
    chosen = rng.permutation(len(samples))[: rng.integers(1, len(samples) + 1)]
    taken = samples.take(chosen)
    check(taken)
    assert taken.queries == tuple(samples.queries[row] for row in chosen)
    kept = {fold(query) for query in taken.queries}
    said = [row for row in read_raw(samples) if row[1] in kept]
    assert read_raw(taken) == said
    corpus = {text for row in said for texts in row[2:] for text in texts}
    assert list(map(fold, taken.documents)) == [each for each in map(fold, samples.documents) if each in corpus]
    assert read_back(taken) == {query: tuple(each & corpus for each in expected[query]) for query in kept}
    assert np.array_equal(taken.documents, np.array(samples.documents)[samples.kept_documents(chosen)])
    assert taken.rows == tuple(samples.rows[row] for row in chosen)
    assert taken.query_columns == {
        name: tuple(cells[row] for row in chosen) for name, cells in samples.query_columns.items()
    }
    assert taken.defects == samples.defects
    again = taken.take(range(len(taken))[::-1])
    assert again == samples.take(chosen[::-1])


def test_vectors_of_the_raw_reading_are_picked_by_its_numbers(tmp_path):
    samples = read(tmp_path, [{"query": "q", "pos": "a", "hard_neg": ["b", "a"]}, {"query": "q", "pos": "b"}])
    vectors = np.array([[1.0], [2.0]])
    assert samples.documents == ("a", "b")
    assert vectors[samples.raw.document].tolist() == [[1.0], [2.0], [1.0], [2.0]]
    assert samples.raw.query.tolist() == [0, 0]
    assert samples.raw.relevant == ((0,), (3,))
    assert samples.raw.hard == ((1, 2), ())
    assert samples.raw.places == ("row 1, pos", "row 1, hard_neg 1", "row 1, hard_neg 2", "row 2, pos")
    assert samples.rows == ("row 1",)


def test_raw_readings_are_compared_by_what_they_hold(tmp_path):
    rows = [{"query": "q", "pos": "a"}, {"query": "r", "pos": "b"}]
    first, second = read(tmp_path, rows).raw, read(tmp_path, rows).raw
    assert first == second
    assert first != read(tmp_path, [*rows, rows[0]]).raw
    assert first != "raw"
