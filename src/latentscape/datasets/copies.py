"""Files that are byte for byte the same: one recording counted twice, sometimes under two labels."""

import hashlib
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Sequence
from contextlib import suppress
from pathlib import Path

from latentscape.datasets.files import open_regular
from latentscape.errors import DataError

_PROBE = 4096


def find_copies(paths: Sequence[Path]) -> list[list[int]]:
    """Groups of two or more places in `paths` whose files are byte for byte equal; empty files are no copies.

    Only files that agree in size and in a piece from their middle are read whole.
    """
    groups: Iterable[list[int]] = [list(range(len(paths)))]
    for key in (_size, _middle, _digest):
        groups = [part for group in groups for part in _divide(group, paths, key)]
    return sorted(groups)


def _divide(group: list[int], paths: Sequence[Path], key: Callable[[Path], Hashable]) -> list[list[int]]:
    parts: defaultdict[Hashable, list[int]] = defaultdict(list)
    for place in group:
        # an unreadable file is reported when its sound is loaded; here it is just no copy of anything
        with suppress(DataError, OSError):
            parts[key(paths[place])].append(place)
    return [part for kind, part in parts.items() if len(part) > 1 and kind]


def _size(path: Path) -> int:
    return path.stat().st_size


def _middle(path: Path) -> bytes:
    with open_regular(path) as file:
        file.seek(max(0, _size(path) // 2 - _PROBE // 2))
        return file.read(_PROBE)


def _digest(path: Path) -> bytes:
    with open_regular(path) as file:
        return hashlib.file_digest(file, "sha256").digest()
