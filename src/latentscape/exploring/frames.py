"""The maps of a run: columns of samples.parquet -> frames, and how far to trust each."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from latentscape.exploration import Frame
from latentscape.exploring.source import SAMPLES, Source
from latentscape.figures.trust_marks import say_low_trust
from latentscape.figures.words import say_share
from latentscape.findings import DrawnMap
from latentscape.maps.latent_map import LatentMap
from latentscape.measures.faithfulness import WEAK_BELOW, MapTrust
from latentscape.measures.score import Score
from latentscape.plain_text import clean_text, safe_name
from latentscape.shapes import PerSample, Points

METHODS = ("tsne", "umap", "pca")
TRUST_NEIGHBORS = 15
TRUST_SCORES = ("neighbor_recall", "trustworthiness", "continuity")


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a map stands in a run."""

    name: str
    """Of its columns without their ends: `tsne_mlp`; its scores end in the same."""
    layer: str
    method: str
    checkpoint: int = 0
    together: str = ""
    file: str = ""
    """Of its stage, without the folder, where it is another than its name."""


def list_maps(names: Iterable[str]) -> list[tuple[str, str]]:
    """Name and method of each map whose columns are there, in their order.

    >>> list_maps(["id", "tsne_mlp_x", "tsne_mlp_y", "umap_x"])
    [('tsne_mlp', 'tsne')]
    """
    names = list(names)
    known = set(names)
    stems = [name.removesuffix("_x") for name in names if name.endswith("_x") and f"{name[:-2]}_y" in known]
    methods = [(stem, stem.partition("_")[0]) for stem in stems]
    return [(stem, method) for stem, method in methods if method in METHODS]


def read_frames(source: Source, places: Sequence[Place], *, main: str) -> tuple[Frame, ...]:
    """Every map, those of the main layer first, t-SNE before the others."""
    layers = list(dict.fromkeys(place.layer for place in places))
    first = [main, *(layer for layer in layers if layer != main)]
    ordered = sorted(places, key=lambda each: (first.index(each.layer), METHODS.index(each.method), each.checkpoint))
    return tuple(_read_frame(source, place) for place in ordered)


def _read_frame(source: Source, place: Place) -> Frame:
    xy = np.stack([source.take_numbers(f"{place.name}_{axis}") for axis in "xy"], axis=1)
    if not np.isfinite(xy).all():
        raise source.damaged(f"`{place.name}` in {SAMPLES} is no map: a place is not finite")
    name = f"{place.name}_trust"
    trust = source.take_numbers(name) if name in source.names else np.full(source.n, np.nan)
    drawn = _judge(source, place, xy=xy, trust=trust)
    warning = " ".join(filter(None, [_end(say_low_trust({place.method: drawn})), _end(drawn.latent_map.notice)]))
    return Frame(
        layer=place.layer,
        method=place.method,
        xy=xy,
        trust=trust,
        checkpoint=place.checkpoint,
        together=place.together,
        score=_say_recall(drawn.trust),
        warning=warning,
    )


def _judge(source: Source, place: Place, *, xy: Points, trust: PerSample) -> DrawnMap:
    """The map as its study judged it."""
    nothing = Score(name="", value=None, n=source.n, reason="not measured")
    scores = {name: source.read_score(f"{name}_{place.name}") or nothing for name in TRUST_SCORES}
    with np.errstate(invalid="ignore"):
        weak = trust < WEAK_BELOW
    return DrawnMap(
        latent_map=LatentMap(xy=xy, method=place.method, notice=_read_notice(source, place)),
        trust=MapTrust(
            scores=scores,
            k=max(1, min(TRUST_NEIGHBORS, source.n - 1)),
            per_point=trust,
            per_point_trustworthiness=np.full(source.n, np.nan),
            per_point_continuity=np.full(source.n, np.nan),
            weak=weak,
        ),
    )


def _read_notice(source: Source, place: Place) -> str:
    """What the method said of its own map, where it said something."""
    facts = source.read_arrays(f"maps/{safe_name(place.file or place.name)}.npz", ("facts",)).get("facts")
    if facts is None or facts.dtype.kind != "U" or facts.ndim:
        return ""
    try:
        notice = json.loads(str(facts)).get("notice", "")
    except (ValueError, AttributeError, RecursionError):
        return ""
    return clean_text(notice) if isinstance(notice, str) else ""


def _say_recall(trust: MapTrust) -> str:
    recall = trust.scores["neighbor_recall"]
    if recall.value is None:
        return ""
    interval = (
        "" if recall.low is None or recall.high is None else f" [{say_share(recall.low)}, {say_share(recall.high)}]"
    )
    return f"A point keeps {say_share(recall.value)}{interval} of its {trust.k} nearest neighbors of the layer."


def _end(sentence: str) -> str:
    """The sentence with its period."""
    return f"{sentence}." if sentence and not sentence.endswith(".") else sentence
