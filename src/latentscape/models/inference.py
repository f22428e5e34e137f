"""Reading an emotion model's architecture out of its own tensors, so that no hub and no luck is needed to load it."""

import re
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from latentscape.errors import ModelError
from latentscape.models.architecture import EmotionArchitecture
from latentscape.models.speech_encoders import ENCODERS, GEOMETRY, read_geometry
from latentscape.paths import is_file

Shapes = Mapping[str, tuple[int, ...]]
_LAYER = r"encoder\.encoder\.layers\.\d+\."
_BASE_KERNELS = [10, 3, 3, 3, 3, 2, 2]
_BASE_STRIDES = [5, 2, 2, 2, 2, 2, 2]


def resolve_architecture(
    tensors: Mapping[str, Tensor], metadata: Mapping[str, Any], declared: EmotionArchitecture | None
) -> EmotionArchitecture:
    """The architecture of a checkpoint (names as Hugging Face has them).

    What our own trainer saved beside the weights counts first, then shapes, then a foreign config saved with them,
    then `declared`, then the library's base encoder. Raises ModelError where `declared` contradicts the file.
    """
    ours = metadata.get("architecture")
    saved = EmotionArchitecture.from_dict(ours).to_dict() if isinstance(ours, Mapping) else {}
    foreign = _read_foreign_config(metadata.get("config"))
    hoped = {**(declared.to_dict() if declared else {}), **foreign}
    values = {**hoped, **infer_sizes(tensors, hoped), **saved}
    kind = _infer_model_type(tensors, values, declared)
    known = {**_describe_folder(values), **_encoder_config(declared), **_config_of(foreign), **_config_of(saved)}
    values["encoder_config"] = {**infer_encoder(tensors, known), "model_type": kind}
    _refuse_contradiction(values, declared)
    return EmotionArchitecture.from_dict(values)


def infer_sizes(tensors: Mapping[str, Tensor], hoped: Mapping[str, Any]) -> dict[str, Any]:
    """Sizes of what lies over the encoder: `mlp_layers`, `hidden_dim`, `num_classes`, `extra_layers` and its width,
    `num_domains` (0 where the domain head is not built like ours). `hoped` decides where the tensors disagree."""
    shapes = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    two = any(re.match(r"classifier\.mlp\.[1-9]", name) for name in shapes)
    last = "classifier.mlp.3" if two else "classifier.mlp.0"
    found = {
        "mlp_layers": 2 if two else 1,
        "num_classes": _vote(shapes, {rf"{last}\.(weight|bias)": 0}, hoped.get("num_classes")),
        "hidden_dim": _vote(shapes, {r"classifier\.mlp\.0\.(weight|bias)": 0, r"classifier\.mlp\.3\.weight": 1}),
        "extra_layers": _count(shapes, r"extra_encoder\.layers\.(\d+)\."),
        "extra_feedforward_dim": _vote(shapes, {r"extra_encoder\.layers\.\d+\.linear1\.(weight|bias)": 0}),
        "num_domains": _count_domains(shapes),
    }
    return {key: value for key, value in found.items() if value is not None}


def infer_encoder(tensors: Mapping[str, Tensor], known: Mapping[str, Any]) -> dict[str, Any]:
    """The encoder's config: `known` settings as they are, the rest from the tensors' shapes.

    What shapes do not tell follows the published encoders: layer-norm ones normalize before attention, heads are 64
    wide, the seven usual kernels have the usual strides. Raises ModelError where none of that applies.
    """
    shapes = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    config: dict[str, Any] = {**_infer_transformer(shapes), **_infer_convolutions(shapes), **known}
    config = {key: value for key, value in config.items() if value is not None}
    config.setdefault("do_stable_layer_norm", config.get("feat_extract_norm") == "layer")
    if "num_attention_heads" not in config:
        config["num_attention_heads"] = _guess_heads(config.get("hidden_size", 768))
    if "conv_kernel" in config and "conv_stride" not in config:
        config["conv_stride"] = _guess_strides(list(config["conv_kernel"]))
    return config


