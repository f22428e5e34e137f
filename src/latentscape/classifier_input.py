"""Any classifier and any labeled data -> what a latents study looks at."""

import csv
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from latentscape.datasets.audio import load_audio, measure_audio
from latentscape.datasets.class_match import match_classes
from latentscape.datasets.class_names import quote_names
from latentscape.datasets.labeled import Content, LabeledSamples
from latentscape.datasets.pictures import load_picture
from latentscape.datasets.sample_roles import Columns
from latentscape.datasets.samples import read_samples
from latentscape.datasets.splits import stratified_sample
from latentscape.datasets.text import normalize
from latentscape.errors import DataError, ModelError, UsageError
from latentscape.executor import IN_PROCESS, Executor
from latentscape.features import (
    LazyInputs,
    ListedLayer,
    add_default_layers,
    choose_device,
    choose_layers,
    list_layers,
    trace,
)
from latentscape.findings import LOGITS, Skip
from latentscape.models.classifier import LoadedClassifier
from latentscape.models.shells import AnswerOf
from latentscape.object_store import local_data
from latentscape.own_modules import TIMM, names_code
from latentscape.paths import expand_home, is_folder
from latentscape.plain_text import folder_name
from latentscape.settings import LatentsSettings
from latentscape.shapes import Kind
from latentscape.study import digest_samples, make_model_card
from latentscape.subject import Census, Subject, ValidationSet

BATCH_SIZE = 16
RUNS = Path("runs")


@dataclass(frozen=True)
class ReadContent:
    """How what a sample is made of is read: DataError where it can't be."""

    kind: Kind | None
    prepare: Callable[[Any], Any]
    sample_rate: int

    def __call__(self, content: Content) -> Any:
        """What the model takes."""
        return self.prepare(self._load(content))

    def _load(self, content: Content) -> Any:
        if self.kind == "text" or isinstance(content, str):
            return content
        return load_picture(content) if self.kind == "image" else load_audio(content, sample_rate=self.sample_rate)


@dataclass(frozen=True)
class Inputs(LazyInputs):
    """What a classifier takes of each sample, read when it is asked for; DataError then for one that can't be read."""

    samples: LabeledSamples
    loaded: LoadedClassifier

    @property
    def contents(self) -> tuple[Content, ...]:
        """What the samples are made of."""
        return self.samples.contents

    @property
    def read(self) -> ReadContent:
        """How one becomes what the model takes."""
        return ReadContent(self.samples.kind, self.loaded.prepare, self.loaded.sample_rate)

    def measure(self) -> list[int]:
        """How long each sample is for the model, in any unit."""
        if self.samples.kind == "text" and self.loaded.measure:
            return self.loaded.measure([str(text) for text in self.samples.contents])
        if self.samples.kind == "audio" and not self.loaded.is_even:
            rate = self.loaded.sample_rate
            return [measure_audio(content, sample_rate=rate) for content in self.samples.contents]  # pyright: ignore[reportArgumentType]  no text here
        return [1] * len(self)


def open_classifier(settings: LatentsSettings) -> LoadedClassifier:
    """The model that `--model` names, with every weight proven.

    Raises UsageError for code that can't be found, ModelError or SafetyError for a model that can't be used.
    """
    # Both bring libraries that a model in memory does without.
    from latentscape.models.classifiers import load_classifier  # noqa: PLC0415
    from latentscape.models.own_code import open_own_classifier  # noqa: PLC0415

    name = settings.model or ""
    options = {"kind": settings.kind, "checkpoint": settings.checkpoint, "allow_missing": settings.allow_missing}
    return open_own_classifier(name, **options) if names_code(name) else load_classifier(name, **options)


def list_model_layers(settings: LatentsSettings) -> Sequence[ListedLayer]:
    """Every layer of the model, with the shapes of its answers to a made-up sample, or to the first of the data."""
    loaded = open_classifier(settings)
    example = loaded.example
    if example is None and settings.data is not None:
        with local_data(settings, "data") as (local, _):
            example = _take_first(Inputs(_read(local, loaded), loaded))
    if example is not None:
        prepare_layers(loaded.model, example)
    return list_layers(loaded.model, example)


def open_samples(settings: LatentsSettings, *, executor: Executor = IN_PROCESS) -> Subject:
    """The classifier of `--model` and the samples of `--data`.

    Raises UsageError for options that don't fit, DataError where no sample can be used, ModelError or SafetyError for
    a model that can't be used, or that has other classes than the data.
    """
    settings.require_data()
    with local_data(settings, "data", executor=executor) as (local, reader):
        return _open(local, reader)


