"""A comparison of checkpoints -> its exploration: the same samples through every checkpoint, in one frame."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product

import numpy as np

from latentscape.exploration import (
    UNKNOWN,
    Answer,
    Category,
    Column,
    Exploration,
    Metric,
    NeighborLists,
    Numbers,
    ProfilePoint,
    Texts,
)
from latentscape.exploring.cards import read_card, tell_left_out, tell_weights
from latentscape.exploring.embeddings import CORRECT, DOCUMENTS, color_kinds, make_attribute, rank_numbers
from latentscape.exploring.frames import Place, list_maps, read_frames
from latentscape.exploring.near import read_near
from latentscape.exploring.source import RIGHT, Source
from latentscape.exploring.words import ABOUT, explain_map, list_metrics, name_score, read_headline
from latentscape.figures.comparison_words import capitalize, say_score_name, say_value
from latentscape.findings import ModelCard, choose_main
from latentscape.measures.classification import name_scores
from latentscape.plain_text import clean_text, safe_name
from latentscape.run_reader import MANIFEST

NOUNS = {"latents": ("sample", "samples"), "embeddings": ("text", "texts")}
DELTA = "delta"
"""A column or score of a checkpoint whose name begins so is called `checkpoint_delta...`."""
EMBEDDING = "embedding"
LEADS = {"latents": ("accuracy", "balanced_accuracy"), "embeddings": ("hit_at_1", "mrr", "margin_hard")}
OUTCOMES = ("broken", "fixed", "still wrong", "still right")
CHANGED = {
    "fixed": "Wrong at the first checkpoint, right at the last",
    "broken": "Right at the first checkpoint, wrong at the last",
}
GRAY = "#8a8f98"
MORPHS = "Maps of one layer and method share a frame through all checkpoints: what moves has moved for a reason."


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One of the checkpoints."""

    name: str
    place: str
    """As columns and scores end in it."""
    card: ModelCard


def explore_comparison(source: Source) -> Exploration:
    """What became of each sample from checkpoint to checkpoint."""
    study, entries = _read_study(source), _read_entries(source)
    places = _place_maps(source, entries)
    if not places:
        raise source.damaged("its maps are not those of its checkpoints")
    columns, layers = _list_columns(source, study, entries), list(dict.fromkeys(place.layer for place in places))
    main = EMBEDDING if EMBEDDING in layers else choose_main(layers)
    first, last = entries[0].name, entries[-1].name
    keys = {column.key for column in columns}
    return Exploration(
        study="comparison",
        title=f"{first} to {last} · {len(entries)} checkpoints · {source.n:,} {NOUNS[study][1]}",
        headline=read_headline(source, _say_finding(source, LEADS[study][0], entries)),
        n=source.n,
        ids=tuple(value or "" for value in source.take_texts("id")),
        columns=columns,
        frames=read_frames(source, places, main=main),
        answers=tuple(_name_answer(study, entry, keys) for entry in entries),
        color="kind",
        layers=tuple(layers),
        neighbors=tuple(_read_near(source, layers, entries)),
        profile=_read_profile(source, layers, entries),
        metrics=_list_metrics(source, study, entries),
        facts={
            "checkpoints": ", ".join(entry.name for entry in entries),
            NOUNS[study][1]: f"{source.n:,}",
            "layers": ", ".join(layers),
        },
        stamps=tuple(dict.fromkeys(stamp for entry in entries for stamp in entry.card.stamps)),
        captions=(*explain_map(NOUNS[study]), MORPHS),
        foot=tuple(filter(None, [*tell_weights(entry.card for entry in entries), _tell_left_out(source, study)])),
    )


def _say_finding(source: Source, lead: str, entries: Sequence[Entry]) -> str:
    """What a run of an earlier version found, from its scores."""
    ends = [(each.name, source.read_score(f"{lead}_{each.place}")) for each in (entries[0], entries[-1])]
    told = [f"{say_value(lead, score)} at {name}" for name, score in ends if score is not None]
    if len(told) < len(ends):
        return f"What changed from {entries[0].name} to {entries[-1].name}"
    return f"{capitalize(say_score_name(lead))} is {' and '.join(told)}"


def _tell_left_out(source: Source, study: str) -> str:
    return tell_left_out(source, ("query", "queries") if study == "embeddings" else NOUNS[study])


def _read_study(source: Source) -> str:
    study = source.manifest.get("compared")
    if study not in NOUNS:
        raise source.damaged(f"{MANIFEST} does not say what was compared", study)
    return str(study)


