"""Whether documents that share an attribute lie together, in words that the tests carry."""

from collections.abc import Sequence

from latentscape.figures.profile_words import say_share_interval
from latentscape.figures.render import plain
from latentscape.figures.words import say_number, say_share
from latentscape.measures.attribute_places import AttributePlaces

ALPHA = 0.05
LEAST_VALUES = 3
"""Two values have one distance: nothing to order."""
FEWEST_P = 0.001


def lies_together(places: AttributePlaces, *, tried: int = 1) -> bool:
    """Whether neighbors share the attribute more often than chance makes them, with `tried` attributes looked at."""
    value = places.purity.value
    return value is not None and value > places.chance and places.p_value * tried <= ALPHA


def excess(places: AttributePlaces) -> float:
    """How far the purity is above chance; less than anything measured where it was not measured."""
    return -2.0 if places.purity.value is None else places.purity.value - places.chance


def choose_detail(places: Sequence[AttributePlaces]) -> AttributePlaces | None:
    """The attribute worth a closer look: of those with several values the one whose documents lie together most."""
    several = [each for each in places if len(each.values) >= LEAST_VALUES]
    return max(several or [each for each in places if each.values], key=excess, default=None)


def say_places(places: Sequence[AttributePlaces]) -> str:
    """The attribute that shows most, how many others show, and what the map of the world has to do with it."""
    sure = [each for each in places if lies_together(each, tried=len(places))]
    detail = choose_detail(places)
    if not sure:
        said = "No attribute is shown to bring documents together" if len(places) > 1 else _say_none(places[0])
    else:
        best = detail if detail is not None and any(detail is each for each in sure) else max(sure, key=excess)
        said = f"Documents of one {name_places(best)} lie together: {_say_purity(best)}"
        if len(places) > 1:
            said += f"\n{len(sure)} of {len(places)} attributes bring their documents together beyond chance"
    geography = say_geography(detail) if detail is not None else ""
    return f"{said}\n{geography}".strip()


def say_geography(places: AttributePlaces) -> str:
    """How the distances of the centers go with those given; empty where none were given."""
    score, p = places.geography, places.geography_p
    if score is None:
        return ""
    name = name_places(places)
    if score.value is None:
        return f"Centers of {name} not compared with the distances given: {plain(score.reason, limit=80)}"
    numbers = f"ρ = {say_number(score.value)}{'' if p is None else f', {say_p(p)}'}"
    if p is not None and p <= ALPHA and score.value > 0:
        return f"What is near on the ground is near in the embeddings ({numbers})"
    return f"No detectable link of center distances and those on the ground ({numbers})"


def say_p(p: float) -> str:
    """A p-value of 999 permutations.

    >>> say_p(0.001), say_p(0.0421)
    ('p ≤ 0.001', 'p = 0.042')
    """
    return "p ≤ 0.001" if p <= FEWEST_P else f"p = {p:.3f}"


def name_places(places: AttributePlaces) -> str:
    """The attribute's name, drawable."""
    return plain(places.attribute, limit=30) or "(unnamed attribute)"


def say_beside(places: AttributePlaces) -> str:
    """What stands right of an attribute's row: how many documents, how sure, the silhouette."""
    parts = [f"n = {places.purity.n:,}"]
    if places.purity.value is not None:
        parts.append(say_p(places.p_value))
    if places.silhouette.value is not None:
        parts.append(f"silhouette {say_number(places.silhouette.value)}")
    return " · ".join(parts)


def list_missing_places(places: Sequence[AttributePlaces]) -> list[str]:
    """What could not be measured, and why."""
    found: dict[str, list[str]] = {}
    for each in places:
        if each.purity.value is None:
            found.setdefault(each.purity.reason, []).append(name_places(each))
    return [f"{', '.join(names[:3])} not measured: {plain(reason, limit=120)}." for reason, names in found.items()]


def _say_purity(places: AttributePlaces) -> str:
    value = places.purity.value
    if value is None:
        return plain(places.purity.reason, limit=80)
    share = f"{say_share(value)} {say_share_interval(places.purity)}".rstrip()
    return f"{share} of their neighbors share it, {say_share(places.chance)} by chance"


def _say_none(places: AttributePlaces) -> str:
    return f"Documents of one {name_places(places)} are not shown to lie together: {_say_purity(places)}"
