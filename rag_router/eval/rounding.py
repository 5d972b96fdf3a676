"""Figures as they are printed: four decimals, whatever they are wrapped in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["rounded"]


def rounded(figures: Mapping[str, Any], digits: int = 4) -> dict[str, Any]:
    """Return figures with every fraction in them rounded; lists and mappings are gone through."""
    return {key: _rounded(value, digits) for key, value in figures.items()}


def _rounded(value: Any, digits: int) -> Any:
    if isinstance(value, float):
        return round(value, digits)
    if isinstance(value, list):
        return [_rounded(one, digits) for one in value]
    return rounded(value, digits) if isinstance(value, dict) else value
