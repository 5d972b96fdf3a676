"""Settings: one TOML file, overruled by RAG_ROUTER_* environment variables.

    [generator]
    model = "gemma-3-270m"

    [gate]
    name = "confidence"
    threshold = 0.4

A key that nobody knows is an error with file, line and the nearest known key; so is a value that
cannot be. `RAG_ROUTER_GATE__NAME=always` sets gate.name; values are read as TOML where they are
TOML, and as text where they are not. `RAG_ROUTER_HOME` names the data folder, `RAG_ROUTER_MODELS`
and `RAG_ROUTER_WHEELS` belong to the model store.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self, get_args

from platformdirs import user_data_path
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from rag_router.errors import SettingsError, did_you_mean

__all__ = [
    "GIVEN",
    "AuditSettings",
    "Component",
    "DocumentSettings",
    "ExpertSettings",
    "FusionSettings",
    "KeySettings",
    "OpenAISettings",
    "RedactionSettings",
    "RemoteSettings",
    "Settings",
    "TenantLimitSettings",
    "TenantSettings",
    "default_home",
    "load_settings",
]

GIVEN: Final = "given"
"""What passages that come with a question are called where indexes are named."""

_PREFIX = "RAG_ROUTER_"
_NOT_SETTINGS = frozenset({"RAG_ROUTER_HOME", "RAG_ROUTER_MODELS", "RAG_ROUTER_WHEELS"})


def default_home() -> Path:
    """The data folder: RAG_ROUTER_HOME, or the platform's own place for data."""
    named = os.environ.get("RAG_ROUTER_HOME", "").strip()
    return Path(named).expanduser() if named else user_data_path("rag-router", appauthor=False)


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Component(BaseModel):
    """A component by name; all other keys are its own options, checked when it is built."""

    model_config = ConfigDict(extra="allow", frozen=True)

    name: str

    @property
    def options(self) -> dict[str, Any]:
        return dict(self.model_extra or {})


class GeneratorSettings(_Section):
    """The model that answers."""

    model: str = "gemma-3-270m"
    device: Literal["auto", "cpu", "cuda"] = "auto"
    dtype: Literal["auto", "float32", "bfloat16"] = "auto"
    max_new_tokens: Annotated[int, Field(ge=1, le=1024)] = 24
    passage_tokens: Annotated[int, Field(ge=32)] = 700
    batch_size: Annotated[int, Field(ge=1, le=512)] = 8
    prefix_cache_mb: Annotated[int, Field(ge=0)] = 256
    compile: bool = False


class RemoteSettings(_Section):
    """How far the patience of whoever asks an OpenAI-compatible endpoint goes.

    A key is never written here: `key_env` names the environment variable that holds it,
    `key_file` a file. `authorities` is a file of certificates that are trusted in place of the
    usual ones.

    One question takes at most `total_s` seconds, and no more than `share` of the time that it has
    left, so that somebody else can still be asked; `connect_s`, `first_byte_s` and
    `between_bytes_s` end it sooner where nothing comes. It is put again up to `retries` times,
    after `backoff_s` seconds that double up to `longest_backoff_s`, or after as long as the
    endpoint asks for. After `failures` questions in a row that failed it is left alone for
    `rest_s`. `logprobs` asks for what its words were worth, and `stream` for words as they come.
    """

    key_env: str | None = None
    key_file: Path | None = None
    authorities: Path | None = None
    stream: bool = True
    logprobs: bool = True
    limit_field: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"
    connect_s: Annotated[float, Field(gt=0.0)] = 5.0
    first_byte_s: Annotated[float, Field(gt=0.0)] = 30.0
    between_bytes_s: Annotated[float, Field(gt=0.0)] = 15.0
    total_s: Annotated[float, Field(gt=0.0)] = 60.0
    share: Annotated[float, Field(gt=0.0, le=1.0)] = 0.5
    retries: Annotated[int, Field(ge=0, le=10)] = 2
    backoff_s: Annotated[float, Field(ge=0.0)] = 0.5
    longest_backoff_s: Annotated[float, Field(ge=0.0)] = 8.0
    failures: Annotated[int, Field(ge=1)] = 3
    rest_s: Annotated[float, Field(ge=0.0)] = 30.0
    response_kb: Annotated[int, Field(ge=1)] = 2048
    concurrency: Annotated[int, Field(ge=1, le=64)] = 4


