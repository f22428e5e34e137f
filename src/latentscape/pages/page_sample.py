"""A page holds only so many points: which ones, and how that is said."""

from latentscape.datasets.splits import stratified_sample
from latentscape.shapes import Labels, Rows

MOST_POINTS = 50_000
"""What a browser still moves smoothly, and a page of a few megabytes."""
SEED = 0


def choose_points(groups: Labels) -> Rows:
    """The rows to show, ascending: all, or a seeded random choice in which every group keeps its share and a row."""
    return stratified_sample(groups.tolist(), n=MOST_POINTS, seed=SEED)


def say_choice(n_shown: int, n: int, *, groups: str = "") -> str:
    """One sentence about the choice; empty where all points are shown.

    >>> say_choice(50_000, 70_000, groups="class")
    'Shown are 50,000 of 70,000 points, drawn at random so that each class keeps its share; counts are of all.'
    """
    if n_shown == n:
        return ""
    share = f" so that each {groups} keeps its share" if groups else ""
    return f"Shown are {n_shown:,} of {n:,} points, drawn at random{share}; counts are of all."
