"""What the pictures say of confusion against distance: how sure it is, and whether a map would mislead its reader."""

from collections.abc import Sequence
from typing import Literal

from latentscape.figures.render import plain
from latentscape.figures.words import (
    say_interval,
    say_method,
    say_number,
    say_relation,
    say_strongest_relation,
    shows_relation,
)
from latentscape.findings import LayerFindings
from latentscape.measures.distance import ConfusionAgainstDistance
from latentscape.measures.score import Score

LEVEL = 0.05
"""A permutation p at or above this rules chance out for nobody."""
MapVerdict = Literal["unknown", "opposite", "weaker", "stronger", "alike", "hidden", "map only", "neither"]
_VERDICTS: dict[MapVerdict, str] = {
    "unknown": "",
    "opposite": "Misleads: link reversed",
    "weaker": "Misleads: weaker link",
    "stronger": "Misleads: stronger link",
    "alike": "Layer's link seen here too",
    "hidden": "Layer's link not detectable here",
    "map only": "Link detectable only here",
    "neither": "No detectable link here either",
}


def say_p(p: float | None) -> str:
    """A permutation p with as many digits as matter; empty where there is none.

    >>> say_p(0.0001), say_p(0.034), say_p(0.31)
    ('p < 0.001', 'p = 0.034', 'p = 0.31')
    """
    if p is None:
        return ""
    if p < 0.001:
        return "p < 0.001"
    return f"p = {say_number(p, digits=3 if p < 0.095 else 2)}"


def say_interval_and_p(confusion: ConfusionAgainstDistance) -> str:
    """How sure a correlation is, in one line, or why there is none."""
    if confusion.spearman.value is None:
        return plain(confusion.spearman.reason, limit=120)
    interval, p = say_interval(confusion.spearman), say_p(confusion.mantel_p)
    parts = (f"95% interval {interval}" if interval else "", f"Mantel {p}" if p else "")
    return ", ".join(part for part in parts if part)


def judge_map(on_map: Score, in_space: Score) -> MapVerdict:
    """What a reader who measures with the eye on the map would get wrong about a layer's own space.

    A difference is only one where the two intervals lie apart, which is stricter than 95 %.
    """
    if on_map.value is None or in_space.value is None:
        return "unknown"
    both = shows_relation(on_map) and shows_relation(in_space)
    if _lie_apart(on_map, in_space):
        if both and on_map.value * in_space.value < 0:
            return "opposite"
        return "weaker" if abs(on_map.value) < abs(in_space.value) else "stronger"
    names: dict[tuple[bool, bool], MapVerdict]
    names = {(True, True): "alike", (False, True): "hidden", (True, False): "map only", (False, False): "neither"}
    return names[shows_relation(on_map), shows_relation(in_space)]


def say_short_relation(spearman: Score) -> str:
    """`say_relation` in the width of a narrow panel."""
    if spearman.value is None or shows_relation(spearman):
        return say_relation(spearman)
    return f"no detectable link (ρ = {say_number(spearman.value)})"


def say_map_verdict(on_map: Score, in_space: Score) -> str:
    """The verdict with the map's own correlation; empty where either can't be measured."""
    verdict = _VERDICTS[judge_map(on_map, in_space)]
    return f"{verdict} (ρ = {say_number(on_map.value)})" if verdict and on_map.value is not None else ""


def say_layers(layers: Sequence[LayerFindings]) -> str:
    """In which layers closer classes are confused more, and what a permutation of the classes has to say to that."""
    finding = say_strongest_relation(layers)
    claimed = [
        (plain(layer.title), p)
        for layer in layers
        if (layer.confusion.spearman.value or 0) < 0 and shows_relation(layer.confusion.spearman)
        if (p := layer.confusion.mantel_p) is not None and p >= LEVEL
    ]
    if not claimed:
        return finding
    where = f"In {claimed[0][0]}" if len(claimed) == 1 else f"In {len(claimed)} layers"
    p = say_p(claimed[0][1]) if len(claimed) == 1 else f"p ≥ {LEVEL}"
    return (
        f"{finding}\n{where} classes exchanged at random give as much (Mantel {p}): it may not hold for other classes"
    )


def say_misled(layers: Sequence[LayerFindings], method: str) -> str:
    """In which layers a reader of the map would judge the link otherwise than the layer itself; empty where in none."""
    misled = [
        (abs(on_map.value - in_space.value), plain(layer.title), on_map.value, in_space.value)
        for layer in layers
        if method in layer.other_confusions
        for on_map, in_space in [(layer.other_confusions[method].spearman, layer.confusion.spearman)]
        if on_map.value is not None and in_space.value is not None and _lie_apart(on_map, in_space)
    ]
    if not misled:
        return ""
    _, name, on_map, in_space = max(misled, key=lambda row: row[0])
    where = name if len(misled) == 1 else f"{len(misled)} of {len(layers)} layers, most in {name}"
    numbers = f"ρ = {say_number(on_map)} on the map, {say_number(in_space)} in the layer's own space"
    return f"The {say_method(method)} map misleads in {where}: {numbers}"


def _lie_apart(one: Score, other: Score) -> bool:
    """Whether two intervals have nothing in common."""
    if one.low is None or one.high is None or other.low is None or other.high is None:
        return False
    return one.high < other.low or other.high < one.low