class ExpertSettings(_Section):
    """One generator expert of several.

    Its weights are those of `model`, with the LoRA adapter of the folder `adapter` laid over them
    where one is named; or somebody else's, at `url`, which is asked as `remote` says. Experts of
    the same `model` share its weights. `gate` and `decoder` take the place of the common ones for
    this expert, since what is learned of one model does not hold for another. Prices are of a
    million tokens, in any currency, the same for all. `context_tokens`, `parameters` and `licence`
    say what the files do not. A service loads what is to `preload` before it says that it is
    ready, all others when they are first asked.
    """

    name: Annotated[str, Field(min_length=1)]
    model: Annotated[str, Field(min_length=1)]
    adapter: Path | None = None
    url: str | None = None
    remote: RemoteSettings = RemoteSettings()
    gate: Component | None = None
    decoder: Component | None = None
    context_tokens: Annotated[int, Field(ge=1)] | None = None
    parameters: Annotated[int, Field(ge=0)] | None = None
    price_prompt: Annotated[float, Field(ge=0.0)] = 0.0
    price_completion: Annotated[float, Field(ge=0.0)] = 0.0
    tokens_per_second: Annotated[float, Field(gt=0.0)] | None = None
    licence: str = ""
    tenants: tuple[str, ...] | None = None
    about: str = ""
    preload: bool = False

    @model_validator(mode="after")
    def _weights_in_one_place(self) -> Self:
        if self.adapter is not None and self.url is not None:
            raise ValueError("an adapter lies over a model that is here, not over one at a url")
        return self


class FusionSettings(Component):
    """How several experts answer together; without a name each question goes to one of them.

    `experts` names those that are fused, the leading one first; all are where nothing is said.
    For fusions of tokens, `weights` says by what each of them counts: "p_know", what its own gate
    says it knows, "router", the scores of `expert_router`, or "even"; and `sharpness` to which
    power of that. All other keys are the fusion's own options.
    """

    experts: Annotated[tuple[str, ...], Field(min_length=2)] | None = None
    weights: Literal["p_know", "router", "even"] = "p_know"
    sharpness: Annotated[float, Field(ge=0.0, le=1e4)] = 1.0


class PoolSettings(_Section):
    """How many experts are held in memory at once.

    `memory_mb` is what the weights of all together may take; where another one is wanted, those
    that were used longest ago leave first. None holds all that were ever asked.
    """

    memory_mb: Annotated[int, Field(ge=1)] | None = None


class EmbedderSettings(_Section):
    """The model that embeds questions and passages."""

    model: str = "all-minilm-l6-v2"
    device: Literal["auto", "cpu", "cuda"] = "auto"


class ProxySettings(_Section):
    """The small model that some gates ask in the generator's place; loaded only for them."""

    model: str = "smollm2-135m-instruct"


class PolicySettings(_Section):
    """Who may answer; what is left out takes the component's default.

    `name` is "quadrants", or "joint", which weighs the answers from memory and from passages by
    what was learned of both (an `artefact` of `policy fit`). `wrong_cost` says what a wrong answer
    costs where a right one gains 1, and sets `min_confidence`; `max_risk` keeps the share of wrong
    ones among the answers given, with probability `risk_confidence`, and needs "joint".
    """

    name: Literal["quadrants", "joint"] = "quadrants"
    artefact: Path | None = None
    wrong_cost: Annotated[float, Field(ge=0.0)] | None = None
    max_risk: Annotated[float, Field(gt=0.0, lt=1.0)] | None = None
    risk_confidence: Annotated[float, Field(gt=0.0, lt=1.0)] = 0.9
    min_support: Annotated[float, Field(ge=0.0, le=1.0)] | None = None
    min_confidence: Annotated[float, Field(ge=0.0, le=1.0)] | None = None
    agreement_nats: Annotated[float, Field(ge=0.0, le=0.6931472)] | None = None
    abstain: bool = True
    message: str = "I don't know."


class VerifySettings(Component):
    """Who verifies answers from passages, and what is tried where it does not accept one.

    `max_rounds` is how often a question is answered once more, `window` how many passages are read
    next; all other keys are the verifier's own options.
    """

    max_rounds: Annotated[int, Field(ge=0, le=8)] = 1
    window: Annotated[int, Field(ge=1, le=64)] = 3


