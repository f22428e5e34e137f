"""The three self-supervised speech encoders, built from a config: which sizes, which class, which attention."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from huggingface_hub.errors import StrictDataclassError
from torch import nn
from transformers import (
    HubertConfig,
    HubertModel,
    PreTrainedConfig,
    Wav2Vec2Config,
    Wav2Vec2Model,
    WavLMConfig,
    WavLMModel,
)

from latentscape.errors import ModelError, UsageError, nearest
from latentscape.models.loading import find_model_folder, read_config_values

ENCODERS: dict[str, tuple[type[PreTrainedConfig], type[nn.Module]]] = {
    "hubert": (HubertConfig, HubertModel),
    "wav2vec2": (Wav2Vec2Config, Wav2Vec2Model),
    "wavlm": (WavLMConfig, WavLMModel),
}
"""By the model type that a `config.json` names."""

PUBLISHED = {
    "hubert": "facebook/hubert-base-ls960",
    "wav2vec2": "facebook/wav2vec2-base",
    "wavlm": "microsoft/wavlm-base",
}
"""Where the pretrained weights of the short names are on the hub."""
ENCODER_OPTION = "`model.encoder_name`"

GEOMETRY = (
    "hidden_size",
    "num_hidden_layers",
    "num_attention_heads",
    "intermediate_size",
    "hidden_act",
    "layer_norm_eps",
    "feat_extract_norm",
    "feat_extract_activation",
    "feat_proj_layer_norm",
    "conv_dim",
    "conv_stride",
    "conv_kernel",
    "conv_bias",
    "conv_pos_batch_norm",
    "num_conv_pos_embeddings",
    "num_conv_pos_embedding_groups",
    "do_stable_layer_norm",
    "num_buckets",
    "max_bucket_distance",
)
"""The settings of a config that change what the encoder computes; kept beside the weights in our own checkpoints."""

# A study looks at the encoder as it is: no random frame masking, no randomly skipped layers.
_CALM = {"apply_spec_augment": False, "mask_time_prob": 0.0, "mask_feature_prob": 0.0, "layerdrop": 0.0}


def make_encoder_config(model_type: str, overrides: Mapping[str, Any]) -> PreTrainedConfig:
    """The library's base config of that type with `overrides` put in.

    Raises UsageError for an unknown key or a value that cannot be; ModelError for an unknown type or for an encoder
    with an adapter on top, whose frames are not the frames we count.
    """
    if model_type not in ENCODERS:
        raise ModelError(
            f"`{model_type}` is not a speech encoder we know", hint=nearest(model_type, ENCODERS), fault="model-folder"
        )
    config_class = ENCODERS[model_type][0]
    chosen = {key: value for key, value in overrides.items() if key != "model_type"}
    known = config_class().to_dict()
    for key in chosen:
        if key not in known:
            raise UsageError(
                f"unknown key `{key}` in the encoder config", hint=nearest(key, known), fault="config-values"
            )
    try:
        config = config_class(**{**chosen, **_CALM})
    except (TypeError, ValueError, StrictDataclassError) as error:
        reason = str(error).strip().splitlines()[-1].strip()
        raise _incoherent(reason) from error
    for key in ("conv_dim", "conv_kernel", "conv_stride"):
        if any(size < 1 for size in getattr(config, key)):
            got = f"{key} {list(getattr(config, key))}"
            raise _incoherent(got, expected="sizes of 1 or more")
    if getattr(config, "add_adapter", False):
        raise ModelError(
            "this encoder shortens its frames with an adapter", hint="set `add_adapter: false`", fault="model-folder"
        )
    return config


def _incoherent(got: str, *, expected: str = "") -> UsageError:
    return UsageError(
        "the encoder config does not hold together",
        got=got[:300],
        expected=expected,
        hint="take its values from the `config.json` of the model it was made from",
        fault="config-values",
    )


def build_speech_encoder(config: PreTrainedConfig) -> nn.Module:
    """An encoder with fresh random weights."""
    try:
        return ENCODERS[config.model_type][1](config)
    except (TypeError, ValueError, RuntimeError) as error:
        raise _incoherent(str(error).strip()) from error


def describe_geometry(config: PreTrainedConfig) -> dict[str, Any]:
    """Everything needed to build the same encoder again, as plain values."""
    known = config.to_dict()
    plain = {key: known[key] for key in GEOMETRY if key in known}
    lists = {key: list(value) for key, value in plain.items() if isinstance(value, tuple)}
    return {"model_type": config.model_type, **plain, **lists}


def open_speech_encoder(
    name: str, overrides: Mapping[str, Any], *, weights: bool
) -> tuple[PreTrainedConfig, Path | None]:
    """The config of an encoder given by kind, folder or hub name, and the folder it lies in (None for a bare kind).

    `weights` asks for a folder that has them. Raises ModelError where it cannot be had.
    """
    described = overrides.get("model_type") or (name if name in ENCODERS else None)
    if described and not weights:
        return make_encoder_config(described, overrides), None
    folder = find_model_folder(PUBLISHED.get(name, name), option=ENCODER_OPTION, weights=weights)
    geometry = read_geometry(folder)
    return make_encoder_config(geometry["model_type"], {**geometry, **overrides}), folder


def read_geometry(folder: Path) -> dict[str, Any]:
    """What a folder's `config.json` says about the computation. Raises ModelError where it is no speech encoder's."""
    values = read_config_values(folder)
    kind = values.get("model_type")
    if kind not in ENCODERS:
        raise ModelError(
            f"the model in {folder} is not a speech encoder we know",
            got=f"model_type {kind!r}",
            expected=", ".join(ENCODERS),
            hint=f"name another with {ENCODER_OPTION}",
            fault="model-folder",
        )
    return {"model_type": kind, **{key: values[key] for key in GEOMETRY if key in values}}
