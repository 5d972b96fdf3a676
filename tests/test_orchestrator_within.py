"""What a request may look in: by the names that whoever asks knows, and nothing else."""

from __future__ import annotations

from dataclasses import replace

import pytest
from little_router import ALWAYS, TIBER, UNKNOWN, router

from rag_router.errors import UnknownNameError
from rag_router.indices import Following, Library
from rag_router.models.scripted_embedder import HashingEmbedder
from rag_router.orchestrator.ask import company_of
from rag_router.orchestrator.trusting import TrustWithin

EMBEDDER = HashingEmbedder()
ACME, GLOBEX = "t-" + "0a" * 24, "t-" + "0b" * 24


@pytest.fixture
def service(tmp_path):
    library = Library(tmp_path / "home")
    for name, text in ((ACME, TIBER), (GLOBEX, "The Tiber is what Globex drinks.")):
        (tmp_path / "river.txt").write_text(text)
        library.add(name, [tmp_path / "river.txt"], EMBEDDER)
    followed = Following(library, None, lambda name: library.open(name, EMBEDDER))
    return router(indices=followed, filters=())


def found(service, ask):
    answer = service.answer([UNKNOWN], ask)[0]
    return {(one.hit.passage.index, one.hit.passage.text) for one in answer.evidence.judged}


def test_each_looks_in_its_own(service):
    acme = replace(ALWAYS, tenant="acme", within={"river": ACME})
    globex = replace(ALWAYS, tenant="globex", within={"river": GLOBEX})
    assert found(service, acme) == {("river", TIBER)}
    assert found(service, globex) == {("river", "The Tiber is what Globex drinks.")}
    assert found(service, replace(acme, indexes=("river",))) == {("river", TIBER)}
    assert found(service, ALWAYS) == set()
    assert found(service, replace(acme, within={})) == set()


def test_names_beyond_are_names_of_nobody(service):
    acme = replace(ALWAYS, within={"river": ACME, "empty": "t-" + "0c" * 24})
    for name in (GLOBEX, ACME, "other"):
        with pytest.raises(UnknownNameError) as told:
            service.answer([UNKNOWN], replace(acme, indexes=(name,)))
        assert told.value.known == ["empty", "river"]
    # A collection in which nothing stands yet is there, and holds nothing.
    assert found(service, replace(acme, indexes=("empty",))) == set()


def test_who_looks_elsewhere_is_not_answered_together():
    one = replace(ALWAYS, tenant="acme", within={"river": ACME})
    assert company_of(one) == company_of(replace(one, within={"river": ACME}))
    assert company_of(one) != company_of(replace(one, within={"river": GLOBEX}))
    assert company_of(one) != company_of(replace(one, tenant="globex"))
    assert company_of(one) != company_of(replace(one, within=None))


def test_what_is_called_the_same_is_trusted_for_itself():
    trust = {"river": 1.0, GLOBEX: 0.25, "given": 0.5}
    within = TrustWithin(trust, {"river": GLOBEX, "lake": ACME})
    assert (within["river"], within.get("lake", 1.0), within["given"]) == (0.25, 1.0, 0.5)
    assert dict(TrustWithin(trust, {"own": GLOBEX})) == {"own": 0.25, "river": 1.0, "given": 0.5}
