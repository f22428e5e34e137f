import pytest
from matplotlib.figure import Figure

from latentscape.figures import EMBEDDINGS_FIGURES, LATENTS_FIGURES, MAP_FIGURES, Style, render_png


def test_the_names_are_those_of_the_files_that_users_know():
    assert set(LATENTS_FIGURES) == {"latent_spaces_static", "confusion_vs_distance"}
    assert set(EMBEDDINGS_FIGURES) == {
        "tsne_projection", "umap_projection", "similarity_heatmap", "similarity_distribution", "top_k_predictions",
    }  # fmt: skip
    assert set(MAP_FIGURES) == {"maps"}


@pytest.mark.parametrize("name", sorted(LATENTS_FIGURES))
def test_each_latents_figure_is_a_png(name, make_latents):
    figure = LATENTS_FIGURES[name](make_latents(n=40, layers=("mlp",)), Style())
    assert isinstance(figure, Figure)
    assert render_png(figure).startswith(b"\x89PNG")
