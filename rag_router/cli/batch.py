"""`rag-router batch`: many questions, in one go or in several."""

from __future__ import annotations

import shutil
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import click

from rag_router.cli.options import as_json, config_option, print_json, settings_from, where_option
from rag_router.errors import UsageError

if TYPE_CHECKING:
    from rag_router.batch import Progress
    from rag_router.batch.local import Answers, Engine
    from rag_router.indices.following import Pin
    from rag_router.settings import Settings
    from rag_router.types import Retrieval

__all__ = ["batch"]

_FAILED = 3
_INTERRUPTED = 130


@click.command()
@click.argument("inputs", nargs=-1, required=True, metavar="IN...")
@click.argument("out", type=click.Path(dir_okay=False, path_type=Path))
@config_option
@click.option("--index", "indexes", multiple=True, metavar="NAME", help="Look only in this index.")
@where_option
@click.option(
    "--retrieval",
    type=click.Choice(["auto", "always", "never"]),
    help="Let the gate decide whether to look things up (auto), or overrule it; always, where "
    "passages are given.",
)
@click.option("--gate", metavar="NAME", help="The self-knowledge gate.")
@click.option("--expert", metavar="NAME", help="Who answers.")
@click.option("--tenant", metavar="NAME", help="Who asks, where experts are limited to tenants.")
@click.option("--decoder", metavar="NAME", help="How memory and passages are weighed.")
@click.option("--reliance", type=float, metavar="X", help="How far memory is relied on, 0 to 1.")
@click.option("--tokens", is_flag=True, help="Keep every token with its figures.")
@click.option(
    "--per-document",
    "documents",
    multiple=True,
    metavar="CORPUS",
    help="Ask every question of every document of this corpus, which is its only context.",
)
@click.option(
    "--own-passages", is_flag=True, help="Look only in the passages that come with each question."
)
@click.option(
    "--format",
    "kind",
    type=click.Choice(["jsonl", "csv", "parquet", "kilt"]),
    help="How answers are written, where the name of OUT does not tell.",
)
@click.option("--columns", metavar="A,B", help="Only these, such as id,answer,knowledge.p_know.")
@click.option("--wide", is_flag=True, help="A row for each document, a column for each question.")
@click.option("--limit", type=click.IntRange(min=0), metavar="N", help="Only so many questions.")
@click.option("--shuffle-seed", type=int, metavar="S", help="Draw which ones, not the first.")
@click.option("--shard", default="1/1", metavar="I/N", help="Only this part of so many.")
@click.option("--fresh", is_flag=True, help="Drop what an earlier run has answered.")
@click.option(
    "--window",
    type=click.IntRange(min=1),
    default=32,
    show_default=True,
    help="Questions that go through the stages together.",
)
@click.option(
    "--batch-tokens",
    type=click.IntRange(min=1),
    default=8192,
    show_default=True,
    help="Most tokens that are read and decoded together.",
)
@click.option(
    "--tries",
    type=click.IntRange(min=1),
    default=2,
    show_default=True,
    help="How often a question is tried before its line tells the error.",
)
@click.option(
    "--engine",
    type=click.Choice(["local", "ray"]),
    default="local",
    show_default=True,
    help="Answer in this process, or in actors of a Ray cluster.",
)
@click.option("--address", metavar="A", help="Of a running Ray cluster; auto finds this machine's.")
@click.option("--workers", type=click.IntRange(min=1), metavar="N", help="Actors of Ray.")
@as_json
def batch(inputs: tuple[str, ...], out: Path, **options: Any) -> int:
    """Answer the questions of IN, and write the answers to OUT.

    IN are files, folders or globs of JSON Lines, CSV or Parquet, or - for JSON Lines on standard
    input. What an earlier run has written to OUT is not answered again. Ctrl-C finishes what is
    being answered; a second one does not wait.
    """
    from rag_router.batch import Job, Output, Selection, Sizes, items_of_documents, read_items
    from rag_router.batch.reading import files_of

    columns = tuple(filter(None, (options["columns"] or "").replace(" ", "").split(",")))
    output = Output(path=out, format=options["kind"], columns=columns, wide=options["wide"])
    selection = Selection(
        limit=options["limit"],
        shuffle_seed=options["shuffle_seed"],
        shard=_shard(options["shard"]),
    )
    if options["own_passages"] and (options["documents"] or options["indexes"]):
        raise UsageError(
            "--own-passages leaves no room for --index or --per-document.",
            hint="Name where passages come from once.",
        )
    sizes = Sizes(window=options["window"], tokens=options["batch_tokens"], tries=options["tries"])
    settings = settings_from(
        options["config"],
        indexes=options["indexes"],
        gate=options["gate"],
        expert=options["expert"],
        decoder=options["decoder"],
    )
    with _input(inputs) as names:
        items = read_items(files_of(names))
        if options["documents"]:
            items = items_of_documents(items, files_of(options["documents"]))
        job = Job(items=selection.choose(items), output=output, fresh=options["fresh"])
        with _stopping() as stopped:
            run = _Run(settings, sizes, options, stopped)
            ended = job.run(run.prepare, _shown(out))
    notes = run.notes()
    _tell(ended, out, notes, as_json=options["as_json"])
    if ended.done < ended.total:
        return _INTERRUPTED
    return _FAILED if ended.failed else 0


