"""The tables of the embeddings report: populations of negatives, ranks, types of mistakes, attributes, the space."""

from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np
from jaxtyping import Float

from latentscape.datasets.attributes import Attribute
from latentscape.figures.rank_words import find_others, say_easier
from latentscape.figures.words import say_method, say_number, say_share
from latentscape.findings import EmbeddingsFindings
from latentscape.measures.attribute_places import AttributePlaces
from latentscape.measures.group_ranks import GroupRank, GroupRanks
from latentscape.measures.minimal_pairs import TypeEffect
from latentscape.measures.response import ResponseCurve
from latentscape.measures.scales import describe_margin, describe_separation
from latentscape.measures.score import Score
from latentscape.pages.latents_tables import is_chance, say_p, share_cell, value_cell
from latentscape.pages.report import Block, Cell, Notes, Paragraph, ScoreRow, ScoreTable, Table
from latentscape.pages.report_parts import tabulate_scores
from latentscape.pages.words import count, value_with_interval

KEY = {
    "mrr": "MRR: mean of 1 / rank of the best right document",
    "hit_at_1": "Hit@1: a right document comes first",
    "recall_at_10": "Recall@10: right documents among the first 10",
    "positive_mean": "Right pairs: mean cosine",
    "negative_mean": "All other pairs: mean cosine",
    "margin": "Margin: right minus other",
    "separation": "Separation: margin in σ",
    "margin_hard": "Hard margin: right minus hard negative",
    "heatmap_diagonal": "Heatmap rows brightest at a right document",
}
POPULATIONS = {"": "All other documents", "_hard": "Declared hard negatives", "_mined": "Each query's hardest"}
"""Ending of a score's name -> the negatives it is about."""
MEANS = {
    "negative_mean": "Mean",
    "negative_sd": "σ",
    "margin": "Margin",
    "separation": "Separation",
    "d_prime": "d′",
    "margin_over_sds": "Margin / (σ₊ + σ₋)",
}
OVERLAPS = {
    "auc": "AUC",
    "overlap": "Overlap",
    "threshold_fpr_1": "Cosine that 1% reach",
    "tpr_at_fpr_1": "Right pairs that do",
    "threshold_fpr_5": "Cosine that 5% reach",
    "tpr_at_fpr_5": "Right pairs that do",
}
SHARES = frozenset({"overlap", "tpr_at_fpr_1", "tpr_at_fpr_5"})
RANKS = {
    "mrr": "MRR",
    "hit_at_1": "Hit@1",
    "recall_at_1": "Recall@1",
    "recall_at_5": "Recall@5",
    "recall_at_10": "Recall@10",
    "recall_at_50": "Recall@50",
    "ndcg_at_10": "nDCG@10",
    "map": "MAP",
}
CORPORA = {"": "With hard negatives", "_without_hard": "Without hard negatives"}
GEOMETRY = {
    "alignment": "Alignment: mean squared distance of right pairs",
    "uniformity_queries": "Uniformity of queries",
    "uniformity_documents": "Uniformity of documents",
    "query_document_gap": "Gap: distance of the mean query and the mean document",
    "gap_readable": "Share that a line tells apart as query or document",
    "mean_cosine_queries": "Mean cosine of queries (anisotropy)",
    "mean_cosine_documents": "Mean cosine of documents (anisotropy)",
    "effective_rank_queries": "Effective rank of queries",
    "effective_rank_documents": "Effective rank of documents",
    "document_hubness": "Hubness: skewness of how often documents are found",
    "never_found": "Right documents that no query finds among its 10 nearest",
    "head_overlap": "Neighbors kept by the head",
}
FEW_VALUES = 2
"""Attributes of no more values share a table, and have none of their values."""
SCALES: Mapping[str, Callable[[float], str]] = {"margin": describe_margin, "separation": describe_separation}
ELSEWHERE = (
    "difference_", "violation_rate_", "type_effect_", "acts_like_", "weight_agreement", "knn_purity_", "silhouette_",
    "map_purity_", "geography_", "monotonicity_", "group_hit_at_1_", "group_mrr_", "raw_",
)  # fmt: skip
"""How names of scores begin that a table of this page tells by type, attribute or group."""


