"""The maps of one layer's features, kept in a run folder: one graph, every map drawn from it, what each is worth."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache, partial
from importlib.metadata import PackageNotFoundError, version
from platform import machine, python_version, system
from typing import Any, TypeVar

import numpy as np
from jaxtyping import Float

from latentscape.executor import IN_PROCESS, Executor
from latentscape.findings import DrawnMap
from latentscape.maps import MapOptions, make_aligned_maps, make_map, neighbors_needed
from latentscape.maps.laid_out import choose_laid_out, place_others
from latentscape.maps.latent_map import LatentMap
from latentscape.measures.faithfulness import measure_map_trust
from latentscape.measures.score import Score
from latentscape.neighbors import Neighbors, find_neighbors, pack_neighbors, unpack_neighbors
from latentscape.progress import SILENT, Progress
from latentscape.shapes import Rows
from latentscape.store import RunFolder, Unkept

Findings = TypeVar("Findings")
Features = Float[np.ndarray, "sample feature"]
Frames = Sequence[Float[np.ndarray, "sample _"]]
"""Layers of the same samples; each has a width of its own."""
TRUST_NEIGHBORS = 15
VERSIONED = ("latentscape", "numpy", "scipy", "numba")
"""Packages whose version may change a map; they are part of every stage's inputs."""
LONG_TO_JUDGE = 100_000
CONCERNS = {
    "tsne": ("perplexity", "quality", "start", "time_budget"),
    "umap": ("n_neighbors", "min_dist", "quality", "start", "time_budget"),
    "pca": (),
}
"""Which options change a method's map, so that another choice for one method leaves the others' maps as they are."""


@dataclass(frozen=True, kw_only=True)
class MapPlan:
    """Which maps to draw, and how."""

    methods: Sequence[str]
    seed: int
    metric: str = "cosine"
    options: MapOptions = MapOptions()  # noqa: RUF009  frozen
    aligned: bool = False
    """Draw the maps of several layers in one frame."""
    stability: bool = False
    """Draw each map again from another seed at any number of samples."""
    redraw_up_to: int = 2_000
    """Up to so many samples each map is drawn again anyway: it takes no time."""
    layout_samples: int = 1_000_000
    """Of more different samples than this a random choice is laid out, and the others are placed beside it."""

    def redraws(self, method: str, n_samples: int) -> bool:
        """Whether the stability of this map is measured; the seed plays no part in principal components."""
        return method != "pca" and (self.stability or n_samples <= self.redraw_up_to)

    def concerns(self, method: str, graphs: Sequence[Neighbors]) -> dict[str, Any]:
        """What a method's map depends on besides its features and its seed, as a stage's inputs."""
        options = {name: value for name, value in asdict(self.options).items() if name in CONCERNS[method]}
        some = method != "pca" and choose_laid_out(graphs, most=self.layout_samples, seed=self.seed) is not None
        return {"options": options, **({"layout_samples": self.layout_samples} if some else {})}


@dataclass(frozen=True, kw_only=True)
class LayerMaps:
    """A layer's graph, and the maps drawn from it by method."""

    neighbors: Neighbors
    maps: Mapping[str, DrawnMap]


def versions(packages: Sequence[str] = VERSIONED) -> dict[str, str]:
    """The versions a result depends on, and the platform; nothing depends on a package that is not installed."""
    found = {package: _find_version(package) for package in packages}
    return {package: known for package, known in found.items() if known} | {
        "python": python_version(),
        "machine": f"{system()} {machine()}",
    }


def _find_version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def map_layers(
    folder: RunFolder | Unkept,
    features: Mapping[str, Features],
    *,
    plan: MapPlan,
    inputs: Mapping[str, Any],
    executor: Executor = IN_PROCESS,
) -> dict[str, LayerMaps]:
    """`map_layer` of every layer; if the plan says so in one frame, each map tied to that of the layer before it."""
    if not plan.aligned or len(features) < 2:
        return {
            layer: map_layer(folder, each, layer=layer, plan=plan, inputs=inputs, executor=executor)
            for layer, each in features.items()
        }
    inputs = {**inputs, "aligned": list(features)}
    graphs = {
        layer: _find_graph(
            folder, each, plan=plan, inputs={**inputs, "layer": layer, "metric": plan.metric}, executor=executor
        )
        for layer, each in features.items()
    }

    draw_frames = _open_frames(list(features.values()), list(graphs.values()), plan=plan, executor=executor)
    return {
        layer: _map_graph(
            folder,
            features[layer],
            graph,
            plan=plan,
            inputs={**inputs, "layer": layer, "metric": plan.metric},
            concerns={method: plan.concerns(method, list(graphs.values())) for method in plan.methods},
            make=lambda method, seed, frame=frame: draw_frames(method, seed)[frame],
            progress=executor.progress,
        )
        for frame, (layer, graph) in enumerate(graphs.items())
    }


