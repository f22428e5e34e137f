"""Every measure, by chapter: the names of its scores, and the function whose docstring defines them."""

from collections.abc import Iterable

from latentscape.measures.catalog_comparison import COMPARISON_DEFINITIONS
from latentscape.measures.definition import Definition


def _with_suffixes(names: Iterable[str], suffixes: Iterable[str]) -> tuple[str, ...]:
    """Each name alone and with each of the suffixes."""
    endings = ["", *suffixes]
    return tuple(f"{name}{ending}" for name in names for ending in endings)


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
    Definition(
        key="interval_p",
        title="A p read off an interval",
        chapter="Scores and intervals",
        function="interval_p.p_above",
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
        key="layer_overlap",
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
            "positive_mean",
            "positive_sd",
            *_with_suffixes(
                ["negative_mean", "negative_sd", "margin", "d_prime", "margin_over_sds"], ["_hard", "_mined"]
            ),
        ),
        function="similarity.measure_similarities",
    ),
    Definition(
        key="separation",
        title="Separation",
        chapter="Retrieval",
        names=_with_suffixes(["separation"], ["_hard", "_mined"]),
        function="similarity.separation",
    ),
    Definition(
        key="separability",
        title="What a threshold can do",
        chapter="Retrieval",
        names=_with_suffixes(
            [
                "auc",
                "overlap",
                "threshold_fpr_1",
                "tpr_at_fpr_1",
                "threshold_fpr_5",
                "tpr_at_fpr_5",
            ],
            ["_hard", "_mined"],
        ),
        function="separability.measure_separability",
    ),
    Definition(
        key="ranking",
        title="Ranks of right documents",
        chapter="Retrieval",
        names=_with_suffixes(
            ["mrr", "hit_at_1", "recall_at_1", "recall_at_5", "recall_at_10", "recall_at_50", "ndcg_at_10", "map"],
            ["_without_hard"],
        ),
        function="ranking.rank_documents",
    ),
    Definition(
        key="group_ranks",
        title="Ranks by groups of queries",
        chapter="Retrieval",
        names=("group_hit_at_1_", "group_mrr_"),
        function="group_ranks.measure_group_ranks",
    ),
    Definition(
        key="rank_chance",
        title="Ranks against chance",
        chapter="Retrieval",
        function="rank_chance.measure_rank_chance",
    ),
    Definition(
        key="heatmap_diagonal",
        title="Bright diagonal of the heatmap",
        chapter="Retrieval",
        names=("heatmap_diagonal",),
        function="heatmap.measure_heatmap",
    ),
    Definition(
        key="type_importance",
        title="What a wrong detail costs",
        chapter="Retrieval",
        names=(*_with_endings(["difference", "violation_rate", "type_effect", "acts_like"]), "weight_agreement"),
        function="minimal_pairs.measure_type_importance",
    ),
    Definition(
        key="attribute_places",
        title="Documents that share an attribute",
        chapter="Retrieval",
        names=_with_endings(["knn_purity", "value_purity", "map_purity", "geography"]),
        function="attribute_places.measure_attribute_places",
    ),
    Definition(
        key="response",
        title="Answer to a number",
        chapter="Retrieval",
        names=_with_endings(["monotonicity"]),
        function="response.measure_response",
    ),
    Definition(
        key="alignment",
        title="Alignment",
        chapter="Retrieval",
        names=("alignment",),
        function="retrieval_geometry.measure_alignment",
    ),
    Definition(
        key="uniformity",
        title="Uniformity",
        chapter="Retrieval",
        names=("uniformity_",),
        function="retrieval_geometry.measure_uniformity",
    ),
    Definition(
        key="query_gap",
        title="Gap between queries and documents",
        chapter="Retrieval",
        names=("query_document_gap", "gap_readable"),
        function="query_gap.measure_query_gap",
    ),
    Definition(
        key="document_hubness",
        title="Hubs among documents",
        chapter="Retrieval",
        names=("document_hubness",),
        function="nearest_documents.measure_document_hubness",
    ),
    Definition(
        key="never_found",
        title="Documents that nobody finds",
        chapter="Retrieval",
        names=("never_found",),
        function="nearest_documents.measure_never_found",
    ),
    Definition(
        key="head_overlap",
        title="What the head keeps",
        chapter="Retrieval",
        names=("head_overlap",),
        function="nearest_documents.measure_head_overlap",
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
        names=_with_endings(["neighbor_recall", "laid_out_recall", "placed_recall", "stability"]),
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
    *COMPARISON_DEFINITIONS,
)
"""Every measure, by chapter, in the order of docs/measures.md."""
