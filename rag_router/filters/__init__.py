"""Filters: which of what was found is worth reading?"""

from rag_router.filters.base import Filter, FilterContext, FittedFilter, run_filters
from rag_router.filters.citations import cite
from rag_router.registry import Registry

__all__ = ["FILTERS", "Filter", "FilterContext", "FittedFilter", "cite", "run_filters"]

FILTERS: Registry[Filter] = Registry(
    "filter",
    {
        "budget": "rag_router.filters.budget:BudgetFilter",
        "redundancy": "rag_router.filters.redundancy:RedundancyFilter",
        "threshold": "rag_router.filters.threshold:ThresholdFilter",
    },
)
