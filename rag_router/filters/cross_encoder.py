"""A cross-encoder reads question and passage together and says how well they go together.

Nogueira and Cho 2019, "Passage re-ranking with BERT" (arXiv 1901.04085): one pass of the model for
each pair, figure = log-odds of relevance. By sentences this is the small kin of Provence (Chirkova
et al. 2025, arXiv 2501.16214), which prunes while it ranks:

    keep sentence s of passage p   iff   relevance(q, title of p + s) >= threshold

Provence has a model that marks each token, and keeps a sentence when most of its tokens are marked;
a cross-encoder gives a sentence one figure, so that there is nothing to round.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, Self

from pydantic import Field
from pydantic.dataclasses import dataclass

from rag_router.calibration import logit
from rag_router.component import STRICT
from rag_router.filters.base import FilterContext
from rag_router.filters.equipment import Find
from rag_router.filters.scored import ScoredFilter
from rag_router.filters.sentence_scored import SentenceFilter
from rag_router.filters.sentences import sentences_of
from rag_router.models.cross_encoder import CrossEncoder, load_cross_encoder
from rag_router.types import Judged

__all__ = ["CrossEncoderFilter", "CrossEncoderSentencesFilter"]

_MODEL = "hf:cross-encoder/ms-marco-MiniLM-L6-v2"


@dataclass(frozen=True, kw_only=True, config=STRICT)
class _Encoded(ScoredFilter):
    """What both share: the model, and what is said without it.

    Args:
        model: The cross-encoder.
        encoder: The same, loaded.
    """

    model: str = _MODEL
    encoder: CrossEncoder | None = None

    learned_of = "own"
    options_kept = ("model",)
    nothing_to_say = "its cross-encoder is not there"

    @property
    def lacks(self) -> tuple[str, ...]:
        if self.encoder is not None:
            return ()
        how = f"rag-router models fetch {self.model}"
        return (f"passages are not judged, the cross-encoder is not there ({how})",)

    @property
    def model_fingerprint(self) -> str:
        return str(getattr(self.encoder, "fingerprint", ""))

    def equipped(self, find: Find) -> Self:
        if self.encoder is not None:
            return self
        local = find(self.model)
        return self if local is None else replace(self, encoder=load_cross_encoder(local))

    def described(self, figure: float) -> str:
        return f"relevance {figure:.2f}"

    def _relevances(self, pairs: Sequence[tuple[str, str]]) -> list[float]:
        """Log-odds of relevance; NaN without a model."""
        if self.encoder is None:
            return [math.nan] * len(pairs)
        scores = [judged.score for judged in self.encoder.judge(pairs)]
        # Some models end in a sigmoid and some do not; a curve goes by log-odds.
        return logit(scores).tolist() if getattr(self.encoder, "bounded", False) else scores


@dataclass(frozen=True, kw_only=True, config=STRICT)
class CrossEncoderFilter(_Encoded):
    """Keep passages that a cross-encoder finds relevant to the question.

    Without the model all passages are kept, and every answer says so.

    Args:
        min_support: Drop below this probability, in [0, 1]. None takes the fitted one, or 0.1;
            without a curve it drops nothing.
        curve: Slope and intercept from log-odds of relevance to those of helping; empty until
            fitted.
        model: The cross-encoder: `hf:org/name`, which `rag-router models fetch` gets, or
            `path:/folder`. It is never fetched by itself.
        encoder: The cross-encoder, loaded; set by whoever assembles.
    """

    asks = "a pass of its own model for each passage"

    def raw(
        self,
        questions: Sequence[str],
        judged: Sequence[Sequence[Judged]],
        context: FilterContext,
    ) -> list[list[float]]:
        """Log-odds of the relevance of each passage."""
        del context
        pairs = [
            (question, _shown(one, one.hit.passage.text))
            for question, line in zip(questions, judged, strict=True)
            for one in line
            if one.kept
        ]
        found = iter(self._relevances(pairs))
        return [[next(found) if one.kept else math.nan for one in line] for line in judged]


@dataclass(frozen=True, kw_only=True, config=STRICT)
class CrossEncoderSentencesFilter(_Encoded, SentenceFilter):
    """Keep the sentences that a cross-encoder finds relevant to the question.

    Without the model all passages are kept whole, and every answer says so.

    Args:
        min_support: Drop passages below this probability, in [0, 1]. None takes the fitted one, or
            0.1; without a curve it drops nothing.
        curve: Slope and intercept from log-odds of relevance to those of helping; empty until
            fitted.
        model: The cross-encoder: `hf:org/name`, which `rag-router models fetch` gets, or
            `path:/folder`. It is never fetched by itself.
        encoder: The cross-encoder, loaded; set by whoever assembles.
        threshold: Relevance from which on a sentence stays, in [0, 1]; 0.1 is careful, 0.5 prunes
            hard, as Provence has it.
    """

    threshold: Annotated[float, Field(ge=0.0, le=1.0)] = 0.1

    asks = "a pass of its own model for each sentence"

    @property
    def least_figure(self) -> float:
        return -math.inf if self.threshold == 0 else float(logit(self.threshold))

    def figures(
        self,
        questions: Sequence[str],
        judged: Sequence[Sequence[Judged]],
        context: FilterContext,
    ) -> list[list[list[float]]]:
        """Log-odds of the relevance of each sentence, read behind its passage's title."""
        del context
        sentences = [[sentences_of(one) if one.kept else [] for one in line] for line in judged]
        pairs = [
            (question, _shown(one, sentence))
            for question, line, texts in zip(questions, judged, sentences, strict=True)
            for one, some in zip(line, texts, strict=True)
            for sentence in some
        ]
        found = iter(self._relevances(pairs))
        return [[[next(found) for _ in some] for some in texts] for texts in sentences]


def _shown(one: Judged, text: str) -> str:
    title = one.hit.passage.title
    return f"{title}\n{text}" if title.strip() else text
