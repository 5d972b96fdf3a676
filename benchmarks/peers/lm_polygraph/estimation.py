"""The library's estimators, and its calculators for what they read beyond the decoded answers.

Estimators, p(True) prompts, entropies and semantic classes are LM-Polygraph's own classes
(Fadeeva et al. 2023, arXiv 2311.07383), called as its manager calls them. Ours are the answers
and, where no entailment model is given, the matrix of which samples say the same.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from lm_polygraph import WhiteboxModel, estimators, stat_calculators
from lm_polygraph.estimators.estimator import Estimator
from lm_polygraph.stat_calculators.stat_calculator import StatCalculator
from lm_polygraph.utils.deberta import Deberta

from benchmarks.peers.lm_polygraph.decoding import Answer, Reader
from benchmarks.peers.lm_polygraph.exact_match import SAME, equality_matrices

__all__ = ["BARE", "EXACT", "Estimation"]

EXACT = " (exact-match classes)"
"""Ends the name of an estimator whose semantic classes are equality and not entailment."""
BARE = " (bare question)"
"""Ends the name of a p(True) that is asked about the question alone, without worked examples."""


class Estimation:
    """Chosen estimators, ready to be asked.

    Args:
        model: The transformers model that answered.
        tokenizer: Its tokeniser.
        names: Estimators as `str` names them in the library, endings optional; empty takes all.
        nli: Folder of an entailment model of the DeBERTa kind; None compares answers for equality.

    Raises:
        ValueError: there is no estimator of that name.
    """

    def __init__(
        self, model: Any, tokenizer: Any, *, names: Sequence[str] = (), nli: Path | None = None
    ) -> None:
        config = model.config.get_text_config(decoder=True)
        self._heads = config.num_hidden_layers * config.num_attention_heads
        instruct = bool(tokenizer.chat_template)
        known = {str(one): one for one in _estimators(instruct=instruct)}
        bare = {str(one) + BARE: one for one in _judgements()}
        wanted = [name.removesuffix(EXACT) for name in names] or [*known, *bare]
        if unknown := sorted(set(wanted) - {*known, *bare}):
            raise ValueError(f"no estimators named {unknown}; there are {[*known, *bare]}.")
        matrix = (
            _ExactMatch()
            if nli is None
            else stat_calculators.SemanticMatrixCalculator(Deberta(str(nli), device="cpu"))
        )
        self._views = [
            _View(
                {_shown(name, one, nli): one for name, one in table.items() if name in wanted},
                _Judge(model, tokenizer, instruct=instruct and table is bare),
                matrix,
                questions_alone=table is bare,
            )
            for table in (known, bare)
        ]

    @property
    def samples_needed(self) -> bool:
        """Whether any chosen estimator reads sampled answers."""
        return any(need.startswith("sample_") for view in self._views for need in view.needs)

    def __call__(
        self,
        rows: Sequence[Mapping[str, Any]],
        greedy: Sequence[Answer],
        samples: Sequence[Sequence[Answer]],
    ) -> tuple[dict[str, list[float]], dict[str, float]]:
        """Return each estimator's uncertainties, high where unsure, and seconds spent on what.

        Args:
            rows: Questions, each with "question" and "prompt".
            greedy: The greedy answer to each.
            samples: The sampled answers to each, as many for all; none if not needed.
        """
        decoded = _statistics(greedy, samples, heads=self._heads)
        values: dict[str, list[float]] = {}
        seconds: dict[str, float] = {}
        for view in self._views:
            texts = [row["question" if view.questions_alone else "prompt"] for row in rows]
            found, spent = view.estimate({**decoded, "input_texts": texts})
            values |= found
            for what, time_s in spent.items():
                seconds[what] = seconds.get(what, 0.0) + time_s
        return values, seconds


class _View:
    """Estimators that put the question to the model in one way."""

    def __init__(
        self,
        chosen: Mapping[str, Estimator],
        model: WhiteboxModel,
        matrix: StatCalculator,
        *,
        questions_alone: bool,
    ) -> None:
        self._chosen, self._model, self.questions_alone = chosen, model, questions_alone
        self.needs = {need for one in chosen.values() for need in one.stats_dependencies}
        self._calculators: list[StatCalculator] = []
        # From the last to the first, so that what a calculator reads is known before its turn.
        for one in reversed(_calculators(matrix)):
            if self.needs & set(one.stats):
                self._calculators.insert(0, one)
                self.needs |= set(one.stat_dependencies)

    def estimate(self, stats: dict[str, Any]) -> tuple[dict[str, list[float]], dict[str, float]]:
        stats["model"] = self._model
        seconds: dict[str, float] = {}
        for one in self._calculators:
            began = time.process_time()
            what = one.stats[0] + (BARE if self.questions_alone else "")
            stats |= one(stats, stats["input_texts"], self._model)
            seconds[what] = time.process_time() - began
        began = time.process_time()
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            # Answers of one token have no token before them to attend to.
            warnings.filterwarnings("ignore", "Mean of empty slice", RuntimeWarning)
            values = {name: one(stats) for name, one in self._chosen.items()}
        seconds["estimators"] = time.process_time() - began
        return {name: np.asarray(v, float).tolist() for name, v in values.items()}, seconds


def _statistics(
    greedy: Sequence[Answer], samples: Sequence[Sequence[Answer]], *, heads: int
) -> dict[str, Any]:
    """Name what was decoded as the library's calculators do; `heads` are those of all layers."""
    return {
        "greedy_texts": [one.text for one in greedy],
        "greedy_tokens": [one.tokens for one in greedy],
        "greedy_log_likelihoods": [one.log_likelihoods for one in greedy],
        "greedy_log_probs": [np.stack(one.log_probs) for one in greedy],
        "attention_all": [_square(one, heads) for one in greedy],
        "sample_texts": [[one.text for one in line] for line in samples],
        "sample_tokens": [[one.tokens for one in line] for line in samples],
        "sample_log_probs": [[sum(one.log_likelihoods) for one in line] for line in samples],
        "sample_log_likelihoods": [[one.log_likelihoods for one in line] for line in samples],
    }


