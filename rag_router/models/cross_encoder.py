"""Cross-encoders: models that read question and passage together, through sentence-transformers.

Nogueira and Cho 2019, "Passage re-ranking with BERT", arXiv:1901.04085.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING, Any, Final, Protocol, runtime_checkable

from rag_router.errors import ModelError

if TYPE_CHECKING:
    from rag_router.models.store import LocalModel

__all__ = ["CrossEncoder", "Relevance", "SentenceCrossEncoder", "load_cross_encoder"]

BATCH_PAIRS: Final = 32

_DIGITS: Final = 5
"""Padding of a batch moves scores by about 1e-7; what is left is the same alone and in company."""


@dataclass(frozen=True, slots=True)
class Relevance:
    """What a cross-encoder says about a passage.

    Attributes:
        score: The higher, the more relevant; of most models in [0, 1].
        tokens: Of question and passage together, special tokens included.
        read: How many of them it read; fewer than `tokens` where the end was cut off.
    """

    score: float
    tokens: int
    read: int


@runtime_checkable
class CrossEncoder(Protocol):
    """Judges questions and passages in pairs."""

    @property
    def name(self) -> str: ...

    def judge(self, pairs: Sequence[tuple[str, str]]) -> list[Relevance]:
        """Judge pairs of question and passage, in batches; rows do not influence each other."""


class SentenceCrossEncoder:
    """A sentence-transformers cross-encoder with one output.

    May be used from several threads; they take turns.

    Args:
        model: The loaded model; `load_cross_encoder` makes one.
        name: What it is called.
        fingerprint: Of its source files; binds what is learned about its scores.
    """

    def __init__(self, model: Any, *, name: str, fingerprint: str = "") -> None:
        self._model = model
        self._name = name
        self._fingerprint = fingerprint
        self._turn = Lock()

    @property
    def name(self) -> str:
        return self._name

    @property
    def fingerprint(self) -> str:
        return self._fingerprint

    @property
    def bounded(self) -> bool:
        """Whether scores are probabilities; otherwise they are any numbers, as log-odds are."""
        import torch

        return isinstance(self._model.activation_fn, torch.nn.Sigmoid)

    def judge(self, pairs: Sequence[tuple[str, str]]) -> list[Relevance]:
        """Judge pairs of question and passage."""
        if not pairs:
            return []
        with self._turn:
            lengths = [
                len(ids)
                for ids in self._model.tokenizer(
                    [question for question, _ in pairs],
                    [passage for _, passage in pairs],
                    padding=False,
                    truncation=False,
                    return_attention_mask=False,
                    verbose=False,
                )["input_ids"]
            ]
            limit = int(self._model.max_seq_length or self._model.tokenizer.model_max_length)
            scores = self._model.predict(
                [list(pair) for pair in pairs],
                batch_size=BATCH_PAIRS,
                show_progress_bar=False,
                convert_to_numpy=True,
            )
        return [
            Relevance(round(float(score), _DIGITS), length, min(length, limit))
            for score, length in zip(scores, lengths, strict=True)
        ]


def load_cross_encoder(local: LocalModel, device: str = "auto") -> SentenceCrossEncoder:
    """Load a cross-encoder from its folder; nothing is fetched and no code of its own is run.

    Args:
        local: What the store resolved.
        device: "cpu", "cuda", ...; "auto" takes a GPU if there is one.

    Raises:
        ModelError: it is not a cross-encoder with one output, or cannot be loaded.
    """
    if local.kind != "cross_encoder":
        raise ModelError(
            f"{local.name} is a {local.kind} model, not a cross-encoder.",
            hint="The config.json of a cross-encoder names a ...ForSequenceClassification.",
        )
    import torch
    from sentence_transformers import CrossEncoder as Loaded

    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        model = Loaded(
            str(local.path),
            device=device,
            local_files_only=True,
            trust_remote_code=False,
            model_kwargs={"use_safetensors": True, "dtype": torch.float32},
        )
    except (OSError, ValueError, KeyError, RuntimeError, AttributeError) as exc:
        raise ModelError(
            f"{local.name} in {local.path} cannot be loaded: {exc}",
            hint=f"Run `rag-router models verify {local.name}`.",
        ) from exc
    outputs = int(model.config.num_labels)
    if outputs != 1:
        raise ModelError(
            f"{local.name} tells {outputs} classes apart; a reranker has one output.",
            hint="Name a model that was trained to rank, such as cross-encoder/ms-marco-*.",
        )
    model.eval()
    return SentenceCrossEncoder(model, name=local.name, fingerprint=local.fingerprint)
