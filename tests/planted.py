"""A classifier's layers in which everything is known: what each knows, what is confused, mislabeled or copied."""

from dataclasses import dataclass, field

import numpy as np

from latentscape.diagnosis import Judged, WholeSet, diagnose
from latentscape.findings import Accounting, LatentsFindings, ModelCard
from latentscape.layer_maps import MapPlan, map_layers
from latentscape.store import Unkept

CLASSES = ("Neutral", "Calm", "Happy", "Sad", "Angry", "Fearful")
SPEAKERS = 16
"""Eight in each of two data sets."""
CARD = ModelCard(
    name="planted", checkpoint="checkpoint.pt", sha256="0" * 64, n_parameters=1, n_tensors_matched=1, n_tensors_total=1
)


@dataclass(frozen=True, kw_only=True)
class Plant:
    """What is put in: how far apart classes, data sets and speakers lie in each layer, and what is wrong."""

    n: int = 480
    class_signal: tuple[float, ...] = (0.0, 0.5, 1.3)
    """For cnn, encoder, mlp; 0 hides the classes."""
    dataset_signal: tuple[float, ...] = (3.0, 2.0, 1.2)
    speaker_signal: float = 0.3
    confused: tuple[int, int] | None = (0, 1)
    """Classes that lie at the same place."""
    n_mislabeled: int = 0
    n_copied: int = 0
    """Samples that are another one with a little noise."""
    turned: bool = False
    """Whether the second data set has the classes elsewhere."""
    width: int = 24
    scramble: bool = False
    """Whether labels, data sets and speakers are drawn at random, and predictions too."""


@dataclass(frozen=True, kw_only=True)
class Planted:
    """The planted set with what is wrong in it."""

    judged: Judged
    features: dict[str, np.ndarray]
    mislabeled: tuple[str, ...]
    copied: tuple[tuple[str, str], ...]
    whole: WholeSet = field(default_factory=lambda: WholeSet(ids=(), labels=np.empty(0, int), splits=()))


def plant(recipe: Plant, *, seed: int = 0, whole: WholeSet | None = None) -> Planted:
    random = np.random.default_rng(seed)
    n, n_classes = recipe.n, len(CLASSES)
    labels = np.arange(n) % n_classes
    speakers = np.arange(n) // n_classes % SPEAKERS
    dataset_ids = speakers % 2
    features = {}
    for place, layer in enumerate(("cnn", "encoder", "mlp")):
        centers = random.normal(size=(2, n_classes, recipe.width)) * recipe.class_signal[place]
        if recipe.confused:
            centers[:, recipe.confused[1]] = centers[:, recipe.confused[0]]
        corpora = random.normal(size=(2, recipe.width)) * recipe.dataset_signal[place]
        voices = random.normal(size=(SPEAKERS, recipe.width)) * recipe.speaker_signal
        which = dataset_ids if recipe.turned else np.zeros(n, int)
        noise = random.normal(size=(n, recipe.width))
        features[layer] = centers[which, labels] + corpora[dataset_ids] + voices[speakers] + noise
        if place == 2:
            own = np.linalg.norm(features[layer][:, None] - corpora[dataset_ids][:, None] - centers[which], axis=2)
            logits = -np.square(own) / 8 + random.normal(size=own.shape) * 1.0
    if recipe.scramble:
        labels, dataset_ids = random.integers(0, n_classes, n), random.integers(0, 2, n)
        speakers = random.integers(0, SPEAKERS // 2, n) * 2 + dataset_ids
        logits = random.normal(size=logits.shape)
    ids = tuple(f"set{dataset_ids[row]}/{speakers[row]:02d}/{row:04d}.wav" for row in range(n))
    wrong = random.choice(n, recipe.n_mislabeled, replace=False)
    if recipe.n_mislabeled:
        labels = labels.copy()
        labels[wrong] = (labels[wrong] + 3) % n_classes
    copies = random.choice(n, (recipe.n_copied, 2), replace=False)
    for values in features.values():
        values[copies[:, 1]] = values[copies[:, 0]] + random.normal(size=(recipe.n_copied, recipe.width)) * 1e-3
    features["logits"] = logits
    shares = np.exp(logits - logits.max(axis=1, keepdims=True))
    return Planted(
        judged=Judged(
            ids=ids,
            labels=labels,
            probabilities=shares / shares.sum(axis=1, keepdims=True),
            dataset_ids=dataset_ids,
            speakers=tuple(f"set{dataset_ids[row]}/{speakers[row]:02d}" for row in range(n)),
            class_names=CLASSES,
            dataset_names=("ravdess", "crema-d"),
        ),
        features={layer: values.astype(np.float32) for layer, values in features.items()},
        mislabeled=tuple(ids[row] for row in wrong),
        copied=tuple((ids[a], ids[b]) for a, b in copies),
        whole=whole or WholeSet(ids=ids, labels=labels, splits=("validation",) * n),
    )


def study(planted: Planted, *, seed: int = 0, methods: tuple[str, ...] = ("pca",)) -> LatentsFindings:
    """What the study finds of it."""
    plan = MapPlan(methods=methods, seed=seed)
    maps = map_layers(Unkept(), planted.features, plan=plan, inputs={})
    return diagnose(
        planted.judged,
        planted.features,
        maps,
        whole=planted.whole,
        model=CARD,
        accounting=Accounting(n_in=len(planted.judged.ids), n_ok=len(planted.judged.ids)),
        seed=seed,
    )
