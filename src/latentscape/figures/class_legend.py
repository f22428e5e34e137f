"""The legend's lines for classes, markers and trust, as all maps have them."""

from collections.abc import Sequence

import numpy as np

from latentscape.figures.legend import Entry
from latentscape.figures.render import plain
from latentscape.figures.shape_markers import ShapeKey
from latentscape.figures.style import Theme
from latentscape.figures.trust_marks import explain_faint
from latentscape.shapes import Labels

MOST_ENTRIES = 25
"""Lines of the legend that classes may take."""


def list_classes(labels: Labels, *, names: Sequence[str], colors: Sequence[str], theme: Theme) -> list[Entry]:
    """Classes with their numbers of samples: all that have any, or the largest and how many more there are.

    `colors` has one more than `names`, for samples of unknown class. The order is that of the class numbers.
    """
    sizes, edge = np.bincount(labels[labels >= 0], minlength=len(names)), theme.paper
    listed = np.argsort(-sizes, kind="stable")[: np.count_nonzero(sizes)]
    rest = listed[MOST_ENTRIES - 1 :] if len(listed) > MOST_ENTRIES else listed[:0]
    listed = np.sort(listed[: len(listed) - len(rest)])
    entries = [Entry(text=names[int(i)], count=int(sizes[i]), color=colors[int(i)], edge=edge) for i in listed]
    if len(rest):
        text, count = f"and {len(rest):,} smaller classes", int(sizes[rest].sum())
        entries.append(Entry(text=text, count=count, color=edge, edge=edge))
    n_unknown = int((labels < 0).sum())
    return entries + [Entry(text="unknown", count=n_unknown, color=colors[-1], edge=edge)] * bool(n_unknown)


def list_markers(key: ShapeKey, *, theme: Theme) -> list[Entry]:
    """Markers and what they mean, with their numbers of samples; nothing where all samples are alike by choice."""
    names = zip(key.texts, key.markers, key.counts, strict=True)
    return [
        Entry(text=plain(text), count=count, marker=marker, color=theme.muted, edge=theme.paper)
        for text, marker, count in names
        if key.is_shown
    ]


def list_trust(*, marked: bool, theme: Theme) -> list[Entry]:
    """What a faint point is, where there is one."""
    return [Entry(text=explain_faint(), color=theme.panel, edge=theme.muted)] if marked else []
