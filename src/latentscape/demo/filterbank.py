"""A first convolution that listens like an ear before it has learned anything.

Filters learned from raw audio end up much like windowed sinusoids on a mel scale, and a small data set cannot find
them by itself, so they are put there at the start and trained on with the rest (Zeghidour et al., 2018, "Learning
filterbanks from raw speech for phone recognition", section 2; mel scale after O'Shaughnessy, 1987). Each band is then
scaled to the same loudness over the training clips, as in the data-dependent start of Mishkin and Matas (2016, "All
you need is a good init"): otherwise the normalization behind it hears nothing but the loudest formant.
"""

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float, Float32
from torch import Tensor, nn
from torch.nn import functional as F

from latentscape.errors import UsageError

PHASES = 4
"""Each band appears at 0, 90, 180 and 270 degrees: the activation after it keeps positive halves only, and the four
halves together keep the whole loudness of the band, wherever a window happens to start."""
LOUDNESS = 0.003
"""Root mean square of every band over the training clips, once scaled. The layer norm behind it adds 1e-5 to the
variance it divides by, so at this level loud frames come out larger than quiet ones: energy is not normalized away."""
_LOWEST, _HIGHEST = 80.0, 0.95
"""Hz, and share of half the sample rate."""
_NARROWEST = 60.0
"""Half the width of a band in Hz, at least: 25 ms of sound tell no more."""
_CLIPS_HEARD = 64


def fill_filterbank(encoder: nn.Module, waveforms: Sequence[np.ndarray], *, sample_rate: int) -> None:
    """Overwrite the encoder's first convolution with a filter bank that suits `waveforms`.

    The second convolution starts by adding up the phases. Channels beyond a multiple of four keep their random start.
    Raises UsageError if the first kernel lasts under 10 ms.
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
    bands = first.out_channels // PHASES
    filters = torch.from_numpy(make_filterbank(bands, kernel, sample_rate=sample_rate))
    filters *= LOUDNESS / _measure_loudness(filters, waveforms, stride=first.stride[0])
    with torch.no_grad():
        first.weight[: len(filters), 0] = filters
        if first.bias is not None:
            first.bias.zero_()
        _start_by_pooling(second.weight, bands)


def _measure_loudness(filters: Tensor, waveforms: Sequence[np.ndarray], *, stride: int) -> Float[Tensor, "channel 1"]:
    """Root mean square of each band over some of the clips; a band that hears next to nothing is not blown up."""
    power, frames = torch.zeros(len(filters)), 0
    for waveform in waveforms[:: max(len(waveforms) // _CLIPS_HEARD, 1)]:
        heard = F.conv1d(torch.from_numpy(waveform)[None, None], filters[:, None], stride=stride)[0]
        power, frames = power + heard.square().sum(dim=1), frames + heard.shape[1]
    loudness = (power / max(frames, 1)).reshape(-1, PHASES).mean(dim=1).sqrt()
    if not loudness.any():
        return torch.full((len(filters), 1), LOUDNESS)
    return loudness.clamp(min=float(loudness.max()) / 1000).repeat_interleave(PHASES)[:, None]


def _start_by_pooling(weight: Tensor, bands: int) -> None:
    """Output b of the second convolution starts as the mean of band b's phases over its window, plus a little noise."""
    rows = min(bands, weight.shape[0])
    weight[:rows] *= 0.3
    for band in range(rows):
        weight[band, PHASES * band : PHASES * (band + 1)] += 1.0 / weight.shape[2]


def make_filterbank(bands: int, size: int, *, sample_rate: int) -> Float32[np.ndarray, "channel time"]:
    """Gabor filters: cosines at mel-spaced frequencies under Gaussian windows as wide as the bands are narrow.

    Row 4b + p is band b at phase p; a sinusoid of amplitude 1 at its center frequency comes out with amplitude 1.
    """
    edges = _from_mel(np.linspace(_to_mel(_LOWEST), _to_mel(_HIGHEST * sample_rate / 2), bands + 2))
    center, half_width = edges[1:-1, None], np.maximum((edges[2:] - edges[:-2])[:, None] / 2, _NARROWEST)
    seconds = (np.arange(size) - (size - 1) / 2) / sample_rate
    window = np.exp(-0.5 * (2 * np.pi * 0.6 * half_width * seconds) ** 2) * np.hanning(size)
    phases = np.arange(PHASES)[None, :, None] * (2 * np.pi / PHASES)
    waves = np.cos(2 * np.pi * (center * seconds)[:, None, :] + phases)
    filters = 2 * (window / window.sum(axis=1, keepdims=True))[:, None, :] * waves
    return filters.reshape(bands * PHASES, size).astype(np.float32)


def _to_mel(hz: float) -> float:
    return 2595.0 * np.log10(1.0 + hz / 700.0)


def _from_mel(mel: Float[np.ndarray, " edge"]) -> Float[np.ndarray, " edge"]:
    return 700.0 * (10.0 ** (mel / 2595.0) - 1.0)
