"""What a run folder keeps of a checkpoint without a picture being drawn: samples, scores and manifest."""

import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from jaxtyping import Float, Int, Shaped

from latentscape.datasets.attributes import Attribute
from latentscape.datasets.pairs import PairSamples
from latentscape.diagnosis import Judged, score_predictions
from latentscape.findings import Accounting, LatentsFindings, ModelCard, Skip
from latentscape.measures.calibration import measure_calibration
from latentscape.measures.classification import count_confusions
from latentscape.measures.ranking import Ranking, rank_documents
from latentscape.measures.scan import scan_pairs
from latentscape.measures.score import Score
from latentscape.measures.similarity import PairSimilarities, measure_similarities
from latentscape.pair_input import PairVectors
from latentscape.retrieval_diagnosis import TOP, judge, sort_documents
from latentscape.shapes import Rows
from latentscape.store import RunFolder, clean_text
from latentscape.study import make_manifest

TABLES = ("samples.parquet", "scores.json")
KINDS = ("query", "positive", "hard_negative", "other")
TOP_TOLD = 10
"""Documents that are told of each query."""


def keep_classifier_run(
    folder: RunFolder,
    judged: Judged,
    *,
    model: ModelCard,
    accounting: Accounting,
    settings: Mapping[str, Any],
    inputs: Mapping[str, Any],
    extraction: Mapping[str, Any],
    seed: int,
) -> dict[str, Score]:
    """Finish a run of the latents study whose features are kept already; returns its scores.

    It can be compared and checked as any other; the study, told to write here, draws the rest and extracts nothing.
    """
    confusions = count_confusions(judged.labels, judged.predictions, n_classes=len(judged.class_names))
    calibration = measure_calibration(judged.probabilities, judged.labels, seed=seed)
    scores = {**score_predictions(judged, confusions, seed=seed), **(calibration.scores if calibration else {})}
    folder.save_table("samples.parquet", tabulate_classifier(judged))
    folder.save_scores(scores)
    folder.finish(
        make_manifest(
            "latents",
            settings=settings,
            inputs=inputs,
            model=model,
            accounting=accounting,
            files=TABLES,
            extraction=extraction,
            facts=describe_classes(judged),
        )
    )
    return scores


def keep_retriever_run(
    folder: RunFolder,
    found: PairVectors,
    *,
    attributes: Sequence[Attribute] = (),
    accounting: Accounting,
    settings: Mapping[str, Any],
    seed: int,
) -> dict[str, Score]:
    """Finish a run of the embeddings study whose features are kept already; returns its scores.

    As `keep_classifier_run`.
    """
    queries, documents = np.split(next(iter(found.layers.values())), [len(found.pairs)])
    judgments = judge(found.pairs)
    scan = scan_pairs(queries, documents, judgments, k=TOP, seed=seed)
    ranking = rank_documents(scan, judgments, seed=seed)
    similarities = measure_similarities(queries, documents, judgments, scan, seed=seed)
    scores = {**similarities.scores, **ranking.scores}
    table = tabulate_retriever(
        found.pairs, ranking, similarities=similarities, feature_rows=found.feature_rows, attributes=attributes
    )
    folder.save_table("samples.parquet", table)
    folder.save_scores(scores)
    folder.finish(
        make_manifest(
            "embeddings",
            settings=settings,
            inputs=found.inputs,
            model=found.model,
            accounting=accounting,
            files=TABLES,
            extraction=found.extraction,
            facts=describe_layers(found),
        )
    )
    return scores


def account_pairs(found: PairVectors, skipped: Sequence[Skip]) -> Accounting:
    """What became of every query: those that have vectors, those left out before, those that failed."""
    return Accounting(
        n_in=len(found.pairs) + sum(skip.count for skip in skipped) + len(found.failed),
        n_ok=len(found.pairs),
        skipped=tuple(skipped),
        failed=found.failed,
    )


def describe_classes(samples: Judged | LatentsFindings) -> dict[str, Any]:
    """For the manifest: what the logits and the numbers of data sets stand for."""
    return {"classes": list(samples.class_names), "datasets": list(samples.dataset_names)}


def describe_layers(found: PairVectors) -> dict[str, Any]:
    """For the manifest: the layers that are looked at; the first is measured."""
    return {"layers": list(found.layers)}


def tabulate_classifier(samples: Judged | LatentsFindings) -> dict[str, Any]:
    """The columns of samples.parquet that say what the model made of each sample."""
    classes = np.array(samples.class_names, dtype=object)
    return {
        "id": list(samples.ids),
        "label": [classes[label] if label >= 0 else None for label in samples.labels],
        "prediction": classes[samples.predictions].tolist(),
        "correct": samples.labels == samples.predictions,
        "probability": samples.probabilities.max(axis=1),
        "true_probability": [
            float(row[label]) if label >= 0 else None
            for row, label in zip(samples.probabilities, samples.labels, strict=True)
        ],
        "dataset": [samples.dataset_names[dataset] for dataset in samples.dataset_ids],
        "speaker": list(samples.speakers),
    }


