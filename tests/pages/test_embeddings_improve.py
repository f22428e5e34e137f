"""Every kind of claim about a retriever is told in whole sentences, with its numbers."""

from dataclasses import replace

import pytest

from latentscape.findings import Improvement, Improvements, Withheld
from latentscape.measures.score import Score
from latentscape.pages.embeddings_improve import KINDS, SUBJECTS, list_advice, list_withheld
from tests.figures.pair_values import full_values

from .conftest import make_embeddings


def score(name, value, low, high, n=40):
    return Score(name=name, value=value, n=n, low=low, high=high, bounds=(-9, 9))


def bare(name, value, n=40):
    return Score(name=name, value=value, n=n)


def defects(**counts):
    return {name: bare("defects", float(n), n=n) for name, n in counts.items()}


RATE = score("violation_rate", 0.31, 0.2, 0.45)
DIFFERENCE = score("difference", 0.012, -0.003, 0.027)
WEIGHT = {"acts_like": score("acts_like", 0.31, 0.11, 0.52), "declared": bare("declared", 1.0)}
TAU = {"monotonicity": score("monotonicity", -0.021, -0.062, 0.021, n=280)}
CLAIMS = {
    "trained_queries": {"scores": defects(trained_query=7), "samples": ("row 3", "row 9")},
    "false_negatives": {"scores": defects(negative_is_own_positive=3, negative_is_other_positive=9)},
    "near_copies": {"scores": defects(near_copy_of_positive=4, near_copy_of_query=1, near_copies=2)},
    "idle_weights": {"scores": defects(zero_weight=38)},
    "undeclared_types": {"subject": ("requirement", "pet"), "scores": defects(undeclared_type=12)},
    "shared_positives": {
        "scores": {"shared": bare("shared", 0.8, n=237), "raw": score("hit_at_1", 0.41, 0.3, 0.5)}
        | {"clean": score("hit_at_1", 0.83, 0.8, 0.9)},
        "stake": 0.84,
    },
    "ignored_type": {"subject": ("amenity",), "scores": {"violations": RATE, "difference": DIFFERENCE}},
    "violated_types": {
        "subject": ("area", "price"),
        "scores": {"area": RATE, "price": score("violation_rate", 0.22, 0.1, 0.3)},
    },
    "overrated_type": {"subject": ("amenity",), "scores": WEIGHT},
    "underrated_type": {"subject": ("amenity",), "scores": WEIGHT},
    "weak_group": {
        "subject": ("district", "Quận 10"),
        "scores": {"hit_at_1": score("hit_at_1", 0.31, 0.2, 0.45), "others": bare("others", 0.8)},
    },
    "hub": {
        "subject": ("document 4", "document 9"),
        "scores": {"share": bare("hub_share", 0.31, n=55), "document_hubness": score("document_hubness", 2.4, 1.8, 3)},
        "samples": ("query 1", "query 2"),
    },
    "flat_response": {"subject": ("area",), "scores": TAU},
    "broken_response": {"subject": ("price",), "scores": TAU},
    "query_document_gap": {
        "scores": {
            "share": bare("gap_share", 0.72),
            "query_document_gap": score("query_document_gap", 0.61, 0.55, 0.66),
            "gap_readable": score("gap_readable", 0.97, 0.95, 0.99),
        }
    },
    "unusable_threshold": {
        "scores": {
            "mined": score("tpr_at_fpr_5_mined", 0.21, 0.15, 0.27),
            "tpr_at_fpr_5": score("tpr_at_fpr_5", 0.91, 0.88, 0.94),
            "threshold_fpr_5": score("threshold_fpr_5", 0.612, 0.6, 0.62),
            "overlap_mined": score("overlap_mined", 0.55, 0.5, 0.6),
        }
    },
    "worst_queries": {"samples": ("query 4", "query 2"), "stake": 0.2},
    "doubtful_pairs": {"samples": ("query 4",), "stake": 0.1},
}