def _open(settings: LatentsSettings, executor: Executor) -> Subject:
    source = expand_home(settings.require_data())
    loaded = open_classifier(settings)
    everything = _read(settings, loaded, executor)
    first = _take_first(Inputs(everything, loaded))
    n_classes = prepare_layers(loaded.model, loaded.example or first)
    names = read_class_names(settings.class_names, n_classes) or loaded.class_names
    everything = match_classes(everything, names, rename=settings.rename, n_classes=n_classes)
    found = draw_validation(everything, max_samples=settings.max_samples, seed=settings.seed)
    card = make_model_card(
        loaded.receipt,
        name=loaded.name,
        checkpoint=settings.checkpoint.name if settings.checkpoint else loaded.name,
        sha256=loaded.sha256,
        metadata=loaded.metadata,
    )
    is_built = names_code(loaded.name) and not loaded.name.startswith(TIMM)
    card = replace(card, in_memory=is_built and settings.checkpoint is None)
    inputs = Inputs(found.samples, loaded)
    subject = Subject(
        model=loaded.model,
        card=card,
        found=found,
        layers=choose_layers(loaded.model, settings.layer_patterns),
        logits=loaded.model.layers[LOGITS],
        inputs=inputs,
        lengths=inputs.measure,
        collate=loaded.collate,
        batch_size=settings.batch_size or BATCH_SIZE,
        device=choose_device(settings.device),
        fingerprint=_describe(loaded, stamps=card.stamps, samples=found.samples),
        output=settings.output or RUNS / folder_name(Path(loaded.name).name),
        recorded=record_places(everything),
        data_folders=(source,) if is_folder(source) else (),
    )
    subject.refuse_other_classes(n_classes)
    return subject


def read_class_names(given: Sequence[str] | None, n_classes: int) -> tuple[str, ...] | None:
    """The names of `--class-names`: one option each, or one with commas, where quotes keep a comma in a name.

    Raises UsageError unless there is one for each output of the model, all different.
    """
    if not given:
        return None
    words = next(csv.reader([" ".join(given[0].split())], skipinitialspace=True), []) if len(given) == 1 else given
    names = tuple(normalize(word).strip() for word in words)
    if len(set(names)) < len(names) or not all(names) or len(names) != n_classes:
        raise UsageError(
            "`--class-names` does not name the model's classes",
            got=quote_names(names),
            expected=f"{n_classes:,} different names, as the model has outputs",
            hint="write them in the order of the outputs, separated by commas: `--class-names cat,dog`",
            fault="option-value",
        )
    return names


def prepare_layers(shell: AnswerOf, batch: Mapping[str, Any]) -> int:
    """How many classes the model answers with, by a batch of one sample; a model that names no layers of its own gets
    those that are found by it. Raises ModelError where it can't work with the batch."""
    traced = trace(shell, batch)
    if len(shell.layers) == 1:
        add_default_layers(shell, traced)
    return next(each for each in traced if each.path == shell.layers[LOGITS]).shapes[0][-1]


def draw_validation(everything: LabeledSamples, *, max_samples: int, seed: int) -> ValidationSet:
    """Samples that were all held out; at most `max_samples` of them, by class and data set."""
    groups = list(zip(everything.labels.tolist(), everything.dataset_ids.tolist(), strict=True))
    drawn = stratified_sample(groups, n=max_samples, seed=seed)
    left_out = np.setdiff1d(np.arange(len(everything)), drawn)
    skipped = [Skip(id=name, reason=reason) for name, reason in everything.skipped]
    skipped += [Skip(id=everything.ids[row], reason="not drawn: --max-samples") for row in left_out]
    census = Census(samples=everything, validation=np.arange(len(everything)))
    return ValidationSet(samples=everything.take(drawn), skipped=tuple(skipped), census=census)


def record_places(samples: LabeledSamples) -> dict[str, Any]:
    """Where the files of each data set lie, for the manifest: pages and `latentscape open` find them by it."""
    if samples.media_root is None:
        return {}
    return {"media_roots": {name: str(samples.media_root) for name in samples.dataset_names}}


def _read(settings: LatentsSettings, loaded: LoadedClassifier, executor: Executor = IN_PROCESS) -> LabeledSamples:
    columns = Columns(
        content=settings.column,
        label=settings.label_column,
        group=settings.group_column,
        dataset=settings.dataset_column,
    )
    source = str(expand_home(settings.require_data()))
    kind = settings.kind or loaded.kind
    samples = read_samples(source, kind=kind, split=settings.split, columns=columns, executor=executor)
    if loaded.kind is not None and samples.kind != loaded.kind:
        raise ModelError(
            "the model takes something else than the data holds",
            got=f"{samples.kind} in {settings.data}",
            expected=loaded.kind,
            hint="name another model, or another column of the data with `--column`",
            fault="model-classes",
        )
    return samples


def _take_first(inputs: Inputs) -> Mapping[str, Any]:
    """A batch of the first sample that can be read. Raises DataError, with the first reason, where none can."""
    reasons: list[DataError] = []
    for row in range(len(inputs)):
        try:
            return inputs.loaded.collate([inputs[row]])
        except DataError as error:
            reasons.append(error)
    raise DataError(
        f"none of {len(inputs):,} samples can be read",
        got=f"{inputs.samples.ids[0]}: {reasons[0].what}" if reasons else "no sample",
        hint="look at the first files: are they what their names say?",
        fault="data-empty",
    )


def _describe(loaded: LoadedClassifier, *, stamps: Sequence[str], samples: LabeledSamples) -> dict[str, Any]:
    return {
        "model": loaded.fingerprint,
        "stamps": list(stamps),
        "n_samples": len(samples),
        "samples": digest_samples(samples),
        "classes": list(samples.class_names),
    }
