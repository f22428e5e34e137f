"""What a comparison of checkpoints found, in the words that its pictures, pages and the terminal share.

A sentence names checkpoints as a picture can draw them; a page gives `names` of its own.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from types import MappingProxyType
from typing import Literal

from latentscape.comparison_claims import (
    PROBE,
    VIOLATIONS,
    direction_of,
    find_lead,
    list_splits,
    order_changes,
    sort_step,
)
from latentscape.comparison_findings import Checkpoint, ComparisonFindings, Step
from latentscape.figures.profile_words import say_share_interval
from latentscape.figures.render import plain, plain_names, tidy
from latentscape.figures.words import say_interval, say_number, say_share
from latentscape.measures.class_splits import ClassSplit
from latentscape.measures.score import Score
from latentscape.measures.tallies import Change

Verdict = Literal["better", "worse", "other", "none", "untested"]
SCORE_NAMES: Mapping[str, str] = MappingProxyType(
    {
        "hit_at_1": "Hit@1",
        "mrr": "MRR",
        "map": "MAP",
        "ndcg_at_10": "nDCG@10",
        "recall_at_1": "recall@1",
        "recall_at_5": "recall@5",
        "recall_at_10": "recall@10",
        "recall_at_50": "recall@50",
        "true_probability": "probability of the true class",
        "margin": "margin to all negatives",
        "margin_hard": "margin to hard negatives",
        "margin_mined": "margin to mined negatives",
        "positive_mean": "cosine of right pairs",
        "negative_mean": "cosine of wrong pairs",
        "negative_mean_hard": "cosine of hard negatives",
        "silhouette": "class separation (silhouette)",
    }
)
"""Where it is not simply the name without underscores."""
SHARES = ("accuracy", "balanced_accuracy", "hit_at_", "recall_at_", PROBE, VIOLATIONS)
"""Beginnings of the names of scores that are said as percentages."""
COSINES = ("margin", "positive_mean", "negative_mean")
"""Beginnings of the names of scores in units of cosine similarity."""
FEWEST_P = 0.001
DIGITS = 3
"""Decimals of what is no percentage: two good retrievers differ in the third."""
FINE = 9.95
"""Below so many points a difference is told with a decimal."""
FEW_NAMES = 3
NO_DIFFERENCE, TOO_LONG = "No detectable difference", "Trained too long"
RECOMMENDED, BEST = "recommended", "best value"
"""What the best checkpoint is called: the second where no other is detectably worse."""
VERDICTS: Mapping[Verdict, str] = MappingProxyType(
    {
        "better": "better",
        "worse": "worse",
        "other": "different",
        "none": NO_DIFFERENCE.lower(),
        "untested": "not tested",
    }
)
BECOMES = {"split": "comes apart into two groups", "merged": "grows together from two groups"}
"""Kind of a class split -> its verb."""


def say_score_name(name: str) -> str:
    """A score as a person calls it.

    >>> say_score_name("balanced_accuracy"), say_score_name("mrr"), say_score_name("linear_class_mlp")
    ('balanced accuracy', 'MRR', 'class read from mlp')
    """
    for prefix, words in ((PROBE, "class read from"), (VIOLATIONS, "violations:")):
        if name.startswith(prefix):
            return f"{words} {plain(name.removeprefix(prefix)) or '(empty)'}"
    return SCORE_NAMES.get(name) or plain(name.replace("_", " "))


def is_share(name: str) -> bool:
    """Whether a score is said as a percentage, and its difference in points."""
    return name.startswith(SHARES)


def say_value(name: str, score: Score | None) -> str:
    """The value alone; a dash where there is none."""
    if score is None or score.value is None:
        return "–"
    return say_share(score.value) if is_share(name) else say_number(score.value, digits=DIGITS)


def say_range(name: str, score: Score) -> str:
    """The 95 % interval in brackets; nothing where there is none."""
    return say_share_interval(score) if is_share(name) else say_interval(score, digits=DIGITS)


def say_sure_value(name: str, score: Score | None) -> str:
    """The value with its interval; a dash where there is none."""
    if score is None or score.value is None:
        return "–"
    return f"{say_value(name, score)} {say_range(name, score)}".rstrip()


def say_delta(name: str, score: Score) -> str:
    """A difference with its sign; why there is none.

    >>> say_delta("accuracy", Score(name="accuracy_delta", value=0.3, n=90))
    '+30 points'
    >>> say_delta("mrr", Score(name="mrr_delta", value=-0.04, n=90))
    '−0.040'
    """
    if score.value is None:
        return f"n/a ({plain(score.reason, limit=120)})"
    return f"{_sign(name, score, score.value)}{' points' if is_share(name) else ''}"


def say_delta_range(name: str, score: Score) -> str:
    """The 95 % interval of a difference, with signs; nothing where there is none."""
    if score.low is None or score.high is None:
        return ""
    return f"[{_sign(name, score, score.low)}, {_sign(name, score, score.high)}]"


def say_sure_delta(name: str, score: Score) -> str:
    """A difference with its sign and interval, a share's in percentage points.

    >>> say_sure_delta("accuracy", Score(name="accuracy_delta", value=-0.042, n=90, low=-0.08, high=0.001))
    '−4.2 points [−8.0, +0.1]'
    """
    return f"{say_delta(name, score)} {say_delta_range(name, score)}".rstrip()


def _sign(name: str, score: Score, value: float) -> str:
    """With as many decimals as the difference itself has."""
    scale = 100.0 if is_share(name) else 1.0
    digits = DIGITS if scale == 1 else int(abs(scale * (score.value or 0.0)) < FINE)
    said = say_number(scale * value, digits=digits)
    return f"+{said}" if round(scale * value, digits) > 0 else said


def say_p(p_value: float | None) -> str:
    """A p in words, empty where there is none.

    >>> say_p(0.0342), say_p(0.00012), say_p(1.0)
    ('p = 0.034', 'p < 0.001', 'p = 1')
    """
    if p_value is None:
        return ""
    return f"p < {FEWEST_P}" if p_value < FEWEST_P else "p = 1" if p_value >= 0.9995 else f"p = {p_value:.3f}"


def judge_change(change: Change) -> Verdict:
    """`better`, `worse`, `other` (detected, but neither way is better), `none` (not detected) or `untested`."""
    if change.adjusted is None or change.score.value is None:
        return "untested"
    if not change.is_detected or not change.score.value:
        return "none"
    return direction_of(change) or "other"


def name_checkpoints(findings: ComparisonFindings) -> list[str]:
    """Drawable names that differ."""
    return list(_make_plain(tuple(checkpoint.name for checkpoint in findings.checkpoints)))


@lru_cache(maxsize=64)
def _make_plain(names: tuple[str, ...]) -> tuple[str, ...]:
    """Kept, as each row of a figure asks for the same names."""
    return tuple(plain_names(names, limit=60))


def say_epoch(checkpoint: Checkpoint) -> str:
    """`epoch 5`; empty where the checkpoint doesn't say, or its name says it already."""
    if checkpoint.epoch is None:
        return ""
    epoch = f"{checkpoint.epoch:g}"
    digits = "".join(letter if letter.isdigit() else " " for letter in checkpoint.name).split()
    return "" if epoch in digits or any(each.lstrip("0") == epoch for each in digits) else f"epoch {epoch}"


