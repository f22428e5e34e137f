"""What to see on each picture of the embeddings study, and which pages to open."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from latentscape.figures.rank_words import find_others, say_easier
from latentscape.figures.render import cut
from latentscape.findings import EmbeddingsFindings
from latentscape.measures.score import Score
from latentscape.pages.embeddings_conclusion import find_worst_query
from latentscape.pages.report import Picture
from latentscape.pages.report_parts import compare_trust, list_notices, name_map
from latentscape.pages.words import count, share_with_interval, value_of, value_with_interval


def name_pages(findings: EmbeddingsFindings) -> dict[str, str]:
    """Words for the interactive pages by their original names."""
    return {f"{method}_embeddings_interactive": name_map("embeddings", method) for method in findings.maps}


def tell_stories(findings: EmbeddingsFindings, figures: Sequence[str]) -> Mapping[str, Picture]:
    """The pictures that were written, each with what to see on it, by the name of its file."""
    files = {file.rpartition("/")[2].removesuffix(".png"): file for file in figures if file.endswith(".png")}
    return {stem: tell(findings, files[stem]) for stem, tell in STORIES.items() if stem in files}


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
    groups = len(dict.fromkeys(findings.heatmap_groups))
    order = f" Rows are ordered by {findings.heatmap_attribute}, {groups} in all." if groups else ""
    return Picture(
        file=file,
        title="Similarity of queries and documents",
        text=f"{count(n, 'query', 'queries')} against the right documents of all of them: a bright diagonal means that "
        f"each finds its own, bright cells beside it are documents it could be mistaken for.{order}{share}",
        alt=f"{n} by {n} matrix of cosine similarities",
    )


def _tell_distribution(findings: EmbeddingsFindings, file: str) -> Picture:
    return Picture(
        file=file,
        title="Distribution of similarities",
        text="The less the curves of right and other pairs overlap, the better a threshold can tell them apart. "
        f"{_compare_kinds(findings.scores)}",
        alt="Histogram and box plot of the cosines of right pairs and of three populations of negatives",
    )


def _compare_kinds(scores: Mapping[str, Score]) -> str:
    kinds = {
        "right pairs": ("positive_mean", "positive_sd"),
        "all other pairs": ("negative_mean", "negative_sd"),
        "hard negatives": ("negative_mean_hard", "negative_sd_hard"),
        "each query's hardest wrong document": ("negative_mean_mined", "negative_sd_mined"),
    }
    told = [
        f"{label} {_mean_and_deviation(scores[mean], scores.get(deviation))}"
        for label, (mean, deviation) in kinds.items()
        if mean in scores
    ]
    return f"Mean ± standard deviation: {', '.join(told)}." if told else ""


def _mean_and_deviation(mean: Score, deviation: Score | None) -> str:
    spread = f" ± {value_of(deviation, digits=4)}" if deviation and deviation.value is not None else ""
    return value_of(mean, digits=4) + spread


def _tell_ranks(findings: EmbeddingsFindings, file: str) -> Picture:
    hit, alone = findings.scores.get("hit_at_1"), findings.scores.get("hit_at_1_without_hard")
    told = [f"Rank 1: {share_with_interval(hit)}" if hit else ""]
    told += [f"{say_easier(findings)} {share_with_interval(alone)}" if alone else ""]
    shares = ", ".join(filter(None, told))
    dear = "the other documents" if find_others(findings) else "hard negatives"
    return Picture(
        file=file,
        title="At which rank the first right document comes",
        text="The curve is the share of queries that find a right document within so many; the gap between the two is "
        f"what {dear} cost. {shares}{'.' if shares else ''}".strip(),
        alt="Cumulative share of queries by the rank of their best right document, and by group of queries",
    )


def _tell_importance(findings: EmbeddingsFindings, file: str) -> Picture:
    effects = findings.importance.effects if findings.importance else ()
    return Picture(
        file=file,
        title="What a wrong detail costs",
        text="The farther right a dot, the farther away a document moves that is wrong in this; at 0 the mistake is not"
        " seen at all. Beside it, how often such a document is as near as the right one, and the declared weight.",
        alt=f"Effect of {count(len(effects), 'type')} of mistakes on the cosine, with intervals",
    )


def _tell_clusters(findings: EmbeddingsFindings, file: str) -> Picture:
    return Picture(
        file=file,
        title="Where the values of an attribute lie",
        text="How pure the neighborhoods of each value are, against chance, and how far the centers of two values lie "
        "apart: values side by side in the matrix are the ones that are taken for each other.",
        alt=f"Purity and center distances of {count(len(findings.places), 'attribute')}",
    )


def _tell_response(findings: EmbeddingsFindings, file: str) -> Picture:
    names = " and ".join(curve.attribute for curve in findings.responses)
    return Picture(
        file=file,
        title="How the cosine answers to numbers",
        text="Pairs of documents alike in every other known attribute: a curve that falls answers, a flat one does not "
        "look, and where it rises again documents are confused that differ more.",
        alt=f"Mean cosine against the difference in {names or 'a number'}, with 95 % bands",
    )


def _tell_top(findings: EmbeddingsFindings, file: str) -> Picture:
    kinds = " and ".join(dict.fromkeys(each.kind for each in findings.examples)) or "typical and worst"
    return Picture(
        file=file,
        title="What some queries find first",
        text=f"Each bar is a document, marked right or wrong, for {kinds} queries. {_describe_worst(findings)}",
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


STORIES: Mapping[str, Callable[[EmbeddingsFindings, str], Picture]] = {
    "tsne_projection": _tell_tsne,
    "umap_projection": _tell_umap,
    "similarity_heatmap": _tell_heatmap,
    "similarity_distribution": _tell_distribution,
    "retrieval_ranks": _tell_ranks,
    "feature_importance": _tell_importance,
    "attribute_clusters": _tell_clusters,
    "attribute_response": _tell_response,
    "top_k_predictions": _tell_top,
}
"""Name of a picture -> what to see on it."""
