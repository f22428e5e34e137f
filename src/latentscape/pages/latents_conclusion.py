"""What the numbers of a latents study answer, by rules, and no more than they answer."""

from dataclasses import dataclass

import numpy as np

from latentscape.figures.words import say_share, say_strongest_relation
from latentscape.findings import LatentsFindings
from latentscape.measures.score import Score
from latentscape.pages.report import Paragraph
from latentscape.pages.words import SMALL, count, value_with_interval


@dataclass(frozen=True, kw_only=True)
class ConfusedPair:
    """Two classes that the model mixes up."""

    first: str
    second: str
    rate: float
    n: int
    """Samples of both classes."""
    distance: float
    layer: str
    metric: str


def conclude_latents(findings: LatentsFindings) -> tuple[Paragraph, ...]:
    """The three questions and their answers."""
    return (
        Paragraph(lead="What did it learn?", text=_answer_learned(findings)),
        Paragraph(lead="Does it generalize?", text=_answer_generalizes(findings)),
        Paragraph(lead="Where can it be improved?", text=_answer_improve(findings)),
    )


def find_most_confused(findings: LatentsFindings) -> ConfusedPair | None:
    """The pair of classes mixed up most, its distance taken in the last layer; None where nothing is mixed up."""
    if not findings.layers:
        return None
    last = findings.layers[-1]
    rates, sizes = last.confusion.rates, findings.confusion_matrix.sum(axis=1)
    if not np.any(rates > 0):
        return None
    worst = int(np.nanargmax(rates))
    a, b = (int(c) for c in last.confusion.pairs[worst])
    return ConfusedPair(
        first=findings.class_names[a],
        second=findings.class_names[b],
        rate=float(rates[worst]),
        n=int(sizes[a] + sizes[b]),
        distance=float(last.confusion.distances[worst]),
        layer=last.layer,
        metric=last.confusion.metric,
    )


def label_recalls(findings: LatentsFindings) -> dict[str, str]:
    """The name of each class by the name of its score, in the order of the classes."""
    names = [name for name in findings.scores if name.startswith("recall_")]
    same = len(names) == len(findings.class_names)
    return dict(zip(names, findings.class_names if same else (name[7:] for name in names), strict=True))


def _answer_learned(findings: LatentsFindings) -> str:
    accuracy, chance = findings.scores.get("accuracy"), findings.scores.get("chance_accuracy")
    relation = say_strongest_relation(findings.layers)
    return f"{_compare_with_chance(accuracy, chance)} {relation + '.' if relation else ''}".strip()


def _compare_with_chance(accuracy: Score | None, chance: Score | None) -> str:
    if accuracy is None or accuracy.value is None:
        return f"That can't be said: {accuracy.reason if accuracy else 'accuracy was not measured'}."
    told = f"accuracy is {value_with_interval(accuracy)} on {count(accuracy.n, 'sample')}"
    if chance is None or chance.value is None or accuracy.low is None or accuracy.high is None:
        return f"Its {told}; there is nothing to hold that against."
    guess = f"always guessing the largest class gives {chance.value:.3f}"
    if accuracy.low > chance.value:
        return f"It tells classes apart: {told}, where {guess}."
    if accuracy.high < chance.value:
        return f"Its predictions are worse than a guess: {told}, where {guess}."
    return f"Nothing detectable: {told}, and {guess}, which is inside the interval."


def _answer_generalizes(findings: LatentsFindings) -> str:
    n, n_speakers = len(findings.ids), len(set(findings.speakers))
    told = (
        f"The numbers come from {count(n, 'sample')} of {count(n_speakers, 'speaker')}. They speak for new speakers if "
        "none of these was trained on; scores on the training samples, and so the gap to them, were not measured here."
    )
    return f"{told} {_say_few(n)}".strip()


def _say_few(n: int) -> str:
    return f"With only {count(n, 'sample')} every share above is rough: read the intervals." if n < SMALL else ""


def _answer_improve(findings: LatentsFindings) -> str:
    return " ".join(filter(None, [_name_weakest_class(findings), _name_confused_pair(findings), _name_lost(findings)]))


def _name_weakest_class(findings: LatentsFindings) -> str:
    labels = label_recalls(findings)
    measured = [(value, name) for name in labels if (value := findings.scores[name].value) is not None]
    if len(measured) < 2:
        return "With fewer than two classes there is no weakest one."
    (low, weakest), (high, _) = min(measured), max(measured)
    if low == high:
        return f"All classes have the same recall, {low:.3f}."
    score = findings.scores[weakest]
    told = f"The weakest class is {labels[weakest]}: recall {value_with_interval(score)} on {count(score.n, 'sample')}"
    return (
        f"{told}."
        if _is_below(score, findings.scores.get("accuracy"))
        else f"{told}, not detectably below overall accuracy."
    )


def _is_below(score: Score, overall: Score | None) -> bool:
    """Whether the whole interval lies below the other score's value."""
    return score.high is not None and overall is not None and overall.value is not None and score.high < overall.value


def _name_confused_pair(findings: LatentsFindings) -> str:
    worst = find_most_confused(findings)
    if worst is None:
        return "No two classes were mixed up."
    return f"It mixes up {worst.first} and {worst.second} most, in {say_share(worst.rate)} of their samples."


def _name_lost(findings: LatentsFindings) -> str:
    n = len(findings.accounting.failed)
    return f"{count(n, 'input')} could not be used: see the list above." if n else ""
