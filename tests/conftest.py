"""Fixtures every test may use."""

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def root() -> Path:
    """The top of the repository."""
    return ROOT


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Real inputs that lie beside a checkout; never part of the project."""
    folder = ROOT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("the real inputs (../shared/data) are not on this machine")
    return folder


@pytest.fixture(scope="session")
def browser():
    """A headless Chromium, started once; the test is skipped where there is none."""
    from .browser import start_browser

    with start_browser() as started:
        yield started


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


@pytest.fixture(scope="session")
def finished_speech(tmp_path_factory) -> SpeechRun:
    """Written once; tests that change anything take `speech_run`."""
    import torch

    from latentscape.demo.speech_data import write_demo_speech
    from latentscape.models.emotion import EmotionArchitecture, build_emotion_classifier

    folder = tmp_path_factory.mktemp("speech")
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


@pytest.fixture
def speech_run(finished_speech, tmp_path) -> SpeechRun:
    """A copy of its own for a test that changes or adds files."""
    folder = tmp_path / "copy"
    shutil.copytree(finished_speech.folder, folder, ignore=shutil.ignore_patterns("features", "*.html", "*.png"))
    config = folder / "config.yml"
    config.write_text(config.read_text().replace(str(finished_speech.folder), str(folder)))
    return SpeechRun(folder, config, folder / "runs" / "tiny" / "checkpoint.pt")


@pytest.fixture(scope="session")
def finished_rental(tmp_path_factory) -> RentalRun:
    """Written once; nothing in it is changed by a study."""
    import torch

    from latentscape.demo.base_model import write_base_model
    from latentscape.demo.rental_data import write_demo_rentals
    from latentscape.models.retriever import ProjectionHead, Retriever

    folder = tmp_path_factory.mktemp("rental")
    pairs = write_demo_rentals(folder, seed=1, n_train=40, n_held_out=10).train
    texts = [row["pos"] for row in json.loads(pairs.read_text(encoding="utf-8"))]
    sizes = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 48}
    torch.manual_seed(0)
    encoder = write_base_model(folder / "base_model", texts, encoder_config=sizes, vocab_size=300, max_length=64)
    model = Retriever(encoder, ProjectionHead(32, 12))
    saved = {"model_state_dict": model.state_dict(), "epoch": 2, "loss": 1.5, "base_model": "base_model"}
    torch.save(saved, folder / "best_model.pt")
    return RentalRun(folder, pairs, folder / "best_model.pt")


@pytest.fixture
def run_command(capfd):
    """A function that runs `latentscape` in this process and gives (exit code, stdout, stderr)."""
    from latentscape.cli import main

    def run(*words: object) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as ended:
            main([str(word) for word in words])
        out, err = capfd.readouterr()
        return ended.value.code or 0, out, err

    return run
