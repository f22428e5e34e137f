"""The public names: one screen, each one hop from its room."""

import ast
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import latentscape


def test_every_public_name_is_there_and_typed():
    tree = ast.parse(Path(latentscape.__file__).read_text(encoding="utf-8"))
    typed = {alias.asname for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) for alias in node.names}
    assert typed - {None} == set(dir(latentscape))
    assert all(getattr(latentscape, name) is not None for name in dir(latentscape))


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'make_mapp'"):
        latentscape.make_mapp  # noqa: B018


def test_importing_costs_nothing():
    code = "import sys, latentscape; print(sorted({'numpy', 'torch', 'matplotlib'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_the_example_of_the_readme():
    features = np.random.default_rng(0).normal(size=(60, 5)).astype(np.float32)
    graph = latentscape.find_neighbors(features, k=latentscape.neighbors_needed(len(features)))
    latent_map = latentscape.make_map(features, graph, method="tsne", seed=0)
    trust = latentscape.measure_map_trust(features, graph, latent_map)
    assert latent_map.xy.shape == (60, 2)
    assert trust.recall.value > 0.5
