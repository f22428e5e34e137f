"""What each score means: the docstring of the function that measures it, found by the score's name."""

import importlib
import inspect
import re
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import Any

DOCTEST = ">>> "
SOURCE = re.compile(r"\n+Source: ")
NOTHING = re.compile(r"\bNone\b(?! of)")
"""What functions call a missing value; pages say n/a."""
LEFT_OUT = ("Raises", "Args:", "Returns:")
"""Parts of a docstring for those who call the function, not for those who read its number."""


@dataclass(frozen=True, kw_only=True)
class Definition:
    """What one kind of score means, and which scores are of that kind."""

    key: str
    """Its anchor on pages; unique."""
    title: str
    chapter: str
    names: tuple[str, ...] = ()
    """Names of scores; one that ends in `_` stands for all names that begin with it."""
    function: str
    """Where the docstring is: module in this package, then the name in it."""

    @property
    def shown_names(self) -> tuple[str, ...]:
        """Its names for readers: `recall_…` for all that begin with `recall_`."""
        return tuple(
            name if not name.endswith("_") else f"{name}…"
            for name in self.names
            if name.rstrip("_") == name or name.rstrip("_") not in self.names
        )

    @property
    def text(self) -> str:
        """The meaning, formula, range, edge cases and source; empty where Python was told to drop docstrings."""
        return _read_text(self.function)


@cache
def _read_text(place: str) -> str:
    if sys.flags.optimize >= 2:
        return ""  # dataclasses would write one of their own
    return _keep_meaning(inspect.cleandoc(find_function(place).__doc__ or ""))


def find_function(place: str) -> Any:
    """The function, class or property that a definition names, e.g. `recall.share_in_common`."""
    module, _, name = place.partition(".")
    found: Any = importlib.import_module(f"latentscape.measures.{module}")
    for part in name.split("."):
        found = getattr(found, part)
    return found


def define(score_name: str) -> Definition | None:
    """The definition of a score by its name, with or without a layer, map or class at its end; None if there is none.

    What is no score, such as a kind of suspect, is found by its key.

    >>> define("recall_at_5").key, define("recall_very_sad").key, define("nonsense")
    ('ranking', 'class_recall', None)
    """
    exact, prefixes = _index()
    found = exact.get(score_name)
    if found is None:
        fitting = [prefix for prefix in prefixes if score_name.startswith(prefix)]
        found = prefixes[max(fitting, key=len)] if fitting else None
    return found if found is not None and found.text else None


def list_definitions() -> tuple[Definition, ...]:
    """All that have a text, in the order of the chapters."""
    return tuple(definition for definition in DEFINITIONS if definition.text)


@cache
def _index() -> tuple[dict[str, Definition], dict[str, Definition]]:
    """Definitions by exact name or key, and by the beginning of a name."""
    exact = {name: each for each in DEFINITIONS for name in (each.key, *each.names) if not name.endswith("_")}
    prefixes = {name: each for each in DEFINITIONS for name in each.names if name.endswith("_")}
    return exact, prefixes


def _keep_meaning(docstring: str) -> str:
    """The docstring without examples and without what only callers need."""
    said = NOTHING.sub("n/a", docstring)
    parts = [part.rstrip() for part in SOURCE.sub("\n\nSource: ", said).split("\n\n")]
    return "\n\n".join(part for part in parts if part and not part.lstrip().startswith((DOCTEST, *LEFT_OUT)))


def _with_endings(names: Iterable[str]) -> tuple[str, ...]:
    """Each name alone and with anything behind it, such as a layer."""
    return tuple(form for name in names for form in (name, f"{name}_"))


