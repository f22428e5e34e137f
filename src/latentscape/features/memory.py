"""Running out of memory: how to tell, and what to do first."""

import torch

MESSAGES = ("out of memory", "can't allocate memory", "not enough memory", "alloc_failed")
"""What devices say, in a RuntimeError, when memory runs out."""


def is_out_of_memory(error: Exception) -> bool:
    """Whether a device or the system says that memory ran out, in whichever way it says so."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    return isinstance(error, RuntimeError) and any(words in str(error).lower() for words in MESSAGES)


def free_memory(device: str) -> None:
    """Give back what torch keeps for later, so that smaller batches find it."""
    if device.startswith("cuda"):
        torch.cuda.empty_cache()
    if device.startswith("mps"):
        torch.mps.empty_cache()
