"""Labels as the data spells them -> class numbers that mean the same in every data set of a run."""

from collections import Counter
from collections.abc import Callable, Collection, Sequence

from latentscape.datasets.recordings import EMOTIONS
from latentscape.datasets.text import normalize
from latentscape.errors import DataError, UsageError, nearest

MOST_NUMBERED = 10_000
_MOST_SHOWN = 12
_LONGEST_SHOWN = 40
_MOST_DIGITS = 20
"""Python refuses to read a number of thousands of digits."""
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
        raise UsageError(
            "class names must differ and not be empty",
            got=quote_names(twice or names),
            hint="change `style.class_names`",
            fault="config-values",
        )
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
    long = [label for label in labels if len(label) > _MOST_DIGITS or int(label) >= MOST_NUMBERED]
    if long:
        raise DataError(
            f"the label {quote_names(sorted(long)[:1])} is no class number",
            expected=f"numbers below {MOST_NUMBERED:,}",
            hint="number the classes from 0, or write words",
            fault="data-labels",
        )
    return tuple(map(str, range(max(map(int, labels)) + 1)))


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
        hint=f"list all classes in `style.class_names`, or rename {quote_names(strangers[:1])}: "
        + nearest(strangers[0].capitalize(), EMOTIONS),
        fault="data-labels",
    )


def _not_among(unknown: list[str], names: tuple[str, ...]) -> DataError:
    return DataError(
        f"the data has {len(unknown)} label(s) that are none of the classes: {quote_names(unknown)}",
        expected=quote_names(names),
        hint=f"the classes come from `style.class_names`; {quote_names(unknown[:1])}: {_find_near(unknown[0], names)}",
        fault="data-labels",
    )


def _find_near(label: str, names: Sequence[str]) -> str:
    """A hint that names the class that was meant; few and short names, whatever they are."""
    return nearest(label[:_LONGEST_SHOWN], [name[:_LONGEST_SHOWN] for name in names[:_MOST_SHOWN]])


def quote_names(names: Sequence[str]) -> str:
    """Names for a message: the first twelve, long ones cut."""
    cut = [name if len(name) <= _LONGEST_SHOWN else name[: _LONGEST_SHOWN - 1] + "…" for name in names[:_MOST_SHOWN]]
    more = f" and {len(names) - _MOST_SHOWN} more" if len(names) > _MOST_SHOWN else ""
    return ", ".join(f"`{name}`" for name in cut) + more
