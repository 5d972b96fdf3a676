"""What models answered, and whether they were right."""

from rag_router.outcomes.answering import answer_prompts
from rag_router.outcomes.cache import Outcome, OutcomeCache, OutcomeKey
from rag_router.outcomes.records import RecordCache

__all__ = ["Outcome", "OutcomeCache", "OutcomeKey", "RecordCache", "answer_prompts"]
