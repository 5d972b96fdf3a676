"""The passages that an answer cites, numbered, and the answer with their numbers in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

from rag_router.api.openai.addresses import safe_address
from rag_router.text import without_hidden
from rag_router.types import Answer, Judged

__all__ = ["Source", "marked", "sources_of"]

_FIELDS: Final = ("url", "source_url", "link", "source")
"""Where the metadata of a passage may hold its address."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A passage that is cited.

    Attributes:
        number: From 1, in the order in which they are cited.
        title: What a person reads.
        url: Its address on the web, or a name that is none (`urn:...`) where it has no address.
        index: Where it stands.
        id: Its id there.
        text: The passage, as it was read.
        support: Calibrated probability that it holds the answer, where a filter said so.
        spans: Where in the answer it is cited.
    """

    number: int
    title: str
    url: str
    index: str
    id: str
    text: str
    support: float | None
    spans: tuple[tuple[int, int], ...]

    @property
    def on_the_web(self) -> bool:
        """Whether its address can be followed."""
        return not self.url.startswith("urn:")


def sources_of(answer: Answer) -> list[Source]:
    """Return what an answer cites; nothing that was not read is among it."""
    read = {(j.hit.passage.index, j.hit.passage.id): j for j in answer.evidence.kept}
    cited = sorted(answer.citations, key=lambda one: (one.answer_start, one.answer_end))
    names = list(dict.fromkeys((one.index, one.passage_id) for one in cited))
    # An answer that tells of several sides numbers what was read by itself.
    order = list(read) if answer.disagreement else [name for name in names if name in read]
    return [
        _source(
            number,
            read[name],
            [
                (one.answer_start, one.answer_end)
                for one in cited
                if (one.index, one.passage_id) == name
            ],
        )
        for number, name in enumerate(order, start=1)
    ]


def marked(text: str, sources: Sequence[Source]) -> str:
    """Put `[1]` behind what each source is cited for."""
    marks: dict[int, list[int]] = {}
    for source in sources:
        for _, end in source.spans:
            numbers = marks.setdefault(end, [])
            if source.number not in numbers:
                numbers.append(source.number)
    for end in sorted(marks, reverse=True):
        # Behind a word, but before the full stop that ends the sentence.
        at = end - 1 if text[end - 1 : end] in {".", "!", "?"} else end
        mark = "".join(f"[{number}]" for number in sorted(marks[end]))
        # A bracket that touches a number would make a link of it.
        gap = " " if text[at : at + 1] in {"(", "["} else ""
        text = f"{text[:at]} {mark}{gap}{text[at:]}"
    return text


def _source(number: int, judged: Judged, spans: Sequence[tuple[int, int]]) -> Source:
    passage = judged.hit.passage
    title = " ".join(without_hidden(passage.title or passage.document_id or passage.id).split())
    name = f"{quote(passage.index or 'given', safe='')}:{quote(passage.id, safe='')}"
    return Source(
        number=number,
        title=title,
        url=_address(passage.meta) or f"urn:rag-router:{name}",
        index=passage.index,
        id=passage.id,
        text=passage.text,
        support=judged.support,
        spans=tuple(spans),
    )


def _address(meta: Any) -> str:
    """The first address that is safe to follow."""
    return next(filter(None, (safe_address(meta.get(field)) for field in _FIELDS)), "")
