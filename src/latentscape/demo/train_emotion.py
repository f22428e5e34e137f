"""The small trainer of speech-emotion models: one plain loop, so that a newcomer has something true to look at."""

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from latentscape.datasets.speech import EMOTIONS, read_speech
from latentscape.datasets.splits import split_by_speaker
from latentscape.demo.augment import augment, read_noises
from latentscape.demo.filterbank import fill_filterbank
from latentscape.demo.speech_clips import Batch, Clips, load_clips, stream_batches
from latentscape.demo.training import (
    Deadline,
    make_optimizer,
    make_schedule,
    save_checkpoint,
    seeded,
    suited_threads,
    take_step,
)
from latentscape.errors import DataError, UsageError
from latentscape.features import choose_device
from latentscape.models.emotion import EmotionArchitecture, EmotionClassifier, build_emotion_classifier
from latentscape.progress import SILENT, Progress
from latentscape.settings import EmotionConfig, describe_architecture, known_speech_checkpoint


def train_emotion(config: EmotionConfig, *, device: str = "auto", progress: Progress = SILENT) -> Path:
    """Train the model of `config` and return its checkpoint, `log_dir/run_label/checkpoint.pt`.

    Judged on whole speakers it never heard: the very split that the `latents` study rebuilds from the same config.
    Without `training.patience` the weights of the last epoch are kept, so that the accuracy written beside them was
    not used to choose them; with it, those of the best epoch are, and the accuracy flatters a little.

    Raises UsageError for settings this trainer does not honor, DataError or ModelError as reading them does.
    """
    _refuse_unsupported(config)
    with seeded(config.training.seed):
        model = _build_model(config)
        training, validation = _read_data(config, model, progress)
        if config.training.filterbank_init:
            fill_filterbank(model.encoder, training.waveforms, sample_rate=config.data.sample_rate)
        trainer = _Trainer(config, model, device=choose_device(device), progress=progress)
        with suited_threads(model):
            return trainer.run(training, validation)


def _refuse_unsupported(config: EmotionConfig) -> None:
    """A setting that would change the training and is not honored must not pass in silence."""
    if config.pretrained_weights:
        raise UsageError(
            "this trainer does not read `pretrained_weights`",
            hint="name a pretrained encoder's folder as `model.encoder_name`, and remove the section",
        )
    if config.training.resume_training:
        raise UsageError("this trainer starts anew every time", hint="set `training.resume_training: false`")


def _build_model(config: EmotionConfig) -> EmotionClassifier:
    architecture = EmotionArchitecture(**describe_architecture(config))
    heard = len(config.data.datasets)
    if architecture.has_domain_head and architecture.num_domains < heard:
        raise UsageError(
            "`model.num_domains` is smaller than the number of data sets",
            got=f"{architecture.num_domains} domains, {heard} data sets",
            hint=f"set `model.num_domains: {heard}`, or 0 to train without the domain head",
        )
    return build_emotion_classifier(architecture, pretrained=architecture.encoder_config is None)


def _read_data(config: EmotionConfig, model: EmotionClassifier, progress: Progress) -> tuple[Clips, Clips]:
    """The training clips and the validation clips."""
    datasets = [(dataset.class_path, dataset.data_dir) for dataset in config.data.datasets]
    samples = read_speech(datasets, class_names=config.style.class_names)
    wanted = samples.labels.max() + 1
    if wanted > config.model.num_classes:
        raise UsageError(
            "`model.num_classes` is smaller than the number of classes in the data",
            got=str(config.model.num_classes),
            expected=f"at least {wanted}: {', '.join(samples.class_names)}",
            hint=f"set `model.num_classes: {wanted}`",
            fault="config-values",
        )
    if samples.skipped:
        progress.say(f"{len(samples.skipped):,} files left out, e.g. {': '.join(samples.skipped[0])}")
    settings = config.training
    rows = split_by_speaker(samples.speakers, samples.dataset_ids, val_split=settings.val_split, seed=settings.seed)
    load = partial(
        load_clips,
        sample_rate=config.data.sample_rate,
        min_samples=2 * model.min_samples,  # so that it stays long enough at any speed
        num_workers=settings.num_workers,
        progress=progress,
    )
    training, validation = (load(samples.take(part)) for part in rows)
    return training, validation


