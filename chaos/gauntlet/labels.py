"""Labels that scores and pictures stumble over: too few, too many, spelled twice, markup, paths, foreign letters."""

import shutil
import unicodedata
from collections.abc import Callable, Sequence

import numpy as np

from chaos.gauntlet.case import Case, Place, finishes
from chaos.gauntlet.sounds import list_clips, study_speech, study_table

HOSTILE = ("../../x", "<script>alert(1)</script>", "$x_$", "$$", "\x1b[31mred", "中文😀", "\u202eعربي", "é" * 150)
N = 24
FEATURES = np.random.default_rng(0).normal(size=(N, 3))


def _labeled(labels: Sequence[str]) -> Callable[[Place], Sequence[object]]:
    """Clips of two speakers, both with these labels."""

    def write(place: Place) -> Sequence[object]:
        pairs = [(label, speaker) for speaker in ("train", "val") for label in labels]
        clips = list_clips(place)
        return study_table(place, [(clip, *pair) for clip, pair in zip(clips, pairs, strict=False)])

    return write


def _mapped(labels: Sequence[object], *words: str) -> Callable[[Place], Sequence[object]]:
    """A map of rows with these labels, one a line, as colors."""

    def write(place: Place) -> Sequence[object]:
        np.save(place.folder / "f.npy", FEATURES[: len(labels)])
        text = "".join(f"{label}\n" for label in labels)
        (place.folder / "l.txt").write_text(text, encoding="utf-8", errors="surrogatepass")
        return ["map", "f.npy", "--method", "pca", *(words or ("--labels", "l.txt"))]

    return write


def _studied(name: str, labels: Sequence[str], *told: str, listed: str = "") -> Case:
    return finishes("labels", name, _labeled(labels), *told, counts=(len(labels), 0, 0), listed=listed)


def _drawn(name: str, labels: Sequence[object], *told: str) -> Case:
    return finishes("labels", name, _mapped(labels), *told, counts=(len(labels), 0, 0))


def _refused(name: str, write: Callable[[Place], Sequence[object]], *told: str, fault: str = "data-labels") -> Case:
    return Case(name=name, group="labels", write=write, code=3, fault=fault, told=told)


def _twin_folders(place: Place) -> Sequence[object]:
    """A folder a class; two of the eight names look the same and are composed differently."""
    names = [unicodedata.normalize("NFC", "buồn"), unicodedata.normalize("NFD", "buồn"), *"bcdefgh"]
    clips = list_clips(place)
    for n, name in enumerate([*names, *names]):
        (place.folder / "folders" / name).mkdir(parents=True, exist_ok=True)
        shutil.copy(clips[n], place.folder / "folders" / name / f"{n}{'y' * 240}.wav")
    return study_speech(place, [("folder", place.folder / "folders")], val_split=0.9)


CASES: list[Case] = [
    _studied("one-class", ["Happy"] * 4, "a single class", listed="labels 1"),
    _studied("class-of-one-sample", ["Happy"] * 4 + ["Sad"], listed="labels 2"),
    _studied("a-class-a-sample", ["Neutral", "Calm", "Happy", "Sad", "Angry", "Fearful", "Disgust", "Surprised"]),
    _studied("case-twins", ["happy", "HAPPY", "Sad", "sad"]),
    _studied("dollars", ["$x_$", "$$", *"abcdef"], listed="labels 3"),
    finishes("labels", "composed-and-decomposed", _twin_folders, counts=(17, 0, 0), listed="labels 4"),
    _studied("letters-of-all-kinds", HOSTILE, listed="labels 5"),
    _refused("emotions-and-others", _labeled(["Happy", "weird"]), "`weird`", "`Happy`", "class_names"),
    _refused("number-beyond-all-classes", _labeled(["99999", "1"]), "`99999`", "numbers below"),
    _refused("number-of-5000-digits", _labeled(["9" * 5000, "1"]), "no class number"),
    Case(
        name="classes-the-model-has-not",
        group="labels",
        write=_labeled(["a", "b", "c"]),
        code=4,
        fault="model-classes",
        told=("8 outputs", "`a`, `b`, `c`", "class_names"),
    ),
    _drawn("map-of-one-class", ["a"] * N),
    _drawn("map-of-hostile-classes", HOSTILE * 3),
    _drawn("map-half-unlabeled", ["a", ""] * 12),
    _drawn("map-of-measured-values", [f"{n * 0.37:.2f}" for n in range(N)]),
    _drawn("map-of-clusters-and-noise", [n % 4 - 1 for n in range(N)]),
    _drawn("map-of-numbers-and-words", ["1", "two"] * 12),
    _drawn("map-of-not-a-number", ["nan", "1.5", "2.5"] * 8),
    _refused("map-of-blank-lines", _mapped([""] * N), "l.txt is empty", fault="features-format"),
    _refused("map-of-unknown-labels", _mapped(["nan"] * N), "`l`", "empty values only"),
    _refused("map-of-too-few-labels", _mapped(["a"] * N, "--labels", "none.txt"), "none.txt", fault="data-missing"),
    _refused("map-of-many-shapes", _mapped(range(N), "--shapes", "l.txt"), "too many different values"),
    _refused(
        "map-of-half-letters", _mapped(["\ud800"] * N), "l.txt is of a kind that can't be read", fault="features-format"
    ),
]
