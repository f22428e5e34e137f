"""What a caller may ask of a map."""

from dataclasses import dataclass
from math import inf
from typing import Literal

from latentscape.errors import UsageError

Quality = Literal["fast", "best"]
Start = Literal["pca", "spectral"]


@dataclass(frozen=True, kw_only=True)
class MapOptions:
    """Choices of a map; a method takes what concerns it and what the number of samples allows.

    Raises UsageError for a value out of its range.
    """

    perplexity: float = 30.0
    """t-SNE: the effective number of neighbors of a point, 1 or more."""
    n_neighbors: int = 15
    """UMAP: the neighbors a point is tied to, 2 or more."""
    min_dist: float = 0.1
    """UMAP: how near to each other points may lie, 0 to 1."""
    quality: Quality = "fast"
    """`best` goes on until little is left to gain, at about twice the time."""
    start: Start = "pca"
    """Where points begin: principal components, or eigenvectors of the neighbor graph."""
    time_budget: float | None = None
    """Seconds after which a layout comes to its end early; the picture then depends on the machine's speed."""

    def __post_init__(self) -> None:
        ranges = {
            "perplexity": (self.perplexity, 1 <= self.perplexity < inf, "1 or more"),
            "n_neighbors": (self.n_neighbors, self.n_neighbors >= 2, "2 or more"),
            "min_dist": (self.min_dist, 0 <= self.min_dist <= 1, "between 0 and 1"),
            "quality": (self.quality, self.quality in ("fast", "best"), "fast or best"),
            "start": (self.start, self.start in ("pca", "spectral"), "pca or spectral"),
            "time_budget": (self.time_budget, self.time_budget is None or self.time_budget > 0, "more than 0 seconds"),
        }
        for name, (value, fits, expected) in ranges.items():
            if not fits:
                raise UsageError(
                    f"`{name}` is out of range",
                    got=f"{value}",
                    expected=expected,
                    hint="leave it out for its default",
                    fault="option-value",
                )
