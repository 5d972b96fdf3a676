"""GGUF to safetensors, once, so that every later start loads in seconds.

Reading GGUF takes transformers the best part of a minute each time, and a model read that way
refuses to be saved. So a fresh model of the same shape takes over the tensors and is saved as
float32, which the CPU then maps into memory without a cast.

The work is done in a process of its own: it needs several gigabytes for a moment, and
everything it prints belongs to nobody.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from rag_router.errors import ModelError

__all__ = ["CONVERTER", "convert_gguf", "library_versions"]

CONVERTER: Final = "gguf-to-safetensors-1"
"""Changes whenever the same GGUF file would become different weights; part of fingerprints."""

LIBRARIES: Final = ("transformers", "torch", "tokenizers", "safetensors", "gguf")
# Where the model was read from, and what the tokenizer noted about that.
VOLATILE: Final = {
    "config.json": ("_model_name_or_path", "_name_or_path"),
    "tokenizer_config.json": ("name_or_path", "is_local", "local_files_only"),
}


def convert_gguf(gguf: Path, target: Path) -> None:
    """Turn one GGUF file into a folder that `from_pretrained` loads.

    The same file gives the same bytes.

    Args:
        gguf: The file.
        target: Folder to write; made if missing.

    Raises:
        ModelError: the file cannot be read as a causal language model.
    """
    package_root = str(Path(__file__).resolve().parents[2])
    inherited = os.environ.get("PYTHONPATH", "")
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(filter(None, (package_root, inherited))),
        "HF_HUB_OFFLINE": "1",
        "TQDM_DISABLE": "1",
    }
    done = subprocess.run(  # noqa: S603 - our own interpreter and module
        [sys.executable, "-P", "-m", "rag_router.models.convert", str(gguf), str(target)],
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    if done.returncode:
        said = (done.stderr.strip().splitlines() or ["it did not say why"])[-1]
        raise ModelError(
            f"{gguf.name} could not be converted (exit {done.returncode}): {said}.",
            hint="Converting needs about three times the size of the result in memory.",
        )


def library_versions() -> dict[str, str]:
    """Versions of the libraries that a conversion passes through."""
    return {name: version(name) for name in LIBRARIES}


def _convert(gguf: Path, target: Path) -> None:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    read: Any = AutoModelForCausalLM.from_pretrained(
        gguf.parent, gguf_file=gguf.name, dtype=torch.float32, local_files_only=True
    )
    tokenizer: Any = AutoTokenizer.from_pretrained(
        gguf.parent, gguf_file=gguf.name, local_files_only=True
    )
    settings = read.config.to_dict()
    settings.pop("quantization_config", None)
    with torch.device("meta"):
        fresh = type(read)(type(read.config).from_dict(settings))
    fresh.load_state_dict(read.state_dict(), assign=True)
    fresh.tie_weights()
    fresh.generation_config = read.generation_config
    fresh.save_pretrained(target)
    tokenizer.save_pretrained(target)
    for name, fields in VOLATILE.items():
        _drop(target / name, fields)


def _drop(path: Path, fields: tuple[str, ...]) -> None:
    settings = json.loads(path.read_text(encoding="utf-8"))
    kept = {key: value for key, value in settings.items() if key not in fields}
    text = json.dumps(kept, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
    path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    _convert(Path(sys.argv[1]), Path(sys.argv[2]))
