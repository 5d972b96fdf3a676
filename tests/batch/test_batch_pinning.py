"""An index that is published anew while a job runs."""

from __future__ import annotations

from little_house import CORPORA, scripted_expert, write_jsonl

from rag_router.assembly import Parts, assemble
from rag_router.batch import Batch, LocalEngine, Sizes
from rag_router.batch.facts import job_facts
from rag_router.batch.inputs import items_of
from rag_router.batch.pinning import hold, overtaken, pinned
from rag_router.indices.following import Following
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
