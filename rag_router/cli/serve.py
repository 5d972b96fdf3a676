"""`rag-router serve`: answer over HTTP."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Final

import click

from rag_router.cli.options import config_option, settings_from
from rag_router.errors import UnavailableError

__all__ = ["serve"]

_NEEDED: Final = ("alembic", "fastapi", "python_multipart", "uvicorn")


@click.command()
@config_option
@click.option("--host", help="Address to listen on; loopback by default.")
@click.option("--port", type=click.IntRange(0, 65535), help="Port to listen on.")
@click.option("--index", "indexes", multiple=True, metavar="NAME", help="Look only in this index.")
def serve(
    config: Path | None, host: str | None, port: int | None, indexes: tuple[str, ...]
) -> None:
    """Answer questions over HTTP: POST /v1/answer, and an OpenAPI page at /docs.

    Chat frontends find what they expect of OpenAI under /v1.

    Models are never fetched here: run `rag-router models fetch` first.
    """
    settings = settings_from(config, indexes=indexes)
    if lacking := [name for name in _NEEDED if find_spec(name) is None]:
        raise UnavailableError(
            f"the service needs {', '.join(lacking)}.",
            hint="Run: pip install 'rag-router[api]'",
        )
    import uvicorn

    from rag_router.api.app import create_app
    from rag_router.api.resources import Resources
    from rag_router.pooling import load_service, require_service
    from rag_router.telemetry import log_to_stderr

    require_service(settings, growing=True)
    log_to_stderr()
    app = create_app(
        lambda: load_service(settings, growing=True),
        settings.limits,
        resources=Resources.open(settings),
        speaks=settings.openai,
    )
    uvicorn.run(
        app,
        host=host or settings.serve.host,
        port=settings.serve.port if port is None else port,
        log_level="info",
        # Requests are logged by their ids, and without what stands in a query.
        access_log=False,
    )
