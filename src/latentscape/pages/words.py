"""Numbers and counts as a reader wants them: rounded, with their interval, never as a bare `None`."""

from latentscape.measures.score import Score

SMALL = 30
"""Samples below which every share is said to be rough: a 95 % interval of a share is then up to 0.36 wide."""


def count(n: int, one: str, many: str = "") -> str:
    """A number with its noun.

    >>> count(1, "sample"), count(1200, "query", "queries")
    ('1 sample', '1,200 queries')
    """
    return f"{n:,} {one if n == 1 else many or one + 's'}"


def share_with_interval(score: Score) -> str:
    """A score in [0, 1] as a percentage, with its interval in brackets."""
    if score.value is None:
        return f"n/a ({score.reason})"
    interval = "" if score.low is None or score.high is None else f" [{score.low:.0%}, {score.high:.0%}]"
    return f"{score.value:.0%}{interval}"


def value_of(score: Score, *, digits: int = 3) -> str:
    """The value alone, or why there is none.

    >>> value_of(Score(name="margin", value=None, n=1, reason="a single document"))
    'n/a (a single document)'
    """
    return f"n/a ({score.reason})" if score.value is None else _round(score.value, digits)


def interval_of(score: Score, *, digits: int = 3) -> str:
    """The 95 % interval in brackets, empty where there is none."""
    if score.low is None or score.high is None:
        return ""
    return f"[{_round(score.low, digits)}, {_round(score.high, digits)}]"


def value_with_interval(score: Score, *, digits: int = 3) -> str:
    """Value and interval as one phrase."""
    return f"{value_of(score, digits=digits)} {interval_of(score, digits=digits)}".rstrip()


def _round(value: float, digits: int) -> str:
    """So many decimals, with a real minus sign and without a negative zero."""
    return f"{round(value, digits) + 0.0:.{digits}f}".replace("-", "−")