DEFINITIONS: tuple[Definition, ...] = (
    Definition(key="score", title="Score", chapter="Scores and intervals", function="score.Score"),
    Definition(
        key="wilson", title="Wilson's interval", chapter="Scores and intervals", function="bootstrap.wilson_interval"
    ),
    Definition(
        key="bootstrap",
        title="Bootstrap interval",
        chapter="Scores and intervals",
        function="bootstrap.bootstrap_interval",
    ),
    Definition(
        key="permutation",
        title="Permutation p and null",
        chapter="Scores and intervals",
        function="permutations.p_value_of",
    ),
    Definition(
        key="permuted_labels",
        title="What is permuted",
        chapter="Scores and intervals",
        function="permutations.permute_labels",
    ),
    Definition(key="holm", title="Many tests at once", chapter="Scores and intervals", function="permutations.holm"),
    Definition(
        key="accuracy",
        title="Accuracy",
        chapter="Classification",
        names=_with_endings(["accuracy"]),
        function="classification.measure_accuracy",
    ),
    Definition(
        key="chance_accuracy",
        title="Accuracy of always guessing the largest class",
        chapter="Classification",
        names=("chance_accuracy",),
        function="classification.measure_chance_accuracy",
    ),
    Definition(
        key="balanced_accuracy",
        title="Balanced accuracy",
        chapter="Classification",
        names=("balanced_accuracy",),
        function="classification.measure_balanced_accuracy",
    ),
    Definition(
        key="class_recall",
        title="Recall of a class",
        chapter="Classification",
        names=("recall_",),
        function="classification.measure_class_recalls",
    ),
    Definition(
        key="class_precision",
        title="Precision of a class",
        chapter="Classification",
        names=("precision_",),
        function="classification.measure_class_precisions",
    ),
    Definition(
        key="class_f1",
        title="F1 of a class",
        chapter="Classification",
        names=("f1_",),
        function="classification.measure_class_f1s",
    ),
    Definition(
        key="calibration",
        title="Calibration",
        chapter="Classification",
        names=("calibration_error", "overconfidence", "brier"),
        function="calibration.measure_calibration",
    ),
    Definition(
        key="readout",
        title="Readout: what a layer gives away",
        chapter="Layers",
        names=_with_endings(
            f"{reader}_{target}" for reader in ("linear", "knn") for target in ("class", "dataset", "speaker")
        ),
        function="readout.measure_readouts",
    ),
    Definition(key="linear_probe", title="Linear probe", chapter="Layers", function="linear_probe.LinearProbe"),
    Definition(
        key="silhouette",
        title="Silhouette",
        chapter="Layers",
        names=_with_endings(["silhouette"]),
        function="silhouette.measure_silhouette",
    ),
    Definition(
        key="within_between",
        title="Spread within classes against between them (NC1)",
        chapter="Layers",
        names=_with_endings(["within_between"]),
        function="within_between.measure_within_between",
    ),
    Definition(
        key="effective_rank",
        title="Effective rank (RankMe)",
        chapter="Layers",
        names=_with_endings(["effective_rank"]),
        function="effective_rank.measure_effective_rank",
    ),
    Definition(
        key="intrinsic_dimension",
        title="Intrinsic dimension (TwoNN)",
        chapter="Layers",
        names=_with_endings(["intrinsic_dimension"]),
        function="intrinsic_dimension.measure_intrinsic_dimension",
    ),
    Definition(
        key="mean_cosine",
        title="Mean cosine (anisotropy)",
        chapter="Layers",
        names=_with_endings(["mean_cosine"]),
        function="mean_cosine.measure_mean_cosine",
    ),
    Definition(
        key="hubness",
        title="Hubness",
        chapter="Layers",
        names=_with_endings(["hubness"]),
        function="hubness.measure_hubness",
    ),
    Definition(
        key="cka",
        title="Similarity of two layers (CKA)",
        chapter="Layers",
        names=_with_endings(["cka"]),
        function="cka.measure_cka",
    ),
    Definition(
        key="overlap",
        title="Neighbors two layers share",
        chapter="Layers",
        names=_with_endings(["neighbor_overlap"]),
        function="layer_similarity.measure_layer_similarity",
    ),
    Definition(
        key="confusion_distance",
        title="Confusion against distance",
        chapter="Confusion",
        names=_with_endings(["confusion_distance_spearman"]),
        function="distance.measure_confusion_against_distance",
    ),
    Definition(key="mantel", title="Mantel's p", chapter="Confusion", function="mantel.measure_mantel_p"),
    Definition(
        key="surprise",
        title="Confused more or less than the distance predicts",
        chapter="Confusion",
        function="surprise.measure_surprise",
    ),
    Definition(
        key="confusability",
        title="Pairs confused more than their margins explain",
        chapter="Confusion",
        names=_with_endings(["pair_confusion"]),
        function="confusability.measure_confusability",
    ),
    Definition(
        key="transfer",
        title="Transfer from one dataset to another",
        chapter="Generalization",
        names=_with_endings(f"transfer_{what}" for what in ("linear", "centroid", "loss_linear", "loss_centroid")),
        function="transfer.measure_transfer",
    ),
    Definition(
        key="drift",
        title="Drift of a class between datasets",
        chapter="Generalization",
        names=_with_endings(["drift"]),
        function="drift.measure_drifts",
    ),
    Definition(
        key="label_suspects",
        title="Suspect labels",
        chapter="Suspects",
        function="label_suspects.find_label_suspects",
    ),
    Definition(key="copies", title="Exact copies", chapter="Suspects", function="copy_suspects.find_copy_suspects"),
    Definition(key="near_copies", title="Near copies", chapter="Suspects", function="copy_suspects.find_near_copies"),
    Definition(key="outliers", title="Outliers", chapter="Suspects", function="outliers.find_outliers"),
    Definition(
        key="similarity",
        title="Similarity of pairs",
        chapter="Retrieval",
        names=(
            *(f"{kind}_{what}" for kind in ("positive", "negative", "hard_negative") for what in ("mean", "sd")),
            "margin",
            "hard_margin",
        ),
        function="similarity.measure_similarities",
    ),
    Definition(
        key="separation",
        title="Separation",
        chapter="Retrieval",
        names=("separation",),
        function="similarity.separation",
    ),
    Definition(
        key="ranking",
        title="Ranks of right documents",
        chapter="Retrieval",
        names=("mrr", "hit_at_1", "recall_at_1", "recall_at_5", "recall_at_10"),
        function="ranking.rank_documents",
    ),
    Definition(
        key="heatmap_diagonal",
        title="Bright diagonal of the heatmap",
        chapter="Retrieval",
        names=("heatmap_diagonal",),
        function="heatmap.measure_heatmap",
    ),
    Definition(key="margin_words", title="Words for a margin", chapter="Retrieval", function="scales.describe_margin"),
    Definition(
        key="separation_words",
        title="Words for a separation",
        chapter="Retrieval",
        function="scales.describe_separation",
    ),
    Definition(key="readiness", title="Readiness", chapter="Retrieval", function="scales.check_readiness"),
    Definition(key="map_trust", title="Trust in a map", chapter="Maps", function="faithfulness.measure_map_trust"),
    Definition(
        key="neighbor_recall",
        title="Neighbor recall and stability",
        chapter="Maps",
        names=_with_endings(["neighbor_recall", "stability"]),
        function="recall.share_in_common",
    ),
    Definition(
        key="trustworthiness",
        title="Trustworthiness and continuity",
        chapter="Maps",
        names=_with_endings(["trustworthiness", "continuity"]),
        function="trustworthiness.judge_neighbors",
    ),
    Definition(
        key="shepard_spearman",
        title="Order of distances on a map",
        chapter="Maps",
        names=_with_endings(["shepard_spearman"]),
        function="shepard.measure_shepard",
    ),
    Definition(
        key="triplet_accuracy",
        title="Triplets a map orders right",
        chapter="Maps",
        names=_with_endings(["triplet_accuracy"]),
        function="triplets.measure_triplets",
    ),
    Definition(key="trust_level", title="Trust in a word", chapter="Maps", function="faithfulness.MapTrust.level"),
)
"""Every measure, by chapter, in the order of docs/measures.md."""
