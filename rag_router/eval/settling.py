"""Letting every strategy settle every dispute, after one reading of each prompt.

Each prompt is read once for each dispute, and only if a strategy asks for it; the strategies are
rows of one batch that go on from there, so that none sees other caches than another. What was said
is kept under all that it depends on.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from rag_router import __version__
from rag_router.artefacts import fingerprint_of, identity_of
from rag_router.decoders.null_prompts import (
    NullEntropies,
    null_entropies,
    wants_null_entropies,
    with_null_entropies,
)
from rag_router.eval.disputes import Dispute
from rag_router.experts import Expert
from rag_router.experts.reading import Prompts, prompts_with_passages, read_prompts
from rag_router.models.prompts import closed_book_prompt
from rag_router.models.streams import (
    Facts,
    Role,
    Started,
    Strategy,
    Task,
    decode,
    facts_read,
    layers_of,
)
from rag_router.outcomes import RecordCache

__all__ = ["measured", "ms_per_token", "settle"]

OnProgress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class _Read:
    """A dispute whose prompts have been read."""

    streams: Mapping[Role, Started]
    stop: tuple[str, ...]
    facts: Facts

    def task(self, strategy: Strategy, max_new_tokens: int) -> Task:
        return Task(
            streams={role: self.streams[role] for role in strategy.streams},
            strategy=strategy,
            facts=facts_read(strategy, self.facts),
            max_new_tokens=max_new_tokens,
            stop=self.stop,
        )


def measured(
    strategies: Mapping[str, Strategy], expert: Expert, *, cache: RecordCache | None = None
) -> dict[str, Strategy]:
    """Return the strategies with the null entropies that they leave open, as the service would.

    Args:
        strategies: By name.
        expert: Who answers.
        cache: Where entropies are kept.
    """
    if not any(map(wants_null_entropies, strategies.values())):
        return dict(strategies)
    key = fingerprint_of(
        "null_entropies", expert.model.fingerprint, expert.style.contextual_fingerprint
    )
    known = cache.get_json([key]) if cache is not None else {}
    if key not in known:
        known[key] = [*null_entropies(expert.model, expert.style)]
        if cache is not None:
            cache.put_json("null_entropies", known)
    entropies = NullEntropies(*known[key])
    return {name: with_null_entropies(one, entropies) for name, one in strategies.items()}


def settle(
    strategies: Mapping[str, Strategy],
    expert: Expert,
    disputes: Sequence[Dispute],
    *,
    facts: Sequence[Facts] | None = None,
    cache: RecordCache | None = None,
    max_new_tokens: int = 24,
    batch_size: int = 4,
    on_progress: OnProgress | None = None,
) -> dict[str, list[str]]:
    """Return what each strategy answers to each dispute.

    Args:
        strategies: By name.
        expert: Who answers.
        disputes: Questions with their passages.
        facts: What is known about each; None knows nothing.
        cache: Where answers are kept.
        max_new_tokens: Longest answer.
        batch_size: Disputes at a time; the rows of a step are up to three times that for each
            strategy.
        on_progress: Hears (done, all).
    """
    known_facts = [Facts()] * len(disputes) if facts is None else list(facts)
    prompts = [_prompts(expert, dispute, strategies.values()) for dispute in disputes]
    keys = {
        name: [
            _key(expert, strategy, one, fact, max_new_tokens)
            for one, fact in zip(prompts, known_facts, strict=True)
        ]
        for name, strategy in strategies.items()
    }
    known: dict[str, str] = {}
    if cache is not None:
        known = cache.get_json([key for line in keys.values() for key in line])
    todo = [
        row for row in range(len(disputes)) if any(line[row] not in known for line in keys.values())
    ]
    todo.sort(key=lambda row: len(prompts[row]["context"].ids))
    for at in range(0, len(todo), batch_size):
        rows = todo[at : at + batch_size]
        asking = {n: s for n, s in strategies.items() if any(keys[n][r] not in known for r in rows)}
        read = _read(
            expert,
            [prompts[row] for row in rows],
            [known_facts[row] for row in rows],
            asking.values(),
        )
        wanted = [
            (name, row, one)
            for name in asking
            for row, one in zip(rows, read, strict=True)
            if keys[name][row] not in known
        ]
        answers = decode(
            expert.model, [one.task(strategies[name], max_new_tokens) for name, _, one in wanted]
        )
        fresh = {
            keys[name][row]: answer.text
            for (name, row, _), answer in zip(wanted, answers, strict=True)
        }
        if cache is not None:
            cache.put_json("settled", fresh)
        known |= fresh
        if on_progress is not None:
            on_progress(len(disputes) - len(todo) + at + len(rows), len(disputes))
    return {name: [known[key] for key in line] for name, line in keys.items()}


def ms_per_token(
    strategies: Mapping[str, Strategy],
    expert: Expert,
    disputes: Sequence[Dispute],
    *,
    machine: str = "",
    cache: RecordCache | None = None,
    max_new_tokens: int = 24,
    batch_size: int = 4,
) -> dict[str, float]:
    """Decode a few disputes with each strategy alone; return milliseconds per generated token.

    The prompts' reading is not counted. The strategies take turns at each batch, after one that
    warms up, so that none has the machine at a better time. Where nothing was generated there is
    no figure.

    Args:
        strategies: By name.
        expert: Who answers.
        disputes: A few; the first batch is for warming up and is not counted.
        machine: What it runs on; times of another machine are not taken for its own.
        cache: Where times are kept.
        max_new_tokens: Longest answer.
        batch_size: Disputes at a time.
    """
    prompts = [_prompts(expert, one, strategies.values()) for one in disputes]
    keys = {
        name: fingerprint_of(
            "ms_per_token",
            machine,
            str(batch_size),
            *(_key(expert, strategy, one, Facts(), max_new_tokens) for one in prompts),
        )
        for name, strategy in strategies.items()
    }
    known = cache.get_json(list(keys.values())) if cache is not None else {}
    untimed = {name: one for name, one in strategies.items() if keys[name] not in known}
    if untimed:
        fresh = _timed(untimed, expert, prompts, max_new_tokens, batch_size)
        if cache is not None:
            cache.put_json("ms_per_token", {keys[name]: ms for name, ms in fresh.items()})
        known |= {keys[name]: ms for name, ms in fresh.items()}
    return {name: known[key] for name, key in keys.items() if known[key] is not None}


def _timed(
    strategies: Mapping[str, Strategy],
    expert: Expert,
    prompts: Sequence[Prompts],
    max_new_tokens: int,
    batch_size: int,
) -> dict[str, float | None]:
    spent = dict.fromkeys(strategies, 0.0)
    tokens = dict.fromkeys(strategies, 0)
    for at in range(0, len(prompts), batch_size):
        some = prompts[at : at + batch_size]
        read = _read(expert, some, [Facts()] * len(some), strategies.values())
        for name, strategy in strategies.items():
            begin = time.perf_counter()
            answers = decode(expert.model, [one.task(strategy, max_new_tokens) for one in read])
            if at or len(prompts) <= batch_size:
                spent[name] += time.perf_counter() - begin
                tokens[name] += sum(len(answer.tokens) for answer in answers)
    return {
        name: 1000 * spent[name] / tokens[name] if tokens[name] else None for name in strategies
    }


def _prompts(expert: Expert, dispute: Dispute, strategies: Iterable[Strategy]) -> Prompts:
    text = dispute.question.text
    roles = [role for strategy in strategies for role in strategy.streams]
    return {
        "closed": closed_book_prompt(expert.model, expert.style, text),
        **prompts_with_passages(expert, text, dispute.passages, roles),
    }


def _read(
    expert: Expert,
    prompts: Sequence[Prompts],
    facts: Sequence[Facts],
    strategies: Iterable[Strategy],
) -> list[_Read]:
    """Read what these strategies ask for: the question alone, then all that shows passages."""
    asking = list(strategies)
    roles = {role for strategy in asking for role in strategy.streams}
    layers = {role for strategy in asking for role in layers_of(strategy)}
    alone, beside = (
        read_prompts(
            expert,
            [{role: put for role, put in one.items() if role in side} for one in prompts],
            layers=bool(layers & side),
        )
        for side in (roles & {"closed"}, roles - {"closed"})
    )
    return [
        _Read({**closed, **others}, one["context"].stop, fact)
        for closed, others, one, fact in zip(alone, beside, prompts, facts, strict=True)
    ]


def _key(
    expert: Expert,
    strategy: Strategy,
    prompts: Prompts,
    facts: Facts,
    max_new_tokens: int,
) -> str:
    abstaining = (repr(prompts["abstain"].ids),) if "abstain" in strategy.streams else ()
    return fingerprint_of(
        "settled",
        __version__,
        expert.model.fingerprint,
        repr(prompts["closed"].ids),
        repr(prompts["context"].ids),
        repr(prompts["context"].stop),
        identity_of(strategy),
        identity_of(facts_read(strategy, facts)),
        str(max_new_tokens),
        *abstaining,
    )
