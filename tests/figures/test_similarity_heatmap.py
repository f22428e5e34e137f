"""The query x document matrix."""

from dataclasses import replace

import numpy as np
import pytest
from matplotlib.collections import PathCollection
from matplotlib.patches import Rectangle

from latentscape.figures.render import render_png
from latentscape.figures.similarity_heatmap import MAX_TEXTS, _wrong_winners, draw_similarity_heatmap
from latentscape.figures.style import Style
from latentscape.measures.score import Score

from .pair_findings import NASTY, all_words, assert_readable, build_pairs, texts_of


@pytest.mark.parametrize(("n", "dark"), [(1, True), (2, False), (30, True), (31, False)])
def test_readable_at_any_size(n, dark):
    assert_readable(draw_similarity_heatmap(build_pairs(n=n, noise=2.0), Style(dark=dark)))


@pytest.mark.slow
def test_equal_findings_give_equal_bytes():
    first, second = (render_png(draw_similarity_heatmap(build_pairs(n=12), Style())) for _ in range(2))
    assert first == second


def test_the_matrix_is_shown_as_it_is_with_a_scale_that_holds_it():
    findings = build_pairs(n=40)
    image = draw_similarity_heatmap(findings, Style()).axes[0].images[0]
    np.testing.assert_array_equal(image.get_array(), findings.heatmap)
    low, high = image.get_clim()
    assert low <= findings.heatmap.min() < findings.heatmap.max() <= high
    assert high - low < np.ptp(findings.heatmap) + 0.2


def test_colorbar_and_axes_say_what_they_are():
    words = all_words(draw_similarity_heatmap(build_pairs(n=40), Style()))
    for expected in ("cosine similarity", "queries", "documents, in the order of their queries"):
        assert expected in words.splitlines()


def test_title_tells_how_often_the_diagonal_wins():
    findings = build_pairs(n=20, noise=2.0)
    share = findings.scores["heatmap_diagonal"].value
    assert f"Row maximum on the diagonal in {share:.0%} of the rows" in all_words(
        draw_similarity_heatmap(findings, Style())
    )


def test_texts_only_while_they_can_be_read():
    few = all_words(draw_similarity_heatmap(build_pairs(n=MAX_TEXTS), Style()))
    many = all_words(draw_similarity_heatmap(build_pairs(n=MAX_TEXTS + 1), Style()))
    assert "tìm phòng đường Nguyễn Trãi giá 2 triệu" in few
    assert "Cho thuê phòng 12 m²" in few
    assert "tìm phòng" not in many
    assert "Cho thuê" not in many


def test_row_and_column_belong_together_when_documents_are_shared():
    findings = build_pairs(n=3, n_hard=0, documents=["gác", "bếp", "sân"], queries=["một", "hai", "ba"])
    findings = replace(findings, relevant=(np.array([2]), np.array([0]), np.array([1])))
    axes = draw_similarity_heatmap(findings, Style()).axes[0]
    rows = [label.get_text() for label in axes.get_yticklabels()]
    assert sorted(rows) == ["ba", "hai", "một"]
    own = {"một": "sân", "hai": "gác", "ba": "bếp"}
    assert [label.get_text() for label in axes.get_xticklabels()] == [own[row] for row in rows]


def test_the_diagonal_is_framed_and_wrong_winners_are_dotted():
    findings = build_pairs(n=20, noise=2.0)
    axes = draw_similarity_heatmap(findings, Style()).axes[0]
    corners = {patch.get_xy() for patch in axes.findobj(Rectangle) if patch.get_width() == 1 and not patch.get_fill()}
    assert corners == {(i - 0.5, i - 0.5) for i in range(20)}
    dots = axes.findobj(PathCollection)[0].get_offsets()
    misses = round(20 * (1 - findings.scores["heatmap_diagonal"].value))
    assert len(dots) == misses > 0


