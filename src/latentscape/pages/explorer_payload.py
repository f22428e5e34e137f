"""What the explorer's page needs to know of an exploration, as few bytes: a header of words, and arrays behind it."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from latentscape.exploration import Answer, Category, Column, Exploration, Frame, Numbers, Texts
from latentscape.figures.style import Style
from latentscape.figures.words import METHOD_NAMES
from latentscape.pages.explorer_colors import RAMP, choose_colors, choose_shapes
from latentscape.pages.explorer_container import (
    Container,
    Described,
    count_kind,
    describe_array,
    describe_texts,
    round_digits,
    size_of,
)
from latentscape.pages.explorer_details import add_details, say_left_out
from latentscape.pages.explorer_media import add_media, add_thumbnails
from latentscape.pages.explorer_texts import LONGEST, LONGEST_NAME, clean_all, clean_name

GRID = 65_535
"""Steps of a place across the longer side of its map."""
UNKNOWN_TRUST = 255
TRUST_STEPS = 254
MOST_VALUES = 65_534
"""Of a category; one with more is a text."""
MANY = 100_000
"""Samples above which numbers have only the digits that are shown."""
FRAME_BYTES, ID_BYTES, TEXT_BYTES = 24_000_000, 8_000_000, 8_000_000
"""What the maps after the first, the ids and all texts may take of a file; what is beyond stays out of it."""
RAW_TEXT = 64_000_000
"""Letters that are not even tried."""


@dataclass(frozen=True, kw_only=True)
class Packed:
    """A payload, and what had to stay out of it, as sentences."""

    data: bytes
    left_out: tuple[str, ...] = ()


def pack(exploration: Exploration, *, style: Style, is_served: bool = False) -> bytes:
    """The payload alone, see `pack_exploration`."""
    return pack_exploration(exploration, style=style, is_served=is_served).data


def pack_exploration(exploration: Exploration, *, style: Style, is_served: bool = False) -> Packed:
    """Everything the page's modules read. Where it is served, neighbors, ranks and media are asked for one by one.

    A file has room for so much: maps, ids, texts, neighbors and clips that are beyond their share stay out, and the
    page says so.
    """
    container = Container()
    left_out: list[str] = []
    header = {
        **_say_words(exploration),
        "isServed": is_served,
        "ramp": RAMP,
        "frames": _add_frames(container, exploration, left_out, is_served=is_served),
        "columns": _add_columns(container, exploration, left_out, style=style),
        "ids": _add_ids(container, exploration, left_out),
        **add_details(container, exploration, left_out, is_served=is_served),
        "media": add_media(container, exploration.media, left_out, is_served=is_served),
        "thumbnails": add_thumbnails(container, exploration.thumbnails, left_out, is_served=is_served, n=exploration.n),
    }
    header["captions"] = [*header["captions"], *left_out]
    return Packed(data=container.finish(header), left_out=tuple(left_out))


def _say_words(exploration: Exploration) -> dict[str, Any]:
    """All that is neither array nor text of a sample."""
    return {
        "study": exploration.study,
        "n": exploration.n,
        "title": clean_name(exploration.title),
        "headline": _clean(exploration.headline),
        "facts": [[clean_name(name), _clean(value)] for name, value in exploration.facts.items()],
        "stamps": clean_all(exploration.stamps),
        "captions": clean_all(exploration.captions),
        "foot": clean_all(exploration.foot),
        "color": clean_name(exploration.color),
        "shape": clean_name(exploration.shape),
        "layers": [clean_name(layer) for layer in exploration.layers],
        "answers": [_say_answer(answer) for answer in exploration.answers],
        "profile": [
            {"layer": clean_name(point.layer), "question": clean_name(point.question), "value": _number(point.value),
             "low": _number(point.low), "high": _number(point.high), "chance": _number(point.chance)}
            for point in exploration.profile
        ],
        "metrics": [
            {"name": clean_name(one.name), "value": clean_name(one.value), "detail": _clean(one.detail),
             "about": _clean(one.about)}
            for one in exploration.metrics
        ],
    }  # fmt: skip


def _clean(text: str) -> str:
    return clean_all([text])[0]


def _number(value: float | None) -> float | None:
    return float(value) if value is not None and np.isfinite(value) else None


def _say_answer(answer: Answer) -> dict[str, str]:
    names = ("checkpoint", "truth", "said", "correct", "worst")
    return {name: clean_name(getattr(answer, name)) for name in names}


def _add_frames(
    container: Container, exploration: Exploration, left_out: list[str], *, is_served: bool
) -> list[dict[str, Any]]:
    """The maps, as many as there is room for; the first always."""
    frames: list[dict[str, Any]] = []
    keys: set[str] = set()
    start, room = container.size, FRAME_BYTES
    for frame in exploration.frames:
        arrays = [describe_array(*_places(frame)), describe_array(_trust(frame), "u1")]
        needed = sum(size_of(pieces) for _, pieces in arrays)
        if frames and not is_served and container.size - start + needed > room:
            continue
        xy, trust = (container.place(*array) for array in arrays)
        frames.append({**_say_frame(frame, exploration, keys), "xy": xy, "trust": trust})
    if n_more := len(exploration.frames) - len(frames):
        left_out.append(say_left_out(f"{n_more} of {len(exploration.frames)} maps"))
    return frames


def _places(frame: Frame) -> tuple[np.ndarray, str]:
    low, span = _extent(frame)
    return np.rint((frame.xy - low) * (GRID / span)), "u2"


def _extent(frame: Frame) -> tuple[np.ndarray, float]:
    """The lowest corner and the longer side."""
    if not len(frame.xy):
        return np.zeros(2), 1.0
    low = frame.xy.min(axis=0).astype(float)
    return low, float((frame.xy.max(axis=0) - low).max()) or 1.0


def _trust(frame: Frame) -> np.ndarray:
    known = np.isfinite(frame.trust)
    steps = np.rint(np.clip(np.where(known, frame.trust, 0.0), 0.0, 1.0) * TRUST_STEPS)
    return np.where(known, steps, UNKNOWN_TRUST)


def _say_frame(frame: Frame, exploration: Exploration, keys: set[str]) -> dict[str, Any]:
    low, span = _extent(frame)
    size = np.rint((frame.xy.max(axis=0) - low) * (GRID / span)) if len(frame.xy) else np.zeros(2)
    checkpoint = exploration.answers[frame.checkpoint].checkpoint if exploration.answers else ""
    layer = clean_name(frame.layer)
    key = "_".join(filter(None, [frame.method, layer, clean_name(checkpoint)]))
    while key in keys:
        key += "'"
    keys.add(key)
    return {
        "key": key,
        "layer": layer,
        "method": frame.method,
        "methodName": METHOD_NAMES.get(frame.method, clean_name(frame.method)),
        "checkpoint": frame.checkpoint,
        "size": [int(side) for side in size],
        "together": clean_name(frame.together),
        "score": _clean(frame.score),
        "warning": _clean(frame.warning),
    }


def _add_columns(
    container: Container, exploration: Exploration, left_out: list[str], *, style: Style
) -> list[Described]:
    colors = choose_colors(exploration, style)
    described: list[Described] = []
    room = TEXT_BYTES
    for column in exploration.columns:
        common = {"key": clean_name(column.key), "title": clean_name(column.title), "about": _clean(column.about)}
        if isinstance(column, Numbers):
            described.append({**common, "kind": "number", "worst": column.worst, **_add_numbers(container, column)})
        elif isinstance(column, Category) and len(column.values) <= MOST_VALUES:
            looks = {"colors": colors[column.key], "shapes": choose_shapes(column, style)}
            looks["absent"] = clean_name(column.absent)
            described.append({**common, "kind": "category", **looks, **_add_category(container, column)})
        else:
            texts, size = _add_texts(container, _read_texts(column), room=room)
            room -= size
            is_own = not isinstance(column, Texts) or column.is_own
            described.append({**common, "kind": "text", "texts": texts, "isOwn": is_own})
            if texts is None:
                left_out.append(say_left_out(f"the texts of “{common['title']}”"))
    return described


def _add_numbers(container: Container, column: Numbers) -> Described:
    values = column.values
    return {"numbers": container.array(round_digits(values) if len(values) > MANY else values, "f4")}


def _add_category(container: Container, column: Category) -> Described:
    kind = count_kind(len(column.values))
    values = clean_all(column.values, limit=LONGEST_NAME)
    return {"values": values, "codes": container.array(column.codes + 1, kind)}


def _read_texts(column: Column) -> list[str | None]:
    """The texts of a column; a category of very many values is read as one."""
    if isinstance(column, Texts):
        return list(column.values)
    if isinstance(column, Category):
        return [column.values[code] if code >= 0 else None for code in column.codes.tolist()]
    raise TypeError(f"not texts: {column.key}")


def _add_texts(
    container: Container, texts: list[str | None], *, room: int, limit: int = LONGEST
) -> tuple[Described | None, int]:
    """The described texts and their bytes; None where there is no room for them."""
    if sum(len(text) for text in texts if text) > RAW_TEXT:
        return None, 0
    described, pieces = describe_texts(clean_all(texts, limit=limit))
    size = size_of(pieces)
    return (None, 0) if size > room else (container.place(described, pieces), size)


def _add_ids(container: Container, exploration: Exploration, left_out: list[str]) -> Described | None:
    """Names of the samples; nothing where they are their own numbers."""
    ids = exploration.ids
    if ids is None or all(name == str(i) for i, name in enumerate(ids)):
        return None
    described, _ = _add_texts(container, list(ids), room=ID_BYTES, limit=LONGEST_NAME)
    if described is None:
        left_out.append(say_left_out("the ids of the samples"))
    return described
