"""A small rental market of our own making: queries, the listings they mean, and listings that are nearly right.

The file has the quirks of real ones on purpose: several queries share a listing, a few rows stand there twice, some
queries have no hard negative, some are typed without accents. Each hard negative differs from the right listing in one
to three declared ways, and carries the weight that these add up to.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from latentscape.datasets.weights import combine_weights
from latentscape.demo import rental_words as words

WEIGHTS: dict[str, Any] = {
    "location": 2.5,
    "price": 2.0,
    "area": 1.5,
    "amenity": 1.0,
    "furniture": 0.8,
    "floor": 0.5,
    "other": 0.5,
    "_metadata": {"method": "max_incremental", "increment_ratio": 0.3, "cap": 4.0},
}
"""How wrong each kind of difference is."""

Item = TypeVar("Item")


@dataclass(frozen=True, kw_only=True)
class RentalFiles:
    """Where the demo's rental data lie."""

    train: Path
    held_out: Path
    """Queries and listings that do not occur in `train`."""
    weights: Path


@dataclass(frozen=True, kw_only=True)
class Listing:
    """What is for rent. Two listings that differ in any field are two documents."""

    kind: str
    city: str
    district: str
    area: int
    price: int
    amenities: tuple[str, ...]
    furniture: str
    floor: str
    other: str


def write_demo_rentals(folder: Path, *, seed: int = 0, n_train: int = 600, n_held_out: int = 200) -> RentalFiles:
    """Write `pairs.json`, `held-out.json` and `weight-config.json` into `folder`; the same seed, the same bytes."""
    rng = np.random.default_rng(seed)
    files = RentalFiles(
        train=folder / "pairs.json", held_out=folder / "held-out.json", weights=folder / "weight-config.json"
    )
    folder.mkdir(parents=True, exist_ok=True)
    taken: set[Listing] = set()
    _write_json(files.train, _make_rows(n_train, taken, rng))
    _write_json(files.held_out, _make_rows(n_held_out, taken, rng))
    _write_json(files.weights, WEIGHTS)
    return files


