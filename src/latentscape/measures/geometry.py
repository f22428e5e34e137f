"""The shape of one layer, in six numbers."""

from latentscape.errors import DataError
from latentscape.measures.effective_rank import measure_effective_rank
from latentscape.measures.hubness import measure_hubness
from latentscape.measures.intrinsic_dimension import measure_intrinsic_dimension
from latentscape.measures.mean_cosine import measure_mean_cosine
from latentscape.measures.score import Score
from latentscape.measures.silhouette import measure_silhouette
from latentscape.measures.within_between import measure_within_between
from latentscape.neighbors import Neighbors
from latentscape.shapes import FeatureMatrix, Labels


def measure_geometry(features: FeatureMatrix, neighbors: Neighbors, labels: Labels, *, seed: int) -> dict[str, Score]:
    """`silhouette`, `within_between`, `effective_rank`, `intrinsic_dimension`, `mean_cosine`, `hubness`, by name.

    Raises:
        DataError: no samples, a feature that is not finite, or features, graph and labels of different samples.
    """
    if not len(features) == len(neighbors.indices) == len(labels):
        got = f"{len(features)} samples, a graph of {len(neighbors.indices)}, {len(labels)} labels"
        raise DataError(
            "features, neighbors and labels must be of the same samples",
            got=got,
            hint="find the neighbors of these very features, and give one label a sample",
            fault="data-columns",
        )
    scores = (
        measure_silhouette(features, labels, seed=seed),
        measure_within_between(features, labels, seed=seed),
        measure_effective_rank(features, seed=seed),
        measure_intrinsic_dimension(neighbors),
        measure_mean_cosine(features, seed=seed),
        measure_hubness(neighbors),
    )
    return {score.name: score for score in scores}
