"""The tables of the latents report: one row a layer, a class, a pair of classes."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from latentscape.figures.sample_words import name_groups, words_of
from latentscape.figures.words import say_method, say_number, say_share
from latentscape.findings import LatentsFindings, LayerFindings, title_layer
from latentscape.measures.distance import ConfusionAgainstDistance
from latentscape.measures.drift import ClassDrift
from latentscape.measures.readout import Reader, Readout, Target
from latentscape.measures.score import Score
from latentscape.measures.transfer import Transfer
from latentscape.pages.report import Cell, Notes, Table
from latentscape.pages.words import interval_of, value_of

CLAIMED_BELOW = 0.05
"""A p-value above this is drawn faint: chance may have made the number."""
MOST_PAIRS = 10
READERS: Mapping[Reader, str] = {"linear": "linear", "knn": "k-NN"}
TARGETS: Mapping[Target, str] = {"class": "Class", "dataset": "Dataset", "speaker": "Speaker"}
SHAPES = {
    "silhouette": "Silhouette",
    "within_between": "Within / between",
    "effective_rank": "Effective rank",
    "intrinsic_dimension": "Intrinsic dimension",
    "mean_cosine": "Mean cosine",
    "hubness": "Hubness",
}
DISTANCES = {"euclidean": "Euclidean", "mahalanobis": "Mahalanobis", "mmd": "MMD"}
"""The other distances between classes; the rest are maps."""


def share_cell(score: Score, *, note: str = "", faint: bool = False) -> Cell:
    """A share with its interval and a remark below it."""
    if score.value is None:
        return Cell(text="n/a", notes=(score.reason,), faint=True)
    interval = "" if score.low is None or score.high is None else f"[{score.low:.0%}, {score.high:.0%}]"
    return Cell(text=say_share(score.value), notes=tuple(filter(None, [interval, note])), faint=faint)


def value_cell(score: Score, *, digits: int = 2, note: str = "", faint: bool = False) -> Cell:
    """A number with its interval and a remark below it."""
    if score.value is None:
        return Cell(text="n/a", notes=(score.reason,), faint=True)
    told = tuple(filter(None, [interval_of(score, digits=digits), note]))
    return Cell(text=value_of(score, digits=digits), notes=told, faint=faint)


def say_points(score: Score) -> str:
    """A difference of shares in percentage points, with its interval.

    >>> say_points(Score(name="loss", value=0.22, n=40, low=0.15, high=0.29))
    '22 points [15, 29]'
    """
    if score.value is None:
        return f"n/a ({score.reason})"
    points = say_number(100 * score.value, digits=0)
    return f"{points} {'point' if points == '1' else 'points'} {_say_interval_in_points(score)}".rstrip()


def say_p(p_value: float | None) -> str:
    """A p-value in words, empty where there is none.

    >>> say_p(0.034), say_p(0.00012)
    ('p = 0.034', 'p < 0.001')
    """
    if p_value is None:
        return ""
    return "p < 0.001" if p_value < 0.001 else f"p = {p_value:.3f}"


def is_chance(p_value: float | None) -> bool:
    """Whether chance may have made a number: its p is too large, or there is none."""
    return p_value is None or p_value > CLAIMED_BELOW


def tabulate_readouts(findings: LatentsFindings) -> Iterable[Table | Notes]:
    """What can be read from each layer, with what permuted labels give, and the remarks that the numbers need."""
    layers, group = findings.layers, words_of(findings).group
    targets = {**TARGETS, "speaker": group.capitalize()}
    asked: list[tuple[Target, Reader]] = [(target, reader) for target in TARGETS for reader in READERS]
    shown = [key for key in asked if any(key in layer.readouts for layer in layers)]
    if not shown:
        return
    yield Table(
        title="What can be read from each layer",
        header=("Layer", *(f"{targets[target]}, {READERS[reader]}" for target, reader in shown)),
        columns=("", *(f"{reader}_{target}" for target, reader in shown)),
        rows=tuple((layer.title, *(_readout_cell(layer.readouts.get(key)) for key in shown)) for layer in layers),
        note="Cross-validated accuracy, its 95 % interval, and the range that permuted labels give (null). Gray or "
        f"italic: not detectably better than permuted labels.{_explain_star(layers, group)}",
    )
    told = dict.fromkeys(_list_remarks(layers, shown, targets))
    remarks = tuple(name_groups(remark, group) for remark in told)
    if remarks:
        yield Notes(lines=remarks)


def _explain_star(layers: Sequence[LayerFindings], group: str) -> str:
    shares = any(not each.grouped and key[0] != "speaker" for layer in layers for key, each in layer.readouts.items())
    return f" *: folds share {group}s." if shares else ""


def _readout_cell(readout: Readout | None) -> Cell:
    if readout is None or readout.score.value is None:
        return Cell(text="n/a", faint=True)
    null = "" if readout.null is None else f"null {readout.null[0]:.0%} to {readout.null[1]:.0%}"
    cell = share_cell(readout.score, note=null, faint=is_chance(readout.p_value))
    shared = not readout.grouped and readout.target != "speaker"
    return replace(cell, text=f"{cell.text} *") if shared else cell


def _list_remarks(
    layers: Sequence[LayerFindings], keys: Sequence[tuple[Target, Reader]], names: Mapping[str, str]
) -> Iterable[str]:
    for target, reader in keys:
        for layer in layers:
            readout = layer.readouts.get((target, reader))
            if readout is None:
                continue
            yield from (f"{names[target]}: {text}." for text in (readout.note, readout.score.reason) if text)


def tabulate_geometry(layers: Sequence[LayerFindings]) -> Iterable[Table]:
    """The shape of each layer's features in a few numbers."""
    shown = [name for name in SHAPES if any(name in layer.geometry for layer in layers)]
    if shown:
        yield Table(
            title="The shape of each layer",
            header=("Layer", *(SHAPES[name] for name in shown)),
            columns=("", *shown),
            rows=tuple((layer.title, *(_shape_cell(layer.geometry.get(name)) for name in shown)) for layer in layers),
        )


