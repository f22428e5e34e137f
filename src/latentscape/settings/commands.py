"""The choices of each command. A class is the option table of its command: names, defaults and meanings."""

import re
from dataclasses import dataclass, fields
from math import inf
from pathlib import Path
from typing import Any, Literal

from latentscape.errors import UsageError, nearest
from latentscape.paths import expand_home, is_folder

Device = Literal["auto", "cpu", "cuda", "mps"]
Metric = Literal["cosine", "euclidean"]
Quality = Literal["fast", "best"]
Start = Literal["pca", "spectral"]
METHODS = ("tsne", "umap", "pca")
EMBED_AUDIO = 4.0
"""MB of sound that a page takes along: some 400 clips of three seconds."""
HOW_TO_RUN = ("resume", "fresh", "max_failed")
"""Choices that leave no trace: a run that was stopped and resumed has the same bytes as one that was not."""
_SHARE = re.compile(r"(\d+(?:\.\d+)?)(%?)")


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
    """Layers to study, by name or glob, separated by commas; without it cnn, encoder, mlp and logits. Every transformer
    layer: `cnn,encoder.encoder.layers.*,encoder,mlp,logits`. A layer with several answers: `NAME#0`, `NAME#KEY`."""
    align: bool = False
    """Draw the layers' maps in one frame, so that what moves from layer to layer has moved for a reason."""
    allow_missing: tuple[str, ...] = ()
    """Pattern of tensors that may be missing from the checkpoint; every picture then says so."""
    embed_audio: float = EMBED_AUDIO
    """MB that sound may add to explorer.html: the worst clips travel inside it, the others are links; 0 = all links."""
    max_failed: str | None = None
    """Exit with 8, after everything is written, where more samples fail than this number or share: `20`, `1%`."""
    resume: bool = False
    """Insist on going on with the unfinished run in the output folder: an error where it was made from other inputs.
    Without it a run goes on where its inputs are the same, and begins anew where they are not."""
    fresh: bool = False
    """Compute everything anew, whatever the output folder holds."""

    def __post_init__(self) -> None:
        _check_numbers(self)
        if not 0 <= self.embed_audio < inf:
            raise bad_value("embed-audio", self.embed_audio, "0 (nothing) or more MB")

    @property
    def reuse(self) -> bool | None:
        """What the run folder is told of what it holds: True must be used, False must not, None where inputs agree."""
        return True if self.resume else False if self.fresh else None

    @property
    def layer_patterns(self) -> tuple[str, ...] | None:
        """One pattern each, however they were separated."""
        return _split(self.layers)


