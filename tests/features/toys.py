"""Small models whose right answers are known."""

import numpy as np
import torch
from torch import nn

from latentscape.progress import Progress


class Recorder(Progress):
    """Keeps what was said."""

    def __init__(self):
        self.said, self.tracked = [], []

    def track(self, items, *, label, total):
        self.tracked.append((label, total))
        yield from items

    def say(self, message):
        self.said.append(message)


class Speech(nn.Module):
    """Conv frames [batch, channel, frame] -> states [batch, frame, feature] -> logits; pad-safe unless `norm`."""

    def __init__(self, norm=False, channels=6, bias=0.3):
        super().__init__()
        torch.manual_seed(0)
        self.conv = nn.Conv1d(1, channels, kernel_size=5, stride=3)
        self.norm = nn.GroupNorm(2, channels) if norm else nn.Identity()
        self.act = nn.ReLU(inplace=True)
        self.states = nn.Linear(channels, 4)
        self.head = nn.Linear(4, 3)
        nn.init.constant_(self.conv.bias, bias)

    @property
    def layers(self):
        return {"cnn": "act", "encoder": "states", "logits": "head"}

    def valid_frames(self, lengths):
        return (torch.div(lengths - 5, 3, rounding_mode="floor") + 1).clamp(min=0)

    def forward(self, waveforms, lengths):
        states = self.states(self.act(self.norm(self.conv(waveforms[:, None]))).transpose(1, 2))
        valid = torch.arange(states.shape[1], device=states.device) < self.valid_frames(lengths)[:, None]
        pooled = (states * valid[:, :, None]).sum(dim=1) / valid.sum(dim=1, keepdim=True)
        return self.head(pooled)


class Text(nn.Module):
    """Token states by a transformer with a padding mask; the mask tells which tokens are real."""

    def __init__(self, width=8):
        super().__init__()
        self.layers = {"encoder": "encoder", "inside": "encoder.layers.0.linear1"}
        torch.manual_seed(1)
        self.embed = nn.Embedding(50, width)
        layer = nn.TransformerEncoderLayer(width, 2, 16, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)

    def forward(self, input_ids, attention_mask):
        return self.encoder(self.embed(input_ids), src_key_padding_mask=attention_mask == 0)


class Answering(nn.Module):
    """Its layer `odd` answers with whatever `make` builds from the batch [batch, 3]."""

    def __init__(self, make):
        super().__init__()
        self.layers = {"odd": "odd"}
        self.odd = Odd(make)

    def forward(self, values):
        return self.odd(values)


class Odd(nn.Module):
    def __init__(self, make):
        super().__init__()
        self.make = make

    def forward(self, values):
        return self.make(values)


def clips(lengths, seed=0):
    rng = np.random.default_rng(seed)
    return [rng.normal(size=length).astype(np.float32) for length in lengths]


def collate_tokens(texts):
    width = max(map(len, texts))
    ids = torch.tensor([list(text) + [0] * (width - len(text)) for text in texts])
    mask = torch.tensor([[1] * len(text) + [0] * (width - len(text)) for text in texts])
    return {"input_ids": ids, "attention_mask": mask}


def collate_values(rows):
    return {"values": torch.tensor(np.array(rows), dtype=torch.float32)}


ROWS_OF_THREE = [np.array([i, 2 * i, -i], dtype=np.float32) for i in range(4)]
