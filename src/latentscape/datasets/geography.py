"""A file that says where places lie, or which are neighbors -> how far apart every two of them are."""

import csv
import io
import json
import math
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from latentscape.datasets.attribute_patterns import plain_spelling
from latentscape.datasets.files import open_regular
from latentscape.datasets.text import fold, make_printable
from latentscape.errors import DataError

EARTH_RADIUS = 6371.0088
"""Kilometers; the mean radius."""
LARGEST_BYTES = 2**24
MOST_PLACES = 1000
_NAMES: Mapping[str, tuple[str, ...]] = {
    "name": ("name", "place", "district", "value"),
    "lat": ("lat", "latitude"),
    "lon": ("lon", "lng", "long", "longitude"),
    "a": ("a", "from", "first"),
    "b": ("b", "to", "second"),
    "distance": ("distance", "km", "dist"),
}
"""What a column may be called."""
_EXPECTED = "columns `name,lat,lon`, or `a,b` for neighbors, or `a,b,distance`"

Distances = dict[tuple[str, str], float]
Row = tuple[str, Mapping[str, Any]]
"""Where it stands, for messages, and its cells by column."""


def read_geography(path: Path) -> Distances:
    """The distance of every two places that a CSV or JSON file (a list of objects) tells of, each pair once.

    * `name,lat,lon`, in degrees: kilometers along a great circle.
    * `a,b,distance`: the distances themselves, in the file's own unit; pairs that are missing stay unknown.
    * `a,b`: neighbors; the distance is the least number of steps from one to the other. Places that no chain of
      neighbors joins are put one step further apart than the farthest that are joined.

    Names are kept as the file spells them. Compare them with `find_places`, which minds neither case nor accents.

    Raises:
        DataError: the file can't be read, has other columns, no two places, over 1,000 of them, a coordinate or a
            distance that is none, or says two things of one place or pair.
    """
    shown = make_printable(str(path))
    rows, columns = _name_columns(_read_rows(Path(path), shown), shown)
    if {"name", "lat", "lon"} <= columns:
        distances = _measure_all(_read_places(rows, shown))
    elif {"a", "b"} <= columns:
        pairs = _read_pairs(rows, shown, measured="distance" in columns)
        distances = pairs if "distance" in columns else _count_steps(pairs)
    else:
        got = ", ".join(f"`{name}`" for name in sorted(columns)) or "none of the columns"
        raise _bad(shown, "it has neither coordinates nor neighbors", got=got)
    if not distances:
        raise _bad(shown, "it tells of fewer than two places")
    return distances


def find_places(distances: Mapping[tuple[str, str], float], values: Sequence[str]) -> dict[tuple[int, int], float]:
    """The distances between the values of an attribute, by their numbers i < j; pairs nobody told of are absent.

    Names agree when they do in lower case without accents: `quan 10` is `Quận 10`.

    >>> find_places({("go vap", "Quận 1"): 6.5, ("Quận 1", "Huế"): 630.0}, ["Quận 1", "Gò Vấp"])
    {(0, 1): 6.5}
    """
    numbers = {plain_spelling(value): number for number, value in enumerate(values)}
    found: dict[tuple[int, int], float] = {}
    for names, distance in distances.items():
        ends = sorted(numbers[name] for name in map(plain_spelling, names) if name in numbers)
        if len(ends) == 2 and ends[0] != ends[1]:
            found[ends[0], ends[1]] = distance
    return found


def _bad(shown: str, reason: str, *, got: str = "", hint: str = "check that this is the file of places") -> DataError:
    what = f"can't read places from {shown}: {reason}"
    return DataError(what, got=got, expected=_EXPECTED, hint=hint, fault="data-format")


def _read_rows(path: Path, shown: str) -> list[Row]:
    with open_regular(path) as file:
        content = file.read(LARGEST_BYTES + 1)
    if len(content) > LARGEST_BYTES:
        raise _bad(shown, f"it is larger than {LARGEST_BYTES >> 20} MiB")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise _bad(shown, f"line {line} is not UTF-8 text") from None
    return _read_json(text, shown) if text.lstrip()[:1] in ("[", "{") else _read_csv(text, shown)


def _read_json(text: str, shown: str) -> list[Row]:
    try:
        rows = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise _bad(shown, f"broken JSON: {str(error)[:80]}") from None
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise _bad(shown, "it is no list of objects", hint='write [{"name": "Quận 1", "lat": 10.77, "lon": 106.70}, …]')
    return [(f"entry {number}", row) for number, row in enumerate(rows, start=1)]


def _read_csv(text: str, shown: str) -> list[Row]:
    delimiter = max(",;\t", key=text.partition("\n")[0].count)
    lines = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    rows: list[Row] = []
    try:
        heading = [name.strip() for name in next(lines, [])]
        for cells in lines:
            if len(cells) > len(heading):
                raise _bad(shown, f"line {lines.line_num} has {len(cells)} cells under {len(heading)} columns")
            if any(cell.strip() for cell in cells):
                rows.append((f"line {lines.line_num}", dict(zip(heading, cells, strict=False))))
    except csv.Error as error:
        raise _bad(shown, f"line {lines.line_num}: {error}") from None
    return rows


