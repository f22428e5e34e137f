"""The option table of `latentscape embeddings`: names, defaults and meanings."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from latentscape.errors import UsageError
from latentscape.own_modules import names_code
from latentscape.settings.choices import Device, Engine, bad_value, check_numbers, split_patterns

Pooling = Literal["mean", "cls", "last"]
_BESIDE_TEXT_MODEL = ("document_model", "pooling", "dimension", "query_prompt", "document_prompt")


@dataclass(frozen=True, kw_only=True)
class EmbeddingsSettings:
    """Choices of the embeddings study. Raises UsageError for a value out of range."""

    checkpoint: Path | None = None
    """The retriever: a `.pt` file, a folder with a projection head, or a sentence-transformers folder."""
    model: str | None = None
    """Any other text model: a sentence-transformers or Hugging Face folder or hub name, or `package.module:factory`."""
    document_model: str | None = None
    """The model of the documents, where it is another than that of the queries (`--model`)."""
    pooling: Pooling | None = None
    """How `--model` makes one vector of its tokens; without it as the model's folder says, else mean."""
    dimension: int | None = None
    """Keep only so many of the first numbers of a vector (Matryoshka)."""
    query_prompt: str | None = None
    """What stands before each query: the name of a prompt in the model's folder, or the text itself."""
    document_prompt: str | None = None
    """The same for documents."""
    data: str | None = None
    """Queries and right documents: a pair file (JSON, JSON Lines, Parquet, CSV, TSV), a BEIR folder (corpus, queries,
    qrels), a Hugging Face data set saved to disk, or its hub name."""
    split: str | None = None
    """The part of `--data` to study; without it `test`, or the only one."""
    qrels: Path | None = None
    """Which documents are right for which query, in TREC's format, where `--data` does not say."""
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
    shards: str | None = None
    """Keep what is read so far below this URI (`s3://bucket/shards`) instead of in the output folder, so that a machine
    that is lost takes nothing with it."""
    engine: Engine = "local"
    """Who does the work: `local` is this process; `ray` a cluster: that of RAY_ADDRESS, or this machine's cores."""
    workers: int = 0
    """With `--engine ray`: at most so many workers; 0 = one a core, or as many as the GPUs take."""
    gpus_per_worker: float = 1.0
    """With `--engine ray` on GPUs: the share of one that a worker of the model gets; 0.5 puts two on each."""

    def __post_init__(self) -> None:
        check_numbers(self)
        if self.dimension is not None and self.dimension < 1:
            raise bad_value("dimension", self.dimension, "1 or more")

    def require_sources(self) -> None:
        """Raise UsageError unless there are either vectors, or a pair file and a model to read it."""
        model = {"checkpoint": self.checkpoint, "base-model": self.base_model, "model": self.model}
        towers = {name.replace("_", "-"): getattr(self, name) for name in _BESIDE_TEXT_MODEL}
        reading = {**model, **towers, "data": self.data, "train": self.train, "layers": self.layers}
        if self.vectors:
            _refuse_beside_vectors([f"`--{name}`" for name, value in reading.items() if value])
            return
        missing = [] if self.data else ["`--data` (the pair file)"]
        missing += [] if any(model.values()) else ["`--checkpoint` or `--model` (or `--base-model` alone)"]
        _refuse_two_models(self, towers)
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
        return split_patterns(self.layers)


def _refuse_two_models(settings: EmbeddingsSettings, towers: Mapping[str, object]) -> None:
    own_code = names_code(settings.model or "")
    if settings.model and (settings.base_model or (settings.checkpoint and not own_code)):
        raise UsageError(
            "`--model` is a whole model",
            got=f"`--{'base-model' if settings.base_model else 'checkpoint'}` as well",
            hint="leave one out; `--checkpoint` goes with `--model package.module:factory` only",
            fault="option-conflict",
        )
    given = [name for name, value in towers.items() if value is not None]
    if given and not settings.model:
        raise UsageError(
            f"`--{given[0]}` goes with `--model`", hint="name the model with `--model`", fault="option-missing"
        )


def _refuse_beside_vectors(given: list[str]) -> None:
    if given:
        raise UsageError(
            "`--vectors` takes the place of model and pair file",
            got=f"{', '.join(given)} as well",
            hint="leave it out",
            fault="option-conflict",
        )
