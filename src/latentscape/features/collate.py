"""Samples -> what a model takes."""

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float32
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence


def collate_waveforms(waveforms: Sequence[Float32[np.ndarray, " _"]]) -> dict[str, Tensor]:
    """`waveforms` [batch, time], zeros after each clip's end, and `lengths` [batch], the samples of each clip."""
    clips = [torch.from_numpy(waveform) for waveform in waveforms]
    lengths = torch.tensor([len(clip) for clip in clips])
    return {"waveforms": pad_sequence(clips, batch_first=True), "lengths": lengths}
