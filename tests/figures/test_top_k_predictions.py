"""The documents a retriever answers with."""

from dataclasses import replace

import numpy as np
import pytest
from matplotlib.colors import to_hex
from matplotlib.patches import Rectangle

from latentscape.figures.render import render_png
from latentscape.figures.style import DARK, LIGHT, Style
from latentscape.figures.top_k_predictions import (
    N_DOCUMENTS,
    RIGHT,
    WRONG,
    _choose_columns,
    draw_top_k_predictions,
    tint_bar,
)

from .pair_findings import NASTY, all_words, assert_readable, build_pairs, contrast, texts_of


def chosen(*ranks):
    return [column.queries.tolist() for column in _choose_columns(np.array(ranks))]


def bars_of(axes):
    return [patch for patch in axes.patches if isinstance(patch, Rectangle)]


@pytest.mark.parametrize("shift", [0.0, -30.0])
@pytest.mark.parametrize(("n", "n_hard", "dark"), [(1, 0, False), (2, 1, True), (4, 0, False), (20, 3, True)])
def test_readable_whatever_the_similarities(n, n_hard, dark, shift):
    findings = build_pairs(n=n, n_hard=n_hard, shift=shift, noise=2.0)
    assert_readable(draw_top_k_predictions(findings, Style(dark=dark)))


def test_equal_findings_give_equal_bytes():
    first, second = (render_png(draw_top_k_predictions(build_pairs(n=20, noise=3.0), Style())) for _ in range(2))
    assert first == second


def test_worst_and_middle_queries_are_chosen_ties_by_number():
    assert chosen(1, 1, 9, 1, 4, 1, 1, 2, 1) == [[2, 4, 7], [0, 1, 3]]
    assert chosen(*[1] * 5, *[8] * 3, *[3] * 5) == [[5, 6, 7], [10, 11, 12]]
    assert chosen(1, 2, 3, 4) == [[3, 2, 1], [0]]


def test_few_queries_make_one_column_and_unanswerable_ones_are_left_out():
    assert chosen(1, 7) == [[1, 0]]
    assert chosen(0, 7, 0) == [[1]]
    assert chosen(0, 0) == []
    findings = build_pairs(n=3)
    nobody = replace(findings, ranking=replace(findings.ranking, best_rank=np.zeros(3, dtype=int)))
    assert draw_top_k_predictions(nobody, Style()) is None


@pytest.mark.parametrize("n", [7, 20, 101])
def test_no_query_stands_in_both_columns(n):
    ranks = np.random.default_rng(n).integers(1, 6, size=n)
    worst, typical = chosen(*ranks)
    assert not set(worst) & set(typical)
    middle = np.sort(ranks)[::-1][3:]
    assert middle.min() <= ranks[typical].min() <= ranks[typical].max() <= ranks[worst].min()


@pytest.mark.parametrize("dark", [False, True])
def test_bars_are_the_similarities_green_where_right_red_where_wrong(dark):
    findings, style = build_pairs(n=30, noise=3.0), Style(dark=dark)
    figure = draw_top_k_predictions(findings, style)
    queries = np.concatenate([column.queries for column in _choose_columns(findings.ranking.best_rank)])
    assert len(figure.axes) == len(queries) == 6
    for axes, query in zip(figure.axes, queries, strict=True):
        similarities = findings.ranking.top_similarity[query, :N_DOCUMENTS]
        right = findings.ranking.top_right[query, :N_DOCUMENTS]
        np.testing.assert_allclose([bar.get_width() for bar in bars_of(axes)], similarities)
        expected = [tint_bar(style.theme, right=bool(each)) for each in right]
        assert [to_hex(bar.get_facecolor()) for bar in bars_of(axes)] == expected
        signs = [text.get_text() for text in axes.texts if text.get_text() in (RIGHT, WRONG)]
        assert signs == [RIGHT if each else WRONG for each in right]


@pytest.mark.parametrize("theme", [LIGHT, DARK])
def test_text_reads_on_bars_and_beyond_them(theme):
    for ground in (theme.paper, tint_bar(theme, right=True), tint_bar(theme, right=False)):
        assert contrast(theme.ink, ground) >= 4.5
    green, red = (np.frombuffer(bytes.fromhex(tint_bar(theme, right=right)[1:]), np.uint8) for right in (True, False))
    assert green.argmax() == 1
    assert red.argmax() == 0


def test_texts_stay_on_their_panel():
    findings = build_pairs(n=6, n_hard=0, noise=3.0, queries=NASTY, documents=NASTY)
    figure = draw_top_k_predictions(findings, Style())
    assert_readable(figure)
    shown = dict(texts_of(figure))
    for axes in figure.axes:
        panel = axes.get_window_extent()
        for text in axes.texts:
            if len(text.get_text()) > 10:
                box = shown[text.get_text()]
                assert box.width <= panel.width + 1
    words = "\n".join(shown)
    assert "(empty query)" in words
    assert "(empty document)" in words
    assert "\x1b" not in words


def test_the_right_document_is_told_when_no_bar_shows_it():
    findings = build_pairs(n=40, noise=6.0)
    worst = int(findings.ranking.best_rank.argmax())
    rank = findings.ranking.best_rank[worst]
    assert rank > N_DOCUMENTS
    words = all_words(draw_top_k_predictions(findings, Style()))
    assert f"right document, rank {rank}: {findings.documents[worst][:20]}" in words


def test_several_right_documents_are_counted_instead():
    findings = build_pairs(n=1, n_hard=7, noise=6.0)
    top_right = np.zeros_like(findings.ranking.top_right)
    ranking = replace(findings.ranking, top_right=top_right, best_rank=np.array([8]))
    findings = replace(findings, relevant=(np.array([0, 1]),), ranking=ranking)
    assert "best of its 2 right documents: rank 8" in all_words(draw_top_k_predictions(findings, Style()))


def test_choice_is_explained():
    findings = build_pairs(n=40, noise=6.0)
    words = all_words(draw_top_k_predictions(findings, Style())).replace("\n", " ")
    assert "Left: the 3 queries whose best right document ranks lowest." in words
    assert "when all 40 queries are sorted by that rank" in words
    assert f"the worst finds one at rank {findings.ranking.best_rank.max()} of 160" in words


def test_negative_bars_leave_zero_in_sight():
    for shift in (-2.0, -30.0):
        findings = build_pairs(n=12, shift=shift)
        for axes in draw_top_k_predictions(findings, Style()).axes:
            low, high = axes.get_xlim()
            assert low <= 0.0 <= high
            for bar in bars_of(axes):
                left, right = sorted((bar.get_x(), bar.get_x() + bar.get_width()))
                assert low <= left <= right <= high


def test_fewer_documents_than_bars():
    axes = draw_top_k_predictions(build_pairs(n=2, n_hard=0), Style()).axes
    assert [len(bars_of(each)) for each in axes] == [2, 2]


def test_stamps_are_shown():
    assert "missing $x_$" in all_words(draw_top_k_predictions(build_pairs(stamps=["missing $x_$"]), Style()))
