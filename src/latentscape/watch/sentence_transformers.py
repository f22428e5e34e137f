"""A watch for the trainer of `sentence-transformers`, as one of its evaluators."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sentence_transformers.sentence_transformer.evaluation import SentenceEvaluator

from latentscape.measures.score import Score
from latentscape.watch.retriever import RetrieverWatch

TOLD = ("hit_at_1", "mrr", "recall_at_5", "recall_at_10", "ndcg_at_10", "map", "margin", "margin_hard", "margin_mined")
"""Scores that are metrics of the training."""
PRIMARY = "ndcg_at_10"
"""The metric that tells which checkpoint is best."""


class LatentscapeEvaluator(SentenceEvaluator):
    """Shows held-out pairs to the model at each evaluation; `study.finish()` compares what was logged.

    Works as `evaluator=` of SentenceTransformerTrainer and in `model.evaluate(...)`. `choices` are those of
    `RetrieverWatch`.
    """

    def __init__(self, pairs: str | Path | Sequence[Mapping[str, Any]], *, name: str = "", **choices: Any) -> None:
        super().__init__()
        self.name = name
        self.primary_metric = f"{name}_{PRIMARY}" if name else PRIMARY
        self.greater_is_better = True
        self.study = RetrieverWatch(pairs=pairs, **choices)

    def __call__(  # noqa: PLR0917  the library's signature
        self, model: Any, output_path: str | None = None, epoch: float = -1, steps: int = -1
    ) -> dict[str, float]:
        """The scores as metrics; of a log that failed only the primary one, which is not a number then."""
        step = int(steps) if steps >= 0 else (self.study.last_step or 0) + bool(self.study.runs)
        scores = self.study.log(model, step, None if epoch < 0 else float(epoch))
        metrics = self.prefix_name_to_metrics(_list_values(scores) or {PRIMARY: math.nan}, self.name)
        if hasattr(model, "model_card_data"):
            self.store_metrics_in_model_card_data(model, metrics, int(epoch), step)
        return metrics


def _list_values(scores: Mapping[str, Score]) -> dict[str, float]:
    found = {name: scores[name].value for name in TOLD if name in scores}
    return {name: float(value) for name, value in found.items() if value is not None}
