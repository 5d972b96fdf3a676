"""Training on a real, tiny, random model: what it learns, and that a killed one goes on."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
import torch
from tiny import prompt_of, tiny_model

from rag_router.errors import ArtefactError, BusyError, DataError, ModelError
from rag_router.models.adapter_checkpoints import checkpoint_lock, load_checkpoint
from rag_router.models.adapter_folders import put_adapter
from rag_router.models.adapter_rows import TrainingRow
from rag_router.models.adapter_settings import AdapterTraining
from rag_router.models.adapter_training import train_generator_adapter
from rag_router.models.adapters import adapted
from rag_router.models.low_rank import read_low_rank
from rag_router.models.scripted import ScriptedModel

HEAD = prompt_of(12)
SAID = (40, 41)
"""The field's one answer, whatever is asked."""

HOW = AdapterTraining(
    learning_rate=0.03,
    batch_size=4,
    epochs=4,
    judge_steps=4,
    checkpoint_steps=2,
    minutes=None,
    precision="float32",
)


def rows_of(seeds):
    return [
        TrainingRow(prompt=(*HEAD, *prompt_of(4 + seed % 3, seed)[1:]), answer=SAID, shared=12)
        for seed in seeds
    ]


ROWS, APART = rows_of(range(10)), rows_of(range(50, 56))


class Clock:
    """Every look at it takes a while."""

    def __init__(self, tick: float) -> None:
        self.now, self._tick = 0.0, tick

    def __call__(self) -> float:
        self.now += self._tick
        return self.now


class Killed(BaseException):
    """Somebody pulled the plug."""


def killed_at(step):
    def on_progress(done, total):
        if done == step:
            raise Killed

    return on_progress


def train(how=HOW, **more):
    return train_generator_adapter(tiny_model("llama"), ROWS, APART, how, **more)


@pytest.fixture(scope="module")
def trained():
    return train()


def test_the_best_adapter_says_the_answer_and_the_first_judgement_is_of_none(trained):
    # 10 rows in batches of 4 are 3 steps an epoch, and 12 in 4 epochs.
    assert (trained.planned, trained.steps) == (12, 12)
    assert [one.step for one in trained.judgements] == [0, 4, 8, 12]
    first, best = trained.judgements[0], min(trained.judgements, key=lambda one: one.loss)
    assert first.exact == 0.0 < best.exact
    assert trained.best == best.step > 0
    assert best.loss < first.loss / 2 and first.learned == first.loss


def test_what_is_kept_is_what_was_judged_and_is_served_so(trained, tmp_path):
    assert set(trained.config["target_modules"]) >= {"q_proj", "down_proj"}
    assert trained.config["base_model_name_or_path"] == "tiny-llama"
    assert json.loads(json.dumps(trained.config)) == trained.config
    assert "base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight" in trained.weights
    model = tiny_model("llama")
    put_adapter(tmp_path, trained.weights, trained.config)
    served = adapted(model, read_low_rank(tmp_path))
    assert served.fingerprint != model.fingerprint
    nats = 0.0
    for row in APART:
        read = served.prefill([row.prompt])
        for token in row.answer:
            nats -= float(read.logits[0].log_softmax(dim=0)[token])
            read = served.prefill([(*row.prompt, token)])
    best = next(one for one in trained.judgements if one.step == trained.best)
    assert nats / (len(APART) * len(SAID)) == pytest.approx(best.loss, abs=1e-4)
    # The model was copied: without the adapter it is what it was.
    assert not any("lora_" in name for name, _ in model.network.named_parameters())


@pytest.mark.parametrize("step", [1, 6, 11])
def test_a_killed_training_goes_on_as_if_nothing_had_happened(trained, tmp_path, step):
    with pytest.raises(Killed):
        train(checkpoints=tmp_path, on_progress=killed_at(step))
    seen: list[int] = []
    again = train(checkpoints=tmp_path, on_progress=lambda done, total: seen.append(done))
    # A checkpoint every 2 steps, and 4 judgements: at most 2 steps are done twice.
    assert seen[0] > step - 2
    assert again.judgements == trained.judgements
    assert (again.best, again.steps) == (trained.best, trained.steps)
    assert all(torch.equal(again.weights[name], one) for name, one in trained.weights.items())


def test_a_training_that_ended_is_not_done_again(trained, tmp_path):
    train(checkpoints=tmp_path)
    again = train(checkpoints=tmp_path, on_progress=killed_at(12))
    assert again.judgements == trained.judgements


