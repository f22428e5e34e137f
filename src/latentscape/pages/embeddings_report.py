"""The report of the embeddings study: the answers first, then the evidence, from the numbers alone."""

from collections.abc import Iterable, Mapping, Sequence
from functools import partial

from latentscape.figures.rank_words import find_others
from latentscape.figures.receipt_words import list_receipt
from latentscape.figures.words import say_share
from latentscape.findings import EmbeddingsFindings
from latentscape.measures.scales import Check, describe_separation
from latentscape.pages import embeddings_lists as lists
from latentscape.pages import embeddings_tables as tables
from latentscape.pages.advice import tell_improvements
from latentscape.pages.embeddings_conclusion import conclude_embeddings
from latentscape.pages.embeddings_improve import list_advice, list_withheld
from latentscape.pages.embeddings_pictures import name_pages, tell_stories
from latentscape.pages.embeddings_summary import summarize_to_paste
from latentscape.pages.report import (
    Block,
    Checklist,
    Notes,
    Picture,
    Report,
    Section,
    collect_definitions,
)
from latentscape.pages.report_parts import (
    describe_model,
    gather,
    link_pages,
    name_map,
    tabulate_others,
    tabulate_trust,
    tell_pictures,
)
from latentscape.pages.spelled import tabulate_spelled
from latentscape.pages.words import count

BESIDE = frozenset(
    {
        "similarity_distribution",
        "retrieval_ranks",
        "feature_importance",
        "attribute_clusters",
        "attribute_response",
        "top_k_predictions",
    }
)
"""Pictures that stand beside the numbers they show; the others come together."""


def describe_embeddings(findings: EmbeddingsFindings, figures: Sequence[str], checks: Sequence[Check]) -> Report:
    """Everything worth telling about an embeddings study.

    `figures` are the files written beside the report, `checks` the readiness checklist.
    """
    show = partial(_show, tell_stories(findings, figures))
    sections = (
        Section(heading="Conclusion", blocks=conclude_embeddings(findings, checks)),
        *gather("Improve next", tell_improvements(list_advice(findings), list_withheld(findings))),
        Section(heading="Key metrics", blocks=tuple(_tell_key(findings))),
        *gather("Negatives", [*show("similarity_distribution"), *tables.tabulate_populations(findings.scores)]),
        *gather("Ranks", [*show("retrieval_ranks"), *_tell_ranks(findings)]),
        *gather("Minimal pairs", [*show("feature_importance"), *tables.tabulate_types(findings)]),
        *gather("Attributes", _tell_attributes(findings, show)),
        *gather("Geometry", tables.tabulate_geometry(findings.geometry)),
        *gather("Data defects", lists.tell_defects(findings)),
        *gather("Worst queries", [*show("top_k_predictions"), *lists.tabulate_worst(findings)]),
        *gather("Readiness", [Checklist(title="The published checklist", checks=tuple(checks))] if checks else []),
        *gather("Visual analysis", _show_maps(findings, figures)),
        *gather("Ids on the pictures", tabulate_spelled(findings)),
        describe_model(findings.model, findings.accounting, data=_describe_data(findings)),
        Section(heading="Summary to paste", blocks=(Notes(lines=summarize_to_paste(findings, checks)),)),
    )
    return Report(
        title=_write_title(findings),
        sections=sections,
        stamps=findings.model.stamps,
        definitions=collect_definitions(sections),
        foot=tuple(list_receipt(findings.model)),
    )


def _show(stories: Mapping[str, Picture], stem: str) -> list[Picture]:
    """The picture of that name, where it was written."""
    return [stories[stem]] if stem in stories else []


def _write_title(findings: EmbeddingsFindings) -> str:
    hit, separation = findings.scores.get("hit_at_1"), findings.scores.get("separation")
    if not findings.is_trained:
        n = count(len(findings.queries), "query", "queries")
        return f"What the pairs are like before training: {n}, {count(len(findings.documents), 'document')}"
    if hit is None or hit.value is None:
        return "What the retriever's vectors show"
    told = f"A right document comes first for {say_share(hit.value)} of {count(hit.n, 'query', 'queries')}"
    if separation is None or separation.value is None:
        return told
    return f"{told}; the separation of {separation.value:.2f}σ is {describe_separation(separation.value)}"


def _describe_data(findings: EmbeddingsFindings) -> str:
    n_hard_only = int((findings.document_kinds == 2).sum())
    n_right, n_hard = (sum(len(row) for row in rows) for rows in (findings.relevant, findings.hard_negatives))
    could_be = findings.model.n_tensors_total and not findings.train_compared
    compared = " No training file was compared." if could_be else ""
    n_others = find_others(findings)
    others = f" and {n_others:,} neither right nor declared wrong for any query" if n_others else ""
    return (
        f"{count(len(findings.queries), 'query', 'queries')} and {count(len(findings.documents), 'document')}, "
        f"{n_hard_only:,} of them only ever hard negatives{others}; {count(n_right, 'right pair')} and "
        f"{count(n_hard, 'declared hard negative')}. Equal texts are one document.{compared}"
    )


def _tell_key(findings: EmbeddingsFindings) -> Iterable[Block]:
    yield from tables.tabulate_key(findings)
    yield from tabulate_others(findings.scores, tables.list_told(findings.scores))


def _tell_ranks(findings: EmbeddingsFindings) -> Iterable[Block]:
    yield from tables.tabulate_ranks(findings)
    yield from tables.tabulate_groups(findings.groups)


def _tell_attributes(findings: EmbeddingsFindings, show: partial[list[Picture]]) -> Iterable[Block]:
    yield from tables.tabulate_coverage(findings.attributes)
    yield from show("attribute_clusters")
    yield from tables.tabulate_places(findings.places)
    yield from show("attribute_response")
    yield from tables.tabulate_responses(findings.responses)
    yield from tables.note_unmeasured(findings)


def _show_maps(findings: EmbeddingsFindings, figures: Sequence[str]) -> Iterable[Block]:
    """The maps and the heatmap, the pages behind them, how far to trust them, and pictures nobody else tells."""
    stories = tell_stories(findings, figures)
    beside = {story.file for stem, story in stories.items() if stem in BESIDE}
    rest = [file for file in figures if file not in beside]
    yield from tell_pictures(rest, {stem: story for stem, story in stories.items() if story.file not in beside})
    yield from link_pages(rest, name_pages(findings))
    yield from tabulate_trust({name_map("embeddings", method): drawn for method, drawn in findings.maps.items()})
