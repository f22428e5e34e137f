"""Everything one study found, as values: what figures draw, pages tell and the run folder keeps."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float, Int

from latentscape.maps.latent_map import LatentMap
from latentscape.measures.distance import ConfusionAgainstDistance
from latentscape.measures.faithfulness import MapTrust
from latentscape.measures.ranking import Ranking
from latentscape.measures.score import Score
from latentscape.measures.similarity import PairSimilarities
from latentscape.shapes import Labels, Rows


@dataclass(frozen=True, kw_only=True)
class ModelCard:
    """Which model the pictures show and how completely its weights were loaded."""

    name: str
    checkpoint: str
    sha256: str
    n_parameters: int
    n_tensors_matched: int
    n_tensors_total: int
    trained: Mapping[str, str | int | float] = field(default_factory=dict)
    """What the checkpoint says of its own training: epoch, loss, val_loss, best accuracy."""
    stamps: tuple[str, ...] = ()
    """Warnings that every picture and page must carry, e.g. that weights were missing and the user allowed it."""


@dataclass(frozen=True, kw_only=True)
class Skip:
    """A sample that was left out, and why; or several at once, where naming each would help nobody."""

    id: str
    reason: str
    count: int = 1


@dataclass(frozen=True, kw_only=True)
class Accounting:
    """What became of every input: n_in = n_ok + n_skipped + n_failed, always.

    Skipped: left out by a rule, before the model saw it (duplicate, outside the sample asked for, unknown label).
    Failed: it should have worked and did not (unreadable, non-finite).
    """

    n_in: int
    n_ok: int
    skipped: tuple[Skip, ...] = ()
    failed: tuple[Skip, ...] = ()

    def __post_init__(self) -> None:
        if self.n_in != self.n_ok + self.n_skipped + self.n_failed:
            raise AssertionError(f"samples lost: {self}")

    @property
    def n_skipped(self) -> int:
        """How many samples a rule left out."""
        return sum(skip.count for skip in self.skipped)

    @property
    def n_failed(self) -> int:
        """How many samples should have worked and did not."""
        return sum(skip.count for skip in self.failed)


@dataclass(frozen=True, kw_only=True)
class DrawnMap:
    """A map and how far to trust it."""

    latent_map: LatentMap
    trust: MapTrust


@dataclass(frozen=True, kw_only=True)
class LayerFindings:
    """What one layer of a classifier shows."""

    layer: str
    n_features: int
    maps: Mapping[str, DrawnMap]
    """By method: tsne, umap, pca."""
    confusion: ConfusionAgainstDistance


@dataclass(frozen=True, kw_only=True)
class LatentsFindings:
    """Everything the latents study found; row i of every array is sample i."""

    model: ModelCard
    accounting: Accounting
    ids: tuple[str, ...]
    """Relative path of each sample's file, unique."""
    labels: Labels
    predictions: Labels
    probabilities: Float[np.ndarray, "sample class"]
    dataset_ids: Labels
    speakers: tuple[str, ...]
    class_names: tuple[str, ...]
    dataset_names: tuple[str, ...]
    confusion_matrix: Int[np.ndarray, "class class"]
    """Counts; rows are true classes, columns predicted ones."""
    layers: tuple[LayerFindings, ...]
    scores: Mapping[str, Score]


@dataclass(frozen=True, kw_only=True)
class EmbeddingsFindings:
    """Everything the embeddings study found. Map row i is query i, then document i - n_queries."""

    model: ModelCard
    accounting: Accounting
    queries: tuple[str, ...]
    documents: tuple[str, ...]
    relevant: tuple[Int[np.ndarray, " _"], ...]
    """For each query the document numbers that are right for it."""
    hard_negatives: tuple[Int[np.ndarray, " _"], ...]
    """For each query the document numbers declared as its hard negatives."""
    document_kinds: Labels
    """1 a positive (right for some query), 2 a hard negative only."""
    similarities: PairSimilarities
    ranking: Ranking
    heatmap_queries: Int[np.ndarray, " shown"]
    """Query numbers on the heatmap's rows; its column j is the first right document of row j's query."""
    heatmap: Float[np.ndarray, "shown shown"]
    maps: Mapping[str, DrawnMap]
    scores: Mapping[str, Score]

    @property
    def kinds(self) -> Labels:
        """0 query, 1 positive, 2 hard negative, for each row of the maps."""
        return np.concatenate([np.zeros(len(self.queries), dtype=int), self.document_kinds])


@dataclass(frozen=True, kw_only=True)
class MapFindings:
    """Everything the maps of one feature matrix show; row i of every array is the i-th sample drawn."""

    source: str
    """File name of the features, or `array`."""
    accounting: Accounting
    """Failed are the rows that are not finite."""
    rows: Rows
    """Input row number of each sample drawn, ascending."""
    ids: tuple[str, ...] | None = None
    """The user's own names of the samples, where given."""
    labels: Labels | None = None
    """Number of each sample's class, -1 unknown; None where no labels were given."""
    label_names: tuple[str, ...] = ()
    label_column: str = ""
    """What the user calls the labels."""
    shapes: Labels | None = None
    """Number of each sample's marker class, -1 unknown; None where none were given."""
    shape_names: tuple[str, ...] = ()
    shape_column: str = ""
    maps: Mapping[str, DrawnMap]
    """By method, in the order asked."""
    metric: str
    n_features: int
    n_kinds: int
    """Distinct rows of features."""
    k: int
    """Width of the neighbor graph."""
    graph_recall: float
    """Share of the true neighbors in the graph: 1.0 where the search was exact."""
    scores: Mapping[str, Score]
    """By flat name: `neighbor_recall_tsne` and so on."""
