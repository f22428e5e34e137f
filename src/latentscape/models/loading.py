"""The doors to everybody else's models: a hub name or a local folder -> config values and tensors, no code run."""

import logging
import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import huggingface_hub
import transformers
from huggingface_hub.errors import HfHubHTTPError, HFValidationError
from torch import Tensor, nn

from latentscape.checkpoint import WeightReceipt, load_checkpoint, load_weights
from latentscape.errors import ModelError
from latentscape.models.folder_scan import read_json, refuse_foreign_names, refuse_switches, scan_model_folder
from latentscape.models.naming import modernize
from latentscape.paths import expand_home, hash_file, is_file, is_folder

__all__ = [
    "clean_config",
    "find_model_folder",
    "has_weights",
    "hash_files",
    "load_body",
    "quiet_libraries",
    "read_config_values",
    "read_folder_tensors",
    "read_json",
    "side_branches",
    "take_body",
]

_HUB_NAME = re.compile(r"[A-Za-z0-9][\w.-]*(/[A-Za-z0-9][\w.-]*)?")
_TEXT_FILES = ["*.json", "*.txt", "*.model", "tokenizer*"]
_WEIGHT_FILES = (
    "model.safetensors",
    "model.safetensors.index.json",
    "pytorch_model.bin",
    "pytorch_model.bin.index.json",
)
_HUB_TIMEOUT = 5.0
_DROPPED = ("auto_map", "_attn_implementation", "attn_implementation", "quantization_config", "transformers_version")
"""An attention implementation may name code on the hub; a packed format would change the numbers."""
_BODIES = ("roberta.", "bert.", "hubert.", "wav2vec2.", "wavlm.", "distilbert.", "mpnet.", "deberta.", "model.")
_NEVER_ON_PATH = ("pooler.", "masked_spec_embed")
_HEADS = ("lm_head.", "cls.", "quantizer.", "project_q.", "project_hid.")


def find_model_folder(name: str, *, option: str, near: Path | None = None, weights: bool = True) -> Path:
    """The local folder of a model given by folder (from here, or from `near`) or by hub name.

    The hub is asked once, briefly, when its cache has nothing. Raises ModelError that names the model and `option`,
    the setting with which the user can give another; SafetyError where the folder names or switches on code.
    """
    for folder in (expand_home(name), *((near / name,) if near else ())):
        if is_folder(folder):
            scan_model_folder(folder)
            return folder
    if not _HUB_NAME.fullmatch(name):
        raise ModelError(
            f"there is no folder `{name}`",
            expected="a model folder or a hub name",
            hint=_advice(option),
            fault="model-missing",
        )
    folder = _cached(name, weights=weights) or _download(name, option, weights=weights)
    scan_model_folder(folder)
    return folder


def _cached(name: str, *, weights: bool) -> Path | None:
    try:
        folder = Path(huggingface_hub.snapshot_download(name, local_files_only=True))
    except (OSError, HFValidationError, ValueError):
        return None
    whole = is_file(folder / "config.json") and (not weights or _weight_file(folder) is not None)
    return folder if whole else None


def _download(name: str, option: str, *, weights: bool) -> Path:
    patterns = [*_TEXT_FILES, *(["model*.safetensors"] if weights else [])]
    try:
        with quiet_libraries():
            folder = _fetch(name, patterns)
            if weights and _weight_file(folder) is None:
                folder = _fetch(name, ["pytorch_model*.bin"])
    except (OSError, HfHubHTTPError, HFValidationError, ValueError) as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise ModelError(
            f"the model `{name}` is not on this machine, and the hub did not give it",
            got=reason,
            expected="a folder in Hugging Face format, or a hub name that can be downloaded",
            hint=_advice(option),
            fault="model-missing",
        ) from error
    return folder


def _fetch(name: str, patterns: list[str]) -> Path:
    folder = huggingface_hub.snapshot_download(
        name, allow_patterns=patterns, ignore_patterns=["*/*"], etag_timeout=_HUB_TIMEOUT
    )
    return Path(folder)


def _advice(option: str) -> str:
    return f"download the model's folder where there is a network, bring it here and name it with {option}"


def read_config_values(folder: Path) -> dict[str, Any]:
    """`config.json` as data. Code it names (`auto_map`) is left out and never imported.

    Raises ModelError where there is none or it is broken; SafetyError where the model cannot be had without code of
    its own, or where a file tries to switch such code on.
    """
    path = folder / "config.json"
    return clean_config(read_json(path), source=str(path))


