"""What pictures, pages and the terminal say of a comparison."""

from dataclasses import replace

import pytest

from latentscape.figures.comparison_axis import plan_checkpoint_axis, thin_out
from latentscape.figures.comparison_words import (
    judge_change,
    list_stamps,
    name_best,
    name_checkpoints,
    say_choice,
    say_delta,
    say_epoch,
    say_headline,
    say_outcomes,
    say_overfitting,
    say_p,
    say_score_name,
    say_splits,
    say_sure_delta,
    say_sure_value,
    say_way,
)
from latentscape.figures.style import Style, themed
from tests.comparison_values import build_comparison, make_change, make_score

from .comparison_findings import with_overfitting, without_values


@pytest.fixture(scope="module")
def usual():
    return build_comparison()


def with_overall(found, changes):
    return replace(found, steps=(*found.steps[:-1], replace(found.overall, changes=changes)))


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("accuracy", 0.3, "+30 points"),
        ("accuracy", -0.0132, "−1.3 points"),
        ("recall_at_5", 0.0, "0.0 points"),
        ("violation_rate_price", -0.1, "−10 points"),
        ("accuracy", 0.09996, "+10 points"),
        ("mrr", 0.1, "+0.100"),
        ("margin_hard", -0.0042, "−0.004"),
        ("mrr", 0.0, "0.000"),
        ("log_loss", 1.234, "+1.234"),
    ],
)
def test_differences_have_their_sign_and_unit(name, value, said):
    assert say_delta(name, make_score(f"{name}_delta", value)) == said


def test_a_difference_comes_with_its_interval_or_why_there_is_none():
    assert say_sure_delta("mrr", make_score("mrr_delta", 0.01, half=0.02)) == "+0.010 [−0.010, +0.030]"
    assert say_sure_delta("accuracy", make_score("accuracy_delta", 0.2, half=0.1)) == "+20 points [+10, +30]"
    assert say_sure_delta("mrr", make_score("mrr_delta", None)) == "n/a (too few)"


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("accuracy", "accuracy"),
        ("hit_at_1", "Hit@1"),
        ("linear_class_cnn", "class read from cnn"),
        ("violation_rate_", "violations: (empty)"),
        ("something_new", "something new"),
    ],
)
def test_scores_have_names_that_people_use(name, said):
    assert say_score_name(name) == said


def test_values_come_with_their_interval():
    assert say_sure_value("accuracy", make_score("accuracy", 0.4)) == "40% [35%, 45%]"
    assert say_sure_value("mrr", make_score("mrr", 0.4)) == "0.400 [0.350, 0.450]"
    assert say_sure_value("mrr", None) == say_sure_value("mrr", make_score("mrr", None)) == "–"


@pytest.mark.parametrize(
    ("p_value", "said"),
    [(0.004, "p = 0.004"), (0.0002, "p < 0.001"), (0.61, "p = 0.610"), (0.9996, "p = 1"), (1.0, "p = 1"), (None, "")],
)
def test_p_is_rounded_but_never_to_zero(p_value, said):
    assert say_p(p_value) == said


@pytest.mark.parametrize(
    ("value", "adjusted", "better", "verdict"),
    [
        (0.1, 0.01, "higher", "better"),
        (-0.1, 0.01, "higher", "worse"),
        (-0.1, 0.01, "lower", "better"),
        (0.1, 0.01, "neither", "other"),
        (0.1, 0.2, "higher", "none"),
        (0.0, 0.01, "higher", "none"),
        (0.1, None, "higher", "untested"),
    ],
)
def test_only_what_is_detected_is_better_or_worse(value, adjusted, better, verdict):
    change = make_change("x", value, adjusted=adjusted)
    assert judge_change(replace(change, score=replace(change.score, better=better))) == verdict


def test_a_detected_change_rises_or_falls(usual):
    assert say_headline(usual) == "From epoch_1 to best_model accuracy rises from 39% to 77%"
    falls = with_overall(usual, {"accuracy": make_change("accuracy", -0.1, adjusted=0.01)})
    assert "accuracy falls from" in say_headline(falls)


def test_a_page_gives_names_of_its_own(usual):
    assert say_headline(usual, names=("a", "b", "c")).startswith("From a to c accuracy")
    assert say_choice(usual, names=("a", "b", "c")).startswith("c has the best accuracy")
    assert list_stamps(build_comparison(stamps=("odd",)), names=("a", "b", "c")) == ["odd"]


def test_a_small_detected_difference_is_seen():
    ends = [make_score("accuracy", value) for value in (0.4021, 0.4042)]
    assert say_way("accuracy", make_score("d", 0.0021), ends=ends) == "accuracy rises from 40.21% to 40.42%"


def test_what_is_not_detected_is_no_difference():
    quiet = build_comparison(detected=False)
    said = "No detectable difference in accuracy between epoch_1 (39%) and best_model (77%)"
    assert say_headline(quiet) == said
    assert say_headline(without_values()) == "Accuracy of epoch_1 and best_model could not be compared"
    changes = {**quiet.overall.changes, "log_loss": make_change("log_loss", 0.3, adjusted=0.01)}
    assert say_headline(with_overall(quiet, changes)) == f"{said}, though log loss rises"
    loud = make_change("negative_mean", 0.3, adjusted=0.01)
    changes["log_loss"] = replace(loud, score=replace(loud.score, better="neither"))
    assert say_headline(with_overall(quiet, changes)) == said
    changes["log_loss"] = quiet.overall.changes["accuracy"]
    assert say_headline(with_overall(quiet, {"linear_class_mlp": make_change("x", 0.3, adjusted=0.01)})).startswith(
        "Accuracy of epoch_1 and best_model could not be compared"
    )


