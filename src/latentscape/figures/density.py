"""Very many points as one picture: each pixel mixes the colors of its points, and is the firmer the more they are."""

import numpy as np
from jaxtyping import Float, Int, UInt8

from latentscape.figures.palette import from_linear, to_linear

FAINTEST = 0.55
"""Opacity of a pixel with a single point: what is rare stays visible."""
DOTS = ((60_000, 1.0, 0.55), (300_000, 0.6, 0.3), (np.inf, 0.3, 0.1))
"""Up to so many points, how much of a point its neighboring pixels get: beside it, and across the corner."""
FULL = 99.5
"""Percentile of the filled pixels from which on they are opaque."""


def paint_density(
    places: Float[np.ndarray, "point 2"], kinds: Int[np.ndarray, " point"], *,
    colors: Float[np.ndarray, "kind 3"], size: tuple[int, int],
) -> UInt8[np.ndarray, "height width 4"]:  # fmt: skip
    """The picture of points at `places`, shares in [0, 1] of its width and height from the lower left corner.

    `colors` holds the sRGB color of each kind of point, `size` is width and height in pixels. Colors are mixed as
    light, in proportion to the points of each kind; opacity grows with the logarithm of their number. Row 0 is the
    lowest. Nothing is drawn at random.
    """
    width, height = size
    column, row = (np.minimum((places[:, i] * size[i]).astype(np.int64), size[i] - 1) for i in (0, 1))
    pixel, light = row * width + column, to_linear(colors)
    layers = [np.bincount(pixel, minlength=width * height).astype(float)]
    layers += [np.bincount(pixel, weights=channel[kinds], minlength=width * height) for channel in light.T]
    # One more pixel on every side, so that dots at the edge have where to go.
    spread = _draw_dots(np.pad(np.reshape(layers, (4, height, width)), ((0, 0), (1, 1), (1, 1))), n=len(places))
    filled = spread[0] > 0
    density, light = spread[0][filled], spread[1:, filled]
    picture = np.zeros((height, width, 4), dtype=np.uint8)
    picture[filled] = _to_bytes(np.column_stack([from_linear((light / density).T), _opacity(density)]))
    return picture


def _to_bytes(shares: Float[np.ndarray, "pixel 4"]) -> UInt8[np.ndarray, "pixel 4"]:
    return np.round(np.clip(shares, 0.0, 1.0) * 255).astype(np.uint8)


def _draw_dots(layers: Float[np.ndarray, "layer tall wide"], *, n: int) -> Float[np.ndarray, "layer height width"]:
    """Every point as a dot with soft edges; the outermost pixels are gone again."""
    beside, across = next(shares for limit, *shares in DOTS if n <= limit)
    middle, before, after = slice(1, -1), slice(0, -2), slice(2, None)
    spread = layers[:, middle, middle].copy()
    for side in (before, after):
        spread += beside * (layers[:, side, middle] + layers[:, middle, side])
        spread += across * (layers[:, side, before] + layers[:, side, after])
    return spread


def _opacity(density: Float[np.ndarray, " pixel"]) -> Float[np.ndarray, " pixel"]:
    full = np.log(max(float(np.percentile(density, FULL)), np.e))
    rise = np.log(np.maximum(density, 1.0)) / full
    return np.minimum(density, 1.0) * (FAINTEST + (1 - FAINTEST) * np.minimum(rise, 1.0))
