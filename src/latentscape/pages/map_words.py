"""The words of an interactive map that both studies share: what it is, how far to trust it, where it comes from."""

from collections.abc import Mapping, Sequence
from typing import TypeVar

from latentscape.errors import UsageError, nearest
from latentscape.findings import DrawnMap, ModelCard
from latentscape.pages.words import count, share_with_interval

Value = TypeVar("Value")


def pick(known: Mapping[str, Value], name: str, *, what: str) -> Value:
    """The entry of that name. Raises UsageError naming the nearest one if there is none."""
    if name not in known:
        raise UsageError(f"there is no {what} `{name}`", hint=nearest(name, known))
    return known[name]


def name_of(names: Sequence[str], index: int) -> str:
    """The name of a class or dataset, `unknown` for -1."""
    return names[index] if index >= 0 else "unknown"


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
    """Which model, which checkpoint, which parameters: enough to make the map again."""
    parameters = (f"{name} {_short(value)}" for name, value in drawn.latent_map.parameters.items())
    return " · ".join([model.name, f"{model.checkpoint} (sha256 {model.sha256[:12]})", *parameters])


def _short(value: float | int | str) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
