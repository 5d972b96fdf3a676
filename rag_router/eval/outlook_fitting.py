"""Fitting what answers are worth, and the verifier, on what the whole pipeline answers.

Of the questions that are learned from, one part fits the heads; the other part is only looked at
to test thresholds, since a promise about risk must not rest on what was fitted. What is held out
is judged on, and told in the card.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from rag_router.artefacts import Artefact, Card
from rag_router.calibration import auroc, brier_score, expected_calibration_error
from rag_router.calibration.risk import Outcomes
from rag_router.eval.datasets import data_hash, is_held_out
from rag_router.eval.halves import require_both_classes, require_enough
from rag_router.eval.outlooks import Observed
from rag_router.experts import Expert
from rag_router.orchestrator import Orchestrator
from rag_router.outlook import Outlook, OutlookHead, Taught
from rag_router.signals import Board
from rag_router.types import Passage
from rag_router.verify import Claim, VerifyContext, label_of
from rag_router.verify.likelihood import LikelihoodVerifier
from rag_router.verify.ratios import Ratios, read_ratios

__all__ = ["Parted", "claims_of", "fit_outlook", "fit_verifier", "outcomes_of", "ratios_of"]

_TESTED: Final = 0.6
"""Share of the questions to learn from that thresholds are tested on: a promise takes more of them
than a head does."""

_TOLD: Final = 0.2
"""The risk whose threshold, coverage and share of wrong ones the card tells."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parted:
    """Questions in three parts, by their ids.

    Attributes:
        fitting: What heads learn from.
        testing: What thresholds are tested on.
        held: What is judged on.
    """

    fitting: tuple[Observed, ...]
    testing: tuple[Observed, ...]
    held: tuple[Observed, ...]

    @classmethod
    def of(cls, observed: Sequence[Observed], *, seed: int = 0) -> Parted:
        """Part questions as every fit does, and those to learn from once more."""
        learned = [one for one in observed if not is_held_out(one.question.id, seed=seed)]
        tests = [
            is_held_out(f"tested: {one.question.id}", share=_TESTED, seed=seed) for one in learned
        ]
        return cls(
            fitting=tuple(one for one, test in zip(learned, tests, strict=True) if not test),
            testing=tuple(one for one, test in zip(learned, tests, strict=True) if test),
            held=tuple(one for one in observed if is_held_out(one.question.id, seed=seed)),
        )


def fit_outlook(
    orchestrator: Orchestrator, observed: Sequence[Observed], *, seed: int = 0
) -> Artefact:
    """Fit the heads of the policy "joint", with the outcomes that its promises rest on.

    Args:
        orchestrator: Whose answers were observed.
        observed: Answered questions of all kinds that will be asked, unanswerable ones too.
        seed: Of the split and the folds.

    Raises:
        DataError: too few questions, or hardly any right or wrong answers.
    """
    require_enough(len(observed))
    parts = Parted.of(observed, seed=seed)
    read = [one for one in parts.fitting if one.read]
    passages = np.array([one.passages for one in read])
    require_both_classes(passages, np.arange(len(read)), np.arange(len(read)))
    head, unseen = OutlookHead().fit(
        Taught(
            observations=tuple(one.seen for one in read),
            memory=np.array([one.memory for one in read]),
            passages=passages,
            seed=seed,
        )
    )
    head = head.tested(
        outcomes_of(parts.fitting, unseen), outcomes_of(parts.testing, _judged(head, parts.testing))
    )
    expert = orchestrator.expert
    card = Card(
        method="policy/joint",
        model=expert.name,
        model_fingerprint=expert.model.fingerprint,
        prompt_hash=expert.style.contextual_fingerprint,
        data_hash=data_hash([one.question for one in observed]),
        date=datetime.now(UTC).date().isoformat(),
        metrics=_metrics(head, parts.held),
        notes={
            "gate": orchestrator.gate_name,
            "decoder": orchestrator.decoder_name,
            "fitting": len(parts.fitting),
            "testing": len(parts.testing),
            "held_out": len(parts.held),
            "seed": seed,
        },
    )
    return head.to_artefact(card)


def outcomes_of(observed: Sequence[Observed], outlooks: Sequence[Outlook]) -> Outcomes:
    """What would have been answered, how sure, and whether it was right.

    Args:
        observed: Questions; of those that were not read, memory answers.
        outlooks: One for each that was read, in their order.
    """
    said = iter(outlooks)
    p: list[float] = []
    right: list[bool] = []
    for one in observed:
        if not one.read:
            p.append(one.seen.p_know)
            right.append(one.memory)
            continue
        outlook = next(said)
        p.append(outlook.best)
        right.append(one.memory if outlook.memory > outlook.passages else one.passages)
    return Outcomes.of(p, right)


