"""The decoding loop on a GPU: tokens a second, and how near it is to what the memory allows.

    python -m benchmarks.gpu --model hf:ORG/NAME|path:/FOLDER [--batch N]... [--context N]...

In bfloat16, with the pass of the loop compiled and not, beside stock transformers (see
`contestants.py`). A step reads every weight once, and all keys and values; so many bytes by the
time that a step takes, as a share of the bandwidth that a copy on the same device reaches, says
how much there is to gain. Of a mixture of experts all weights are counted, though small batches do
not read all of them. Prompts are random tokens, since how long they take does not depend on what
they say. The first step of a compiled pass makes it, and is timed apart.

`--device cpu` without a model runs a tiny random one, which says nothing and shows that all this
works; only figures of a GPU are recorded.
"""

from __future__ import annotations

import json
import random
import statistics
import time
from collections.abc import Sequence
from typing import Any

import click
import torch

from benchmarks.contestants import CONTESTANTS, Contestant, Endless, Spent, Work
from benchmarks.record import record
from rag_router.cli.options import progress
from rag_router.decoders.adaptive_context_aware import AdaptiveContextAwareDecoder
from rag_router.models.causal import Device
from rag_router.models.store import ModelStore

CLOSED_TOKENS = 96
OURS = ("plain", "contrast")
THEIRS = ("lock_step", "padded_pair")


@click.command()
@click.option("--model", "name", help="hf:org/name, path:/folder or the name of a bundled one.")
@click.option("--device", type=click.Choice(["cuda", "cpu"]), default="cuda", show_default=True)
@click.option("--batch", "batches", multiple=True, default=(1, 4, 8, 16), show_default=True)
@click.option("--context", "contexts", multiple=True, default=(128, 512, 1024), show_default=True)
@click.option("--tokens", default=64, show_default=True, help="New ones of each answer.")
@click.option("--repetitions", default=5, show_default=True)
@click.option("--compile/--no-compile", "compiling", default=True, help="Also compiled.")
def main(
    name: str | None,
    device: str,
    batches: tuple[int, ...],
    contexts: tuple[int, ...],
    tokens: int,
    repetitions: int,
    compiling: bool,
) -> None:
    """Measure, print and record."""
    if device == "cuda" and not torch.cuda.is_available():
        raise click.UsageError(
            "there is no CUDA device here. Use --device cpu to try it with a tiny random model."
        )
    if name is None and device == "cuda":
        raise click.UsageError("which model? Give --model hf:org/name or --model path:/folder.")
    models = {"plain": tiny() if name is None else loaded(name, device)}
    if compiling:
        models["compiled"] = models["plain"].compiled()
    peak = copied_bytes_per_s(torch.device(device))
    figures: dict[str, Any] = {"copy_gb_per_s": round(peak / 1e9, 1)}
    cells = [(batch, context) for batch in batches for context in contexts]
    bar, move = progress("decoding on a GPU" if device == "cuda" else "decoding")
    with bar:
        for number, (batch, context) in enumerate(cells):
            move(number, len(cells))
            work = work_of(models["plain"], batch, context, tokens)
            level = figures.setdefault(f"batch_{batch}", {})
            level[f"context_{context}"] = cell(models, work, repetitions, peak)
    manifest = {
        "models": {name or "tiny": models["plain"].fingerprint},
        "device": torch.cuda.get_device_name() if device == "cuda" else "cpu",
        "dtype": str(models["plain"].network.dtype),
        "new_tokens": tokens,
        "closed_tokens": CLOSED_TOKENS,
    }
    if device == "cuda":
        record("gpu", figures, **manifest)
    else:
        print(json.dumps({"figures": figures, "manifest": manifest}, indent=2))


def loaded(name: str, device: str) -> Endless:
    """Load a model of the store, or out of a folder, in bfloat16 on a GPU."""
    found = ModelStore().resolve(name)
    where: Device = "cuda" if device == "cuda" else "cpu"
    return Endless.load(found.path, name=name, fingerprint=found.fingerprint, device=where)


def tiny() -> Endless:
    """Make a random model that is done with everything at once."""
    from transformers import Gemma3ForCausalLM, Gemma3TextConfig

    torch.manual_seed(0)
    config = Gemma3TextConfig(
        vocab_size=512,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
        head_dim=16,
        max_position_embeddings=4096,
        sliding_window=32,
        layer_types=["sliding_attention", "full_attention"],
    )
    numbers: Any = _Numbers()
    return Endless(Gemma3ForCausalLM(config).eval(), numbers, name="tiny", fingerprint="tiny")