def _name_columns(rows: Iterable[Row], shown: str) -> tuple[list[Row], set[str]]:
    """The rows under our own names of the columns, and which of them there are."""
    ours = {alias: name for name, aliases in _NAMES.items() for alias in aliases}
    named: list[Row] = [
        (where, {ours[key.strip().lower()]: cell for key, cell in row.items() if key.strip().lower() in ours})
        for where, row in rows
    ]
    if not named:
        raise _bad(shown, "it holds no rows")
    return named, {column for _, row in named for column in row}


def _read_name(row: Row, column: str, shown: str) -> str:
    name = row[1].get(column)
    if not isinstance(name, str) or not name.strip():
        raise _bad(shown, f"{row[0]} has no {column}", got=repr(name)[:40])
    return fold(name)


def _read_number(row: Row, column: str, *, shown: str, low: float, high: float) -> float:
    cell = row[1].get(column)
    try:
        number = math.nan if cell is None or isinstance(cell, bool) else float(str(cell).strip())
    except ValueError:
        number = math.nan
    if not low <= number <= high or math.isinf(number):
        inside = f"a number from {low:g} to {high:g}" if math.isfinite(high) else "a number of 0 or more"
        raise _bad(shown, f"the {column} in {row[0]} is none", got=repr(cell)[:40], hint=f"write {inside}")
    return number


def _read_places(rows: Iterable[Row], shown: str) -> dict[str, tuple[float, float]]:
    places: dict[str, tuple[float, float]] = {}
    for row in rows:
        name = _read_name(row, "name", shown)
        lat = _read_number(row, "lat", shown=shown, low=-90, high=90)
        lon = _read_number(row, "lon", shown=shown, low=-180, high=180)
        if places.setdefault(name, (lat, lon)) != (lat, lon):
            raise _bad(shown, f"{row[0]} gives `{name}` other coordinates than a row before")
        _refuse_many(len(places), shown)
    return places


def _read_pairs(rows: Iterable[Row], shown: str, *, measured: bool) -> Distances:
    pairs: Distances = {}
    names: set[str] = set()
    for row in rows:
        a, b = (_read_name(row, column, shown) for column in ("a", "b"))
        distance = _read_number(row, "distance", shown=shown, low=0, high=math.inf) if measured else 1.0
        names |= {a, b}
        _refuse_many(len(names), shown)
        pair = (b, a) if (b, a) in pairs else (a, b)
        if a != b and pairs.setdefault(pair, distance) != distance:
            raise _bad(shown, f"{row[0]} gives `{a}` and `{b}` another distance than a row before")
    return pairs


def _refuse_many(n_places: int, shown: str) -> None:
    if n_places > MOST_PLACES:
        raise _bad(shown, f"it tells of more than {MOST_PLACES:,} places")


def _each_pair(names: Sequence[str], measure: Callable[[str, str], float]) -> Distances:
    return {(a, b): measure(a, b) for number, a in enumerate(names) for b in names[number + 1 :]}


def _measure_all(places: Mapping[str, tuple[float, float]]) -> Distances:
    return _each_pair(list(places), lambda a, b: measure_great_circle(places[a], places[b]))


def measure_great_circle(first: tuple[float, float], second: tuple[float, float]) -> float:
    """Kilometers between two places given as degrees of latitude and longitude, on a sphere (haversine formula).

    >>> round(measure_great_circle((10.7769, 106.7009), (21.0285, 105.8542)))
    1144
    """
    lat_a, lon_a, lat_b, lon_b = map(math.radians, (*first, *second))
    chord = math.sin((lat_b - lat_a) / 2) ** 2
    chord += math.cos(lat_a) * math.cos(lat_b) * math.sin((lon_b - lon_a) / 2) ** 2
    return 2 * EARTH_RADIUS * math.asin(min(1.0, math.sqrt(chord)))


def _count_steps(pairs: Iterable[tuple[str, str]]) -> Distances:
    near: dict[str, list[str]] = {}
    for a, b in pairs:
        near.setdefault(a, []).append(b)
        near.setdefault(b, []).append(a)
    steps = {start: _walk(start, near) for start in near}
    farthest = max((most for own in steps.values() for most in own.values()), default=0)
    return _each_pair(list(near), lambda a, b: float(steps[a].get(b, farthest + 1)))


def _walk(start: str, near: Mapping[str, Sequence[str]]) -> dict[str, int]:
    """The number of steps from one place to each that can be reached."""
    steps, waiting = {start: 0}, deque([start])
    while waiting:
        here = waiting.popleft()
        for there in near[here]:
            if there not in steps:
                steps[there] = steps[here] + 1
                waiting.append(there)
    return steps
