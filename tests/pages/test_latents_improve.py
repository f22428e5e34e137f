"""Every kind of claim is told in whole sentences, with its numbers."""

import re
from dataclasses import replace

import pytest

from latentscape.findings import Improvement, Improvements, Withheld
from latentscape.measures.score import Score
from latentscape.measures.suspects import Suspect
from latentscape.pages.latents_improve import KINDS, SUBJECTS, list_advice, list_withheld

from .conftest import make_latents


def score(name, value, low, high, n=40):
    return Score(name=name, value=value, n=n, low=low, high=high, bounds=(-1, 1))


def bare(name, value, n=40):
    return Score(name=name, value=value, n=n)


SHARE = score("recall_sad", 0.31, 0.2, 0.45)
CLAIMS = {
    "leaking_copies": {"subject": (), "samples": ("a", "b")},
    "shared_speakers": {"subject": tuple(f"ravdess/{i:02d}" for i in range(7)), "samples": ("a",)},
    "conflicting_copies": {"subject": (), "samples": ("a", "b")},
    "label": {"subject": (), "samples": ("a",)},
    "confused_pair": {
        "subject": ("Sad", "Fearful", "ravdess"),
        "scores": {
            "rate": SHARE,
            "expected": bare("expected", 0.05),
            "mmd": bare("mmd", 0.04),
            "closer": bare("c", 0.0),
        },
    },
    "weak_class": {"subject": ("Sad", "Calm"), "scores": {"recall": SHARE, "others": bare("others", 0.8)}},
    "lost_transfer": {
        "subject": ("ravdess", "crema-d", "mlp"),
        "scores": {"across": SHARE, "within": SHARE, "loss": score("transfer_loss_linear", 0.2, 0.1, 0.3)},
    },
    "readable_dataset": {
        "subject": ("cnn", "mlp", ""),
        "scores": {"most": SHARE, "last": SHARE, "chance": bare("chance", 0.5)},
    },
    "better_layer": {"subject": ("encoder", "mlp"), "scores": {"best": SHARE, "last": SHARE}},
    "overconfident": {
        "subject": (),
        "scores": {"overconfidence": score("overconfidence", 0.1, 0.05, 0.15), "accuracy": SHARE},
    },
    "underconfident": {
        "subject": (),
        "scores": {"overconfidence": score("overconfidence", -0.1, -0.15, -0.05), "accuracy": SHARE},
    },
    "copies": {"subject": (), "samples": ("a", "b")},
    "near_copies": {"subject": (), "samples": ("a", "b")},
    "outlier": {"subject": (), "samples": ("a",)},
}


def tell(kind, **changes):
    claim = Improvement(kind=kind, p_value=0.004, **{**CLAIMS[kind], **changes})
    conflict = Suspect(kind="conflicting_copies", ids=("a", "b"), splits=("train", "validation"), labels=(2, 3))
    findings = replace(make_latents(), improvements=Improvements(found=(claim,)), suspects=(conflict,))
    return list_advice(findings)[0]


def test_the_cases_are_all_there_are():
    assert CLAIMS.keys() == KINDS.keys()


@pytest.mark.parametrize("kind", CLAIMS)
def test_every_kind_is_told_in_sentences(kind):
    advice = tell(kind)
    assert advice.evidence.endswith(".") and advice.action.endswith((".", "?"))
    words = f"{advice.claim} {advice.evidence} {advice.action}"
    assert not any(bad in words for bad in ("None", "nan", "n/a", "{", "  "))
    assert advice.samples == CLAIMS[kind].get("samples", ())
    for each in CLAIMS[kind].get("scores", {}).values():
        assert each.low is None or f"{abs(100 * each.value):.0f}" in words


def test_a_pair_says_where_it_was_judged_and_how_close_it_lies():
    advice = tell("confused_pair")
    assert "in ravdess, which has both," in advice.evidence
    assert "0.04, the closest of all pairs" in advice.evidence
    assert "merge Sad and Fearful" in advice.action
    far = {**CLAIMS["confused_pair"]["scores"], "closer": bare("closer", 0.8)}
    assert "merge" not in tell("confused_pair", scores=far).action


def test_a_dataset_that_may_be_a_voice_is_not_blamed_on_the_domain_head():
    advice = tell("readable_dataset", subject=("cnn", "mlp", "a dataset has a single speaker"))
    assert "domain head" not in advice.action
    assert "single speaker" in advice.evidence


def test_points_of_underconfidence_run_upwards():
    assert "10 points [5, 15]" in tell("underconfident").evidence


@pytest.mark.parametrize("kind", SUBJECTS)
def test_what_could_not_be_judged_is_a_sentence(kind):
    findings = replace(make_latents(), improvements=Improvements(withheld=(Withheld(kind=kind, reason="too few"),)))
    assert list_withheld(findings)[0].endswith(": too few.")


@pytest.mark.parametrize(("kind", "look"), [("image", "Look"), ("text", "Read"), (None, "Look")])
def test_advice_for_other_samples_speaks_of_no_sound(kind, look):
    found = tuple(Improvement(kind=name, **claim) for name, claim in CLAIMS.items())
    findings = make_latents(improvements=Improvements(found=found), kind=kind)
    told = " ".join(f"{each.claim} {each.evidence} {each.action}" for each in list_advice(findings))
    assert look in told
    assert not re.search("listen|speaker|voice|recording|clipping|silence|grl_lambda", told, re.IGNORECASE)


def test_samples_that_stand_for_themselves_have_no_others_to_be_judged_on():
    improvement = Improvement(kind="better_layer", **CLAIMS["better_layer"])
    latents = make_latents(improvements=Improvements(found=(improvement,)), kind="image")
    alone = replace(latents, speakers=latents.ids)
    assert "judged on other groups" in list_advice(latents)[0].evidence
    assert "judged on other samples" in list_advice(alone)[0].evidence
