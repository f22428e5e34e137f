"""The embeddings report says what was measured and claims no more."""

from dataclasses import replace

import numpy as np
import pytest

from latentscape.measures.scales import check_readiness
from latentscape.measures.score import Score
from latentscape.pages.embeddings_lists import tabulate_defects, tabulate_queries
from latentscape.pages.embeddings_report import describe_embeddings
from latentscape.pages.report import Paragraph, render_report_html, render_report_markdown
from latentscape.retrieval_improvements import find_retrieval_improvements
from tests.figures.pair_values import STREETS, full_values

FIGURES = (
    "tsne_projection.png",
    "umap_projection.png",
    "similarity_heatmap.png",
    "similarity_distribution.png",
    "top_k_predictions.png",
    "retrieval_ranks.png",
    "feature_importance.png",
    "attribute_clusters.png",
    "attribute_response.png",
)
SECTIONS = [
    "Conclusion",
    "Improve next",
    "Key metrics",
    "Negatives",
    "Ranks",
    "Minimal pairs",
    "Attributes",
    "Geometry",
    "Data defects",
    "Worst queries",
    "Readiness",
    "Visual analysis",
    "Model info",
    "Summary to paste",
]


@pytest.fixture
def full(embeddings):
    """A study in which everything was measured."""
    findings = embeddings()
    values = full_values(findings.ranking, findings.relevant, findings.hard_negatives, documents=findings.documents)
    findings = replace(findings, **values)
    return replace(findings, improvements=find_retrieval_improvements(findings, seed=0))


def tell(findings, checks=()):
    return render_report_markdown(describe_embeddings(findings, FIGURES, checks))


def list_headings(told):
    return [line[3:] for line in told.splitlines() if line.startswith("## ")]


def conclude(findings, checks=()):
    return [
        block.text
        for block in describe_embeddings(findings, (), checks).sections[0].blocks
        if isinstance(block, Paragraph)
    ]


def with_score(findings, name, value, *, low, high):
    score = Score(name=name, value=value, n=40, low=low, high=high, bounds=(-2.0, 2.0))
    return replace(findings, scores={**findings.scores, name: score})


def test_sections_pictures_and_published_words(embeddings):
    told = tell(embeddings())
    assert list_headings(told) == [name for name in SECTIONS if name not in {"Improve next", "Geometry", "Readiness"}]
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
    assert said in conclude(with_score(embeddings(), "margin_hard", value, low=low, high=high))[2]


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


def test_everything_that_was_measured_has_its_section(full):
    told = tell(full, check_readiness(full.scores))
    assert list_headings(told) == SECTIONS
    assert all(f"]({file})" in told for file in FIGURES)
    assert not any(bad in told for bad in ("None", " nan", "**  **"))


def test_raw_numbers_stand_beside_the_cleaned_ones(full):
    told = tell(full)
    assert "| Hit@1: a right document comes first | 0.800 [0.760, 0.840] | 0.420 [0.370, 0.470] |" in told
    assert "What defects of the file" not in tell(replace(full, raw_scores={}))


def test_three_populations_are_told_apart(full):
    told = tell(full)
    assert "| All other documents | 0.452 [0.412, 0.492] |" in told
    assert "| Declared hard negatives | 0.740 [0.700, 0.780] |" in told
    assert "| Each query's hardest | 0.790 [0.750, 0.830] |" in told.replace("&#39;", "'")


def test_types_attributes_and_answers_are_tabled(full):
    told = tell(full)
    assert "| amenity | 32 of 48 | 0.010 [−0.020, 0.040] | 41% [36%, 46%] |" in told
    assert "| requirement | 32 of 48 |" in told and "| not declared |" in told
    assert "| balcony | 2 values | 0% of 40 |" in told
    assert "| street | 61% [56%, 66%], p = 0.001 | 14% |" in told
    assert "| *52%* [47%, 57%], p = 0.310 |" in told
    assert "| −0.55 [−0.60, −0.50] | 4.0 million VND | 3.0 million VND |" in told
    assert "| never falls | nowhere |" in told
    assert "Response of floor: 2 documents have a floor, too few to tell." in told


