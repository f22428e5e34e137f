"""What the inspector asks for, one sample at a time: neighbors, probabilities, ranked documents."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from latentscape.exploration import Exploration, NeighborLists, Probabilities, RankedDocuments
from latentscape.pages.explorer_container import (
    Container,
    Described,
    count_kind,
    describe_array,
    quantize,
    size_of,
)
from latentscape.pages.explorer_texts import clean_name

MOST_NEIGHBORS = 10
FEWER_NEIGHBORS = 5
"""Where there is no room for all."""
MOST_RANKS = 10
DISTANCE_STEPS = 4_095
"""Of a distance between the least and the largest of its layer: three digits are shown."""
NEIGHBOR_BYTES, RANK_BYTES, PROBABILITY_BYTES = 6_000_000, 6_000_000, 4_000_000
"""What each may take of a file."""
MOST_TRIED = 4_000_000
"""Neighbors of one layer that are not even tried above this number."""


def say_left_out(what: str) -> str:
    """That something is not in a file, and how it is seen."""
    return f"Too large for this file: {what}. `latentscape open` on the run folder shows everything."


def add_details(
    container: Container, exploration: Exploration, left_out: list[str], *, is_served: bool
) -> dict[str, Any]:
    """The parts of the header about single samples. Where the page is served it asks the server for them."""
    known = {"hasNeighbors": bool(exploration.neighbors), "hasRanks": exploration.ranked is not None}
    if is_served:
        return {**known, "neighbors": [], "probabilities": [], "ranked": None}
    neighbors = _add_neighbors(container, exploration.neighbors, left_out)
    ranked = _add_ranked(container, exploration.ranked, left_out) if exploration.ranked else None
    return {
        "hasNeighbors": bool(neighbors),
        "neighbors": neighbors,
        "probabilities": _add_probabilities(container, exploration.probabilities, left_out),
        "ranked": ranked,
        "hasRanks": ranked is not None,
    }


def _add_neighbors(container: Container, layers: Sequence[NeighborLists], left_out: list[str]) -> list[Described]:
    """Layer by layer as long as there is room, ten neighbors a sample or five."""
    found, room = [], NEIGHBOR_BYTES
    for one in layers:
        for k in (MOST_NEIGHBORS, FEWER_NEIGHBORS):
            if len(one.rows) * min(k, one.rows.shape[1]) > MOST_TRIED:
                continue
            described, arrays = _describe_neighbors(one, k)
            size = sum(size_of(pieces) for _, pieces in arrays)
            if size <= room:
                rows, distances = (container.place(*array) for array in arrays)
                found.append({**described, "rows": rows, "distances": distances})
                room -= size
                break
    if n_more := len(layers) - len(found):
        layer = "layer's nearest neighbors" if n_more == 1 else "layers' nearest neighbors"
        left_out.append(say_left_out(f"{n_more} {layer}"))
    return found


def _describe_neighbors(one: NeighborLists, most: int) -> tuple[Described, list[tuple[Described, list[bytes]]]]:
    """Rows from 1, 0 for none; distances in steps, each as the way from the one before it."""
    rows, distances = one.rows[:, :most], one.distances[:, :most].astype(float)
    known = np.where(rows >= 0, distances, np.nan)
    finite = known[np.isfinite(known)]
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 0.0)
    steps = quantize(distances, low=low, high=high, steps=DISTANCE_STEPS)
    ways = np.diff(steps, axis=1, prepend=0) % 65_536
    described = {
        "layer": clean_name(one.layer), "checkpoint": one.checkpoint, "metric": clean_name(one.metric),
        "k": rows.shape[1], "low": low, "step": (high - low) / DISTANCE_STEPS,
    }  # fmt: skip
    arrays = [describe_array(rows + 1, count_kind(len(rows))), describe_array(ways, "u2")]
    return described, arrays


def _add_probabilities(container: Container, lists: Sequence[Probabilities], left_out: list[str]) -> list[Described]:
    found, room = [], PROBABILITY_BYTES
    for one in lists:
        codes = describe_array(one.codes + 1, count_kind(int(one.codes.max(initial=0)) + 1))
        shares = describe_array(quantize(one.shares, low=0.0, high=1.0), "u2")
        size = size_of(codes[1]) + size_of(shares[1])
        if size <= room:
            room -= size
            found.append(
                {"checkpoint": one.checkpoint, "top": one.codes.shape[1], "codes": container.place(*codes),
                 "shares": container.place(*shares)}
            )  # fmt: skip
    if len(found) < len(lists):
        left_out.append(say_left_out("the probabilities of the classes"))
    return found


def _add_ranked(container: Container, ranked: RankedDocuments, left_out: list[str]) -> Described | None:
    rows, marks = ranked.rows[:, :MOST_RANKS], ranked.marks[:, :MOST_RANKS]
    types = sorted(set(ranked.hard_types))
    numbers = {name: i for i, name in enumerate(types)}
    arrays = {
        "queries": describe_array(ranked.queries, "u4"),
        "rows": describe_array(rows + 1, "u4"),
        "similarities": describe_array(_fraction(ranked.similarities[:, :MOST_RANKS]), "u2"),
        "marks": describe_array(marks, "u1"),
        "hardEnds": describe_array(ranked.hard_ends, "u4"),
        "hardRows": describe_array(ranked.hard_rows + 1, "u4"),
        "hardSimilarities": describe_array(_fraction(ranked.hard_similarities[:, None]), "u2"),
        "hardTypes": describe_array(np.array([numbers[name] for name in ranked.hard_types], dtype=np.int64), "u4"),
    }
    if sum(size_of(pieces) for _, pieces in arrays.values()) > RANK_BYTES:
        left_out.append(say_left_out("the ranked documents of each query"))
        return None
    placed = {name: container.place(*array) for name, array in arrays.items()}
    return {**placed, "k": rows.shape[1], "types": [clean_name(name) for name in types]}


def _fraction(similarities: np.ndarray) -> np.ndarray:
    """Cosines in steps from -1 to 1."""
    return quantize(similarities, low=-1.0, high=1.0)
