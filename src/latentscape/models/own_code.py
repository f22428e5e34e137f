"""`--model package.module:factory`: models that the user's own code builds, which is run because the user typed it."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor, nn

from latentscape.errors import LatentscapeError, ModelError, UsageError
from latentscape.models.classifier import LoadedClassifier
from latentscape.models.loaded import LoadedRetriever
from latentscape.models.own_build import Own, build_own
from latentscape.models.own_inputs import NO_LIMIT, OwnInputs, make_tone
from latentscape.models.own_shells import OwnAnswer, OwnEncoder
from latentscape.models.shells import PLAIN
from latentscape.own_modules import TIMM
from latentscape.shapes import Kind

SAMPLE_RATE = 16_000
_UNNAMED = "LABEL_"
"""How Hugging Face numbers classes that nobody named."""


def open_own_classifier(
    spec: str, *, checkpoint: Path | None = None, allow_missing: Sequence[str] = (), kind: Kind | None = None
) -> LoadedClassifier:
    """The classifier that a factory returns, alone or as `(module, preprocess)`; or the one that timm knows.

    `kind` is what the data holds, where that is known. Raises UsageError where the factory can't be found; ModelError
    where it fails, gives no module, or the checkpoint's weights don't fit; SafetyError where a file names code.
    """
    if spec.startswith(TIMM):
        _require_kind(spec, kind)
        # It needs `transformers` for the hub, which the user's own code does not.
        from latentscape.models.own_timm import open_timm  # noqa: PLC0415

        return open_timm(spec.removeprefix(TIMM), checkpoint=checkpoint, allow_missing=allow_missing)
    own = build_own(spec, checkpoint=checkpoint, allow_missing=allow_missing)
    rate = _find_rate(own.model)
    inputs = OwnInputs(own.model, own.preprocess, spec=spec, sample_rate=rate)
    model = OwnAnswer(own.model, spec=spec, layers=_find_layers(own.model)).eval()
    return LoadedClassifier(
        model=model,
        kind=kind,
        prepare=inputs.prepare,
        collate=inputs.collate,
        class_names=find_class_names(own.model, spec),
        sample_rate=rate,
        measure=inputs.measure if kind in (None, "text") else None,
        example=_find_example(model, inputs, kind),
        **_facts(own, spec),
    )


def open_own_encoder(
    spec: str, *, checkpoint: Path | None = None, allow_missing: Sequence[str] = ()
) -> LoadedRetriever:
    """The text encoder that a factory returns, alone or as `(module, preprocess)`.

    Without a preprocess (a tokenizer is one) it is called with a list of texts, by its `encode` where it has one. Its
    vectors are brought to length 1. Raises as `open_own_classifier` does.
    """
    if spec.startswith(TIMM):
        _require_kind(spec, "text")
    own = build_own(spec, checkpoint=checkpoint, allow_missing=allow_missing)
    inputs = OwnInputs(own.model, own.preprocess, spec=spec, sample_rate=SAMPLE_RATE)
    model = OwnEncoder(own.model, spec=spec, layers=_find_layers(own.model)).eval()
    limits = [getattr(own.model, "max_seq_length", None), getattr(own.preprocess, "model_max_length", None)]
    known = [limit for limit in limits if isinstance(limit, int) and 0 < limit < NO_LIMIT]
    return LoadedRetriever(
        model=model,
        tokenize=lambda texts: inputs.collate([inputs.prepare(text) for text in texts]),
        token_lengths=inputs.measure,
        max_length=min(known, default=NO_LIMIT),
        **_facts(own, spec),
    )


def find_class_names(model: nn.Module, spec: str) -> tuple[str, ...] | None:
    """What a module calls its classes, in the order of its outputs: its `class_names`, `classes` or `id2label`, its own
    or its config's; None where it does not say. Raises ModelError for names that can't be used."""
    config = getattr(model, "config", None)
    places = [(model, name) for name in ("class_names", "classes", "id2label")] + [(config, "id2label")]
    for holder, name in places:
        found = getattr(holder, name, None)
        if isinstance(found, Mapping | list | tuple | np.ndarray) and len(found):
            names = _list_names(found, name, spec)
            return None if all(each.startswith(_UNNAMED) for each in names) else names
    return None


def _list_names(found: Any, attribute: str, spec: str) -> tuple[str, ...]:
    names = tuple(map(str, _in_order(found) if isinstance(found, Mapping) else found))
    if len(set(names)) < len(found) or not all(name.strip() for name in names):
        raise ModelError(
            f"`{attribute}` of the model of `{spec}` does not name its classes",
            got=repr(found)[:200],
            expected="one name for each output, all different; a mapping counts from 0",
            hint="correct it, or leave it out and use `--class-names`",
            fault="model-classes",
        )
    return names


def _in_order(found: Mapping[Any, Any]) -> list[Any]:
    """The names of a mapping number -> name, or name -> number; empty where it is neither."""
    pairs = {str(key): value for key, value in found.items()}
    turned = {str(value): key for key, value in found.items()}
    numbers = [str(number) for number in range(len(found))]
    return next(([each[number] for number in numbers] for each in (pairs, turned) if set(each) == set(numbers)), [])


def _find_layers(model: nn.Module) -> dict[str, str]:
    """The layers that a module names itself, as `layers = {"name": "path.of.module"}`."""
    layers: Any = getattr(model, "layers", None)
    plain = isinstance(layers, Mapping) and all(isinstance(each, str) for pair in layers.items() for each in pair)
    return {**layers} if plain else {}


def _find_rate(model: nn.Module) -> int:
    """Samples a second of the sound that a module takes: its `sample_rate` or `sampling_rate`."""
    found = [getattr(model, name, None) for name in ("sample_rate", "sampling_rate")]
    return next((rate for rate in found if isinstance(rate, int) and rate > 0), SAMPLE_RATE)


def _find_example(model: OwnAnswer, inputs: OwnInputs, kind: Kind | None) -> Mapping[str, Any] | None:
    """A batch of one: Lightning's `example_input_array` of the module, else a made-up sample that goes through it."""
    try:
        batch = _declared_example(model.model) or _made_up(inputs, kind)
        if batch is not None:
            model(**batch)
    except (LatentscapeError, RuntimeError, ImportError):  # an example is for convenience, samples are the proof
        return None
    return batch


