"""A run of the latents study -> its exploration."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from jaxtyping import Float
from scipy.special import softmax

from latentscape.exploration import (
    UNKNOWN,
    Answer,
    Category,
    Column,
    Exploration,
    NeighborLists,
    Numbers,
    Probabilities,
    ProfilePoint,
    Texts,
)
from latentscape.exploring.cards import read_card, tell_left_out, tell_weights
from latentscape.exploring.frames import Place, list_maps, read_frames
from latentscape.exploring.near import read_near
from latentscape.exploring.source import Source, is_number
from latentscape.exploring.words import explain_map, list_metrics, read_headline
from latentscape.figures.sample_words import WORDS
from latentscape.figures.words import say_accuracy
from latentscape.findings import LOGITS, ModelCard, choose_main, title_layer
from latentscape.measures.classification import name_scores
from latentscape.plain_text import clean_text

NOUN = ("sample", "samples")
UNNAMED = "samples"
"""The data set of samples that a program had in memory."""
TOP = 3
"""Classes whose probability is told of each sample."""
QUESTIONS = ("class", "dataset", "speaker")
OVERALL = {
    "accuracy": ("Accuracy", "The share of samples that are predicted right"),
    "chance_accuracy": ("Largest class", "The accuracy of always guessing the largest class"),
    "balanced_accuracy": ("Balanced accuracy", "The mean recall of the classes"),
    "calibration_error": ("Calibration error", "The mean gap of confidence and accuracy; 0 is best"),
    "overconfidence": ("Overconfidence", "Mean confidence less accuracy; below 0 the model is too modest"),
    "brier": ("Brier score", "The squared error of the probabilities, summed over the classes; 0 is best, 2 worst"),
}
CORRECT = "Whether the prediction is the true class"
TRUE = "The probability that the model gives the true class"
SURE = "The probability that the model gives the class it predicts"
TEXT = "text"
MORE = (
    ("dataset", "Dataset", ""),
    ("speaker", "Speaker", ""),
    ("suspect", "Suspected of", "Why the study suspects its label or its data; report.html says more"),
)
COLUMNS = (
    "id", "text", "label", "prediction", "correct", "probability", "true_probability", "dataset", "speaker", "suspect",
)  # fmt: skip

Shares = Float[np.ndarray, "sample class"]


def explore_latents(source: Source) -> Exploration:
    """What each layer of a classifier keeps, what it says of each sample, and how sure it is."""
    card, places, shares = read_card(source, source.manifest.get("model")), _place_maps(source), _read_shares(source)
    classes = _name_classes(source, shares)
    shares = shares if shares is not None and shares.shape[1] == len(classes) else None
    layers = list(dict.fromkeys(place.layer for place in places))
    near = [read_near(source, layer) for layer in layers]
    columns = _list_columns(source, classes, shares)
    keys = {column.key for column in columns}
    return Exploration(
        study="latents",
        title=f"{card.name} · {source.n:,} samples",
        headline=read_headline(source, say_accuracy(_read_scores(source)) or "What the layers of the model show"),
        n=source.n,
        ids=_read_ids(source),
        columns=columns,
        frames=read_frames(source, places, main=choose_main(layers)),
        answers=(_name_answer(keys),),
        color="label",
        shape=_choose_shape(columns),
        layers=tuple(layers),
        neighbors=tuple(each for each in near if isinstance(each, NeighborLists)),
        probabilities=_choose_top(source, columns, shares),
        profile=_read_profile(source, layers),
        metrics=_list_metrics(source, classes),
        facts=_tell_facts(source, card, layers),
        stamps=card.stamps,
        captions=explain_map(NOUN),
        foot=tuple(filter(None, [*tell_weights([card]), tell_left_out(source, NOUN)])),
    )


def _place_maps(source: Source) -> list[Place]:
    settings = source.manifest.get("settings")
    is_tied = isinstance(settings, dict) and settings.get("align") is True
    return [
        Place(name=name, layer=name[len(method) + 1 :], method=method, together=method if is_tied else "")
        for name, method in list_maps(source.names)
    ]


def _name_answer(keys: set[str]) -> Answer:
    worst = next((key for key in ("true_probability", "probability") if key in keys), "")
    return Answer(truth="label", said="prediction", correct="correct", worst=worst)


def _read_ids(source: Source) -> tuple[str, ...]:
    return tuple(value or "" for value in source.take_texts("id"))


def _read_shares(source: Source) -> Shares | None:
    """The probability of each class; None where the run does not keep its logits."""
    logits = source.read_matrix(f"features/{LOGITS}.npy")
    if logits is None:
        return None
    if len(logits) != source.n or not logits.shape[1] or not np.isfinite(logits).all():
        raise source.damaged("its logits do not fit its samples", logits.shape)
    return softmax(logits.astype(np.float64), axis=1)


def _name_classes(source: Source, shares: Shares | None) -> tuple[str, ...]:
    """The classes in the order of the logits. Where the manifest does not name them, the predictions do, if each class
    was ever predicted."""
    names = source.read_names("classes")
    if names or shares is None:
        if names and shares is not None and shares.shape[1] != len(names):
            raise source.damaged("its logits do not fit its classes", f"{shares.shape[1]} for {len(names)}")
        return names
    said, best = source.take_texts("prediction"), shares.argmax(axis=1)
    found = {int(number): word for number, word in zip(best, said, strict=True) if word is not None}
    return tuple(found[number] for number in sorted(found)) if len(found) == shares.shape[1] else ()


def _list_columns(source: Source, classes: Sequence[str], shares: Shares | None) -> tuple[Column, ...]:
    label = _color(source, source.make_category("label", "True class", values=classes))
    said = _color(source, source.make_category("prediction", "Predicted", values=classes))
    known = label.codes if isinstance(label, Category) else None
    outcomes = source.make_outcomes("correct", "Prediction", known=known, about=CORRECT)
    columns: list[Column] = [*_read_texts(source), label, said, outcomes]
    true = _find_true(source, label, shares)
    columns += [true] if true is not None else []
    columns.append(source.make_numbers("probability", "P(predicted)", about=SURE))
    columns += [
        source.make_category(key, title, values=source.read_names("datasets") if key == "dataset" else (), about=about)
        for key, title, about in _name_more(source)
        if _tells(source, key)
    ]
    return tuple(columns)


def _name_more(source: Source) -> list[tuple[str, str, str]]:
    """The columns that only some runs have."""
    group = _name_group(source)
    return [(key, group if key == "speaker" else title, about) for key, title, about in MORE]


def _name_group(source: Source) -> str:
    """What samples come from; runs of earlier versions are of recordings."""
    return WORDS.get(_read_word(source, "kind") or "audio", WORDS[None]).group.capitalize()


def _tells(source: Source, key: str) -> bool:
    """Whether a column is worth its place: a single data set tells no samples apart, and samples that are all of
    speakers of their own are of no speakers."""
    if key not in source.names or source.table.column(key).null_count == source.n:
        return False
    if key == "dataset":
        return len(set(source.take_texts(key))) > 1
    return key != "speaker" or source.take_texts(key) != source.take_texts("id")


def _choose_shape(columns: Sequence[Column]) -> str:
    """Markers tell data sets apart, where there are several."""
    datasets = next((each for each in columns if each.key == "dataset"), None)
    return "dataset" if isinstance(datasets, Category) and len(datasets.values) > 1 else ""


def _read_texts(source: Source) -> list[Column]:
    """What each sample says, where the samples are texts."""
    if TEXT not in source.names or source.table.column(TEXT).null_count == source.n:
        return []
    return [Texts(key=TEXT, title="Text", values=source.take_texts(TEXT))]


def _color(source: Source, column: Category | Texts) -> Category | Texts:
    if isinstance(column, Texts):
        return column
    colors = tuple(source.style.class_color(name, number) for number, name in enumerate(column.values))
    return replace(column, colors=colors)


def _find_true(source: Source, label: Category | Texts, shares: Shares | None) -> Numbers | None:
    """The probability of the true class, which runs of earlier versions do not have as a column."""
    key, title = "true_probability", "P(true class)"
    if key in source.names:
        return source.make_numbers(key, title, worst="low", about=TRUE)
    if shares is None or not isinstance(label, Category):
        return None
    is_known = (label.codes != UNKNOWN) & (label.codes < shares.shape[1])
    values = np.where(is_known, shares[np.arange(source.n), np.where(is_known, label.codes, 0)], np.nan)
    return Numbers(key=key, title=title, values=values, worst="low", about=TRUE)


def _choose_top(source: Source, columns: Sequence[Column], shares: Shares | None) -> tuple[Probabilities, ...]:
    said = next((each for each in columns if each.key == "prediction" and isinstance(each, Category)), None)
    if shares is None or said is None or not shares.shape[1]:
        return ()
    codes = np.argsort(-shares, axis=1, kind="stable")[:, :TOP]
    return (Probabilities(codes=codes, shares=np.take_along_axis(shares, codes, axis=1)),)


def _read_profile(source: Source, layers: Sequence[str]) -> tuple[ProfilePoint, ...]:
    """What a linear probe reads from each layer; k-NN where there is no probe."""
    chances = source.manifest.get("chance")
    chances = chances if isinstance(chances, dict) else {}
    points: list[ProfilePoint] = []
    group = _name_group(source)
    for question in QUESTIONS:
        for layer in layers:
            score = source.read_score(f"linear_{question}_{layer}") or source.read_score(f"knn_{question}_{layer}")
            if score is None or score.value is None:
                continue
            chance = chances.get(question)
            points.append(
                ProfilePoint(
                    layer=layer,
                    question=question if question != "speaker" or group == "Speaker" else group,
                    value=score.value,
                    low=score.low,
                    high=score.high,
                    chance=float(chance) if is_number(chance) else None,
                )
            )
    return tuple(points)


def _list_metrics(source: Source, classes: Sequence[str]) -> tuple:
    by_class = {
        name: (f"Recall of {owner}", f"The share of {owner} that is predicted right")
        for name, owner in zip(name_scores("recall", classes), classes, strict=True)
    }
    return (*list_metrics(source, OVERALL), *list_metrics(source, by_class))


def _read_scores(source: Source) -> dict:
    scores = {name: source.read_score(name) for name in ("accuracy", "chance_accuracy")}
    return {name: score for name, score in scores.items() if score is not None}


def _name_data(source: Source) -> str:
    """The data sets; nothing where a program gave bare samples."""
    names = source.read_names("datasets")
    return "" if names == (UNNAMED,) else ", ".join(names)


def _read_word(source: Source, name: str) -> str:
    """A word of the manifest; empty where it has none."""
    word = source.manifest.get(name)
    return clean_text(word) if isinstance(word, str) else ""


def _tell_facts(source: Source, card: ModelCard, layers: Sequence[str]) -> dict[str, str]:
    facts = {
        "model": card.name,
        "checkpoint": card.checkpoint,
        "data": _name_data(source),
        "split": _read_word(source, "split"),
        "samples": f"{source.n:,}",
        "layers": ", ".join(map(title_layer, layers)),
    }
    return {name: value for name, value in facts.items() if value}
