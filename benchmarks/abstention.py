"""Answering only what is likely right: wrong answers among those given, at a stated risk.

    python -m benchmarks.abstention --data FOLDER [--model NAME]... [--out rag_router/fitted]

Three kinds of questions, half of which nobody can answer: squad2 with the passage on its topic that
comes with each, selfaware from memory alone, and questions about the example handbook, which is
indexed into the home first. What is learned, tested and judged on are three parts of each set, by
hash of the ids: the heads and the order of thresholds come from the first, the promise from the
second (`calibration/risk.py`), every figure from the third.

Beside the policy "joint" stand, by the same rule for thresholds: p_know alone, which answers from
memory; sureness alone, which answers from passages where there are any; and never abstaining.
`hallucination` is the share of unanswerable questions that are answered, `error` that of
answerable ones that are not (NoMIRACL, Thakur et al. 2023, arXiv 2312.11361). What is read off
each question is kept in the home's outcome cache, so that a run that was stopped goes on. `--out`
writes what was learned.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import click
import numpy as np

from benchmarks.gates import MODELS
from benchmarks.record import record, report_folder
from rag_router.assembly import assemble, load_embedder, load_parts
from rag_router.calibration import auroc, brier_score, expected_calibration_error
from rag_router.calibration.risk import Outcomes, threshold_within
from rag_router.cli.options import fetch_announced, progress
from rag_router.eval.datasets import data_hash, is_held_out, read_questions, sample
from rag_router.eval.metrics.selective import risk_coverage
from rag_router.eval.outlook_fitting import Parted, fit_outlook, outcomes_of
from rag_router.eval.outlooks import Observed, observe_questions
from rag_router.eval.report import Curve, Lines, Mark, Report, write_report
from rag_router.indices.library import Library
from rag_router.orchestrator import Ask, Orchestrator
from rag_router.outcomes import RecordCache
from rag_router.outlook import OutlookHead
from rag_router.settings import GeneratorSettings, Settings
from rag_router.types import Question

HERE = Path(__file__).parent
HANDBOOK = HERE.parent / "examples" / "corpora" / "handbook"
QUESTIONS = HERE / "handbook_questions.jsonl"


@click.command()
@click.option("--data", type=click.Path(path_type=Path), required=True)
@click.option("--risk", default=0.2, show_default=True, help="Wrong ones among the answers given.")
@click.option("--confidence", default=0.9, show_default=True, help="That the risk is kept.")
@click.option("--squad2", default=900, show_default=True, help="Questions of each half.")
@click.option("--selfaware", default=30, show_default=True, help="Questions of each half.")
@click.option("--model", "models", multiple=True, default=MODELS, show_default=True)
@click.option(
    "--out", type=click.Path(file_okay=False, path_type=Path), help="Folder for what was learned."
)
def main(
    data: Path,
    risk: float,
    confidence: float,
    squad2: int,
    selfaware: int,
    models: tuple[str, ...],
    out: Path | None,
) -> None:
    """Observe, fit, judge and record, each model for itself."""
    for model in models:
        figures: dict[str, Any] = {"risk": risk, "confidence": confidence}
        settings = Settings(generator=GeneratorSettings(model=model), indexes=("handbook",))
        _index_handbook(settings)
        orchestrator = assemble(settings, load_parts(settings, fetch=fetch_announced))
        kinds = {
            "squad2": _halves(data / "squad2/dev.jsonl.gz", squad2),
            "selfaware": _halves(data / "selfaware/all.jsonl", selfaware),
            "handbook": read_questions([QUESTIONS]),
        }
        observed = {kind: _observed(orchestrator, kind, some) for kind, some in kinds.items()}
        every = [one for some in observed.values() for one in some]
        artefact = fit_outlook(orchestrator, every)
        if out is not None:
            artefact.save(out / f"policy--joint--{model}")
        head = OutlookHead().with_artefact(artefact)
        judged = Judged.of(every, head, orchestrator)
        figures[model] = judged.figures(risk, confidence) | {
            "by_set": {
                kind: Judged.of(some, head, orchestrator).at(
                    "joint", judged.threshold("joint", risk, confidence)
                )
                for kind, some in observed.items()
            }
        }
        write_report(judged.report(model, figures[model]), report_folder(f"abstention-{model}"))
        record(
            f"abstention-{model}",
            figures,
            data_hash=data_hash([one.question for one in every]),
            models={model: orchestrator.expert.model.fingerprint},
        )


@dataclass(frozen=True, slots=True)
class Judged:
    """What each way to be sure says of every part of the questions.

    Attributes:
        held: The questions that figures are told of.
        parts: By its name, outcomes of fitting, testing and held-out questions.
    """

    held: tuple[Observed, ...]
    parts: dict[str, tuple[Outcomes, Outcomes, Outcomes]]

    @classmethod
    def of(cls, observed: Sequence[Observed], head: OutlookHead, by: Orchestrator) -> Judged:
        """Judge all questions in all ways."""
        parted = Parted.of(observed)
        lots = (parted.fitting, parted.testing, parted.held)
        ways: dict[str, Callable[[Sequence[Observed]], Outcomes]] = {
            "joint": lambda some: outcomes_of(some, head([o.seen for o in some if o.read])),
            "p_know": lambda some: Outcomes.of(
                [o.seen.p_know for o in some], [o.memory for o in some]
            ),
            "sureness": lambda some: Outcomes.of(
                [_sure(o, by) for o in some], [o.passages if o.read else o.memory for o in some]
            ),
        }
        found = {name: tuple(way(lot) for lot in lots) for name, way in ways.items()}
        # What heads say of questions they learned from is too sure; what they said unseen is kept.
        kept = Outcomes.of(head.arrays["ordering.p"], head.arrays["ordering.right"] > 0)
        found["joint"] = (kept, *found["joint"][1:])
        return cls(parted.held, found)  # type: ignore[arg-type]

    def threshold(self, name: str, risk: float, confidence: float) -> float:
        """The threshold that keeps a risk, by what was learned and tested on."""
        ordering, testing, _ = self.parts[name]
        return threshold_within(risk, ordering, testing, confidence=confidence)

    def at(self, name: str, threshold: float) -> dict[str, Any]:
        """What becomes of held-out questions at a threshold."""
        outcomes = self.parts[name][2]
        answered, wrong = outcomes.above(threshold)
        given = outcomes.p >= threshold
        can = np.array([bool(one.question.answers) for one in self.held])
        found: dict[str, Any] = {
            "n": len(given),
            "answered": answered,
            "coverage": round(answered / max(len(given), 1), 4),
        }
        if answered:
            found["wrong_among_answered"] = round(wrong / answered, 4)
        if (~can).any():
            found["hallucination"] = round(float(given[~can].mean()), 4)
        if can.any():
            found["error"] = round(float((~given)[can].mean()), 4)
        return found

    def figures(self, risk: float, confidence: float) -> dict[str, Any]:
        """What each way comes to."""
        found: dict[str, Any] = {}
        for name, (_, _, held) in self.parts.items():
            threshold = self.threshold(name, risk, confidence)
            known = held.right.tolist()
            found[name] = self.at(name, threshold) | {
                "right_if_all_answered": round(float(held.right.mean()), 4),
                "auroc": round(auroc(held.p, known), 4),
                "aurc": round(risk_coverage(held.p, held.right).area, 4),
                "brier": round(brier_score(held.p, known), 4),
                "ece": round(expected_calibration_error(held.p, known), 4),
            }
            if np.isfinite(threshold):
                found[name]["threshold"] = round(threshold, 4)
        found["never_abstain"] = self.at("sureness", 0.0)
        return found

    def report(self, model: str, figures: dict[str, Any]) -> Report:
        """Risk against coverage, with the promised threshold marked."""
        curves, marks = [], []
        for name, (_, _, held) in self.parts.items():
            curve = risk_coverage(held.p, held.right)
            curves.append(Curve(name, tuple(curve.coverage.tolist()), tuple(curve.risk.tolist())))
            if (wrong := figures[name].get("wrong_among_answered")) is not None:
                marks.append(Mark(f"{name}, promised", figures[name]["coverage"], wrong))
        lines = Lines(
            title="Risk and coverage",
            x_label="share of questions answered",
            y_label="share of wrong ones among them",
            curves=tuple(curves),
            marks=tuple(marks),
        )
        title = f"Answering only what is likely right: {model}"
        return Report(kind="answers", title=title, summary=figures, manifest={}, figures=(lines,))


def _index_handbook(settings: Settings) -> None:
    library = Library(settings.home)
    if "handbook" not in library.names():
        library.add("handbook", [HANDBOOK], load_embedder(settings, fetch=fetch_announced))


def _halves(path: Path, limit: int) -> list[Question]:
    """As many questions of the half that is learned from as of the one that is held out."""
    questions = read_questions([path])
    halves = [[q for q in questions if is_held_out(q.id) == held] for held in (False, True)]
    return [question for half in halves for question in sample(half, limit)]


def _observed(by: Orchestrator, kind: str, questions: Sequence[Question]) -> list[Observed]:
    """Let questions be answered: about the handbook with its index, others as they come.

    A passage that comes with a question is read, however far it seems from it: the filters were
    fitted to what is searched for.
    """
    asked = by if kind == "handbook" else replace(by, indices={}, filters=())
    bar, move = progress(f"{by.expert.name}, {kind}")
    cache = RecordCache(Settings().home / "outcomes.sqlite")
    with bar:
        return observe_questions(asked, questions, Ask(), cache=cache, on_progress=move)


def _sure(one: Observed, by: Orchestrator) -> float:
    """How sure the answer is that never abstaining would give."""
    if one.seen.passages is None:
        return one.seen.p_know
    support = 1.0 if one.seen.support is None else one.seen.support
    return by.sureness([support], [one.seen.passages.logprobs])[0]


if __name__ == "__main__":
    main()
