"""A file of queries, right documents and hard negatives -> distinct queries and documents, linked by number."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from latentscape.datasets.files import Skipped
from latentscape.datasets.near_copies import NearTexts
from latentscape.datasets.pair_defects import DEFECTS, Defect, sort_defects
from latentscape.datasets.pair_files import RawRows, bad_file, read_rows
from latentscape.datasets.pair_links import Mention, Mentions, declare, link_mentions
from latentscape.datasets.pair_rows import BadRowError, PairRow, parse_row
from latentscape.datasets.pair_samples import HardNegative, PairSamples, RawPairs
from latentscape.datasets.text import fold, make_printable
from latentscape.datasets.weights import Weights, combine_weights, read_weights
from latentscape.errors import DataError

__all__ = [
    "DEFECTS",
    "Defect",
    "HardNegative",
    "PairSamples",
    "RawPairs",
    "combine_weights",
    "find_trained",
    "leave_out_trained",
    "read_pairs",
    "read_weights",
]


def read_pairs(path: Path, *, weights: Weights | None = None) -> PairSamples:
    """Read a pair file (JSON array, JSON Lines or Parquet, told apart by content) and link its texts.

    `weights`, from `read_weights`, only tells which types are declared; weights stay as the file gives them.

    Raises DataError if the file can't be read, holds no rows, or every row is faulty; SafetyError for a Parquet file
    with extension types.
    """
    raw = read_rows(Path(path))
    rows: list[tuple[str, PairRow]] = []
    skipped = list(raw.skipped)
    for name, row in raw.rows:
        try:
            rows.append((name, parse_row(row)))
        except BadRowError as error:
            skipped.append((name, str(error)))
    n_rows = len(raw.rows) + len(raw.skipped)
    if not rows:
        raise _nothing_usable(path, raw, skipped)
    return link_mentions(_list_mentions(rows), skipped=_sort_rows(skipped), n_rows=n_rows, weights=weights)


def find_trained(pairs: PairSamples, train: PairSamples) -> Mapping[int, int]:
    """Query number -> number of the training query that has the same text or is a near copy of it."""
    known = NearTexts(train.queries)
    found = {query: known.find(text) for query, text in enumerate(pairs.queries)}
    return {query: place for query, place in found.items() if place is not None}


def leave_out_trained(pairs: PairSamples, train: PairSamples) -> PairSamples:
    """The pairs without the queries that the training file holds too, or near copies of them.

    Each of these is skipped with its reason, after the rows that are no pairs. Documents that both files hold stay: a
    retriever may know its corpus. Both are noted as defects.
    Raises DataError if no query is left.
    """
    trained = find_trained(pairs, train)
    if len(trained) == len(pairs):
        raise DataError(
            "every query stands in the training file too: nothing is left to judge the model by",
            got=f"{len(pairs):,} queries, all of them trained on",
            hint="check that the two files are not one, or judge the model by queries that were held out",
            fault="data-empty",
        )
    names, train_names = pairs.rows, train.rows
    defects = [
        Defect(
            kind="trained_query", where=names[query], text=pairs.queries[query], other=f"training {train_names[twin]}"
        )
        for query, twin in trained.items()
    ]
    skips = [
        (names[query], f"its query stands in the training file too ({train_names[twin]})")
        for query, twin in trained.items()
    ]
    kept = pairs.take([query for query in range(len(pairs)) if query not in trained])
    return replace(
        kept,
        skipped=(*pairs.skipped, *skips),
        defects=sort_defects([*defects, *_note_trained_documents(kept, train), *pairs.defects]),
    )


def _note_trained_documents(pairs: PairSamples, train: PairSamples) -> list[Defect]:
    known = NearTexts(train.documents)
    found = [(document, known.find(text)) for document, text in enumerate(pairs.documents)]
    shared = [(document, twin) for document, twin in found if twin is not None]
    places, train_places = (
        [each.raw.places[mention] for mention in each.raw.first_mentions().tolist()] for each in (pairs, train)
    )
    return [
        Defect(
            kind="trained_document",
            where=places[document],
            text=pairs.documents[document],
            other=f"training {train_places[twin]}",
        )
        for document, twin in shared
    ]


def _list_mentions(rows: Sequence[tuple[str, PairRow]]) -> Mentions:
    """The texts of all rows in the order of the file."""
    queries, documents = [], []
    relevant, hard = [], []
    for name, row in rows:
        queries.append(Mention(text=row.query, key=fold(row.query), where=name, cells=row.cells))
        start, n_right = len(documents), len(row.positives)
        for number, right in enumerate(row.positives, 1):
            where = f"{name}, pos {number}" if n_right > 1 else f"{name}, pos"
            documents.append(Mention(text=right.text, key=fold(right.text), where=where, cells=right.cells))
        for number, wrong in enumerate(row.negatives, 1):
            where = f"{name}, hard_neg {number}"
            documents.append(Mention(text=wrong.text, key=fold(wrong.text), where=where, cells=wrong.cells))
        places = enumerate(row.negatives, start + n_right)
        relevant.append(tuple(range(start, start + n_right)))
        hard.append(
            tuple(
                declare(
                    mention=place,
                    where=documents[place].where,
                    types=wrong.types,
                    weight=wrong.weight,
                    needs_weight=not wrong.is_plain,
                    is_plain=wrong.is_plain,
                )
                for place, wrong in places
            )
        )
    return Mentions(queries=queries, documents=documents, relevant=relevant, hard=hard)


def _sort_rows(skipped: Sequence[tuple[str, str]]) -> Skipped:
    return tuple(sorted(skipped, key=lambda skip: int(skip[0].rpartition(" ")[2])))


def _nothing_usable(path: Path, raw: RawRows, skipped: Skipped | list[tuple[str, str]]) -> Exception:
    shown = make_printable(str(path))
    if not raw.rows and not raw.skipped:
        return bad_file(shown, "it holds no rows")
    reasons = "; ".join(f"{name} {reason}" for name, reason in skipped[:3])
    return bad_file(shown, f"none of its {len(skipped):,} rows is a pair ({reasons})", "is this the pair file?")
