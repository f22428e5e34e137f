"""Right pairs and three kinds of wrong ones, as the distribution's picture shows them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float, Int

from latentscape.figures.style import Style
from latentscape.measures.histogram import Box
from latentscape.measures.score import Score
from latentscape.measures.similarity import PairSimilarities

MINED_COLOR = "#cc79a7"
"""Reddish purple, which color-blind eyes tell from the colors of positives and hard negatives (Okabe and Ito, 2008)."""
PERCENTS = (5, 1)
"""Percent of the negatives that reach a threshold."""


@dataclass(frozen=True, kw_only=True)
class Population:
    """Similarities of one kind of pair."""

    name: str
    short: str
    """For narrow places."""
    suffix: str | None
    """What the names of its scores end in; None for the positives."""
    color: str
    line: Literal["-", "--"]
    shade: float
    """How opaque its density is."""
    n: int
    mean: float | None
    sd: float | None
    box: Box | None
    values: Float[np.ndarray, " value"] | None
    counts: Int[np.ndarray, " bin"] | None
    """In the measure's narrow bins, where the values are too many to keep."""
    thresholds: tuple[float, ...]
    """Similarities that 5 % and 1 % of it reach."""

    def count(self, edges: Float[np.ndarray, " edge"]) -> Int[np.ndarray, " bar"]:
        """How many lie between each two of these edges, some of the narrow bins' own."""
        if self.values is not None or self.counts is None:
            return count_values(np.empty(0) if self.values is None else self.values, edges)
        n = len(self.counts)
        first, last = (round((float(edge) + 1) / 2 * n) for edge in (edges[0], edges[-1]))
        return np.add.reduceat(self.counts[first:last], np.arange(0, last - first, (last - first) // (len(edges) - 1)))


def list_populations(similarities: PairSimilarities, style: Style) -> list[Population]:
    """The populations that have pairs: positives, then wrong ones from the easiest kind to the hardest."""
    _, positive_color, hard_color = style.kind_colors
    in_batch = similarities.in_batch
    listed = [
        _describe(similarities, "positive", ("positives", "positives", None), look=(positive_color, "-", 0.30),
                  values=similarities.positives),
        Population(name="in-batch negatives", short="in-batch", suffix="", color=style.theme.muted, line="-",
                   shade=0.25, n=in_batch.n, mean=in_batch.mean, sd=in_batch.sd, box=similarities.boxes.get("in_batch"),
                   values=None, counts=in_batch.counts, thresholds=_find_thresholds(similarities.scores, "")),
        _describe(similarities, "hard", ("hard negatives", "hard", "_hard"), look=(hard_color, "-", 0.10),
                  values=similarities.hard),
        _describe(similarities, "mined", ("mined negatives", "mined", "_mined"), look=(MINED_COLOR, "--", 0.10),
                  values=similarities.mined),
    ]  # fmt: skip
    return [population for population in listed if population.n]


def count_values(values: Float[np.ndarray, " value"], edges: Float[np.ndarray, " edge"]) -> Int[np.ndarray, " bin"]:
    """How many values lie between each two edges."""
    # Rounding may push a cosine a hair beyond 1.
    return np.histogram(np.clip(values, edges[0], edges[-1]), bins=edges)[0]


def say_exactly(similarity: float) -> str:
    """Four decimals, as on the terminal, and a real minus sign."""
    return f"{round(similarity, 4) + 0.0:.4f}".replace("-", "−")


def _describe(
    similarities: PairSimilarities,
    kind: str,
    names: tuple[str, str, str | None],
    *,
    look: tuple[str, Literal["-", "--"], float],
    values: Float[np.ndarray, " value"],
) -> Population:
    (name, short, suffix), (color, line, shade), scores = names, look, similarities.scores
    mean, sd = (
        scores.get(f"positive_{last}" if suffix is None else f"negative_{last}{suffix}") for last in ("mean", "sd")
    )
    return Population(
        name=name, short=short, suffix=suffix, color=color, line=line, shade=shade, n=len(values),
        mean=mean.value if mean else None, sd=sd.value if sd else None, box=similarities.boxes.get(kind), values=values,
        counts=None, thresholds=() if suffix is None else _find_thresholds(scores, suffix),
    )  # fmt: skip


def _find_thresholds(scores: Mapping[str, Score], suffix: str) -> tuple[float, ...]:
    found = [scores.get(f"threshold_fpr_{percent}{suffix}") for percent in PERCENTS]
    return tuple(score.value for score in found if score is not None and score.value is not None)
