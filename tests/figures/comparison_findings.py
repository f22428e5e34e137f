"""Comparisons that are hard to draw: everything a picture must survive."""

from dataclasses import replace

import numpy as np

from latentscape.comparison_findings import ComparisonFindings, Step
from latentscape.measures.score import Score
from tests.comparison_values import build_comparison, make_change, make_score

from .pair_findings import NASTY

BLOCKS = tuple(f"hubert.encoder.layers.{i}" for i in range(25))


def with_nasty_words(study="latents") -> ComparisonFindings:
    """Class names, data sets, groups, layers and checkpoints whose names break pictures."""
    names = tuple(f"{text}{i}" for i, text in enumerate(NASTY))
    found = build_comparison(study=study, names=NASTY, n_checkpoints=4, layers=names)
    values = tuple(NASTY[i % len(NASTY)] or "x" for i in range(found.subject.n_judged))
    overall = replace(
        found.overall,
        group_changes={(NASTY[0], text): make_change("accuracy", -0.1, adjusted=0.01) for text in NASTY},
    )
    subject = replace(found.subject, shape_names=NASTY[:2], groups={NASTY[0]: values})
    if study == "latents":
        subject = replace(subject, kind_names=NASTY, class_names=NASTY)
    return replace(found, subject=subject, steps=(*found.steps[:-1], overall), main_layer=names[0])


def with_many_classes(n: int = 600, n_classes: int = 30) -> ComparisonFindings:
    """As many classes as the legend can't list."""
    found = build_comparison(n=n)
    names, labels = tuple(f"class {i}" for i in range(n_classes)), np.arange(n) % n_classes
    groups = {("class", name): make_change("accuracy", 0.01 * i - 0.1, adjusted=0.4) for i, name in enumerate(names)}
    subject = replace(found.subject, kinds=labels, kind_names=names, class_names=names)
    return replace(found, subject=subject, steps=tuple(replace(step, group_changes=groups) for step in found.steps))


def without_values(n_checkpoints: int = 3, study="latents") -> ComparisonFindings:
    """Nothing could be measured, and there are no groups."""
    found = build_comparison(study=study, n=6, n_checkpoints=n_checkpoints)
    answers = tuple(
        replace(each, scores={name: make_score(name, None) for name in each.scores}) for each in found.answers
    )
    layers = tuple(replace(layer, drift=_unmeasured(layer.drift)) for layer in found.layers)
    return replace(found, answers=answers, layers=layers, steps=tuple(map(_without_changes, found.steps)))


def _without_changes(step: Step) -> Step:
    changes = {
        name: replace(make_change(name, 0.0, adjusted=None), score=make_score(f"{name}_delta", None))
        for name in step.changes
    }
    return replace(step, changes=changes, group_changes={}, motion={}, splits=())


def _unmeasured(drift):
    def lose(scores):
        return {key: Score(name=score.name, value=None, n=6, reason="too few samples") for key, score in scores.items()}

    return replace(
        drift, similarity=lose(drift.similarity), overlap=lose(drift.overlap),
        geometry=tuple(lose(each) for each in drift.geometry),
    )  # fmt: skip


def with_overfitting() -> ComparisonFindings:
    """The last of four checkpoints is worse than the second."""
    found = build_comparison(n_checkpoints=4)
    worse = make_change("accuracy", -0.08, adjusted=0.0004)
    choice = replace(found.choice, recommended=1, rivals=(2,), overfitting=worse)
    return replace(found, choice=choice)


HARD = {
    "usual": lambda: build_comparison(),
    "retriever": lambda: build_comparison(study="embeddings"),
    "two, nothing detected": lambda: build_comparison(n_checkpoints=2, detected=False, stamps=("weights missing",)),
    "twelve checkpoints, 26 layers": lambda: build_comparison(n_checkpoints=12, layers=(*BLOCKS, "logits")),
    "30 classes": with_many_classes,
    "nasty words": with_nasty_words,
    "nasty retriever": lambda: with_nasty_words("embeddings"),
    "nothing measured": without_values,
    "nothing measured of two retrievers": lambda: without_values(2, "embeddings"),
    "over-fitting": with_overfitting,
}
"""What every picture is drawn of."""
