"""The numbers of each population of pairs, in a table that is the picture's legend, too."""

from collections.abc import Mapping

from matplotlib.colors import to_rgba
from matplotlib.patches import Rectangle

from latentscape.figures.headline import line_height, text_font, write_text
from latentscape.figures.populations import Population, say_exactly
from latentscape.figures.style import ThemedFigure
from latentscape.figures.words import say_interval, say_number, say_share
from latentscape.measures.scales import describe_margin, describe_separation
from latentscape.measures.score import Score

COLUMNS = (
    ("", 1.6, "left"), ("pairs", 0.75, "right"), ("mean ± sd", 1.45, "right"), ("margin", 1.4, "right"),
    ("separation", 1.35, "right"), ("ROC AUC", 1.65, "right"), ("overlap", 0.8, "right"),
    ("TPR at 1% FPR", 1.3, "right"), ("TPR at 5% FPR", 1.3, "right"),
)  # fmt: skip
"""Heading, inches and side of each column."""
TABLE_WIDTH = sum(width for _, width, _ in COLUMNS)
NOTHING = "–"
_SWATCH, _LEADING = 0.13, 1.12


def measure_table(populations: list[Population]) -> float:
    """Inches that the table takes from top to bottom."""
    return (len(populations) + 1) * line_height(text_font(9.0)) * _LEADING


def write_table(
    figure: ThemedFigure, populations: list[Population], scores: Mapping[str, Score], *, left: float, top: float
) -> None:
    """A line a population; a word of the published scales stands beside margin and separation in-batch only."""
    theme, step = figure.style.theme, line_height(text_font(9.0)) * _LEADING
    n_columns = 3 if all(population.suffix is None for population in populations) else len(COLUMNS)
    headings = [heading for heading, _, _ in COLUMNS[:n_columns]]
    _write_line(figure, headings, left=left, top=top, color=theme.muted)
    for i, population in enumerate(populations, start=1):
        at = top + i * step
        _draw_swatch(figure, population, left=left, top=at + (step - _SWATCH) / 2 - 0.01)
        _write_line(figure, _list_cells(population, scores), left=left, top=at, color=theme.ink)


def _list_cells(population: Population, scores: Mapping[str, Score]) -> list[str]:
    mean, sd, suffix = population.mean, population.sd, population.suffix
    spread = NOTHING if mean is None or sd is None else f"{say_exactly(mean)} ± {say_exactly(sd)}"
    cells = [population.name, f"{population.n:,}", spread]
    if suffix is None:
        return cells
    margin, separation, overlap = (_find(scores, f"{name}{suffix}") for name in ("margin", "separation", "overlap"))
    words = not suffix
    return [
        *cells,
        NOTHING if margin is None else say_exactly(margin) + (f" {describe_margin(margin)}" if words else ""),
        NOTHING if separation is None
        else f"{say_number(separation)}σ" + (f" {describe_separation(separation)}" if words else ""),
        _say_area(scores.get(f"auc{suffix}")),
        NOTHING if overlap is None else say_share(overlap),
        *(_say_threshold(scores, percent, suffix) for percent in (1, 5)),
    ]  # fmt: skip


def _say_area(score: Score | None) -> str:
    if score is None or score.value is None:
        return NOTHING
    return f"{say_number(score.value, digits=3)} {say_interval(score, digits=3)}".rstrip()


def _say_threshold(scores: Mapping[str, Score], percent: int, suffix: str) -> str:
    """The share of positives that reach the threshold, and the threshold."""
    threshold, share = (_find(scores, f"{name}_fpr_{percent}{suffix}") for name in ("threshold", "tpr_at"))
    if threshold is None or share is None:
        return NOTHING
    return f"{say_share(share)} ≥ {say_number(threshold)}"


def _find(scores: Mapping[str, Score], name: str) -> float | None:
    score = scores.get(name)
    return None if score is None else score.value


def _write_line(figure: ThemedFigure, cells: list[str], *, left: float, top: float, color: str) -> None:
    font = text_font(9.0)
    for cell, (_, width, side) in zip(cells, COLUMNS, strict=False):
        if cell and side == "left":
            write_text(figure, cell, left=left + _SWATCH + 0.07, top=top, font=font, color=color)
        elif cell:
            write_text(figure, cell, left=left + width, top=top, font=font, color=color, ha="right")
        left += width


def _draw_swatch(figure: ThemedFigure, population: Population, *, left: float, top: float) -> None:
    width, height = figure.get_size_inches()
    corner = (left / width, 1 - (top + _SWATCH) / height)
    swatch = Rectangle(corner, _SWATCH / width, _SWATCH / height, transform=figure.transFigure)
    swatch.set(facecolor=to_rgba(population.color, population.shade), edgecolor=population.color, linewidth=1.3)
    swatch.set_linestyle(population.line)
    figure.add_artist(swatch)
