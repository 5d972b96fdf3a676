"""What an adapter learns from, and in which order."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from tiny import tiny_model

from rag_router.models.adapter_batches import batches_of_epoch, batches_to_judge
from rag_router.models.adapter_rows import TrainingRow, training_row
from rag_router.models.prompts import Prompt, PromptStyle
from rag_router.models.scripted import ScriptedModel

FEW_SHOT = PromptStyle(form="few_shot")
CHAT = PromptStyle(form="chat")


class ChattyModel(ScriptedModel):
    """Reads bytes, and lays a chat out with a token that ends a turn: 257, written as such."""

    def render_chat(self, messages):
        turns = "".join(f"<{one['role']}>{one['content']}\x04" for one in messages)
        return f"{turns}<assistant>"

    def encode(self, text, *, begin=True):
        ids = super().encode(text, begin=begin)
        return [257 if one == 4 else one for one in ids]


def row_of(answers, *, style=FEW_SHOT, answer_tokens=24, model=None):
    model = model or ScriptedModel({})
    prompt = Prompt(ids=(256, 81, 58), stop=("\n",), shared=2)
    return training_row(model, style, prompt, answers, answer_tokens=answer_tokens)


def bytes_of(text: str) -> tuple[int, ...]:
    return tuple(text.encode())


def test_an_answer_follows_with_a_space_and_ends_like_the_worked_examples_do():
    row = row_of(["Rome"])
    assert row == TrainingRow(prompt=(256, 81, 58), answer=bytes_of(" Rome\n\n"), shared=2)
    assert row.ids == (256, 81, 58, *bytes_of(" Rome\n"))  # the last token is only predicted


def test_a_chat_answer_ends_with_the_token_that_ends_a_turn():
    assert row_of(["Rome"], style=CHAT, model=ChattyModel({})).answer == (*bytes_of("Rome"), 257)


def test_a_template_that_ends_turns_with_no_end_token_is_ended_by_the_models_own():
    model = tiny_model("llama")
    model.render_chat = lambda messages: " ".join(one["content"] for one in messages)
    assert row_of(["Rome"], style=CHAT, model=model).answer[-1:] == (2,)


def test_the_first_answer_is_learned_and_the_shortest_where_that_is_too_long():
    assert row_of(["Roma", "Rom"]).answer == bytes_of(" Roma\n\n")
    # " Rom" and two line breaks are 6 bytes; " Roma" would take 7.
    assert row_of(["Roma", "Romae", "Rom"], answer_tokens=6).answer == bytes_of(" Rom\n\n")
    assert row_of(["Roma", "Rom"], answer_tokens=5) is None


def test_answers_without_a_word_are_no_answers():
    assert row_of(["", " \n"]) is None
    assert row_of(["", "Rome\nwas not built in a day"]).answer == bytes_of(" Rome\n\n")


def test_a_row_that_does_not_fit_the_model_is_left_out():
    # 3 tokens of prompt and 7 of the answer are 10.
    assert row_of(["Rome"], model=ScriptedModel({}, context_tokens=10)) is not None
    assert row_of(["Rome"], model=ScriptedModel({}, context_tokens=9)) is None


def rows_of(sizes):
    """Rows of so many tokens, every third of them with a prefix of its own."""
    return [
        TrainingRow(prompt=(1, n % 3 == 0, *range(size)), answer=(5,), shared=2)
        for n, size in enumerate(sizes)
    ]


@given(st.lists(st.integers(1, 40), min_size=1, max_size=60), st.integers(1, 9), st.integers(0, 3))
def test_every_row_stands_in_exactly_one_batch_among_rows_of_its_prefix(sizes, size, epoch):
    rows = rows_of(sizes)
    for batches in (
        batches_of_epoch(rows, size, seed=1, epoch=epoch),
        batches_to_judge(rows, size),
    ):
        assert sorted(n for batch in batches for n in batch) == list(range(len(rows)))
        assert all(len(batch) <= size for batch in batches)
        assert all(len({rows[n].prompt[:2] for n in batch}) == 1 for batch in batches)


def test_an_epoch_has_an_order_of_its_own_which_its_number_tells():
    rows = rows_of(range(1, 61))
    first, again, second = (batches_of_epoch(rows, 4, seed=7, epoch=e) for e in (0, 0, 1))
    assert first == again
    assert first != second
    assert first != batches_of_epoch(rows, 4, seed=8, epoch=0)