def _read_entries(source: Source) -> list[Entry]:
    checkpoints = source.manifest.get("checkpoints")
    if not isinstance(checkpoints, list) or not checkpoints or not all(isinstance(each, dict) for each in checkpoints):
        raise source.damaged(f"{MANIFEST} does not list the checkpoints")
    names = [clean_text(name) if isinstance(name := each.get("name"), str) else "" for each in checkpoints]
    places = [name.removeprefix("_") for name in name_scores("", names)]
    places = [f"checkpoint_{place}" if place.startswith(DELTA) else place for place in places]
    cards = [read_card(source, each.get("model")) for each in checkpoints]
    return [
        Entry(name=name or "(empty)", place=place, card=card)
        for name, place, card in zip(names, places, cards, strict=True)
    ]


def _place_maps(source: Source, entries: Sequence[Entry]) -> list[Place]:
    """The maps that every checkpoint has of a layer, tied through all of them."""
    maps, places = dict(list_maps(source.names)), []
    for name, method in maps.items():
        ending = f"_{entries[0].place}"
        layer = name.removesuffix(ending)[len(method) + 1 :] if name.endswith(ending) else ""
        frames = [f"{method}_{layer}_{entry.place}" for entry in entries]
        if layer and all(frame in maps for frame in frames):
            places += [
                Place(name=frame, layer=layer, method=method, checkpoint=number, together=f"{method} {layer}")
                for number, frame in enumerate(frames)
            ]
    return places


def _list_columns(source: Source, study: str, entries: Sequence[Entry]) -> tuple[Column, ...]:
    kind = color_kinds(source) if study == "embeddings" else _color_classes(source, entries)
    texts = source.take_texts("text")
    texts = () if study != "embeddings" and texts == source.take_texts("id") else texts
    absent = DOCUMENTS if study == "embeddings" else kind.absent
    columns: list[Column] = [kind, _sort_outcomes(source, entries, absent=absent)]
    columns += [Texts(key="text", title="Text", values=texts)] if texts else []
    for entry in entries:
        columns += _list_ranks(source, entry) if study == "embeddings" else _list_answers(source, entry, kind)
    columns += [
        make_attribute(source, name, name.removeprefix("group_")) for name in source.names if name.startswith("group_")
    ]
    return tuple(columns)


def _color_classes(source: Source, entries: Sequence[Entry]) -> Category:
    """The class of each sample, in the colors of the pictures; answers are among the same values."""
    asked = source.make_category("kind", "True class", values=source.read_names("classes"))
    said = [source.make_category(f"answer_{entry.place}", "") for entry in entries]
    known = [each for each in (asked, *said) if isinstance(each, Category)]
    if len(known) <= len(said) or not isinstance(asked, Category):
        raise source.damaged("it has too many classes")
    values = list(dict.fromkeys(value for each in known for value in each.values))
    colors = tuple(source.style.class_color(name, number) for number, name in enumerate(values))
    return Category(key="kind", title="True class", codes=asked.codes, values=tuple(values), colors=colors)


def _sort_outcomes(source: Source, entries: Sequence[Entry], *, absent: str) -> Category:
    """What became of each sample from the first checkpoint to the last."""
    first, last = (source.take_flags(f"correct_{entries[end].place}") for end in (0, -1))
    codes = np.where(last == RIGHT, np.where(first == RIGHT, 3, 1), np.where(first == RIGHT, 0, 2))
    known = (first != UNKNOWN) & (last != UNKNOWN) & _is_judged(source)
    colors = source.style.kind_colors
    return Category(
        key="outcome",
        title="Change",
        about=f"From wrong to right or back, between {entries[0].name} and {entries[-1].name}",
        codes=np.where(known, codes, UNKNOWN),
        values=OUTCOMES,
        colors=(colors[2], colors[1], GRAY, colors[0]),
        absent=absent,
    )


def _is_judged(source: Source) -> np.ndarray:
    """Where the right answer is known: a sample of unknown class is never right, and that says nothing."""
    return source.take("kind").is_valid().to_numpy(zero_copy_only=False)


def _list_ranks(source: Source, entry: Entry) -> Iterable[Column]:
    """What one retriever answers each query."""
    place, name = entry.place, entry.name
    yield source.make_outcomes(f"correct_{place}", f"Answer of {name}", about=CORRECT, absent=DOCUMENTS)
    answers = source.take_texts(f"answer_{place}")
    yield Texts(key=f"answer_{place}", title=f"First document, {name}", values=answers, is_own=False)
    if f"rank_{place}" in source.names:
        yield rank_numbers(source, f"rank_{place}", f"Rank, {name}")
    about = "Cosine of the query and the first document"
    yield source.make_numbers(f"confidence_{place}", f"Cosine, {name}", about=about)


