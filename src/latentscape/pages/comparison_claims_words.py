"""What changed between checkpoints, in words: a claim, its evidence, what to do, and the samples behind it."""

from collections import Counter
from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np

from latentscape.comparison_claims import PROBE, place_movers, sort_step
from latentscape.comparison_findings import ComparisonFindings, Step
from latentscape.figures.comparison_words import (
    BECOMES,
    TOO_LONG,
    capitalize,
    count_judged,
    list_few,
    say_grouping,
    say_p,
    say_score_name,
    say_sure_delta,
    say_way,
    say_worse,
)
from latentscape.figures.words import say_share
from latentscape.findings import Improvement
from latentscape.measures.outcomes import Outcome
from latentscape.measures.score import Score
from latentscape.pages.advice import Told, tell_advice, tell_withheld
from latentscape.pages.comparison_words import name_of, say_score
from latentscape.pages.report import Advice
from latentscape.pages.words import count

MOST_EVIDENCE = 6
"""Other scores that changed in the same way, told in one claim; the rest is counted."""
MOST_PASSAGES = 4
"""Pairs of classes between which samples moved."""


def list_changes(findings: ComparisonFindings) -> tuple[Advice, ...]:
    """Every claim of the findings, told; in their order."""
    return tell_advice(findings.claims, findings, KINDS)


def list_withheld(findings: ComparisonFindings) -> tuple[str, ...]:
    """What could not be judged, and why, a sentence each."""
    return tell_withheld(findings.claims, SUBJECTS)


def _ends(claim: Improvement, findings: ComparisonFindings) -> tuple[str, str]:
    return name_of(findings, int(claim.subject[1])), name_of(findings, int(claim.subject[2]))


def _p(claim: Improvement) -> str:
    return f" ({say_p(claim.p_value)})" if claim.p_value is not None else ""


def _tell_same(claim: Improvement, findings: ComparisonFindings) -> Told:
    first, second = (name_of(findings, int(number)) for number in claim.subject)
    return (
        f"{first} and {second} have the same weights",
        "Their files are equal byte for byte.",
        "Any difference between the two would come from the data or the settings, not from training. Leave one out.",
    )


def _tell_overfitting(claim: Improvement, findings: ComparisonFindings) -> Told:
    best, last = _ends(claim, findings)
    return (
        f"{TOO_LONG}: {say_worse(claim.subject[0], last, than=best)}",
        _say_evidence(claim),
        f"Take {best}, and stop training there next time. {_look(claim, findings, 'broken')}".strip(),
    )


def _tell_better(claim: Improvement, findings: ComparisonFindings) -> Told:
    action = _look(claim, findings, "fixed") or f"Keep what {_ends(claim, findings)[1]} does differently."
    return _head(claim, findings), _say_evidence(claim), action


def _tell_worse(claim: Improvement, findings: ComparisonFindings) -> Told:
    action = _look(claim, findings, "broken") or "Weigh this loss against what was won before taking the later one."
    return _head(claim, findings), _say_evidence(claim), action


def _head(claim: Improvement, findings: ComparisonFindings) -> str:
    """Which score moved where, in one line."""
    name, (first, second) = claim.subject[0], _ends(claim, findings)
    way = say_way(name, claim.scores["delta"], ends=[claim.scores.get(side) for side in ("before", "after")])
    return f"{capitalize(claim.kind)} from {first} to {second}: {way}"


def _say_evidence(claim: Improvement) -> str:
    """The leading difference with its p, and what else changed in the same way."""
    name, delta = claim.subject[0], claim.scores["delta"]
    told = f"{capitalize(say_score_name(name))} {say_sure_delta(name, delta)}{_p(claim)}, n = {delta.n:,}."
    others = {key: score for key, score in claim.scores.items() if key not in {"delta", "before", "after"}}
    probes = sorted((key for key in others if key.startswith(PROBE)), key=lambda key: -abs(others[key].value or 0.0))
    parts = [_say_other(key, score) for key, score in others.items() if key not in probes]
    if probes:
        most = _say_other(probes[0], others[probes[0]])
        parts += [most if len(probes) == 1 else f"class read from {len(probes)} layers, most: {most}"]
    return f"{told} As well: {list_few(parts, most=MOST_EVIDENCE)}." if parts else told


def _say_other(name: str, score: Score) -> str:
    return f"{say_score_name(name)} {say_sure_delta(name, score)}"


def _look(claim: Improvement, findings: ComparisonFindings, outcome: Outcome) -> str:
    """Which samples to look at, and how many went the other way."""
    n, (first, second) = len(claim.samples), (int(number) for number in claim.subject[1:3])
    if not n:
        return ""
    if findings.subject.study == "embeddings":
        way = "rose" if outcome == "fixed" else "sank"
        return f"Look at the {count_judged(findings, n)} whose right document {way}, the most first."
    found = sort_step(findings, first, second)
    other: Outcome = "broken" if outcome == "fixed" else "fixed"
    return (
        f"{count_judged(findings, n)} {outcome}, {len(found[other]):,} {other}; the {outcome} are listed, surest first."
    )