def test_no_score_is_told_twice_or_left_out(full):
    flat = {"knn_purity_street": 0.6, "raw_margin": 0.2, "group_mrr_street_le_loi": 0.5, "brand_new": 0.7}
    extra = {name: Score(name=name, value=value, n=9) for name, value in flat.items()}
    told = tell(replace(full, scores={**full.scores, **full.geometry, **extra}))
    rest = told[told.index("### Other scores") :]
    rest = rest[: rest.index("## Negatives")]
    assert "brand new" in rest
    assert not any(word in rest for word in ("knn", "raw", "group", "alignment", "auc", "ndcg"))


def test_conclusion_names_types_and_what_was_trained_on(full):
    learned, generalizes, improve = conclude(full)
    assert "A wrong location (0.189 [0.171, 0.230]) moves a document farthest, a wrong amenity" in learned
    assert "90% without hard negatives" in learned
    assert (
        "40 queries that the training file does not have (2 queries of the training file were left out)" in generalizes
    )
    assert "hardest wrong document the margin is 0.033" in improve
    assert f"{len(full.improvements.found)} things to do" in improve
    assert "which is not recorded here" in conclude(replace(full, train_compared=False))[1]


def test_a_corpus_that_nobody_judged_whole_is_said_to_be_one(full):
    assert "neither right nor declared wrong" not in conclude(full)[1]
    kinds = full.document_kinds.copy()
    kinds[-3:] = 3
    some = replace(full, document_kinds=kinds)
    n_right = int((kinds == 1).sum())
    learned, generalizes, _ = conclude(some)
    assert f"90% among the {n_right:,} right for some query" in learned
    whole = f"{len(full.documents):,} documents"
    assert f"3 of {whole} are neither right nor declared wrong for any of these queries; they count" in generalizes
    assert "| Among all documents |" in tell(some)
    assert "ithout hard negatives" not in tell(some)


def test_an_untrained_head_is_never_said_to_have_learned(full):
    findings = replace(full, is_trained=False)
    findings = replace(findings, improvements=find_retrieval_improvements(findings, seed=0))
    report = describe_embeddings(findings, FIGURES, ())
    told = render_report_markdown(replace(report, definitions=()))
    assert "learned" not in told and "It places" not in told
    assert report.title.startswith("What the pairs are like before training")
    leads = [block.lead for block in report.sections[0].blocks]
    assert leads[0] == "Are the data sound?"
    assert "negative is other positive 2" in report.sections[0].blocks[0].text
    assert "No head was trained" in report.sections[0].blocks[1].text
    assert "no head was trained, so the numbers speak of the data and the encoder." in told


def test_the_summary_is_filled_in(full):
    (notes,) = describe_embeddings(full, FIGURES, check_readiness(full.scores)).sections[-1].blocks
    text = "\n".join(notes.lines)
    assert "Cosines: right 0.8234 ± 0.0876, other 0.4521 ± 0.1234, hard 0.7400 ± 0.0900" in text
    assert "separation 2.45σ (good)" in text
    assert "amenity 0.009 (41% unseen)" in text
    assert "fails: hit_at_1" in text
    assert "Next 1: " in text and "None" not in text


def list_rows(columns):
    return [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]


def test_worst_queries_come_first_in_the_table_and_the_rows(full):
    rows = list_rows(tabulate_queries(full))
    ranks = [row["best_rank"] for row in rows]
    assert ranks == sorted(full.ranking.best_rank.tolist(), reverse=True)
    worst = int(rows[0]["query_id"].split()[1])
    assert rows[0]["query"] == full.queries[worst]
    assert rows[0]["first_document"] == full.documents[full.ranking.top[worst, 0]]
    assert rows[0]["right_similarity"] == pytest.approx(full.similarities.positives[worst])
    assert rows[0]["attribute_street"] in STREETS and rows[0]["attribute_area"] is None
    assert rows[0]["attribute_price"] == worst + 2.0
    assert all(row.keys() == rows[0].keys() for row in rows)


