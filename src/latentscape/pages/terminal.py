"""What a study found, as the few lines a terminal shows."""

from collections.abc import Mapping

from latentscape.findings import Accounting, EmbeddingsFindings, LatentsFindings, ModelCard
from latentscape.measures.scales import describe_margin, describe_separation
from latentscape.measures.score import Score


def summarize_latents(findings: LatentsFindings) -> str:
    """Accuracy against chance, recall by class, and for each layer the Spearman correlation and the maps' trust."""
    scores = findings.scores
    lines = ["Classification", *_lines(scores, ("accuracy", "chance_accuracy", "balanced_accuracy"))]
    lines += ["Recall by class", *_lines(scores, [name for name in scores if name.startswith("recall_")])]
    lines += ["Confusion against distance between classes (Spearman)"]
    lines += [_line(layer.layer, layer.confusion.spearman) for layer in findings.layers]
    lines += ["Neighbors kept by the maps (share of the 15 nearest, or of all where there are fewer)"]
    for layer in findings.layers:
        lines += [_line(f"{layer.layer} {name}", drawn.trust.recall) for name, drawn in layer.maps.items()]
    return "\n".join([*lines, *_closing(findings.accounting, findings.model)])


def summarize_embeddings(findings: EmbeddingsFindings) -> str:
    """The similarity statistics in their published form and words, then the ranks and the maps' trust."""
    scores = findings.scores
    lines = [describe_similarity_statistics({name: score.value for name, score in scores.items()})]
    words = {"margin": describe_margin, "separation": describe_separation}
    lines += [
        f"  {name.capitalize()} is {word(value)}"
        for name, word in words.items()
        if (value := scores[name].value) is not None
    ]
    lines += ["Hard negatives", *_lines(scores, ("hard_negative_mean", "hard_margin"))]
    lines += ["Retrieval", *_lines(scores, ("mrr", "recall_at_1", "recall_at_5", "recall_at_10", "hit_at_1"))]
    if findings.maps:
        lines += ["Neighbors kept by the maps"]
        lines += [_line(name, drawn.trust.recall) for name, drawn in findings.maps.items()]
    return "\n".join([*lines, *_closing(findings.accounting, findings.model)])


def describe_similarity_statistics(values: Mapping[str, float | None]) -> str:
    """The block the original command printed.

    >>> print(describe_similarity_statistics({"positive_mean": 0.8234, "positive_sd": 0.0876, "negative_mean": 0.4521,
    ...     "negative_sd": 0.1234, "margin": 0.3713, "separation": 2.4535}))
    Similarity statistics
      Positive    0.8234 ± 0.0876
      Negative    0.4521 ± 0.1234
      Margin      0.3713
      Separation  2.45σ
    """

    def shown(name: str, form: str) -> str:
        value = values.get(name)
        return "n/a" if value is None else format(value, form)

    return "\n".join(
        [
            "Similarity statistics",
            f"  Positive    {shown('positive_mean', '.4f')} ± {shown('positive_sd', '.4f')}",
            f"  Negative    {shown('negative_mean', '.4f')} ± {shown('negative_sd', '.4f')}",
            f"  Margin      {shown('margin', '.4f')}",
            f"  Separation  {shown('separation', '.2f')}σ",
        ]
    )


def _lines(scores: Mapping[str, Score], names) -> list[str]:
    return [_line(name, scores[name]) for name in names if name in scores]


def _line(name: str, score: Score) -> str:
    label = f"  {name.replace('_', ' '):<22}"
    if score.value is None:
        return f"{label}n/a ({score.reason})"
    interval = "" if score.low is None else f"  [{score.low:.3f}, {score.high:.3f}]"
    return f"{label}{score.value:.4f}{interval}  n = {score.n}"


def _closing(accounting: Accounting, model: ModelCard) -> list[str]:
    lines = [
        f"Samples  {accounting.n_in} in = {accounting.n_ok} studied + {len(accounting.skipped)} skipped "
        f"+ {len(accounting.failed)} failed",
        *(f"  failed {skip.id}: {skip.reason}" for skip in accounting.failed[:10]),
        f"Weights  {model.n_tensors_matched} of {model.n_tensors_total} tensors match the checkpoint bit for bit",
    ]
    return [*lines, *(f"WARNING  {stamp}" for stamp in model.stamps)]
