"""How an adapter of a language model is trained: low-rank matrices, loss on the answers alone.

Low-rank adaptation (Hu et al. 2021, "LoRA", arXiv 2106.09685): beside a frozen matrix W of shape
(out, in) stand A (rank, in) and B (out, rank), and the layer computes

    W x + (alpha / rank) B A x

with B zero at first, so that a new adapter changes nothing. What is learned is the negative
log-likelihood of the answers' tokens; prompts are read and never predicted, as for answers from
passages in Yoran et al. 2024 (arXiv 2310.01558). The learning rate rises and then falls to 0,
with the steps that are planned or with the time that is given, whichever ends first. Questions
kept apart are judged now and then, and the best adapter is kept, which may be the one that
changes nothing.

Every step draws what it draws from a seed of its own, and batches follow from the epoch alone:
a training that was killed goes on as if nothing had happened, to the last bit where time did not
bind.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from rag_router.errors import DataError, ModelError
from rag_router.models.adapter_batches import batches_of_epoch, batches_to_judge
from rag_router.models.adapter_checkpoints import Checkpoint, load_checkpoint, save_checkpoint
from rag_router.models.adapter_networks import adapted_copy, as_json, computing, let_drop
from rag_router.models.adapter_rows import TrainingRow
from rag_router.models.adapter_settings import AdapterTraining
from rag_router.models.adapter_steps import UNASKED, answer_scores

if TYPE_CHECKING:
    from torch import Tensor

    from rag_router.models.base import CausalModel

__all__ = ["Judgement", "TrainedAdapter", "train_generator_adapter"]

OnProgress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Judgement:
    """How good an adapter is on the rows kept apart.

    Attributes:
        step: Steps done before.
        learned: Mean loss of the steps since the last judgement, in nats a token; that of the
            rows kept apart at step 0.
        loss: Mean negative log-likelihood of a token of the answers, in nats.
        exact: Share of rows whose answer the model gives token for token, in [0, 1].
    """

    step: int
    learned: float
    loss: float
    exact: float


@dataclass(frozen=True, slots=True, eq=False)
class TrainedAdapter:
    """What training made.

    Attributes:
        weights: Matrices of the best adapter, float32, by their names in PEFT's layout.
        config: PEFT's description of the adapter, as `adapter_config.json` holds it.
        judgements: In their order; the first one is of no adapter.
        best: Steps after which the kept adapter was made; 0 where none was better than none.
        steps: Steps that were done.
        planned: Steps that all epochs would take.
        seconds: Time taken, pauses left out.
        precision: Of the frozen weights.
    """

    weights: dict[str, Tensor]
    config: dict[str, Any]
    judgements: tuple[Judgement, ...]
    best: int
    steps: int
    planned: int
    seconds: float
    precision: str


def train_generator_adapter(
    model: CausalModel,
    rows: Sequence[TrainingRow],
    judged: Sequence[TrainingRow],
    training: AdapterTraining | None = None,
    *,
    identity: Mapping[str, str] | None = None,
    checkpoints: Path | None = None,
    on_progress: OnProgress | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> TrainedAdapter:
    """Train an adapter; the model stays as it is.

    Args:
        model: Over which the adapter lies; it is copied.
        rows: What is learned from.
        judged: Rows kept apart, by which the best adapter is chosen.
        training: How.
        identity: What else the training depends on, such as the model and the data.
        checkpoints: Folder from which a killed training goes on; None keeps nothing.
        on_progress: Told steps done and in all.
        clock: Seconds that only ever grow.

    Raises:
        ArtefactError: the folder holds a broken checkpoint, or one of another training.
        DataError: there is nothing to learn from or to judge by.
        ModelError: the model cannot be adapted.
        UnavailableError: PEFT is not installed.
    """
    how = training or AdapterTraining()
    if not rows or not judged:
        raise DataError(
            f"{len(rows)} rows to learn from and {len(judged)} to judge by are not enough.",
            hint="Give more questions with short answers.",
        )
    # Dropout and new matrices draw; whatever else draws in this process is left alone.
    with torch.random.fork_rng(devices=[]):
        run = _Run(model, rows, judged, how)
        if checkpoints is not None:
            kept = load_checkpoint(checkpoints, {**(identity or {}), **how.identity})
            if kept is not None:
                run.go_on_from(kept)
        return run.to_its_end({**(identity or {}), **how.identity}, checkpoints, on_progress, clock)


class _Run:
    """A training under way."""

    def __init__(
        self,
        model: CausalModel,
        rows: Sequence[TrainingRow],
        judged: Sequence[TrainingRow],
        how: AdapterTraining,
    ) -> None:
        torch.manual_seed(how.seed)
        self._rows, self._judged, self._how, self._name = rows, judged, how, model.name
        self._adapted, self.precision = adapted_copy(model, how)
        self._network: Any = self._adapted.get_base_model()
        self._weights: dict[str, Any] = {
            name: weight for name, weight in self._network.named_parameters() if "lora_" in name
        }
        self._optimiser = torch.optim.AdamW(
            self._weights.values(), lr=how.learning_rate, weight_decay=0.0
        )
        self._step = 0
        self._elapsed = 0.0
        self._judgements: list[Judgement] = []
        self._best: dict[str, Tensor] = {}
        self._since: list[float] = []
        self._per_epoch = len(batches_of_epoch(rows, how.batch_size, seed=how.seed, epoch=0))
        self._planned = how.epochs * self._per_epoch

    def to_its_end(
        self,
        identity: Mapping[str, str],
        checkpoints: Path | None,
        on_progress: OnProgress | None,
        clock: Callable[[], float],
    ) -> TrainedAdapter:
        started = clock() - self._elapsed
        if not self._judgements:
            self._judge()
        batches: list[list[int]] = []
        while not self._done():
            place = self._step % self._per_epoch
            if not batches:
                batches = batches_of_epoch(
                    self._rows,
                    self._how.batch_size,
                    seed=self._how.seed,
                    epoch=self._step // self._per_epoch,
                )
            self._learn([self._rows[number] for number in batches[place]])
            if place + 1 == self._per_epoch:
                batches = []
            self._elapsed = clock() - started
            if on_progress is not None:
                on_progress(self._step, self._planned)
            over = self._step >= self._planned or self._late()
            if over or self._step % self._how.judge_steps == 0:
                self._judge()
                self._elapsed = clock() - started
            if checkpoints is not None and (
                self._judgements[-1].step == self._step
                or self._step % self._how.checkpoint_steps == 0
            ):
                save_checkpoint(checkpoints, self._checkpoint(identity))
        return self._trained()

    def _done(self) -> bool:
        """Whether the last judgement was the last one."""
        last = self._judgements[-1].step
        unimproved = sum(one.step > self._best_step() for one in self._judgements)
        ended = self._step >= self._planned or self._late()
        return last == self._step and (ended or unimproved >= self._how.patience)

    def _late(self) -> bool:
        return self._how.minutes is not None and self._elapsed >= 60 * self._how.minutes

    def _best_step(self) -> int:
        return min(self._judgements, key=lambda one: one.loss).step

    def _learn(self, batch: Sequence[TrainingRow]) -> None:
        torch.manual_seed(_seed_of(self._how.seed, self._step))
        time_spent = 0.0 if self._how.minutes is None else self._elapsed / (60 * self._how.minutes)
        share = max(self._step / self._planned, time_spent)
        for group in self._optimiser.param_groups:
            group["lr"] = self._how.learning_rate * _height(share, self._how.warmup)
        let_drop(self._network, on=True)
        with computing(self._network, self.precision):
            logits, targets = answer_scores(self._network, batch)
        loss = torch.nn.functional.cross_entropy(
            logits.flatten(0, 1), targets.flatten(), ignore_index=UNASKED
        )
        value = float(loss.detach())
        if not math.isfinite(value):
            raise ModelError(
                f"the loss of step {self._step + 1} is {value}.",
                hint="Use a lower learning rate, or precision float32.",
            )
        self._optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
        torch.nn.utils.clip_grad_norm_(self._weights.values(), self._how.max_norm)
        self._optimiser.step()
        self._since.append(value)
        self._step += 1

    def _judge(self) -> None:
        let_drop(self._network, on=False)
        nats, tokens, exact = 0.0, 0, 0
        with torch.no_grad():
            for numbers in batches_to_judge(self._judged, self._how.batch_size):
                some = [self._judged[number] for number in numbers]
                with computing(self._network, self.precision):
                    logits, targets = answer_scores(self._network, some)
                asked = targets != UNASKED
                lost = torch.nn.functional.cross_entropy(
                    logits.flatten(0, 1), targets.flatten(), ignore_index=UNASKED, reduction="sum"
                )
                nats, tokens = nats + float(lost), tokens + int(asked.sum())
                # Greedy decoding says the answer exactly where every token is the likeliest one.
                exact += int(((logits.argmax(dim=2) == targets) | ~asked).all(dim=1).sum())
        loss = nats / tokens
        learned = sum(self._since) / len(self._since) if self._since else loss
        self._judgements.append(Judgement(self._step, learned, loss, exact / len(self._judged)))
        self._since = []
        if self._best_step() == self._step:
            self._best = {name: one.detach().clone() for name, one in self._weights.items()}

    def _checkpoint(self, identity: Mapping[str, str]) -> Checkpoint:
        tensors = {f"weights/{name}": one for name, one in self._weights.items()}
        tensors |= {f"best/{name}": one for name, one in self._best.items()}
        for name, weight in self._weights.items():
            moments = self._optimiser.state[weight]
            tensors[f"mean/{name}"] = moments["exp_avg"]
            tensors[f"square/{name}"] = moments["exp_avg_sq"]
        return Checkpoint(
            step=self._step,
            identity=identity,
            state={
                "elapsed_s": self._elapsed,
                "since": self._since,
                "judgements": [asdict(one) for one in self._judgements],
            },
            tensors=tensors,
        )

    def go_on_from(self, kept: Checkpoint) -> None:
        """Take up a training where it was left.

        The checkpoint's identity is that of this training, so that all names and shapes are too.
        """
        self._step, self._elapsed = kept.step, float(kept.state["elapsed_s"])
        self._since = [float(one) for one in kept.state["since"]]
        self._judgements = [Judgement(**one) for one in kept.state["judgements"]]
        self._best = {name: kept.tensors[f"best/{name}"] for name in self._weights}
        for name, weight in self._weights.items():
            weight.data.copy_(kept.tensors[f"weights/{name}"])
            self._optimiser.state[weight] = {
                "step": torch.tensor(float(kept.step)),
                "exp_avg": kept.tensors[f"mean/{name}"].to(weight.device),
                "exp_avg_sq": kept.tensors[f"square/{name}"].to(weight.device),
            }

    def _trained(self) -> TrainedAdapter:
        from peft import get_peft_model_state_dict

        for name, weight in self._weights.items():
            weight.data.copy_(self._best[name])
        found = get_peft_model_state_dict(self._adapted)
        return TrainedAdapter(
            weights={name: one.detach().float().cpu().clone() for name, one in found.items()},
            # PEFT notes a path of this machine, and whether it is being trained.
            config=as_json(self._adapted.peft_config["default"].to_dict())
            | {"base_model_name_or_path": self._name, "inference_mode": True},
            judgements=tuple(self._judgements),
            best=self._best_step(),
            steps=self._step,
            planned=self._planned,
            seconds=self._elapsed,
            precision=self.precision,
        )


def _height(share: float, warmup: float) -> float:
    """Share of the highest learning rate, after a share of the training in [0, 1]."""
    if share < warmup:
        # The first step is not made for nothing.
        return max(share / warmup, 0.05)
    return max(0.0, 1 - share) / (1 - warmup)


def _seed_of(seed: int, step: int) -> int:
    return (seed * 1_000_003 + step) % 2**63
