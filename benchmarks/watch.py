"""What a log of a training costs, beside the framework's own evaluation of the same data.

python benchmarks/watch.py                  # five pairs of runs, medians, to stdout as Markdown
python benchmarks/watch.py --runs 1
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

TEXTS, TOKENS, WIDTH, DEPTH, BATCH = 512, 48, 256, 4, 32
PAIRS = 256


def make_trainer(folder: Path):
    """A Hugging Face Trainer with a small BERT (4 layers, 256 wide) and 512 held-out texts of up to 48 tokens."""
    from transformers import BertConfig, BertForSequenceClassification, Trainer, TrainingArguments

    random = np.random.default_rng(0)
    lengths = random.integers(12, TOKENS + 1, size=TEXTS)
    items = [
        {"input_ids": random.integers(5, 1000, size=n).tolist(), "labels": row % 4} for row, n in enumerate(lengths)
    ]

    def collate(chosen):
        longest = max(len(item["input_ids"]) for item in chosen)
        ids = torch.tensor([item["input_ids"] + [0] * (longest - len(item["input_ids"])) for item in chosen])
        labels = torch.tensor([item["labels"] for item in chosen])
        return {"input_ids": ids, "attention_mask": (ids > 0).long(), "labels": labels}

    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=1000, hidden_size=WIDTH, num_hidden_layers=DEPTH, num_attention_heads=4, intermediate_size=4 * WIDTH,
        num_labels=4,
    )  # fmt: skip
    arguments = TrainingArguments(
        output_dir=str(folder / "trainer"), report_to=[], disable_tqdm=True, per_device_eval_batch_size=BATCH,
        log_level="error",
    )  # fmt: skip
    model = BertForSequenceClassification(config)
    return Trainer(model=model, args=arguments, eval_dataset=items, data_collator=collate)


def make_encoder(folder: Path):
    """A sentence encoder (4 layers, 256 wide) and held-out pairs with a hard negative each."""
    from sentence_transformers import SentenceTransformer

    from latentscape.demo.base_model import write_base_model

    random = np.random.default_rng(0)
    words = [f"word{number}" for number in range(300)]

    def write() -> str:
        return " ".join(random.choice(words, size=24))

    rows = [{"query": write(), "pos": write(), "hard_neg": [{"text": write()}]} for _ in range(PAIRS)]
    texts = [text for row in rows for text in (row["query"], row["pos"])]
    sizes = {"hidden_size": WIDTH, "num_hidden_layers": DEPTH, "num_attention_heads": 4, "intermediate_size": 4 * WIDTH}
    write_base_model(folder / "base", texts, encoder_config=sizes, vocab_size=800, max_length=64)
    return SentenceTransformer(str(folder / "base"), device="cpu", local_files_only=True), rows


def time_classifier(folder: Path) -> dict[str, Callable[[], object]]:
    """The Trainer's evaluation, and a log of the same model and data."""
    from latentscape.features.items import without_labels
    from latentscape.watch import ClassifierWatch

    trainer = make_trainer(folder)
    loader = trainer.get_eval_dataloader()
    choices = {
        "inputs": loader.dataset, "collate": without_labels(loader.collate_fn), "batch_size": BATCH, "strict": True,
        "class_names": ("a", "b", "c", "d"),
    }  # fmt: skip
    plain = ClassifierWatch(output=folder / "plain", **choices)
    drawing = ClassifierWatch(output=folder / "drawing", loggers=["tensorboard"], **choices)
    return {
        "Trainer.evaluate()": trainer.evaluate,
        "log": lambda: plain.log(_change(trainer.model), 1),
        "log, with its map and the projector to TensorBoard": lambda: drawing.log(_change(trainer.model), 1),
    }


def time_retriever(folder: Path) -> dict[str, Callable[[], object]]:
    """The library's evaluator of retrieval, and a log of the same model and pairs."""
    from sentence_transformers.sentence_transformer.evaluation import InformationRetrievalEvaluator

    from latentscape.watch import RetrieverWatch

    model, rows = make_encoder(folder)
    documents = [row["pos"] for row in rows] + [row["hard_neg"][0]["text"] for row in rows]
    theirs = InformationRetrievalEvaluator(
        queries={str(number): row["query"] for number, row in enumerate(rows)},
        corpus={str(number): text for number, text in enumerate(documents)},
        relevant_docs={str(number): {str(number)} for number in range(len(rows))},
        batch_size=BATCH, write_csv=False,
    )  # fmt: skip
    choices = {"pairs": rows, "batch_size": BATCH, "strict": True}
    plain = RetrieverWatch(output=folder / "plain", **choices)
    drawing = RetrieverWatch(output=folder / "drawing", loggers=["tensorboard"], **choices)
    return {
        "InformationRetrievalEvaluator": lambda: theirs(model),
        "log": lambda: plain.log(_change(model), 1),
        "log, with its map and the projector to TensorBoard": lambda: drawing.log(_change(model), 1),
    }


def _change(model):
    """The model, its weights changed a little: kept features of the log before must not be used again."""
    with torch.no_grad():
        next(model.parameters()).add_(1e-6)
    return model


KINDS = {
    f"classifier, {TEXTS} texts of 12 to {TOKENS} tokens": time_classifier,
    f"retriever, {PAIRS} queries and {2 * PAIRS} documents of 24 words": time_retriever,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=5, help="rounds; each does everything once")
    asked = parser.parse_args()
    for kind, make in KINDS.items():
        with tempfile.TemporaryDirectory() as folder:
            contestants = make(Path(folder))
            for do in contestants.values():  # once unmeasured: imports, compiled kernels
                do()
            seconds: dict[str, list[float]] = {name: [] for name in contestants}
            for _ in range(asked.runs):
                for name, do in contestants.items():
                    start = time.perf_counter()
                    do()
                    seconds[name].append(time.perf_counter() - start)
        own = next(iter(seconds))
        print(f"{kind}; encoder of {DEPTH} layers x {WIDTH}, batches of {BATCH}; median of {asked.runs}\n")
        print("| what | seconds | beside the framework's own |\n| --- | ---: | ---: |")
        for name, times in seconds.items():
            ratio = statistics.median(mine / theirs for mine, theirs in zip(times, seconds[own], strict=True))
            print(f"| {name} | {statistics.median(times):.2f} | {ratio:.2f}x |")
        print()


if __name__ == "__main__":
    main()
