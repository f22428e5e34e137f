"""Four wave forms and a network of your own, trained by Lightning where it is installed: what does it hear alike?

You learn: `--model package.module:factory` with `--checkpoint`; this file is the module, `make` is the factory.
Run: python examples/own_code_sounds.py [OUTPUT_FOLDER]
"""

import subprocess
import sys
from pathlib import Path

import numpy as np
import soundfile
import torch
from torch import nn
from torch.utils.data import DataLoader

import latentscape

try:
    from lightning import LightningModule as Module
    from lightning import Trainer
except ModuleNotFoundError:
    from torch.nn import Module

    Trainer = None
WAVES, RATE = ("sawtooth", "sine", "square", "triangle"), 16_000
BANDS = np.unique(np.geomspace(30, 4000, 120).astype(int))
QUIET = {"enable_progress_bar": False, "enable_model_summary": False}


class Ears(Module):
    """Spectra [sample, channel, frequency] -> logits of the wave form."""

    class_names = WAVES

    def __init__(self) -> None:
        super().__init__()
        self.convolutions = nn.Sequential(nn.Conv1d(1, 24, 41), nn.ReLU())  # two octaves: four overtones
        self.hidden = nn.Sequential(nn.AdaptiveMaxPool1d(1), nn.Flatten(), nn.Linear(24, 32), nn.ReLU())
        self.head = nn.Linear(32, len(WAVES))

    def forward(self, spectra: torch.Tensor) -> torch.Tensor:
        """What the study asks for."""
        return self.head(self.hidden(self.convolutions(spectra)))

    def training_step(self, batch: list[torch.Tensor], _: int = 0) -> torch.Tensor:
        """What the training asks for."""
        return nn.functional.cross_entropy(self(batch[0]), batch[1])

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """What Lightning asks for."""
        return torch.optim.AdamW(self.parameters(), lr=5e-3)


def make() -> tuple[nn.Module, object]:
    """What `--model own_code_sounds:make` calls: the network, and what makes one of its inputs."""
    return Ears(), listen


def listen(sound: np.ndarray) -> torch.Tensor:
    """What the network hears: how loud each seventeenth of an octave is, [channel, band]."""
    loudness = np.maximum.reduceat(np.abs(np.fft.rfft(sound)), BANDS)
    return torch.as_tensor(np.log10(loudness[None] + 1), dtype=torch.float32)


def play(wave: str, random: np.random.Generator) -> np.ndarray:
    """Half a second of one tone in noise, now soft, now loud."""
    phase = (random.uniform(110, 880) * np.arange(RATE // 2) / RATE + random.uniform()) % 1
    tones = {"sine": np.sin(2 * np.pi * phase), "square": np.sign(phase - 0.5), "sawtooth": 2 * phase - 1}
    tone = tones.get(wave, 4 * np.abs(phase - 0.5) - 1)
    return (0.3 * tone + random.normal(0, random.choice([0.02, 0.1, 0.3]), len(phase))).astype(np.float32)


def train(model: Ears, random: np.random.Generator, checkpoint: Path) -> None:
    """Train on tones and keep the weights: by Lightning, or by the loop that it stands for."""
    inputs = torch.stack([listen(play(WAVES[number % 4], random)) for number in range(800)])
    batches = [[inputs[rows], rows % 4] for rows in torch.randperm(800).split(40)]
    if Trainer:
        trainer = Trainer(max_epochs=15, accelerator="cpu", logger=False, enable_checkpointing=False, **QUIET)
        trainer.fit(model, DataLoader(batches, batch_size=None))
        return trainer.save_checkpoint(checkpoint)
    optimizer = model.configure_optimizers()
    for batch in 15 * batches:
        model.training_step(batch).backward()
        optimizer.step()
        optimizer.zero_grad()
    return torch.save({"state_dict": model.state_dict()}, checkpoint)


def main(output: Path) -> None:
    """Train, write sounds that the network has not heard, and study it on them."""
    torch.manual_seed(0)
    random, made = np.random.default_rng(0), output.with_name(f"{output.name}_inputs").resolve()
    for number in range(200):
        path = made / "sounds" / WAVES[number % 4] / f"{number:03}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, play(WAVES[number % 4], random), RATE)
    train(Ears(), random, made / "ears.ckpt")
    words = ["--model", "own_code_sounds:make", "--checkpoint", made / "ears.ckpt", "--data", made / "sounds"]
    words += ["--output", output.resolve(), "--quiet"]
    here = Path(__file__).parent  # the module is looked for in the current folder
    subprocess.run([sys.executable, "-m", "latentscape", "latents", *words], check=True, cwd=here)
    samples = latentscape.open_run(output).samples.to_pylist()
    wrong = [(sample["label"], sample["prediction"]) for sample in samples if not sample["correct"]]
    wave, taken_for = max(set(wrong), key=wrong.count)
    print(f"finding: {len(samples) - len(wrong)} of {len(samples)} tones are heard right; most often a {wave} wave")
    print(f"         is taken for a {taken_for} wave: {wrong.count((wave, taken_for))} of {len(wrong)} mistakes")
    print(f"page:    {output / 'explorer.html'}")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "runs/own_code_sounds"))
