"""Where can the model be improved: claims that the evidence carries, ranked by what is at stake.

Facts come first: copies with two labels, recordings on both sides of the split. They need no test and spoil every
other number. Then come claims in order of the share of predictions they concern, each with its p-value, adjusted for
all claims of its kind (Holm 1979). Lists of samples to look at come last.

Two questions guard the rest at GATE: do the predictions have anything to do with the labels, and does the last layer
know the dataset? Only past the first are the rules asked that build on labels and predictions, at ALPHA. Of studies in
which everything is drawn at random 2 in 100 make a claim. What could not be judged is said, with the reason.
"""

from collections.abc import Callable, Sequence
from itertools import combinations

import numpy as np

from latentscape.findings import LOGITS, Improvement, Improvements, LatentsFindings, Withheld
from latentscape.measures.classification import find_known, name_scores
from latentscape.measures.confusability import PairConfusion, measure_confusability
from latentscape.measures.paired_hits import mcnemar_p
from latentscape.measures.permutations import MIN_ARRANGEMENTS, count_arrangements, holm, p_value_of, permute_labels
from latentscape.measures.readout import Readout
from latentscape.measures.score import Score
from latentscape.measures.suspects import Suspect

GATE = 0.01
"""A guarding question is answered with yes where its p is at most this."""
ALPHA = 0.05
"""Past the gate a claim is made where its adjusted p is at most this."""
LEAST_SAMPLES = 30
"""With fewer samples nothing is claimed about the model."""
COMMON = 0.1
"""A mistake that this share of a class's samples share is a habit of the model."""
LEAST_CLASSES = 3
"""The only pair of two classes can't be mixed up more than others."""
LEAST_MIXED = 5
"""Fewer samples taken for each other are not worth a line."""
LEAST_GAP = 0.02
"""Confidence off by less is not worth a line."""
ENOUGH_SPEAKERS = 12
"""Two datasets of six speakers each can be told apart at GATE by exchanging whole speakers; smaller ones never."""

Found = list[Improvement] | Withheld


def find_improvements(findings: LatentsFindings, *, seed: int) -> Improvements:
    """Every claim that survives its test, ranked; and for each rule that could not judge, why."""
    facts = [_claim_copies(findings, "leaking_copies"), _claim_speakers(findings)]
    facts += [_claim_copies(findings, "conflicting_copies")]
    doubt = _doubt(findings, seed=seed)
    claims = [rule(findings) for rule in RULES] if doubt is None else [doubt]
    claims += [_claim_readable_dataset(findings)]
    lists = [_list_samples(findings, _select(findings, kind)) for kind in ("copies", "near_copies", "outlier")]
    ranked = sorted(_drop_said_twice(keep_found(claims)), key=lambda claim: -claim.stake)
    withheld = [answer for answer in claims if isinstance(answer, Withheld)]
    return Improvements(found=(*keep_found(facts), *ranked, *keep_found(lists)), withheld=tuple(withheld))


def keep_found(answers: Sequence[Found]) -> list[Improvement]:
    """The claims among the answers of several rules."""
    return [each for answer in answers if not isinstance(answer, Withheld) for each in answer]


def _drop_said_twice(claims: Sequence[Improvement]) -> list[Improvement]:
    """Without weak classes that are weak because they are mixed up with one other class, which is said already."""
    pairs = {frozenset(claim.subject[:2]) for claim in claims if claim.kind == "confused_pair"}
    return [claim for claim in claims if claim.kind != "weak_class" or frozenset(claim.subject) not in pairs]


def _doubt(findings: LatentsFindings, *, seed: int) -> Withheld | None:
    """Why nothing can be said that builds on labels and predictions; None where they have something in common."""
    known = find_known(findings.labels, findings.predictions)
    labels, predictions = findings.labels[known], findings.predictions[known]
    if len(labels) < LEAST_SAMPLES:
        return Withheld(kind="predictions", reason=f"{len(labels)} labeled samples are fewer than {LEAST_SAMPLES}")
    speakers = np.unique(np.array(findings.speakers, dtype=object)[known], return_inverse=True)[1]
    if count_arrangements(labels, speakers) < MIN_ARRANGEMENTS:
        return Withheld(kind="predictions", reason="too few different labels to tell skill from chance")
    drawn = permute_labels(labels, speakers, seed=seed)
    p = p_value_of((drawn == predictions).mean(axis=1), float((labels == predictions).mean()))
    if p <= GATE:
        return None
    reason = f"the predictions agree with the labels no better than with shuffled ones (p = {p:.2f}, n = {len(labels)})"
    return Withheld(kind="predictions", reason=reason)


