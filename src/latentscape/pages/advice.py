"""Improvements in words, whichever study they come from: the ranked list, and what could not be judged."""

from collections.abc import Callable, Iterable, Mapping
from typing import TypeVar

from latentscape.findings import Improvement, Improvements
from latentscape.pages.report import Advice, AdviceList, Block, Notes, Paragraph

Findings = TypeVar("Findings")
Told = tuple[str, str, str]
"""Claim, evidence, action."""
Tellers = Mapping[str, Callable[[Improvement, Findings], Told]]
"""How each kind of improvement is told."""


def tell_advice(improvements: Improvements, findings: Findings, tellers: Tellers[Findings]) -> tuple[Advice, ...]:
    """Every improvement, told; in their order."""
    return tuple(_tell(each, tellers[each.kind](each, findings)) for each in improvements.found)


def _tell(improvement: Improvement, told: Told) -> Advice:
    claim, evidence, action = told
    measures = tuple(dict.fromkeys(score.name for score in improvement.scores.values()))
    return Advice(claim=claim, evidence=evidence, action=action, samples=improvement.samples, measures=measures)


def tell_withheld(improvements: Improvements, subjects: Mapping[str, str]) -> tuple[str, ...]:
    """What could not be judged, and why, a sentence each; `subjects` says for each kind what that is."""
    return tuple(f"{subjects[each.kind]}: {each.reason}." for each in improvements.withheld)


def tell_improvements(advice: tuple[Advice, ...], withheld: tuple[str, ...]) -> Iterable[Block]:
    """The ranked list, or that there is none; and what could not be judged."""
    if advice:
        yield AdviceList(entries=advice)
    elif withheld:
        yield Paragraph(text="No claim survives its test: these numbers do not say what to improve.")
    if withheld:
        yield Notes(title="Not said", lines=withheld)
