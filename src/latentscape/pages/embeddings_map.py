"""The interactive map of a retriever's queries and documents."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Int

from latentscape.figures.pair_maps import KIND_MARKERS, KIND_NAMES, color_kinds
from latentscape.figures.receipt_words import list_receipt
from latentscape.figures.style import Style
from latentscape.figures.trust_marks import choose_faint
from latentscape.figures.words import say_method
from latentscape.findings import DrawnMap, EmbeddingsFindings
from latentscape.pages.escape import wrap_hover
from latentscape.pages.map_page import Cloud, MapPage, Switch, SwitchGroup, render_map_page
from latentscape.pages.map_words import (
    describe_map,
    describe_origin,
    describe_size,
    describe_trust_here,
    explain_trust,
    pick,
    warn_of_low_trust,
)
from latentscape.pages.page_sample import choose_points, say_choice
from latentscape.pages.symbols import CIRCLE, LINE, SYMBOLS
from latentscape.pages.trust_switch import explain_marks, switch_trust
from latentscape.pages.words import count
from latentscape.shapes import Flags, Rows

KIND_SYMBOLS = tuple(SYMBOLS[marker] for marker in KIND_MARKERS)


def render_embeddings_map(findings: EmbeddingsFindings, *, method: str, style: Style) -> str:
    """The page of one map of queries and documents, with thin lines from each query to its right documents.

    Raises UsageError if there is no map by that method.
    """
    drawn = pick(findings.maps, method, what="map")
    missed, shown = findings.ranking.best_rank != 1, choose_points(findings.kinds)
    n, n_asked = len(findings.kinds), int((findings.ranking.best_rank > 0).sum())
    hovers = [*_describe_queries(findings, drawn), *_describe_documents(findings, drawn)]
    caption = [
        "Each point is one text, placed so that texts with similar embeddings lie close together; a line "
        "joins a query to its right documents.",
        explain_trust(drawn, source="the embeddings"),
        explain_marks(drawn.trust, style),
        say_choice(len(shown), n, groups="kind"),
    ]
    return render_map_page(
        MapPage(
            title=f"embeddings · {say_method(method)} · {describe_size(n, drawn)}",
            headline=f"Queries and documents, drawn by {say_method(method)}{warn_of_low_trust(drawn)}",
            caption=" ".join(sentence for sentence in caption if sentence),
            facts={
                **describe_map(n, drawn),
                "right document first": f"{int((~missed).sum()):,} of {count(n_asked, 'query', 'queries')}",
            },
            footnote=describe_origin(findings.model, drawn),
            foot=list_receipt(findings.model),
            file_stem=f"{method}_embeddings",
            xy=drawn.latent_map.xy[shown],
            hovers=[hovers[row] for row in shown],
            clouds=_group_texts(findings, shown, faint=choose_faint(drawn.trust, style), style=style),
            legend=_embeddings_legend(findings, missed, drawn, style=style),
            links=_keep_shown(_join_right_documents(findings), shown, n=n),
            stamps=findings.model.stamps,
            notice=drawn.latent_map.notice,
        )
    )


def _describe_queries(findings: EmbeddingsFindings, drawn: DrawnMap) -> list[str]:
    return [
        "<br>".join([_describe_query(findings, query), *describe_trust_here(drawn, query)])
        for query in range(len(findings.queries))
    ]


def _describe_query(findings: EmbeddingsFindings, query: int) -> str:
    rank, first = int(findings.ranking.best_rank[query]), int(findings.ranking.top[query, 0])
    lines = [f"<b>query {query}</b>", wrap_hover(findings.queries[query])]
    if rank == 1:
        return "<br>".join([*lines, "a right document comes first"])
    verdict = f"best right document at rank {rank}" if rank else "has no right document"
    return "<br>".join([*lines, f"{verdict}; first comes:", wrap_hover(findings.documents[first])])


def _describe_documents(findings: EmbeddingsFindings, drawn: DrawnMap) -> list[str]:
    n, first = len(findings.documents), len(findings.queries)
    right, hard = _count_uses(findings.relevant, n=n), _count_uses(findings.hard_negatives, n=n)
    return [
        "<br>".join(
            [
                f"<b>document {i}</b><br>{wrap_hover(findings.documents[i])}",
                f"right for {count(int(right[i]), 'query', 'queries')}, hard negative of {int(hard[i])}",
                *describe_trust_here(drawn, first + i),
            ]
        )
        for i in range(n)
    ]


def _count_uses(lists: Sequence[Int[np.ndarray, "_"]], *, n: int) -> Int[np.ndarray, " document"]:
    return np.bincount(np.concatenate([np.zeros(0, dtype=int), *lists]), minlength=n)


def _group_texts(findings: EmbeddingsFindings, shown: Rows, *, faint: Flags, style: Style) -> list[Cloud]:
    """Documents first, queries over them, missed ones on top; in each the faint ones first."""
    kinds, faint = findings.kinds[shown], faint[shown]
    ranks = np.concatenate([findings.ranking.best_rank, np.ones(len(findings.documents), dtype=int)])
    missed, looks = ranks[shown] != 1, ((3, False), (2, False), (1, False), (0, False), (0, True))
    return [
        Cloud(
            rows=rows,
            needs=(f"kind:{kind}", *(() if kind else ("missed" if is_missed else "first",))),
            color=color_kinds(style)[kind],
            symbol=KIND_SYMBOLS[kind],
            is_open=is_missed,
            is_faint=is_faint,
        )
        for kind, is_missed in looks
        for is_faint in (True, False)
        if len(rows := np.flatnonzero((kinds == kind) & (missed == is_missed) & (faint == is_faint)))
    ]


def _embeddings_legend(
    findings: EmbeddingsFindings, missed: Flags, drawn: DrawnMap, *, style: Style
) -> list[SwitchGroup]:
    kinds, links = findings.kinds, _join_right_documents(findings)
    shown = [
        Switch(
            key=f"kind:{kind}",
            label=name,
            count=int((kinds == kind).sum()),
            path=KIND_SYMBOLS[kind].path,
            color=color_kinds(style)[kind],
        )
        for kind, name in enumerate(KIND_NAMES)
        if kind < 3 or (kinds == kind).any()
    ]
    blue = style.kind_colors[0]
    outcomes = [
        Switch(key="first", label="right document first", count=int((~missed).sum()), path=CIRCLE.path, color=blue),
        Switch(key="missed", label="not first", count=int(missed.sum()), path=CIRCLE.path, color=blue, is_open=True),
    ]
    lines = Switch(key="links", label="query to right document", count=len(links), path=LINE, is_open=True)
    return [
        SwitchGroup(title="Kind", switches=tuple(shown)),
        SwitchGroup(title="Queries", switches=tuple(outcomes)),
        switch_trust(drawn.trust, style),
        SwitchGroup(title="Lines", switches=(lines,)),
    ]


def _join_right_documents(findings: EmbeddingsFindings) -> list[tuple[int, int]]:
    n = len(findings.queries)
    return [(query, n + int(document)) for query, right in enumerate(findings.relevant) for document in right]


def _keep_shown(links: list[tuple[int, int]], shown: Rows, *, n: int) -> list[tuple[int, int]]:
    """The links with both ends on the page, by the place of their ends there."""
    place = np.full(n, -1)
    place[shown] = np.arange(len(shown))
    ends = [(int(place[query]), int(place[document])) for query, document in links]
    return [(query, document) for query, document in ends if query >= 0 and document >= 0]