def tabulate_key(findings: EmbeddingsFindings) -> Iterable[ScoreTable | Table]:
    """The headline numbers, and beside them what the file's rows at their word would give."""
    rows = [
        ScoreRow(label=label, score=score, word=_choose_word(name, score))
        for name, label in KEY.items()
        if (score := findings.scores.get(name)) is not None
    ]
    yield ScoreTable(title="Headline numbers", rows=tuple(rows))
    both = [name for name in KEY if name in findings.scores and name in findings.raw_scores]
    if both:
        yield Table(
            title="What defects of the file would have done to them",
            header=("Score", "As studied", "Every row at its word"),
            rows=tuple(
                (
                    KEY[name],
                    value_cell(findings.scores[name], digits=3),
                    value_cell(findings.raw_scores[name], digits=3),
                )
                for name in both
            ),
            note="At its word: copies are other documents, repeated queries other queries, and only a row's own "
            "positive is right for it.",
        )


def _choose_word(name: str, score: Score) -> str:
    """The published word for a value, empty where there is no scale or no value."""
    return SCALES[name](score.value) if name in SCALES and score.value is not None else ""


def list_told(scores: Mapping[str, Score]) -> list[str]:
    """Names of scores that some table of the report tells."""
    told = {*KEY, *GEOMETRY, "positive_sd"}
    told |= {f"{name}{ending}" for name in (*MEANS, *OVERLAPS) for ending in POPULATIONS}
    told |= {f"{name}{ending}" for name in RANKS for ending in CORPORA}
    return [name for name in scores if name in told or name.startswith(ELSEWHERE)]


def tabulate_populations(scores: Mapping[str, Score]) -> Iterable[ScoreTable | Table]:
    """Right pairs, then the three populations of negatives: means and margins, and how far they overlap."""
    right = {"positive_mean": "Mean cosine", "positive_sd": "Standard deviation"}
    yield tabulate_scores("Right pairs", scores, right)
    yield from _compare("Three populations of negatives: means and margins", scores, MEANS, kinds=POPULATIONS)
    yield from _compare(
        "Three populations of negatives: what a threshold can do", scores, OVERLAPS, kinds=POPULATIONS,
        note="A threshold is the smallest cosine that at most 1% or 5% of the negatives reach.",
    )  # fmt: skip


def tabulate_ranks(findings: EmbeddingsFindings) -> Iterable[Table]:
    """Ranks among all documents, and among those that are right for some query."""
    note = "A wrong document that ties with a right one counts as ahead of it."
    kinds = CORPORA
    if find_others(findings):
        labels = "Among all documents", say_easier(findings).capitalize()
        kinds = dict(zip(CORPORA, labels, strict=True))
    yield from _compare("Ranks of right documents", findings.scores, RANKS, kinds=kinds, note=note)


def _compare(
    title: str, scores: Mapping[str, Score], names: Mapping[str, str], *, kinds: Mapping[str, str], note: str = ""
) -> Iterable[Table]:
    """A row a kind, a column a score; what no kind has is left out."""
    shown = [name for name in names if any(f"{name}{ending}" in scores for ending in kinds)]
    rows = [
        (label, *(_score_cell(scores.get(f"{name}{ending}"), name) for name in shown))
        for ending, label in kinds.items()
        if any(f"{name}{ending}" in scores for name in shown)
    ]
    if rows:
        header = ("", *(names[name] for name in shown))
        yield Table(title=title, header=header, columns=("", *shown), rows=tuple(rows), note=note)


def _score_cell(score: Score | None, name: str) -> Cell:
    if score is None:
        return Cell(text="n/a", faint=True)
    return share_cell(score) if name in SHARES else value_cell(score, digits=3)


def tabulate_groups(groups: Sequence[GroupRanks]) -> Iterable[Table]:
    """For each attribute how often its queries find a right document first, worst first; small ones share a table."""
    yield from _tabulate_pairs([each for each in groups if len(each.groups) <= FEW_VALUES])
    for each in (each for each in groups if len(each.groups) > FEW_VALUES):
        unknown = f" {count(each.n_unknown, 'query has', 'queries have')} no known value." if each.n_unknown else ""
        yield Table(
            title=f"Ranks by {each.attribute}",
            header=(each.attribute[:1].upper() + each.attribute[1:], "Queries", "Hit@1", "MRR", "Against the others"),
            columns=("", "", "hit_at_1", "mrr", ""),
            rows=tuple((group.value, *_group_cells(group)) for group in each.groups),
            note=f"Gray or italic: not detectably different from the other queries.{unknown}",
        )


