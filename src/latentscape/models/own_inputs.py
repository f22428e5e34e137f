"""Samples -> what the user's model takes, with the user's own preprocess where there is one."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any, final

import numpy as np
import torch
from jaxtyping import Float32
from torch import Tensor, nn

from latentscape.errors import DataError, LatentscapeError
from latentscape.models.shells import PLAIN
from latentscape.own_modules import describe_failure, running_own_code

MASK, LENGTHS = "attention_mask", "lengths"
NO_LIMIT = 1_000_000
"""Tokens: what tokenizers that know no limit say is larger."""
_SHORT_TEXT, _LONG_TEXT = "a b", "a b a b a b a b a b a b"


@final
class OwnInputs:
    """How samples become batches for one model."""

    def __init__(
        self, model: nn.Module, preprocess: Callable[[Any], Any] | None, *, spec: str, sample_rate: int
    ) -> None:
        self.preprocess, self.spec, self.sample_rate = preprocess, spec, sample_rate
        self._takes = _names_of_forward(model)
        floats = (parameter.dtype for parameter in model.parameters() if parameter.is_floating_point())
        self._dtype = next(floats, torch.float32)
        self._axis: int | None = None
        self._learned = False
        self._timeless = False

    def prepare(self, sample: Any) -> Any:
        """One sample -> one input: a tensor, a text, several of them by place (tuple) or by name (dict).

        Without a preprocess sound is float32 [time], a picture float32 [3, height, width] in 0..1, a text itself.
        Raises DataError where the preprocess fails.
        """
        # Pictures have no length, whatever a forward that takes other things too may ask for.
        self._timeless = not isinstance(sample, str | np.ndarray | Tensor)
        self._learn_axis(sample)
        made = self._plain(sample) if self.preprocess is None else self._run(sample)
        if isinstance(made, Mapping):
            return {str(name): self._to_input(value) for name, value in made.items()}
        if isinstance(made, tuple):
            return tuple(self._to_input(value) for value in made)
        return self._to_input(made)

    def collate(self, inputs: list[Any]) -> dict[str, Any]:
        """Inputs -> keywords of `forward`. Tensors of different length in one axis are padded with zeros where
        `forward` takes `lengths` or `attention_mask`.

        Raises DataError where they can't be put together; each of them alone still can.
        """
        first = inputs[0]
        if isinstance(first, dict):
            if any(each.keys() != first.keys() for each in inputs):
                raise _refuse(f"{', '.join(first)} for one sample, something else for another")
            batch = {name: self._join(name, [each[name] for each in inputs]) for name in first}
        elif isinstance(first, tuple):
            columns = zip(*inputs, strict=True)
            batch = {PLAIN: tuple(self._join(str(place), list(column)) for place, column in enumerate(columns))}
        else:
            batch = {PLAIN: (self._join("0", inputs),)}
        return {**batch, **self._measure_batch(inputs, batch)}

    def measure(self, texts: Sequence[str]) -> list[int]:
        """How long each text is for the model: in letters where it takes texts, else as the preprocess makes it."""
        return [self._measure_one(text) for text in texts]

    def _measure_one(self, text: str) -> int:
        try:
            made = self.prepare(text)
        except DataError:  # its own turn comes when it is read
            return 1
        if isinstance(made, str):
            return max(len(made), 1)
        tensor = _main_tensor(made)
        return 1 if tensor is None or not tensor.ndim else max(self._count(tensor), 1)

    def _plain(self, sample: Any) -> Any:
        if isinstance(sample, str):
            return sample
        if isinstance(sample, np.ndarray | Tensor):
            return sample
        # Whatever holds a picture can be asked for its bytes as [height, width, channel].
        return np.moveaxis(np.asarray(sample.convert("RGB"), dtype=np.float32) / 255, -1, 0)

    def _run(self, sample: Any) -> Any:
        try:
            with running_own_code(), torch.no_grad():
                return self._call(sample)
        except LatentscapeError:
            raise
        except (Exception, SystemExit) as error:  # the user's code may do anything
            raise DataError(
                f"the preprocess of `{self.spec}` fails",
                got=describe_failure(error, self.spec),
                hint="it gets sound as float32 [time], a picture as an RGB `PIL.Image`, a text as `str`",
                fault="own-preprocess",
            ) from error

    def _call(self, sample: Any) -> Any:
        """By plain call; processors of Hugging Face, which put a batch of one around it, as they want to be called."""
        preprocess: Any = self.preprocess
        if not hasattr(preprocess, "save_pretrained"):
            is_sound = isinstance(sample, np.ndarray) and isinstance(preprocess, nn.Module)
            return preprocess(torch.from_numpy(sample) if is_sound else sample)
        if hasattr(preprocess, "pad_token"):
            limit = getattr(preprocess, "model_max_length", NO_LIMIT)
            return dict(preprocess(sample, truncation=limit < NO_LIMIT))
        rate = {"sampling_rate": self.sample_rate} if isinstance(sample, np.ndarray) else {}
        return {name: value[0] for name, value in dict(preprocess(sample, return_tensors="pt", **rate)).items()}

    def _to_input(self, value: Any) -> Any:
        """A text as it is, everything else as a tensor; floating numbers in the model's own type."""
        if isinstance(value, str):
            return value
        try:
            tensor = value if isinstance(value, Tensor) else torch.as_tensor(np.array(value))
        except (TypeError, ValueError, RuntimeError) as error:
            raise DataError(
                f"the preprocess of `{self.spec}` gives something that is no tensor",
                got=type(value).__name__,
                expected="a tensor, an array, a text, or a mapping or tuple of them",
                hint="let `preprocess(sample)` give what `forward` takes of one sample, without a batch axis",
                fault="own-preprocess",
            ) from error
        tensor = tensor.detach().cpu()
        return tensor.to(self._dtype) if tensor.is_floating_point() else tensor

    def _join(self, name: str, values: list[Any]) -> Any:
        """One tensor [sample, ...] of several, or a list of texts."""
        if not all(isinstance(value, Tensor) for value in values):
            return list(values)
        shapes = {tuple(value.shape) for value in values}
        if len(shapes) == 1:
            return torch.stack(values)
        sizes = list(zip(*shapes, strict=False))
        uneven = [axis for axis, found in enumerate(sizes) if len(set(found)) > 1]
        if len({len(shape) for shape in shapes}) > 1 or len(uneven) != 1 or not self._can_pad(name):
            raise _refuse(" and ".join(str(list(shape)) for shape in sorted(shapes)[:2]))
        return _pad(values, uneven[0], value=self._padding(name))

    def _can_pad(self, name: str) -> bool:
        """Whether the model is told which part of a padded tensor is real."""
        return not self._timeless and (name == MASK or bool(self._takes & {MASK, LENGTHS}))

    def _padding(self, name: str) -> int:
        """What a tensor is filled up with: zeros, but a tokenizer has numbers of its own for it."""
        key = {"input_ids": "pad_token_id", "token_type_ids": "pad_token_type_id"}.get(name, "")
        return int(getattr(self.preprocess, key, None) or 0) if key else 0

    def _measure_batch(self, inputs: list[Any], batch: Mapping[str, Any]) -> dict[str, Tensor]:
        """The `lengths` and the `attention_mask` that `forward` takes and the preprocess does not give."""
        wanted = [name for name in (LENGTHS, MASK) if name in self._takes - batch.keys() and not self._timeless]
        tensors = [_main_tensor(each) for each in inputs]
        if not wanted or any(tensor is None or not tensor.ndim for tensor in tensors):
            return {}
        counts = [self._count(tensor) for tensor in tensors if tensor is not None]
        lengths = torch.tensor(counts)
        mask = (torch.arange(max(counts)) < lengths[:, None]).long()
        return {name: {LENGTHS: lengths, MASK: mask}[name] for name in wanted}

    def _count(self, tensor: Tensor) -> int:
        return tensor.shape[self._length_axis(tensor)]

    def _length_axis(self, tensor: Tensor) -> int:
        """Which axis of an input follows the length of its sample; the last where nothing tells."""
        usual = 0 if tensor.ndim == 1 else tensor.ndim - 1
        return usual if self._axis is None or self._axis >= tensor.ndim else self._axis

    def _learn_axis(self, sample: Any) -> None:
        """Find out which axis follows the length, from a short and a long made-up sample of the kind of this one."""
        if self._learned or self.preprocess is None or not isinstance(sample, str | np.ndarray):
            return
        self._learned = True
        texts = [_SHORT_TEXT, _LONG_TEXT]
        pair = texts if isinstance(sample, str) else [make_tone(self.sample_rate, seconds) for seconds in (1, 2)]
        try:
            short, long = (_main_tensor(self.prepare(made)) for made in pair)
        except DataError:  # it takes no such sample: then the usual axis is as good as any
            return
        if short is not None and long is not None and short.ndim == long.ndim:
            uneven = [axis for axis in range(short.ndim) if short.shape[axis] != long.shape[axis]]
            self._axis = uneven[0] if len(uneven) == 1 else None