def list_stamps(findings: ComparisonFindings, *, names: Sequence[str] = ()) -> list[str]:
    """The warnings of all models, each with the checkpoints that it concerns."""
    owners: dict[str, list[str]] = {}
    for name, checkpoint in zip(names or name_checkpoints(findings), findings.checkpoints, strict=True):
        for stamp in checkpoint.model.stamps:
            owners.setdefault(stamp, []).append(name)
    n = len(findings.checkpoints)
    return [
        stamp if len(owning) == n else f"{', '.join(dict.fromkeys(owning))}: {stamp}"
        for stamp, owning in owners.items()
    ]


def say_headline(findings: ComparisonFindings, *, names: Sequence[str] = ()) -> str:
    """What became of the deciding score from the first checkpoint to the last; without a difference, what else changed.

    Another score decides where that was not compared; what linear probes read from layers is no headline.
    """
    step, names = findings.overall, names or name_checkpoints(findings)
    first, last = names[step.first], names[step.second]
    name, change = find_lead(findings, step) or (findings.choice.score, None)
    is_same = (step.first, step.second) in findings.same_models
    if is_same and not any(each.is_detected for each in step.changes.values()):
        return f"{first} and {last} have the same weights: no difference{_say_yet(findings, names)}"
    if change is None or change.score.value is None or name.startswith(PROBE):
        name = findings.choice.score
        return f"{capitalize(say_score_name(name))} of {first} and {last} could not be compared"
    sides = [findings.answers[number].scores.get(name) for number in (step.first, step.second)]
    if change.is_detected:
        return f"From {first} to {last} {say_way(name, change.score, ends=sides)}"
    ends = [
        f"{end} ({say_value(name, side)})" if side is not None else end
        for end, side in zip((first, last), sides, strict=True)
    ]
    return f"{NO_DIFFERENCE} in {say_score_name(name)} between {' and '.join(ends)}{_say_yet(findings, names)}"


