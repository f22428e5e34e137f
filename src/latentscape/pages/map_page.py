"""One interactive map as a value, and as a self-contained page that works offline."""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import Any

import numpy as np
from jaxtyping import Float
from plotly.offline import get_plotlyjs

from latentscape.figures.render import cut
from latentscape.pages.escape import clean_text, embed_json, escape_hover
from latentscape.pages.symbols import Symbol
from latentscape.pages.templates import policy, read_asset, render, style_of
from latentscape.shapes import Points, Rows

MANY_POINTS = 2000
"""Above it points are drawn by WebGL."""
FAINT = "faint"
"""The switch that draws faint points faint; off, they look like all others."""
MOST_LETTERS = 28
"""Of a name written on the map; its hover label and the legend have all of it."""
LONG_GROUP = 50
"""A group of the legend with more lines than these scrolls by itself."""
BUTTONS = ("pan2d", "zoom2d", "zoomIn2d", "zoomOut2d", "resetScale2d", "toImage")


@dataclass(frozen=True, kw_only=True)
class Cloud:
    """Points that look alike and are shown or hidden together: while all switches named in `needs` are on."""

    rows: Rows
    needs: tuple[str, ...]
    color: str
    symbol: Symbol
    is_open: bool = False
    """Drawn as an outline: predicted or ranked wrong."""
    is_faint: bool = False
    """Drawn paler with a thin ring while the switch FAINT is on: the map does not keep their neighborhoods."""


@dataclass(frozen=True, kw_only=True)
class Landmark:
    """A named place among the points, e.g. the centroid of a class."""

    name: str
    xy: Float[np.ndarray, "2"]
    color: str
    hover: str
    needs: tuple[str, ...]
    label_xy: Float[np.ndarray, "2"] | None = None
    """Where the name's line ends, if not at the place itself."""
    size: int = 15
    """Pixels."""


@dataclass(frozen=True, kw_only=True)
class Switch:
    """One line of the legend: a swatch, a name, a count; a click hides or shows what needs `key`."""

    key: str
    label: str
    count: int
    path: str
    color: str = "currentColor"
    is_open: bool = False
    is_faint: bool = False


@dataclass(frozen=True, kw_only=True)
class SwitchGroup:
    """Lines of the legend under one heading."""

    title: str
    switches: tuple[Switch, ...]

    @property
    def is_long(self) -> bool:
        """Whether the group scrolls by itself."""
        return len(self.switches) > LONG_GROUP


@dataclass(frozen=True, kw_only=True)
class MapPage:
    """Everything on one interactive map; `hovers` are escaped for plotly already, all other text is not."""

    title: str
    headline: str
    caption: str
    facts: Mapping[str, str]
    footnote: str
    file_stem: str
    """Name of the picture that the camera button saves."""
    xy: Points
    hovers: Sequence[str]
    clouds: Sequence[Cloud]
    legend: Sequence[SwitchGroup]
    landmarks: Sequence[Landmark] = ()
    links: Sequence[tuple[int, int]] = ()
    """Rows joined by a thin line, shown while the switch `links` is on."""
    stamps: Sequence[str] = ()
    notice: str = ""
    foot: Sequence[str] = ()
    """Sentences at the very end: which weights this is about."""


def render_map_page(page: MapPage) -> str:
    """The page as HTML: plotly.js, our script, our style and the data in one file, nothing fetched."""
    return render(
        "map.html.j2",
        page=page,
        style=style_of("theme.css", "map.css"),
        policy=_fence(len(page.xy) > MANY_POINTS),
        figure_json=embed_json(draw_map(page)),
        options_json=embed_json(_options(page)),
        **_scripts(),
    )


@cache
def _scripts() -> Mapping[str, str]:
    """What runs on a page."""
    return MappingProxyType({"plotly_js": get_plotlyjs(), "map_js": read_asset("map.js")})


@cache
def _fence(is_large: bool) -> str:  # noqa: FBT001  cached by its one argument
    """The policy of a page: megabytes of script are hashed for it."""
    return policy(_scripts().values(), pictures="drawn", is_plotly=True, generates_code=is_large)


def draw_map(page: MapPage) -> dict[str, Any]:
    """The plotly figure as JSON-able values; plotly's own classes would check each of them, at ten times the time.

    Text and ground get their colors in the browser, which knows whether it is dark.
    """
    kind = "scattergl" if len(page.xy) > MANY_POINTS else "scatter"
    traces = [_draw_links(page)] if page.links else []
    traces += [_draw_cloud(page, cloud) for cloud in page.clouds if len(cloud.rows)]
    traces += [_draw_landmark(landmark) for landmark in page.landmarks]
    return {"data": [{"type": kind, **trace} for trace in traces], "layout": _layout(page)}


