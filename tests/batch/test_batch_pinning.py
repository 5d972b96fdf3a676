"""An index that is published anew while a job runs."""

from __future__ import annotations

from dataclasses import replace

import pytest
from little_house import CORPORA, scripted_expert, write_jsonl

from rag_router.assembly import Parts, assemble
from rag_router.batch import Batch, LocalEngine, Sizes
from rag_router.batch.facts import job_facts
from rag_router.batch.inputs import items_of
from rag_router.batch.pinning import hold, overtaken, overtaken_since, pinned
from rag_router.errors import IndexUnavailableError
from rag_router.indices.following import Following, Pin
from rag_router.indices.library import Library
from rag_router.models.scripted_embedder import HashingEmbedder
from rag_router.orchestrator import Ask
from rag_router.settings import Settings

EMBEDDER = HashingEmbedder()
ALWAYS = Ask(retrieval="always")


def house(tmp_path):
    library = Library(tmp_path / "home")
    library.add("towns", [write_jsonl(tmp_path / "towns.jsonl", CORPORA["towns"])], EMBEDDER)
    followed = Following(library, None, lambda name: library.open(name, EMBEDDER))
    parts = Parts(expert=scripted_expert({}), embedder=EMBEDDER, indexes=followed)
    return library, followed, assemble(Settings(home=tmp_path / "home"), parts)


def publish(library, tmp_path):
    bergen = {"id": "bergen", "title": "Bergen", "text": "Bergen lies among seven hills."}
    library.add("towns", [write_jsonl(tmp_path / "more.jsonl", [bergen])], EMBEDDER)


def found(answer):
    return {judged.hit.passage.document_id for judged in answer.evidence.judged}


def test_a_job_keeps_its_generation_and_says_so(tmp_path):
    library, followed, service = house(tmp_path)
    engine = LocalEngine(service=pinned(service), ask=ALWAYS, sizes=Sizes(window=1))
    windows = engine.answers(items_of(["Where lies Oslo?", "Where lies Bergen?"]))
    assert found(next(windows)[0][1]) == {"oslo"}
    publish(library, tmp_path)
    assert found(next(windows)[0][1]) == {"oslo"}
    assert overtaken(followed) == [
        "index towns was published anew meanwhile: all answers are from generation 1"
    ]
    # The service that the job took it from follows on.
    assert "bergen" in found(service.answer(["Where lies Bergen?"], ALWAYS)[0])
    assert overtaken(followed) == []


def test_what_is_held_follows_no_longer(tmp_path):
    library, followed, service = house(tmp_path)
    hold(service)
    publish(library, tmp_path)
    assert found(service.answer(["Where lies Bergen?"], ALWAYS)[0]) == {"oslo"}
    assert followed.newer() == {"towns": 2}
    library.remove("towns")
    assert overtaken(followed) == [
        "index towns was removed meanwhile: all answers are from generation 1"
    ]


def test_answers_of_two_generations_are_told_apart_by_their_facts(tmp_path):
    library, _, service = house(tmp_path)
    before = job_facts(service, ALWAYS)
    publish(library, tmp_path)
    service.answer(["Where lies Bergen?"], ALWAYS)
    after = job_facts(service, ALWAYS)
    changed = {name for name in before if before[name] != after[name]}
    assert changed == {"index towns"}


def test_a_batch_writes_a_file_and_goes_on_with_it(tmp_path):
    _, _, service = house(tmp_path)
    batch, out = Batch(service), tmp_path / "out.jsonl"
    assert batch.write(["Where lies Oslo?"], out).fresh == 1
    assert batch.write(["Where lies Oslo?", "Where else?"], out).fresh == 1
    assert len(out.read_text().splitlines()) == 2


def pins(library):
    return {name: Pin.of(library.manifest(name)) for name in library.names()}


def again(library, wanted):
    """Another process that opens what a job wants: one that takes the place of one that died."""
    followed = Following(library, None, lambda name: library.open(name, EMBEDDER))
    parts = Parts(expert=scripted_expert({}), embedder=EMBEDDER, indexes=followed)
    service = assemble(Settings(home=library.home), parts)
    hold(service, wanted)
    return service


def test_who_comes_later_opens_the_generation_that_the_job_began_with(tmp_path):
    library, _, first = house(tmp_path)
    wanted = pins(library)
    publish(library, tmp_path)
    later = again(library, wanted)
    asked = ["Where lies Bergen?"]
    assert found(later.answer(asked, ALWAYS)[0]) == {"oslo"}
    assert "bergen" in found(first.answer(asked, ALWAYS)[0])
    assert overtaken_since(library, wanted) == [
        "index towns was published anew meanwhile: all answers are from generation 1"
    ]


def test_an_index_that_was_made_after_the_job_began_is_not_looked_in(tmp_path):
    library, _, _ = house(tmp_path)
    wanted = pins(library)
    library.add("more", [write_jsonl(tmp_path / "h.jsonl", CORPORA["handbook"])], EMBEDDER)
    assert set(again(library, wanted).indices) == {"towns"}
    assert overtaken_since(library, wanted) == []


def test_a_generation_that_is_gone_is_not_replaced_by_another(tmp_path):
    library, _, _ = house(tmp_path)
    wanted = pins(library)
    publish(library, tmp_path)
    library.compact("towns")  # keeps nothing older
    with pytest.raises(IndexUnavailableError, match="which is not there any more"):
        again(library, wanted)


def test_what_was_erased_is_not_opened_again(tmp_path):
    library, _, _ = house(tmp_path)
    publish(library, tmp_path)
    wanted = pins(library)
    library.erase("towns", ["bergen"])
    with pytest.raises(IndexUnavailableError, match="not there any more"):
        again(library, wanted)


def test_an_index_made_anew_under_an_old_name_is_another_one(tmp_path):
    library, _, _ = house(tmp_path)
    wanted = {name: replace(pin, created="1999-12-31") for name, pin in pins(library).items()}
    with pytest.raises(IndexUnavailableError, match="1999-12-31"):
        again(library, wanted)
    library.remove("towns")
    assert overtaken_since(library, wanted) == [
        "index towns was removed meanwhile: all answers are from generation 1"
    ]
    with pytest.raises(IndexUnavailableError, match="not there any more"):
        again(library, wanted)