def _claim_copies(findings: LatentsFindings, kind: str) -> Found:
    """Recordings that occur more than once: with different labels, or on both sides of the split."""
    groups = _select(findings, kind)
    if kind == "leaking_copies":
        groups += [each for each in _select(findings, "conflicting_copies") if len(set(each.splits)) > 1]
    if not groups:
        return []
    ids = tuple(name for group in groups for name in group.ids)
    return [Improvement(kind=kind, subject=(), samples=ids, stake=_share_studied(findings, ids))]


def _claim_speakers(findings: LatentsFindings) -> Found:
    shared = set(findings.shared_speakers)
    if not shared:
        return []
    ids = tuple(name for name, who in zip(findings.ids, findings.speakers, strict=True) if who in shared)
    stake = _share_studied(findings, ids)
    return [Improvement(kind="shared_speakers", subject=findings.shared_speakers, samples=ids, stake=stake)]


def _claim_label_errors(findings: LatentsFindings) -> Found:
    """Samples whose label the model and the neighbors agree in doubting; only where neighbors know labels at all.

    A doubt that the model has about many samples of a class is a weakness of the model, not of the labels.
    """
    readout = findings.main_layer.readouts.get(("class", "knn"))
    if readout is None or readout.p_value is None or readout.p_value > GATE:
        return Withheld(kind="label", reason="the neighbors of a sample do not tell its class, so they can't doubt it")
    taken_for = findings.confusion_matrix / np.maximum(findings.confusion_matrix.sum(axis=1, keepdims=True), 1)
    doubts = _select(findings, "label")
    return _list_samples(findings, [each for each in doubts if taken_for[each.labels[0], each.suggested] <= COMMON])


def _claim_confused_pairs(findings: LatentsFindings) -> Found:
    """Pairs that are taken for each other more often than the two classes' mistakes at large explain."""
    if len(findings.class_names) < LEAST_CLASSES:
        return []
    pairs = [(pair, where) for pair, where in _judge_pairs(findings) if pair.p_value is not None]
    if not pairs:
        return Withheld(kind="confused_pair", reason="there are too few mistakes to compare pairs of classes")
    n = int(findings.confusion_matrix.sum())
    found = []
    for (pair, where), p in zip(pairs, holm(np.array([pair.p_value for pair, _ in pairs])), strict=True):
        if p > ALPHA or pair.count < LEAST_MIXED:
            continue
        both = {(pair.first, pair.second), (pair.second, pair.first)}
        sides = zip(findings.labels.tolist(), findings.predictions.tolist(), strict=True)
        rows = [row for row, side in enumerate(sides) if side in both]
        certain = findings.probabilities[rows].max(axis=1) if rows else np.empty(0)
        found.append(
            Improvement(
                kind="confused_pair",
                subject=(findings.class_names[pair.first], findings.class_names[pair.second], where),
                scores={"rate": pair.rate, "expected": yardstick("expected", pair.expected, n=pair.rate.n)}
                | _locate_pair(findings, pair.first, pair.second),
                p_value=float(p),
                samples=tuple(findings.ids[rows[place]] for place in np.argsort(-certain, kind="stable")),
                stake=pair.count / n,
            )
        )
    return found


def _judge_pairs(findings: LatentsFindings) -> list[tuple[PairConfusion, str]]:
    """Each pair of classes, judged where both occur, and where that is: what a dataset lacks is no choice in it.

    The place is empty where it is the whole dataset.
    """
    tables = findings.dataset_confusions or (findings.confusion_matrix,)
    has = np.array([table.sum(axis=1) > 0 for table in tables])
    judged: dict[tuple[int, ...], dict[tuple[int, int], PairConfusion]] = {}
    found = []
    for a, b in combinations(range(has.shape[1]), 2):
        places = tuple(np.flatnonzero(has[:, a] & has[:, b]).tolist())
        if not places:
            continue
        if places not in judged:
            table = np.sum([tables[place] for place in places], axis=0)
            judged[places] = {(pair.first, pair.second): pair for pair in measure_confusability(table)}
        everywhere = len(places) == len(tables)
        where = "" if everywhere else " and ".join(findings.dataset_names[place] for place in places)
        found.append((judged[places][a, b], where))
    return found


