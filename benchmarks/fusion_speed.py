"""How long a token of several experts takes, against one of them alone.

Prompts are read before; what is timed is the decoding loop, the arithmetic of the fusion and the
choice of the token included. What is compared takes turns, so that a machine that is busy with
something else is as busy with both.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import torch

from rag_router.assembly import load_expert
from rag_router.cli.options import fetch_announced
from rag_router.experts import Expert
from rag_router.experts.fusion import FUSIONS, TokenFusion
from rag_router.experts.fusion.decoding import Shared, decode_together
from rag_router.experts.fusion.ensemble import Ensemble
from rag_router.models.adapters import adapted
from rag_router.models.base import CausalModel
from rag_router.models.causal import TransformersModel
from rag_router.models.low_rank import LowRank
from rag_router.models.prompts import closed_book_prompt
from rag_router.models.streams import OneStream, Task, decode, start
from rag_router.settings import Settings

__all__ = ["PAIRS", "TOKEN_FUSIONS", "joined", "speeds"]

PAIRS: Final = ("two models", "base and adapter", "two adapters")
TOKEN_FUSIONS: Final = ("mixture", "product", "logits_fusion")

_QUESTIONS: Final = (
    "Who wrote the play Hamlet?",
    "What is the capital of Australia?",
    "Which planet has the most moons?",
    "In which year did the Berlin Wall fall?",
    "Who painted the Night Watch?",
    "What is the longest river in France?",
    "Which gas do plants take in?",
    "Who was the first person on the Moon?",
)
_RANK: Final = 8
_CLOSED: Final = OneStream("closed")


def speeds(
    settings: Settings,
    *,
    tokens: int,
    rounds: int,
    rows: Sequence[int],
    pairs: Sequence[str] = PAIRS,
    fusions: Sequence[str] = TOKEN_FUSIONS,
    seconds: float = float("inf"),
) -> dict[str, Any]:
    """Time one expert and two, batch by batch.

    Args:
        settings: Of the experts.
        tokens: Decoded in each round.
        rounds: How often each is timed at most.
        rows: Sizes of batches.
        pairs: Which pairs of experts, of `PAIRS`.
        fusions: Which fusions of tokens.
        seconds: After which no further round of a pair and a batch is begun; one always is.

    Returns:
        For each number of rows: milliseconds a token of one expert, and, for each pair and
        fusion, milliseconds and the median of the ratios of the rounds.
    """
    first = load_expert(settings, fetch=fetch_announced)
    models = _models(settings, first, pairs)
    out: dict[str, Any] = {}
    for count in rows:
        asked = [_QUESTIONS[n % len(_QUESTIONS)] for n in range(count)]
        line: dict[str, Any] = {}
        for pair in pairs:
            alone = _alone(first, models[pair][0], asked, tokens)
            runs = {name: _together(first, models[pair], asked, tokens, name) for name in fusions}
            line[pair] = _compared(alone, runs, rounds, seconds) | {"tokens": tokens}
            print(count, pair, line[pair], flush=True)
        out[str(count)] = line
    return out


def joined(before: Mapping[str, Any], now: Mapping[str, Any]) -> dict[str, Any]:
    """Figures of two runs: what was timed now takes the place of the same before."""
    return dict(before) | {
        count: dict(before.get(count, {}))
        | {
            pair: dict(before.get(count, {}).get(pair, {})) | dict(found)
            for pair, found in line.items()
        }
        for count, line in now.items()
    }


def _models(
    settings: Settings, first: Expert, pairs: Sequence[str]
) -> dict[str, tuple[CausalModel, CausalModel]]:
    """The models of each pair; a second one is loaded only where a pair asks for it."""
    base = first.model
    assert isinstance(base, TransformersModel)
    one, other = (
        adapted(base, _random_adapter(base, seed), name=f"adapter {seed}") for seed in (1, 2)
    )
    found: dict[str, tuple[CausalModel, CausalModel]] = {
        "base and adapter": (base, one),
        "two adapters": (one, other),
    }
    if "two models" in pairs:
        found["two models"] = (base, load_expert(settings, fetch=fetch_announced).model)
    return found


def _compared(
    alone: Callable[[], float],
    runs: Mapping[str, Callable[[], float]],
    rounds: int,
    seconds: float = float("inf"),
    clock: Callable[[], float] = time.perf_counter,
) -> dict[str, Any]:
    ends = clock() + seconds
    for run in (alone, *runs.values()):
        run()  # the first one warms up
    took: dict[str, list[float]] = {"one": [], **{name: [] for name in runs}}
    for done in range(rounds):
        if done and clock() >= ends:
            break
        took["one"].append(alone())
        for name, run in runs.items():
            took[name].append(run())
    found: dict[str, Any] = {
        "one_ms": round(statistics.median(took["one"]), 2),
        "rounds": len(took["one"]),
    }
    for name in runs:
        ratios = [a / b for a, b in zip(took[name], took["one"], strict=True)]
        found[name] = {
            "ms": round(statistics.median(took[name]), 2),
            "ratio": round(statistics.median(ratios), 3),
        }
    return found


def _alone(
    expert: Expert, model: CausalModel, asked: Sequence[str], tokens: int
) -> Callable[[], float]:
    tasks = _tasks(expert, model, asked, tokens)
    return lambda: _ms(lambda: decode(model, tasks))


def _together(
    expert: Expert,
    models: tuple[CausalModel, CausalModel],
    asked: Sequence[str],
    tokens: int,
    name: str,
) -> Callable[[], float]:
    fusion = FUSIONS.build(name)
    assert isinstance(fusion, TokenFusion)
    ensemble = Ensemble({"one": models[0], "other": models[1]})
    leading, following = (_tasks(expert, model, asked, tokens) for model in models)
    shared = [
        Shared(task=task, others={"other": then.streams}, weights=(0.5, 0.5))
        for task, then in zip(leading, following, strict=True)
    ]
    return lambda: _ms(lambda: decode_together(ensemble, shared, fusion=fusion))


def _ms(run: Callable[[], Sequence[Any]]) -> float:
    """Milliseconds a token of each row: rows that end early would be counted as they are."""
    begun = time.perf_counter()
    said = run()
    steps = max(len(one.tokens) for one in said)
    return (time.perf_counter() - begun) * 1000 / steps


def _tasks(expert: Expert, model: CausalModel, asked: Sequence[str], tokens: int) -> list[Task]:
    prompts = [closed_book_prompt(model, expert.style, question) for question in asked]
    read = start(model.prefill([prompt.ids for prompt in prompts]))
    # Nothing stops them: behind an answer, further questions and answers follow.
    return [
        Task(streams={"closed": stream}, strategy=_CLOSED, max_new_tokens=tokens, stop=())
        for stream in read
    ]


def _random_adapter(base: TransformersModel, seed: int) -> LowRank:
    """An adapter over every linear layer but the last, whose weights are small and random."""
    draw = torch.Generator().manual_seed(seed)
    matrices = {
        name: (
            torch.randn((_RANK, layer.in_features), generator=draw) * 0.02,
            torch.randn((layer.out_features, _RANK), generator=draw) * 0.02,
        )
        for name, layer in base.network.named_modules()
        if isinstance(layer, torch.nn.Linear) and "lm_head" not in name
    }
    return LowRank(name=f"random {seed}", fingerprint=f"random {seed}", matrices=matrices)
