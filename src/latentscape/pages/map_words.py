"""The words of a map on a page: how far to trust it, where it comes from."""

from collections.abc import Sequence

from latentscape.figures.trust_marks import say_low_trust
from latentscape.figures.words import list_settings, say_method
from latentscape.findings import DrawnMap, ModelCard
from latentscape.pages.escape import clean_text
from latentscape.pages.words import count, share_with_interval


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


def describe_origin(model: ModelCard, drawn: DrawnMap) -> str:
    """Which model, which checkpoint, which settings: enough to make the map again."""
    return " · ".join([model.name, f"{model.checkpoint} (sha256 {model.sha256[:12]})", describe_settings(drawn)])


def describe_settings(drawn: DrawnMap) -> str:
    """The method and the settings really used."""
    return " · ".join([say_method(drawn.latent_map.method), *list_settings(drawn.latent_map)])


def warn_of_low_trust(drawn: DrawnMap) -> str:
    """What a headline ends with where the map is little to be trusted."""
    low = say_low_trust({drawn.latent_map.method: drawn})
    return f". {low}" if low else ""
