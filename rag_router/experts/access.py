"""Who may use which expert, decided before anybody scores anything.

An expert can give away what it was trained on, so whom it is limited to is a question of access
and not of taste: what a tenant may not use is no candidate, is named to no router, and its
weights are not loaded for that tenant (the rule of AdapterSwap, Fleshman et al. 2024,
arXiv 2404.08417). Nor does an error tell that it is there.
"""

from __future__ import annotations

from collections.abc import Iterable

from rag_router.errors import UnknownNameError, UsageError
from rag_router.experts.card import Card

__all__ = ["candidates"]


def candidates(cards: Iterable[Card], tenant: str | None, named: str | None = None) -> list[Card]:
    """Return the cards of those who may answer, in the order given; at least one.

    Args:
        cards: Of all experts.
        tenant: Who asks; None is nobody in particular.
        named: The one expert that is to answer; None leaves it open.

    Raises:
        UnknownNameError: nobody of that name is there for this tenant.
        UsageError: nobody at all is.
    """
    allowed = [card for card in cards if card.open_to(tenant)]
    if named is not None:
        allowed_by_name = {card.name: card for card in allowed}
        if named not in allowed_by_name:
            raise UnknownNameError("expert", named, allowed_by_name)
        return [allowed_by_name[named]]
    if not allowed:
        raise UsageError(
            "no expert is there for whoever asks.",
            hint="Ask as a tenant that some expert is open to, or add one for everybody.",
        )
    return allowed
