"""A model inside a module of ours that hears its answer, so that any model can be read as the studies read theirs."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from latentscape.errors import ModelError
from latentscape.shapes import LOGITS

PLAIN = "plain_inputs"
"""The keyword that carries what goes to `forward` by place, not by name."""
HUGGING_FACE_FRAMES = "_get_feat_extract_output_lengths"
TEXTS = "texts"
Answer = Callable[[Any], Tensor]
"""The model's output -> logits."""
INSIDE = "(model)"
"""Where a user's model stands inside ours. Paths of layers leave it out, so that they are those of the user's model."""
ANSWER = f"({LOGITS})"
"""The path of the logits: the name of no attribute that a model could have by accident."""


class AnswerOf(nn.Module):
    """A classifier whose answer, as logits [sample, class], is heard at the path `ANSWER`.

    All other paths are those of the user's model. `layers` are the layers to look at where nobody asks for others:
    public name -> path.
    """

    def __init__(
        self, model: nn.Module, *, pick: Answer | None = None, layers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__()
        self.add_module(INSIDE, model)
        self.add_module(ANSWER, nn.Identity())
        self._pick = pick or pick_answer
        self._layers = dict(layers or {})
        for name in ("valid_frames", "frame_axes"):  # what the model says of its frames
            if hasattr(model, name):
                setattr(self, name, getattr(model, name))
        if not hasattr(model, "valid_frames") and hasattr(model, HUGGING_FACE_FRAMES):
            self.valid_frames = self._count_frames

    @property
    def model(self) -> nn.Module:
        """The user's model."""
        return self.get_submodule(INSIDE)

    @property
    def layers(self) -> dict[str, str]:
        """Public name -> path, the logits last."""
        return {**{name: path for name, path in self._layers.items() if name != LOGITS}, LOGITS: ANSWER}

    def name_layers(self, layers: Mapping[str, str]) -> None:
        """Look at these, beside the logits, where nobody asks for others."""
        self._layers = dict(layers)

    def _count_frames(self, lengths: Int[Tensor, " sample"]) -> Int[Tensor, " sample"]:
        """Frames of so many samples of sound, as a speech model of Hugging Face counts them."""
        counts = getattr(self.model, HUGGING_FACE_FRAMES)(lengths)
        return torch.as_tensor(counts).long().clamp(min=0)

    def forward(self, **batch: Any) -> Float[Tensor, "sample class"]:
        """The logits; what the model keeps of this pass can still be trained on."""
        with torch.inference_mode(False), torch.no_grad():
            batch = {name: _as_normal(value, self.model) for name, value in batch.items()}
            plain = batch.pop(PLAIN, ())
            return self.get_submodule(ANSWER)(as_logits(self._pick(self.model(*plain, **batch))))


class EmbeddingOf(nn.Module):
    """A retriever whose vectors [text, feature] pass through the child `embedding`."""

    def __init__(self, model: Any, embed: Callable[[Any, list[str]], Any]) -> None:
        super().__init__()
        self.embedding, self._embed = nn.Identity(), embed
        # A plain attribute where it is no module, a child where it is one.
        self.model = model

    def forward(self, texts: list[str]) -> Float[Tensor, "text feature"]:
        """One vector a text."""
        with torch.inference_mode(False), torch.no_grad():
            vectors = self._embed(self.model, texts)
            return self.embedding(torch.as_tensor(_as_array(vectors), dtype=torch.float32))


def pick_answer(output: Any) -> Tensor:
    """The tensor that a classifier's output is or holds: itself, `.logits`, `["logits"]`, or the only one of a tuple.

    Raises ModelError where that leaves a choice or nothing.
    """
    found = output.get(LOGITS) if isinstance(output, Mapping) else getattr(output, LOGITS, output)
    if isinstance(found, tuple | list):
        tensors = [part for part in found if isinstance(part, Tensor)]
        found = tensors[0] if len(tensors) == 1 else None
    if not isinstance(found, Tensor):
        raise ModelError(
            "which part of the model's output are the logits?",
            got=type(output).__name__,
            expected="a tensor, or a record with `logits`",
            hint="name it: `answer=lambda output: output[0]`",
        )
    return found


def as_logits(answer: Tensor) -> Float[Tensor, "sample class"]:
    """[sample, class]. One number a sample is the logit of the second of two classes: the first one's is 0.

    Raises ModelError for any other shape.
    """
    column = answer[:, None] if answer.ndim == 1 else answer
    if column.ndim != 2:
        raise ModelError(
            "the model's answer is not one of classes",
            got=f"shape {list(answer.shape)}",
            expected="[sample, class]",
            hint="name the part that is: `answer=lambda output: output[:, 0]`",
        )
    column = column.float()
    return torch.cat([torch.zeros_like(column), column], dim=1) if column.shape[1] == 1 else column


def _as_normal(value: Any, model: nn.Module) -> Any:
    """Tensors that may be kept for a later backward pass, on the model's device."""
    if isinstance(value, Tensor):
        device = next((parameter.device for parameter in model.parameters()), value.device)
        value = value.to(device)
        return value.clone() if value.is_inference() else value
    if isinstance(value, Mapping):
        return {name: _as_normal(part, model) for name, part in value.items()}
    if type(value) in (tuple, list):
        return type(value)(_as_normal(part, model) for part in value)
    return value


def _as_array(vectors: Any) -> Any:
    """One array or tensor of what `embed` gave; a list of vectors becomes one."""
    if isinstance(vectors, Tensor):
        return vectors.detach().float().cpu()
    if isinstance(vectors, list | tuple) and vectors and isinstance(vectors[0], Tensor):
        return torch.stack([vector.detach().float().cpu() for vector in vectors])
    return np.asarray(vectors, dtype=np.float32)
