"""The choices of `latentscape compare`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from latentscape.errors import UsageError
from latentscape.settings.choices import Device, bad_value, check_draw
from latentscape.settings.embeddings import EmbeddingsSettings
from latentscape.settings.latents import LatentsSettings

Order = Literal["given", "epoch"]
OF_CHECKPOINTS = (
    "data",
    "train",
    "weights",
    "attributes",
    "base_model",
    "layers",
    "max_samples",
    "batch_size",
    "allow_missing",
)
"""Choices that say how a checkpoint is shown its data."""


@dataclass(frozen=True, kw_only=True)
class CompareSettings:
    """Choices of the comparison. Raises UsageError for a value out of range."""

    output: Path = Path("comparison/")
    """The run folder of the comparison."""
    order: Order = "given"
    """`epoch`: by the epoch that the checkpoints say they are of."""
    config: Path | None = None
    """The YAML config of the training run: a speech classifier's data sets, or a retriever's colors."""
    data: str | None = None
    """Queries and right documents for a retriever: a pair file, a BEIR folder or a Hugging Face data set."""
    train: Path | None = None
    """The pair file that the retriever was trained on: its queries are left out."""
    weights: Path | None = None
    """The weight file that declares the types of hard negatives."""
    attributes: Path | None = None
    """A YAML file that says how to read attributes from columns and texts."""
    base_model: str | None = None
    """The encoder under projection heads: a hub name or a local folder."""
    layers: tuple[str, ...] | None = None
    """Layers to compare, by name or glob, separated by commas; without it those of the study."""
    max_samples: int | None = None
    """At most this many samples, as the study draws them; without it its default, 0 = all."""
    batch_size: int | None = None
    """Samples in one forward pass; without it the study's default."""
    device: Device = "auto"
    """Where the models run; `auto` takes CUDA or Apple's GPU where there is one."""
    seed: int = 42
    """Every random draw follows from it."""
    skip_umap: bool = False
    """Draw no UMAP."""
    skip_tsne: bool = False
    """Draw no t-SNE."""
    fail_if: tuple[str, ...] = ()
    """A condition that must not hold of the last checkpoint against the first, such as "accuracy_delta<-0.01"; exits
    with 1 where it does. May be given several times."""
    allow_missing: tuple[str, ...] = ()
    """Pattern of tensors that may be missing from a checkpoint; every picture then says so."""

    def __post_init__(self) -> None:
        check_draw(self.max_samples or 0, self.seed)
        if self.batch_size is not None and self.batch_size < 1:
            raise bad_value("batch-size", self.batch_size, "1 or more")

    def require_models(self, *, n_runs: int, n_checkpoints: int) -> None:
        """Raise UsageError unless there are two or more run folders, or two or more checkpoints and their data."""
        if n_runs and n_checkpoints:
            raise UsageError(
                "run folders and `--checkpoint` at once",
                got=f"{n_runs} run folders, {n_checkpoints} checkpoints",
                expected="one or the other",
                hint="study the checkpoints first, then compare their run folders",
                fault="option-conflict",
            )
        if n_runs + n_checkpoints < 2:
            raise UsageError(
                "a comparison needs two or more",
                got=f"{n_runs + n_checkpoints}",
                expected="run folders, or `--checkpoint A.pt B.pt`",
                hint="`latentscape compare --help` has examples",
                fault="option-missing",
            )
        if n_runs:
            self._refuse_beside_runs()
        if n_checkpoints and not (self.config or self.data):
            raise UsageError(
                "what are the checkpoints to be shown?",
                expected="`--config` of a speech classifier, or `--data` of a retriever",
                hint="other models: `latentscape latents --model ...` with each of them, then compare the run folders",
                fault="option-missing",
            )

    def _refuse_beside_runs(self) -> None:
        """Raise UsageError for choices that were made when the runs were made."""
        usual = CompareSettings()
        made = [name for name in OF_CHECKPOINTS if getattr(self, name) != getattr(usual, name)]
        if made:
            raise UsageError(
                "run folders are compared as they are",
                got=", ".join(f"`--{name.replace('_', '-')}`" for name in made),
                hint="leave it out, or give the checkpoints themselves with `--checkpoint`",
                fault="option-conflict",
            )

    @property
    def is_retriever(self) -> bool:
        """Whether checkpoints are of the embeddings study."""
        return self.data is not None

    def for_latents(self, checkpoint: Path) -> LatentsSettings:
        """The latents study's choices for one checkpoint."""
        if self.config is None:
            raise AssertionError("a classifier's checkpoints without a config")
        return LatentsSettings(
            config=self.config,
            checkpoint=checkpoint,
            max_samples=self.max_samples or 0,
            batch_size=self.batch_size,
            device=self.device,
            seed=self.seed,
            layers=self.layers,
            allow_missing=self.allow_missing,
        )

    def for_embeddings(self, checkpoint: Path) -> EmbeddingsSettings:
        """The embeddings study's choices for one checkpoint."""
        usual = EmbeddingsSettings()
        return EmbeddingsSettings(
            checkpoint=checkpoint,
            data=self.data,
            train=self.train,
            weights=self.weights,
            attributes=self.attributes,
            base_model=self.base_model,
            layers=self.layers,
            max_samples=usual.max_samples if self.max_samples is None else self.max_samples,
            batch_size=self.batch_size or usual.batch_size,
            device=self.device,
            seed=self.seed,
            allow_missing=self.allow_missing,
        )
