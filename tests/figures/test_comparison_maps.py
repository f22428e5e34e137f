"""The maps of all checkpoints."""

from dataclasses import replace

import numpy as np
import pytest
from matplotlib.patches import FancyArrowPatch

from latentscape.figures.comparison_maps import draw_comparison_maps
from latentscape.figures.comparison_panel import MOST_ARROWS, find_movers
from latentscape.figures.render import render_png
from latentscape.figures.style import Style
from tests.comparison_values import build_comparison

from .comparison_findings import HARD
from .pair_findings import all_words, assert_readable


def arrows_of(axes):
    return [patch for patch in axes.patches if isinstance(patch, FancyArrowPatch)]


def move(found, *rows):
    """The same findings with these movers in each consecutive step, the farthest first."""
    moves = np.zeros(len(found.subject.ids))
    moves[list(rows)] = np.linspace(0.9, 0.1, len(rows))
    steps = tuple(
        replace(step, motion={
            layer: replace(each, moves=moves, movers=np.array(rows, dtype=int)) for layer, each in step.motion.items()
        })
        for step in found.steps
    )  # fmt: skip
    return replace(found, steps=steps)


@pytest.mark.parametrize("case", HARD)
@pytest.mark.slow
def test_every_text_is_on_the_paper_and_on_no_other(case):
    assert_readable(draw_comparison_maps(HARD[case](), Style(dark=len(case) % 2 == 0)))


def test_all_panels_of_a_row_have_one_frame_that_holds_every_point():
    found = build_comparison()
    axes = draw_comparison_maps(found, Style()).axes
    assert len(axes) == 6
    for row, method in ((axes[:3], "tsne"), (axes[3:], "umap")):
        limits = [(*each.get_xlim(), *each.get_ylim()) for each in row]
        np.testing.assert_allclose(limits, [limits[0]] * 3, rtol=1e-9)
        (left, right), (bottom, top) = row[0].get_xlim(), row[0].get_ylim()
        for drawn in found.main.maps[method]:
            assert (drawn.latent_map.xy > (left, bottom)).all() and (drawn.latent_map.xy < (right, top)).all()


def test_arrows_lead_from_the_former_place_of_movers_and_nothing_else():
    found = move(build_comparison(methods=("umap",)), 5, 40)
    first, second, third = draw_comparison_maps(found, Style()).axes
    assert not arrows_of(first) and len(arrows_of(second)) == len(arrows_of(third)) == 2
    places = [drawn.latent_map.xy for drawn in found.main.maps["umap"]]
    drawn = [arrow._posA_posB for arrow in arrows_of(third)]
    np.testing.assert_allclose(drawn, [[places[1][row], places[2][row]] for row in (5, 40)])


def test_without_movers_there_are_no_arrows():
    figure = draw_comparison_maps(build_comparison(detected=False), Style())
    assert not any(map(arrows_of, figure.axes))
    assert "rrow" not in all_words(figure) and "left its neighbors" not in all_words(figure)


def test_of_many_movers_the_farthest_have_arrows():
    figure = draw_comparison_maps(move(build_comparison(methods=("umap",)), *range(60)), Style())
    assert len(arrows_of(figure.axes[1])) == MOST_ARROWS
    assert f"At most {MOST_ARROWS} a panel" in all_words(figure)


def test_movers_of_all_steps_between_two_panels_are_found_once():
    found = build_comparison(n_checkpoints=4)
    steps = list(found.steps)
    for i, rows in enumerate(([3], [3, 9], [70])):
        steps[i] = move(found, *rows).steps[i]
    found = replace(found, steps=tuple(steps))
    assert find_movers(found, first=0, second=2).tolist() == [3, 9]
    assert set(find_movers(found, first=0, second=3).tolist()) == {3, 9, 70}
    assert find_movers(replace(found, main_layer="cnn"), first=2, second=3).tolist() == [70]
    assert find_movers(replace(found, main_layer="nowhere"), first=0, second=3).tolist() == []


def test_each_panel_says_checkpoint_score_n_and_trust():
    words = all_words(draw_comparison_maps(build_comparison(methods=("tsne",)), Style()))
    for said in ("epoch_5", "epoch 12 · accuracy 77% [72%, 82%]", "recommended", "n = 120 · neighbor recall@15 0."):
        assert said in words
    assert "the same 120 samples in every panel (1 other not in all runs)" in words


def test_of_twelve_checkpoints_six_are_shown_the_best_among_them():
    found = build_comparison(n_checkpoints=12, layers=("mlp",), methods=("umap",))
    words = all_words(draw_comparison_maps(replace(found, choice=replace(found.choice, recommended=3)), Style()))
    assert "Of 12 checkpoints 6 are shown." in words
    assert all(f"{name}\n" in words for name in ("epoch_1", "epoch_30", "epoch_110")) and "epoch_5\n" not in words


def test_where_none_is_detectably_worse_nothing_is_recommended():
    words = all_words(draw_comparison_maps(build_comparison(detected=False), Style()))
    assert "best value" in words and "recommended" not in words
    assert "No detectable difference in accuracy between epoch_1 (39%) and best_model (77%)" in words
    assert "two groups" not in words


def test_classes_that_came_apart_are_told():
    words = all_words(draw_comparison_maps(build_comparison(methods=("umap",)), Style()))
    assert "Happy comes apart into two groups of 10 and 10 samples from epoch_5 to best_model." in words


def test_many_classes_are_not_named_on_the_maps():
    words = all_words(draw_comparison_maps(HARD["30 classes"](), Style()))
    assert "There are too many classes to name them on the maps." in words and "and 6 smaller classes" in words


def test_stamps_are_on_it_and_without_maps_there_is_none():
    assert "Warning: random weights" in all_words(draw_comparison_maps(build_comparison(stamps=("random weights",)),
                                                                       Style()))  # fmt: skip
    assert draw_comparison_maps(build_comparison(methods=()), Style()) is None


@pytest.mark.slow
def test_equal_findings_give_equal_bytes():
    first, second = (render_png(draw_comparison_maps(build_comparison(n=60), Style()), dpi=40) for _ in range(2))
    assert first == second