class _Run:
    """What answers the lines of one run; loaded once the output is known to be ours."""

    def __init__(
        self, settings: Settings, sizes: Any, options: dict[str, Any], stopped: Callable[[], bool]
    ) -> None:
        self._settings, self._sizes, self._options = settings, sizes, options
        self._stopped = stopped
        self._followed: object = None
        self._wanted: dict[str, Pin] = {}
        self._engine: Engine | None = None

    def prepare(self) -> Any:
        from rag_router.batch import Prepared
        from rag_router.batch.facts import job_facts
        from rag_router.batch.pinning import hold
        from rag_router.orchestrator import Ask

        options, settings = self._options, self._settings
        given = bool(options["documents"]) or options["own_passages"]
        wanted = options["retrieval"] or ("always" if given else "auto")
        from rag_router.indices.where import Where

        ask = Ask(
            retrieval=cast("Retrieval", wanted),
            indexes=() if given else None,
            where=Where.written(options["where"]) or None,
            tokens=options["tokens"],
            reliance=options["reliance"],
            expert=options["expert"] if settings.experts else None,
            tenant=options["tenant"],
        )
        shared = bool(options["documents"])
        if options["engine"] == "ray":
            facts = job_facts(None, ask, settings) | self._published()
            self._engine = self._ray(ask, shared)
            return Prepared(self._engine, facts)
        from rag_router.assembly import check_reliance
        from rag_router.batch import LocalEngine

        check_reliance(settings, options["reliance"])
        service = _load(settings)
        self._followed = getattr(service, "indices", None)
        hold(service)
        made = _ready(service, shared)
        facts = job_facts(None, ask, settings) | self._published()
        self._engine = LocalEngine(
            service=made,
            ask=ask,
            sizes=self._sizes,
            by_length=not shared,
            stopped=self._stopped,
        )
        return Prepared(self._engine, facts)

    def notes(self) -> list[str]:
        from rag_router.batch.pinning import overtaken_since
        from rag_router.indices.library import Library

        since = overtaken_since(Library(self._settings.home), self._wanted)
        return [*getattr(self._engine, "notes", []), *since]

    def _ray(self, ask: Any, shared: bool) -> Engine:
        from rag_router.batch.ray_engine import RayEngine

        return RayEngine(
            make=partial(_made, self._settings.model_dump(mode="json"), shared, dict(self._wanted)),
            ask=ask,
            sizes=self._sizes,
            by_length=not shared,
            workers=self._options["workers"],
            address=self._options["address"],
            stopped=self._stopped,
        )

    def _published(self) -> dict[str, str]:
        """What the answers depend on that settings only name: models and indexes, as they are."""
        from rag_router.assembly import index_names
        from rag_router.indices.following import Pin
        from rag_router.indices.library import Library
        from rag_router.models.store import ModelStore
        from rag_router.pooling import experts_of

        settings, library, store = self._settings, Library(self._settings.home), ModelStore()
        facts = {}
        for one in experts_of(settings):
            if one.url is None:
                facts[f"model {one.model}"] = store.resolve(one.model).fingerprint[:16]
        opened = self._followed if isinstance(self._followed, Mapping) else {}
        for name in index_names(settings):
            index = opened.get(name)
            manifest = library.manifest(name) if index is None else index.manifest
            self._wanted[name] = Pin.of(manifest)
            facts[f"index {name}"] = f"generation {manifest.generation} of {manifest.created}"
        return facts


