from dataclasses import replace

import pytest
from matplotlib.figure import Figure

from latentscape.figures import EMBEDDINGS_FIGURES, LATENTS_FIGURES, MAP_FIGURES, Style, render_png

from .class_values import make_calibration, with_class_scores
from .layer_values import add_layer_values


def test_the_names_are_those_of_the_files_that_users_know():
    assert set(LATENTS_FIGURES) == {
        "latent_spaces_static", "layer_profile", "confusion_matrix", "confusion_vs_distance", "generalization",
        "layer_similarity", "calibration",
    }  # fmt: skip
    assert set(EMBEDDINGS_FIGURES) == {
        "tsne_projection", "umap_projection", "similarity_heatmap", "similarity_distribution", "top_k_predictions",
        "retrieval_ranks", "feature_importance", "attribute_clusters", "attribute_response",
    }  # fmt: skip
    assert set(MAP_FIGURES) == {"maps"}


@pytest.mark.parametrize("name", sorted(LATENTS_FIGURES))
def test_each_latents_figure_is_a_png(name, make_latents):
    findings = add_layer_values(make_latents(n=40, layers=("encoder", "mlp")))
    findings = replace(with_class_scores(findings), calibration=make_calibration())
    figure = LATENTS_FIGURES[name](findings, Style())
    assert isinstance(figure, Figure)
    assert render_png(figure).startswith(b"\x89PNG")
