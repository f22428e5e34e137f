"""The conductor of `latentscape map`: a matrix of features, from wherever -> maps that say how far to trust them."""

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass, fields, replace
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict, Unpack, get_args

import numpy as np
import pyarrow as pa

from latentscape.datasets.sample_columns import Wish
from latentscape.engine import preparing_kernels
from latentscape.errors import UsageError, nearest
from latentscape.executor import Executor
from latentscape.findings import DrawnMap, MapFindings
from latentscape.layer_maps import MapPlan, map_columns, map_layer, score_maps, versions, write_figures
from latentscape.map_input import MapInput, gather_input
from latentscape.maps import MapOptions
from latentscape.measures.score import Score
from latentscape.neighbors import Neighbors
from latentscape.notebook import HEIGHT, Explorable, Explorer, Picture, Pictures, show_exploration
from latentscape.object_store import as_uri, local_copy
from latentscape.output_folder import EXPLORER
from latentscape.plain_text import folder_name
from latentscape.progress import SILENT, Progress
from latentscape.ray_cluster import open_executor
from latentscape.settings import MapSettings, Metric, Quality, Start, record_settings
from latentscape.store import RunFolder, Unkept, flatten_scores

if TYPE_CHECKING:
    from latentscape.figures.style import ThemedFigure

LAYER = "features"
"""What the stages call the one layer there is."""
COLUMN_NEIGHBORS = 15
"""Neighbors of each sample in samples.parquet."""


class MapChoices(TypedDict, total=False):
    """What a map can be asked for besides its data, each with the default and meaning of `MapSettings`."""

    method: str | Sequence[str]
    metric: str
    perplexity: float
    n_neighbors: int
    min_dist: float
    quality: str
    start: str
    time_budget: float | None
    seed: int
    max_samples: int
    layout_samples: int
    key: str | None
    dark: bool
    hide_trust: bool
    stability: bool
    options: MapOptions


@dataclass(frozen=True, kw_only=True)
class FeatureMaps(Explorable):
    """Maps of one feature matrix: what they show, how far to trust them, and where they were written, if they were."""

    findings: MapFindings
    neighbors: Neighbors
    """The graph that all maps and scores come from."""
    settings: Mapping[str, Any]
    inputs: Mapping[str, Any]
    remarks: tuple[str, ...] = ()
    """What was chosen for the user, in sentences."""
    folder: Path | None = None
    files: tuple[str, ...] = ()
    """Names in the folder, as written."""
    stages: Unkept | None = None

    @property
    def maps(self) -> Mapping[str, DrawnMap]:
        """By method: `maps["tsne"].latent_map.xy` are the places, `.trust` is how far to trust them."""
        return self.findings.maps

    @property
    def scores(self) -> Mapping[str, Score]:
        """Every number of scores.json."""
        return self.findings.scores

    def figure(self) -> "ThemedFigure":
        """All maps side by side, as a matplotlib figure."""
        from latentscape.figures.feature_maps import draw_feature_maps  # noqa: PLC0415  matplotlib, only to draw

        drawn = draw_feature_maps(self.findings, _choose_style(self.settings))
        if drawn is None:
            raise AssertionError("findings without maps")
        return drawn

    def save(self, folder: str | Path) -> "FeatureMaps":
        """Write the run folder: pictures, pages, samples.parquet, scores.json and the manifest.

        Raises UsageError for a place that can't be a run folder, ResourceError for a full disk, BusyError if another
        process writes there.
        """
        with RunFolder(folder) as run:
            if self.stages:
                self.stages.keep(run)
            return _write(run, replace(self, stages=None))

    @property
    def figures(self) -> Pictures | dict[str, Picture]:
        """Its pictures by name, as PNG that a notebook shows; drawn now where they were not written."""
        return {"maps": Picture(self._repr_png_())} if self.folder is None else super().figures

    def explore(self, height: int = HEIGHT) -> Explorer:
        """The explorer page, for a cell of a notebook; `height` in pixels."""
        if self.folder is not None:
            return super().explore(height)
        from latentscape.exploring import explore_table  # noqa: PLC0415  only to show

        style, scores = _choose_style(self.settings), flatten_scores(self.scores)
        table = pa.table(tabulate(self.findings, self.neighbors))
        exploration = explore_table(table, manifest=_describe(self, ()), scores=scores, style=style)
        return show_exploration(exploration, style=style, height=height)

    def _repr_png_(self) -> bytes:
        """What a notebook shows that has no frames."""
        from latentscape.figures.render import render_png  # noqa: PLC0415  as above

        return render_png(self.figure())


