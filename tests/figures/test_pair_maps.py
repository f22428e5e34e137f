"""Maps of queries and documents."""

import unicodedata
from dataclasses import replace

import numpy as np
import pytest
from matplotlib.collections import LineCollection, PathCollection
from matplotlib.colors import to_hex

from latentscape.figures.pair_maps import (
    KIND_MARKERS,
    N_TAGS,
    _worst_queries,
    draw_tsne_projection,
    draw_umap_projection,
)
from latentscape.figures.render import render_png
from latentscape.figures.style import Style
from latentscape.figures.swarm import MOST_MARKERS
from latentscape.measures.score import Score

from .map_findings import make_trust
from .pair_findings import NASTY, all_words, assert_readable, build_pairs, texts_of


@pytest.mark.parametrize(("n", "dark"), [(1, True), (2, False), (30, True), (300, False)])
def test_readable_at_any_size(n, dark):
    assert_readable(draw_umap_projection(build_pairs(n=n, noise=3.0), Style(dark=dark)))


def test_none_where_the_map_was_skipped():
    findings = build_pairs(n=5, methods=["tsne"])
    assert draw_umap_projection(findings, Style()) is None
    assert draw_tsne_projection(findings, Style()) is not None


@pytest.mark.slow
def test_equal_findings_give_equal_bytes():
    first, second = (render_png(draw_tsne_projection(build_pairs(n=30, noise=3.0), Style())) for _ in range(2))
    assert first == second


def test_kinds_differ_in_color_and_marker_with_queries_on_top():
    findings = build_pairs(n=20, noise=0.1, dimensions=64)
    assert (findings.ranking.best_rank == 1).all()  # so that none is ringed
    axes = draw_tsne_projection(findings, Style()).axes[0]
    layers = sorted(axes.findobj(PathCollection), key=lambda layer: layer.get_zorder())
    hard, positive, query = layers
    assert [len(layer.get_offsets()) for layer in (query, positive, hard)] == [20, 20, 60]
    assert [to_hex(layer.get_facecolor()[0]) for layer in (query, positive, hard)] == list(Style().kind_colors)
    assert len(set(KIND_MARKERS)) == len(KIND_MARKERS)
    np.testing.assert_allclose(query.get_offsets(), findings.maps["tsne"].latent_map.xy[:20])


def test_lines_join_each_query_to_its_positives_and_single_out_misses():
    findings = build_pairs(n=25, noise=3.0)
    xy, missed = findings.maps["tsne"].latent_map.xy, findings.ranking.best_rank != 1
    found_lines, missed_lines = draw_tsne_projection(findings, Style()).axes[0].findobj(LineCollection)
    assert 0 < missed.sum() < 25
    for lines, chosen in ((found_lines, ~missed), (missed_lines, missed)):
        expected = np.stack([xy[:25][chosen], xy[25:50][chosen]], axis=1)
        np.testing.assert_allclose(lines.get_segments(), expected)
    assert not np.array_equal(found_lines.get_color(), missed_lines.get_color())


def test_words_give_finding_counts_and_trust():
    findings = build_pairs(n=30, noise=3.0, notice="Three points lie on a triangle.")
    words = all_words(draw_tsne_projection(findings, Style()))
    share = findings.ranking.scores["hit_at_1"].value
    assert f"{share:.0%} of queries have a right document first; the map keeps 50% of true neighbors" in words
    for expected in ("30 queries", "30 positives", "90 hard negatives", "recall@15 = 0.50 [0.48, 0.52]"):
        assert expected in words
    assert "Three points lie on a triangle." in words.replace("\n", " ")


def test_legend_counts_one_without_plural_and_leaves_out_what_is_absent():
    words = all_words(draw_tsne_projection(build_pairs(n=1, n_hard=0), Style()))
    assert "1 query" in words.splitlines()
    assert "1 positive" in words.splitlines()
    assert "hard negative" not in words


def test_worst_queries_are_named_with_their_rank():
    findings = build_pairs(n=30, noise=4.0)
    worst = int(findings.ranking.best_rank.argmax())
    tags = [text for text, _ in texts_of(draw_tsne_projection(findings, Style())) if "(rank " in text]
    assert 1 <= len(tags) <= N_TAGS
    assert any(f"(rank {findings.ranking.best_rank[worst]})" in tag for tag in tags)


def test_worst_queries_are_largest_rank_first_apart_and_missed():
    rank = np.array([1, 9, 9, 5, 0, 7])
    spread = np.arange(12.0).reshape(6, 2)
    assert _worst_queries(rank, spread, apart=0.1).tolist() == [1, 2, 5, 3]
    together = np.zeros((6, 2))
    assert _worst_queries(rank, together, apart=0.1).tolist() == [1]
    assert _worst_queries(np.array([1, 0]), spread, apart=0.1).tolist() == []


