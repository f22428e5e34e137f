"""A latents study with everything measured, by hand: the numbers of a model that learned class and corpus."""

from dataclasses import replace

import numpy as np

from latentscape.findings import Improvement, Improvements, LatentsFindings, LayerFindings, Withheld
from latentscape.measures.calibration import Calibration
from latentscape.measures.drift import ClassDrift
from latentscape.measures.layer_similarity import LayerSimilarity
from latentscape.measures.readout import Readout
from latentscape.measures.score import Score
from latentscape.measures.suspects import Suspect
from latentscape.measures.transfer import Transfer

READ = {
    "class": ((0.31, 0.38, 0.44, 0.52, 0.50), 0.16),
    "dataset": ((0.97, 0.93, 0.88, 0.81, 0.79), 0.55),
    "speaker": ((0.41, 0.33, 0.20, 0.06, 0.05), 0.04),
}
SHAPES = {
    "silhouette": (-0.04, 0.03, 0.08, 0.19, 0.22),
    "within_between": (41.2, 22.0, 9.0, 3.1, 2.7),
    "effective_rank": (212.4, 150.0, 90.1, 11.6, 6.2),
    "intrinsic_dimension": (14.1, 12.0, 10.2, 6.0, 5.5),
    "mean_cosine": (0.93, 0.81, 0.65, 0.22, 0.10),
    "hubness": (2.1, 1.4, 1.1, 0.7, 0.6),
}


def make_readout(target: str, reader: str, value: float, *, n: int, chance: float, p_value: float | None) -> Readout:
    score = Score(name=f"{reader}_{target}", value=value, n=n, low=value - 0.04, high=value + 0.04)
    return Readout(
        target=target,
        reader=reader,
        score=score,
        chance=chance,
        null=(max(0.0, chance - 0.05), chance + 0.02),
        p_value=p_value,
        grouped=target == "class",
        hits=np.zeros(n, dtype=bool),
        used=np.ones(n, dtype=bool),
        note="crema-d has a single speaker: voice and dataset can't be told apart" if target == "dataset" else "",
    )


def read_layer(layer: LayerFindings, place: int, *, n: int, p_value: float | None) -> LayerFindings:
    readouts = {}
    for target, (values, chance) in READ.items():
        for reader, less in (("linear", 0.0), ("knn", 0.03)):
            weak = target == "speaker" and place > 2
            p = 0.31 if weak else p_value
            value = values[place % 5] - less if p_value == 0.001 else chance
            readouts[target, reader] = make_readout(target, reader, value, n=n, chance=chance, p_value=p)
    geometry = {
        name: Score(name=name, value=values[place % 5], n=n, bounds=(-np.inf, np.inf))
        for name, values in SHAPES.items()
    }
    return replace(layer, readouts=readouts, geometry=geometry)


def make_transfer(reader: str, *, n: int, loss: float, p_value: float) -> Transfer:
    ways = ((0, 1), (1, 0))
    return Transfer(
        reader=reader,
        scores={
            way: Score(
                name=f"transfer_{reader}",
                value=0.41 - 0.1 * way[0],
                n=n,
                low=0.33 - 0.1 * way[0],
                high=0.49 - 0.1 * way[0],
            )
            for way in ways
        },
        chance=dict.fromkeys(ways, 0.16),
        p_values=dict.fromkeys(ways, 0.001),
        losses={
            way: Score(
                name=f"transfer_loss_{reader}",
                value=loss + 0.02 * way[0],
                n=n,
                low=loss - 0.07 + 0.02 * way[0],
                high=loss + 0.07 + 0.02 * way[0],
                bounds=(-1.0, 1.0),
            )
            for way in ways
        },
        loss_p_values=dict.fromkeys(ways, p_value),
    )


def make_drifts(n_classes: int) -> tuple[ClassDrift, ...]:
    bounds = (0.0, np.inf)
    return tuple(
        ClassDrift(
            first=0,
            second=1,
            label=c,
            score=Score(name="drift", value=0.1 * c, n=80, low=0.0, high=0.1 * c + 0.2, better="lower", bounds=bounds),
            p_value=0.4 if c < 2 else 0.001,
        )
        for c in range(n_classes)
    )


def make_calibration(n: int, *, over: float = 0.19) -> Calibration:
    edges = np.linspace(0, 1, 16)
    middle = (edges[1:] + edges[:-1]) / 2
    return Calibration(
        edges=edges,
        counts=np.arange(15),
        confidence=middle,
        accuracy=np.clip(middle - over, 0, 1),
        low=np.clip(middle - over - 0.1, 0, 1),
        high=np.clip(middle - over + 0.1, 0, 1),
        scores={
            "calibration_error": Score(name="calibration_error", value=0.2, n=n, low=0.16, high=0.24, better="lower"),
            "overconfidence": Score(
                name="overconfidence",
                value=over,
                n=n,
                low=over - 0.05,
                high=over + 0.05,
                better="neither",
                bounds=(-1.0, 1.0),
            ),
            "brier": Score(name="brier", value=0.61, n=n, low=0.55, high=0.67, better="lower", bounds=(0.0, 2.0)),
        },
    )


