"""A model in training inside a module of ours that is heard and never moved."""

from typing import Any

from torch import nn

from latentscape.models.shells import AnswerOf, EmbeddingOf


class Still(nn.Module):
    """Holds a model without touching it: it stays on its device, and only flags say in which mode it is."""

    def to(self, *_args: Any, **_keywords: Any) -> "Still":
        """Nothing: the model is where its training wants it."""
        return self

    def train(self, mode: bool = True) -> "Still":  # noqa: FBT001  torch's signature
        """Set the flags, without the `train` of any module: some merge weights there."""
        for module in self.modules():
            module.training = mode
        return self


class StillAnswer(Still, AnswerOf):
    """A classifier in training, its logits heard."""


class StillEmbedding(Still, EmbeddingOf):
    """A retriever in training, its vectors heard."""
