"""The made-up rental market: valid pair files with the quirks of real ones."""

import json
from importlib import resources
from pathlib import Path
from unicodedata import is_normalized

import numpy as np
import pytest

from latentscape.datasets.attributes import extract_attributes
from latentscape.datasets.pairs import combine_weights, read_pairs, read_weights
from latentscape.demo.rental_data import WEIGHTS, write_demo_rentals
from latentscape.demo.rental_words import DISTRICTS, strip_accents
from latentscape.settings import AttributesConfig, load_config


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
    counts = train.defect_counts
    assert counts.get("repeated_row", 0) + counts.get("repeated_query", 0) >= 10
    assert counts["shared_positive"] > 100
    assert "undeclared_type" not in counts
    assert not all(train.hard_negatives)


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


def test_the_demos_attribute_file_reads_what_the_listings_say(files, held_out):
    """Every listing says all three; its hard negatives differ in what they are declared to be wrong in."""
    path = resources.files("latentscape.demo") / "attributes.yml"
    rules = load_config(Path(str(path)), AttributesConfig).rules()
    found = extract_attributes(
        rules, queries=held_out.queries, documents=held_out.documents, query_columns={}, document_columns={}
    )
    assert [each.name for each in found] == ["district", "price", "area"]
    for attribute in found:
        assert attribute.document_coverage == 1
        (kind,) = attribute.types
        for right, wrong in zip(held_out.relevant, held_out.hard_negatives, strict=True):
            for negative in wrong:
                differs = attribute.documents[negative.document] != attribute.documents[right[0]]
                assert differs == (kind in negative.types) or len(right) > 1


def test_no_hard_negative_is_right_for_another_query_of_its_file(train):
    assert "negative_is_other_positive" not in train.defect_counts


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
