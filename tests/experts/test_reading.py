from __future__ import annotations

from stand_ins import judged, passage

from rag_router.experts import Expert
from rag_router.experts.reading import as_read, prompts_with_passages, read_prompts
from rag_router.models.prompts import PromptStyle
from rag_router.models.scripted import Reply, ScriptedModel
from rag_router.types import Evidence

SCRIPT = {"say: I don't know": Reply("I don't know", 0.9), "from its passages": Reply("Rome", 0.6)}


class CountingModel(ScriptedModel):
    """Writes down how many prompts each pass reads, and whether their layers."""

    def __init__(self, script):
        super().__init__(script)
        self.passes = []

    def prefill(self, prompts, **more):
        self.passes.append((len(prompts), more["layers"]))
        return super().prefill(prompts, **more)


def expert(**style):
    model = CountingModel(SCRIPT)
    return Expert(name="tiny", model=model, style=PromptStyle(shots=0, **style))


def texts(one, prompts):
    return {role: one.model.decode(prompt.ids) for role, prompt in prompts.items()}


def test_the_passages_are_put_once_for_each_stream_that_is_asked_for():
    one = expert()
    plain = prompts_with_passages(one, "q", [passage("Rome.")], ("closed", "context"))
    assert list(plain) == ["context"]
    both = prompts_with_passages(one, "q", [passage("Rome.")], ("closed", "context", "abstain"))
    put = texts(one, both)
    assert list(put) == ["context", "abstain"]
    assert "I don't know" not in put["context"]
    assert "say: I don't know" in put["abstain"]
    end = "\n\n[1] Rome.\nQuestion: q\nAnswer:"
    assert all(text.endswith(end) for text in put.values())


def test_all_streams_show_the_same_passages_cut_alike():
    # "[1] One one. Two two.\n" is 22 bytes, without the second sentence it is 13.
    one = expert(passage_tokens=13)
    put = prompts_with_passages(one, "q", [passage("One one. Two two.")], ("abstain",))
    assert all(text.count("[1] One one.\n") == 1 for text in texts(one, put).values())
    assert [len(prompt.cut) for prompt in put.values()] == [1, 0]


def test_all_prompts_of_all_questions_are_read_in_one_pass():
    one = expert()
    questions = [
        prompts_with_passages(one, question, [passage("Rome.")], ("context", "abstain"))
        for question in ("a", "bb")
    ]
    streams = read_prompts(one, questions)
    assert one.model.passes == [(4, False)]
    for prompts, started in zip(questions, streams, strict=True):
        for role, letter in (("context", "R"), ("abstain", "I")):
            assert started[role].tokens == len(prompts[role].ids)
            assert int(started[role].logits.argmax()) == ord(letter)


def test_layers_are_read_where_a_decoder_looks_at_them():
    one = expert()
    read_prompts(one, [prompts_with_passages(one, "q", [passage("x")], ())], layers=True)
    assert one.model.passes == [(1, True)]


def test_nothing_to_read_asks_for_nothing():
    one = expert()
    assert read_prompts(one, []) == []
    assert read_prompts(one, [{}, {}]) == [{}, {}]
    assert one.model.passes == []


def evidence(*texts_, supports):
    lines = judged(*texts_)
    return Evidence(
        judged=tuple(
            type(one)(hit=one.hit, support=support)
            for one, support in zip(lines, supports, strict=True)
        ),
        support=max(supports),
    )


def test_what_the_prompt_has_no_room_for_is_not_kept_and_supports_nothing():
    # "[1] aaaa.\n" and "[2] bbbb.\n" are 10 bytes each.
    before = evidence("aaaa.", "bbbb.", "cccc.", supports=(0.2, 0.1, 0.9))
    one = expert(passage_tokens=25)
    put = prompts_with_passages(one, "q", [j.hit.passage for j in before.kept], ())
    after = as_read(before, put)
    assert [j.kept for j in after.judged] == [True, True, False]
    assert after.judged[2].why == "the prompt has no room for it"
    assert after.support == 0.2


def test_a_passage_that_was_cut_is_kept_as_it_was_read():
    before = evidence("One one. Two two.", supports=(0.5,))
    one = expert(passage_tokens=13)
    after = as_read(before, prompts_with_passages(one, "q", [before.kept[0].hit.passage], ()))
    assert after.kept[0].hit.passage.text == "One one."
    assert after.kept[0].why == "kept; cut to fit the prompt"
    assert after.kept[0].spans == ((0, len(after.kept[0].hit.passage.text)),)
    assert after.support == 0.5


def test_where_nothing_was_read_nothing_is_supported():
    before = evidence("One one. Two two.", supports=(0.5,))
    one = expert(passage_tokens=5)
    after = as_read(before, prompts_with_passages(one, "q", [before.kept[0].hit.passage], ()))
    assert (after.kept, after.support) == ((), 0.0)


def test_what_was_read_as_it_is_changes_nothing():
    before = evidence("aaaa.", supports=(0.5,))
    put = prompts_with_passages(expert(), "q", [before.kept[0].hit.passage], ())
    assert as_read(before, put) is before