class LimitSettings(_Section):
    """What is refused, and when an answer is cut short.

    `request_mb` is the size of a request's body, in MiB; one that uploads a file may be larger by
    `documents.file_mb`. `request_values` is how many values the JSON of one may have. `waiting` is
    how many questions may wait for their turn. Of each tenant, a minute and a day (of UTC) see no
    more than so many requests and tokens, those of prompts and of answers together; nothing said is
    no limit. `output_tokens` bounds each answer, and `ingestion_jobs` how many uploads and removals
    of a tenant may be unfinished.
    """

    request_mb: Annotated[int, Field(ge=1)] = 8
    request_values: Annotated[int, Field(ge=1)] = 200_000
    question_characters: Annotated[int, Field(ge=1)] = 10_000
    questions_per_request: Annotated[int, Field(ge=1)] = 64
    waiting: Annotated[int, Field(ge=1, le=4096)] = 256
    answer_seconds: Annotated[float, Field(gt=0.0)] | None = None
    requests_per_minute: Annotated[int, Field(ge=1)] | None = None
    requests_per_day: Annotated[int, Field(ge=1)] | None = None
    tokens_per_minute: Annotated[int, Field(ge=1)] | None = None
    tokens_per_day: Annotated[int, Field(ge=1)] | None = None
    output_tokens: Annotated[int, Field(ge=1)] | None = None
    ingestion_jobs: Annotated[int, Field(ge=1)] = 1000


class TenantLimitSettings(_Section):
    """What is otherwise for one tenant; what is left out is as [limits] has it.

    Requests, tokens, jobs and the length of answers may be more or less. Other sizes can only be
    smaller: what [limits] and [documents] refuse is refused to all.
    """

    request_mb: Annotated[int, Field(ge=1)] | None = None
    file_mb: Annotated[int, Field(ge=1)] | None = None
    question_characters: Annotated[int, Field(ge=1)] | None = None
    questions_per_request: Annotated[int, Field(ge=1)] | None = None
    requests_per_minute: Annotated[int, Field(ge=1)] | None = None
    requests_per_day: Annotated[int, Field(ge=1)] | None = None
    tokens_per_minute: Annotated[int, Field(ge=1)] | None = None
    tokens_per_day: Annotated[int, Field(ge=1)] | None = None
    output_tokens: Annotated[int, Field(ge=1)] | None = None
    ingestion_jobs: Annotated[int, Field(ge=1)] | None = None


class TenantSettings(_Section):
    """One tenant."""

    limits: TenantLimitSettings = TenantLimitSettings()


class AuditSettings(_Section):
    """What is written down of who did what, and for how long.

    `content` adds what was asked and answered, as far as `store.traces` lets it be kept. Lines go
    after `days`; None keeps them.
    """

    enabled: bool = True
    content: bool = False
    days: Annotated[float, Field(gt=0.0)] | None = 365.0


class RedactionSettings(_Section):
    """What is blotted out of texts before they are kept, in traces and in the audit log.

    `kinds` are patterns that are known: "email", "phone", "key"; `patterns` are more of them, by
    name. `milliseconds` is how long one pattern may search one text; what takes longer is blotted
    out whole.
    """

    kinds: tuple[Literal["email", "phone", "key"], ...] = ()
    patterns: Annotated[dict[str, str], Field(max_length=32)] = {}
    milliseconds: Annotated[int, Field(ge=1, le=1000)] = 20


class DocumentSettings(_Section):
    """What is refused when files are read, so that no file holds everything up.

    Sizes are of one file. `file_mb` is not asked of JSON Lines, which are read line by line;
    `unpacked_mb` is what a .docx may unpack to, `pages` what a PDF may have, `nesting` how deep
    elements of a page and tables may lie in each other, and `memory_mb` and `seconds` what
    reading one file may take.
    """

    file_mb: Annotated[int, Field(ge=1)] = 200
    unpacked_mb: Annotated[int, Field(ge=1)] = 500
    pages: Annotated[int, Field(ge=1)] = 5000
    nesting: Annotated[int, Field(ge=1)] = 256
    seconds: Annotated[float, Field(gt=0.0)] = 120.0
    memory_mb: Annotated[int, Field(ge=64)] = 2000


class ServeSettings(_Section):
    """Where the service listens, and to whom.

    Whoever calls must send the key that the environment variable `key_env` or the file `key_file`
    holds, as a bearer token; without one there is no service but on loopback. Told to end, it
    says for `drain_seconds` that it is not ready, takes nothing more after that, and has
    `finish_seconds` for what was begun. Of more than `connections` those are closed that have
    waited longest without a request; and so is one whose client takes more than `head_seconds`
    for the head of a request, sends a body at a snail's pace, or does not take its answer.
    """

    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 8600
    key_env: str | None = None
    key_file: Path | None = None
    drain_seconds: Annotated[float, Field(ge=0.0)] = 0.0
    finish_seconds: Annotated[int, Field(ge=0)] = 60
    connections: Annotated[int, Field(ge=1)] = 700
    head_seconds: Annotated[float, Field(gt=0.0)] = 10.0


