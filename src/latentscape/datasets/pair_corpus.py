"""A corpus, queries and judgments that name both by id -> linked samples in which the whole corpus stays."""

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from latentscape.datasets.pair_columns import Cells, no_cells, read_cells
from latentscape.datasets.pair_defects import Defect, sort_defects
from latentscape.datasets.pair_links import JUDGED, Declared, Mention, Mentions, declare, link_mentions
from latentscape.datasets.pair_samples import PairSamples
from latentscape.datasets.text import explain_bad_text, fold, normalize
from latentscape.datasets.weights import Weights
from latentscape.errors import DataError

ID_NAMES = ("_id", "id", "doc_id", "docid", "docno", "pid", "query_id", "query-id", "corpus-id", "qid")
TEXT_NAMES = ("text", "contents", "content", "query", "question", "passage", "document", "body")
TITLE = "title"
NONE_RIGHT = "no document is judged right for it"
BETWEEN = "\n\n"
"""Between title and text. Tokenizers that fold whitespace read it as the space that other tools put there."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """A query or a document under the id it is judged by."""

    id: str
    text: object
    """As it is given; whether it can be used is seen when it is linked."""
    where: str
    cells: Cells = field(default_factory=no_cells)


@dataclass(frozen=True, kw_only=True, slots=True)
class Judgment:
    """What somebody said of one document for one query."""

    query: str
    document: str
    grade: float
    """Above 0 the document is right; 0 or less, it was looked at and is not."""
    types: tuple[str, ...] = (JUDGED,)
    """What makes it wrong, where it is."""


@dataclass(frozen=True, kw_only=True)
class JudgedCorpus:
    """Everything that is needed to link, as it was read."""

    queries: Sequence[Entry]
    documents: Sequence[Entry]
    judgments: Sequence[Judgment]
    shown: str
    """What messages call it."""
    ask_judgments: str = "say which documents are right: `--qrels FILE`"
    """The hint where there are none."""
    defects: tuple[Defect, ...] = ()
    """What was odd in the reading."""
    names_others: bool = False
    """Whether queries may stand there that another part judges; they are not counted as left out."""


def read_entry(record: Mapping[str, object], *, what: str) -> Entry | None:
    """The entry of a record with an id and a text, its title before it; None where it has no id. `what` is `query` or
    `document`.

    >>> read_entry({"_id": 7, "title": "Pho", "text": "A soup."}, what="document").text
    'Pho\\n\\nA soup.'
    """
    id_name = next((name for name in ID_NAMES if name in record), None)
    key = None if id_name is None else read_id(record[id_name])
    if key is None:
        return None
    text_name = next((name for name in TEXT_NAMES if name in record), TEXT_NAMES[0])
    text, title = record.get(text_name), record.get(TITLE)
    if isinstance(title, str) and not explain_bad_text(title):
        has_text = isinstance(text, str) and text.strip()
        text = f"{title.strip()}{BETWEEN}{text}" if has_text else title if text in (None, "") else text
    cells = read_cells(record, known=(id_name or "", text_name, TITLE, "metadata"))
    return Entry(id=key, text=text, where=f"{what} {key}", cells=cells)


def read_id(value: object) -> str | None:
    """An id as text; None for what can't be one."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        return None
    return normalize(str(value)).strip() or None


def link_corpus(given: JudgedCorpus, *, weights: Weights | None = None) -> PairSamples:
    """The queries that are judged, with what is right for them, and every document of the corpus.

    Grades above 0 are right, others declare a hard negative of the type `judged`. Documents without text, judgments of
    documents that are not there and ids given twice are noted as defects; queries that are judged but not there, have
    no usable text or no right document in the corpus are skipped with the reason, and so are those that are not judged.
    Raises DataError where nothing is left.
    """
    defects = list(given.defects)
    documents = _keep_usable(_drop_repeated(given.documents, defects), defects)
    if not documents:
        raise _nothing_left(given, "the corpus has no document with a text", hint="look at its column of texts")
    grades = _gather(given.judgments, defects)
    if not grades:
        raise _nothing_left(
            given, "there are no judgments", hint=given.ask_judgments or "say which documents are right"
        )
    places = {entry.id: place for place, entry in enumerate(documents)}
    queries = {entry.id: entry for entry in _drop_repeated(given.queries, defects)}
    rows = [
        _judge(entry, grades[key], places=places, defects=defects) for key, entry in queries.items() if key in grades
    ]
    skipped = [(row.name, row.lost) for row in rows if row.lost]
    skipped += [(f"query {key}", "it is judged, but not among the queries") for key in grades if key not in queries]
    if not given.names_others:
        skipped += [(entry.where, "no judgment names it") for key, entry in queries.items() if key not in grades]
    rows = [row for row in rows if not row.lost]
    if not rows:
        raise _explain_nothing(given, grades, queries=queries, places=places, skipped=skipped)
    mentions = Mentions(
        queries=[row.mention for row in rows],
        documents=[_mention(entry) for entry in documents],
        relevant=[row.right for row in rows],
        hard=[row.wrong for row in rows],
        is_corpus=True,
    )
    defects += _find_repeated_texts(mentions.documents)
    linked = link_mentions(mentions, skipped=tuple(skipped), n_rows=len(rows) + len(skipped), weights=weights)
    return replace(linked, defects=sort_defects([*defects, *linked.defects]))


