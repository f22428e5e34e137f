import pytest
from ruamel.yaml import YAML

from latentscape.errors import UsageError
from latentscape.measures.scales import READINESS, check_readiness, describe_margin, describe_separation
from latentscape.measures.score import Score

READY = {
    "figures": 5,
    "positive_mean": 0.82,
    "negative_mean": 0.45,
    "margin": 0.37,
    "separation": 2.45,
    "hit_at_1": 0.91,
    "neighbor_recall": 0.6,
    "heatmap_diagonal": 0.95,
}


def score(**values):
    return {name: Score(name=name, value=value, n=10) for name, value in values.items()}


MARGINS = {
    "excellent": [1.2, 0.4001],
    "good": [0.40, 0.3713, 0.30],
    "fair": [0.2999, 0.20],
    "poor": [0.1999, 0.15, 0.10],
    "bad": [0.0999, 0.0, -0.5],
}
SEPARATIONS = {
    "excellent": [9.0, 3.01],
    "good": [3.0, 2.45, 2.0],
    "fair": [1.99, 1.5],
    "poor": [1.2, 1.0],
    "bad": [0.99, -2.0],
}


@pytest.mark.parametrize(
    ("describe", "scale"),
    [(describe_margin, MARGINS), (describe_separation, SEPARATIONS)],
    ids=["margin", "separation"],
)
def test_words_as_published(describe, scale):
    assert {word: [value for value in values if describe(value) == word] for word, values in scale.items()} == scale


def test_the_config_file_says_what_the_code_does(root):
    assert YAML(typ="safe").load((root / "configs" / "readiness.yml").read_text(encoding="utf-8")) == READINESS


def test_published_thresholds():
    published = {"positive_mean": 0.75, "negative_mean": 0.55, "margin": 0.25, "separation": 2.0, "hit_at_1": 0.85}
    assert published.items() <= READINESS.items()


def test_a_ready_retriever_passes_every_check_in_order():
    checks = check_readiness(score(**READY))
    assert [check.name for check in checks] == list(READINESS)
    assert all(check.passed for check in checks)
    assert [check.value for check in checks] == list(READY.values())


@pytest.mark.parametrize("name", ["positive_mean", "margin", "separation", "hit_at_1"])
def test_a_published_bound_itself_is_not_enough(name):
    (check,) = check_readiness(score(**{name: READINESS[name]}), thresholds={name: READINESS[name]})
    assert check.passed is False


def test_negatives_must_lie_below_and_all_five_pictures_suffice():
    checks = {check.name: check for check in check_readiness(score(negative_mean=0.55, figures=5))}
    assert (checks["negative_mean"].passed, checks["figures"].passed) == (False, True)
    assert check_readiness(score(figures=4))[0].passed is False


def test_sentences_tell_value_threshold_and_verdict():
    checks = {check.name: check.sentence for check in check_readiness(score(**READY | {"margin": 0.2123}))}
    assert checks["margin"] == "The margin, 0.2123, is not above 0.25."
    assert checks["hit_at_1"] == "The share of queries with a right document first, 91.0%, is above 85%."
    assert checks["figures"] == "The number of pictures written, 5, is at least 5."
    assert checks["heatmap_diagonal"].endswith("It stands in for what only eyes can judge: a bright diagonal.")


def test_what_was_not_measured_is_neither_passed_nor_failed():
    missing = {"margin": Score(name="margin", value=None, n=0, reason="no query has a right document")}
    checks = {check.name: check for check in check_readiness(missing)}
    assert {check.passed for check in checks.values()} == {None}
    assert checks["margin"].sentence == "The margin was not measured: no query has a right document."
    assert "no such score" in checks["separation"].sentence


def test_only_the_thresholds_given_are_checked():
    (check,) = check_readiness(score(**READY), thresholds={"margin": 0.5})
    assert (check.name, check.passed, check.threshold) == ("margin", False, 0.5)


def test_an_unknown_check_names_the_nearest():
    with pytest.raises(UsageError, match="did you mean `separation`"):
        check_readiness(score(**READY), thresholds={"seperation": 2.0})


def test_a_threshold_as_text_says_which_way_and_may_be_of_any_score():
    scores = score(**READY, auc_hard=0.8)
    checks = check_readiness(scores, thresholds={"auc_hard": "> 0.9", "margin": "<= 0.37", "tau": "< 0"})
    assert [(check.name, check.passed) for check in checks] == [("margin", True), ("auc_hard", False), ("tau", None)]
    assert checks[0].sentence == "The margin, 0.3700, is at most 0.37."
    assert checks[1].sentence == "The score `auc_hard`, 0.8000, is not above 0.9."
