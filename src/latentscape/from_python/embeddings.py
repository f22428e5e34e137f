"""`latentscape.embeddings(encode, queries, documents, relevant)`: the embeddings study of whatever makes vectors."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from latentscape.datasets.pair_samples import PairSamples
from latentscape.datasets.pair_values import link_values, link_vectors
from latentscape.datasets.sample_columns import to_numpy
from latentscape.datasets.splits import stratified_sample
from latentscape.datasets.vectors import VectorPairs
from latentscape.embeddings_study import EmbeddingsStudy, study_pairs
from latentscape.errors import ModelError, UsageError
from latentscape.findings import Skip
from latentscape.from_python.folders import choose_folder
from latentscape.pair_input import PairInput, list_skips, place_vectors, read_known
from latentscape.paths import expand_home
from latentscape.progress import SILENT, Progress
from latentscape.ray_cluster import open_executor
from latentscape.settings import EmbeddingsSettings
from latentscape.shapes import FeatureMatrix

_SOURCES = (
    "checkpoint", "model", "document_model", "base_model", "pooling", "dimension", "query_prompt", "document_prompt",
    "data", "split", "qrels", "vectors", "train", "layers", "allow_missing", "batch_size", "device",
)  # fmt: skip
"""Options that say where vectors and pairs come from: here both are brought."""
_FILES = ("attributes", "geography", "weights", "config", "readiness")
_KNOWN_HINT = "`help(latentscape.EmbeddingsSettings)` lists the options"
METHODS = "encode", "transform"
"""What an object that makes vectors calls it: sentence encoders, and transformers of scikit-learn."""
Encode = Callable[[list[str]], Any]
"""Texts -> one vector a text, [text, feature]."""


def embeddings(  # noqa: PLR0913, PLR0917  names a user types, all with defaults
    encode: Any,
    queries: Any,
    documents: Any,
    relevant: Any = None,
    *,
    hard: Any = None,
    encode_queries: Any = None,
    output: str | Path | None = None,
    max_samples: int = 0,
    seed: int = 42,
    progress: Progress = SILENT,
    **settings: Any,
) -> EmbeddingsStudy:
    """What did this text retriever learn? Its queries, right documents and hard negatives.

    `encode` is a function from a list of texts to vectors [text, feature], or an object that has one of that name (a
    SentenceTransformer) or a `transform` (a pipeline of scikit-learn); `encode_queries` another one for the queries.
    `queries` and `documents` are texts: lists, mappings of ids to texts, series, or columns of data frames. With
    `encode=None` they are vectors [row, feature] themselves. `relevant` says which documents are right: for each query
    a row number, an id or several, a mapping of query ids to document ids (or to {id: grade}), or pairs [k, 2]; without
    it the i-th document for the i-th query. `hard` names wrong documents that look right, in the same forms. `settings`
    are further options of `latentscape embeddings`, such as `attributes=` or `skip_umap=`.

    The run folder is `output`; without it a temporary one that goes with the study (`study.save(folder)` keeps it).
    Raises DataError for texts or links that can't be used, ModelError for vectors that don't fit the texts.
    """
    folder, lease = choose_folder(output)
    chosen = _choose(settings, output=folder, max_samples=max_samples, seed=seed)
    known = read_known(chosen)
    if encode is None:
        held = link_vectors(_to_matrix(queries), _to_matrix(documents), relevant, hard=hard)
    else:
        ask = _find_encode(encode_queries or encode, names=("encode_query", *METHODS))
        answer = _find_encode(encode, names=("encode_document", *METHODS))
        pairs = link_values(queries, documents, relevant, hard=hard)
        held = _embed(pairs, ask, answer)
    drawn = stratified_sample(["query"] * len(held.pairs), n=max_samples, seed=seed)
    left_out = len(held.pairs) - len(drawn)
    skips = [Skip(id="queries", reason="not drawn: max_samples", count=left_out)] if left_out else []
    taken = held.take(drawn) if left_out else held
    given = PairInput(
        pairs=taken.pairs,
        skipped=(*list_skips(held.pairs), *skips),
        rules=known.rules,
        geography=known.geography,
        weights=known.weights,
        vectors=place_vectors(taken, name=_name(encode), checkpoint="in memory", sha256=_digest(taken)),
    )
    with open_executor(chosen, progress=progress) as executor:
        study = study_pairs(given, chosen, executor=executor)
    return study if lease is None else study.hold(lease)


def _choose(settings: Mapping[str, Any], **ours: Any) -> EmbeddingsSettings:
    idle = [name for name in _SOURCES if settings.get(name) is not None]
    if idle:
        raise UsageError(
            f"`{idle[0]}` has no meaning here: texts and vectors are given as they are",
            got=f"`{idle[0]}={settings[idle[0]]!r}`"[:100],
            hint="leave it out; from files and models it is `latentscape embeddings` in a shell",
            fault="option-conflict",
        )
    paths = {name: expand_home(settings[name]) for name in _FILES if settings.get(name) is not None}
    try:
        return EmbeddingsSettings(**{**settings, **paths, **ours})
    except TypeError as error:
        raise UsageError(
            "an option that the study does not have",
            got=str(error).rpartition("argument ")[2] or str(error),
            hint=_KNOWN_HINT,
            fault="option-value",
        ) from error


def _find_encode(encode: Any, *, names: Sequence[str]) -> Encode:
    if isinstance(encode, str | bytes):
        raise UsageError(
            "`encode` is a text",
            got=repr(encode)[:60],
            expected="a function from a list of texts to vectors, or an object with `encode`",
            hint="for a model by its name: `SentenceTransformer(name)`, or `latentscape embeddings --model` in a shell",
        )
    method = next((found for name in names if callable(found := getattr(encode, name, None))), None)
    if method is not None:
        return method
    if not callable(encode):
        raise UsageError(
            "`encode` can't be called",
            got=type(encode).__name__,
            expected="a function from a list of texts to vectors, or an object with `encode`",
            hint="for vectors you have already: `latentscape.embeddings(None, query_vectors, document_vectors)`",
        )
    return encode


def _embed(pairs: PairSamples, ask: Encode, answer: Encode) -> VectorPairs:
    """The vectors of all texts; texts without a usable one are left out with what leans on them."""
    asked, told = _call(ask, pairs.queries), _call(answer, pairs.documents)
    if asked.shape[1] != told.shape[1]:
        raise ModelError(
            "the vectors of queries and documents don't lie in one space",
            got=f"{asked.shape[1]} and {told.shape[1]} features",
            expected="vectors of one length",
            hint="give `encode` and `encode_queries` of one model",
            fault="answers-values",
        )
    if _are_usable(asked) and _are_usable(told):
        return VectorPairs(pairs=pairs, query_vectors=asked, document_vectors=told, lost_documents=(), has_texts=True)
    hard = [[wrong.document for wrong in each] for each in pairs.hard_negatives]
    texts = {"query_texts": list(pairs.queries), "document_texts": list(pairs.documents)}
    return link_vectors(asked, told, [list(right) for right in pairs.relevant], hard=hard, **texts)


def _to_matrix(values: Any) -> Any:
    """An array of what somebody calls vectors; a sparse matrix with all its zeros."""
    return np.asarray(values.toarray()) if hasattr(values, "tocoo") else to_numpy(values)


def _call(encode: Encode, texts: Sequence[str]) -> FeatureMatrix:
    answer = encode(list(texts))
    try:
        vectors = _to_matrix(answer)
    except ValueError:  # rows of several lengths
        vectors = np.empty(len(texts), dtype=object)
    if vectors.ndim != 2 or len(vectors) != len(texts) or vectors.dtype.kind not in "fiu":
        raise ModelError(
            "`encode` does not give one vector a text",
            got=f"{vectors.dtype} {list(vectors.shape)} for {len(texts):,} texts",
            expected="[text, feature] of numbers",
            hint="pool the tokens: one vector for each text, in their order",
            fault="answers-values",
        )
    return np.ascontiguousarray(vectors, dtype=np.float32)


def _are_usable(vectors: FeatureMatrix) -> bool:
    return bool(np.isfinite(vectors).all() and vectors.any(axis=1).all())


def _digest(held: VectorPairs) -> str:
    digest = hashlib.sha256()
    for vectors in (held.query_vectors, held.document_vectors):
        digest.update(np.ascontiguousarray(vectors).data)
    return digest.hexdigest()


def _name(encode: Any) -> str:
    """What pages call the model."""
    return "vectors" if encode is None else str(getattr(encode, "__name__", None) or type(encode).__name__)
