"""The measures that compare checkpoints: the names of their scores, and where each is defined."""

from latentscape.measures.definition import Definition

CHAPTER = "Comparisons"

COMPARISON_DEFINITIONS: tuple[Definition, ...] = (
    Definition(
        key="delta",
        title="Difference of a score",
        chapter=CHAPTER,
        names=("group_delta_",),
        function="tallies.measure_change",
    ),
    Definition(
        key="exchange",
        title="Models exchanged",
        chapter=CHAPTER,
        function="exchange.exchange_p_values",
    ),
    Definition(
        key="true_probability",
        title="Probability of the true class and log loss",
        chapter=CHAPTER,
        names=("true_probability", "true_probability_", "log_loss", "log_loss_"),
        function="classifier_tallies.tally_classifier",
    ),
    Definition(
        key="outcomes",
        title="Fixed and broken samples",
        chapter=CHAPTER,
        names=("fixed", "broken"),
        function="outcomes.sort_outcomes",
    ),
    Definition(
        key="checkpoint_choice",
        title="Which checkpoint to take",
        chapter=CHAPTER,
        function="checkpoint_choice.choose_checkpoint",
    ),
    Definition(
        key="neighbor_move",
        title="Samples that left their neighbors",
        chapter=CHAPTER,
        function="neighbor_change.measure_neighbor_change",
    ),
    Definition(
        key="class_splits",
        title="Classes that split or merged",
        chapter=CHAPTER,
        function="class_splits.find_class_splits",
    ),
    Definition(
        key="layer_drift",
        title="How a layer changed",
        chapter=CHAPTER,
        function="layer_drift.measure_layer_drift",
    ),
)
"""In the order of docs/measures.md."""
