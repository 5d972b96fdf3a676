"""Blotting out what should not be kept: addresses, numbers, keys, and whatever settings name.

Patterns of settings may be anybody's, and some take for ever on some texts: each search has a time
limit, and a text that could not be searched in time is blotted out whole. The known ones need no
more than one pass. They go by form alone, and a number that looks like a telephone's is one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import regex

from rag_router.errors import SettingsError
from rag_router.settings import RedactionSettings

__all__ = ["Redactor"]

_KNOWN: Final[Mapping[str, str]] = {
    "email": r"[\p{L}\p{N}._%+-]{1,64}+@[\p{L}\p{N}-]{1,63}+(?:\.[\p{L}\p{N}-]{1,63}+){1,8}",
    # A prefix of a country or of a town, or three, three and four digits; no dates, no years.
    "phone": r"(?<![\p{L}\p{N}.])(?:(?:\+|00)[1-9]\d{0,2}|\(\d{1,5}\)|0\d{1,4})"
    r"[ /.-]?(?:\(0?\d{1,4}\)[ /.-]?)?\d(?:[ /.-]?\d){4,12}(?![\p{L}\p{N}])"
    r"|(?<![\p{L}\p{N}.])\d{3}[ .-]\d{3}[ .-]\d{4}(?![\p{L}\p{N}])",
    # What issuers mark as theirs, tokens of three parts, and long words of letters and digits.
    "key": r"-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----.*?(?:-----END [A-Z ]{0,30}PRIVATE KEY-----|\Z)"
    r"|(?<![\p{L}\p{N}])(?:sk|pk|rk)[-_][A-Za-z0-9_-]{16,}+"
    r"|(?<![\p{L}\p{N}])(?:rr_|gh[opsu]_|github_pat_|glpat-|hf_|xox[abprs]-)[A-Za-z0-9_-]{10,}+"
    r"|(?<![\p{L}\p{N}])AKIA[0-9A-Z]{16}(?![\p{L}\p{N}])"
    r"|(?<![\p{L}\p{N}])eyJ[A-Za-z0-9_-]{8,}+\.[A-Za-z0-9_-]{8,}+(?:\.[A-Za-z0-9_-]*+)?"
    r"|(?<![A-Za-z0-9_+/=-])(?=[A-Za-z0-9_+/=-]{0,200}\d)(?=[A-Za-z0-9_+/=-]{0,200}[A-Za-z])"
    r"[A-Za-z0-9_+/=-]{32,}+",
}
_LONGEST: Final = 500
_WHOLE: Final = "[redacted]"
_OURS: Final = regex.compile(r"(\b(?:[a-z]{2,8}_)?[0-9a-f]{32}\b)")
_IDS: Final = frozenset({"id", "passage_id", "trace"})


class Redactor:
    """Blots out of texts what settings say.

    Args:
        settings: What.

    Raises:
        SettingsError: a pattern is none, too long, or finds nothing at all everywhere.
    """

    def __init__(self, settings: RedactionSettings | None = None) -> None:
        settings = settings or RedactionSettings()
        own = {name: _compiled(name, pattern) for name, pattern in settings.patterns.items()}
        known = {kind: regex.compile(_KNOWN[kind], regex.DOTALL) for kind in settings.kinds}
        self._patterns: Sequence[tuple[str, Any]] = [*own.items(), *known.items()]
        self._timeout_s = settings.milliseconds / 1000

    def __bool__(self) -> bool:
        return bool(self._patterns)

    def text(self, text: str) -> str:
        """Return a text without what is blotted out, which is named in its place."""
        for name, pattern in self._patterns:
            try:
                text = pattern.sub(f"[{name}]", text, timeout=self._timeout_s)
            except TimeoutError:
                return _WHOLE
        return text

    def line(self, line: str) -> str:
        """Return a line of a log without it; ids of ours stay, by which lines are found."""
        pieces = _OURS.split(line)
        pieces[::2] = [self.text(piece) for piece in pieces[::2]]
        return "".join(pieces)

    def within(self, document: Any) -> Any:
        """Return a JSON document whose texts are without it; ids of ours stay."""
        if not self._patterns:
            return document
        if isinstance(document, str):
            return self.text(document)
        if isinstance(document, Mapping):
            return {
                key: value if key in _IDS else self.within(value) for key, value in document.items()
            }
        if isinstance(document, list | tuple):
            return [self.within(one) for one in document]
        return document


def _compiled(name: str, pattern: str) -> Any:
    if len(pattern) > _LONGEST:
        raise SettingsError(
            f"redaction.patterns.{name} has {len(pattern)} characters; {_LONGEST} are the most."
        )
    try:
        compiled = regex.compile(pattern)
        empty = compiled.search("", timeout=1.0) is not None
    except (regex.error, TimeoutError) as exc:
        raise SettingsError(
            f"redaction.patterns.{name} is no pattern: {exc}.",
            hint=r"Write a regular expression, such as 'P-\d{6}'.",
        ) from exc
    if empty:
        raise SettingsError(
            f"redaction.patterns.{name} finds nothing everywhere.",
            hint="Write one that finds one character at least.",
        )
    return compiled
