"""Telling a memory that is full from everything else that can go wrong in a forward pass."""

from __future__ import annotations

import torch

__all__ = ["out_of_memory"]


def out_of_memory(exc: BaseException) -> bool:
    """Whether an error says that there is no room; a smaller batch may find some."""
    # torch has a class of its own for devices, but not for the host's allocator.
    return isinstance(exc, torch.OutOfMemoryError | MemoryError) or (
        isinstance(exc, RuntimeError)
        and any(words in str(exc) for words in ("DefaultCPUAllocator", "can't allocate memory"))
    )
