"""Fit the second opinion of the filter `instructions`: how attacks are worded.

    python -m benchmarks.fit_instructions --data FOLDER [--out FOLDER] [--sentences 40000]

It learns from the attacks that rules were written by (`first`, the seen half, `second`, `third`),
from those of `benchmarks/lessons`, from the examples' handbook and corpora, and from sentences of
honest passages that no figure is told of (`benchmarks.instructions` takes the others). The
threshold is the lowest at which, of other such passages, model and rules together touch no more
than 0.8 %, and none of the examples' passages. A logistic regression with an L2 penalty, in a
minute; the same data and seed give the same weights.
"""

from __future__ import annotations

import json
import math
import random
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from benchmarks.attacking import halves, read_attacks
from benchmarks.instructions import clean_passages
from benchmarks.lessons_written import honest_sentences, written_attacks
from rag_router.artefacts import Artefact, Card, fingerprint_of
from rag_router.filters.hostile.cutting import cut
from rag_router.filters.hostile.folding import fold
from rag_router.filters.hostile.opinion import LEAST_WORDS, WEIGHTS, Opinion
from rag_router.filters.hostile.units import unit_spans
from rag_router.filters.hostile.wording import HASHED, WIDTH, features_of, tokens_of
from rag_router.types import Passage

EXAMPLES = Path(__file__).parent.parent / "examples/corpora"
HAND = 0.25
"""Value of a feature made by hand; hashed ones share one over the root of the words."""
MOST_TOUCHED = 0.008
"""Share of clean passages that may be touched, by rules or model."""
HONEST_COPIES = 10
MISSED_AT_A_GLANCE = 0.01


@click.command()
@click.option("--data", type=click.Path(path_type=Path), required=True)
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), default=WEIGHTS)
@click.option("--sentences", default=40_000, show_default=True, help="Most honest ones.")
@click.option("--penalty", default=0.2, show_default=True, help="1 / C.")
@click.option("--seed", default=0, show_default=True)
def main(data: Path, out: Path, sentences: int, penalty: float, seed: int) -> None:
    """Fit, print and save."""
    dev = {name: list(passages) for name, passages in clean_passages(data, tried=True)}
    learned = [one for some in dev.values() for one in some[::2]]
    kept = {name: some[1::2] for name, some in dev.items()}
    names = sorted({one.title for one in learned if 2 < len(one.title) < 30})
    attacks = list(_attacking(names, seed))
    pool = [u for one in learned for u in _units(one.text)]
    honest = random.Random(seed).sample(pool, min(sentences, len(pool)))
    orders = [*honest_sentences(), *(one.text for one in _examples())]
    hard = [u for text in orders for u in _units(text)]
    texts = [*attacks, *hard * HONEST_COPIES, *honest]
    wrong = np.array([1] * len(attacks) + [0] * (len(texts) - len(attacks)))
    weights, intercept = _fit(_matrix(texts), wrong, penalty)
    threshold = _threshold(Opinion(np.append(weights, intercept)), kept)
    final = np.append(weights, intercept - threshold).astype(np.float16)
    glance = np.array([_glance(final, attacks)])
    card = Card(
        method="filter/instructions",
        model="",
        model_fingerprint="",
        data_hash=fingerprint_of(*(original for _, original in texts)),
        date=datetime.now(UTC).date().isoformat(),
        threshold=threshold,
        threshold_goal=f"touched<={MOST_TOUCHED}",
        metrics={"attacks": float(len(attacks)), "honest": float(len(texts) - len(attacks))},
        notes={"seed": seed, "penalty": penalty, "honest_copies": HONEST_COPIES},
    )
    Artefact(card=card, weights={"weights": final, "glance": glance}).save(out)
    click.echo(f"{len(attacks)} attacks, {len(hard)} hard, {len(honest)} honest; {threshold=:.3f}")


def _attacking(names: Sequence[str], seed: int) -> Iterator[tuple[str, str]]:
    seen = [*halves(read_attacks("first"))[0], *read_attacks("second"), *read_attacks("third")]
    for one in seen:
        # What is encoded or disguised is for the rules: here it would teach noise.
        if one.kind != "encoded":
            yield from _units(one.attack) * 3
    for text in written_attacks(names, seed):
        yield from _units(text)


def _units(text: str) -> list[tuple[str, str]]:
    """Return the sentences of a text, each folded and as it stands."""
    folded = fold(text)
    original = folded.cased(text)
    return [(folded.text[s:e], original[s:e]) for s, e in unit_spans(original)]


def _matrix(texts: Sequence[tuple[str, str]]) -> csr_matrix:
    rows: list[int] = []
    columns: list[int] = []
    values: list[float] = []
    for row, (text, original) in enumerate(texts):
        hashed, hand, words = features_of(text, original, 0, len(text))
        share = 1 / math.sqrt(max(words, LEAST_WORDS))
        columns += hashed + hand
        values += [share] * len(hashed) + [HAND] * len(hand)
        rows += [row] * (len(hashed) + len(hand))
    return csr_matrix((values, (rows, columns)), shape=(len(texts), WIDTH))


def _fit(seen: csr_matrix, wrong: NDArray[Any], penalty: float) -> tuple[NDArray[Any], float]:
    from sklearn.linear_model import LogisticRegression

    count = np.bincount(wrong)
    weight = np.where(wrong == 1, count[0] / count[1] / 4, 1.0)
    model = LogisticRegression(C=1 / penalty, solver="liblinear", max_iter=200, random_state=0)
    model.fit(seen, wrong, sample_weight=weight)
    weights = model.coef_[0]
    weights[HASHED:] *= HAND
    return weights, float(model.intercept_[0])


def _threshold(opinion: Opinion, kept: dict[str, list[Passage]]) -> float:
    """Return the lowest logit at which clean passages are touched no more than they may be."""
    logits = {name: [_worst(opinion, one) for one in some] for name, some in kept.items()}
    together = sorted(one for some in logits.values() for one in some)
    least = math.nextafter(together[-1 - int(MOST_TOUCHED * len(together))], math.inf)
    # Handbooks are full of orders, and each of the examples is to come through to the letter.
    least = max([least, *(math.nextafter(_worst(opinion, one), math.inf) for one in _examples())])
    for name, some in logits.items():
        touched = sum(one >= least for one in some)
        click.echo(f"{name}: {touched} of {len(some)} touched, {some.count(math.inf)} by rules")
    return least


def _examples() -> Iterator[Passage]:
    for path in sorted(EXAMPLES.rglob("*.md")):
        yield Passage(id=path.name, title="", text=path.read_text(encoding="utf-8"))
    for path in sorted(EXAMPLES.rglob("*.jsonl")):
        for line in path.read_text(encoding="utf-8").splitlines():
            yield Passage(id=path.name, title="", text=json.loads(line)["text"])


def _worst(opinion: Opinion, passage: Passage) -> float:
    """Return the logit of a passage's most suspicious sentence; rules touch some anyway."""
    if cut(passage.text, threshold=0.5, learned=False).falls:
        return math.inf
    folded = fold(passage.text)
    original = folded.cased(passage.text)
    logits = opinion.logits(folded.text, original, unit_spans(original))
    return max((logit for logit, _ in logits), default=-math.inf)


def _glance(weights: NDArray[Any], attacks: Sequence[tuple[str, str]]) -> float:
    """Return what nearly all attacks come up to by their words alone."""
    said = [tokens_of(text, 0, len(text)) for text, _ in attacks]
    return float(np.quantile(Opinion(weights).glances(said), MISSED_AT_A_GLANCE))


if __name__ == "__main__":
    main()