def tabulate_retriever(
    pairs: PairSamples,
    ranking: Ranking,
    *,
    similarities: PairSimilarities,
    feature_rows: Rows,
    attributes: Sequence[Attribute],
) -> dict[str, Any]:
    """The columns of samples.parquet that say what the texts are and what the model made of each query: queries first,
    then documents."""
    n_queries, n_documents = len(pairs), len(pairs.documents)
    kinds = np.concatenate([np.zeros(n_queries, int), sort_documents(judge(pairs))])
    none = [None] * n_documents
    relevant, hard, ignored = pairs.judgments()
    types = [[list(negative.types) for negative in wrong] for wrong in pairs.hard_negatives]
    best_right, hardest = find_best(pairs, similarities)
    return {
        "id": [*(f"query {row}" for row in range(n_queries)), *(f"document {row}" for row in range(n_documents))],
        "kind": np.array(KINDS, dtype=object)[kinds].tolist(),
        "text": [unicodedata.normalize("NFC", text) for text in (*pairs.queries, *pairs.documents)],
        "rank": [*ranking.best_rank.tolist(), *none],
        "top_document": [*(f"document {row}" for row in ranking.top[:, 0]), *none],
        "top_similarity": [*ranking.top_similarity[:, 0].tolist(), *none],
        "correct": [*ranking.top_right[:, 0].tolist(), *none],
        "right_similarity": pa.array([*best_right, *none], pa.float64()),
        "hardest_similarity": pa.array([*hardest, *none], pa.float64()),
        "feature_row": feature_rows.astype(np.int64),
        "right": _pack_lists(relevant, n_documents),
        "hard_negatives": _pack_lists(hard, n_documents),
        "hard_types": _pack_types(types, n_documents),
        "hard_similarities": _pack_numbers(np.split(similarities.hard, _find_ends(hard)), n_documents),
        "ignored": _pack_lists(ignored, n_documents),
        "top_documents": _pack_lists(_cut_top(ranking, ranking.top), n_documents),
        "top_similarities": _pack_numbers(_cut_top(ranking, ranking.top_similarity), n_documents),
        **{f"attribute_{each.name}": _list_values(each) for each in attributes if _is_known(each)},
    }


def find_best(pairs: PairSamples, similarities: PairSimilarities) -> tuple[list[float | None], list[float | None]]:
    """For each query the cosine of its best right document, and of its best wrong one; None where there is none."""
    relevant, _, ignored = pairs.judgments()
    ends, n_documents = _find_ends(relevant), len(pairs.documents)
    right = [float(found.max()) if found.size else None for found in np.split(similarities.positives, ends)]
    mined = iter(similarities.mined.tolist())  # of the queries alone that have a wrong document
    has_wrong = (len(good) + len(neither) < n_documents for good, neither in zip(relevant, ignored, strict=True))
    return right, [next(mined) if has else None for has in has_wrong]


def _find_ends(lists: Sequence[Int[np.ndarray, " _"]]) -> Int[np.ndarray, " end"]:
    """Where each query's part of the values ends that are kept for all; the last one ends where they do."""
    return np.cumsum([numbers.size for numbers in lists])[:-1]


def _cut_top(ranking: Ranking, values: Shaped[np.ndarray, "query k"]) -> list[Shaped[np.ndarray, " _"]]:
    """The first places of each query, as far as there are documents."""
    return [row[:TOP_TOLD][places[:TOP_TOLD] >= 0] for row, places in zip(values, ranking.top, strict=True)]


def _pack_numbers(lists: Sequence[Float[np.ndarray, " _"]], n_documents: int) -> pa.Array:
    """Numbers of each query; null for documents."""
    return pa.array([*(numbers.tolist() for numbers in lists), *[None] * n_documents], type=pa.list_(pa.float64()))


def _pack_lists(lists: Sequence[Int[np.ndarray, " _"]], n_documents: int) -> pa.Array:
    """Document numbers of each query; null for documents."""
    return pa.array([*(numbers.tolist() for numbers in lists), *[None] * n_documents], type=pa.list_(pa.int64()))


def _pack_types(types: Sequence[Sequence[Sequence[str]]], n_documents: int) -> pa.Array:
    """The types of each query's hard negatives; null for documents."""
    clean = [[[clean_text(name) for name in names] for names in row] for row in types]
    return pa.array([*clean, *[None] * n_documents], type=pa.list_(pa.list_(pa.string())))


def _is_known(attribute: Attribute) -> bool:
    return attribute.query_coverage + attribute.document_coverage > 0


def _list_values(attribute: Attribute) -> list[Any]:
    """An attribute's values, of queries, then of documents; None where it is not known."""
    values = np.concatenate([attribute.queries, attribute.documents])
    if attribute.kind == "number":
        return [float(value) if np.isfinite(value) else None for value in values]
    return [attribute.values[int(value)] if np.isfinite(value) else None for value in values]
