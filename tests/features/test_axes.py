"""Answers with places: pictures, spectrograms, videos; features first or last."""

import numpy as np
import pytest
import torch
from torch import nn

from latentscape.errors import ModelError
from latentscape.features import extract_features
from latentscape.features.axes import choose_side

from .toys import Answering, collate_values


class Pictures(nn.Module):
    """Channels first, then last, then tokens, as the parts of Swin and ConvNeXt have them."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.conv = nn.Sequential(nn.Conv2d(3, 6, 3), nn.ReLU(inplace=True))
        self.norm = nn.LayerNorm(6)
        self.gelu = nn.GELU()
        self.tokens = nn.Linear(6, 5)
        self.volume = nn.Conv3d(1, 4, 3)

    def forward(self, pixels):
        last = self.gelu(self.norm(self.conv(pixels).permute(0, 2, 3, 1)))
        return self.tokens(last.flatten(1, 2)).mean(dim=1), self.volume(pixels[:, None])


PIXELS = [np.random.default_rng(row).normal(size=(3, 9, 9)).astype(np.float32) for row in range(5)]


def collate(pixels):
    return {"pixels": torch.tensor(np.array(pixels))}


def test_answers_over_places_become_their_mean_wherever_the_features_lie():
    model = Pictures().eval()
    paths = ["conv", "norm", "gelu", "tokens", "volume"]
    made = extract_features(
        model, PIXELS, layers={path: path for path in paths}, collate=collate, lengths=[1] * 5, batch_size=2
    ).features
    with torch.no_grad():
        first = model.conv(torch.tensor(np.array(PIXELS)))
        last = model.norm(first.permute(0, 2, 3, 1))
        expected = {
            "conv": first.mean(dim=(2, 3)),
            "norm": last.mean(dim=(1, 2)),
            "gelu": model.gelu(last).mean(dim=(1, 2)),
            "tokens": model.tokens(model.gelu(last).flatten(1, 2)).mean(dim=1),
            "volume": model.volume(torch.tensor(np.array(PIXELS))[:, None]).mean(dim=(2, 3, 4)),
        }
    for path in paths:
        np.testing.assert_allclose(made[path], expected[path].numpy(), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("make", "shape", "axis"),
    [
        (lambda: nn.Conv2d(3, 8, 1), (1, 8, 8, 5), 1),
        (lambda: nn.Conv2d(3, 8, 1), (1, 8, 4, 8), 1),  # both sides have its size: its kind decides
        (lambda: nn.LayerNorm(8), (1, 8, 4, 8), 3),
        (lambda: nn.Sequential(nn.Linear(3, 8), nn.Dropout()), (1, 4, 4, 8), 3),
        (
            lambda: nn.Sequential(nn.Conv2d(3, 8, 1), nn.LayerNorm(8), nn.Linear(8, 12), nn.Linear(12, 8)),
            (1, 8, 4, 4),
            1,
        ),
        (nn.ReLU, (1, 8, 4, 4), 1),
        (nn.ReLU, (1, 4, 4, 8), 3),
        (nn.ReLU, (1, 4, 5, 8), 1),
        (lambda: nn.MaxPool2d(2), (1, 4, 4, 8), 1),
        (lambda: nn.Conv1d(2, 8, 1), (1, 8, 20), 1),
        (lambda: nn.Linear(2, 8), (1, 20, 8), 2),
        (nn.ReLU, (1, 8, 20), 2),
    ],
)
def test_where_the_features_lie(make, shape, axis):
    assert choose_side(shape, "part", nn.ModuleDict({"part": make()})) == axis


class Spectrogram(nn.Module):
    """A picture whose last axis follows the length: padded frames take no part."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.conv = nn.Conv2d(1, 4, 1)

    def valid_frames(self, lengths):
        return lengths

    def forward(self, mel, lengths):
        return self.conv(mel[:, None])


def test_frames_of_a_picture_count_only_where_they_are_real():
    sizes = [7, 12, 9, 12, 5]
    clips = [np.random.default_rng(row).normal(size=(6, size)).astype(np.float32) for row, size in enumerate(sizes)]

    def pad(rows):
        lengths = [row.shape[1] for row in rows]
        width = max(lengths)
        mel = np.stack([np.pad(row, ((0, 0), (0, width - row.shape[1]))) for row in rows])
        return {"mel": torch.tensor(mel), "lengths": torch.tensor(lengths)}

    model = Spectrogram()
    made = extract_features(model, clips, layers={"conv": "conv"}, collate=pad, lengths=sizes, batch_size=5)
    assert made.padding == "padded"
    assert made.n_batches == 1
    for row, clip in enumerate(clips):
        expected = model.conv(torch.tensor(clip)[None, None]).mean(dim=(2, 3))[0].detach().numpy()
        np.testing.assert_allclose(made.features["conv"][row], expected, rtol=1e-5)


def test_an_answer_without_an_axis_of_features_is_refused():
    def grow(values):
        size = int(values[0, 0].abs()) + 2
        return torch.zeros(len(values), size, 3, size)

    rows = [np.array([row, 0, 0], dtype=np.float32) for row in (1, 4)]
    with pytest.raises(ModelError, match="no fixed number of features") as caught:
        extract_features(
            Answering(grow), rows, layers={"odd": "odd"}, collate=collate_values, lengths=[1, 4], batch_size=1
        )
    assert caught.value.fault == "layer-answer"
