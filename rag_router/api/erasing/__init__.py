"""Erasing a document or a tenant wherever it is: planned, done in steps, and taken up again."""

from rag_router.api.erasing.eraser import Eraser
from rag_router.api.erasing.planning import plan_of_document, plan_of_indexed, plan_of_tenant

__all__ = ["Eraser", "plan_of_document", "plan_of_indexed", "plan_of_tenant"]