def _locate_pair(findings: LatentsFindings, first: int, second: int) -> dict[str, Score]:
    """How far apart the two classes lie in the last layer: the distance, and the share of pairs that lie closer."""
    relation = findings.main_layer.other_confusions.get("mmd") or findings.main_layer.confusion
    own = np.flatnonzero((relation.pairs == (first, second)).all(axis=1))
    if not len(own) or not np.isfinite(relation.distances[own[0]]):
        return {}
    distance = float(relation.distances[own[0]])
    closer = float((relation.distances < distance).mean())
    n = int(relation.sizes[own[0]]) if len(relation.sizes) else 0
    return {relation.metric: yardstick(relation.metric, distance, n=n), "closer": yardstick("closer", closer, n=n)}


def _claim_weak_classes(findings: LatentsFindings) -> Found:
    """Classes that are recognized less often than all others together."""
    from scipy.stats import fisher_exact  # noqa: PLC0415  half a second

    confusions = findings.confusion_matrix
    totals, right = confusions.sum(axis=1), np.diag(confusions)
    classes = np.flatnonzero(totals)
    if len(classes) < 2:
        return Withheld(kind="weak_class", reason="a single class has samples")
    rest, rest_right = totals.sum() - totals, right.sum() - right
    tables = [[[right[c], totals[c] - right[c]], [rest_right[c], rest[c] - rest_right[c]]] for c in classes]
    p_values = holm(np.array([fisher_exact(table, alternative="less")[1] for table in tables]))
    recalls = name_scores("recall", findings.class_names)
    found = []
    for c, p in zip(classes.tolist(), p_values, strict=True):
        if p > ALPHA:
            continue
        others = float(rest_right[c] / rest[c])
        missed = np.flatnonzero((findings.labels == c) & (findings.predictions != c))
        found.append(
            Improvement(
                kind="weak_class",
                subject=(findings.class_names[c], _name_usual_answer(findings, c)),
                scores={"recall": findings.scores[recalls[c]], "others": yardstick("others", others, n=int(rest[c]))},
                p_value=float(p),
                samples=tuple(findings.ids[row] for row in missed),
                stake=(others - float(right[c] / totals[c])) * float(totals[c] / totals.sum()),
            )
        )
    return found


def _name_usual_answer(findings: LatentsFindings, label: int) -> str:
    """What the model says most often in place of this class."""
    wrong = findings.confusion_matrix[label].copy()
    wrong[label] = 0
    return findings.class_names[int(wrong.argmax())]


def _claim_lost_transfer(findings: LatentsFindings) -> Found:
    """Datasets whose classes a reader trained on another one reads worse, in the last layer."""
    main = findings.main_layer
    linear = next((each for each in main.transfers if each.reader == "linear"), None)
    if linear is None:
        return [] if len(findings.dataset_names) < 2 else Withheld(kind="lost_transfer", reason="it was not measured")
    tested = [(pair, p) for pair, p in linear.loss_p_values.items() if p is not None and pair not in linear.notes]
    if not tested:
        reasons = {score.reason for score in linear.losses.values() if score.reason} | set(linear.notes.values())
        return Withheld(kind="lost_transfer", reason="; ".join(sorted(reasons)) or "no losses could be tested")
    found = []
    for ((a, b), _), p in zip(tested, holm(np.array([p for _, p in tested])), strict=True):
        loss, own = linear.losses[a, b], linear.p_values[b, b]
        readable = own is not None and own <= ALPHA
        if p > ALPHA or not readable or loss.value is None or loss.low is None or loss.low <= 0:
            continue
        rows = findings.dataset_ids == b
        found.append(
            Improvement(
                kind="lost_transfer",
                subject=(findings.dataset_names[a], findings.dataset_names[b], main.layer),
                scores={"across": linear.scores[a, b], "within": linear.scores[b, b], "loss": loss},
                p_value=float(p),
                stake=loss.value * float(rows.mean()),
            )
        )
    return found


def _claim_calibration(findings: LatentsFindings) -> Found:
    """Confidence that is not what the accuracy is."""
    measured = findings.calibration.scores if findings.calibration else {}
    gap = measured.get("overconfidence")
    if gap is None or gap.value is None or gap.low is None or gap.high is None:
        return Withheld(kind="calibration", reason=gap.reason if gap and gap.reason else "confidence was not measured")
    if gap.low <= 0 <= gap.high or abs(gap.value) < LEAST_GAP:
        return []
    kind = "overconfident" if gap.value > 0 else "underconfident"
    scores = {"overconfidence": gap, "accuracy": findings.scores["accuracy"]}
    return [Improvement(kind=kind, subject=(), scores=scores | {"calibration_error": measured["calibration_error"]})]