def _write_json(path: Path, values: object) -> None:
    path.write_text(json.dumps(values, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def _make_rows(count: int, taken: set[Listing], rng: np.random.Generator) -> list[dict[str, Any]]:
    """Rows about new listings, one to four queries each; the last 2 % repeat earlier rows."""
    rows: list[dict[str, Any]] = []
    fresh = count - count // 50
    while len(rows) < fresh:
        listing = _invent(rng)
        if listing in taken:
            continue
        taken.add(listing)
        text = describe(listing, rng)
        rows += [_make_row(listing, text, taken=taken, rng=rng) for _ in range(rng.integers(1, 5))]
    rows = rows[:fresh]
    repeated = rng.choice(fresh, size=count - fresh, replace=False)
    return rows + [rows[row] for row in repeated]


def _make_row(listing: Listing, text: str, *, taken: set[Listing], rng: np.random.Generator) -> dict[str, Any]:
    query, asked = ask(listing, rng)
    row: dict[str, Any] = {"query": query, "pos": text}
    if rng.random() > 0.03:
        row["hard_neg"] = _spoil_in_several_ways(listing, asked, taken=taken, rng=rng)
    return row


def _spoil_in_several_ways(
    listing: Listing, asked: Sequence[str], *, taken: set[Listing], rng: np.random.Generator
) -> list[dict[str, Any]]:
    """Two to five listings, each wrong in one to three of the things that were asked for."""
    found: dict[Listing, tuple[str, ...]] = {}
    for _ in range(rng.integers(2, 6)):
        size = min(len(asked), int(rng.choice([1, 2, 3], p=[0.65, 0.25, 0.1])))
        types = tuple(sorted(rng.choice(asked, size=size, replace=False).tolist(), key=list(WEIGHTS).index))
        wrong = listing
        for name in types:
            wrong = _SPOILERS[name](wrong, rng)
        if wrong not in taken:
            found[wrong] = types
    return [
        {"text": describe(wrong, rng), "type": list(types), "weight": round(combine_weights(types, WEIGHTS), 3)}
        for wrong, types in found.items()
    ]


def _pick(options: Sequence[Item], rng: np.random.Generator) -> Item:
    return options[int(rng.integers(len(options)))]


def _pick_other(options: Sequence[Item], present: Item, rng: np.random.Generator) -> Item:
    return _pick([option for option in options if option != present], rng)


def _invent(rng: np.random.Generator) -> Listing:
    city = str(rng.choice(list(words.DISTRICTS), p=[0.5, 0.3, 0.12, 0.08]))
    chosen = sorted(rng.choice(len(words.AMENITIES), size=int(rng.integers(2, 4)), replace=False))
    return Listing(
        kind=_pick(words.KINDS, rng),
        city=city,
        district=_pick(words.DISTRICTS[city], rng),
        area=_pick(words.AREAS, rng),
        price=_pick(words.PRICES, rng),
        amenities=tuple(words.AMENITIES[number][int(rng.random() < 0.25)] for number in chosen),
        furniture=_pick(words.FURNITURE, rng),
        floor=_pick(words.FLOORS, rng),
        other=_pick(words.OTHERS, rng),
    )


def _spoil_amenity(listing: Listing, rng: np.random.Generator) -> Listing:
    """Turn one comfort into its opposite."""
    opposite = {a: b for pair in words.AMENITIES for a, b in (pair, pair[::-1])}
    place = int(rng.integers(len(listing.amenities)))
    changed = tuple(opposite[name] if number == place else name for number, name in enumerate(listing.amenities))
    return replace(listing, amenities=changed)


def _spoil_location(listing: Listing, rng: np.random.Generator) -> Listing:
    return replace(listing, district=_pick_other(words.DISTRICTS[listing.city], listing.district, rng))


_SPOILERS: dict[str, Callable[[Listing, np.random.Generator], Listing]] = {
    "location": _spoil_location,
    "price": lambda listing, rng: replace(listing, price=_pick_other(words.PRICES, listing.price, rng)),
    "area": lambda listing, rng: replace(listing, area=_pick_other(words.AREAS, listing.area, rng)),
    "amenity": _spoil_amenity,
    "furniture": lambda listing, rng: replace(listing, furniture=_pick_other(words.FURNITURE, listing.furniture, rng)),
    "floor": lambda listing, rng: replace(listing, floor=_pick_other(words.FLOORS, listing.floor, rng)),
    "other": lambda listing, rng: replace(listing, other=_pick_other(words.OTHERS, listing.other, rng)),
}
"""Kind of difference -> how to make it."""


def describe(listing: Listing, rng: np.random.Generator) -> str:
    """The listing as its owner writes it: everything, in good spelling, the parts in a usual order."""
    place = f"{listing.kind} {listing.district}, {listing.city}"
    price = f"giá {words.say_price(listing.price, int(rng.integers(2)))}"
    parts = [f"{listing.area}m²", *listing.amenities, listing.furniture, listing.floor]
    ending = [price, listing.other] if rng.random() < 0.7 else [listing.other, price]
    return ", ".join([f"{_pick(words.OPENINGS, rng)} {place}", *parts, *ending])


def ask(listing: Listing, rng: np.random.Generator) -> tuple[str, list[str]]:
    """A query somebody who wants this listing may type, and which kinds of facts it asks for.

    Always the location and the price, and two to four other facts; a third of the queries has no accents.
    """
    optional = ["area", "amenity", "furniture", "floor", "other"]
    chosen = set(rng.choice(optional, size=int(rng.integers(2, 5)), replace=False).tolist())
    facts = {
        "area": f"{listing.area}m2",
        "amenity": " ".join(words.hurry(name) for name in listing.amenities),
        "furniture": words.hurry(listing.furniture),
        "floor": listing.floor,
        "other": words.hurry(listing.other),
    }
    tail = [facts[name] for name in optional if name in chosen]
    tail.insert(int(rng.integers(len(tail) + 1)), words.say_price(listing.price, int(rng.integers(4))))
    place = f"{words.hurry(listing.kind)} {words.shorten_district(listing.district)}"
    text = f"{_pick(words.REQUESTS, rng)} {place} {_pick((' ', ', '), rng).join(tail)}"
    text = words.strip_accents(text).lower() if rng.random() < 1 / 3 else text
    return text, ["location", "price", *[name for name in optional if name in chosen]]
