from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from little_house import asked, parts, scripted_expert
from little_pool import FRANCE as CAPITAL
from little_pool import RIVER, TWO, House

from rag_router import telemetry
from rag_router.api.batching import Batcher
from rag_router.api.batching.together import Party, Single, together, told_apart
from rag_router.api.batching.waiting import Lane
from rag_router.assembly import assemble
from rag_router.errors import CancelledError, OverloadedError, QuestionError, UnknownNameError
from rag_router.models.prompts import Inquiry
from rag_router.models.sampling import Sampling
from rag_router.models.scripted import Reply
from rag_router.orchestrator import Ask
from rag_router.orchestrator.events import Accepted, Done, GateVerdict, Spoke
from rag_router.settings import Settings
from rag_router.types import Question

VALVE = "How often is the Larkspur valve calibrated?"
FRANCE = "What is the capital of France?"
HOLD = "Who holds the door?"
BROKEN = "What breaks the model?"
TITLE = Inquiry(name="title", instruction="Write a title.", cue="Title:", examples=())


class Door:
    """A model's script that waits at one question until it is let go on."""

    def __init__(self):
        self.reached, self.opened = threading.Event(), threading.Event()
        self.asked = []

    def __call__(self, prompt):
        if "Question: " not in prompt:
            self.asked.append("title")
            return Reply("A title", 0.9)
        question = asked(prompt)
        self.asked.append(question)
        if question == HOLD:
            self.reached.set()
            assert self.opened.wait(30)
        if question == BROKEN:
            raise RuntimeError("the model broke")
        if "calibrated every 90 days" in prompt:
            return Reply("90 days", 0.95)
        if question.startswith("Count"):
            return Reply(f"{question.split()[-1]} and more and more", 0.99)
        return Reply("Paris", 0.99) if question == FRANCE else Reply("nobody said", 0.1)


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    folder = tmp_path_factory.mktemp("batches")
    return assemble(Settings(home=folder / "home"), parts(folder))


@pytest.fixture
def door():
    door = Door()
    yield door
    door.opened.set()


@pytest.fixture
def orchestrator(house, door):
    return replace(house, expert=scripted_expert(door))


@pytest.fixture
def batcher(orchestrator):
    batcher = Batcher(orchestrator, most=64)
    yield batcher
    batcher.close(wait=False)


@pytest.fixture
def many():
    with ThreadPoolExecutor(16) as pool:
        yield pool


def plain(answers):
    told = [answer.to_json() for answer in answers]
    for one in told:
        del one["timings_ms"]
    return told


def held(batcher, door, pool):
    """Let one question be worked on, so that others wait; returns its answer to be."""
    first = pool.submit(batcher.answer, [HOLD])
    assert door.reached.wait(30)
    return first


def waiting(batcher, count):
    while batcher.waiting < count:
        pass


class Sizes:
    """Writes down how many questions each batch has."""

    def __init__(self):
        self.batches = []

    def count(self, name, value, **labels):
        del name, value, labels

    def time(self, name, ms, **labels):
        del name, ms, labels

    def measure(self, name, value, **labels):
        assert not labels
        if name == telemetry.BATCH_QUESTIONS:
            self.batches.append(value)


def test_eight_requests_at_once_are_answered_as_each_of_them_alone(
    batcher, orchestrator, door, many
):
    requests = [
        ([VALVE], Ask()),
        ([FRANCE, VALVE], Ask(tokens=True)),
        ([Question(id="mine", text=FRANCE)], Ask(retrieval="always")),
        ([VALVE], Ask(retrieval="never")),
        (["Count to three"], Ask(max_new_tokens=2)),
        (["Count to four"], Ask(stop=(" and",))),
        ([FRANCE], Ask(indexes=("towns",))),
        ([VALVE], Ask(instructions="Be short.")),
    ]
    telemetry.listen(sizes := Sizes())
    first = held(batcher, door, many)
    waited = [many.submit(batcher.answer, *request) for request in requests]
    waiting(batcher, 9)
    door.opened.set()
    together = [plain(one.result()) for one in waited]
    alone = [plain(orchestrator.answer(*request)) for request in requests]
    assert together == alone
    assert [one["id"] for one in together[1]] == ["1", "2"]
    assert together[2][0]["id"] == "mine"
    first.result()
    # Seven questions of six requests; who looks elsewhere or is told more before keeps apart.
    assert sizes.batches == [1, 7, 1, 1]


def test_drawn_answers_of_several_requests_are_those_of_each_alone(
    batcher, orchestrator, door, many
):
    asks = [Ask(sampling=Sampling(temperature=1.0, seed=seed)) for seed in range(4)]
    held(batcher, door, many)
    waited = [many.submit(batcher.answer, [FRANCE], ask) for ask in asks]
    waiting(batcher, 4)
    door.opened.set()
    assert [plain(one.result()) for one in waited] == [
        plain(orchestrator.answer([FRANCE], ask)) for ask in asks
    ]


def test_each_request_hears_of_its_own_questions_alone(batcher, door, many):
    held(batcher, door, many)
    heard = {"a": [], "b": []}
    one = many.submit(batcher.answer, [VALVE, FRANCE], Ask(heard=heard["a"].append))
    two = many.submit(batcher.answer, [FRANCE], Ask(heard=heard["b"].append))
    waiting(batcher, 3)
    # That they were accepted is told while they wait.
    assert [type(event) for event in heard["a"] + heard["b"]] == [Accepted] * 3
    door.opened.set()
    for name, answers in (("a", one.result()), ("b", two.result())):
        said = dict.fromkeys(range(len(answers)), "")
        for event in heard[name]:
            if isinstance(event, Spoke):
                said[event.row] += event.text
        assert list(said.values()) == [answer.text for answer in answers]
        assert [event.answer for event in heard[name] if isinstance(event, Done)] == answers
        assert sum(isinstance(event, Accepted) for event in heard[name]) == len(answers)


