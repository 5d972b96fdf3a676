"""Left padding behind a prefix: the arithmetic of rows and columns."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from rag_router.models.frames import lay_out

PAD = 99


def test_without_a_prefix_prompts_are_padded_on_the_left():
    frame = lay_out([[1, 2, 3], [7]], pad=PAD)
    assert frame.ids.tolist() == [[1, 2, 3], [PAD, PAD, 7]]
    assert frame.positions.tolist() == [[0, 1, 2], [0, 0, 0]]
    assert frame.mask.tolist() == [[True] * 3, [False, False, True]]
    assert frame.kept == (0, 0)


def test_a_shorter_prompt_reads_as_much_of_the_prefix_again_as_it_is_shorter():
    # Seven columns, four of them held: three are read now. The second prompt has five tokens, so
    # two columns pad it, two of the prefix are kept and two are read again.
    frame = lay_out([[1, 2, 3, 4, 10, 11, 12], [1, 2, 3, 4, 20]], held=4, pad=PAD)
    assert frame.ids.tolist() == [[10, 11, 12], [3, 4, 20]]
    assert frame.positions.tolist() == [[4, 5, 6], [2, 3, 4]]
    assert frame.mask.tolist() == [[True] * 7, [False] * 2 + [True] * 5]
    assert frame.kept == (4, 2)


def test_a_prompt_that_is_shorter_than_what_is_read_now_keeps_nothing_and_is_padded():
    # Nine columns, two of them held: seven are read now, the second prompt has but four tokens.
    frame = lay_out([[1, 2, *range(10, 17)], [1, 2, 20, 21]], held=2, pad=PAD)
    assert frame.ids.tolist() == [[*range(10, 17)], [PAD, PAD, PAD, 1, 2, 20, 21]]
    assert frame.positions.tolist() == [[*range(2, 9)], [0, 0, 0, 0, 1, 2, 3]]
    assert frame.mask.tolist() == [[True] * 9, [False] * 5 + [True] * 4]
    assert frame.kept == (2, 0)


def test_the_last_token_is_read_even_where_the_prefix_is_all_there_is():
    frame = lay_out([[1, 2, 3]], held=3, pad=PAD)
    assert frame.ids.tolist() == [[3]]
    assert frame.positions.tolist() == [[2]]
    # One column more than tokens, so that there is one to read in.
    assert frame.mask.tolist() == [[False, True, True, True]]
    assert frame.kept == (2,)


@given(st.integers(0, 12), st.lists(st.integers(0, 20), min_size=1, max_size=5))
def test_what_is_kept_and_what_is_read_make_up_each_prompt_without_a_hole(held, more):
    # Token n of a prompt is n itself, so that a token tells its true position.
    prompts = [list(range(max(1, held + extra))) for extra in more]
    frame = lay_out(prompts, held=held, pad=PAD)
    columns = frame.mask.shape[1]
    assert columns == max(held + 1, *map(len, prompts))
    assert frame.ids.shape == frame.positions.shape == (len(prompts), columns - held)
    for row, prompt in enumerate(prompts):
        # Ordinary left padding: false, false, ..., true, true.
        padding = columns - len(prompt)
        assert frame.mask[row].tolist() == [False] * padding + [True] * len(prompt)
        real = frame.mask[row, held:]
        kept = list(range(frame.kept[row]))
        assert kept + frame.ids[row, real].tolist() == prompt
        assert frame.positions[row, real].tolist() == frame.ids[row, real].tolist()
        assert set(frame.ids[row, ~real].tolist()) <= {PAD}
        # What is kept is right-aligned in the held columns, so that it meets what is read.
        assert int(frame.mask[row, :held].sum()) == frame.kept[row]
