"""Between decoding and judging: is the answer in what was read, and if not, what else is there?"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from rag_router.filters.equipment import lacking
from rag_router.models.sampling import Sampling
from rag_router.orchestrator.decoding import decode_answers
from rag_router.orchestrator.reading import read_passages
from rag_router.orchestrator.work import Batch, Work
from rag_router.text import as_data
from rag_router.types import Evidence, Judged
from rag_router.verify import Attempt, Claim, Judgement, Verifier, VerifyContext, verify_rounds
from rag_router.verify.rounds import Mend

__all__ = ["verify_answers"]

Stage = Callable[[Sequence[Work], Batch], None]
"""A stage that some questions go through again."""

_READING: Final = (
    "evidence",
    "plan",
    "prompts",
    "streams",
    "sent",
    "trust",
    "divergence",
    "agreed",
    "generation",
)
"""What belongs to one reading of passages, and is put back with it."""


def verify_answers(
    work: Sequence[Work],
    batch: Batch,
    *,
    read: Stage = read_passages,
    decode: Stage = decode_answers,
) -> None:
    """Have answers from passages verified, and mended while the budget lasts.

    Each question goes on with the answer that was accepted, or with the one that came closest;
    whether that one may be given is for the policy to say.
    """
    verifier = batch.parts.verifier
    some = [one for one in work if one.read and one.generation and one.generation.text]
    if verifier is None or not some:
        return
    for attempt in verify_rounds(
        [_Trial(one, batch) for one in some],
        lambda present: _judged(present, verifier, batch),
        lambda asked: _mended(asked, batch, read, decode),
        batch.parts.rounds,
    ):
        _conclude(attempt)


@dataclass(slots=True)
class _Trial:
    """A question on trial, and the readings that its answers came from."""

    work: Work
    batch: Batch
    tried: list[Work] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.note_reading()

    def can(self, mend: Mend) -> bool:
        """Whether there is time, and something to do it with."""
        late = self.batch.request.over(self.work.question)
        return not late and (mend == "again" or bool(self.unread()))

    def unread(self) -> list[int]:
        """Places of the next hits that were not read yet, best first; blank ones say nothing."""
        read = {_id(j) for one in self.tried for j in one.evidence.kept}
        hits = enumerate(self.work.evidence.judged)
        left = [n for n, j in hits if _id(j) not in read and as_data(j.hit.passage.text)]
        return left[: self.batch.parts.rounds.window]

    def note_reading(self) -> None:
        """Remember what the present answer was read from."""
        self.tried.append(replace(self.work))

    def put_back(self, number: int) -> None:
        """Let the question go on with an earlier answer."""
        for name in _READING:
            setattr(self.work, name, getattr(self.tried[number], name))


def _judged(trials: Sequence[_Trial], verifier: Verifier, batch: Batch) -> list[Judgement]:
    # Weighed with memory, a token's probability is not what the passages make of it.
    alone = batch.request.decoder.streams == ("context",)
    claims = []
    for one in (trial.work for trial in trials):
        assert one.generation is not None
        logprobs = tuple(token.logprob for token in one.generation.tokens)
        claims.append(
            Claim(
                question=one.question.text,
                answer=one.generation.text,
                passages=tuple(j.hit.passage for j in one.evidence.kept),
                logprobs=logprobs if alone else (),
            )
        )
        for what in lacking(verifier):
            one.note("verify", what)
        if not verifier.fitted:
            name = batch.parts.expert.name
            one.note("verify", f"the verifier is not fitted for {name}: it goes by a rule")
    return verifier.judge(claims, VerifyContext(batch.board, tuple(t.work.row for t in trials)))


def _mended(
    asked: Sequence[tuple[_Trial, Mend, int]], batch: Batch, read: Stage, decode: Stage
) -> list[bool]:
    """Answer each once more; where that brings no words, the answer before stays."""
    for trial, mend, number in asked:
        _prepare(trial, mend, number)
    work = [trial.work for trial, _, _ in asked]
    read(work, batch)
    decode([one for one in work if one.read], batch)
    done = []
    for trial, _, _ in asked:
        one = trial.work
        said = one.read and one.generation is not None and bool(one.generation.text)
        if said:
            trial.note_reading()
        else:
            trial.put_back(-1)
        done.append(said)
    return done


def _prepare(trial: _Trial, mend: Mend, number: int) -> None:
    """Set out what is read next, and how."""
    one, sampling = trial.work, None
    kept = [place for place, j in enumerate(one.evidence.judged) if j.kept]
    if mend == "next_window":
        one.evidence = _only(one.evidence, trial.unread(), "read next, since what was read failed")
        how = "from the next passages"
    elif len(kept) > 1:
        one.evidence = _only(one.evidence, kept[:1], "read alone, since among others it failed")
        how = "from the best passage alone"
    else:
        draw = Sampling(seed=trial.batch.parts.seed)
        sampling, how = draw.keyed("verify", one.question.text, number), "by a draw"
    one.note("verify", f"round {number}: answered again {how}")
    one.sampling, one.plan, one.prompts, one.streams = sampling, "contextual", {}, {}
    one.sent = False


def _only(evidence: Evidence, places: Sequence[int], why: str) -> Evidence:
    """Keep these hits and no others."""
    judged = []
    for place, one in enumerate(evidence.judged):
        if place in places:
            judged.append(replace(one, kept=True, why=why))
        elif one.kept:
            judged.append(replace(one, kept=False, why="read before; the answer did not hold"))
        else:
            judged.append(one)
    supports = [one.support for one in judged if one.kept and one.support is not None]
    return replace(evidence, judged=tuple(judged), support=max(supports, default=None))


def _conclude(attempt: Attempt[_Trial]) -> None:
    trial, one = attempt.trial, attempt.trial.work
    trial.put_back(attempt.best)
    one.sampling, one.verified = None, attempt.accepted
    if not attempt.accepted:
        one.note("verify", f"no answer was accepted: {attempt.judgements[attempt.best].why}")


def _id(judged: Judged) -> tuple[str, str]:
    return judged.hit.passage.index, judged.hit.passage.id
