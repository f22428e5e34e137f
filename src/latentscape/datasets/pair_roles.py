"""Columns of a table of pairs, triplets or judged pairs -> what each of them means."""

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from latentscape.datasets.text import normalize
from latentscape.errors import DataError

_QUERIES = (("query", "anchor"), ("question", "sentence1"))
_POSITIVES = (("positive", "pos"), ("answer", "document", "passage", "sentence2"))
_SCORES = (("score",), ("label",))
_NEGATIVE = re.compile(r"(hard_)?neg(ative)?s?([ _-]?\d+)?")
_NATIVE = ("query", "pos")
EXPECTED = (
    "columns (query or anchor, positive[, negative ...]) or (sentence1, sentence2, score), in the words of "
    "sentence-transformers, or our own: query, pos[, hard_neg]"
)


@dataclass(frozen=True, kw_only=True)
class Roles:
    """Which column is what; the others say something of the query."""

    query: str
    positive: str
    negatives: tuple[str, ...] = ()
    score: str | None = None
    """How right the document is: a grade of the pair, not a training target."""

    @property
    def known(self) -> tuple[str, ...]:
        """The columns with a role."""
        return (self.query, self.positive, *self.negatives, *([self.score] if self.score else []))


def is_native(columns: Collection[str]) -> bool:
    """Whether these are the columns of our own pair files: query, pos and at most hard_neg have a role.

    >>> is_native(["query", "pos", "hard_neg", "score"]), is_native(["query", "pos", "neg"])
    (True, False)
    """
    names = set(columns)
    if not names.issuperset(_NATIVE):
        return False
    return "hard_neg" in names or not any(name == "score" or _NEGATIVE.fullmatch(name) for name in names)


def find_roles(columns: Iterable[str], shown: str) -> Roles | None:
    """The roles of the columns by their names; None where no column is a query, or none a right document.

    Case and outer blanks don't count. `query` and `anchor` go before `question` and `sentence1`, `positive` and `pos`
    before `answer`, `document`, `passage` and `sentence2`, `score` before `label`. Beside negatives a score is what a
    training aims at (a margin), no judgment, and has no role.
    Raises DataError where two columns could be the same thing.

    >>> find_roles(["anchor", "positive", "negative_1", "negative_2"], "x").negatives
    ('negative_1', 'negative_2')
    """
    named: dict[str, str] = {}
    for column in columns:
        named.setdefault(normalize(column).strip().lower(), column)
    query = _choose(named, _QUERIES, shown, what="the query")
    positive = _choose(named, _POSITIVES, shown, what="the right document")
    if query is None or positive is None:
        return None
    negatives = tuple(column for name, column in named.items() if _NEGATIVE.fullmatch(name))
    # beside `pos`, our own word, a label has always been an attribute of the query
    scores = _SCORES[:1] if positive == "pos" else _SCORES
    score = None if negatives else _choose(named, scores, shown, what="the score")
    return Roles(query=query, positive=positive, negatives=negatives, score=score)


def no_roles(columns: Collection[str], shown: str) -> DataError:
    """The error for a table in which nothing says what the columns mean."""
    return DataError(
        f"{shown} has no columns of pairs",
        got=", ".join(f"`{name[:40]}`" for name in list(columns)[:20]) or "no columns",
        expected=EXPECTED,
        hint="rename the column of the queries to `query` and that of the right documents to `positive`",
        fault="data-columns",
    )


def _choose(named: dict[str, str], tiers: tuple[tuple[str, ...], ...], shown: str, *, what: str) -> str | None:
    for tier in tiers:
        found = [named[name] for name in tier if name in named]
        if len(found) > 1:
            raise DataError(
                f"{shown} has several columns that could be {what}",
                got=", ".join(f"`{name}`" for name in found),
                expected=EXPECTED,
                hint="drop or rename all but one",
                fault="data-columns",
            )
        if found:
            return found[0]
    return None
