"""The features of a model's layers, kept in the run folder so that they are never extracted twice."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from latentscape.engine import preparing_kernels
from latentscape.features import Extraction
from latentscape.layer_maps import pack_facts, unpack_facts
from latentscape.progress import SILENT, Progress
from latentscape.store import RunFolder

ROWS, FACTS = "_rows", "_facts"
"""Beside the features of a stage: which input rows they are, and how they were made. No layer has such a name."""
EXTRACTION_FACTS = ("failed", "hook_calls", "n_batches", "batch_size", "padding", "pad_difference")


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


def describe_extraction(extraction: Extraction) -> dict[str, Any]:
    """How the features were made, for the manifest; what failed is accounted for elsewhere."""
    return {name: getattr(extraction, name) for name in EXTRACTION_FACTS if name != "failed"}
