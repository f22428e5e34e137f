"""The files of an embeddings study -> pairs, what is known of their texts, and where they were brought, vectors."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float32

from latentscape.datasets.attribute_patterns import AttributeRule
from latentscape.datasets.attributes import Attribute, find_attributes
from latentscape.datasets.geography import read_geography
from latentscape.datasets.pairs import PairSamples, leave_out_trained, read_pairs, read_weights
from latentscape.datasets.splits import stratified_sample
from latentscape.datasets.vectors import VectorPairs, read_vectors
from latentscape.datasets.weights import Weights
from latentscape.executor import IN_PROCESS, Executor
from latentscape.findings import ModelCard, Skip
from latentscape.layer_maps import versions
from latentscape.object_store import local_data
from latentscape.paths import hash_file
from latentscape.settings import AttributesConfig, EmbeddingsSettings, load_config
from latentscape.shapes import FeatureMatrix, Rows
from latentscape.study import digest

EMBEDDING = "embedding"


@dataclass(frozen=True, kw_only=True)
class PairVectors:
    """Pairs and the vectors of their texts: one row a query, then one a document."""

    pairs: PairSamples
    layers: Mapping[str, FeatureMatrix]
    """By layer; the first is the one that is measured."""
    feature_rows: Rows
    """The row of the kept features that each query and document has: each distinct text is kept once."""
    model: ModelCard
    inputs: Mapping[str, Any]
    """Everything the vectors depend on; the same values, the same vectors."""
    before_head: Float32[np.ndarray, "sample wide"] | None = None
    """As the texts enter the projection head."""
    failed: tuple[Skip, ...] = ()
    extraction: Mapping[str, Any] = field(default_factory=dict)
    """How the vectors were made."""


@dataclass(frozen=True, kw_only=True)
class PairInput:
    """What the user's files hold."""

    pairs: PairSamples
    skipped: tuple[Skip, ...]
    rules: tuple[AttributeRule, ...] = ()
    """How attributes are read from columns and texts; none without an attribute file."""
    geography: Mapping[tuple[str, str], float] | None = None
    weights: Mapping[str, float] = field(default_factory=dict)
    """Type of hard negative -> declared weight."""
    vectors: PairVectors | None = None
    """Where the user brought vectors instead of a model."""


@dataclass(frozen=True, kw_only=True)
class KnownBeside:
    """What the user's files say beside pairs; each field as in `PairInput`."""

    rules: tuple[AttributeRule, ...]
    geography: Mapping[tuple[str, str], float] | None
    declared: Weights | None
    """As the weight file stands."""

    @property
    def weights(self) -> Mapping[str, float]:
        """Type of hard negative -> weight."""
        return {name: float(weight) for name, weight in (self.declared or {}).items() if not name.startswith("_")}


def read_known(settings: EmbeddingsSettings) -> KnownBeside:
    """Read the files of attributes, places and weights that the settings name.

    Raises DataError for a table or weight file that can't be used, UsageError for an attribute file that is wrong.
    """
    return KnownBeside(
        rules=load_config(settings.attributes, AttributesConfig).rules() if settings.attributes else (),
        geography=read_geography(settings.geography) if settings.geography else None,
        declared=read_weights(settings.weights) if settings.weights else None,
    )


def read_pair_input(settings: EmbeddingsSettings, *, executor: Executor = IN_PROCESS) -> PairInput:
    """Read the pair file or the vectors and everything beside them; at most `max_samples` queries, drawn at random.

    Raises DataError for a file that can't be used, UsageError for an attribute file that is wrong, and where the
    settings name neither a model and its pairs nor vectors.
    """
    settings.require_sources()
    known = read_known(settings)
    held = read_vectors(settings.vectors, weights=known.declared) if settings.vectors else None
    whole = held.pairs if held else _read_pairs(settings, known.declared, executor)
    drawn = stratified_sample(["query"] * len(whole), n=settings.max_samples, seed=settings.seed)
    taken: VectorPairs | PairSamples = held or whole
    if len(drawn) < len(whole):
        taken = taken.take(drawn)
    return PairInput(
        pairs=taken if isinstance(taken, PairSamples) else taken.pairs,
        skipped=(*list_skips(whole), *_list_not_drawn(whole, drawn)),
        rules=known.rules,
        geography=known.geography,
        weights=known.weights,
        vectors=_place(taken, settings.vectors) if isinstance(taken, VectorPairs) and settings.vectors else None,
    )


def list_attributes(given: PairInput, pairs: PairSamples) -> tuple[Attribute, ...]:
    """The attributes of the pairs that are studied, as the attribute file describes them, and every other column."""
    return find_attributes(
        given.rules,
        queries=pairs.queries,
        documents=pairs.documents,
        query_columns=pairs.query_columns,
        document_columns=pairs.document_columns,
    )


def _read_pairs(settings: EmbeddingsSettings, weights: Weights | None, executor: Executor) -> PairSamples:
    in_parts = settings.split is None and settings.qrels is None  # else a library reads the files
    with local_data(settings, "data", "train", executor=executor, in_parts=in_parts) as (local, reader):
        if local.data is None:
            raise AssertionError("settings with neither data nor vectors")
        pairs = read_pairs(local.data, weights=weights, split=local.split, qrels=local.qrels, executor=reader)
        return leave_out_trained(pairs, read_pairs(local.train, executor=reader)) if local.train else pairs


def list_skips(pairs: PairSamples) -> list[Skip]:
    """Rows that are no pairs or were trained on; and as many as were merged into the row with their query."""
    skips = [Skip(id=row, reason=reason) for row, reason in pairs.skipped]
    n_merged = pairs.n_rows - len(pairs) - len(skips)
    return [
        *skips,
        *([Skip(id="repeats", reason="rows merged into the one with their query", count=n_merged)] * (n_merged > 0)),
    ]


def _list_not_drawn(pairs: PairSamples, drawn: Rows) -> list[Skip]:
    left_out = np.setdiff1d(np.arange(len(pairs)), drawn)
    return [Skip(id=f"query {row + 1}", reason="not drawn: --max-samples") for row in left_out]


def place_vectors(held: VectorPairs, *, name: str, checkpoint: str, sha256: str) -> PairVectors:
    """Vectors as they were brought, in the rows of the maps; `name` and `checkpoint` say on pages whose they are."""
    card = ModelCard(
        name=name,
        checkpoint=checkpoint,
        sha256=sha256,
        n_parameters=0,
        n_tensors_matched=0,
        n_tensors_total=0,
    )
    rows = np.concatenate([held.query_vectors, held.document_vectors])
    inputs = {"vectors": sha256, "rows": digest(list(held.pairs.raw.names)), "versions": versions()}
    return PairVectors(
        pairs=held.pairs,
        layers={EMBEDDING: rows},
        feature_rows=np.arange(len(rows)),
        model=card,
        inputs=inputs,
        failed=tuple(Skip(id=name, reason=reason) for name, reason in held.lost_documents),
    )


def _place(held: VectorPairs, path: Path) -> PairVectors:
    return place_vectors(held, name="vectors brought ready-made", checkpoint=path.name, sha256=hash_file(path))
