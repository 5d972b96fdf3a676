"""How a configurable component is declared.

A component is a frozen, keyword-only pydantic dataclass whose fields are its configuration:

    @dataclass(frozen=True, kw_only=True, config=STRICT)    # pydantic.dataclasses
    class RedundancyFilter:
        threshold: Annotated[float, Field(gt=0.0, le=1.0)] = 0.9

so that the same class is written in Python and read from TOML, and a misspelt or impossible
field is an error that names it. Constructors do no I/O and load no weights.
"""

from __future__ import annotations

from pydantic import ConfigDict

__all__ = ["STRICT"]

STRICT = ConfigDict(extra="forbid", arbitrary_types_allowed=True, validate_default=True)
"""The pydantic configuration of every component: unknown fields are errors."""
