"""The option table of `latentscape latents`: names, defaults and meanings."""

from dataclasses import dataclass
from math import inf
from pathlib import Path

from latentscape.errors import UsageError
from latentscape.sample_kinds import Kind
from latentscape.settings.choices import Device, Engine, bad_value, check_numbers, split_patterns

EMBED_AUDIO = 4.0
"""MB of sound that a page takes along: some 400 clips of three seconds."""
EMBED_IMAGES = 4.0
"""MB of small copies of pictures: some 3,000 of 64 pixels."""
_BESIDE_MODEL = (
    "model",
    "data",
    "split",
    "kind",
    "column",
    "label_column",
    "group_column",
    "dataset_column",
    "class_names",
    "rename",
)


@dataclass(frozen=True, kw_only=True)
class LatentsSettings:
    """Choices of the latents study. Raises UsageError for a value out of range."""

    config: Path | None = None
    """The YAML config of a speech-emotion training run: data sets, model, where results go."""
    checkpoint: Path | None = None
    """The checkpoint; with `--config` and without this `checkpoint.pt` in the config's `log_dir/run_label/`."""
    model: str | None = None
    """Any other classifier: a Hugging Face folder or hub name, `package.module:factory`, or `timm:NAME`."""
    data: str | None = None
    """The samples for `--model`: a folder for each class, a CSV, TSV, JSON Lines or Parquet file, a Hugging Face data
    set saved to disk, or its hub name."""
    split: str | None = None
    """The part of `--data` to study; without it the held-out one."""
    kind: Kind | None = None
    """What a sample is; without it as data and model say."""
    column: str | None = None
    """The column of the file names, texts, sounds or pictures; without it found by its name."""
    label_column: str | None = None
    """The column of the classes; without it found by its name."""
    group_column: str | None = None
    """The column of who or what a sample comes from (speaker, patient, author), as samples of one are no independent
    witnesses; without it found by its name."""
    dataset_column: str | None = None
    """The column of the data set a sample is from, where there are several."""
    class_names: tuple[str, ...] | None = None
    """The classes in the order of the model's outputs, separated by commas, where the model does not say."""
    rename: tuple[str, ...] = ()
    """OLD=NEW: a class of the data that the model calls otherwise; may be given several times."""
    output: Path | None = None
    """The run folder; without it the config's `log_dir/run_label/`, or `runs/` and the model's name."""
    max_samples: int = 0
    """At most this many validation samples, drawn by class and data set; 0 = all."""
    batch_size: int | None = None
    """Samples in one forward pass; without it the config's `training.batch_size`, or 16."""
    device: Device = "auto"
    """Where the model runs; `auto` takes CUDA or Apple's GPU where there is one."""
    seed: int = 42
    """Every random draw of the study follows from it (the split follows from the config's `training.seed`)."""
    skip_umap: bool = False
    """Draw no UMAP."""
    skip_tsne: bool = False
    """Draw no t-SNE."""
    layers: tuple[str, ...] | None = None
    """Layers to study, by name or glob, separated by commas; without it the model's own: from the input side to the
    logits. Every transformer layer: `cnn,encoder.encoder.layers.*,encoder,mlp,logits`. A layer with several answers:
    `NAME#0`, `NAME#KEY`."""
    align: bool = False
    """Draw the layers' maps in one frame, so that what moves from layer to layer has moved for a reason."""
    allow_missing: tuple[str, ...] = ()
    """Pattern of tensors that may be missing from the checkpoint; every picture then says so."""
    embed_audio: float = EMBED_AUDIO
    """MB that sound may add to explorer.html: the worst clips travel inside it, the others are links; 0 = all links."""
    embed_images: float = EMBED_IMAGES
    """MB that small copies of pictures may add to each page, the worst samples first."""
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
        for name in ("embed_audio", "embed_images"):
            if not 0 <= getattr(self, name) < inf:
                raise bad_value(name.replace("_", "-"), getattr(self, name), "0 (nothing) or more MB")
        for pair in self.rename:
            if not all(part.strip() for part in pair.partition("=")[::2]):
                raise bad_value("rename", pair, "OLD=NEW")

    def require_sources(self) -> None:
        """Raise UsageError unless there is either a config, or a model; whether it needs data is the study's matter."""
        if self.config is None and self.model is None:
            raise UsageError(
                "the study needs a model",
                expected="`--config` (a speech-emotion training run), or `--model` and `--data`",
                hint="`latentscape latents --model DIR_OR_NAME --data FOLDER`; its `--help` has the rest",
                fault="option-missing",
            )
        beside = [name for name in _BESIDE_MODEL if getattr(self, name) not in (None, ())]
        if self.config is not None and beside:
            raise UsageError(
                "`--config` names model and data itself",
                got=", ".join(f"`--{name.replace('_', '-')}`" for name in beside) + " as well",
                hint="leave it out, or leave `--config` out",
                fault="option-conflict",
            )

    def require_data(self) -> str:
        """The data for `--model`. Raises UsageError where there is none."""
        if self.data is None:
            raise UsageError(
                "the study needs samples for this model",
                expected="`--data`: a folder for each class, a table, or a Hugging Face data set",
                hint="`--list-layers` works without",
                fault="option-missing",
            )
        return self.data

    @property
    def reuse(self) -> bool | None:
        """What the run folder is told of what it holds: True must be used, False must not, None where inputs agree."""
        return True if self.resume else False if self.fresh else None

    @property
    def layer_patterns(self) -> tuple[str, ...] | None:
        """One pattern each, however they were separated."""
        return split_patterns(self.layers)
