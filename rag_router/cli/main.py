"""`rag-router`: the command line. Commands are imported when they are called."""

from __future__ import annotations

import sys

import click

from rag_router import __version__
from rag_router.cli.lazy import LazyGroup
from rag_router.errors import RagRouterError

__all__ = ["cli", "main"]

_COMMANDS = {
    "ask": "rag_router.cli.ask:ask",
    "audit": "rag_router.cli.audit:audit",
    "backup": "rag_router.cli.backup:backup",
    "batch": "rag_router.cli.batch:batch",
    "components": "rag_router.cli.components:components",
    "config": "rag_router.cli.config:config",
    "decoder": "rag_router.cli.decoder:decoder",
    "doctor": "rag_router.cli.doctor:doctor",
    "erase": "rag_router.cli.erase:erase",
    "eval": "rag_router.cli.evaluate:evaluate",
    "expert": "rag_router.cli.expert:expert",
    "filter": "rag_router.cli.filter:filters",
    "gate": "rag_router.cli.gate:gate",
    "index": "rag_router.cli.index:index",
    "key": "rag_router.cli.key:key",
    "models": "rag_router.cli.models:models",
    "policy": "rag_router.cli.policy:policy",
    "route": "rag_router.cli.route:route",
    "serve": "rag_router.cli.serve:serve",
}
_SUMMARIES = {
    "ask": "Answer a question, and show why.",
    "audit": "Show and check who did what.",
    "backup": "Copy indexes, so that they can be brought back.",
    "batch": "Answer many questions, in one go or in several.",
    "components": "List gates, filters, retrievers, routers and decoders.",
    "config": "Check settings, and what the service needs.",
    "decoder": "Fit how sure answers from passages are.",
    "doctor": "Tell whether everything needed is there.",
    "erase": "Erase documents or tenants wherever they are.",
    "eval": "Measure gates, policies, decoders, filters, routers and retrievers.",
    "expert": "List, show and train the experts that answer.",
    "filter": "Fit the filters' scores.",
    "gate": "List, fit and show self-knowledge gates.",
    "index": "Add, search, check and remove indexes of documents.",
    "key": "Make, list, exchange and revoke the keys of the service.",
    "models": "Fetch, check and remove the models that compute.",
    "policy": "Fit what answers are worth, and who verifies them.",
    "route": "Fit routers among indexes, and query adapters.",
    "serve": "Answer over HTTP.",
}


@click.group(
    cls=LazyGroup,
    commands_at=_COMMANDS,
    summaries=_SUMMARIES,
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(__version__, prog_name="rag-router")
def cli() -> None:
    """Answer questions with a language model that knows when it knows.

    What it does not know is looked up in your documents; where neither helps, it says so.
    """


def main(arguments: list[str] | None = None) -> None:
    """Run the command line; our own errors become one message and the documented exit code.

    Args:
        arguments: What stands behind the program's name; the process's own by default.
    """
    try:
        code = cli.main(arguments, standalone_mode=False)
    except click.exceptions.Abort:
        click.echo("Interrupted.", err=True)
        sys.exit(130)
    except KeyboardInterrupt:
        click.echo("Interrupted.", err=True)
        sys.exit(130)
    except click.ClickException as exc:
        exc.show()
        sys.exit(2)
    except RagRouterError as exc:
        click.secho(f"Error: {exc.message}", err=True, fg="red")
        if exc.hint:
            click.echo(exc.hint, err=True)
        sys.exit(exc.exit_code)
    sys.exit(code if isinstance(code, int) else 0)


if __name__ == "__main__":
    main()
