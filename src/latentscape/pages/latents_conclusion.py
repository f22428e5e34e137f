"""What the numbers of a latents study answer, by rules, and no more than they answer."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from latentscape.figures.sample_words import name_groups, words_of
from latentscape.figures.words import say_share, say_strongest_relation
from latentscape.findings import LatentsFindings
from latentscape.measures.readout import Readout, Target
from latentscape.measures.score import Score
from latentscape.pages.latents_tables import CLAIMED_BELOW, say_points
from latentscape.pages.report import Paragraph
from latentscape.pages.words import SMALL, count, share_with_interval, value_with_interval

FEW_NAMES = 3
LEAST_CLASSES = 3
"""Of two classes there is no pair that is mixed up most."""
"""Names listed in a sentence; the rest is counted."""


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
    read = any(layer.readouts for layer in findings.layers)
    carried = any(layer.transfers for layer in findings.layers)
    measures = {
        "What did it learn?": ("accuracy", "chance_accuracy", *(["linear_class"] if read else [])),
        "Does it generalize?": ("transfer_loss_linear",) if carried else (),
        "Where can it be improved?": ("recall_", *(["overconfidence"] if findings.calibration else [])),
    }
    answers = (_answer_learned, _answer_generalizes, _answer_improve)
    return tuple(
        Paragraph(lead=question, text=answer(findings), measures=named)
        for (question, named), answer in zip(measures.items(), answers, strict=True)
    )


def find_most_confused(findings: LatentsFindings) -> ConfusedPair | None:
    """The pair of classes mixed up most, its distance taken in the main layer; None where nothing is mixed up."""
    if not findings.layers:
        return None
    last = findings.main_layer
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
        layer=last.title,
        metric=last.confusion.metric,
    )


def label_recalls(findings: LatentsFindings) -> dict[str, str]:
    """The name of each class by the name of its score, in the order of the classes."""
    names = [name for name in findings.scores if name.startswith("recall_")]
    same = len(names) == len(findings.class_names)
    return dict(zip(names, findings.class_names if same else (name[7:] for name in names), strict=True))


def _join(sentences: Iterable[str]) -> str:
    return " ".join(filter(None, sentences))


def _answer_learned(findings: LatentsFindings) -> str:
    accuracy, chance = findings.scores.get("accuracy"), findings.scores.get("chance_accuracy")
    relation = say_strongest_relation(findings.layers)
    return _join(
        [
            _compare_with_chance(accuracy, chance),
            _say_class(findings),
            _say_dataset(findings),
            _say_speaker(findings),
            f"{relation}." if relation else "",
        ]
    )


def _compare_with_chance(accuracy: Score | None, chance: Score | None) -> str:
    if accuracy is None or accuracy.value is None:
        return f"That can't be said: {accuracy.reason if accuracy else 'accuracy was not measured'}."
    told = f"{share_with_interval(accuracy)} of {count(accuracy.n, 'sample')} are right"
    if chance is None or chance.value is None or accuracy.low is None or accuracy.high is None:
        return f"{told}; there is nothing to hold that against."
    guess = f"always guessing the largest class gives {say_share(chance.value)}"
    if accuracy.low > chance.value:
        return f"It tells classes apart: {told}, where {guess}."
    if accuracy.high < chance.value:
        return f"Its predictions are worse than a guess: {told}, where {guess}."
    return f"Nothing detectable: {told}, and {guess}, which is inside the interval."


@dataclass(frozen=True, kw_only=True)
class _Reading:
    """How well the linear probe reads one target from one layer."""

    layer: str
    value: float
    readout: Readout
    detected: bool
    """Better than permuted labels, counting that every layer was tried."""


def _read_layers(findings: LatentsFindings, target: Target) -> list[_Reading]:
    """The layers where it was measured, in their order; linear, or k-NN where there is no linear one."""
    found = [(layer.title, layer.readouts.get((target, "linear"))) for layer in findings.layers]
    measured = [(name, each, each.score.value) for name, each in found if each is not None]
    known = [(name, each, value) for name, each, value in measured if value is not None]
    return [
        _Reading(
            layer=name,
            value=value,
            readout=each,
            detected=each.p_value is not None and each.p_value * len(known) <= CLAIMED_BELOW,
        )
        for name, each, value in known
    ]


def _say_class(findings: LatentsFindings) -> str:
    readings = _read_layers(findings, "class")
    detected = [reading for reading in readings if reading.detected]
    if not readings or _lacks_null(readings):
        return name_groups(_explain_missing_null(readings, what="the class"), words_of(findings).group)
    if not detected:
        return "In no layer is the class detectably readable: a linear probe does as well on permuted labels."
    best = max(detected, key=lambda reading: reading.value)
    others = [reading for reading in readings if reading.layer != best.layer]
    told = f"A linear probe reads the class best from {best.layer}: {share_with_interval(best.readout.score)}"
    guess = f"chance {say_share(best.readout.chance)}"
    if not others:
        return f"{told} ({guess})."
    least = min(others, key=lambda reading: reading.value)
    if least.value == best.value:
        right = share_with_interval(best.readout.score)
        return f"A linear probe reads the class equally well from every layer: {right} ({guess})."
    return f"{told}, least from {least.layer}: {share_with_interval(least.readout.score)} ({guess})."


def _say_dataset(findings: LatentsFindings) -> str:
    return _say_leak(_read_layers(findings, "dataset"), what="The dataset", group=words_of(findings).group)


def _say_speaker(findings: LatentsFindings) -> str:
    group = words_of(findings).group
    return _say_leak(_read_layers(findings, "speaker"), what=f"The {group}", group=group)


def _say_leak(readings: list[_Reading], *, what: str, group: str) -> str:
    """Where something can be read that the class should not need."""
    detected = [reading for reading in readings if reading.detected]
    if not readings or _lacks_null(readings):
        return name_groups(_explain_missing_null(readings, what=f"{what[0].lower()}{what[1:]}"), group)
    if not detected:
        return f"{what} is not detectably readable from any layer."
    if len(detected) == len(readings):
        where = "every layer" if len(readings) > 1 else detected[0].layer
    else:
        where = f"{len(detected)} of {len(readings)} layers"
    best, last = max(detected, key=lambda reading: reading.value), detected[-1]
    told = f"{what} can be read from {where}: {say_share(best.value)} in {best.layer}"
    still = "" if last.layer == best.layer else f", still {say_share(last.value)} in {last.layer}"
    unsure = any(not reading.readout.grouped for reading in detected) and what == "The dataset"
    whose = "their voices" if group == "speaker" else f"the {group}s themselves"
    voices = f"; with so few {group}s it may be {whose} that are read" if unsure else ""
    return f"{told}{still} (chance {say_share(best.readout.chance)}){voices}."


def _lacks_null(readings: list[_Reading]) -> bool:
    """Whether no layer could be compared with chance."""
    return all(reading.readout.p_value is None for reading in readings)


def _explain_missing_null(readings: list[_Reading], *, what: str) -> str:
    """That nothing can be said, and why; empty where nothing was read."""
    notes = dict.fromkeys(reading.readout.note for reading in readings if reading.readout.note)
    why = f": {'; '.join(notes)}" if notes else ""
    return f"Whether {what} can be read better than by chance can't be judged{why}." if readings else ""


def _answer_generalizes(findings: LatentsFindings) -> str:
    return _join([_say_speakers(findings), _say_transfer(findings), _say_few(len(findings.ids))])


def _say_speakers(findings: LatentsFindings) -> str:
    n_speakers, shared, group = len(set(findings.speakers)), findings.shared_speakers, words_of(findings).group
    if not findings.has_groups and not shared:
        return _say_alone(findings)
    told = f"The numbers come from {count(len(findings.ids), 'sample')} of {count(n_speakers, group)}."
    if shared:
        names = ", ".join(shared[:FEW_NAMES]) + (
            f" and {len(shared) - FEW_NAMES} more" if len(shared) > FEW_NAMES else ""
        )
        return (
            f"{told} {count(len(shared), f'{group} is', f'{group}s are')} also on the training side of the split "
            f"({names}): for new {group}s the numbers are too good."
        )
    if findings.n_train:
        return (
            f"{told} None of these is among the {group}s of the {count(findings.n_train, 'training sample')}, so the "
            f"numbers speak for new {group}s of the same datasets."
        )
    return (
        f"{told} They speak for new {group}s if "
        "none of these was trained on; scores on the training samples, and so the gap to them, were not measured here."
    )


def _say_alone(findings: LatentsFindings) -> str:
    """Of samples that are not known to belong together."""
    words, n = words_of(findings), count(len(findings.ids), "sample")
    return (
        f"The numbers come from {n}, each taken for itself, as nothing says which of them belong together. They "
        f"speak for new {words.many} like these if none of these was trained on; scores on the training samples, and "
        "so the gap to them, were not measured here."
    )


def _say_transfer(findings: LatentsFindings) -> str:
    """What a linear probe loses between datasets in the main layer; counts that every way and layer was tried."""
    if len(findings.dataset_names) < 2:
        return "With a single dataset nothing can be said of others."
    if not findings.layers:
        return ""
    linear = [
        (layer.title, transfer)
        for layer in findings.layers
        for transfer in layer.transfers
        if transfer.reader == "linear"
    ]
    losses = [
        (name, key, transfer)
        for name, transfer in linear
        for key, loss in transfer.losses.items()
        if loss.value is not None
    ]
    main = findings.main_layer.title
    ways = [(key, transfer) for name, key, transfer in losses if name == main]
    if not ways:
        reasons = {loss.reason for _, transfer in linear for loss in transfer.losses.values() if loss.reason}
        return (
            f"Whether it carries over between datasets can't be said: {'; '.join(sorted(reasons))}." if reasons else ""
        )
    worst, transfer = max(ways, key=lambda way: way[1].losses[way[0]].value or 0.0)
    train, test = (findings.dataset_names[number] for number in worst)
    loss, p_value = transfer.losses[worst], transfer.loss_p_values.get(worst)
    right = share_with_interval(transfer.scores[worst])
    told = f"a linear probe on {main} trained on {train} is right for {right} of {test}"
    note = f" ({transfer.notes[worst]})" if transfer.notes.get(worst) else ""
    if p_value is not None and p_value * len(losses) <= CLAIMED_BELOW and loss.low is not None and loss.low > 0:
        return f"Between datasets it loses: {told}, {say_points(loss)} below one trained there{note}."
    return (
        f"No loss between datasets is detectable: at worst {told}, and against one trained there it loses "
        f"{say_points(loss)}{note}."
    )


def _say_few(n: int) -> str:
    return f"With only {count(n, 'sample')} every share above is rough: read the intervals." if n < SMALL else ""


def _answer_improve(findings: LatentsFindings) -> str:
    n = len(findings.improvements.found)
    return _join(
        [
            _name_weakest_class(findings),
            _name_confused_pair(findings),
            _say_confidence(findings),
            _count_suspects(findings),
            f"{count(n, 'thing')} to do, by what {'it' if n == 1 else 'each'} can gain, below." if n else "",
            _name_lost(findings),
        ]
    )


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
    if len(findings.class_names) < LEAST_CLASSES:
        return ""
    return f"It mixes up {worst.first} and {worst.second} most, in {say_share(worst.rate)} of their samples."


def _say_confidence(findings: LatentsFindings) -> str:
    score = findings.calibration.scores.get("overconfidence") if findings.calibration else None
    if score is None or score.value is None or score.low is None or score.high is None:
        return ""
    if round(100 * max(abs(score.value), abs(score.low), abs(score.high)), 1) == 0:
        return "It is as sure as it is right."
    if score.low <= 0 <= score.high:
        return f"It is not detectably over- or underconfident ({say_points(score)})."
    flipped = Score(name=score.name, value=-score.value, n=score.n, low=-score.high, high=-score.low)
    return (
        f"It is overconfident by {say_points(score)}."
        if score.value > 0
        else f"It is underconfident by {say_points(flipped)}."
    )


def _count_suspects(findings: LatentsFindings) -> str:
    n = len(findings.suspects)
    return f"{count(n, 'suspect is', 'suspects are')} worth a look before training again." if n else ""


def _name_lost(findings: LatentsFindings) -> str:
    n = len(findings.accounting.failed)
    return f"{count(n, 'input')} could not be used: see Model info." if n else ""