def _list_answers(source: Source, entry: Entry, kind: Category) -> Iterable[Column]:
    """What one classifier says of the samples."""
    place, name = entry.place, entry.name
    known = np.where(_is_judged(source), 0, UNKNOWN)
    about = f"Whether {name} predicts the true class"
    right = source.make_outcomes(f"correct_{place}", f"Answer of {name}", known=known, about=about)
    yield right
    said = source.make_category(f"answer_{place}", f"Predicted, {name}", values=kind.values)
    if isinstance(said, Category):
        yield replace(said, values=kind.values, colors=kind.colors)
    about = f"The probability that {name} gives the class it predicts"
    confidence = source.make_numbers(f"confidence_{place}", f"P(predicted), {name}", about=about)
    yield confidence
    sign = np.select([right.codes == RIGHT, right.codes == UNKNOWN], [1.0, np.nan], default=-1.0)
    yield Numbers(
        key=f"sureness_{place}",
        title=f"Sureness, {name}",
        values=sign * confidence.values,
        worst="low",
        about="The probability of the prediction, as a negative number where the prediction is wrong",
    )


def _name_answer(study: str, entry: Entry, keys: set[str]) -> Answer:
    def pick(*names: str) -> str:
        return next((f"{name}_{entry.place}" for name in names if f"{name}_{entry.place}" in keys), "")

    is_class = study == "latents"
    return Answer(
        checkpoint=entry.name,
        truth="kind" if is_class else "",
        said=pick("answer") if is_class else "",
        correct=pick("correct"),
        worst=pick("sureness", "rank", "confidence"),
    )


def _read_near(source: Source, layers: Sequence[str], entries: Sequence[Entry]) -> Iterable[NeighborLists]:
    """The graph of each layer of each checkpoint, where the run says which is whose."""
    for layer in layers:
        for number, stage in enumerate(_find_stages(source, layer, n=len(entries))):
            near = read_near(source, layer, stage=stage, checkpoint=number)
            if near is not None:
                yield near


def _find_stages(source: Source, layer: str, *, n: int) -> list[str]:
    """The stage of a layer at each checkpoint. Runs of earlier versions tell them where all features differ."""
    spaces = source.manifest.get("spaces")
    if isinstance(spaces, Mapping):
        stages = spaces.get(layer)
        return stages if isinstance(stages, list) and len(stages) == n and all(map(_is_text, stages)) else []
    checksums = source.manifest.get("checksums")
    start = f"stages/neighbors/{safe_name(layer)}_"
    names = [name for name in checksums if name.startswith(start)] if isinstance(checksums, Mapping) else []
    inputs = source.read_json(names[0]).get("inputs") if names else None
    digests = inputs.get("features") if isinstance(inputs, Mapping) else None
    if not isinstance(digests, list) or len(digests) != n or not all(map(_is_text, digests)):
        return []
    return [f"{safe_name(layer)}_{digest[:16]}" for digest in digests]


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _read_profile(source: Source, layers: Sequence[str], entries: Sequence[Entry]) -> tuple[ProfilePoint, ...]:
    """What a linear probe reads of the class from each layer, at each checkpoint."""
    pairs = product(entries, layers)
    found = [(layer, each, source.read_score(f"linear_class_{layer}_{each.place}")) for each, layer in pairs]
    return tuple(
        ProfilePoint(layer=layer, question=f"class, {entry.name}", value=score.value, low=score.low, high=score.high)
        for layer, entry, score in found
        if score is not None and score.value is not None
    )


def _list_metrics(source: Source, study: str, entries: Sequence[Entry]) -> tuple[Metric, ...]:
    """The scores that decide at each checkpoint, and how many samples were fixed and broken."""
    titles = {
        f"{name}_{entry.place}": (f"{name_score(name)}, {entry.name}", ABOUT[name])
        for name in LEADS[study]
        for entry in entries
    }
    counts = {name: source.read_score(name) for name in CHANGED}
    return (
        *list_metrics(source, titles),
        *(
            Metric(name=capitalize(name), value=f"{score.value:,.0f}", detail=f"of {score.n:,}", about=CHANGED[name])
            for name, score in counts.items()
            if score is not None and score.value is not None
        ),
    )
