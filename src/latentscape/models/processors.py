"""What stands before a library's classifier: sound, pictures and texts made into what its forward takes."""

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from latentscape.errors import DataError, ModelError
from latentscape.models.loading import hash_files, quiet_libraries
from latentscape.models.text_encoders import digest_values, is_generative, open_tokenizer
from latentscape.paths import is_file

_SETTINGS = ("preprocessor_config.json", "processor_config.json")
_PROBES = ((40, 64), (97, 53))
"""Width and height of two pictures that a processor must make equal."""


@dataclass(frozen=True, kw_only=True)
class Processor:
    """How samples of one kind become what a model takes. See `LoadedClassifier` for the fields of the same names."""

    prepare: Callable[[Any], Any]
    collate: Callable[[list[Any]], dict[str, Tensor]]
    fingerprint: str
    measure: Callable[[Sequence[str]], list[int]] | None = None
    sample_rate: int = 16_000
    is_even: bool = False
    metadata: Mapping[str, Any] = field(default_factory=dict)


def open_sound_processor(folder: Path, model: nn.Module) -> Processor:
    """The feature extractor of a folder, for mono sound at its own sampling rate.

    Raises ModelError where there is none, or none that reads sound.
    """
    import transformers  # noqa: PLC0415  its parts are loaded when they are asked for

    extractor = _open(folder, "feature extractor", transformers.AutoFeatureExtractor)
    rate = getattr(extractor, "sampling_rate", None)
    if not isinstance(rate, int) or not hasattr(extractor, "pad"):
        raise _broken(folder, "feature extractor", f"{type(extractor).__name__}, which does not read sound")
    shortest = _find_shortest(model, rate)

    def prepare(waveform: Any) -> dict[str, Any]:
        clip = _check_clip(waveform, shortest)
        with _explained("this clip can't be prepared for the model"), quiet_libraries():
            values = extractor(clip, sampling_rate=rate, return_tensors="np")
            return {name: np.asarray(part)[0] for name, part in values.items() if name in takes}

    def collate(inputs: list[Any]) -> dict[str, Tensor]:
        with quiet_libraries():
            batch = extractor.pad({name: [each[name] for each in inputs] for name in inputs[0]}, return_tensors="pt")
        return {name: torch.as_tensor(part) for name, part in batch.items() if name in takes}

    takes = _find_keywords(model)
    one, two = (prepare(np.zeros(size, dtype=np.float32)) for size in (rate, 2 * rate))
    return Processor(
        prepare=prepare,
        collate=collate,
        fingerprint=_digest(folder, {"class": type(extractor).__name__}),
        sample_rate=rate,
        is_even=all(one[name].shape == two[name].shape for name in one),
        metadata={"processor": type(extractor).__name__, "sample_rate": rate, **_describe_cut(extractor, rate)},
    )


def _describe_cut(extractor: Any, rate: int) -> dict[str, Any]:
    """Where longer sound is cut by the processor, in seconds."""
    samples = getattr(extractor, "n_samples", None)
    if type(extractor).__name__.startswith("AST"):
        samples = extractor.max_length * rate // 100  # a frame a hundredth of a second
    return {"seconds_heard": samples / rate} if isinstance(samples, int) else {}


def _find_shortest(model: Any, rate: int) -> int:
    """The fewest samples that give the model a frame; a twentieth of a second where it doesn't say."""
    count = getattr(model, "valid_frames", None)
    if count is None:
        return rate // 20
    sizes = torch.arange(1, rate)
    enough = sizes[count(sizes) >= 1]
    return int(enough[0]) if len(enough) else 1


def _check_clip(waveform: Any, shortest: int) -> np.ndarray:
    clip = np.asarray(waveform, dtype=np.float32)
    if clip.ndim != 1:
        raise DataError(
            "a clip is not mono",
            got=f"shape {list(clip.shape)}",
            expected="[time]",
            hint="mix its channels first",
            fault="audio-values",
        )
    if len(clip) < shortest:
        raise DataError(
            f"{len(clip)} samples are too short for the encoder, which needs {shortest}",
            hint="leave the clip out, or record a longer one",
            fault="audio-short",
        )
    return clip


