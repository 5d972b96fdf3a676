"""Everything that can go wrong, in one tree.

    RagRouterError
    ├── UsageError                what the caller asked for makes no sense        exit 2
    │   ├── SettingsError         a settings file or argument is wrong
    │   ├── ConflictError         something of that name is there already
    │   ├── ForbiddenError        the key may not do this
    │   └── UnknownNameError      no component, index or model of that name
    ├── DataError                 what was given to read is broken                exit 3
    │   ├── QuestionError         a question that cannot be answered as written
    │   ├── TooLargeError         more than is taken at once
    │   └── DocumentError         a document that cannot be read
    │       └── UnknownKindError  a kind of file that nothing here reads
    ├── UnavailableError          something needed is not to be had               exit 4
    │   ├── ModelError            a model is missing, broken or does not fit
    │   │   ├── FetchError        a model could not be fetched            (retryable)
    │   │   └── ArtefactError     a learned artefact is broken or of another model
    │   ├── IndexUnavailableError an index is missing, broken or does not fit
    │   │   └── IndexCorruptError a file of an index is not what was published
    │   ├── RemoteError           an endpoint does not answer as it should    (retryable)
    │   └── BusyError             somebody else holds the lock                (retryable)
    │       └── OverloadedError   more wait than can be served, or it ends    (retryable)
    │           └── QuotaError    a tenant has spent what it may, for now     (retryable)
    └── CancelledError            the caller gave up, or the deadline passed

Every error says what was seen and what would work: the message holds the first, `hint` the
second. `retryable` tells whether the same call may succeed later without a change.
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

__all__ = [
    "ArtefactError",
    "BusyError",
    "CancelledError",
    "ConflictError",
    "DataError",
    "DocumentError",
    "FetchError",
    "ForbiddenError",
    "IndexCorruptError",
    "IndexUnavailableError",
    "ModelError",
    "OverloadedError",
    "QuestionError",
    "QuotaError",
    "RagRouterError",
    "RemoteError",
    "SettingsError",
    "TooLargeError",
    "UnavailableError",
    "UnknownKindError",
    "UnknownNameError",
    "UsageError",
    "did_you_mean",
]


class RagRouterError(Exception):
    """The root of all errors this package raises on purpose.

    Attributes:
        hint: What would work instead; empty when nothing useful can be said.
        retryable: Whether the same call may succeed later, unchanged.
        exit_code: What the command line exits with.
    """

    retryable: bool = False
    exit_code: int = 1

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".strip()


class UsageError(RagRouterError):
    """What the caller asked for makes no sense."""

    exit_code = 2


class SettingsError(UsageError):
    """A settings file, environment variable or option is wrong."""


class ConflictError(UsageError):
    """Something of that name is there already, or was asked for otherwise before."""


class ForbiddenError(UsageError):
    """Whoever asks may do other things, but not this."""


class UnknownNameError(UsageError):
    """Nothing goes by that name.

    Args:
        kind: What was looked for, such as "gate".
        name: What was asked for.
        known: What there is.
    """

    def __init__(self, kind: str, name: str, known: Iterable[str], *, hint: str = "") -> None:
        self.kind, self.name, self.known = kind, name, sorted(known)
        super().__init__(
            f"no {kind} named {name!r}.", hint=hint or did_you_mean(name, self.known, kind)
        )


class DataError(RagRouterError):
    """What was given to read is broken."""

    exit_code = 3


class QuestionError(DataError):
    """A question cannot be answered as it is written."""


class TooLargeError(DataError):
    """More was sent than is taken at once."""


class DocumentError(DataError):
    """A document cannot be read or indexed."""


class UnknownKindError(DocumentError):
    """A kind of file that nothing here reads."""


class UnavailableError(RagRouterError):
    """A model, index or server is not to be had."""

    exit_code = 4


class ModelError(UnavailableError):
    """A model is missing, broken, or does not fit what is asked of it."""


class FetchError(ModelError):
    """A model could not be fetched; the next try may succeed."""

    retryable = True


class ArtefactError(ModelError):
    """A learned artefact is broken, edited, or belongs to another model."""


class IndexUnavailableError(UnavailableError):
    """An index is missing or does not fit what is asked of it."""


class IndexCorruptError(IndexUnavailableError):
    """A file of a published index is not what was published."""


class RemoteError(UnavailableError):
    """A remote endpoint cannot be reached, is too slow, refuses, or says what makes no sense.

    Args:
        message: What was seen; never a key.
        hint: What would work.
        retryable: Whether it may answer the same call later; not where it refuses the key, the
            model or the request.
    """

    retryable = True

    def __init__(self, message: str, *, hint: str = "", retryable: bool = True) -> None:
        super().__init__(message, hint=hint)
        self.retryable = retryable


class BusyError(UnavailableError):
    """Somebody else holds the lock; try again."""

    retryable = True


class OverloadedError(BusyError):
    """Too many wait already, or nobody is let in any more.

    Args:
        message: What was seen.
        hint: What would work.
        retry_after_s: After how many seconds another try makes sense, > 0.
    """

    def __init__(self, message: str, *, hint: str = "", retry_after_s: float = 2.0) -> None:
        super().__init__(message, hint=hint)
        self.retry_after_s = retry_after_s


class QuotaError(OverloadedError):
    """A tenant has spent what it may have of a minute or a day."""


class CancelledError(RagRouterError):
    """The caller gave up, or the deadline passed."""

    exit_code = 130


def did_you_mean(name: str, known: Iterable[str], kind: str = "") -> str:
    """Say which known name was probably meant, or list what there is."""
    known = list(known)
    close = get_close_matches(name, known, n=1, cutoff=0.6)
    # A family is often asked for by the name that its members have in common.
    meant = close or sorted(one for one in known if one.startswith(f"{name}_"))
    if meant:
        *others, last = map(repr, meant)
        return f"Did you mean {', '.join(others)} or {last}?" if others else f"Did you mean {last}?"
    if known:
        return f"Known: {', '.join(known)}."
    return f"There is no {kind} at all yet." if kind else ""
