"""The card of a model that was never a file: its weights, digested where they lie."""

import hashlib
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

import torch
from torch import Tensor, nn

from latentscape.engine import count_threads
from latentscape.findings import ModelCard


def digest_weights(model: nn.Module) -> str:
    """SHA-256 over the names and values of all parameters and buffers: equal for equal weights only."""
    tensors = [*model.named_parameters(), *model.named_buffers()]
    with ThreadPoolExecutor(count_threads()) as pool:  # hashing lets go of the interpreter's lock
        digests = pool.map(_digest_tensor, [tensor for _, tensor in tensors])
        lines = [f"{name} {digest}" for (name, _), digest in zip(tensors, digests, strict=True)]
    return hashlib.sha256("\n".join(lines).encode("utf-8", "backslashreplace")).hexdigest()


def make_card(model: nn.Module, *, name: str, sha256: str, trained: Mapping[str, str | int | float]) -> ModelCard:
    """What pages say of a model in memory: there was no file, so every tensor is the model's own."""
    n_tensors = sum(1 for _ in model.parameters()) + sum(1 for _ in model.buffers())
    return ModelCard(
        name=type(model).__name__,
        checkpoint=name,
        sha256=sha256,
        n_parameters=sum(parameter.numel() for parameter in model.parameters()),
        n_tensors_matched=n_tensors,
        n_tensors_total=n_tensors,
        trained=trained,
        in_memory=True,
    )


def _digest_tensor(tensor: Tensor) -> str:
    plain = tensor.detach().cpu().contiguous()
    facts = f"{plain.dtype} {list(plain.shape)} ".encode()
    digest = hashlib.sha256(facts)
    if plain.numel():
        digest.update(plain.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()
