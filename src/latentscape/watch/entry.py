"""What a logger is told of one moment of a training."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from latentscape.measures.score import Score
from latentscape.shapes import FeatureMatrix
from latentscape.watch.frames import Frames

HEADLINES = ("accuracy", "balanced_accuracy", "hit_at_1", "mrr", "ndcg_at_10", "margin")
"""Scores whose intervals are logged too."""


@dataclass(frozen=True, kw_only=True)
class Shown:
    """One layer of all samples, and what is known of them."""

    layer: str
    features: FeatureMatrix
    ids: tuple[str, ...]
    color_name: str
    """What colors stand for: `class`, `kind`."""
    colors: tuple[str | None, ...]
    """A value a sample; None unknown."""
    columns: Mapping[str, Sequence[str]]
    """Texts beside each sample in the projector."""


@dataclass(frozen=True)
class Entry:
    """One moment: its scores, and what can be drawn of it."""

    name: str
    step: int
    epoch: float | None
    scores: Mapping[str, Score]
    shown: Shown
    frames: Frames

    @cached_property
    def scalars(self) -> dict[str, float]:
        """Every score that has a value, by name; the ends of headline intervals as `accuracy_low`, `accuracy_high`."""
        values: dict[str, float] = {}
        for name, score in self.scores.items():
            ends = {"": score.value, **({"_low": score.low, "_high": score.high} if name in HEADLINES else {})}
            values |= {f"{name}{end}": float(value) for end, value in ends.items() if value is not None}
        return values | ({} if self.epoch is None else {"epoch": self.epoch})

    @cached_property
    def picture(self) -> bytes | None:
        """The map as a PNG, drawn when the first logger asks; None where none is wanted."""
        shown = self.shown
        return self.frames.draw(
            shown.features,
            ids=shown.ids,
            colors=shown.colors,
            color_name=shown.color_name,
            source=f"{self.name}, layer {shown.layer}",
        )