def full():
    findings = make_embeddings()
    values = full_values(findings.ranking, findings.relevant, findings.hard_negatives, documents=findings.documents)
    return replace(findings, **values)


def tell(kind, *, p_value=0.004, findings=None, **changes):
    claim = Improvement(kind=kind, p_value=p_value, **{"subject": (), **CLAIMS[kind], **changes})
    return list_advice(replace(findings or full(), improvements=Improvements(found=(claim,))))[0]


def test_the_cases_are_all_there_are():
    assert CLAIMS.keys() == KINDS.keys()


@pytest.mark.parametrize("kind", CLAIMS)
def test_every_kind_is_told_in_sentences(kind):
    advice = tell(kind)
    words = f"{advice.claim}. {advice.evidence} {advice.action}"
    assert advice.evidence.endswith(".") and advice.action.endswith((".", "?"))
    assert advice.claim[0] == advice.claim[0].upper() or advice.claim.startswith(CLAIMS[kind]["subject"][0])
    assert not any(bad in words for bad in ("None", "nan", "n/a", "{", "  ", "..", " ,"))
    assert advice.samples == CLAIMS[kind].get("samples", ())


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        ("trained_queries", "7 queries of the test file were trained on"),
        ("false_negatives", "3 for the very query they are listed under and 9 for another query"),
        ("near_copies", "4 hard negatives that nearly equal a right document"),
        ("idle_weights", "38 hard negatives (95% of them) have the weight 0"),
        ("undeclared_types", "Undeclared: requirement, pet."),
        ("shared_positives", "237 documents are right for several queries each. 84% of the queries"),
        ("shared_positives", "hit@1 would be 41% [30%, 50%], not 83% [80%, 90%]"),
        ("ignored_type", "A wrong amenity is not seen. 31% [20%, 45%] of the 40 hard negatives"),
        ("violated_types", "A wrong area or price is overlooked too often"),
        ("violated_types", "31% [20%, 45%] of 40 for area, 22% [10%, 30%] of 40 for price (p = 0.004)"),
        ("overrated_type", "amenity is declared 1.0 and acts like 0.3"),
        ("weak_group", "31% [20%, 45%] of 40 queries, where the others have 80% (p = 0.004)"),
        ("hub", "31% of the 55 queries that miss (2) find one of document 4, document 9 first"),
        ("flat_response", "280 pairs of 74 documents"),
        ("broken_response", "At a difference of 3.0 million VND documents are more alike"),
        ("query_document_gap", "72% of the squared distance"),
        ("unusable_threshold", "Against other documents at large it is 91% [88%, 94%], at a cosine of 0.612"),
        ("worst_queries", "2 queries find a wrong document first. 20% of the queries"),
        ("doubtful_pairs", "1 pair is worth reading before training"),
    ],
)
def test_numbers_are_said(kind, told):
    advice = tell(kind)
    assert told in f"{advice.claim}. {advice.evidence}"


def test_one_is_not_several():
    one = tell("false_negatives", scores=defects(negative_is_own_positive=1))
    assert one.claim == "1 hard negative is a right document"
    assert "remove or replace it" in one.action.lower()
    assert "was trained on" in tell("trained_queries", scores=defects(trained_query=1)).claim


def test_less_evidence_is_told_without_holes():
    assert "at large" not in tell("unusable_threshold", scores={"mined": RATE}).evidence
    assert "hit@1" not in tell("shared_positives", scores={"shared": bare("shared", 0.8, n=9)}).evidence
    gone = replace(full(), responses=(), defects=())
    assert "At a difference of some" in tell("broken_response", findings=gone).evidence
    assert "defects.csv" not in tell("undeclared_types", findings=gone).action


@pytest.mark.parametrize("kind", SUBJECTS)
def test_what_could_not_be_judged_is_a_sentence(kind):
    findings = replace(full(), improvements=Improvements(withheld=(Withheld(kind=kind, reason="too few"),)))
    assert list_withheld(findings)[0].endswith(": too few.")
