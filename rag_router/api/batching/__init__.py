"""Requests that arrive together are answered together; no HTTP here.

One thread owns the models and takes what waits: as many questions as fit into one batch, of
however many requests, in the order in which they came. Nobody waits for company: a question that
comes while nothing is done is begun at once, and those that come meanwhile make the next batch.
"""

from rag_router.api.batching.batcher import Answers, Batcher

__all__ = ["Answers", "Batcher"]
