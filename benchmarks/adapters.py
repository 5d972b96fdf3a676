"""Adapters over one base: a batch of eight rows under four of them, against four batches of two.

    python -m benchmarks.adapters [--model NAME] [--adapter FOLDER]... [--tokens N] [--peft]

Two questions are put to each adapter, read and decoded to the end: once all together, and once
adapter by adapter. The answers have to be the same, and the time of the batch at most 0.7 of that
of the four. Rounds alternate, so that what else the machine does falls on both; medians are told.
Without `--adapter` four adapters of random matrices of rank 8 are laid over every linear layer:
what they say is nonsense, and how long it takes does not depend on that.

The same is asked end to end, under `pool`: one request of eight questions to a pool of the four
adapters, from gate to answer, against one request to each of them.

`--peft` times the same with PEFT's own `adapter_names`, which takes each adapter's rows out of the
batch at every layer, and keeps what it is told on the network rather than in the thread.
"""

from __future__ import annotations

import random
import statistics
import time
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click
import torch

from benchmarks.adapters_pool import ask_alone, ask_together, pool_of
from benchmarks.record import record
from rag_router.artefacts import fingerprint_of
from rag_router.cli.options import progress
from rag_router.models.adapters import AdaptedModel, adapted, prefill_mixed, reader_of
from rag_router.models.causal import TransformersModel
from rag_router.models.low_rank import LowRank, read_low_rank
from rag_router.models.prompts import Prompt, PromptStyle, closed_book_prompt
from rag_router.models.store import ModelStore
from rag_router.models.streams import OneStream, Task, decode, start

QUESTIONS = (
    "Who wrote the play Hamlet?",
    "What is the capital of Australia?",
    "In which year did the first person walk on the Moon?",
    "Which river flows through Budapest?",
    "Who painted the ceiling of the Sistine Chapel?",
    "What is the chemical symbol of gold?",
    "Which planet has the most moons?",
    "What language is spoken in Brazil?",
)
BAR = 0.7
RANK, SIZE = 8, 0.02
"""Of random matrices; so large, each layer says something else by about a tenth."""


@click.command()
@click.option("--model", "name", default="smollm2-135m-instruct", show_default=True)
@click.option("--adapter", "folders", multiple=True, type=click.Path(path_type=Path))
@click.option("--tokens", default=24, show_default=True, help="Most of each answer.")
@click.option("--repetitions", default=7, show_default=True)
@click.option("--peft", is_flag=True, help="Also PEFT's own batches of several adapters.")
@click.option("--keep/--no-keep", default=True, help="Whether the result is recorded.")
def main(
    name: str, folders: tuple[Path, ...], tokens: int, repetitions: int, peft: bool, keep: bool
) -> None:
    """Measure, print and record."""
    if folders and len(folders) != 4:
        raise click.UsageError("give four adapters, or none for random ones.")
    found = ModelStore().resolve(name)
    base = TransformersModel.load(found.path, name=name, fingerprint=found.fingerprint)
    read = [read_low_rank(folder) for folder in folders]
    adapters = read or [random_adapter(base, seed) for seed in range(4)]
    views = [adapted(base, one) for one in adapters]
    models = [view for view in views for _ in range(2)]
    style = PromptStyle.of(base)
    prompts = [closed_book_prompt(base, style, question) for question in QUESTIONS]
    pairs = [slice(at, at + 2) for at in range(0, len(models), 2)]

    together: dict[str, Callable[[], Any]] = {"ours": lambda: answers(models, prompts, tokens)}
    apart: dict[str, Callable[[], Any]] = {
        "ours": lambda: [
            said for two in pairs for said in answers(models[two], prompts[two], tokens)
        ]
    }
    pool = pool_of(views, style, QUESTIONS, tokens=tokens)
    together["pool"] = lambda: ask_together(pool, QUESTIONS)
    apart["pool"] = lambda: ask_alone(pool, QUESTIONS)
    same = all(together[whose]() == apart[whose]() for whose in together)
    if peft:
        ask = peft_answers(base, adapters, prompts, tokens)
        together["peft"] = lambda: ask(slice(None))
        apart["peft"] = lambda: [said for two in pairs for said in ask(two)]
    times = timed({"together": together, "apart": apart}, repetitions)
    figures: dict[str, Any] = {"rows": len(models), "adapters": len(views), "same_answers": same}
    for whose in together:
        batch, four = times[whose, "together"], times[whose, "apart"]
        figures[whose] = {
            "batch_of_8_s": round(batch, 4),
            "4_batches_of_2_s": round(four, 4),
            "share": round(batch / four, 4),
        }
    figures["bar"] = BAR
    figures["met"] = bool(same and max(figures[one]["share"] for one in ("ours", "pool")) <= BAR)
    if keep:
        record(
            "adapters",
            figures,
            model=name,
            model_fingerprint=base.fingerprint,
            adapters=[one.fingerprint for one in adapters],
            trained=bool(folders),
            tokens=tokens,
            repetitions=repetitions,
            threads=torch.get_num_threads(),
            prompt=style.example(),
        )
    else:
        click.echo(figures)


