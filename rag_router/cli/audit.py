"""`rag-router audit`: who did what, and whether anybody meddled with what says so."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import click

from rag_router.cli.kept import opened
from rag_router.cli.options import as_json, config_option, print_json
from rag_router.errors import DataError

__all__ = ["audit"]

_FORMATS: Final = ("%Y-%m-%d", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%S%z")


@click.group()
def audit() -> None:
    """Show and check the audit log."""


@audit.command()
@click.option("--since", type=click.DateTime(_FORMATS), help="From then on, UTC.")
@click.option("--until", type=click.DateTime(_FORMATS), help="Before then, UTC.")
@click.option("--tenant", help="Whose doing.")
@click.option("--action", help="A part of it, such as DELETE or /v1/documents.")
@click.option("--limit", type=click.IntRange(1), default=100, show_default=True)
@config_option
@as_json
def show(
    since: datetime | None,
    until: datetime | None,
    tenant: str | None,
    action: str | None,
    limit: int,
    config: Path | None,
    *,
    as_json: bool,
) -> None:
    """Show what was done, the newest first."""
    from rag_router.store.audit import audit_lines

    with opened(config) as kept, kept.database.reading() as session:
        from rag_router.api.audit import audit_line

        page = audit_lines(
            session,
            limit=limit,
            tenant=tenant,
            since=_seconds(since),
            until=_seconds(until),
            action=action,
        )
        lines = [audit_line(row).model_dump(mode="json") for row in page.rows]
    if as_json:
        print_json(lines)
        return
    for line in lines:
        said = json.dumps(line["words"], ensure_ascii=False) if line["words"] else ""
        click.echo(
            f"{line['number']:>8}  {line['at'][:19]}  {line['tenant'] or '-':<12}  "
            f"{line['key'] or '-':<16}  {line['outcome']:<8}  {line['action']}  "
            f"{line['target']}  {said}".rstrip()
        )


@audit.command()
@click.option("--head", metavar="HASH", help="A hash of a line that was noted elsewhere.")
@config_option
@as_json
def verify(head: str | None, config: Path | None, *, as_json: bool) -> None:
    """Look whether all lines are as they were written, and none is missing.

    Exits with 3 where that is not so. With --head, the line of that hash must be there as well:
    whoever can write to the database can make a whole new log, and cannot make that hash.
    """
    from sqlalchemy import select

    from rag_router.store.audit import check_audit
    from rag_router.store.service_tables import AuditChainRow, AuditRow

    with opened(config) as kept, kept.database.reading() as session:
        found = check_audit(session)
        problems = list(found.problems)
        if head is not None:
            chosen = select(AuditRow.number).where(AuditRow.hash == head)
            gone = select(AuditChainRow.before).where(AuditChainRow.before_hash == head)
            if session.scalar(chosen) is None and session.scalar(gone) is None:
                problems.append(f"no line has the hash {head[:80]}")
    if as_json:
        print_json(
            {
                "lines": found.lines,
                "first": found.first,
                "last": found.last,
                "head": found.head,
                "wordless": found.wordless,
                "problems": problems,
            }
        )
    if problems:
        raise DataError(
            f"the audit log is not as it was written: {problems[0]}"
            + (f", and {len(problems) - 1} more." if problems[1:] else "."),
            hint="Compare it with what the log of the process says, line by line.",
        )
    if not as_json:
        click.echo(f"{found.lines} lines are as they were written; the last is {found.last}:")
        click.echo(found.head)


def _seconds(when: datetime | None) -> float | None:
    if when is None:
        return None
    return (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp()
