"""Adapters over one base: PEFT's own sums, row by row, and never anybody else's."""

from __future__ import annotations

import copy
import json
import threading

import pytest
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors.torch import load_file, save_file
from tiny import KINDS, _network, counted_model, prompt_of, tiny_model

from rag_router.errors import ArtefactError, ModelError
from rag_router.models.adapters import adapted, prefill_mixed, reader_of
from rag_router.models.low_rank import CONFIG, WEIGHTS, read_low_rank
from rag_router.models.prefixes import PrefixCache
from rag_router.models.streams import OneStream, Task, decode, start

# PEFT asks transformers by a name that is on its way out.
pytestmark = pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing`:FutureWarning")

DENSE = ("llama", "gemma3")
ATTENTION = ["q_proj", "k_proj", "v_proj", "o_proj"]


def written(folder, kind="llama", *, seed=1, **config):
    """An adapter as PEFT writes it, with weights large enough to change what is said."""
    torch.manual_seed(seed)
    config = {"r": 4, "lora_alpha": 8, "target_modules": ATTENTION, **config}
    model = get_peft_model(
        copy.deepcopy(_network(kind)), LoraConfig(init_lora_weights=False, **config)
    )
    model.save_pretrained(folder)
    # PEFT's random matrices hardly move a model this small.
    weights = load_file(folder / WEIGHTS)
    save_file({key: value * 4 for key, value in weights.items()}, folder / WEIGHTS)
    return folder


def peft_logits(folder, kind, ids):
    model = PeftModel.from_pretrained(copy.deepcopy(_network(kind)), folder).eval()
    with torch.inference_mode():
        return model(torch.tensor([ids]), use_cache=False).logits[0, -1]


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    place = tmp_path_factory.mktemp("adapters")
    attention = written(place / "attention")
    other = written(place / "all", seed=2, r=2, lora_alpha=3, target_modules="all-linear")
    return attention, other


@pytest.fixture(scope="module")
def views(folders):
    base = tiny_model("llama")
    return base, *(adapted(base, read_low_rank(folder)) for folder in folders)


def near(one, other):
    return torch.testing.assert_close(one, other, rtol=1e-4, atol=2e-4)


def answers(models, prompts, tokens=6):
    """What each model says to its prompt, all of them decoded together."""
    begun = start(prefill_mixed(models, prompts))
    tasks = [
        Task(streams={"closed": one}, strategy=OneStream("closed"), max_new_tokens=tokens, stop=())
        for one in begun
    ]
    return [one.text for one in decode(reader_of(models), tasks)]


@pytest.mark.parametrize("kind", DENSE)
@pytest.mark.parametrize(
    "config",
    [
        {},
        {"target_modules": "all-linear"},
        {"use_rslora": True},
        {"rank_pattern": {"q_proj": 2}, "alpha_pattern": {"layers.1.self_attn.v_proj": 5}},
    ],
)
def test_a_model_under_an_adapter_says_what_peft_says(tmp_path, kind, config):
    folder = written(tmp_path / "a", kind, **config)
    model = adapted(tiny_model(kind), read_low_rank(folder))
    for length in (3, 12, 20):
        ids = prompt_of(length)
        read = model.prefill([ids[:-1]])
        near(read.logits[0], peft_logits(folder, kind, ids[:-1]))
        logits, _ = model.step(read.cache, [ids[-1]])
        near(logits[0], peft_logits(folder, kind, ids))


def test_the_adapters_change_what_is_said(views, folders):
    prompt = prompt_of(12)
    said = {answers([model], [prompt])[0] for model in views}
    assert len(said) == 3


def test_rows_of_several_adapters_and_the_base_are_read_as_if_alone(views):
    base, one, two = views
    models = [one, base, two, one, two, base]
    prompts = [prompt_of(n) for n in (5, 9, 14, 14, 3, 20)]
    together = prefill_mixed(models, prompts, hidden=True)
    for row, (model, prompt) in enumerate(zip(models, prompts, strict=True)):
        alone = model.prefill([prompt], hidden=True)
        near(together.logits[row], alone.logits[0])
        near(together.hidden[row], alone.hidden[0])
    alone = [answers([m], [p])[0] for m, p in zip(models, prompts, strict=True)]
    assert answers(models, prompts) == alone
    order = [4, 0, 5, 2, 1, 3]
    mixed = answers([models[n] for n in order], [prompts[n] for n in order])
    assert mixed == [alone[n] for n in order]


def test_rows_that_end_early_leave_the_others_under_their_own_adapters(views):
    base, one, two = views
    models, prompts = [one, base, two, one], [prompt_of(n) for n in (8, 9, 10, 11)]
    begun = start(prefill_mixed(models, prompts))
    lengths = (1, 7, 3, 7)
    tasks = [
        Task(streams={"closed": row}, strategy=OneStream("closed"), max_new_tokens=n, stop=())
        for row, n in zip(begun, lengths, strict=True)
    ]
    told = [each.text for each in decode(reader_of(models), tasks)]
    assert told == [
        answers([model], [prompt], n)[0]
        for model, prompt, n in zip(models, prompts, lengths, strict=True)
    ]


def test_what_the_later_layers_say_is_said_under_the_adapter(views, folders):
    base, one, two = views
    prompt = prompt_of(10)
    read = prefill_mixed([two, one], [prompt, prompt], layers=True)
    alone = one.prefill([prompt], layers=True)
    near(read.layers.select([1]).after, alone.layers.after)
    cache = one.join([read.cache], room=3)
    _, _, heard = one.step_layers(cache, [7, 7], [1])
    _, _, heard_alone = one.step_layers(one.join([alone.cache], room=3), [7], [0])
    near(heard.after, heard_alone.after)
    bare = base.prefill([prompt], layers=True)
    assert not torch.allclose(bare.layers.after, alone.layers.after, atol=1e-2)


def test_a_shared_prefix_is_kept_apart_for_each_adapter(folders):
    prefixes = PrefixCache(2**20)
    base, network = counted_model("llama", prefixes=prefixes)
    one, two = (adapted(base, read_low_rank(folder)) for folder in folders)
    head = prompt_of(20)
    prompts = [[*head, *prompt_of(n)[1:]] for n in (4, 6, 5, 4)]
    models = [one, base, two, one]
    first = prefill_mixed(models, prompts, shared=[20] * 4)
    assert (prefixes.stats.entries, prefixes.stats.misses, prefixes.stats.hits) == (3, 3, 0)
    # Three prefixes were read, then what follows them in one pass for all four.
    assert network.read == [(1, 20)] * 3 + [(4, 5)]
    again = prefill_mixed(models, prompts, shared=[20] * 4)
    assert (prefixes.stats.misses, prefixes.stats.hits) == (3, 3)
    for row, (model, prompt) in enumerate(zip(models, prompts, strict=True)):
        whole = model.prefill([prompt]).logits[0]
        near(first.logits[row], whole)
        near(again.logits[row], whole)


def test_the_base_says_the_same_before_and_after_and_while_adapters_are_laid_over_it(folders):
    base = tiny_model("llama")
    prompt = prompt_of(15)
    before = base.prefill([prompt]).logits
    one = adapted(base, read_low_rank(folders[0]))
    inside, go_on = threading.Event(), threading.Event()

    def adapted_pass():
        with base.overlay.laid([one.adapter]):
            inside.set()
            assert go_on.wait(60)

    thread = threading.Thread(target=adapted_pass)
    thread.start()
    assert inside.wait(60)
    during = base.prefill([prompt]).logits
    go_on.set()
    thread.join()
    assert torch.equal(before, during)
    assert torch.equal(before, base.prefill([prompt]).logits)


def test_each_adapter_has_a_fingerprint_of_its_own(views, folders):
    base, one, two = views
    assert len({base.fingerprint, one.fingerprint, two.fingerprint}) == 3
    again = adapted(tiny_model("llama"), read_low_rank(folders[0]))
    assert again.fingerprint == one.fingerprint
    assert (one.name, adapted(base, read_low_rank(folders[0]), name="law").name) == (
        "attention",
        "law",
    )
    # Rank 4 over four layers: q and o map 32 to 32, k and v 32 to 16.
    assert one.parameters - base.parameters == 4 * 4 * (2 * (32 + 32) + 2 * (32 + 16))
    assert "adapters" in one.abilities


def test_models_over_different_bases_do_not_read_together(views, tmp_path):
    other = adapted(tiny_model("gemma3"), read_low_rank(written(tmp_path / "g", "gemma3")))
    with pytest.raises(ModelError, match="share no base"):
        prefill_mixed([views[1], other], [prompt_of(3), prompt_of(3)])
    with pytest.raises(ModelError, match="share no base"):
        reader_of([views[1], other])


# --- folders that are refused ------------------------------------------------------------------


def changed(folder, tmp_path, **config):
    """A copy of the adapter whose configuration says something else."""
    place = tmp_path / "changed"
    place.mkdir()
    (place / WEIGHTS).write_bytes((folder / WEIGHTS).read_bytes())
    told = json.loads((folder / CONFIG).read_text())
    (place / CONFIG).write_text(json.dumps({**told, **config}))
    return place


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"peft_type": "IA3"}, "an adapter of the kind 'IA3'"),
        ({"use_dora": True}, "asks for use_dora, which is not served"),
        ({"bias": "all", "modules_to_save": ["lm_head"]}, "modules_to_save, bias"),
        ({"lora_alpha": None}, "does not say what lora_alpha is"),
    ],
)
def test_what_is_more_than_two_matrices_is_refused_by_name(folders, tmp_path, config, said):
    with pytest.raises(ArtefactError, match=said):
        read_low_rank(changed(folders[0], tmp_path, **config))


def test_no_other_format_than_safetensors_is_read(folders, tmp_path):
    place = changed(folders[0], tmp_path)
    (place / WEIGHTS).rename(place / "adapter_model.bin")
    with pytest.raises(ArtefactError, match=r"holds no adapter_model.safetensors"):
        read_low_rank(place)


def test_a_folder_that_is_none_or_broken_is_refused(folders, tmp_path):
    with pytest.raises(ArtefactError, match="is no adapter"):
        read_low_rank(tmp_path / "nothing")
    place = changed(folders[0], tmp_path)
    (place / WEIGHTS).write_bytes(b"\0" * 20)
    with pytest.raises(ArtefactError, match="is broken"):
        read_low_rank(place)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda w: w.pop(next(iter(w))), "is no half of a pair"),
        (lambda w: w.clear(), "no matrices at all"),
        (lambda w: w.update({k: v[:1] for k, v in list(w.items())[:1]}), "cannot be multiplied"),
        (lambda w: w.update({k: v * torch.nan for k, v in list(w.items())[:1]}), "is no number"),
    ],
)
def test_weights_that_are_no_pairs_of_matrices_are_refused(folders, tmp_path, change, said):
    place = changed(folders[0], tmp_path)
    weights = load_file(place / WEIGHTS)
    change(weights)
    save_file(weights, place / WEIGHTS)
    with pytest.raises(ArtefactError, match=said):
        read_low_rank(place)


def test_an_adapter_of_another_model_is_refused_with_both_names(folders, tmp_path):
    place = changed(folders[0], tmp_path)
    (place / "card.json").write_text(json.dumps({"model_fingerprint": "f00d"}))
    with pytest.raises(ArtefactError, match="was made for the model f00d, but tiny-llama is llama"):
        adapted(tiny_model("llama"), read_low_rank(place))
    (place / "card.json").write_text(json.dumps({"model_fingerprint": "llama"}))
    assert adapted(tiny_model("llama"), read_low_rank(place)).adapter.base == "llama"
    (place / "card.json").write_text("[]")
    with pytest.raises(ArtefactError, match="does not say for which model"):
        read_low_rank(place)


def test_layers_that_the_model_lacks_or_that_have_another_size_are_refused(tmp_path):
    feed_forward = {"target_modules": ["gate_proj"]}
    folder = written(tmp_path / "a", **feed_forward)
    with pytest.raises(ArtefactError, match="is no layer to adapt in tiny-mixtral"):
        adapted(tiny_model("mixtral"), read_low_rank(folder))
    keys = {key: value[:, :8] for key, value in load_file(folder / WEIGHTS).items() if "A" in key}
    weights = {**load_file(folder / WEIGHTS), **keys}
    save_file({key: value.contiguous() for key, value in weights.items()}, folder / WEIGHTS)
    with pytest.raises(ArtefactError, match=r"maps 8 to 48 at .*, which maps 32 to 48"):
        adapted(tiny_model("llama"), read_low_rank(folder))


@pytest.mark.parametrize("kind", KINDS)
def test_attention_is_adapted_in_every_kind_of_model(tmp_path, kind):
    folder = written(tmp_path / "a", kind)
    model = adapted(tiny_model(kind), read_low_rank(folder))
    ids = prompt_of(9)
    near(model.prefill([ids]).logits[0], peft_logits(folder, kind, ids))
