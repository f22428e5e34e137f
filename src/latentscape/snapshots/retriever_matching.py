"""Snapshots of retrievers, cut down to the queries and documents that all of them have."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from latentscape.comparison_findings import Subject
from latentscape.measures.judgments import DocumentLists, Judgments
from latentscape.retrieval_diagnosis import sort_documents
from latentscape.snapshots.checkpoint_names import find_same_models
from latentscape.snapshots.left_out import Reasons, account, explain_absence, number_repeats, place_all, require_some
from latentscape.snapshots.tracking import Tracked, describe_tracking, track_layers
from latentscape.snapshots.values import Matched, Numbers, RetrieverSnapshot, RowNumbers

EMBEDDING = "embedding"
KIND_NAMES = ("query", "positive", "hard negative", "other")
Retrievers = Sequence[RetrieverSnapshot]


@dataclass(frozen=True, kw_only=True)
class Shared:
    """What all runs have."""

    queries: list[RowNumbers]
    """For each run the numbers of the shared queries, in the order of the first run."""
    documents: list[RowNumbers]


def match_retrievers(snapshots: Retrievers) -> Matched:
    """Two or more snapshots, their checkpoints named differently. Raises DataError."""
    documents = _find_shared_documents(snapshots)
    queries, left_out = _find_shared_queries(snapshots, documents)
    require_some(len(queries[0]), left_out, what="query")
    first, shared = snapshots[0], Shared(queries=queries, documents=documents)
    layers = [snapshot.layers for snapshot in snapshots]
    rows = [
        np.concatenate([mine, len(snapshot.queries) + theirs])
        for snapshot, mine, theirs in zip(snapshots, queries, documents, strict=True)
    ]
    tracked = track_layers(layers, rows, mains=[next(iter(each)) for each in layers], common_name=EMBEDDING)
    judgments, hard_types = _judge(first, shared)
    checkpoints = tuple(snapshot.checkpoint for snapshot in snapshots)
    return Matched(
        subject=_describe_subject(first, shared, judgments),
        checkpoints=checkpoints,
        accounting=account(len(queries[0]), left_out),
        features=tracked.features,
        own_names=tracked.own_names,
        main_layer=tracked.main_layer,
        same_models=find_same_models(checkpoints),
        judgments=judgments,
        hard_types=hard_types,
        notes=tuple(_describe(snapshots, judgments.n_documents, left_out=left_out, tracked=tracked)),
    )


def _find_shared_documents(snapshots: Retrievers) -> list[RowNumbers]:
    """For each run the numbers of the documents whose texts all runs have, in the order of the first run."""
    places = place_all([number_repeats(snapshot.documents) for snapshot in snapshots]).values()
    shared = [place for place in places if None not in place]
    return list(np.array(shared, dtype=np.int64).reshape(-1, len(snapshots)).T)


def _find_shared_queries(snapshots: Retrievers, documents: Sequence[RowNumbers]) -> tuple[list[RowNumbers], Reasons]:
    """The same of queries, where all runs agree on what is right and what is declared wrong for them; and why the
    others are left out."""
    names = [snapshot.checkpoint.name for snapshot in snapshots]
    new = [_number(own) for own in documents]
    shared: list[list[int]] = []
    left_out: list[tuple[str, str]] = []
    for places in place_all([number_repeats(snapshot.queries) for snapshot in snapshots]).values():
        found = [place for place in places if place is not None]
        if len(found) < len(places):
            left_out.append((_name_query(names, places), explain_absence(names, places)))
        elif reason := _find_difference(snapshots, found, new):
            left_out.append((_name_query(names, places), reason))
        else:
            shared.append(found)
    return list(np.array(shared, dtype=np.int64).reshape(-1, len(snapshots)).T), left_out


def _name_query(names: Sequence[str], places: Sequence[int | None]) -> str:
    """As the first run that has it calls it."""
    run, place = next((run, place) for run, place in enumerate(places) if place is not None)
    return f"query {place}" if run == 0 else f"query {place} of {names[run]}"


def _find_difference(snapshots: Retrievers, places: Sequence[int], new: Sequence[Mapping[int, int]]) -> str:
    """Why a query can't be compared; empty if it can."""
    own = list(zip(snapshots, places, new, strict=True))
    if any(number not in shared for run, place, shared in own for number in run.relevant[place]):
        return "a right document is not in all runs"
    if len({_renumber(run.relevant[place], shared) for run, place, shared in own}) > 1:
        return "right documents differ"
    if len({_renumber(run.hard[place], shared) for run, place, shared in own}) > 1:
        return "hard negatives differ"
    return ""


def _number(documents: RowNumbers) -> dict[int, int]:
    """Old number -> number among the shared."""
    return {old: number for number, old in enumerate(documents.tolist())}


def _renumber(numbers: Numbers, new: Mapping[int, int]) -> Numbers:
    """Those that are shared, ascending."""
    return tuple(sorted(new[number] for number in numbers if number in new))


def _judge(first: RetrieverSnapshot, shared: Shared) -> tuple[Judgments, tuple[tuple[tuple[str, ...], ...], ...]]:
    """What the first run says of the shared queries' documents, and the types of their hard negatives."""
    new, queries = _number(shared.documents[0]), shared.queries[0].tolist()
    judgments = Judgments(
        relevant=_to_arrays([_renumber(first.relevant[query], new) for query in queries]),
        hard=_to_arrays([_renumber(first.hard[query], new) for query in queries]),
        ignored=_to_arrays([_renumber(first.ignored[query], new) for query in queries]),
        n_documents=len(new),
    )
    # shared documents keep the order of the first run, so that its hard negatives stay ascending
    types = tuple(
        tuple(names for number, names in zip(first.hard[query], first.hard_types[query], strict=True) if number in new)
        for query in queries
    )
    return judgments, types


def _to_arrays(lists: Sequence[Numbers]) -> DocumentLists:
    return tuple(np.array(numbers, dtype=np.int64) for numbers in lists)


def _describe_subject(first: RetrieverSnapshot, shared: Shared, judgments: Judgments) -> Subject:
    queries, documents = shared.queries[0].tolist(), shared.documents[0].tolist()
    n = len(queries) + len(documents)
    groups = {name: tuple(values[query] for query in queries) for name, values in first.groups.items()}
    return Subject(
        study="embeddings",
        ids=(*(f"query {query}" for query in queries), *(f"document {document}" for document in documents)),
        texts=(*(first.queries[query] for query in queries), *(first.documents[document] for document in documents)),
        n_judged=len(queries),
        kinds=np.concatenate([np.zeros(len(queries), dtype=np.int64), sort_documents(judgments).astype(np.int64)]),
        kind_names=KIND_NAMES,
        shapes=np.zeros(n, dtype=np.int64),
        shape_names=("",),
        clusters=np.arange(len(queries)),
        cluster_name="queries",
        groups={name: values for name, values in groups.items() if any(values)},
    )


def _describe(snapshots: Retrievers, n_documents: int, *, left_out: Reasons, tracked: Tracked) -> list[str]:
    """What a reader must know of the matching, in sentences."""
    notes: list[str] = []
    if left_out:
        notes.append("All numbers are of the queries that every run has; a run's own report may speak of more.")
    if any(len(snapshot.documents) > n_documents for snapshot in snapshots):
        notes.append(
            f"Each query is ranked among the {n_documents:,} documents that every run has: a run that has more may "
            "give other ranks in its own report."
        )
    return [*notes, *describe_tracking(tracked, [snapshot.layers for snapshot in snapshots])]
