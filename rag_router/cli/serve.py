"""`rag-router serve`: answer over HTTP."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Final

import click

from rag_router.cli.options import config_option, settings_from
from rag_router.errors import UnavailableError
from rag_router.settings import Settings

__all__ = ["NEEDED", "serve"]

NEEDED: Final = (
    "alembic",
    "fastapi",
    "opentelemetry",
    "prometheus_client",
    "python_multipart",
    "uvicorn",
)
"""What a service imports that the package alone does not bring along."""


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
    if lacking := [name for name in NEEDED if find_spec(name) is None]:
        raise UnavailableError(
            f"the service needs {', '.join(lacking)}.",
            hint="Run: pip install 'rag-router[api]'",
        )
    from rag_router.api.app import create_app
    from rag_router.api.bearer import key_for
    from rag_router.api.resources import Resources
    from rag_router.api.running import run
    from rag_router.api.service import Answers
    from rag_router.api.tracing import trace_where_asked
    from rag_router.pooling import load_service, require_service
    from rag_router.store.keys import keys_stamp
    from rag_router.store.redaction import Redactor
    from rag_router.telemetry import log_to_stderr

    listens = settings.serve.model_copy(
        update={
            "host": host or settings.serve.host,
            "port": settings.serve.port if port is None else port,
        }
    )
    require_service(settings, growing=True)
    redactor = Redactor(settings.redaction)
    log_to_stderr(redactor.line if redactor else None)
    resources = Resources.open(settings)
    with resources.database.reading() as session:
        others = bool(keys_stamp(session)[0])
    key = key_for(listens, listens.host, others=others)
    app = create_app(
        lambda: load_service(settings, growing=True, ahead=True),
        settings.limits,
        resources=resources,
        speaks=settings.openai,
        key=key,
    )

    def renew() -> tuple[Answers, Settings]:
        fresh = settings_from(config, indexes=indexes)
        Redactor(fresh.redaction)
        require_service(fresh, growing=True)
        return load_service(fresh, growing=True, ahead=True), fresh

    trace_where_asked()
    run(app, listens, renew)