def say_way(name: str, delta: Score, *, ends: Sequence[Score | None] = ()) -> str:
    """`accuracy rises from 41% to 72%`; without ends where those are not known.

    >>> ends = [Score(name="mrr", value=value, n=90) for value in (0.5, 0.4)]
    >>> say_way("mrr", Score(name="mrr_delta", value=-0.1, n=90), ends=ends)
    'MRR falls from 0.500 to 0.400'
    """
    way = f"{say_score_name(name)} {'rises' if (delta.value or 0.0) > 0 else 'falls'}"
    known = [end.value for end in ends if end is not None and end.value is not None]
    if len(known) < 2:
        return way
    said = [say_value(name, end) for end in ends]
    if said[0] == said[1]:  # a difference that is detected must be seen
        said = [f"{100 * end:.2f}%" if is_share(name) else say_number(end, digits=5) for end in known]
    return f"{way} from {said[0]} to {said[1]}"


def _say_yet(findings: ComparisonFindings, names: Sequence[str]) -> str:
    """What changed although the deciding score did not: another score, or that one on the way, or the map."""
    overall = findings.overall
    for name, change in order_changes(findings, overall).items():
        if direction_of(change) is not None and not name.startswith(PROBE):
            sides = [findings.answers[number].scores.get(name) for number in (overall.first, overall.second)]
            return f", though {say_way(name, change.score, ends=sides)}"
    for step in findings.consecutive:
        name, change = find_lead(findings, step) or ("", None)
        if change is not None and change.is_detected and not name.startswith(PROBE):
            return f", though {say_way(name, change.score)} from {names[step.first]} to {names[step.second]}"
    shapes = say_shapes(findings)
    return f", yet {shapes}" if shapes else ""


def say_shapes(findings: ComparisonFindings) -> str:
    """How many classes came apart or grew together, and how many samples left their neighbors; empty for none."""
    kinds = [claim.kind for claim in findings.claims.found]
    moved = len({name for claim in findings.claims.found if claim.kind == "movers" for name in claim.samples})
    split, merged = kinds.count("class_split"), kinds.count("class_merged")
    told = [
        f"{_count(split, 'class', 'classes')} came apart" if split else "",
        f"{_count(merged, 'class', 'classes')} grew together" if merged else "",
        f"{_count(moved, 'sample', 'samples')} left {'its' if moved == 1 else 'their'} neighbors" if moved else "",
    ]
    return list_few(list(filter(None, told)))


def say_splits(findings: ComparisonFindings) -> str:
    """Which classes came apart or grew together in the main layer, and where, a sentence each; empty for none."""
    found, names = list_splits(findings), name_checkpoints(findings)
    sentences = [
        f"{plain(findings.subject.class_names[split.label]) or '(no name)'} {say_split(split)} from "
        f"{names[step.first]} to {names[step.second]}."
        for step, split in found[:FEW_NAMES]
    ]
    more = len(found) - FEW_NAMES
    return " ".join([*sentences, *([f"{more:,} more came apart or grew together."] if more > 0 else [])])


def say_split(split: ClassSplit) -> str:
    """`comes apart into two groups of 12 and 8 samples`."""
    larger, smaller = (len(half) for half in split.halves)
    return f"{BECOMES[split.kind]} of {larger:,} and {_count(smaller, 'sample', 'samples')}"


