"""The conductor of the embeddings study: how a retriever places queries, right documents and hard negatives."""

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float32

from latentscape.datasets.pairs import PairSamples, read_pairs, read_weights
from latentscape.datasets.splits import stratified_sample
from latentscape.errors import ModelError
from latentscape.features import Extraction, choose_device, choose_layers, describe_layers, extract_features
from latentscape.figures.style import KIND_COLORS, Style
from latentscape.figures.tables import EMBEDDINGS_FIGURES
from latentscape.findings import Accounting, DrawnMap, EmbeddingsFindings, ModelCard, Skip
from latentscape.layer_maps import MapPlan, map_columns, map_layer, score_maps, versions, write_figures
from latentscape.measures.heatmap import measure_heatmap
from latentscape.measures.ranking import rank_documents
from latentscape.measures.scales import READINESS, Check, check_readiness
from latentscape.measures.score import Score
from latentscape.measures.similarity import measure_similarities
from latentscape.models.loaded import LoadedRetriever
from latentscape.models.retriever import load_retriever
from latentscape.pages.embeddings_map import render_embeddings_map
from latentscape.pages.embeddings_report import describe_embeddings
from latentscape.pages.report import render_report_html, render_report_markdown
from latentscape.progress import SILENT, Progress
from latentscape.settings import EmbeddingsSettings, ReadinessConfig, RetrieverConfig, load_config, record_settings
from latentscape.shapes import FeatureMatrix, Rows
from latentscape.store import RunFolder, safe_name
from latentscape.study import (
    MODEL_VERSIONED,
    choose_methods,
    digest,
    keep_extraction,
    make_manifest,
    make_model_card,
)

N_TOP = 5
N_HEATMAP = 30
EMBEDDING = "embedding"


@dataclass(frozen=True, kw_only=True)
class EmbeddingsStudy:
    """A finished study: where it lies and what it found."""

    folder: Path
    findings: EmbeddingsFindings
    scores: Mapping[str, Score]
    """Every number of scores.json: those of the findings, and each map's."""
    checks: tuple[Check, ...]
    """The readiness checklist."""
    files: tuple[str, ...]
    """Names in the folder, as written."""


def study_embeddings(settings: EmbeddingsSettings, *, progress: Progress = SILENT) -> EmbeddingsStudy:
    """Run the whole study and write its run folder.

    Raises DataError for the pair file, ModelError or SafetyError for the checkpoint, ResourceError for memory or disk,
    BusyError if the run folder is in use.
    """
    style, thresholds = choose_style(settings.config), choose_thresholds(settings.readiness)
    pairs, skipped = read_sample(settings)
    loaded, card = open_model(settings)
    layers = choose_layers(loaded.model, settings.layer_patterns)
    texts = _list_texts(pairs)
    with RunFolder(settings.output) as folder:
        inputs = describe_inputs(settings, loaded=loaded, card=card, texts=texts, layers=layers)
        extraction = _extract(folder, loaded, texts, inputs=inputs, progress=progress)
        pairs, failed = _drop_failed(pairs, _find_lost_texts(texts, extraction, layer=next(iter(inputs["layers"]))))
        vectors = {
            layer: _place(pairs, texts, extraction.kept, features=extraction.features[layer])
            for layer in inputs["layers"]
        }
        maps = _map(folder, vectors, settings=settings, inputs=inputs, progress=progress)
        studied = next(iter(vectors))
        findings = EmbeddingsFindings(
            model=card,
            accounting=_account(pairs, skipped, failed),
            maps=maps[studied],
            **_measure(pairs, vectors[studied], seed=settings.seed),
        )
        scores = {**findings.scores, **score_maps(_list_maps(maps))}
        folder.save_scores(scores)
        files, checks = _write(folder, findings, maps, style=style, thresholds=thresholds, progress=progress)
        folder.finish(
            make_manifest(
                "embeddings",
                settings=record_settings(settings),
                inputs=inputs,
                findings=findings,
                files=files,
                extraction=extraction,
            )
        )
    return EmbeddingsStudy(folder=folder.path, findings=findings, scores=scores, checks=checks, files=tuple(files))


def choose_style(config: Path | None) -> Style:
    """The colors of a training run's config; the defaults for the rest."""
    if config is None:
        return Style()
    chosen = load_config(config, RetrieverConfig).style
    given = (chosen.query, chosen.positive, chosen.hard_negative)
    query, positive, hard = (color or default for color, default in zip(given, KIND_COLORS, strict=True))
    return Style(kind_colors=(query, positive, hard), dark=chosen.dark, show_trust=chosen.show_trust)


def choose_thresholds(readiness: Path | None) -> Mapping[str, float]:
    """The user's thresholds for the checklist, or the published ones."""
    return READINESS if readiness is None else load_config(readiness, ReadinessConfig).thresholds()


