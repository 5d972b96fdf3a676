"""Fields of questions, how well they are routed, and fitting routers on them."""

from __future__ import annotations

import json

import numpy as np
import pytest

from rag_router.errors import DataError, SettingsError
from rag_router.eval.datasets import is_held_out
from rag_router.eval.route_fields import RouteField, read_fields, split_name
from rag_router.eval.route_figures import route_figures
from rag_router.eval.route_fitting import add_expert, embedded, fit_router, remove_expert
from rag_router.eval.route_outcomes import outcomes
from rag_router.indices import Library
from rag_router.models.scripted_embedder import HashingEmbedder
from rag_router.retrievers.routed import RoutedRetriever
from rag_router.retrievers.routing import ROUTERS
from rag_router.types import RouteChoice

EMBEDDER = HashingEmbedder()
WORDS = {
    "law": ("court", "judge", "statute"),
    "news": ("minister", "election", "strike"),
    "sport": ("goal", "match", "league"),
}


def field(name: str, count: int = 30) -> RouteField:
    """Questions that share the words of a field."""
    words = WORDS[name]
    return RouteField(
        expert=name,
        queries={f"{name}{n}": f"{words[n % 3]} {words[(n + 1) % 3]} {n}" for n in range(count)},
        qrels={f"{name}{n}": {f"{name}-{n % 3}": 1} for n in range(count)},
    )


def visits(*names: str) -> tuple[RouteChoice, ...]:
    return tuple(RouteChoice(name=name) for name in names)


def test_every_field_counts_the_same():
    # law: first 1 of 1. news: first 1 of 3, visited 2 of 3.
    found = route_figures(
        [visits("law"), visits("news"), visits("law", "news"), visits("law")],
        ["law", "news", "news", "news"],
    )
    assert found == {
        "right_first": round((1 + 1 / 3) / 2, 4),
        "right_visited": round((1 + 2 / 3) / 2, 4),
        "visited": (1 + 1 + 2 + 1) / 4,
        "right_first_by_field": {"law": 1.0, "news": round(1 / 3, 4)},
    }


def test_a_question_that_went_nowhere_went_wrong():
    found = route_figures([()], ["law"])
    assert (found["right_first"], found["visited"]) == (0, 0)


@pytest.mark.parametrize(
    ("given", "name", "path"),
    [
        ("law=a/b.jsonl", "law", "a/b.jsonl"),
        ("law=a=b.jsonl", "law", "a=b.jsonl"),
        ("some/cacm/queries.jsonl", "cacm", "some/cacm/queries.jsonl"),
        ("Some=thing/x.jsonl", "Some=thing", "Some=thing/x.jsonl"),
    ],
)
def test_a_path_may_say_whose_questions_it_holds(given, name, path):
    found = split_name(given)
    assert (found[0], str(found[1])) == (name, path)


def test_questions_with_gold_passages_and_retrieval_sets_are_read(tmp_path):
    folder = tmp_path / "cacm"
    folder.mkdir()
    (folder / "queries.jsonl").write_text('{"id": "1", "text": "a"}\n{"id": "2", "text": "b"}\n')
    (folder / "qrels.jsonl").write_text(
        '{"query_id": "1", "doc_id": "d", "relevance": 2}\n'
        '{"query_id": "2", "doc_id": "e", "relevance": 1}\n'
    )
    gold = {
        "id": "q",
        "question": "c",
        "answers": ["x"],
        "contexts": [{"id": "p", "title": "", "text": "t", "is_gold": True}],
    }
    (tmp_path / "nq.jsonl").write_text(json.dumps(gold) + "\n")
    cacm, wiki = read_fields([f"cacm={folder}", f"wiki={tmp_path / 'nq.jsonl'}"])
    assert (cacm.expert, cacm.queries, cacm.qrels["1"]) == ("cacm", {"1": "a", "2": "b"}, {"d": 2})
    assert (wiki.expert, wiki.queries, wiki.qrels) == ("wiki", {"q": "c"}, {"q": {"p": 1}})
    assert len(read_fields([f"cacm={folder}"], limit=1)[0].queries) == 1
    both = read_fields([f"wiki={folder}", f"wiki={tmp_path / 'nq.jsonl'}"])
    assert [set(one.queries) for one in both] == [{"1", "2", "q"}]
    with pytest.raises(DataError, match="two questions of 'a' have the id '1'"):
        read_fields([f"a={folder}", f"a={folder}"])


