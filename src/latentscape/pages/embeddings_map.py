"""The interactive map of a retriever's queries and documents."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Int

from latentscape.figures.pair_maps import KIND_MARKERS, KIND_NAMES
from latentscape.figures.style import Style
from latentscape.figures.words import say_method
from latentscape.findings import EmbeddingsFindings
from latentscape.pages.escape import wrap_hover
from latentscape.pages.map_page import Cloud, MapPage, Switch, SwitchGroup, render_map_page
from latentscape.pages.map_words import describe_map, describe_origin, describe_size, explain_trust, pick
from latentscape.pages.symbols import CIRCLE, LINE, SYMBOLS
from latentscape.pages.words import count
from latentscape.shapes import Flags

KIND_SYMBOLS = tuple(SYMBOLS[marker] for marker in KIND_MARKERS)


def render_embeddings_map(findings: EmbeddingsFindings, *, method: str, style: Style) -> str:
    """The page of one map of queries and documents, with thin lines from each query to its right documents.

    Raises UsageError if there is no map by that method.
    """
    drawn = pick(findings.maps, method, what="map")
    missed = findings.ranking.best_rank != 1
    n, n_asked = len(findings.kinds), int((findings.ranking.best_rank > 0).sum())
    return render_map_page(
        MapPage(
            title=f"embeddings · {say_method(method)} · {describe_size(n, drawn)}",
            headline=f"Queries and documents, drawn by {say_method(method)}",
            caption="Each point is one text, placed so that texts with similar embeddings lie close together; a line "
            f"joins a query to its right documents. {explain_trust(drawn, source='the embeddings')}",
            facts={
                **describe_map(n, drawn),
                "right document first": f"{int((~missed).sum()):,} of {count(n_asked, 'query', 'queries')}",
            },
            footnote=describe_origin(findings.model, drawn),
            file_stem=f"{method}_embeddings",
            xy=drawn.latent_map.xy,
            hovers=[*_describe_queries(findings), *_describe_documents(findings)],
            clouds=_group_texts(findings, missed, style),
            legend=_embeddings_legend(findings, missed, style),
            links=_join_right_documents(findings),
            stamps=findings.model.stamps,
            notice=drawn.latent_map.notice,
        )
    )


def _describe_queries(findings: EmbeddingsFindings) -> list[str]:
    return [_describe_query(findings, query) for query in range(len(findings.queries))]


def _describe_query(findings: EmbeddingsFindings, query: int) -> str:
    rank, first = int(findings.ranking.best_rank[query]), int(findings.ranking.top[query, 0])
    lines = [f"<b>query {query}</b>", wrap_hover(findings.queries[query])]
    if rank == 1:
        return "<br>".join([*lines, "a right document comes first"])
    verdict = f"best right document at rank {rank}" if rank else "has no right document"
    return "<br>".join([*lines, f"{verdict}; first comes:", wrap_hover(findings.documents[first])])


def _describe_documents(findings: EmbeddingsFindings) -> list[str]:
    n = len(findings.documents)
    right, hard = _count_uses(findings.relevant, n=n), _count_uses(findings.hard_negatives, n=n)
    return [
        f"<b>document {i}</b><br>{wrap_hover(findings.documents[i])}<br>"
        f"right for {count(int(right[i]), 'query', 'queries')}, hard negative of {int(hard[i])}"
        for i in range(n)
    ]


def _count_uses(lists: Sequence[Int[np.ndarray, "_"]], *, n: int) -> Int[np.ndarray, " document"]:
    return np.bincount(np.concatenate([np.zeros(0, dtype=int), *lists]), minlength=n)


def _group_texts(findings: EmbeddingsFindings, missed: Flags, style: Style) -> list[Cloud]:
    """Documents first, queries over them."""
    kinds = findings.kinds
    documents = [
        Cloud(
            rows=np.flatnonzero(kinds == kind),
            needs=(f"kind:{kind}",),
            color=style.kind_colors[kind],
            symbol=KIND_SYMBOLS[kind],
        )
        for kind in (2, 1)
    ]
    queries = [
        Cloud(
            rows=np.flatnonzero(missed == is_missed),
            needs=("kind:0", "missed" if is_missed else "first"),
            color=style.kind_colors[0],
            symbol=KIND_SYMBOLS[0],
            is_open=is_missed,
        )
        for is_missed in (False, True)
    ]
    return [*documents, *queries]


def _embeddings_legend(findings: EmbeddingsFindings, missed: Flags, style: Style) -> list[SwitchGroup]:
    kinds, links = findings.kinds, _join_right_documents(findings)
    shown = [
        Switch(
            key=f"kind:{kind}",
            label=name,
            count=int((kinds == kind).sum()),
            path=KIND_SYMBOLS[kind].path,
            color=style.kind_colors[kind],
        )
        for kind, name in enumerate(KIND_NAMES)
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
        SwitchGroup(title="Lines", switches=(lines,)),
    ]


def _join_right_documents(findings: EmbeddingsFindings) -> list[tuple[int, int]]:
    n = len(findings.queries)
    return [(query, n + int(document)) for query, right in enumerate(findings.relevant) for document in right]
