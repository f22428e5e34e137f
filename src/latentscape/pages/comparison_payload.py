"""What the script of a comparison's page needs to know, as compact JSON-able values."""

import base64
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Int

from latentscape.comparison_claims import PROBE, find_judged, order_worst, sort_step
from latentscape.comparison_findings import ComparisonFindings, Step, TrackedLayer
from latentscape.datasets.splits import stratified_sample
from latentscape.figures.comparison_words import capitalize, is_share, name_best, say_score_name, say_split
from latentscape.figures.pair_maps import KIND_MARKERS
from latentscape.figures.render import cut
from latentscape.figures.shape_markers import assign_markers
from latentscape.figures.style import Style
from latentscape.figures.trust_marks import choose_faint, say_weak
from latentscape.figures.words import say_method
from latentscape.findings import DrawnMap
from latentscape.measures.label_places import find_label_places
from latentscape.measures.score import Score
from latentscape.pages import page_sample
from latentscape.pages.comparison_page_words import list_changes, list_group_changes
from latentscape.pages.comparison_words import say_step
from latentscape.pages.escape import clean_text
from latentscape.pages.map_words import describe_origin, explain_trust, name_of, warn_of_low_trust
from latentscape.pages.symbols import GRAY, SYMBOLS
from latentscape.shapes import Flags, Rows

MOST_PLACES = 4_000_000
"""Points times maps on one page: 16 megabytes of places. More maps leave room for fewer points."""
PICTURE_BYTES = 2_000_000
"""Of thumbnails on one page."""
LEAST_POINTS = 2_000
"""Shown however many maps there are."""
MOST_LETTERS, MOST_NAME_LETTERS = 240, 120
"""Of a text or a file's name, and of everything shorter."""
UNKNOWN = -32_768
"""Stands for a number that is not known."""
GRID = 65_535
"""Steps of a place across its frame: a thousandth of a pixel at the size of a screen."""

Packed = dict[str, Any]


