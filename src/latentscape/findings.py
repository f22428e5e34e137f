"""Everything one study found, as values: what figures draw, pages tell and the run folder keeps."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from jaxtyping import Float, Int

from latentscape.datasets.attributes import Attribute
from latentscape.datasets.pair_defects import Defect
from latentscape.maps.latent_map import LatentMap
from latentscape.measures.attribute_places import AttributePlaces
from latentscape.measures.calibration import Calibration
from latentscape.measures.distance import ConfusionAgainstDistance
from latentscape.measures.drift import ClassDrift
from latentscape.measures.faithfulness import MapTrust
from latentscape.measures.group_ranks import GroupRanks
from latentscape.measures.layer_similarity import LayerSimilarity
from latentscape.measures.minimal_pairs import TypeImportance
from latentscape.measures.ranking import Ranking
from latentscape.measures.readout import Reader, Readout, Target
from latentscape.measures.response import ResponseCurve
from latentscape.measures.score import Score
from latentscape.measures.similarity import PairSimilarities
from latentscape.measures.suspects import Suspect
from latentscape.measures.transfer import Transfer
from latentscape.shapes import LOGITS as LOGITS
from latentscape.shapes import Kind, Labels, Rows

TITLES = {"last_hidden": "last hidden"}
"""Layers that the studies name themselves, in words."""


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
    unlearns_dataset: bool = False
    """Whether it was trained with a head that makes it forget which data set a sample comes from."""
    stamps: tuple[str, ...] = ()
    """Warnings that every picture and page must carry, e.g. that weights were missing and the user allowed it."""
    receipt: Mapping[str, Any] = field(default_factory=dict)
    """The weight receipt as plain values, for the manifest: `WeightReceipt.to_dict`."""
    in_memory: bool = False
    """Whether the weights came with the module itself: there was no file to prove them by."""


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
    """By cosine distance of centroids in the layer's own space."""
    other_confusions: Mapping[str, ConfusionAgainstDistance] = field(default_factory=dict)
    """By the other distances: euclidean, mahalanobis, mmd, and on the maps: tsne, umap, pca."""
    readouts: Mapping[tuple[Target, Reader], Readout] = field(default_factory=dict)
    geometry: Mapping[str, Score] = field(default_factory=dict)
    """silhouette, within_between, effective_rank, intrinsic_dimension, mean_cosine, hubness."""
    transfers: tuple[Transfer, ...] = ()
    """One a reader; empty with a single dataset."""
    drifts: tuple[ClassDrift, ...] = ()

    @property
    def title(self) -> str:
        """Its name for readers."""
        return title_layer(self.layer)


@dataclass(frozen=True, kw_only=True)
class Improvement:
    """One claim that survived its test."""

    kind: str
    """Which rule made it; the report has words for each kind."""
    subject: tuple[str, ...]
    """What it is about: names of classes, datasets, layers, in the order the kind defines."""
    scores: Mapping[str, Score] = field(default_factory=dict)
    """The evidence, by its role in the sentence."""
    p_value: float | None = None
    """Adjusted for all claims of its kind; None for facts that need no test."""
    samples: tuple[str, ...] = ()
    """Ids of the samples behind it, the strongest first."""
    stake: float = 0.0
    """Share of the studied samples whose prediction it may concern: an upper bound of what mending it can gain."""


@dataclass(frozen=True, kw_only=True)
class Withheld:
    """A rule that did not speak, and why."""

    kind: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class Improvements:
    """The ranked list, and what could not be judged."""

    found: tuple[Improvement, ...] = ()
    withheld: tuple[Withheld, ...] = ()


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
    """In the order of the model, from its input side to the logits."""
    scores: Mapping[str, Score]
    dataset_confusions: tuple[Int[np.ndarray, "class class"], ...] = ()
    """One matrix a dataset, which add up to `confusion_matrix`; empty with a single dataset."""
    calibration: Calibration | None = None
    mistakes: Rows = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    """The most confident mistakes, the most confident first."""
    layer_similarity: LayerSimilarity | None = None
    suspects: tuple[Suspect, ...] = ()
    improvements: Improvements = field(default_factory=Improvements)
    n_train: int = 0
    """Samples on the training side of the split; suspects there mean less, for the model has seen their labels."""
    shared_speakers: tuple[str, ...] = ()
    """Speakers on both sides of the split."""
    kind: Kind | None = None
    """What the samples are; None where nobody knows."""
    split: str = ""
    """Which split of the data was studied, by its own name; empty where it has none."""

    @property
    def has_groups(self) -> bool:
        """Whether it is known of any samples that they come from the same speaker, patient, author."""
        return len(set(self.speakers)) < len(self.speakers)

    @property
    def has_datasets(self) -> bool:
        """Whether the samples come from several data sets."""
        return len(self.dataset_names) > 1

    @property
    def main_layer(self) -> LayerFindings:
        """The layer that most is asked of."""
        names = [layer.layer for layer in self.layers]
        return self.layers[names.index(choose_main(names))]


