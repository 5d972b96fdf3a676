"""Who may be fused: how many experts there must be, and whose tokens are one another's.

Next-token distributions are added, multiplied and subtracted token by token. That makes sense for
models whose tokens have the same numbers, and is nonsense for all others, even where they have
equally many.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from rag_router.errors import SettingsError
from rag_router.models.base import CausalModel
from rag_router.models.vocabulary import Worded

__all__ = ["at_least_two", "require_one_vocabulary"]

_BY_ANSWERS: Final = "Fuse their answers instead: fusion.name = 'vote' or 'frugal'."


def at_least_two(names: Sequence[str], fusion: str) -> None:
    """Make sure that there is somebody to be fused with.

    Raises:
        SettingsError: there are fewer than two experts.
    """
    if len(names) < 2:
        raise SettingsError(
            f"the fusion {fusion!r} is of several experts; saw {', '.join(names) or 'none'}.",
            hint="Name at least two in [[experts]], or leave [fusion] out.",
        )


def require_one_vocabulary(models: Mapping[str, CausalModel]) -> None:
    """Make sure that all models have the same tokens under the same numbers.

    Args:
        models: By the names of their experts; all are compared with the first.

    Raises:
        SettingsError: one does not show its vocabulary, or has another one; says which.
    """
    seen: dict[str, tuple[str, int]] = {}
    for name, model in models.items():
        if not isinstance(model, Worded):
            raise SettingsError(
                f"the expert {name!r} does not show its vocabulary, so that its next-token "
                "distributions cannot be fused with others.",
                hint=_BY_ANSWERS,
            )
        seen[name] = (model.vocabulary_fingerprint, model.vocabulary_size)
    (first, wanted), *others = seen.items()
    for name, found in others:
        if found != wanted:
            what = " and ".join(
                f"{one!r} has {size} tokens of vocabulary {print_[:8]}"
                for one, (print_, size) in ((first, wanted), (name, found))
            )
            raise SettingsError(
                f"the experts {first!r} and {name!r} have different vocabularies: {what}.",
                hint=_BY_ANSWERS,
            )