def _load(settings: Settings) -> Answers:
    from rag_router.pooling import load_service, require_service

    require_service(settings)
    return cast("Answers", load_service(settings))


def _ready(service: Answers, shared: bool) -> Answers:
    from rag_router.batch.pinning import pinned, sharing_passages

    return sharing_passages(pinned(service)) if shared else pinned(service)


def _made(settings: dict[str, Any], shared: bool, wanted: dict[str, Pin]) -> Answers:
    """Make what answers in an actor, on whatever machine that is, and whenever it is made.

    One that takes the place of one that died looks in the generations that the job began with.
    """
    from rag_router.batch.pinning import hold
    from rag_router.settings import Settings

    service = _load(Settings.model_validate(settings))
    hold(service, wanted)
    return _ready(service, shared)


def _shard(said: str) -> tuple[int, int]:
    part, _, parts = said.partition("/")
    try:
        return int(part), int(parts)
    except ValueError as exc:
        raise UsageError(f"{said!r} is no shard.", hint="Give one such as 1/4.") from exc


@contextmanager
def _input(names: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """Keep standard input in a file while it is needed, since a job reads its input twice."""
    if "-" not in names:
        yield names
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "stdin.jsonl"
        with path.open("wb") as file:
            shutil.copyfileobj(sys.stdin.buffer, file)
        yield tuple(str(path) if name == "-" else name for name in names)


@contextmanager
def _stopping() -> Iterator[Callable[[], bool]]:
    """Tell whether Ctrl-C was pressed; pressed again, it does what it always does."""
    pressed: list[int] = []
    before = signal.getsignal(signal.SIGINT)

    def stop(number: int, frame: object) -> None:
        del frame
        pressed.append(number)
        signal.signal(signal.SIGINT, before)
        click.echo("Finishing what is being answered; Ctrl-C again does not wait.", err=True)

    signal.signal(signal.SIGINT, stop)
    try:
        yield lambda: bool(pressed)
    finally:
        signal.signal(signal.SIGINT, before)


def _shown(out: Path) -> Callable[[Progress], None]:
    """Show how far it is: on a terminal in place, else a line every minute."""
    import time

    last = time.monotonic()
    terminal = sys.stderr.isatty()

    def show(progress: Progress) -> None:
        nonlocal last
        if terminal:
            click.echo(f"\r\x1b[K{out.name}: {progress}", err=True, nl=False)
        elif time.monotonic() - last >= 60:
            last = time.monotonic()
            click.echo(f"{out.name}: {progress}", err=True)

    return show


def _tell(ended: Progress, out: Path, notes: list[str], *, as_json: bool) -> None:
    if as_json:
        print_json(
            {
                "total": ended.total,
                "done": ended.done,
                "fresh": ended.fresh,
                "failed": ended.failed,
                "retrieved": ended.retrieved,
                "abstained": ended.abstained,
                "seconds": round(ended.seconds, 3),
                "notes": notes,
            }
        )
        return
    if sys.stderr.isatty():
        click.echo("\r\x1b[K", err=True, nl=False)
    for what in notes:
        click.echo(f"note: {what}", err=True)
    click.echo(f"{out}: {ended}")
    if ended.done < ended.total:
        click.echo("The same command goes on where this one stopped.", err=True)
