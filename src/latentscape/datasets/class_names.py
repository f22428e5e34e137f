"""Labels as the data spells them -> class numbers that mean the same in every data set of a run."""

from collections import Counter
from collections.abc import Callable, Collection, Sequence

from latentscape.datasets.recordings import EMOTIONS
from latentscape.datasets.text import normalize
from latentscape.errors import DataError, UsageError, nearest

_MOST_NUMBERED = 10_000
Number = Callable[[str], int]
"""A label as the data spells it -> its class number."""


def number_classes(labels: Collection[str], given: Sequence[str] | None) -> tuple[tuple[str, ...], Number]:
    """Class names in the order of their numbers, and the function that numbers a label.

    With `given` names (the config's) a label must be one of them, in any case; eight names that are no emotions are
    taken as other words for the eight emotions, in their order. Without them: emotions only -> the eight emotions;
    whole numbers only -> themselves; no emotion among them -> the labels in alphabetical order. A label that is a
    whole number is a class number wherever it is not a name itself.

    Raises DataError where some labels are emotions and others are not, or a label is none of the given names;
    UsageError if the given names repeat, or do not cover the emotions of RAVDESS and CREMA-D.
    """
    names = _check_given(given) if given else _choose_names(labels)
    places = _make_places(names)
    unknown = sorted(label for label in labels if _look_up(label, places, len(names)) < 0)
    if unknown:
        raise _not_among(unknown, names)
    return names, lambda label: _look_up(label, places, len(names))


def _check_given(given: Sequence[str]) -> tuple[str, ...]:
    names = tuple(normalize(name).strip() for name in given)
    twice = sorted(name for name, count in Counter(names).items() if count > 1)
    if twice or not all(names):
        raise UsageError("class names must differ and not be empty", got=", ".join(map(repr, twice or names)))
    return names


def _choose_names(labels: Collection[str]) -> tuple[str, ...]:
    emotions = {name.casefold() for name in EMOTIONS}
    words = [label for label in labels if not label.isdecimal()]
    strangers = sorted(label for label in words if label.casefold() not in emotions)
    if not words:
        return _number_names(labels)
    if not strangers:
        return EMOTIONS
    if len(strangers) < len(labels):
        raise _mixture(strangers, sorted(set(labels) - set(strangers)))
    return tuple(strangers)


def _number_names(labels: Collection[str]) -> tuple[str, ...]:
    largest = max(map(int, labels))
    if largest >= _MOST_NUMBERED:
        raise DataError(f"the label {largest} is no class number", expected=f"numbers below {_MOST_NUMBERED:,}")
    return tuple(map(str, range(largest + 1)))


def _make_places(names: tuple[str, ...]) -> dict[str, int]:
    """Exact names first; then without case, where that is no other name; then, for renamed emotions, their English."""
    places = {name: place for place, name in enumerate(names)}
    renamed = len(names) == len(EMOTIONS) and not {name.casefold() for name in names} & {e.casefold() for e in EMOTIONS}
    twins = Counter(name.casefold() for name in names)
    for place, name in enumerate(names):
        if twins[name.casefold()] == 1:
            places.setdefault(name.casefold(), place)
    for place, name in enumerate(EMOTIONS if renamed else ()):
        places.setdefault(name.casefold(), place)
    return places


def _look_up(label: str, places: dict[str, int], n_classes: int) -> int:
    place = places.get(label, places.get(label.casefold(), -1))
    if place < 0 and label.isdecimal() and len(label) < 9 and int(label) < n_classes:
        return int(label)
    return place


def _mixture(strangers: list[str], emotions: list[str]) -> DataError:
    return DataError(
        "some labels are emotions and others are not, so their numbers would not be the model's",
        got=f"emotions: {quote_names(emotions)}; others: {quote_names(strangers)}",
        expected=f"only {', '.join(EMOTIONS)}; or none of them",
        hint=f"list all classes in `style.class_names`, or rename `{strangers[0]}`: "
        + nearest(strangers[0].capitalize(), EMOTIONS),
    )


def _not_among(unknown: list[str], names: tuple[str, ...]) -> DataError:
    return DataError(
        f"the data has {len(unknown)} label(s) that are none of the classes: {quote_names(unknown)}",
        expected=quote_names(names),
        hint=f"the classes come from `style.class_names`; `{unknown[0]}`: {nearest(unknown[0], names)}",
    )


def quote_names(names: Sequence[str]) -> str:
    """Names for a message: the first twelve, long ones cut."""
    shown = ", ".join(f"`{name if len(name) <= 40 else name[:39] + '…'}`" for name in names[:12])
    return shown + (f" and {len(names) - 12} more" if len(names) > 12 else "")