def test_a_query_without_documents_is_last_and_has_no_numbers(embeddings):
    findings = embeddings(4)
    top, cosines = findings.ranking.top.copy(), findings.ranking.top_similarity.copy()
    top[2], cosines[2] = -1, np.nan
    ranking = replace(findings.ranking, best_rank=np.array([1, 3, 0, 2]), top=top, top_similarity=cosines)
    relevant = tuple(each if row != 2 else np.array([], dtype=int) for row, each in enumerate(findings.relevant))
    positives = findings.similarities.positives[:3]
    findings = replace(
        findings, ranking=ranking, relevant=relevant, similarities=replace(findings.similarities, positives=positives)
    )
    rows = list_rows(tabulate_queries(findings))
    assert [row["query_id"] for row in rows] == ["query 1", "query 3", "query 0", "query 2"]
    assert rows[-1]["best_rank"] is rows[-1]["first_document"] is rows[-1]["right_similarity"] is None
    assert "nan" not in tell(findings)


def test_the_right_cosine_is_that_of_the_nearest_right_document(embeddings):
    findings = embeddings(3)
    relevant = (np.array([0, 1]), np.array([1]), np.array([2]))
    similarities = replace(findings.similarities, positives=np.array([0.2, 0.9, 0.4, 0.5]))
    rows = {
        row["query_id"]: row
        for row in list_rows(tabulate_queries(replace(findings, relevant=relevant, similarities=similarities)))
    }
    assert [rows[f"query {i}"]["right_similarity"] for i in range(3)] == [0.9, 0.4, 0.5]


def test_defects_are_rows_with_their_meaning(full):
    rows = list_rows(tabulate_defects(full))
    assert len(rows) == len(full.defects)
    assert {row["kind"] for row in rows} == set(full.defect_counts)
    assert all(row["meaning"] for row in rows)
    clean = replace(full, defects=(), defect_counts={})
    assert "No defect was found." in tell(clean)
    assert tabulate_defects(clean).keys() == tabulate_defects(full).keys()


def test_hostile_types_values_and_defects_are_escaped(full, hostile, read_page):
    bad = hostile[0]
    effects = tuple(replace(each, type=bad) for each in full.importance.effects)
    groups = tuple(replace(each, attribute=bad) for each in full.groups)
    findings = replace(
        full,
        importance=replace(full.importance, effects=effects),
        groups=groups,
        attributes=tuple(replace(each, name=bad) for each in full.attributes),
        defects=tuple(replace(each, text=bad, other=bad) for each in full.defects),
        unmeasured={bad: bad},
    )
    findings = replace(findings, improvements=find_retrieval_improvements(findings, seed=0))
    report = describe_embeddings(findings, FIGURES, ())
    assert "<script" not in render_report_markdown(report)
    assert not read_page(render_report_html(report)).scripts


@pytest.mark.parametrize("n", [1, 2, 3])
def test_the_smallest_studies_are_told(embeddings, n):
    findings = embeddings(n)
    findings = replace(findings, improvements=find_retrieval_improvements(findings, seed=0))
    told = tell(findings)
    assert "fewer than 30" in told
    assert tabulate_queries(findings)


def test_worst_queries_are_tabled_with_ranks_and_cosines(full):
    told = tell(full)
    section = told[told.index("## Worst queries") : told.index("## Visual analysis")]
    worst = int(tabulate_queries(full)["query_id"][0].split()[1])
    first = full.ranking.top_similarity[worst, 0]
    assert f"rank 1, cosine {first:.3f}" in section
    assert f"rank {full.ranking.best_rank[worst]}, cosine {full.similarities.positives[worst]:.3f}" in section
    assert "Worst queries" not in list_headings(
        render_report_markdown(
            describe_embeddings(replace(full, ranking=replace(full.ranking, best_rank=np.ones(40, dtype=int))), (), ())
        )
    )
