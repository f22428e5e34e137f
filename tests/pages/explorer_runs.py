"""Finished run folders with an explorer: of a classifier that has learned a little, with sound, and of a retriever."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from chaos.gauntlet.place import RentalRun, SpeechRun
from latentscape.embeddings_study import study_embeddings
from latentscape.latents_study import study_latents
from latentscape.settings import EmbeddingsSettings, LatentsSettings

LAYERS = ("encoder", "mlp")
ROOM_FOR_SOUND = 0.15
"""MB: some clips travel inside the page, the others lie beside it."""
SAD, FEARFUL = "Sad", "Fearful"
_FOURTH, _SIXTH = 4, 6
"""The numbers of both in the names of RAVDESS's files."""


@dataclass(frozen=True)
class Run:
    """A run folder, its samples as pyarrow reads them, and where its clips lie."""

    folder: Path
    clips: Path | None = None

    @property
    def page(self) -> Path:
        return self.folder / "explorer.html"

    @cached_property
    def samples(self) -> list[dict[str, Any]]:
        return pq.read_table(self.folder / "samples.parquet").to_pylist()

    def confused(self, truth: str, said: str) -> list[int]:
        """The samples of one cell."""
        return [i for i, row in enumerate(self.samples) if (row["label"], row["prediction"]) == (truth, said)]


def study_speech(speech: SpeechRun, folder: Path) -> Run:
    """Two layers by two methods; its classifier takes some sad clips for fearful."""
    checkpoint = folder / "checkpoint.pt"
    _teach(speech, checkpoint)
    settings = LatentsSettings(
        config=speech.config, checkpoint=checkpoint, output=folder / "run", layers=LAYERS, embed_audio=ROOM_FOR_SOUND
    )
    study_latents(settings)
    return Run(folder / "run", speech.folder / "speech")


def study_rental(rental: RentalRun, folder: Path) -> Run:
    """Forty queries with their documents."""
    settings = EmbeddingsSettings(
        checkpoint=rental.checkpoint, data=str(rental.pairs), output=folder / "run", skip_umap=True
    )
    study_embeddings(settings)
    return Run(folder / "run")


def _teach(speech: SpeechRun, target: Path) -> None:
    """Fit the last linear layer to one collection, in which every second sad clip is said to be fearful."""
    import soundfile
    import torch

    from latentscape.checkpoint import load_checkpoint
    from latentscape.models.emotion import load_emotion_classifier

    model, _ = load_emotion_classifier(load_checkpoint(speech.checkpoint), None)
    hidden: list[np.ndarray] = []
    model.classifier.mlp[1].register_forward_hook(lambda _, __, made: hidden.append(made[0].numpy()))
    clips = sorted((speech.folder / "speech" / "ravdess").rglob("*.wav"))
    numbers = []
    with torch.inference_mode():
        for clip in clips:
            sound = torch.from_numpy(soundfile.read(clip, dtype="float32")[0])[None]
            model(sound, torch.tensor([sound.shape[1]]))
            _, _, emotion, _, sentence, *_ = clip.stem.split("-")
            numbers.append(_SIXTH if (int(emotion), sentence) == (_FOURTH, "02") else int(emotion))
    features, wanted = np.stack(hidden), 6 * np.eye(8)[np.array(numbers) - 1]
    middle, spread = features.mean(axis=0), features.std(axis=0) + 1e-9
    scaled = np.hstack([(features - middle) / spread, np.ones((len(features), 1))])
    weights = np.linalg.solve(scaled.T @ scaled + 0.1 * np.eye(scaled.shape[1]), scaled.T @ wanted)
    saved = torch.load(speech.checkpoint, weights_only=True)
    slopes = weights[:-1] / spread[:, None]
    saved["model_state"]["classifier.mlp.3.weight"] = torch.from_numpy(slopes.T).float().contiguous()
    saved["model_state"]["classifier.mlp.3.bias"] = torch.from_numpy(weights[-1] - middle @ slopes).float()
    torch.save(saved, target)
