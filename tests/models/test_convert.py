import json
from hashlib import sha256
from pathlib import Path

import gguf
import numpy as np
import pytest

from rag_router.errors import ModelError
from rag_router.models.convert import CONVERTER, convert_gguf, library_versions
from rag_router.models.store import ModelStore

WIDTH, LAYERS, HEADS, INNER = 32, 2, 4, 64
# Every byte as GPT-2 spells it, one merge, and the token that ends a text.
BYTES = [*range(33, 127), *range(161, 173), *range(174, 256)]
SPELT = [chr(b) for b in BYTES] + [chr(256 + n) for n in range(256 - len(BYTES))]
TOKENS = [*SPELT, "hi", "<|endoftext|>"]


def write_gguf(path: Path) -> dict[str, np.ndarray]:
    """A llama of 2 layers with random weights; returns them by their GGUF names."""
    random = np.random.default_rng(7)
    shapes = {"token_embd.weight": (len(TOKENS), WIDTH), "output_norm.weight": (WIDTH,)}
    for layer in range(LAYERS):
        block = f"blk.{layer}"
        shapes |= {f"{block}.{n}.weight": (WIDTH, WIDTH) for n in ("attn_q", "attn_k", "attn_v")}
        shapes |= {f"{block}.{n}.weight": (INNER, WIDTH) for n in ("ffn_gate", "ffn_up")}
        shapes |= {f"{block}.{n}.weight": (WIDTH,) for n in ("attn_norm", "ffn_norm")}
        shapes |= {f"{block}.attn_output.weight": (WIDTH, WIDTH)}
        shapes |= {f"{block}.ffn_down.weight": (WIDTH, INNER)}
    weights = {n: random.standard_normal(s, dtype=np.float32) for n, s in shapes.items()}
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_name("tiny")
    writer.add_context_length(128)
    writer.add_embedding_length(WIDTH)
    writer.add_block_count(LAYERS)
    writer.add_feed_forward_length(INNER)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_freq_base(10000.0)
    writer.add_vocab_size(len(TOKENS))
    writer.add_tokenizer_model("gpt2")
    writer.add_token_list(TOKENS)
    writer.add_token_types([1] * (len(TOKENS) - 1) + [3])
    writer.add_token_merges(["h i"])
    writer.add_bos_token_id(len(TOKENS) - 1)
    writer.add_eos_token_id(len(TOKENS) - 1)
    for name, tensor in weights.items():
        writer.add_tensor(name, tensor)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return weights


@pytest.fixture(scope="module")
def converted(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, np.ndarray]]:
    place = tmp_path_factory.mktemp("gguf")
    weights = write_gguf(place / "tiny.gguf")
    convert_gguf(place / "tiny.gguf", place / "model")
    return place / "model", weights


def test_every_tensor_arrives_as_it_was(converted: tuple[Path, dict[str, np.ndarray]]):
    from safetensors.numpy import load_file

    folder, weights = converted
    saved = load_file(folder / "model.safetensors")
    assert {t.dtype for t in saved.values()} == {np.dtype("float32")}
    block = "model.layers.1"
    for ours, theirs in {
        "model.embed_tokens.weight": "token_embd.weight",
        "model.norm.weight": "output_norm.weight",
        f"{block}.self_attn.v_proj.weight": "blk.1.attn_v.weight",
        f"{block}.mlp.down_proj.weight": "blk.1.ffn_down.weight",
    }.items():
        np.testing.assert_array_equal(saved[ours], weights[theirs])


def test_a_converted_model_loads_whole_and_its_tokenizer_spells_back(
    converted: tuple[Path, dict[str, np.ndarray]],
):
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    folder, _ = converted
    model, report = AutoModelForCausalLM.from_pretrained(folder, output_loading_info=True)
    assert {what: set(names) for what, names in report.items()} == {
        "missing_keys": set(),
        "unexpected_keys": set(),
        "mismatched_keys": set(),
        "error_msgs": set(),
    }
    assert model.dtype == torch.float32
    tokenizer = AutoTokenizer.from_pretrained(folder)
    assert tokenizer("hi").input_ids == [TOKENS.index("hi")]
    assert tokenizer.decode(tokenizer("hi there, ho").input_ids) == "hi there, ho"


def test_nothing_on_disk_tells_where_it_was_converted(
    converted: tuple[Path, dict[str, np.ndarray]],
):
    folder, _ = converted
    config = json.loads((folder / "config.json").read_text())
    assert "_model_name_or_path" not in config
    assert "quantization_config" not in config
    for path in folder.glob("*.json"):
        assert str(folder.parent) not in path.read_text()


def test_converting_twice_gives_the_same_bytes(
    converted: tuple[Path, dict[str, np.ndarray]], tmp_path: Path
):
    folder, _ = converted
    write_gguf(tmp_path / "again.gguf")
    convert_gguf(tmp_path / "again.gguf", tmp_path / "model")
    assert hashes(tmp_path / "model") == hashes(folder)


def test_a_file_that_is_no_gguf_is_refused(tmp_path: Path):
    (tmp_path / "bad.gguf").write_bytes(b"GGML not quite")
    with pytest.raises(ModelError, match=r"bad\.gguf could not be converted"):
        convert_gguf(tmp_path / "bad.gguf", tmp_path / "model")


def test_the_libraries_a_conversion_depends_on_are_recorded():
    assert set(library_versions()) >= {"transformers", "torch", "gguf"}
    assert CONVERTER


@pytest.mark.model
@pytest.mark.parametrize("name", ["gemma-3-270m", "smollm2-135m-instruct"])
def test_bundled_weights_load_whole_in_float32_and_stay_mapped(name: str):
    import torch
    from transformers import AutoModelForCausalLM

    folder = ModelStore().resolve(name).path
    model, report = AutoModelForCausalLM.from_pretrained(folder, output_loading_info=True)
    assert not any(report.values()), report
    assert {p.dtype for p in model.parameters()} == {torch.float32}
    maps = Path("/proc/self/maps")
    if maps.exists():
        place = model.get_input_embeddings().weight.data_ptr()
        assert mapped_file(maps.read_text(), place) == str(folder / "model.safetensors")


@pytest.mark.model
def test_the_tokenizers_of_the_bundled_models_spell_back_what_they_read():
    from transformers import AutoTokenizer

    text = "In 1945,  two spaces\n\nand a line: é 東京 🦄"
    gemma = AutoTokenizer.from_pretrained(ModelStore().resolve("gemma-3-270m").path)
    ids = gemma(text).input_ids
    assert (
        ids.count(gemma.bos_token_id)
        == 1
        == len(ids) - len(gemma(text, add_special_tokens=False).input_ids)
    )
    assert gemma.decode(ids, skip_special_tokens=True) == text
    smollm = AutoTokenizer.from_pretrained(ModelStore().resolve("smollm2-135m-instruct").path)
    assert smollm.decode(smollm(text).input_ids) == text
    assert smollm.chat_template
    assert smollm("<|im_end|>").input_ids == [smollm.eos_token_id]


def mapped_file(maps: str, place: int) -> str:
    for line in maps.splitlines():
        first, last = (int(end, 16) for end in line.split()[0].split("-"))
        if first <= place < last:
            return line.split(maxsplit=5)[-1]
    return ""


def hashes(folder: Path) -> dict[str, str]:
    return {p.name: sha256(p.read_bytes()).hexdigest() for p in sorted(folder.iterdir())}
