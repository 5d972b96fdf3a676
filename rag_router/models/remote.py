"""A model behind an endpoint: it can be talked to, and shows nothing else.

To whoever asks it for logits or hidden states it answers with an error that says what would do;
its abilities say so beforehand. Tokens are estimated, since its tokeniser is not at hand: lengths
are for budgets alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from threading import Event
from typing import Any, NoReturn

from torch import Tensor

from rag_router.artefacts import fingerprint_of
from rag_router.errors import ModelError
from rag_router.models.base import Ability, Prefill, StepCache
from rag_router.models.layers import LayerStates
from rag_router.models.remote_client import Chat, RemoteClient
from rag_router.models.remote_reply import RemoteReply
from rag_router.models.remote_tokens import pieces

__all__ = ["RemoteModel"]


@dataclass(frozen=True, slots=True)
class RemoteModel:
    """A causal model of which only the words are seen.

    Attributes:
        client: Who talks to it.
        context_tokens: Most tokens it can read, prompt and answer together.
        share: Share of the time a question has left that it may take, in (0, 1].
        concurrency: Most chats at once.
    """

    client: RemoteClient = field(repr=False)
    context_tokens: int = 8192
    share: float = 0.5
    concurrency: int = 4

    @property
    def name(self) -> str:
        return self.client.name

    @property
    def fingerprint(self) -> str:
        """Of address and model name: what an endpoint runs behind them, nobody can tell."""
        return fingerprint_of("remote", self.client.url, self.client.model)

    @property
    def abilities(self) -> frozenset[Ability]:
        return frozenset()

    @property
    def parameters(self) -> int:
        return 0

    @property
    def vocabulary_size(self) -> int:
        return 0

    @property
    def end_ids(self) -> frozenset[int]:
        return frozenset()

    @property
    def is_chat(self) -> bool:
        return True

    def chat_all(
        self,
        chats: Sequence[Chat],
        *,
        within_s: float | None = None,
        cancelled: Callable[[], bool] | None = None,
    ) -> list[RemoteReply]:
        """Hold several chats at once, and return the replies in order.

        Args:
            chats: What to say in each.
            within_s: Seconds after which nobody waits any longer.
            cancelled: Asked while they go on; true gives them up.

        Raises:
            RemoteError: one of them failed; the others are given up.
            CancelledError: `cancelled` said so.
        """
        if not chats:
            return []
        failed = Event()

        def ask(chat: Chat) -> RemoteReply:
            return self.client.chat(
                chat,
                within_s=within_s,
                cancelled=lambda: failed.is_set() or (cancelled is not None and cancelled()),
            )

        workers = ThreadPoolExecutor(
            max_workers=min(self.concurrency, len(chats)), thread_name_prefix="remote"
        )
        try:
            return [one.result() for one in [workers.submit(ask, chat) for chat in chats]]
        finally:
            # Those that still wait for bytes end by themselves; nobody waits for them.
            failed.set()
            workers.shutdown(wait=False, cancel_futures=True)

    def encode(self, text: str, *, begin: bool = True) -> list[int]:
        """Cut a text into about as many pieces as it has tokens; the numbers mean nothing."""
        return [*([0] if begin else []), *(ord(piece[0]) for piece in pieces(text))]

    def decode(self, ids: Sequence[int]) -> str:
        del ids
        self._refuse("a vocabulary")

    def render_chat(self, messages: Sequence[Mapping[str, str]]) -> str:
        """Lay messages out about as long as the endpoint will."""
        return "".join(f"<{one['role']}>\n{one['content']}\n" for one in messages)

    def prefill(
        self,
        prompts: Sequence[Sequence[int]],
        *,
        hidden: bool = False,
        shared: Sequence[int] | None = None,
        layers: bool = False,
    ) -> Prefill:
        del prompts, hidden, shared, layers
        self._refuse("logits")

    def step(self, cache: Any, tokens: Sequence[int]) -> tuple[Tensor, StepCache]:
        del cache, tokens
        self._refuse("logits")

    def step_layers(
        self, cache: Any, tokens: Sequence[int], rows: Sequence[int]
    ) -> tuple[Tensor, StepCache, LayerStates]:
        del cache, tokens, rows
        self._refuse("hidden states")

    def join(self, caches: Sequence[Any], *, room: int | None = None) -> StepCache:
        del caches, room
        self._refuse("caches")

    def _refuse(self, what: str) -> NoReturn:
        raise ModelError(
            f"{self.name} is asked over the network and shows no {what}.",
            hint="Use a gate, decoder and filters that go by words alone, or a local expert.",
        )