def test_a_router_is_fitted_on_one_half_and_judged_on_the_other():
    fields = [field("law"), field("news")]
    artefact = fit_router("linear", ROUTERS.build("linear"), EMBEDDER, fields)
    card = artefact.card
    assert (card.method, card.model_fingerprint) == ("router/linear", EMBEDDER.fingerprint)
    assert card.metrics["right_first"] == 1
    learned = sum(not is_held_out(id_) for id_ in fields[0].queries)
    assert card.notes["experts"]["law"]["learned_from"] == learned
    assert len(artefact.weights["law/seen"]) == learned


def test_an_expert_is_added_and_removed_beside_the_others():
    router = ROUTERS.build("neighbours")
    before = fit_router("neighbours", router, EMBEDDER, [field("law"), field("news")])
    fitted = router.with_artefact(before)
    after = add_expert(before, fitted, EMBEDDER, field("sport"))
    assert set(after.card.notes["experts"]) == {"law", "news", "sport"}
    assert all(np.array_equal(array, after.weights[name]) for name, array in before.weights.items())
    assert after.card.data_hash != before.card.data_hash
    gone = remove_expert(after, fitted.with_artefact(after), "sport")
    assert set(gone.card.notes["experts"]) == {"law", "news"}
    assert set(gone.weights) == set(before.weights)
    with pytest.raises(SettingsError, match="'sport' is known already"):
        add_expert(after, fitted.with_artefact(after), EMBEDDER, field("sport"))


@pytest.fixture(scope="module")
def indices(tmp_path_factory):
    home = tmp_path_factory.mktemp("home")
    library = Library(home)
    for name in ("law", "news"):
        path = home / f"{name}.jsonl"
        rows = [
            {"id": f"{name}-{n}", "text": f"{WORDS[name][n]} {WORDS[name][(n + 1) % 3]}"}
            for n in range(3)
        ]
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        library.add(name, [path], EMBEDDER)
    return [library.open(name, EMBEDDER) for name in ("law", "news")]


def test_every_expert_searches_and_who_found_what_is_told(indices):
    fields = [field("law", 4), field("news", 3)]
    queries = embedded(fields, EMBEDDER)
    qrels = {f"{one.expert}/{i}": judged for one in fields for i, judged in one.qrels.items()}
    told = []
    found = outcomes(
        RoutedRetriever(member="sparse"),
        indices,
        queries,
        qrels,
        on_progress=lambda done, total: told.append((done, total)),
    )
    assert list(found) == ["law", "news"]
    # The two words of a question stand side by side in one passage, which ranks first.
    assert found["law"].tolist() == [1, 1, 1, 1, 0, 0, 0]
    assert found["news"].tolist() == [0, 0, 0, 0, 1, 1, 1]
    assert told[-1] == (14, 14)


def test_without_judgements_there_are_no_outcomes(indices):
    queries = embedded([field("law", 3)], EMBEDDER)
    with pytest.raises(DataError, match="nothing is said to be relevant"):
        outcomes(RoutedRetriever(), indices, queries, {})


def test_an_outcome_router_is_fitted_on_what_was_found(indices):
    fields = [field("law"), field("news")]
    queries = embedded(fields, EMBEDDER)
    qrels = {f"{one.expert}/{i}": judged for one in fields for i, judged in one.qrels.items()}
    found = outcomes(RoutedRetriever(member="sparse"), indices, queries, qrels)
    artefact = fit_router(
        "outcome", ROUTERS.build("outcome"), EMBEDDER, fields, queries=queries, found=found
    )
    assert artefact.card.metrics["right_first"] == 1