def test_the_same_weights_are_said_to_be_the_same(usual):
    same = replace(build_comparison(detected=False), same_models=((0, 2),))
    assert say_headline(same) == "epoch_1 and best_model have the same weights: no difference"
    assert say_headline(replace(usual, same_models=((0, 2),))).startswith("From epoch_1 to best_model accuracy rises")


@pytest.mark.parametrize(
    ("rivals", "said"),
    [
        ((), "best_model has the best accuracy (77%), detectably better than every other"),
        ((1,), "best_model has the best accuracy (77%), not detectably better than epoch_5"),
        ((0, 1), "best_model has the best accuracy (77%), but none of the others is detectably worse"),
    ],
)
def test_the_choice_names_whom_it_can_not_be_told_from(usual, rivals, said):
    assert say_choice(replace(usual, choice=replace(usual.choice, rivals=rivals))) == said


def test_of_many_rivals_three_are_named():
    found = build_comparison(n_checkpoints=8)
    said = say_choice(replace(found, choice=replace(found.choice, rivals=(1, 2, 3, 4, 5))))
    assert said.endswith("not detectably better than epoch_5, best_model, epoch_30 and 2 more")


def test_two_checkpoints_and_none_that_was_measured():
    assert say_choice(build_comparison(n_checkpoints=2)).endswith("detectably better than epoch_1")
    assert say_choice(without_values()) == "No checkpoint can be recommended: too few"


def test_overfitting_is_said_where_it_is_found(usual):
    assert say_overfitting(usual) == ""
    said = (
        "Trained too long: epoch_30 is detectably worse than epoch_5 in accuracy (−8.0 points [−12.0, −4.0], p < 0.001)"
    )
    assert say_overfitting(with_overfitting()) == said


def test_outcomes_are_counted(usual):
    first, last = usual.answers[0].right, usual.answers[2].right
    said = f"{(~first & last).sum()} samples fixed, {(first & ~last).sum()} broken"
    assert say_outcomes(usual, usual.overall) == said


def test_samples_of_unknown_class_are_counted_nowhere(usual):
    kinds = usual.subject.kinds.copy()
    kinds[:60] = -1
    found = replace(usual, subject=replace(usual.subject, kinds=kinds))
    first, last = (usual.answers[number].right[60:] for number in (0, 2))
    said = f"{(~first & last).sum()} samples fixed, {(first & ~last).sum()} broken"
    assert say_outcomes(found, found.overall) == said


def test_classes_that_came_apart_are_told_in_their_step(usual):
    assert say_splits(usual) == "Happy comes apart into two groups of 10 and 10 samples from epoch_5 to best_model."
    (split,) = usual.steps[1].splits
    many = tuple(replace(split, label=label, kind="merged") for label in range(5))
    found = replace(usual, steps=(replace(usual.steps[0], splits=many), *usual.steps[1:]))
    assert say_splits(found).endswith("3 more came apart or grew together.")
    assert say_splits(build_comparison(detected=False)) == ""


def test_the_best_one_is_recommended_only_where_another_is_worse(usual):
    assert name_best(usual) == "recommended"
    assert name_best(build_comparison(detected=False)) == "best value"
    assert name_best(without_values()) == ""


@pytest.mark.parametrize(
    ("name", "epoch", "said"),
    [
        ("epoch_5", 5.0, ""),
        ("checkpoint-0005", 5.0, ""),
        ("best_model", 5.0, "epoch 5"),
        ("epoch_15", 5.0, "epoch 5"),
        ("best", 2.5, "epoch 2.5"),
        ("best", None, ""),
    ],
)
def test_the_epoch_is_said_where_the_name_does_not(usual, name, epoch, said):
    assert say_epoch(replace(usual.checkpoints[0], name=name, epoch=epoch)) == said


def test_stamps_name_their_checkpoints_unless_all_have_them(usual):
    assert list_stamps(usual) == []
    assert list_stamps(build_comparison(stamps=("weights were missing",))) == ["weights were missing"]
    stamped = replace(usual.checkpoints[1], model=replace(usual.checkpoints[1].model, stamps=("random weights",)))
    one = replace(usual, checkpoints=(usual.checkpoints[0], stamped, usual.checkpoints[2]))
    assert list_stamps(one) == ["epoch_5: random weights"]


def test_names_stay_different():
    names = name_checkpoints(build_comparison(names=("a\n", "a", "")))
    assert len(set(names)) == 3 and all(names)


@pytest.mark.parametrize("n", [2, 5, 6, 7, 12, 100])
@pytest.mark.parametrize("keep", [0, 1, 4])
def test_of_many_checkpoints_the_ends_and_the_best_are_chosen(n, keep):
    keep = min(keep, n - 1)
    chosen = thin_out(n, most=6, keep=keep)
    assert len(chosen) == min(n, 6) and chosen == sorted(set(chosen))
    assert {0, keep, n - 1} <= set(chosen)


def test_names_of_checkpoints_lie_flat_where_they_fit():
    with themed(Style()):
        few, many = (plan_checkpoint_axis(build_comparison(n_checkpoints=n), width=4.0) for n in (3, 12))
    assert not few.upright and many.upright and few.step == many.step == 1
    assert few.names[2] == "best_model\nepoch 12" and few.names[0] == "epoch_1"
