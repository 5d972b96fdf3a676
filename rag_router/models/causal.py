"""Language models through transformers: one pass in, next-token distributions out.

Three traps are handled here and tested: rows are padded on the left and their positions passed
explicitly; a prefill computes the logits of the last position only (at a vocabulary of 262k
tokens, all of them would take gigabytes); and the begin-of-sequence token stands first exactly
once, and only where the model's own tokeniser would put it.

Prompts that begin with the same shared prefix are read behind one copy of it, which is kept for
the next ones.
"""

from __future__ import annotations

import contextlib
import copy
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, Self

import torch
from torch import Tensor

from rag_router.errors import ModelError, SettingsError
from rag_router.models.base import Ability, Prefill
from rag_router.models.caches import KeyValues
from rag_router.models.forwarding import Network
from rag_router.models.frames import lay_out
from rag_router.models.layers import LayerStates
from rag_router.models.lens import LayerLens
from rag_router.models.low_rank import LowRank
from rag_router.models.overlays import Overlay
from rag_router.models.passes import ON_CPU
from rag_router.models.prefixes import (
    PrefixCache,
    PrefixKey,
    checked_shared,
    group_by_prefix,
    namespace,
)
from rag_router.models.routers import chosen_experts, has_routers
from rag_router.models.static_caches import StaticKeyValues
from rag_router.models.vocabulary import fingerprint_of_vocabulary

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

__all__ = ["PREFIX_CACHE_MB", "Device", "Precision", "TransformersModel"]

Device = Literal["auto", "cpu", "cuda"]
Precision = Literal["auto", "float32", "bfloat16"]

PREFIX_CACHE_MB: Final = 256
"""Room for the prefixes of a few prompts: 9 MiB for 250 tokens of a model of 270M parameters."""

_MB: Final = 2**20
_DTYPES: Final = {"float32": torch.float32, "bfloat16": torch.bfloat16}


