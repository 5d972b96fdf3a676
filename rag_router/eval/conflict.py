"""Whom does a decoding strategy follow, and whom does it harm? `rag-router eval conflict`.

follows_context   says what a falsified passage says. On questions that plain decoding answers
                  right with the true passage, and where memory does not say the same anyway
follows_memory    says what the model itself says closed-book, on the same questions
memorization_ratio  p_o / (p_o + p_s): the true answer against the falsified one (Longpre et al.
                  2021, arXiv 2109.05052), on the same questions
gold              right with the true passage
irrelevant        right with a passage that is beside the point
harmed            of the questions that the model answers right closed-book, the share that a
                  passage beside the point turns wrong
abstained         says nothing, or that it does not know, whatever the passages
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rag_router.errors import DataError
from rag_router.eval.disputes import Dispute
from rag_router.eval.metrics.bootstrap import Bootstrap, Difference
from rag_router.eval.metrics.conflict import memorization_ratio
from rag_router.eval.report import Bars, Interval, Report, Series, Table
from rag_router.scoring import alias_match, first_words, normalise
from rag_router.signals.refusals import is_refusal

__all__ = ["ConflictRun", "conflict_report", "conflict_summary"]

FIGURES = ("follows_context", "follows_memory", "gold", "irrelevant", "harmed", "abstained")
COMPARED = ("follows_context", "gold", "harmed")
"""Figures of which differences are told: to be high, high and low."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConflictRun:
    """What every strategy answered to every dispute.

    Attributes:
        disputes: All of them.
        memory: The closed-book answer to each dispute's question.
        answers: For each strategy, its answer to each dispute; "plain" must be among them.
        ms_per_token: By strategy.
        skipped: Why a strategy was left out.
    """

    disputes: Sequence[Dispute]
    memory: Sequence[str]
    answers: Mapping[str, Sequence[str]]
    ms_per_token: Mapping[str, float] = field(default_factory=dict)
    skipped: Mapping[str, str] = field(default_factory=dict)

    def rows(self, condition: str) -> NDArray[np.int64]:
        """Numbers of the disputes of one condition."""
        return np.array(
            [n for n, one in enumerate(self.disputes) if one.condition == condition], dtype=np.int64
        )

    def right(self, strategy: str) -> NDArray[np.bool_]:
        """Whether each answer of a strategy is right, shape (disputes,)."""
        return self._match(self.answers[strategy], [d.question.answers for d in self.disputes])

    def contested(self) -> NDArray[np.int64]:
        """Numbers of the falsified disputes that count.

        Raises:
            DataError: plain decoding did not take part.
        """
        if "plain" not in self.answers:
            raise DataError(
                "conflicts are counted on questions that plain decoding answers right.",
                hint="Let the strategy plain take part.",
            )
        plain = self.right("plain")
        able = {self.disputes[n].row for n in self.rows("gold") if plain[n]}
        return np.array(
            [
                n
                for n in self.rows("counterfactual")
                if self.disputes[n].row in able
                and not self._same(self.memory[n], _falsified(self.disputes[n]))
            ],
            dtype=np.int64,
        )

    def known(self) -> NDArray[np.int64]:
        """Numbers of the disputes beside the point whose question memory answers right."""
        return np.array(
            [
                n
                for n in self.rows("irrelevant")
                if alias_match(self.memory[n], self.disputes[n].question.answers)
            ],
            dtype=np.int64,
        )

    def figures(self, strategy: str) -> dict[str, NDArray[np.bool_]]:
        """Return each figure's outcomes, one for each dispute that it counts."""
        said, right = self.answers[strategy], self.right(strategy)
        contested = self.contested()
        falsified = self._match(
            [said[n] for n in contested], [_falsified(self.disputes[n]) for n in contested]
        )
        remembered = self._match(
            [said[n] for n in contested], [(first_words(self.memory[n]),) for n in contested]
        )
        return {
            "follows_context": falsified,
            "follows_memory": remembered & ~falsified,
            "gold": right[self.rows("gold")],
            "irrelevant": right[self.rows("irrelevant")],
            "harmed": ~right[self.known()],
            "abstained": np.array([is_refusal(one) for one in said], dtype=bool),
        }

    def memorized(self, strategy: str) -> float | None:
        """The memorization ratio; None where no answer is the true or the falsified one."""
        contested = self.contested()
        said = [self.answers[strategy][n] for n in contested]
        true = self._match(said, [self.disputes[n].question.answers for n in contested])
        false = self._match(said, [_falsified(self.disputes[n]) for n in contested])
        return memorization_ratio(float((true & ~false).sum()), float(false.sum()))

    @staticmethod
    def _match(said: Sequence[str], aliases: Sequence[Sequence[str]]) -> NDArray[np.bool_]:
        return np.array(
            [alias_match(a, gold) for a, gold in zip(said, aliases, strict=True)], dtype=bool
        )

    @staticmethod
    def _same(memory: str, aliases: Sequence[str]) -> bool:
        return alias_match(memory, aliases) or normalise(memory) in map(normalise, aliases)


