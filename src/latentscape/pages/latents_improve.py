"""The ranked list of what to improve, in words: a claim, its evidence, what to do, and the samples behind it."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from latentscape.figures.sample_words import name_groups, words_of
from latentscape.figures.words import say_share
from latentscape.findings import Improvement, LatentsFindings, title_layer
from latentscape.measures.score import Score
from latentscape.pages.advice import Told, tell_advice, tell_withheld
from latentscape.pages.report import Advice
from latentscape.pages.words import count, share_with_interval

FEW_CLOSER = 1 / 3
"""A pair of classes is called close if at most this share of all pairs is closer."""


def list_advice(findings: LatentsFindings) -> tuple[Advice, ...]:
    """Every improvement of the findings, told; in their order."""
    return tell_advice(findings.improvements, findings, KINDS)


def list_withheld(findings: LatentsFindings) -> tuple[str, ...]:
    """What could not be judged, and why, a sentence each."""
    return tell_withheld(findings.improvements, SUBJECTS)


def _tell_leaking(improvement: Improvement, findings: LatentsFindings) -> Told:
    n = sum(len(set(suspect.splits)) > 1 and "copies" in suspect.kind for suspect in findings.suspects)
    return (
        f"{_count(n, findings)} on both sides of the split",
        f"Byte for byte the same {_content(findings)} was trained on and is judged here, so the scores are too good.",
        "Remove the copies, train again, and only then read the scores.",
    )


def _tell_speakers(improvement: Improvement, findings: LatentsFindings) -> Told:
    group = words_of(findings).group
    whose = "voices" if group == "speaker" else f"{group}s"
    names = ", ".join(improvement.subject[:5])
    more = f" and {len(improvement.subject) - 5} more" if len(improvement.subject) > 5 else ""
    return (
        f"{count(len(improvement.subject), group)} on both sides of the split: {names}{more}",
        f"The model was trained on {whose} it is judged on; {say_share(improvement.stake)} of the samples are theirs.",
        f"Split by {group} and train again.",
    )


def _tell_conflicts(improvement: Improvement, findings: LatentsFindings) -> Told:
    groups = [suspect for suspect in findings.suspects if suspect.kind == "conflicting_copies"]
    names = findings.class_names
    pairs = [" and ".join(dict.fromkeys(names[label] for label in each.labels if label >= 0)) for each in groups]
    trained = sum(split == "train" for each in groups for split in each.splits)
    heard = f" {count(trained, _content(findings))} of these were trained on." if trained else ""
    return (
        f"{_count(len(groups), findings)} filed under two labels ({'; '.join(dict.fromkeys(pairs))})",
        f"The {_content(findings)}s are byte for byte the same, so one label at least is wrong.{heard}",
        f"{words_of(findings).look} them, keep one label or none, and train again.",
    )


def _tell_label_errors(improvement: Improvement, findings: LatentsFindings) -> Told:
    n = len(improvement.samples)
    return (
        f"{count(n, 'sample')} may carry the wrong label",
        f"In {findings.main_layer.title} most of their neighbors have another label, and the model, which was not "
        "trained on them, prefers that same label. It may also be the model that is wrong.",
        f"Relabel or confirm {'this one' if n == 1 else f'these {n}'} first: suspects.csv has what they look like.",
    )


def _tell_confused_pair(improvement: Improvement, findings: LatentsFindings) -> Told:
    first, second, where = improvement.subject
    rate, expected = improvement.scores["rate"], improvement.scores["expected"]
    place = _place_pair(improvement.scores, findings)
    among = f" in {where}, which has both," if where else ""
    close = "closer" in improvement.scores and (improvement.scores["closer"].value or 0.0) <= FEW_CLOSER
    action = (
        f"They lie close before the last step already: collect more of both, or merge {first} and {second}."
        if close
        else f"The features can tell them apart, the last step does not: check the labels of {first} and {second}, "
        "weigh them in the loss, or train the classifier on top for longer."
    )
    return (
        f"{first} and {second} are mixed up more than other classes",
        f"{share_with_interval(rate)} of their {count(rate.n, 'sample')}{among} are taken for each other, where "
        f"{say_share(expected.value or 0.0)} would be if mistakes fell on all classes alike{_p(improvement)}.{place}",
        action,
    )


def _place_pair(scores: Mapping[str, Score], findings: LatentsFindings) -> str:
    metric = next((name for name in scores if name in DISTANCES), None)
    if metric is None or scores["closer"].value is None:
        return ""
    closer = scores["closer"].value
    where = "the closest of all pairs" if closer == 0 else f"{say_share(closer)} of all pairs are closer"
    return f" {DISTANCES[metric]} in {findings.main_layer.title}: {scores[metric].value:.2f}, {where}."


def _tell_weak_class(improvement: Improvement, findings: LatentsFindings) -> Told:
    label, usual = improvement.subject
    recall, others = improvement.scores["recall"], improvement.scores["others"]
    return (
        f"{label} is recognized less often than the other classes",
        f"Recall {share_with_interval(recall)} on {count(recall.n, 'sample')}, where the others together have "
        f"{say_share(others.value or 0.0)}{_p(improvement)}. The model says {usual} most often instead.",
        f"{words_of(findings).look} the missed ones, add or reweigh samples of {label}, and check that its labels mean "
        "one thing.",
    )


def _tell_transfer(improvement: Improvement, findings: LatentsFindings) -> Told:
    source, target, layer = improvement.subject
    across, within, loss = (improvement.scores[name] for name in ("across", "within", "loss"))
    return (
        f"What is learned on {source} does not carry over to {target}",
        f"In {title_layer(layer)} a linear reader trained on {source} is right for {share_with_interval(across)} of "
        f"the {count(across.n, 'sample')} of {target}, one trained on {target} for {share_with_interval(within)}: a "
        f"loss of {_points(loss)}{_p(improvement)}. Only classes that both have count.",
        f"Train on more {words_of(findings).many} like {target}, or make the layer blind to the dataset (domain head, "
        "augmentation).",
    )


def _tell_dataset(improvement: Improvement, findings: LatentsFindings) -> Told:
    first, last = map(title_layer, improvement.subject[:2])
    words, note = words_of(findings), name_groups(improvement.subject[2], words_of(findings).group)
    most, still, chance = (improvement.scores[name] for name in ("most", "last", "chance"))
    guess = f"always guessing the larger gives {say_share(chance.value or 0.0)}"
    if first == last:
        where = f"The dataset can be read from {last} at {share_with_interval(still)}"
    else:
        where = f"The dataset can be read from {first} at {share_with_interval(most)} and still from {last} at "
        where += share_with_interval(still)
    if note:
        whose = "voices" if words.group == "speaker" else f"{words.group}s"
        action = f"Hold out two {words.group}s or more of each dataset: then {whose} and datasets can be told apart."
    elif findings.model.unlearns_dataset:
        action = "The domain head is not working: raise grl_lambda, or train it for longer."
    else:
        head = " (num_domains, grl_lambda)" if findings.kind == "audio" else ""
        action = f"Train with a domain head{head}, or mix the {words.many} by augmentation."
    caution = f" Mind: {note}." if note else ""
    return (where, f"Of {count(still.n, 'sample')}; {guess}{_p(improvement)}.{caution}", action)


def _tell_better_layer(improvement: Improvement, findings: LatentsFindings) -> Told:
    best, last = map(title_layer, improvement.subject)
    scores = improvement.scores
    return (
        f"{best} knows more of the classes than {last} does",
        f"A linear reader, judged on other {_others(findings)}, is right {share_with_interval(scores['best'])} of the "
        f"time in {best} and {share_with_interval(scores['last'])} in {last}{_p(improvement)}; n = "
        f"{scores['last'].n:,}.",
        f"Classify from {best}, or let the layers after it learn: they lose what it has.",
    )


def _tell_overconfident(improvement: Improvement, findings: LatentsFindings) -> Told:
    action = f"Soften the probabilities (temperature scaling) on held-out {_others(findings)}"
    return _tell_confidence(improvement, "surer than it is right", action)


def _tell_underconfident(improvement: Improvement, findings: LatentsFindings) -> Told:
    action = f"Sharpen the probabilities on held-out {_others(findings)}"
    return _tell_confidence(improvement, "right more often than it is sure", action)


def _tell_confidence(improvement: Improvement, what: str, action: str) -> Told:
    gap, accuracy = improvement.scores["overconfidence"], improvement.scores["accuracy"]
    sure = (accuracy.value or 0.0) + (gap.value or 0.0)
    return (
        f"The model is {what}",
        f"It says {say_share(sure)} on average and is right {share_with_interval(accuracy)} of the time, a gap of "
        f"{_points(gap)} on {count(gap.n, 'sample')}.",
        f"{action} before anybody relies on its probabilities; the predictions stay as they are.",
    )


def _tell_copies(improvement: Improvement, findings: LatentsFindings) -> Told:
    n = len(improvement.samples)
    return (
        f"{count(n, _content(findings))} are copies of each other",
        "They are byte for byte the same, with the same label and on the same side of the split.",
        "Keep one of each: copies count twice.",
    )


def _tell_near_copies(improvement: Improvement, findings: LatentsFindings) -> Told:
    n = len(improvement.samples)
    return (
        f"{count(n, 'sample')} look like copies that were changed a little",
        f"In {findings.layers[0].title} they lie far nearer to each other than samples usually do.",
        f"{words_of(findings).look} the pairs and keep one of each: suspects.csv says which belong together.",
    )


def _tell_outliers(improvement: Improvement, findings: LatentsFindings) -> Told:
    n = len(improvement.samples)
    return (
        f"{count(n, 'sample')} {'is' if n == 1 else 'are'} like no other",
        f"In {findings.layers[0].title} their nearest neighbors are much farther away than is usual.",
        words_of(findings).oddities,
    )


def _count(n: int, findings: LatentsFindings) -> str:
    words = words_of(findings)
    return count(n, words.one, words.many)


def _content(findings: LatentsFindings) -> str:
    """What copies are copies of."""
    return "file" if findings.kind in ("audio", "image") else words_of(findings).one


def _others(findings: LatentsFindings) -> str:
    """Who was not trained on: the groups where there are any, else samples."""
    return f"{words_of(findings).group}s" if findings.has_groups else "samples"


def _points(score: Score) -> str:
    """A difference of shares in percentage points."""
    value, low, high = (abs(100 * (x or 0.0)) for x in (score.value, score.low, score.high))
    ends = "" if score.low is None else f" [{min(low, high):.0f}, {max(low, high):.0f}]"
    return f"{value:.0f} points{ends}"


def _p(improvement: Improvement) -> str:
    if improvement.p_value is None:
        return ""
    return " (p < 0.001)" if improvement.p_value < 0.001 else f" (p = {improvement.p_value:.3f})"


DISTANCES = MappingProxyType({"mmd": "Their MMD", "cosine": "The cosine distance of their centroids"})
KINDS: Mapping[str, Callable[[Improvement, LatentsFindings], Told]] = MappingProxyType(
    {
        "leaking_copies": _tell_leaking,
        "shared_speakers": _tell_speakers,
        "conflicting_copies": _tell_conflicts,
        "label": _tell_label_errors,
        "confused_pair": _tell_confused_pair,
        "weak_class": _tell_weak_class,
        "lost_transfer": _tell_transfer,
        "readable_dataset": _tell_dataset,
        "better_layer": _tell_better_layer,
        "overconfident": _tell_overconfident,
        "underconfident": _tell_underconfident,
        "copies": _tell_copies,
        "near_copies": _tell_near_copies,
        "outlier": _tell_outliers,
    }
)
"""Kind of improvement -> its words."""
SUBJECTS: Mapping[str, str] = MappingProxyType(
    {
        "predictions": "Nothing is claimed about classes, labels or confidence",
        "label": "Wrong labels could not be looked for",
        "confused_pair": "Which classes are mixed up most could not be judged",
        "weak_class": "Weak classes could not be judged",
        "lost_transfer": "Whether the classes carry over from one dataset to another could not be judged",
        "readable_dataset": "Whether the model knows the dataset could not be judged",
        "better_layer": "Layers could not be compared",
        "calibration": "Confidence could not be judged",
    }
)
"""Rule -> what is missing when it does not speak."""