def test_wrong_winners_by_hand():
    matrix = np.array([[0.9, 0.1, 0.2], [0.5, 0.5, -0.3], [0.7, -0.2, 0.1]])
    findings = replace(build_pairs(n=3, n_hard=0), heatmap=matrix, heatmap_queries=np.arange(3))
    rows, columns = _wrong_winners(findings)
    assert (rows.tolist(), columns.tolist()) == ([1, 2], [0, 0])  # a tie counts against the diagonal
    # Document 0 answers query 2 as well: it is no longer a wrong winner there.
    findings = replace(findings, relevant=(np.array([0]), np.array([1]), np.array([2, 0])))
    assert _wrong_winners(findings)[0].tolist() == [1]


@pytest.mark.parametrize("score", [None, Score(name="heatmap_diagonal", value=None, n=1, reason="needs two queries")])
def test_an_unscored_diagonal_is_not_claimed(score):
    scores = {} if score is None else {"heatmap_diagonal": score}
    figure = draw_similarity_heatmap(replace(build_pairs(n=4), scores=scores), Style())
    words = all_words(figure)
    assert "on the diagonal in" not in words
    assert ("needs two queries" in words) == (score is not None)


def test_none_without_rows():
    findings = replace(build_pairs(n=4), heatmap_queries=np.array([], dtype=int), heatmap=np.zeros((0, 0)))
    assert draw_similarity_heatmap(findings, Style()) is None


def test_no_text_breaks_the_picture():
    findings = build_pairs(n=6, n_hard=0, queries=NASTY, documents=NASTY, stamps=["missing $x_$ \\ {"])
    figure = draw_similarity_heatmap(findings, Style())
    assert_readable(figure)
    assert "giá $5_tr$ {rẻ} \\frac{1}{2}" in all_words(figure)
    assert "missing $x_$ \\ {" in all_words(figure)


@pytest.mark.parametrize(("n", "n_shown", "dark"), [(20, 20, False), (28, 200, True), (90, 90, False), (9, 9, True)])
def test_groups_are_named_beside_their_rows(n, n_shown, dark):
    findings = build_pairs(n=n, n_shown=n_shown, full=True)
    figure = draw_similarity_heatmap(findings, Style(dark=dark))
    assert_readable(figure)
    texts, words = list(texts_of(figure)), all_words(figure)
    assert f"Rows by {findings.heatmap_attribute}, similar ones side by side." in words.replace("\n", " ")
    panel = figure.axes[0].get_window_extent()
    for name in set(findings.heatmap_groups):
        rows = [row for row, group in enumerate(findings.heatmap_groups) if group == name]
        boxes = [box for text, box in texts if text == name]
        assert len(boxes) == 1
        place = (panel.y1 - (boxes[0].y0 + boxes[0].y1) / 2) / panel.height * len(findings.heatmap_groups)
        assert min(rows) <= place <= max(rows) + 1
        assert boxes[0].x0 > panel.x1


def test_hostile_and_too_many_groups_are_readable():
    findings = replace(build_pairs(n=60), heatmap_groups=tuple(f"{i} {NASTY[i % 6]}" for i in range(60)))
    figure = draw_similarity_heatmap(findings, Style())
    assert_readable(figure)
    assert sum(text[:2].strip().isdigit() for text in all_words(figure).splitlines()) > 20


def test_documents_not_to_be_judged_are_gray_and_named():
    findings = build_pairs(n=5, n_hard=0)
    matrix = findings.heatmap.copy()
    matrix[0, 1] = np.nan
    figure = draw_similarity_heatmap(replace(findings, heatmap=matrix), Style())
    assert "Gray: not judged" in all_words(figure)
    assert "Gray" not in all_words(draw_similarity_heatmap(findings, Style()))
    assert np.isfinite(figure.axes[0].images[0].get_clim()).all()


@pytest.mark.slow
def test_the_share_over_all_documents_stands_beside_the_sample():
    findings = build_pairs(n=20, noise=2.0)
    share = findings.ranking.scores["hit_at_1"].value
    words = all_words(draw_similarity_heatmap(findings, Style())).replace("\n", " ")
    assert f"Against all 80 documents {share:.0%} of all queries have a right one first." in words