def say_choice(findings: ComparisonFindings, *, names: Sequence[str] = ()) -> str:
    """Which checkpoint is best, and which others can't be told from it."""
    choice, names = findings.choice, names or name_checkpoints(findings)
    said, score = say_score_name(choice.score), findings.answers[choice.recommended].scores.get(choice.score)
    if score is None or score.value is None:
        reason = plain(score.reason, limit=120) if score is not None else ""
        return f"No checkpoint can be recommended: {reason or f'{said} was not measured'}"
    values = [findings.answers[number].scores.get(choice.score) for number in choice.rivals]
    n_equal = sum(each is not None and each.value == score.value for each in values)
    is_best = f"is the earliest of {n_equal + 1} with" if n_equal else "has"
    best = f"{names[choice.recommended]} {is_best} the best {said} ({say_value(choice.score, score)})"
    others = [number for number in range(len(names)) if number != choice.recommended]
    if not choice.rivals:
        return f"{best}, detectably better than {names[others[0]] if len(others) == 1 else 'every other'}"
    if len(choice.rivals) == len(others) > 1:
        return f"{best}, but none of the others is detectably worse"
    return f"{best}, not detectably better than {list_few([names[number] for number in choice.rivals])}"


def name_best(findings: ComparisonFindings) -> str:
    """What the checkpoint that was chosen is called; empty where its score was not measured."""
    choice = findings.choice
    score = findings.answers[choice.recommended].scores.get(choice.score)
    if score is None or score.value is None:
        return ""
    return BEST if len(choice.rivals) == len(findings.checkpoints) - 1 else RECOMMENDED


def say_overfitting(findings: ComparisonFindings, *, names: Sequence[str] = ()) -> str:
    """That the last checkpoint has been trained too long; empty where nothing says so."""
    change, name = findings.choice.overfitting, findings.choice.score
    if change is None or change.score.value is None:
        return ""
    evidence = ", ".join(filter(None, [say_sure_delta(name, change.score), say_p(change.adjusted)]))
    names = names or name_checkpoints(findings)
    return f"{TOO_LONG}: {say_worse(name, names[-1], than=names[findings.choice.recommended])} ({evidence})"


def say_worse(name: str, last: str, *, than: str) -> str:
    """`epoch_9 is detectably worse than epoch_5 in accuracy`."""
    return f"{last} is detectably worse than {than} in {say_score_name(name)}"


def say_outcomes(findings: ComparisonFindings, step: Step) -> str:
    """How many judged samples were fixed and broken."""
    found = sort_step(findings, step.first, step.second)
    return f"{count_judged(findings, len(found['fixed']))} fixed, {len(found['broken']):,} broken"


def noun_of(findings: ComparisonFindings) -> tuple[str, str]:
    """What is judged: one of it, several of it."""
    return ("sample", "samples") if findings.subject.study == "latents" else ("query", "queries")


def count_judged(findings: ComparisonFindings, n: int) -> str:
    """A number of samples or queries."""
    return _count(n, *noun_of(findings))


def _count(n: int, one: str, many: str) -> str:
    return f"{n:,} {one if n == 1 else many}"


def say_grouping(grouping: str, *, is_drawn: bool = True) -> str:
    """What samples are grouped by: `data set`, `class`, or an attribute by its name, for a picture or a page."""
    show = plain if is_drawn else tidy
    return {"dataset": "data set"}.get(grouping) or show(grouping.removeprefix("attribute_"), limit=30) or "(no name)"


def list_few(names: Sequence[str], *, most: int = FEW_NAMES) -> str:
    """Names in a sentence; the rest is counted.

    >>> list_few(["a"]), list_few(["a", "b", "c"]), list_few(list("abcde"))
    ('a', 'a, b and c', 'a, b, c and 2 more')
    """
    if len(names) > most:
        return f"{', '.join(names[:most])} and {len(names) - most:,} more"
    return " and ".join(filter(None, [", ".join(names[:-1]), *names[-1:]]))


def capitalize(text: str) -> str:
    """With a capital at its beginning, the rest as it is; what has its capital second, or none of its own, stays.

    >>> capitalize("balanced accuracy"), capitalize("nDCG@10"), capitalize("ß")
    ('Balanced accuracy', 'nDCG@10', 'ß')
    """
    first = text[:1].upper()
    return text if text[1:2].isupper() or len(first) != 1 else first + text[1:]
