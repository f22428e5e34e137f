"""What can be read from each layer: accuracy of two readers over the layers, against chance and permuted targets."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes

from latentscape.figures.headline import fit_text, line_height, text_font, wrap_text, write_text
from latentscape.figures.layer_axis import (
    LINEAR_COLORS,
    OTHER_COLORS,
    LayerAxis,
    Series,
    draw_series,
    dress_layer_axis,
    stack_labels,
)
from latentscape.figures.profile_words import READERS, name_target, say_best
from latentscape.figures.render import plain
from latentscape.figures.sample_words import name_groups
from latentscape.figures.style import Style, ThemedFigure, dress_axes, say_nothing_here
from latentscape.figures.words import say_share
from latentscape.findings import LayerFindings
from latentscape.measures.readout import Reader, Readout, Target

TARGETS: tuple[Target, Target, Target] = ("class", "dataset", "speaker")
"""The columns, where all is asked."""
NAMES = {"linear": "linear", "knn": "k-NN"}
LABELS = 0.95
"""Inches right of the panel, where the lines are named."""
HEADER, PANEL = 0.58, 2.3
MOST_NOTE_LINES = 6
_LOW, _HIGH = -0.03, 1.03

Spot = tuple[float, float, float]
"""Left, top and width, in inches."""


def draw_readouts(
    axes: Axes, layers: Sequence[LayerFindings], target: Target, *, axis: LayerAxis, style: Style, group: str
) -> None:
    """Both readers with intervals, chance as a dotted line, the range of permuted targets as a band."""
    readouts = [pick(layers, target, reader) for reader in READERS]
    if not any(_is_known(each) for curve in readouts for each in curve):
        say_nothing_here(axes, "\n".join(_say_why(layers, target, width=axis.width - 0.2, group=group)), style)
        return
    dress_axes(axes, style)
    _draw_null(axes, readouts, style)
    for curve, series in zip(readouts, list_series(layers, target, style, shift=axis.shift), strict=True):
        if any(map(_is_known, curve)):
            draw_series(axes, series, style)
    dress_layer_axis(axes, axis, style, named=True)
    axes.set_ylim(_LOW, _HIGH)
    axes.set_yticks([0, 0.25, 0.5, 0.75, 1], ["0%", "25%", "50%", "75%", "100%"])


def list_series(layers: Sequence[LayerFindings], target: Target, style: Style, *, shift: float = 0.0) -> list[Series]:
    """How the two readers are drawn; hollow where folds share speakers, unless the speaker itself is read."""
    found = []
    for reader, colors, marker, side in zip(READERS, (LINEAR_COLORS, OTHER_COLORS), "os", (-1, 1), strict=True):
        curve = pick(layers, target, reader)
        hollow = np.array([each is not None and not each.grouped and target != "speaker" for each in curve], dtype=bool)
        found.append(
            Series(
                scores=[None if each is None else each.score for each in curve], color=colors[style.dark],
                marker=marker, dashed=reader == "knn", hollow=hollow, shift=side * shift,
            )
        )  # fmt: skip
    return found


def write_header(
    figure: ThemedFigure, layers: Sequence[LayerFindings], target: Target, *, spot: Spot, group: str
) -> None:
    """What is read, the finding, and how sure it is."""
    theme, (finding, basis) = figure.style.theme, say_best(layers, target, group=group)
    left, top, width = spot
    lines = (
        (name_target(target, group).capitalize(), text_font(10.0, bold=True), theme.ink),
        (finding, text_font(9.0), theme.ink),
        (basis, text_font(8.0), theme.muted),
    )
    for text, font, color in lines:
        write_text(figure, fit_text(text, font, width=width), left=left, top=top, font=font, color=color)
        top += line_height(font)


def name_lines(
    figure: ThemedFigure, layers: Sequence[LayerFindings], target: Target, *, left: float, top: float, height: float
) -> None:
    """Right of the panel the readers and chance, with their last values, each beside its line and none on another."""
    font, theme = text_font(8.0), figure.style.theme
    labels = []
    for reader, series in zip(READERS, list_series(layers, target, figure.style), strict=True):
        known = series.values[np.isfinite(series.values)]
        if len(known):
            labels.append((f"{NAMES[reader]} {say_share(known[-1])}", float(known[-1]), series.color))
    chances = [each.chance for layer in layers for each in _of(layer, target) if _is_known(each)]
    if labels and chances:
        labels.append((f"chance {say_share(chances[-1])}", chances[-1], theme.muted))
    line = line_height(font)
    tops = [height * (_HIGH - value) / (_HIGH - _LOW) - line / 2 for _, value, _ in labels]
    places = stack_labels(tops, height=line, lowest=height - line / 2)
    for (text, _, color), place in zip(labels, places, strict=True):
        write_text(figure, text, left=left, top=top + place, font=font, color=color)


def list_notes(layers: Sequence[LayerFindings], target: Target, *, width: float, group: str) -> list[str]:
    """Lines under the panel: what a reader of its numbers must know, and what could not be read."""
    readouts = [each for layer in layers for each in _of(layer, target)]
    known = [each for each in readouts if _is_known(each)]
    missing = [each.score.reason for each in readouts if not _is_known(each)]
    notes = list(dict.fromkeys(_end(plain(each.note, limit=200)) for each in known if each.note.strip()))
    if any(not each.grouped and not each.note.strip() for each in known) and target != "speaker":
        notes.append(f"Hollow: folds share {group}s.")
    if known and missing:
        notes.append(_end(f"{len(missing)} of {len(readouts)} readings missing: {plain(missing[0], limit=120)}"))
    lines = [line for note in notes for line in wrap_text(name_groups(note, group), text_font(8.0), width=width)]
    return lines if len(lines) <= MOST_NOTE_LINES else [*lines[: MOST_NOTE_LINES - 1], "…"]


def list_targets(layers: Sequence[LayerFindings]) -> list[Target]:
    """What the layers were asked for."""
    asked = {target for layer in layers for target, _ in layer.readouts}
    return [target for target in TARGETS if target in asked]


def pick(layers: Sequence[LayerFindings], target: Target, reader: Reader) -> list[Readout | None]:
    """One reader's readout of every layer; None where there is none."""
    return [layer.readouts.get((target, reader)) for layer in layers]


