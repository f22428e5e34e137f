"""The demo: data of our own, two small trainings, a study and a comparison of each, and where to look."""

from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import Any

from latentscape.compare import PAGE, study_comparison
from latentscape.demo.rental_data import write_demo_rentals
from latentscape.demo.speech_data import write_demo_speech
from latentscape.demo.train_emotion import train_emotion
from latentscape.demo.train_retriever import train_retriever
from latentscape.embeddings_study import study_embeddings
from latentscape.latents_study import study_latents
from latentscape.output_folder import EXPLORER
from latentscape.pages.comparison_terminal import summarize_comparison
from latentscape.pages.terminal import summarize_embeddings, summarize_latents
from latentscape.progress import SILENT, Progress
from latentscape.settings import (
    CompareSettings,
    Device,
    EmbeddingsSettings,
    EmotionConfig,
    LatentsSettings,
    RetrieverConfig,
    load_config,
)

EARLY = (1, 5)
"""Epochs whose checkpoints the demo's configs keep."""
STUDY, COMPARISON = "visualizations", "comparison"
"""Folders of the retriever's study, and of each comparison."""


def run_demo(output: Path, *, seed: int, device: Device = "auto", progress: Progress = SILENT) -> str:
    """Write data and configs into `output`, train, study and compare both kinds of models; returns what was found.

    Everything in `output` can be used again by hand: its configs are what `train` and `latents` take.
    """
    speech = _show_speech(output, seed=seed, device=device, progress=progress)
    rentals = _show_rentals(output, seed=seed, device=device, progress=progress)
    emotion, rental = output / "emotion", output / "rental"
    folders = [emotion, emotion / COMPARISON, rental / STUDY, rental / COMPARISON]
    pages = "\n".join(f"  {folder / EXPLORER}" for folder in folders)
    return f"{speech}\n\n{rentals}\n\nLook around, each in a browser:\n{pages}"


def _show_speech(output: Path, *, seed: int, device: Device, progress: Progress) -> str:
    progress.say("1 of 2: a speech-emotion classifier. Neutral and Calm sound nearly alike, the microphones do not.")
    write_demo_speech(output / "speech", seed=seed, progress=progress)
    config = _write_config("emotion.yml", output, seed=seed)
    last = train_emotion(load_config(config, EmotionConfig), device=device, progress=progress)
    study = study_latents(LatentsSettings(config=config, device=device, seed=seed), progress=progress)
    settings = CompareSettings(config=config, output=output / "emotion" / COMPARISON, device=device, seed=seed)
    early = [last.with_name(f"checkpoint_epoch_{epoch}.pt") for epoch in EARLY]
    compared = _compare([*early, last], settings, progress=progress)
    return f"{summarize_latents(study.findings)}\n-> {study.folder / 'report.html'}\n\n{compared}"


def _show_rentals(output: Path, *, seed: int, device: Device, progress: Progress) -> str:
    progress.say("2 of 2: a retriever of rental listings, judged on queries and listings it never saw.")
    written = write_demo_rentals(output / "rental", seed=seed)
    config = _write_config("rental.yml", output, seed=seed)
    best = train_retriever(load_config(config, RetrieverConfig), device=device, progress=progress)
    data: dict[str, Any] = {
        "data": written.held_out,
        "train": written.train,
        "weights": written.weights,
        "attributes": _write_config("attributes.yml", output / "rental", seed=seed),
        "device": device,
        "seed": seed,
    }
    settings = EmbeddingsSettings(checkpoint=best, output=output / "rental" / STUDY, **data)
    study = study_embeddings(settings, progress=progress)
    early = [best.with_name(f"epoch_{epoch}.pt") for epoch in EARLY]
    settings = CompareSettings(output=output / "rental" / COMPARISON, **data)
    compared = _compare([*early, best], settings, progress=progress)
    return f"{summarize_embeddings(study.findings)}\n-> {study.folder / 'report.html'}\n\n{compared}"


def _compare(checkpoints: Sequence[Path], settings: CompareSettings, *, progress: Progress) -> str:
    """What changed while a model was trained, and where to look."""
    progress.say(f"what changed: {', '.join(each.stem for each in checkpoints)}")
    study = study_comparison(checkpoints=checkpoints, settings=settings, progress=progress)
    return f"{summarize_comparison(study.findings)}\n-> {study.folder / PAGE}"


def _write_config(name: str, output: Path, *, seed: int) -> Path:
    """The config of that name with the folder and the seed filled in."""
    text = files("latentscape.demo").joinpath(name).read_text(encoding="utf-8")
    path = output / name
    path.write_text(Template(text).substitute(folder=output.as_posix(), seed=seed), encoding="utf-8")
    return path