def random_adapter(base: TransformersModel, seed: int) -> LowRank:
    """Make an adapter of random matrices for every linear layer of the trunk."""
    draw = torch.Generator().manual_seed(seed)
    head = base.network.get_output_embeddings()
    matrices = {}
    for path, module in base.network.named_modules():
        if isinstance(module, torch.nn.Linear) and module is not head:
            down = torch.randn((RANK, module.in_features), generator=draw) * SIZE
            up = torch.randn((module.out_features, RANK), generator=draw) * SIZE
            matrices[path] = (down, up)
    return LowRank(f"random-{seed}", fingerprint_of("random", str(seed)), matrices)


def answers(models: Sequence[AdaptedModel], prompts: Sequence[Prompt], tokens: int) -> list[str]:
    """Read and decode a batch, each row by its own model."""
    begun = start(
        prefill_mixed(models, [one.ids for one in prompts], shared=[one.shared for one in prompts])
    )
    tasks = [
        Task(streams={"closed": row}, strategy=OneStream("closed"), max_new_tokens=tokens, stop=())
        for row in begun
    ]
    return [one.text for one in decode(reader_of(models), tasks)]


def peft_answers(
    base: TransformersModel, adapters: Sequence[LowRank], prompts: Sequence[Prompt], tokens: int
) -> Callable[[slice], list[str]]:
    """Return what answers some of the prompts with PEFT's own mixed batches."""
    import copy

    from peft import LoraConfig, PeftModel
    from peft.utils import set_peft_model_state_dict

    warnings.simplefilter("ignore")
    targets = sorted({path.rsplit(".", 1)[1] for path in adapters[0].matrices})
    model: Any = copy.deepcopy(base.network)
    for number, one in enumerate(adapters):
        rank = next(iter(one.matrices.values()))[0].shape[0]
        # The matrices hold the scale already.
        config = LoraConfig(r=rank, lora_alpha=rank, target_modules=targets)
        if number == 0:
            model = PeftModel(model, config, adapter_name="0")
        else:
            model.add_adapter(str(number), config)
        state = {}
        for path, (down, up) in one.matrices.items():
            state[f"base_model.model.{path}.lora_A.weight"] = down
            state[f"base_model.model.{path}.lora_B.weight"] = up
        set_peft_model_state_dict(model, state, adapter_name=str(number))
    model.eval()
    names = [str(number) for number in range(len(adapters)) for _ in range(2)]

    @torch.inference_mode()
    def ask(rows: slice) -> list[str]:
        ids = [list(one.ids) for one in prompts[rows]]
        longest = max(map(len, ids))
        padded = torch.tensor([[0] * (longest - len(one)) + one for one in ids])
        mask = torch.tensor([[0] * (longest - len(one)) + [1] * len(one) for one in ids])
        made = model.generate(
            input_ids=padded,
            attention_mask=mask,
            adapter_names=names[rows],
            max_new_tokens=tokens,
            do_sample=False,
            pad_token_id=0,
        )
        return [base.decode(row[longest:].tolist()) for row in made]

    return ask


def timed(
    ways: dict[str, dict[str, Callable[[], Any]]], repetitions: int
) -> dict[tuple[str, str], float]:
    """Median seconds of each way, by whose it is; rounds alternate, in an order that is drawn."""
    jobs = [(whose, way) for way, some in ways.items() for whose in some]
    seconds: dict[tuple[str, str], list[float]] = {job: [] for job in jobs}
    draw = random.Random(0)
    bar, move = progress("rounds")
    with bar:
        for done in range(repetitions):
            for whose, way in draw.sample(jobs, len(jobs)):
                began = time.perf_counter()
                ways[way][whose]()
                seconds[whose, way].append(time.perf_counter() - began)
            move(done + 1, repetitions)
    return {job: statistics.median(some) for job, some in seconds.items()}


if __name__ == "__main__":
    main()
