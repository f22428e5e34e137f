"""Which model a set of tensors comes from, told by its names: for errors that say what a wrong file is."""

from collections.abc import Iterable

from latentscape.errors import ModelError

_SIGNS: tuple[tuple[str, str], ...] = (
    ("head.linear.", "a retriever (text encoder with a projection head)"),
    ("classifier.attn.", "a speech-emotion classifier"),
    ("encoder.feature_extractor.conv_layers.", "a speech-emotion classifier without its attention pooling"),
    ("feature_extractor.conv_layers.", "a speech encoder without an emotion head"),
    ("lora_", "an adapter (LoRA), which means nothing without its base model"),
    ("embeddings.word_embeddings.", "a text encoder without a projection head"),
    ("visual.", "an image-and-text model"),
    ("conv1.", "an image model"),
)


def guess_kind(names: Iterable[str]) -> str:
    """A few words on what model has tensors of these names."""
    names = list(names)
    for sign, kind in _SIGNS:
        if any(name.startswith(sign) or f".{sign}" in name for name in names):
            return kind
    return f"a model with tensors like `{names[0]}`" if names else "a file without tensors"


def wrong_model(source: str, names: Iterable[str], *, expected: str) -> ModelError:
    """The error for a whole and healthy checkpoint of something else."""
    return ModelError(
        f"{source} is the checkpoint of another model",
        got=guess_kind(names),
        expected=expected,
        hint="check the path",
        fault="checkpoint-other",
    )
