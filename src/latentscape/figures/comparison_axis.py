"""Checkpoints from left to right in their order, and which of many are drawn in full."""

from collections.abc import Sequence

import numpy as np

from latentscape.comparison_findings import ComparisonFindings
from latentscape.figures.comparison_words import say_epoch
from latentscape.figures.headline import fit_text, line_height, measure_text, text_font
from latentscape.figures.layer_axis import NAME_SIZE, LayerAxis, fit_names

LONGEST = 1.3
"""Inches of a checkpoint's name below a panel."""
_PAD = 0.1


def thin_out(n: int, *, most: int, keep: int) -> list[int]:
    """All while they are few; else the first, the last, so many at even steps between, and `keep` for the nearest.

    >>> thin_out(12, most=5, keep=4)
    [0, 4, 6, 8, 11]
    """
    if n <= most:
        return list(range(n))
    chosen = np.linspace(0, n - 1, most).round().astype(int)
    if keep not in chosen:
        chosen[1 + np.argmin(np.abs(chosen[1:-1] - keep))] = keep
    return sorted({int(i) for i in chosen})


def plan_checkpoint_axis(findings: ComparisonFindings, *, width: float) -> LayerAxis:
    """Names, with the epoch below where known, flat where they fit and on end elsewhere; too many leave some out."""
    font = text_font(NAME_SIZE)
    names = fit_names([c.name for c in findings.checkpoints], font, width=LONGEST, fit=fit_text)
    epochs = [say_epoch(checkpoint) for checkpoint in findings.checkpoints]
    texts = [f"{name}\n{epoch}".rstrip() for name, epoch in zip(names, epochs, strict=True)]
    pitch = width / len(texts)
    longest = max(measure_text(line, font)[0] for text in texts for line in text.split("\n"))
    n_lines = 2 if any(epochs) else 1
    thick, upright = n_lines * line_height(font), longest > pitch - 0.08
    step = int(np.ceil(0.95 * thick / pitch)) if upright else 1
    height = _PAD + (longest if upright else thick)
    return LayerAxis(names=texts, width=width, shift=0.0, upright=upright, step=step, height=height)


def spread(n: int, *, width: float) -> Sequence[float]:
    """How far from its checkpoint's middle each of `n` curves is drawn, so that their intervals stay apart."""
    return [(i - (n - 1) / 2) * width / max(n, 1) for i in range(n)]
