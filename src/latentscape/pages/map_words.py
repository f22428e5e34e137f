"""The words of an interactive map that both studies share: what it is, how far to trust it, where it comes from."""

from collections.abc import Mapping, Sequence
from typing import TypeVar

import numpy as np

from latentscape.errors import UsageError, nearest
from latentscape.figures.trust_marks import say_low_trust
from latentscape.figures.words import list_settings, say_method
from latentscape.findings import DrawnMap, ModelCard
from latentscape.pages.escape import clean_text
from latentscape.pages.words import count, share_with_interval

Value = TypeVar("Value")


def pick(known: Mapping[str, Value], name: str, *, what: str) -> Value:
    """The entry of that name. Raises UsageError naming the nearest one if there is none."""
    if name not in known:
        raise UsageError(f"there is no {what} `{name}`", hint=nearest(name, known))
    return known[name]


def name_of(names: Sequence[str], index: int) -> str:
    """The name of a class or dataset, `unknown` for -1, `(empty)` where there is nothing to read."""
    return (clean_text(names[index]) or "(empty)") if index >= 0 else "unknown"


def explain_trust(drawn: DrawnMap, *, source: str) -> str:
    """How far to trust the map, in one sentence."""
    recall, k = drawn.trust.recall, drawn.trust.k
    nothing = "directions and axes mean nothing"
    if recall.value is None:
        return f"How faithful it is can't be said ({recall.reason}); {nothing}."
    return (
        f"Trust it this far: of a point's {count(k, 'nearest neighbor')} in {source}, "
        f"{share_with_interval(recall)} are also among its {k} nearest here; {nothing}."
    )


def describe_map(n: int, drawn: DrawnMap) -> dict[str, str]:
    """The numbers under the headline: how many points, and how many neighbors the map keeps."""
    recall = drawn.trust.recall
    kept = f"n/a ({recall.reason})" if recall.value is None else share_with_interval(recall)
    return {"points": f"{n:,}", "neighbor recall" + (f"@{drawn.trust.k}" if drawn.trust.k else ""): kept}


def describe_size(n: int, drawn: DrawnMap) -> str:
    """The numbers that the browser's tab shows."""
    recall = drawn.trust.recall.value
    return f"n = {n:,} · neighbor recall " + ("n/a" if recall is None else f"{recall:.0%}")


def describe_origin(model: ModelCard, drawn: DrawnMap) -> str:
    """Which model, which checkpoint, which settings: enough to make the map again."""
    return " · ".join([model.name, f"{model.checkpoint} (sha256 {model.sha256[:12]})", describe_settings(drawn)])


def describe_settings(drawn: DrawnMap) -> str:
    """The method and the settings really used."""
    return " · ".join([say_method(drawn.latent_map.method), *list_settings(drawn.latent_map)])


def describe_trust_here(drawn: DrawnMap, row: int) -> list[str]:
    """The line of a hover label that says how far to trust the map at one point; nothing where that is unknown."""
    here = drawn.trust.per_point[row]
    return [f"neighbors kept here {here:.0%}"] if np.isfinite(here) else []


def warn_of_low_trust(drawn: DrawnMap) -> str:
    """What a headline ends with where the map is little to be trusted."""
    low = say_low_trust({drawn.latent_map.method: drawn})
    return f". {low}" if low else ""
