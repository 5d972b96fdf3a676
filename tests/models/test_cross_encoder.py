from __future__ import annotations

import json

import pytest
import torch
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import (
    BertConfig,
    BertForSequenceClassification,
    PreTrainedTokenizerFast,
)

from rag_router.errors import ModelError
from rag_router.models.cross_encoder import CrossEncoder, load_cross_encoder
from rag_router.models.store import LocalModel, ModelStore

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "rome", "tiber", "paris", "on", "the", "river"]


def saved(folder, labels=1):
    """A cross-encoder of two layers with seeded weights that reads 12 tokens."""
    torch.manual_seed(0)
    tokenizer = Tokenizer(models.WordLevel({w: n for n, w in enumerate(WORDS)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[("[CLS]", 2), ("[SEP]", 3)],
    )
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="[PAD]",
        unk_token="[UNK]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        model_max_length=12,
    ).save_pretrained(folder)
    config = BertConfig(
        vocab_size=len(WORDS),
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=24,
        max_position_embeddings=12,
        num_labels=labels,
        initializer_range=0.5,
    )
    BertForSequenceClassification(config).save_pretrained(folder)
    return ModelStore(folder / "store").resolve(f"path:{folder}")


@pytest.fixture(scope="module")
def encoder(tmp_path_factory):
    return load_cross_encoder(saved(tmp_path_factory.mktemp("tiny")), device="cpu")


PAIRS = [
    ("rome on the tiber", "rome"),
    ("rome", "the river tiber the river tiber the river tiber the river tiber"),
    ("paris", "paris on the river"),
    ("rome", ""),
]


def test_pairs_are_judged_in_batches_as_they_are_alone(encoder):
    assert isinstance(encoder, CrossEncoder)
    together = encoder.judge(PAIRS * 10)
    assert together[:4] == [encoder.judge([pair])[0] for pair in PAIRS]
    assert together == together[:4] * 10
    assert all(0 <= judged.score <= 1 for judged in together)
    assert len({judged.score for judged in together}) == 4
    assert encoder.judge([]) == []


def test_what_was_not_read_is_counted(encoder):
    # [CLS] + 1 + [SEP] + 12 + [SEP] = 16 tokens, of which 12 are read.
    assert [(j.tokens, j.read) for j in encoder.judge(PAIRS)] == [
        *((4 + 1 + 3, 8), (16, 12), (1 + 4 + 3, 8), (1 + 0 + 3, 4)),
    ]


def test_what_is_no_cross_encoder_is_refused(tmp_path):
    (tmp_path / "three").mkdir()
    with pytest.raises(ModelError, match="tells 3 classes apart"):
        load_cross_encoder(saved(tmp_path / "three", labels=3), device="cpu")
    other = LocalModel(
        name="path:x", path=tmp_path, kind="embedder", fingerprint="f", licence="not stated"
    )
    with pytest.raises(ModelError, match="is a embedder model, not a cross-encoder"):
        load_cross_encoder(other)
    (tmp_path / "broken").mkdir()
    local = saved(tmp_path / "broken")
    config = json.loads((tmp_path / "broken" / "config.json").read_text())
    (tmp_path / "broken" / "config.json").write_text(json.dumps(config | {"hidden_size": 999}))
    with pytest.raises(ModelError, match="cannot be loaded"):
        load_cross_encoder(local, device="cpu")
