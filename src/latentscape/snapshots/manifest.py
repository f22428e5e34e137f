"""What a manifest and the record of the features say, each value checked: a folder may come from anywhere."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from latentscape.comparison_findings import Checkpoint
from latentscape.errors import DataError
from latentscape.figures.receipt_words import LARGEST_COUNT, tidy_receipt, tidy_values
from latentscape.findings import ModelCard
from latentscape.neighbors import require_finite
from latentscape.run_reader import AGAIN, MANIFEST, RECORD, FinishedRun
from latentscape.snapshots.values import LayerMatrix
from latentscape.store import clean_text

ENDING = re.compile(r"\.[A-Za-z]\w*$")
UNTRAINED = "none: "
"""How the card of a base model names its checkpoint."""
USUAL = "checkpoint_"
"""How the files of a training's epochs begin: what follows tells them apart."""
TEXTS = ("name", "checkpoint", "sha256")
COUNTS = ("n_parameters", "n_tensors_matched", "n_tensors_total")


def damaged(run: FinishedRun, what: str, got: object = "") -> DataError:
    """The error for a run that lacks something or says something else than a run of ours does."""
    what = f"`{run.path}` can't be compared: {what}"
    return DataError(what, got=str(got)[:200], hint=AGAIN, fault="run-damaged")


def read_checkpoint(run: FinishedRun) -> Checkpoint:
    """Which model the run is of, named as its file; the folder's name where it has none."""
    card = read_model_card(run)
    name = ENDING.sub("", card.checkpoint.removeprefix(UNTRAINED).replace("\\", "/").rpartition("/")[2]).strip()
    name = name.removeprefix(USUAL) or name
    return Checkpoint(
        name=name or name_folder(run.path),
        folder=str(run.path),
        model=card,
        epoch=_read_epoch(card.trained.get("epoch")),
        reading=_read_reading(run),
    )


def _read_reading(run: FinishedRun) -> str:
    """The fingerprint of a model with its processor, which both studies of any model keep among their inputs."""
    inputs = run.manifest.get("inputs")
    found = inputs.get("model") if isinstance(inputs, dict) else None
    return clean_text(found) if isinstance(found, str) else ""


def name_folder(path: Path, depth: int = 1) -> str:
    """The last parts of a folder's path, as the user gave it where that says enough."""
    parts = [part for part in path.parts if part not in (path.anchor, ".", "..")]
    known = parts if len(parts) >= depth and ".." not in path.parts else path.resolve().parts[1:]
    return "/".join(known[-depth:]) or "run"


def read_model_card(run: FinishedRun) -> ModelCard:
    """The manifest's card of the model."""
    card = run.manifest.get("model")
    if not isinstance(card, dict):
        raise damaged(run, f"{MANIFEST} has no `model`")
    for key in TEXTS:
        if not isinstance(card.get(key), str):
            raise damaged(run, f"`model: {key}` in {MANIFEST} is no text", card.get(key))
    for key in COUNTS:
        if not _is_count(card.get(key)):
            raise damaged(run, f"`model: {key}` in {MANIFEST} is no count", card.get(key))
    trained, stamps = card.get("trained", {}), card.get("stamps", [])
    if not isinstance(trained, dict) or not _are_texts(stamps):
        raise damaged(run, f"`model` in {MANIFEST} is damaged")
    return ModelCard(
        **{key: clean_text(card[key]) for key in TEXTS},
        **{key: card[key] for key in COUNTS},
        trained=tidy_values(trained),
        unlearns_dataset=card.get("unlearns_dataset") is True,
        stamps=tuple(map(clean_text, stamps)),
        receipt=tidy_receipt(card.get("receipt")),
        in_memory=card.get("in_memory") is True,
    )


def read_names(run: FinishedRun, key: str) -> tuple[str, ...]:
    """A list of different names in the manifest, at least one."""
    names = run.manifest.get(key)
    if names is None:
        raise damaged(run, f"{MANIFEST} does not name its {key}", "a run of an earlier version")
    if not _are_texts(names) or not names or len(set(names)) < len(names):
        raise damaged(run, f"`{key}` in {MANIFEST} is no list of different names", names)
    return tuple(map(clean_text, names))


def list_features(run: FinishedRun) -> dict[str, str]:
    """The file of each layer, in the order in which they were read; at least one."""
    files = run.list_features()
    if not files:
        raise damaged(run, "it keeps no features", f"no layer in {RECORD}")
    return files


def read_features(run: FinishedRun, file: str) -> LayerMatrix:
    """The features of a layer: finite numbers, in single precision."""
    array = run.read_array(file)
    if array.ndim != 2 or array.dtype.kind not in "fiu":
        raise damaged(run, f"`{file}` is no matrix of numbers", f"{' x '.join(map(str, array.shape))}, {array.dtype}")
    with np.errstate(over="ignore"):  # what does not fit is infinite, and refused
        features = np.asarray(array, dtype=np.float32)
    require_finite(features, purpose=f"a comparison with `{run.path / file}`")
    return features


def _read_epoch(value: Any) -> float | None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_number and abs(value) < LARGEST_COUNT else None


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < LARGEST_COUNT


def _are_texts(values: object) -> bool:
    return (
        isinstance(values, Sequence) and not isinstance(values, str) and all(isinstance(each, str) for each in values)
    )
