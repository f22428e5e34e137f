"""What is wrong or odd in a pair file, item by item."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True, kw_only=True, slots=True)
class Defect:
    """One fault of the data, where it is and what was done about it."""

    kind: str
    """A key of `DEFECTS`."""
    where: str
    """`row 12`, `row 12, hard_neg 3`."""
    text: str
    """The text at fault."""
    other: str = ""
    """What it equals or nearly equals: `row 3`, or the type or weight at fault."""


DEFECTS: Mapping[str, str] = MappingProxyType(
    {
        "trained_query": "a query that the training file holds too, or a near copy of one: it was left out",
        "trained_document": "a document that the training file holds too, or a near copy of one: it was kept",
        "unreadable_line": "a line of the corpus, the queries or the judgments that can't be read: it was left out",
        "repeated_id": "a query or document whose id stood earlier: the first one counts",
        "empty_document": "a document of the corpus without text: it was left out",
        "unknown_document": "a judgment of a document that the corpus does not hold: it was left out",
        "repeated_document": "a document of the corpus whose text stands under another id already: both count as one",
        "contradicting_judgment": "a judgment of a query and document that were judged otherwise before: the last one "
        "counts",
        "repeated_row": "a row that says what an earlier row says: it was merged into it",
        "repeated_query": "a row whose query stood in an earlier row with other documents: it was merged into it, "
        "and the documents of both are right",
        "near_copy_of_query": "a query that differs from an earlier one only in case, accents, punctuation or the "
        "order of its phrases: it was kept as a query of its own",
        "query_with_several_positives": "a query with more than one right document: finding any of them counts",
        "query_is_document": "a query whose text is also a document's: both were kept",
        "shared_positive": "a right document that was right for an earlier query already: it counts as one document, "
        "right for all of them",
        "negative_is_own_positive": "a hard negative that is right for its own query: it was dropped as a negative",
        "negative_is_other_positive": "a hard negative that is right for another query: it is not counted among the "
        "hard negatives, and stays a document",
        "judged_right_elsewhere": "a document judged not right for a query and right for another one: it is not "
        "counted among the hard negatives, and stays a document",
        "repeated_negative": "a hard negative listed again for the same query: the two were merged",
        "near_copy_of_positive": "a hard negative that differs from a right document of its query only in case, "
        "accents, punctuation or the order of its phrases: it counts neither as right nor as wrong",
        "near_copies": "a document that differs from another one only in case, accents, punctuation or the order of "
        "its phrases: where one of them is right for a query, the other counts neither as right nor as wrong",
        "undeclared_type": "a type of a hard negative that the weight file does not declare",
        "missing_weight": "a hard negative without a weight",
        "zero_weight": "a hard negative with the weight 0, which a training that uses the weights never learns from",
        "plain_negative": "a hard negative written as bare text, without type and weight",
        "repeated_type": "a hard negative that lists one type twice: it counts once",
    }
)
"""Kind -> what it is and what was done about it, in a sentence for readers; what weighs most comes first."""

_ORDER = {kind: place for place, kind in enumerate(DEFECTS)}


def sort_defects(defects: Iterable[Defect]) -> tuple[Defect, ...]:
    """By kind in the order of `DEFECTS`; within a kind as they came."""
    return tuple(sorted(defects, key=lambda defect: _ORDER[defect.kind]))


def count_defects(defects: Iterable[Defect]) -> Mapping[str, int]:
    """How many there are of each kind that occurs, in the order of `DEFECTS`."""
    found = Counter(defect.kind for defect in defects)
    return {kind: found[kind] for kind in DEFECTS if found[kind]}
