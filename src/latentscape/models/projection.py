"""The retriever's module: a text encoder, one vector of its tokens, a projection head, and vectors of length 1."""

from collections.abc import Callable, Mapping
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

Pooling = Literal["mean", "cls", "last"]
"""How one vector is made of a text's tokens: the mean of all, the first one, or the last one."""


class ProjectionHead(nn.Module):
    """A linear map without bias, optionally followed by LayerNorm."""

    def __init__(self, d_in: int, d_out: int, *, use_layernorm: bool = False) -> None:
        super().__init__()
        self.linear = nn.Linear(d_in, d_out, bias=False)
        self.ln = nn.LayerNorm(d_out) if use_layernorm else None

    def forward(self, vectors: Float[Tensor, "batch d_in"]) -> Float[Tensor, "batch d_out"]:
        """Projected vectors, not yet of length 1."""
        projected = self.linear(vectors)
        return projected if self.ln is None else self.ln(projected)


class Retriever(nn.Module):
    """Tokens in, L2-normalized embeddings out."""

    LAYERS: Mapping[str, str] = {"encoder": "token_states", "embedding": "embedding"}
    """Public layer names and the modules that make them."""

    def __init__(self, encoder: nn.Module, head: ProjectionHead | nn.Identity, *, pooling: Pooling = "mean") -> None:
        super().__init__()
        self.encoder, self.head, self.pooling = encoder, head, pooling
        self.dimension: int | None = None
        """Only so many of the first numbers of a vector are kept; None keeps all."""
        # Names for values on the way, as plain tensors that hooks can reach.
        self.token_states, self.pooled, self.embedding = nn.Identity(), nn.Identity(), nn.Identity()

    @property
    def layers(self) -> dict[str, str]:
        """Public layer name -> module path: encoder (its mean over tokens, or the one token that counts), embedding."""
        return {**self.LAYERS, "encoder": "token_states" if self.pooling == "mean" else "pooled"}

    def forward(self, **tokens: Tensor) -> Float[Tensor, "batch d_out"]:
        """Embeddings of a padded batch (`input_ids`, `attention_mask`, ...); padding has no part in them."""
        states = self.token_states(self.encoder(**tokens).last_hidden_state)
        pooled = self.pooled(POOLINGS[self.pooling](states, tokens["attention_mask"]))
        return self.embedding(make_unit(self.head(pooled), self.dimension))


def make_unit(vectors: Float[Tensor, "batch wide"], dimension: int | None) -> Float[Tensor, "batch d_out"]:
    """The first `dimension` numbers of each vector (None: all of them), at length 1."""
    return nn.functional.normalize(vectors[:, :dimension], dim=-1)


def mean_over_tokens(
    states: Float[Tensor, "batch token feature"], attention_mask: Tensor
) -> Float[Tensor, "batch feature"]:
    """Mean of the token states that the mask keeps."""
    weights = attention_mask.unsqueeze(-1).to(states.dtype)
    return (states * weights).sum(dim=1) / weights.sum(dim=1).clamp(min=torch.finfo(states.dtype).tiny)


def take_first_token(
    states: Float[Tensor, "batch token feature"], attention_mask: Tensor
) -> Float[Tensor, "batch feature"]:
    """The first token state that the mask keeps: padding may stand on either side."""
    return states[torch.arange(len(states), device=states.device), attention_mask.int().argmax(dim=1)]


def take_last_token(
    states: Float[Tensor, "batch token feature"], attention_mask: Tensor
) -> Float[Tensor, "batch feature"]:
    """The last token state that the mask keeps: padding may stand on either side."""
    from_behind = attention_mask.int().flip(1).argmax(dim=1)
    return states[torch.arange(len(states), device=states.device), states.shape[1] - 1 - from_behind]


POOLINGS: Mapping[str, Callable[[Tensor, Tensor], Tensor]] = {
    "mean": mean_over_tokens,
    "cls": take_first_token,
    "last": take_last_token,
}
