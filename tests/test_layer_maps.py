"""Maps of several layers, kept in a run folder."""

import numpy as np
import pytest

from latentscape.layer_maps import MapPlan, map_layers
from latentscape.store import RunFolder, Unkept

RNG = np.random.default_rng(0)
CENTERS = RNG.normal(size=(4, 10)) * 4
LABELS = np.arange(120) % 4
LAYERS = {
    name: (CENTERS[LABELS] * signal + RNG.normal(size=(120, 10))).astype(np.float32)
    for name, signal in (("cnn", 0.2), ("encoder", 0.6), ("mlp", 1.0))
}


def places(maps, layer, method="tsne"):
    return maps[layer].maps[method].latent_map.xy


def moved(maps, method="tsne"):
    """Mean distance of a sample's places in the last two layers, in units of the spread of the last map."""
    before, after = places(maps, "encoder", method), places(maps, "mlp", method)
    return np.linalg.norm(before - after, axis=1).mean() / after.std()


@pytest.mark.slow
def test_aligned_layers_share_one_frame():
    apart = map_layers(Unkept(), LAYERS, plan=MapPlan(methods=("tsne", "umap", "pca"), seed=0), inputs={})
    together = map_layers(
        Unkept(), LAYERS, plan=MapPlan(methods=("tsne", "umap", "pca"), seed=0, aligned=True), inputs={}
    )
    for method in ("tsne", "umap"):
        assert moved(together, method) < 0.8 * moved(apart, method)
    assert together["mlp"].maps["tsne"].trust.recall.value > 0.5


def test_aligned_maps_are_kept_and_reused(tmp_path, monkeypatch):
    plan = MapPlan(methods=("tsne",), seed=0, aligned=True)
    with RunFolder(tmp_path / "run") as folder:
        first = map_layers(folder, LAYERS, plan=plan, inputs={"features": "these"})
    monkeypatch.setattr("latentscape.layer_maps.make_aligned_maps", None)
    with RunFolder(tmp_path / "run") as folder:
        again = map_layers(folder, LAYERS, plan=plan, inputs={"features": "these"})
        assert all(folder.reused.values())
    for layer in LAYERS:
        np.testing.assert_array_equal(places(first, layer), places(again, layer))


def test_maps_drawn_apart_are_not_taken_for_aligned_ones(tmp_path):
    with RunFolder(tmp_path / "run") as folder:
        map_layers(folder, LAYERS, plan=MapPlan(methods=("pca",), seed=0), inputs={})
        map_layers(folder, LAYERS, plan=MapPlan(methods=("pca",), seed=0, aligned=True), inputs={})
        assert not folder.reused["maps/pca_mlp"]


def test_a_single_layer_has_nothing_to_be_aligned_with():
    one = {"mlp": LAYERS["mlp"]}
    plain = map_layers(Unkept(), one, plan=MapPlan(methods=("tsne",), seed=0), inputs={})
    aligned = map_layers(Unkept(), one, plan=MapPlan(methods=("tsne",), seed=0, aligned=True), inputs={})
    np.testing.assert_array_equal(places(plain, "mlp"), places(aligned, "mlp"))
