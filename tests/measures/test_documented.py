import doctest
import importlib
import re

import numpy as np
import pytest

from latentscape.measures.classification import (
    measure_accuracy,
    measure_balanced_accuracy,
    measure_chance_accuracy,
)
from latentscape.measures.ranking import rank_documents
from latentscape.measures.scales import READINESS
from latentscape.measures.similarity import measure_similarities

MODULES = ["bootstrap", "classification", "cosines", "distance", "histogram", "ranking", "scales", "similarity"]


def name_scores():
    vectors, right = np.eye(2, dtype=np.float32), [np.array([0]), np.array([1])]
    labels, confusions = np.array([0, 1]), np.eye(2, dtype=int)
    one_by_one = [
        measure_accuracy(labels, labels),
        measure_balanced_accuracy(confusions, seed=0),
        measure_chance_accuracy(confusions),
    ]
    nothing = [np.array([], dtype=int)] * 2
    pairs = measure_similarities(vectors, vectors, right, hard=nothing, seed=0).scores
    ranks = rank_documents(vectors, vectors, right, seed=0).scores
    return {score.name for score in one_by_one} | pairs.keys() | ranks.keys()


def test_every_score_is_in_the_document(root):
    text = (root / "docs" / "measures.md").read_text(encoding="utf-8")
    words = set(re.findall(r"`([a-z_0-9]+)`", text)) | {"recall_at_5", "recall_at_10"}
    assert name_scores() <= words
    assert all(name in text for name in READINESS if name != "figures")


@pytest.mark.parametrize("module", [*(f"measures.{name}" for name in MODULES), "store"])
def test_examples_in_docstrings_hold(module):
    assert doctest.testmod(importlib.import_module(f"latentscape.{module}")).failed == 0
