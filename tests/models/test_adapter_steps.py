"""The loss behind a shared prefix is that of whole prompts, and so are its gradients."""

from __future__ import annotations

import threading

import pytest
import torch
from tiny import WINDOW, prompt_of, tiny_model

from rag_router.models.adapter_networks import adapted_copy
from rag_router.models.adapter_rows import TrainingRow
from rag_router.models.adapter_settings import AdapterTraining
from rag_router.models.adapter_steps import UNASKED, answer_scores

PREFIX = prompt_of(20)
LENGTHS = ((5, 3), (9, 5), (30, 2))
"""Tokens behind the prefix, and of the answer."""


def rows_of(shared):
    return [
        TrainingRow(
            prompt=(*PREFIX, *prompt_of(size, 1)[1:]),
            answer=tuple(prompt_of(answer + 1, 2)[1:]),
            shared=shared,
        )
        for size, answer in LENGTHS
    ]


def loss_of(network, rows):
    logits, targets = answer_scores(network, rows)
    return torch.nn.functional.cross_entropy(
        logits.flatten(0, 1), targets.flatten(), ignore_index=UNASKED
    )


@pytest.mark.parametrize("kind", ["llama", "gemma3", "mixtral", "olmoe"])
@pytest.mark.parametrize("window", [WINDOW, 64])
@torch.no_grad()
def test_every_answer_token_is_scored_as_if_its_row_were_read_alone(kind, window):
    network = tiny_model(kind, window=window).network
    rows = rows_of(shared=20)
    logits, targets = answer_scores(network, rows)
    assert targets.tolist() == [
        [UNASKED] * (5 - len(row.answer)) + list(row.answer) for row in rows
    ]
    for at, row in enumerate(rows):
        alone = network(torch.tensor([list(row.ids)]), use_cache=False).logits[0]
        count = len(row.answer)
        torch.testing.assert_close(logits[at, -count:], alone[-count:], atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("kind", ["llama", "gemma3"])
def test_gradients_flow_through_the_shared_reading(kind):
    adapted, _ = adapted_copy(
        tiny_model(kind, window=64), AdapterTraining(dropout=0.0, precision="float32")
    )
    network = adapted.get_base_model()
    learned = [w for name, w in network.named_parameters() if "lora_" in name]
    torch.manual_seed(0)
    for weight in learned:
        torch.nn.init.normal_(weight, std=0.1)
    gradients = []
    for shared in (20, 0):
        network.zero_grad()
        loss_of(network, rows_of(shared)).backward()
        gradients.append(torch.cat([weight.grad.flatten() for weight in learned]))
    assert gradients[0].abs().max() > 0.01
    torch.testing.assert_close(gradients[0], gradients[1], atol=1e-5, rtol=1e-3)


def test_the_model_itself_gets_no_adapter():
    model = tiny_model("llama")
    adapted_copy(model, AdapterTraining())
    assert not any("lora_" in name for name, _ in model.network.named_parameters())


def test_whoever_listens_at_a_layer_of_the_model_is_not_copied():
    class Ear:
        def __init__(self):
            self.own = threading.local()  # cannot be copied

        def hear(self, *_):
            return None

    model = tiny_model("llama")
    next(iter(model.network.children())).register_forward_hook(Ear().hear)
    adapted, _ = adapted_copy(model, AdapterTraining())
    assert not any(module._forward_hooks for module in adapted.modules())