def map_features(
    features: Any,
    *,
    labels: Wish = None,
    shapes: Wish = None,
    ids: Wish = None,
    output: str | Path | None = None,
    progress: Progress = SILENT,
    **choices: Unpack[MapChoices],
) -> FeatureMaps:
    """Maps of features, one row a sample: NumPy, a tensor, a data frame, an Arrow table, lists, or a file's path.

    `labels` (color), `shapes` (marker) and `ids` are one value a sample, or the name of a column of the frame or file.
    `choices` are the options of `latentscape map`: method ("tsne", "umap", "pca" or several), metric ("cosine",
    "euclidean"), perplexity, n_neighbors, min_dist, quality ("fast", "best"), start ("pca", "spectral"), time_budget,
    seed, max_samples, layout_samples, key, dark, hide_trust, stability; or `options=MapOptions(...)` for those of the
    layout. Rows with NaN or infinity are left out and accounted for in `findings.accounting`. With `output` a run
    folder is written, and what lies finished in it from the same features is used again.

    Raises UsageError for a bad choice, DataError for features or columns that can't be used, SafetyError for a file
    that would have to run code.
    """
    settings = _choose(choices)
    wishes = {"labels": labels, "shapes": shapes, "ids": ids}
    named = {what: str(wish) for what, wish in wishes.items() if isinstance(wish, str | PathLike)}
    settings = replace(settings, **named, output=output if output is None else Path(output))
    run = None if output is None else RunFolder(output)
    found = _gather(features, wishes, settings=settings, progress=progress)
    engine = open_executor(settings, progress=progress)
    if run is None:
        with engine as executor:
            return _map(Unkept(), found, settings=settings, executor=executor)
    with run as folder, engine as executor:
        return _write(folder, _map(folder, found, settings=settings, executor=executor), progress)


map = map_features  # noqa: A001  the public name: `latentscape.map(...)`


def study_features(path: Path, settings: MapSettings, *, progress: Progress = SILENT) -> FeatureMaps:
    """Map the features of a file and write the run folder: what `latentscape map` does.

    Raises as `map_features`; ResourceError for memory or disk, BusyError if the run folder is in use.
    """
    wishes = {"labels": settings.labels, "shapes": settings.shapes, "ids": settings.ids}
    run = RunFolder(settings.output or Path("maps") / folder_name(path.stem))
    found = _gather(path, wishes, settings=settings, progress=progress)
    with run as folder, open_executor(settings, progress=progress) as executor:
        made = _map(folder, found, settings=settings, executor=executor)
        return _write(
            folder, replace(made, settings={"features": as_uri(path) or str(path), **made.settings}), progress
        )


def _choose(choices: Mapping[str, Any]) -> MapSettings:
    """The choices of a Python call, checked as those of the command."""
    given = dict(choices)
    options = given.pop("options", None)
    given |= asdict(options) if options else {}
    known = {field.name for field in fields(MapSettings)} - {"labels", "shapes", "ids", "output"}
    for name in given.keys() - known:
        raise UsageError(f"unknown choice `{name}`", hint=nearest(name, known), fault="option-value")
    for name, allowed in (("metric", Metric), ("quality", Quality), ("start", Start)):
        if given.get(name, get_args(allowed)[0]) not in get_args(allowed):
            what, known_words = f"unknown {name} `{given[name]}`", get_args(allowed)
            hint = nearest(str(given[name]), known_words)
            raise UsageError(what, expected=" or ".join(known_words), hint=hint, fault="option-value")
    method = given.get("method", MapSettings.method)
    return MapSettings(**{**given, "method": (method,) if isinstance(method, str) else tuple(method)})


def _gather(values: Any, wishes: Mapping[str, Wish], *, settings: MapSettings, progress: Progress) -> MapInput:
    """The input, read while the map engine is prepared beside it where this machine does not have it yet."""
    uri = as_uri(values)
    source = local_copy(uri, progress=progress) if uri else nullcontext(values)
    with preparing_kernels(progress), source as local:
        found = gather_input(local, wishes, key=settings.key, max_samples=settings.max_samples, seed=settings.seed)
    for remark in found.remarks:
        progress.say(remark)
    return found


def _map(folder: RunFolder | Unkept, found: MapInput, *, settings: MapSettings, executor: Executor) -> FeatureMaps:
    """Everything but files."""
    inputs = {**found.fingerprint(), "versions": versions()}
    plan = MapPlan(
        methods=settings.methods,
        seed=settings.seed,
        metric=settings.metric,
        options=_choose_options(settings),
        stability=settings.stability,
        layout_samples=settings.layout_samples,
    )
    drawn = map_layer(folder, found.features, layer=LAYER, plan=plan, inputs=inputs, executor=executor)
    return FeatureMaps(
        findings=_find(found, drawn.neighbors, drawn.maps),
        neighbors=drawn.neighbors,
        settings=record_settings(settings),
        inputs=inputs,
        remarks=found.remarks,
        stages=folder if isinstance(folder, Unkept) else None,
    )


def _choose_options(settings: MapSettings) -> MapOptions:
    return MapOptions(**{field.name: getattr(settings, field.name) for field in fields(MapOptions)})


