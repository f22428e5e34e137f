"""`package.module:factory`: recordings from the user's own code, which is run because the user typed its name."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from latentscape.datasets.files import explain_unusable
from latentscape.datasets.recordings import Listing, Recording
from latentscape.datasets.text import make_printable, normalize
from latentscape.errors import DataError, LatentscapeError
from latentscape.own_modules import describe_failure, find_own, running_own_code


def read_factory(spec: str, root: Path) -> Listing:
    """Call the factory with the data folder; it returns an iterable of (path, label, speaker).

    Relative paths start at the data folder; an empty speaker means unknown. Raises UsageError if the factory can't be
    found, DataError if it fails or returns something else.
    """
    good: list[Recording] = []
    skipped: list[tuple[str, str]] = []
    for path, label, speaker in _call(find_own(spec), spec, root):
        full = root / path
        name = full.relative_to(root) if full.is_relative_to(root) else Path(*full.parts[1:])
        reason = explain_unusable(full)
        if reason:
            skipped.append((make_printable(name.as_posix()), reason))
        else:
            good.append(
                Recording(
                    path=full, name=make_printable(name.as_posix()), label=normalize(label), speaker=normalize(speaker)
                )
            )
    if not good:
        raise DataError(
            f"`{spec}` gave no usable recording",
            got=f"{len(skipped)} paths that are no regular files",
            hint="it is called with the data folder; relative paths start there",
            fault="data-empty",
        )
    return Listing(recordings=tuple(good), skipped=tuple(skipped))


def _call(factory: Callable[[Path], Any], spec: str, root: Path) -> list[tuple[str, str, str]]:
    try:
        with running_own_code():
            rows: Iterable[Any] = list(factory(root))
    except LatentscapeError:
        raise
    except (Exception, SystemExit) as error:  # the user's code may do anything
        raise DataError(
            f"`{spec}` failed: {describe_failure(error, spec)}",
            hint="run it by itself first",
            fault="data-format",
        ) from error
    return [_check_row(spec, number, row) for number, row in enumerate(rows)]


def _check_row(spec: str, number: int, row: object) -> tuple[str, str, str]:
    if not isinstance(row, tuple | list) or len(row) != 3:
        raise _bad_row(spec, number, row)
    path, label, speaker = row
    if not isinstance(path, str | Path) or not isinstance(label, str) or not isinstance(speaker, str):
        raise _bad_row(spec, number, row)
    return str(path), label, speaker


def _bad_row(spec: str, number: int, row: object) -> DataError:
    return DataError(
        f"`{spec}` gave a bad row {number}",
        got=repr(row)[:80],
        expected="(path, label, speaker): a path and two texts",
        hint="let it yield one such row a recording",
        fault="data-format",
    )
