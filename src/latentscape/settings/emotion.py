"""The config of a speech-emotion study: which data, which model, where its run lies, how pictures look."""

import re
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal
from unicodedata import normalize

from pydantic import AliasChoices, Field, field_validator, model_validator

from latentscape.datasets.kind_names import KNOWN, find_kind, suggest_kind
from latentscape.paths import expand_home, is_folder, real_path
from latentscape.settings.section import (
    Color,
    Count,
    CountOrNone,
    FreeMapping,
    Marker,
    NotNegative,
    Positive,
    Section,
    Share,
    Split,
    Text,
    complain,
)

CHECKPOINT_NAME = "checkpoint.pt"
SLIP = 0.8
"""How alike (0 to 1, difflib's ratio) a key is to a known one when it is taken for a slip of the pen."""
_ENCODERS = ("hubert", "wav2vec2", "wavlm")


class DatasetConfig(Section):
    """One data set: what kind it is and where it lies."""

    class_path: Text
    """ravdess, crema-d, folder, csv, a dotted name ending in RAVDESSDataset or CREMADataset, or module:factory."""
    data_dir: Path
    """The folder (for csv: the file); relative paths start at the current folder."""

    @field_validator("class_path")
    @classmethod
    def _check_kind(cls, value: str) -> str:
        if ":" not in value and find_kind(value) is None:
            raise ValueError(f"`{value}` is no kind of data set; known: {KNOWN}; {suggest_kind(value)}")
        return value


class SpeechData(Section):
    """What the model hears."""

    datasets: tuple[DatasetConfig, ...]
    sample_rate: int = Field(default=16000, ge=1000, le=192000)
    """Hz; everything is resampled to this."""
    noise_dir: Path | None = None
    """Noise mixed in while training; never on the validation pass."""
    max_duration: Positive | None = None
    """Seconds of a clip used while training; None is all of it."""

    @field_validator("datasets")
    @classmethod
    def _check_datasets(cls, value: tuple[DatasetConfig, ...]) -> tuple[DatasetConfig, ...]:
        if not value:
            raise ValueError("the list is empty: name at least one data set")
        roots = [real_path(expand_home(entry.data_dir)) for entry in value]
        twice = [entry.data_dir for place, entry in enumerate(value) if roots[place] in roots[:place]]
        if twice:
            raise ValueError(f"the data set {twice[0]} is listed twice")
        return value


class SpeechModel(Section):
    """The architecture."""

    encoder_name: Text
    """hubert, wav2vec2, wavlm, a name on the Hugging Face hub, or a local folder in Hugging Face format."""
    encoder_config: FreeMapping | None = None
    """Entries of the Hugging Face config to change; with it the encoder is built from scratch."""
    extra_layers: int | None = Field(default=None, ge=0, le=3)
    """Transformer layers after the encoder; None: read from `logging.run_label` (`0Enc`)."""
    mlp_layers: int | None = Field(default=None, ge=1, le=2)
    """Layers of the classifier; None: read from `logging.run_label` (`2MLP`)."""
    hidden_dim: Count = 256
    num_classes: int = Field(default=8, ge=2)
    dropout: float = Field(default=0.3, ge=0, lt=1)
    freeze_encoder: bool = False
    unfreeze_last_n_layers: CountOrNone | None = None
    """Encoder layers that still learn when the encoder is frozen."""
    num_domains: CountOrNone = 0
    """Data sets the adversarial head tells apart; 0 builds no such head."""
    grl_lambda: NotNegative = 1.0
    """Strength of gradient reversal; 0 turns it off."""

    @field_validator("encoder_name")
    @classmethod
    def _check_encoder(cls, value: str) -> str:
        if value not in _ENCODERS and "/" not in value and not is_folder(value):
            raise ValueError(f"{value!r} is none of {', '.join(_ENCODERS)}, no folder, and no hub name (`owner/name`)")
        return value


class SpeechTraining(Section):
    """How the model is trained; `latents` uses `val_split`, `batch_size` and `seed` to rebuild the validation pass.

    Other training code has keys of its own: unlike in all other sections they are passed over. What looks like a slip
    of the pen for a known key, or is known in another section, stays an error.
    """

    batch_size: Count = 8
    epochs: Count = 50
    lr: Positive = 1e-4
    max_lr: Positive | None = None
    min_lr: NotNegative = 1e-5
    scheduler: Literal["cosine_warm_restarts", "onecycle", "cosine", "linear", "constant", "none"] = "cosine"
    val_split: Split = 0.2
    """Share of each data set's speakers that the model is judged on."""
    num_workers: CountOrNone = 0
    seed: CountOrNone = 42
    resume_training: bool = False
    weight_decay: NotNegative = 0.0
    warmup_ratio: Share = 0.1
    label_smoothing: Share = 0.0
    patience: Count | None = Field(default=None, validation_alias=AliasChoices("patience", "early_stopping_patience"))
    """Epochs without a better validation accuracy before training stops (or `early_stopping_patience`); None: never."""
    gradient_clip: Positive | None = None
    mixed_precision: bool = False
    class_weights: bool = False
    """Rare classes weigh more in the loss."""
    domain_weight: NotNegative = 1.0
    """Weight of the adversarial head's loss."""
    filterbank_init: bool = False
    """Start the first convolution from a filter bank instead of noise."""
    max_seconds: Positive | None = None
    """Training stops after the epoch in which this much time has passed."""
    save_epochs: tuple[Count, ...] = ()
    """Epochs after which a checkpoint is kept besides the best one."""
    log_every: Count = 10

    @model_validator(mode="before")
    @classmethod
    def _pass_over_strangers(cls, values: Any) -> Any:
        if not isinstance(values, dict):
            return values
        known = [*cls.model_fields, "early_stopping_patience"]
        elsewhere = {
            name for section in (SpeechData, SpeechModel, Logging, SpeechStyle) for name in section.model_fields
        }
        meant = [key for key in values if key in elsewhere or get_close_matches(key.lower(), known, n=1, cutoff=SLIP)]
        # What comes out of here counts as Python's values, no longer as JSON's, and there a list is no tuple.
        return {key: tuple(values[key]) if isinstance(values[key], list) else values[key] for key in meant}