class KeySettings(_Section):
    """What keys are kept by: the server's own secret, without which none of them can be checked.

    It is what the environment variable `secret_env` or the file `secret_file` holds; where neither
    is named, a file of the home that is made when the first key is. Services that share a database
    share the secret, too.
    """

    secret_env: str | None = None
    secret_file: Path | None = None


class StoreSettings(_Section):
    """What the service keeps, and where.

    `url` names a database in the place of `service.sqlite` in the home: postgresql://USER@HOST/NAME,
    without a password, which belongs into PGPASSWORD or ~/.pgpass. `traces` says how much of an
    answer is kept: "full", "no_passages", "no_text", or "off", nothing; `trace_days` for how long,
    `trace_count` how many of each tenant. `reply_hours` is for how long a request may be repeated
    with its Idempotency-Key.
    """

    url: str | None = None
    traces: Literal["full", "no_passages", "no_text", "off"] = "full"
    trace_days: Annotated[float, Field(gt=0.0)] = 30.0
    trace_count: Annotated[int, Field(ge=1)] = 100_000
    reply_hours: Annotated[float, Field(gt=0.0)] = 24.0


class OpenAISettings(_Section):
    """How the service speaks to clients of OpenAI's interface.

    `model` is what the service is called there, and `profile` how it shows its sources to whoever
    does not say otherwise: "strict" as the interface has it, "openwebui" by that frontend's own
    events, "librechat" as Markdown. `task_header` names the header that tells a frontend's own
    errands, such as titles, from questions. No answer is longer than `max_tokens`, whatever a
    client asks for.
    """

    model: Annotated[str, Field(pattern=r"^[^:\s]+$")] = "rag-router"
    profile: Literal["strict", "openwebui", "librechat"] = "strict"
    task_header: Annotated[str, Field(min_length=1)] = "X-Task"
    max_tokens: Annotated[int, Field(ge=1)] = 1024


class Settings(_Section):
    """Everything that can be set; the default answers questions on a bare machine.

    `trust` says how far each index is trusted, by its name, and under "given" how far passages
    that come with a question are: 1, which is the default, to 0, whose passages are read but
    never amplified. An index that `trust` does not name, and that holds anything which came over
    the API, is trusted as `upload_trust` says. `experts` are who may answer, and `expert_router`
    chooses among them, unless a `fusion` lets several of them answer together; where there are
    none, `generator` answers everything.
    """

    home: Path = Field(default_factory=default_home)
    indexes: tuple[str, ...] | None = None
    trust: dict[str, Annotated[float, Field(ge=0.0, le=1.0)]] = {}
    upload_trust: Annotated[float, Field(ge=0.0, le=1.0)] = 0.0
    seed: int = 0
    generator: GeneratorSettings = GeneratorSettings()
    experts: tuple[ExpertSettings, ...] = ()
    expert_router: Component = Component(name="self_knowledge")
    fusion: FusionSettings | None = None
    pool: PoolSettings = PoolSettings()
    embedder: EmbedderSettings = EmbedderSettings()
    proxy: ProxySettings = ProxySettings()
    gate: Component = Component(name="p_ik")
    retriever: Component = Component(name="fused")
    filters: tuple[Component, ...] = (
        Component(name="instructions"),
        Component(name="learned"),
        Component(name="redundancy"),
        Component(name="budget"),
    )
    decoder: Component = Component(name="plain")
    policy: PolicySettings = PolicySettings()
    verify: VerifySettings | None = None
    limits: LimitSettings = LimitSettings()
    documents: DocumentSettings = DocumentSettings()
    serve: ServeSettings = ServeSettings()
    keys: KeySettings = KeySettings()
    openai: OpenAISettings = OpenAISettings()
    store: StoreSettings = StoreSettings()
    audit: AuditSettings = AuditSettings()
    redaction: RedactionSettings = RedactionSettings()
    tenants: dict[str, TenantSettings] = {}

    @field_validator("experts")
    @classmethod
    def _each_once(cls, experts: tuple[ExpertSettings, ...]) -> tuple[ExpertSettings, ...]:
        names = [one.name for one in experts]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"two experts are called {twice[0]!r}; give each a name of its own")
        return experts