def test_a_request_that_fails_takes_nobody_along(batcher, door, many):
    held(batcher, door, many)
    broken = many.submit(batcher.answer, [FRANCE, BROKEN])
    whole = many.submit(batcher.answer, [FRANCE])
    waiting(batcher, 3)
    door.opened.set()
    with pytest.raises(RuntimeError, match="the model broke"):
        broken.result()
    assert whole.result()[0].text == "Paris"
    assert batcher.answer([FRANCE])[0].text == "Paris"


def test_what_makes_no_sense_is_refused_before_it_waits(batcher, door, many):
    held(batcher, door, many)
    with pytest.raises(QuestionError, match="question 2 is empty"):
        batcher.answer([FRANCE, " "])
    assert batcher.waiting == 0
    door.opened.set()
    with pytest.raises(UnknownNameError, match="no index named 'nowhere'"):
        batcher.answer([FRANCE], Ask(indexes=("nowhere",)))


def test_too_many_are_turned_away(orchestrator, door, many):
    batcher = Batcher(orchestrator, most=2)
    held(batcher, door, many)
    waited = [many.submit(batcher.answer, [FRANCE]) for _ in range(2)]
    waiting(batcher, 2)
    with pytest.raises(OverloadedError) as said:
        batcher.answer([FRANCE])
    assert said.value.retry_after_s >= 1
    door.opened.set()
    assert [one.result()[0].text for one in waited] == ["Paris", "Paris"]
    batcher.close()


def test_who_gives_up_while_waiting_is_never_asked(batcher, door, many):
    first = held(batcher, door, many)
    gone = threading.Event()
    given_up = many.submit(batcher.answer, [VALVE], Ask(cancelled=gone.is_set))
    waiting(batcher, 1)
    gone.set()
    with pytest.raises(CancelledError):
        given_up.result()
    assert batcher.waiting == 0
    door.opened.set()
    first.result()
    assert VALVE not in door.asked


def test_who_gives_up_in_company_leaves_the_others_their_answers(batcher, door, many):
    first = held(batcher, door, many)
    gone = threading.Event()

    def hear(event):
        if isinstance(event, GateVerdict):
            gone.set()

    leaving = many.submit(batcher.answer, [VALVE], Ask(cancelled=gone.is_set, heard=hear))
    staying = many.submit(batcher.answer, ["Count to three"])
    waiting(batcher, 2)
    door.opened.set()
    assert staying.result()[0].text == "three and more and more"
    first.result()
    with pytest.raises(CancelledError):
        leaving.result()


def test_answers_go_before_errands(batcher, door, many):
    held(batcher, door, many)
    title = many.submit(batcher.write, TITLE, ["User: hello"], lane=Lane.ERRAND)
    waiting(batcher, 1)
    answer = many.submit(batcher.answer, [FRANCE])
    waiting(batcher, 2)
    door.opened.set()
    assert title.result().text == "A title"
    answer.result()
    order = list(dict.fromkeys(door.asked))
    assert order.index(FRANCE) < order.index("title")


def test_time_spent_waiting_counts(orchestrator, door, many):
    now = [0.0]
    batcher = Batcher(replace(orchestrator, clock=lambda: now[0]))
    held(batcher, door, many)
    late = many.submit(batcher.answer, [FRANCE], Ask(deadline_s=5.0))
    in_time = many.submit(batcher.answer, [FRANCE], Ask(deadline_s=50.0))
    waiting(batcher, 2)
    now[0] = 10.0
    door.opened.set()
    (told,) = late.result()
    assert (told.text, told.abstained) == (None, True)
    assert told.degraded[0].what == "the deadline of 5 s passed before it was begun"
    assert in_time.result()[0].text == "Paris"
    batcher.close()


def test_what_waits_when_it_is_closed_is_still_answered(orchestrator, door, many):
    batcher = Batcher(orchestrator)
    held(batcher, door, many)
    waited = many.submit(batcher.answer, [FRANCE])
    waiting(batcher, 1)
    batcher.close(wait=False)
    with pytest.raises(OverloadedError, match="the service ends"):
        batcher.answer([VALVE])
    door.opened.set()
    assert waited.result()[0].text == "Paris"
    batcher.close()


def test_no_questions_have_no_answers(batcher):
    assert batcher.answer([]) == []


def test_requests_to_a_pool_are_answered_together_as_each_alone(tmp_path, many):
    pool = House(tmp_path).service(TWO)
    requests = [
        ([RIVER, CAPITAL], Ask(retrieval="never")),
        ([CAPITAL], Ask(retrieval="never", tokens=True)),
        ([VALVE], Ask(max_new_tokens=1)),
        ([RIVER], Ask(expert="towns", retrieval="never")),
    ]
    alone = [plain(pool.answer(*request)) for request in requests]
    parties = [
        Party(ask, [Question(id=str(n), text=one) for n, one in enumerate(questions, start=1)])
        for questions, ask in requests[:3]
    ]
    singles = [Single(one, row) for one in parties for row in range(len(one.questions))]
    told_apart(singles, pool.answer(*together(singles)))
    assert [plain(one.answered.result(timeout=0)) for one in parties] == alone[:3]
    batcher = Batcher(pool)
    waited = [many.submit(batcher.answer, *request) for request in requests]
    assert [plain(one.result()) for one in waited] == alone
    batcher.close()
