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
    _list_columns,
    draw_top_k_predictions,
    tint_bar,
)
from latentscape.findings import Example

from .pair_findings import NASTY, all_words, assert_readable, build_pairs, contrast, texts_of


def chosen(*ranks):
    return [column.queries.tolist() for column in _choose_columns(np.array(ranks))]


def bars_of(axes):
    return [patch for patch in axes.patches if isinstance(patch, Rectangle)]


@pytest.mark.parametrize("shift", [0.0, -30.0])
@pytest.mark.parametrize(("n", "n_hard", "dark"), [(1, 0, False), (2, 1, True), (4, 0, False), (20, 3, True)])
@pytest.mark.slow
def test_readable_whatever_the_similarities(n, n_hard, dark, shift):
    findings = build_pairs(n=n, n_hard=n_hard, shift=shift, noise=2.0)
    assert_readable(draw_top_k_predictions(findings, Style(dark=dark)))


@pytest.mark.slow
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


@pytest.mark.slow
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


def with_examples(findings, **queries):
    k = findings.ranking.top.shape[1]
    examples = tuple(
        Example(query=query, kind=kind, why_wrong=tuple(f"reason {query}.{i}" for i in range(k)))
        for kind, chosen in queries.items()
        for query in chosen
    )
    return replace(findings, examples=examples)


@pytest.mark.slow
@pytest.mark.parametrize(("n", "n_hard", "dark"), [(5, 3, True), (40, 3, False)])
def test_examples_are_readable(n, n_hard, dark):
    figure = draw_top_k_predictions(build_pairs(n=n, n_hard=n_hard, noise=3.0, full=True), Style(dark=dark))
    assert_readable(figure)


@pytest.mark.slow
def test_examples_stand_by_kind_with_their_reasons_under_wrong_documents():
    findings = with_examples(build_pairs(n=30, noise=3.0), random=[4, 9], worst=[7, 2], typical=[11])
    assert [column.queries.tolist() for column in _list_columns(findings)] == [[7, 2], [11], [4, 9]]
    figure = draw_top_k_predictions(findings, Style())
    assert_readable(figure)
    words = all_words(figure).splitlines()
    for heading in ("Worst queries", "Typical queries", "Random queries"):
        assert heading in words
    for query in (2, 4, 7, 9, 11):
        for i in range(N_DOCUMENTS):
            assert f"reason {query}.{i}" in words
        assert f"reason {query}.{N_DOCUMENTS}" not in words
        assert findings.queries[query] in words
    assert "Below a wrong document" in all_words(figure).replace("\n", " ")
    assert "random: the 2 drawn at random from the others" in all_words(figure).replace("\n", " ")


def test_each_reason_stands_right_below_its_document():
    findings = with_examples(build_pairs(n=30, noise=3.0), worst=[7], typical=[2])
    figure = draw_top_k_predictions(findings, Style())
    places = {text: box for text, box in texts_of(figure) if text.startswith("reason 7.")}
    bars = bars_of(figure.axes[0])
    assert len(places) == len(bars) == N_DOCUMENTS
    for i, bar in enumerate(bars):
        box, bounds = places[f"reason 7.{i}"], bar.get_window_extent()
        assert 0 <= bounds.y0 - box.y1 + 3 < 15


def test_without_examples_or_reasons_the_rows_are_low():
    findings = build_pairs(n=30, noise=3.0)
    silent = tuple(
        Example(query=query, kind=kind, why_wrong=("",) * 10) for query, kind in ((3, "worst"), (4, "typical"))
    )
    talkative = with_examples(findings, worst=[3], typical=[4])
    low, high = (
        draw_top_k_predictions(each, Style()).axes[0].get_window_extent().height
        for each in (replace(findings, examples=silent), talkative)
    )
    assert low < high


def test_few_queries_are_all_shown_whatever_the_examples():
    findings = with_examples(build_pairs(n=3, noise=3.0), worst=[0], typical=[2], random=[1])
    figure = draw_top_k_predictions(findings, Style())
    assert "All queries, the worst first" in all_words(figure)
    assert len(figure.axes) == 3
    assert "reason 1." in all_words(figure)


def test_gaps_where_no_documents_are_left():
    findings = build_pairs(n=2, n_hard=1, noise=2.0)
    top, similarity = findings.ranking.top.copy(), findings.ranking.top_similarity.copy()
    top[0, 2:], similarity[0, 2:] = -1, np.nan
    ranking = replace(findings.ranking, top=top, top_similarity=similarity)
    figure = draw_top_k_predictions(replace(findings, ranking=ranking), Style())
    assert_readable(figure)
    assert sorted(len(bars_of(axes)) for axes in figure.axes) == [2, 4]


def test_one_document_a_query():
    findings = build_pairs(n=12, noise=2.0, full=True)
    cut = {name: getattr(findings.ranking, name)[:, :1] for name in ("top", "top_similarity", "top_right")}
    figure = draw_top_k_predictions(replace(findings, ranking=replace(findings.ranking, **cut)), Style())
    assert_readable(figure)
    assert all(len(bars_of(axes)) == 1 for axes in figure.axes)


@pytest.mark.slow
def test_hostile_reasons_are_made_safe():
    findings = build_pairs(n=12, n_hard=0, noise=3.0)
    examples = tuple(
        Example(query=i, kind=kind, why_wrong=tuple(NASTY[(i + j) % 6] for j in range(10)))
        for i, kind in enumerate(["worst", "worst", "typical", "typical", "random", "random"])
    )
    figure = draw_top_k_predictions(replace(findings, examples=examples), Style(dark=True))
    assert_readable(figure)
    assert "\x1b" not in all_words(figure)
