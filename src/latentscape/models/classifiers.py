"""The door to everybody's classifiers: a folder or hub name in Hugging Face format -> a classifier ready to look at."""

import dataclasses
import functools
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers
from torch import Tensor, nn

from latentscape.checkpoint import WeightReceipt, load_checkpoint
from latentscape.errors import DataError, ModelError
from latentscape.models.choosing import Chosen
from latentscape.models.classifier import LoadedClassifier
from latentscape.models.classifier_tasks import Task, check_single_label, find_task, name_classes
from latentscape.models.classifier_weights import (
    choose_classifier,
    count_outputs,
    load_classifier_weights,
    name_tensors,
)
from latentscape.models.loading import (
    clean_config,
    find_model_folder,
    quiet_libraries,
    read_folder_tensors,
    read_json,
)
from latentscape.models.own_timm import is_timm_config, open_timm_folder
from latentscape.models.processors import (
    Processor,
    open_image_processor,
    open_sound_processor,
    open_text_processor,
)
from latentscape.models.shells import AnswerOf
from latentscape.models.sizes import build_checked, explain_misfits
from latentscape.models.text_encoders import digest_values
from latentscape.paths import expand_home, is_file, is_folder, tell_folder
from latentscape.shapes import Kind

__all__ = ["LoadedClassifier", "load_classifier"]

MODEL_OPTION = "`--model`"
_PROCESSORS: Mapping[Kind, Callable[[Path, Any], Processor]] = {
    "audio": open_sound_processor,
    "image": open_image_processor,
    "text": open_text_processor,
}
_EXAMPLE_TEXT = "an example of a few words"


def load_classifier(
    name: str, *, kind: Kind | None = None, checkpoint: Path | None = None, allow_missing: Sequence[str] = ()
) -> LoadedClassifier:
    """Open a classifier of sound, texts or pictures that the transformers library knows, from a folder or hub name.

    `checkpoint` is a file of fine-tuned weights for it; the folder then gives config and processor. `kind` is needed
    only where the config leaves a choice. Every tensor of the model is loaded from bytes we read, the head included.
    Raises ModelError for a folder that can't be had, is broken, has no processor or is no classifier of one class a
    sample, and for any tensor that does not fit; SafetyError where something wants to run code.
    """
    _refuse_file(name)
    folder = find_model_folder(name, option=MODEL_OPTION, weights=checkpoint is None)
    raw = _read_config(folder)
    if is_timm_config(raw):
        return open_timm_folder(folder, checkpoint=checkpoint, allow_missing=allow_missing, named=name)
    values = clean_config(raw, source=str(folder / "config.json"))
    class_names = name_classes(values, source=name)
    config = _make_config(values, name)
    task = find_task(values, source=name, kind=kind, has_checkpoint=checkpoint is not None)
    weights = _read_weights(folder) if checkpoint is None else _read_checkpoint(checkpoint, _sketch(task, config, name))
    if weights.n_classes and class_names is None:
        config.num_labels = weights.n_classes  # the folder is of the encoder, the file of the classifier
    check_single_label(config, source=name)
    model, receipt = _load(task, config, weights, allow_missing=allow_missing)
    processor = _PROCESSORS[task.kind](folder, model)
    example = _make_example(task.kind, processor)
    if example is not None:
        _require_fit(model, example, source=name)
    return LoadedClassifier(
        model=AnswerOf(model).eval(),
        kind=task.kind,
        prepare=processor.prepare,
        collate=processor.collate,
        class_names=class_names,
        sample_rate=processor.sample_rate,
        measure=processor.measure,
        is_even=processor.is_even,
        example=example,
        receipt=receipt,
        sha256=weights.sha256,
        fingerprint=_fingerprint(task, values, weights=weights, processor=processor),
        name=tell_folder(folder) if is_folder(expand_home(name)) else name,
        metadata={
            **weights.metadata,
            "base_model": name,
            "architecture": task.class_name,
            "model_type": config.model_type,
            "kind": task.kind,
            **processor.metadata,
        },
    )


def _refuse_file(name: str) -> None:
    if is_file(expand_home(name)):
        raise ModelError(
            f"{name} is a file, not the folder of a model",
            expected="a folder with config.json, weights and processor, or a hub name",
            hint=f"give the folder, and the file beside it: `--model FOLDER --checkpoint {Path(name).name}`",
            fault="model-folder",
        )


def _read_config(folder: Path) -> dict[str, Any]:
    """`config.json` as it stands. Raises ModelError for adapters and packed weights."""
    path = folder / "config.json"
    if not is_file(path) and is_file(folder / "adapter_config.json"):
        raise ModelError(
            f"{folder} holds an adapter, not a model",
            hint="merge it into its base model (`merge_and_unload`) and save that",
            fault="adapter-misfit",
        )
    inside = [] if is_file(path) else sorted(place.parent.name for place in folder.glob("*/config.json"))
    if inside:
        raise ModelError(
            f"there is no config.json in {folder}",
            got=f"folders that have one: {', '.join(inside[:5])}",
            hint=f"name one of them: `--model {folder.name}/{inside[-1]}`",
            fault="model-folder",
        )
    values = read_json(path)
    if values.get("quantization_config"):
        raise ModelError(
            f"{folder} holds packed (quantized) weights",
            got=str(dict(values)["quantization_config"])[:100],
            expected="weights as plain numbers",
            hint="give the folder of the model as it was before it was packed",
            fault="model-folder",
        )
    return values


