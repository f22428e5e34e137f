"""What opening a retriever gives, whichever of its containers it came in."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from torch import Tensor, nn

from latentscape.checkpoint import WeightReceipt

QUERY, DOCUMENT = "query", "document"


class SidedText(NamedTuple):
    """A text, and whether it is looked for with or looked for."""

    side: str
    """`QUERY` or `DOCUMENT`."""
    text: str


@dataclass(frozen=True, kw_only=True)
class Sides:
    """How texts are read where queries are read otherwise than documents: by another prompt, or another model."""

    collate: Callable[[Sequence[SidedText]], dict[str, Any]]
    """Texts of both sides, in any order -> the keywords of the model for one batch."""
    lengths: Callable[[Sequence[SidedText]], list[int]]
    """Tokens of each text as the encoder will see it, prompt and cut included."""


@dataclass(frozen=True, kw_only=True)
class LoadedRetriever:
    """A retriever ready to look at, with the tokenizer that belongs to it."""

    model: nn.Module
    """`model(**tokens)` gives L2-normalized embeddings; `model.layers` names its layers."""
    tokenize: Callable[[list[str]], dict[str, Tensor]]
    """Texts -> a padded batch with its `attention_mask`, each [batch, token]; read as queries where sides differ."""
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
    sides: Sides | None = None
    """How either side is read; None where a text is read alike as a query and as a document."""

    def collate(self, texts: Sequence[SidedText]) -> dict[str, Any]:
        """Texts of both sides -> the keywords of the model for one batch."""
        return self.sides.collate(texts) if self.sides else self.tokenize([text for _, text in texts])

    def count(self, texts: Sequence[SidedText]) -> list[int]:
        """Tokens of each text of either side."""
        return self.sides.lengths(texts) if self.sides else self.token_lengths([text for _, text in texts])
