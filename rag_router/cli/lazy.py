"""A group of commands that are imported when they are called, so that listing them is quick."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any

import click

__all__ = ["LazyGroup"]


class LazyGroup(click.Group):
    """A group that imports a command only when it is called, not when it is listed.

    Args:
        commands_at: For each command, "module:attribute".
        summaries: For each command, what it does in one sentence.
        more: What click's group takes.
    """

    def __init__(
        self,
        *,
        commands_at: Mapping[str, str],
        summaries: Mapping[str, str],
        **more: Any,
    ) -> None:
        super().__init__(**more)
        self._commands_at, self._summaries = dict(commands_at), dict(summaries)

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(self._commands_at)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self._commands_at:
            return None
        module, _, attribute = self._commands_at[cmd_name].partition(":")
        command: click.Command = getattr(import_module(module), attribute)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in self._commands_at and not args[0].startswith("-"):
            from rag_router.errors import did_you_mean

            ctx.fail(f"no command named {args[0]!r}. {did_you_mean(args[0], self._commands_at)}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(sorted(self._summaries.items()))
