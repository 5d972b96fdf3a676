"""What the figures of an evaluation are called, what they mean, and which way is better."""

from __future__ import annotations

import re
from typing import Final, Literal, NamedTuple

__all__ = ["KINDS", "LEADING", "Term", "term"]

Better = Literal["higher", "lower", ""]
"""Empty where neither is better by itself."""


class Term(NamedTuple):
    """A figure in words."""

    label: str
    meaning: str = ""
    better: Better = ""


KINDS: Final = {
    "gates": "Do the gates know what the model knows?",
    "answers": "What looking things up, or not, does to the answers.",
    "retrieval": "Do the retrievers find what answers the question?",
    "conflict": "Whom does the model believe when passages and memory disagree?",
    "routing": "Is every question sent where it is answered best?",
    "filters": "Do the filters keep what is worth reading?",
}

LEADING: Final = {
    "gates": "auroc",
    "answers": "accuracy",
    "retrieval": "ndcg@10",
    "routing": "accuracy",
    "filters": "auroc",
}
"""The figure by which the members of an evaluation are compared first."""

_TERMS: Final = {
    "n": Term("Questions"),
    "closed_book_accuracy": Term(
        "Accuracy from memory", "share of questions the model answers right without passages"
    ),
    "auroc": Term(
        "AUROC", "chance that a positive is scored above a negative; .5 is guessing", "higher"
    ),
    "auroc_by_set": Term("AUROC by set"),
    "auprc": Term(
        "AUPRC", "mean precision over all thresholds; guessing gives the positives' share", "higher"
    ),
    "ece": Term("ECE", "mean distance between stated and observed probability", "lower"),
    "brier": Term("Brier", "mean squared error of the stated probability", "lower"),
    "aurc": Term("AURC", "mean share of wrong answers over all coverages, surest first", "lower"),
    "extra_prefill_tokens": Term(
        "Extra prompt tokens", "tokens read per question beyond the closed-book pass", "lower"
    ),
    "extra_decode_steps": Term(
        "Extra decode steps", "steps decoded per question beyond the closed-book pass", "lower"
    ),
    "ms_per_question": Term("ms per question", "mean time of one question", "lower"),
    "ms_per_query": Term("ms per query", "mean time of one query", "lower"),
    "ms_per_token": Term("ms per token", "mean time of one new token", "lower"),
    "p50_ms": Term("Median ms", "half of the questions took no longer", "lower"),
    "p95_ms": Term("p95 ms", "19 of 20 questions took no longer", "lower"),
    "accuracy": Term("Accuracy", "share of right answers or choices", "higher"),
    "answer_accuracy": Term(
        "Answer accuracy", "share of right answers with what is left", "higher"
    ),
    "em": Term("EM", "share of answers that are a gold answer and nothing else", "higher"),
    "f1": Term("F1", "mean overlap of words with the best gold answer", "higher"),
    "retrieval_rate": Term("Retrieval rate", "share of questions that were looked up"),
    "abstained": Term("Abstained", "share of questions that were declined"),
    "lm_forward_passes": Term(
        "LM forward passes", "rows that went through the language model, per question", "lower"
    ),
    "follows_context": Term("Follows context", "share of answers that agree with the passages"),
    "follows_memory": Term("Follows memory", "share of answers that agree with the model's own"),
    "memorization_ratio": Term(
        "Memorization ratio", "from memory, among answers from either memory or passages"
    ),
    "gold": Term("Gold passages", "share of right answers with gold passages", "higher"),
    "irrelevant": Term(
        "Irrelevant passages", "share of right answers with passages beside the point", "higher"
    ),
    "harmed": Term("Harmed", "share of right answers that passages turned wrong", "lower"),
    "tokens_kept": Term("Tokens kept", "share of the found tokens that the model still reads"),
    "cost": Term("Cost", "mean cost of one question", "lower"),
    "regret": Term("Regret", "what the best choice would have won on top", "lower"),
    "ece_equal_width": Term("ECE, equal width", "the same with bins of equal width", "lower"),
    "fitted": Term("Fitted", "whether it learned from answers of this model"),
    "decides_right": Term(
        "Decides right", "share of questions looked up if, and only if, memory is wrong", "higher"
    ),
    "ms_closed_book_pass": Term("ms closed-book pass", "mean time of the pass that gates share"),
    "search_ms_per_query": Term("Search ms per query", "the same without embedding it", "lower"),
    "retriever_calls": Term("Retriever calls", "searches per question"),
    "prompt_tokens": Term("Prompt tokens", "tokens read per question", "lower"),
    "em_per_1000_prompt_tokens": Term(
        "EM per 1,000 prompt tokens", "exact matches for what was read", "higher"
    ),
    "answer_kept": Term(
        "Answer kept", "share of questions whose answer is still in what was kept", "higher"
    ),
    "aiq": Term("AIQ", "mean accuracy over all costs from the cheapest to the dearest", "higher"),
    "f1_ans": Term("F1 answered", "F1 of answering right what has an answer", "higher"),
    "f1_abs": Term("F1 declined", "F1 of declining what has no answer", "higher"),
    "over_refusal": Term("Over-refusal", "share of answerable questions declined", "lower"),
    "skipped": Term("Left out"),
}

_AT_K: Final = {
    "ndcg": Term("nDCG", "gain of the first {k} hits over the best order's", "higher"),
    "recall": Term("Recall", "share of what is relevant among the first {k} hits", "higher"),
    "mrr": Term("MRR", "mean of 1 / rank of the first relevant hit of {k}", "higher"),
    "precision": Term("Precision", "share of the first {k} hits that is relevant", "higher"),
    "map": Term("MAP", "mean of average precision over the first {k} hits", "higher"),
}


def term(key: str) -> Term:
    """Return what a figure is called and means; an unknown key is its own name."""
    if key in _TERMS:
        return _TERMS[key]
    if (at := re.fullmatch(r"([a-z]+)@([0-9]+)", key)) and at[1] in _AT_K:
        known = _AT_K[at[1]]
        return Term(f"{known.label}@{at[2]}", known.meaning.format(k=at[2]), known.better)
    words = key.replace("_", " ").strip()
    return Term(words[:1].upper() + words[1:] or key)
