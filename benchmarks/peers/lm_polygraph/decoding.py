"""Greedy and sampled answers with what the estimators read of them, at little cost.

LM-Polygraph's own calculators read the whole prompt again for each sample, keep a distribution
over the vocabulary for each of its tokens, and let answers that have ended run on until the
longest one has. Here, exactly and with the same numbers:

- a beginning that prompts share, such as worked examples, is read once;
- prompts of equal length are read together, so that nothing is padded or masked;
- greedy answer and samples continue from the same reading of the prompt;
- samples that have said the same so far are one row, and rows that have ended leave the batch.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

__all__ = ["Answer", "Limits", "ReadPrompts", "Reader", "shared_beginning"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What ends an answer, besides the model's own end tokens.

    Args:
        stop: Strings that are no part of the answer.
        max_new_tokens: Most tokens, >= 1.
        with_end: Whether the token that ends the answer is counted as one of its tokens.
    """

    stop: tuple[str, ...] = ("\n",)
    max_new_tokens: int = 24
    with_end: bool = False


@dataclass(slots=True)
class Answer:
    """An answer, as far as it has been decoded.

    Attributes:
        text: What the tokens say, cut before a stop string; the leading space is kept.
        tokens: The answer's tokens. An answer that ends at once has one: what ended it.
        log_likelihoods: Natural log-probability of each token, <= 0.
        log_probs: The distribution each was chosen from, shape (vocabulary,); greedy only.
        attentions: What each of all layers' heads gave the answer's tokens so far when it was
            chosen, shape (layers * heads, tokens before it); greedy only.
    """

    text: str = ""
    tokens: list[int] = field(default_factory=list)
    log_likelihoods: list[float] = field(default_factory=list)
    log_probs: list[NDArray[np.float32]] = field(default_factory=list)
    attentions: list[NDArray[np.float32]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class ReadPrompts:
    """Prompts of one length that have been read: next-token logits (prompts, vocabulary), cache."""

    logits: Tensor
    cache: Any


class Reader:
    """A causal model that reads what its prompts share only once.

    Args:
        model: A transformers model in evaluation mode; "eager" attention if attentions are kept.
        tokenizer: Its tokeniser.
    """

    def __init__(self, model: Any, tokenizer: Any) -> None:
        self.model, self.tokenizer = model, tokenizer
        self._held: tuple[list[int], Any] = ([], None)
        configured = model.generation_config.eos_token_id
        ends = configured if isinstance(configured, list) else [configured]
        self.ends = frozenset(i for i in (*ends, tokenizer.eos_token_id) if i is not None)

    def encode(self, text: str) -> list[int]:
        """Token ids, with the begin token first where the tokeniser would write one."""
        ids: list[int] = self.tokenizer.encode(text, add_special_tokens=False)
        begin = self.tokenizer.bos_token_id
        writes_begin = begin is not None and self.tokenizer.encode("a")[:1] == [begin]
        return [begin, *ids] if writes_begin and ids[:1] != [begin] else ids

    @torch.inference_mode()
    def read(self, prompts: Sequence[list[int]]) -> ReadPrompts:
        """Read prompts of one length."""
        held, cache = self._behind_shared(prompts)
        ids = torch.tensor([prompt[held:] for prompt in prompts])
        out = self.model(input_ids=ids, past_key_values=cache, use_cache=True, logits_to_keep=1)
        return ReadPrompts(out.logits[:, -1].float(), out.past_key_values)

    @torch.inference_mode()
    def next_log_probs(self, prompts: Sequence[list[int]], rows: int = 8) -> Tensor:
        """Log-probabilities of what follows prompts of any lengths, shape (prompts, vocabulary).

        Short prompts are padded on the right, where causal attention does not look.
        """
        order = sorted(range(len(prompts)), key=lambda place: len(prompts[place]))
        found: dict[int, Tensor] = {}
        for first in range(0, len(order), rows):
            places = order[first : first + rows]
            held, cache = self._behind_shared([prompts[place] for place in places])
            parts = [torch.tensor(prompts[place][held:]) for place in places]
            lasts = sorted({len(part) - 1 for part in parts})
            out = self.model(
                input_ids=torch.nn.utils.rnn.pad_sequence(parts, batch_first=True),
                past_key_values=cache,
                use_cache=True,
                logits_to_keep=torch.tensor(lasts),
            )
            for row, (place, part) in enumerate(zip(places, parts, strict=True)):
                logits = out.logits[row, lasts.index(len(part) - 1)]
                found[place] = logits.float().log_softmax(-1)
        return torch.stack([found[place] for place in range(len(prompts))])

    def greedy(self, read: ReadPrompts, limits: Sequence[Limits]) -> list[Answer]:
        """The likeliest token at each step, with distributions and attentions."""
        draws = [np.zeros((1, limit.max_new_tokens)) for limit in limits]
        return [answers[0] for answers in self._decode(read, limits, draws, top_k=1, keep=True)]

    def samples(
        self,
        read: ReadPrompts,
        limits: Sequence[Limits],
        draws: Sequence[NDArray[np.float64]],
        *,
        top_k: int,
    ) -> list[list[Answer]]:
        """Draw answers at temperature 1.

        Args:
            read: The prompts.
            limits: What ends each one's answers.
            draws: For each prompt, uniform in [0, 1), shape (samples, max_new_tokens): the
                quantile of the token to choose. An answer does not depend on its batch.
            top_k: How many of the likeliest tokens are drawn from. The log-likelihoods are those
                of the whole vocabulary.
        """
        return self._decode(read, limits, draws, top_k=top_k, keep=False)

    @torch.inference_mode()
    def _decode(
        self,
        read: ReadPrompts,
        limits: Sequence[Limits],
        draws: Sequence[NDArray[np.float64]],
        *,
        top_k: int,
        keep: bool,
    ) -> list[list[Answer]]:
        answers = [[Answer() for _ in drawn] for drawn in draws]
        alive = [(n, s, n) for n, drawn in enumerate(draws) for s in range(len(drawn))]
        logits, cache, attentions = read.logits, copy.deepcopy(read.cache), None
        for step in range(max(limit.max_new_tokens for limit in limits)):
            best = logits.topk(top_k)
            chances = best.values.double().softmax(-1).cumsum(-1).numpy()
            log_likelihoods = (best.values - logits.logsumexp(-1, keepdim=True)).numpy()
            tokens = best.indices.numpy()
            rows: dict[tuple[int, int], int] = {}
            going_on: list[tuple[int, int, int]] = []
            for n, s, row in alive:
                answer = answers[n][s]
                place = np.searchsorted(chances[row], draws[n][s, step], side="right")
                place = min(int(place), top_k - 1)
                token = int(tokens[row, place])
                counted, ended = self._add(answer, token, limits[n])
                if counted:
                    answer.log_likelihoods.append(float(log_likelihoods[row, place]))
                if counted and keep:
                    answer.log_probs.append(logits[row].log_softmax(-1).numpy())
                if counted and attentions is not None:
                    answer.attentions.append(attentions[row, :, -step:])
                if not ended:
                    going_on.append((n, s, rows.setdefault((row, token), len(rows))))
            if not going_on:
                break
            alive = going_on
            cache.batch_select_indices(torch.tensor([row for row, _ in rows]))
            out = self.model(
                input_ids=torch.tensor([[token] for _, token in rows]),
                past_key_values=cache,
                use_cache=True,
                output_attentions=keep,
            )
            logits, cache = out.logits[:, -1].float(), out.past_key_values
            if keep:
                # Window layers hold fewer columns; the answer's are the last ones of each.
                layers = [layer[:, :, 0, -(step + 1) :] for layer in out.attentions]
                attentions = torch.cat(layers, dim=1).numpy()
        return answers

    def _add(self, answer: Answer, token: int, limits: Limits) -> tuple[bool, bool]:
        """Add a token; say whether it counts as the answer's and whether the answer has ended."""
        text, ended = answer.text, token in self.ends
        if not ended:
            # A character of several bytes may still be incomplete; it counts once it is whole.
            text = self.tokenizer.decode([*answer.tokens, token]).rstrip("\ufffd")
            cut = min((at for at in map(text.find, limits.stop) if at >= 0), default=-1)
            ended, text = cut >= 0, text[:cut] if cut >= 0 else text
        counted = (
            not ended
            or limits.with_end
            or not answer.tokens
            or len(text.strip()) > len(answer.text.strip())
        )
        answer.text = text
        if counted:
            answer.tokens.append(token)
        return counted, ended or len(answer.tokens) >= limits.max_new_tokens

    def _behind_shared(self, prompts: Sequence[list[int]]) -> tuple[int, Any]:
        """Length and cache, one row a prompt, of what these share and is held already or now."""
        held, cache = self._held
        if not held or any(p[: len(held)] != held or len(p) <= len(held) for p in prompts):
            own = shared_beginning(prompts)
            # What these share by chance ("what is the") is not worth holding for the next ones.
            both = _common([held, own])
            held = both if 2 * len(both) >= len(own) else own
            if not held:
                return 0, None
            ids = torch.tensor([held])
            cache = self.model(input_ids=ids, use_cache=True, logits_to_keep=1).past_key_values
            self._held = held, cache
        cache = copy.deepcopy(cache)
        cache.batch_repeat_interleave(len(prompts))
        return len(held), cache


def shared_beginning(prompts: Sequence[list[int]]) -> list[int]:
    """The longest beginning of all prompts that leaves at least one token of each."""
    return _common(prompts)[: min(map(len, prompts)) - 1]


def _common(lines: Sequence[list[int]]) -> list[int]:
    # Whatever the first and the last in order begin with, all between them begin with.
    first, last = min(lines), max(lines)
    alike = (at for at, (a, b) in enumerate(zip(first, last, strict=False)) if a != b)
    return first[: next(alike, min(len(first), len(last)))]
