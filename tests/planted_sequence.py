"""Checkpoints in which everything that moves is known: a class comes apart, ten samples change places, all turns."""

from dataclasses import dataclass

import numpy as np

N_CHECKPOINTS = 7
SPLIT_STEP, SWAP_STEP = 3, 5
"""Step s leads from checkpoint s - 1 to checkpoint s."""


@dataclass(frozen=True, kw_only=True)
class PlantedSequence:
    """Features of the same samples in each checkpoint, and what was put in."""

    features: tuple[np.ndarray, ...]
    labels: np.ndarray
    n_classes: int
    split_class: int
    """Comes apart at step 3."""
    halves: tuple[np.ndarray, np.ndarray]
    """Its two groups from then on, rows ascending."""
    swapped: np.ndarray
    """Rows that lie in another class's place from step 5 on, ascending."""


def plant_sequence(
    seed: int, *, n_classes: int = 6, n_each: int = 60, width: int = 32, noise: float = 0.05, apart: float = 2.5,
    n_swapped: int = 10, splits: bool = True,
) -> PlantedSequence:  # fmt: skip
    """Classes with an inner order that lasts; at every step all is turned and scaled and a little noise is added."""
    random = np.random.default_rng(seed)
    labels = random.permutation(np.arange(n_classes * n_each) % n_classes)
    centers = 3.0 * np.linalg.qr(random.normal(size=(width, n_classes)))[0].T
    spread = random.permutation(np.geomspace(0.8, 0.2, width))
    inner = random.normal(size=(len(labels), width)) * spread
    split_class, *swapping = random.permutation(n_classes)[:3].tolist()
    members = random.permutation(np.flatnonzero(labels == split_class))
    halves = (np.sort(members[: n_each // 2]), np.sort(members[n_each // 2 :]))
    takers = [random.permutation(np.flatnonzero(labels == label)) for label in swapping]
    swapped = np.concatenate([rows[: n_swapped // 2] for rows in takers])
    direction = random.normal(size=width)
    direction *= apart / np.linalg.norm(direction)
    features = []
    for checkpoint in range(N_CHECKPOINTS):
        places = labels.copy()
        if checkpoint >= SWAP_STEP:
            for rows, other in zip(takers, swapping[::-1], strict=True):
                places[rows[: n_swapped // 2]] = other
        points = centers[places] + inner
        if checkpoint >= SPLIT_STEP and splits:
            points[halves[0]] += direction
            points[halves[1]] -= direction
        points = points + noise * random.normal(size=points.shape)
        features.append(turn(points, random).astype(np.float32))
    return PlantedSequence(
        features=tuple(features), labels=labels, n_classes=n_classes, split_class=split_class, halves=halves,
        swapped=np.sort(swapped),
    )  # fmt: skip


def turn(points: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """The same points turned at random and scaled by up to ten, either way."""
    turned = np.linalg.qr(random.normal(size=(points.shape[1],) * 2))[0]
    return points @ turned * 10.0 ** random.uniform(-1.0, 1.0)
