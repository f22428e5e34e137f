"""A model and pairs -> the pairs that could be embedded, and the vectors of their texts, kept in the run folder."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from latentscape.datasets.pairs import PairSamples
from latentscape.errors import ModelError, UsageError
from latentscape.executor import IN_PROCESS, Executor
from latentscape.features import Extraction, Reading, Shards, choose_device, choose_layers, read_features
from latentscape.findings import ModelCard, Skip
from latentscape.kept_features import describe_extraction, keep_extraction
from latentscape.layer_maps import versions
from latentscape.models.loaded import DOCUMENT, QUERY, LoadedRetriever, SidedText
from latentscape.models.retriever import load_encoder, load_retriever
from latentscape.models.text_models import load_text_model
from latentscape.models.two_towers import TwoTowers
from latentscape.own_modules import names_code
from latentscape.pair_input import EMBEDDING, PairVectors
from latentscape.paths import expand_home, is_folder, tell_folder
from latentscape.settings import EmbeddingsSettings
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
    """Open the model or the checkpoint, or without both the base encoder as it is."""
    loaded, file = _load(settings)
    card = make_model_card(
        loaded.receipt, name=loaded.name, checkpoint=file, sha256=loaded.sha256, metadata=loaded.metadata
    )
    card = replace(card, in_memory=settings.checkpoint is None and names_code(settings.model or ""))
    known = choose_layers(loaded.model, None)
    asked = choose_layers(loaded.model, settings.layer_patterns) if settings.layers else {EMBEDDING: known[EMBEDDING]}
    if isinstance(loaded.model, TwoTowers) and (alone := [name for name in asked if name not in known]):
        raise UsageError(
            "this layer reads queries or documents only, and a map needs both",
            got=f"`{alone[0]}` of one of two models",
            expected=f"`{EMBEDDING}`",
            hint="leave `--layers` out; to look into one of the models, give it alone with `--model`",
            fault="layer-unknown",
        )
    read = {**asked, **({ENCODER: known[ENCODER]} if ENCODER in known else {})}
    return OpenRetriever(loaded=loaded, card=card, layers=read, shown=tuple(asked))


def _load(settings: EmbeddingsSettings) -> tuple[LoadedRetriever, str]:
    """The retriever that the settings name, and what its card calls the file."""
    allowed = settings.allow_missing
    if settings.model is not None:
        return _load_model(settings.model, settings), _call(settings.model, settings.document_model)
    if settings.checkpoint is None:
        return load_encoder(settings.base_model or "", allow_missing=allowed), "none: before training"
    loaded = load_retriever(settings.checkpoint, base_model=settings.base_model, allow_missing=allowed)
    return loaded, settings.checkpoint.name


def _load_model(model: str, settings: EmbeddingsSettings) -> LoadedRetriever:
    if names_code(model):
        # Code of the user's is looked for only where the user typed some.
        from latentscape.models.own_code import open_own_encoder  # noqa: PLC0415

        _refuse_beside_own_code(settings)
        return open_own_encoder(model, checkpoint=settings.checkpoint, allow_missing=settings.allow_missing)
    return load_text_model(
        model,
        document_model=settings.document_model,
        pooling=settings.pooling,
        dimension=settings.dimension,
        query_prompt=settings.query_prompt,
        document_prompt=settings.document_prompt,
        allow_missing=settings.allow_missing,
    )


def _refuse_beside_own_code(settings: EmbeddingsSettings) -> None:
    names = ("document_model", "pooling", "dimension", "query_prompt", "document_prompt")
    given = [f"`--{name.replace('_', '-')}`" for name in names if getattr(settings, name) is not None]
    if given:
        raise UsageError(
            "a model of your own code says by itself how it reads texts",
            got=f"{given[0]} beside `--model {settings.model}`",
            hint="leave it out, and do in your code what it would do",
            fault="option-conflict",
        )


def _call(*models: str | None) -> str:
    """Models by their hub names, or the last part of their folders."""
    return " + ".join(tell_folder(Path(name)) if is_folder(expand_home(name)) else name for name in models if name)


def embed_pairs(
    folder: RunFolder,
    pairs: PairSamples,
    opened: OpenRetriever,
    *,
    settings: EmbeddingsSettings,
    executor: Executor = IN_PROCESS,
) -> PairVectors:
    """Each distinct text through the model once, or once a side where the model tells queries and documents apart;
    queries that lean on a text it can't embed are left out."""
    sided = opened.loaded.sides is not None
    texts = list(dict.fromkeys(_list_texts(pairs, sided=sided)))
    inputs = _describe_inputs(settings, opened, texts=texts, sided=sided)
    extraction = _extract(folder, opened.loaded, texts, inputs=inputs, executor=executor)
    lost = _find_lost_texts(texts, extraction, layer=opened.shown[0])
    pairs, failed = _drop_failed(pairs, lost, sided=sided) if lost else (pairs, ())
    row_of = {texts[row]: place for place, row in enumerate(extraction.kept.tolist())}
    rows = np.array([row_of[text] for text in _list_texts(pairs, sided=sided)], dtype=np.int64)
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


