"""The report of the embeddings study: what a retriever's vectors show, from the numbers alone."""

from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np

from latentscape.figures.render import cut
from latentscape.figures.words import say_share
from latentscape.findings import EmbeddingsFindings
from latentscape.measures.scales import Check, describe_margin, describe_separation
from latentscape.measures.score import Score
from latentscape.pages.embeddings_conclusion import conclude_embeddings, find_worst_query
from latentscape.pages.report import Checklist, Picture, Report, ScoreRow, ScoreTable, Section, collect_definitions
from latentscape.pages.report_parts import (
    compare_trust,
    describe_model,
    link_pages,
    list_notices,
    name_map,
    tabulate_others,
    tabulate_scores,
    tabulate_trust,
    tell_pictures,
)
from latentscape.pages.words import count, value_of, value_with_interval

SIMILARITY = {
    "positive_mean": "Right pairs: mean cosine",
    "positive_sd": "Right pairs: standard deviation",
    "negative_mean": "All other pairs: mean cosine",
    "negative_sd": "All other pairs: standard deviation",
    "margin": "Margin: right minus other",
    "separation": "Separation: margin in σ",
    "hard_negative_mean": "Hard negatives: mean cosine",
    "hard_negative_sd": "Hard negatives: standard deviation",
    "hard_margin": "Hard margin: right minus hard negative",
}
RETRIEVAL = {
    "mrr": "MRR: mean of 1 / rank of the best right document",
    "hit_at_1": "Hit@1: a right document comes first",
    "recall_at_1": "Recall@1",
    "recall_at_5": "Recall@5",
    "recall_at_10": "Recall@10",
    "heatmap_diagonal": "Heatmap rows brightest at a right document",
}
SCALES: Mapping[str, Callable[[float], str]] = {"margin": describe_margin, "separation": describe_separation}


def describe_embeddings(findings: EmbeddingsFindings, figures: Sequence[str], checks: Sequence[Check]) -> Report:
    """Everything worth telling about an embeddings study.

    `figures` are the files written beside the report, `checks` the readiness checklist.
    """
    visual = (*tell_pictures(figures, _tell_stories(findings, figures)), *link_pages(figures, _name_pages(findings)))
    sections = (
        describe_model(findings.model, findings.accounting, data=_describe_data(findings)),
        Section(heading="Key metrics", blocks=tuple(_tabulate(findings, checks))),
        Section(heading="Visual analysis", blocks=visual),
        Section(heading="Conclusion", blocks=conclude_embeddings(findings, checks)),
    )
    return Report(
        title=_write_title(findings.scores),
        sections=sections,
        stamps=findings.model.stamps,
        definitions=collect_definitions(sections),
    )


def _write_title(scores: Mapping[str, Score]) -> str:
    hit, separation = scores.get("hit_at_1"), scores.get("separation")
    if hit is None or hit.value is None:
        return "What the retriever's vectors show"
    told = f"A right document comes first for {say_share(hit.value)} of {count(hit.n, 'query', 'queries')}"
    if separation is None or separation.value is None:
        return told
    return f"{told}; the separation of {separation.value:.2f}σ is {describe_separation(separation.value)}"


def _describe_data(findings: EmbeddingsFindings) -> str:
    n_hard_only = int((findings.document_kinds == 2).sum())
    n_right, n_hard = (sum(len(row) for row in rows) for rows in (findings.relevant, findings.hard_negatives))
    return (
        f"{count(len(findings.queries), 'query', 'queries')} and {count(len(findings.documents), 'document')}, "
        f"{n_hard_only:,} of them only ever hard negatives; {count(n_right, 'right pair')} and "
        f"{count(n_hard, 'declared hard negative')}. Equal texts are one document."
    )


def _tabulate(findings: EmbeddingsFindings, checks: Sequence[Check]) -> Iterable[ScoreTable | Checklist]:
    scores = findings.scores
    yield _tabulate_similarity(scores)
    yield tabulate_scores("Retrieval", scores, RETRIEVAL)
    yield from tabulate_trust({name_map("embeddings", method): drawn for method, drawn in findings.maps.items()})
    yield from tabulate_others(scores, [*SIMILARITY, *RETRIEVAL])
    if checks:
        yield Checklist(title="Readiness", checks=tuple(checks))


def _tabulate_similarity(scores: Mapping[str, Score]) -> ScoreTable:
    rows = (
        ScoreRow(label=label, score=scores[name], word=_choose_word(name, scores[name]))
        for name, label in SIMILARITY.items()
        if name in scores
    )
    return ScoreTable(title="Similarity", rows=tuple(rows))


