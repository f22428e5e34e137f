"""Which points of a map are drawn faint because their neighborhoods are lost on it, and how that is said."""

from collections.abc import Mapping

from latentscape.figures.style import Style
from latentscape.figures.words import say_method, say_share
from latentscape.findings import DrawnMap
from latentscape.measures.faithfulness import WEAK_BELOW, MapTrust
from latentscape.shapes import Flags

MOST_MARKED = 0.6
"""Share of a map's points beyond which marks would be noise: then it is only said."""


def choose_faint(trust: MapTrust, style: Style) -> Flags:
    """The points to draw faint with a ring: the weak ones, unless the user or their number forbids."""
    shown = style.show_trust and trust.weak.mean() <= MOST_MARKED
    return trust.weak & shown


def explain_faint() -> str:
    """What a faint point is, for a legend."""
    return f"faint: {say_weak()}"


def say_weak() -> str:
    """What makes a point weak.

    >>> say_weak()
    'fewer than 1 in 5 neighbors kept'
    """
    return f"fewer than 1 in {round(1 / WEAK_BELOW)} neighbors kept"


def say_marked(trust: MapTrust, style: Style) -> str:
    """How many points of a map are weak, and whether they are marked; empty where none is."""
    n_weak = int(trust.weak.sum())
    if not n_weak:
        return ""
    how_many = f"{n_weak:,} of {len(trust.weak):,} points"
    if choose_faint(trust, style).any():
        return f"faint: {how_many}, {say_weak()}"
    return f"{how_many}: {say_weak()}" + ("; too many to mark" if style.show_trust else "")


def say_low_trust(maps: Mapping[str, DrawnMap]) -> str:
    """A sentence for a title, where some of the maps, given by method or name, are little to be trusted."""
    low = [say_method(name) for name, drawn in maps.items() if drawn.trust.level == "low"]
    if not low:
        return ""
    where = "on this map" if len(maps) == 1 else "on these maps" if len(low) == len(maps) else "there"
    prefix = f"Low trust in {_enumerate(low)}: " if where == "there" else "Low trust: "
    return f"{prefix}neighbors {where} are often no neighbors in the data"


def say_kept(drawn: Mapping[str, DrawnMap]) -> str:
    """How many neighbors each map keeps, the most faithful first; empty where it was measured for none.

    With `Low trust` before it where that holds for all, and in a sentence after it where it holds for some.
    """
    measured = [(one.trust.recall.value, method) for method, one in drawn.items() if one.trust.recall.value is not None]
    if not measured:
        return ""
    (best, first), *others = sorted(measured, key=lambda pair: -pair[0])
    k = drawn[first].trust.k
    neighbors = "nearest neighbor" if k == 1 else f"{k} nearest neighbors"
    low = [method for _, method in measured if drawn[method].trust.level == "low"]
    kept = f"{say_method(first)} keeps {{}}{say_share(best)} of each sample's {neighbors}"
    kept += "".join(f", {say_method(method)} {say_share(value)}" for value, method in others)
    if len(low) == len(measured):
        return "Low trust: " + kept.format("only ")
    return kept.format("") + (f"\n{say_low_trust(drawn)}" if low else "")


def _enumerate(names: list[str]) -> str:
    return names[0] if len(names) == 1 else ", ".join(names[:-1]) + f" and {names[-1]}"