def work_of(model: Endless, batch: int, context: int, tokens: int) -> Work:
    """Random prompts of these lengths."""
    draw = random.Random(0)
    words = range(3, model.vocabulary_size)
    return Work(
        closed=[draw.choices(words, k=min(CLOSED_TOKENS, context)) for _ in range(batch)],
        context=[draw.choices(words, k=context) for _ in range(batch)],
        strategy=AdaptiveContextAwareDecoder(),
        tokens=tokens,
    )


def cell(models: dict[str, Endless], work: Work, repetitions: int, peak: float) -> dict[str, Any]:
    """Time all contestants on one batch, in turns."""
    entries: dict[str, tuple[Endless, Contestant]] = {
        f"{name}{'_compiled' if kind == 'compiled' else ''}": (model, CONTESTANTS[name])
        for kind, model in models.items()
        for name in OURS
    } | {name: (models["plain"], CONTESTANTS[name]) for name in THEIRS}
    warm_s = {}
    runs: dict[str, list[Spent]] = {name: [] for name in entries}
    for name, (model, contestant) in entries.items():
        begin = time.perf_counter()
        contestant(model, work)
        warm_s[name] = time.perf_counter() - begin
    for _ in range(repetitions):
        for name, (model, contestant) in entries.items():
            runs[name].append(contestant(model, work))
    out: dict[str, Any] = {}
    for name, spent in runs.items():
        prefill = statistics.median(one.prefill[0] for one in spent)
        step = statistics.median(one.decode[0] for one in spent) / work.tokens
        out[name] = {
            "prefill_ms": round(1e3 * prefill, 2),
            "ms_per_token": round(1e3 * step, 3),
            "tokens_per_s": round(len(work.context) / step, 1),
            "first_run_s": round(warm_s[name], 2),
        }
        if name not in THEIRS:
            read = bytes_per_step(models["plain"], work, contrast=name.startswith("contrast"))
            out[name]["share_of_bandwidth"] = round(read / step / peak, 4)
    best = "_compiled" if "compiled" in models else ""
    out["contrast_over_plain"] = _over(runs[f"contrast{best}"], runs[f"plain{best}"])
    out["contrast_over_lock_step"] = _over(runs[f"contrast{best}"], runs["lock_step"])
    out["answers_equal_to_lock_step"] = {
        name: _equal(spent[0].texts, runs["lock_step"][0].texts)
        for name, spent in runs.items()
        if name.startswith("contrast")
    }
    return out


def bytes_per_step(model: Endless, work: Work, *, contrast: bool) -> float:
    """Bytes that a step cannot do without: weights, and the keys and values of all streams."""
    network = model.network
    weights = sum(p.nbytes for p in network.parameters())
    looked_up = network.get_input_embeddings().weight
    if looked_up is not network.get_output_embeddings().weight:
        weights -= looked_up.nbytes  # a step looks up a few rows of it
    per_row = model.prefill(work.context[:1]).cache.nbytes
    if contrast:
        per_row += model.prefill(work.closed[:1]).cache.nbytes
    return weights + per_row * len(work.context)


def copied_bytes_per_s(device: torch.device, times: int = 10) -> float:
    """What a large copy on the device reads and writes a second, at its best."""
    source = torch.ones(2**28 if device.type == "cuda" else 2**24, device=device)
    target = torch.empty_like(source)
    spent = []
    for _ in range(times):
        _wait(device)
        begin = time.perf_counter()
        target.copy_(source)
        _wait(device)
        spent.append(time.perf_counter() - begin)
    return 2 * source.nbytes / min(spent)


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize()


def _over(above: Sequence[Spent], below: Sequence[Spent]) -> float:
    pairs = zip(above, below, strict=True)
    return round(statistics.median(a.whole[0] / b.whole[0] for a, b in pairs), 3)


def _equal(left: Sequence[str], right: Sequence[str]) -> float:
    return round(statistics.mean(a == b for a, b in zip(left, right, strict=True)), 4)


class _Numbers:
    """A tokeniser of numbers, for a model that says nothing."""

    pad_token_id = 0
    bos_token_id = None
    eos_token_id = 1
    chat_template = None

    def encode(self, text: str, **_: Any) -> list[int]:
        return [int(word) for word in text.split() if word.isdigit()]

    def decode(self, ids: Sequence[int], **_: Any) -> str:
        return " ".join(map(str, ids))


if __name__ == "__main__":
    main()
