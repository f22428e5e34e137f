"""A file of queries, right documents and hard negatives -> distinct queries and documents, linked by number."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from latentscape.datasets.beir import is_corpus_folder, read_corpus_folder
from latentscape.datasets.near_copies import NearTexts
from latentscape.datasets.pair_defects import DEFECTS, Defect, sort_defects
from latentscape.datasets.pair_files import join_rows, read_rows
from latentscape.datasets.pair_reading import link_rows
from latentscape.datasets.pair_samples import HardNegative, PairSamples, RawPairs
from latentscape.datasets.table_parts import are_parts
from latentscape.datasets.text import make_printable
from latentscape.datasets.weights import Weights, combine_weights, read_weights
from latentscape.errors import DataError, UsageError
from latentscape.executor import IN_PROCESS, Executor
from latentscape.paths import FILE, FOLDER, SPECIAL, expand_home, is_file, is_folder, kind_of

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

_MODEL = "config.json"
"""What the folder of a model has, among files whose names end as those of data."""
_DATA_FILES = (".parquet", ".jsonl", ".json", ".csv", ".tsv")


def read_pairs(
    source: str | Path,
    *,
    weights: Weights | None = None,
    split: str | None = None,
    qrels: Path | None = None,
    executor: Executor = IN_PROCESS,
) -> PairSamples:
    """Read queries and documents from wherever they are and link their texts.

    * a pair file (JSON array, JSON Lines, Parquet, CSV or TSV, told apart by content): our own columns `query`, `pos`,
      `hard_neg`, or those of sentence-transformers (`pair_roles.find_roles`);
    * a folder of pair files whose names differ in numbers only, read by the workers of `executor`;
    * a folder with corpus, queries and judgments (`beir.read_corpus_folder`); `qrels` names the file of judgments where
      the folder has none, or another is meant;
    * a Hugging Face data set, saved to disk or by its hub name `owner/name` or `owner/name:config`, with the columns of
      a pair file or the parts corpus, queries and qrels (`pair_hub`).

    `split` is the part to read where there are several; without it `test`, or the only one. `weights`, from
    `read_weights`, only tells which types are declared; weights stay as the file gives them.

    Raises DataError if the source is missing, can't be read or holds no pairs, UsageError for a `split` or `qrels` that
    a pair file has no use for; SafetyError for a Parquet file with extension types.
    """
    path = expand_home(source)
    if is_folder(path):
        parts = [] if split or qrels else _list_parts(path)
        if parts:
            raw = join_rows(parts, executor.read_files(read_rows, parts))
            return link_rows(raw, shown=make_printable(str(path)), weights=weights)
        return _read_folder(path, weights=weights, split=split, qrels=qrels)
    if isinstance(source, str) and not _is_place(path):
        from latentscape.datasets.hub_data import is_hub_name  # noqa: PLC0415  pyarrow costs 0.2 s, JSON needs none
        from latentscape.datasets.pair_hub import read_hub_pairs  # noqa: PLC0415

        if is_hub_name(source):
            return read_hub_pairs(source, weights=weights, split=split, qrels=qrels)
    _refuse_parts(path, split=split, qrels=qrels)
    return link_rows(read_rows(path), shown=make_printable(str(path)), weights=weights)


def _is_place(path: Path) -> bool:
    """Whether something lies there, or a folder where it would lie: then a hub name is not what was meant."""
    return kind_of(path) in (FILE, FOLDER, SPECIAL) or is_folder(path.parent)


def _list_parts(folder: Path) -> list[Path]:
    """The files of a folder where they are all there is in it, and parts of one pair file; else none."""
    found = sorted(path for path in folder.iterdir() if not path.name.startswith((".", "_")))
    fits = len(found) > 1 and all(path.suffix.lower() in _DATA_FILES and is_file(path) for path in found)
    return found if fits and are_parts(found) else []


def _read_folder(path: Path, *, weights: Weights | None, split: str | None, qrels: Path | None) -> PairSamples:
    if is_corpus_folder(path):
        return read_corpus_folder(path, split=split, qrels=qrels, weights=weights)
    from latentscape.datasets.pair_hub import is_saved_folder, read_hub_pairs, read_saved_pairs  # noqa: PLC0415  as above

    if is_saved_folder(path):
        return read_saved_pairs(path, split=split, qrels=qrels, weights=weights)
    found = any(file.suffix.lower() in _DATA_FILES for file in path.rglob("*"))
    if found and not is_file(path / _MODEL):
        return read_hub_pairs(str(path), split=split, qrels=qrels, weights=weights)
    raise DataError(
        f"{make_printable(str(path))} is a folder without queries and documents",
        got=", ".join(sorted(make_printable(file.name) for file in path.iterdir())[:8]) or "an empty folder",
        expected="corpus.jsonl, queries.jsonl and qrels/test.tsv (BEIR), or a saved Hugging Face data set",
        hint="name the pair file itself",
        fault="data-missing",
    )


def _refuse_parts(path: Path, *, split: str | None, qrels: Path | None) -> None:
    given = [name for name, value in (("split", split), ("qrels", qrels)) if value is not None]
    if given:
        raise UsageError(
            f"`--{given[0]}` has no meaning for a pair file",
            got=make_printable(str(path)),
            expected="a folder with corpus, queries and judgments, or a Hugging Face data set",
            hint=f"leave `--{given[0]}` out, or name the folder",
            fault="option-conflict",
        )


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