def _mention(entry: Entry) -> Mention:
    text = normalize(str(entry.text)).strip()
    return Mention(text=text, key=fold(text), where=entry.where, cells=entry.cells)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Row:
    """A judged query."""

    mention: Mention
    right: tuple[int, ...] = ()
    wrong: tuple[Declared, ...] = ()
    lost: str = ""
    """Why it can't be used; empty where it can."""

    @property
    def name(self) -> str:
        return self.mention.where


def _judge(entry: Entry, grades: Mapping[str, Judgment], *, places: Mapping[str, int], defects: list[Defect]) -> _Row:
    """What the judgments say of one query, by the places of its documents."""
    if reason := explain_bad_text(entry.text):
        return _Row(mention=Mention(text="", key=entry.id, where=entry.where), lost=f"its text {reason}")
    right, wrong = [], []
    for key, judgment in grades.items():
        if key in places:
            (right if judgment.grade > 0 else wrong).append((places[key], judgment))
        else:
            defects.append(_defect("unknown_document", entry.where, key, other=f"grade {judgment.grade:g}"))
    declared = tuple(
        declare(
            mention=place,
            where=f"{entry.where}, document {each.document}",
            types=each.types,
            weight=None,
            needs_weight=False,
        )
        for place, each in wrong
    )
    any_right = any(each.grade > 0 for each in grades.values())
    reason = "none of its right documents is in the corpus" if any_right else NONE_RIGHT
    return _Row(
        mention=_mention(entry),
        right=tuple(place for place, _ in right),
        wrong=declared,
        lost="" if right else reason,
    )


def _drop_repeated(entries: Iterable[Entry], defects: list[Defect]) -> list[Entry]:
    kept: dict[str, Entry] = {}
    for entry in entries:
        first = kept.setdefault(entry.id, entry)
        if first is not entry:
            defects.append(_defect("repeated_id", entry.where, entry.text, other=""))
    return list(kept.values())


def _find_repeated_texts(documents: Iterable[Mention]) -> list[Defect]:
    """Documents whose text stands under another id already: linking makes one document of them."""
    first: dict[Hashable, str] = {}
    found = []
    for each in documents:
        other = first.setdefault(each.key, each.where)
        if other != each.where:
            found.append(_defect("repeated_document", each.where, each.text, other=other))
    return found


def _keep_usable(entries: Iterable[Entry], defects: list[Defect]) -> list[Entry]:
    kept = []
    for entry in entries:
        if reason := explain_bad_text(entry.text):
            defects.append(_defect("empty_document", entry.where, entry.id, other=f"its text {reason}"))
        else:
            kept.append(entry)
    return kept


def _gather(judgments: Iterable[Judgment], defects: list[Defect]) -> dict[str, dict[str, Judgment]]:
    """Query id -> document id -> what counts of it."""
    found: dict[str, dict[str, Judgment]] = {}
    for each in judgments:
        documents = found.setdefault(each.query, {})
        before = documents.get(each.document)
        if before is not None and before.grade != each.grade:
            grades = f"grade {before.grade:g}, then {each.grade:g}"
            defects.append(_defect("contradicting_judgment", f"query {each.query}", each.document, other=grades))
        documents[each.document] = each
    return found


def _defect(kind: str, where: str, text: object, *, other: str) -> Defect:
    return Defect(kind=kind, where=where, text=text if isinstance(text, str) else str(text), other=other)


def _explain_nothing(
    given: JudgedCorpus,
    grades: Mapping[str, Mapping[str, Judgment]],
    *,
    queries: Mapping[str, Entry],
    places: Mapping[str, int],
    skipped: Sequence[tuple[str, str]],
) -> DataError:
    """Most often the ids of two files don't belong together: one of each is shown."""
    known = [key for key in grades if key in queries]
    judged = next(iter(grades))
    if not known:
        got = f"the judgments name query `{judged}`, the queries hold `{next(iter(queries), '')}`"
        return _nothing_left(given, got, hint="are both of one data set and one split?")
    named = next((key for query in known for key in grades[query] if key not in places), None)
    if named is not None:
        got = f"the judgments name document `{named}`, the corpus holds `{next(iter(places))}`"
        return _nothing_left(given, got)
    name, reason = skipped[0]
    hint = "look at the grades: above 0 is right" if reason == NONE_RIGHT else "look at the texts of the queries"
    return _nothing_left(given, f"{name}: {reason}", hint=hint)


def _nothing_left(given: JudgedCorpus, got: str, *, hint: str = "are all files of one data set?") -> DataError:
    return DataError(
        f"no query of {given.shown} can be used",
        got=got,
        expected="queries with a text and a right document in the corpus",
        hint=hint,
        fault="data-empty",
    )
