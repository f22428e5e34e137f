"""The colors and markers that a run was drawn with, as its manifest has them; a folder may come from anywhere."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from latentscape.errors import LatentscapeError
from latentscape.figures.style import Style

NAMES = ("class_colors", "dataset_markers")
SWITCHES = ("dark", "show_trust")


def describe_style(style: Style) -> dict[str, Any]:
    """For the manifest: everything that `read_style` reads."""
    chosen = {name: dict(getattr(style, name)) for name in NAMES}
    return {**chosen, "kind_colors": list(style.kind_colors), **{name: getattr(style, name) for name in SWITCHES}}


def read_style(manifest: Mapping[str, Any]) -> Style:
    """As the pictures were drawn; the default for what is not known, or is no color and no marker.

    Runs of earlier versions tell it by their settings: a classifier's by the values of its config, a map's by its
    options.
    """
    settings = _step(manifest, "settings")
    given = {
        **{name: settings[name] for name in SWITCHES if name in settings},
        **({"show_trust": settings["hide_trust"] is not True} if "hide_trust" in settings else {}),
        **_step(_step(settings, "values"), "style"),
        **_step(manifest, "style"),
    }
    style = Style()
    for name, value in given.items():
        if _fits(name, value):
            style = _try(style, name, tuple(value) if isinstance(value, list) else value)
    return style


def _step(found: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    inner = found.get(key)
    return inner if isinstance(inner, Mapping) else {}


def _fits(name: str, value: object) -> bool:
    """Whether it is of the type that a style has under this name."""
    if name in NAMES:
        return isinstance(value, Mapping) and all(isinstance(each, str) for pair in value.items() for each in pair)
    if name == "kind_colors":
        return isinstance(value, list) and len(value) == 3 and all(isinstance(each, str) for each in value)
    return name in SWITCHES and isinstance(value, bool)


def _try(style: Style, name: str, value: Any) -> Style:
    try:
        return replace(style, **{name: value})
    except LatentscapeError:
        return style
