"""Evaluation reports: one page that opens anywhere, the same as JSON, and the pictures."""

from rag_router.eval.report.document import (
    Bars,
    Curve,
    Distribution,
    Interval,
    Lines,
    Mark,
    Reliability,
    ReliabilityCurve,
    Report,
    Sample,
    Series,
    Table,
)
from rag_router.eval.report.write import read_report, require_libraries, write_report

__all__ = [
    "Bars",
    "Curve",
    "Distribution",
    "Interval",
    "Lines",
    "Mark",
    "Reliability",
    "ReliabilityCurve",
    "Report",
    "Sample",
    "Series",
    "Table",
    "read_report",
    "require_libraries",
    "write_report",
]
