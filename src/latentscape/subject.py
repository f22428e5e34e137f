"""What a latents study looks at: a classifier, the samples it is judged by, and how the one takes the others."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from torch import nn

from latentscape.datasets.class_names import quote_names
from latentscape.datasets.labeled import LabeledSamples
from latentscape.errors import ModelError
from latentscape.findings import ModelCard, Skip
from latentscape.shapes import Rows


@dataclass(frozen=True, kw_only=True)
class Census:
    """The whole data set, both sides of the split: what the model was trained on is part of the evidence."""

    samples: LabeledSamples
    validation: Rows
    """Rows on the validation side, ascending; the model was trained on the others."""

    @property
    def splits(self) -> tuple[str, ...]:
        """`train` or `validation` for each sample."""
        held_out = np.isin(np.arange(len(self.samples)), self.validation)
        return tuple("validation" if held else "train" for held in held_out)

    @property
    def n_train(self) -> int:
        """Samples that the model was trained on."""
        return len(self.samples) - len(self.validation)

    def find_shared_speakers(self) -> tuple[str, ...]:
        """Speakers with samples on both sides."""
        sides: dict[str, set[str]] = {"train": set(), "validation": set()}
        for speaker, split in zip(self.samples.speakers, self.splits, strict=True):
            sides[split].add(speaker)
        return tuple(sorted(sides["train"] & sides["validation"]))


@dataclass(frozen=True, kw_only=True)
class ValidationSet:
    """The clips of the validation pass, and the ones that were found but left out of it."""

    samples: LabeledSamples
    skipped: tuple[Skip, ...]
    census: Census


@dataclass(frozen=True, kw_only=True)
class Subject:
    """A classifier and its validation samples, opened and checked, nothing read yet."""

    model: nn.Module
    card: ModelCard
    found: ValidationSet
    """Its class names stand in the order of the model's logits."""
    layers: Mapping[str, str]
    """Those to study: public name -> module path."""
    logits: str
    """The path of the logits, which are read in any case."""
    inputs: Sequence[Any]
    """Row i is what the model takes of sample i, read when asked for; raises DataError where it can't be read."""
    lengths: Callable[[], Sequence[int]]
    """One an input, in any unit; asked for when features must be read."""
    collate: Callable[[list[Any]], Mapping[str, Any]]
    """Inputs -> the keywords of `model.forward`."""
    batch_size: int
    device: str
    fingerprint: Mapping[str, Any]
    """What the features depend on besides layers, batches, device and versions; the same values, the same features."""
    output: Path
    """The run folder."""
    recorded: Mapping[str, Any] = field(default_factory=dict)
    """What the manifest says of the settings, beside the options."""
    data_folders: tuple[Path, ...] = ()
    """Where the samples lie: no run is written among them."""
    names_hint: str = "name the classes in the order of the model's outputs with `--class-names`"
    """The next step of a user whose model and data have different classes."""

    def refuse_other_classes(self, n_outputs: int) -> None:
        """Raise ModelError unless the model has one output for each class."""
        names = self.found.samples.class_names
        if n_outputs != len(names):
            raise ModelError(
                "the model and the data do not have the same classes",
                got=f"{n_outputs} outputs of the model",
                expected=f"{len(names)}, one for each class of the data: {quote_names(names)}",
                hint=self.names_hint or "name the classes in the order of the outputs",
                fault="model-classes",
            )
