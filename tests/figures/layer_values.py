"""Readouts, geometry, transfer, drift and similarity of layers, made up to look like real ones."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations, pairwise, product

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from latentscape.findings import LatentsFindings, LayerFindings
from latentscape.measures.drift import ClassDrift
from latentscape.measures.layer_similarity import LayerSimilarity
from latentscape.measures.readout import Readout
from latentscape.measures.score import Score
from latentscape.measures.transfer import Transfer

GEOMETRY = {
    "silhouette": (-0.05, 0.25, "higher", (-1.0, 1.0)),
    "within_between": (400.0, 3.0, "lower", (0.0, np.inf)),
    "effective_rank": (310.0, 22.0, "neither", (1.0, np.inf)),
    "intrinsic_dimension": (14.0, 6.0, "neither", (0.0, np.inf)),
    "mean_cosine": (0.9, 0.2, "neither", (-1.0, 1.0)),
    "hubness": (2.5, 0.6, "lower", (-np.inf, np.inf)),
}
"""First layer's value, last layer's value, which way is better, bounds."""


def make_score(
    name: str, value: float | None, *, half: float = 0.03, n: int = 480, reason: str = "too few samples", **rest
) -> Score:
    """A score with an interval of `half` on either side; None has a reason instead."""
    if value is None:
        return Score(name=name, value=None, n=n, reason=reason, **rest)
    return Score(name=name, value=value, n=n, low=value - half, high=value + half, **rest)


def make_readout(
    value: float | None, *, target="class", reader="linear", chance=0.15, half=0.03, p=0.001, **rest
) -> Readout:
    """By default read beyond chance, with folds that share no speaker."""
    known = value is not None
    score = make_score(f"{reader}_{target}", value, half=half)
    fields = {
        "null": (chance - 0.04, chance + 0.04) if known else None, "p_value": p if known else None, "grouped": True,
        "hits": np.zeros(4, dtype=bool), "used": np.ones(4, dtype=bool), "chance": chance if known else float("nan"),
    }  # fmt: skip
    return Readout(target=target, reader=reader, score=score, **(fields | rest))


def add_layer_values(findings: LatentsFindings, *, seed: int = 0) -> LatentsFindings:
    """Class rises over the layers, dataset falls but stays, speaker falls; transfer loses where datasets differ."""
    n = len(findings.layers)
    layers = [_fill(findings, layer, depth=i / max(n - 1, 1), seed=seed + i) for i, layer in enumerate(findings.layers)]
    names = [layer.layer for layer in layers]
    return replace(findings, layers=tuple(layers), layer_similarity=make_similarity(names) if n > 1 else None)


def set_readouts(
    findings: LatentsFindings, target: str, readouts: Sequence[Readout], *, reader="linear"
) -> LatentsFindings:
    """The same findings with this readout of one target in each layer."""
    pairs = zip(findings.layers, readouts, strict=True)
    layers = [replace(layer, readouts={**layer.readouts, (target, reader): readout}) for layer, readout in pairs]
    return replace(findings, layers=tuple(layers))


def set_everywhere(findings: LatentsFindings, **fields) -> LatentsFindings:
    """The same fields of every layer replaced."""
    return replace(findings, layers=tuple(replace(layer, **fields) for layer in findings.layers))


def make_similarity(names: Sequence[str], *, missing: Sequence[tuple[int, int]] = ()) -> LayerSimilarity:
    """The farther apart two layers, the less alike; pairs in `missing` could not be measured."""
    pairs = list(combinations(range(len(names)), 2))
    apart = {(i, j): (j - i) / len(names) for i, j in pairs}
    known = {pair: pair not in missing for pair in pairs}
    return LayerSimilarity(
        layers=tuple(names),
        cka={at: make_score("cka", 1 - 0.9 * apart[at] if known[at] else None) for at in pairs},
        overlap={at: make_score("overlap", 0.6 - 0.5 * apart[at] if known[at] else None) for at in pairs},
    )


def make_transfer(n: int, *, reader="linear", own=0.6, other=0.4, chance=0.2, half=0.04, p=0.0001) -> Transfer:
    """`own` on the diagonal, `other` off it; the losses are their difference."""
    cells, moved = list(product(range(n), repeat=2)), [(a, b) for a in range(n) for b in range(n) if a != b]
    loss = {"better": "lower", "bounds": (-1.0, 1.0), "half": half}
    return Transfer(
        reader=reader,
        scores={(a, b): make_score(f"transfer_{reader}", own if a == b else other, half=half) for a, b in cells},
        chance=dict.fromkeys(cells, chance),
        p_values=dict.fromkeys(cells, 0.001),
        losses={cell: make_score(f"transfer_loss_{reader}", own - other, **loss) for cell in moved},
        loss_p_values=dict.fromkeys(moved, p),
    )


def _fill(findings: LatentsFindings, layer: LayerFindings, *, depth: float, seed: int) -> LayerFindings:
    random, n_datasets = np.random.default_rng(seed), len(findings.dataset_names)
    readouts = {}
    for reader, less in (("linear", 0.0), ("knn", 0.06)):
        jitter = random.normal(scale=0.01)
        values = {"class": 0.2 + 0.42 * depth**0.7, "dataset": 0.97 - 0.16 * depth, "speaker": 0.8 - 0.6 * depth}
        chances = {"class": 0.15, "dataset": 0.52, "speaker": 0.05}
        for target, value in values.items():
            options = {"chance": chances[target], "target": target, "reader": reader, "grouped": target != "speaker"}
            readouts[target, reader] = make_readout(value - less + jitter, **options)
    geometry = {
        name: make_score(name, start * (end / start) ** depth if start * end > 0 else start + (end - start) * depth,
                         half=0.06 * min(start, end) if start > 0 else 0.02, better=better, bounds=bounds)
        for name, (start, end, better, bounds) in GEOMETRY.items()
    }  # fmt: skip
    if n_datasets < 2:
        reason = "there is a single dataset"
        for reader in ("linear", "knn"):
            readouts["dataset", reader] = replace(
                make_readout(None, target="dataset", reader=reader), score=make_score("d", None, reason=reason)
            )
        return replace(layer, readouts=readouts, geometry=geometry)
    transfers = tuple(
        make_transfer(n_datasets, reader=reader, own=0.35 + 0.3 * depth - less, other=0.3 + 0.12 * depth - less)
        for reader, less in (("linear", 0.0), ("centroid", 0.04))
    )
    return replace(
        layer, readouts=readouts, geometry=geometry, transfers=transfers, drifts=_drifts(findings, depth, random)
    )


def _drifts(findings: LatentsFindings, depth: float, random: np.random.Generator) -> tuple[ClassDrift, ...]:
    found = []
    for first, second in combinations(range(len(findings.dataset_names)), 2):
        for label in range(len(findings.class_names)):
            value = max(float(2.2 - 1.6 * depth + random.normal(scale=0.25)), 0.0)
            score = make_score("drift", value, half=0.15, better="lower", bounds=(0.0, np.inf))
            score = replace(score, low=max(score.low, 0.0))
            found.append(
                ClassDrift(first=first, second=second, label=label, score=score, p_value=0.001 if value > 0.5 else 0.3)
            )
    return tuple(found)


def all_texts(figure: Figure) -> list[str]:
    """Every text but ticks."""
    return [text.get_text() for text in [*figure.texts, *(text for axes in figure.axes for text in axes.texts)]]


def assert_ticks_apart(figure: Figure) -> None:
    """No tick label leaves the paper, lies on its neighbor or on any other text."""
    renderer = FigureCanvasAgg(figure).get_renderer()
    others = [text.get_window_extent(renderer) for text in figure.texts]
    for axes in figure.axes:
        for axis in (axes.xaxis, axes.yaxis):
            low, high = sorted(axis.get_view_interval())
            ticks = [tick for tick in axis.get_major_ticks() if low <= tick.get_loc() <= high]
            labels = [tick.label1 for tick in ticks if tick.label1.get_visible() and tick.label1.get_text()]
            boxes = [label.get_window_extent(renderer) for label in labels]
            for box in boxes:
                assert box.x0 >= 0 and box.y0 >= 0 and box.x1 <= figure.bbox.x1 and box.y1 <= figure.bbox.y1
            for box, other in [*pairwise(boxes), *product(boxes, others)]:
                width = min(box.x1, other.x1) - max(box.x0, other.x0)
                height = min(box.y1, other.y1) - max(box.y0, other.y0)
                assert width <= 0.5 or height <= 0.5, (axes, box, other)
