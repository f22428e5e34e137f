"""The sizes and switches of a speech-emotion model, as plain values that are kept beside its weights."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from types import NoneType
from typing import Any

from latentscape.errors import ModelError, UsageError, nearest


@dataclass(frozen=True, kw_only=True)
class EmotionArchitecture:
    """Every size and switch of a speech-emotion model; plain values, so it can be kept beside the weights."""

    encoder_name: str = "hubert"
    """`hubert`, `wav2vec2`, `wavlm`, a local folder in Hugging Face format, or a hub name."""
    encoder_config: Mapping[str, Any] | None = None
    """Changes to the encoder's config; None keeps the base (or the folder's own) config."""
    extra_layers: int = 0
    extra_feedforward_dim: int | None = None
    """Width of the extra layers' feed-forward; None takes the encoder's."""
    mlp_layers: int = 2
    hidden_dim: int = 256
    num_classes: int = 8
    dropout: float = 0.3
    num_domains: int = 0
    grl_lambda: float = 1.0
    freeze_encoder: bool = False
    unfreeze_last_n_layers: int = 0

    def __post_init__(self) -> None:
        limits = {
            "extra_layers": 0 <= self.extra_layers <= 3,
            "mlp_layers": self.mlp_layers in (1, 2),
            "hidden_dim": self.hidden_dim >= 1,
            "num_classes": self.num_classes >= 1,
            "dropout": 0 <= self.dropout < 1,
            "num_domains": self.num_domains >= 0,
            "grl_lambda": self.grl_lambda >= 0,
            "unfreeze_last_n_layers": self.unfreeze_last_n_layers >= 0,
        }
        for name in [name for name, holds in limits.items() if not holds]:
            raise UsageError(
                f"the emotion model's `{name}` is out of range",
                got=str(getattr(self, name)),
                hint="see the config's reference for what it may be",
                fault="config-values",
            )

    @property
    def has_domain_head(self) -> bool:
        """One domain needs no telling apart, and a reversal of strength 0 turns the head off."""
        return self.num_domains > 1 and self.grl_lambda > 0

    def to_dict(self) -> dict[str, Any]:
        """Plain values that JSON and `torch.save` keep as they are."""
        values = {item.name: getattr(self, item.name) for item in dataclasses.fields(self)}
        return values | {"encoder_config": None if self.encoder_config is None else dict(self.encoder_config)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "EmotionArchitecture":
        """The inverse of `to_dict`. Raises ModelError for a name it does not know or a value that can't be."""
        known = {item.name for item in dataclasses.fields(cls)}
        for key, value in values.items():
            if key not in known:
                raise ModelError(
                    f"unknown setting `{key}` in an emotion model's architecture",
                    hint=nearest(key, known),
                    fault="checkpoint-broken",
                )
            _check_kind(key, value)
        try:
            return cls(**values)
        except UsageError as error:
            raise ModelError(error.what, got=error.got, hint=_FROM_FILE, fault="checkpoint-broken") from error


_FROM_FILE = "the checkpoint says so of itself: it is damaged, or another tool wrote it"
_KINDS: Mapping[str, tuple[str, tuple[type, ...]]] = {
    "encoder_name": ("text", (str,)),
    "encoder_config": ("a mapping or nothing", (Mapping, NoneType)),
    "extra_feedforward_dim": ("a whole number or nothing", (int, NoneType)),
    "dropout": ("a number", (float, int)),
    "grl_lambda": ("a number", (float, int)),
    "freeze_encoder": ("true or false", (bool,)),
}
"""What a setting may be where it is not a whole number."""


def _check_kind(key: str, value: object) -> None:
    expected, kinds = _KINDS.get(key, ("a whole number", (int,)))
    if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
        raise ModelError(
            f"a bad setting `{key}` in an emotion model's architecture",
            got=repr(value)[:60],
            expected=expected,
            hint=_FROM_FILE,
            fault="checkpoint-broken",
        )
