"""Questions that a passage answers, written by a language model.

As in SPIKE (arXiv 2503.23033) and doc2query (arXiv 1904.08375), what people would ask is put
beside what a passage says. A base model is shown two worked examples, written for this project; a
chat model is told. Only lines that are questions are kept, so that a model that rambles gives few.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Final

from rag_router.models.base import CausalModel
from rag_router.models.streams import OneStream, Task, decode, start

__all__ = ["write_questions"]

_ROWS: Final = 8
_CHARACTERS: Final = 1500
_TOKENS_EACH: Final = 28
_LINE: Final = re.compile(r"^\s*(?:\d+[.)]|[-*•])?\s*(.{8,300}\?)\s*$")
_INSTRUCTION: Final = "Write questions that the passage answers, one a line, each ending with '?'."
_EXAMPLES: Final = """Passage: The Larkspur valve sheds steam when the boiler exceeds six bar. \
It is calibrated every spring by the works engineer, who signs the blue ledger.
Questions that the passage answers:
1. At what pressure does the Larkspur valve shed steam?
2. How often is the Larkspur valve calibrated?
3. Who signs the blue ledger?

Passage: Oslo is the capital of Norway. About 700,000 people live there, at the head of a fjord.
Questions that the passage answers:
1. What is the capital of Norway?
2. How many people live in Oslo?
3. Where does Oslo lie?

"""


def write_questions(
    model: CausalModel,
    passages: Sequence[str],
    *,
    each: int = 3,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> list[list[str]]:
    """Let a model write questions for passages, greedily; each passage as if it were alone.

    Args:
        model: Any causal model.
        passages: Their text; what is beyond 1,500 characters is not shown.
        each: Most questions for a passage.
        on_progress: Told how many passages are done.
    """
    written: list[list[str]] = []
    head = model.encode(f"{_INSTRUCTION}\n\n{_EXAMPLES}")
    for begin in range(0, len(passages), _ROWS):
        on_progress(begin, len(passages))
        prompts = [_prompt(model, head, text) for text in passages[begin : begin + _ROWS]]
        shared = None if model.is_chat else [len(head)] * len(prompts)
        tasks = [
            Task(
                streams={"closed": started},
                strategy=OneStream("closed"),
                max_new_tokens=_TOKENS_EACH * each,
                stop=("\n\n",),
            )
            for started in start(model.prefill(prompts, shared=shared))
        ]
        written += [_questions(said.text, each) for said in decode(model, tasks)]
    on_progress(len(passages), len(passages))
    return written


def _prompt(model: CausalModel, head: Sequence[int], passage: str) -> list[int]:
    # A blank line ends an answer, and so none may stand in a passage.
    shown = " ".join(passage[:_CHARACTERS].split())
    if model.is_chat:
        told = f"{_INSTRUCTION}\n\nPassage: {shown}"
        return model.encode(model.render_chat([{"role": "user", "content": told}]), begin=False)
    tail = f"Passage: {shown}\nQuestions that the passage answers:\n1."
    return [*head, *model.encode(tail, begin=False)]


def _questions(said: str, each: int) -> list[str]:
    lines = (_LINE.match(line) for line in said.splitlines())
    found = dict.fromkeys(" ".join(line[1].split()) for line in lines if line)
    return list(found)[:each]
