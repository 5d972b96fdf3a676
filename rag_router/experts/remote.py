"""Experts behind an endpoint: made of their settings, without asking the endpoint anything.

Whether somebody is there is found out by the first question; until then, and whenever it does not
answer, others are asked.
"""

from __future__ import annotations

from typing import Final

from rag_router.errors import SettingsError
from rag_router.experts.base import Expert
from rag_router.experts.card import Card
from rag_router.models.prompts import PromptStyle
from rag_router.models.remote import RemoteModel
from rag_router.models.remote_address import address_of
from rag_router.models.remote_client import RemoteClient
from rag_router.models.remote_keys import load_key
from rag_router.settings import ExpertSettings

__all__ = ["load_remote", "remote_card"]

_CONTEXT_TOKENS: Final = 8_192
"""What is taken for an endpoint's context where nobody says more of it."""


def remote_card(one: ExpertSettings) -> Card:
    """Describe an expert behind an endpoint.

    Raises:
        SettingsError: its address cannot be used.
    """
    address_of(_url(one), name=one.name)
    return Card(
        name=one.name,
        kind="remote",
        model=one.model,
        abilities=frozenset(),
        context_tokens=one.context_tokens or _CONTEXT_TOKENS,
        parameters=one.parameters or 0,
        price_prompt=one.price_prompt,
        price_completion=one.price_completion,
        tokens_per_second=one.tokens_per_second,
        licence=one.licence,
        tenants=None if one.tenants is None else frozenset(one.tenants),
        about=one.about,
    )


def load_remote(one: ExpertSettings, *, passage_tokens: int = 700, seed: int = 0) -> Expert:
    """Return an expert that is talked to; nothing is sent to it yet.

    Args:
        one: Its settings, with a `url`.
        passage_tokens: Budget for all passages together, about.
        seed: Of the waits between attempts.

    Raises:
        SettingsError: its address, key or certificates cannot be used.
    """
    key = load_key(variable=one.remote.key_env, file=one.remote.key_file, name=one.name)
    client = RemoteClient(
        one.remote, url=_url(one), name=one.name, model=one.model, key=key, seed=seed
    )
    model = RemoteModel(
        client=client,
        context_tokens=one.context_tokens or _CONTEXT_TOKENS,
        share=one.remote.share,
        concurrency=one.remote.concurrency,
    )
    style = PromptStyle(form="chat", passage_tokens=passage_tokens)
    return Expert(name=one.name, model=model, style=style)


def _url(one: ExpertSettings) -> str:
    if one.url is None:
        raise SettingsError(
            f"{one.name} is no expert behind an endpoint: it has no url.",
            hint="Set url = 'https://host.example/v1', or load it from the model store.",
        )
    return one.url
