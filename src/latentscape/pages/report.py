"""A report as a value, and the same value told twice: as Markdown and as a self-contained HTML page."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar

from latentscape.measures.definitions import Definition, define
from latentscape.measures.scales import Check
from latentscape.measures.score import Score
from latentscape.pages.prose import prose_html, prose_markdown, read_passages
from latentscape.pages.templates import policy, render, style_of
from latentscape.pages.words import interval_of, value_of


@dataclass(frozen=True, kw_only=True)
class Paragraph:
    """Some sentences, with a few words set off in front of them."""

    kind: ClassVar[str] = "paragraph"
    text: str
    lead: str = ""
    measures: tuple[str, ...] = ()
    """Names of the scores it tells; it links to their definitions."""


@dataclass(frozen=True, kw_only=True)
class Notes:
    """Remarks that stand for themselves, each a line."""

    kind: ClassVar[str] = "notes"
    lines: tuple[str, ...]
    title: str = ""


@dataclass(frozen=True, kw_only=True)
class Advice:
    """One thing to improve: what is claimed, what it rests on, what to do, and which samples to look at."""

    claim: str
    evidence: str
    action: str
    samples: tuple[str, ...] = ()
    """Ids, the strongest first."""
    measures: tuple[str, ...] = ()
    """Names of the scores in the evidence; it links to their definitions."""


@dataclass(frozen=True, kw_only=True)
class AdviceList:
    """Things to improve, the most rewarding first."""

    kind: ClassVar[str] = "advice"
    entries: tuple[Advice, ...]

    most_samples: ClassVar[int] = 50
    """Samples named for one advice; the rest is counted."""


@dataclass(frozen=True, kw_only=True)
class Cell:
    """A number of a table with remarks below it, such as its interval."""

    text: str
    notes: tuple[str, ...] = ()
    faint: bool = False
    """Whether it can't be told from chance."""


@dataclass(frozen=True, kw_only=True)
class Table:
    """Cells under headings; the first column names each row."""

    kind: ClassVar[str] = "table"
    most_open: ClassVar[int] = 30
    """Rows of a table that a page shows unasked."""

    header: tuple[str, ...]
    rows: tuple[tuple[str | Cell, ...], ...]
    title: str = ""
    columns: tuple[str, ...] = ()
    """For each column the name of the score in it, empty where there is none; headings link to its definition."""
    note: str = ""
    """How to read it."""

    @property
    def folded(self) -> bool:
        """Whether it is too long to stand open among other things."""
        return len(self.rows) > self.most_open

    def define_column(self, number: int) -> str:
        """The key of the definition of what stands in a column; empty where there is none."""
        return _find_key(self.columns[number]) if number < len(self.columns) else ""


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
    def definition(self) -> str:
        """The key of the score's definition; empty where there is none."""
        return _find_key(self.score.name)

    @property
    def bar(self) -> tuple[float, float, float] | None:
        """Where interval and value lie between the score's bounds, in percent: low, high, value."""
        score, (start, stop) = self.score, self.score.bounds
        if score.value is None or not 0 < stop - start < math.inf:
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
    def names(self) -> tuple[str, ...]:
        """The names of its scores."""
        return tuple(row.score.name for row in self.rows)

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


Block = Paragraph | Notes | AdviceList | Table | ScoreTable | Checklist | Picture | Links


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
    definitions: tuple[Definition, ...] = ()
    """Of the scores told; labels link to them."""
    foot: tuple[str, ...] = ()
    """Sentences at the very end: which weights this is about."""

    def choose_definitions(self, names: Iterable[str]) -> list[Definition]:
        """The definitions of some scores, each once, in the order of the names."""
        keys = dict.fromkeys(map(_find_key, names))
        known = {definition.key: definition for definition in self.definitions}
        return [known[key] for key in keys if key in known]

    def is_defined(self, key: str) -> bool:
        """Whether a label can link to that definition."""
        return any(definition.key == key for definition in self.definitions)


def collect_definitions(sections: Iterable[Section]) -> tuple[Definition, ...]:
    """The definitions of all scores that the sections tell, each once, in the order of their first appearance."""
    names = (name for section in sections for block in section.blocks for name in list_measures(block))
    found = {definition.key: definition for name in dict.fromkeys(names) if (definition := define(name))}
    return tuple(found.values())


def list_measures(block: Block) -> list[str]:
    """Names of the scores that a block tells, in its order."""
    if isinstance(block, ScoreTable):
        return list(block.names)
    if isinstance(block, AdviceList):
        return [name for entry in block.entries for name in entry.measures]
    if isinstance(block, Paragraph):
        return list(block.measures)
    return [name for name in block.columns if name] if isinstance(block, Table) else []


def _find_key(name: str) -> str:
    definition = define(name)
    return definition.key if definition else ""


def render_report_markdown(report: Report) -> str:
    """The report as GitHub-flavored Markdown."""
    return render("report.md.j2", report=report, passages=read_passages, prose=prose_markdown).strip() + "\n"


def render_report_html(report: Report) -> str:
    """The report as one HTML page without scripts; pictures and interactive pages are relative links."""
    style = style_of("theme.css", "report.css")
    fence = policy(styles=[style], pictures="beside")
    return render("report.html.j2", report=report, style=style, policy=fence, passages=read_passages, prose=prose_html)
