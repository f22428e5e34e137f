"""Maps of several layers, kept in a run folder."""

import numpy as np
import pytest

from latentscape.executor import IN_PROCESS
from latentscape.layer_maps import MapPlan, map_columns, map_layer, map_layers, score_maps
from latentscape.measures.definitions import define
from latentscape.store import RunFolder, Unkept
from tests.scattered import Scattered

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


# -- more samples than are laid out ---------------------------------------------------------------------------------


def draw(folder=None, layout_samples=40, executor=IN_PROCESS, methods=("umap", "pca")):
    plan = MapPlan(methods=methods, seed=0, layout_samples=layout_samples, redraw_up_to=0)
    return map_layer(folder or Unkept(), LAYERS["mlp"], layer="mlp", plan=plan, inputs={}, executor=executor)


def test_beyond_the_limit_samples_are_placed_beside_those_laid_out():
    made = draw().maps
    drawn = made["umap"]
    assert drawn.latent_map.placed.sum() == 80
    assert drawn.latent_map.notice == "80 of 120 samples were placed beside the 40 that were laid out."
    scores = score_maps({"umap_mlp": drawn}.items())
    assert (scores["placed_recall_umap_mlp"].n, scores["laid_out_recall_umap_mlp"].n) == (80, 40)
    placed, whole = scores["placed_recall_umap_mlp"].value, scores["neighbor_recall_umap_mlp"].value
    assert 3 * whole == pytest.approx(2 * placed + scores["laid_out_recall_umap_mlp"].value)
    assert define("placed_recall_umap_mlp") == define("neighbor_recall")
    assert map_columns({"umap_mlp": drawn}.items())["umap_mlp_placed"] is drawn.latent_map.placed


def test_components_are_found_of_all_samples():
    assert draw().maps["pca"].latent_map.placed is None
    np.testing.assert_array_equal(draw().maps["pca"].latent_map.xy, draw(layout_samples=1000).maps["pca"].latent_map.xy)
    assert "pca_mlp_placed" not in map_columns({"pca_mlp": draw().maps["pca"]}.items())


def test_the_limit_is_part_of_the_inputs_only_where_it_is_reached(tmp_path):
    with RunFolder(tmp_path / "run") as folder:
        draw(folder, layout_samples=120)
        draw(folder, layout_samples=1000)
        assert all(folder.reused.values())
        draw(folder, layout_samples=119)
        assert [name for name, reused in folder.reused.items() if not reused] == ["maps/umap_mlp"]
        first = draw(folder)
        again = draw(folder)
        assert all(folder.reused.values())
    np.testing.assert_array_equal(first.maps["umap"].latent_map.placed, again.maps["umap"].latent_map.placed)


def test_workers_place_samples_where_they_are_placed_here():
    here, there = (draw(executor=each).maps["umap"].latent_map for each in (IN_PROCESS, Scattered()))
    assert here.xy.tobytes() == there.xy.tobytes()
    assert here.notice == there.notice


def test_another_seed_lays_out_other_samples():
    plan = MapPlan(methods=("umap",), seed=0, layout_samples=40)
    made = map_layer(Unkept(), LAYERS["mlp"], layer="mlp", plan=plan, inputs={}).maps["umap"]
    assert made.trust.scores["stability"].value < 0.9


def test_aligned_maps_lay_out_the_same_samples():
    plan = MapPlan(methods=("umap", "pca"), seed=0, aligned=True, layout_samples=60, redraw_up_to=0)
    made = map_layers(Unkept(), LAYERS, plan=plan, inputs={})
    placed = [made[layer].maps["umap"].latent_map.placed for layer in LAYERS]
    assert all(each.sum() == 60 for each in placed)
    assert all(np.array_equal(each, placed[0]) for each in placed)
    assert made["mlp"].maps["pca"].latent_map.placed is None
    assert made["mlp"].maps["umap"].trust.recall.value > 0.3
