"""The features of a model's layers, kept in the run folder so that they are never extracted twice."""

from collections.abc import Callable, Mapping
from dataclasses import fields
from typing import Any

import numpy as np

from latentscape.engine import preparing_kernels
from latentscape.features import Extraction
from latentscape.features.shards import Shards
from latentscape.interrupts import finish_first
from latentscape.layer_maps import pack_facts, unpack_facts
from latentscape.progress import SILENT, Progress
from latentscape.store import RunFolder

STAGE = "features"
ROWS, FACTS = "_rows", "_facts"
"""Beside the features of a stage: which input rows they are, and how they were made. No layer has such a name."""
EXTRACTION_FACTS = tuple(field.name for field in fields(Extraction) if field.name not in ("features", "kept"))


def keep_extraction(
    folder: RunFolder,
    inputs: Mapping[str, Any],
    compute: Callable[[Shards], Extraction],
    *,
    progress: Progress = SILENT,
) -> Extraction:
    """The extraction of these inputs: the one kept in `folder`, or a new one that is kept there.

    A new one is kept batch by batch while it is read, so that after a crash, a kill or Ctrl-C it goes on from there.
    The first Ctrl-C waits for the batch under way. While a new one is computed the map engine is prepared beside it,
    where this machine does not have it yet.
    """
    _tell_differences(folder, inputs, progress)
    with finish_first(remark=progress is not SILENT) as patience:

        def compute_arrays() -> Mapping[str, np.ndarray]:
            folder.refuse_theirs(STAGE, [*inputs.get("layers", ()), ROWS, FACTS])
            with preparing_kernels(progress):
                return _pack(compute(folder.shards(STAGE, inputs, patience)))

        kept = folder.stage(STAGE, inputs, compute_arrays)
        folder.shards(STAGE, inputs, patience).clear()
    return _unpack(kept)


def describe_extraction(extraction: Extraction) -> dict[str, Any]:
    """How the features were made, for the manifest; what failed is accounted for elsewhere."""
    return {name: getattr(extraction, name) for name in EXTRACTION_FACTS if name != "failed"}


def _pack(made: Extraction) -> dict[str, np.ndarray]:
    facts = {name: getattr(made, name) for name in EXTRACTION_FACTS}
    plain = {name: dict(value) if isinstance(value, Mapping) else value for name, value in facts.items()}
    return {**made.features, ROWS: made.kept, FACTS: pack_facts(plain)}


def _unpack(kept: Mapping[str, np.ndarray]) -> Extraction:
    facts = unpack_facts(kept[FACTS])
    facts |= {name: _freeze(value) for name, value in facts.items()}
    features = {name: values for name, values in kept.items() if name not in (ROWS, FACTS)}
    return Extraction(features=features, kept=kept[ROWS], **facts)


def _freeze(value: Any) -> Any:
    """Lists, which JSON makes of tuples, as tuples again."""
    return tuple(_freeze(each) for each in value) if isinstance(value, list) else value


def _tell_differences(folder: RunFolder, inputs: Mapping[str, Any], progress: Progress) -> None:
    if folder.resume is None and (different := folder.find_differences(STAGE, inputs)):
        progress.say(f"features are read anew: the run that was here had other inputs ({', '.join(different)})")
