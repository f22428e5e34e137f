"""A model and pairs -> the pairs that could be embedded, and the vectors of their texts, kept in the run folder."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Int

from latentscape.datasets.pairs import PairSamples
from latentscape.errors import ModelError
from latentscape.features import Extraction, Reading, Shards, choose_device, choose_layers, read_features
from latentscape.findings import ModelCard, Skip
from latentscape.kept_features import describe_extraction, keep_extraction
from latentscape.layer_maps import versions
from latentscape.models.loaded import LoadedRetriever
from latentscape.models.retriever import load_encoder, load_retriever
from latentscape.pair_input import EMBEDDING, PairVectors
from latentscape.progress import SILENT, Progress
from latentscape.settings import EmbeddingsSettings
from latentscape.shapes import Rows
from latentscape.store import RunFolder
from latentscape.study import MODEL_VERSIONED, digest, make_model_card

ENCODER = "encoder"


@dataclass(frozen=True, kw_only=True)
class OpenRetriever:
    """A retriever with every weight proven, its card, and the layers asked for."""

    loaded: LoadedRetriever
    card: ModelCard
    layers: Mapping[str, str]
    """Those to read: the ones asked for, and what enters the head."""
    shown: tuple[str, ...]
    """Those to map; the first is measured."""


def open_retriever(settings: EmbeddingsSettings) -> OpenRetriever:
    """Open the checkpoint, or without one the base encoder as it is."""
    if settings.checkpoint is None:
        base = settings.base_model or ""
        loaded, file = load_encoder(base, allow_missing=settings.allow_missing), "none: before training"
    else:
        file = settings.checkpoint.name
        loaded = load_retriever(
            settings.checkpoint, base_model=settings.base_model, allow_missing=settings.allow_missing
        )
    card = make_model_card(
        loaded.receipt, name=loaded.name, checkpoint=file, sha256=loaded.sha256, metadata=loaded.metadata
    )
    known = choose_layers(loaded.model, None)
    asked = choose_layers(loaded.model, settings.layer_patterns) if settings.layers else {EMBEDDING: known[EMBEDDING]}
    read = {**asked, **({ENCODER: known[ENCODER]} if ENCODER in known else {})}
    return OpenRetriever(loaded=loaded, card=card, layers=read, shown=tuple(asked))


def embed_pairs(
    folder: RunFolder,
    pairs: PairSamples,
    opened: OpenRetriever,
    *,
    settings: EmbeddingsSettings,
    progress: Progress = SILENT,
) -> PairVectors:
    """Each distinct text through the model once; queries that lean on a text it can't embed are left out."""
    texts = list(dict.fromkeys([*pairs.queries, *pairs.documents]))
    inputs = _describe_inputs(settings, opened, texts=texts)
    extraction = _extract(folder, opened.loaded, texts, inputs=inputs, progress=progress)
    pairs, failed = _drop_failed(pairs, _find_lost_texts(texts, extraction, layer=opened.shown[0]))
    rows = _place(pairs, texts, extraction.kept)
    placed = {layer: extraction.features[layer][rows] for layer in inputs["layers"]}
    return PairVectors(
        pairs=pairs,
        failed=failed,
        layers={layer: placed[layer] for layer in opened.shown},
        feature_rows=rows,
        before_head=placed.get(ENCODER) if opened.shown[0] != ENCODER else None,
        model=opened.card,
        inputs=inputs,
        extraction=describe_extraction(extraction),
    )


def _describe_inputs(settings: EmbeddingsSettings, opened: OpenRetriever, *, texts: Sequence[str]) -> dict[str, Any]:
    """Everything the features depend on; the same values, the same features."""
    return {
        "model": opened.loaded.fingerprint,
        "stamps": list(opened.card.stamps),
        "n_texts": len(texts),
        "texts": digest(texts),
        "layers": dict(opened.layers),
        "batch_size": settings.batch_size,
        "device": choose_device(settings.device),
        "versions": versions(MODEL_VERSIONED),
    }


def _extract(
    folder: RunFolder,
    loaded: LoadedRetriever,
    texts: Sequence[str],
    *,
    inputs: Mapping[str, Any],
    progress: Progress,
) -> Extraction:
    def compute(shards: Shards) -> Extraction:
        reading = Reading(
            layers=inputs["layers"],
            collate=loaded.tokenize,
            lengths=loaded.token_lengths(list(texts)),
            batch_size=inputs["batch_size"],
            device=inputs["device"],
        )
        return read_features(loaded.model, texts, reading, shards=shards, progress=progress)

    return keep_extraction(folder, inputs, compute, progress=progress)


def _find_lost_texts(texts: Sequence[str], extraction: Extraction, *, layer: str) -> dict[str, str]:
    """Texts that have no embedding, with the reason: those that failed, and those whose vector has no direction."""
    lost = {texts[row]: reason for row, reason in extraction.failed}
    empty = [int(row) for row in extraction.kept[~extraction.features[layer].any(axis=1)]]
    return lost | {texts[row]: f"layer `{layer}` gives a vector of zeros, which has no direction" for row in empty}


def _drop_failed(pairs: PairSamples, failed: Mapping[str, str]) -> tuple[PairSamples, tuple[Skip, ...]]:
    """The pairs without the queries that lean on a text the model could not embed."""
    lost = {query: reason for query in range(len(pairs)) if (reason := _find_failure(pairs, query, failed))}
    if len(lost) == len(pairs):
        raise ModelError(
            "no query could be embedded with its documents",
            got=next(iter(lost.values())),
            hint="the model's output has broken down: take another checkpoint, or try `--device cpu`",
            fault="answers-values",
        )
    if not lost:
        return pairs, ()
    kept = [query for query in range(len(pairs)) if query not in lost]
    return pairs.take(kept), tuple(Skip(id=f"query {query + 1}", reason=reason) for query, reason in lost.items())


def _find_failure(pairs: PairSamples, query: int, failed: Mapping[str, str]) -> str:
    hard = (negative.document for negative in pairs.hard_negatives[query])
    documents = [*pairs.relevant[query], *hard, *pairs.ignored[query]]
    used = [pairs.queries[query], *(pairs.documents[document] for document in documents)]
    return next((failed[text] for text in used if text in failed), "")


def _place(pairs: PairSamples, texts: Sequence[str], kept: Rows) -> Int[np.ndarray, " place"]:
    """The row of the features that each query, then each document has: the rows of the maps."""
    row_of = {texts[row]: place for place, row in enumerate(kept.tolist())}
    return np.array([row_of[text] for text in (*pairs.queries, *pairs.documents)], dtype=np.int64)
