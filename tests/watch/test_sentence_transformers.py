"""The evaluator inside a real SentenceTransformerTrainer and `model.evaluate`, on a tiny encoder built here."""

import json
import math

import pytest
import torch

from .toys import make_pairs, same_state

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]


@pytest.fixture(scope="module")
def encoder(tmp_path_factory):
    from sentence_transformers import SentenceTransformer

    from latentscape.demo.base_model import write_base_model

    folder = tmp_path_factory.mktemp("encoder")
    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 24}
    texts = [text for row in make_pairs() for text in (row["query"], row["pos"])]
    torch.manual_seed(0)
    write_base_model(folder / "base", texts, encoder_config=sizes, vocab_size=300, max_length=32)
    SentenceTransformer(str(folder / "base"), device="cpu", local_files_only=True).save(str(folder / "whole"))
    return folder / "whole"


def load(encoder):
    from sentence_transformers import SentenceTransformer

    return SentenceTransformer(str(encoder), device="cpu", local_files_only=True)


def make_evaluator(tmp_path, **choices):
    from latentscape.watch.sentence_transformers import LatentscapeEvaluator

    return LatentscapeEvaluator(make_pairs(), **{"output": tmp_path / "watch", "strict": True, **choices})


def test_evaluate_gives_the_metrics_of_the_librarys_own_evaluator(tmp_path, encoder):
    from sentence_transformers.sentence_transformer.evaluation import InformationRetrievalEvaluator

    rows, model = make_pairs(), load(encoder)
    documents = [row["pos"] for row in rows] + [row["hard_neg"][0]["text"] for row in rows]
    theirs = InformationRetrievalEvaluator(
        queries={str(number): row["query"] for number, row in enumerate(rows)},
        corpus={str(number): text for number, text in enumerate(documents)},
        relevant_docs={str(number): {str(number)} for number in range(len(rows))},
        mrr_at_k=[48], ndcg_at_k=[10], accuracy_at_k=[1],
    )(model)  # fmt: skip
    evaluator = make_evaluator(tmp_path, name="held-out")
    ours = model.evaluate(evaluator)
    assert evaluator.primary_metric == "held-out_ndcg_at_10"
    assert ours["held-out_hit_at_1"] == pytest.approx(theirs["cosine_accuracy@1"], abs=1e-6)
    assert ours["held-out_mrr"] == pytest.approx(theirs["cosine_mrr@48"], abs=1e-6)
    assert ours["held-out_ndcg_at_10"] == pytest.approx(theirs["cosine_ndcg@10"], abs=1e-6)
    assert json.loads((tmp_path / "watch" / "step_000000" / "manifest.json").read_text())["study"] == "embeddings"


def test_inside_the_trainer(tmp_path, encoder):
    datasets = pytest.importorskip("datasets")
    from sentence_transformers import SentenceTransformerTrainer, SentenceTransformerTrainingArguments
    from sentence_transformers.sentence_transformer.evaluation import SentenceEvaluator
    from sentence_transformers.sentence_transformer.losses import MultipleNegativesRankingLoss

    rows = datasets.Dataset.from_list([{"anchor": row["query"], "positive": row["pos"]} for row in make_pairs(48)])

    def run(evaluator):
        model = load(encoder)
        arguments = SentenceTransformerTrainingArguments(
            output_dir=str(tmp_path / "trainer"), max_steps=4, per_device_train_batch_size=8, report_to=[],
            eval_strategy="steps", eval_steps=2, save_strategy="no", use_cpu=True, seed=3,
            disable_tqdm=True,
        )  # fmt: skip
        trainer = SentenceTransformerTrainer(
            model=model, args=arguments, train_dataset=rows, loss=MultipleNegativesRankingLoss(model),
            evaluator=evaluator,
        )  # fmt: skip
        trainer.train()
        return trainer

    class Idle(SentenceEvaluator):
        def __call__(self, model, output_path=None, epoch=-1, steps=-1):
            return {"nothing": 0.0}

    evaluator = make_evaluator(tmp_path)
    trainer = run(evaluator)
    assert list(evaluator.study.runs) == ["step_000002", "step_000004"]
    logged = [entry["eval_ndcg_at_10"] for entry in trainer.state.log_history if "eval_ndcg_at_10" in entry]
    assert len(logged) == 2
    assert same_state(trainer.model, run(Idle()).model)


def test_a_log_that_fails_still_answers_with_the_primary_metric(tmp_path, encoder):
    evaluator = make_evaluator(tmp_path, strict=False, embed=lambda *_: 1 / 0)
    with pytest.warns(RuntimeWarning, match="ZeroDivisionError"):
        metrics = evaluator(load(encoder), steps=3)
    assert math.isnan(metrics["ndcg_at_10"])