def test_a_half_written_checkpoint_is_passed_over(trained, tmp_path):
    with pytest.raises(Killed):
        train(checkpoints=tmp_path, on_progress=killed_at(7))
    (tmp_path / ".tmp-00000008").mkdir()
    (tmp_path / ".tmp-00000008" / "state.json").write_text("{")
    assert train(checkpoints=tmp_path).judgements == trained.judgements
    assert [path.name for path in tmp_path.iterdir()] == ["step-00000012"]


@pytest.mark.parametrize(
    ("begun", "said"),
    [
        ({"identity": {"base model": "a" * 64}}, "begun with base model aaaaaaaaaaaa…"),
        ({"how": replace(HOW, rank=4)}, "begun with rank 4, and is to go on with 8"),
    ],
)
def test_a_training_of_something_else_is_not_gone_on_with(tmp_path, begun, said):
    with pytest.raises(Killed):
        train(
            **({"identity": {"base model": "b" * 64}} | begun),
            checkpoints=tmp_path,
            on_progress=killed_at(3),
        )
    with pytest.raises(ArtefactError, match=said) as refused:
        train(identity={"base model": "b" * 64}, checkpoints=tmp_path)
    assert "--fresh" in refused.value.hint


def test_more_time_or_patience_is_no_other_training(tmp_path):
    with pytest.raises(Killed):
        train(checkpoints=tmp_path, on_progress=killed_at(3))
    assert train(replace(HOW, minutes=60.0, patience=9), checkpoints=tmp_path).steps == 12


def test_a_broken_checkpoint_is_refused(tmp_path):
    with pytest.raises(Killed):
        train(checkpoints=tmp_path, on_progress=killed_at(3))
    tensors = tmp_path / "step-00000002" / "tensors.safetensors"
    tensors.write_bytes(tensors.read_bytes()[:-1] + b"?")
    with pytest.raises(ArtefactError, match="not what was written"):
        load_checkpoint(tmp_path, {})
    (tmp_path / "step-00000002" / "state.json").write_text("{}")
    with pytest.raises(ArtefactError, match="no readable checkpoint"):
        load_checkpoint(tmp_path, {})


def test_one_folder_is_trained_in_by_one_process(tmp_path):
    with (
        checkpoint_lock(tmp_path),
        pytest.raises(BusyError, match="another process"),
        checkpoint_lock(tmp_path),
    ):
        raise AssertionError


def test_time_that_runs_out_ends_the_training_with_a_judgement():
    # Each look takes 10 s: the training looks once at its begin and once after each step and
    # judgement, so that a minute is over after 5 steps and a judgement, or sooner.
    trained = train(replace(HOW, minutes=1.0), clock=Clock(10.0))
    assert trained.steps < 12
    assert trained.judgements[-1].step == trained.steps
    assert trained.seconds >= 60


def test_training_stops_when_nothing_gets_better_and_keeps_what_changes_nothing():
    # The rows kept apart are answered otherwise: whatever is learned makes them less likely.
    apart = [replace(row, answer=(60, 61)) for row in APART]
    how = replace(HOW, patience=2, judge_steps=2)
    trained = train_generator_adapter(tiny_model("llama"), ROWS, apart, how)
    assert trained.best == 0
    assert [one.step for one in trained.judgements] == [0, 2, 4]
    assert all(not one.any() for name, one in trained.weights.items() if "lora_B" in name)


def test_a_loss_that_is_no_number_says_what_to_change():
    with pytest.raises(ModelError, match=r"the loss of step \d is nan") as refused:
        train(replace(HOW, learning_rate=500.0, warmup=0.0))
    assert "lower learning rate" in refused.value.hint


def test_nothing_else_in_the_process_draws_otherwise():
    torch.manual_seed(3)
    drawn = torch.rand(1)
    torch.manual_seed(3)
    train(replace(HOW, epochs=1))
    assert torch.equal(torch.rand(1), drawn)


def test_what_cannot_be_trained_says_so():
    with pytest.raises(DataError, match="0 rows to learn from"):
        train_generator_adapter(tiny_model("llama"), [], APART, HOW)
    with pytest.raises(ModelError, match="scripted cannot be adapted"):
        train_generator_adapter(ScriptedModel({}), ROWS, APART, HOW)
