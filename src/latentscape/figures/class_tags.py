"""The names of classes, written on a map where their samples are."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes

from latentscape.figures.headline import fit_text, text_font
from latentscape.figures.labels import Tags, write_tags
from latentscape.figures.render import drop_common_start
from latentscape.figures.style import DPI, Style
from latentscape.measures.label_places import LabelPlaces
from latentscape.shapes import Rows

MOST_TAGS = 24
"""Classes named on one map: the largest, where there are more, those of the legend; more names would hide the map."""
MAX_TAG_WIDTH = 1.5
"""Inches; a longer class name is cut on the map and stands whole in the legend."""
CROWD = 20
"""More names than these are written smaller, cut shorter, and without the words that all of them begin with."""
DOT = 5.0
"""Diameter in points of the dot that a name points to."""


def choose_tagged(places: LabelPlaces) -> Rows:
    """Which of the classes with a place are named: the largest, ties by number; in class order."""
    return np.sort(np.argsort(-places.sizes, kind="stable")[:MOST_TAGS])


def write_class_tags(
    axes: Axes, places: LabelPlaces, *, names: Sequence[str], colors: Sequence[str],
    points: Float[np.ndarray, "place 2"], style: Style, centroid_clearance: float | None = None,
) -> None:  # fmt: skip
    """Write the names of the largest classes beside their places, with thin lines to them, off the `points`.

    `names` and `colors` are those of all classes, by number. Where centroids are marked too, `centroid_clearance` are
    the pixels they need around them.
    """
    chosen = choose_tagged(places)
    is_crowded = len(chosen) > CROWD
    is_unnamed = ~np.isin(np.arange(len(places.classes)), chosen)
    names = drop_common_start(names) if is_crowded else names
    font, width = (text_font(6.5), 0.8 * MAX_TAG_WIDTH) if is_crowded else (text_font(8.0), MAX_TAG_WIDTH)
    tags = Tags(
        xy=places.spots[chosen],
        texts=[fit_text(names[int(label)], font, width=width) for label in places.classes[chosen]],
        colors=[colors[int(label)] for label in places.classes[chosen]],
        font=font,
        # Centroids are marked where they are, also those that are not named there.
        avoid=places.centroids[(places.moved | is_unnamed) & (centroid_clearance is not None)],
        clearance=centroid_clearance or DOT / 144 * DPI + 1.5,
    )
    write_tags(axes, tags, points=points, theme=style.theme)


def draw_place_dots(axes: Axes, places: LabelPlaces, *, colors: Sequence[str], style: Style) -> None:
    """A small dot at each place that is named, for its line to end at."""
    chosen = choose_tagged(places)
    own = [colors[int(label)] for label in places.classes[chosen]]
    axes.scatter(*places.spots[chosen].T, s=DOT**2, c=own, edgecolors=style.theme.ink, linewidths=0.9, zorder=8)
