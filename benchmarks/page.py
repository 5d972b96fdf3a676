"""How large the page is, how soon it is there, and whether a long answer holds it up.

    python -m benchmarks.page

A browser opens the page on loopback, and an answer of 400 words and 50 passages of 2,000
characters, which a service without a model would give. First paint is the browser's own; the
longest task is the longest time in which it could not have heard a key (W3C Long Tasks: tasks below
50 ms are not told of, so that 0 stands for "none reached 50 ms"). On a machine that does other work
besides, both grow with it; the longest task is told in seconds of the processor, too, as the
browser's own trace has it. The median of seven runs.
"""

from __future__ import annotations

import json
import statistics
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from benchmarks.record import record
from benchmarks.screenshots import chromium
from rag_router.api.page import page_files

RUNS = 7
_LONG = (
    "new PerformanceObserver(l => l.getEntries().forEach(e => window.longTasks.push(e.duration)))"
)
_PAINT = "performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? null"


def long_answer(words: int = 400, passages: int = 50) -> dict[str, Any]:
    """An answer as the service gives it, with every figure of every word."""
    likeliest = [{"text": f" word{n}", "probability": 0.5 / (n + 1)} for n in range(5)]
    figures = {"alpha": 0.4, "entropy_closed": 1.2, "entropy_context": 0.3, "divergence": 0.2}
    tokens = [
        {
            "text": f" word{n % 7}",
            "logprob": -0.1,
            **figures,
            "alternatives": likeliest,
            "alternatives_closed": likeliest[::-1],
        }
        for n in range(words)
    ]
    found = [
        {
            **{"id": f"document-{n}.md#3", "index": "handbook", "title": f"Document {n}"},
            **{"text": "A sentence of a passage. " * 80, "retriever": "fused", "score": 0.03},
            **{"support": 0.5, "kept": n < 25, "why": "the best ones are read"},
        }
        for n in range(passages)
    ]
    text = "".join(token["text"] for token in tokens).strip()
    return {
        **{"id": "1", "question": "What is long?", "answer": text, "abstained": False},
        **{"reason": "contextual", "confidence": 0.8, "message": text, "degraded": []},
        "knowledge": {
            **{"gate": "p_ik", "p_know": 0.2, "threshold": 0.4, "retrieve": True, "advised": True},
            **{"reason": "", "signals": {}, "extra_prefill_tokens": 0, "extra_decode_steps": 0},
        },
        "route": {"retrievers": [{"name": "fused", "weight": 1.0}], "expert": {"name": "one"}},
        "passages": found,
        "citations": [],
        "conflict": {"closed_book_answer": None, "divergence": 0.2, "strategy": "plain"},
        "tokens": tokens,
        "usage": dict.fromkeys(
            ("prompt_tokens", "completion_tokens", "lm_forward_passes", "retriever_calls"), 1
        ),
        "timings_ms": {"total": 1.0},
    }


class _Handler(BaseHTTPRequestHandler):
    """The page's files, and the one answer to every question."""

    def do_GET(self) -> None:
        name = "index.html" if self.path == "/" else self.path.removeprefix("/page/")
        if file := page_files().get(name):
            self._send(file.body, file.kind)
        else:
            self._send(b'{"status": "ok", "parts": {}, "items": []}', "application/json")

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        told = json.dumps({"answers": [long_answer()]})
        self._send(f"event: answers\ndata: {told}\n\n".encode(), "text/event-stream")

    def _send(self, body: bytes, kind: str) -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


def measured(browser: Any, url: str) -> tuple[float, float, float]:
    """First paint, the longest task, and the same of the processor, in milliseconds."""
    context = browser.new_context()
    page = context.new_page()
    page.goto(url)
    page.get_by_label("Question").fill("What is long?")
    page.wait_for_function(f"({_PAINT}) !== null")
    paint = page.evaluate(_PAINT)
    page.evaluate(f"window.longTasks = []; {_LONG}.observe({{entryTypes: ['longtask']}})")
    browser.start_tracing(page=page, categories=["toplevel", "__metadata"])
    page.get_by_role("button", name="Ask", exact=True).click()
    page.wait_for_function("document.querySelectorAll('.tokens [data-kind]').length === 400")
    page.wait_for_function("document.querySelectorAll('.passage').length === 50")
    page.wait_for_timeout(300)
    longest = page.evaluate("Math.max(0, ...window.longTasks)")
    busiest = busiest_task(json.loads(browser.stop_tracing())["traceEvents"])
    context.close()
    return paint, longest, busiest


def busiest_task(events: list[dict[str, Any]]) -> float:
    """The longest task of any page's main thread, in milliseconds of the processor."""
    main = {
        (event["pid"], event["tid"])
        for event in events
        if event["name"] == "thread_name" and event["args"]["name"] == "CrRendererMain"
    }
    tasks = [
        event["tdur"]
        for event in events
        if event["name"].endswith("RunTask") and (event["pid"], event["tid"]) in main
        if "tdur" in event
    ]
    return max(tasks) / 1000


def main() -> None:
    """Measure, print and record."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with chromium() as browser:
        runs = [measured(browser, f"http://127.0.0.1:{server.server_port}/") for _ in range(RUNS)]
    server.shutdown()
    paints, longest, busiest = zip(*runs, strict=True)
    figures = {
        "runs": RUNS,
        "bytes": sum(len(file.body) for file in page_files().values()),
        "files": len(page_files()),
        "first_paint_ms": round(statistics.median(paints), 1),
        "first_paint_worst_ms": round(max(paints), 1),
        "longest_task_ms": round(statistics.median(longest), 1),
        "longest_task_worst_ms": round(max(longest), 1),
        "longest_task_processor_ms": round(statistics.median(busiest), 1),
    }
    record("page", figures)


if __name__ == "__main__":
    main()
