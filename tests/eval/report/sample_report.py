"""A small report with one of everything, made by hand."""

from __future__ import annotations

from html.parser import HTMLParser

from rag_router.eval.report import (
    Bars,
    Curve,
    Distribution,
    Interval,
    Lines,
    Mark,
    Reliability,
    ReliabilityCurve,
    Report,
    Series,
    Table,
)

LINES = Lines(
    "Accuracy against retrieval rate",
    "share looked up",
    "accuracy",
    (Curve("p_ik", (0, 0.5, 1), (0.12, 0.4, 0.41)),),
    (Mark("never", 0, 0.12), Mark("always", 1, 0.41)),
)
BARS = Bars(
    "Whom it follows",
    "share of answers",
    ("context", "memory"),
    (Series("plain", (0.6, 0.2), (0.5, 0.1), (0.7, 0.3)), Series("cad", (0.8, None))),
)
RELIABILITY = Reliability(
    "Calibration", (ReliabilityCurve("p_ik", (0.1, 0.9), (0.2, 0.8), (30, 10)),)
)
DISTRIBUTION = Distribution(
    "Latency", "ms", (("never", (10, 20, 30, 40)), ("always", (100, 200, 300, 4000)))
)

SUMMARY = {
    "n": 2000,
    "closed_book_accuracy": 0.1234,
    "policies": {
        "never": {"accuracy": 0.1111, "accuracy_95": [0.09, 0.13], "p50_ms": 81.53},
        "gate": {"accuracy": 0.4321, "accuracy_95": [0.41, 0.45], "p50_ms": 212.4},
        "oracle": {"accuracy": 0.5432, "p50_ms": 33.3},
    },
    "skipped": {"thrust": "needs hidden states"},
}


def report(**changes):
    """The report, with other fields where named."""
    fields = {
        "kind": "answers",
        "title": "Natural Questions",
        "summary": SUMMARY,
        "manifest": {"date": "2026-01-02T03:04:05Z", "prompts": {"plain": "Q: {q}\nA:"}},
        "tables": (
            Table(
                "By source",
                ("source", "n", "accuracy"),
                (("nq", 1500, Interval(0.53, 0.50, 0.56)), ("popqa", 500, None)),
                "Intervals of 95 %.",
            ),
        ),
        "figures": (LINES, BARS, RELIABILITY, DISTRIBUTION),
        "questions": (
            {"id": "1", "question": "Capital of Norway?", "p_know": 0.9, "gate was wrong": False},
            {"id": "2", "question": "Capital of Mars?", "p_know": None, "gate was wrong": True},
        ),
        "flags": ("gate was wrong",),
    }
    return Report(**(fields | changes))


class Page(HTMLParser):
    """What a browser would make of a page.

    Attributes:
        elements: (tag, attributes) of every element, in order.
        scripts: Content of every script element, by its id; "" for the one that runs.
        text: Everything else that is text.
    """

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: dict[str, str] = {}
        self.styles: list[str] = []
        self.text = ""
        self._inside: str | None = None
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        self._inside = tag
        if tag == "script":
            self._script = dict(attrs).get("id") or ""
            self.scripts[self._script] = ""

    def handle_endtag(self, tag):
        self._inside = None

    def handle_data(self, data):
        if self._inside == "script":
            self.scripts[self._script] += data
        elif self._inside == "style":
            self.styles.append(data)
        else:
            self.text += data

    def find(self, tag, **attributes):
        """Attributes of all elements of a tag that have these attributes."""
        return [
            found
            for name, found in self.elements
            if name == tag and attributes.items() <= found.items()
        ]
