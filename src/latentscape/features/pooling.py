"""One vector a sample from what a layer answers: the mean over places, and over the frames that are real."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn


class CannotMaskError(Exception):
    """A padded batch whose padded frames can't be told from real ones."""


@dataclass(frozen=True, kw_only=True)
class Batch:
    """What the model is given for some samples, and how long each of them is in the model's own measure."""

    inputs: Mapping[str, Any]
    lengths: Int[Tensor, " sample"]

    @property
    def even(self) -> bool:
        """Whether all are of one length, so that nothing is padded."""
        return bool((self.lengths == self.lengths[0]).all())


def measure_batch(inputs: Mapping[str, Any], planned: Int[Tensor, " sample"]) -> Batch:
    """Lengths as the batch itself states them (`lengths`, else `attention_mask`), else as planned."""
    mask, lengths = inputs.get("attention_mask"), inputs.get("lengths")
    if isinstance(lengths, Tensor) and lengths.shape == planned.shape:
        return Batch(inputs=inputs, lengths=lengths.cpu())
    if isinstance(mask, Tensor) and mask.ndim == 2:
        return Batch(inputs=inputs, lengths=mask.sum(dim=1).cpu())
    return Batch(inputs=inputs, lengths=planned)


def pool(
    answer: Float[Tensor, "sample *axes"], batch: Batch, *, axes: Sequence[int], layer: str, model: nn.Module
) -> Float[Tensor, "sample feature"]:
    """[sample, feature] as it is; otherwise the mean over `axes`, of the first of which only valid frames count.

    Raises CannotMaskError where samples differ in length and nothing says which frames are valid.
    """
    if not axes:
        return answer
    n_frames = answer.shape[axes[0]]
    valid, why_not = find_valid_frames(batch, n_frames, model)
    if valid is None and not batch.even:
        raise CannotMaskError(f"Padded frames of layer `{layer}` can't be told from real ones: {why_not}.")
    if valid is None:
        valid = torch.ones(len(answer), n_frames, dtype=torch.bool)
    # Padded frames are left out, not multiplied by zero: they may hold NaN. Sums in double are the same in any batch.
    places_first = answer.movedim(tuple(axes), tuple(range(1, len(axes) + 1)))
    means = [frames[real].double().flatten(0, -2).mean(dim=0) for frames, real in zip(places_first, valid, strict=True)]
    return torch.stack(means).float()


def find_valid_frames(batch: Batch, n_frames: int, model: nn.Module) -> tuple[Bool[Tensor, "sample frame"] | None, str]:
    """Which of a layer's frames are real: by the token mask, else by the model's `valid_frames`; or why unknown.

    Either counts only if it agrees with the number of frames measured, which the longest sample makes.
    """
    mask = batch.inputs.get("attention_mask")
    if isinstance(mask, Tensor) and tuple(mask.shape) == (len(batch.lengths), n_frames):
        return mask.cpu().bool(), ""
    if not hasattr(model, "valid_frames"):
        return None, "neither an attention mask of its width nor `valid_frames` of the model says which frames are real"
    counts = model.valid_frames(batch.lengths).cpu()  # pyright: ignore[reportCallIssue]  a method, pyright sees a Tensor
    if int(counts.max()) != n_frames:
        return None, f"it has {n_frames} frames where the model's `valid_frames` expects {int(counts.max())}"
    return torch.arange(n_frames) < counts[:, None], ""
