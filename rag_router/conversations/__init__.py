"""What was said before a question, and the question made into one that stands by itself."""

from rag_router.conversations.condensing import Standalone, condense
from rag_router.conversations.lines import Lines
from rag_router.conversations.turns import Conversation, Turn

__all__ = ["Conversation", "Lines", "Standalone", "Turn", "condense"]