class Strings:
    """Each distinct text once; others refer to it by number."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self._numbers: dict[str, int] = {}

    def number(self, text: str, *, limit: int = MOST_LETTERS) -> int:
        """The number of the text, cleaned and cut."""
        short = cut(clean_text(text), limit=limit)
        if short not in self._numbers:
            self._numbers[short] = len(self.texts)
            self.texts.append(short)
        return self._numbers[short]

    def pack(self, texts: Iterable[str], *, limit: int = MOST_LETTERS) -> Packed:
        """The numbers of several texts."""
        return pack(np.array([self.number(text, limit=limit) for text in texts], dtype=np.int64))


def pack(values: Int[np.ndarray, "..."]) -> Packed:
    """Whole numbers in as few bytes as their largest needs, the low one first, in base64; below 0: two bytes."""
    lowest, largest = (int(values.min()), int(values.max())) if values.size else (0, 0)
    kind = "i2" if lowest < 0 else next(f"u{size}" for size in (1, 2, 4) if largest < 256**size)
    return {"type": kind, "data": _encode(values.astype(f"<{kind}").tobytes())}


def pack_flags(flags: Bool[np.ndarray, " _"]) -> Packed:
    """A bit a flag, the low one first."""
    return {"type": "bits", "n": len(flags), "data": _encode(np.packbits(flags, bitorder="little").tobytes())}


def _encode(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def choose_rows(findings: ComparisonFindings) -> Rows:
    """The rows that a page shows, ascending: all, or a random choice by kind, and whatever left its neighbors."""
    n_maps = len(findings.checkpoints) * sum(len(layer.maps) for layer in findings.layers)
    most = min(page_sample.MOST_POINTS, max(MOST_PLACES // max(n_maps, 1), LEAST_POINTS))
    rows = stratified_sample(findings.subject.kinds.tolist(), n=most, seed=page_sample.SEED)
    movers = [change.movers for step in findings.steps for change in step.motion.values()]
    return np.unique(np.concatenate([rows, *movers])).astype(np.int64)


@dataclass(frozen=True, kw_only=True)
class _View:
    """What of the findings is on the page, and how it looks."""

    findings: ComparisonFindings
    shown: Rows
    """Row of each point, ascending."""
    style: Style
    judged: Flags
    """Of all rows."""
    strings: Strings

    @property
    def asked(self) -> Rows:
        """Rows of the points that the checkpoints say something of."""
        return self.shown[self.shown < self.findings.subject.n_judged]

    @property
    def layers(self) -> list[TrackedLayer]:
        """Those that have a map."""
        return [layer for layer in self.findings.layers if layer.maps]


def collect_payload(findings: ComparisonFindings, shown: Rows, *, style: Style) -> dict[str, Any]:
    """Everything on the page that is not words of its template."""
    strings, subject = Strings(), findings.subject
    judged = np.zeros(len(subject.ids), dtype=bool)
    judged[: subject.n_judged] = find_judged(findings)
    view = _View(findings=findings, shown=shown, style=style, judged=judged, strings=strings)
    payload = {
        "study": subject.study,
        "n": len(shown),
        "ids": strings.pack((subject.ids[row] for row in shown), limit=MOST_NAME_LETTERS),
        "texts": strings.pack(subject.texts[row] for row in shown),
        "pictures": _list_pictures(view),
        "judged": pack_flags(view.judged[shown]),
        **_describe_looks(view),
        "groups": [
            {
                "name": cut(clean_text(name), limit=MOST_NAME_LETTERS),
                "values": strings.pack((values[row] for row in view.asked), limit=MOST_NAME_LETTERS),
            }
            for name, values in subject.groups.items()
        ],
        "checkpoints": [_describe_checkpoint(view, i) for i in range(len(findings.checkpoints))],
        "recommended": findings.choice.recommended,
        "best": name_best(findings),
        "layers": [_describe_layer(view, layer) for layer in view.layers],
        "main": next((i for i, one in enumerate(view.layers) if one.name == findings.main_layer), 0),
        "curves": _list_curves(findings),
        "steps": [_describe_step(view, step) for step in findings.steps],
        "faint": say_weak(),
    }
    return {**payload, "strings": strings.texts}


def _list_pictures(view: _View) -> dict[int, str]:
    """The thumbnails by point, as many as there is room for: those that some checkpoint takes for another class first,
    and of the others the first."""
    findings, room = view.findings, PICTURE_BYTES
    wrong = np.zeros(len(findings.subject.ids), dtype=bool)
    for answers in findings.answers:
        wrong[: len(answers.right)] |= ~answers.right
    order = np.argsort(~wrong[view.shown], kind="stable")
    pictures: dict[int, str] = {}
    for point in order.tolist():
        image = findings.subject.thumbnails.get(int(view.shown[point]))
        if image is None:
            continue
        if (room := room - len(image)) < 0:
            break
        pictures[point] = _encode(image)
    return pictures


def _describe_looks(view: _View) -> dict[str, Any]:
    """Color and marker of each point, and what they mean. A retriever's marker repeats its color."""
    subject, shown = view.findings.subject, view.shown
    present = [int(kind) for kind in np.unique(subject.kinds)]
    present = [kind for kind in present if kind >= 0] + [kind for kind in present if kind < 0]
    is_retriever = subject.study == "embeddings"
    key = assign_markers(
        None if is_retriever or len(subject.shape_names) < 2 else subject.shapes,
        subject.shape_names, n=len(subject.ids), style=view.style,
    )  # fmt: skip
    symbols = [SYMBOLS[KIND_MARKERS[kind]] for kind in present] if is_retriever else [SYMBOLS[m] for m in key.markers]
    number = {kind: i for i, kind in enumerate(present)}
    kinds = np.array([number[int(kind)] for kind in subject.kinds], dtype=np.int64)
    return {
        "kinds": pack(kinds[shown]),
        "markers": pack((kinds if is_retriever else key.shapes)[shown]),
        "symbols": [{"path": symbol.path, "scale": symbol.scale} for symbol in symbols],
        "kindTable": [
            {
                "name": cut(name_of(subject.kind_names, kind), limit=MOST_NAME_LETTERS),
                "color": _color(view, kind),
                "count": int((subject.kinds == kind).sum()),
                "marker": i if is_retriever else 0,
            }
            for i, kind in enumerate(present)
        ],
        "shapeTable": [
            {"name": cut(clean_text(text), limit=MOST_NAME_LETTERS) or "(empty)", "count": n}
            for text, n in zip(key.texts, key.counts, strict=True)
            if key.is_shown
        ],
    }


