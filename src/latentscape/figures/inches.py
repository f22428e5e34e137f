"""Paper and axes where the writing is: sizes in inches, places from the upper left corner."""

from collections.abc import Sequence

from matplotlib.axes import Axes

from latentscape.figures.headline import MARGIN, write_headline
from latentscape.figures.style import Style, ThemedFigure, new_figure


def place_axes(figure: ThemedFigure, *, left: float, top: float, width: float, height: float) -> Axes:
    """New axes whose panel covers exactly this part of the figure, in inches."""
    paper_width, paper_height = figure.get_size_inches()
    bottom = paper_height - top - height
    return figure.add_axes((left / paper_width, bottom / paper_height, width / paper_width, height / paper_height))


def open_figure(
    style: Style, title: str, *, subtitle: str, stamps: Sequence[str], width: float, below: float
) -> tuple[ThemedFigure, float]:
    """A figure with its headline and `below` inches under it, margin added, and the inches the headline takes."""
    # How high the headline is follows from its words and the width alone: a draft tells it.
    top = write_headline(new_figure(style, width=width, height=1.0), title, subtitle=subtitle, stamps=stamps)
    figure = new_figure(style, width=width, height=top + below + MARGIN)
    return figure, write_headline(figure, title, subtitle=subtitle, stamps=stamps)