def _tell_group(claim: Improvement, findings: ComparisonFindings) -> Told:
    grouping, values = claim.subject[0], claim.subject[3:]
    first, second = _ends(claim, findings)
    lead = findings.subject.group_score
    way = "better" if claim.kind == "group_better" else "worse"
    parts = [f"{value} {say_sure_delta(lead, claim.scores[value])}, n = {claim.scores[value].n:,}" for value in values]
    action = (
        f"Before taking {second}, look at what became of {'it' if len(values) == 1 else 'them'}."
        if way == "worse"
        else f"Keep what {second} does differently."
    )
    return (
        f"{capitalize(say_grouping(grouping, is_drawn=False))} {list_few(values)}: {way} from {first} to {second}",
        f"{capitalize(say_score_name(lead))}: {'; '.join(parts)}{_p(claim)}.",
        " ".join(filter(None, [action, _look_group(claim, findings, way)])),
    )


def _look_group(claim: Improvement, findings: ComparisonFindings, way: str) -> str:
    n = len(claim.samples)
    outcome = "fixed" if way == "better" else "broken"
    return f"{count_judged(findings, n)} of {'it was' if n == 1 else 'these were'} {outcome}." if n else ""


def _tell_split(claim: Improvement, findings: ComparisonFindings) -> Told:
    action = "Look at both groups: what tells them apart?"
    return _tell_halves(claim, findings, what=BECOMES["split"], action=action)


def _tell_merged(claim: Improvement, findings: ComparisonFindings) -> Told:
    action = "Check that nothing was lost by it that another task or class needs."
    return _tell_halves(claim, findings, what=BECOMES["merged"], action=action)


def _tell_halves(claim: Improvement, findings: ComparisonFindings, *, what: str, action: str) -> Told:
    first, second = _ends(claim, findings)
    larger, smaller = (int(claim.scores[side].value or 0) for side in ("larger", "smaller"))
    before, after = (say_score("silhouette", claim.scores[side]) for side in ("before", "after"))
    return (
        f"{claim.subject[0]} {what} from {first} to {second}",
        f"In {findings.main_layer} the groups have {larger:,} and {smaller:,} samples; their silhouette goes from "
        f"{before} to {after}{_p(claim)}.",
        f"{action} The {count(smaller, 'sample')} of the smaller {'is' if smaller == 1 else 'are'} below.",
    )


def _tell_movers(claim: Improvement, findings: ComparisonFindings) -> Told:
    layer, n, (first, second) = claim.subject[0], len(claim.samples), _ends(claim, findings)
    least, typical = (claim.scores[name].value or 0.0 for name in ("least", "typical"))
    one = n == 1
    return (
        f"{count(n, 'sample')} left {'its' if one else 'their'} neighbors from {first} to {second}",
        f"In {layer} at least {say_share(least)} of the others have come between {'it' if one else 'each of them'} and "
        f"most of its former neighbors; for a typical sample it is {say_share(typical)}. "
        f"{_say_passages(claim, findings)}".strip(),
        f"Look at {'it' if one else 'them'}: a sample that moves alone is often mislabeled, hard, or newly understood.",
    )


def _say_passages(claim: Improvement, findings: ComparisonFindings) -> str:
    """From among which class to among which, the most frequent first."""
    pair = int(claim.subject[1]), int(claim.subject[2])
    step = find_step(findings, pair)
    numbers = {name: row for row, name in enumerate(findings.subject.ids)}
    rows = np.array([numbers[name] for name in claim.samples], dtype=np.int64)
    passages = Counter(each for each in place_movers(findings, step, rows) if all(each) and each[0] != each[1])
    parts = [f"{n:,} from among {a} to among {b}" for (a, b), n in passages.most_common()]
    return f"By their neighbors, {list_few(parts, most=MOST_PASSAGES)}." if parts else ""


def find_step(findings: ComparisonFindings, pair: tuple[int, int]) -> Step:
    """The step between two checkpoints."""
    return next(step for step in findings.steps if (step.first, step.second) == pair)


def describe_share(n: int, total: int) -> str:
    """A count with its share of all.

    >>> describe_share(3, 60)
    '3 (5%)'
    """
    return f"{n:,} ({say_share(n / total)})" if total else f"{n:,}"


KINDS: Mapping[str, Callable[[Improvement, ComparisonFindings], Told]] = MappingProxyType(
    {
        "same_weights": _tell_same,
        "overfitting": _tell_overfitting,
        "better": _tell_better,
        "worse": _tell_worse,
        "group_better": _tell_group,
        "group_worse": _tell_group,
        "class_split": _tell_split,
        "class_merged": _tell_merged,
        "movers": _tell_movers,
    }
)
"""Kind of claim -> its words."""
SUBJECTS: Mapping[str, str] = MappingProxyType(
    {
        "differences": "Some differences could not be judged",
        "probes": "What layers know of the class could not be compared",
        "groups": "Groups of samples could not be compared",
        "splits": "Whether a class came apart could not be judged",
        "movers": "Samples that left their neighbors could not be looked for",
    }
)
"""Rule -> what is missing when it does not speak."""