def open_image_processor(folder: Path, model: nn.Module) -> Processor:
    """The image processor of a folder, drawn by Pillow whether or not torchvision is there: the two differ in pixels.

    Raises ModelError where there is none, or one that does not make all pictures equally large.
    """
    import transformers  # noqa: PLC0415  as above
    from PIL import Image  # noqa: PLC0415  an extra

    processor = _open(folder, "image processor", transformers.AutoImageProcessor, backend="pil")
    takes = _find_keywords(model)

    def prepare(picture: Any) -> dict[str, Tensor]:
        with _explained("this picture can't be prepared for the model"), quiet_libraries():
            values = processor(picture, return_tensors="pt")
            return {name: part[0] for name, part in values.items() if name in takes}

    def collate(inputs: list[Any]) -> dict[str, Tensor]:
        return {name: torch.stack([each[name] for each in inputs]) for name in inputs[0]}

    with _refused(folder, "image processor"):
        sizes = [tuple(prepare(Image.new("RGB", size))["pixel_values"].shape) for size in _PROBES]
    if sizes[0] != sizes[1]:
        raise ModelError(
            f"the image processor in {folder} gives pictures of different sizes",
            got=" and ".join(str(list(size)) for size in sizes),
            expected="one size, so that every picture is judged alike",
            hint=f"set `do_resize` and a fixed `size` in its {_SETTINGS[0]}",
            fault="model-processor",
        )
    name = type(processor).__name__
    return Processor(
        prepare=prepare,
        collate=collate,
        fingerprint=_digest(folder, {"class": name}),
        is_even=True,
        metadata={"processor": name, "input_shape": list(sizes[0])},
    )


def open_text_processor(folder: Path, model: Any) -> Processor:
    """The tokenizer of a folder, cut at the length that the model can take.

    A model that reads from left to right needs to know its padding token, to find each text's last word: where
    neither config nor tokenizer has one it is the token that ends a text. Raises ModelError where there is none.
    """
    tokenizer = open_tokenizer(folder, _find_encoder(model), max_length=None, pad_with_end=True)
    inner, config = tokenizer.inner, model.config
    if getattr(config, "pad_token_id", None) is None:
        config.pad_token_id = inner.pad_token_id
    if is_generative(config.to_dict()) and config.model_type != "xlnet":
        # They count positions from the left, whatever stands there; XLNet counts none and looks at the end.
        inner.padding_side = "right"
    takes = _find_keywords(model)

    def prepare(text: Any) -> str:
        if not isinstance(text, str):
            raise DataError(
                "a sample is no text",
                got=type(text).__name__,
                hint="name the column of the texts with `--column`",
                fault="data-format",
            )
        with _explained("this text can't be read by the tokenizer"):
            n_tokens = tokenizer.count([text])[0]
        if not n_tokens:
            raise DataError("a text has no tokens", got=repr(text)[:40], hint="leave it out", fault="data-empty")
        return text

    def collate(texts: list[Any]) -> dict[str, Tensor]:
        return {name: part for name, part in tokenizer.encode(list(texts)).items() if name in takes}

    return Processor(
        prepare=prepare,
        collate=collate,
        fingerprint=tokenizer.fingerprint,
        measure=lambda texts: tokenizer.count(list(texts)),
        metadata={
            "processor": type(inner).__name__,
            "max_length": tokenizer.max_length,
            "pad_token": str(inner.pad_token),
        },
    )


def _find_encoder(model: Any) -> Any:
    """The part that holds the word and position embeddings."""
    return getattr(model, model.base_model_prefix, model)


def _find_keywords(model: nn.Module) -> frozenset[str]:
    """What `forward` takes by name: a tokenizer may give more than the model wants."""
    return frozenset(inspect.signature(model.forward).parameters)


def _open(folder: Path, what: str, opener: Any, **choices: Any) -> Any:
    """The processor of a folder. Its settings were scanned before: they name no code. Raises ModelError."""
    if not any(is_file(folder / name) for name in _SETTINGS):
        raise ModelError(
            f"there is no {what} in {folder}",
            expected=" or ".join(_SETTINGS),
            hint="copy it from the model that this one was fine-tuned from, or save it: `processor.save_pretrained`",
            fault="model-processor",
        )
    with _refused(folder, what), quiet_libraries():
        return opener.from_pretrained(str(folder), trust_remote_code=False, local_files_only=True, **choices)


@contextmanager
def _refused(folder: Path, what: str) -> Iterator[None]:
    """Settings that don't fit together break the libraries anywhere and in any way: a ModelError."""
    try:
        yield
    except (ImportError, MemoryError):
        raise  # as below
    except Exception as error:
        raise _broken(folder, what, f"{type(error).__name__}: {error}") from error


def _broken(folder: Path, what: str, got: str) -> ModelError:
    return ModelError(
        f"the {what} in {folder} can't be used",
        got=got.strip().splitlines()[0][:300],
        hint="copy or download the whole folder again",
        fault="model-processor",
    )


@contextmanager
def _explained(what: str) -> Iterator[None]:
    """What a library raises for one sample as a DataError, so that the others can be looked at."""
    try:
        yield
    except (ImportError, MemoryError):
        raise  # an extra that is not installed, a machine that is too small
    except Exception as error:
        reason = f"{type(error).__name__}: {error}".splitlines()[0][:300]
        raise DataError(what, got=reason, hint="leave it out, or save it again", fault="data-format") from error


def _digest(folder: Path, values: Mapping[str, Any]) -> str:
    return digest_values({**hash_files(folder, _SETTINGS), **values})
