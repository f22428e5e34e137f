"""The shapes of points: matplotlib's marker letters as outlines of our own."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Symbol:
    """One shape as an SVG path on a 16 x 16 ground."""

    path: str
    scale: float = 1.0
    """Times the size of a circle: shapes of equal width look smaller the less of it they fill."""


CIRCLE = Symbol(path="M8 2.5a5.5 5.5 0 1 0 0 11a5.5 5.5 0 1 0 0-11z")
SYMBOLS = {
    "o": CIRCLE,
    ".": CIRCLE,
    "^": Symbol(path="M8 2L14.5 13.5H1.5z", scale=1.25),
    "v": Symbol(path="M8 14L1.5 2.5H14.5z", scale=1.25),
    "<": Symbol(path="M2 8L13.5 1.5V14.5z", scale=1.25),
    ">": Symbol(path="M14 8L2.5 14.5V1.5z", scale=1.25),
    "s": Symbol(path="M3 3H13V13H3z"),
    "D": Symbol(path="M8 1.5L14.5 8L8 14.5L1.5 8z", scale=1.15),
    "d": Symbol(path="M8 1L12.5 8L8 15L3.5 8z", scale=1.3),
    "P": Symbol(path="M6 2H10V6H14V10H10V14H6V10H2V6H6z", scale=1.1),
    "X": Symbol(
        path="M4.5 2L8 5.5L11.5 2L14 4.5L10.5 8L14 11.5L11.5 14L8 10.5L4.5 14L2 11.5L5.5 8L2 4.5z",
        scale=1.1,
    ),
    "*": Symbol(path="M8 1L10 6H15L11 9.3L12.5 14.5L8 11.3L3.5 14.5L5 9.3L1 6H6z", scale=1.4),
    "p": Symbol(path="M8 1.8L14.4 6.4L12 13.8H4L1.6 6.4z"),
    "h": Symbol(path="M8 1.5L13.8 4.7V11.3L8 14.5L2.2 11.3V4.7z"),
    "H": Symbol(path="M4.7 2.2H11.3L14.5 8L11.3 13.8H4.7L1.5 8z"),
    "8": Symbol(path="M5.5 2H10.5L14 5.5V10.5L10.5 14H5.5L2 10.5V5.5z"),
}
"""By matplotlib's letter: every marker that can be filled."""
GRAY = "#8a8f98"
"""Of samples of no known class: shows on light and on dark ground."""
