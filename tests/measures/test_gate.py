import pytest

from latentscape.errors import UsageError
from latentscape.measures.gate import DIRECTIONS, judge_conditions, parse_condition, set_condition
from latentscape.measures.scales import READINESS

SCORES = {
    "margin_hard": 0.15, "margin_hard_n": 40, "margin_hard_low": 0.1, "margin_hard_high": 0.2,
    "tau": None, "tau_n": 3, "tau_low": None, "tau_high": None, "tau_reason": "3 documents have a price",
    "odd": float("nan"), "odd_n": 1, "odd_low": None, "odd_high": None,
}  # fmt: skip


def judge(*texts, must_hold=True, known=()):
    return judge_conditions([parse_condition(text) for text in texts], SCORES, must_hold=must_hold, known=known)


@pytest.mark.parametrize(
    ("text", "name", "relation", "threshold"),
    [
        ("margin_hard<0.15", "margin_hard", "<", 0.15),
        (" margin_hard  <=  -.5 ", "margin_hard", "<=", -0.5),
        ("x>1e-3", "x", ">", 1e-3),
        ("knn_purity_phường 5>=+2.", "knn_purity_phường 5", ">=", 2.0),
    ],
)
def test_conditions_as_they_are_typed(text, name, relation, threshold):
    found = parse_condition(text)
    assert (found.name, found.relation, found.threshold, found.text) == (name, relation, threshold, text.strip())


@pytest.mark.parametrize(
    "text",
    ["", "margin", "margin<", "<0.1", "margin==0.1", "margin=0.1", "margin<0.1<0.2", "margin<nan", "margin<inf",
     "margin<1e999", "margin<0,1", "margin<15%", "margin=>1", "margin<-", "a" * 10_000, "\x00<1<"],
)  # fmt: skip
def test_what_is_no_condition_is_refused(text):
    with pytest.raises(UsageError, match="this is no condition"):
        parse_condition(text)


@pytest.mark.parametrize(
    ("relation", "below", "equal", "above"),
    [("<", True, False, False), ("<=", True, True, False), (">", False, False, True), (">=", False, True, True)],
)
def test_relations_by_hand(relation, below, equal, above):
    condition = parse_condition(f"x{relation}0.15")
    assert [condition.holds(value) for value in (0.1, 0.15, 0.2)] == [below, equal, above]


def test_what_must_hold_and_what_must_not_are_opposites():
    for text in ("margin_hard<0.2", "margin_hard>0.2", "margin_hard<=0.15", "margin_hard>0.15"):
        (must,), (refused,) = judge(text), judge(text, must_hold=False)
        assert {must.verdict, refused.verdict} == {"passed", "failed"}
    (line,) = judge("margin_hard<0.15", must_hold=False)
    assert (line.verdict, line.asked, line.passed) == ("passed", "not < 0.15", True)


def test_a_line_carries_value_interval_and_n():
    (line,) = judge("margin_hard>0.1")
    assert (line.value, line.low, line.high, line.n, line.asked) == (0.15, 0.1, 0.2, 40, "> 0.1")


@pytest.mark.parametrize("must_hold", [True, False])
def test_what_was_not_measured_fails_either_way_and_says_why(must_hold):
    lines = judge("tau<0.5", "tau_low>0", "odd>0", "extra>1", must_hold=must_hold, known=["extra"])
    assert {line.verdict for line in lines} == {"not measured"}
    assert not any(line.passed for line in lines)
    assert [line.reason for line in lines[:2]] == ["3 documents have a price"] * 2
    assert lines[3].reason == "no such score in this run"


def test_the_ends_of_intervals_can_be_asked_for():
    (line,) = judge("margin_hard_low>0.12")
    assert (line.verdict, line.value) == ("failed", 0.1)
    (line,) = judge_conditions([parse_condition("a_low>0")], {"a": 1.0, "a_n": 2, "a_low": None}, must_hold=True)
    assert line.reason == "it has no interval"


def test_a_misspelled_score_names_the_nearest_of_the_run():
    with pytest.raises(UsageError, match="did you mean `margin_hard`"):
        judge("margn_hard<0.15")
    with pytest.raises(UsageError, match="no such score"):
        judge("tau_reason<0.15")


def test_a_number_asks_the_way_of_the_checklist():
    assert DIRECTIONS.keys() == READINESS.keys()
    assert set_condition("negative_mean", 0.55).text == "negative_mean < 0.55"
    assert set_condition("figures", 5).holds(5)
    assert not set_condition("margin", 0.25).holds(0.25)
    assert set_condition("margin", 1e-7).threshold == 1e-7
    assert set_condition("margin", "<= 0.5").relation == "<="


def test_a_number_for_any_other_score_says_too_little():
    with pytest.raises(UsageError, match="which way") as told:
        set_condition("marginn", 0.25)
    assert "did you mean `margin`" in str(told.value)
