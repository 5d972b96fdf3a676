"""A request waits for no load beyond its deadline; who is asked next is loaded meanwhile."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest
from little_house import assert_documented
from little_pool import FRANCE, RIVER, TWO, House

from rag_router.errors import ModelError, RemoteError, UnavailableError
from rag_router.experts import Card
from rag_router.experts.deadline import Deadline
from rag_router.experts.fusion.vote import VoteFusion
from rag_router.experts.pool import Loaded, Member, Pool
from rag_router.experts.routing.best_single import BestSingleRouter
from rag_router.experts.routing.self_knowledge import SelfKnowledgeRouter
from rag_router.orchestrator import Ask
from rag_router.orchestrator.fused_pool import FusingOrchestrator

THREE = {**TWO, "third": {}}
LATE = "the deadline of 10 s passed before it was begun"


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    return House(tmp_path_factory.mktemp("loading"))


class Remote:
    """An endpoint that fails, after it did something."""

    def __init__(self, meanwhile=lambda: None):
        self.meanwhile = meanwhile

    def answer(self, questions, ask=None):
        self.meanwhile()
        raise RemoteError("it hung up.")


class Scene:
    """Experts of a house, ranked as they are given; loads end when they are let go."""

    def __init__(self, house, *names, slow=(), fails=(), loaded=(), remote=None, **more):
        self.now, self.loads, self.fails = 0.0, [], fails
        self.house = house
        self.begun = {name: threading.Event() for name in slow}
        self.let_go = {name: threading.Event() for name in slow}
        # How much time passes when a load begins.
        self.takes = dict.fromkeys(slow, 0.0)
        service = house.service(
            {name: script for name, script in THREE.items() if name in names},
            lasts=dict.fromkeys(fails, 0),
            router=BestSingleRouter(),
            clock=lambda: self.now,
            ahead=True,
        )
        members = [
            self._remote(remote) if name == "remote" else self._local(name) for name in names
        ]
        self.service = replace(service, pool=Pool(members, clock=lambda: self.now), **more)
        for name in loaded:
            with self.service.pool.using(name):
                pass
        self.loads.clear()

    def ask(self, *questions, seconds=10.0):
        ask = Ask(deadline=Deadline.within(seconds, clock=lambda: self.now))
        return self.service.answer(list(questions) or [FRANCE], ask)

    def end(self):
        """Let every load end, and wait until it has."""
        for name, event in self.let_go.items():
            event.set()
            if self.begun[name].is_set():
                with self.service.pool.using(name):
                    pass

    def _local(self, name):
        def load(_):
            self.loads.append(name)
            if name in self.begun:
                self.now += self.takes[name]
                self.begun[name].set()
                assert self.let_go[name].wait(60)
            return Loaded(self.house.alone(name))

        card = Card(name=name, kind="local", model=name, abilities=frozenset({"logits"}))
        return Member(name=name, load=load, card=card)

    def _remote(self, remote):
        card = Card(name="remote", kind="remote", model="any", abilities=frozenset())
        return Member(name="remote", load=lambda _: Loaded(remote), card=card)


def notes(answer):
    return [one.what for one in answer.degraded if one.stage == "route"]


def test_who_is_loaded_answers_in_the_place_of_who_is_still_being_loaded(house):
    scene = Scene(house, "towns", "rivers", slow=["towns"], loaded=["rivers"])
    # Of 10 s a half is given to the load.
    scene.takes["towns"] = 5.0
    (answer,) = scene.ask()
    assert (answer.text, answer.route.expert.name) == ("Lyon", "rivers")
    assert notes(answer) == ["towns could not answer: towns is still being loaded."]
    scene.end()
    (answer,) = scene.ask()
    assert (answer.text, notes(answer), scene.loads) == ("Paris", [], ["towns"])


def test_a_load_that_takes_less_than_its_share_is_waited_for(house):
    scene = Scene(house, "towns", "rivers", slow=["towns"], loaded=["rivers"])
    scene.takes["towns"] = 4.9
    scene.let_go["towns"].set()
    (answer,) = scene.ask()
    assert (answer.text, notes(answer)) == ("Paris", [])


def test_where_nobody_else_is_there_it_is_waited_for_until_the_deadline(house):
    scene = Scene(house, "towns", "rivers", slow=["towns"])
    scene.takes["towns"] = 9.0
    scene.let_go["towns"].set()
    (answer,) = scene.ask()
    assert (answer.text, scene.loads) == ("Paris", ["towns"])


def test_where_nobody_is_loaded_in_time_the_question_is_abstained_from(house):
    heard = []
    scene = Scene(house, "towns", slow=["towns"], message="No idea.")
    scene.takes["towns"] = 10.0
    ask = Ask(deadline=Deadline.within(10.0, clock=lambda: scene.now), heard=heard.append)
    (answer,) = scene.service.answer([FRANCE], ask)
    assert (answer.text, answer.abstained, answer.reason) == (None, True, "no_knowledge")
    assert (answer.message, answer.knowledge.reason) == ("No idea.", LATE)
    assert [one.what for one in answer.degraded] == [
        LATE,
        "towns could not answer: towns is still being loaded.",
    ]
    assert [one.stage for one in heard] == ["accept", "done"]
    assert_documented(answer.to_json())
    scene.end()
    assert scene.ask()[0].text == "Paris"
    assert scene.loads == ["towns"]


def test_who_is_being_loaded_is_asked_again_where_all_others_failed(house):
    scene = Scene(house, "towns", "remote", slow=["towns"])
    scene.service = replace(
        scene.service,
        pool=Pool([scene._local("towns"), scene._remote(Remote(scene.let_go["towns"].set))]),
    )
    scene.takes["towns"] = 5.0
    (answer,) = scene.ask()
    assert (answer.text, answer.route.expert.name) == ("Paris", "towns")
    assert notes(answer) == ["remote could not answer: it hung up."]
    assert scene.loads == ["towns"]


def test_without_a_deadline_a_load_takes_as_long_as_it_takes(house):
    scene = Scene(house, "towns", "rivers", slow=["towns"], loaded=["rivers"])
    scene.takes["towns"] = 1000.0
    scene.let_go["towns"].set()
    (answer,) = scene.service.answer([FRANCE])
    assert (answer.text, notes(answer)) == ("Paris", [])


def test_who_is_asked_next_is_loaded_while_an_endpoint_is_waited_for(house):
    begun = []
    remote = Remote(lambda: begun.append(scene.begun["towns"].wait(60)))
    scene = Scene(house, "remote", "towns", "rivers", slow=["towns"], remote=remote)
    scene.let_go["towns"].set()
    (answer,) = scene.ask()
    # The endpoint has not failed before the load had begun.
    assert (begun, answer.text, scene.loads) == ([True], "Paris", ["towns"])
    assert notes(answer) == ["remote could not answer: it hung up."]


def test_nobody_is_loaded_ahead_where_no_more_questions_come(house):
    remote = Remote(lambda: asked.append(list(scene.loads)))
    asked = []
    scene = Scene(house, "remote", "towns", remote=remote, ahead=False)
    assert scene.ask()[0].text == "Paris"
    assert asked == [[]]


def test_who_is_here_already_is_not_loaded_ahead_of_the_next(house):
    remote = Remote()
    scene = Scene(house, "remote", "rivers", "towns", loaded=["rivers"], remote=remote)
    assert scene.ask(RIVER)[0].text == "Danube"
    assert scene.loads == []


def test_who_is_still_being_loaded_when_candidates_are_heard_is_not_heard(house):
    scene = Scene(
        house, "towns", "rivers", slow=["towns"], loaded=["rivers"], router=SelfKnowledgeRouter()
    )
    scene.takes["towns"] = 5.0
    (answer,) = scene.ask()
    assert (answer.text, answer.route.expert.name) == ("Lyon", "rivers")
    assert notes(answer) == ["towns could not tell what it knows: towns is still being loaded."]
    scene.end()
    assert scene.ask()[0].text == "Paris"


def test_where_all_others_cannot_answer_at_all_who_was_not_loaded_is_late(house):
    remote = Remote(lambda: setattr(scene, "now", 10.0))
    scene = Scene(house, "towns", "remote", slow=["towns"], remote=remote)
    scene.takes["towns"] = 5.0
    (answer,) = scene.ask()
    assert (answer.text, answer.knowledge.reason) == (None, LATE)
    assert notes(answer) == [
        "towns could not answer: towns is still being loaded.",
        "remote could not answer: it hung up.",
    ]
    scene.end()


def test_who_cannot_be_loaded_at_all_is_no_matter_of_time(house):
    def broken(_):
        raise ModelError("its files are cut short.")

    card = Card(name="towns", kind="local", model="towns", abilities=frozenset())
    scene = Scene(house, "towns")
    pool = Pool([Member(name="towns", load=broken, card=card)], clock=lambda: scene.now)
    scene.service = replace(scene.service, pool=pool)
    with pytest.raises(UnavailableError, match="towns cannot be loaded: its files are cut short"):
        scene.ask()


def test_questions_with_more_time_are_waited_for_after_others_were_given_up(house):
    scene = Scene(house, "towns", slow=["towns"])
    scene.takes["towns"] = 5.0

    def clock():
        if scene.now > 5.0:
            scene.let_go["towns"].set()
        elif scene.begun["towns"].is_set():
            # The next look is later.
            scene.now += 1.0
        return scene.now

    short, long = (Deadline.within(s, clock=clock) for s in (5.0, 1000.0))
    ask = Ask(
        deadline=long, own={"1": Ask(deadline=short), "2": Ask(deadline=long, retrieval="never")}
    )
    late, answered = scene.service.answer([FRANCE, FRANCE], ask)
    assert (late.text, late.knowledge.reason) == (
        None,
        "the deadline of 5 s passed before it was begun",
    )
    assert answered.text == "Paris"


# --- several experts, one answer ----------------------------------------------------------------


def fusing(scene, fusion):
    parts = {name: getattr(scene.service, name) for name in scene.service.__dataclass_fields__}
    scene.service = FusingOrchestrator(**parts, fusion=fusion)
    return scene


def test_who_is_still_being_loaded_has_no_vote(house):
    scene = fusing(Scene(house, "towns", "rivers", slow=["towns"], loaded=["rivers"]), VoteFusion())
    scene.takes["towns"] = 5.0
    (answer,) = scene.ask()
    assert answer.text == "Lyon"
    assert "towns could not answer: towns is still being loaded." in str(answer.degraded)
    scene.end()


def test_where_no_voter_is_loaded_in_time_the_question_is_abstained_from(house):
    scene = fusing(Scene(house, "towns", "rivers", slow=["towns", "rivers"]), VoteFusion())
    scene.takes |= {"towns": 6.0, "rivers": 6.0}
    (answer,) = scene.ask()
    assert (answer.text, answer.knowledge.reason) == (None, LATE)
    assert "still being loaded" in str(answer.degraded)
    scene.end()
