"""A text retriever watched while it is being trained."""

import json
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from latentscape.checkpoint import WeightReceipt
from latentscape.datasets.pairs import PairSamples, read_pairs
from latentscape.datasets.splits import stratified_sample
from latentscape.errors import UsageError
from latentscape.findings import ModelCard, Skip
from latentscape.light_runs import KINDS, account_pairs, keep_retriever_run
from latentscape.measures.score import Score
from latentscape.models.loaded import LoadedRetriever
from latentscape.models.shells import TEXTS, EmbeddingOf
from latentscape.pair_input import EMBEDDING, PairVectors, list_skips
from latentscape.pair_vectors import OpenRetriever, embed_pairs
from latentscape.retrieval_diagnosis import judge, sort_documents
from latentscape.settings import EmbeddingsSettings
from latentscape.store import RunFolder
from latentscape.watch.entry import Shown
from latentscape.watch.still import StillEmbedding
from latentscape.watch.study import Watch

Embed = Callable[[Any, list[str]], Any]
"""(model, texts) -> one vector a text: an array or tensor [text, feature]."""


@dataclass(kw_only=True, eq=False)
class RetrieverWatch(Watch):
    """Watches anything that turns texts into vectors.

    >>> study = RetrieverWatch(pairs="held_out.json")  # doctest: +SKIP
    >>> study.log(model, step=100)["mrr"].value  # doctest: +SKIP
    0.62
    """

    pairs: str | Path | Sequence[Mapping[str, Any]]
    """The held-out pairs: a pair file, or its rows (`query`, `pos`, `hard_neg`)."""
    embed: Embed | None = None
    """(model, texts) -> vectors; without it `model.encode(texts)`, as a SentenceTransformer has it."""
    max_samples: int = 500

    def __post_init__(self) -> None:
        super().__post_init__()
        whole = _read(self.pairs)
        drawn = stratified_sample(["query"] * len(whole), n=self.max_samples, seed=self.seed)
        self._pairs: PairSamples = whole if len(drawn) == len(whole) else whole.take(drawn)
        left_out = len(whole) - len(drawn)
        not_drawn = [Skip(id="queries", reason="not drawn: max_samples", count=left_out)] if left_out else []
        self._skipped = (*list_skips(whole), *not_drawn)

    def _write(self, folder: RunFolder, model: Any, card: ModelCard) -> tuple[Mapping[str, Score], Shown]:
        # The shell holds the model where its training wants it: the device only says where ready vectors go.
        settings = EmbeddingsSettings(batch_size=self.batch_size, device="cpu", seed=self.seed)
        opened = _open(StillEmbedding(model, self.embed or _encode), card)
        found = embed_pairs(folder, self._pairs, opened, settings=settings)
        scores = keep_retriever_run(
            folder,
            found,
            accounting=account_pairs(found, self._skipped),
            settings={"watch": True, "batch_size": self.batch_size, "seed": self.seed, **card.trained},
            seed=self.seed,
        )
        return scores, _show(found)


def _read(pairs: str | Path | Sequence[Mapping[str, Any]]) -> PairSamples:
    """The pairs of a file, or of rows, which go through the same door."""
    if isinstance(pairs, str | Path):
        return read_pairs(pairs)
    try:
        lines = [json.dumps(dict(row), ensure_ascii=False) for row in pairs]
    except (TypeError, ValueError) as error:
        raise UsageError(
            "the rows are no pairs",
            got=str(error),
            expected="mappings with `query`, `pos` and, if any, `hard_neg`",
            hint="write them with plain texts, numbers and lists, or name a pair file",
        ) from error
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.jsonl"
        path.write_text("\n".join(lines) + "\n", encoding="utf-8", errors="backslashreplace")
        return read_pairs(path)


def _encode(model: Any, texts: list[str]) -> Any:
    if not hasattr(model, "encode"):
        raise UsageError(
            "the model has no `encode`",
            got=type(model).__name__,
            hint="say how it embeds: `embed=lambda model, texts: ...`",
        )
    return model.encode(texts, batch_size=len(texts), show_progress_bar=False, convert_to_numpy=True)


def _open(shell: EmbeddingOf, card: ModelCard) -> OpenRetriever:
    """The shell as an opened retriever; the digest of its weights stands for everything that can change a vector."""
    receipt = WeightReceipt(
        n_tensors=card.n_tensors_total,
        n_parameters=card.n_parameters,
        matched=(),
        missing=(),
        unexpected=(),
        reshaped=(),
        allowed=(),
        side_branch=(),
        n_parameters_matched=card.n_parameters,
    )
    loaded = LoadedRetriever(
        model=shell,
        tokenize=lambda texts: {TEXTS: texts},  # pyright: ignore[reportArgumentType]  the shell takes them as they are
        token_lengths=lambda texts: [len(text) for text in texts],
        max_length=0,
        receipt=receipt,
        sha256=card.sha256,
        fingerprint=card.sha256,
        name=card.name,
        metadata={},
    )
    return OpenRetriever(loaded=loaded, card=card, layers={EMBEDDING: "embedding"}, shown=(EMBEDDING,))


def _show(found: PairVectors) -> Shown:
    kinds = np.concatenate([np.zeros(len(found.pairs), int), sort_documents(judge(found.pairs))])
    names = tuple(KINDS[kind].replace("_", " ") for kind in kinds)
    texts = [*found.pairs.queries, *found.pairs.documents]
    n_queries = len(found.pairs)
    ids = tuple(f"query {row}" if row < n_queries else f"document {row - n_queries}" for row in range(len(texts)))
    return Shown(
        layer=EMBEDDING,
        features=found.layers[EMBEDDING],
        ids=ids,
        color_name="kind",
        colors=names,
        columns={"id": ids, "kind": names, "text": texts},
    )
