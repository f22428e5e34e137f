"""What sits on top of a speech encoder: attention pooling, the emotion head, and the domain head it plays against."""

from typing import Any, cast

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn


class AttentionPooling(nn.Module):
    """A weighted mean over the valid frames; a learned linear score, softmaxed over time, gives the weights."""

    def __init__(self, width: int) -> None:
        super().__init__()
        # Born as a Linear so that it starts like one; kept flat so that its names are `attn.weight`, `attn.bias`.
        score = nn.Linear(width, 1)
        self.weight, self.bias = score.weight, score.bias

    def forward(
        self, states: Float[Tensor, "batch frame feature"], valid: Bool[Tensor, "batch frame"]
    ) -> Float[Tensor, "batch feature"]:
        """Frames that are not valid get weight 0 exactly."""
        scores = nn.functional.linear(states, self.weight, self.bias).squeeze(-1)
        weights = torch.softmax(scores.masked_fill(~valid, -torch.inf), dim=1)
        return (weights.unsqueeze(-1) * states).sum(dim=1)


class EmotionHead(nn.Module):
    """Attention pooling, then an MLP of one or two linear layers."""

    def __init__(self, width: int, *, hidden_dim: int, num_classes: int, mlp_layers: int, dropout: float) -> None:
        super().__init__()
        self.attn = AttentionPooling(width)
        self.dropout = nn.Dropout(dropout if mlp_layers == 1 else 0.0)
        if mlp_layers == 1:
            self.mlp = nn.Sequential(nn.Linear(width, num_classes))
        else:
            self.mlp = make_mlp(width, hidden_dim, num_classes, dropout=dropout)

    def forward(
        self, states: Float[Tensor, "batch frame feature"], valid: Bool[Tensor, "batch frame"]
    ) -> tuple[Float[Tensor, "batch class"], Float[Tensor, "batch feature"]]:
        """The logits, and the pooled vector they were made from."""
        pooled = self.attn(states, valid)
        return self.mlp(self.dropout(pooled)), pooled


def make_mlp(width: int, hidden: int, outputs: int, *, dropout: float) -> nn.Sequential:
    """Linear, ReLU, dropout, linear: the numbers 0 and 3 of its parameters' names are part of the file format."""
    return nn.Sequential(nn.Linear(width, hidden), nn.ReLU(), nn.Dropout(dropout), nn.Linear(hidden, outputs))


class GradientReversal(torch.autograd.Function):
    """Identity on the way up; multiplies the gradient by minus `strength` on the way down (Ganin & Lempitsky, 2015)."""

    @staticmethod
    def forward(ctx: Any, *inputs: Any) -> Tensor:
        """`inputs` are the tensor and the strength."""
        tensor, ctx.strength = inputs
        return tensor.view_as(tensor)

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> tuple[Tensor, None]:
        """The reversed gradient; none for the strength."""
        return -ctx.strength * gradients[0], None


def reverse_gradient(tensor: Tensor, strength: float) -> Tensor:
    """The same tensor, through which gradients flow back with their sign turned."""
    return cast(Tensor, GradientReversal.apply(tensor, strength))