def _declared_example(model: nn.Module) -> dict[str, Any] | None:
    found = getattr(model, "example_input_array", None)
    if isinstance(found, Tensor):
        return {PLAIN: (found[:1],)}
    if isinstance(found, Mapping):
        return {str(name): _first(value) for name, value in found.items()}
    return {PLAIN: tuple(map(_first, found))} if isinstance(found, tuple | list) and found else None


def _first(value: Any) -> Any:
    return value[:1] if isinstance(value, Tensor | list) else value


def _made_up(inputs: OwnInputs, kind: Kind | None) -> dict[str, Any] | None:
    if kind is None:
        return None
    if kind == "image":
        from PIL import Image  # noqa: PLC0415  an extra

        return inputs.collate([inputs.prepare(Image.new("RGB", (224, 224), (127, 127, 127)))])
    return inputs.collate([inputs.prepare("a short text" if kind == "text" else make_tone(inputs.sample_rate, 1))])


def _facts(own: Own, spec: str) -> dict[str, Any]:
    return {
        "receipt": own.receipt,
        "sha256": own.sha256,
        "fingerprint": own.fingerprint,
        "name": spec,
        "metadata": own.metadata,
    }


def _require_kind(spec: str, kind: Kind | None) -> None:
    if kind not in (None, "image"):
        raise UsageError(
            f"`{spec}` is a model of images",
            got=f"data of kind {kind}",
            hint="give a folder or table of pictures, or another model",
            fault="option-conflict",
        )
