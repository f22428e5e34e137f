"""Colors for more classes than anybody picks by hand: far apart for the eye, also for color-blind eyes."""

from collections.abc import Sequence
from functools import cache

import numpy as np
from jaxtyping import Float
from matplotlib.colors import to_hex, to_rgb

LIGHTNESS = {False: (0.42, 0.76), True: (0.52, 0.92)}
"""OKLab lightness that shows on light paper, and on dark paper (True)."""
CHROMA = (0.05, 0.09, 0.13, 0.17, 0.21)
N_HUES, N_LIGHTNESSES = 48, 9
BLIND_WEIGHT = 0.7
"""How much of the distance that a color-blind eye sees counts against the one that other eyes see."""

Colors = Float[np.ndarray, "color 3"]

OKLAB_FROM_LMS = np.array(
    [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ]
)
LMS_FROM_RGB = np.array(
    [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ]
)
DEUTAN = np.array([[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]])
PROTAN = np.array([[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]])
"""What an eye without green (deutan) or red (protan) cones sees of linear RGB (Machado, Oliveira, Fernandes 2009)."""


def to_linear(rgb: Colors) -> Colors:
    """Light itself from sRGB in [0, 1]: only in it do mixtures of colors look like mixtures."""
    return np.where(rgb <= 0.04045, rgb / 12.92, ((np.maximum(rgb, 0.0) + 0.055) / 1.055) ** 2.4)


def from_linear(light: Colors) -> Colors:
    """The inverse of `to_linear`."""
    return np.where(light <= 0.0031308, light * 12.92, 1.055 * np.maximum(light, 0.0) ** (1 / 2.4) - 0.055)


def to_oklab(light: Colors) -> Colors:
    """Linear RGB -> OKLab (Ottosson 2020): lightness, green-red, blue-yellow; equal distances look equally far."""
    return np.cbrt(light @ LMS_FROM_RGB.T) @ OKLAB_FROM_LMS.T


def from_oklab(lab: Colors) -> Colors:
    """The inverse of `to_oklab`; outside [0, 1] where no screen can show the color."""
    return (lab @ np.linalg.inv(OKLAB_FROM_LMS).T) ** 3 @ np.linalg.inv(LMS_FROM_RGB).T


@cache
def extend_palette(chosen: tuple[str, ...], *, avoid: tuple[str, ...], n: int, dark: bool) -> tuple[str, ...]:
    """`n` more colors after those chosen, each as far as possible from all before it and from those to avoid.

    Greedy: the candidate whose nearest neighbor is farthest comes next (Glasbey et al. 2007), with distances in OKLab
    as people with and without color blindness see them. No draw is involved: the same question has one answer.
    """
    candidates = _candidates(dark=dark)
    seen = _seen(candidates)
    nearest = _distance(seen, _seen(_parse([*chosen, *avoid]))).min(axis=1)
    found: list[str] = []
    for _ in range(n):
        best = int(np.argmax(nearest))
        found.append(to_hex(tuple(candidates[best])))
        nearest = np.minimum(nearest, _distance(seen, seen[:, best : best + 1])[:, 0])
    return tuple(found)


def color_distance(one: str, other: str) -> float:
    """How far apart two colors are in the sense of `extend_palette`; black and white are about 1 apart."""
    return float(_distance(_seen(_parse([one])), _seen(_parse([other])))[0, 0])


def fade(rgb: Colors, *, share: float, towards: str) -> Colors:
    """The colors (sRGB) with `share` of their way gone to another color, in OKLab."""
    start, end = to_oklab(to_linear(rgb)), to_oklab(to_linear(_parse([towards])))
    return np.clip(from_linear(from_oklab((1 - share) * start + share * end)), 0.0, 1.0)


def _parse(colors: Sequence[str]) -> Colors:
    return np.array([to_rgb(color) for color in colors]).reshape(-1, 3)


def _candidates(*, dark: bool) -> Colors:
    """A grid over lightness, chroma and hue, without what no screen can show; sRGB."""
    hues = np.linspace(0, 2 * np.pi, N_HUES, endpoint=False)
    lightness, chroma, hue = (
        axis.ravel() for axis in np.meshgrid(np.linspace(*LIGHTNESS[dark], N_LIGHTNESSES), CHROMA, hues, indexing="ij")
    )
    light = from_oklab(np.stack([lightness, chroma * np.cos(hue), chroma * np.sin(hue)], axis=1))
    return from_linear(light[((light >= 0) & (light <= 1)).all(axis=1)])


def _seen(rgb: Colors) -> Float[np.ndarray, "eye color 3"]:
    """OKLab of each color as three kinds of eyes see it; the last two without red-green sense."""
    light = to_linear(rgb)
    return np.stack([to_oklab(np.clip(light @ eye.T, 0.0, 1.0)) for eye in (np.eye(3), DEUTAN, PROTAN)])


def _distance(
    ones: Float[np.ndarray, "eye one 3"], others: Float[np.ndarray, "eye other 3"]
) -> Float[np.ndarray, "one other"]:
    """What usual eyes see, mixed with what the worst-off color-blind eye sees."""
    apart = np.linalg.norm(ones[:, :, None] - others[:, None], axis=3)
    return (1 - BLIND_WEIGHT) * apart[0] + BLIND_WEIGHT * apart.min(axis=0)