def _infer_transformer(shapes: Shapes) -> dict[str, Any]:
    hidden = _vote(
        shapes,
        {
            r"encoder\.feature_projection\.projection\.(weight|bias)": 0,
            r"encoder\.encoder\.layer_norm\.(weight|bias)": 0,
            rf"{_LAYER}(attention\.\w+_proj|layer_norm|final_layer_norm)\.bias": 0,
            r"classifier\.attn\.weight": 1,
        },
    )
    spread = _vote(shapes, {r".*pos_conv_embed\.conv\.(parametrizations\.weight\.original1|weight)": 1})
    return {
        "hidden_size": hidden,
        "num_hidden_layers": _count(shapes, r"encoder\.encoder\.layers\.(\d+)\.") or None,
        "intermediate_size": _vote(
            shapes,
            {
                rf"{_LAYER}feed_forward\.intermediate_dense\.(weight|bias)": 0,
                rf"{_LAYER}feed_forward\.output_dense\.weight": 1,
            },
        ),
        "num_attention_heads": _vote(shapes, {rf"{_LAYER}attention\.(gru_rel_pos_const|rel_attn_embed\.weight)": 1}),
        "num_buckets": _vote(shapes, {rf"{_LAYER}attention\.rel_attn_embed\.weight": 0}),
        "num_conv_pos_embeddings": _vote(
            shapes, {r".*pos_conv_embed\.conv\.(parametrizations\.weight\.original[01]|weight)": 2}
        ),
        "num_conv_pos_embedding_groups": hidden // spread if hidden and spread else None,
        "conv_pos_batch_norm": True if any("pos_conv_embed.batch_norm." in name for name in shapes) else None,
    }


def _infer_convolutions(shapes: Shapes) -> dict[str, Any]:
    stem = r"encoder\.feature_extractor\.conv_layers"
    n_layers = _count(shapes, stem + r"\.(\d+)\.")
    if not n_layers:
        return {}
    norms = sum(bool(re.fullmatch(stem + r"\.[1-9]\d*\.layer_norm\.weight", name)) for name in shapes)
    biases = sum(bool(re.fullmatch(stem + r"\.\d+\.conv\.bias", name)) for name in shapes)
    kernels = [_vote(shapes, {rf"{stem}\.{i}\.conv\.weight": 2}) for i in range(n_layers)]
    base = _BASE_KERNELS if n_layers == len(_BASE_KERNELS) else kernels
    return {
        "conv_dim": [_vote_channels(shapes, stem, i) for i in range(n_layers)],
        "conv_kernel": [kernel or usual or 3 for kernel, usual in zip(kernels, base, strict=True)],
        "conv_bias": biases * 2 > n_layers,
        "feat_extract_norm": None if n_layers == 1 else "layer" if norms else "group",
    }


def _vote_channels(shapes: Shapes, stem: str, layer: int) -> int:
    rules = {rf"{stem}\.{layer}\.(conv|layer_norm)\.(weight|bias)": 0, rf"{stem}\.{layer + 1}\.conv\.weight": 1}
    if not any(re.match(rf"{stem}\.{layer + 1}\.", name) for name in shapes):
        rules |= {r"encoder\.feature_projection\.layer_norm\.(weight|bias)": 0}
        rules |= {r"encoder\.feature_projection\.projection\.weight": 1}
    return _vote(shapes, rules) or 512


def _vote(shapes: Shapes, rules: Mapping[str, int], hoped: int | None = None) -> int | None:
    """The size most tensors agree on; each rule is a pattern of names and the axis that has the size."""
    votes = Counter(
        shape[axis]
        for pattern, axis in rules.items()
        for name, shape in shapes.items()
        if len(shape) > axis and re.fullmatch(pattern, name)
    )
    return max(votes, key=lambda size: (votes[size], size == hoped)) if votes else None


def _count(shapes: Shapes, pattern: str) -> int:
    """One more than the largest number the pattern finds."""
    return max((int(match[1]) + 1 for name in shapes if (match := re.match(pattern, name))), default=0)


