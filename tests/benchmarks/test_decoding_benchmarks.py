"""The benchmarks of decoding, on a tiny random model: that they run, and that they are fair."""

from __future__ import annotations

import json

import pytest
import torch
from click.testing import CliRunner

from benchmarks import decoding, gpu
from benchmarks.contestants import CONTESTANTS, Spent, Work
from rag_router.decoders.adaptive_contrast import AdaptiveContrastDecoder
from rag_router.models.streams import start

TOKENS = 12


def prompts(*lengths):
    return [[3 + (7 * n + at * at) % 500 for at in range(n)] for n in lengths]


def work(**more):
    # The tiny model's window is 32: some prompts are shorter, some longer, some grow beyond it.
    return Work(
        closed=prompts(5, 28, 9),
        context=prompts(40, 33, 25),
        strategy=AdaptiveContrastDecoder(),
        tokens=TOKENS,
        **more,
    )


def test_all_who_contrast_say_the_same_and_as_much():
    model = gpu.tiny()
    said = {name: run(model, work()).texts for name, run in CONTESTANTS.items()}
    assert said["contrast"] == said["lock_step"] == said["padded_pair"] != said["plain"]
    assert {len(text.split()) for texts in said.values() for text in texts} == {TOKENS}


def test_what_a_gate_has_read_is_not_read_again():
    model = gpu.tiny()
    read = start(model.prefill(work().closed))
    going_on = CONTESTANTS["contrast"](model, work(read=read, trace=True))
    assert going_on.texts == CONTESTANTS["contrast"](model, work()).texts
    assert all(seconds > 0 for seconds in (*going_on.prefill, *going_on.decode))


def test_prompts_that_were_read_once_serve_every_repetition():
    model = gpu.tiny()
    reading = decoding.Reread(model, work())
    expected = CONTESTANTS["contrast"](model, work()).texts
    read = work(read=start(model.prefill(work().closed)))
    for _ in range(2):
        assert CONTESTANTS["contrast"](reading, read).texts == expected


def spent(prefill, decode):
    return Spent((prefill, 2 * prefill), (decode, 2 * decode), ())


def test_ratios_are_taken_within_repetitions_and_of_the_fastest():
    # 3 / 2, 4 / 1 and 5 / 5; the middle one counts. The fastest are 3 and 1.
    above, below = [spent(1, 2), spent(1, 3), spent(1, 4)], [spent(1, 1), spent(0, 1), spent(2, 3)]
    assert decoding.ratio(above, below) == {"wall": 1.5, "processors": 1.5, "fastest": 3.0}


def test_everybody_has_the_first_turn_once():
    names = ["a", "b", "c"]
    assert [decoding.turns(names, n)[0] for n in range(4)] == ["a", "b", "c", "a"]
    assert sorted(decoding.turns(names, 2)) == names


def test_a_run_that_was_stopped_goes_on_where_it_was(tmp_path):
    path, made_by = tmp_path / "kept" / "cells.json", {"model": "m"}
    decoding.Kept(path, made_by).take("grid.a", lambda: {"ms": 1})
    again = decoding.Kept(path, made_by)
    again.take("grid.a", pytest.fail)
    again.take("grid.b", lambda: {"ms": 2})
    assert decoding.tree(again.cells) == {"grid": {"a": {"ms": 1}, "b": {"ms": 2}}}
    assert decoding.Kept(path, {"model": "another"}).cells == {}


def test_the_gpu_benchmark_runs_without_one_on_a_tiny_model():
    asked = ["--device", "cpu", "--no-compile", "--batch", "2", "--context", "16"]
    ran = CliRunner().invoke(
        gpu.main, [*asked, "--tokens", "3", "--repetitions", "1"], catch_exceptions=False
    )
    figures = json.loads(ran.stdout)["figures"]
    cell = figures["batch_2"]["context_16"]
    assert figures["copy_gb_per_s"] > 0
    assert set(CONTESTANTS) < set(cell)
    assert cell["answers_equal_to_lock_step"] == {"contrast": 1.0}
    assert cell["plain"]["tokens_per_s"] > 0
    assert cell["contrast"]["share_of_bandwidth"] > 0
    assert "share_of_bandwidth" not in cell["lock_step"]


def test_a_step_reads_all_weights_once_and_the_keys_and_values_of_every_stream():
    model = gpu.tiny()
    one = gpu.work_of(model, 1, 16, 1)
    weights = sum(p.nbytes for p in model.network.parameters())
    # Two layers, keys and values, one head of width 16 in float32, and a byte of mask a column.
    stream = 16 * (2 * 2 * 16 * 4 + 1)
    assert gpu.bytes_per_step(model, one, contrast=False) == weights + stream
    assert gpu.bytes_per_step(model, one, contrast=True) == weights + 2 * stream


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_without_a_gpu_the_gpu_benchmark_says_so():
    refused = CliRunner().invoke(gpu.main, ["--model", "path:/nowhere"])
    assert refused.exit_code == 2
    assert "there is no CUDA device" in refused.stderr


def test_figures_are_held_against_their_bars():
    ratios = {
        "contrast_over_plain": {"wall": 1.2},
        "contrast_over_lock_step": {"wall": 0.76},
        "untraced_over_traced": {"wall": 0.95},
    }
    figures = {
        "whole_answers": {"context_512": {"batch_1": ratios, "batch_8": ratios}},
        "correct": {"plain_passes": {"different": 0}},
    }
    found = decoding.judged(figures)
    assert [verdict["met"] for verdict in found.values()] == [True, True, False, False] + [True] * 3
    assert found["correct.plain_passes.different"] == {"seen": 0, "bar": "at most 0", "met": True}
