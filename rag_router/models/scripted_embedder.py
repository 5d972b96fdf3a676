"""An embedder without weights: words hashed into a few buckets, the same everywhere.

It knows nothing about meaning: texts are near each other when they share words. That is enough
for tests, and for trying an index out on a machine that has no model.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from rag_router.artefacts import fingerprint_of

__all__ = ["HashingEmbedder"]

_TOKEN = re.compile(r"\w+|[^\w\s]")


@dataclass(frozen=True, kw_only=True)
class HashingEmbedder:
    """Bag of words: each word adds or takes one in the bucket its hash names.

    Args:
        name: What it is called.
        dimension: Number of buckets.
        max_tokens: Longest text it claims to read whole.
    """

    name: str = "hashing"
    dimension: int = 64
    max_tokens: int = 512

    @property
    def fingerprint(self) -> str:
        return fingerprint_of("hashing-embedder-1", str(self.dimension))

    def encode_queries(self, texts: Sequence[str]) -> NDArray[np.float32]:
        return self._encode(texts)

    def encode_passages(self, texts: Sequence[str]) -> NDArray[np.float32]:
        return self._encode(texts)

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        return [len(_TOKEN.findall(text)) for text in texts]

    def _encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        vectors = np.zeros((len(texts), self.dimension), dtype=np.float32)
        for row, text in enumerate(texts):
            vector = vectors[row]
            for token in _TOKEN.findall(text.lower()):
                raw = int.from_bytes(blake2b(token.encode(), digest_size=8).digest(), "big")
                vector[(raw >> 1) % self.dimension] += 1.0 if raw & 1 else -1.0
            # Words may cancel out, and a text may have none: it still needs a direction.
            if not vector.any():
                vector[0] = 1.0
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        return vectors
