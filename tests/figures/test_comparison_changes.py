"""Differences, samples fixed and broken, and groups."""

from dataclasses import replace

import numpy as np
import pytest
from matplotlib.collections import PathCollection
from matplotlib.colors import to_hex

from latentscape.figures.comparison_changes import MOST_ROWS, draw_comparison_changes
from latentscape.figures.render import render_png
from latentscape.figures.style import Style
from tests.comparison_values import build_comparison, make_change, make_score

from .comparison_findings import HARD
from .layer_values import assert_ticks_apart
from .pair_findings import all_words, assert_readable


def dots_of(axes):
    drawn = [c for c in axes.collections if isinstance(c, PathCollection)]
    return [tuple(place) for collection in drawn for place in collection.get_offsets().tolist()]


def with_overall(found, **changes):
    return replace(found, steps=(*found.steps[:-1], replace(found.overall, **changes)))


@pytest.mark.parametrize("case", HARD)
@pytest.mark.slow
def test_every_text_is_on_the_paper_and_on_no_other(case):
    figure = draw_comparison_changes(HARD[case](), Style(dark=len(case) % 2 == 0))
    assert_readable(figure)
    assert_ticks_apart(figure)


def test_dots_lie_at_the_differences():
    found = build_comparison()
    names = ("accuracy", "balanced_accuracy", "true_probability")
    expected = [(pytest.approx(found.overall.changes[name].score.value), row) for row, name in enumerate(names)]
    assert sorted(dots_of(draw_comparison_changes(found, Style()).axes[0]), key=lambda dot: dot[1]) == expected


def test_where_neither_way_is_better_nothing_is_green_or_red():
    found = build_comparison(study="embeddings")
    loud = make_change("negative_mean", 0.3, adjusted=0.01)
    changes = {"negative_mean": replace(loud, score=replace(loud.score, better="neither"))}
    figure = draw_comparison_changes(with_overall(found, changes=changes, group_changes={}), Style())
    axes = next(axes for axes in figure.axes if axes.get_xlabel() == "difference of cosine")
    (drawn,) = [c for c in axes.collections if isinstance(c, PathCollection) and len(c.get_offsets())]
    assert to_hex(drawn.get_facecolor()[0]) == Style().theme.ink
    assert "detectably different, neither way is better" in all_words(figure)
    assert "neither way" not in all_words(draw_comparison_changes(found, Style()))


def test_bars_are_the_samples_fixed_and_broken_in_each_step():
    found = build_comparison()
    axes = next(
        axes for axes in draw_comparison_changes(found, Style()).axes if axes.get_xlabel() == "samples"
    )  # fmt: skip
    widths = [round(bar.get_width()) for bar in axes.patches]
    right = [answers.right for answers in found.answers]
    pairs = [(0, 1), (1, 2), (0, 2)]
    assert widths[:3] == [int((~right[i] & right[j]).sum()) for i, j in pairs]
    assert widths[3:] == [-int((right[i] & ~right[j]).sum()) for i, j in pairs]


def test_groups_come_worst_first_with_their_n_and_p():
    changes = {("class", name): make_change("accuracy", value, adjusted=p, n=17)
               for name, value, p in (("Sad", 0.2, 0.5), ("Calm", -0.3, 0.01))}  # fmt: skip
    changes["class", "Happy"] = replace(changes["class", "Sad"], score=make_score("accuracy_delta", None, n=1))
    figure = draw_comparison_changes(with_overall(build_comparison(), group_changes=changes), Style())
    assert dots_of(figure.axes[-1]) == [(-0.3, 0.0), (0.2, 1.0)]
    words = all_words(figure)
    for said in ("Accuracy by class", "Calm\nn = 17\nSad", "−30 points, p = 0.010", "not measured",
                 "Accuracy by class: 1 not measured (too few)."):  # fmt: skip
        assert said in words


def test_of_many_groups_the_detected_and_the_largest_are_shown():
    changes = {("class", f"c{i}"): make_change("accuracy", 0.0, adjusted=0.5, n=100 + i) for i in range(40)}
    changes["class", "c0"] = make_change("accuracy", -0.3, adjusted=0.01, n=9)
    figure = draw_comparison_changes(with_overall(build_comparison(), group_changes=changes), Style())
    words = all_words(figure)
    assert "c0\n" in words and "c39\n" in words and "c5\n" not in words
    assert f"Of 40 values of class {MOST_ROWS} are shown" in words


def test_kinds_of_scores_have_their_own_axes():
    found = build_comparison()
    names = ("accuracy", "log_loss", "margin", "violation_rate_price", "linear_class_mlp")
    changes = {name: make_change(name, 0.1, adjusted=0.5) for name in names}
    figure = draw_comparison_changes(with_overall(found, changes=changes, group_changes={}), Style())
    labels = [axes.get_xlabel() for axes in figure.axes]
    assert labels[:5] == ["difference in points", "difference of cosine", "nats", *["difference in points"] * 2]
    ticks = [label.get_text() for label in figure.axes[0].get_xticklabels()]
    figure.canvas.draw()
    assert "10" in [label.get_text() for label in figure.axes[0].get_xticklabels()], ticks


def test_two_checkpoints_have_no_steps_of_their_own():
    words = all_words(draw_comparison_changes(build_comparison(n_checkpoints=2), Style()))
    assert "by step" not in words and words.count("epoch_1 → epoch_5 on") == 1


def test_no_detectable_difference_is_a_sentence():
    words = all_words(draw_comparison_changes(build_comparison(detected=False), Style()))
    assert "No detectable difference in accuracy between epoch_1 (39%) and best_model (77%)" in words
    assert "rises" not in words and "Tests: McNemar, exact." in words


def test_stamps_are_on_it():
    words = all_words(draw_comparison_changes(build_comparison(stamps=("random weights",)), Style()))
    assert "Warning: random weights" in words


@pytest.mark.slow
def test_equal_findings_give_equal_bytes():
    first, second = (render_png(draw_comparison_changes(build_comparison(), Style()), dpi=40) for _ in range(2))
    assert first == second


def test_no_judged_sample_that_changed_is_no_crash():
    found = build_comparison(n=12)
    right = np.ones(12, dtype=bool)
    same = replace(found, answers=tuple(replace(each, right=right) for each in found.answers))
    assert_readable(draw_comparison_changes(same, Style()))
