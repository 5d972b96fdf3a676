"""`rag-router serve`: answer over HTTP."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import click

from rag_router.cli.options import config_option, settings_from
from rag_router.errors import UnavailableError

__all__ = ["serve"]


@click.command()
@config_option
@click.option("--host", help="Address to listen on; loopback by default.")
@click.option("--port", type=click.IntRange(0, 65535), help="Port to listen on.")
@click.option("--index", "indexes", multiple=True, metavar="NAME", help="Look only in this index.")
def serve(
    config: Path | None, host: str | None, port: int | None, indexes: tuple[str, ...]
) -> None:
    """Answer questions over HTTP: POST /v1/answer, and an OpenAPI page at /docs.

    Models are never fetched here: run `rag-router models fetch` first.
    """
    settings = settings_from(config, indexes=indexes)
    if find_spec("fastapi") is None or find_spec("uvicorn") is None:
        raise UnavailableError(
            "the service needs fastapi and uvicorn.", hint="Run: pip install 'rag-router[api]'"
        )
    import uvicorn

    from rag_router.api.app import create_app
    from rag_router.assembly import assemble, load_parts, require

    require(settings)
    app = create_app(lambda: assemble(settings, load_parts(settings)), settings.limits)
    uvicorn.run(
        app,
        host=host or settings.serve.host,
        port=settings.serve.port if port is None else port,
        log_level="info",
    )
