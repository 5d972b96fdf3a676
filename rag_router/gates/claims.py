"""What to search for: the claims of an answer that are not known for sure.

SlimPLM (Tan et al. 2024, arXiv 2402.12052) splits the proxy's heuristic answer into brief,
independent claims, makes a query of each claim and the question, and drops the queries of claims
that are judged known. There a fine-tuned model splits and rewrites, trained on what GPT-4 wrote;
here rules do: an answer is split into sentences, sentences at semicolons, and lists ("a, b and c")
into their items; a query is the question followed by the claim; and a claim is known where the
proxy was sure of its tokens. An answer of one phrase is no more than one claim: the question says
by itself what to look for, and is the only query.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Final

from rag_router.models.streams import Generation
from rag_router.text import sentence_spans
from rag_router.types import TokenTrace

__all__ = ["claim_spans", "queries_of"]

_BULLET: Final = re.compile(r"\s*(?:[-*•]|\d{1,2}[.)])(?:\s+|$)")
_APART: Final = re.compile(r"\s*[;\n]\s*")
_ITEM: Final = re.compile(r"\s*,\s*(?:(?:and|or)\s+)?|\s+(?:and|or)\s+")
_ITEM_WORDS: Final = 6
"""Longest item of a list; what is longer is a clause, which needs the rest of its sentence."""


def queries_of(question: str, answer: Generation, *, known: float) -> tuple[str, ...]:
    """Return what to search for; never nothing.

    Args:
        question: What was asked.
        answer: The proxy's answer to it.
        known: A claim is known where the geometric mean of its tokens' probabilities reaches
            this, in [0, 1].

    Returns:
        The question and each unknown claim; the question itself where the answer is one claim,
        or where every claim is known.
    """
    spans = claim_spans(answer.text)
    if len(spans) < 2:
        return (question,)
    unknown = [
        answer.text[start:end] for start, end in spans if _sureness(answer, start, end) < known
    ]
    return tuple(dict.fromkeys(f"{question} {claim}" for claim in unknown)) or (question,)


def claim_spans(text: str) -> list[tuple[int, int]]:
    """Character offsets (start, end) of the claims of an answer, in order, none of them empty."""
    spans: list[tuple[int, int]] = []
    for start, end in sentence_spans(text):
        for left, right in _between(text, start, end, _APART):
            items = _between(text, left, right, _ITEM)
            listed = len(items) > 2 and all(len(text[a:b].split()) <= _ITEM_WORDS for a, b in items)
            spans += items if listed else [(left, right)]
    return spans


def _between(text: str, start: int, end: int, cut: re.Pattern[str]) -> list[tuple[int, int]]:
    """Spans between the cuts, without bullets and the full stop at the end."""
    edges = [start]
    for found in cut.finditer(text, start, end):
        edges += found.span()
    edges.append(end)
    pieces = []
    for left, right in zip(edges[::2], edges[1::2], strict=True):
        # A number with its full stop is a sentence to those who look for full stops only.
        bullet = _BULLET.match(text, left, right)
        begin = bullet.end() if bullet else left
        claim = text[begin:right].rstrip(" .")
        if any(c.isalnum() for c in claim):
            pieces.append((begin, begin + len(claim)))
    return pieces


def _sureness(answer: Generation, start: int, end: int) -> float:
    """Geometric mean probability of the tokens that share characters with a claim."""
    said = _places(answer.tokens, answer.text)
    logprobs = [t.logprob for t, (left, right) in said if left < end and start < right]
    return math.exp(sum(logprobs) / len(logprobs)) if logprobs else 0.0


def _places(tokens: Sequence[TokenTrace], text: str) -> list[tuple[TokenTrace, tuple[int, int]]]:
    """Where each token stands in the answer, whose surrounding spaces were taken off."""
    whole = "".join(token.text for token in tokens)
    at = -max(whole.find(text), 0)
    places = []
    for token in tokens:
        places.append((token, (at, at + len(token.text))))
        at += len(token.text)
    return places
