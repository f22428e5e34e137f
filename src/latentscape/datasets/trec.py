"""Files of judgments -> which documents are right for which query, by id: TREC's four columns, or BEIR's three."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from latentscape.datasets.files import open_regular
from latentscape.datasets.pair_corpus import Judgment
from latentscape.datasets.pair_defects import Defect
from latentscape.datasets.pair_files import LARGEST_BYTES, decode
from latentscape.datasets.text import make_printable, normalize
from latentscape.errors import DataError

QUERY_NAMES = ("query-id", "query_id", "queryid", "qid", "topic", "query")
DOCUMENT_NAMES = ("corpus-id", "corpus_id", "document-id", "document_id", "doc_id", "docid", "docno", "pid", "document")
GRADE_NAMES = ("score", "relevance", "rel", "grade", "label")
EXPECTED = "lines `query 0 document grade` (TREC) or `query<tab>document<tab>grade` (BEIR)"


@dataclass(frozen=True, kw_only=True)
class Judgments:
    """The lines that can be read, and what was odd in the others."""

    judgments: tuple[Judgment, ...]
    defects: tuple[Defect, ...]


@dataclass(frozen=True, kw_only=True)
class _Places:
    """Where the cells of a line stand."""

    query: int
    document: int
    grade: int | None
    width: int
    has_tabs: bool


def read_judgments(path: Path) -> Judgments:
    """Read a file of judgments, with or without a heading, its columns divided by tabs, else by any blanks.

    A grade is a finite number; where a heading names no grade, every line says that its document is right. A line that
    can't be read is noted as a defect and left out.
    Raises DataError if the file is missing, empty or not UTF-8, or its first line is no judgment.
    """
    shown = make_printable(str(path))
    with open_regular(Path(path)) as file:
        text = decode(file.read(LARGEST_BYTES + 1), shown)
    lines = [(number, line) for number, line in enumerate(text.split("\n"), 1) if line.strip()]
    first = lines[0][1].rstrip("\r")
    heading = _read_heading(first)
    places = heading or _guess_places(first, shown)
    good: list[Judgment] = []
    bad: list[Defect] = []
    for number, line in lines[1:] if heading else lines:
        found = _read_line(line.rstrip("\r"), places)
        if isinstance(found, Judgment):
            good.append(found)
        else:
            where = f"{make_printable(path.name)}, line {number}"
            bad.append(Defect(kind="unreadable_line", where=where, text=line.strip()[:200], other=found))
    if not good:
        raise _no_judgments(shown, bad[0].text if bad else "a heading and nothing below it")
    return Judgments(judgments=tuple(good), defects=tuple(bad))


def find_columns(names: Sequence[str]) -> Mapping[str, str]:
    """`query`, `document` and, where there is one, `grade` -> the column that is it; empty where the first two are not
    both there.

    >>> find_columns(["query-id", "corpus-id", "score"])["document"]
    'corpus-id'
    """
    folded = {normalize(name).strip().lower(): name for name in reversed(list(names))}
    wanted = {"query": QUERY_NAMES, "document": DOCUMENT_NAMES, "grade": GRADE_NAMES}
    found = {role: next((folded[name] for name in known if name in folded), None) for role, known in wanted.items()}
    named = {role: name for role, name in found.items() if name is not None}
    return named if {"query", "document"} <= named.keys() else {}


def read_grade(value: object) -> float | None:
    """A finite number, or text that is one; None for anything else."""
    try:
        grade = float(value) if isinstance(value, str | int | float) else math.nan
    except (ValueError, OverflowError):
        return None
    return grade if math.isfinite(grade) else None


def _split(line: str, *, has_tabs: bool) -> list[str]:
    return [cell.strip() for cell in line.split("\t")] if has_tabs else line.split()


def _read_heading(first: str) -> _Places | None:
    has_tabs = "\t" in first
    cells = _split(first, has_tabs=has_tabs)
    named = find_columns(cells)
    if not named:
        return None
    grade = cells.index(named["grade"]) if "grade" in named else None
    return _Places(
        query=cells.index(named["query"]),
        document=cells.index(named["document"]),
        grade=grade,
        width=len(cells),
        has_tabs=has_tabs,
    )


def _guess_places(first: str, shown: str) -> _Places:
    """By the width of a file without heading."""
    has_tabs = "\t" in first
    cells = _split(first, has_tabs=has_tabs)
    if len(cells) not in (3, 4) or read_grade(cells[-1]) is None:
        raise _no_judgments(shown, first.strip()[:80])
    width = len(cells)
    return _Places(query=0, document=width - 2, grade=width - 1, width=width, has_tabs=has_tabs)


def _read_line(line: str, places: _Places) -> Judgment | str:
    """The judgment, or why it is none."""
    cells = _split(line, has_tabs=places.has_tabs)
    if len(cells) != places.width:
        return f"{len(cells)} columns, not {places.width}"
    query, document = normalize(cells[places.query]), normalize(cells[places.document])
    grade = 1.0 if places.grade is None else read_grade(cells[places.grade])
    if not query or not document:
        return "an empty id"
    if grade is None:
        return "its grade is no number"
    return Judgment(query=query, document=document, grade=grade)


def _no_judgments(shown: str, got: str) -> DataError:
    return DataError(
        f"{shown} holds no judgments",
        got=make_printable(got),
        expected=EXPECTED,
        hint="is this the file of judgments (qrels)?",
        fault="pairs-format",
    )