def title_layer(name: str) -> str:
    """A layer's name for readers; paths of modules stay what `--layers` takes.

    >>> title_layer("last_hidden"), title_layer("bert.layer_norm")
    ('last hidden', 'bert.layer_norm')
    """
    return TITLES.get(name, name)


def choose_main(layers: Sequence[str]) -> str:
    """The last layer before the logits: what the model knows before it decides. The logits where there is no other."""
    return next((layer for layer in reversed(layers) if layer != LOGITS), layers[-1])


@dataclass(frozen=True, kw_only=True)
class Example:
    """A query chosen to be shown, and what was chosen it for."""

    query: int
    kind: Literal["typical", "worst", "random"]
    why_wrong: tuple[str, ...]
    """For each of the documents in its row of `ranking.top`: what is wrong with it, empty for a right one and where
    nobody knows (`price: asked 5.5, has 7`; `declared: location`; `right for another query`)."""


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
    """1 a positive (right for some query), 2 a hard negative only, 3 neither for any query."""
    similarities: PairSimilarities
    ranking: Ranking
    heatmap_queries: Int[np.ndarray, " shown"]
    """Query numbers on the heatmap's rows; its column j is the first right document of row j's query."""
    heatmap: Float[np.ndarray, "shown shown"]
    maps: Mapping[str, DrawnMap]
    scores: Mapping[str, Score]
    """Everything of scores.json but the maps' own."""
    heatmap_groups: tuple[str, ...] = ()
    """What each row of the heatmap belongs to, rows of one group side by side; empty where nothing groups them."""
    heatmap_attribute: str = ""
    """What the groups are: an attribute's name, or `cluster`."""
    hard_types: tuple[tuple[tuple[str, ...], ...], ...] = ()
    """For each query the types of each of its `hard_negatives`; empty tuples where the data say none."""
    weights: Mapping[str, float] = field(default_factory=dict)
    """Type -> weight as the weight file declares; empty without one."""
    raw_scores: Mapping[str, Score] = field(default_factory=dict)
    """The headline numbers with every row of the file taken at its word: copies are other documents, repeated queries
    other queries, and each row's own positive is its only right document."""
    defects: tuple[Defect, ...] = ()
    defect_counts: Mapping[str, int] = field(default_factory=dict)
    """Kind of defect -> how many, in the order of `DEFECTS`."""
    attributes: tuple[Attribute, ...] = ()
    importance: TypeImportance | None = None
    places: tuple[AttributePlaces, ...] = ()
    responses: tuple[ResponseCurve, ...] = ()
    groups: tuple[GroupRanks, ...] = ()
    geometry: Mapping[str, Score] = field(default_factory=dict)
    examples: tuple[Example, ...] = ()
    """Queries worth showing: typical, worst and random ones."""
    first_wrong: tuple[str, ...] = ()
    """For each query what is wrong with the document that comes first, as in `Example.why_wrong`."""
    improvements: Improvements = field(default_factory=Improvements)
    unmeasured: Mapping[str, str] = field(default_factory=dict)
    """What was asked for and could not be measured -> why, e.g. `response of price` -> `2 documents have a price`."""
    is_trained: bool = True
    """False for a frozen encoder under no trained head: the numbers then speak of the data."""
    train_compared: bool = False
    """Whether a training file was given, so that queries of it were left out."""

    @property
    def kinds(self) -> Labels:
        """0 query, 1 positive, 2 hard negative, 3 other document, for each row of the maps."""
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