def list_layers(settings: EmbeddingsSettings) -> list[tuple[str, str]]:
    """Every layer that `--layers` can name, with its type."""
    loaded, _ = open_model(settings)
    return describe_layers(loaded.model)


def read_sample(settings: EmbeddingsSettings) -> tuple[PairSamples, tuple[Skip, ...]]:
    """The pair file, at most `max_samples` of its queries drawn at random, and what was left out."""
    weights = read_weights(settings.weights) if settings.weights else None
    everything = read_pairs(settings.data, weights=weights)
    drawn = stratified_sample(["query"] * len(everything), n=settings.max_samples, seed=settings.seed)
    left_out = np.setdiff1d(np.arange(len(everything)), drawn)
    skipped = [Skip(id=row, reason=reason) for row, reason in everything.skipped]
    skipped += [Skip(id=f"query {row + 1}", reason="not drawn: --max-samples") for row in left_out]
    merged = everything.n_rows - len(everything) - len(everything.skipped)
    skipped += [
        Skip(id=f"repeat {row + 1}", reason="its query stood in an earlier row: merged") for row in range(merged)
    ]
    return everything.take(drawn), tuple(skipped)


def open_model(settings: EmbeddingsSettings) -> tuple[LoadedRetriever, ModelCard]:
    """The retriever with every weight proven, and its card."""
    loaded = load_retriever(settings.checkpoint, base_model=settings.base_model, allow_missing=settings.allow_missing)
    card = make_model_card(
        loaded.receipt,
        name=loaded.name,
        checkpoint=settings.checkpoint.name,
        sha256=loaded.sha256,
        metadata=loaded.metadata,
    )
    return loaded, card


def describe_inputs(
    settings: EmbeddingsSettings,
    *,
    loaded: LoadedRetriever,
    card: ModelCard,
    texts: Sequence[str],
    layers: Mapping[str, str],
) -> dict[str, Any]:
    """Everything the features depend on; the same values, the same features."""
    chosen = dict(layers) if settings.layers else {EMBEDDING: layers[EMBEDDING]}
    return {
        "model": loaded.fingerprint,
        "stamps": list(card.stamps),
        "n_texts": len(texts),
        "texts": digest(texts),
        "layers": chosen,
        "batch_size": settings.batch_size,
        "device": choose_device(settings.device),
        "versions": versions(MODEL_VERSIONED),
    }


def _list_texts(pairs: PairSamples) -> list[str]:
    """Every distinct text once: a query that is also a document is encoded once."""
    return list(dict.fromkeys([*pairs.queries, *pairs.documents]))


def _extract(
    folder: RunFolder,
    loaded: LoadedRetriever,
    texts: Sequence[str],
    *,
    inputs: Mapping[str, Any],
    progress: Progress,
) -> Extraction:
    def compute() -> Extraction:
        return extract_features(
            loaded.model,
            texts,
            layers=inputs["layers"],
            collate=loaded.tokenize,
            lengths=loaded.token_lengths(list(texts)),
            batch_size=inputs["batch_size"],
            device=inputs["device"],
            progress=progress,
        )

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
        )
    kept = [query for query in range(len(pairs)) if query not in lost]
    return pairs.take(kept), tuple(Skip(id=f"query {query + 1}", reason=reason) for query, reason in lost.items())


def _find_failure(pairs: PairSamples, query: int, failed: Mapping[str, str]) -> str:
    documents = [*pairs.relevant[query], *(negative.document for negative in pairs.hard_negatives[query])]
    used = [pairs.queries[query], *(pairs.documents[document] for document in documents)]
    return next((failed[text] for text in used if text in failed), "")


def _place(
    pairs: PairSamples, texts: Sequence[str], kept: Rows, *, features: FeatureMatrix
) -> Float32[np.ndarray, "place feature"]:
    """One row a query, then one a document: the rows of the maps."""
    row_of = {texts[row]: place for place, row in enumerate(kept.tolist())}
    return features[[row_of[text] for text in (*pairs.queries, *pairs.documents)]]


def _map(
    folder: RunFolder,
    vectors: Mapping[str, FeatureMatrix],
    *,
    settings: EmbeddingsSettings,
    inputs: Mapping[str, Any],
    progress: Progress,
) -> dict[str, Mapping[str, DrawnMap]]:
    """Layer -> method -> map of queries and documents together."""
    methods = choose_methods(skip_tsne=settings.skip_tsne, skip_umap=settings.skip_umap)
    plan = MapPlan(methods=methods, seed=settings.seed)
    return {
        layer: map_layer(folder, rows, layer=layer, plan=plan, inputs=inputs, progress=progress).maps
        for layer, rows in vectors.items()
    }


