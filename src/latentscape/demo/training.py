"""What both trainers share: learning-rate schedules, seeds, and checkpoints that are either whole or not there."""

import io
import math
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.optim.lr_scheduler import CosineAnnealingWarmRestarts, LambdaLR, LRScheduler, OneCycleLR

from latentscape.disk import make_folder, write_file

SMALL_MODEL = 5_000_000
"""Learning parameters; on two cores, models below this train faster on one of them."""


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Torch's own random draws (first weights, dropout) follow `seed` inside, and are as before afterwards."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        yield


@contextmanager
def suited_threads(model: nn.Module) -> Iterator[None]:
    """One thread inside for a small model: its operations are too short to share, threads would mostly wait."""
    before = torch.get_num_threads()
    learning = sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)
    torch.set_num_threads(1 if learning < SMALL_MODEL else before)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def make_optimizer(model: nn.Module, *, lr: float, weight_decay: float) -> torch.optim.AdamW:
    """AdamW over everything that learns; biases and norms are not decayed."""
    learning = [parameter for parameter in model.parameters() if parameter.requires_grad]
    groups = [
        {"params": [parameter for parameter in learning if parameter.ndim > 1], "weight_decay": weight_decay},
        {"params": [parameter for parameter in learning if parameter.ndim <= 1], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=lr)


def make_schedule(
    optimizer: torch.optim.Optimizer,
    name: str,
    *,
    steps: int,
    warmup_ratio: float = 0.1,
    max_lr: float | None = None,
    min_lr: float = 0.0,
) -> LRScheduler:
    """The learning rate of every step, by the scheduler's name in the config.

    `cosine_warm_restarts`: three falls from `lr` to `min_lr`, each twice as long as the one before, the last one ending
    with the training. `onecycle`: up to `max_lr` (default: `lr`) within the warm-up, then down. `cosine`, `linear`: up
    to `lr` within the warm-up, then down to `min_lr`. `constant`: `lr` after the warm-up. `none`: `lr`.
    """
    lr = optimizer.param_groups[0]["lr"]
    if name == "cosine_warm_restarts":
        return CosineAnnealingWarmRestarts(optimizer, T_0=math.ceil(steps / 7), T_mult=2, eta_min=min(min_lr, lr))
    if name == "onecycle":
        return OneCycleLR(optimizer, max_lr or lr, total_steps=max(steps, 2), pct_start=min(warmup_ratio, 0.9))
    warmup = 0 if name == "none" else round(steps * warmup_ratio)
    floor = min(min_lr / lr, 1.0)

    def factor(step: int) -> float:
        if step < warmup:
            return (step + 1) / (warmup + 1)
        done = min((step - warmup) / max(steps - warmup, 1), 1.0)
        falls = {"cosine": (1 + math.cos(math.pi * done)) / 2, "linear": 1 - done}
        return floor + (1 - floor) * falls.get(name, 1.0)

    return LambdaLR(optimizer, factor)


def take_step(
    loss: torch.Tensor, model: nn.Module, optimizer: torch.optim.Optimizer, *, gradient_clip: float | None
) -> float:
    """One step down the gradient; the loss it started from."""
    optimizer.zero_grad()
    loss.backward()
    if gradient_clip is not None:
        nn.utils.clip_grad_norm_(model.parameters(), gradient_clip)
    optimizer.step()
    return float(loss.detach())


def save_checkpoint(path: Path, values: Mapping[str, Any]) -> Path:
    """Write a dict of tensors and plain values; the same values, the same bytes. Readable with `weights_only=True`."""
    buffer = io.BytesIO()  # written to a file, the archive would carry the file's name inside
    torch.save(dict(values), buffer)
    make_folder(path.parent)
    write_file(path, lambda sink: sink.write(buffer.getbuffer()))
    return path


class Deadline:
    """Whether the time given for training has passed."""

    def __init__(self, seconds: float | None) -> None:
        self._end = math.inf if seconds is None else time.monotonic() + seconds

    @property
    def passed(self) -> bool:
        """True once the time is over."""
        return time.monotonic() > self._end
