"""Questions whose gold passage is made to contradict what is true."""

from rag_router.eval.conflicts.answer_types import AnswerType, Typer
from rag_router.eval.conflicts.making import Conflicts, make_conflicts
from rag_router.eval.conflicts.policies import POLICIES, Policy
from rag_router.eval.conflicts.typers import typer_named
from rag_router.eval.conflicts.writing import check_free, write_rows

__all__ = [
    "POLICIES",
    "AnswerType",
    "Conflicts",
    "Policy",
    "Typer",
    "check_free",
    "make_conflicts",
    "typer_named",
    "write_rows",
]
