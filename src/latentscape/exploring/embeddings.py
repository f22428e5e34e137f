"""A run of the embeddings study -> its exploration."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from jaxtyping import Float

from latentscape.exploration import Answer, Category, Column, Exploration, NeighborLists, Numbers, Texts
from latentscape.exploring.cards import read_card, tell_left_out, tell_weights
from latentscape.exploring.frames import Place, list_maps, read_frames
from latentscape.exploring.near import read_near
from latentscape.exploring.retrieval import Retrieved, read_retrieved
from latentscape.exploring.source import SAMPLES, Source
from latentscape.exploring.words import explain_map, list_metrics, read_headline
from latentscape.figures.words import say_share
from latentscape.findings import ModelCard

NOUN, QUERIES = ("text", "texts"), ("query", "queries")
KINDS = ("query", "positive", "hard_negative", "other")
GRAY = "#8a8f98"
"""Documents that are neither right nor declared wrong, on light and dark paper."""
ATTRIBUTE = "attribute_"
SHOWN = (
    "margin", "separation", "margin_hard", "margin_mined", "mrr", "hit_at_1", "recall_at_5", "recall_at_10",
    "ndcg_at_10", "auc", "positive_mean", "negative_mean", "negative_mean_hard",
)  # fmt: skip
SHARED = "Queries and documents share the map; the lists show what the retriever would answer."
DERIVED = ("right_similarity", "hardest_similarity", "margin")
CORRECT = "Whether the first document is a right one"
RANK = "Where the best right document stands among all documents; 1 is first"
FIRST = "first_document"
DOCUMENTS = "no query"
"""What texts are called that nothing was asked of."""


def explore_embeddings(source: Source) -> Exploration:
    """How a retriever places queries, right documents and hard negatives, and what it gives for each query."""
    card, kind = read_card(source, source.manifest.get("model")), color_kinds(source)
    n_queries, layers = _count_queries(source, kind), source.read_names("layers")
    places = [Place(name=name, layer=name[len(way) + 1 :], method=way) for name, way in list_maps(source.names)]
    main = next((layer for layer in layers if any(place.layer == layer for place in places)), places[0].layer)
    retrieved = read_retrieved(source, n_queries=n_queries, layer=main)
    near = [read_near(source, layer) for layer in dict.fromkeys(place.layer for place in places)]
    columns = _list_columns(source, kind, retrieved, n_queries=n_queries)
    worst = next(key for key in ("margin", "rank") if any(column.key == key for column in columns))
    return Exploration(
        study="embeddings",
        title=f"{card.name} · {n_queries:,} {QUERIES[n_queries > 1]}, {source.n - n_queries:,} documents",
        headline=read_headline(source, _say_finding(source)),
        n=source.n,
        ids=tuple(value or "" for value in source.take_texts("id")),
        columns=columns,
        frames=read_frames(source, places, main=main),
        answers=(Answer(correct="correct", worst=worst),),
        color="kind",
        neighbors=tuple(each for each in near if isinstance(each, NeighborLists)),
        ranked=retrieved.ranked,
        metrics=list_metrics(source, SHOWN),
        facts=_tell_facts(source, card, n_queries=n_queries, layers=layers),
        stamps=card.stamps,
        captions=(*explain_map(NOUN), SHARED),
        foot=tuple(filter(None, [*tell_weights([card]), tell_left_out(source, QUERIES)])),
    )


def color_kinds(source: Source, *, values: Sequence[str] = KINDS) -> Category:
    """What each text is, in the colors of the pictures."""
    kind = source.make_category("kind", "Kind", values=values)
    if isinstance(kind, Texts):
        raise source.damaged(f"`kind` in {SAMPLES} has too many values")
    colors = (*source.style.kind_colors, GRAY)
    more = tuple(source.style.class_color(name, number) for number, name in enumerate(kind.values))[len(colors) :]
    shown = tuple(name.replace("_", " ") for name in kind.values)
    return replace(kind, values=shown, colors=(*colors, *more))


def _count_queries(source: Source, kind: Category) -> int:
    """How many rows are queries: they come first, and documents follow."""
    n = int((kind.codes == 0).sum())
    if not 0 < n < source.n or (kind.codes[:n] != 0).any():
        raise source.damaged(f"{SAMPLES} is not queries first, then documents", f"{n} of {source.n} are queries")
    return n


def _list_columns(source: Source, kind: Category, found: Retrieved, *, n_queries: int) -> tuple[Column, ...]:
    columns: list[Column] = [
        kind,
        Texts(key="text", title="Text", values=source.take_texts("text")),
        source.make_outcomes("correct", "Answer", about=CORRECT, absent=DOCUMENTS),
        rank_numbers(source, "rank", "Rank"),
        *_list_margins(source, found, n_queries=n_queries),
        source.make_numbers("top_similarity", "Cosine, first", about="Cosine of the query and the first document"),
        *_tell_first(source, found),
    ]
    columns += [
        make_attribute(source, name, name.removeprefix(ATTRIBUTE))
        for name in source.names
        if name.startswith(ATTRIBUTE) and source.table.column(name).null_count < source.n
    ]
    return tuple(columns)


def make_attribute(source: Source, name: str, title: str) -> Column:
    """An attribute as what its values are: numbers, or few words."""
    column = source.table.column(name)
    if column.type in ("double", "float", "int64", "int32"):
        return source.make_numbers(name, title)
    return source.make_category(name, title)


def rank_numbers(source: Source, name: str, title: str) -> Numbers:
    """Ranks, from 1; a query without a right document has none."""
    ranks = source.take_numbers(name)
    return Numbers(key=name, title=title, values=np.where(ranks > 0, ranks, np.nan), worst="high", about=RANK)


def _tell_first(source: Source, found: Retrieved) -> list[Column]:
    """The text of the document that each query finds first."""
    if found.ranked is None or not found.ranked.rows.shape[1]:
        return []
    texts, first = source.take_texts("text"), found.ranked.rows[:, 0]
    told: list[str | None] = [None] * source.n
    for query, row in zip(found.ranked.queries.tolist(), first.tolist(), strict=True):
        told[query] = texts[row] if row >= 0 else None
    return [Texts(key=FIRST, title="First document", values=tuple(told), is_own=False)]


def _list_margins(source: Source, found: Retrieved, *, n_queries: int) -> list[Column]:
    """How much more similar the best right document is than the best wrong one."""
    right, hardest = (
        source.take_numbers(name) if name in source.names else _spread(values, source.n)
        for name, values in zip(DERIVED[:2], (found.right, found.hardest), strict=True)
    )
    if right is None or hardest is None:
        return []
    return [
        Numbers(
            key=DERIVED[2],
            title="Margin",
            values=right - hardest,
            worst="low",
            about="Cosine of the best right document less that of the best wrong one; below 0 a wrong one comes first",
        ),
        Numbers(
            key=DERIVED[0],
            title="Cosine, right",
            values=right,
            worst="low",
            about="Cosine of the query and the best right document",
        ),
        Numbers(
            key=DERIVED[1],
            title="Cosine, wrong",
            values=hardest,
            worst="high",
            about="Cosine of the query and the best wrong document",
        ),
    ]


def _spread(values: Float[np.ndarray, " query"] | None, n: int) -> Float[np.ndarray, " sample"] | None:
    """The values of the queries, NaN for the documents behind them."""
    return None if values is None else np.concatenate([values, np.full(n - len(values), np.nan)])


def _say_finding(source: Source) -> str:
    """What a run of an earlier version found, from its scores."""
    hit = source.read_score("hit_at_1")
    if hit is None or hit.value is None:
        return "What the retriever's vectors show"
    return f"A right document comes first for {say_share(hit.value)} of {hit.n:,} {QUERIES[hit.n > 1]}"


def _tell_facts(source: Source, card: ModelCard, *, n_queries: int, layers: Sequence[str]) -> dict[str, str]:
    facts = {
        "model": card.name,
        "checkpoint": card.checkpoint,
        "queries": f"{n_queries:,}",
        "documents": f"{source.n - n_queries:,}",
        "layers": ", ".join(layers),
    }
    return {name: value for name, value in facts.items() if value}
