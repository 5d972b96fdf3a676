"""Language models through transformers: one pass in, next-token distributions out.

Three traps are handled here and tested: rows are padded on the left and their positions passed
explicitly; a prefill computes the logits of the last position only (at a vocabulary of 262k
tokens, all of them would take gigabytes); and the begin-of-sequence token stands first exactly
once, and only where the model's own tokeniser would put it.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

import torch
from torch import Tensor

from rag_router.errors import ModelError, SettingsError
from rag_router.models.base import Ability, Prefill
from rag_router.models.caches import KeyValues

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

__all__ = ["Device", "Precision", "TransformersModel"]

Device = Literal["auto", "cpu", "cuda"]
Precision = Literal["auto", "float32", "bfloat16"]

_DTYPES: Final = {"float32": torch.float32, "bfloat16": torch.bfloat16}


class TransformersModel:
    """A causal model of the Llama, Gemma 3 or Mixtral kind, held in memory.

    Args:
        model: The model, in evaluation mode.
        tokenizer: Its tokeniser.
        name: What it is called in settings, answers and artefacts.
        fingerprint: Of its source files; binds everything learned about it.
    """

    def __init__(
        self,
        model: PreTrainedModel,
        tokenizer: PreTrainedTokenizerBase,
        *,
        name: str,
        fingerprint: str,
    ) -> None:
        model.train(False)
        self._model: Any = model
        self._tokenizer = tokenizer
        self._name, self._fingerprint = name, fingerprint
        self._config: Any = model.config.get_text_config(decoder=True)
        self._begin = _begin_id(tokenizer)
        self._pad = _first_id(tokenizer.pad_token_id, tokenizer.eos_token_id, 0)
        # Fast tokenisers change their truncation state in place, so calls take turns.
        self._tokenizer_lock = threading.Lock()

    @classmethod
    def load(
        cls,
        folder: Path,
        *,
        name: str,
        fingerprint: str,
        device: Device = "auto",
        dtype: Precision = "auto",
    ) -> TransformersModel:
        """Load safetensors from a local folder, memory-mapped, without any network.

        Raises:
            ModelError: the folder holds no such model, or its weights do not fill it.
            SettingsError: CUDA was asked for where there is none.
        """
        from transformers import AutoModelForCausalLM, AutoTokenizer

        where = _device(device)
        kind = _DTYPES.get(dtype) or (torch.bfloat16 if where == "cuda" else torch.float32)
        try:
            with _quiet():
                tokenizer = AutoTokenizer.from_pretrained(
                    folder, local_files_only=True, trust_remote_code=False
                )
                loaded: Any = AutoModelForCausalLM.from_pretrained(
                    folder,
                    local_files_only=True,
                    trust_remote_code=False,
                    use_safetensors=True,
                    dtype=kind,
                    output_loading_info=True,
                )
        except (OSError, ValueError, KeyError, RuntimeError) as exc:
            raise ModelError(
                f"{name} cannot be loaded from {folder}: {exc}.",
                hint=f"`rag-router models verify {name}` tells whether its files are whole.",
            ) from exc
        model, report = loaded
        if report["missing_keys"]:
            missing = sorted(report["missing_keys"])[:3]
            raise ModelError(
                f"{name}: {folder} lacks weights, such as {', '.join(missing)}.",
                hint="The folder must hold a causal language model with all of its weights.",
            )
        return cls(model.to(where), tokenizer, name=name, fingerprint=fingerprint)

    @property
    def name(self) -> str:
        return self._name

    @property
    def fingerprint(self) -> str:
        return self._fingerprint

    @property
    def abilities(self) -> frozenset[Ability]:
        return frozenset({"hidden_states", "logits", "streams"})

    @property
    def vocabulary_size(self) -> int:
        return int(self._config.vocab_size)

    @property
    def context_tokens(self) -> int:
        return int(self._config.max_position_embeddings)

    @property
    def end_ids(self) -> frozenset[int]:
        configured = getattr(self._model.generation_config, "eos_token_id", None)
        ids = configured if isinstance(configured, list) else [configured]
        return frozenset(i for i in [*ids, self._tokenizer.eos_token_id] if i is not None)

    @property
    def is_chat(self) -> bool:
        return bool(getattr(self._tokenizer, "chat_template", None))

    def encode(self, text: str, *, begin: bool = True) -> list[int]:
        with self._tokenizer_lock:
            ids: list[int] = self._tokenizer.encode(text, add_special_tokens=False)
        if begin and self._begin is not None and ids[:1] != [self._begin]:
            return [self._begin, *ids]
        return ids

    def decode(self, ids: Sequence[int]) -> str:
        with self._tokenizer_lock:
            text = self._tokenizer.decode(
                list(ids), skip_special_tokens=True, clean_up_tokenization_spaces=False
            )
        return str(text)

    def render_chat(self, messages: Sequence[Mapping[str, str]]) -> str:
        if not self.is_chat:
            raise ModelError(
                f"{self.name} has no chat template.", hint="Prompt it with few-shot text."
            )
        return str(
            self._tokenizer.apply_chat_template(
                [dict(m) for m in messages], tokenize=False, add_generation_prompt=True
            )
        )

    @torch.inference_mode()
    def prefill(self, prompts: Sequence[Sequence[int]], *, hidden: bool = False) -> Prefill:
        lengths = tuple(len(prompt) for prompt in prompts)
        self._check_lengths(lengths)
        longest = max(lengths)
        device = self._model.device
        ids = torch.full((len(prompts), longest), self._pad, dtype=torch.long)
        mask = torch.zeros((len(prompts), longest), dtype=torch.bool)
        for row, prompt in enumerate(prompts):
            ids[row, longest - len(prompt) :] = torch.as_tensor(list(prompt))
            mask[row, longest - len(prompt) :] = True
        ids, mask = ids.to(device), mask.to(device)
        out = self._model(
            input_ids=ids,
            attention_mask=mask.long(),
            position_ids=(mask.long().cumsum(dim=1) - 1).clamp(min=0),
            past_key_values=KeyValues.empty_like(self._config),
            use_cache=True,
            logits_to_keep=1,
            output_hidden_states=hidden,
        )
        states = (
            torch.stack([layer[:, -1].float() for layer in out.hidden_states], dim=1)
            if hidden
            else torch.empty((len(prompts), 0, 0))
        )
        return Prefill(
            logits=out.logits[:, -1].float(),
            hidden=states,
            cache=KeyValues.of(out.past_key_values, mask),
            tokens=lengths,
        )

    @torch.inference_mode()
    def step(self, cache: KeyValues, tokens: Sequence[int]) -> tuple[Tensor, KeyValues]:
        ids = torch.as_tensor(list(tokens), dtype=torch.long, device=self._model.device)[:, None]
        mask = torch.nn.functional.pad(cache.mask, (0, 1), value=True)
        out = self._model(
            input_ids=ids,
            attention_mask=mask.long(),
            position_ids=cache.positions[:, None],
            past_key_values=cache.to_cache(self._config),
            use_cache=True,
            logits_to_keep=1,
        )
        return out.logits[:, -1].float(), KeyValues.of(out.past_key_values, mask)

    def join(self, caches: Sequence[KeyValues]) -> KeyValues:
        return KeyValues.join(caches)

    def _check_lengths(self, lengths: Sequence[int]) -> None:
        if not lengths or min(lengths) == 0:
            raise ModelError("an empty prompt cannot be read.", hint="Give it at least one token.")
        if max(lengths) > self.context_tokens:
            raise ModelError(
                f"a prompt of {max(lengths)} tokens does not fit {self.name}, "
                f"which reads {self.context_tokens}.",
                hint="Shorten the question, or lower the passages' token budget.",
            )


def _begin_id(tokenizer: PreTrainedTokenizerBase) -> int | None:
    """Return the begin token where the tokeniser itself would write one, and None otherwise."""
    begin = tokenizer.bos_token_id
    written = tokenizer.encode("a")[:1]
    return begin if begin is not None and written == [begin] else None


def _first_id(*candidates: Any) -> int:
    return next(int(c) for c in candidates if isinstance(c, int))


def _device(device: Device) -> str:
    if device == "cuda" and not torch.cuda.is_available():
        raise SettingsError(
            "device 'cuda' was asked for, but torch sees no CUDA device.",
            hint="Use device = 'auto' or 'cpu', or install a CUDA build of torch.",
        )
    if device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    return device


@contextlib.contextmanager
def _quiet() -> Any:
    """Keep transformers' own progress bars off the terminal while weights load."""
    from transformers.utils import logging as transformers_logging

    logging: Any = transformers_logging
    was_on = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        if was_on:
            logging.enable_progress_bar()
