"""A ViT learns shapes whose color gives them away; on pictures where it does not, what does it look at?

You learn: a Hugging Face classifier on disk, a folder of pictures for each class, one command, and a table of its run.
Run: python examples/vit_shortcut.py [OUTPUT_FOLDER]
"""

import subprocess
import sys
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageDraw
from transformers import ViTConfig, ViTForImageClassification, ViTImageProcessorPil

import latentscape

SHAPES, COLORS = ("circle", "square", "triangle"), ("crimson", "seagreen", "royalblue")
NAMES = dict(enumerate(SHAPES))
NAMES_OF = dict(zip(COLORS, SHAPES, strict=True))
"""The color of each shape in most training pictures."""


def draw(shape: str, color: str, random: np.random.Generator) -> Image.Image:
    """One shape somewhere on a gray ground."""
    picture = Image.new("RGB", (24, 24), (int(random.integers(190, 256)),) * 3)
    size, x, y = int(random.integers(9, 15)), *random.integers(1, 9, size=2).tolist()
    box, pen = (x, y, x + size, y + size), ImageDraw.Draw(picture)
    if shape == "triangle":
        pen.polygon([(x, y + size), (x + size, y + size), (x + size / 2, y)], fill=color)
    else:
        (pen.ellipse if shape == "circle" else pen.rectangle)(box, fill=color)
    return picture


def train(model: ViTForImageClassification, processor: ViTImageProcessorPil, random: np.random.Generator) -> None:
    """Nine of ten pictures have the color of their class."""
    kinds = random.integers(0, 3, size=1000)
    colors = np.where(random.random(1000) < 0.9, kinds, random.integers(0, 3, size=1000))
    pictures = [draw(SHAPES[kind], COLORS[color], random) for kind, color in zip(kinds, colors, strict=True)]
    inputs, labels = processor(pictures, return_tensors="pt").pixel_values, torch.from_numpy(kinds)
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3)
    for rows in [rows for _ in range(2) for rows in torch.randperm(1000).split(50)]:
        model(inputs[rows], labels=labels[rows]).loss.backward()
        optimizer.step()
        optimizer.zero_grad()


def main(output: Path) -> None:
    """Train, save model and pictures, and give both to the command."""
    torch.manual_seed(0)
    random, made = np.random.default_rng(0), output.with_name(f"{output.name}_inputs")
    sizes = {"hidden_size": 48, "num_hidden_layers": 3, "num_attention_heads": 4, "intermediate_size": 96}
    config = ViTConfig(**sizes, image_size=24, patch_size=6, id2label=NAMES, label2id={v: k for k, v in NAMES.items()})
    model, processor = ViTForImageClassification(config), ViTImageProcessorPil(size={"height": 24, "width": 24})
    train(model, processor, random)
    model.save_pretrained(made / "model"), processor.save_pretrained(made / "model")
    for number in range(216):
        shape, color = SHAPES[number % 3], COLORS[number // 3 % 3]
        (made / "pictures" / shape).mkdir(parents=True, exist_ok=True)
        draw(shape, color, random).save(made / "pictures" / shape / f"{color}_{number:03}.png")
    words = ["latents", "--model", made / "model", "--data", made / "pictures", "--output", output, "--quiet"]
    subprocess.run([sys.executable, "-m", "latentscape", *words], check=True)
    samples = latentscape.open_run(output).samples.to_pylist()
    by_color = [NAMES_OF[sample["id"].split("/")[-1].split("_")[0]] == sample["prediction"] for sample in samples]
    right = [sample["correct"] for sample in samples]
    print(f"finding: with colors at random {np.mean(right):.0%} of the shapes are right (chance 33%);")
    print(f"         {np.mean(by_color):.0%} of the answers are the shape that had this color in training")
    print(f"page:    {output / 'explorer.html'}")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "runs/vit_shortcut"))
