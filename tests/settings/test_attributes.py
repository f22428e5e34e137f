import json

import numpy as np
import pytest

from latentscape.datasets.attribute_patterns import AttributeReader
from latentscape.datasets.attributes import extract_attributes
from latentscape.errors import UsageError
from latentscape.settings import load_config
from latentscape.settings.attributes import AttributesConfig


def load(folder, text):
    path = folder / "a.yml"
    path.write_text(text, encoding="utf-8")
    return load_config(path, AttributesConfig)


def test_a_full_file(tmp_path):
    loaded = load(
        tmp_path,
        """
negations: [no]
attributes:
  - name: city
    kind: category
    column: city
    names: [Huế]
    values: {'Zone \\1': ['/zone ([0-9])/']}
    types: [location]
  - name: cost
    kind: number
    unit: EUR
    numbers: [{match: '([0-9]{1,4}) ?k', scale: 1000, plus: 1}]
    skip: ['/under [0-9]{1,4} ?k/']
  - {name: lift, kind: flag, values: {yes: [lift]}}
""",
    )
    city, cost, lift = (AttributeReader(rule) for rule in loaded.rules())
    assert [city.read("in hue"), city.read("Zone 4")] == ["Huế", "Zone 4"]
    assert (city.rule.column, city.rule.types) == ("city", ("location",))
    assert [cost.read("2k"), cost.read("under 2k"), cost.rule.unit] == [2001.0, None, "EUR"]
    assert [lift.read("a lift"), lift.read("no lift")] == ["yes", "no"]


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ("{name: a, kind: category}", "neither a column nor a pattern"),
        ("{name: a, kind: number, names: [b]}", "give `numbers`"),
        ("{name: a, kind: category, names: [b], numbers: [{match: '(1)'}]}", "only a number has"),
        ("{name: a, kind: flag, values: {maybe: [b]}}", "`yes` and `no`"),
        ("{name: a, kind: category, names: [b], negations: [no]}", "only a flag"),
        ("{name: a, kind: category, names: [b], values: {b: [c]}}", "both in `names` and in `values`"),
        ("{name: a, kind: category, values: {'x \\2': ['/(b)/']}}", "has no group 2"),
        ("{name: a, kind: category, names: ['/(b/']}", r"attributes\[0\]\.names\[0\]`: it is no regular expression"),
        ("{name: a, kind: category, names: ['/(b+)+/']}", "could take too long"),
        ("{name: a, kind: number, numbers: [{match: '[0-9]'}]}", "needs one group"),
        ("{name: a, kind: sort}", "expected one of category, number, flag"),
        ("{name: a, kind: flag, column: b, unti: c}", "did you mean `unit`"),
    ],
)
def test_what_is_refused_and_on_which_line(tmp_path, entry, message):
    with pytest.raises(UsageError, match=message) as caught:
        load(tmp_path, f"notes: x\nattributes:\n  - {entry}\n")
    assert "a.yml:2" in str(caught.value) or "a.yml:3" in str(caught.value)


def test_two_attributes_of_one_name(tmp_path):
    with pytest.raises(UsageError, match="two of them are called `a`"):
        load(tmp_path, "attributes:\n" + 2 * "  - {name: a, kind: flag, column: b}\n")


def test_the_rental_file_reads_real_listings(root, shared_data):
    """Nearly all districts, prices and areas are read, and what a hard negative changes is what its type declares."""
    rules = load_config(root / "configs" / "rental.yml", AttributesConfig).rules()
    rows = json.loads((shared_data / "rental" / "pairs.json").read_text(encoding="utf-8"))[::4]
    negatives = [(row["pos"], negative) for row in rows for negative in row["hard_neg"]]
    texts = sorted({row["pos"] for row in rows} | {negative["text"] for _, negative in negatives})
    found = extract_attributes(rules, queries=(), documents=texts, query_columns={}, document_columns={})
    places = {text: place for place, text in enumerate(texts)}
    right = [places[row["pos"]] for row in rows]
    assert [attribute.name for attribute in found[:3]] == ["district", "price", "area"]
    assert min(np.mean(np.isfinite(attribute.documents[right])) for attribute in found[:3]) >= 0.95
    for kind, least in (("price", 0.99), ("location", 0.99), ("area", 0.95), ("amenity", 0.9), ("requirement", 0.85)):
        pairs = [(places[own], places[other["text"]]) for own, other in negatives if other["type"] == [kind]]
        told = [_differ_as_declared(found, pair, kind) for pair in pairs]
        assert np.mean(told) >= least, kind
        assert len(pairs) > 50


def _differ_as_declared(attributes, pair, kind):
    a, b = pair
    changed = [each for each in attributes if abs(each.documents[a] - each.documents[b]) > 0]
    return bool(changed) and all(kind in each.types for each in changed)
