"""What both studies do the same way: keep features, map a layer, draw the pictures, say what the run was made with."""

import hashlib
import json
import platform
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict
from importlib.metadata import version
from typing import Any, TypeVar

import numpy as np

from latentscape.features import Extraction
from latentscape.findings import DrawnMap, EmbeddingsFindings, LatentsFindings, ModelCard
from latentscape.maps import make_map, neighbors_needed
from latentscape.maps.latent_map import LatentMap
from latentscape.measures.score import Score
from latentscape.measures.trust import measure_map_trust
from latentscape.neighbors import Neighbors, find_neighbors
from latentscape.progress import SILENT, Progress
from latentscape.shapes import FeatureMatrix
from latentscape.store import RunFolder

Findings = TypeVar("Findings")
TRUST_NEIGHBORS = 15
ROWS, FACTS = "_rows", "_facts"
"""Beside the features of a stage: which input rows they are, and how they were made. No layer has such a name."""
EXTRACTION_FACTS = ("failed", "hook_calls", "n_batches", "batch_size", "padding", "pad_difference")
VERSIONED = ("latentscape", "torch", "transformers", "numpy", "faiss-cpu", "openTSNE", "scranpy", "soxr", "soundfile")
"""Packages whose version may change a number; they are part of every stage's inputs."""


def versions() -> dict[str, str]:
    """The versions a result depends on, and the platform."""
    return {package: version(package) for package in VERSIONED} | {
        "python": platform.python_version(),
        "machine": f"{platform.system()} {platform.machine()}",
    }


def choose_methods(*, skip_tsne: bool, skip_umap: bool) -> tuple[str, ...]:
    """Map methods to draw; PCA where both of the others are skipped, so that there is always something to look at."""
    return tuple(name for name, skipped in (("tsne", skip_tsne), ("umap", skip_umap)) if not skipped) or ("pca",)


def digest(values: Sequence[Any]) -> str:
    """SHA-256 over plain JSON values: stands for long inputs in a stage's record."""
    return hashlib.sha256(json.dumps(values).encode("ascii")).hexdigest()


def keep_extraction(folder: RunFolder, inputs: Mapping[str, Any], compute: Callable[[], Extraction]) -> Extraction:
    """The extraction of these inputs: the one kept in `folder`, or a new one that is kept there."""

    def compute_arrays() -> Mapping[str, np.ndarray]:
        made = compute()
        facts = {name: getattr(made, name) for name in EXTRACTION_FACTS}
        return {**made.features, ROWS: made.kept, FACTS: pack_facts({**facts, "hook_calls": dict(made.hook_calls)})}

    kept = folder.stage("features", inputs, compute_arrays)
    facts = unpack_facts(kept[FACTS])
    failed = tuple((row, reason) for row, reason in facts.pop("failed"))
    features = {name: values for name, values in kept.items() if name not in (ROWS, FACTS)}
    return Extraction(features=features, kept=kept[ROWS], failed=failed, **facts)


def map_layer(
    folder: RunFolder,
    features: FeatureMatrix,
    *,
    layer: str,
    methods: Sequence[str],
    seed: int,
    inputs: Mapping[str, Any],
    progress: Progress = SILENT,
) -> dict[str, DrawnMap]:
    """The layer's one neighbor graph and every map drawn from it, each with its trust; stages are reused from `folder`.

    `inputs` is what the features came from.
    """
    graph = _find_graph(folder, features, layer=layer, inputs=inputs)
    drawn = {}
    for method in progress.track(methods, label=f"maps of {layer}", total=len(methods)):
        latent_map = _draw_map(folder, features, graph, layer=layer, method=method, seed=seed, inputs=inputs)
        drawn[method] = DrawnMap(
            latent_map=latent_map, trust=measure_map_trust(graph, latent_map, k=TRUST_NEIGHBORS, seed=seed)
        )
    return drawn


