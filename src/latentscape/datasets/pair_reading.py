"""Raw rows of pairs -> linked samples: each row parsed by the format of its columns, its texts listed in order."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from latentscape.datasets.files import Skipped
from latentscape.datasets.pair_columns import merge_cells
from latentscape.datasets.pair_files import RawRows, bad_file
from latentscape.datasets.pair_links import JUDGED, Declared, Mention, Mentions, declare, link_mentions
from latentscape.datasets.pair_roles import Roles, find_roles, is_native
from latentscape.datasets.pair_rows import BadRowError, PairRow, parse_columns, parse_row
from latentscape.datasets.pair_samples import PairSamples
from latentscape.datasets.text import fold
from latentscape.datasets.weights import Weights
from latentscape.errors import DataError

RIGHT_SHARE = 0.5
"""The share of the largest score of a file from which on a document is right."""
Named = list[tuple[str, PairRow]]


def link_rows(raw: RawRows, *, shown: str, weights: Weights | None = None) -> PairSamples:
    """Parse and link the rows; those that are no pairs are skipped with the reason.

    Where the columns give a score and no negatives, a document is right for its query if its score is at least half of
    the largest score of all rows, and declared wrong below that.
    Raises DataError if there are no rows, or every row is faulty.
    """
    roles = _find_roles(raw, shown)
    rows: Named = []
    skipped = list(raw.skipped)
    for name, row in raw.rows:
        try:
            rows.append((name, parse_row(row) if roles is None else parse_columns(row, roles)))
        except BadRowError as error:
            skipped.append((name, str(error)))
    if not rows:
        raise _nothing_usable(shown, raw, skipped)
    if roles is None or roles.score is None:
        mentions = _list_mentions(rows)
    else:
        mentions, unanswered = _list_scored(rows, shown)
        skipped += unanswered
    n_rows = len(raw.rows) + len(raw.skipped)
    return link_mentions(mentions, skipped=_sort_rows(skipped), n_rows=n_rows, weights=weights)


def _find_roles(raw: RawRows, shown: str) -> Roles | None:
    """None for rows of our own format, and where nothing has a role: their parser says best what is missing."""
    columns = dict.fromkeys(name for _, row in raw.rows if isinstance(row, dict) for name in row)
    return None if is_native(columns) and not raw.is_table else find_roles(columns, shown)


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
                    needs_weight=wrong.is_typed and not wrong.is_plain,
                    is_plain=wrong.is_plain,
                )
                for place, wrong in places
            )
        )
    return Mentions(queries=queries, documents=documents, relevant=relevant, hard=hard)


def _list_scored(rows: Named, shown: str) -> tuple[Mentions, list[tuple[str, str]]]:
    """All rows of a query as one, so that what one of them calls wrong is wrong beside what another calls right; and
    the rows of queries for which none is right."""
    largest = max(row.score or 0.0 for _, row in rows)
    by_query: defaultdict[str, Named] = defaultdict(list)
    for name, row in rows:
        by_query[fold(row.query)].append((name, row))
    border = RIGHT_SHARE * largest
    asked = {key: group for key, group in by_query.items() if largest > 0 and _best(group) >= border}
    lost = [
        (name, f"no document is right for its query: its best score is {_best(group):g}, right is {border:g} or more")
        for key, group in by_query.items()
        if key not in asked
        for name, _ in group
    ]
    if not asked:
        raise DataError(
            f"no row of {shown} has a right document",
            got=f"the largest score is {largest:g}",
            expected="scores above 0: from half of the largest on a document is right",
            hint="is the score a distance, or a label of another meaning? Turn it round, or rename its column",
            fault="data-empty",
        )
    return _join_scored(asked, border=border), lost


def _best(group: Iterable[tuple[str, PairRow]]) -> float:
    return max(row.score or 0.0 for _, row in group)


def _join_scored(asked: Mapping[str, Named], *, border: float) -> Mentions:
    queries, documents = [], []
    relevant: list[tuple[int, ...]] = []
    hard: list[tuple[Declared, ...]] = []
    for key, group in asked.items():
        first, row = group[0]
        cells = row.cells
        for _, other in group[1:]:
            cells = merge_cells(cells, other.cells)
        queries.append(Mention(text=row.query, key=key, where=first, cells=cells))
        right, wrong = [], []
        for name, each in group:
            for document in each.positives:
                (right if (each.score or 0.0) >= border else wrong).append(len(documents))
                documents.append(Mention(text=document.text, key=fold(document.text), where=f"{name}, document"))
        relevant.append(tuple(right))
        hard.append(tuple(_declare_judged(place, documents[place].where) for place in wrong))
    return Mentions(queries=queries, documents=documents, relevant=relevant, hard=hard)


def _declare_judged(place: int, where: str) -> Declared:
    return declare(mention=place, where=where, types=[JUDGED], weight=None, needs_weight=False)


def _sort_rows(skipped: Sequence[tuple[str, str]]) -> Skipped:
    return tuple(sorted(skipped, key=lambda skip: int(skip[0].rpartition(" ")[2])))


def _nothing_usable(shown: str, raw: RawRows, skipped: Sequence[tuple[str, str]]) -> Exception:
    if not raw.rows and not raw.skipped:
        return bad_file(shown, "it holds no rows")
    reasons = "; ".join(f"{name} {reason}" for name, reason in skipped[:3])
    return bad_file(shown, f"none of its {len(skipped):,} rows is a pair ({reasons})", "is this the pair file?")