def _shape_cell(score: Score | None) -> Cell:
    if score is None:
        return Cell(text="n/a", faint=True)
    large = score.value is not None and abs(score.value) >= 10
    return value_cell(score, digits=1 if large else 2)


def tabulate_similarity(findings: LatentsFindings) -> Iterable[Table]:
    """Every layer against every other: CKA, and the share of common neighbors below it."""
    similarity = findings.layer_similarity
    if similarity is None or len(similarity.layers) < 2:
        return
    names, places = [title_layer(name) for name in similarity.layers], range(len(similarity.layers))

    def compare(first: int, second: int) -> Cell:
        key = (min(first, second), max(first, second))
        if first == second or key not in similarity.cka:
            return Cell(text="")
        overlap = similarity.overlap.get(key)
        shared = "" if overlap is None or overlap.value is None else f"{say_share(overlap.value)} of neighbors"
        score = similarity.cka[key]
        return Cell(
            text=value_of(score, digits=2) if score.value is not None else "n/a", notes=(shared,) if shared else ()
        )

    yield Table(
        title="How alike the layers are: CKA, and the share of neighbors in common",
        header=("Layer", *names),
        columns=("", *["cka"] * len(names)),
        rows=tuple((names[i], *(compare(i, j) for j in places)) for i in places),
    )


def tabulate_classes(findings: LatentsFindings) -> Iterable[Table]:
    """Recall, precision and F1 of each class."""
    found = {prefix: _list_scores(findings, prefix) for prefix in ("recall_", "precision_", "f1_")}
    shown = {prefix: scores for prefix, scores in found.items() if scores}
    n_rows = min(map(len, shown.values()), default=0)
    if not n_rows:
        return
    same = n_rows == len(findings.class_names)
    names = findings.class_names if same else [score.name.removeprefix("recall_") for score in found["recall_"]]
    words = {"recall_": "Recall", "precision_": "Precision", "f1_": "F1"}
    yield Table(
        title="Class by class",
        header=("Class", *(words[prefix] for prefix in shown), "Samples"),
        columns=("", *(scores[0].name for scores in shown.values())),
        rows=tuple(
            (names[i], *(value_cell(scores[i]) for scores in shown.values()), f"{found['recall_'][i].n:,}")
            for i in range(n_rows)
        ),
    )