def _draw_cloud(page: MapPage, cloud: Cloud) -> dict[str, Any]:
    size = _marker_size(len(page.xy)) * cloud.symbol.scale
    return {
        "x": _pack(page.xy[cloud.rows, 0]),
        "y": _pack(page.xy[cloud.rows, 1]),
        "text": [page.hovers[row] for row in cloud.rows],
        "hovertemplate": "%{text}<extra></extra>",
        "mode": "markers",
        "marker": {
            "color": cloud.color,
            "symbol": cloud.symbol.plotly + ("-open" if cloud.is_open else ""),
            "size": size,
            "opacity": 0.9 if len(page.xy) <= MANY_POINTS else 0.7,
            "line": {"width": max(1.2, size / 5) if cloud.is_open else 0.6},
        },
        "meta": {"needs": cloud.needs, "part": "open" if cloud.is_open else "filled", "faint": cloud.is_faint},
    }


def _pack(values: Float[np.ndarray, " point"]) -> dict[str, str]:
    """Numbers as plotly.js reads them fastest: their bytes, the low one first, in base64."""
    bits = values.astype(f"<f{values.itemsize}").tobytes()
    return {"dtype": f"f{values.itemsize}", "bdata": base64.b64encode(bits).decode("ascii")}


def _draw_links(page: MapPage) -> dict[str, Any]:
    """All lines as one broken line: a gap after every second point."""
    ends = page.xy[np.asarray(page.links)]
    broken = np.concatenate([ends, np.full((len(ends), 1, 2), np.nan)], axis=1).reshape(-1, 2)
    return {
        "x": _with_gaps(broken[:, 0]),
        "y": _with_gaps(broken[:, 1]),
        "mode": "lines",
        "line": {"width": 1},
        "opacity": 0.6,
        "hoverinfo": "skip",
        "meta": {"needs": ["links"], "part": "links"},
    }


def _with_gaps(values: Float[np.ndarray, " end"]) -> list[float | None]:
    return [None if np.isnan(value) else float(value) for value in values]


def _draw_landmark(landmark: Landmark) -> dict[str, Any]:
    rim = {"width": landmark.size / 6}
    return {
        "x": [float(landmark.xy[0])],
        "y": [float(landmark.xy[1])],
        "text": [landmark.hover],
        "hovertemplate": "%{text}<extra></extra>",
        "mode": "markers",
        "marker": {"color": landmark.color, "symbol": "circle", "size": landmark.size, "line": rim},
        "meta": {"needs": landmark.needs, "part": "landmark"},
    }


def _layout(page: MapPage) -> dict[str, Any]:
    axis = {"visible": False, "showgrid": False, "zeroline": False}
    x_range, y_range = _frame(page.xy)
    return {
        "template": {},
        "xaxis": {**axis, "range": x_range},
        # One scale on both axes: near and far must not depend on the window's shape.
        "yaxis": {**axis, "range": y_range, "scaleanchor": "x"},
        "showlegend": False,
        "hovermode": "closest",
        "dragmode": "pan",
        "margin": {"l": 8, "r": 8, "t": 8, "b": 8},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "hoverlabel": {"align": "left"},
        "annotations": [_label(landmark) for landmark in page.landmarks],
    }


def _frame(xy: Points) -> list[list[float]]:
    """Where x and y begin and end, with some room: fixed, so that hiding a class does not move the others."""
    low, high = xy.min(axis=0), xy.max(axis=0)
    room = 0.06 * (float((high - low).max()) or 1.0)
    return [[float(a) - room, float(b) + room] for a, b in zip(low, high, strict=True)]


def _label(landmark: Landmark) -> dict[str, object]:
    """The landmark's name; the browser moves it to where it covers no other one."""
    x, y = landmark.xy if landmark.label_xy is None else landmark.label_xy
    return {
        "x": float(x),
        "y": float(y),
        "text": escape_hover(cut(clean_text(landmark.name), limit=MOST_LETTERS)),
        "bordercolor": landmark.color,
        "borderwidth": 1.5,
        "borderpad": 3,
        "showarrow": True,
        "arrowhead": 0,
        "arrowwidth": 1,
        "standoff": 8,
    }


def _options(page: MapPage) -> dict[str, object]:
    """What our script needs besides the figure: which switches each label needs, and plotly's own settings."""
    config = {
        "displaylogo": False,
        "displayModeBar": True,
        "modeBarButtons": [list(BUTTONS)],
        "scrollZoom": True,
        "toImageButtonOptions": {"filename": clean_text(page.file_stem), "scale": 2},
    }
    return {"config": config, "labels": [landmark.needs for landmark in page.landmarks], "faint": FAINT}


def _marker_size(n: int) -> int:
    return next((size for limit, size in ((150, 12), (600, 9), (MANY_POINTS, 7), (10_000, 5)) if n <= limit), 3)
