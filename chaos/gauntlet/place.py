"""The good inputs that every bad one is made from: tiny, seeded, untrained, written in about a second."""

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

from chaos.gauntlet.case import Place

TINY_ENCODER = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 48,
    "conv_dim": [24, 24],
    "conv_kernel": [400, 3],
    "conv_stride": [160, 2],
    "feat_extract_norm": "layer",
    "num_conv_pos_embeddings": 16,
    "num_conv_pos_embedding_groups": 4,
}
TINY_TEXT_ENCODER = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 48}


@dataclass(frozen=True)
class SpeechRun:
    """A tiny speech collection with an untrained checkpoint and a config, as a user would have them."""

    folder: Path
    config: Path
    checkpoint: Path


@dataclass(frozen=True)
class RentalRun:
    """A tiny pair file with an untrained retriever in the originals' format."""

    folder: Path
    pairs: Path
    checkpoint: Path


def write_speech(folder: Path) -> SpeechRun:
    """Clips of three speakers in two collections below `folder/speech`, and a classifier of eight classes."""
    import torch

    from latentscape.demo.speech_data import write_demo_speech
    from latentscape.models.emotion import EmotionArchitecture, build_emotion_classifier

    ravdess, crema = write_demo_speech(folder / "speech", seed=1, n_speakers=3, takes=1)
    torch.manual_seed(0)
    model = build_emotion_classifier(
        EmotionArchitecture(encoder_config=TINY_ENCODER, hidden_dim=16, num_domains=2), pretrained=False
    )
    (folder / "runs" / "tiny").mkdir(parents=True)
    saved = {"model_state": model.state_dict(), "epoch": 7, "architecture": model.architecture.to_dict()}
    torch.save(saved, folder / "runs" / "tiny" / "checkpoint.pt")
    (folder / "config.yml").write_text(
        "data:\n  datasets:\n"
        f"    - {{class_path: data.ravdess_dataset.RAVDESSDataset, data_dir: {ravdess}}}\n"
        f"    - {{class_path: CREMADataset, data_dir: {crema}}}\n"
        "model: {encoder_name: hubert}\n"
        "training: {val_split: 0.3, batch_size: 16}\n"
        f"logging: {{log_dir: {folder / 'runs'}, run_label: tiny}}\n"
    )
    return SpeechRun(folder, folder / "config.yml", folder / "runs" / "tiny" / "checkpoint.pt")


def write_rental(folder: Path) -> RentalRun:
    """Forty queries with their documents and hard negatives; the retriever's base encoder lies in `base_model`."""
    import torch

    from latentscape.demo.base_model import write_base_model
    from latentscape.demo.rental_data import write_demo_rentals
    from latentscape.models.retriever import ProjectionHead, Retriever

    pairs = write_demo_rentals(folder, seed=1, n_train=40, n_held_out=10).train
    texts = [row["pos"] for row in json.loads(pairs.read_text(encoding="utf-8"))]
    torch.manual_seed(0)
    encoder = write_base_model(
        folder / "base_model", texts, encoder_config=TINY_TEXT_ENCODER, vocab_size=300, max_length=64
    )
    model = Retriever(encoder, ProjectionHead(32, 12))
    saved = {"model_state_dict": model.state_dict(), "epoch": 2, "loss": 1.5, "base_model": "base_model"}
    torch.save(saved, folder / "best_model.pt")
    return RentalRun(folder, pairs, folder / "best_model.pt")


def write_inputs(folder: Path) -> tuple[SpeechRun, RentalRun]:
    """Both, below `folder`."""
    for name in ("speech", "rental"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    return write_speech(folder / "speech"), write_rental(folder / "rental")


def find_inputs(folder: Path) -> tuple[SpeechRun, RentalRun]:
    """What `write_inputs` wrote there."""
    speech, rental = folder / "speech", folder / "rental"
    checkpoint = speech / "runs" / "tiny" / "checkpoint.pt"
    return (
        SpeechRun(speech, speech / "config.yml", checkpoint),
        RentalRun(rental, rental / "pairs.json", rental / "best_model.pt"),
    )


def make_place(folder: Path, speech: SpeechRun, rental: RentalRun) -> Place:
    """A place of its own for one case: `folder` is emptied."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return Place(
        folder=folder,
        speech_folder=speech.folder / "speech",
        speech_checkpoint=speech.checkpoint,
        pairs=rental.pairs,
        retriever=rental.checkpoint,
    )
