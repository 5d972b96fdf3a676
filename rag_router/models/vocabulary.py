"""Which tokens a model speaks in, told by one fingerprint.

Two models with the same fingerprint mean the same by each token's number, so that what they say
can be compared and put together token by token. How their tokenisers cut a text into tokens may
still differ; that changes what is read, and not what is meant.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from typing import Protocol, runtime_checkable

__all__ = ["Worded", "fingerprint_of_vocabulary"]


@runtime_checkable
class Worded(Protocol):
    """A model that shows which tokens it speaks in."""

    @property
    def vocabulary_fingerprint(self) -> str:
        """Equal for two models exactly when every number stands for the same token in both."""


def fingerprint_of_vocabulary(numbers: Mapping[str, int]) -> str:
    """Return the sha256 of a vocabulary, in hexadecimal.

    Args:
        numbers: The number of each token; their order does not count.
    """
    digest = sha256()
    for token, number in sorted(numbers.items(), key=lambda pair: (pair[1], pair[0])):
        written = token.encode("utf-8", "surrogatepass")
        # With its length, so that no two lists of tokens are written alike.
        digest.update(f"{number} {len(written)} ".encode() + written)
    return digest.hexdigest()
