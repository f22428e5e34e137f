"""The words of a study on the good inputs, of which a case makes one bad."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from chaos.gauntlet.case import Place

MAPLESS = ("--skip-tsne", "--skip-umap", "--quiet")
Writer = Callable[[Place], Sequence[object]]


def study_speech(place: Place, *words: object, checkpoint: Path | None = None, **training: Any) -> list[object]:
    """`latents` on the good clips with another checkpoint; the config lies in the place."""
    entries = [{"class_path": "ravdess", "data_dir": str(place.speech_folder / "ravdess")}]
    known = {
        "data": {"datasets": entries},
        "model": {"encoder_name": "hubert"},
        "training": {"val_split": 0.3, "batch_size": 16, "seed": 0, **training},
    }
    (place.folder / "config.yml").write_text(json.dumps(known), encoding="utf-8")
    return ["latents", "--config", "config.yml", "--checkpoint", checkpoint or place.speech_checkpoint, *words]


def study_pairs(place: Place, *words: object, checkpoint: Path | None = None, data: Path | None = None) -> list[object]:
    """`embeddings` with another checkpoint, or on another pair file."""
    return ["embeddings", "--checkpoint", checkpoint or place.retriever, "--data", data or place.pairs, *words]
