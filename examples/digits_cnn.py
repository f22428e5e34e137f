"""A small CNN learns scikit-learn's bundled digits in seconds: which layer knows the digit, which are mixed up?

You learn: `latentscape.latents(model, loader, images=...)` on a model that is still in memory.
Run: python examples/digits_cnn.py [OUTPUT_FOLDER]
"""

import sys
from pathlib import Path

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import latentscape


def train(pictures: torch.Tensor, digits: torch.Tensor) -> nn.Module:
    """Four rounds through the pictures."""
    model = nn.Sequential(
        nn.Sequential(nn.Conv2d(1, 16, 3, padding=1), nn.ReLU()),
        nn.Sequential(nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
        nn.Sequential(nn.Conv2d(32, 32, 3, padding=1), nn.ReLU(), nn.Flatten()),
        nn.Sequential(nn.Linear(512, 32), nn.ReLU()),
        nn.Linear(32, 10),
    )
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    for _ in range(4):
        for rows in torch.randperm(len(pictures)).split(32):
            loss = nn.functional.cross_entropy(model(pictures[rows]), digits[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return model


def main(output: Path) -> None:
    """Train on the first writers, study the others."""
    torch.manual_seed(0)
    data = load_digits()
    pictures = torch.tensor(data.images / 16, dtype=torch.float32)[:, None]
    digits = torch.tensor(data.target)
    model = train(pictures[:1400], digits[:1400])
    loader = DataLoader(TensorDataset(pictures[1400:], digits[1400:]), batch_size=64)
    study = latentscape.latents(
        model,
        loader,
        layers={"first convolution": "0", "last convolution": "2"},
        class_names=[str(digit) for digit in range(10)],
        images=(pictures[1400:, 0] * 255).byte().numpy(),
        output=output,
    )
    mixed = study.findings.confusion_matrix * (1 - np.eye(10, dtype=int))
    digit, taken_for = np.unravel_index(mixed.argmax(), mixed.shape)
    said, read = study.scores["accuracy"].value, study.scores["linear_class_last convolution"].value
    print(
        f"finding: the CNN is right on {said:.0%} of new digits, a linear reader of its last convolution on {read:.0%};"
    )
    print(f"         its commonest mistake: {mixed.max()} times it takes a {digit} for a {taken_for}")
    print(f"page:    {output / 'explorer.html'}")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "runs/digits_cnn"))