def _list_texts(pairs: PairSamples, *, sided: bool) -> list[SidedText]:
    """The text of each row of the maps: the queries, then the documents. Where sides make no difference all texts stand
    on one, so that a query and a document of the same words are one text."""
    documents = DOCUMENT if sided else QUERY
    return [
        *(SidedText(QUERY, text) for text in pairs.queries),
        *(SidedText(documents, text) for text in pairs.documents),
    ]


def _describe_inputs(
    settings: EmbeddingsSettings, opened: OpenRetriever, *, texts: Sequence[SidedText], sided: bool
) -> dict[str, Any]:
    """Everything the features depend on; the same values, the same features."""
    return {
        "model": opened.loaded.fingerprint,
        "stamps": list(opened.card.stamps),
        "n_texts": len(texts),
        "texts": digest([list(text) for text in texts] if sided else [text for _, text in texts]),
        "layers": dict(opened.layers),
        "batch_size": settings.batch_size,
        "device": choose_device(settings.device),
        "versions": versions(MODEL_VERSIONED),
    }


def _extract(
    folder: RunFolder,
    loaded: LoadedRetriever,
    texts: Sequence[SidedText],
    *,
    inputs: Mapping[str, Any],
    executor: Executor,
) -> Extraction:
    def compute(shards: Shards) -> Extraction:
        reading = Reading(
            layers=inputs["layers"],
            collate=loaded.collate,
            lengths=loaded.count(texts),
            batch_size=inputs["batch_size"],
            device=inputs["device"],
        )
        return read_features(loaded.model, texts, reading, shards=shards, executor=executor)

    return keep_extraction(folder, inputs, compute, progress=executor.progress)


def _find_lost_texts(texts: Sequence[SidedText], extraction: Extraction, *, layer: str) -> dict[SidedText, str]:
    """Texts that have no embedding, with the reason: those that failed, and those whose vector has no direction."""
    lost = {texts[row]: reason for row, reason in extraction.failed}
    empty = [int(row) for row in extraction.kept[~extraction.features[layer].any(axis=1)]]
    return lost | {texts[row]: f"layer `{layer}` gives a vector of zeros, which has no direction" for row in empty}


def _drop_failed(
    pairs: PairSamples, lost: Mapping[SidedText, str], *, sided: bool
) -> tuple[PairSamples, tuple[Skip, ...]]:
    """The pairs without the texts that the model could not embed: queries go that lean on one, then documents alone."""
    failed = _find_failed_queries(pairs, lost, sided=sided)
    if len(failed) == len(pairs):
        raise ModelError(
            "no query could be embedded with its documents",
            got=next(iter(failed.values())),
            hint="the model's output has broken down: take another checkpoint, or try `--device cpu`",
            fault="answers-values",
        )
    left = pairs.take([query for query in range(len(pairs)) if query not in failed]) if failed else pairs
    texts = _list_texts(left, sided=sided)[len(left) :]
    alone = {number: lost[text] for number, text in enumerate(texts) if text in lost}
    skips = [Skip(id=f"query {query + 1}", reason=reason) for query, reason in failed.items()]
    skips += [Skip(id=f"document {number + 1}", reason=reason) for number, reason in alone.items()]
    return left.without_documents(alone), tuple(skips)


def _find_failed_queries(pairs: PairSamples, lost: Mapping[SidedText, str], *, sided: bool) -> dict[int, str]:
    """By query, the reason why it can't be judged: it was lost, or a document that it leans on was.

    Of a corpus, which is searched as a whole, one right document is enough.
    """
    texts = _list_texts(pairs, sided=sided)
    queries, documents = texts[: len(pairs)], texts[len(pairs) :]
    failed = {}
    for query, text in enumerate(queries):
        right = [lost.get(documents[number], "") for number in pairs.relevant[query]]
        hard = (negative.document for negative in pairs.hard_negatives[query])
        beside = [lost.get(documents[number], "") for number in (*hard, *pairs.ignored[query])]
        needed = right if not pairs.raw.is_corpus else ([right[0]] if all(right) else [])
        reasons = [lost.get(text, ""), *needed, *([] if pairs.raw.is_corpus else beside)]
        if reason := next(filter(None, reasons), ""):
            failed[query] = reason
    return failed
