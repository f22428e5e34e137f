"""Scores of a run in the words of its pictures."""

from collections.abc import Iterable, Mapping

from latentscape.exploration import Metric
from latentscape.exploring.source import Source
from latentscape.figures.comparison_words import capitalize, say_score_name, say_sure_value
from latentscape.measures.score import Score

FRAMES = (
    "Each point is one {sample}, placed so that {samples} which the layer takes for alike lie close together. Only "
    "near and far mean anything: axes have no units, and distances between far groups say little."
)
NEAR = "Neighbors in the list are those in the layer's own space, not those on the map."

NAMES = {"auc": "AUC"}
ABOUT = {
    "accuracy": "The share of samples that are predicted right",
    "balanced_accuracy": "The mean recall of the classes",
    "margin": "Mean cosine of right pairs less that of all wrong pairs",
    "separation": "The margin in pooled standard deviations of the two kinds of cosines",
    "margin_hard": "Mean cosine of right pairs less that of declared hard negatives",
    "margin_mined": "Mean cosine of right pairs less that of the most similar wrong document",
    "mrr": "The mean of 1 / rank of the best right document",
    "hit_at_1": "The share of queries whose first document is a right one",
    "recall_at_5": "The share of right documents among the first 5",
    "recall_at_10": "The share of right documents among the first 10",
    "ndcg_at_10": "How far up the right documents stand among the first 10; 1 is best",
    "auc": "The probability that a right pair has a higher cosine than a wrong one",
    "positive_mean": "The mean cosine of a query and a right document",
    "negative_mean": "The mean cosine of a query and a wrong document",
    "negative_mean_hard": "The mean cosine of a query and a declared hard negative",
    "neighbor_recall": "The mean share of a sample's nearest neighbors that the map keeps",
    "laid_out_recall": "The same share, of the samples that the method laid out",
    "placed_recall": "The same share, of the samples that were placed beside those laid out",
    "trustworthiness": "1 where what is near on the map is near in the features",
    "continuity": "1 where what is near in the features is near on the map",
    "shepard_spearman": "The rank correlation of distances in the features and on the map",
    "triplet_accuracy": "How often the map says rightly which of two samples is nearer to a third",
    "stability": "How well maps of other random seeds agree with one another",
}

SHARES = ("accuracy", "chance_accuracy", "balanced_accuracy", "calibration_error", "recall_", "hit_")
"""Beginnings of the names of scores that are said as percentages here."""


def list_metrics(source: Source, names: Mapping[str, tuple[str, str]] | Iterable[str]) -> tuple[Metric, ...]:
    """Those scores that were measured, under their own names, or the names given with what they mean."""
    told = names if isinstance(names, Mapping) else {name: (name_score(name), ABOUT.get(name, "")) for name in names}
    scores = [(*words, name, source.read_score(name)) for name, words in told.items()]
    return tuple(
        Metric(name=title, value=_say(name, score), detail=f"n = {score.n:,}", about=about)
        for title, about, name, score in scores
        if score is not None
    )


def name_score(name: str) -> str:
    """The name of a score at the beginning of a line."""
    return NAMES.get(name) or capitalize(say_score_name(name))


def _say(name: str, score: Score) -> str:
    return say_sure_value(SHARES[0] if name.startswith(SHARES) else name, score)


def read_headline(source: Source, otherwise: str) -> str:
    """The finding as the study itself told it; runs of earlier versions did not keep it."""
    told = source.manifest.get("headline")
    return told if isinstance(told, str) and told.strip() else otherwise


def explain_map(noun: tuple[str, str]) -> tuple[str, ...]:
    """How to read the page."""
    return FRAMES.format(sample=noun[0], samples=noun[1]), NEAR