def has_hollow(layers: Sequence[LayerFindings]) -> bool:
    """Whether any marker has no filling."""
    return any(
        _is_known(each) and not each.grouped
        for layer in layers
        for target in TARGETS[:2]
        for each in _of(layer, target)
    )


def _of(layer: LayerFindings, target: Target) -> list[Readout]:
    return [layer.readouts[target, reader] for reader in READERS if (target, reader) in layer.readouts]


def _is_known(readout: Readout | None) -> bool:
    return readout is not None and readout.score.value is not None


def _say_why(layers: Sequence[LayerFindings], target: Target, *, width: float, group: str) -> list[str]:
    reasons = [each.score.reason for layer in layers for each in _of(layer, target)]
    reason = name_groups(next(filter(None, reasons), "not measured"), group)
    return wrap_text(plain(reason, limit=160), text_font(9.0), width=width)


def _draw_null(axes: Axes, readouts: Sequence[Sequence[Readout | None]], style: Style) -> None:
    """The band holds both readers' ranges: what lies above it is above its own."""
    edges = np.arange(len(readouts[0]) + 1) - 0.5
    lows, highs, chances = (np.array([_null(each)[i] for curve in readouts for each in curve]) for i in range(3))
    low, high, chance = (
        _fold(part, len(readouts), by) for part, by in ((lows, np.fmin), (highs, np.fmax), (chances, np.fmin))
    )
    axes.stairs(high, edges, baseline=low, fill=True, color=style.theme.muted, alpha=0.28, linewidth=0, zorder=2)
    axes.stairs(chance, edges, baseline=None, color=style.theme.muted, linestyle=":", linewidth=1.2, zorder=3)


def _fold(values: Float[np.ndarray, " each"], n: int, by: np.ufunc) -> Float[np.ndarray, " layer"]:
    return by.reduce(values.reshape(n, -1), axis=0)


def _null(readout: Readout | None) -> tuple[float, float, float]:
    """The range of permuted targets, and chance; NaN for what does not exist."""
    if readout is None or readout.score.value is None:
        return (np.nan, np.nan, np.nan)
    return (*(readout.null or (np.nan, np.nan)), readout.chance)


def _end(sentence: str) -> str:
    return sentence[:1].upper() + sentence[1:] + ("" if sentence.endswith((".", "!", "?", "…")) else ".")
