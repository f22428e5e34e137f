"""Everything one study found, as values: what figures draw, pages tell and the run folder keeps."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float, Int

from latentscape.maps.latent_map import LatentMap
from latentscape.measures.distance import ConfusionAgainstDistance
from latentscape.measures.ranking import Ranking
from latentscape.measures.score import Score
from latentscape.measures.similarity import PairSimilarities
from latentscape.measures.trust import MapTrust
from latentscape.shapes import Labels


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
    """A sample that was left out, and why."""

    id: str
    reason: str


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
        if self.n_in != self.n_ok + len(self.skipped) + len(self.failed):
            raise AssertionError(f"samples lost: {self}")


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
