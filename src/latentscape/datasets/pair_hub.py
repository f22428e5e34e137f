"""Hugging Face data sets of pairs, saved to disk or by name -> linked samples. Scripts of data sets are never run."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa

from latentscape.datasets.files import check_folder
from latentscape.datasets.hub_data import Part, is_saved, list_by_name, list_configurations, list_saved
from latentscape.datasets.pair_corpus import Entry, JudgedCorpus, Judgment, link_corpus, read_entry, read_id
from latentscape.datasets.pair_defects import Defect
from latentscape.datasets.pair_files import RawRows
from latentscape.datasets.pair_parquet import choose_columns, is_plain
from latentscape.datasets.pair_reading import link_rows
from latentscape.datasets.pair_roles import find_roles
from latentscape.datasets.pair_samples import PairSamples
from latentscape.datasets.sample_splits import choose_split, refuse_split
from latentscape.datasets.sample_tables import SampleTable
from latentscape.datasets.text import make_printable
from latentscape.datasets.trec import find_columns, read_grade, read_judgments
from latentscape.datasets.weights import Weights
from latentscape.errors import DataError, UsageError
from latentscape.paths import is_folder

CORPUS, QUERIES, QRELS = "corpus", "queries", "qrels"
Splits = Mapping[str, Part]
"""Split -> a function that reads it; the split is empty where there is but one table."""


def is_saved_folder(folder: Path) -> bool:
    """Whether a data set, several splits of one, or corpus, queries and judgments were saved to this folder."""
    return is_saved(folder) or (is_saved(folder / CORPUS) and is_saved(folder / QUERIES))


def read_saved_pairs(
    folder: Path, *, weights: Weights | None = None, split: str | None = None, qrels: Path | None = None
) -> PairSamples:
    """Read what `Dataset.save_to_disk` or `DatasetDict.save_to_disk` wrote.

    The columns are those of a pair file; or the splits, or folders below this one, are called corpus, queries and
    qrels (any other name counts as judgments where there is no qrels).
    Raises DataError where files are missing or broken, SafetyError for extension types in a column that is needed.
    """
    check_folder(folder)
    shown = make_printable(str(folder))
    if is_saved(folder):
        parts: dict[str, Splits] = {"": list_saved(folder)}
    else:
        parts = {path.name: list_saved(path) for path in sorted(folder.iterdir()) if is_saved(path)}
    return _link_parts(parts, shown=shown, split=split, qrels=qrels, weights=weights)


def read_hub_pairs(
    name: str, *, weights: Weights | None = None, split: str | None = None, qrels: Path | None = None
) -> PairSamples:
    """Read a data set by its name, `owner/name` or `owner/name:configuration`, from the cache or the hub; or a folder
    of data files as the hub has them.

    Of a data set with the configurations corpus, queries and qrels (or default) all three are read, or those whose
    names begin with `configuration-`.
    Raises DataError where there is none, or its columns and parts are not those of pairs.
    """
    place, _, wished = (name, "", "") if is_folder(name) else name.partition(":")
    parts = _find_parts(list_configurations(place), wished) or {"": wished}
    listed = {part: list_by_name(f"{place}:{config}" if config else place) for part, config in parts.items()}
    return _link_parts(listed, shown=name, split=split, qrels=qrels, weights=weights)


def _find_parts(configs: list[str], prefix: str) -> dict[str, str]:
    """Part -> configuration; empty where there is no corpus with queries."""
    start = f"{prefix}-" if prefix else ""
    parts = {part: f"{start}{part}" for part in (CORPUS, QUERIES) if f"{start}{part}" in configs}
    if len(parts) != len((CORPUS, QUERIES)):
        return {}
    judged = next((name for name in (f"{start}{QRELS}", prefix or "default") if name in configs), None)
    return parts | ({QRELS: judged} if judged else {})


def _link_parts(
    parts: Mapping[str, Splits], *, shown: str, split: str | None, qrels: Path | None, weights: Weights | None
) -> PairSamples:
    """Link one table of pairs, or a corpus, its queries and judgments."""
    if len(parts) == 1:
        splits = next(iter(parts.values()))
        if not {CORPUS, QUERIES} <= splits.keys():
            return _link_table(splits, shown=shown, split=split, qrels=qrels, weights=weights)
        parts = _regroup(splits)
    tables = {name: _only(parts[name], name)().values for name in (CORPUS, QUERIES)}
    judged = next((parts[name] for name in parts if name not in tables), {})
    if not qrels and not judged:
        raise DataError(
            f"{shown} is a corpus without judgments: nothing says which documents are right",
            hint="give a file of judgments: `--qrels FILE`",
            fault="qrels-missing",
        )
    defects: list[Defect] = []
    if qrels:
        read = read_judgments(qrels)
        judgments, defects = list(read.judgments), list(read.defects)
    else:
        chosen = choose_split(judged, split, shown=shown)
        judgments = list(_read_judged(judged[chosen]().values, shown, defects))
    given = JudgedCorpus(
        queries=list(_read_entries(tables[QUERIES], "query", defects)),
        documents=list(_read_entries(tables[CORPUS], "document", defects)),
        judgments=judgments,
        shown=shown,
        defects=tuple(defects),
        names_others=len(judged) > 1 or qrels is not None,
    )
    return link_corpus(given, weights=weights)


def _regroup(splits: Splits) -> dict[str, Splits]:
    """Splits called corpus and queries as parts; the others are splits of the judgments."""
    rest = {name: table for name, table in splits.items() if name not in (CORPUS, QUERIES)}
    named = {QRELS: rest[QRELS]} if QRELS in rest else rest
    parts: dict[str, Splits] = {name: {name: splits[name]} for name in (CORPUS, QUERIES)}
    return parts | ({QRELS: named} if named else {})


def _only(splits: Splits, name: str) -> Part:
    """The table of the corpus, or of the queries, which has one split, or one of its own name."""
    return splits[name] if name in splits else splits[choose_split(splits, None, shown=f"the part `{name}`")]


def _link_table(
    splits: Splits, *, shown: str, split: str | None, qrels: Path | None, weights: Weights | None
) -> PairSamples:
    if qrels:
        raise UsageError(
            f"`--qrels` has no meaning for {shown}: it is a table of pairs",
            hint="leave `--qrels` out",
            fault="option-conflict",
        )
    if list(splits) == [""]:
        refuse_split(split, shown=shown)
    table = splits[choose_split(splits, split, shown=shown)]()
    columns = choose_columns(table.values.schema, shown)
    _refuse_classes(table, shown)
    rows = enumerate(_list_rows(table.values.select(columns)), 1)
    raw = RawRows(rows=tuple((f"row {number}", row) for number, row in rows))
    return link_rows(raw, shown=shown, weights=weights)


def _refuse_classes(table: SampleTable, shown: str) -> None:
    """A label of three or more named classes (entailment, neutral ...) grades nothing."""
    roles = find_roles(table.values.column_names, shown)
    names = table.class_names.get(roles.score, ()) if roles and roles.score else ()
    if len(names) > len(("wrong", "right")):
        raise DataError(
            f"a column of {shown} names classes, it does not grade pairs",
            got=", ".join(names[:6]),
            expected="a number: the larger, the more a document is right",
            hint="use the pairs or triplets of the data set, `owner/name:configuration`",
            fault="data-labels",
        )


def _list_rows(table: pa.Table) -> Iterator[dict[str, Any]]:
    for batch in table.to_batches(max_chunksize=1024):
        yield from batch.to_pylist()


def _read_entries(table: pa.Table, what: str, defects: list[Defect]) -> Iterator[Entry]:
    plain = table.select([field.name for field in table.schema if is_plain(field)])
    for number, row in enumerate(_list_rows(plain), 1):
        entry = read_entry(row, what=what)
        if entry is None:
            defects.append(Defect(kind="unreadable_line", where=f"{what} row {number}", text="", other="it has no id"))
        else:
            yield entry


def _read_judged(table: pa.Table, shown: str, defects: list[Defect]) -> Iterator[Judgment]:
    named = find_columns(table.column_names)
    if not named:
        raise DataError(
            f"the judgments of {shown} have no columns `query-id` and `corpus-id`",
            got=", ".join(f"`{name}`" for name in table.column_names[:12]),
            hint="give a file of judgments: `--qrels FILE`",
            fault="data-columns",
        )
    for number, row in enumerate(_list_rows(table.select(list(named.values()))), 1):
        query, document = read_id(row[named["query"]]), read_id(row[named["document"]])
        grade = read_grade(row[named["grade"]]) if "grade" in named else 1.0
        if query is None or document is None or grade is None:
            reason = "an empty id" if grade is not None else "its grade is no number"
            defects.append(Defect(kind="unreadable_line", where=f"judgment {number}", text=str(query), other=reason))
        else:
            yield Judgment(query=query, document=document, grade=grade)