def _count_domains(shapes: Shapes) -> int:
    heads = {name for name in shapes if name.startswith("domain_classifier.")}
    ours = {f"domain_classifier.{place}.{part}" for place in (0, 3) for part in ("weight", "bias")}
    return shapes["domain_classifier.3.bias"][0] if heads == ours else 0


def _guess_heads(hidden: int) -> int:
    if hidden == 1280:  # the published X-Large encoders, the only ones whose heads are wider than 64
        return 16
    if hidden % 64:
        raise ModelError(
            f"the checkpoint does not tell how many attention heads its {hidden}-wide encoder has",
            hint="give the encoder's config (`encoder_config.num_attention_heads`), or its local folder as the encoder",
            fault="checkpoint-other",
        )
    return hidden // 64


def _guess_strides(kernels: list[int]) -> list[int]:
    if kernels == _BASE_KERNELS:
        return _BASE_STRIDES
    raise ModelError(
        "the checkpoint does not tell the strides of its convolutions",
        got=f"kernels {kernels}",
        expected=f"the usual kernels {_BASE_KERNELS}, or `encoder_config.conv_stride`",
        hint="give the encoder's config, or its local folder as the encoder",
        fault="checkpoint-other",
    )


def _infer_model_type(
    tensors: Mapping[str, Tensor], values: Mapping[str, Any], declared: EmotionArchitecture | None
) -> str:
    """`wavlm` where its relative positions are; the other two have the same tensors and compute the same."""
    known = _config_of(values).get("model_type") or _encoder_config(declared).get("model_type")
    name = str(known or _describe_folder(values).get("model_type") or values.get("encoder_name", "")).lower()
    named = next((kind for kind in ENCODERS if kind in name), None)
    relative = any("gru_rel_pos" in tensor or "rel_attn_embed" in tensor for tensor in tensors)
    if relative and named not in (None, "wavlm"):
        raise ModelError(
            "the checkpoint has another encoder than the config says",
            got="a wavlm encoder",
            expected=f"{named}",
            hint="set `model.encoder_name: wavlm`, or check the path",
            fault="checkpoint-other",
        )
    return "wavlm" if relative else named or "hubert"


def _refuse_contradiction(values: Mapping[str, Any], declared: EmotionArchitecture | None) -> None:
    if declared is not None and declared.num_classes != values.get("num_classes", declared.num_classes):
        raise ModelError(
            "the checkpoint has another number of classes than the config says",
            got=f"{values['num_classes']} classes in the checkpoint",
            expected=f"{declared.num_classes}",
            hint="check the path, or set `model.num_classes`",
            fault="checkpoint-other",
        )


def _read_foreign_config(config: Any) -> dict[str, Any]:
    """What a training script of somebody else saved about its model, where a name and a type are ours."""
    model = config.get("model", config) if isinstance(config, Mapping) else {}
    names = ("encoder_name", "dropout", "hidden_dim", "num_classes", "grl_lambda", "num_domains", "encoder_config")
    found = {name: model[name] for name in names if isinstance(model, Mapping) and name in model}
    kinds = {"encoder_name": str, "encoder_config": Mapping}
    kept = {name: value for name, value in found.items() if isinstance(value, kinds.get(name, int | float))}
    geometry = {key: value for key, value in _config_of(kept).items() if key in ("model_type", *GEOMETRY)}
    return {**kept, **({"encoder_config": geometry} if geometry else {})}


def _describe_folder(values: Mapping[str, Any]) -> dict[str, Any]:
    """The config of the encoder's local folder, if it is one that is here."""
    folder = Path(str(values.get("encoder_name", "")))
    return read_geometry(folder) if is_file(folder / "config.json") else {}


def _config_of(values: Mapping[str, Any]) -> dict[str, Any]:
    return dict(values.get("encoder_config") or {})


def _encoder_config(declared: EmotionArchitecture | None) -> dict[str, Any]:
    return dict(declared.encoder_config or {}) if declared else {}
