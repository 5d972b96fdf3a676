"""Models of natural language inference: does what is written imply what is said?

Bowman et al. 2015, "A large annotated corpus for learning natural language inference"
(arXiv 1508.05326). Which output means what stands in the model's own settings (`id2label`), and
differs from model to model.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING, Any, Final, Protocol, runtime_checkable

import torch

from rag_router.errors import ModelError

if TYPE_CHECKING:
    from rag_router.models.store import LocalModel

__all__ = ["Entailment", "EntailmentModel", "SequenceEntailmentModel", "load_entailment_model"]

_PAIRS: Final = 16
_DIGITS: Final = 4
"""Padding of a batch moves logits by about 1e-6; what is left is the same alone and in company."""


@dataclass(frozen=True, slots=True)
class Entailment:
    """Logits of the three relations of a premise to a hypothesis.

    Attributes:
        entails: It implies it.
        contradicts: It rules it out, or, of a model with two outputs, does not imply it.
        neutral: Neither; None of a model with two outputs.
    """

    entails: float
    contradicts: float
    neutral: float | None = None

    @property
    def share(self) -> float:
        """Probability that it implies it, in [0, 1], of all outputs that there are."""
        others = (self.contradicts, *(() if self.neutral is None else (self.neutral,)))
        return 1 / (1 + sum(math.exp(min(one - self.entails, 700.0)) for one in others))


@runtime_checkable
class EntailmentModel(Protocol):
    """Judges pairs of premise and hypothesis."""

    @property
    def name(self) -> str: ...

    def judge(self, pairs: Sequence[tuple[str, str]]) -> list[Entailment]:
        """Judge pairs of premise and hypothesis, in batches; rows do not influence each other."""


class SequenceEntailmentModel:
    """A transformers classifier of pairs of texts. May be used from several threads.

    Args:
        model: In evaluation mode.
        tokenizer: Its tokeniser.
        name: What it is called.
        fingerprint: Of its source files.
        places: Which output is "entails", "contradicts" and, where there is one, "neutral".
    """

    def __init__(
        self, model: Any, tokenizer: Any, *, name: str, fingerprint: str, places: Mapping[str, int]
    ) -> None:
        self._model, self._tokenizer = model, tokenizer
        self._name, self._fingerprint, self._places = name, fingerprint, dict(places)
        self._turn = Lock()

    @property
    def name(self) -> str:
        return self._name

    @property
    def fingerprint(self) -> str:
        return self._fingerprint

    def judge(self, pairs: Sequence[tuple[str, str]]) -> list[Entailment]:
        """Judge pairs; of a premise that is too long the end is cut off."""
        found: list[Entailment] = []
        with self._turn, torch.inference_mode():
            for at in range(0, len(pairs), _PAIRS):
                some = pairs[at : at + _PAIRS]
                found += [self._read(row) for row in self._logits(some).tolist()]
        return found

    def _logits(self, pairs: Sequence[tuple[str, str]]) -> torch.Tensor:
        limit = _longest(self._model, self._tokenizer)
        # A hypothesis that leaves no room for a premise would be an error further down.
        half = self._tokenizer(
            [hypothesis for _, hypothesis in pairs],
            truncation=True,
            max_length=max(limit // 2, 1),
            add_special_tokens=False,
        )["input_ids"]
        inputs = self._tokenizer(
            [premise for premise, _ in pairs],
            [self._tokenizer.decode(ids) for ids in half],
            padding=True,
            truncation="only_first",
            max_length=limit,
            return_tensors="pt",
        ).to(self._model.device)
        logits: torch.Tensor = self._model(**inputs).logits.float()
        return logits

    def _read(self, row: Sequence[float]) -> Entailment:
        at = {name: round(row[place], _DIGITS) for name, place in self._places.items()}
        return Entailment(at["entails"], at["contradicts"], at.get("neutral"))


def load_entailment_model(local: LocalModel, device: str = "auto") -> SequenceEntailmentModel:
    """Load a model of natural language inference; nothing is fetched, no code of its own is run.

    Args:
        local: What the store resolved.
        device: "cpu", "cuda", ...; "auto" takes a GPU if there is one.

    Raises:
        ModelError: its outputs are not those of such a model, or it cannot be loaded.
    """
    if local.kind != "cross_encoder":
        raise ModelError(
            f"{local.name} is a {local.kind} model, not one of natural language inference.",
            hint="The config.json of one names a ...ForSequenceClassification.",
        )
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        tokenizer = AutoTokenizer.from_pretrained(
            str(local.path), local_files_only=True, trust_remote_code=False
        )
        model = AutoModelForSequenceClassification.from_pretrained(
            str(local.path),
            local_files_only=True,
            trust_remote_code=False,
            use_safetensors=True,
            dtype=torch.float32,
        )
    except (OSError, ValueError, KeyError, RuntimeError, AttributeError) as exc:
        raise ModelError(
            f"{local.name} in {local.path} cannot be loaded: {exc}",
            hint=f"Run `rag-router models verify {local.name}`.",
        ) from exc
    places = _places(local.name, model.config.id2label)
    model = model.to(device).eval()
    return SequenceEntailmentModel(
        model, tokenizer, name=local.name, fingerprint=local.fingerprint, places=places
    )


def _places(name: str, labels: Mapping[int, str]) -> dict[str, int]:
    """Find out which output means what.

    Raises:
        ModelError: the labels are not those of natural language inference.
    """
    places: dict[str, int] = {}
    for number, label in labels.items():
        said = str(label).lower()
        if "not" in said.replace("_", " ").replace("-", " ").split() or "contradict" in said:
            places["contradicts"] = int(number)
        elif "entail" in said:
            places["entails"] = int(number)
        elif "neutral" in said:
            places["neutral"] = int(number)
    if not {"entails", "contradicts"} <= set(places) or len(places) != len(labels):
        shown = ", ".join(str(label) for label in labels.values())
        raise ModelError(
            f"{name} tells {shown} apart, not entailment and contradiction.",
            hint="Name a model of natural language inference, such as hf:facebook/bart-large-mnli.",
        )
    return places


def _longest(model: Any, tokenizer: Any) -> int:
    """Most tokens that it reads; some tokenisers say a number without end."""
    stated = int(getattr(model.config, "max_position_embeddings", 512) or 512)
    # RoBERTa and its kin count their places from behind the padding token.
    own = int(getattr(model.config, "pad_token_id", 0) or 0) + 1
    offset = own if model.config.model_type in {"roberta", "xlm-roberta", "camembert"} else 0
    return int(min(tokenizer.model_max_length, stated - offset))
