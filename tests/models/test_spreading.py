"""Several answers for one task: which is given, and what is told of it."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from tiny import prompt_of, tiny_model

from rag_router.models.spreading import Spread
from rag_router.models.streams import (
    Candidate,
    ChoosingStrategy,
    Facts,
    OneStream,
    Task,
    decode,
    start,
    stream,
)


@dataclass(frozen=True)
class Chooses:
    """Gives the answer of a number that is set before, and hears all of them."""

    number: int
    roles: tuple[str, ...] = ("closed", "context")
    heard: list[tuple[Facts, list[Candidate]]] = field(default_factory=list)

    @property
    def streams(self):
        return ("closed", "context")

    @property
    def candidates(self):
        return tuple(OneStream(role) for role in self.roles)

    def choose(self, facts, candidates):
        self.heard.append((facts, list(candidates)))
        return self.number

    def step(self, step):
        raise AssertionError("its candidates decode in its place")


@pytest.fixture(scope="module")
def model():
    return tiny_model("llama")


def tasks(model, *strategies, seed=1, **more):
    prompts = {"closed": prompt_of(4, seed), "context": prompt_of(9, 10 + seed)}
    begun = {role: start(model.prefill([ids]))[0] for role, ids in prompts.items()}
    more = {"max_new_tokens": 4, "stop": (), **more}
    return [Task(streams=begun, strategy=one, **more) for one in strategies]


ALONE = (OneStream("closed"), OneStream("context"))


@pytest.mark.parametrize("number", [0, 1])
def test_the_answer_is_the_chosen_one_and_costs_what_all_of_them_cost(model, number):
    alone = decode(model, tasks(model, *ALONE))
    assert alone[0].text != alone[1].text
    (said,) = decode(model, tasks(model, Chooses(number)))
    assert (said.text, said.tokens) == (alone[number].text, alone[number].tokens)
    assert said.forward_rows == sum(one.forward_rows for one in alone)


def test_whoever_chooses_hears_the_facts_and_every_answer(model):
    alone = decode(model, tasks(model, *ALONE))
    one = Chooses(1)
    decode(model, tasks(model, one, facts=Facts(p_know=0.25)))
    facts, said = one.heard[0]
    assert facts.p_know == 0.25
    assert [each.text for each in said] == [each.text for each in alone]


def test_tasks_that_choose_and_others_keep_their_places(model):
    mixed = (OneStream("context"), Chooses(0), OneStream("closed"), Chooses(1))
    said = decode(model, tasks(model, *mixed))
    closed, context = decode(model, tasks(model, *ALONE))
    assert [one.text for one in said] == [context.text, closed.text, closed.text, context.text]


def test_of_what_is_not_given_nothing_is_told(model):
    asked = tasks(model, Chooses(1), OneStream("closed"))
    pieces = list(stream(model, asked))
    said = decode(model, asked)
    for number, one in enumerate(said):
        of = [piece for piece in pieces if piece.number == number]
        assert "".join(piece.text for piece in of) == one.text
        assert [piece.finish for piece in of] == [None] * (len(of) - 1) + [one.finish]
        assert tuple(piece.token for piece in of if piece.token) == one.tokens


def test_a_strategy_without_candidates_decodes_by_itself(model):
    bare = Chooses(0, roles=())
    assert isinstance(bare, ChoosingStrategy)
    assert Spread.of(tasks(model, bare)).tasks[0].strategy is bare


def test_a_single_candidate_is_not_chosen_but_given(model):
    one = Chooses(7, roles=("context",))
    (said,) = decode(model, tasks(model, one))
    assert said.text == decode(model, tasks(model, *ALONE))[1].text
    assert one.heard == []


def test_the_same_strategy_puts_the_same_candidates_into_every_task(model):
    one = Chooses(0)
    spread = Spread.of(tasks(model, one, one))
    assert [range(0, 2), range(2, 4)] == list(spread.numbers)
    first, second = spread.tasks[0].strategy, spread.tasks[2].strategy
    assert first is second


def test_a_deadline_ends_all_answers_and_one_of_them_is_given(model):
    asked = tasks(model, Chooses(1), deadline=lambda: True)
    (said,) = decode(model, asked)
    assert (said.text, said.finish) == ("", "deadline")
