"""The made-up rental market: valid pair files with the quirks of real ones."""

import json
from unicodedata import is_normalized

import numpy as np
import pytest

from latentscape.datasets.pairs import combine_weights, read_pairs, read_weights
from latentscape.demo.rental_data import WEIGHTS, write_demo_rentals
from latentscape.demo.rental_words import DISTRICTS, strip_accents


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    return write_demo_rentals(tmp_path_factory.mktemp("rentals"), seed=5)


@pytest.fixture(scope="module")
def train(files):
    return read_pairs(files.train, weights=read_weights(files.weights))


@pytest.fixture(scope="module")
def held_out(files):
    return read_pairs(files.held_out, weights=read_weights(files.weights))


def test_sizes_and_quirks(train, held_out):
    assert (train.n_rows, held_out.n_rows) == (600, 200)
    assert train.skipped == held_out.skipped == ()
    assert train.undeclared == {}
    assert train.notes["repeated_queries"] >= 10
    assert train.notes["shared_documents"] > 100
    assert train.notes["queries_without_hard_negatives"] > 0


def test_no_right_document_and_no_query_is_in_both_files(train, held_out):
    def right(pairs):
        return {pairs.documents[document] for found in pairs.relevant for document in found}

    assert not right(train) & right(held_out)
    assert not set(train.queries) & set(held_out.queries)


def test_the_same_seed_gives_the_same_bytes(tmp_path, files):
    again = write_demo_rentals(tmp_path / "again", seed=5)
    assert again.train.read_bytes() == files.train.read_bytes()
    assert again.held_out.read_bytes() == files.held_out.read_bytes()
    other = write_demo_rentals(tmp_path / "other", seed=6)
    assert other.train.read_bytes() != files.train.read_bytes()


def test_weights_follow_the_types(files):
    weights = read_weights(files.weights)
    assert {name: weights[name] for name in WEIGHTS if not name.startswith("_")} == {
        name: value for name, value in WEIGHTS.items() if not name.startswith("_")
    }
    negatives = [negative for row in json.loads(files.train.read_text()) for negative in row.get("hard_neg", [])]
    assert {len(negative["type"]) for negative in negatives} == {1, 2, 3}
    for negative in negatives[:200]:
        assert negative["weight"] == pytest.approx(combine_weights(negative["type"], weights), abs=1e-3)


def test_no_hard_negative_is_right_for_another_query_of_its_file(train):
    assert train.notes.get("negatives_right_for_another_query", 0) == 0


def test_a_hard_negative_differs_in_the_declared_ways(files):
    """Location and area stand at fixed places of every listing, so that they can be read back."""
    for row in json.loads(files.train.read_text(encoding="utf-8")):
        for negative in row.get("hard_neg", []):
            (place, area), (other_place, other_area) = (
                text.split(", ")[0:3:2] for text in (row["pos"], negative["text"])
            )
            districts = [name for names in DISTRICTS.values() for name in names]
            found, other = (max((d for d in districts if d in text), key=len) for text in (place, other_place))
            assert (found != other) == ("location" in negative["type"])
            assert (area != other_area) == ("area" in negative["type"])


def test_text_is_composed_and_a_third_of_the_queries_has_no_accents(train):
    assert all(is_normalized("NFC", text) for text in (*train.queries, *train.documents))
    bare = np.mean([strip_accents(query) == query for query in train.queries])
    assert 0.25 < bare < 0.45
