"""Three populations of similarities."""

from dataclasses import replace

import numpy as np
import pytest
from matplotlib.patches import StepPatch

from latentscape.figures.populations import say_exactly
from latentscape.figures.render import render_png
from latentscape.figures.similarity_distribution import _choose_bins, draw_similarity_distribution
from latentscape.figures.style import Style
from latentscape.figures.words import say_number, say_share
from latentscape.measures.histogram import Histogram
from latentscape.measures.score import Score

from .pair_findings import all_words, assert_readable, build_pairs, texts_of


def with_scores(findings, **values):
    scores = {**findings.similarities.scores, **{n: Score(name=n, value=v, n=9) for n, v in values.items()}}
    return replace(findings, similarities=replace(findings.similarities, scores=scores))


@pytest.mark.parametrize("shift", [0.0, -3.0, -30.0])
@pytest.mark.parametrize(("n", "n_hard", "dark"), [(1, 0, False), (1, 2, True), (2, 0, True), (40, 3, False)])
@pytest.mark.slow
def test_readable_whatever_the_similarities(n, n_hard, dark, shift):
    assert_readable(draw_similarity_distribution(build_pairs(n=n, n_hard=n_hard, shift=shift), Style(dark=dark)))


@pytest.mark.slow
def test_equal_findings_give_equal_bytes():
    first, second = (render_png(draw_similarity_distribution(build_pairs(n=40), Style())) for _ in range(2))
    assert first == second


def test_the_published_example_reads_as_published():
    figure = draw_similarity_distribution(with_scores(build_pairs(), margin=0.3713, separation=2.4536), Style())
    assert "Good separation, 2.45σ; good margin, 0.3713; " in all_words(figure)


@pytest.mark.parametrize(("margin", "word"), [(0.45, "excellent"), (0.25, "fair"), (0.15, "poor"), (-0.1, "bad")])
def test_title_says_the_published_word(margin, word):
    figure = draw_similarity_distribution(with_scores(build_pairs(), margin=margin), Style())
    assert f"{word} margin, {say_exactly(margin)}" in all_words(figure)


def test_each_population_has_area_one_and_its_own_color():
    style, findings = Style(), build_pairs(n=60, n_hard=2)
    histogram = draw_similarity_distribution(findings, style).axes[0]
    filled = [patch for patch in histogram.findobj(StepPatch) if patch.get_fill()]
    for patch in filled:
        values, edges, _ = patch.get_data()
        assert (values * np.diff(edges)).sum() == pytest.approx(1.0)
    colors = {tuple(patch.get_facecolor()[:3]) for patch in filled}
    assert len(filled) == len(colors) == 4


def test_each_population_has_its_own_numbers_in_the_table():
    findings = build_pairs(n=60, n_hard=2)
    scores = findings.similarities.scores
    words = all_words(draw_similarity_distribution(findings, Style())).splitlines()
    for suffix in ("", "_hard", "_mined"):
        auc, share = scores[f"auc{suffix}"], scores[f"tpr_at_fpr_5{suffix}"].value
        assert any(word.startswith(f"{auc.value:.3f} [{auc.low:.3f}, ".replace("-", "−")) for word in words)
        threshold = say_number(scores[f"threshold_fpr_5{suffix}"].value)
        assert f"{say_share(share)} ≥ {threshold}" in words
        assert f"{say_share(scores[f'overlap{suffix}'].value)}" in words
        margin = say_exactly(scores[f"margin{suffix}"].value)
        assert sum(word.startswith(margin) for word in words) >= 1


def test_thresholds_stand_in_the_panel_where_the_measure_says():
    findings = build_pairs(n=60, n_hard=2)
    figure = draw_similarity_distribution(findings, Style())
    words = all_words(figure)
    for percent in (1, 5):
        threshold = findings.similarities.scores[f"threshold_fpr_{percent}"].value
        dotted = [line for line in figure.axes[0].lines if line.get_linestyle() == ":"]
        assert any(line.get_xdata()[0] == threshold for line in dotted)
        assert f"{percent}% of in-batch above {say_number(threshold)}" in words
    triangles = [line for line in figure.axes[1].lines if line.get_marker() == "<"]
    assert len(triangles) == 6
    mined = [findings.similarities.scores[f"threshold_fpr_{percent}_mined"].value for percent in (5, 1)]
    assert [float(line.get_ydata()[0]) for line in triangles[-2:]] == mined


@pytest.mark.parametrize("name", ["margin", "threshold_fpr_1", "overlap_hard"])
def test_a_number_that_could_not_be_measured_leaves_a_dash(name):
    findings = build_pairs(n=20)
    scores = {**findings.similarities.scores, name: Score(name=name, value=None, n=0, reason="no reason at all")}
    findings = replace(findings, similarities=replace(findings.similarities, scores=scores))
    figure = draw_similarity_distribution(findings, Style())
    assert_readable(figure)
    assert "–" in all_words(figure).splitlines()


