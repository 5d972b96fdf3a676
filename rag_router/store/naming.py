"""What the indexes of collections are called: each tenant's stand in folders of their own."""

from __future__ import annotations

import re
from typing import Final

from rag_router.artefacts import fingerprint_of

__all__ = ["DEFAULT_TENANT", "index_name", "of_a_tenant"]

DEFAULT_TENANT: Final = "default"
"""Whom everything belongs to where nobody else is named."""

_OF_A_TENANT: Final = re.compile(r"t-[0-9a-f]{48}", re.ASCII)


def index_name(tenant: str, collection: str) -> str:
    """Return the name of a collection's index.

    Those of the default tenant are called as their collections are, as on the command line; others
    by a digest of both names, which no two of them share and the default tenant cannot choose.
    """
    if tenant == DEFAULT_TENANT:
        return collection
    return f"t-{fingerprint_of(tenant, collection)[:48]}"


def of_a_tenant(name: str) -> bool:
    """Whether an index is called as those of tenants are, but the default one's.

    What stands in it is theirs: nobody comes upon it who does not ask for it by this name.
    """
    return _OF_A_TENANT.fullmatch(name) is not None
