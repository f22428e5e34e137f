"""A ViT while it learns digits: when does it get better, and when not any more?

You learn: the callback for the Trainer of transformers, and the comparison of all moments that it ends with.
It needs accelerate, as the Trainer does: pip install accelerate
Run: python examples/trainer_callback.py [OUTPUT_FOLDER]
"""

import sys
from pathlib import Path

import torch
from sklearn.datasets import load_digits
from transformers import Trainer, TrainingArguments, ViTConfig, ViTForImageClassification

from latentscape.watch.hugging_face import LatentscapeCallback


def main(output: Path) -> None:
    """Train for five rounds, look after each, compare."""
    torch.manual_seed(0)
    data = load_digits()
    pictures, digits = torch.tensor(data.images / 16, dtype=torch.float32)[:, None], data.target.tolist()
    items = [{"pixel_values": picture, "labels": digit} for picture, digit in zip(pictures, digits, strict=True)]
    sizes = {"hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 128}
    config = ViTConfig(**sizes, image_size=8, patch_size=4, num_channels=1, num_labels=10)
    arguments = TrainingArguments(
        output_dir=str(output.with_name(f"{output.name}_training")),
        num_train_epochs=5,
        per_device_train_batch_size=32,
        per_device_eval_batch_size=100,
        learning_rate=3e-3,
        eval_strategy="epoch",
        save_strategy="no",
        report_to="none",
        disable_tqdm=True,
        use_cpu=True,
    )
    watch = LatentscapeCallback(output=output, layers=["vit.layers.0", "vit"], class_names=list("0123456789"))
    model = ViTForImageClassification(config)
    Trainer(model, arguments, train_dataset=items[:1200], eval_dataset=items[1500:], callbacks=[watch]).train()

    report = (output / "comparison" / "report.md").read_text(encoding="utf-8")
    print(f"finding: {report.splitlines()[0].removeprefix('# ')}")
    print(f"page:    {output / 'comparison' / 'explorer.html'}")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "runs/trainer_callback"))