class TransformersModel:
    """A causal model of the Llama, Gemma 3 or Mixtral kind, held in memory.

    Args:
        model: The model, in evaluation mode.
        tokenizer: Its tokeniser.
        name: What it is called in settings, answers and artefacts.
        fingerprint: Of its source files; binds everything learned about it.
        prefixes: Keeps what is read of shared prefixes; None keeps up to 256 MiB.
    """

    def __init__(
        self,
        model: PreTrainedModel,
        tokenizer: PreTrainedTokenizerBase,
        *,
        name: str,
        fingerprint: str,
        prefixes: PrefixCache | None = None,
    ) -> None:
        model.train(False)
        self._model: Any = model
        self._tokenizer = tokenizer
        self._name, self._fingerprint = name, fingerprint
        self._config: Any = model.config.get_text_config(decoder=True)
        self._lens = LayerLens(model, self._config, name)
        self._network = Network.of(model)
        self.overlay: Final = Overlay(model, name)
        self._compiled: Network | None = None
        self._vocabulary: str | None = None
        self._begin = _begin_id(tokenizer)
        self._pad = _first_id(tokenizer.pad_token_id, tokenizer.eos_token_id, 0)
        self.prefixes: Final = PrefixCache(PREFIX_CACHE_MB * _MB) if prefixes is None else prefixes
        self._longest_prefix = _longest_prefix(self._config) if self.prefixes.max_bytes else 0
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
        prefix_cache_mb: int = PREFIX_CACHE_MB,
        compiled: bool = False,
    ) -> Self:
        """Load safetensors from a local folder, memory-mapped, without any network.

        Args:
            folder: Holds weights, configuration and tokeniser.
            name: What it is called in settings, answers and artefacts.
            fingerprint: Of its source files.
            device: Where it computes; "auto" takes CUDA if there is any.
            dtype: Precision; "auto" is bfloat16 on CUDA and float32 elsewhere.
            prefix_cache_mb: Most MiB of the device's memory for prefixes that prompts share;
                0 reads every prompt whole.
            compiled: Whether the pass of the decoding loop is compiled, when it is first made:
                that takes up to a minute, and a C++ compiler.

        Raises:
            ModelError: the folder holds no such model, its weights do not fill it, or it cannot
                be compiled.
            SettingsError: CUDA was asked for where there is none, or the bound is negative.
        """
        from transformers import AutoModelForCausalLM, AutoTokenizer

        where = _device(device)
        prefixes = PrefixCache(prefix_cache_mb * _MB)
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
        made = cls(
            model.to(where), tokenizer, name=name, fingerprint=fingerprint, prefixes=prefixes
        )
        return made.compiled() if compiled else made

    def compiled(self) -> Self:
        """Return the same with the pass of the decoding loop compiled, when it is first made.

        Raises:
            ModelError: it cannot be compiled.
        """
        made = copy.copy(self)
        made._compiled = self._network.compiled(self.name)
        return made

    @property
    def name(self) -> str:
        return self._name

    @property
    def fingerprint(self) -> str:
        return self._fingerprint

    @property
    def network(self) -> Any:
        """The model of transformers behind it, for whoever checks or times one by the other."""
        return self._model

    @property
    def abilities(self) -> frozenset[Ability]:
        shown: frozenset[Ability] = frozenset({"adapters", "hidden_states", "logits", "streams"})
        return shown | {"router_activations"} if has_routers(self._config) else shown

    @property
    def parameters(self) -> int:
        return int(self._model.num_parameters())

    @property
    def vocabulary_size(self) -> int:
        return int(self._config.vocab_size)

    @property
    def vocabulary_fingerprint(self) -> str:
        """Equal for two models exactly when every number stands for the same token in both."""
        if self._vocabulary is None:
            self._vocabulary = fingerprint_of_vocabulary(self._tokenizer.get_vocab())
        return self._vocabulary

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
    def prefill(
        self,
        prompts: Sequence[Sequence[int]],
        *,
        hidden: bool = False,
        shared: Sequence[int] | None = None,
        layers: bool = False,
    ) -> Prefill:
        return self.prefill_under([None] * len(prompts), prompts, hidden, shared, layers)

    @torch.inference_mode()
    def prefill_under(
        self,
        adapters: Sequence[LowRank | None],
        prompts: Sequence[Sequence[int]],
        hidden: bool = False,
        shared: Sequence[int] | None = None,
        layers: bool = False,
    ) -> Prefill:
        """Read prompts, each under an adapter as the overlay fitted it, or under none.

        All else is as for `prefill`; what is kept of prefixes is kept apart for each adapter.
        """
        lengths = tuple(len(prompt) for prompt in prompts)
        self._check_lengths(lengths)
        groups = group_by_prefix(
            prompts, checked_shared(prompts, shared), longest=self._longest_prefix
        )
        parts: list[_Read] = []
        order: list[int] = []
        for prefix, rows in groups.items():
            prefixes = self._prefixes(prefix, [adapters[row] for row in rows])
            for places in self._passes([lengths[row] - len(prefix) for row in rows]):
                together = [rows[place] for place in places]
                parts.append(
                    self._read(
                        [prompts[row] for row in together],
                        None if prefixes is None else [prefixes[place] for place in places],
                        [adapters[row] for row in together],
                        hidden=hidden,
                        layers=layers,
                    )
                )
                order += together
        read = parts[0]
        if len(parts) > 1:
            read = _Read.join(parts).select(sorted(range(len(order)), key=order.__getitem__))
        return Prefill(
            logits=read.logits,
            hidden=read.hidden,
            cache=read.cache,
            tokens=lengths,
            experts=read.experts,
            layers=read.layers,
        )

    def _passes(self, lengths: Sequence[int]) -> list[list[int]]:
        """Tell which prompts that begin alike are read in one pass."""
        if self._model.device.type == "cpu":
            return ON_CPU.cut(lengths)
        # Elsewhere it is the number of passes that costs, not what pads them.
        return [list(range(len(lengths)))]

    def _prefixes(
        self, ids: tuple[int, ...], adapters: Sequence[LowRank | None]
    ) -> list[KeyValues] | None:
        """Return a shared prefix for each row, as its adapter read it; None where none is."""
        if not ids:
            return None
        read = {adapter: self._prefix(ids, adapter) for adapter in dict.fromkeys(adapters)}
        return [read[adapter] for adapter in adapters]

    def _prefix(self, ids: tuple[int, ...], adapter: LowRank | None) -> KeyValues:
        """Return a shared prefix as it was read under an adapter, now or before."""
        key = PrefixKey.of(
            ids,
            model=self.fingerprint,
            adapter=None if adapter is None else adapter.fingerprint,
            namespace=namespace(),
        )
        prefix = self.prefixes.get(key)
        if prefix is None:
            prefix = self._read([ids], None, [adapter], hidden=False).cache
            self.prefixes.put(key, prefix)
        return prefix

    def _read(
        self,
        prompts: Sequence[Sequence[int]],
        prefixes: Sequence[KeyValues] | None,
        adapters: Sequence[LowRank | None],
        *,
        hidden: bool,
        layers: bool = False,
    ) -> _Read:
        """Read prompts that begin with the same prefix, as each one's adapter has read that."""
        if layers:
            with self._lens.listening() as heard:
                read = self._read(prompts, prefixes, adapters, hidden=hidden)
            return replace(read, layers=self._lens.states(heard))
        with self.overlay.laid(adapters):
            return self._forward(prompts, prefixes, hidden=hidden)

    def _forward(
        self,
        prompts: Sequence[Sequence[int]],
        prefixes: Sequence[KeyValues] | None,
        *,
        hidden: bool,
    ) -> _Read:
        frame = lay_out(prompts, held=prefixes[0].length if prefixes else 0, pad=self._pad)
        device = self._model.device
        mask = frame.mask.to(device)
        past = (
            KeyValues.spread_all(prefixes, frame.kept).to_cache(self._config)
            if prefixes
            else KeyValues.empty_like(self._config)
        )
        inputs = {
            "input_ids": frame.ids.to(device),
            "attention_mask": mask.long(),
            "position_ids": frame.positions.to(device),
            "past_key_values": past,
            "use_cache": True,
        }
        if hidden and has_routers(self._config):
            # Asked for router logits, the whole model also computes a training loss, which takes
            # the mask of all columns for one of those read now. Its trunk computes none.
            out = self._model.base_model(
                **inputs, output_hidden_states=True, output_router_logits=True
            )
            logits = self._model.get_output_embeddings()(out.last_hidden_state[:, -1])
            experts = chosen_experts(out.router_logits, len(prompts), self._config)
        else:
            out = self._model(**inputs, logits_to_keep=1, output_hidden_states=hidden)
            logits, experts = out.logits[:, -1], None
        return _Read(
            logits=logits.float(),
            hidden=(
                torch.stack([layer[:, -1].float() for layer in out.hidden_states], dim=1)
                if hidden
                else torch.empty((len(prompts), 0, 0))
            ),
            cache=KeyValues.of(out.past_key_values, mask),
            experts=experts,
        )

    @torch.inference_mode()
    def step(
        self, cache: KeyValues | StaticKeyValues, tokens: Sequence[int]
    ) -> tuple[Tensor, KeyValues | StaticKeyValues]:
        return cache.step(self._compiled or self._network, tokens)

    @torch.inference_mode()
    def step_under(
        self,
        adapters: Sequence[LowRank | None],
        cache: KeyValues | StaticKeyValues,
        tokens: Sequence[int],
    ) -> tuple[Tensor, KeyValues | StaticKeyValues]:
        """Step rows, each under an adapter as the overlay fitted it, or under none."""
        with self.overlay.laid(_standing(adapters, cache)):
            return cache.step(self._network, tokens)

    @torch.inference_mode()
    def step_layers_under(
        self,
        adapters: Sequence[LowRank | None],
        cache: KeyValues | StaticKeyValues,
        tokens: Sequence[int],
        rows: Sequence[int],
    ) -> tuple[Tensor, KeyValues | StaticKeyValues, LayerStates]:
        """Do the same, and return what the later layers of some rows would say."""
        with self.overlay.laid(_standing(adapters, cache)):
            return self.step_layers(cache, tokens, rows)

    @torch.inference_mode()
    def step_layers(
        self, cache: KeyValues | StaticKeyValues, tokens: Sequence[int], rows: Sequence[int]
    ) -> tuple[Tensor, KeyValues | StaticKeyValues, LayerStates]:
        # A compiled pass cannot be listened to.
        with self._lens.listening() as heard:
            logits, grown = cache.step(self._network, tokens)
        return logits, grown, self._lens.states(heard, cache.places(rows))

    def join(
        self, caches: Sequence[KeyValues], *, room: int | None = None
    ) -> KeyValues | StaticKeyValues:
        return _joined(caches, room, self._compiled or self._network)

    def join_under(
        self, caches: Sequence[KeyValues], *, room: int | None = None
    ) -> KeyValues | StaticKeyValues:
        """Join caches of rows that go on under adapters, whose passes are never compiled."""
        return _joined(caches, room, self._network)

    def _check_lengths(self, lengths: Sequence[int]) -> None:
        if not lengths or min(lengths) == 0:
            raise ModelError("an empty prompt cannot be read.", hint="Give it at least one token.")
        if max(lengths) > self.context_tokens:
            raise ModelError(
                f"a prompt of {max(lengths)} tokens does not fit {self.name}, "
                f"which reads {self.context_tokens}.",
                hint="Shorten the question, or lower the passages' token budget.",
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Read:
    """What one forward pass yields; the fields are those of `Prefill`."""

    logits: Tensor
    hidden: Tensor
    cache: KeyValues
    experts: Tensor | None
    layers: LayerStates | None = None

    @classmethod
    def join(cls, parts: Sequence[_Read]) -> _Read:
        """Stand the rows of several passes side by side."""
        experts = [part.experts for part in parts if part.experts is not None]
        layers = [part.layers for part in parts if part.layers is not None]
        return cls(
            logits=torch.cat([part.logits for part in parts]),
            hidden=torch.cat([part.hidden for part in parts]),
            cache=KeyValues.join([part.cache for part in parts]),
            experts=torch.cat(experts) if experts else None,
            layers=LayerStates.join(layers) if layers else None,
        )

    def select(self, rows: Sequence[int]) -> _Read:
        """Return these rows, in this order."""
        return _Read(
            logits=self.logits[rows],
            hidden=self.hidden[rows],
            cache=self.cache.select(rows),
            experts=None if self.experts is None else self.experts[rows],
            layers=None if self.layers is None else self.layers.select(rows),
        )


def _joined(
    caches: Sequence[KeyValues], room: int | None, network: Network
) -> KeyValues | StaticKeyValues:
    if room is None or network.in_place is None:
        return KeyValues.join(caches)
    return StaticKeyValues.join(caches, room=room, rounded=network.rounded)


def _standing(
    adapters: Sequence[LowRank | None], cache: KeyValues | StaticKeyValues
) -> list[LowRank | None]:
    """Put the rows' adapters where the rows stand in what a pass computes."""
    places = cache.places(range(len(adapters)))
    standing: list[LowRank | None] = [None] * len(adapters)
    for place, adapter in zip(places, adapters, strict=True):
        standing[place] = adapter
    return standing


def _begin_id(tokenizer: PreTrainedTokenizerBase) -> int | None:
    """Return the begin token where the tokeniser itself would write one, and None otherwise."""
    begin = tokenizer.bos_token_id
    written = tokenizer.encode("a")[:1]
    return begin if begin is not None and written == [begin] else None


def _longest_prefix(config: Any) -> int:
    """Return how many tokens a prefix may have; a sliding window must not drop any of them."""
    whole = KeyValues.most_whole_columns(config)
    return int(config.max_position_embeddings) if whole is None else whole


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