def _color(view: _View, kind: int) -> str:
    subject = view.findings.subject
    if subject.study == "embeddings":
        return (*view.style.kind_colors, GRAY)[kind]
    return view.style.class_color(subject.kind_names[kind], kind) if kind >= 0 else GRAY


def _describe_checkpoint(view: _View, i: int) -> dict[str, Any]:
    checkpoint, answers, asked = view.findings.checkpoints[i], view.findings.answers[i], view.asked
    n_right = int((answers.right & view.judged[: len(answers.right)]).sum())
    epoch = "" if checkpoint.epoch is None else f"epoch {checkpoint.epoch:g}"
    return {
        "name": cut(clean_text(checkpoint.name), limit=MOST_NAME_LETTERS) or "(empty)",
        "epoch": epoch,
        "nRight": n_right,
        "nWrong": int(view.judged.sum()) - n_right,
        "right": pack_flags(answers.right[asked]),
        "said": view.strings.pack(answers.said[row] for row in asked),
        "confidence": pack(_thousandths(answers.confidence[asked])),
        **({} if answers.ranks is None else {"ranks": pack(answers.ranks[asked].astype(np.int64))}),
    }


def _thousandths(values: np.ndarray) -> Int[np.ndarray, " _"]:
    known = np.isfinite(values)
    return np.where(known, np.round(1000 * np.where(known, values, 0.0)), UNKNOWN).astype(np.int64)


def _describe_layer(view: _View, layer: TrackedLayer) -> dict[str, Any]:
    named = layer.own_names if len(set(layer.own_names)) > 1 else ()
    return {
        "name": cut(clean_text(layer.name), limit=MOST_NAME_LETTERS) or "(empty)",
        "ownNames": [clean_text(name) for name in named],
        "maps": [{"method": say_method(method), **_describe_maps(view, drawn)} for method, drawn in layer.maps.items()],
        "curves": _list_layer_curves(view.findings, layer),
    }


def _describe_maps(view: _View, drawn: Sequence[DrawnMap]) -> dict[str, Any]:
    """The same samples in every checkpoint: one frame around all of them, so that nothing moves but the points."""
    findings, shown = view.findings, view.shown
    places = [one.latent_map.xy for one in drawn]
    low = np.min([xy.min(axis=0) for xy in places], axis=0)
    size = np.max([xy.max(axis=0) for xy in places], axis=0) - low
    unit = float(size.max()) or 1.0
    source = "the embeddings" if findings.subject.study == "embeddings" else "the layer"
    return {
        "size": (size / unit).tolist(),
        "places": [pack(np.round((xy[shown] - low) / unit * GRID).astype(np.int64).ravel()) for xy in places],
        "faint": [pack_flags(choose_faint(one.trust, view.style)[shown]) for one in drawn],
        "nFaint": [int(choose_faint(one.trust, view.style).sum()) for one in drawn],
        "names": [_name_kinds(findings, (xy - low) / unit) for xy in places],
        "trust": [_say_trust(one, source=source) for one in drawn],
        "notice": [one.latent_map.notice for one in drawn],
        "origin": [
            describe_origin(checkpoint.model, one)
            for checkpoint, one in zip(findings.checkpoints, drawn, strict=True)
        ],
    }  # fmt: skip


def _say_trust(drawn: DrawnMap, *, source: str) -> str:
    warning = warn_of_low_trust(drawn).removeprefix(". ")
    return explain_trust(drawn, source=source) + (f" {warning}." if warning else "")


def _name_kinds(findings: ComparisonFindings, xy: np.ndarray) -> list[list[float]]:
    """Kind, x and y of each class's name; a retriever's kinds are everywhere and have no place."""
    if findings.subject.study == "embeddings":
        return []
    places = find_label_places(xy, findings.subject.kinds)
    present = {int(kind): i for i, kind in enumerate(np.unique(findings.subject.kinds[findings.subject.kinds >= 0]))}
    largest = np.argsort(-places.sizes, kind="stable")
    return [[present[int(places.classes[i])], *(round(float(v), 4) for v in places.spots[i])] for i in largest]