def _make_config(values: Mapping[str, Any], source: str) -> Any:
    model_type = str(values.get("model_type"))
    if model_type not in transformers.CONFIG_MAPPING:
        raise ModelError(
            f"the transformers library has no model of the type that {source} names",
            got=f"model_type {model_type[:60]!r}",
            hint="a newer version of the library may have it; else give the model as `--model package.module:factory`",
            fault="model-folder",
        )
    with explain_misfits(source), quiet_libraries():
        return transformers.CONFIG_MAPPING[model_type].from_dict(dict(values))


def _build(task: Task, config: Any) -> Any:
    """The library's class, with first values of a fixed seed: only what the user lets pass keeps them."""
    with quiet_libraries(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return getattr(transformers, task.class_name)._from_config(config, dtype=torch.float32)


def _sketch(task: Task, config: Any, source: str) -> Any:
    """The module's names and shapes, without memory for them."""
    with explain_misfits(source), torch.device("meta"):
        return _build(task, config)


@dataclass(frozen=True, kw_only=True)
class _Weights:
    """Tensors of files, under the names of the files."""

    tensors: Mapping[str, Tensor]
    source: str
    digests: Mapping[str, str]
    chosen: Chosen | None = None
    n_classes: int | None = None
    """By the head in the file."""
    metadata: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    @property
    def sha256(self) -> str:
        return next(iter(self.digests.values())) if len(self.digests) == 1 else digest_values(self.digests)


def _read_weights(folder: Path) -> _Weights:
    tensors, digests = read_folder_tensors(folder)
    return _Weights(tensors=tensors, source=str(folder), digests=digests)


def _read_checkpoint(path: Path, sketch: Any) -> _Weights:
    """The weights of a user's file; where that is a model folder, those in it."""
    if is_folder(path):
        read = _read_weights(path)
        return dataclasses.replace(read, n_classes=count_outputs(sketch, read.tensors))
    checkpoint = load_checkpoint(path)
    chosen = choose_classifier(checkpoint, sketch)
    return _Weights(
        tensors=chosen.tensors,
        source=str(path),
        digests={path.name: checkpoint.sha256},
        chosen=chosen,
        n_classes=count_outputs(sketch, chosen.tensors),
        metadata=checkpoint.metadata,
    )


def _fingerprint(task: Task, values: Mapping[str, Any], *, weights: _Weights, processor: Processor) -> str:
    return digest_values(
        {
            "weights": weights.digests,
            "config": {key: value for key, value in values.items() if key != "_name_or_path"},
            "processor": processor.fingerprint,
            "task": task.class_name,
        }
    )


def _load(
    task: Task, config: Any, weights: _Weights, *, allow_missing: Sequence[str]
) -> tuple[nn.Module, WeightReceipt]:
    values = {key: value for key, value in config.to_dict().items() if isinstance(value, int)}
    model = build_checked(lambda: _build(task, config), values, tensors=weights.tensors, source=weights.source)
    tensors = name_tensors(model, weights.tensors, source=weights.source)
    receipt = load_classifier_weights(
        model, tensors, source=weights.source, chosen=weights.chosen, allow_missing=allow_missing
    )
    if task.kind == "audio":
        _tell_frames(model)
    if config.model_type == "wavlm":
        model.forward = _without_mask_remark(model.forward)
    return model.eval(), receipt


def _tell_frames(model: Any) -> None:
    """How many frames a clip gives, where the encoder's convolutions decide it."""
    encoder = getattr(model, model.base_model_prefix, model)
    count = getattr(encoder, "_get_feat_extract_output_lengths", None)
    if count is None or not hasattr(encoder, "feature_extractor"):
        return

    def valid_frames(lengths: Tensor) -> Tensor:
        return count(lengths).clamp(min=0)

    model.valid_frames = valid_frames
    model.frame_axes = dict.fromkeys(("input", f"{model.base_model_prefix}.feature_extractor"), 2)


def _without_mask_remark(forward: Callable[..., Any]) -> Callable[..., Any]:
    """It hands torch a boolean padding mask beside a float position bias; torch adds them up right, and says so."""

    @functools.wraps(forward)
    def calm(*args: Any, **keywords: Any) -> Any:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Support for mismatched key_padding_mask", category=UserWarning)
            return forward(*args, **keywords)

    return calm


def _make_example(kind: Kind, processor: Processor) -> Mapping[str, Any] | None:
    """A batch of one sample that nobody recorded: noise of two seconds, a picture of colors, a few words.

    None where those words are none for the tokenizer.
    """
    draw = np.random.default_rng(0)
    sample: Any = _EXAMPLE_TEXT
    if kind == "audio":
        sample = draw.normal(scale=0.1, size=2 * processor.sample_rate).astype(np.float32)
    if kind == "image":
        from PIL import Image  # noqa: PLC0415  an extra

        sample = Image.fromarray(draw.integers(0, 256, size=(64, 64, 3), dtype=np.uint8))
    try:
        return processor.collate([processor.prepare(sample)])
    except DataError:
        return None


def _require_fit(model: nn.Module, example: Mapping[str, Any], *, source: str) -> None:
    """Raise ModelError where the model can't take what its own processor gives, e.g. pictures of another size."""
    try:
        with torch.inference_mode():
            model(**example)
    except (RuntimeError, ValueError, IndexError, TypeError) as error:
        reason = f"{type(error).__name__}: {error}".splitlines()[0][:300]
        raise ModelError(
            f"the model of {source} can't take what its processor gives",
            got=f"{', '.join(f'{name} {list(part.shape)}' for name, part in example.items())}: {reason}",
            hint="they belong to different models: copy the processor's files of the model it was made from",
            fault="model-processor",
        ) from error
