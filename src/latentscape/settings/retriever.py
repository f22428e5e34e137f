"""The config of a retriever's training: which pairs, which encoder and head, where checkpoints go."""

from pathlib import Path
from typing import Any, Literal

from pydantic import Field, model_validator

from latentscape.settings.section import (
    Color,
    Count,
    CountOrNone,
    FreeMapping,
    NotNegative,
    Positive,
    Section,
    Share,
    Split,
    Text,
    complain,
)


class PairData(Section):
    """What the retriever reads."""

    pairs: Path
    """A pair file: JSON, JSON Lines or Parquet."""
    weights: Path | None = None
    """The weight file of typed hard negatives."""
    val_split: Split = 0.1
    """Share of the queries that the retriever is judged on."""


class RetrieverModel(Section):
    """The architecture: either a pretrained encoder (`base_model`) or one built from scratch (`encoder_config`)."""

    base_model: Text | None = None
    """A hub name or a local folder in Hugging Face or sentence-transformers format."""
    encoder_config: FreeMapping | None = None
    """Entries of an XLM-RoBERTa config; the encoder is then built from scratch."""
    vocab_size: Count = 8000
    """Of the tokenizer trained on the pairs when the encoder is built from scratch."""
    d_out: Count = 128
    use_layernorm: bool = False
    max_length: Count = 128
    """Tokens; what is longer is cut."""
    freeze_encoder: bool = False

    @model_validator(mode="after")
    def _check_one_encoder(self) -> "RetrieverModel":
        if (self.base_model is None) == (self.encoder_config is None):
            both = "both are given" if self.base_model else "neither is given"
            raise complain("model", f"{both}: name either `base_model` or `encoder_config`")
        return self


class RetrieverTraining(Section):
    """How the retriever is trained."""

    batch_size: Count = 32
    epochs: Count = 10
    lr: Positive = 2e-4
    min_lr: NotNegative = 0.0
    scheduler: Literal["cosine", "linear", "constant", "none"] = "cosine"
    temperature: Positive = 0.05
    warmup_ratio: Share = 0.1
    weight_decay: NotNegative = 0.01
    seed: CountOrNone = 42
    hard_negatives: CountOrNone = 4
    """The most hard negatives of a query used in one step; 0: only the batch's other documents."""
    use_weights: bool = True
    """Hard negatives count by the weights of their types."""
    gradient_clip: Positive | None = 1.0
    mixed_precision: bool = False
    num_workers: CountOrNone = 0
    patience: Count | None = None
    """Epochs without a lower validation loss before training stops; None: never."""
    max_seconds: Positive | None = None
    """Training stops after the epoch in which this much time has passed."""
    save_epochs: tuple[Count, ...] = (1, 5)
    """Epochs after which a checkpoint `epoch_N` is kept besides `best_model`."""
    log_every: Count = 10


class RetrieverStyle(Section):
    """Colors of the three kinds of text on maps."""

    query: Color | None = None
    positive: Color | None = None
    hard_negative: Color | None = None
    dark: bool = False
    show_trust: bool = True
    """Draw points faint whose neighbors a map does not keep."""


class RetrieverConfig(Section):
    """Everything `train retriever` reads from `--config`."""

    data: PairData
    model: RetrieverModel
    training: RetrieverTraining = Field(default_factory=RetrieverTraining)
    output: Path = Path("checkpoints")
    """The folder the checkpoints are written into."""
    style: RetrieverStyle = Field(default_factory=RetrieverStyle)
    notes: Any = None
    """Yours; accepted and unused."""