def make_tone(sample_rate: int, seconds: int) -> Float32[np.ndarray, " time"]:
    """A made-up sound: a quiet tone of 220 Hz."""
    times = np.arange(seconds * sample_rate, dtype=np.float64) / sample_rate
    return (0.1 * np.sin(2 * np.pi * 220 * times)).astype(np.float32)


def _main_tensor(made: Any) -> Tensor | None:
    """The first tensor of an input: the one whose length counts."""
    parts = list(made.values()) if isinstance(made, Mapping) else list(made) if isinstance(made, tuple) else [made]
    return next((part for part in parts if isinstance(part, Tensor)), None)


def _pad(tensors: list[Tensor], axis: int, *, value: int) -> Tensor:
    """[sample, ...], each filled up along one axis to the length of the longest."""
    longest = max(tensor.shape[axis] for tensor in tensors)
    padded = []
    for tensor in tensors:
        room = [0, 0] * tensor.ndim
        # torch counts axes from the last, and the end of each comes second.
        room[2 * (tensor.ndim - 1 - axis) + 1] = longest - tensor.shape[axis]
        padded.append(nn.functional.pad(tensor, room, value=value))
    return torch.stack(padded)


def _names_of_forward(model: nn.Module) -> set[str]:
    """What the model's forward takes by name."""
    try:
        return set(inspect.signature(model.forward).parameters)
    except (TypeError, ValueError):
        return set()


def _refuse(got: str) -> DataError:
    return DataError(
        "samples of different sizes can't share a batch",
        got=got,
        expected="one size, or one axis that differs and a `forward` that takes `lengths` or `attention_mask`",
        hint="let the preprocess bring them to one size, or read them one by one with `--batch-size 1`",
        fault="own-preprocess",
    )