def load_settings(
    path: Path | None = None, environment: Mapping[str, str] | None = None
) -> Settings:
    """Read settings from a file and the environment; the environment wins.

    Args:
        path: A TOML file; None reads the environment only.
        environment: Defaults to the process's.

    Raises:
        SettingsError: the file cannot be read, or a key or value is wrong; says where.
    """
    text = ""
    if path is not None:
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as exc:
            raise SettingsError(f"settings cannot be read from {path}: {exc}.") from exc
    try:
        tree = tomllib.loads(text)
    except tomllib.TOMLDecodeError as exc:
        raise SettingsError(f"{path} is not valid TOML: {exc}.") from exc
    given = os.environ if environment is None else environment
    variables = _from_environment(given)
    for keys, value, _ in variables:
        _set(tree, keys, value)
    try:
        return Settings.model_validate(tree)
    except ValidationError as exc:
        problem = exc.errors()[0]
        keys = tuple(str(part) for part in problem["loc"])
        raise _explained(_where(path, text, variables, keys), keys, dict(problem)) from exc


def _explained(where: str, keys: tuple[str, ...], problem: dict[str, Any]) -> SettingsError:
    dotted = ".".join(keys)
    if problem["type"] == "extra_forbidden":
        return SettingsError(
            f"{where}: no setting is called {dotted!r}.",
            hint=did_you_mean(keys[-1], _known_keys(keys[:-1]), "setting"),
        )
    return SettingsError(f"{where}: {dotted}: {problem['msg']} (saw {problem.get('input')!r}).")


def _known_keys(parents: tuple[str, ...]) -> list[str]:
    section: type[BaseModel] = Settings
    # Of the entries of a list all have the same keys, whatever their number.
    for parent in (one for one in parents if not one.isdigit()):
        if parent not in section.model_fields:
            continue  # the name of one of several, such as a tenant
        annotation = section.model_fields[parent].annotation
        options = (annotation, *get_args(annotation))
        found = [o for o in options if isinstance(o, type) and issubclass(o, BaseModel)]
        if not found:
            return []
        section = found[0]
    return list(section.model_fields)


def _from_environment(
    environment: Mapping[str, str],
) -> list[tuple[tuple[str, ...], Any, str]]:
    found = []
    for name, text in sorted(environment.items()):
        if name.startswith(_PREFIX) and name not in _NOT_SETTINGS:
            keys = tuple(name.removeprefix(_PREFIX).lower().split("__"))
            found.append((keys, _as_toml(text), name))
    return found


def _as_toml(text: str) -> Any:
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def _set(tree: dict[str, Any], keys: tuple[str, ...], value: Any) -> None:
    for key in keys[:-1]:
        child = tree.setdefault(key, {})
        if not isinstance(child, dict):
            raise SettingsError(f"{_PREFIX}{'__'.join(keys).upper()}: {key!r} has no parts.")
        tree = child
    tree[keys[-1]] = value


def _where(
    path: Path | None,
    text: str,
    variables: Sequence[tuple[tuple[str, ...], Any, str]],
    keys: tuple[str, ...],
) -> str:
    """Say who set the key: a variable, a line of the file, or whoever began its table.

    A key that is missing was set by nobody; what else stands in its table is to blame.
    """
    for parents, _, name in variables:
        if keys[: len(parents)] == parents:
            return name
    if (line := _line_where_begins(text, keys)) is not None:
        return f"{path}:{line}"
    for count in range(len(keys) - 1, 0, -1):
        if (line := _line_where_begins(text, keys[:count])) is not None:
            return f"{path}:{line}"
    beside = (name for others, _, name in variables if others[:1] == keys[:1])
    return next(beside, str(path))


def _line_where_begins(text: str, keys: tuple[str, ...]) -> int | None:
    """Line where the first prefix of the file that has the setting ends; None if none has.

    tomllib keeps no positions, but it can tell whether a prefix of the file is whole; a key
    begins on the first line after the longest whole prefix without it.
    """
    lines = text.splitlines(keepends=True)
    begins = 1
    for count in range(1, len(lines) + 1):
        try:
            tree = tomllib.loads("".join(lines[:count]))
        except tomllib.TOMLDecodeError:
            continue
        if _has(tree, keys):
            return begins if lines[begins - 1].strip() else count
        begins = count + 1
    return None


def _has(tree: Any, keys: tuple[str, ...]) -> bool:
    for key in keys:
        if isinstance(tree, list) and key.isdigit() and int(key) < len(tree):
            tree = tree[int(key)]
        elif isinstance(tree, dict) and key in tree:
            tree = tree[key]
        else:
            return False
    return True
