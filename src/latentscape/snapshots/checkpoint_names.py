"""A name for each checkpoint that no other has."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations
from pathlib import Path

from latentscape.comparison_findings import Checkpoint
from latentscape.snapshots.manifest import name_folder

DEEPEST = 3
"""Parts of a folder's path that a name may have."""


def name_checkpoints(checkpoints: Sequence[Checkpoint]) -> tuple[Checkpoint, ...]:
    """The checkpoints, those that share a name called after their folders; where these are the same too, numbered."""
    names = [checkpoint.name for checkpoint in checkpoints]
    for name, often in Counter(names).items():
        if often > 1:
            places = [place for place, checkpoint in enumerate(checkpoints) if checkpoint.name == name]
            folders = _name_folders([Path(checkpoints[place].folder) for place in places])
            for place, folder in zip(places, folders, strict=True):
                names[place] = folder
    return tuple(replace(checkpoint, name=name) for checkpoint, name in zip(checkpoints, _number(names), strict=True))


def _name_folders(folders: Sequence[Path]) -> list[str]:
    """As short as tells as many of them apart as can be."""
    named = [[name_folder(folder, depth) for folder in folders] for depth in range(1, DEEPEST + 1)]
    return max(named, key=lambda names: len(set(names)))


def find_same_models(checkpoints: Sequence[Checkpoint]) -> tuple[tuple[int, int], ...]:
    """Pairs of checkpoints whose weights are the same file, byte for byte, read in the same way."""
    keys = [(checkpoint.model.sha256, checkpoint.reading) for checkpoint in checkpoints]
    return tuple((i, j) for i, j in combinations(range(len(keys)), 2) if keys[i][0] and keys[i] == keys[j])


def _number(names: Sequence[str]) -> list[str]:
    """Each name once; the second of a name gets ` (2)`."""
    found: list[str] = []
    for name in names:
        free, number = name, 1
        while free in found or (number > 1 and free in names):
            number += 1
            free = f"{name} ({number})"
        found.append(free)
    return found
