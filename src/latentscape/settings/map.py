"""The option table of `latentscape map`: names, defaults and meanings."""

from dataclasses import dataclass
from math import inf
from pathlib import Path
from typing import Literal

from latentscape.errors import UsageError, nearest
from latentscape.paths import expand_home, is_folder
from latentscape.settings.choices import Engine, bad_value, check_draw, check_workers, split_patterns

Metric = Literal["cosine", "euclidean"]
Quality = Literal["fast", "best"]
Start = Literal["pca", "spectral"]
METHODS = ("tsne", "umap", "pca")


@dataclass(frozen=True, kw_only=True)
class MapSettings:
    """Choices of `latentscape map`. Raises UsageError for a value out of range."""

    labels: str | None = None
    """Color by this: a column of FEATURES, a file with one value a line, or `FILE:COLUMN`."""
    shapes: str | None = None
    """Marker shape by this, given as `--labels`; at most 8 different values."""
    ids: str | None = None
    """Names of the samples, given as `--labels`."""
    media: Path | None = None
    """The folder of the samples' pictures or clips: their names, `--ids`, are file names below it."""
    method: tuple[str, ...] = ("tsne", "umap")
    """Maps to draw, separated by commas: tsne, umap, pca."""
    metric: Metric = "cosine"
    """What near means in FEATURES."""
    perplexity: float = 30.0
    """t-SNE: the effective number of neighbors of a point."""
    n_neighbors: int = 15
    """UMAP: the neighbors a point is tied to."""
    min_dist: float = 0.1
    """UMAP: how near to each other points may lie, 0 to 1."""
    quality: Quality = "fast"
    """`best` goes on until little is left to gain, at about twice the time."""
    start: Start = "pca"
    """Where points begin: principal components, or eigenvectors of the neighbor graph."""
    time_budget: float | None = None
    """Seconds after which a layout comes to its end early; the picture then depends on the machine's speed."""
    seed: int = 42
    """Every random draw follows from it."""
    output: Path | None = None
    """The run folder; without it `maps/` and the name of FEATURES without its ending."""
    max_samples: int = 0
    """At most this many samples, drawn at random; 0 = all."""
    layout_samples: int = 1_000_000
    """Of more different samples than this so many are laid out, drawn at random, and the others placed beside them."""
    key: str | None = None
    """Which array, tensor or column of FEATURES, where there are several; a pattern such as `pca_*` takes columns."""
    dark: bool = False
    """Draw on a dark ground."""
    hide_trust: bool = False
    """Draw all points alike, also those whose neighbors a map does not keep."""
    stability: bool = False
    """Draw each map again from another seed and measure what they have in common; always done up to 2,000 samples."""
    engine: Engine = "local"
    """Who does the work: `local` is this process; `ray` a cluster: that of RAY_ADDRESS, or this machine's cores."""
    workers: int = 0
    """With `--engine ray`: at most so many workers; 0 = one a core."""

    def __post_init__(self) -> None:
        _check_map_numbers(self)

    @property
    def methods(self) -> tuple[str, ...]:
        """Each method once, however they were separated."""
        return tuple(dict.fromkeys(split_patterns(self.method) or ()))


def _check_map_numbers(settings: MapSettings) -> None:
    check_draw(settings.max_samples, settings.seed)
    check_workers(settings)
    unknown = [name for name in settings.methods if name not in METHODS]
    if unknown or not settings.methods:
        got, hint = ", ".join(unknown) or "no method", nearest(unknown[0], METHODS) if unknown else ""
        raise UsageError(
            "a bad `--method`", got=got, expected=", ".join(METHODS), hint=hint or "name one", fault="option-value"
        )
    budget = settings.time_budget
    ranges = {
        "perplexity": (settings.perplexity, 1 <= settings.perplexity < inf, "1 or more"),
        "n-neighbors": (settings.n_neighbors, settings.n_neighbors >= 2, "2 or more"),
        "min-dist": (settings.min_dist, 0 <= settings.min_dist <= 1, "0 to 1"),
        "layout-samples": (settings.layout_samples, settings.layout_samples >= 1, "1 or more"),
        "time-budget": (budget, budget is None or 0 < budget < inf, "more than 0 seconds"),
    }
    for name, (value, fits, expected) in ranges.items():
        if not fits:
            raise bad_value(name, value, expected)
    if settings.media is not None and not is_folder(expand_home(settings.media)):
        raise bad_value("media", settings.media, "a folder")
