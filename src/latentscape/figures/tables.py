"""Which pictures each study writes: a file name without its ending -> the function that draws it.

A function returns None where its input does not exist (a map that was skipped), and then no file is written.
Each picture says in its file which weights it shows.
"""

from collections.abc import Callable, Mapping
from functools import wraps
from types import MappingProxyType
from typing import TypeVar

from matplotlib.figure import Figure

from latentscape.comparison_findings import ComparisonFindings
from latentscape.figures.attribute_clusters import draw_attribute_clusters
from latentscape.figures.attribute_response import draw_attribute_response
from latentscape.figures.calibration import draw_calibration
from latentscape.figures.comparison_changes import draw_comparison_changes
from latentscape.figures.comparison_drift import draw_comparison_drift
from latentscape.figures.comparison_maps import draw_comparison_maps
from latentscape.figures.comparison_scores import draw_comparison_scores
from latentscape.figures.confusion_distance import draw_confusion_distance
from latentscape.figures.confusion_matrix import draw_confusion_matrix
from latentscape.figures.feature_importance import draw_feature_importance
from latentscape.figures.feature_maps import draw_feature_maps
from latentscape.figures.generalization import draw_generalization
from latentscape.figures.latent_spaces import draw_latent_spaces
from latentscape.figures.layer_profile import draw_layer_profile
from latentscape.figures.layer_similarity import draw_layer_similarity
from latentscape.figures.pair_maps import draw_tsne_projection, draw_umap_projection
from latentscape.figures.receipt_words import say_receipt
from latentscape.figures.render import tidy
from latentscape.figures.retrieval_ranks import draw_retrieval_ranks
from latentscape.figures.similarity_distribution import draw_similarity_distribution
from latentscape.figures.similarity_heatmap import draw_similarity_heatmap
from latentscape.figures.style import Style, ThemedFigure
from latentscape.figures.top_k_predictions import draw_top_k_predictions
from latentscape.findings import EmbeddingsFindings, LatentsFindings, MapFindings

Findings = TypeVar("Findings", LatentsFindings, EmbeddingsFindings, ComparisonFindings)
Table = dict[str, Callable[[Findings, Style], Figure | None]]


def _sign(table: Table[Findings]) -> Mapping[str, Callable[[Findings, Style], Figure | None]]:
    """The functions of a table, each of whose pictures says about which weights it is."""
    return MappingProxyType({name: _signed(draw) for name, draw in table.items()})


def _signed(draw: Callable[[Findings, Style], Figure | None]) -> Callable[[Findings, Style], Figure | None]:
    @wraps(draw)
    def draw_signed(findings: Findings, style: Style) -> Figure | None:
        figure = draw(findings, style)
        if isinstance(figure, ThemedFigure):
            figure.about = _tell_weights(findings)
        return figure

    return draw_signed


def _tell_weights(findings: LatentsFindings | EmbeddingsFindings | ComparisonFindings) -> str:
    if isinstance(findings, ComparisonFindings):
        told = ((checkpoint.name, say_receipt(checkpoint.model)) for checkpoint in findings.checkpoints)
        return " ".join(f"{tidy(name)}: {receipt}" for name, receipt in told if receipt)
    return say_receipt(findings.model)


LATENTS_FIGURES: Mapping[str, Callable[[LatentsFindings, Style], Figure | None]] = _sign(
    {
        "latent_spaces_static": draw_latent_spaces,
        "layer_profile": draw_layer_profile,
        "confusion_matrix": draw_confusion_matrix,
        "confusion_vs_distance": draw_confusion_distance,
        "generalization": draw_generalization,
        "layer_similarity": draw_layer_similarity,
        "calibration": draw_calibration,
    }
)
EMBEDDINGS_FIGURES: Mapping[str, Callable[[EmbeddingsFindings, Style], Figure | None]] = _sign(
    {
        "tsne_projection": draw_tsne_projection,
        "umap_projection": draw_umap_projection,
        "similarity_heatmap": draw_similarity_heatmap,
        "similarity_distribution": draw_similarity_distribution,
        "top_k_predictions": draw_top_k_predictions,
        "retrieval_ranks": draw_retrieval_ranks,
        "feature_importance": draw_feature_importance,
        "attribute_clusters": draw_attribute_clusters,
        "attribute_response": draw_attribute_response,
    }
)
COMPARISON_FIGURES: Mapping[str, Callable[[ComparisonFindings, Style], Figure | None]] = _sign(
    {
        "comparison_maps": draw_comparison_maps,
        "comparison_scores": draw_comparison_scores,
        "comparison_changes": draw_comparison_changes,
        "comparison_drift": draw_comparison_drift,
    }
)
MAP_FIGURES: Mapping[str, Callable[[MapFindings, Style], Figure | None]] = MappingProxyType({"maps": draw_feature_maps})