def _estimators(*, instruct: bool) -> list[Estimator]:
    return [
        estimators.MaximumSequenceProbability(),
        estimators.Perplexity(),
        estimators.MeanTokenEntropy(),
        estimators.SelfCertainty(),
        estimators.RenyiNeg(),
        estimators.FisherRao(),
        estimators.RAUQ(instruct=instruct),
        estimators.MeanPointwiseMutualInformation(),
        *_judgements(),
        estimators.MonteCarloSequenceEntropy(),
        estimators.MonteCarloNormalizedSequenceEntropy(),
        estimators.LexicalSimilarity(),
        estimators.DegMat("Jaccard_score"),
        estimators.EigValLaplacian("Jaccard_score"),
        estimators.Eccentricity("Jaccard_score"),
        estimators.SemanticEntropy(),
        estimators.SemanticEntropy(class_probability_estimation="frequency"),
        estimators.NumSemSets(),
    ]


def _judgements() -> list[Estimator]:
    return [estimators.PTrue(), estimators.PTrueSampling()]


def _calculators(matrix: StatCalculator) -> list[StatCalculator]:
    """Those that may be needed, each after what it reads."""
    return [
        stat_calculators.EntropyCalculator(),
        stat_calculators.GreedyLMProbsCalculator(),
        stat_calculators.PromptCalculator(),
        stat_calculators.SamplingPromptCalculator(),
        matrix,
        stat_calculators.SemanticClassesCalculator(),
    ]


class _Judge(WhiteboxModel):
    """The library's model, which reads what p(True)'s prompts share only once."""

    def __init__(self, model: Any, tokenizer: Any, *, instruct: bool) -> None:
        super().__init__(model, tokenizer, instruct=instruct)
        self._reader = Reader(model, tokenizer)

    def generate(self, **arguments: Any) -> SimpleNamespace:
        """Log-probabilities of the one token that p(True) asks for, which is no end token."""
        assert arguments["max_new_tokens"] == arguments["min_new_tokens"] == 1
        ids, mask = arguments["input_ids"], arguments["attention_mask"].bool()
        prompts = [line[seen].tolist() for line, seen in zip(ids, mask, strict=True)]
        log_probs = self._reader.next_log_probs(prompts)
        ends = torch.tensor(sorted(self._reader.ends))
        return SimpleNamespace(scores=[log_probs.index_fill(1, ends, -torch.inf).log_softmax(-1)])


class _ExactMatch(StatCalculator):
    """Stands in for the library's matrix of entailments."""

    @staticmethod
    def meta_info() -> tuple[list[str], list[str]]:
        outputs, needs = stat_calculators.SemanticMatrixCalculator.meta_info()
        return [name for name in outputs if not name.endswith("_logits")], needs

    def __call__(self, dependencies: Mapping[str, Any], *_: Any, **__: Any) -> dict[str, Any]:
        same = equality_matrices(dependencies["sample_texts"])
        return {
            "semantic_matrix_entail": (same == SAME).astype(float),
            "semantic_matrix_contra": (same != SAME).astype(float),
            "semantic_matrix_classes": same,
            "entailment_id": SAME,
        }


def _shown(name: str, one: Estimator, nli: Path | None) -> str:
    reads_classes = any(need.startswith("semantic_") for need in one.stats_dependencies)
    return name + EXACT if reads_classes and nli is None else name


def _square(answer: Answer, heads: int) -> np.ndarray:
    """Attentions among the answer's tokens, shape (heads, tokens, tokens)."""
    size = len(answer.tokens)
    whole = np.zeros((heads, size, size))
    for row, weights in enumerate(answer.attentions[: size - 1], start=1):
        whole[:, row, :row] = weights
    return whole
