"""Every score is defined, every definition says where it comes from, and the page of measures is what they say."""

import doctest
import importlib
import re
import subprocess
import sys

import numpy as np
import pytest

from latentscape.measures.classification import (
    measure_accuracy,
    measure_balanced_accuracy,
    measure_chance_accuracy,
    measure_class_recalls,
)
from latentscape.measures.definitions import DEFINITIONS, define, find_function, list_definitions
from latentscape.measures.judgments import Judgments
from latentscape.measures.ranking import rank_documents
from latentscape.measures.scales import READINESS, check_readiness, describe_margin, describe_separation
from latentscape.measures.scan import scan_pairs
from latentscape.measures.similarity import measure_similarities

MODULES = [
    "bootstrap",
    "classification",
    "cosines",
    "definitions",
    "distance",
    "histogram",
    "ranking",
    "scales",
    "similarity",
]
ON_MAPS = ("neighbor_recall", "trustworthiness", "continuity", "shepard_spearman", "triplet_accuracy", "stability")


def name_scores():
    vectors, right = np.eye(2, dtype=np.float32), [np.array([0]), np.array([1])]
    labels, confusions = np.array([0, 1]), np.eye(2, dtype=int)
    one_by_one = [
        measure_accuracy(labels, labels),
        measure_balanced_accuracy(confusions, seed=0),
        measure_chance_accuracy(confusions),
    ]
    nothing = (np.array([], dtype=int),) * 2
    judgments = Judgments(relevant=tuple(right), hard=nothing, ignored=nothing, n_documents=2)
    scan = scan_pairs(vectors, vectors, judgments, k=2, seed=0)
    pairs = measure_similarities(vectors, vectors, judgments, scan, seed=0).scores
    ranks = rank_documents(scan, judgments, seed=0).scores
    return {score.name for score in one_by_one} | pairs.keys() | ranks.keys()


def test_every_score_is_in_the_document(root):
    text = (root / "docs" / "measures.md").read_text(encoding="utf-8")
    words = set(re.findall(r"`([a-z_0-9]+)`", text))
    assert name_scores() <= words
    assert all(name in text for name in READINESS if name != "figures")


def test_every_score_has_a_definition():
    recalls = measure_class_recalls(np.eye(2, dtype=int), ["Very sad", "at 1st"])
    names = [*name_scores(), *recalls, *(f"{name}_tsne_encoder.3" for name in ON_MAPS)]
    assert not [name for name in names if define(name) is None]


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("recall_at_10", "ranking"),
        ("recall_at_home", "class_recall"),
        ("accuracy_ravdess", "accuracy"),
        ("linear_speaker_encoder_3", "readout"),
        ("transfer_loss_centroid_mlp_a_to_b", "transfer"),
        ("confusion_distance_spearman_mmd_cnn", "confusion_distance"),
        ("silhouette", "silhouette"),
        ("outliers", "outliers"),
    ],
)
def test_the_longest_fitting_name_decides(name, key):
    found = define(name)
    assert found is not None
    assert found.key == key


@pytest.mark.parametrize("name", ["", "nonsense", "margins", "silhouettes", "recall", "f1"])
def test_what_only_looks_like_a_score_has_no_definition(name):
    assert define(name) is None


def test_keys_and_names_are_unique():
    keys = [definition.key for definition in DEFINITIONS]
    names = [name for definition in DEFINITIONS for name in definition.names]
    assert len(set(keys)) == len(keys)
    assert len(set(names)) == len(names)
    owners = {name: definition.key for definition in DEFINITIONS for name in definition.names}
    assert all(owners.get(key, key) == key for key in keys)


@pytest.mark.parametrize("definition", DEFINITIONS, ids=lambda definition: definition.key)
def test_every_definition_says_something_and_where_it_comes_from(definition):
    assert len(definition.text) > 60
    assert ">>>" not in definition.text
    assert "Raises" not in definition.text
    assert not re.search(r"\bNone\b(?! of)", definition.text)
    if callable(find_function(definition.function)) and definition.names:
        assert definition.text.split("\n\n")[-1].startswith("Source: "), definition.function


def test_chapters_are_told_in_one_piece():
    chapters = [definition.chapter for definition in list_definitions()]
    changes = [chapter for chapter, before in zip(chapters, [None, *chapters], strict=False) if chapter != before]
    assert len(changes) == len(set(changes))


def test_the_published_words_are_told_as_they_are_chosen():
    """The thresholds stand in docstrings, as words; the functions must keep to them."""
    for choose in (describe_margin, describe_separation):
        text = choose.__doc__ or ""
        bounds = [float(bound) for bound in re.findall(r"\d\.\d+", text.partition("below that")[0])]
        words = [choose(bound) for bound in bounds]
        assert words == ["good", "good", "fair", "poor"]
        assert choose(bounds[0] + 0.01) == "excellent"
        assert choose(bounds[-1] - 0.01) == "bad"


def test_the_checklist_is_told_with_its_thresholds():
    told = dict(re.findall(r"\| `(\w+)` \| (?:at least|above|below) ([\d.]+ ?%?)", check_readiness.__doc__ or ""))
    values = {name: float(bar.rstrip(" %")) / (100 if "%" in bar else 1) for name, bar in told.items()}
    assert values == dict(READINESS)


def test_without_docstrings_there_are_no_definitions_and_no_crash():
    code = "from latentscape.measures.definitions import *; print(define('accuracy'), list_definitions())"
    code = code.replace("import *", "import define, list_definitions")
    done = subprocess.run([sys.executable, "-OO", "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "None ()\n"


@pytest.mark.parametrize("module", [*(f"measures.{name}" for name in MODULES), "store"])
def test_examples_in_docstrings_hold(module):
    assert doctest.testmod(importlib.import_module(f"latentscape.{module}")).failed == 0