def _list_scores(findings: LatentsFindings, prefix: str) -> list[Score]:
    return [score for name, score in findings.scores.items() if name.startswith(prefix)]


def _list_confusions(layer: LayerFindings) -> list[ConfusionAgainstDistance]:
    return [layer.confusion, *layer.other_confusions.values()]


def tabulate_relations(layers: Sequence[LayerFindings]) -> Iterable[Table]:
    """For each layer and each distance between classes the correlation with their confusion."""
    others = list(dict.fromkeys(name for layer in layers for name in layer.other_confusions))
    if not any(each.spearman.value is not None for layer in layers for each in _list_confusions(layer)):
        return
    words = [DISTANCES.get(name, f"on the {say_method(name)} map") for name in others]
    yield Table(
        title="Distance of classes against their confusion: Spearman's ρ, negative where near ones are mixed up",
        header=("Layer", "Cosine", *words),
        columns=("", *["confusion_distance_spearman"] * (1 + len(others)), "mantel"),
        rows=tuple(
            (
                layer.title,
                *(_relation_cell(each) for each in (layer.confusion, *map(layer.other_confusions.get, others))),
            )
            for layer in layers
        ),
        note="With its 95 % interval and the p of exchanging whole classes (Mantel). Gray or italic: no detectable "
        "link.",
    )


def _relation_cell(confusion: ConfusionAgainstDistance | None) -> Cell:
    if confusion is None:
        return Cell(text="n/a", faint=True)
    score, p_value = confusion.spearman, confusion.mantel_p
    spans = score.low is None or score.high is None or score.low <= 0 <= score.high
    faint = spans if p_value is None else is_chance(p_value)
    return value_cell(score, note=say_p(p_value), faint=faint)


def tabulate_pairs(findings: LatentsFindings) -> Iterable[Table]:
    """The pairs of classes mixed up most, their distance in the main layer, and whether that explains it."""
    if not findings.layers:
        return
    last = findings.main_layer
    confusion, sizes = last.confusion, findings.confusion_matrix.sum(axis=1)
    order = [int(i) for i in np.argsort(-confusion.rates, kind="stable") if confusion.rates[i] > 0][:MOST_PAIRS]
    if not order:
        return
    explained = len(confusion.surprise) == len(confusion.rates)
    header = (
        "Pair",
        "Mixed up",
        "Samples",
        f"Distance in {last.title}",
        *(["Explained by distance"] if explained else []),
    )
    rows = []
    for i in order:
        a, b = (int(c) for c in confusion.pairs[i])
        row = (
            f"{findings.class_names[a]} and {findings.class_names[b]}",
            say_share(float(confusion.rates[i])),
            f"{int(sizes[a] + sizes[b]):,}",
            say_number(float(confusion.distances[i])),
        )
        rows.append((*row, _say_surprise(float(confusion.surprise[i]))) if explained else row)
    columns = ("", "pair_confusion", "", "confusion_distance_spearman", *(["surprise"] if explained else []))
    yield Table(title="Classes mixed up most", header=header, columns=columns, rows=tuple(rows))


def _say_surprise(surprise: float) -> str:
    if not np.isfinite(surprise) or abs(surprise) < 2:
        return "yes"
    return "no: farther apart than others so often confused" if surprise > 0 else "no: close, yet kept apart"


def tabulate_transfers(findings: LatentsFindings) -> Iterable[Table | Notes]:
    """For each layer and each way from one dataset to another, how right a reader is and what it loses."""
    readers = list(dict.fromkeys(transfer.reader for layer in findings.layers for transfer in layer.transfers))
    rows = [row for layer in findings.layers for row in _list_transfers(layer, readers, findings.dataset_names)]
    if not rows:
        return
    words = {"linear": "linear probe", "centroid": "nearest centroid"}
    pairs = [text for reader in readers for text in (f"Right, {words[reader]}", "Loss")]
    names = [name for reader in readers for name in (f"transfer_{reader}", f"transfer_loss_{reader}")]
    yield Table(
        title="Trained on one dataset, tested on another",
        header=("Layer", "Trained on → tested on", *pairs),
        columns=("", "", *names),
        rows=tuple(rows),
        note="Loss: percentage points below a reader trained on the tested dataset itself, on the same samples. Gray "
        "or italic: not detectably better than permuted labels, or no detectable loss.",
    )
    remarks = dict.fromkeys(_list_transfer_remarks(findings))
    if remarks:
        yield Notes(lines=tuple(remarks))


