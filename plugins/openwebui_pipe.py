"""
title: rag_router
description: Answers that know when they know, with their sources and how they came about.
version: 0.1.0
required_open_webui_version: 0.5.0
requirements: httpx
"""  # noqa: D205, D212, D415 - Open WebUI reads the lines above, in this form.

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import httpx
from pydantic import BaseModel, Field

Emit = Callable[[dict[str, Any]], Awaitable[None]]


class Pipe:
    """Open WebUI's side of the service: one model for each name that the service goes by.

    It needs nothing of the service's own package, only its address. Sources and stages become
    the frontend's own events, and its errands (titles, tags, follow-ups) are named as such, so
    that none of them is looked up.
    """

    class Valves(BaseModel):
        """What an administrator sets."""

        BASE_URL: str = Field(
            "http://127.0.0.1:8600/v1", description="Address of the service, with /v1 at its end."
        )
        API_KEY: str = Field("", description="Key of the service; empty where it needs none.")
        TIMEOUT_S: float = Field(
            30.0, gt=0, description="Longest silence, in seconds; the service breaks it every 10."
        )

    def __init__(self) -> None:
        self.valves = self.Valves()

    async def pipes(self) -> list[dict[str, str]]:
        """List the models."""
        async with self._client() as client:
            response = await client.get("models")
        if response.status_code != httpx.codes.OK:
            return [{"id": "error", "name": f"rag_router: {_said(response)}"}]
        names = [model["id"] for model in response.json()["data"]]
        return [{"id": name, "name": name} for name in names]

    async def pipe(
        self,
        body: dict[str, Any],
        __event_emitter__: Emit | None = None,
        __task__: str | None = None,
    ) -> str | AsyncIterator[str]:
        """Answer a chat, or run one of the frontend's errands."""
        # The frontend puts this function's own name before the model's.
        model = body["model"].partition(".")[2] or body["model"]
        sent = {key: value for key, value in body.items() if key != "metadata"}
        sent |= {"model": model, "profile": "openwebui"}
        headers = {"X-Task": __task__} if __task__ else {}
        if body.get("stream") and not __task__:
            return self._stream(sent, __event_emitter__)
        sent = {key: value for key, value in sent.items() if key != "stream_options"}
        async with self._client() as client:
            # Nothing breaks the silence where nothing is streamed.
            response = await client.post(
                "chat/completions", json=sent | {"stream": False}, headers=headers, timeout=300.0
            )
        if response.status_code != httpx.codes.OK:
            raise RuntimeError(_said(response))
        return str(response.json()["choices"][0]["message"]["content"])

    async def _stream(self, sent: dict[str, Any], emit: Emit | None) -> AsyncIterator[str]:
        async with (
            self._client() as client,
            client.stream("POST", "chat/completions", json=sent) as response,
        ):
            if response.status_code != httpx.codes.OK:
                await response.aread()
                raise RuntimeError(_said(response))
            async for line in response.aiter_lines():
                if not line.startswith("data: ") or line == "data: [DONE]":
                    continue
                piece = json.loads(line.removeprefix("data: "))
                if "error" in piece:
                    raise RuntimeError(piece["error"]["message"])
                if "event" in piece:
                    if emit is not None:
                        await emit(piece["event"])
                    continue
                for choice in piece["choices"]:
                    if text := choice["delta"].get("content"):
                        yield text

    def _client(self) -> httpx.AsyncClient:
        key = self.valves.API_KEY
        return httpx.AsyncClient(
            base_url=self.valves.BASE_URL,
            headers={"Authorization": f"Bearer {key}"} if key else {},
            timeout=self.valves.TIMEOUT_S,
        )


def _said(response: httpx.Response) -> str:
    """What the service said went wrong."""
    try:
        return str(response.json()["error"]["message"])
    except (ValueError, KeyError, TypeError):
        return f"the service answered with HTTP {response.status_code}"