def _choose_word(name: str, score: Score) -> str:
    """The published word for a value, empty where there is no scale or no value."""
    return SCALES[name](score.value) if name in SCALES and score.value is not None else ""


def _name_pages(findings: EmbeddingsFindings) -> dict[str, str]:
    """Words for the interactive pages by their original names."""
    return {f"{method}_embeddings_interactive": name_map("embeddings", method) for method in findings.maps}


def _tell_stories(findings: EmbeddingsFindings, figures: Sequence[str]) -> Mapping[str, Picture]:
    files = {file.rpartition("/")[2].removesuffix(".png"): file for file in figures}
    stories = {
        "tsne_projection": _tell_tsne,
        "umap_projection": _tell_umap,
        "similarity_heatmap": _tell_heatmap,
        "similarity_distribution": _tell_distribution,
        "top_k_predictions": _tell_top,
    }
    return {stem: tell(findings, files[stem]) for stem, tell in stories.items() if stem in files}


def _tell_tsne(findings: EmbeddingsFindings, file: str) -> Picture:
    return _tell_map(findings, file, method="tsne")


def _tell_umap(findings: EmbeddingsFindings, file: str) -> Picture:
    return _tell_map(findings, file, method="umap")


def _tell_map(findings: EmbeddingsFindings, file: str, *, method: str) -> Picture:
    maps = {"This map": findings.maps[method]} if method in findings.maps else {}
    return Picture(
        file=file,
        title=f"Map of {name_map('the embeddings', method)}",
        text="A short line joins a query to a right document that lies beside it; a long one crosses to where other "
        f"documents are nearer. {compare_trust(maps)} Axes mean nothing. {list_notices(maps)}".strip(),
        alt=f"Map of {count(len(findings.queries), 'query', 'queries')} and their documents",
    )


def _tell_heatmap(findings: EmbeddingsFindings, file: str) -> Picture:
    n, diagonal = len(findings.heatmap_queries), findings.scores.get("heatmap_diagonal")
    share = "" if diagonal is None else f" Rows brightest at a right document: {value_with_interval(diagonal)}."
    return Picture(
        file=file,
        title="Similarity of queries and documents",
        text=f"{count(n, 'query', 'queries')} against the right documents of all of them: a bright diagonal means that "
        f"each finds its own, bright cells beside it are documents it could be mistaken for.{share}",
        alt=f"{n} by {n} matrix of cosine similarities",
    )


def _tell_distribution(findings: EmbeddingsFindings, file: str) -> Picture:
    return Picture(
        file=file,
        title="Distribution of similarities",
        text="The less the curves of right and other pairs overlap, the better a threshold can tell them apart. "
        f"{_compare_kinds(findings.scores)}",
        alt="Histogram and box plot of the cosines of right pairs, hard negatives and all other pairs",
    )


def _compare_kinds(scores: Mapping[str, Score]) -> str:
    kinds = {"right pairs": "positive", "hard negatives": "hard_negative", "all other pairs": "negative"}
    told = [f"{label} {_mean_and_deviation(scores, kind)}" for label, kind in kinds.items() if f"{kind}_mean" in scores]
    return f"Mean ± standard deviation: {', '.join(told)}."


def _mean_and_deviation(scores: Mapping[str, Score], kind: str) -> str:
    mean, deviation = scores[f"{kind}_mean"], scores.get(f"{kind}_sd")
    spread = f" ± {value_of(deviation, digits=4)}" if deviation and deviation.value is not None else ""
    return value_of(mean, digits=4) + spread


def _tell_top(findings: EmbeddingsFindings, file: str) -> Picture:
    return Picture(
        file=file,
        title="What some queries find first",
        text=f"Green bars are right documents, red ones wrong, typical and worst queries. {_describe_worst(findings)}",
        alt="For some queries the most similar documents, right and wrong",
    )


def _describe_worst(findings: EmbeddingsFindings) -> str:
    worst = find_worst_query(findings)
    if worst is None:
        return "No query misses its right documents."
    ranks, text = findings.ranking.best_rank, cut(findings.queries[worst], limit=80)
    n_missed = int(np.sum(ranks > 1))
    return (
        f"For {count(n_missed, 'query', 'queries')} a wrong document comes first; worst, at rank "
        f"{ranks[worst]:,} of {len(findings.documents):,}: “{text}”."
    )
