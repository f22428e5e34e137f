"""How long may a user's regular expression take? Counted before it ever sees a text."""

import re
import warnings
from collections.abc import Sequence
from importlib import import_module
from typing import Any

LONGEST_PATTERN = 1000
LONGEST_MATCH = 2000
"""What an unbounded repeat may match: patterns see no more characters than these."""
MOST_WAYS = 50_000
"""Ways of matching from one place; a backtracking search may have to try all of them at each place of a text."""


def explain_bad_pattern(expression: str) -> str:
    """Why a regular expression can't be used, in words; empty where it can.

    An expression is refused when it is broken, longer than 1,000 characters, matches the empty text, or when from one
    place of a text more than 50,000 ways through it may have to be tried (`(a+)+`, `.*.*x`).

    >>> explain_bad_pattern("q([0-9]{1,2})"), explain_bad_pattern("(a+)+b")[:34]
    ('', 'it could take too long: bound its ')
    """
    if len(expression) > LONGEST_PATTERN:
        return f"it has {len(expression):,} characters, at most {LONGEST_PATTERN:,} are allowed"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what other versions of Python may come to read differently
            re.compile(expression, re.IGNORECASE)
            tree = _parse(expression)
        shortest, ways = tree.getwidth()[0], _count_ways(tree)
    except (re.error, RecursionError, OverflowError, ValueError) as error:
        return f"it is no regular expression ({error})"
    if ways > MOST_WAYS:
        return "it could take too long: bound its repeats, as in `[0-9]{1,9}` for `[0-9]+`"
    return "" if shortest else "it can match nothing at all, which is found everywhere"


def _parse(expression: str) -> Any:
    """The tree that Python itself compiles; the module has no public name since `sre_parse` is deprecated."""
    return import_module("re._parser").parse(expression)


def _count_ways(tree: Any) -> float:
    """An upper bound of the ways a sequence can match from one place."""
    ways = 1.0
    for kind, inside in list(tree):
        ways = min(ways * _count_one(str(kind), inside), 1e30)
    return ways


def _count_one(kind: str, inside: Any) -> float:
    if kind in ("MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT"):
        return _count_repeats(*inside)
    if kind == "SUBPATTERN":
        return _count_ways(inside[-1])
    if kind == "BRANCH":
        return _count_branches(inside[1])
    if kind in ("ASSERT", "ASSERT_NOT"):
        return _count_ways(inside[1])
    if kind == "ATOMIC_GROUP":
        return _count_ways(inside)
    if kind == "GROUPREF_EXISTS":
        return sum(_count_ways(branch) for branch in inside[1:] if branch is not None)
    return 1.0


def _count_branches(branches: Sequence[Any]) -> float:
    """Of branches that begin with different letters only one can match; the others add up."""
    groups: dict[object, float] = {}
    rest = 0.0
    for branch in branches:
        opening = branch[0] if len(branch) else None
        if opening is not None and str(opening[0]) == "LITERAL":
            letter = chr(opening[1]).casefold()
            groups[letter] = groups.get(letter, 0.0) + _count_ways(branch)
        else:
            rest += _count_ways(branch)
    return rest + max(groups.values(), default=0.0)


def _count_repeats(least: int, most: Any, tree: Any) -> float:
    """The sum over the allowed numbers of repeats of the ways to match so many."""
    each, most = _count_ways(tree), min(int(most), LONGEST_MATCH)
    least = min(int(least), most)
    if each <= 1.0:
        return most - least + 1.0
    if most * (each - 1.0) > 50.0 * MOST_WAYS:
        return 1e30
    total, power = 0.0, each ** min(least, 300) if least else 1.0
    for _ in range(least, most + 1):
        total, power = total + power, power * each
        if total > 1e30:
            return 1e30
    return total
