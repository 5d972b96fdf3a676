"""An embedder that is real, random and small, and reads letters."""

from __future__ import annotations

import json
from pathlib import Path

__all__ = ["write_tiny_embedder"]


def write_tiny_embedder(folder: Path) -> Path:
    """Write a sentence-transformers folder of 16 dimensions; the same weights every time."""
    import torch
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

    special = ("[PAD]", "[UNK]", "[CLS]", "[SEP]")
    letters = "abcdefghijklmnopqrstuvwxyz0123456789"
    vocabulary = {token: at for at, token in enumerate((*special, *letters))}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Split("", "isolated")
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        model_max_length=128,
        **dict(zip(("pad_token", "unk_token", "cls_token", "sep_token"), special, strict=True)),
    ).save_pretrained(folder)
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(vocabulary),
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        max_position_embeddings=128,
    )
    BertModel(config).save_pretrained(folder)
    (folder / "1_Pooling").mkdir()
    written = {
        "modules.json": [
            {
                "idx": at,
                "name": str(at),
                "path": path,
                "type": f"sentence_transformers.models.{kind}",
            }
            for at, (path, kind) in enumerate((("", "Transformer"), ("1_Pooling", "Pooling")))
        ],
        "1_Pooling/config.json": {
            "word_embedding_dimension": 16,
            "pooling_mode_mean_tokens": True,
        },
    }
    for name, content in written.items():
        (folder / name).write_text(json.dumps(content))
    return folder