def _list_maps(maps: Mapping[str, Mapping[str, DrawnMap]]) -> list[tuple[str, DrawnMap]]:
    """Each map and its name, `{method}_{layer}`."""
    return [(f"{method}_{layer}", drawn) for layer, methods in maps.items() for method, drawn in methods.items()]


def _measure(pairs: PairSamples, vectors: FeatureMatrix, *, seed: int) -> dict[str, Any]:
    """Everything in the findings that is counted or computed from the studied layer's vectors."""
    queries, documents = np.split(vectors, [len(pairs)])
    relevant = tuple(np.array(right, dtype=np.int64) for right in pairs.relevant)
    hard = tuple(np.array([each.document for each in wrong], dtype=np.int64) for wrong in pairs.hard_negatives)
    similarities = measure_similarities(queries, documents, relevant, hard=hard, seed=seed)
    ranking = rank_documents(queries, documents, relevant, k=N_TOP, seed=seed)
    heatmap = measure_heatmap(queries, documents, relevant, n_shown=N_HEATMAP, seed=seed)
    is_right = np.isin(np.arange(len(documents)), np.concatenate(relevant))
    return {
        "queries": pairs.queries,
        "documents": pairs.documents,
        "relevant": relevant,
        "hard_negatives": hard,
        "document_kinds": np.where(is_right, 1, 2),
        "similarities": similarities,
        "ranking": ranking,
        "heatmap_queries": heatmap.queries,
        "heatmap": heatmap.values,
        "scores": {**similarities.scores, **ranking.scores, "heatmap_diagonal": heatmap.diagonal},
    }


def _account(pairs: PairSamples, skipped: Sequence[Skip], failed: Sequence[Skip]) -> Accounting:
    return Accounting(
        n_in=len(pairs) + len(skipped) + len(failed), n_ok=len(pairs), skipped=tuple(skipped), failed=tuple(failed)
    )


def _write(
    folder: RunFolder,
    findings: EmbeddingsFindings,
    maps: Mapping[str, Mapping[str, DrawnMap]],
    *,
    style: Style,
    thresholds: Mapping[str, float],
    progress: Progress,
) -> tuple[list[str], tuple[Check, ...]]:
    """Pictures, pages, tables; returns their names and the readiness checklist."""
    files = write_figures(folder, EMBEDDINGS_FIGURES, findings, style=style, progress=progress)
    checks = _check_readiness(findings, n_figures=len(files), thresholds=thresholds)
    for layer, methods in maps.items():
        for method in methods:
            name = f"{method}_{safe_name(layer)}_interactive.html"
            page = render_embeddings_map(replace(findings, maps=methods), method=method, style=style)
            folder.save_text(name, page)
            files.append(name)
    folder.save_table("samples.parquet", _tabulate(findings, maps))
    report = describe_embeddings(findings, files, checks)
    folder.save_text("report.md", render_report_markdown(report))
    folder.save_text("report.html", render_report_html(report))
    return [*files, "scores.json", "samples.parquet", "report.md", "report.html"], checks


def _check_readiness(
    findings: EmbeddingsFindings, *, n_figures: int, thresholds: Mapping[str, float]
) -> tuple[Check, ...]:
    """The published checklist; the best map's neighbor recall stands for `clear clusters`."""
    recalls = [drawn.trust.recall for drawn in findings.maps.values()]
    best = max(recalls, key=lambda score: -1.0 if score.value is None else score.value)
    figures = Score(name="figures", value=n_figures, n=n_figures, bounds=(0, len(EMBEDDINGS_FIGURES)))
    measured = {**findings.scores, "figures": figures, "neighbor_recall": best}
    return check_readiness(measured, thresholds=thresholds)


def _tabulate(findings: EmbeddingsFindings, maps: Mapping[str, Mapping[str, DrawnMap]]) -> dict[str, Any]:
    """The columns of samples.parquet: queries first, then documents."""
    n_queries, n_documents = len(findings.queries), len(findings.documents)
    kinds = np.array(["query", "positive", "hard_negative"], dtype=object)
    texts = [unicodedata.normalize("NFC", text) for text in (*findings.queries, *findings.documents)]
    none = [None] * n_documents
    return {
        "id": [*(f"query {row}" for row in range(n_queries)), *(f"document {row}" for row in range(n_documents))],
        "kind": kinds[findings.kinds].tolist(),
        "text": texts,
        "rank": [*findings.ranking.best_rank.tolist(), *none],
        "top_document": [*(f"document {row}" for row in findings.ranking.top[:, 0]), *none],
        "top_similarity": [*findings.ranking.top_similarity[:, 0].tolist(), *none],
        "correct": [*findings.ranking.top_right[:, 0].tolist(), *none],
        **map_columns(_list_maps(maps)),
    }