def clean_config(values: Mapping[str, Any], *, source: str) -> dict[str, Any]:
    """A config without what names code or changes the numbers, however deep. Raises SafetyError as above."""
    refuse_switches(values, source=source)
    refuse_foreign_names(values, source=source, is_config=True)
    return {key: _without_dropped(value) for key, value in values.items() if key not in _DROPPED}


def _without_dropped(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _without_dropped(inner) for key, inner in value.items() if key not in _DROPPED}
    return [_without_dropped(inner) for inner in value] if isinstance(value, list) else value


def read_folder_tensors(folder: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """All tensors of a model folder, safetensors first, and the SHA-256 of each file they came from.

    Raises ModelError where there are no weights, or a shard of them is missing.
    """
    name = _weight_file(folder)
    if name is None:
        raise ModelError(
            f"there are no weights in {folder}",
            expected=" or ".join(_WEIGHT_FILES[:3:2]),
            hint="copy or download the whole folder",
            fault="model-folder",
        )
    tensors: dict[str, Tensor] = {}
    digests: dict[str, str] = {}
    for shard in _shards(folder, name):
        checkpoint = load_checkpoint(folder / shard)
        tensors |= {checkpoint.prefix + key: tensor for key, tensor in checkpoint.tensors.items()}
        digests[shard] = checkpoint.sha256
    return tensors, digests


def has_weights(folder: Path) -> bool:
    """Whether a model folder has a file of weights under one of the names that libraries give them."""
    return _weight_file(folder) is not None


def _weight_file(folder: Path) -> str | None:
    return next((name for name in _WEIGHT_FILES if is_file(folder / name)), None)


def _shards(folder: Path, name: str) -> list[str]:
    if not name.endswith(".index.json"):
        return [name]
    places = read_json(folder / name).get("weight_map")
    shards = sorted({str(shard) for shard in places.values()}) if isinstance(places, dict) else []
    if not shards or any(Path(shard).name != shard for shard in shards):
        raise ModelError(
            f"{folder / name} does not list its shards",
            expected="file names inside the folder",
            hint="copy or download the whole folder again",
            fault="model-folder",
        )
    absent = [shard for shard in shards if not is_file(folder / shard)]
    if absent:
        raise ModelError(
            f"{folder} is not whole",
            got=f"{len(absent)} of {len(shards)} weight files are absent: {', '.join(absent[:3])}",
            hint="copy or download the whole folder again",
            fault="model-folder",
        )
    return shards


def take_body(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A published model's encoder alone, under present names: the heads of its old task are left out, nothing else."""
    body = next((body for body in _BODIES if any(name.startswith(body) for name in tensors)), "")
    return {modernize(name.removeprefix(body)): part for name, part in tensors.items() if name.startswith(body)}


def load_body(
    encoder: nn.Module, tensors: Mapping[str, Tensor], *, source: str, allow_missing: Sequence[str] = ()
) -> WeightReceipt:
    """Put a published model's tensors into its bare encoder, strictly."""
    side = side_branches(encoder)
    return load_weights(encoder, take_body(tensors), source=source, side_branches=side, allow_missing=allow_missing)


def side_branches(encoder: nn.Module) -> list[str]:
    """Name prefixes in published files of what lies beside the path to an encoder's last hidden state."""
    own = list(encoder.state_dict())
    return [*_NEVER_ON_PATH, *(head for head in _HEADS if not any(name.startswith(head) for name in own))]


def hash_files(folder: Path, names: Sequence[str]) -> dict[str, str]:
    """SHA-256 of those of the named files that are there."""
    return {name: hash_file(folder / name) for name in sorted(names) if is_file(folder / name)}


@contextmanager
def quiet_libraries() -> Iterator[None]:
    """No progress bars, remarks or warnings of the model libraries; what fails still raises."""
    names = "transformers", "sentence_transformers", "huggingface_hub"
    levels = {name: logging.getLogger(name).level for name in names}
    bars = huggingface_hub.utils.are_progress_bars_disabled()
    transformers_bars = transformers.utils.logging.is_progress_bar_enabled()
    for name in names:
        logging.getLogger(name).setLevel(logging.ERROR)
    huggingface_hub.utils.disable_progress_bars()
    transformers.utils.logging.disable_progress_bar()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for name, level in levels.items():
            logging.getLogger(name).setLevel(level)
        if not bars:
            huggingface_hub.utils.enable_progress_bars()
        if transformers_bars:
            transformers.utils.logging.enable_progress_bar()