def _list_transfer_remarks(findings: LatentsFindings) -> Iterable[str]:
    names = findings.dataset_names
    for transfer in (transfer for layer in findings.layers for transfer in layer.transfers):
        yield from (f"{names[a]} → {names[b]}: {note}." for (a, b), note in transfer.notes.items() if a != b)


def _list_transfers(
    layer: LayerFindings, readers: Sequence[str], datasets: Sequence[str]
) -> Iterable[tuple[str | Cell, ...]]:
    by_reader: dict[str, Transfer] = {transfer.reader: transfer for transfer in layer.transfers}
    keys = dict.fromkeys(key for transfer in layer.transfers for key in transfer.scores if key[0] != key[1])
    for key in keys:
        cells = [cell for reader in readers for cell in _transfer_cells(by_reader.get(reader), key)]
        yield layer.title, f"{datasets[key[0]]} → {datasets[key[1]]}", *cells


def _transfer_cells(transfer: Transfer | None, key: tuple[int, int]) -> tuple[Cell, Cell]:
    missing = Cell(text="n/a", faint=True)
    if transfer is None or key not in transfer.scores:
        return missing, missing
    chance = transfer.chance.get(key)
    known = chance is not None and np.isfinite(chance)
    right = share_cell(
        transfer.scores[key],
        note=f"chance {chance:.0%}" if known else "",
        faint=is_chance(transfer.p_values.get(key)),
    )
    loss = transfer.losses.get(key)
    return right, missing if loss is None else _points_cell(loss, p_value=transfer.loss_p_values.get(key))


def _points_cell(score: Score, *, p_value: float | None) -> Cell:
    if score.value is None:
        return Cell(text="n/a", notes=(score.reason,), faint=True)
    spans = score.low is None or score.low <= 0
    points = say_number(100 * score.value, digits=0)
    interval = _say_interval_in_points(score)
    return Cell(text=points, notes=(interval,) if interval else (), faint=spans or is_chance(p_value))


def _say_interval_in_points(score: Score) -> str:
    if score.low is None or score.high is None:
        return ""
    return f"[{say_number(100 * score.low, digits=0)}, {say_number(100 * score.high, digits=0)}]"


def tabulate_drifts(findings: LatentsFindings) -> Iterable[Table | Notes]:
    """How far each class moves from one dataset to another, layer by layer."""
    cells: dict[tuple[int, int, int], dict[str, ClassDrift]] = {}
    for layer in findings.layers:
        for drift in layer.drifts:
            cells.setdefault((drift.first, drift.second, drift.label), {})[layer.title] = drift
    layers = [layer.title for layer in findings.layers if layer.drifts]
    several = len(findings.dataset_names) > 2
    names = {key: _name_drift(key, findings, several=several) for key in cells}
    known = {key for key, found in cells.items() if any(drift.score.value is not None for drift in found.values())}
    if known:
        yield Table(
            title="Drift of each class between datasets, in units of its own spread",
            header=("Class", *layers),
            columns=("", *["drift"] * len(layers)),
            rows=tuple(
                (names[key], *(_drift_cell(found.get(layer)) for layer in layers))
                for key, found in cells.items()
                if key in known
            ),
            note="0: the datasets put the class in the same place. Gray or italic: no detectable drift.",
        )
    unknown = {key: next(iter(found.values())).score.reason for key, found in cells.items() if key not in known}
    if unknown:
        yield Notes(lines=tuple(f"Drift of {names[key]}: n/a, {reason}." for key, reason in unknown.items()))


def _name_drift(key: tuple[int, int, int], findings: LatentsFindings, *, several: bool) -> str:
    first, second, label = key
    places = f", {findings.dataset_names[first]} and {findings.dataset_names[second]}" if several else ""
    return f"{findings.class_names[label]}{places}"


def _drift_cell(drift: ClassDrift | None) -> Cell:
    if drift is None:
        return Cell(text="n/a", faint=True)
    return value_cell(drift.score, faint=is_chance(drift.p_value))
