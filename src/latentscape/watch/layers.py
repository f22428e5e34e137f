"""Which layers of a model in training are kept."""

from collections.abc import Mapping, Sequence

from torch import nn

from latentscape.features import choose_layers
from latentscape.models.shells import ANSWER
from latentscape.shapes import LOGITS

ENCODER = "encoder"
"""What the base model of a Hugging Face model is called among the layers."""


def name_layers(model: nn.Module, patterns: Sequence[str] | None) -> dict[str, str]:
    """Layer -> its path in the model, the logits last.

    Without patterns the model's own `layers`, else the base model of a Hugging Face model, else the logits alone.
    Raises UsageError for a pattern that matches nothing.
    """
    if patterns:
        found = choose_layers(model, patterns)
    else:
        own = getattr(model, "layers", None)
        found = dict(own) if isinstance(own, Mapping) else _find_base(model)
    return {**{name: path for name, path in found.items() if name != LOGITS}, LOGITS: ANSWER}


def _find_base(model: nn.Module) -> dict[str, str]:
    base = getattr(model, "base_model", None)
    path = next((path for path, module in model.named_modules() if path and module is base), "")
    return {ENCODER: path} if path else {}
