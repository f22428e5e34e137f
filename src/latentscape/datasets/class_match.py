"""The data's classes -> the model's, in the order of its outputs; labels that disagree are no guess of ours."""

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from latentscape.datasets.class_names import quote_names
from latentscape.datasets.labeled import LabeledSamples, freeze
from latentscape.datasets.text import normalize
from latentscape.errors import ModelError, UsageError, nearest

_UNNAMED = re.compile(r"label[ _-]?\d+", re.IGNORECASE)
_BETWEEN = re.compile(r"[\s_\-]+")
_FROM_ONE = "the data seems to count classes from 1, the model does from 0: subtract 1, or write the classes' names"
Finder = Callable[[str], int | None]
"""A name -> its place among others."""


def match_classes(
    samples: LabeledSamples,
    names: Sequence[str] | None,
    *,
    rename: Sequence[str] = (),
    n_classes: int | None = None,
) -> LabeledSamples:
    """The same samples with the model's classes, in the model's order.

    A class of the data is the model's of the same name: exactly, else in any case, with `_`, `-` and blanks alike.
    `rename` (`OLD=NEW`) gives classes of the data other names first; several may become one. A class that the data
    only numbers is the model's of that number. A model that names none, or only LABEL_0, LABEL_1 ..., has the
    data's, where the data itself orders them.

    Raises ModelError for classes that the model does not have, or that can't be put in its order; UsageError for a
    `rename` of what is not there.
    """
    present = tuple(samples.class_names)
    wanted = _read_renames(rename, present)
    if names is None or all(_UNNAMED.fullmatch(name.strip()) for name in names):
        n_classes = len(names) if names is not None else n_classes
        return _match_by_number(samples, n_classes, wanted)
    own = tuple(normalize(name).strip() for name in names)
    find = _make_finder(own)
    _check_renames(wanted, own, find)
    is_bare = _is_bare(samples)
    places: dict[int, int] = {}
    for number, name in enumerate(present):
        place = find(wanted.get(name, name))
        if place is None and is_bare and name not in wanted and number < len(own):
            place = number
        if place is not None:
            places[number] = place
    used = _list_used(samples)
    strangers = [present[number] for number in used if number not in places]
    if strangers:
        is_shifted = _counts_from_one(samples, len(own))
        hint = _FROM_ONE if is_shifted else _advise(strangers, own, all_strange=len(strangers) == len(used))
        raise ModelError(
            f"the data has {len(strangers)} class(es) that the model does not have: {quote_names(strangers)}",
            expected=quote_names(own),
            hint=hint,
            fault="model-classes",
        )
    return _renumber(samples, places, own)


def _make_finder(names: Sequence[str]) -> Finder:
    exact = {name: place for place, name in enumerate(names)}
    counts = Counter(map(_fold, names))
    folded = {_fold(name): place for place, name in enumerate(names) if counts[_fold(name)] == 1}
    return lambda name: exact.get(normalize(name).strip(), folded.get(_fold(name)))


def _fold(name: str) -> str:
    return _BETWEEN.sub(" ", normalize(name)).strip().casefold()


def _read_renames(rename: Sequence[str], present: Sequence[str]) -> dict[str, str]:
    """Class of the data -> its other name; a name may hold `=` itself."""
    find = _make_finder(present)
    wanted: dict[str, str] = {}
    for word in rename:
        cuts = [place for place, letter in enumerate(word) if letter == "="]
        old, new, place = next(
            ((word[:cut], word[cut + 1 :], place) for cut in cuts if (place := find(word[:cut])) is not None),
            (word.partition("=")[0], "", None),
        )
        if not cuts or (place is not None and not new.strip()):
            hint = "write the data's label, `=` and the model's: `--rename joy=happy`"
            raise UsageError("`--rename` needs OLD=NEW", got=word[:60], hint=hint, fault="option-value")
        if place is None:
            raise UsageError(
                f"`--rename`: the data has no class `{old[:40]}`",
                got=quote_names(present),
                hint=nearest(old[:40], present),
                fault="option-value",
            )
        wanted[present[place]] = new.strip()
    return wanted


def _check_renames(wanted: Mapping[str, str], own: Sequence[str], find: Finder) -> None:
    for old, new in wanted.items():
        if find(new) is None:
            raise UsageError(
                f"`--rename {old}={new}`: the model has no class `{new[:40]}`",
                got=quote_names(own),
                hint=nearest(new[:40], own),
                fault="option-value",
            )


def _match_by_number(samples: LabeledSamples, n_classes: int | None, wanted: Mapping[str, str]) -> LabeledSamples:
    """The model names nothing: the data must."""
    present = samples.class_names
    if wanted:
        hint = "name the model's classes as well: `--class-names`"
        raise UsageError("`--rename` needs the names of the model's classes", hint=hint, fault="option-conflict")
    if not samples.numbered:
        listed = ",".join(present)
        raise ModelError(
            "the model does not name its classes, and the data does not number its own",
            got=quote_names(present),
            expected="numbers in the data, or names in the order of the model's outputs",
            hint=f"if it was trained with its classes in alphabetical order: `--class-names {listed[:200]}`",
            fault="model-classes",
        )
    if n_classes is not None and (len(present) > n_classes or (len(present) < n_classes and not _is_bare(samples))):
        raise ModelError(
            "the model and the data have different numbers of classes",
            got=f"{len(present):,} in the data: {quote_names(present)}",
            expected=f"{n_classes:,}, as the model has outputs",
            hint=_FROM_ONE
            if _counts_from_one(samples, n_classes)
            else "is this the data the model was trained for? Else name its classes: `--class-names`",
            fault="model-classes",
        )
    more = tuple(map(str, range(len(present), n_classes or 0)))
    return replace(samples, class_names=present + more)


def _renumber(samples: LabeledSamples, places: Mapping[int, int], own: tuple[str, ...]) -> LabeledSamples:
    table = np.array([places.get(number, -1) for number in range(len(samples.class_names))] + [-1], dtype=np.int64)
    return replace(samples, labels=freeze(table[samples.labels]), class_names=own, numbered=True)


def _advise(strangers: Sequence[str], own: Sequence[str], *, all_strange: bool) -> str:
    """The next step where classes of the data are none of the model's."""
    first = strangers[0][:40]
    near = nearest(first, [name[:40] for name in own[:50]])
    if near.startswith("did you mean"):
        meant = near.partition("`")[2].rpartition("`")[0]
        return f"{near} Then add `--rename '{first}={meant}'`; or leave those samples out"
    if all_strange:
        return (
            "none of them is the model's: are they in another column (`--label-column`), "
            f"or is it another model's data? Else say which is which: `--rename '{first}=NEW'`"
        )
    return f"say which is which with `--rename '{first}=NEW'`, or leave those samples out"


def _counts_from_one(samples: LabeledSamples, n_classes: int) -> bool:
    used = _list_used(samples)
    return _is_bare(samples) and bool(used) and (used[0], used[-1]) == (1, n_classes)


def _is_bare(samples: LabeledSamples) -> bool:
    """Whether the data only numbers its classes and does not name them."""
    return samples.numbered and all(name.isdecimal() for name in samples.class_names)


def _list_used(samples: LabeledSamples) -> list[int]:
    """The classes that have samples, by number."""
    return sorted(set(samples.labels[samples.labels >= 0].tolist()))
