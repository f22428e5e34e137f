"""What both studies of a model do the same way: keep its features, and say what the run was made with."""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from latentscape.engine import preparing_kernels
from latentscape.features import Extraction
from latentscape.findings import EmbeddingsFindings, LatentsFindings, ModelCard
from latentscape.layer_maps import VERSIONED, pack_facts, unpack_facts
from latentscape.progress import SILENT, Progress
from latentscape.store import RunFolder

ROWS, FACTS = "_rows", "_facts"
"""Beside the features of a stage: which input rows they are, and how they were made. No layer has such a name."""
EXTRACTION_FACTS = ("failed", "hook_calls", "n_batches", "batch_size", "padding", "pad_difference")
MODEL_VERSIONED = (*VERSIONED, "torch", "transformers", "soxr", "soundfile")
"""Packages whose version may change a feature or a map."""


def choose_methods(*, skip_tsne: bool, skip_umap: bool) -> tuple[str, ...]:
    """Map methods to draw; PCA where both of the others are skipped, so that there is always something to look at."""
    return tuple(name for name, skipped in (("tsne", skip_tsne), ("umap", skip_umap)) if not skipped) or ("pca",)


def digest(values: Sequence[Any]) -> str:
    """SHA-256 over plain JSON values: stands for long inputs in a stage's record."""
    return hashlib.sha256(json.dumps(values).encode("ascii")).hexdigest()


def keep_extraction(
    folder: RunFolder, inputs: Mapping[str, Any], compute: Callable[[], Extraction], *, progress: Progress = SILENT
) -> Extraction:
    """The extraction of these inputs: the one kept in `folder`, or a new one that is kept there.

    While a new one is computed the map engine is prepared beside it, where this machine does not have it yet.
    """

    def compute_arrays() -> Mapping[str, np.ndarray]:
        with preparing_kernels(progress):
            made = compute()
        facts = {name: getattr(made, name) for name in EXTRACTION_FACTS}
        return {**made.features, ROWS: made.kept, FACTS: pack_facts({**facts, "hook_calls": dict(made.hook_calls)})}

    kept = folder.stage("features", inputs, compute_arrays)
    facts = unpack_facts(kept[FACTS])
    failed = tuple((row, reason) for row, reason in facts.pop("failed"))
    features = {name: values for name, values in kept.items() if name not in (ROWS, FACTS)}
    return Extraction(features=features, kept=kept[ROWS], failed=failed, **facts)


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