def test_no_text_breaks_the_picture():
    findings = build_pairs(
        n=6, n_hard=0, noise=3.0, queries=NASTY, documents=NASTY, stamps=["missing $x_$ \\ {"], notice="a" * 5000
    )
    figure = draw_tsne_projection(findings, Style())
    assert_readable(figure)
    assert "missing $x_$ \\ {" in all_words(figure)


def test_points_shrink_in_a_crowd():
    sizes = []
    for n in (10, 500, 2000):
        layer = draw_tsne_projection(build_pairs(n=n, n_hard=1), Style()).axes[0].findobj(PathCollection)[0]
        sizes.append(layer.get_sizes()[0])
    assert sizes[0] > sizes[1] > sizes[2] > 2


def test_vietnamese_is_the_same_composed_and_decomposed():
    queries = [f"phòng trọ Thủ Đức, giường, gác lửng {i}" for i in range(6)]
    pictures = {
        render_png(
            draw_tsne_projection(
                build_pairs(n=6, noise=4.0, queries=[unicodedata.normalize(form, q) for q in queries]), Style()
            )
        )
        for form in ("NFC", "NFD")
    }
    assert len(pictures) == 1


def test_queries_without_a_right_document_have_no_line_and_no_ring():
    findings = build_pairs(n=4, noise=3.0)
    nothing = np.array([], dtype=int)
    ranking = replace(findings.ranking, best_rank=np.array([1, 0, 0, 1]))
    findings = replace(findings, ranking=ranking, relevant=(np.array([0]), nothing, nothing, np.array([3])))
    figure = draw_tsne_projection(findings, Style())
    assert sum(len(lines.get_segments()) for lines in figure.axes[0].findobj(LineCollection)) == 2
    assert "wrong document" not in all_words(figure)
    assert "Ringed" not in all_words(figure)


def test_unmeasured_scores_are_not_claimed():
    findings = build_pairs(n=4)
    nothing = Score(name="hit_at_1", value=None, n=0, reason="no right documents")
    ranking = replace(findings.ranking, scores={"hit_at_1": nothing})
    drawn = findings.maps["tsne"]
    trust = replace(drawn.trust, scores={name: replace(nothing, name=name) for name in drawn.trust.scores}, k=0)
    findings = replace(findings, ranking=ranking, maps={"tsne": replace(drawn, trust=trust)})
    words = all_words(draw_tsne_projection(findings, Style()))
    assert "%" not in words
    assert "not measured: no right documents" in words


def test_weak_points_are_faint_and_counted():
    findings = build_pairs(n=20, noise=0.1, dimensions=64)
    drawn = findings.maps["tsne"]
    weak = np.arange(100) % 4 == 0
    findings = replace(findings, maps={"tsne": replace(drawn, trust=replace(drawn.trust, weak=weak))})
    figure = draw_tsne_projection(findings, Style())
    layers = figure.axes[0].findobj(PathCollection)
    assert sum(len(layer.get_offsets()) for layer in layers) == 100
    pale = [layer for layer in layers if layer.get_facecolor()[0, 3] < 0.3]
    assert sum(len(layer.get_offsets()) for layer in pale) == 25
    assert "Faint: 25 of 100 points, fewer than 1 in 5 neighbors kept." in all_words(figure).replace("\n", " ")
    assert "Faint" not in all_words(draw_tsne_projection(findings, Style(show_trust=False)))


def test_settings_and_low_trust_are_told():
    findings = build_pairs(n=20)
    words = all_words(draw_tsne_projection(findings, Style()))
    assert "Settings: perplexity 30, seed 0." in words and "Low trust" not in words
    drawn = findings.maps["tsne"]
    scores = {**drawn.trust.scores, "neighbor_recall": replace(drawn.trust.recall, value=0.16)}
    findings = replace(findings, maps={"tsne": replace(drawn, trust=replace(drawn.trust, scores=scores))})
    figure = draw_tsne_projection(findings, Style())
    assert "Low trust: neighbors on this map are often no neighbors in the data" in all_words(figure)
    assert_readable(figure)


def test_many_points_are_one_picture_without_lines():
    findings = build_pairs(n=10, noise=3.0)
    n = MOST_MARKERS + 1
    drawn = findings.maps["tsne"]
    xy = np.random.default_rng(0).normal(size=(n, 2))
    drawn = replace(drawn, latent_map=replace(drawn.latent_map, xy=xy), trust=make_trust(n))
    kinds = np.concatenate([np.ones(10, dtype=int), np.full(n - 20, 2)])
    findings = replace(findings, maps={"tsne": drawn}, document_kinds=kinds)
    figure = draw_tsne_projection(findings, Style())
    assert len(figure.axes[0].images) == 1
    assert not figure.axes[0].findobj(LineCollection)
    assert "Lines are left out." in all_words(figure).replace("\n", " ")
    assert_readable(figure)