def _find_graph(folder: RunFolder, features: FeatureMatrix, *, layer: str, inputs: Mapping[str, Any]) -> Neighbors:
    k = max(TRUST_NEIGHBORS, neighbors_needed(len(features)))

    def compute() -> Mapping[str, np.ndarray]:
        graph = find_neighbors(features, k=k, metric="cosine")
        return {"indices": graph.indices, "distances": graph.distances}

    kept = folder.stage(f"neighbors/{layer}", {**inputs, "layer": layer, "k": k, "metric": "cosine"}, compute)
    return Neighbors(indices=kept["indices"], distances=kept["distances"], metric="cosine")


def _draw_map(
    folder: RunFolder,
    features: FeatureMatrix,
    graph: Neighbors,
    *,
    layer: str,
    method: str,
    seed: int,
    inputs: Mapping[str, Any],
) -> LatentMap:
    def compute() -> Mapping[str, np.ndarray]:
        made = make_map(features, graph, method=method, seed=seed)
        return {"xy": made.xy, "facts": pack_facts({"parameters": dict(made.parameters), "notice": made.notice})}

    stage_inputs = {**inputs, "layer": layer, "method": method, "seed": seed}
    kept = folder.stage(f"maps/{method}_{layer}", stage_inputs, compute)
    return LatentMap(xy=kept["xy"], method=method, **unpack_facts(kept["facts"]))


def pack_facts(facts: Mapping[str, Any]) -> np.ndarray:
    """JSON-able facts as an array, so that a stage can keep them beside its numbers."""
    return np.array(json.dumps(facts, ensure_ascii=False, allow_nan=False))


def unpack_facts(packed: np.ndarray) -> dict[str, Any]:
    """The facts that `pack_facts` packed."""
    return json.loads(str(packed))


def make_model_card(receipt: Any, *, name: str, checkpoint: str, sha256: str, metadata: Mapping[str, Any]) -> ModelCard:
    """What every page says of the model: its receipt, what it says of its training, and the stamps it must carry."""
    trained = {key: value for key, value in metadata.items() if isinstance(value, str | int | float)}
    return ModelCard(
        name=name,
        checkpoint=checkpoint,
        sha256=sha256,
        n_parameters=receipt.n_parameters,
        n_tensors_matched=len(receipt.matched),
        n_tensors_total=receipt.n_tensors,
        trained=trained,
        stamps=_stamp(receipt.allowed),
    )


def _stamp(allowed: Sequence[str]) -> tuple[str, ...]:
    if not allowed:
        return ()
    shown = ", ".join(allowed[:3]) + (f" and {len(allowed) - 3} more" if len(allowed) > 3 else "")
    return (f"NOT FULLY LOADED: {len(allowed)} tensor(s) did not come from the checkpoint ({shown})",)


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


def map_columns(maps: Iterable[tuple[str, str, DrawnMap]]) -> dict[str, np.ndarray]:
    """`{method}_{layer}_x`, `_y` and `_trust` of every (method, layer, map), for samples.parquet."""
    columns = {}
    for method, layer, drawn in maps:
        columns[f"{method}_{layer}_x"] = drawn.latent_map.xy[:, 0]
        columns[f"{method}_{layer}_y"] = drawn.latent_map.xy[:, 1]
        columns[f"{method}_{layer}_trust"] = drawn.trust.per_point
    return columns


def score_maps(maps: Iterable[tuple[str, str, DrawnMap]]) -> dict[str, Score]:
    """`neighbor_recall_{method}_{layer}` of every (method, layer, map)."""
    return {f"neighbor_recall_{method}_{layer}": drawn.trust.recall for method, layer, drawn in maps}


def make_manifest(
    study: str,
    *,
    settings: Mapping[str, Any],
    inputs: Mapping[str, Any],
    findings: LatentsFindings | EmbeddingsFindings,
    files: Sequence[str],
    extraction: Extraction,
) -> dict[str, Any]:
    """What the run was made with and what it left: manifest.json but for the checksums. No time and no host: the same
    run gives the same bytes."""
    return {
        "study": study,
        "settings": dict(settings),
        "inputs": dict(inputs),
        "model": asdict(findings.model),
        "accounting": asdict(findings.accounting),
        "extraction": {name: getattr(extraction, name) for name in EXTRACTION_FACTS if name != "failed"},
        "files": sorted(files),
    }