class Logging(Section):
    """Where the run lies; the last five keys belong to the original trainer and change nothing here."""

    log_dir: Path = Path("runs")
    run_label: str = ""
    """The run's folder inside `log_dir`; `2MLP`, `0Enc` and `D0p3` in it describe the model."""
    track_run: bool = True
    runs_config_path: Path | None = None
    misclassified_dir: Path | None = None
    checkpoint_dir: Path | None = None
    save_misclassified: bool = False


class SpeechStyle(Section):
    """Names, colors and markers in pictures and pages."""

    class_names: tuple[Text, ...] | None = None
    """One for each class, in the order of the model's outputs; None: the data's own."""
    class_colors: dict[str, Color] = Field(default_factory=dict)
    dataset_markers: dict[str, Marker] = Field(default_factory=dict)
    dark: bool = False
    show_trust: bool = True
    """Draw points faint whose neighbors a map does not keep."""

    @field_validator("class_names")
    @classmethod
    def _check_names(cls, names: tuple[str, ...] | None) -> tuple[str, ...] | None:
        spelled = None if names is None else tuple(normalize("NFC", name).strip() for name in names)
        if spelled is not None and len(set(spelled)) < len(spelled):
            raise ValueError("a name is given twice")
        return spelled

    @field_validator("class_colors", "dataset_markers")
    @classmethod
    def _spell_keys(cls, values: dict[str, str]) -> dict[str, str]:
        return {normalize("NFC", key): value for key, value in values.items()}


class EmotionConfig(Section):
    """Everything `latents` and `train emotion` read from `--config`."""

    data: SpeechData
    model: SpeechModel
    training: SpeechTraining = Field(default_factory=SpeechTraining)
    logging: Logging = Field(default_factory=Logging)
    style: SpeechStyle = Field(default_factory=SpeechStyle)
    pretrained_weights: FreeMapping = Field(default_factory=dict)
    """The original trainer's; accepted and unused."""
    notes: Any = None
    """Yours; accepted and unused."""

    @model_validator(mode="after")
    def _check_together(self) -> "EmotionConfig":
        names = self.style.class_names
        if names is not None and len(names) != self.model.num_classes:
            raise complain(
                "style.class_names", f"{len(names)} names for the {self.model.num_classes} classes of the model"
            )
        strangers = sorted(set(self.style.class_colors) - set(names or self.style.class_colors))
        if strangers:
            raise complain("style.class_colors", f"`{strangers[0]}` is none of `style.class_names`")
        return self


@dataclass(frozen=True, kw_only=True)
class RunLabel:
    """What a run's name says about its model; None where it says nothing."""

    mlp_layers: int | None = None
    extra_layers: int | None = None
    dropout: float | None = None


def read_run_label(label: str) -> RunLabel:
    """Find `2MLP`, `0Enc` and `D0p3` among the words of a run label.

    >>> read_run_label("hubert_2MLP_0Enc_wnoisedata_cosinewrmst_D0p3")
    RunLabel(mlp_layers=2, extra_layers=0, dropout=0.3)
    """
    return RunLabel(
        mlp_layers=_find_number(label, r"([12])MLP"),
        extra_layers=_find_number(label, r"([0-3])Enc"),
        dropout=_find_dropout(label),
    )


def _find_word(label: str, pattern: str) -> re.Match[str] | None:
    return re.search(rf"(?<![A-Za-z0-9]){pattern}(?![A-Za-z0-9])", label)


def _find_number(label: str, pattern: str) -> int | None:
    found = _find_word(label, pattern)
    return int(found[1]) if found else None


def _find_dropout(label: str) -> float | None:
    found = _find_word(label, r"D0p([0-9]+)")
    return float(f"0.{found[1]}") if found else None


def describe_architecture(config: EmotionConfig) -> dict[str, Any]:
    """The model's fields with what the run label adds: keyword arguments of `models.emotion.EmotionArchitecture`.

    The `model:` section wins over the label; where both are silent: 2 MLP layers, no extra layer, dropout 0.3.
    """
    label = read_run_label(config.logging.run_label)
    fields = config.model.model_dump()
    fields["mlp_layers"] = _first_given(config.model.mlp_layers, label.mlp_layers, 2)
    fields["extra_layers"] = _first_given(config.model.extra_layers, label.extra_layers, 0)
    fields["unfreeze_last_n_layers"] = config.model.unfreeze_last_n_layers or 0
    if "dropout" not in config.model.model_fields_set and label.dropout is not None:
        fields["dropout"] = label.dropout
    return fields


def _first_given(*values: int | None) -> int:
    return next(value for value in values if value is not None)


def run_folder(config: EmotionConfig) -> Path:
    """`log_dir/run_label`, where the original tools keep a run and put its pictures."""
    return expand_home(config.logging.log_dir) / config.logging.run_label


def known_speech_checkpoint(config: EmotionConfig) -> Path:
    """The checkpoint meant when none is named: `log_dir/run_label/checkpoint.pt`."""
    return run_folder(config) / CHECKPOINT_NAME