def _claim_better_layer(findings: LatentsFindings) -> Found:
    """A layer in which the classes are read better than in the last one: what it knows is lost on the way."""
    main = findings.main_layer
    last = main.readouts.get(("class", "linear"))
    others = [layer for layer in findings.layers if layer.layer not in (main.layer, LOGITS)]
    if last is None or last.score.value is None or not others:
        return Withheld(kind="better_layer", reason="there are no two layers to compare")
    readouts = [layer.readouts["class", "linear"] for layer in others]
    both = [last.used & each.used for each in readouts]
    p_values = holm(
        np.array([mcnemar_p(each.hits[own], last.hits[own]) for each, own in zip(readouts, both, strict=True)])
    )
    gains = [0.0 if each.score.value is None else each.score.value - last.score.value for each in readouts]
    best = int(np.argmax(gains))
    if p_values[best] > ALPHA or gains[best] <= 0:
        return []
    return [
        Improvement(
            kind="better_layer",
            subject=(others[best].layer, main.layer),
            scores={"best": readouts[best].score, "last": last.score},
            p_value=float(p_values[best]),
            stake=gains[best],
        )
    ]


def _claim_readable_dataset(findings: LatentsFindings) -> Found:
    """The dataset can still be read from the last layer: the model has learned the corpus beside the classes."""
    readable = [
        (layer, layer.readouts.get(("dataset", "linear"))) for layer in findings.layers if layer.layer != LOGITS
    ]
    measured = [(layer, each) for layer, each in readable if each is not None and each.score.value is not None]
    if not measured and len(findings.dataset_names) < 2:
        return []
    if not measured:
        reason = next((each.score.reason for _, each in readable if each is not None), "it was not measured")
        return Withheld(kind="readable_dataset", reason=reason)
    most = max(range(len(measured)), key=lambda place: measured[place][1].score.value or 0.0)
    (first, strongest), (last, still) = measured[most], measured[-1]
    if still.p_value is None or still.p_value > GATE:
        return _excuse_few_speakers(findings, still)
    return [
        Improvement(
            kind="readable_dataset",
            subject=(first.layer, last.layer, still.note),
            scores={
                "most": strongest.score,
                "last": still.score,
                "chance": yardstick("chance", still.chance, n=still.score.n),
            },
            p_value=still.p_value,
        )
    ]


def _excuse_few_speakers(findings: LatentsFindings, readout: Readout) -> Found:
    """Nothing to claim; but with few speakers nothing could have been."""
    n_speakers = len(set(findings.speakers))
    if readout.grouped and n_speakers < ENOUGH_SPEAKERS:
        reason = f"{n_speakers} speakers are too few to tell a dataset from the voices in it"
        return Withheld(kind="readable_dataset", reason=reason)
    return [] if readout.p_value is not None else Withheld(kind="readable_dataset", reason=readout.note)


def _list_samples(findings: LatentsFindings, suspects: Sequence[Suspect]) -> list[Improvement]:
    """Suspects of one kind, the strongest first."""
    if not suspects:
        return []
    ordered = sorted(suspects, key=lambda suspect: -suspect.strength)
    ids = tuple(dict.fromkeys(name for suspect in ordered for name in suspect.ids))
    return [Improvement(kind=ordered[0].kind, subject=(), samples=ids, stake=_share_studied(findings, ids))]


def _select(findings: LatentsFindings, kind: str) -> list[Suspect]:
    return [suspect for suspect in findings.suspects if suspect.kind == kind]


def _share_studied(findings: LatentsFindings, ids: Sequence[str]) -> float:
    return len(set(ids) & set(findings.ids)) / max(len(findings.ids), 1)


def yardstick(name: str, value: float, *, n: int) -> Score:
    """A number that a claim's evidence is held against, in the form of a score."""
    return Score(name=name, value=value, n=n, better="neither")


RULES: Sequence[Callable[[LatentsFindings], Found]] = (
    _claim_label_errors,
    _claim_confused_pairs,
    _claim_weak_classes,
    _claim_lost_transfer,
    _claim_better_layer,
    _claim_calibration,
)
"""What is claimed about labels and predictions, where they have anything in common."""
