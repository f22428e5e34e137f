"""A folder with a corpus, queries and judgments, in BEIR's layout or TREC's -> linked samples."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from latentscape.datasets.files import open_regular
from latentscape.datasets.pair_corpus import Entry, JudgedCorpus, link_corpus, read_entry
from latentscape.datasets.pair_defects import Defect
from latentscape.datasets.pair_files import LARGEST_BYTES, decode, read_rows
from latentscape.datasets.pair_samples import PairSamples
from latentscape.datasets.sample_splits import choose_split
from latentscape.datasets.text import make_printable, normalize
from latentscape.datasets.trec import read_judgments
from latentscape.datasets.weights import Weights
from latentscape.errors import DataError
from latentscape.paths import is_file, is_folder

CORPORA = ("corpus", "collection", "documents", "docs", "passages")
QUERIES = ("queries", "topics")
_ENDINGS = (".jsonl", ".json", ".tsv")
_JUDGMENT_ENDINGS = (".tsv", ".txt", ".qrels", ".trec")
_QRELS = "qrels"


def is_corpus_folder(folder: Path) -> bool:
    """Whether a corpus lies in the folder, in one of the forms we read."""
    return _find_file(folder, CORPORA) is not None


def read_corpus_folder(
    folder: Path, *, split: str | None = None, qrels: Path | None = None, weights: Weights | None = None
) -> PairSamples:
    """Read `corpus`, `queries` (.jsonl or .tsv) and the judgments of one split, and link them.

    Lines of the corpus are `{"_id", "title", "text"}`, or `id<tab>text`; a title stands before its text, a blank line
    between. The judgments are `qrels`, or `qrels/{split}.tsv`, or a file `qrels...` beside the corpus, of three or four
    columns. All documents stay, also those that nobody judged.
    Raises DataError where a file is missing or can't be read, no judgments are there, or no query can be used.
    """
    shown = make_printable(str(folder))
    corpus = _find_file(folder, CORPORA)
    if corpus is None:
        raise _missing(shown, "corpus", "corpus.jsonl or corpus.tsv")
    found = {} if qrels else find_judgments(folder)
    if not qrels and not found:
        raise DataError(
            f"{shown} is a corpus without judgments: nothing says which documents are right",
            expected="qrels/test.tsv, or a file qrels.tsv or qrels.txt beside the corpus",
            hint="give a file of judgments: `--qrels FILE`",
            fault="qrels-missing",
        )
    chosen = split if qrels else choose_split(found, split, shown=shown)
    judged = read_judgments(qrels or found[chosen or ""])
    asked = (*(f"{name}.{chosen}" for name in QUERIES if chosen), *QUERIES)
    queries = _find_file(folder, asked)
    if queries is None:
        raise _missing(shown, "queries", "queries.jsonl or queries.tsv")
    defects: list[Defect] = []
    given = JudgedCorpus(
        queries=list(_read_entries(queries, "query", defects)),
        documents=list(_read_entries(corpus, "document", defects)),
        judgments=judged.judgments,
        shown=shown,
        defects=(*defects, *judged.defects),
        names_others=len(found) > 1 or qrels is not None,
    )
    return link_corpus(given, weights=weights)


def find_judgments(folder: Path) -> Mapping[str, Path]:
    """Split -> its file of judgments; a file without a split in its name is that of the split `test`."""
    found: dict[str, Path] = {}
    inside = folder / _QRELS
    if is_folder(inside):
        for path in sorted(inside.iterdir()):
            if path.suffix.lower() in _JUDGMENT_ENDINGS and is_file(path) and not path.name.startswith("."):
                found.setdefault(path.stem, path)
    for path in sorted(folder.iterdir()):
        parts = path.name.lower().split(".")
        if _QRELS in parts and is_file(path) and (len(parts) == 1 or path.suffix.lower() in _JUDGMENT_ENDINGS):
            rest = [part for part in path.name.split(".")[:-1] if part.lower() != _QRELS]
            found.setdefault(".".join(rest) or "test", path)
    return found


def _find_file(folder: Path, names: tuple[str, ...]) -> Path | None:
    return next((path for name in names for ending in _ENDINGS if is_file(path := folder / f"{name}{ending}")), None)


def _read_entries(path: Path, what: str, defects: list[Defect]) -> Iterator[Entry]:
    """Each line's entry; lines that are none are noted."""
    lines = _read_tabs(path) if path.suffix == ".tsv" else _read_records(path, defects)
    for number, record in lines:
        entry = read_entry(record, what=what) if isinstance(record, dict) else None
        if entry is None:
            reason = "it has no id" if isinstance(record, dict) else str(record)
            defects.append(_note(path, number, reason))
        else:
            yield entry


def _read_records(path: Path, defects: list[Defect]) -> Iterator[tuple[str, object]]:
    raw = read_rows(path)
    defects.extend(_note(path, name, reason) for name, reason in raw.skipped)
    for name, row in raw.rows:
        yield name, row if isinstance(row, dict) else "it is no object"


def _read_tabs(path: Path) -> Iterator[tuple[str, object]]:
    """Lines `id<tab>text`, or columns under a heading that names an id and a text. Quotes are letters."""
    shown = make_printable(str(path))
    with open_regular(path) as file:
        text = decode(file.read(LARGEST_BYTES + 1), shown)
    lines = [(number, line.rstrip("\r")) for number, line in enumerate(text.split("\n"), 1) if line.strip()]
    heading = [normalize(name).strip().lower() for name in lines[0][1].split("\t")]
    named = read_entry(dict.fromkeys(heading, "x"), what="") is not None and len(heading) > 1
    if not named and len(heading) != 2:
        raise DataError(
            f"can't tell which column of {shown} is the text",
            got=f"{len(heading)} columns without a heading",
            expected="lines `id<tab>text`, or a heading such as `id<tab>title<tab>text`",
            hint="write the names of the columns into the first line",
            fault="data-columns",
        )
    columns = heading if named else ["_id", "text"]
    for number, line in lines[1:] if named else lines:
        cells = line.split("\t")
        fits = len(cells) == len(columns)
        broken = f"{len(cells)} cells under {len(columns)} columns"
        yield f"line {number}", dict(zip(columns, cells, strict=True)) if fits else broken


def _note(path: Path, place: str, reason: str) -> Defect:
    return Defect(kind="unreadable_line", where=f"{make_printable(path.name)}, {place}", text="", other=reason)


def _missing(shown: str, what: str, expected: str) -> DataError:
    return DataError(
        f"{shown} holds no {what}",
        expected=f"{expected}, beside the other files",
        hint="BEIR's layout is corpus.jsonl, queries.jsonl and qrels/test.tsv",
        fault="data-missing",
    )
