"""What can be looked at in one run: everything the explorer shows, as values, whichever study made it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from jaxtyping import Float, Int, UInt8

from latentscape.shapes import Points

Direction = Literal["low", "high"]
UNKNOWN = -1
"""The code of a value that is not known, and the row of a neighbor or document that does not exist."""
N_PEAKS = 96
"""Bars of a waveform."""


@dataclass(frozen=True, kw_only=True)
class Category:
    """A column of few different values. `codes` are indices into `values`, UNKNOWN where nothing is known."""

    key: str
    """Its name in samples.parquet."""
    title: str
    codes: Int[np.ndarray, " sample"]
    values: tuple[str, ...]
    colors: tuple[str, ...] = ()
    """`#rrggbb`, one a value; none where the column has no colors of its own."""
    absent: str = "unknown"
    """What the samples of no value are called: `documents`, where only queries have one."""
    about: str = ""
    """What it means, as a sentence; empty where the title says it."""


@dataclass(frozen=True, kw_only=True)
class Numbers:
    """A column of numbers, NaN where one is not known."""

    key: str
    title: str
    values: Float[np.ndarray, " sample"]
    worst: Direction | None = None
    """Which end is the bad one; None where neither is."""
    about: str = ""
    """What it means, as a sentence; empty where the title says it."""


@dataclass(frozen=True, kw_only=True)
class Texts:
    """A column that is read, not counted."""

    key: str
    title: str
    values: tuple[str | None, ...]
    about: str = ""
    """What it means, as a sentence; empty where the title says it."""
    is_own: bool = True
    """False where it is the text of another sample: a search does not find this one by it."""


Column = Category | Numbers | Texts


@dataclass(frozen=True, kw_only=True)
class Frame:
    """One map: a layer of one checkpoint, drawn by one method."""

    layer: str
    method: str
    xy: Points
    trust: Float[np.ndarray, " sample"]
    """Share of each sample's nearest neighbors that its place keeps, NaN where it was not measured."""
    checkpoint: int = 0
    """Which of `Exploration.answers` it belongs to."""
    together: str = ""
    """Frames of the same non-empty word are tied: what moves from one to the next has moved for a reason."""
    score: str = ""
    """How far to trust the map, in words: `neighbor recall 0.62 [0.60, 0.64]`."""
    warning: str = ""
    """Why it should not be trusted, where it should not."""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What one checkpoint says of the samples: keys of columns, empty where there is no such column."""

    checkpoint: str = ""
    """Empty where there is one only."""
    truth: str = ""
    said: str = ""
    correct: str = ""
    """A category with the values `wrong` and `right`, in this order."""
    worst: str = ""
    """The numbers by which a list of samples is sorted, the worst first."""


@dataclass(frozen=True, kw_only=True)
class NeighborLists:
    """The nearest other samples in a layer's own space, nearest first; UNKNOWN pads short lists."""

    layer: str
    metric: str
    rows: Int[np.ndarray, "sample k"]
    distances: Float[np.ndarray, "sample k"]
    checkpoint: int = 0


@dataclass(frozen=True, kw_only=True)
class Probabilities:
    """The most probable classes of each sample, the most probable first."""

    codes: Int[np.ndarray, "sample top"]
    """Indices into the values of the column `Answer.said`."""
    shares: Float[np.ndarray, "sample top"]
    checkpoint: int = 0


@dataclass(frozen=True, kw_only=True)
class RankedDocuments:
    """What a retriever gives for each query, the most similar first. Row i is about sample `queries[i]`."""

    queries: Int[np.ndarray, " query"]
    rows: Int[np.ndarray, "query rank"]
    """Samples (documents), UNKNOWN beyond the end of a list."""
    similarities: Float[np.ndarray, "query rank"]
    marks: Int[np.ndarray, "query rank"]
    """0 wrong, 1 right, 2 neither: a near copy of a right one."""
    hard_ends: Int[np.ndarray, " query"]
    """Where the declared hard negatives of each query end in the arrays below."""
    hard_rows: Int[np.ndarray, " hard"]
    hard_similarities: Float[np.ndarray, " hard"]
    hard_types: tuple[str, ...]
    """The types of each, as one text: `price, area`; may be empty."""


@dataclass(frozen=True, kw_only=True)
class Media:
    """The sound or picture of each sample."""

    kind: Literal["audio", "image"]
    links: tuple[str | None, ...]
    """Where it lies, as a relative URL from the run folder; None where that is not known. Never an absolute path."""
    files: Mapping[int, bytes] = field(default_factory=dict)
    """What travels inside the page, by sample."""
    mime: str = "audio/mpeg"
    """Of `files`."""
    seconds: Float[np.ndarray, " sample"] | None = None
    peaks: UInt8[np.ndarray, "sample bar"] | None = None
    """N_PEAKS bars a sample, 255 the loudest moment of the clip; all 0 where it was not read."""


@dataclass(frozen=True, kw_only=True)
class ProfilePoint:
    """What one layer is worth by one question: a point of the layer profile."""

    layer: str
    question: str
    """`class`, `dataset`, `speaker`."""
    value: float
    low: float | None
    high: float | None
    chance: float | None = None


@dataclass(frozen=True, kw_only=True)
class Metric:
    """A number worth a place on the page, in words: `accuracy`, `72.3% [67%, 77%]`, `n = 264`."""

    name: str
    value: str
    detail: str = ""
    about: str = ""
    """What it means, as a sentence; empty where the name says it."""


@dataclass(frozen=True, kw_only=True)
class Exploration:
    """Everything the explorer shows of one run. Row i of every array is sample i of samples.parquet."""

    study: str
    """`latents`, `embeddings`, `map`, `comparison`."""
    title: str
    """Of the browser's tab."""
    headline: str
    """The finding, as a sentence."""
    n: int
    ids: tuple[str, ...] | None
    """None where samples have no names but their numbers."""
    columns: tuple[Column, ...]
    frames: tuple[Frame, ...]
    """The first is shown first."""
    answers: tuple[Answer, ...] = (Answer(),)
    """One a checkpoint, in their order."""
    color: str = ""
    """Key of the column that colors the map first."""
    shape: str = ""
    """Key of the category that gives the markers first; empty for none."""
    layers: tuple[str, ...] = ()
    """The layers of the maps in the model's order; empty for that of the maps."""
    neighbors: tuple[NeighborLists, ...] = ()
    probabilities: tuple[Probabilities, ...] = ()
    ranked: RankedDocuments | None = None
    media: Media | None = None
    thumbnails: Mapping[int, bytes] = field(default_factory=dict)
    """Small pictures by sample, as PNG, WebP or JPEG: what a sample looks like, wherever it is pointed at."""
    profile: tuple[ProfilePoint, ...] = ()
    metrics: tuple[Metric, ...] = ()
    facts: Mapping[str, str] = field(default_factory=dict)
    """A few words at the top: model, data, n."""
    stamps: tuple[str, ...] = ()
    """Warnings about the weights, shown on top of everything."""
    captions: tuple[str, ...] = ()
    """How to read the page."""
    foot: tuple[str, ...] = ()
    """Which weights it shows (`list_receipt`), which samples were left out."""

    def find_column(self, key: str) -> Column | None:
        """The column of this key."""
        return next((column for column in self.columns if column.key == key), None)
