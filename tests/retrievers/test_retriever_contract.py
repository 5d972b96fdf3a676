"""What every registered retriever promises; a new one is covered without a line here."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from langchain_core.documents import Document
from langchain_core.retrievers import BaseRetriever

from rag_router.errors import SettingsError, UnknownNameError
from rag_router.indices import Library
from rag_router.models.scripted_embedder import HashingEmbedder
from rag_router.retrievers import RETRIEVERS, Retriever, make_queries

WORDS = ["rome", "paris", "oslo", "tiber", "seine", "fjord", "capital", "river", "king", "queen"]
EMBEDDER = HashingEmbedder()


class Listed(BaseRetriever):
    """What LangChain would find: the texts that share most words with the question."""

    texts: list[str]

    def _get_relevant_documents(self, query, *, run_manager):
        words = set(query.split())
        best = sorted(self.texts, key=lambda text: -len(words.intersection(text.split())))
        return [Document(page_content=text) for text in best]


LISTED = Listed(texts=[f"{a} {b} {a}" for a in WORDS for b in WORDS[:2]])
GIVEN = {"langchain": {"source": LISTED, "embedder": EMBEDDER}}
"""What a retriever needs besides indices to find anything."""


@pytest.fixture(scope="module")
def indices(tmp_path_factory):
    home = tmp_path_factory.mktemp("home")
    library = Library(home)
    opened = []
    random = np.random.default_rng(0)
    for name in ("one", "two"):
        path = home / f"{name}.jsonl"
        rows = [" ".join(random.choice(WORDS, 6)) for _ in range(30)]
        path.write_text(
            "".join(f'{{"id": "{name}{n:02}", "text": "{row}"}}\n' for n, row in enumerate(rows))
        )
        library.add(name, [path], EMBEDDER)
        opened.append(library.open(name, EMBEDDER))
    return opened


# A memory holds questions and answers, not documents: see test_remembering.
@pytest.fixture(params=[name for name in RETRIEVERS if name != "qa_memory"])
def name(request):
    return request.param


def plain(found):
    return [[(h.passage.id, h.score, h.rank, h.similarity, h.why) for h in hits] for hits in found]


@pytest.mark.parametrize("how_many", [1, 2])
def test_hits_come_best_first_numbered_and_with_a_cosine(name, indices, how_many):
    retriever = RETRIEVERS.build(name, k=5, **GIVEN.get(name, {}))
    assert isinstance(retriever, Retriever)
    queries = make_queries(["the capital of rome", "a river in paris"], EMBEDDER)
    found = retriever.retrieve(queries, indices[:how_many])
    assert len(found) == 2
    for query, hits in zip(queries, found, strict=True):
        assert len(hits) == 5
        assert [h.rank for h in hits] == [1, 2, 3, 4, 5]
        assert [h.score for h in hits] == sorted((h.score for h in hits), reverse=True)
        assert len({(h.passage.index, h.passage.id) for h in hits}) == 5
        for one, other in pairwise(hits):
            assert one.score > other.score or one.passage.id < other.passage.id
        for hit in hits:
            vector = EMBEDDER.encode_passages([hit.passage.text])[0]
            assert hit.similarity == pytest.approx(float(vector @ query.vector), abs=1e-6)
            assert (hit.retriever, bool(hit.why)) == (retriever.name, True)


def test_a_question_finds_the_same_alone_and_in_company(name, indices):
    retriever = RETRIEVERS.build(name, k=5, **GIVEN.get(name, {}))
    queries = make_queries([f"{a} {b}" for a in WORDS for b in WORDS[:3]], EMBEDDER)
    together = plain(retriever.retrieve(queries, indices))
    assert together == [plain(retriever.retrieve([query], indices))[0] for query in queries]


def test_asking_nothing_or_nowhere_finds_nothing(name, indices):
    retriever = RETRIEVERS.build(name)
    assert retriever.retrieve([], indices) == []
    assert retriever.retrieve(make_queries(["rome"], EMBEDDER), []) == [[]]
    assert make_queries([], EMBEDDER) == []


def test_asking_for_more_than_there_is_finds_what_there_is(name, indices):
    hits = RETRIEVERS.build(name, k=1000, **GIVEN.get(name, {})).retrieve(
        make_queries(["rome"], EMBEDDER), indices
    )[0]
    assert 0 < len(hits) <= 60


@pytest.mark.parametrize("text", ["", " ", "the of", "\u0000", "日本", "a" * 10_000])
def test_odd_questions_are_no_errors(name, indices, text):
    found = RETRIEVERS.build(name).retrieve(make_queries([text], EMBEDDER), indices)
    assert len(found) == 1


def test_misspelt_names_and_options_are_errors_that_help(name):
    with pytest.raises(SettingsError, match=r"Known: .*k"):
        RETRIEVERS.build(name, top=3)
    with pytest.raises(SettingsError, match=r"k: .*greater than or equal to 1"):
        RETRIEVERS.build(name, k=0)
    with pytest.raises(UnknownNameError, match=f"Did you mean '{name}'"):
        RETRIEVERS.build(name + "x")
