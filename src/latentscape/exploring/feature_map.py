"""A map of anybody's features -> its exploration."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from latentscape.exploration import Answer, Category, Column, Exploration, NeighborLists
from latentscape.exploring.cards import tell_left_out
from latentscape.exploring.frames import METHODS, Place, list_maps, read_frames
from latentscape.exploring.near import MOST_NEIGHBORS, USUAL_METRIC, check_near
from latentscape.exploring.source import SAMPLES, Source, is_number
from latentscape.exploring.words import ABOUT, explain_map, list_metrics, read_headline
from latentscape.figures.words import say_count, say_method
from latentscape.plain_text import clean_text
from latentscape.run_reader import MANIFEST

LAYER = "features"
"""What the one layer is called, which has no name."""
NOUN = ("sample", "samples")
OURS = ("id", "row", "neighbors")
NEAR = "neighbors"
PLACED = "placed"
SHOWN = (
    *("neighbor_recall", "trustworthiness", "continuity", "shepard_spearman", "triplet_accuracy", "stability"),
    *("laid_out_recall", "placed_recall"),
)


def explore_map(source: Source) -> Exploration:
    """Samples drawn near those with similar features, and the user's own columns."""
    methods = [name for name, method in list_maps(source.names) if name == method]
    if not methods:
        raise source.damaged(f"{SAMPLES} has no map of ours")
    places = [Place(name=method, layer=LAYER, method=method, file=f"{method}_{LAYER}") for method in methods]
    labels, shapes = (_read_wish(source, what) for what in ("labels", "shapes"))
    columns = _list_columns(source, methods, [labels, shapes])
    ours = {f"{method}_{PLACED}" for method in methods}
    categories = [column.key for column in columns if isinstance(column, Category) and column.key not in ours]
    color = labels.find(categories) or next(iter(categories), "")
    others = [key for key in categories if key != color]
    shape = shapes.find(others) or next(iter(others), "")
    named = source.manifest.get("source")
    what = clean_text(named) if isinstance(named, str) else "features"
    return Exploration(
        study="map",
        title=f"{what} · {say_count(source.n, 'sample')}",
        headline=read_headline(source, _say_finding(source, what, methods)),
        n=source.n,
        ids=_read_ids(source),
        columns=columns,
        frames=read_frames(source, places, main=LAYER),
        answers=(Answer(),),
        color=color,
        shape=shape,
        neighbors=_read_near(source),
        metrics=_list_metrics(source, methods),
        facts=_tell_facts(source, what),
        captions=explain_map(NOUN),
        foot=tuple(filter(None, [tell_left_out(source, ("row", "rows")), *source.read_names("spelled")])),
    )


@dataclass(frozen=True, kw_only=True)
class Wish:
    """What the user named for colors, or for markers, and its values in their order."""

    column: str = ""
    values: tuple[str, ...] = ()

    def find(self, keys: Iterable[str]) -> str:
        """Its column in the table, where another of its name has the first right to it; empty if it is not there."""
        return next((key for key in keys if self.column and key in (self.column, f"{self.column}_2")), "")


def _read_wish(source: Source, what: str) -> Wish:
    """As the manifest has it; runs of earlier versions kept no more than the option."""
    said, settings = source.manifest.get(what), source.manifest.get("settings")
    if not isinstance(said, Mapping):
        option = settings.get(what) if isinstance(settings, Mapping) else None
        return Wish(column=option if isinstance(option, str) else "")
    column, values = said.get("column"), said.get("values")
    if not isinstance(column, str) or not isinstance(values, list) or not all(isinstance(each, str) for each in values):
        raise source.damaged(f"`{what}` in {MANIFEST} is no column", said)
    return Wish(column=column, values=tuple(map(clean_text, values)))


def _list_columns(source: Source, methods: Sequence[str], wishes: Sequence[Wish]) -> tuple[Column, ...]:
    """The user's own: whatever is not ours."""
    ours = {*OURS, *(f"{method}_{end}" for method in methods for end in ("x", "y", "trust", *SHOWN[1:3]))}
    columns: list[Column] = []
    for name in source.names:
        kind = source.table.schema.field(name).type
        if name in ours or pa.types.is_nested(kind):
            continue
        if pa.types.is_floating(kind) or pa.types.is_integer(kind):
            columns.append(source.make_numbers(name, name))
        elif pa.types.is_boolean(kind):
            columns.append(Category(key=name, title=name, codes=source.take_flags(name), values=("no", "yes")))
        else:
            values = next((wish.values for wish in wishes if wish.find([name])), ())
            columns.append(_paint(source, name, values))
    return tuple(columns)


def _paint(source: Source, name: str, values: Sequence[str]) -> Column:
    """A column of classes in the colors that the pictures give them."""
    column = source.make_category(name, name, values=values)
    if not isinstance(column, Category):
        return column
    colors = tuple(source.style.class_color(value, number) for number, value in enumerate(column.values))
    return Category(key=name, title=name, codes=column.codes, values=column.values, colors=colors)


def _read_ids(source: Source) -> tuple[str, ...] | None:
    if "id" not in source.names:
        return None
    return tuple(value or "" for value in source.take_texts("id"))


def _read_near(source: Source) -> tuple[NeighborLists, ...]:
    """The neighbors that every row has with it."""
    if NEAR not in source.names:
        return ()
    column = source.take(NEAR)
    if not pa.types.is_struct(column.type) or {field.name for field in column.type} != {"ids", "distances"}:
        raise source.damaged(f"`{NEAR}` in {SAMPLES} are no neighbors", column.type)
    lists = [column.field(name) for name in ("ids", "distances")]
    if not all(pa.types.is_list(each.type) or pa.types.is_large_list(each.type) for each in lists):
        raise source.damaged(f"`{NEAR}` in {SAMPLES} are no lists", column.type)
    rows, distances = (each.flatten().to_numpy(zero_copy_only=False) for each in lists)
    widths = [len(values) // source.n for values in (rows, distances)]
    lengths = [set(each.value_lengths().unique().to_pylist()) for each in lists]
    if widths[0] != widths[1] or lengths != [{widths[0]}, {widths[1]}]:
        raise source.damaged(f"`{NEAR}` in {SAMPLES} are not equally many for all samples")
    if not widths[0]:
        return ()
    settings = source.manifest.get("settings")
    metric = settings.get("metric") if isinstance(settings, Mapping) else None
    kept = min(widths[0], MOST_NEIGHBORS)
    return (
        check_near(
            source,
            LAYER,
            rows=np.asarray(rows).reshape(source.n, -1)[:, :kept],
            distances=np.asarray(distances).reshape(source.n, -1)[:, :kept],
            metric=metric if isinstance(metric, str) else USUAL_METRIC,
        ),
    )


def _say_finding(source: Source, what: str, methods: list[str]) -> str:
    ways = " and ".join(say_method(method) for method in methods)
    return f"{say_count(source.n, 'sample')} of {what}, drawn by {ways}"


def _list_metrics(source: Source, methods: list[str]) -> tuple:
    titles = {
        f"{name}_{method}": (f"{name.replace('_', ' ').capitalize()}, {say_method(method)}", ABOUT[name])
        for method in sorted(methods, key=METHODS.index)
        for name in SHOWN
    }
    return list_metrics(source, titles)


def _tell_facts(source: Source, what: str) -> dict[str, str]:
    facts = {"data": what, "samples": f"{source.n:,}"}
    graph = source.manifest.get("graph")
    kinds = graph.get("n_kinds") if isinstance(graph, Mapping) else None
    if is_number(kinds) and kinds < source.n:
        facts["distinct rows"] = f"{int(kinds):,}"
    return facts
