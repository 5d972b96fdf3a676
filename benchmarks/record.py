"""Results as dated JSON under benchmarks/results, each with a manifest of what made it."""

from __future__ import annotations

import json
import platform
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results"
_LIBRARIES = (
    "torch",
    "transformers",
    "sentence-transformers",
    "faiss-cpu",
    "rank-bm25",
    "bm25s",
    "numpy",
)


def record(name: str, figures: Mapping[str, Any], **manifest: Any) -> Path:
    """Write one result and print it.

    Args:
        name: What was measured.
        figures: The figures.
        manifest: What they depend on: model fingerprints, data hash, seeds, prompt text.
    """
    day = datetime.now(UTC).date().isoformat()
    document = {
        "name": name,
        "date": day,
        "figures": figures,
        "manifest": {
            **manifest,
            "rag_router": version("rag-router"),
            "python": platform.python_version(),
            "machine": f"{platform.machine()}, {cores()} cores",
            "libraries": {library: version(library) for library in _LIBRARIES},
        },
    }
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{day}-{name}.json"
    text = json.dumps(document, indent=2, ensure_ascii=False) + "\n"
    path.write_text(text, encoding="utf-8")
    print(text)
    return path


def report_folder(name: str) -> Path:
    """Where a dated report goes: its page, its figures and their data."""
    return RESULTS.parent / "reports" / f"{datetime.now(UTC).date().isoformat()}-{name}"


def cores() -> int:
    """Cores this process may use."""
    import os

    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
