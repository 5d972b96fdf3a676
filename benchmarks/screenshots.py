"""Pictures of the page for the documentation, made on the bundled models and example corpora.

    python -m benchmarks.screenshots [--home FOLDER]            # writes docs/page/*.png

The gates are shown with an evaluation on the example questions, which is made first; with a folder
it is kept there, and the next time is shorter. Needs Debian's chromium and Playwright; nothing is
fetched.
"""

from __future__ import annotations

import argparse
import os
import shutil
import socket
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import uvicorn

from examples.demo import INDEXES
from rag_router.api.app import create_app
from rag_router.api.resources import Resources
from rag_router.assembly import load_embedder
from rag_router.cli.main import cli
from rag_router.eval.kept_evaluations import kept_evaluation
from rag_router.indices.library import Library
from rag_router.pooling import load_service
from rag_router.settings import Settings

ROOT = Path(__file__).parent.parent
PICTURES = ROOT / "docs" / "page"
QUESTION = "How often is the Larkspur valve calibrated?"
KNOWN = "What is the capital of France?"
_FLAGS = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)


@contextmanager
def chromium() -> Iterator[Any]:
    """Yield the browser of this machine, without a window."""
    from playwright.sync_api import sync_playwright

    path = shutil.which("chromium") or shutil.which("chromium-browser")
    if path is None:
        raise SystemExit("There is no chromium here: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(_FLAGS))
        yield browser
        browser.close()


def evaluate(settings: Settings) -> None:
    """Let the example questions be answered without and with looking them up."""
    if kept_evaluation(settings.home, settings.generator.model) is None:
        asked = ["eval", "answers", "--data", str(ROOT / "examples" / "questions.jsonl")]
        named = [part for name in INDEXES for part in ("--index", name)]
        os.environ["RAG_ROUTER_HOME"] = str(settings.home)
        cli.main([*asked, *named], standalone_mode=False)


@contextmanager
def serving(home: Path) -> Iterator[str]:
    """Serve the example corpora with the bundled models; yields the address."""
    settings = Settings(home=home, store={"traces": "full"})
    embedder, library = load_embedder(settings), Library(home)
    for name, files in INDEXES.items():
        library.add(name, [ROOT / "examples" / "corpora" / file for file in files], embedder)
    evaluate(settings)
    app = create_app(lambda: load_service(settings), resources=Resources.open(settings))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = uvicorn.Server(uvicorn.Config(app, log_level="error", ws="none"))
        thread = threading.Thread(target=server.run, args=([listener],))
        thread.start()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        try:
            while httpx.get(f"{url}/health/ready", trust_env=False, timeout=60).status_code == 503:
                time.sleep(1)
            yield url
        finally:
            server.should_exit = True
            thread.join()


def ask(page: Any, question: str) -> None:
    """Ask on the first view, and wait for the answer."""
    page.goto("/#/ask")
    page.get_by_role("group", name="Look in").wait_for()
    page.get_by_label("Question").fill(question)
    page.get_by_role("button", name="Ask", exact=True).click()
    page.get_by_role("region", name="Answer", exact=True).wait_for()


def take(page: Any, name: str, height: int) -> None:
    """Write one picture; what is out of sight is drawn, too."""
    page.set_viewport_size({"width": page.viewport_size["width"], "height": height})
    page.wait_for_timeout(300)
    page.screenshot(path=PICTURES / f"{name}.png")
    print(PICTURES / f"{name}.png")


def main() -> None:
    """Take all pictures."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--home", type=Path, help="a folder to keep what is made on the way")
    kept = parser.parse_args().home
    PICTURES.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory() as home,
        serving(kept or Path(home)) as url,
        chromium() as browser,
    ):
        for scheme, width in (("light", 1280), ("dark", 1280), ("phone", 390)):
            context = browser.new_context(
                base_url=url,
                viewport={"width": width, "height": 900},
                color_scheme="dark" if scheme == "dark" else "light",
                reduced_motion="reduce",
            )
            page = context.new_page()
            page.set_default_timeout(240_000)
            ask(page, QUESTION)
            page.locator(".tokens [data-kind]").first.hover()
            take(page, f"ask-{scheme}", 1750 if scheme != "phone" else 1400)
            if scheme == "light":
                ask(page, KNOWN)
                page.get_by_role("button", name="Right", exact=True).click()
                page.get_by_text("the gate can learn from that").wait_for()
                take(page, "memory", 1250)
                page.goto("/#/gates")
                page.locator(".chart").first.wait_for()
                page.get_by_label("Threshold: below it").fill("0.15")
                page.get_by_role("region", name="Answers that were given").locator(
                    "td"
                ).first.wait_for()
                take(page, "gates", 1350)
                page.goto("/#/library")
                page.locator("table").first.wait_for()
                take(page, "library", 900)
                page.goto("/#/compare")
                page.get_by_label("Question").fill(QUESTION)
                page.get_by_role("button", name="Compare").click()
                page.locator(".verdict:not(:empty)").wait_for()
                take(page, "compare", 1300)
            context.close()


if __name__ == "__main__":
    main()
