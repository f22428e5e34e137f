"""What of a run is exported: its table, the features of its layers, and its maps, each proven and checked."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from latentscape.errors import DataError, UsageError, nearest
from latentscape.findings import LOGITS, choose_main
from latentscape.run_reader import AGAIN, FinishedRun
from latentscape.shapes import FeatureMatrix

if TYPE_CHECKING:
    import pyarrow  # noqa: ICN001  annotations are looked up by the whole name

SAMPLES = "samples.parquet"
MAP_PARTS = ("x", "y", "trust", "trustworthiness", "continuity", "placed")
_MAP = re.compile(r"([a-z]+)(?:_(.+))?_x")
_CORRECT = "correct_"


@dataclass(frozen=True, kw_only=True)
class MapColumns:
    """A map in samples.parquet: its columns are `{name}_x` and so on."""

    name: str
    method: str
    layer: str
    """Empty where there is one layer that has no name."""
    checkpoint: str = ""
    """As the columns of a comparison name it."""


@dataclass(frozen=True, kw_only=True)
class Contents:
    """Everything an export may take from. Row i of everything is sample i."""

    run: FinishedRun
    table: "pyarrow.Table"
    maps: tuple[MapColumns, ...]
    """The one to look at first comes first."""
    layers: Mapping[str, str]
    """Layer -> the file of its features, the one to look at first first."""

    @property
    def n(self) -> int:
        """How many samples."""
        return self.table.num_rows

    def read_places(self, columns: MapColumns) -> FeatureMatrix:
        """The places of a map, one row a sample."""
        axes = [self.table.column(f"{columns.name}_{axis}").to_numpy() for axis in "xy"]
        if not all(axis.dtype.kind == "f" and np.isfinite(axis).all() for axis in axes):
            raise damaged(self.run, f"`{columns.name}` in {SAMPLES} is no map: a place is not finite")
        return np.stack(axes, axis=1).astype(np.float32)

    def read_layers(self) -> Iterator[tuple[str, FeatureMatrix]]:
        """The features of each layer, one row a sample; a layer is read when it is asked for."""
        for layer, file in self.layers.items():
            yield layer, self._place(self.run.read_array(file), file)

    def _place(self, features: Any, file: str) -> FeatureMatrix:
        """Texts that are equal share a row of what is kept."""
        if features.ndim != 2 or features.dtype.kind not in "fiu":
            raise damaged(self.run, f"`{file}` is no matrix of numbers", f"{features.shape}, {features.dtype}")
        rows = np.arange(len(features))
        if "feature_row" in self.table.column_names:
            column = self.table.column("feature_row")
            rows = column.to_numpy() if column.null_count == 0 else np.array([-1])
        if len(rows) != self.n or rows.dtype.kind not in "iu" or not _are_within(rows, len(features)):
            raise damaged(self.run, f"`{file}` is not of its samples", f"{len(features)} rows for {self.n} samples")
        return np.asarray(features, dtype=np.float32)[rows]


def read_contents(run: FinishedRun, *, layer: str | None = None) -> Contents:
    """What a run holds; of one layer only, where `layer` names one.

    Raises UsageError for a layer that the run does not have, DataError for a run that is damaged or empty.
    """
    table = run.read_table(SAMPLES)
    if not table.num_rows:
        raise DataError(f"`{run.path}` has no samples", hint=AGAIN, fault="data-empty")
    maps, layers = list_maps(run, table.column_names), list_layers(run)
    if layer is not None:
        known = {each.layer for each in maps} - {""} | layers.keys()
        if layer not in known:
            hint = nearest(layer, known) if known else "leave `--layer` out: this run has no layers"
            raise UsageError(f"`{run.path}` has no layer `{layer}`", hint=hint, fault="layer-unknown")
        layers = {name: file for name, file in layers.items() if name == layer}
        others = [each for each in maps if each.layer != layer]
        table = table.drop_columns(list_map_columns(others, table.column_names))
        maps = [each for each in maps if each.layer == layer]
    return Contents(run=run, table=table, maps=tuple(maps), layers=layers)


def list_map_columns(maps: Sequence[MapColumns], names: Sequence[str]) -> list[str]:
    """The columns that belong to these maps."""
    return [name for each in maps for part in MAP_PARTS if (name := f"{each.name}_{part}") in names]


def list_layers(run: FinishedRun) -> dict[str, str]:
    """The layers whose features the run keeps, and their files, the one to look at first first."""
    files = run.list_features()
    return {name: files[name] for name in _sort_layers(run, list(files))}


def list_maps(run: FinishedRun, names: Sequence[str]) -> list[MapColumns]:
    """The maps among the columns of samples.parquet, the one to look at first first."""
    checkpoints = [name.removeprefix(_CORRECT) for name in names if name.startswith(_CORRECT)]
    known, found = set(names), []
    for name in names:
        parts = _MAP.fullmatch(name)
        stem = name.removesuffix("_x")
        if parts is None or not {f"{stem}_y", f"{stem}_trust"} <= known:
            continue
        method, layer = parts[1], parts[2] or ""
        if run.study == "map" and layer:  # the user's own: a map has one layer without a name
            continue
        checkpoint = next((each for each in _longest_first(checkpoints) if layer.endswith(f"_{each}")), "")
        layer = layer.removesuffix(f"_{checkpoint}") if checkpoint else layer
        found.append(MapColumns(name=stem, method=method, layer=layer, checkpoint=checkpoint))
    return _sort_maps(run, found, checkpoints=checkpoints)


def _sort_maps(run: FinishedRun, maps: list[MapColumns], *, checkpoints: list[str]) -> list[MapColumns]:
    """Main layer first, t-SNE first, the recommended checkpoint first."""
    layers = _sort_layers(run, list(dict.fromkeys(each.layer for each in maps)))
    first = _find_recommended(run, checkpoints)
    methods = list(dict.fromkeys(["tsne", *(each.method for each in maps)]))
    return sorted(
        maps, key=lambda each: (layers.index(each.layer), methods.index(each.method), each.checkpoint != first)
    )


def _sort_layers(run: FinishedRun, layers: list[str]) -> list[str]:
    """The one that most is asked of first: of a classifier the last before the logits, else the first one studied."""
    if not layers:
        return []
    studied = run.manifest.get("layers")
    if "latents" in (run.study, run.manifest.get("compared")):
        layers = sorted(layers, key=lambda name: name == LOGITS)
        main = choose_main(layers)
    else:
        main = studied[0] if isinstance(studied, list) and studied and studied[0] in layers else layers[0]
    return [main, *(name for name in layers if name != main)]


def _find_recommended(run: FinishedRun, checkpoints: list[str]) -> str:
    """The checkpoint to take, as columns name it: the manifest names them in the same order."""
    listed = run.manifest.get("checkpoints")
    names = [each.get("name") for each in listed if isinstance(each, dict)] if isinstance(listed, list) else []
    if len(names) == len(checkpoints) and run.manifest.get("recommended") in names:
        return checkpoints[names.index(run.manifest.get("recommended"))]
    return checkpoints[-1] if checkpoints else ""


def _longest_first(names: list[str]) -> list[str]:
    return sorted(names, key=len, reverse=True)


def _are_within(rows: np.ndarray, n: int) -> bool:
    return len(rows) > 0 and int(rows.min()) >= 0 and int(rows.max()) < n


def damaged(run: FinishedRun, what: str, got: str = "") -> DataError:
    """The error for a run that says something else than a run of ours does."""
    return DataError(f"`{run.path}` can't be exported: {what}", got=got[:200], hint=AGAIN, fault="run-damaged")
