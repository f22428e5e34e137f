"""One speech encoder, two namings: torchaudio's names (users' checkpoints) turned into Hugging Face's (our modules)."""

import re
from collections.abc import Mapping

from torch import Tensor

from latentscape.errors import ModelError

_RENAMES = (
    (re.compile(r"^encoder\.encoder\.feature_projection\."), "encoder.feature_projection."),
    (re.compile(r"^encoder\.encoder\.transformer\."), "encoder.encoder."),
    # torchaudio's WavLM keeps torch's own attention module inside its attention.
    (re.compile(r"^(encoder\.encoder\.layers\.\d+\.attention)\.attention\."), r"\1."),
)
# Old names of tensors that are the same numbers under a new name: weight normalization, BERT's first layer norms.
_MODERN = (
    (re.compile(r"(pos_conv_embed\.conv)\.weight_g$"), r"\1.parametrizations.weight.original0"),
    (re.compile(r"(pos_conv_embed\.conv)\.weight_v$"), r"\1.parametrizations.weight.original1"),
    (re.compile(r"LayerNorm\.gamma$"), "LayerNorm.weight"),
    (re.compile(r"LayerNorm\.beta$"), "LayerNorm.bias"),
)
_PACKED = re.compile(r"^(encoder\.encoder\.layers\.\d+\.attention)\.in_proj_(weight|bias)$")


def rename_torchaudio(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The same tensors under Hugging Face's names; names that are already Hugging Face's stay as they are.

    Raises ModelError where a file has one tensor under both names.
    """
    renamed: dict[str, Tensor] = {}
    for old, tensor in tensors.items():
        for name, part in _unpack(_rename(old), tensor).items():
            if name in renamed:
                raise ModelError(
                    "the checkpoint names one tensor in two namings",
                    got=f"`{old}` is `{name}` again",
                    hint="save the model's own `state_dict()` again, with the names of one library",
                    fault="checkpoint-ambiguous",
                )
            renamed[name] = part
    return renamed


def modernize(name: str) -> str:
    """The present name of a tensor that old libraries called otherwise."""
    return _replace(name, _MODERN)


def _rename(name: str) -> str:
    return _replace(name, _RENAMES + _MODERN)


def _replace(name: str, renames: tuple[tuple[re.Pattern[str], str], ...]) -> str:
    for pattern, replacement in renames:
        name = pattern.sub(replacement, name)
    return name


def _unpack(name: str, tensor: Tensor) -> dict[str, Tensor]:
    """Query, key and value apart, where they are stored as one block."""
    match = _PACKED.match(name)
    if match is None or tensor.shape[0] % 3:
        return {name: tensor}
    return {f"{match[1]}.{part}_proj.{match[2]}": third for part, third in zip("qkv", tensor.chunk(3), strict=True)}
