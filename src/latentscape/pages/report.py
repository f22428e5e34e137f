"""A report as a value, and the same value told twice: as Markdown and as a self-contained HTML page."""

import math
from dataclasses import dataclass
from typing import ClassVar

from latentscape.measures.scales import Check
from latentscape.measures.score import Score
from latentscape.pages.templates import policy, render
from latentscape.pages.words import interval_of, value_of


@dataclass(frozen=True, kw_only=True)
class Paragraph:
    """Some sentences, with a few words set off in front of them."""

    kind: ClassVar[str] = "paragraph"
    text: str
    lead: str = ""


@dataclass(frozen=True, kw_only=True)
class Table:
    """Plain cells; the first column names each row."""

    kind: ClassVar[str] = "table"
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    title: str = ""


@dataclass(frozen=True, kw_only=True)
class ScoreRow:
    """One score with its name for readers and, where one is published, the word for its value."""

    label: str
    score: Score
    word: str = ""

    @property
    def value(self) -> str:
        """The value, or why there is none."""
        return value_of(self.score)

    @property
    def interval(self) -> str:
        """The 95 % interval, empty where there is none."""
        return interval_of(self.score)

    @property
    def bar(self) -> tuple[float, float, float] | None:
        """Where interval and value lie between the score's bounds, in percent: low, high, value."""
        score, (start, stop) = self.score, self.score.bounds
        if score.value is None or not math.isfinite(stop - start):
            return None
        low = score.value if score.low is None else score.low
        high = score.value if score.high is None else score.high
        low, high, value = ((min(max(x, start), stop) - start) / (stop - start) for x in (low, high, score.value))
        return round(100 * low, 2), round(100 * high, 2), round(100 * value, 2)


@dataclass(frozen=True, kw_only=True)
class ScoreTable:
    """Scores of one kind."""

    kind: ClassVar[str] = "scores"
    title: str
    rows: tuple[ScoreRow, ...]

    @property
    def has_words(self) -> bool:
        """Whether any row has a published word."""
        return any(row.word for row in self.rows)


@dataclass(frozen=True, kw_only=True)
class Checklist:
    """Conditions that hold or not."""

    kind: ClassVar[str] = "checklist"
    title: str
    checks: tuple[Check, ...]


@dataclass(frozen=True, kw_only=True)
class Picture:
    """A picture beside the report, what to see on it, and a description for those who can't see it."""

    kind: ClassVar[str] = "picture"
    file: str
    title: str
    text: str
    alt: str


@dataclass(frozen=True, kw_only=True)
class Links:
    """Pages beside the report."""

    kind: ClassVar[str] = "links"
    title: str
    entries: tuple[tuple[str, str], ...]
    """File name and words for it."""


Block = Paragraph | Table | ScoreTable | Checklist | Picture | Links


@dataclass(frozen=True, kw_only=True)
class Section:
    """One heading and what stands under it."""

    heading: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True, kw_only=True)
class Report:
    """What one study found. All text in it is plain: each way of telling it escapes for itself."""

    title: str
    sections: tuple[Section, ...]
    stamps: tuple[str, ...] = ()


def render_report_markdown(report: Report) -> str:
    """The report as GitHub-flavored Markdown."""
    return render("report.md.j2", report=report).strip() + "\n"


def render_report_html(report: Report) -> str:
    """The report as one HTML page without scripts; pictures and interactive pages are relative links."""
    return render("report.html.j2", report=report, policy=policy())
