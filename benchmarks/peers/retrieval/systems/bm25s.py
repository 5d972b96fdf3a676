"""bm25s as its quick start sets it up: Lucene's BM25, English stop words, perhaps a stemmer."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.peers.retrieval.systems import Given, Text

LIBRARIES = ("bm25s", "PyStemmer", "numpy")


class Bm25s:
    """`BM25()` with all defaults: method "lucene", k1 1.5, b 0.75, numpy."""

    def __init__(self, *, stem: bool) -> None:
        import bm25s
        import Stemmer

        self.library = bm25s
        self.stemmer = Stemmer.Stemmer("english") if stem else None

    def index(self, documents: Sequence[Text]) -> None:
        self.ids = [document.id for document in documents]
        self.engine = self.library.BM25()
        texts = [document.text for document in documents]
        self.engine.index(self._tokens(texts), show_progress=False)

    def search(self, query: str, k: int) -> list[str]:
        rows, _ = self.engine.retrieve(self._tokens([query]), k=k, show_progress=False)
        return [self.ids[row] for row in rows[0]]

    def _tokens(self, texts: list[str]) -> object:
        return self.library.tokenize(
            texts, stopwords="en", stemmer=self.stemmer, show_progress=False
        )


def _plain(given: Given) -> Bm25s:
    """Lucene's BM25; words of two letters or more, 33 stop words."""
    return Bm25s(stem=False)


def _stemmed(given: Given) -> Bm25s:
    """The same with Snowball's English stemmer."""
    return Bm25s(stem=True)


VARIANTS = {"plain": _plain, "stemmed": _stemmed}