def claims_of(observed: Sequence[Observed]) -> list[Claim]:
    """The answers from passages, as claims to be verified; of those that say something."""
    return [
        Claim(
            question=one.seen.question,
            answer=one.seen.passages.text,
            passages=tuple(
                Passage(id=str(number), title=title, text=text)
                for number, (title, text) in enumerate(one.seen.shown)
            ),
            logprobs=one.seen.passages.logprobs,
        )
        for one in observed
        if one.seen.passages is not None and one.seen.passages.text
    ]


def ratios_of(expert: Expert, observed: Sequence[Observed], *, batch_size: int = 8) -> list[Ratios]:
    """Read what passages did for the answers of `claims_of`."""
    claims = claims_of(observed)
    asked = [one.question for one in observed if one.seen.passages and one.seen.passages.text]
    board = Board(expert.model, expert.style, asked, batch_size=batch_size)
    return read_ratios(claims, VerifyContext(board, tuple(range(len(claims)))))


def fit_verifier(
    expert: Expert,
    observed: Sequence[Observed],
    ratios: Sequence[Ratios],
    *,
    verifier: LikelihoodVerifier | None = None,
    seed: int = 0,
) -> Artefact:
    """Fit the verifier "likelihood" on claims whose label is known.

    Args:
        expert: Who answered.
        observed: Questions with their answers.
        ratios: From `ratios_of` for the same.
        verifier: With its options.
        seed: Of the split.

    Raises:
        DataError: too few claims, or a label is missing among those that are learned from.
    """
    said = [one for one in observed if one.seen.passages and one.seen.passages.text]
    require_enough(len(said))
    labels = [
        label_of(claim.answer, one.question.answers, claim.passages)
        for one, claim in zip(said, claims_of(said), strict=True)
    ]
    held = np.array([is_held_out(one.question.id, seed=seed) for one in said])
    train = np.flatnonzero(~held).tolist()
    built = verifier or LikelihoodVerifier()
    fitted = built.fit([ratios[n] for n in train], [labels[n] for n in train])
    judged = np.flatnonzero(held).tolist()
    p = fitted.probabilities([ratios[n] for n in judged])
    well = np.array([labels[n] == "grounded" for n in judged])
    order = ("retrieval_error", "not_grounded", "grounded")
    guess = [order[int(row.argmax())] for row in p]
    right = [one == labels[n] for one, n in zip(guess, judged, strict=True)]
    card = Card(
        method="verifier/likelihood",
        model=expert.name,
        model_fingerprint=expert.model.fingerprint,
        prompt_hash=expert.style.contextual_fingerprint,
        data_hash=data_hash([one.question for one in said]),
        date=datetime.now(UTC).date().isoformat(),
        metrics=_figures(p[:, 2], well) | {"accuracy": round(float(np.mean(right)), 4)},
        notes={
            "train": len(train),
            "held_out": len(judged),
            "labels": dict(Counter(labels)),
            "confusion": _confusion([labels[n] for n in judged], guess),
            "seed": seed,
        },
    )
    return fitted.to_artefact(card)


def _confusion(labels: Sequence[str], guesses: Sequence[str]) -> dict[str, int]:
    pairs = Counter(f"{label} as {guess}" for label, guess in zip(labels, guesses, strict=True))
    return dict(sorted(pairs.items()))


def _judged(head: OutlookHead, observed: Sequence[Observed]) -> list[Outlook]:
    return head([one.seen for one in observed if one.read])


def _metrics(head: OutlookHead, held: Sequence[Observed]) -> dict[str, float]:
    if not held:
        return {}
    outcomes = outcomes_of(held, _judged(head, held))
    answered, wrong = outcomes.above(head.risk_limit(_TOLD))
    told = {"coverage_at_risk_0.2": round(answered / len(held), 4)}
    if answered:
        told["wrong_at_risk_0.2"] = round(wrong / answered, 4)
    return _figures(outcomes.p, outcomes.right) | told


def _figures(p: NDArray[np.float64], right: NDArray[np.bool_]) -> dict[str, Any]:
    if right.all() or not right.any():
        return {"base_rate": round(float(right.mean()), 4), "n": float(len(right))}
    known = right.tolist()
    return {
        "auroc": round(auroc(p, known), 4),
        "brier": round(brier_score(p, known), 4),
        "ece": round(expected_calibration_error(p, known), 4),
        "base_rate": round(float(right.mean()), 4),
        "n": float(len(right)),
    }