def map_layer(
    folder: RunFolder | Unkept,
    features: Features,
    *,
    layer: str,
    plan: MapPlan,
    inputs: Mapping[str, Any],
    executor: Executor = IN_PROCESS,
) -> LayerMaps:
    """The layer's one neighbor graph and every map drawn from it, each with its trust; stages are reused from `folder`.

    `inputs` is what the features came from.
    """
    inputs = {**inputs, "layer": layer, "metric": plan.metric}
    graph = _find_graph(folder, features, plan=plan, inputs=inputs, executor=executor)
    draw_frames = _open_frames([features], [graph], plan=plan, executor=executor)
    return _map_graph(
        folder,
        features,
        graph,
        plan=plan,
        inputs=inputs,
        concerns={method: plan.concerns(method, [graph]) for method in plan.methods},
        make=lambda method, seed: draw_frames(method, seed)[0],
        progress=executor.progress,
    )


def _open_frames(
    features: Frames, graphs: Sequence[Neighbors], *, plan: MapPlan, executor: Executor
) -> Callable[[str, int], tuple[LatentMap, ...]]:
    """A function that draws the map of a method from a seed, of one layer or of several in one frame."""

    @cache
    def choose(seed: int) -> tuple[Rows, list[Neighbors]] | None:
        """The samples to lay out where those are not all, and their own graphs."""
        rows = choose_laid_out(graphs, most=plan.layout_samples, seed=seed)
        if rows is None:
            return None
        executor.progress.say(f"{len(rows):,} of {len(features[0]):,} samples are laid out, the others placed beside")
        k = neighbors_needed(len(rows), plan.options)
        return rows, [find_neighbors(each[rows], k=k, metric=plan.metric, executor=executor) for each in features]

    @cache
    def draw(method: str, seed: int) -> tuple[LatentMap, ...]:
        chosen = choose(seed) if method != "pca" else None  # components are found of any number of samples
        if chosen is None:
            return _draw_together(features, graphs, method=method, seed=seed, plan=plan, progress=executor.progress)
        rows, drawn = chosen
        some = [each[rows] for each in features]
        laid = _draw_together(some, drawn, method=method, seed=seed, plan=plan, progress=executor.progress)
        sides = zip(laid, features, graphs, drawn, strict=True)
        return tuple(
            place_others(each, rows, features=frame, graph=graph, drawn=theirs, executor=executor)
            for each, frame, graph, theirs in sides
        )

    return draw


def _draw_together(
    features: Frames,
    graphs: Sequence[Neighbors],
    *,
    method: str,
    seed: int,
    plan: MapPlan,
    progress: Progress,
) -> tuple[LatentMap, ...]:
    drawing: dict[str, Any] = {"method": method, "seed": seed, "options": plan.options, "progress": progress}
    if len(features) == 1:
        return (make_map(features[0], graphs[0], **drawing),)
    return make_aligned_maps(features, graphs, **drawing)


