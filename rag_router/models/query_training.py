"""How a query adapter is trained: question and passage pairs against fixed passages.

The loss is that of RouterRetriever's experts (Lee et al. 2025, arXiv 2409.02685; van den Oord et
al. 2018, arXiv 1807.03748), with passages that are never embedded again:

    L(q) = -log( exp(cos(q, d+) / t) / sum over d in C: exp(cos(q, d) / t) )

C holds the positives of the batch, and hard negatives: passages that the base embedder ranks high
and nobody calls relevant (Karpukhin et al. 2020, arXiv 2004.04906). Other relevant passages of a
question are left out of its C. Training stops when the mean reciprocal rank of questions that are
kept apart no longer rises, and the best adapter is kept, which may be the one that changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass as plain_dataclass
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from pydantic.dataclasses import dataclass

from rag_router.component import STRICT
from rag_router.errors import DataError
from rag_router.models.query_adapters import adapted, weights_of

if TYPE_CHECKING:
    from torch import Tensor

    from rag_router.models.base import Embedder

__all__ = ["Pair", "QueryTraining", "Trained", "train_adapter"]

OnProgress = Callable[[int, int], None]


@plain_dataclass(frozen=True, slots=True)
class Pair:
    """A question and what it is to find.

    Attributes:
        question: Its text.
        relevant: Rows of passages that answer it, at least one.
        hard: Rows of passages that look as if they did, best first.
    """

    question: str
    relevant: tuple[int, ...]
    hard: tuple[int, ...] = ()


@plain_dataclass(frozen=True, slots=True, eq=False)
class Trained:
    """What training made.

    Attributes:
        weights: Matrices of the best adapter, by name.
        steps: For each epoch, the mean reciprocal rank on questions kept apart, in [0, 1]; the
            first is the base embedder's.
        best: The epoch that was kept; 0 where no adapter was better than none.
    """

    weights: dict[str, NDArray[np.float32]]
    steps: tuple[float, ...]
    best: int


@dataclass(frozen=True, kw_only=True, config=STRICT)
class QueryTraining:
    """Settings of the training.

    Args:
        rank: Of the matrices.
        alpha: What they are added with is alpha / rank.
        dropout: Before the matrices.
        learning_rate: Highest; it rises over the first tenth of the steps and falls to 0 then.
        batch_size: Questions in a step.
        epochs: Most times that all questions are seen.
        patience: Epochs without a better adapter before training stops.
        temperature: t of the loss.
        negatives: Hard negatives of a question in each step.
        apart: Share of questions kept apart to choose the best epoch by.
        seed: Of everything that is drawn.
    """

    rank: Annotated[int, Field(ge=1, le=256)] = 8
    alpha: Annotated[int, Field(gt=0)] = 32
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.05
    learning_rate: Annotated[float, Field(gt=0)] = 5e-4
    batch_size: Annotated[int, Field(ge=2)] = 32
    epochs: Annotated[int, Field(ge=1)] = 20
    patience: Annotated[int, Field(ge=1)] = 4
    temperature: Annotated[float, Field(gt=0)] = 0.05
    negatives: Annotated[int, Field(ge=0)] = 4
    apart: Annotated[float, Field(gt=0, lt=1)] = 0.2
    seed: int = 0


def train_adapter(
    embedder: Embedder,
    pairs: Sequence[Pair],
    passages: NDArray[np.float32],
    training: QueryTraining | None = None,
    *,
    on_progress: OnProgress | None = None,
) -> Trained:
    """Train an adapter; the embedder and its passages stay as they are.

    Args:
        embedder: Whose queries are adapted.
        pairs: At least 20.
        passages: Embeddings of all passages by the same embedder, shape (n, dimension).
        training: How.
        on_progress: Told steps done and in all.

    Raises:
        DataError: there are too few pairs.
        ModelError: the embedder cannot be adapted.
        UnavailableError: PEFT is not installed.
    """
    import torch

    how = training or QueryTraining()
    if len(pairs) < 20:
        raise DataError(
            f"an adapter learns from 20 questions with relevant passages; saw {len(pairs)}.",
            hint="Give more questions of the field.",
        )
    random = np.random.default_rng(how.seed)
    order = random.permutation(len(pairs))
    cut = max(2, round(how.apart * len(pairs)))
    judged, learned = [pairs[n] for n in order[:cut]], [pairs[n] for n in order[cut:]]
    # Matrices are drawn, and dropout draws; whatever else draws in this process is left alone.
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(how.seed)
        model: Any = adapted(embedder, rank=how.rank, alpha=how.alpha, dropout=how.dropout)
        weights = [weight for name, weight in model.named_parameters() if "lora_" in name]
        # The base weights belong to the embedder too; an adapter asks no gradient of them.
        optimiser = torch.optim.AdamW(weights, lr=how.learning_rate, weight_decay=0.01)
        per_epoch = -(-len(learned) // how.batch_size)
        total = how.epochs * per_epoch
        schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda n: _rate(n, total))
        bank = torch.from_numpy(np.ascontiguousarray(passages)).to(model.device)
        steps = [_reciprocal_rank(model, judged, bank)]
        best, kept = 0, weights_of(model)
        for epoch in range(1, how.epochs + 1):
            model.train()
            shuffled = random.permutation(len(learned))
            for number in range(per_epoch):
                rows = shuffled[number * how.batch_size : (number + 1) * how.batch_size]
                loss: Any = _loss(model, [learned[row] for row in rows], bank, how, random)
                optimiser.zero_grad()
                loss.backward()
                torch.nn.utils.clip_grad_norm_(weights, 1.0)
                optimiser.step()
                schedule.step()
                if on_progress is not None:
                    on_progress((epoch - 1) * per_epoch + number + 1, total)
            model.eval()
            steps.append(_reciprocal_rank(model, judged, bank))
            if steps[-1] > steps[best]:
                best, kept = epoch, weights_of(model)
            if epoch - best >= how.patience:
                break
    return Trained(weights=kept, steps=tuple(steps), best=best)


def _rate(step: int, total: int) -> float:
    rising = max(1, total // 10)
    return (
        (step + 1) / rising if step < rising else max(0.0, (total - step) / max(1, total - rising))
    )


def _loss(
    model: Any,
    batch: Sequence[Pair],
    bank: Tensor,
    how: QueryTraining,
    random: np.random.Generator,
) -> Tensor:
    import torch

    positives = [int(random.choice(pair.relevant)) for pair in batch]
    hard = [
        int(row)
        for pair in batch
        if pair.hard
        for row in random.choice(pair.hard, min(how.negatives, len(pair.hard)), replace=False)
    ]
    candidates = list(dict.fromkeys([*positives, *hard]))
    place = {row: at for at, row in enumerate(candidates)}
    logits = _encode(model, [pair.question for pair in batch]) @ bank[candidates].T
    logits = logits / how.temperature
    also = torch.zeros_like(logits, dtype=torch.bool)
    for at, (pair, positive) in enumerate(zip(batch, positives, strict=True)):
        for row in pair.relevant:
            if row in place and row != positive:
                also[at, place[row]] = True
    target = torch.tensor([place[row] for row in positives], device=logits.device)
    return torch.nn.functional.cross_entropy(logits.masked_fill(also, -torch.inf), target)


def _encode(model: Any, texts: Sequence[str]) -> Tensor:
    """Embed questions with gradients, shape (texts, dimension), of unit length."""
    import torch

    prompt = (model.prompts or {}).get("query") or None
    features = model.preprocess(list(texts), prompt=prompt)
    there = {
        name: value.to(model.device) if hasattr(value, "to") else value
        for name, value in features.items()
    }
    embedded: Tensor = model(there)["sentence_embedding"]
    return torch.nn.functional.normalize(embedded, dim=1)


def _reciprocal_rank(model: Any, pairs: Sequence[Pair], bank: Tensor) -> float:
    """Mean reciprocal rank of the best relevant passage among all, in [0, 1]."""
    import torch

    found = 0.0
    with torch.no_grad():
        for at in range(0, len(pairs), 32):
            some = pairs[at : at + 32]
            scores = _encode(model, [pair.question for pair in some]) @ bank.T
            for row, pair in zip(scores, some, strict=True):
                best = row[list(pair.relevant)].max()
                found += 1 / (1 + int((row > best).sum()))
    return found / len(pairs)