def test_thresholds_at_the_panels_edge_keep_their_names_inside():
    findings = build_pairs(n=30)
    low, high = draw_similarity_distribution(findings, Style()).axes[0].get_xlim()
    for at in (low, high):
        figure = draw_similarity_distribution(with_scores(findings, threshold_fpr_1=at, threshold_fpr_5=at), Style())
        assert_readable(figure)
        panel = figure.axes[0].get_window_extent()
        boxes = [box for text, box in texts_of(figure) if "of in-batch above" in text]
        assert len(boxes) == 2
        assert all(panel.x0 - 1 <= box.x0 and box.x1 <= panel.x1 + 1 for box in boxes)


def test_populations_without_pairs_are_left_out():
    words = all_words(draw_similarity_distribution(build_pairs(n=10, n_hard=0), Style()))
    assert "hard negative" not in words
    words = all_words(draw_similarity_distribution(build_pairs(n=1, n_hard=0), Style()))
    assert "in-batch" not in words.lower()
    assert "positives" in words


def test_counts_means_and_units_are_written():
    findings = build_pairs(n=50, n_hard=2)
    words = all_words(draw_similarity_distribution(findings, Style()))
    for expected in ("n = 50", "n = 100", f"n = {50 * 149:,}", "cosine similarity", "margin ", "mined\nn = 50"):
        assert expected in words
    scores = findings.similarities.scores
    mean, sd = scores["positive_mean"].value, scores["positive_sd"].value
    assert {"positives", f"{mean:.4f} ± {sd:.4f}"} <= set(words.splitlines())


def test_boxes_stand_where_the_measure_says():
    findings = build_pairs(n=50)
    boxes = draw_similarity_distribution(findings, Style()).axes[1]
    expected = findings.similarities.boxes["positive"]
    path = boxes.patches[0].get_path().vertices[:, 1]
    assert (path.min(), path.max()) == pytest.approx((expected.q1, expected.q3))


def test_reasons_stand_where_nothing_could_be_scored():
    findings = build_pairs(n=5)
    nothing = {
        name: Score(name=name, value=None, n=0, reason="no spread at all") for name in findings.similarities.scores
    }
    figure = draw_similarity_distribution(
        replace(findings, similarities=replace(findings.similarities, scores=nothing)), Style()
    )
    assert_readable(figure)
    assert all_words(figure).count("no spread at all") == 1


def test_none_without_any_pair():
    empty = np.array([])
    histogram = Histogram(counts=np.zeros(200, dtype=int), edges=np.linspace(-1, 1, 201), n=0, mean=None, sd=None)
    findings = build_pairs(n=3)
    similarities = replace(
        findings.similarities, positives=empty, hard=empty, mined=empty, in_batch=histogram, boxes={}
    )
    assert draw_similarity_distribution(replace(findings, similarities=similarities), Style()) is None


@pytest.mark.parametrize("seed", range(20))
def test_bins_hold_every_pair(seed):
    rng = np.random.default_rng(seed)
    similarities = build_pairs(n=3).similarities
    low, high = np.sort(rng.uniform(-1, 1, size=2)) if seed else (-1, 1)
    values = rng.uniform(low, high, size=int(rng.integers(1, 400)) if seed else 5000)
    edges = np.linspace(-1, 1, 201)
    counts = np.histogram(np.clip(values, -1, 1), bins=edges)[0]
    in_batch = Histogram(counts=counts, edges=edges, n=len(values), mean=0.0, sd=0.0)
    first, last, step = _choose_bins(
        replace(similarities, positives=values, hard=values[:0], mined=values[:1], in_batch=in_batch)
    )
    assert 0 <= first < last <= 200
    assert (last - first) % step == 0
    assert counts[first:last].sum() == len(values)


def test_rounding_beyond_one_is_kept():
    findings = build_pairs(n=3)
    similarities = replace(findings.similarities, positives=np.array([1.0000001, 0.9, 1.0]))
    figure = draw_similarity_distribution(replace(findings, similarities=similarities), Style())
    values, edges, _ = next(p for p in figure.axes[0].findobj(StepPatch) if p.get_fill()).get_data()
    assert (values * np.diff(edges)).sum() == pytest.approx(1.0)


def test_stamps_are_shown():
    assert "missing $x_$" in all_words(draw_similarity_distribution(build_pairs(stamps=["missing $x_$"]), Style()))


def test_numbers_have_a_real_minus_and_no_negative_zero():
    assert say_exactly(-0.12345) == "−0.1235"
    assert say_exactly(-0.00001) == "0.0000"