class _Trainer:
    """The loop and what it remembers from epoch to epoch."""

    def __init__(self, config: EmotionConfig, model: EmotionClassifier, *, device: str, progress: Progress) -> None:
        self.config, self.settings = config, config.training
        self.model, self.device, self.progress = model.to(device), device, progress
        self.path = known_speech_checkpoint(config)
        self.facts: dict[str, Any] = {}
        self.best_accuracy, self.best_epoch = -1.0, 0

    def run(self, training: Clips, validation: Clips) -> Path:
        """Train to the end, or until patience or time run out."""
        settings, deadline = self.settings, Deadline(self.settings.max_seconds)
        self._prepare(training, validation)
        for epoch in self.progress.track(range(1, settings.epochs + 1), label="training", total=settings.epochs):
            loss = self._run_epoch(training, epoch)
            last = epoch == settings.epochs or deadline.passed
            if last or settings.patience or epoch % settings.log_every == 0 or epoch in settings.save_epochs:
                self._judge(validation, epoch, loss)
            if last or (settings.patience and epoch - self.best_epoch >= settings.patience):
                break
        return self.path

    def _prepare(self, training: Clips, validation: Clips) -> None:
        settings, samples = self.settings, training.samples
        steps = settings.epochs * -(-len(samples) // settings.batch_size)
        self.optimizer = make_optimizer(self.model, lr=settings.lr, weight_decay=settings.weight_decay)
        self.schedule = make_schedule(
            self.optimizer,
            settings.scheduler,
            steps=steps,
            warmup_ratio=settings.warmup_ratio,
            max_lr=settings.max_lr,
            min_lr=settings.min_lr,
        )
        noise_dir, sample_rate = self.config.data.noise_dir, self.config.data.sample_rate
        longest = self.config.data.max_duration
        self.change = partial(
            augment,
            longest=None if longest is None else int(longest * sample_rate),
            noises=read_noises(noise_dir, sample_rate=sample_rate) if noise_dir else (),
        )
        self.class_weights = _balance(samples.labels, self.config.model.num_classes) if settings.class_weights else None
        self.facts = _describe(self.model, training, validation)
        speakers = ", ".join(self.facts["validation_speakers"][:8])
        self.progress.say(f"{len(samples):,} clips to train on, {len(validation.samples):,} to judge by ({speakers})")

    def _run_epoch(self, training: Clips, epoch: int) -> float:
        """One pass over the training clips; the mean loss."""
        self.model.train()
        rng = np.random.default_rng([self.settings.seed, epoch])
        batches = stream_batches(training, batch_size=self.settings.batch_size, rng=rng, change=self.change)
        losses = []
        for batch in batches:
            loss = self._measure_loss(batch.to(self.device))
            losses.append(take_step(loss, self.model, self.optimizer, gradient_clip=self.settings.gradient_clip))
            self.schedule.step()
        return float(np.mean(losses))

    def _measure_loss(self, batch: Batch) -> Tensor:
        """Cross-entropy of the emotions, and of the data sets through the reversed gradient."""
        with torch.autocast(self.device, dtype=torch.bfloat16, enabled=self.settings.mixed_precision):
            logits, domains = self.model.classify(batch.waveforms, batch.lengths)
        weights = None if self.class_weights is None else self.class_weights.to(self.device)
        smoothing = self.settings.label_smoothing
        loss = F.cross_entropy(logits.float(), batch.labels, weight=weights, label_smoothing=smoothing)
        if domains is None:
            return loss
        return loss + self.settings.domain_weight * F.cross_entropy(domains.float(), batch.dataset_ids)

    def _judge(self, validation: Clips, epoch: int, loss: float) -> None:
        """Measure, say, and write the checkpoint: always without patience, only if better with it."""
        accuracy = measure_validation(self.model, validation, batch_size=self.settings.batch_size, device=self.device)
        self.progress.say(f"epoch {epoch}: loss {loss:.3f}, accuracy on held-out speakers {accuracy:.1%}")
        better = accuracy > self.best_accuracy
        self.best_accuracy, self.best_epoch = (accuracy, epoch) if better else (self.best_accuracy, self.best_epoch)
        if epoch in self.settings.save_epochs:
            save_checkpoint(self.path.with_name(f"checkpoint_epoch_{epoch}.pt"), self._pack(epoch, loss, accuracy))
        if better or not self.settings.patience:
            save_checkpoint(self.path, self._pack(epoch, loss, accuracy))

    def _pack(self, epoch: int, loss: float, accuracy: float) -> dict[str, Any]:
        state = {name: tensor.detach().cpu() for name, tensor in self.model.state_dict().items()}
        return {"model_state": state, "epoch": epoch, "loss": loss, "best_accuracy": accuracy, **self.facts}


def measure_validation(model: EmotionClassifier, clips: Clips, *, batch_size: int, device: str) -> float:
    """Share of clips, as they are, that the model names rightly."""
    model.eval()
    with torch.inference_mode():
        right = [
            (model(batch.waveforms, batch.lengths).argmax(dim=1) == batch.labels).sum().item()
            for batch in _move(stream_batches(clips, batch_size=batch_size), device)
        ]
    return sum(right) / len(clips.samples)


def _move(batches: Iterator[Batch], device: str) -> Iterator[Batch]:
    return (batch.to(device) for batch in batches)


def _balance(labels: Sequence[int] | np.ndarray, num_classes: int) -> Tensor:
    """Weights that let every class that occurs count the same."""
    counts = np.bincount(labels, minlength=num_classes)
    weights = np.divide(len(labels), counts * np.count_nonzero(counts), where=counts > 0, out=np.zeros(num_classes))
    return torch.tensor(weights, dtype=torch.float32)


def _describe(model: EmotionClassifier, training: Clips, validation: Clips) -> dict[str, Any]:
    """What is kept beside the weights: everything needed to build the model again, and what it was judged on."""
    if not len(validation.samples):
        raise DataError(
            "no clip to judge the model by", hint="add recordings, or raise `training.val_split`", fault="data-split"
        )
    return {
        "architecture": model.architecture.to_dict(),
        "class_names": list(training.samples.class_names or EMOTIONS),
        "dataset_names": list(training.samples.dataset_names),
        "validation_speakers": sorted(set(validation.samples.speakers)),
        "n_train": len(training.samples),
        "n_validation": len(validation.samples),
    }