@dataclass(frozen=True, kw_only=True)
class EmbeddingsSettings:
    """Choices of the embeddings study. Raises UsageError for a value out of range."""

    checkpoint: Path | None = None
    """The retriever: a `.pt` file, a folder with a projection head, or a sentence-transformers folder."""
    data: Path | None = None
    """The pair file: JSON, JSON Lines or Parquet."""
    vectors: Path | None = None
    """Vectors of your own instead of a model and a pair file: .npz or .safetensors with `queries` and `documents`, and
    where you have them `relevant`, `hard`, texts and columns (docs/guide.md)."""
    train: Path | None = None
    """The pair file that the model was trained on: its queries are left out."""
    attributes: Path | None = None
    """A YAML file that says how to read attributes (district, price ...) from columns and texts."""
    geography: Path | None = None
    """How far apart the values of a place attribute are: a table of coordinates or of neighbors."""
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
    """The encoder under a projection head: a hub name or a local folder. Alone, without a checkpoint, it is looked at
    as it was before training."""
    weights: Path | None = None
    """The weight file that declares the types of hard negatives."""
    config: Path | None = None
    """The YAML config of the training run, for the colors of its `style` section."""
    readiness: Path | None = None
    """A YAML file with thresholds of your own for the readiness checklist; without it the published ones."""
    allow_missing: tuple[str, ...] = ()
    """Pattern of tensors that may be missing from the checkpoint; every picture then says so."""
    max_failed: str | None = None
    """Exit with 8, after everything is written, where more samples fail than this number or share: `20`, `1%`."""
    resume: bool = False
    """Insist on going on with the unfinished run in the output folder: an error where it was made from other inputs.
    Without it a run goes on where its inputs are the same, and begins anew where they are not."""
    fresh: bool = False
    """Compute everything anew, whatever the output folder holds."""

    def __post_init__(self) -> None:
        _check_numbers(self)

    def require_sources(self) -> None:
        """Raise UsageError unless there are either vectors, or a pair file and a model to read it."""
        model = {"checkpoint": self.checkpoint, "base-model": self.base_model}
        reading = {**model, "data": self.data, "train": self.train, "layers": self.layers}
        if self.vectors:
            _refuse_beside_vectors([f"`--{name}`" for name, value in reading.items() if value])
            return
        missing = [] if self.data else ["`--data` (the pair file)"]
        missing += [] if any(model.values()) else ["`--checkpoint` (or `--base-model` alone, before training)"]
        if missing:
            raise UsageError(
                f"the study needs {' and '.join(missing)}",
                hint="for vectors you have already: `latentscape embeddings --vectors vectors.npz`",
                fault="option-missing",
            )

    @property
    def reuse(self) -> bool | None:
        """What the run folder is told of what it holds: True must be used, False must not, None where inputs agree."""
        return True if self.resume else False if self.fresh else None

    @property
    def layer_patterns(self) -> tuple[str, ...] | None:
        """One pattern each, however they were separated."""
        return _split(self.layers)


@dataclass(frozen=True, kw_only=True)
class MapSettings:
    """Choices of `latentscape map`. Raises UsageError for a value out of range."""

    labels: str | None = None
    """Color by this: a column of FEATURES, a file with one value a line, or `FILE:COLUMN`."""
    shapes: str | None = None
    """Marker shape by this, given as `--labels`; at most 8 different values."""
    ids: str | None = None
    """Names of the samples, given as `--labels`."""
    media: Path | None = None
    """The folder of the samples' pictures or clips: their names, `--ids`, are file names below it."""
    method: tuple[str, ...] = ("tsne", "umap")
    """Maps to draw, separated by commas: tsne, umap, pca."""
    metric: Metric = "cosine"
    """What near means in FEATURES."""
    perplexity: float = 30.0
    """t-SNE: the effective number of neighbors of a point."""
    n_neighbors: int = 15
    """UMAP: the neighbors a point is tied to."""
    min_dist: float = 0.1
    """UMAP: how near to each other points may lie, 0 to 1."""
    quality: Quality = "fast"
    """`best` goes on until little is left to gain, at about twice the time."""
    start: Start = "pca"
    """Where points begin: principal components, or eigenvectors of the neighbor graph."""
    time_budget: float | None = None
    """Seconds after which a layout comes to its end early; the picture then depends on the machine's speed."""
    seed: int = 42
    """Every random draw follows from it."""
    output: Path | None = None
    """The run folder; without it `maps/` and the name of FEATURES without its ending."""
    max_samples: int = 0
    """At most this many samples, drawn at random; 0 = all."""
    key: str | None = None
    """Which array, tensor or column of FEATURES, where there are several; a pattern such as `pca_*` takes columns."""
    dark: bool = False
    """Draw on a dark ground."""
    hide_trust: bool = False
    """Draw all points alike, also those whose neighbors a map does not keep."""
    stability: bool = False
    """Draw each map again from another seed and measure what they have in common; always done up to 2,000 samples."""

    def __post_init__(self) -> None:
        _check_map_numbers(self)

    @property
    def methods(self) -> tuple[str, ...]:
        """Each method once, however they were separated."""
        return tuple(dict.fromkeys(_split(self.method) or ()))


