"""The demo: data of our own, two small trainings, two studies, and where to look."""

from pathlib import Path

from latentscape.demo.configs import write_demo_configs
from latentscape.demo.rental_data import write_demo_rentals
from latentscape.demo.speech_data import write_demo_speech
from latentscape.demo.train_emotion import train_emotion
from latentscape.demo.train_retriever import train_retriever
from latentscape.embeddings import study_embeddings
from latentscape.latents import study_latents
from latentscape.pages.terminal import summarize_embeddings, summarize_latents
from latentscape.progress import SILENT, Progress
from latentscape.settings import (
    Device,
    EmbeddingsSettings,
    EmotionConfig,
    LatentsSettings,
    RetrieverConfig,
    load_config,
)


def run_demo(output: Path, *, seed: int, device: Device = "auto", progress: Progress = SILENT) -> str:
    """Write data and configs into `output`, train both models, study both; returns what was found and where it lies.

    Everything in `output` can be used again by hand: the configs are ones that `latents` and `train` take.
    """
    sound = _run_speech(output, seed=seed, device=device, progress=progress)
    text = _run_rentals(output, seed=seed, device=device, progress=progress)
    return f"{sound}\n\n{text}"
