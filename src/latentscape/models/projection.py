"""The retriever's module: a text encoder, mean over its tokens, a projection head, and vectors of length 1."""

from collections.abc import Mapping

import torch
from jaxtyping import Float
from torch import Tensor, nn


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

    def __init__(self, encoder: nn.Module, head: ProjectionHead | nn.Identity) -> None:
        super().__init__()
        self.encoder, self.head = encoder, head
        # Names for two values on the way, as plain tensors that hooks can reach.
        self.token_states, self.embedding = nn.Identity(), nn.Identity()

    @property
    def layers(self) -> dict[str, str]:
        """Public layer name -> module path: encoder [batch, token, feature], embedding [batch, d_out]."""
        return dict(self.LAYERS)

    def forward(self, **tokens: Tensor) -> Float[Tensor, "batch d_out"]:
        """Embeddings of a padded batch (`input_ids`, `attention_mask`, ...); padding has no part in them."""
        states = self.token_states(self.encoder(**tokens).last_hidden_state)
        pooled = mean_over_tokens(states, tokens["attention_mask"])
        return self.embedding(nn.functional.normalize(self.head(pooled), dim=-1))


def mean_over_tokens(
    states: Float[Tensor, "batch token feature"], attention_mask: Tensor
) -> Float[Tensor, "batch feature"]:
    """Mean of the token states that the mask keeps."""
    weights = attention_mask.unsqueeze(-1).to(states.dtype)
    return (states * weights).sum(dim=1) / weights.sum(dim=1).clamp(min=torch.finfo(states.dtype).tiny)