def _tabulate_pairs(groups: Sequence[GroupRanks]) -> Iterable[Table]:
    """The attributes that part queries in two at most."""
    if groups:
        yield Table(
            title="Ranks by yes or no",
            header=("Attribute", "Value", "Queries", "Hit@1", "MRR", "Against the others"),
            columns=("", "", "", "hit_at_1", "mrr", ""),
            rows=tuple((each.attribute, group.value, *_group_cells(group)) for each in groups for group in each.groups),
            note="Gray or italic: not detectably different from the other queries.",
        )


def _group_cells(group: GroupRank) -> tuple[str | Cell, ...]:
    faint = is_chance(group.p_value)
    return (
        f"{group.hit_at_1.n:,}",
        share_cell(group.hit_at_1, faint=faint),
        value_cell(group.mrr, faint=faint),
        say_p(group.p_value) or "too few to tell",
    )


def tabulate_types(findings: EmbeddingsFindings) -> Iterable[Table | Paragraph]:
    """What each type of mistake costs, in cosines and in units of the declared weights."""
    importance = findings.importance
    if importance is None:
        return
    yield Table(
        header=("Wrong in", "Alone", "Difference", "Violations", "Effect by regression", "Declared", "Acts like"),
        columns=("", "", "difference", "violation_rate", "type_effect", "", "acts_like"),
        rows=tuple(map(_type_row, importance.effects)),
        note="Difference: how much farther than the right document such a negative is. Violations: how many are not "
        "farther at all. Effect: the same difference with all types of a negative counted at once.",
    )
    agreement = importance.agreement
    if agreement.value is None:
        text = f"Whether types act in the order of their declared weights can't be said: {agreement.reason}."
    else:
        text = f"Rank correlation of effects and declared weights: {value_with_interval(agreement, digits=2)}."
    yield Paragraph(text=text, measures=("weight_agreement",))


def _type_row(effect: TypeEffect) -> tuple[str | Cell, ...]:
    return (
        effect.type,
        f"{effect.n_alone:,} of {effect.n:,}",
        value_cell(effect.difference, digits=3),
        share_cell(effect.violations),
        value_cell(effect.effect, digits=3),
        "not declared" if effect.declared is None else f"{effect.declared:g}",
        Cell(text="") if effect.acts_like is None else value_cell(effect.acts_like),
    )


def tabulate_coverage(attributes: Sequence[Attribute]) -> Iterable[Table]:
    """Of how many queries and documents each attribute is known, and where from."""
    if attributes:
        yield Table(
            title="What is known of queries and documents",
            header=("Attribute", "Kind", "Queries", "Documents", "Read from", "Types wrong in it"),
            columns=("",) * 6,
            rows=tuple(
                (
                    each.name,
                    count(len(each.values), "value") if each.kind == "category" else f"number {each.unit}".strip(),
                    _say_known(each.queries, each.query_coverage),
                    _say_known(each.documents, each.document_coverage),
                    each.source,
                    ", ".join(each.types),
                )
                for each in attributes
            ),
        )


def _say_known(values: Float[np.ndarray, " item"], coverage: float) -> str:
    return f"{say_share(coverage)} of {len(values):,}"


def tabulate_places(places: Sequence[AttributePlaces]) -> Iterable[Table]:
    """Whether documents that share a value lie together, against chance; then the values of each attribute."""
    if not places:
        return
    methods = list(dict.fromkeys(method for each in places for method in each.map_purity))
    has_geography = any(each.geography is not None for each in places)
    yield Table(
        title="Do documents that share a value lie together?",
        header=(
            "Attribute", "Neighbors that share it", "By chance", "Silhouette",
            *(f"On the map by {say_method(method)}" for method in methods),
            *(["Against the distances given"] if has_geography else []),
        ),
        columns=("", "knn_purity", "", "silhouette", *("map_purity" for _ in methods), "geography"),
        rows=tuple(_place_row(each, methods, has_geography=has_geography) for each in places),
        note="Gray or italic: not detectably more than by chance.",
    )  # fmt: skip
    yield from (_tabulate_values(each) for each in places if len(each.values) > FEW_VALUES)


