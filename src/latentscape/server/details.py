"""One sample as the inspector shows it: plain values for JSON."""

import math
from typing import Any

import numpy as np

from latentscape.exploration import Category, Exploration, NeighborLists, Probabilities, RankedDocuments, Texts
from latentscape.pages.escape import clean_text


def describe_sample(given: Exploration, row: int, *, layer: str = "", checkpoint: int = 0) -> dict[str, Any]:
    """Texts, probabilities, neighbors and ranked documents of a sample; None for what this run does not have."""
    texts = [column for column in given.columns if isinstance(column, Texts)]
    shares = next((each for each in given.probabilities if each.checkpoint == checkpoint), None)
    near = next((each for each in given.neighbors if (each.layer, each.checkpoint) == (layer, checkpoint)), None)
    return {
        "texts": [[clean_text(each.title), clean_text(text)] for each in texts if (text := each.values[row])],
        "probabilities": _list_probabilities(given, shares, row) if shares else [],
        "neighbors": _list_neighbors(near, row) if near else None,
        **_list_documents(given.ranked, row),
    }


def _list_probabilities(given: Exploration, shares: Probabilities, row: int) -> list[list[Any]]:
    said = given.find_column(given.answers[shares.checkpoint].said)
    if not isinstance(said, Category):
        return []
    names = said.values
    pairs = zip(shares.codes[row].tolist(), shares.shares[row].tolist(), strict=True)
    return [
        [clean_text(names[code]), share] for code, share in pairs if 0 <= code < len(names) and math.isfinite(share)
    ]


def _list_neighbors(near: NeighborLists, row: int) -> dict[str, Any]:
    return {"metric": near.metric, "list": _pair(near.rows[row], near.distances[row])}


def _list_documents(ranked: RankedDocuments | None, row: int) -> dict[str, Any]:
    at = -1 if ranked is None else next(iter(np.flatnonzero(ranked.queries == row).tolist()), -1)
    if ranked is None or at < 0:
        return {"ranked": None, "hard": None}
    marks = ranked.marks[at].tolist()
    rows, similarities = ranked.rows[at].tolist(), ranked.similarities[at].tolist()
    start, stop = int(ranked.hard_ends[at - 1]) if at else 0, int(ranked.hard_ends[at])
    hard = zip(ranked.hard_rows[start:stop].tolist(), ranked.hard_similarities[start:stop].tolist(),
               ranked.hard_types[start:stop], strict=True)  # fmt: skip
    return {
        "ranked": [
            [each, _plain(near), mark] for each, near, mark in zip(rows, similarities, marks, strict=True) if each >= 0
        ],
        "hard": [[each, _plain(near), clean_text(types)] for each, near, types in hard if each >= 0],
    }


def _pair(rows: np.ndarray, values: np.ndarray) -> list[list[Any]]:
    return [[row, _plain(value)] for row, value in zip(rows.tolist(), values.tolist(), strict=True) if row >= 0]


def _plain(value: float) -> float | None:
    """JSON has no NaN."""
    return value if math.isfinite(value) else None