def _list_curves(findings: ComparisonFindings) -> list[dict[str, Any]]:
    """The scores of the model's answers over the checkpoints, that which decides first."""
    names = dict.fromkeys(name for answers in findings.answers for name in answers.scores)
    wanted = [name for name in names if not name.startswith(PROBE)]
    ordered = sorted(wanted, key=lambda name: name != findings.choice.score)
    return [_curve(name, [answers.scores.get(name) for answers in findings.answers]) for name in ordered]


def _list_layer_curves(findings: ComparisonFindings, layer: TrackedLayer) -> list[dict[str, Any]]:
    """What one layer is worth over the checkpoints."""
    probe = f"{PROBE}{layer.name}"
    found = {probe: [answers.scores.get(probe) for answers in findings.answers]}
    for name in dict.fromkeys(name for geometry in layer.drift.geometry for name in geometry):
        found[name] = [geometry.get(name) for geometry in layer.drift.geometry]
    return [_curve(name, scores) for name, scores in found.items() if any(scores)]


def _curve(name: str, scores: Sequence[Score | None]) -> dict[str, Any]:
    return {
        "name": capitalize(say_score_name(name)),
        "share": is_share(name),
        "better": next((score.better for score in scores if score), "neither"),
        "reason": next((clean_text(score.reason) for score in scores if score and score.reason), ""),
        "n": next((score.n for score in scores if score), 0),
        **{part: [_round(score, part) for score in scores] for part in ("value", "low", "high")},
    }


def _round(score: Score | None, part: str) -> float | None:
    value = None if score is None else getattr(score, part)
    return None if value is None or not np.isfinite(value) else float(f"{value:.5g}")


def _describe_step(view: _View, step: Step) -> dict[str, Any]:
    findings, shown = view.findings, view.shown
    outcomes = sort_step(findings, step.first, step.second)
    lists = [
        _list_rows(
            name, shown, rows=order_worst(findings, rows, checkpoint=step.first if name == "fixed" else step.second)
        )
        for name, rows in outcomes.items()
        if name != "still right"
    ]
    return {
        "first": step.first,
        "second": step.second,
        "says": say_step(findings, step),
        "changes": list_changes(findings, step),
        "groups": list_group_changes(findings, step),
        "nGroups": len(step.group_changes),
        "nDifferent": sum(change.is_detected for change in step.group_changes.values()),
        "lists": lists,
        "motion": [_describe_motion(step, layer.name, shown) for layer in view.layers],
        "splits": [
            {
                **_list_rows(f"{name_of(findings.subject.kind_names, one.label)}: {one.kind}", shown,
                             rows=np.concatenate(one.halves)),
                "note": say_split(one),
            }
            for one in step.splits
        ],
    }  # fmt: skip


def _list_rows(name: str, shown: Int[np.ndarray, " point"], *, rows: Rows) -> dict[str, Any]:
    """Point numbers of those rows that are shown, in their order, and how many there are."""
    return {"name": name, "count": len(rows), "rows": pack(_find(rows, shown))}


def _find(rows: Int[np.ndarray, " wanted"], shown: Int[np.ndarray, " point"]) -> Int[np.ndarray, " found"]:
    places = np.minimum(np.searchsorted(shown, rows), max(len(shown) - 1, 0))
    return places[shown[places] == rows] if len(shown) else places


def _describe_motion(step: Step, layer: str, shown: Rows) -> Mapping[str, Any]:
    change = step.motion.get(layer)
    if change is None:
        return {}
    overlap = change.overlap
    kept = "n/a" if overlap.value is None else f"{overlap.value:.0%}"
    return {
        **_list_rows("movers", shown, rows=change.movers),
        "moves": pack(_thousandths(change.moves[change.movers])),
        "kept": pack(np.round(100 * np.clip(np.nan_to_num(change.kept[shown]), 0, 1)).astype(np.int64)),
        "says": f"On average a sample keeps {kept} of its {change.k} nearest neighbors.",
    }
