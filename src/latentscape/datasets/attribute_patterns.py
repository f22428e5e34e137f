"""What a text says of one attribute, by words and regular expressions over its plain spelling."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple
from unicodedata import combining
from unicodedata import normalize as normalize_unicode

from latentscape.datasets.pattern_cost import explain_bad_pattern
from latentscape.errors import UsageError

AttributeKind = Literal["category", "number", "flag"]
Value = str | float | None
FLAGS = ("no", "yes")
"""The two values of a flag, in the order of their numbers."""
LONGEST_READ = 2000
"""Characters of a text that patterns see."""
SAME = 1e-9
"""Numbers that differ by less are one number."""


@dataclass(frozen=True, kw_only=True)
class NumberPattern:
    """A way to write a number: group 1 of `match` is the number, a second group the digits behind its point."""

    match: str
    """A regular expression: `5tr5` is 5.5 by `([0-9]{1,3})tr([0-9]{1,3})?`."""
    scale: float = 1.0
    """What the number is multiplied by: 0.001 for thousands."""
    plus: float = 0.0
    """What is added then: 0.5 where words say `and a half`."""
    thousands: bool = False
    """Whether `.` and `,` only part thousands, as in `5.500.000`."""


@dataclass(frozen=True, kw_only=True)
class AttributeRule:
    """How to find one attribute in texts.

    A pattern is either plain words, found where they stand as whole words, or a regular expression between two
    slashes: `/q[ .]?([0-9]{1,2})/`. Both see the text in lower case, without accents (`đ` is `d`, `m²` is `m2`) and
    with single blanks.
    """

    name: str
    kind: AttributeKind
    unit: str = ""
    column: str = ""
    """A column of the data that holds the attribute; its cells win over the text."""
    types: tuple[str, ...] = ()
    """Types of hard negatives that are wrong in it."""
    values: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Value -> the patterns that mean it; `\\1` in a value is what the pattern's group matched. Flags: `yes`, `no`."""
    numbers: tuple[NumberPattern, ...] = ()
    skip: tuple[str, ...] = ()
    """Patterns whose matches say nothing of the attribute: they are cut out first."""
    negations: tuple[str, ...] = ()
    """Words that turn a flag around when they stand right before it."""


class Finding(NamedTuple):
    """A value and where in the text it was found."""

    start: int
    end: int
    value: Value


def plain_spelling(text: str) -> str:
    """A text in lower case without accents, with single blanks; compatibility letters as plain ones.

    >>> plain_spelling("  Quận 10,\\n25m² ĐỐNG ĐA")
    'quan 10, 25m2 dong da'
    """
    letters = normalize_unicode("NFKD", text.lower()).replace("đ", "d")
    return " ".join("".join(letter for letter in letters if not combining(letter)).split())


def in_natural_order(word: str) -> tuple[list[tuple[int, int, str]], str]:
    """A key that sorts `Quận 10` after `Quận 2`, and letters by their plain spelling."""
    parts = re.split(r"([0-9]{1,18})", plain_spelling(word))
    return [(0, int(part), "") if number % 2 else (1, 0, part) for number, part in enumerate(parts)], word


def compile_pattern(pattern: str) -> re.Pattern[str]:
    """Words or `/a regular expression/` as something to search plain text with.

    Raises:
        ValueError: it is broken, matches nothing but the empty text, or could take too long; the message says which.
    """
    if len(pattern) > 1 and pattern.startswith("/") and pattern.endswith("/"):
        return compile_expression(pattern[1:-1])
    words = plain_spelling(pattern).split()
    if not words:
        raise ValueError("a pattern without letters would be found everywhere")
    return re.compile(rf"(?<!\w){'[ -]'.join(map(re.escape, words))}(?!\w)")


def compile_expression(expression: str) -> re.Pattern[str]:
    """A user's regular expression, its accents dropped like those of the texts.

    Raises:
        ValueError: as `compile_pattern`.
    """
    parted = normalize_unicode("NFD", expression).replace("đ", "d").replace("Đ", "D")
    plain = "".join(letter for letter in parted if not combining(letter))
    if problem := explain_bad_pattern(plain):
        raise ValueError(problem)
    return re.compile(plain, re.IGNORECASE)