def _place_row(places: AttributePlaces, methods: Sequence[str], *, has_geography: bool) -> tuple[str | Cell, ...]:
    geography = Cell(text="")
    if places.geography is not None:
        p = places.geography_p
        geography = value_cell(places.geography, note=say_p(p), faint=is_chance(p))
    on_maps = (places.map_purity.get(method) for method in methods)
    return (
        places.attribute,
        share_cell(places.purity, note=say_p(places.p_value), faint=is_chance(places.p_value)),
        say_share(places.chance),
        value_cell(places.silhouette),
        *(Cell(text="") if score is None else share_cell(score) for score in on_maps),
        *([geography] if has_geography else []),
    )


def _tabulate_values(places: AttributePlaces) -> Table:
    return Table(
        title=f"Values of {places.attribute}",
        header=("Value", "Documents", "Neighbors that share it", "Nearest other value"),
        columns=("", "", "value_purity", ""),
        rows=tuple((each.value, f"{each.n:,}", share_cell(each.purity), each.nearest) for each in places.values),
    )


def tabulate_responses(responses: Sequence[ResponseCurve]) -> Iterable[Table]:
    """How the cosine answers to each number, and the curve behind it."""
    if not responses:
        return
    yield Table(
        title="Does the cosine answer to numbers?",
        header=("Number", "Pairs", "Documents", "Answer (τ)", "No further fall from", "Breaks at"),
        columns=("", "", "", "monotonicity", "", ""),
        rows=tuple(map(_response_row, responses)),
        note="Pairs of documents alike in every other known attribute. τ is −1 where the cosine falls all the way.",
    )
    yield from map(_tabulate_curve, responses)


def _response_row(curve: ResponseCurve) -> tuple[str | Cell, ...]:
    unit = f" {curve.unit}" if curve.unit else ""
    breaks = [say_number(float(curve.difference[place]), digits=1) for place in curve.breaks]
    return (
        curve.attribute,
        f"{curve.monotonicity.n:,}",
        f"{curve.n_documents:,}",
        value_cell(curve.monotonicity),
        _say_flat(curve, unit),
        f"{', '.join(breaks)}{unit}" if breaks else "nowhere",
    )


def _say_flat(curve: ResponseCurve, unit: str) -> str:
    """From which difference on the curve falls no more."""
    if curve.flat_from is None:
        return "falls to its end"
    if curve.flat_from <= float(curve.difference.min(initial=np.inf)):
        return "never falls"
    return f"{say_number(curve.flat_from, digits=1)}{unit}"


def _tabulate_curve(curve: ResponseCurve) -> Table:
    columns = (curve.difference, curve.similarity, curve.low, curve.high, curve.n)
    return Table(
        title=f"Cosine against the difference in {curve.attribute}",
        header=(f"Difference, {curve.unit}" if curve.unit else "Difference", "Mean cosine", "Pairs"),
        rows=tuple(
            (
                say_number(float(apart)),
                Cell(text=say_number(float(cosine), digits=3), notes=_say_band(float(low), float(high))),
                f"{int(n):,}",
            )
            for apart, cosine, low, high, n in zip(*columns, strict=True)
        ),
    )


def _say_band(low: float, high: float) -> tuple[str, ...]:
    known = np.isfinite([low, high]).all()
    return (f"[{say_number(low, digits=3)}, {say_number(high, digits=3)}]",) if known else ()


def tabulate_geometry(geometry: Mapping[str, Score]) -> Iterable[ScoreTable]:
    """The shape of the space that queries and documents share."""
    if geometry:
        yield tabulate_scores("The space", geometry, GEOMETRY)


def note_unmeasured(findings: EmbeddingsFindings) -> Iterable[Block]:
    """What was asked for and could not be measured."""
    if findings.unmeasured:
        lines = tuple(f"{what[:1].upper()}{what[1:]}: {why}." for what, why in findings.unmeasured.items())
        yield Notes(title="Not measured", lines=lines)
