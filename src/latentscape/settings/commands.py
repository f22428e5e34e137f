"""The choices of the two studies. Each class is the option table of its command: names, defaults and meanings."""

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Literal

from latentscape.errors import UsageError

Device = Literal["auto", "cpu", "cuda", "mps"]


@dataclass(frozen=True, kw_only=True)
class LatentsSettings:
    """Choices of the latents study. Raises UsageError for a value out of range."""

    config: Path
    """The YAML config of the training run: data sets, model, where results go."""
    checkpoint: Path | None = None
    """The checkpoint; without it `checkpoint.pt` in the config's `log_dir/run_label/`."""
    output: Path | None = None
    """The run folder; without it the config's `log_dir/run_label/`."""
    max_samples: int = 0
    """At most this many validation samples, drawn by class and data set; 0 = all."""
    batch_size: int | None = None
    """Clips in one forward pass; without it the config's `training.batch_size`."""
    device: Device = "auto"
    """Where the model runs; `auto` takes CUDA or Apple's GPU where there is one."""
    seed: int = 42
    """Every random draw of the study follows from it (the split follows from the config's `training.seed`)."""
    skip_umap: bool = False
    """Draw no UMAP."""
    skip_tsne: bool = False
    """Draw no t-SNE."""
    layers: tuple[str, ...] | None = None
    """Layers to study, by name or glob, separated by commas; without it cnn, encoder, mlp and logits."""
    allow_missing: tuple[str, ...] = ()
    """Pattern of tensors that may be missing from the checkpoint; every picture then says so."""

    def __post_init__(self) -> None:
        _check_numbers(self)

    @property
    def layer_patterns(self) -> tuple[str, ...] | None:
        """One pattern each, however they were separated."""
        return _split(self.layers)


@dataclass(frozen=True, kw_only=True)
class EmbeddingsSettings:
    """Choices of the embeddings study. Raises UsageError for a value out of range."""

    checkpoint: Path
    """The retriever: a `.pt` file, a folder with a projection head, or a sentence-transformers folder."""
    data: Path
    """The pair file: JSON, JSON Lines or Parquet."""
    output: Path = Path("visualizations/")
    """The run folder."""
    max_samples: int = 500
    """At most this many queries, drawn at random; 0 = all."""
    batch_size: int = 32
    """Texts in one forward pass."""
    device: Device = "auto"
    """Where the model runs; `auto` takes CUDA or Apple's GPU where there is one."""
    seed: int = 42
    """Every random draw of the study follows from it."""
    skip_umap: bool = False
    """Draw no UMAP."""
    skip_tsne: bool = False
    """Draw no t-SNE."""
    layers: tuple[str, ...] | None = None
    """Layers to map, by name or glob, separated by commas; the first is measured as well. Without it: embedding."""
    base_model: str | None = None
    """The encoder under a projection head: a hub name or a local folder."""
    weights: Path | None = None
    """The weight file that declares the types of hard negatives."""
    config: Path | None = None
    """The YAML config of the training run, for the colors of its `style` section."""
    readiness: Path | None = None
    """A YAML file with thresholds of your own for the readiness checklist; without it the published ones."""
    allow_missing: tuple[str, ...] = ()
    """Pattern of tensors that may be missing from the checkpoint; every picture then says so."""

    def __post_init__(self) -> None:
        _check_numbers(self)

    @property
    def layer_patterns(self) -> tuple[str, ...] | None:
        """One pattern each, however they were separated."""
        return _split(self.layers)


def record_settings(settings: LatentsSettings | EmbeddingsSettings) -> dict[str, Any]:
    """Every choice as JSON values, for the manifest of the run folder."""
    return {item.name: _record_value(getattr(settings, item.name)) for item in fields(settings)}


def _record_value(value: object) -> object:
    if isinstance(value, Path):
        return str(value)
    return list(value) if isinstance(value, tuple) else value


def _split(patterns: tuple[str, ...] | None) -> tuple[str, ...] | None:
    return patterns and tuple(name.strip() for pattern in patterns for name in pattern.split(",") if name.strip())


def _check_numbers(settings: LatentsSettings | EmbeddingsSettings) -> None:
    if settings.max_samples < 0:
        raise UsageError("a bad `--max-samples`", got=str(settings.max_samples), expected="0 (all) or more")
    if settings.batch_size is not None and settings.batch_size < 1:
        raise UsageError("a bad `--batch-size`", got=str(settings.batch_size), expected="1 or more")
    if not 0 <= settings.seed < 2**32:
        raise UsageError("a bad `--seed`", got=str(settings.seed), expected="0 to 4294967295")
    if settings.layers is not None and not settings.layer_patterns:
        raise UsageError("an empty `--layers`", hint="`--list-layers` shows the names")