class AttributeReader:
    """The patterns of a rule, compiled.

    Raises:
        UsageError: a pattern is broken or could take too long.
    """

    def __init__(self, rule: AttributeRule) -> None:
        self.rule = rule
        self._skip = [self._compile(pattern) for pattern in rule.skip]
        self._values = [
            (value, _opening(pattern), self._compile(pattern))
            for value, patterns in rule.values.items()
            for pattern in patterns
        ]
        self._numbers = [(number, self._compile(f"/{number.match}/")) for number in rule.numbers]
        self._names = {plain_spelling(value): value for value in rule.values if "\\" not in value}
        negations = [plain_spelling(words) for words in rule.negations]
        either = "|".join(map(re.escape, sorted(negations, key=len, reverse=True)))
        self._negated = re.compile(rf"(?<!\w)(?:{either}) ?\Z") if either else None

    def read(self, text: str) -> Value:
        """The value that a text states; None where it states none, or two that differ."""
        return self.read_plain(plain_spelling(text[:LONGEST_READ]))

    def read_plain(self, plain: str) -> Value:
        """The same for a text that is in its plain spelling already, as several attributes are read from one."""
        found = list(self._find(plain))
        if found and self._skip:  # most texts say nothing of most attributes: those need not be cut
            for pattern in self._skip:
                plain = pattern.sub(" ; ", plain)
            found = list(self._find(plain))
        values = [finding.value for finding in (_drop_contained(found) if len(found) > 1 else found)]
        return values[0] if values and all(_agree(value, values[0]) for value in values) else None

    def know(self, word: str) -> str | None:
        """The rule's own spelling of one of its values."""
        return self._names.get(plain_spelling(word))

    def _compile(self, pattern: str) -> re.Pattern[str]:
        try:
            return compile_pattern(pattern)
        except ValueError as error:
            raise UsageError(
                f"the pattern `{pattern[:80]}` of the attribute `{self.rule.name}` can't be used: {error}",
                hint="change it in the attribute file",
                fault="config-values",
            ) from None

    def _find(self, plain: str) -> Iterator[Finding]:
        for value, opening, pattern in self._values:
            if opening not in plain:
                continue
            for match in pattern.finditer(plain):
                yield Finding(match.start(), match.end(), self._turn(_fill(value, match), plain[: match.start()]))
        for number, pattern in self._numbers:
            for match in pattern.finditer(plain):
                value = _measure(number, match)
                if value is not None:
                    yield Finding(match.start(), match.end(), value)

    def _turn(self, value: str, before: str) -> str:
        """A flag's value, turned around where a negation stands right before it."""
        if self._negated is None or self.rule.kind != "flag" or not self._negated.search(before):
            return value
        return "yes" if value == "no" else "no"


def _opening(pattern: str) -> str:
    """Letters without which the pattern can't be found: looking for them first saves most of the time."""
    is_expression = pattern.startswith("/") and pattern.endswith("/")
    return "" if is_expression else next(iter(plain_spelling(pattern).split()), "")


def _fill(value: str, match: re.Match[str]) -> str:
    """A value with what the groups matched in place of `\\1`."""
    if "\\" not in value:
        return value
    return re.sub(r"\\([1-9])", lambda place: match[int(place[1])] or "", value).strip()


def _measure(number: NumberPattern, match: re.Match[str]) -> float | None:
    """The number that was matched; None where its groups hold none."""
    whole = match[1] or ""
    whole = re.sub(r"[.,]", "", whole) if number.thousands else whole.replace(",", ".")
    decimals = match[2] if match.re.groups > 1 else None
    try:
        value = float(f"{whole}.{decimals}" if decimals else whole)
    except ValueError:
        return None
    return round(value * number.scale + number.plus, 9)


def _drop_contained(found: Sequence[Finding]) -> list[Finding]:
    """Without the findings that lie inside longer ones: `Từ Liêm` inside `Nam Từ Liêm` is no place of its own."""
    kept: list[Finding] = []
    for finding in sorted(found, key=lambda one: (one.start - one.end, one.start)):
        length = finding.end - finding.start
        inside = any(k.start <= finding.start and finding.end <= k.end and k.end - k.start > length for k in kept)
        if not inside:
            kept.append(finding)
    return sorted(kept, key=lambda one: one.start)


def _agree(first: Value, second: Value) -> bool:
    if isinstance(first, float) and isinstance(second, float):
        return abs(first - second) <= SAME * max(1.0, abs(first))
    return first == second
