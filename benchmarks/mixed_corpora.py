"""Questions of three kinds, and corpora from which half of what answers them is left out.

Which half is decided by a hash of the question's id, apart from the split of fitting. What is left
out are gold passages: of Wikipedia a passage, of the handbook a section.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from rag_router.eval.datasets import is_held_out, read_questions, sample
from rag_router.types import Question

__all__ = ["MixedQuestions", "left_out", "read_mixed", "write_corpora"]

_EXAMPLES = Path(__file__).parent.parent / "examples"
_SETS = {"nq_gold": "nq_gold/dev.jsonl.gz", "popqa": "popqa/sample_1k.jsonl.gz"}


@dataclass(frozen=True, slots=True)
class MixedQuestions:
    """Questions, and the name of each one's set."""

    questions: list[Question]
    sets: list[str]


def read_mixed(data: Path, *, limit: int, held_out: bool) -> MixedQuestions:
    """Read nq_gold and popqa, one half of them, and the handbook's questions where held out.

    The handbook's nine questions are too few to be parted; nothing is fitted on them.
    """
    questions: list[Question] = []
    sets: list[str] = []
    for name, file in _SETS.items():
        found = [q for q in read_questions([data / file], answers=True) if _is(q, held_out)]
        chosen = sample(found, limit)
        questions += chosen
        sets += [name] * len(chosen)
    if held_out:
        handbook = [q for q in _handbook() if q.answers]
        questions += handbook
        sets += ["handbook"] * len(handbook)
    return MixedQuestions(questions, sets)


def left_out(question: Question) -> bool:
    """Whether what answers a question is left out of the corpora."""
    return is_held_out(f"left out: {question.id}")


def write_corpora(data: Path, out: Path) -> tuple[list[Path], Path]:
    """Write the passages of Wikipedia and the handbook, without the gold of half the questions.

    Returns:
        Files of passages, and the handbook's folder.
    """
    out.mkdir(parents=True, exist_ok=True)
    gone = {
        str(passage.id)
        for file in _SETS.values()
        for question in read_questions([data / file], answers=True)
        if left_out(question)
        for passage in question.contexts
        if passage.meta.get("is_gold")
    }
    files = []
    for path in sorted((data / "wiki_passages").glob("*.jsonl.gz")):
        kept = out / path.name.removesuffix(".gz")
        with gzip.open(path, "rt", encoding="utf-8") as lines:
            text = "".join(line for line in lines if json.loads(line)["id"] not in gone)
        kept.write_text(text, encoding="utf-8")
        files.append(kept)
    handbook = out / "handbook"
    handbook.mkdir(exist_ok=True)
    sections = {str(q.meta["passage"]) for q in _handbook() if q.answers and left_out(q)}
    for path in sorted((_EXAMPLES / "corpora/handbook").glob("*.md")):
        headings = {s.split("#")[1] for s in sections if s.split("#")[0].endswith(path.name)}
        text = "\n".join(_without(path.read_text(encoding="utf-8").splitlines(), headings))
        (handbook / path.name).write_text(text + "\n", encoding="utf-8")
    return files, handbook


def _without(lines: Iterable[str], headings: set[str]) -> list[str]:
    kept, dropped = [], False
    for line in lines:
        if line.startswith("#"):
            dropped = line.lstrip("# ").strip() in headings
        if not dropped:
            kept.append(line)
    return kept


def _handbook() -> list[Question]:
    found = read_questions([_EXAMPLES / "questions.jsonl"])
    return [question for question in found if question.meta.get("field") == "handbook"]


def _is(question: Question, held_out: bool) -> bool:
    return is_held_out(question.id) == held_out
