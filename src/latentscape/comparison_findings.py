"""Everything a comparison of checkpoints found, as values: what figures draw, pages tell and the run folder keeps."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from jaxtyping import Float, Int

from latentscape.findings import Accounting, DrawnMap, Improvements, ModelCard
from latentscape.measures.checkpoint_choice import CheckpointChoice
from latentscape.measures.class_splits import ClassSplit
from latentscape.measures.layer_drift import LayerDrift
from latentscape.measures.neighbor_change import NeighborChange
from latentscape.measures.score import Score
from latentscape.measures.tallies import Change, Tally
from latentscape.shapes import Flags, Labels, PerSample

Study = Literal["latents", "embeddings"]


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """One of the models compared."""

    name: str
    """Different from all others': its file's without the ending (`epoch_5`), else its folder's."""
    folder: str
    """Its run folder, as the user named it."""
    model: ModelCard
    epoch: float | None = None
    """As the checkpoint says."""
    reading: str = ""
    """Stands for all that makes features of it beside its weights: pooling, prompts, dimension; empty where unknown."""


@dataclass(frozen=True, kw_only=True)
class Subject:
    """What all checkpoints were shown. Row i of every map is sample i; the first `n_judged` rows are judged."""

    study: Study
    ids: tuple[str, ...]
    """Of a classifier's samples their ids; of a retriever `query 0` ..., then `document 0` ..."""
    texts: tuple[str, ...]
    """What a person reads: the query or document; of a classifier's sample its text, else its id."""
    n_judged: int
    """All samples of a classifier; the queries of a retriever."""
    kinds: Labels
    """Colors: class numbers (-1 unknown); of a retriever 0 query, 1 positive, 2 hard negative, 3 other."""
    kind_names: tuple[str, ...]
    shapes: Labels
    """Markers: data set numbers; all 0 of a retriever."""
    shape_names: tuple[str, ...]
    clusters: Int[np.ndarray, " judged"]
    """For each judged sample the number of what is drawn together with it: its speaker; the query itself."""
    cluster_name: str
    """`speakers`, `samples` or `queries`."""
    groups: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """What else is known of the judged samples, by name (`class`, `dataset`, `district`): a value each, empty where
    unknown."""
    class_names: tuple[str, ...] = ()
    """Of a classifier; empty for a retriever."""
    thumbnails: Mapping[int, bytes] = field(default_factory=dict)
    """Small pictures by row, where the samples are pictures."""

    @property
    def group_score(self) -> str:
        """The yes-or-no score by which groups of samples are compared."""
        return "accuracy" if self.study == "latents" else "hit_at_1"


@dataclass(frozen=True, kw_only=True)
class Answers:
    """What one checkpoint makes of the judged samples."""

    right: Flags
    """Predicted right; of a query: a right document comes first."""
    said: tuple[str, ...]
    """The predicted class; the text of the first document."""
    confidence: PerSample
    """Probability of the predicted class; cosine of the first document."""
    tallies: Mapping[str, Tally]
    """By the score's name as in the study's scores.json (`accuracy`, `balanced_accuracy`, `mrr`, `margin_hard` ...);
    units are the judged samples."""
    scores: Mapping[str, Score]
    """The same scores with their intervals, and `{linear_class}_{layer}`."""
    ranks: Int[np.ndarray, " sample"] | None = None
    """Of each query's best right document, from 1; None of a classifier."""
    margins: Float[np.ndarray, " sample"] | None = None
    """Cosine of each query's best right document less that of its best wrong one; None of a classifier."""


@dataclass(frozen=True, kw_only=True)
class TrackedLayer:
    """One layer through all checkpoints, in one frame."""

    name: str
    """As in every checkpoint; where they differ, what the layers have in common: `last hidden`."""
    own_names: tuple[str, ...]
    """Each checkpoint's own."""
    maps: Mapping[str, tuple[DrawnMap, ...]]
    """By method: one map a checkpoint, each tied and turned onto the one before it."""
    drift: LayerDrift
    neighbors: tuple[Int[np.ndarray, "sample _"], ...] = ()
    """For each checkpoint the nearest others of each sample, nearest first, in the layer's own space."""


@dataclass(frozen=True, kw_only=True)
class Step:
    """From one checkpoint to another."""

    first: int
    second: int
    changes: Mapping[str, Change]
    """By the score's name, without `_delta`; probes are `linear_class_{layer}`."""
    group_changes: Mapping[tuple[str, str], Change]
    """(grouping, value) -> change of `accuracy` or `hit_at_1` among its samples, adjusted for all of them."""
    motion: Mapping[str, NeighborChange]
    """By layer; rows are those of the maps."""
    splits: tuple[ClassSplit, ...] = ()
    """In the main layer."""


@dataclass(frozen=True, kw_only=True)
class ComparisonFindings:
    """Everything a comparison found."""

    subject: Subject
    checkpoints: tuple[Checkpoint, ...]
    """In their order, two or more."""
    accounting: Accounting
    """Of all samples of any run: those that all runs have are studied."""
    answers: tuple[Answers, ...]
    layers: tuple[TrackedLayer, ...]
    main_layer: str
    """The one that most is asked of."""
    steps: tuple[Step, ...]
    """From each checkpoint to the next; with more than two, from the first to the last at the end."""
    choice: CheckpointChoice
    claims: Improvements = field(default_factory=Improvements)
    """What changed and is more than chance explains."""
    same_models: tuple[tuple[int, int], ...] = ()
    """Pairs of checkpoints whose weights are the same file, byte for byte."""
    notes: tuple[str, ...] = ()
    """What a reader must know of how the runs were matched, in sentences."""

    @property
    def is_one_training(self) -> bool:
        """Whether the checkpoints can be of one training, in its order: one architecture, growing older."""
        ages = [each.epoch for each in self.checkpoints if each.epoch is not None]
        same = len({(each.model.name, each.model.n_parameters) for each in self.checkpoints}) == 1
        return same and ages == sorted(ages) and (len(ages) < len(self.checkpoints) or ages[0] < ages[-1])

    @property
    def overall(self) -> Step:
        """From the first checkpoint to the last."""
        return self.steps[-1]

    @property
    def consecutive(self) -> tuple[Step, ...]:
        """From each checkpoint to the next."""
        return self.steps[: len(self.checkpoints) - 1]

    @property
    def main(self) -> TrackedLayer:
        """The layer that most is asked of."""
        return next(layer for layer in self.layers if layer.name == self.main_layer)
