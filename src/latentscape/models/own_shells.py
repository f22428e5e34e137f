"""The user's model inside ours, where what its code raises becomes an error that names the line in the user's file."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from latentscape.errors import LatentscapeError, ModelError
from latentscape.models.shells import INSIDE, PLAIN, AnswerOf, as_logits, pick_answer
from latentscape.own_modules import describe_failure, running_own_code

EMBEDDING = "embedding"
VECTORS = ("sentence_embedding", EMBEDDING, "embeddings", "text_embeds")
"""What records call the vectors of texts."""
_ANSWERS = f"a tensor [text, feature], or a record with {' or '.join(f'`{name}`' for name in VECTORS)}"


class OwnAnswer(AnswerOf):
    """A classifier built by the user's code."""

    def __init__(self, model: nn.Module, *, spec: str, layers: Mapping[str, str] | None = None) -> None:
        super().__init__(model, pick=lambda answer: _pick_logits(answer, spec), layers=layers)
        self._spec = spec

    def forward(self, **batch: Any) -> Float[Tensor, "sample class"]:
        """The logits. Raises ModelError where the model fails, with the line of the user's file."""
        with explaining_forward(self._spec, batch):
            return super().forward(**batch)


class OwnEncoder(nn.Module):
    """A text encoder built by the user's code, whose vectors [text, feature] pass through the child `embedding`."""

    def __init__(self, model: nn.Module, *, spec: str, layers: Mapping[str, str] | None = None) -> None:
        super().__init__()
        self.add_module(INSIDE, model)
        self.embedding, self._spec = nn.Identity(), spec
        self._layers = {name: path for name, path in (layers or {}).items() if name != EMBEDDING}

    @property
    def model(self) -> nn.Module:
        """The user's model."""
        return self.get_submodule(INSIDE)

    @property
    def layers(self) -> dict[str, str]:
        """Public name -> path, the embedding last."""
        return {**self._layers, EMBEDDING: EMBEDDING}

    def forward(self, **batch: Any) -> Float[Tensor, "text feature"]:
        """Vectors of length 1. Raises ModelError where the model fails, with the line of the user's file."""
        device = next((parameter.device for parameter in self.model.parameters()), torch.device("cpu"))
        with explaining_forward(self._spec, batch):
            plain = [part.to(device) if isinstance(part, Tensor) else part for part in batch.pop(PLAIN, ())]
            encode: Any = getattr(self.model, "encode", None)
            by_text = callable(encode) and not batch and all(isinstance(part, list) for part in plain)
            answer = encode(*plain) if by_text else self.model(*plain, **batch)
        return self.embedding(nn.functional.normalize(_pick_vectors(answer), dim=-1))


@contextmanager
def explaining_forward(spec: str, batch: Mapping[str, Any]) -> Iterator[None]:
    """A ModelError in place of what a model's forward raises, short of memory that ran out and of our own errors."""
    given = describe_batch(batch)
    try:
        with running_own_code():
            yield
    except LatentscapeError:
        raise
    except (Exception, SystemExit) as error:
        if _is_memory(error):
            raise
        raise ModelError(
            f"the model of `{spec}` fails: {describe_failure(error, spec)}",
            got=f"a batch of {given}",
            hint="let the factory return `(model, preprocess)`, where `preprocess(sample)` gives what `forward` takes",
            fault="own-code",
        ) from error


def describe_batch(batch: Mapping[str, Any]) -> str:
    """The names, types and shapes of what a forward is given.

    >>> describe_batch({"x": torch.zeros(2, 3), PLAIN: (["a", "b"],)})
    'x float32 [2, 3], list of 2'
    """
    by_name = [(f"{name} ", value) for name, value in batch.items() if name != PLAIN]
    return ", ".join(
        name + _describe(value) for name, value in [*by_name, *(("", part) for part in batch.get(PLAIN, ()))]
    )


def _describe(value: Any) -> str:
    if isinstance(value, Tensor):
        return f"{str(value.dtype).removeprefix('torch.')} {list(value.shape)}"
    return f"{type(value).__name__} of {len(value)}" if hasattr(value, "__len__") else type(value).__name__


def _is_memory(error: BaseException) -> bool:
    """Whether memory ran out: that is answered by smaller batches, not by an error."""
    words = str(error).lower()
    return isinstance(error, MemoryError | torch.OutOfMemoryError) or (
        isinstance(error, RuntimeError) and any(sign in words for sign in ("memory", "alloc_failed"))
    )


def _pick_logits(answer: Any, spec: str) -> Tensor:
    """The logits that a classifier's answer is or holds. Raises ModelError where there are none."""
    try:
        found = pick_answer(answer)
        as_logits(found)
    except ModelError as error:
        raise ModelError(
            f"which part of the answer of `{spec}` are the logits?",
            got=error.got,
            expected="a tensor [sample, class], or a record with `logits`",
            hint="let `forward` give the logits alone, or a mapping with `logits`",
            fault="own-code",
        ) from None
    return found


def _pick_vectors(answer: Any) -> Float[Tensor, "text feature"]:
    """The vectors that an encoder's answer is or holds. Raises ModelError where there are none."""
    get = answer.get if isinstance(answer, Mapping) else lambda name: getattr(answer, name, None)
    held = (
        answer if isinstance(answer, Tensor) else next((get(name) for name in VECTORS if get(name) is not None), answer)
    )
    try:
        vectors = torch.as_tensor(held).detach().float()
    except (TypeError, ValueError, RuntimeError):
        vectors = None
    if vectors is None or vectors.ndim != 2:
        raise ModelError(
            "which part of the encoder's answer are the vectors?",
            got=type(answer).__name__ if vectors is None else f"shape {list(vectors.shape)}",
            expected=_ANSWERS,
            hint="let `forward` give one vector a text, as by a mean over its tokens",
            fault="own-code",
        )
    return vectors
