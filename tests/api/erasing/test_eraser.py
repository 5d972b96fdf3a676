"""Who carries out an erasure where several processes share a home."""

from __future__ import annotations

import pytest
from filelock import FileLock

from rag_router.api.resources import Resources
from rag_router.errors import BusyError, UnavailableError, UnknownNameError
from rag_router.settings import Settings
from rag_router.store.audit import audit_lines
from rag_router.store.erasures import add_erasure


@pytest.fixture
def kept(tmp_path):
    made = Resources.open(Settings(home=tmp_path))
    yield made
    made.close()


def noted(kept):
    plan = {
        "indexes": [],
        "names": [],
        "documents": [],
        "upload": "doc_1",
        "jobs": [],
        "feedback": [],
        "everybody": False,
    }
    with kept.database.writing() as session:
        return add_erasure(session, "default", "document", "doc_1", plan, now=1.0).id


def test_whoever_does_not_index_waits_for_who_does(kept):
    id_ = noted(kept)
    kept.uploads.folder.mkdir(parents=True)
    with FileLock(kept.uploads.folder / ".worker.lock"), pytest.raises(BusyError) as caught:
        kept.eraser.finish(id_, patience_s=0.0)
    assert caught.value.message == f"erasure {id_} is not done yet."
    assert kept.eraser.finish(id_, patience_s=0.0).state == "done"
    # Once more changes nothing.
    assert len(kept.eraser.finish(id_, patience_s=0.0).report) == 6


def test_what_is_done_is_written_down_once(kept):
    id_ = noted(kept)
    assert kept.eraser.work()
    assert not kept.eraser.work()
    with kept.database.reading() as session:
        lines = audit_lines(session, limit=9).rows
    assert [(line.action, line.target) for line in lines] == [("erased document", id_)]


def test_what_cannot_be_done_now_rests_for_a_while(kept):
    (kept.library.home / "backups.json").write_text('["/nowhere/at/all"]')
    id_ = noted(kept)
    assert kept.eraser.work()
    assert not kept.eraser.work()
    with pytest.raises(UnavailableError, match="the backup in /nowhere/at/all is not to be had"):
        kept.eraser.finish(id_, patience_s=0.0)


def test_an_erasure_that_nobody_asked_for_cannot_be_finished(kept):
    with pytest.raises(UnknownNameError):
        kept.eraser.finish("erasure_none", patience_s=0.0)
