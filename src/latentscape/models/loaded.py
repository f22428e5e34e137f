"""What opening a retriever gives, whichever of its three containers it came in."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from latentscape.checkpoint import WeightReceipt


@dataclass(frozen=True, kw_only=True)
class LoadedRetriever:
    """A retriever ready to look at, with the tokenizer that belongs to it."""

    model: nn.Module
    """`model(**tokens)` gives L2-normalized embeddings; `model.layers` names its layers."""
    tokenize: Callable[[list[str]], dict[str, Tensor]]
    """Texts -> a padded batch with its `attention_mask`, each [batch, token]."""
    token_lengths: Callable[[list[str]], list[int]]
    """Tokens of each text as the encoder will see it, cut included."""
    max_length: int
    """Tokens beyond this are cut off."""
    receipt: WeightReceipt
    sha256: str
    """Of the checkpoint's weights file, or over all of them where there are several."""
    fingerprint: str
    """SHA-256 over everything that can change an embedding: weights, base encoder, tokenizer, cut."""
    name: str
    metadata: Mapping[str, Any]
    """Plain values saved beside the weights, and `base_model`."""
