"""Pairs for training a retriever: who may learn from what, and what one step compares."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from latentscape.datasets.pairs import HardNegative, PairSamples, combine_weights
from latentscape.datasets.splits import TrainRows, ValidationRows
from latentscape.errors import DataError
from latentscape.shapes import Rows

Weigher = Callable[[HardNegative], float]
"""How much a hard negative counts beside an ordinary wrong document, which counts 1."""


@dataclass(frozen=True, kw_only=True)
class PairBatch:
    """Queries and the distinct documents they are compared with."""

    queries: Int[np.ndarray, " query"]
    documents: Int[np.ndarray, " document"]
    targets: Int[Tensor, " query"]
    """Column of each query's right document."""
    offsets: Float[Tensor, "query document"]
    """[query, document] added to the logits: minus infinity at other documents that are right for the query, the
    logarithm of its weight at a declared hard negative, 0 elsewhere."""


def split_pairs(pairs: PairSamples, *, val_split: float, seed: int) -> tuple[TrainRows, ValidationRows]:
    """Query rows to train on and to judge by, both ascending; queries that share a right document stay together.

    Groups are drawn until the share of validation queries is reached. Raises DataError if all queries hang together.
    """
    groups = _group_queries(pairs)
    order = np.random.default_rng(seed).permutation(len(groups))
    wanted, chosen = max(1.0, val_split * len(pairs)), []
    for place in order[:-1]:
        if len(chosen) >= wanted:
            break
        chosen += groups[place]
    if not chosen:
        raise DataError(
            "the pairs can't be split: every query shares right documents with the others",
            got=f"{len(pairs):,} queries in one group",
            expected="at least two groups",
            hint="add pairs whose right documents these queries do not have",
            fault="data-split",
        )
    validation = np.sort(np.array(chosen))
    return np.setdiff1d(np.arange(len(pairs)), validation), validation


def _group_queries(pairs: PairSamples) -> list[list[int]]:
    """Queries connected by shared right documents, each group in order (union-find over the documents)."""
    parent = list(range(len(pairs.documents)))

    def root(document: int) -> int:
        while parent[document] != document:
            parent[document] = parent[parent[document]]
            document = parent[document]
        return document

    for right in pairs.relevant:
        for document in right[1:]:
            parent[root(document)] = root(right[0])
    groups: dict[int, list[int]] = {}
    for query, right in enumerate(pairs.relevant):
        groups.setdefault(root(right[0]), []).append(query)
    return list(groups.values())


def make_weigher(weights: Mapping[str, Any] | None, *, use_weights: bool) -> Weigher:
    """How much each hard negative counts: by its types if there is a weight file; else by its own weight, if above 0.

    Without `use_weights` every one counts 1, as the other documents do.
    """
    if not use_weights:
        return lambda negative: 1.0
    if weights is None:
        return lambda negative: negative.weight or 1.0
    return lambda negative: combine_weights(negative.types, weights)


def plan_pair_batches(
    pairs: PairSamples,
    *,
    batch_size: int,
    hard_negatives: int,
    weigh: Weigher,
    rng: np.random.Generator,
) -> list[PairBatch]:
    """All queries once, in random order, each with one right document and at most `hard_negatives` wrong ones."""
    order = rng.permutation(len(pairs))
    rows = [order[start : start + batch_size] for start in range(0, len(order), batch_size)]
    return [_make_batch(pairs, part, most=hard_negatives, weigh=weigh, rng=rng) for part in rows]


def _make_batch(pairs: PairSamples, rows: Rows, *, most: int, weigh: Weigher, rng: np.random.Generator) -> PairBatch:
    targets = [int(rng.choice(pairs.relevant[row])) for row in rows]
    hard = [_draw(pairs.hard_negatives[row], most, rng) for row in rows]
    documents = np.unique([*targets, *(negative.document for negatives in hard for negative in negatives)])
    place = {int(document): column for column, document in enumerate(documents)}
    offsets = torch.zeros(len(rows), len(documents))
    for line, (row, target, negatives) in enumerate(zip(rows, targets, hard, strict=True)):
        for negative in negatives:
            offsets[line, place[negative.document]] = float(np.log(max(weigh(negative), 1e-6)))
        others = [place[right] for right in pairs.relevant[row] if right != target and right in place]
        offsets[line, others] = -torch.inf
    columns = torch.tensor([place[target] for target in targets])
    return PairBatch(queries=rows, documents=documents, targets=columns, offsets=offsets)


def _draw(negatives: Sequence[HardNegative], most: int, rng: np.random.Generator) -> list[HardNegative]:
    if len(negatives) <= most:
        return list(negatives)
    return [negatives[place] for place in np.sort(rng.choice(len(negatives), size=most, replace=False))]