def _find(found: MapInput, neighbors: Neighbors, maps: Mapping[str, DrawnMap]) -> MapFindings:
    return MapFindings(
        source=found.source,
        accounting=found.accounting,
        rows=found.rows,
        ids=found.ids,
        labels=found.labels and found.labels.numbers,
        label_names=found.labels.names if found.labels else (),
        label_column=found.labels.column if found.labels else "",
        shapes=found.shapes and found.shapes.numbers,
        shape_names=found.shapes.names if found.shapes else (),
        shape_column=found.shapes.column if found.shapes else "",
        maps=maps,
        metric=neighbors.metric,
        n_features=found.features.shape[1],
        n_kinds=len(neighbors.kinds.first) if neighbors.kinds else len(found.rows),
        k=neighbors.indices.shape[1],
        graph_recall=neighbors.recall,
        scores=score_maps(maps.items()),
    )


def _write(folder: RunFolder, made: FeatureMaps, progress: Progress = SILENT) -> FeatureMaps:
    """Pictures, pages, tables and the manifest."""
    from latentscape.explorer import name_map_page, write_pages  # noqa: PLC0415  matplotlib and jinja2, only to draw
    from latentscape.figures.tables import MAP_FIGURES  # noqa: PLC0415
    from latentscape.pages.spelled import list_spelled  # noqa: PLC0415

    findings, style = made.findings, _choose_style(made.settings)
    files = write_figures(folder, MAP_FIGURES, findings, style=style, progress=progress)
    files += [name_map_page(method) for method in findings.maps]
    folder.save_scores(findings.scores)
    folder.save_table("samples.parquet", tabulate(findings, made.neighbors))
    files += ["scores.json", "samples.parquet", EXPLORER]
    manifest = {**_describe(made, files), "spelled": list_spelled(findings)}
    write_pages(folder, manifest, style=style, progress=progress)
    folder.finish(manifest)
    return replace(made, folder=folder.path, files=tuple(files))


def _choose_style(settings: Mapping[str, Any]) -> Any:
    from latentscape.figures.style import Style  # noqa: PLC0415  matplotlib, only to draw

    return Style(dark=bool(settings["dark"]), show_trust=not settings["hide_trust"])


def tabulate(findings: MapFindings, neighbors: Neighbors) -> dict[str, Any]:
    """The columns of samples.parquet, one row a sample drawn, in input order.

    The user's own columns keep their names unless ours have them; then `_2` is added.
    """
    ours = {"row": findings.rows, **map_columns(findings.maps.items())}
    theirs = {}
    for column, numbers, names in (
        (findings.label_column, findings.labels, findings.label_names),
        (findings.shape_column, findings.shapes, findings.shape_names),
    ):
        if numbers is not None and column not in theirs:
            taken = {"id", "neighbors", *ours, *theirs}
            theirs[column if column not in taken else f"{column}_2"] = name_classes(numbers, names)
    ids = {"id": list(findings.ids)} if findings.ids is not None else {}
    return {**ids, "row": ours.pop("row"), **theirs, **ours, "neighbors": list_neighbors(neighbors)}


def name_classes(numbers: np.ndarray, names: Sequence[str]) -> pa.Array:
    """Class names for class numbers, null for -1; each name is kept once."""
    codes = pa.array(numbers.astype(np.int32), mask=numbers < 0)
    return pa.DictionaryArray.from_arrays(codes, pa.array(names, pa.string()))


def list_neighbors(neighbors: Neighbors) -> pa.Array:
    """For each sample its nearest others in feature space, `{"ids": [...], "distances": [...]}`: nearest first, ids
    being row numbers of the table, as Embedding Atlas takes them."""
    k = min(COLUMN_NEIGHBORS, neighbors.indices.shape[1])
    ends = pa.array((np.arange(len(neighbors.indices) + 1) * k).astype(np.int32))
    ids = pa.array(np.ascontiguousarray(neighbors.indices[:, :k], dtype=np.int32).ravel())
    distances = neighbors.distances[:, :k]
    fits = distances.max(initial=0) < np.finfo(np.float32).max
    distances = pa.array(distances.ravel().astype(np.float32 if fits else np.float64))
    lists = [pa.ListArray.from_arrays(ends, ids), pa.ListArray.from_arrays(ends, distances)]
    return pa.StructArray.from_arrays(lists, names=["ids", "distances"])


def _describe(made: FeatureMaps, files: Sequence[str]) -> dict[str, Any]:
    """What the run was made with and what it left: manifest.json but for the checksums."""
    findings = made.findings
    return {
        "study": "map",
        "source": findings.source,
        "settings": dict(made.settings),
        "inputs": dict(made.inputs),
        "accounting": asdict(findings.accounting),
        "graph": {"k": findings.k, "recall": findings.graph_recall, "n_kinds": findings.n_kinds},
        "remarks": list(made.remarks),
        "labels": {"column": findings.label_column, "values": list(findings.label_names)},
        "shapes": {"column": findings.shape_column, "values": list(findings.shape_names)},
        "files": sorted(files),
    }
