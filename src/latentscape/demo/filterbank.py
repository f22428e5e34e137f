"""A first convolution that listens like an ear before it has learned anything.

Filters learned from raw audio end up much like windowed sinusoids on a mel scale, and a small data set cannot find
them by itself, so they are put there at the start and trained on with the rest (Zeghidour et al., 2018, "Learning
filterbanks from raw speech for phone recognition", section 2; mel scale after O'Shaughnessy, 1987).
"""

import numpy as np
import torch
from jaxtyping import Float32
from torch import nn

from latentscape.errors import UsageError

PHASES = 4
"""Each band appears at 0, 90, 180 and 270 degrees: the activation after it keeps positive halves only, and the four
halves together keep the whole loudness of the band, wherever a window happens to start."""
_LOWEST, _HIGHEST = 80.0, 0.95
"""Hz, and share of half the sample rate."""
_EMPHASIS = 0.5
"""Gain grows with (frequency / 1 kHz) to this power, against the fall of speech spectra."""


def fill_filterbank(encoder: nn.Module, *, sample_rate: int) -> None:
    """Overwrite the encoder's first convolution with the filter bank, and let the second start by adding up phases.

    Channels beyond a multiple of four keep their random start. Raises UsageError if the first kernel lasts under 10 ms.
    """
    first, second = (block.conv for block in encoder.feature_extractor.conv_layers[:2])  # pyright: ignore
    kernel = first.kernel_size[0]
    if kernel < sample_rate // 100:
        raise UsageError(
            "`training.filterbank_init` needs a longer first convolution",
            got=f"a kernel of {kernel} samples",
            expected=f"at least {sample_rate // 100}: 10 ms",
            hint="start `model.encoder_config.conv_kernel` and `conv_stride` with e.g. 400 and 160",
        )
    filters = torch.from_numpy(make_filterbank(first.out_channels // PHASES, kernel, sample_rate=sample_rate))
    with torch.no_grad():
        first.weight[: len(filters), 0] = filters
        if first.bias is not None:
            first.bias.zero_()
        _start_by_pooling(second.weight, bands=len(filters) // PHASES)


def _start_by_pooling(weight: torch.Tensor, *, bands: int) -> None:
    """Output b of the second convolution starts as the mean of band b's phases over its window, plus a little noise."""
    rows = min(bands, weight.shape[0])
    weight[:rows] *= 0.3
    for band in range(rows):
        weight[band, PHASES * band : PHASES * (band + 1)] += 1.0 / weight.shape[2]


def make_filterbank(bands: int, size: int, *, sample_rate: int) -> Float32[np.ndarray, "channel time"]:
    """Gabor filters: cosines at mel-spaced frequencies under Gaussian windows as wide as the bands are narrow.

    Row 4b + p is band b at phase p; a sinusoid of amplitude 1 at 1 kHz's band center comes out with amplitude 1.
    """
    edges = _from_mel(np.linspace(_to_mel(_LOWEST), _to_mel(_HIGHEST * sample_rate / 2), bands + 2))
    center, half_width = edges[1:-1, None], np.maximum((edges[2:] - edges[:-2])[:, None] / 2, 60.0)
    seconds = (np.arange(size) - (size - 1) / 2) / sample_rate
    window = np.exp(-0.5 * (2 * np.pi * 0.6 * half_width * seconds) ** 2) * np.hanning(size)
    window = 2 * window / window.sum(axis=1, keepdims=True) * (center / 1000.0) ** _EMPHASIS
    phases = np.arange(PHASES)[None, :, None] * (2 * np.pi / PHASES)
    waves = np.cos(2 * np.pi * (center * seconds)[:, None, :] + phases)
    return (window[:, None, :] * waves).reshape(bands * PHASES, size).astype(np.float32)


def _to_mel(hz: float) -> float:
    return 2595.0 * np.log10(1.0 + hz / 700.0)


def _from_mel(mel: Float32[np.ndarray, " edge"]) -> np.ndarray:
    return 700.0 * (10.0 ** (mel / 2595.0) - 1.0)