def record_settings(settings: Any) -> dict[str, Any]:
    """Every choice of a command that can change what the run folder holds, as JSON values for its manifest."""
    kept = [item.name for item in fields(settings) if item.name not in HOW_TO_RUN]
    return {name: _record_value(getattr(settings, name)) for name in kept}


def most_failures(limit: str | None, *, n_read: int) -> float:
    """How many of `n_read` samples may fail by `--max-failed`; infinity without it.

    >>> most_failures("1%", n_read=500), most_failures("20", n_read=500)
    (5.0, 20.0)
    """
    found = _SHARE.fullmatch(limit.strip()) if limit is not None else None
    if found is None:
        return inf
    return float(found[1]) * n_read / 100 if found[2] else float(found[1])


def _record_value(value: object) -> object:
    if isinstance(value, Path):
        return str(value)
    return [_record_value(each) for each in value] if isinstance(value, tuple) else value


def _split(patterns: tuple[str, ...] | None) -> tuple[str, ...] | None:
    return patterns and tuple(name.strip() for pattern in patterns for name in pattern.split(",") if name.strip())


def _check_map_numbers(settings: MapSettings) -> None:
    check_draw(settings.max_samples, settings.seed)
    unknown = [name for name in settings.methods if name not in METHODS]
    if unknown or not settings.methods:
        got, hint = ", ".join(unknown) or "no method", nearest(unknown[0], METHODS) if unknown else ""
        raise UsageError(
            "a bad `--method`", got=got, expected=", ".join(METHODS), hint=hint or "name one", fault="option-value"
        )
    budget = settings.time_budget
    ranges = {
        "perplexity": (settings.perplexity, 1 <= settings.perplexity < inf, "1 or more"),
        "n-neighbors": (settings.n_neighbors, settings.n_neighbors >= 2, "2 or more"),
        "min-dist": (settings.min_dist, 0 <= settings.min_dist <= 1, "0 to 1"),
        "time-budget": (budget, budget is None or 0 < budget < inf, "more than 0 seconds"),
    }
    for name, (value, fits, expected) in ranges.items():
        if not fits:
            raise bad_value(name, value, expected)
    if settings.media is not None and not is_folder(expand_home(settings.media)):
        raise bad_value("media", settings.media, "a folder")


def check_draw(max_samples: int, seed: int) -> None:
    """Raise UsageError for a number of samples or a seed out of range."""
    if max_samples < 0:
        raise bad_value("max-samples", max_samples, "0 (all) or more")
    if not 0 <= seed < 2**32:
        raise bad_value("seed", seed, "0 to 4294967295")


def bad_value(option: str, value: object, expected: str) -> UsageError:
    """The error for an option whose value is out of range."""
    hint = "`latentscape COMMAND --help` lists the options"
    return UsageError(f"a bad `--{option}`", got=str(value), expected=expected, hint=hint, fault="option-value")


def _refuse_beside_vectors(given: list[str]) -> None:
    if given:
        raise UsageError(
            "`--vectors` takes the place of model and pair file",
            got=f"{', '.join(given)} as well",
            hint="leave it out",
            fault="option-conflict",
        )


def _check_numbers(settings: LatentsSettings | EmbeddingsSettings) -> None:
    check_draw(settings.max_samples, settings.seed)
    if settings.batch_size is not None and settings.batch_size < 1:
        raise bad_value("batch-size", settings.batch_size, "1 or more")
    if settings.layers is not None and not settings.layer_patterns:
        raise UsageError("an empty `--layers`", hint="`--list-layers` shows the names", fault="option-value")
    if settings.max_failed is not None and not _SHARE.fullmatch(settings.max_failed.strip()):
        raise bad_value("max-failed", settings.max_failed, "a number of samples or a share, such as `20` or `1%`")
    if settings.resume and settings.fresh:
        raise UsageError("`--resume` and `--fresh` exclude each other", hint="leave one out", fault="option-conflict")