def conflict_summary(run: ConflictRun, *, seed: int = 0, against: str = "auto") -> dict[str, Any]:
    """Return what the command prints, with bootstrap intervals of 95 %.

    Args:
        run: What was answered.
        seed: Of the bootstrap.
        against: The strategy whose figures are told minus those of every other one, on paired
            draws; nothing is told where it took no part.
    """
    strategies: dict[str, dict[str, Any]] = {}
    for name in run.answers:
        row: dict[str, Any] = {}
        for figure, interval in _intervals(run, name, seed).items():
            row[figure] = round(interval.value, 4)
            row[f"{figure}_95"] = [round(interval.low, 4), round(interval.high, 4)]
        ratio = run.memorized(name)
        if ratio is not None:
            row["memorization_ratio"] = round(ratio, 4)
        if name in run.ms_per_token:
            row["ms_per_token"] = round(run.ms_per_token[name], 2)
        strategies[name] = row
    counts = {
        "contested": len(run.contested()),
        "gold": len(run.rows("gold")),
        "irrelevant": len(run.rows("irrelevant")),
        "known": len(run.known()),
    }
    out: dict[str, Any] = {"n": len(run.disputes), "counts": counts, "strategies": strategies}
    if against in run.answers:
        out["minus"] = {
            against: {
                name: {
                    figure: [round(d.value, 4), round(d.low, 4), round(d.high, 4)]
                    for figure, d in found.items()
                }
                for name, found in _differences(run, against, seed).items()
            }
        }
    if run.skipped:
        out["skipped"] = dict(run.skipped)
    return out


def conflict_report(
    run: ConflictRun,
    manifest: Mapping[str, Any],
    *,
    title: str,
    seed: int = 0,
    against: str = "auto",
    rows: bool = True,
) -> Report:
    """Put figures and bars together, and a row for each dispute unless `rows` is false."""
    names = tuple(run.answers)
    ends = {name: _intervals(run, name, seed) for name in names}
    measured = [f for f in FIGURES if all(f in found for found in ends.values())]
    columns = ("strategy", *(f.replace("_", " ") for f in measured), "memorization", "ms a token")
    return Report(
        kind="conflict",
        title=title,
        summary=conflict_summary(run, seed=seed, against=against),
        manifest=manifest,
        tables=(
            Table(
                "Strategies",
                columns,
                tuple(
                    (
                        name,
                        *(ends[name][figure] for figure in measured),
                        run.memorized(name),
                        run.ms_per_token.get(name),
                    )
                    for name in names
                ),
                note="95 % bootstrap intervals; all strategies answered the same questions.",
            ),
            *_compared(run, against, seed),
        ),
        figures=(
            Bars(
                "Whom each strategy follows",
                "share of questions",
                names,
                tuple(
                    Series(
                        figure.replace("_", " "),
                        tuple(ends[name][figure].value for name in names),
                        tuple(ends[name][figure].low for name in names),
                        tuple(ends[name][figure].high for name in names),
                    )
                    for figure in measured
                ),
            ),
        ),
        questions=tuple(_row(run, number) for number in range(len(run.disputes))) if rows else (),
        flags=tuple(f"{name} was wrong" for name in names) if rows else (),
    )


def _intervals(run: ConflictRun, name: str, seed: int) -> dict[str, Interval]:
    bootstrap = Bootstrap(seed=seed)
    found = run.figures(name)
    means = {f: bootstrap.mean(found[f]) for f in FIGURES if len(found[f])}
    return {figure: Interval(m.value, m.low, m.high) for figure, m in means.items()}


def _differences(run: ConflictRun, ours: str, seed: int) -> dict[str, dict[str, Difference]]:
    """Our figures minus those of each other strategy, on the same draws of the same questions."""
    bootstrap = Bootstrap(seed=seed)
    mine = run.figures(ours)
    found: dict[str, dict[str, Difference]] = {}
    for name in run.answers:
        if name != ours:
            theirs = run.figures(name)
            found[name] = {
                figure: bootstrap.mean_difference(mine[figure], theirs[figure])
                for figure in COMPARED
                if len(mine[figure])
            }
    return found


def _compared(run: ConflictRun, ours: str, seed: int) -> tuple[Table, ...]:
    if ours not in run.answers:
        return ()
    found = _differences(run, ours, seed)
    measured = [f for f in COMPARED if all(f in one for one in found.values())]
    return (
        Table(
            f"{ours} minus each other strategy",
            ("strategy", *(figure.replace("_", " ") for figure in measured)),
            tuple(
                (name, *(Interval(*_ends(one[figure])) for figure in measured))
                for name, one in found.items()
            ),
            note="95 % intervals of paired differences.",
        ),
    )


def _ends(found: Difference) -> tuple[float, float, float]:
    return found.value, found.low, found.high


def _falsified(dispute: Dispute) -> tuple[str, ...]:
    return tuple(str(a) for a in dispute.question.meta.get("counterfactual_answers", ()))


def _row(run: ConflictRun, number: int) -> dict[str, Any]:
    one = run.disputes[number]
    row: dict[str, Any] = {
        "id": one.question.id,
        "question": one.question.text,
        "passages": one.condition,
        "gold": one.question.answers[0] if one.question.answers else "",
        "falsified": next(iter(_falsified(one)), "") if one.condition == "counterfactual" else "",
        "memory": run.memory[number],
    }
    for name, answers in run.answers.items():
        row[name] = answers[number]
        row[f"{name} was wrong"] = not alias_match(answers[number], one.question.answers)
    return row
