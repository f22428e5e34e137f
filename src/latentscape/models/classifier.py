"""What opening a classifier gives, wherever it came from."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from latentscape.checkpoint import WeightReceipt
from latentscape.models.shells import AnswerOf
from latentscape.shapes import Kind


@dataclass(frozen=True, kw_only=True)
class LoadedClassifier:
    """A classifier ready to look at, and how samples become what it takes."""

    model: AnswerOf
    """In eval mode, on the CPU. `model.layers` are the layers looked at where nobody asks for others."""
    kind: Kind | None
    """What it takes; None where only its own code knows."""
    prepare: Callable[[Any], Any]
    """One sample -> one input. Sound comes as mono float32 [time] at `sample_rate`, a picture as an RGB `PIL.Image`, a
    text as it is. Raises DataError for a sample that the model can't take."""
    collate: Callable[[list[Any]], Mapping[str, Any]]
    """Inputs -> the keywords of `model.forward`, padded; with `attention_mask` or `lengths` where they are padded."""
    class_names: tuple[str, ...] | None = None
    """In the order of the logits; None where the model does not say, or says only LABEL_0, LABEL_1 ..."""
    sample_rate: int = 16_000
    """Of sound."""
    measure: Callable[[Sequence[str]], list[int]] | None = None
    """Texts -> how long each is for the model (tokens, cut included); None for other kinds."""
    is_even: bool = False
    """Whether every input has the same size whatever its sample had, so that nothing is padded."""
    example: Mapping[str, Any] | None = None
    """A batch of one made-up sample, for the shapes of the layers; None where nobody knows one."""
    receipt: WeightReceipt
    sha256: str
    """Of the weights file, or over all of them where there are several."""
    fingerprint: str
    """SHA-256 over everything that can change a feature: weights, config, processor."""
    name: str
    metadata: Mapping[str, Any]
