"""The embeddings report says what was measured and claims no more."""

from dataclasses import replace

import numpy as np
import pytest

from latentscape.measures.scales import check_readiness
from latentscape.measures.score import Score
from latentscape.pages.embeddings_report import describe_embeddings
from latentscape.pages.report import Paragraph, render_report_html, render_report_markdown

FIGURES = (
    "tsne_projection.png",
    "umap_projection.png",
    "similarity_heatmap.png",
    "similarity_distribution.png",
    "top_k_predictions.png",
)


def tell(findings, checks=()):
    return render_report_markdown(describe_embeddings(findings, FIGURES, checks))


def conclude(findings, checks=()):
    return [
        block.text
        for block in describe_embeddings(findings, (), checks).sections[3].blocks
        if isinstance(block, Paragraph)
    ]


def with_score(findings, name, value, *, low, high):
    score = Score(name=name, value=value, n=40, low=low, high=high, bounds=(-2.0, 2.0))
    return replace(findings, scores={**findings.scores, name: score})


def test_sections_pictures_and_published_words(embeddings):
    told = tell(embeddings())
    headings = [line[3:] for line in told.splitlines() if line.startswith("## ")]
    assert headings == ["Model info", "Key metrics", "Visual analysis", "Conclusion"]
    assert all(f"]({file})" in told for file in FIGURES)
    assert "| Margin: right minus other | 0.371 | [0.331, 0.411] | 40 | good |" in told
    assert "the separation 2.45σ (good)" in told
    assert "right pairs 0.8234 ± 0.0876" in told


def test_checklist_says_pass_fail_and_not_measured(embeddings):
    findings = embeddings()
    told = tell(findings, check_readiness(findings.scores))
    assert "- **PASS** The margin, 0.3713, is above 0.25." in told
    assert "- **FAIL** The share of queries with a right document first, 80.0%, is not above 85%." in told
    assert "- **n/a** The number of pictures written was not measured" in told
    assert "1 fail. The share of queries" in told


@pytest.mark.parametrize(
    ("value", "low", "high", "said"),
    [
        (0.37, 0.30, 0.40, "closer to their right documents"),
        (0.01, -0.05, 0.06, "No detectable difference"),
        (-0.20, -0.30, -0.10, "farther from their queries"),
        (0.37, None, None, "without an interval"),
    ],
)
def test_learning_is_claimed_only_if_the_interval_says_so(embeddings, value, low, high, said):
    assert said in conclude(with_score(embeddings(), "margin", value, low=low, high=high))[0]


@pytest.mark.parametrize(
    ("value", "low", "high", "said"),
    [
        (0.08, 0.04, 0.12, "Hard negatives are where it is weaker"),
        (0.36, 0.30, 0.42, "no detectably harder"),
        (0.00, -0.04, 0.04, "no detectable way"),
        (-0.10, -0.2, -0.05, "lie closer to queries"),
    ],
)
def test_hard_negatives_are_judged_by_the_interval(embeddings, value, low, high, said):
    assert said in conclude(with_score(embeddings(), "hard_margin", value, low=low, high=high))[2]


def test_worst_query_is_named_with_its_rank(embeddings):
    findings = embeddings(4)
    ranks = np.array([1, 3, 5, 1])
    told = tell(replace(findings, ranking=replace(findings.ranking, best_rank=ranks)))
    assert "For 2 queries a wrong document comes first; worst, at rank 5 of 6: “phòng trọ quận 2 giá rẻ”." in told
    assert "2 of 4 queries find a wrong document first." in told
    told = tell(replace(findings, ranking=replace(findings.ranking, best_rank=np.ones(4, dtype=int))))
    assert "No query misses its right documents." in told


def test_missing_scores_say_why(embeddings):
    findings = embeddings(1)
    none = {
        name: replace(score, value=None, low=None, high=None, reason="one query")
        for name, score in findings.scores.items()
    }
    told = tell(replace(findings, scores=none, maps={}))
    assert "n/a (one query)" in told
    assert "That can't be said: one query." in told
    assert "None" not in told.replace("None of", "")
    assert "With only 1 query" in told


def test_user_text_is_escaped_in_both(embeddings, hostile, read_page):
    findings = embeddings(7, texts=hostile)
    for worst in range(7):
        ranks = np.where(np.arange(7) == worst, 9, 1)
        report = describe_embeddings(replace(findings, ranking=replace(findings.ranking, best_rank=ranks)), FIGURES, ())
        assert "<script" not in render_report_markdown(report)
        assert "<b>" not in render_report_markdown(report)
        assert not read_page(render_report_html(report)).scripts
