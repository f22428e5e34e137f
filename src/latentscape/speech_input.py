"""A speech config -> its classifier, the clips of its validation pass, and who else is there."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from latentscape.checkpoint import load_checkpoint
from latentscape.datasets.audio import load_audio, measure_audio
from latentscape.datasets.labeled import LabeledSamples
from latentscape.datasets.speech import read_speech
from latentscape.datasets.splits import split_by_speaker, stratified_sample
from latentscape.errors import DataError
from latentscape.features import LazyInputs, ListedLayer, choose_device, choose_layers, collate_waveforms, list_layers
from latentscape.findings import LOGITS, ModelCard, Skip
from latentscape.models.emotion import EmotionArchitecture, EmotionClassifier, load_emotion_classifier
from latentscape.paths import expand_home
from latentscape.settings import (
    EmotionConfig,
    LatentsSettings,
    describe_architecture,
    known_speech_checkpoint,
    run_folder,
)
from latentscape.shapes import Waveform
from latentscape.study import digest_samples, make_model_card
from latentscape.subject import Census, Subject, ValidationSet


@dataclass(frozen=True)
class ReadClip:
    """How a file is read: DataError for one that can't be, or is too short for the model."""

    sample_rate: int
    min_samples: int

    def __call__(self, path: Path) -> Waveform:
        """Mono float32 [time]."""
        waveform = load_audio(path, sample_rate=self.sample_rate)
        if len(waveform) < self.min_samples:
            what = f"{len(waveform)} samples are too short for the encoder, which needs {self.min_samples}"
            raise DataError(what, hint="leave the clip out, or record a longer one", fault="audio-short")
        return waveform


@dataclass(frozen=True)
class Clips(LazyInputs):
    """Waveforms read when they are asked for; one that can't be read raises DataError then."""

    paths: tuple[Path, ...]
    sample_rate: int
    min_samples: int

    @property
    def contents(self) -> tuple[Path, ...]:
        """The files."""
        return self.paths

    @property
    def read(self) -> ReadClip:
        """How one becomes a waveform."""
        return ReadClip(self.sample_rate, self.min_samples)


def read_validation_set(config: EmotionConfig, *, max_samples: int, seed: int) -> ValidationSet:
    """The held-out speakers of every data set, merged; at most `max_samples` of them, by class and data set."""
    names = config.style.class_names or None
    everything = read_speech([(entry.class_path, entry.data_dir) for entry in config.data.datasets], class_names=names)
    _, rows = split_by_speaker(
        everything.speakers, everything.dataset_ids, val_split=config.training.val_split, seed=config.training.seed
    )
    held_out = everything.take(rows)
    groups = list(zip(held_out.labels.tolist(), held_out.dataset_ids.tolist(), strict=True))
    drawn = stratified_sample(groups, n=max_samples, seed=seed)
    left_out = np.setdiff1d(np.arange(len(held_out)), drawn)
    skipped = [Skip(id=name, reason=reason) for name, reason in everything.skipped]
    skipped += [Skip(id=held_out.ids[row], reason="not drawn: --max-samples") for row in left_out]
    return ValidationSet(
        samples=held_out.take(drawn),
        skipped=tuple(skipped),
        census=Census(samples=everything, validation=rows),
    )


def open_speech(config: EmotionConfig, settings: LatentsSettings, found: ValidationSet | None = None) -> Subject:
    """The classifier of a speech config and its validation clips (`found`, where they were read before).

    Raises DataError where no clip can be used; ModelError or SafetyError for the checkpoint.
    """
    if found is None:
        found = read_validation_set(config, max_samples=settings.max_samples, seed=settings.seed)
    model, card = open_speech_model(config, settings)
    samples, rate = found.samples, config.data.sample_rate
    subject = Subject(
        model=model,
        card=card,
        found=found,
        layers=choose_layers(model, settings.layer_patterns),
        logits=model.layers[LOGITS],
        inputs=Clips(samples.paths, rate, model.min_samples),
        lengths=lambda: [measure_audio(path, sample_rate=rate) for path in samples.paths],
        collate=collate_waveforms,
        batch_size=settings.batch_size or config.training.batch_size,
        device=choose_device(settings.device),
        fingerprint=_describe(config, card=card, samples=samples),
        output=settings.output or run_folder(config),
        recorded={"values": config.model_dump(mode="json")},
        data_folders=tuple(expand_home(entry.data_dir) for entry in config.data.datasets),
        names_hint="list the model's classes in its own order under `style: class_names:` in the config",
    )
    subject.refuse_other_classes(model.architecture.num_classes)
    return subject


def list_speech_layers(config: EmotionConfig, settings: LatentsSettings) -> Sequence[ListedLayer]:
    """The layers of a speech config's classifier."""
    model, _ = open_speech_model(config, settings)
    return list_layers(model, None)


def open_speech_model(config: EmotionConfig, settings: LatentsSettings) -> tuple[EmotionClassifier, ModelCard]:
    """The classifier with every weight proven, and its card."""
    path = settings.checkpoint or known_speech_checkpoint(config)
    checkpoint = load_checkpoint(path)
    model, receipt = load_emotion_classifier(checkpoint, _declare(config), allow_missing=settings.allow_missing)
    card = make_model_card(
        receipt,
        name=f"{config.model.encoder_name} emotion classifier",
        checkpoint=path.name,
        sha256=checkpoint.sha256,
        metadata=checkpoint.metadata,
    )
    unlearns = model.architecture.has_domain_head and model.architecture.grl_lambda > 0
    return model, replace(card, unlearns_dataset=unlearns)


def _declare(config: EmotionConfig) -> EmotionArchitecture:
    """What the config says of the model; the checkpoint's own tensors go before it."""
    return EmotionArchitecture(**describe_architecture(config))


def _describe(config: EmotionConfig, *, card: ModelCard, samples: LabeledSamples) -> dict[str, object]:
    return {
        "checkpoint": card.sha256,
        "stamps": list(card.stamps),
        "architecture": _declare(config).to_dict(),
        "n_samples": len(samples),
        "samples": digest_samples(samples),
        "sample_rate": config.data.sample_rate,
    }
