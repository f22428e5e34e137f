"""What run folders keep of their checkpoints, and several of them cut down to what they share."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float, Float32, Int

from latentscape.comparison_findings import Checkpoint, Subject
from latentscape.findings import Accounting
from latentscape.measures.judgments import Judgments
from latentscape.shapes import Labels

Numbers = tuple[int, ...]
LayerMatrix = Float32[np.ndarray, "_ _"]
"""The features of one layer of one model, one row a sample: of another width in the next layer or model."""
RowNumbers = Int[np.ndarray, " _"]
"""Numbers of rows, as many as there happen to be."""


@dataclass(frozen=True, kw_only=True)
class ClassifierSnapshot:
    """One run of the latents study; row i of everything is sample i."""

    checkpoint: Checkpoint
    ids: tuple[str, ...]
    labels: Labels
    class_names: tuple[str, ...]
    """In the order of the logits."""
    dataset_ids: Labels
    dataset_names: tuple[str, ...]
    speakers: tuple[str, ...]
    probabilities: Float[np.ndarray, "sample class"]
    layers: Mapping[str, LayerMatrix]
    """In the order of the model, the logits last."""
    texts: tuple[str, ...] = ()
    """What the samples say; empty where they are no texts."""
    thumbnails: Mapping[int, bytes] = field(default_factory=dict)
    """Small pictures by row, where the samples are pictures."""


@dataclass(frozen=True, kw_only=True)
class RetrieverSnapshot:
    """One run of the embeddings study."""

    checkpoint: Checkpoint
    queries: tuple[str, ...]
    documents: tuple[str, ...]
    relevant: tuple[Numbers, ...]
    hard: tuple[Numbers, ...]
    hard_types: tuple[tuple[tuple[str, ...], ...], ...]
    """For each query the types of each of its `hard`."""
    ignored: tuple[Numbers, ...]
    groups: Mapping[str, tuple[str, ...]]
    """Attribute -> value of each query, empty where unknown."""
    layers: Mapping[str, LayerMatrix]
    """One row a query, then one a document; the first is the one that was measured."""


Snapshot = ClassifierSnapshot | RetrieverSnapshot


@dataclass(frozen=True, kw_only=True)
class Matched:
    """Several snapshots cut down to the samples they share, rows in one order."""

    subject: Subject
    checkpoints: tuple[Checkpoint, ...]
    accounting: Accounting
    features: Mapping[str, tuple[LayerMatrix, ...]]
    """Tracked layer -> one matrix a checkpoint, in the order of the model."""
    own_names: Mapping[str, tuple[str, ...]]
    """Tracked layer -> what each checkpoint calls it."""
    main_layer: str
    same_models: tuple[tuple[int, int], ...] = ()
    probabilities: tuple[Float[np.ndarray, "sample class"], ...] = ()
    """Of classifiers: one matrix a checkpoint."""
    judgments: Judgments | None = None
    """Of retrievers."""
    hard_types: tuple[tuple[tuple[str, ...], ...], ...] = ()
    notes: tuple[str, ...] = field(default=())
    """What a reader must know of the matching, in sentences."""
