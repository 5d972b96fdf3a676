"""The worker alone: what it does with jobs, whatever happens."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from threading import Event

import pytest

from rag_router.api.ingestion import UploadFolder, Worker
from rag_router.errors import BusyError
from rag_router.indices.library import Library
from rag_router.models.scripted_embedder import HashingEmbedder
from rag_router.settings import StoreSettings
from rag_router.store.collections import add_collection
from rag_router.store.database import ServiceDatabase
from rag_router.store.jobs import add_job, job
from rag_router.store.migrating import upgrade
from rag_router.store.service_tables import JobRow
from rag_router.store.traces import add_traces, traces
from rag_router.store.uploads import File, add_upload, replace_upload, upload

VALVE = b"The Larkspur valve is calibrated every 90 days."
OSLO = b"Oslo lies at the end of a long fjord."


class Killed(BaseException):
    """What ends everything at once, as a kill does."""


@dataclass(frozen=True, kw_only=True)
class Deadly(HashingEmbedder):
    """Ends the process where a text holds this word."""

    word: str = ""

    def encode_passages(self, texts):
        if any(self.word in text for text in texts):
            raise Killed
        return super().encode_passages(texts)


class Silenced(Library):
    """Killed when it has published, and before anybody is told."""

    def put(self, *args, **more):
        super().put(*args, **more)
        raise Killed


class House:
    """A worker without its thread, and what a client would do."""

    def __init__(self, home, embedder=HashingEmbedder):
        self.now = 1000.0
        self.embedder = embedder
        self.library = Library(home, lock_timeout_s=0.05)
        self.database = ServiceDatabase.at(home / "service.sqlite")
        upgrade(self.database.engine)
        self.folder = UploadFolder(home / "uploads", most_mb=1)
        self.worker = self.another()
        with self.database.writing() as session:
            add_collection(session, "default", "towns", now=1)

    def another(self, **more):
        """A worker, as each start of the service makes one."""
        return Worker(
            self.database,
            self.library,
            self.folder,
            lambda: self.embedder(),
            keeping=StoreSettings(trace_days=1, trace_count=2),
            clock=lambda: self.now,
            **more,
        )

    def live(self, **more):
        """Start, and work until everything is done or it is killed; returns whether it was."""
        self.worker = self.another(**more)
        self.worker.take_up()
        try:
            self.work()
        except Killed:
            return True
        return False

    def put(self, name, content, *, document=None, **meta):
        incoming = self.folder.receive(name, [content])
        file = File(bytes=incoming.bytes, sha256=incoming.sha256, meta=meta)
        with self.database.writing() as session:
            if document is None:
                row = add_upload(session, "default", "towns", name, file, now=2)
            else:
                row = upload(session, "default", document)
                replace_upload(row, file, now=3)
            promised = add_job(session, row, "put", now=2)
            self.folder.keep(incoming, promised.id)
        return row.id, promised.id

    def remove(self, document):
        with self.database.writing() as session:
            row = upload(session, "default", document)
            row.state = "removing"
            return add_job(session, row, "remove", now=4).id

    def state(self, document):
        with self.database.reading() as session:
            row = upload(session, "default", document)
            return row.state, row.passages

    def job(self, id_):
        with self.database.reading() as session:
            return job(session, "default", id_)

    def texts(self):
        if "towns" not in self.library.names():
            return set()
        return {p.text for d in self.library.documents("towns") for p in d.passages}

    def work(self):
        while self.worker.step():
            pass


@pytest.fixture
def house(tmp_path):
    made = House(tmp_path / "home")
    yield made
    made.database.close()


def test_what_waits_together_is_published_together(house):
    first, _ = house.put("valve.txt", VALVE, topic="valves")
    second, _ = house.put("oslo.md", b"# Oslo\n\n" + OSLO)
    assert house.worker.step()
    assert (house.state(first), house.state(second)) == (("indexed", 1), ("indexed", 1))
    assert house.library.manifest("towns").generation == 1
    assert house.texts() == {VALVE.decode(), OSLO.decode()}
    assert not house.worker.step()
    assert list(house.folder.folder.iterdir()) == []


def test_what_the_uploader_says_stands_beside_what_the_file_says(house):
    rows = [{"id": "a", "text": "One.", "meta": {"year": 1969, "lang": "en"}}]
    house.put("rows.jsonl", json.dumps(rows[0]).encode(), lang="de", topic="moon")
    house.work()
    (stored,) = house.library.documents("towns")
    assert stored.id == "a"
    assert stored.meta == {"year": 1969, "lang": "de", "topic": "moon"}
    assert stored.source == "rows.jsonl:1"


def test_a_file_that_cannot_be_read_fails_alone_and_is_called_by_its_name(house):
    good, _ = house.put("oslo.txt", OSLO)
    bad, failed = house.put("rows.jsonl", b"{broken")
    house.work()
    assert (house.state(good)[0], house.state(bad)[0]) == ("indexed", "failed")
    told = house.job(failed)
    assert told.problem.startswith("rows.jsonl:1")
    assert "uploads" not in told.problem


def test_a_newer_version_takes_the_place_of_the_older_one(house):
    rows = [{"id": "a", "text": "One."}, {"id": "b", "text": "Two."}]
    document, _ = house.put("rows.jsonl", "\n".join(map(json.dumps, rows)).encode())
    house.work()
    assert house.texts() == {"One.", "Two."}
    house.put("rows.jsonl", b'{"id": "b", "text": "Three."}', document=document)
    assert house.state(document) == ("waiting", 2)
    house.work()
    assert (house.texts(), house.state(document)) == ({"Three."}, ("indexed", 1))


def test_two_versions_that_wait_end_with_the_later_one(house):
    document, _ = house.put("oslo.txt", b"First.")
    house.put("oslo.txt", b"Second.", document=document)
    house.work()
    assert (house.texts(), house.state(document)) == ({"Second."}, ("indexed", 1))


def test_a_newer_version_that_is_broken_leaves_the_older_one_to_be_found(house):
    document, _ = house.put("rows.jsonl", b'{"id": "a", "text": "One."}')
    house.work()
    house.put("rows.jsonl", b"{", document=document)
    house.work()
    assert (house.texts(), house.state(document)) == ({"One."}, ("failed", 1))


def test_two_files_may_not_hold_documents_of_one_id(house):
    house.put("one.jsonl", b'{"id": "a", "text": "One."}')
    _, failed = house.put("two.jsonl", b'{"id": "a", "text": "Two."}')
    house.work()
    assert house.texts() == {"One."}
    assert "'two.jsonl' holds a document called 'a', and so does 'one.jsonl'" in (
        house.job(failed).problem
    )
    third, _ = house.put("three.jsonl", b'{"id": "a", "text": "Three."}')
    house.work()
    assert house.state(third)[0] == "failed"


def test_a_document_that_is_removed_is_erased_and_the_last_one_takes_the_index_along(house):
    first, _ = house.put("valve.txt", VALVE)
    second, _ = house.put("oslo.txt", OSLO)
    house.work()
    house.remove(first)
    house.work()
    assert house.texts() == {OSLO.decode()}
    assert house.library.shelf("towns").generations() == [2]
    house.remove(second)
    house.work()
    assert "towns" not in house.library.names()
    house.put("oslo.txt", OSLO)
    house.work()
    assert house.texts() == {OSLO.decode()}


def test_what_was_running_when_the_process_ended_is_begun_again(house):
    document, promised = house.put("oslo.txt", OSLO)
    with house.database.writing() as session:
        session.get(JobRow, 1).state = "running"
    assert not house.worker.step()
    house.worker.take_up()
    house.work()
    assert (house.state(document)[0], house.job(promised).attempts) == ("indexed", 1)


def test_what_was_published_before_the_process_ended_is_not_published_twice(house, tmp_path):
    document, _ = house.put("oslo.txt", OSLO)
    (tmp_path / "oslo.txt").write_bytes(OSLO)
    house.library.add("towns", [tmp_path / "oslo.txt"], HashingEmbedder())
    house.work()
    assert house.library.manifest("towns").generation == 1
    assert house.state(document)[0] == "indexed"


def test_a_service_that_is_killed_again_and_again_loses_nothing(house):
    documents = [house.put(f"{n}.txt", b"Fact %d." % n)[0] for n in range(3)]
    house.embedder = Deadly
    # Three times all at once; afterwards no life is long enough to try one of them again.
    assert [house.live(proven_s=60) for _ in range(20)] == [True] * 3 + [False] * 17
    assert {house.state(one)[0] for one in documents} == {"waiting"}
    house.embedder = HashingEmbedder
    late, _ = house.put("late.txt", OSLO)
    house.live(proven_s=60)
    assert house.state(late)[0] == "indexed"
    house.live(proven_s=0)
    assert {house.state(one) for one in documents} == {("indexed", 1)}


def test_what_brings_the_process_down_is_given_up_and_takes_no_other_along(house):
    first, _ = house.put("oslo.txt", OSLO)
    deadly, promised = house.put("deadly.txt", b"This is poison.")
    last, _ = house.put("valve.txt", VALVE)
    house.embedder = lambda: Deadly(word="poison")
    lives = 0
    while house.live(proven_s=0):
        lives += 1
    # Three times with the others, and five times alone.
    assert lives == 3 + 5
    assert [house.state(one)[0] for one in (first, deadly, last)] == [
        "indexed",
        "failed",
        "indexed",
    ]
    told = house.job(promised)
    assert "ended 8 times" in told.problem
    assert "memory" in told.hint
    assert house.texts() == {OSLO.decode(), VALVE.decode()}


def test_a_newer_version_waits_for_the_one_at_which_the_service_died(house):
    document, _ = house.put("oslo.txt", b"First.")
    house.embedder = Deadly
    assert [house.live(proven_s=60) for _ in range(4)] == [True] * 3 + [False]
    house.embedder = HashingEmbedder
    house.put("oslo.txt", b"Second.", document=document)
    house.live(proven_s=60)
    assert house.texts() == set()
    house.live(proven_s=0)
    assert (house.texts(), house.state(document)) == ({"Second."}, ("indexed", 1))


def test_what_was_published_before_a_kill_is_erased_with_its_document(house):
    document, _ = house.put("rows.jsonl", b'{"id": "a", "text": "One."}')
    house.work()
    house.put("rows.jsonl", b'{"id": "b", "text": "Two."}', document=document)
    whole, house.library = house.library, Silenced(house.library.home)
    while house.live(proven_s=0):
        pass
    house.library = whole
    assert (house.state(document)[0], house.texts()) == ("failed", {"Two."})
    house.remove(document)
    house.live()
    assert house.texts() == set()


def test_a_document_that_cannot_be_published_keeps_no_id_from_others(house):
    house.put("oslo.txt", OSLO)
    house.work()
    house.embedder = lambda: HashingEmbedder(dimension=8)
    failed, _ = house.put("one.jsonl", b'{"id": "a", "text": "One."}')
    house.work()
    house.embedder = HashingEmbedder
    other, _ = house.put("two.jsonl", b'{"id": "a", "text": "Two."}')
    house.work()
    assert [house.state(one)[0] for one in (failed, other)] == ["failed", "indexed"]


def test_an_end_in_order_is_no_attempt(tmp_path):
    begun, goes_on = Event(), Event()

    class Slow(HashingEmbedder):
        def encode_passages(self, texts):
            begun.set()
            goes_on.wait(30)
            return super().encode_passages(texts)

    house = House(tmp_path / "home", Slow)
    document, promised = house.put("oslo.txt", OSLO)
    house.worker.start()
    assert begun.wait(30)
    house.worker.stop(patience_s=0.0)
    assert (house.job(promised).state, house.job(promised).attempts) == ("waiting", 0)
    goes_on.set()
    house.worker.stop(patience_s=30.0)
    assert house.state(document)[0] == "indexed"
    house.database.close()


def test_an_index_that_somebody_else_writes_is_waited_for(house):
    document, promised = house.put("oslo.txt", OSLO)
    with house.library.writing("towns"), pytest.raises(BusyError):
        # Locks are of one process and one file: another library is another writer.
        house.worker.step()
    assert (house.job(promised).state, house.job(promised).attempts) == ("waiting", 0)
    house.work()
    assert house.state(document)[0] == "indexed"


def test_while_models_load_uploads_wait(tmp_path):
    def not_yet():
        raise BusyError("loading")

    house = House(tmp_path / "home", not_yet)
    _, promised = house.put("oslo.txt", OSLO)
    with pytest.raises(BusyError):
        house.worker.step()
    assert house.job(promised).state == "waiting"
    house.database.close()


def test_files_that_belong_to_no_job_are_swept_and_those_on_their_way_are_not(house):
    _, promised = house.put("oslo.txt", OSLO)
    kept = house.folder.receive("new.txt", [b"on its way"])
    left = house.folder.receive("old.txt", [b"left behind"])
    for place in (left.path.parent, house.folder.folder / promised):
        os.utime(place, (0, 0))
    house.now = 3601.0
    house.worker.take_up()
    there = {path.name for path in house.folder.folder.iterdir()}
    assert there == {promised, kept.path.parent.name}


def test_traces_are_forgotten_by_age_and_by_count(house):
    answer = {"reason": "parametric", "abstained": False, "confidence": 0.5, "passages": []}
    with house.database.writing() as session:
        for at in (0.0, 90_000.0, 90_001.0, 90_002.0):
            add_traces(session, "default", [answer], kept="full", now=at)
    house.now = 100_000.0
    house.worker.tidy()
    with house.database.reading() as session:
        page = traces(session, "default", limit=10)
    # One is older than a day, and of the others two may stay.
    assert [row.created for row in page.rows] == [90_002.0, 90_001.0]