def make_suspects(ids: tuple[str, ...]) -> tuple[Suspect, ...]:
    return (
        Suspect(
            kind="conflicting_copies",
            ids=("crema-d/1076_MTI_NEU_XX.wav", "crema-d/1076_MTI_SAD_XX.wav"),
            splits=("train", "train"),
            labels=(0, 3),
            reason="the same bytes, filed under Neutral and Sad",
        ),
        *(
            Suspect(
                kind="label",
                ids=(name,),
                splits=("validation",),
                labels=(2,),
                suggested=4,
                strength=0.9 - 0.01 * i,
                reason="12 of 15 neighbors are Angry, the model says Angry at 0.97",
            )
            for i, name in enumerate(ids[:30])
        ),
        Suspect(
            kind="outlier", ids=ids[-1:], splits=("validation",), labels=(-1,), reason="3.1 times as far as is usual"
        ),
    )


def list_improvements(ids: tuple[str, ...], *, n: int) -> Improvements:
    share = {"n": n, "low": 0.7, "high": 0.9}
    found = (
        Improvement(kind="conflicting_copies", subject=(), samples=("crema-d/1076_MTI_NEU_XX.wav",), stake=0.01),
        Improvement(kind="label", subject=(), samples=ids[:60], stake=0.03),
        Improvement(
            kind="readable_dataset",
            subject=("cnn", "mlp", ""),
            scores={
                "most": Score(name="linear_dataset", value=0.97, n=n, low=0.95, high=0.99),
                "last": Score(name="linear_dataset", value=0.81, **share),
                "chance": Score(name="chance", value=0.55, n=n),
            },
            p_value=0.005,
        ),
        Improvement(
            kind="overconfident",
            subject=(),
            scores={
                "overconfidence": Score(name="overconfidence", value=0.19, n=n, low=0.14, high=0.24),
                "accuracy": Score(name="accuracy", value=0.62, n=n, low=0.58, high=0.66),
            },
        ),
    )
    return Improvements(found=found, withheld=(Withheld(kind="weak_class", reason="Calm has only 7 samples"),))


def withhold_all() -> Improvements:
    return Improvements(withheld=(Withheld(kind="lost_transfer", reason="a dataset has only 12 samples"),))


def measure_everything(
    findings: LatentsFindings, *, p_value: float | None = 0.001, loss: float = 0.22
) -> LatentsFindings:
    """The same study with readouts, transfers, calibration and suspects; `p_value` says whether any of it holds."""
    n, n_classes = len(findings.ids), len(findings.class_names)
    layers = [read_layer(layer, place, n=n, p_value=p_value) for place, layer in enumerate(findings.layers)]
    p_loss = 0.0001 if p_value == 0.001 else 0.6
    layers = [
        replace(
            layer,
            other_confusions=dict.fromkeys(("mmd", "tsne"), layer.confusion),
            transfers=tuple(
                make_transfer(reader, n=n // 2, loss=loss, p_value=p_loss) for reader in ("linear", "centroid")
            ),
            drifts=make_drifts(n_classes),
        )
        for layer in layers
    ]
    names = tuple(layer.layer for layer in layers)
    pairs = [(i, j) for i in range(len(names)) for j in range(i + 1, len(names))]
    by_class = [
        Score(name=name.replace("recall_", prefix), value=score.value, n=score.n, low=score.low, high=score.high)
        for prefix in ("precision_", "f1_")
        for name, score in findings.scores.items()
        if name.startswith("recall_")
    ]
    probabilities = np.random.default_rng(0).dirichlet(np.full(n_classes, 0.2), size=n)
    wrong = np.flatnonzero(findings.labels != findings.predictions)
    return replace(
        findings,
        layers=tuple(layers),
        scores={**findings.scores, **{score.name: score for score in by_class}},
        probabilities=probabilities,
        calibration=make_calibration(n),
        mistakes=wrong[:20],
        layer_similarity=LayerSimilarity(
            layers=names,
            cka={pair: Score(name="cka", value=0.7 - 0.1 * pair[0], n=n, bounds=(-1.0, 1.0)) for pair in pairs},
            overlap={pair: Score(name="overlap", value=0.4, n=n) for pair in pairs},
        ),
        suspects=make_suspects(findings.ids),
        improvements=list_improvements(findings.ids, n=n) if p_value == 0.001 else withhold_all(),
        n_train=5_120,
    )