def _map_graph(
    folder: RunFolder | Unkept,
    features: Features,
    graph: Neighbors,
    *,
    plan: MapPlan,
    inputs: Mapping[str, Any],
    concerns: Mapping[str, Mapping[str, Any]],
    make: Callable[[str, int], LatentMap],
    progress: Progress,
) -> LayerMaps:
    """Every map of a layer whose graph is known; `make` draws that of a method from a seed."""

    def draw(method: str, seed: int, place: str) -> LatentMap:
        stage = partial(
            folder.stage,
            f"{place}/{method}_{inputs['layer']}",
            {**inputs, "method": method, "seed": seed, **concerns[method]},
        )
        return _keep_map(stage, partial(make, method, seed), method=method)

    drawn = {}
    for method in plan.methods:
        latent_map = draw(method, plan.seed, "maps")
        another = (plan.seed + 1) % 2**32
        redrawn = draw(method, another, "redrawn") if plan.redraws(method, len(features)) else None
        if len(features) >= LONG_TO_JUDGE:
            progress.say(f"measuring how far to trust the {method} map")
        trust = measure_map_trust(features, graph, latent_map, k=TRUST_NEIGHBORS, seed=plan.seed, redrawn=redrawn)
        drawn[method] = DrawnMap(latent_map=latent_map, trust=trust)
    return LayerMaps(neighbors=graph, maps=drawn)


def _find_graph(
    folder: RunFolder | Unkept,
    features: Features,
    *,
    plan: MapPlan,
    inputs: Mapping[str, Any],
    executor: Executor,
) -> Neighbors:
    k = max(TRUST_NEIGHBORS, neighbors_needed(len(features), plan.options))

    def compute() -> Mapping[str, np.ndarray]:
        return pack_neighbors(find_neighbors(features, k=k, metric=plan.metric, executor=executor))

    kept = folder.stage(f"neighbors/{inputs['layer']}", {**inputs, "k": k}, compute)
    return unpack_neighbors(kept, metric=plan.metric)


def _keep_map(
    keep: Callable[[Callable[[], Mapping[str, np.ndarray]]], Mapping[str, np.ndarray]],
    make: Callable[[], LatentMap],
    *,
    method: str,
) -> LatentMap:
    def compute() -> Mapping[str, np.ndarray]:
        made = make()
        facts = pack_facts({"parameters": dict(made.parameters), "notice": made.notice})
        return {"xy": made.xy, "facts": facts, **({} if made.placed is None else {"placed": made.placed})}

    kept = keep(compute)
    return LatentMap(xy=kept["xy"], method=method, placed=kept.get("placed"), **unpack_facts(kept["facts"]))


def pack_facts(facts: Mapping[str, Any]) -> np.ndarray:
    """JSON-able facts as an array, so that a stage can keep them beside its numbers."""
    return np.array(json.dumps(facts, ensure_ascii=False, allow_nan=False))


def unpack_facts(packed: np.ndarray) -> dict[str, Any]:
    """The facts that `pack_facts` packed."""
    return json.loads(str(packed))


def write_figures(
    folder: RunFolder,
    table: Mapping[str, Callable[[Findings, Any], Any]],
    findings: Findings,
    *,
    style: Any,
    progress: Progress = SILENT,
) -> list[str]:
    """Draw every figure of the table that has something to draw; returns the file names written."""
    from latentscape.figures.render import render_png  # noqa: PLC0415  matplotlib, not for a run that fails before it

    written = []
    for name, draw in progress.track(table.items(), label="pictures", total=len(table)):
        figure = draw(findings, style)
        if figure is not None:
            folder.save_bytes(f"{name}.png", render_png(figure))
            written.append(f"{name}.png")
    return written


def map_columns(maps: Iterable[tuple[str, DrawnMap]]) -> dict[str, np.ndarray]:
    """For samples.parquet: `{name}_x`, `_y` and how far to trust each place, of every (name, map).

    `{name}_placed` only where samples were placed beside others.
    """
    columns = {}
    for name, drawn in maps:
        columns[f"{name}_x"] = drawn.latent_map.xy[:, 0]
        columns[f"{name}_y"] = drawn.latent_map.xy[:, 1]
        columns[f"{name}_trust"] = drawn.trust.per_point
        columns[f"{name}_trustworthiness"] = drawn.trust.per_point_trustworthiness
        columns[f"{name}_continuity"] = drawn.trust.per_point_continuity
        if drawn.latent_map.placed is not None:
            columns[f"{name}_placed"] = drawn.latent_map.placed
    return columns


def score_maps(maps: Iterable[tuple[str, DrawnMap]]) -> dict[str, Score]:
    """`neighbor_recall_{name}` and so on: every score of every (name, map)."""
    return {f"{score}_{name}": value for name, drawn in maps for score, value in drawn.trust.scores.items()}
